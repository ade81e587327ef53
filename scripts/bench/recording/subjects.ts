// What is recorded: training loops as a user writes them, and graphs of scalars. Each does one more step at a time, with a
// run or without. Knows nothing of time.
import {
  add,
  DataLoader,
  digits,
  Linear,
  Module,
  mul,
  ndarray,
  type Operand,
  type Run,
  relu,
  SGD,
  sigmoid,
  softmaxCrossEntropy,
  spiral,
  TensorDataset,
  Variable,
} from 'gradtape'
import { randomArray, randomNumbers } from '../workload.js'

/** Does one step, on the tape when there is a run. */
export type Step = () => void

/** A fresh subject: its own parameters, its own data. */
export type Subject = (run: Run | null) => Step

/** Calls of one graph of scalars. */
export const GRAPH_CALLS = 1_000
const FACTOR = 1.0000001

class Classifier extends Module {
  readonly fc1: Linear
  readonly fc2: Linear
  readonly activation: (x: Variable) => Variable

  constructor([inputs, hidden, classes]: Sizes, dtype: Floating, activation: (x: Variable) => Variable) {
    super()
    this.fc1 = new Linear(inputs, hidden, { dtype })
    this.fc2 = new Linear(hidden, classes, { dtype })
    this.activation = activation
  }

  override forward(x: Operand): Variable {
    return this.fc2.forward(this.activation(this.fc1.forward(x)))
  }
}

type Sizes = readonly [number, number, number]
type Floating = 'float64' | 'float32'

/** The loop of the README: batches from a loader, a loss, a pass, a step of SGD, and the loss logged. */
function training(model: Classifier, data: TensorDataset, batchSize: number, run: Run | null): Step {
  const optimizer = new SGD(model.parameters(), { lr: 0.05 })
  const loader = new DataLoader(data, { batchSize, shuffle: true, seed: 1, dropLast: true })
  let batches = loader[Symbol.iterator]()
  return () => {
    let next = batches.next()
    if (next.done === true) {
      batches = loader[Symbol.iterator]()
      next = batches.next()
    }
    const [x, t] = next.value as [Variable, Variable]
    run?.step()
    const loss = softmaxCrossEntropy(model.forward(x), t)
    model.clearGrads()
    loss.backward()
    optimizer.step()
    run?.log({ loss })
  }
}

/** Random numbers in the shape of MNIST, a megabyte and a half of them: only the shapes matter. */
function mnistShaped(): TensorDataset {
  const rows = 480
  const draw = randomNumbers(9)
  const x = ndarray(randomArray(rows * 784, 8, 0, 1), { shape: [rows, 784], dtype: 'float32' })
  const t = ndarray(
    Array.from({ length: rows }, () => Math.floor(draw() * 10)),
    { dtype: 'int32' },
  )
  return new TensorDataset(x, t)
}

export const trainings: Record<'spiral' | 'digits' | 'mnist', Subject> = {
  spiral: (run) => training(new Classifier([2, 10, 3], 'float64', sigmoid), spiral(), 30, run),
  digits: (run) => training(new Classifier([64, 32, 10], 'float64', relu), digits(), 50, run),
  mnist: (run) => training(new Classifier([784, 128, 10], 'float32', relu), mnistShaped(), 32, run),
}

/** A graph of scalars and its backward pass. */
export const chainBothWays: Subject = (run) => () => {
  run?.step()
  chain(GRAPH_CALLS).y.backward()
}

/** The same without the pass. */
export const chainForward: Subject = (run) => () => {
  run?.step()
  chain(GRAPH_CALLS)
}

/** Forward again, and no two graphs are alike. */
export const tangleForward: Subject = (run) => {
  const random = randomNumbers(5)
  return () => {
    run?.step()
    tangle(GRAPH_CALLS, random)
  }
}

export interface Ends {
  x: Variable
  y: Variable
}

/** Each call reads what the one before made. */
export function chain(calls: number): Ends {
  const x = new Variable(0.5, { name: 'x' })
  let y = x
  for (let i = 0; i < calls; i++) y = mul(y, FACTOR)
  return { x, y }
}

/**
 * Each call reads what the one before made, and every second one also any of the last thousand: nothing repeats, and all
 * of it leads to the last. Sums are halved again, so that neither values nor gradients grow.
 */
export function tangle(calls: number, random = randomNumbers(5)): Ends {
  const x = new Variable(0.5, { name: 'x' })
  const recent = [x]
  let y = x
  for (let i = 0; i < calls; i++) {
    y = i % 2 === 0 ? add(y, recent[Math.floor(random() * recent.length)] as Variable) : mul(y, 0.5)
    recent[i % 1_000] = y
  }
  return { x, y }
}
