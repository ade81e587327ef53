/**
 * Softmax and its logarithm over staged rows, in place: the maximum, x − max, exp, the pairwise sum, a division or a
 * logarithm, each rounded to the dtype, as in src/array/softmax-loops.ts. One vector behind the last row may be
 * overwritten.
 */
import { exp } from './exp'
import { log } from './log'
import { max32, max64, pairwiseSum32, pairwiseSum64 } from './reduce'

@inline function logOf(x: f64): f64 {
  return f64x2.extract_lane(log(f64x2.splat(x)), 0)
}

/** e^(x − most) of a row into `to`. */
@inline function exponentials64(at: usize, end: usize, most: f64, to: usize): void {
  const shift = f64x2.splat(most)
  for (let p = at; p < end; p += 16, to += 16) v128.store(to, exp(f64x2.sub(v128.load(p), shift)))
}

@inline function exponentials32(at: usize, end: usize, most: f32, to: usize): void {
  const shift = f32x4.splat(most)
  for (let p = at; p < end; p += 8, to += 8) {
    const x = f32x4.sub(v128.load64_zero(p), shift)
    v128.store64_lane(to, f32x4.demote_f64x2_zero(exp(f64x2.promote_low_f32x4(x))), 0)
  }
}

/** `spare` has room for a row and a vector: the exponentials of a row must not run into the next one. */
export function softmax64(at: usize, rows: usize, columns: usize, spare: usize): void {
  const bytes = columns << 3
  for (let r: usize = 0; r < rows; r++, at += bytes) {
    exponentials64(at, at + bytes, max64(at, columns, -Infinity), spare)
    const sum = pairwiseSum64(spare, columns)
    let i: usize = 0
    for (const both = f64x2.splat(sum); i + 16 <= bytes; i += 16) {
      v128.store(at + i, f64x2.div(v128.load(spare + i), both))
    }
    for (; i < bytes; i += 8) store<f64>(at + i, load<f64>(spare + i) / sum)
  }
}

export function softmax32(at: usize, rows: usize, columns: usize, spare: usize): void {
  const bytes = columns << 2
  for (let r: usize = 0; r < rows; r++, at += bytes) {
    exponentials32(at, at + bytes, max32(at, columns, -Infinity), spare)
    const sum = pairwiseSum32(spare, columns)
    let i: usize = 0
    for (const all = f32x4.splat(sum); i + 16 <= bytes; i += 16) {
      v128.store(at + i, f32x4.div(v128.load(spare + i), all))
    }
    for (; i < bytes; i += 4) store<f32>(at + i, load<f32>(spare + i) / sum)
  }
}

export function logSoftmax64(at: usize, rows: usize, columns: usize, spare: usize): void {
  const bytes = columns << 3
  for (let r: usize = 0; r < rows; r++, at += bytes) {
    const most = max64(at, columns, -Infinity)
    exponentials64(at, at + bytes, most, spare)
    const logSum = logOf(pairwiseSum64(spare, columns))
    for (let i: usize = 0; i < bytes; i += 8) store<f64>(at + i, load<f64>(at + i) - most - logSum)
  }
}

export function logSoftmax32(at: usize, rows: usize, columns: usize, spare: usize): void {
  const bytes = columns << 2
  for (let r: usize = 0; r < rows; r++, at += bytes) {
    const most = max32(at, columns, -Infinity)
    exponentials32(at, at + bytes, most, spare)
    const logSum = <f32>logOf(<f64>pairwiseSum32(spare, columns))
    for (let i: usize = 0; i < bytes; i += 4) store<f32>(at + i, load<f32>(at + i) - most - logSum)
  }
}
