// What the planted programs share. Each is a small training program with one defect, which its clean twin does not have. What a
// program records is on the tape under plain names: nothing tells of the defect. The engine is handed in, so that a program can be
// recorded by any build of it.
import type * as gradtape from '../../../src/index.js'
import type { Run } from '../../../src/tape/run.js'
import type { Tape } from '../../../src/tape/tape.js'

export type Engine = typeof gradtape

export interface Recording {
  readonly g: Engine
  readonly tape: Tape
  readonly planted: boolean
  /** Begins a run with the capture that is asked for. */
  readonly start: (name: string, options?: object) => Run
}

export interface Planted {
  readonly name: string
  /** The kind that the first finding has; any of these. */
  readonly kind: string | readonly string[]
  /** What the first line must say. */
  readonly says: readonly RegExp[]
  /** Throws when the tape was recorded without what it takes to see the defect. */
  readonly needs?: 'replay'
  readonly program: (recording: Recording) => Promise<void> | void
}

export type Loss = (x: gradtape.Variable, t: gradtape.Variable, step: number) => gradtape.Variable

/** A loop as everybody writes it: a batch, a step, the loss, clear, backward, update, log. */
export function train(
  { g }: Recording,
  run: Run,
  options: {
    data: gradtape.TensorDataset
    batchSize?: number
    epochs?: number
    shuffle?: boolean
    optimizer: { step(): void; lr: number }
    clear: () => void
    loss: Loss
    before?: (step: number) => void
    after?: (step: number, loss: gradtape.Variable) => void
  },
): void {
  const { data, batchSize = 30, epochs = 3, shuffle = true, optimizer, clear, loss, before, after } = options
  const loader = new g.DataLoader(data, shuffle ? { batchSize, shuffle, seed: 7 } : { batchSize })
  for (let epoch = 0; epoch < epochs; epoch++)
    for (const [x, t] of loader) {
      const step = run.step()
      before?.(step)
      const value = loss(x!, t!, step)
      learn(run, { clearGrads: clear }, optimizer, value)
      after?.(step, value)
    }
}

/** How a step ends: gradients are cleared, the loss goes back, the parameters are updated, and the loss is logged. */
export function learn(
  run: Run,
  model: { clearGrads(): void },
  optimizer: { step(): void },
  loss: gradtape.Variable,
): void {
  model.clearGrads()
  loss.backward()
  optimizer.step()
  run.log({ loss })
}

/** 300 points on three arms, in batches of 30: ten steps an epoch. */
export function points({ g }: Recording): gradtape.TensorDataset {
  return g.spiral({ perClass: 100 })
}

/** A straight line with noise, from a generator of its own, so that it is the same in every run. */
export function line(
  { g }: Recording,
  count = 120,
  width = 3,
): { x: Float64Array; y: Float64Array; set: gradtape.TensorDataset } {
  const x = new Float64Array(count * width)
  const y = new Float64Array(count)
  let seed = 12345
  const next = () => {
    seed = (seed * 1103515245 + 12345) % 2147483648
    return seed / 1073741824 - 1
  }
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < width; j++) {
      x[i * width + j] = next()
      y[i]! += (j + 1) * x[i * width + j]!
    }
    y[i]! += 0.1 * next()
  }
  return { x, y, set: lineSet(g, x, y, width) }
}

export function lineSet(g: Engine, x: Float64Array, y: Float64Array, width: number): gradtape.TensorDataset {
  return new g.TensorDataset(
    g.ndarray(x, { shape: [y.length, width] }),
    g.ndarray(y, { shape: [y.length, 1] }),
  )
}
