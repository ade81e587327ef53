/** What scripts/references/torch_training.py wrote, and the generator that it and the tests share. */
import fs from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { ndarray } from '../../src/array/make-array.js'
import type { NDArray } from '../../src/array/ndarray.js'
import { type Shape, sizeOf } from '../../src/array/shape.js'
import type { Variable } from '../../src/graph/variable.js'

interface LayerResult {
  readonly outputs: number[][]
  readonly gradients: number[][]
  readonly inputs: number[][]
}

export interface TorchReference {
  readonly training: Readonly<Record<string, number[]>>
  readonly layers: Readonly<Record<string, LayerResult>>
  readonly batchNorm: { readonly outputs: number[][]; readonly mean: number[]; readonly variance: number[] }
  readonly optimizers: Readonly<Record<string, number[]>>
  readonly lbfgs: Readonly<
    Record<string, readonly { loss: number; evaluations: number; parameters: number[] }[]>
  >
  readonly clipping: readonly { readonly norm: number; readonly gradients: number[][] }[]
  readonly schedules: Readonly<Record<string, number[][]>>
}

const file = new URL('../fixtures/torch-training.json.gz', import.meta.url)

export const reference = JSON.parse(gunzipSync(fs.readFileSync(file)).toString()) as TorchReference

/** x' = 1664525 x + 1013904223 mod 2³²; a number is x / 2³². */
export class Congruential {
  private state: number

  constructor(seed: number) {
    this.state = seed
  }

  next(): number {
    this.state = (Math.imul(1664525, this.state) + 1013904223) >>> 0
    return this.state / 2 ** 32
  }

  array(shape: Shape, bound = 1): NDArray {
    return ndarray(
      Float64Array.from({ length: sizeOf(shape) }, () => (2 * this.next() - 1) * bound),
      { shape },
    )
  }

  integers(count: number, below: number): NDArray {
    return ndarray(Int32Array.from({ length: count }, () => Math.floor(this.next() * below)))
  }
}

/** Gives parameters values in order. */
export function fill(parameters: Iterable<Variable>, seed: number, bound: number): void {
  const numbers = new Congruential(seed)
  for (const parameter of parameters) parameter.data = numbers.array(parameter.shape, bound)
}

/** The largest |got − wanted| / |wanted|, where a wanted number below `floor` counts as `floor`. */
export function relativeError(got: ArrayLike<number>, wanted: readonly number[], floor = 1e-300): number {
  if (got.length !== wanted.length) return Infinity
  let worst = 0
  for (let i = 0; i < wanted.length; i++) {
    const error = Math.abs(got[i]! - wanted[i]!) / Math.max(Math.abs(wanted[i]!), floor)
    if (!(error <= worst)) worst = error
  }
  return worst
}
