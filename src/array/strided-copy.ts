/**
 * Copies elements that lie apart into contiguous memory, and contiguous ones apart. Moves bytes; knows no
 * dtype or meaning.
 */
import { forEachBlock, mergeAxes } from './broadcast.js'
import type { TypedArray } from './dtype.js'
import { kernel } from './kernel.js'
import type { Shape } from './shape.js'

/** out[i…] = x[xOffset + Σ i·stride], out contiguous; strides may be 0 or negative. */
export function copyFrom(
  x: TypedArray,
  xOffset: number,
  shape: Shape,
  strides: readonly number[],
  out: TypedArray,
  outOffset: number,
): void {
  const walk = mergeAxes(shape, [strides as number[]])
  if (kernel.fused?.copy(x, xOffset, walk.extents, walk.strides[0]!, out, outOffset)) return
  const last = walk.extents.length - 1
  const columns = walk.extents[last] ?? 1
  const rows = walk.extents[last - 1] ?? 1
  const steps = walk.strides[0]!
  const column = steps[last] ?? 0
  const row = steps[last - 1] ?? 0
  let at = outOffset
  forEachBlock(walk, 2, ([offset]) => {
    const from = xOffset + offset!
    if (column === 1 && columns >= 32) {
      for (let r = 0; r < rows; r++) {
        const start = from + r * row
        out.set(x.subarray(start, start + columns), at + r * columns)
      }
    } else if (x instanceof Float64Array) {
      copyFloat64(x, from, rows, row, columns, column, out as Float64Array, at)
    } else {
      copyAny(x, from, rows, row, columns, column, out, at)
    }
    at += rows * columns
  })
}

/** out[outOffset + Σ i·stride] = x[i…], x contiguous. */
export function copyTo(
  x: TypedArray,
  xOffset: number,
  shape: Shape,
  strides: readonly number[],
  out: TypedArray,
  outOffset: number,
): void {
  const walk = mergeAxes(shape, [strides as number[]])
  const last = walk.extents.length - 1
  const columns = walk.extents[last] ?? 1
  const steps = walk.strides[0]!
  const step = steps[last] ?? 0
  if (last === 1 && step === 1 && steps[0]! > 0) {
    const rows = walk.extents[0]!
    if (kernel.fused?.moveRuns(x, xOffset, columns, out, outOffset, steps[0]!, columns, rows)) return
  }
  let at = xOffset
  forEachBlock(walk, 1, ([offset]) => {
    const to = outOffset + offset!
    if (step === 1 && columns >= 32) out.set(x.subarray(at, at + columns), to)
    else if (x instanceof Float64Array) apartFloat64(x, at, columns, out as Float64Array, to, step)
    else apartAny(x, at, columns, out, to, step)
    at += columns
  })
}

function apartFloat64(
  x: Float64Array,
  at: number,
  columns: number,
  out: Float64Array,
  to: number,
  step: number,
): void {
  for (let c = 0, o = to; c < columns; c++, o += step) out[o] = x[at + c]!
}

function apartAny(
  x: TypedArray,
  at: number,
  columns: number,
  out: TypedArray,
  to: number,
  step: number,
): void {
  for (let c = 0, o = to; c < columns; c++, o += step) out[o] = x[at + c]!
}

/**
 * The same as `copyAny`; written twice so that the commonest element type has a loop compiled for it alone.
 */
function copyFloat64(
  x: Float64Array,
  from: number,
  rows: number,
  row: number,
  columns: number,
  column: number,
  out: Float64Array,
  at: number,
): void {
  let o = at
  for (let r = 0; r < rows; r++) {
    for (let c = 0, p = from + r * row; c < columns; c++, p += column) out[o++] = x[p]!
  }
}

function copyAny(
  x: TypedArray,
  from: number,
  rows: number,
  row: number,
  columns: number,
  column: number,
  out: TypedArray,
  at: number,
): void {
  let o = at
  for (let r = 0; r < rows; r++) {
    for (let c = 0, p = from + r * row; c < columns; c++, p += column) out[o++] = x[p]!
  }
}
