// A variational autoencoder on digits: every digit becomes a place in a plane (and a spread), every place a digit.
import {
  Adam,
  add,
  binaryCrossEntropy,
  constant,
  DataLoader,
  digits,
  exp,
  Linear,
  Module,
  mean,
  mul,
  noGrad,
  normal,
  relu,
  setDefaultDtype,
  sigmoid,
  square,
  sub,
  sum,
  Variable,
} from 'gradtape'
import { line } from '../demo/terminal.js'
import { ask, isTold, record, shade, stateAt } from './recorded.js'

const PIXELS = 64
const HIDDEN = 64
const PLACE = 2
const EPOCHS = 30
const BATCH = 50
const GRID = [-1.5, -0.75, 0, 0.75, 1.5]

setDefaultDtype('float32')

class Encoder extends Module {
  hidden = new Linear(PIXELS, HIDDEN)
  place = new Linear(HIDDEN, PLACE)
  spread = new Linear(HIDDEN, PLACE)

  /** The mean of the place, and the logarithm of its variance. */
  override forward(x: Variable): [Variable, Variable] {
    const h = relu(this.hidden.forward(x))
    return [this.place.forward(h), this.spread.forward(h)]
  }
}

class Decoder extends Module {
  hidden = new Linear(PLACE, HIDDEN)
  pixels = new Linear(HIDDEN, PIXELS)

  override forward(z: Variable): Variable {
    return sigmoid(this.pixels.forward(relu(this.hidden.forward(z))))
  }
}

class VAE extends Module {
  encoder = new Encoder()
  decoder = new Decoder()

  /** The negative evidence bound a digit: the pixels' cross entropy, and what the places differ from a normal law. */
  override forward(x: Variable): Variable {
    const [place, logVariance] = this.encoder.forward(x)
    const noise = constant(normal(place.shape), { name: 'noise' })
    const z = add(place, mul(exp(mul(logVariance, 0.5)), noise))
    const pixels = mul(binaryCrossEntropy(this.decoder.forward(z), x), PIXELS)
    const surplus = sub(sub(add(exp(logVariance), square(place)), logVariance), 1)
    const divergence = mul(mean(sum(surplus, { axis: 1 })), 0.5)
    return add(pixels, divergence)
  }
}

const file = await record('11-vae', { seed: 1, config: { epochs: EPOCHS, batch: BATCH } }, (run) => {
  const model = new VAE()
  const optimizer = new Adam(model.parameters(), { lr: 3e-3 })
  const loader = new DataLoader(digits({ part: 'train' }), { batchSize: BATCH, shuffle: true, seed: 1 })
  for (let epoch = 1; epoch <= EPOCHS; epoch++) {
    let total = 0
    for (const [x] of loader) {
      run.step()
      const loss = model.forward(x)
      model.clearGrads()
      loss.backward()
      optimizer.step()
      run.log({ loss })
      total += loss.item()
    }
    if (isTold(epoch, 5))
      line(`epoch ${String(epoch).padStart(2)}  loss ${(total / loader.length).toFixed(3)}`)
  }
})

ask('which digits were in the plane at step 60, and at the end?', file, (past) => {
  for (const step of [60, past.stepCount]) {
    const model = new VAE()
    model.loadStateDict(stateAt(past, model, step))
    line(`step ${step}:`)
    for (const each of plane(model)) line(`  ${each}`)
  }
})

/** The digits at the places of a grid. */
function plane(model: VAE): string[] {
  const places = GRID.flatMap((down) => GRID.map((right) => [right, -down]))
  const { data } = noGrad(() => model.decoder.forward(new Variable(places))).data
  return Array.from({ length: GRID.length * 8 }, (_, row) =>
    GRID.map((_, column) => {
      const digit = Math.floor(row / 8) * GRID.length + column
      const at = digit * PIXELS + (row % 8) * 8
      return Array.from(data.subarray(at, at + 8), shade).join('')
    }).join('  '),
  )
}
