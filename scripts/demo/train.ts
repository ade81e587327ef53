// The training run of the demo: a small classifier written with functions, so that every call is one the tape shows.
// It knows the tape only by `run.step`, `run.log`; nothing in it asks for the recording.
import {
  constant,
  linear,
  mul,
  type NDArray,
  ndarray,
  noGrad,
  parameter,
  type Run,
  relu,
  softmaxCrossEntropy,
  sub,
  take,
  type Variable,
} from 'gradtape'
import { CLASSES, type Digits, PIXELS } from './digits.js'

export const HIDDEN = 32
export const BATCH = 50
export const EPOCHS = 20
/** At the start; it falls in a straight line to almost nothing in the last epoch. */
export const LEARNING_RATE = 1
export const SEED = 1

/** A mistake that the second run of the demo makes on purpose: from this step on its rate is this many times too large. */
export const MISTAKE = { step: 95, times: 300 }

export interface Epoch {
  epoch: number
  /** Mean over the epoch's batches. */
  loss: number
  /** Share of the test rows that are right, after the epoch. */
  accuracy: number
}

export interface Training {
  readonly epochs: number
  /** Whether to make the MISTAKE. */
  readonly isWrong?: boolean
  /** Told after each epoch. */
  readonly onEpoch?: (epoch: Epoch) => void
}

/** Trains and gives the accuracy on the test rows. */
export function train(run: Run, train: Digits, test: Digits, training: Training): number {
  const { epochs, isWrong = false, onEpoch } = training
  const random = randomNumbers(SEED)
  const w1 = parameter(weights(PIXELS, HIDDEN, random), { name: 'fc1.weight' })
  const b1 = parameter(new Float64Array(HIDDEN), { name: 'fc1.bias' })
  const w2 = parameter(weights(HIDDEN, CLASSES, random), { name: 'fc2.weight' })
  const b2 = parameter(new Float64Array(CLASSES), { name: 'fc2.bias' })
  const parameters = [w1, b1, w2, b2]
  const model = (x: Variable) => linear(relu(linear(x, w1, b1)), w2, b2)

  // The data go on the tape once; a batch is the rows it takes, and costs its indices.
  const pixels = constant(train.pixels, { name: 'pixels' })
  const labels = constant(train.labels, { name: 'labels' })
  const testPixels = constant(test.pixels, { name: 'test.pixels' })

  let accuracy = 0
  let step = 0
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const planned = LEARNING_RATE * (1 - (epoch - 1) / EPOCHS)
    let total = 0
    for (const rows of batches(train.rows, random)) {
      run.step()
      step++
      const rate = isWrong && step >= MISTAKE.step ? planned * MISTAKE.times : planned
      const batch = constant(rows, { name: 'rows' })
      const loss = softmaxCrossEntropy(model(take(pixels, batch)), take(labels, batch))
      for (const p of parameters) p.clearGrad()
      loss.backward()
      noGrad(() => {
        for (const p of parameters) if (p.grad !== null) p.data = sub(p, mul(p.grad, rate)).data
      })
      run.log({ loss })
      total += loss.item()
    }
    const logits = noGrad(() => model(testPixels))
    accuracy = shareRight(logits.data, test.labels)
    run.log({ accuracy })
    onEpoch?.({ epoch, loss: total / (train.rows / BATCH), accuracy })
  }
  return accuracy
}

/** Uniform within ±1/√inputs, as [inputs, outputs]. */
function weights(inputs: number, outputs: number, random: () => number): NDArray {
  const bound = 1 / Math.sqrt(inputs)
  const values = Float64Array.from({ length: inputs * outputs }, () => bound * (2 * random() - 1))
  return ndarray(values, { shape: [inputs, outputs] })
}

/** All rows once, in an order of its own each time. */
function* batches(rows: number, random: () => number): Generator<NDArray> {
  const order = Int32Array.from({ length: rows }, (_, i) => i)
  for (let i = rows - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const held = order[i] as number
    order[i] = order[j] as number
    order[j] = held
  }
  for (let from = 0; from < rows; from += BATCH) yield ndarray(order.slice(from, from + BATCH))
}

function shareRight(logits: NDArray, labels: NDArray): number {
  let right = 0
  for (let row = 0; row < labels.size; row++) {
    const scores = logits.data.subarray(row * CLASSES, (row + 1) * CLASSES)
    let best = 0
    for (let i = 1; i < CLASSES; i++) if ((scores[i] as number) > (scores[best] as number)) best = i
    if (best === labels.data[row]) right++
  }
  return right / labels.size
}

/** Lehmer's generator with Park and Miller's constants: integer arithmetic, so the same everywhere. */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}
