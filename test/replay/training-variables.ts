/**
 * The variables that a training program works on: parameters, data and state that live over all steps, and the pool of
 * what it has computed, from which an instruction picks by a number. Knows nothing of what instructions do.
 */
import type { NDArray } from '../../src/array/ndarray.js'
import { mean } from '../../src/functions/reductions.js'
import { constant, parameter } from '../../src/graph/leaves.js'
import type { Variable } from '../../src/graph/variable.js'
import type { TrainingProgram } from './training-program.js'

export class TrainingVariables {
  readonly parameters: Variable[]
  readonly data: Variable
  readonly state: Variable
  hidden: Variable
  /** Of this step. */
  pool: Variable[] = []
  /** Over all steps. */
  readonly kept: Variable[] = []
  readonly snapshots: NDArray[] = []
  private readonly width: number

  constructor({ width, seed }: TrainingProgram) {
    this.width = width
    const numbers = (rows: number, columns: number, scale: number) =>
      Array.from({ length: rows }, (_, i) =>
        Array.from(
          { length: columns },
          (_, j) => scale * Math.fround((((i * 7 + j * 3 + seed) % 17) - 8) / 8),
        ),
      )
    this.data = constant(numbers(24, width, 1), { name: 'data' })
    this.parameters = [
      parameter(numbers(width, width, 0.5), { name: 'w' }),
      parameter(numbers(1, width, 0.25)[0]!, { name: 'b' }),
    ]
    this.state = constant(numbers(width, width, 0.1), { name: 'average' })
    this.hidden = constant(numbers(width, width, 0.125), { name: 'h' })
  }

  pick(n: number): Variable {
    const all = this.pool.length > 0 ? this.pool : this.parameters
    // Young variables rather than old ones, so that graphs grow deep.
    const back = Math.floor(((n % 100) / 100) ** 2 * all.length)
    return all[all.length - 1 - back]!
  }

  /** Two variables that can be added. */
  pair(a: number, b: number): [Variable, Variable] {
    const [u, v] = [this.pick(a), this.pick(b)]
    return String(u.shape) === String(v.shape) ? [u, v] : [u, mean(v)]
  }

  matrix(n: number): Variable {
    const v = this.pick(n)
    return v.ndim === 2 && v.shape[1]! > 1 ? v : this.parameters[0]!
  }

  /** Elements of a new matrix: a small one, or one of the parameters' shape. */
  matrixOf(x: number, b: number): number[][] {
    const { width } = this
    return b % 3 === 0
      ? [
          [x, 1],
          [b % 7, -x],
        ]
      : Array.from({ length: width }, (_, i) =>
          Array.from({ length: width }, (_, j) => x * ((i * b + j) % 5)),
        )
  }
}

/** Whether something was assigned after a call of this graph read it: then `createGraph` refuses to be recorded. */
export function isStale(root: Variable): boolean {
  const found = new Set([root])
  for (const v of found) {
    for (const input of v.creator?.inputs ?? []) {
      if (input.versionOf !== null) return true
      found.add(input)
    }
    for (const output of v.creator?.outputs ?? []) if (output.versionOf !== null) return true
  }
  return false
}
