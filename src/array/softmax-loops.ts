/**
 * The plain kernel's softmax over contiguous rows. Gives the bits of its parts: x − max, exp, the pairwise
 * sum, a division or a logarithm, each rounded to the dtype.
 */
import { exp } from './math/exp.js'
import { log } from './math/log.js'
import { pairwiseFloat32, pairwiseSum } from './reduce-loops.js'

/** Arguments as `Kernel.softmaxRows`. */
export function softmaxFloat64(
  x: Float64Array,
  xo: number,
  rows: number,
  columns: number,
  out: Float64Array,
  oo: number,
): void {
  for (let r = 0; r < rows; r++) {
    const from = xo + r * columns
    const to = oo + r * columns
    let max = -Infinity
    for (let c = 0; c < columns; c++) max = Math.max(max, x[from + c]!)
    for (let c = 0; c < columns; c++) out[to + c] = exp(x[from + c]! - max)
    const sum = pairwiseSum(out, to, columns)
    for (let c = 0; c < columns; c++) out[to + c] = out[to + c]! / sum
  }
}

/** Arguments as `Kernel.softmaxRows`. */
export function softmaxFloat32(
  x: Float32Array,
  xo: number,
  rows: number,
  columns: number,
  out: Float32Array,
  oo: number,
): void {
  for (let r = 0; r < rows; r++) {
    const from = xo + r * columns
    const to = oo + r * columns
    let max = -Infinity
    for (let c = 0; c < columns; c++) max = Math.max(max, x[from + c]!)
    for (let c = 0; c < columns; c++) out[to + c] = exp(Math.fround(x[from + c]! - max))
    const sum = pairwiseFloat32(out, to, columns)
    for (let c = 0; c < columns; c++) out[to + c] = out[to + c]! / sum
  }
}

/** Arguments as `Kernel.logSoftmaxRows`. The output holds the exponentials until their sum is known. */
export function logSoftmaxFloat64(
  x: Float64Array,
  xo: number,
  rows: number,
  columns: number,
  out: Float64Array,
  oo: number,
): void {
  for (let r = 0; r < rows; r++) {
    const from = xo + r * columns
    const to = oo + r * columns
    let max = -Infinity
    for (let c = 0; c < columns; c++) max = Math.max(max, x[from + c]!)
    for (let c = 0; c < columns; c++) out[to + c] = exp(x[from + c]! - max)
    const logSum = log(pairwiseSum(out, to, columns))
    for (let c = 0; c < columns; c++) out[to + c] = x[from + c]! - max - logSum
  }
}

/** Arguments as `Kernel.logSoftmaxRows`. */
export function logSoftmaxFloat32(
  x: Float32Array,
  xo: number,
  rows: number,
  columns: number,
  out: Float32Array,
  oo: number,
): void {
  for (let r = 0; r < rows; r++) {
    const from = xo + r * columns
    const to = oo + r * columns
    let max = -Infinity
    for (let c = 0; c < columns; c++) max = Math.max(max, x[from + c]!)
    for (let c = 0; c < columns; c++) out[to + c] = exp(Math.fround(x[from + c]! - max))
    const logSum = Math.fround(log(pairwiseFloat32(out, to, columns)))
    for (let c = 0; c < columns; c++) out[to + c] = Math.fround(x[from + c]! - max) - logSum
  }
}
