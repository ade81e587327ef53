// Handwritten digits by a convolutional network: convolution, pooling, a linear layer; SGD with momentum.
import {
  Conv2d,
  DataLoader,
  digits,
  Linear,
  Module,
  maxPool2d,
  noGrad,
  relu,
  reshape,
  SGD,
  setDefaultDtype,
  softmaxCrossEntropy,
  Variable,
} from 'gradtape'
import { line, percent } from '../demo/terminal.js'
import { ask, record, shade, shareRight, stateAt } from './recorded.js'

const EPOCHS = 6
const BATCH = 50

setDefaultDtype('float32')

class ConvNet extends Module {
  conv1 = new Conv2d(1, 8, 3, { padding: 1 })
  conv2 = new Conv2d(8, 16, 3, { padding: 1 })
  fc = new Linear(64, 10)

  override forward(x: Variable): Variable {
    const images = reshape(x, [x.shape[0] ?? 0, 1, 8, 8])
    const half = maxPool2d(relu(this.conv1.forward(images)), { kernel: 2 })
    const quarter = maxPool2d(relu(this.conv2.forward(half)), { kernel: 2 })
    return this.fc.forward(reshape(quarter, [x.shape[0] ?? 0, 64]))
  }
}

const test = digits({ part: 'test' })

const file = await record('08-digits-cnn', { seed: 1, config: { epochs: EPOCHS, batch: BATCH } }, (run) => {
  const model = new ConvNet()
  const optimizer = new SGD(model.parameters(), { lr: 0.05, momentum: 0.9 })
  const loader = new DataLoader(digits({ part: 'train' }), { batchSize: BATCH, shuffle: true, seed: 1 })
  for (let epoch = 1; epoch <= EPOCHS; epoch++) {
    let total = 0
    for (const [x, t] of loader) {
      run.step()
      const loss = softmaxCrossEntropy(model.forward(x), t)
      model.clearGrads()
      loss.backward()
      optimizer.step()
      run.log({ loss })
      total += loss.item()
    }
    const scores = run.scope('test', () => noGrad(() => model.forward(test.arrays[0])))
    const accuracy = shareRight(scores.data, test.arrays[1].data)
    run.log({ accuracy })
    line(`epoch ${epoch}  loss ${(total / loader.length).toFixed(4)}  accuracy ${percent(accuracy)}`)
  }
})

ask('which pixels of a test digit mattered to the network, at step 30 and at the end?', file, (past) => {
  const [pixels, labels] = [test.arrays[0].data.data.slice(0, 64), test.arrays[1].data.data.slice(0, 1)]
  const pictures = [Array.from(pixels)]
  for (const step of [30, past.stepCount]) {
    const model = new ConvNet()
    model.loadStateDict(stateAt(past, model, step))
    const x = new Variable([Array.from(pixels)])
    softmaxCrossEntropy(model.forward(x), Int32Array.from(labels)).backward()
    const slopes = Array.from(x.grad?.data.data ?? [], Math.abs)
    pictures.push(slopes.map((slope) => slope / Math.max(...slopes)))
  }
  line(`${`a ${labels[0]}`.padEnd(19)}step 30            the end`)
  for (let row = 0; row < 8; row++) {
    line(
      pictures
        .map((picture) =>
          picture
            .slice(row * 8, row * 8 + 8)
            .map((value) => shade(value).repeat(2))
            .join(''),
        )
        .join('   '),
    )
  }
})
