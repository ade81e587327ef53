/** Pairs of runs that should be equal, with one planted difference in the second. */
import {
  add,
  constant,
  DataLoader,
  div,
  dropout,
  exp,
  Linear,
  Module,
  mean,
  ndarray,
  neg,
  noGrad,
  SGD,
  seedRandom,
  sigmoid,
  softmaxCrossEntropy,
  type Tape,
  TensorDataset,
  uniform,
  type Variable,
} from '../../src/index.js'

export interface Change {
  seed?: number
  rate?: (step: number) => number
  decay?: number
  squash?: (x: Variable) => Variable
  dtype?: 'float32' | 'float64'
  dropLast?: boolean
  order?: number
  exchange?: [number, number]
  /** All batches of an epoch are taken before its first step. */
  prefetch?: boolean
  ordered?: boolean
  row?: number
  drop?: number
  evaluateAt?: number
  drawAt?: number
  scale?: number
  assignAt?: number
  keepGradientsAt?: number
  twiceAt?: number
  inserted?: boolean
  without?: string
  steps?: number
  config?: Record<string, number>
  capture?: 'full' | 'replayable' | 'structure'
  batch?: number
  logs?: boolean
}

const ROWS = 44

class Model extends Module {
  readonly first = new Linear(6, 8)
  readonly extra: Linear | null
  readonly last = new Linear(8, 3)
  readonly squash: (x: Variable) => Variable
  readonly rate: number

  constructor(change: Change) {
    super()
    this.extra = change.inserted === true ? new Linear(8, 8) : null
    this.squash = change.squash ?? sigmoid
    this.rate = change.drop ?? 0.25
  }

  forward(x: Variable): Variable {
    let h = this.squash(this.first.forward(x))
    if (this.extra !== null) h = this.extra.forward(h)
    return this.last.forward(dropout(h, { p: this.rate }))
  }
}

/** Records a small classifier, as `change` has it: 4 epochs of 5 batches, the last smaller. */
export async function record(tape: Tape, change: Change = {}): Promise<number> {
  const { capture = 'replayable' } = change
  const run = tape.startRun('net', { seed: 5, config: { rate: 0.2, ...change.config }, capture })
  seedRandom(change.seed ?? 5)
  const values = uniform([ROWS, 6], { least: -1, most: 1, key: { seed: 8, counter: 0 } })
  const edited = Float64Array.from(values.data)
  if (change.row !== undefined) edited[change.row * 6 + 2]! += 0.5
  const x = constant(
    Array.from({ length: ROWS }, (_, i) => Array.from(edited.subarray(6 * i, 6 * i + 6))),
    change.dtype === undefined ? {} : { dtype: change.dtype },
  )
  const data = new TensorDataset(
    x,
    Int32Array.from({ length: ROWS }, (_, i) => i % 3),
  )
  const model = new Model(change)
  if (change.scale !== undefined) {
    const { weight } = model.last
    weight.data = ndarray(
      weight.data.data.map((value) => value * change.scale!),
      { shape: weight.shape },
    )
  }
  const optimizer = new SGD(
    [...model.namedParameters()]
      .filter(([name]) => name !== change.without)
      .map(([, parameter]) => parameter),
    { lr: 0.2, momentum: 0.9, weightDecay: change.decay ?? 0 },
  )
  const loader = new DataLoader(data, {
    batchSize: change.batch ?? 10,
    shuffle: true,
    seed: change.order ?? 3,
    dropLast: change.dropLast ?? false,
  })
  let step = 0
  for (let epoch = 0; epoch < 4; epoch++) {
    const batches =
      change.ordered === true
        ? new Array(5).fill(null)
        : change.prefetch === true
          ? exchanged([...loader], change.exchange, step)
          : loader
    for (const batch of batches as Iterable<[Variable, Variable]>) {
      if (step === (change.steps ?? Number.POSITIVE_INFINITY)) break
      step = run.step()
      const [input, labels] = change.ordered === true ? data.take(rowsOf(step, change.exchange)) : batch
      optimizer.lr = change.rate?.(step) ?? 0.2
      if (step === change.drawAt) uniform([4])
      const loss = softmaxCrossEntropy(model.forward(input), labels)
      if (step !== change.keepGradientsAt) model.clearGrads()
      loss.backward()
      if (step === change.twiceAt) loss.backward()
      optimizer.step()
      if (step === change.assignAt) model.last.bias!.data = ndarray([0.5, 0.5, 0.5])
      if (step === change.evaluateAt) noGrad(() => mean(model.forward(input)))
      run.log(change.logs === true ? { loss, rate: optimizer.lr } : { loss })
    }
  }
  await run.finish()
  return run.id
}

function exchanged<T>(batches: T[], pair: readonly [number, number] | undefined, before: number): T[] {
  if (pair === undefined) return batches
  const [a, b] = pair
  const [i, j] = [a - before - 1, b - before - 1]
  if (i < 0 || j >= batches.length) return batches
  const [x, y] = [batches[i]!, batches[j]!]
  batches[i] = y
  batches[j] = x
  return batches
}

/** Ten rows for a step, in order; those of two steps exchanged. */
function rowsOf(step: number, [a, b]: readonly [number, number] = [0, 0]): number[] {
  const of = step === a ? b : step === b ? a : step
  return Array.from({ length: 10 }, (_, i) => (of * 10 + i) % ROWS)
}

export function written(x: Variable): Variable {
  return div(1, add(1, exp(neg(x))))
}
