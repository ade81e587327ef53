/**
 * The plain kernel's reductions over contiguous rows, in NumPy's order of additions. `Wide` loops reduce in
 * double precision and take float64 and integers; the float32 ones round at every step.
 *
 * The pairwise sum of n elements, as NumPy has it:
 *
 *   n < 8      from left to right, beginning at 0
 *   n ≤ 128    8 accumulators, accumulator j takes elements j, j + 8, j + 16 …; then ((0+1)+(2+3)) +
 *   ((4+5)+(6+7)), then
 *              the n mod 8 elements that are left, from left to right
 *   n > 128    the sums of two parts, the first of n/2 elements rounded down to a multiple of 8
 */
import type { ReduceOp } from './primitives.js'

type Wide = Float64Array | Int32Array | Uint8Array

export function pairwiseSum(x: Wide, at: number, n: number): number {
  // One loop per element type keeps each compiled for one kind of array.
  return x instanceof Float64Array ? pairwiseFloat64(x, at, n) : exactSum(x, at, n)
}

function pairwiseFloat64(x: Float64Array, at: number, n: number): number {
  if (n < 8) {
    let sum = 0
    for (let i = 0; i < n; i++) sum += x[at + i]!
    return sum
  }
  if (n > 128) {
    const half = (n >>> 1) - ((n >>> 1) % 8)
    return pairwiseFloat64(x, at, half) + pairwiseFloat64(x, at + half, n - half)
  }
  let r0 = x[at]!
  let r1 = x[at + 1]!
  let r2 = x[at + 2]!
  let r3 = x[at + 3]!
  let r4 = x[at + 4]!
  let r5 = x[at + 5]!
  let r6 = x[at + 6]!
  let r7 = x[at + 7]!
  const full = at + n - (n % 8)
  let i = at + 8
  for (; i < full; i += 8) {
    r0 += x[i]!
    r1 += x[i + 1]!
    r2 += x[i + 2]!
    r3 += x[i + 3]!
    r4 += x[i + 4]!
    r5 += x[i + 5]!
    r6 += x[i + 6]!
    r7 += x[i + 7]!
  }
  let sum = r0 + r1 + (r2 + r3) + (r4 + r5 + (r6 + r7))
  for (; i < at + n; i++) sum += x[i]!
  return sum
}

/** Sums of integers are exact in a double, so their order does not matter. */
function exactSum(x: Int32Array | Uint8Array, at: number, n: number): number {
  let sum = 0
  for (let i = at; i < at + n; i++) sum += x[i]!
  return sum
}

export function pairwiseFloat32(x: Float32Array, at: number, n: number): number {
  const round = Math.fround
  if (n < 8) {
    let sum = round(0)
    for (let i = 0; i < n; i++) sum = round(sum + x[at + i]!)
    return sum
  }
  if (n > 128) {
    const half = (n >>> 1) - ((n >>> 1) % 8)
    return round(pairwiseFloat32(x, at, half) + pairwiseFloat32(x, at + half, n - half))
  }
  let r0 = x[at]!
  let r1 = x[at + 1]!
  let r2 = x[at + 2]!
  let r3 = x[at + 3]!
  let r4 = x[at + 4]!
  let r5 = x[at + 5]!
  let r6 = x[at + 6]!
  let r7 = x[at + 7]!
  const full = at + n - (n % 8)
  let i = at + 8
  for (; i < full; i += 8) {
    r0 = round(r0 + x[i]!)
    r1 = round(r1 + x[i + 1]!)
    r2 = round(r2 + x[i + 2]!)
    r3 = round(r3 + x[i + 3]!)
    r4 = round(r4 + x[i + 4]!)
    r5 = round(r5 + x[i + 5]!)
    r6 = round(r6 + x[i + 6]!)
    r7 = round(r7 + x[i + 7]!)
  }
  let sum = round(round(round(r0 + r1) + round(r2 + r3)) + round(round(r4 + r5) + round(r6 + r7)))
  for (; i < at + n; i++) sum = round(sum + x[i]!)
  return sum
}

/** Arguments as `Kernel.reduceRows`. */
export function reduceWide(
  op: ReduceOp,
  x: Wide,
  xo: number,
  rows: number,
  columns: number,
  out: Float64Array,
  oo: number,
): void {
  for (let r = 0; r < rows; r++) {
    const at = xo + r * columns
    const before = out[oo + r]!
    out[oo + r] = op === 'sum' ? before + pairwiseSum(x, at, columns) : fold(op, before, x, at, columns)
  }
}

/** Arguments as `Kernel.reduceRows`. */
export function reduceFloat32(
  op: ReduceOp,
  x: Float32Array,
  xo: number,
  rows: number,
  columns: number,
  out: Float32Array,
  oo: number,
): void {
  for (let r = 0; r < rows; r++) {
    const at = xo + r * columns
    const before = out[oo + r]!
    out[oo + r] =
      op === 'sum' ? before + pairwiseFloat32(x, at, columns) : foldFloat32(op, before, x, at, columns)
  }
}

/** From left to right. A NaN beats every number in max and min. */
function fold(op: ReduceOp, start: number, x: Wide, at: number, n: number): number {
  let result = start
  if (op === 'max') for (let i = at; i < at + n; i++) result = Math.max(result, x[i]!)
  else if (op === 'min') for (let i = at; i < at + n; i++) result = Math.min(result, x[i]!)
  else for (let i = at; i < at + n; i++) result *= x[i]!
  return result
}

function foldFloat32(op: ReduceOp, start: number, x: Float32Array, at: number, n: number): number {
  let result = start
  if (op === 'max') for (let i = at; i < at + n; i++) result = Math.max(result, x[i]!)
  else if (op === 'min') for (let i = at; i < at + n; i++) result = Math.min(result, x[i]!)
  else for (let i = at; i < at + n; i++) result = Math.fround(result * x[i]!)
  return result
}

/** Arguments as `Kernel.accumulateRows`. */
export function accumulateWide(
  op: ReduceOp,
  x: Wide,
  xo: number,
  rows: number,
  columns: number,
  out: Float64Array,
  oo: number,
): void {
  for (let r = 0, i = xo; r < rows; r++) {
    if (op === 'sum') for (let o = oo; o < oo + columns; o++, i++) out[o] = out[o]! + x[i]!
    else if (op === 'prod') for (let o = oo; o < oo + columns; o++, i++) out[o] = out[o]! * x[i]!
    else if (op === 'max') for (let o = oo; o < oo + columns; o++, i++) out[o] = Math.max(out[o]!, x[i]!)
    else for (let o = oo; o < oo + columns; o++, i++) out[o] = Math.min(out[o]!, x[i]!)
  }
}

/**
 * Arguments as `Kernel.accumulateRows`. Storing rounds once, which is what one addition or product in float32
 * does.
 */
export function accumulateFloat32(
  op: ReduceOp,
  x: Float32Array,
  xo: number,
  rows: number,
  columns: number,
  out: Float32Array,
  oo: number,
): void {
  for (let r = 0, i = xo; r < rows; r++) {
    if (op === 'sum') for (let o = oo; o < oo + columns; o++, i++) out[o] = out[o]! + x[i]!
    else if (op === 'prod') for (let o = oo; o < oo + columns; o++, i++) out[o] = out[o]! * x[i]!
    else if (op === 'max') for (let o = oo; o < oo + columns; o++, i++) out[o] = Math.max(out[o]!, x[i]!)
    else for (let o = oo; o < oo + columns; o++, i++) out[o] = Math.min(out[o]!, x[i]!)
  }
}
