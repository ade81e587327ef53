/**
 * Same elements, other places: shapes, axes, joining, cutting, padding. Results are contiguous; where no byte
 * moves they share memory with the operand. They are always new array objects.
 */
import { TapeError, valueText } from '../errors.js'
import { broadcastStrides, stridesOf } from './broadcast.js'
import { type DType, promoteTypes } from './dtype.js'
import { kernel } from './kernel.js'
import { full } from './make-array.js'
import { allocate, allocateUnset, NDArray, viewOf } from './ndarray.js'
import {
  copyShape,
  fixedShape,
  formatShape,
  normalizeAxes,
  normalizeAxis,
  replaceAxes,
  requireShape,
  resolveShape,
  type Shape,
  sameShape,
  sizeBetween,
  sizeOf,
} from './shape.js'
import { copyFrom, copyTo } from './strided-copy.js'

/**
 * The same elements in row-major order under another shape; shares memory.
 *
 * Shapes   one extent may be -1 and follows from the others.
 * Throws   BAD_SHAPE when the number of elements differs.
 */
export function reshape(x: NDArray, shape: Shape): NDArray {
  return viewOf(x, resolveShape(shape, x.size, 'reshape'))
}

/**
 * Axes in another order, reversed unless said.
 *
 * Throws   BAD_AXIS unless every axis is named once.
 */
export function transpose(x: NDArray, axes?: readonly number[]): NDArray {
  if (x.ndim === 2 && axes === undefined) {
    const [rows, columns] = x.shape as [number, number]
    return strided(x, 0, [columns, rows], [1, columns])
  }
  const order = axes === undefined ? x.shape.map((_, i) => x.ndim - 1 - i) : axisOrder(x, axes)
  const strides = stridesOf(x.shape)
  return strided(
    x,
    0,
    order.map((axis) => x.shape[axis]!),
    order.map((axis) => strides[axis]!),
  )
}

function axisOrder(x: NDArray, axes: readonly number[]): number[] {
  const sorted = normalizeAxes(axes, x.ndim, 'transpose')
  if (sorted.length !== x.ndim) {
    throw new TapeError(
      'BAD_AXIS',
      `transpose expected all ${x.ndim} axes of ${formatShape(x.shape)} in a new order, got ${formatShape(axes)}`,
    )
  }
  return axes.map((axis) => normalizeAxis(axis, x.ndim, 'transpose'))
}

/** Elements of x at offset + Σ i·stride as a new array; without a copy where they lie in order already. */
function strided(x: NDArray, offset: number, shape: number[], strides: readonly number[]): NDArray {
  const fixed = fixedShape(shape)
  const size = sizeOf(shape)
  const natural = stridesOf(shape)
  if (size === 0 || shape.every((extent, i) => extent === 1 || strides[i] === natural[i])) {
    return new NDArray(x.dtype, fixed, size, x.buffer, size === 0 ? x.offset : x.offset + offset)
  }
  const out = allocateUnset(x.dtype, fixed, size)
  copyFrom(x.buffer, x.offset + offset, fixed, strides, out.buffer, out.offset)
  return out
}

/**
 * x repeated along axes that it lacks or has once.
 *
 * Throws   SHAPE_MISMATCH when its other extents differ from the wanted ones.
 */
export function broadcastTo(x: NDArray, shape: Shape): NDArray {
  if (sameShape(x.shape, shape)) return viewOf(x, x.shape)
  requireShape(shape, 'broadcastTo')
  const lead = shape.length - x.ndim
  if (lead < 0 || x.shape.some((extent, i) => extent !== 1 && extent !== shape[lead + i])) {
    throw new TapeError(
      'SHAPE_MISMATCH',
      `broadcastTo expected a shape that ${formatShape(x.shape)} stretches to, got ${formatShape(shape)}`,
    )
  }
  const out = allocateUnset(x.dtype, copyShape(shape))
  if (x.size === 1) out.buffer.fill(x.buffer[x.offset]!, out.offset, out.offset + out.size)
  else copyFrom(x.buffer, x.offset, shape, broadcastStrides(x.shape, shape), out.buffer, out.offset)
  return out
}

/** A new axis of extent 1, at this place of the result. Throws BAD_AXIS. */
export function expandDims(x: NDArray, axis: number): NDArray {
  const at = normalizeAxis(axis, x.ndim + 1, 'expandDims')
  return viewOf(x, replaceAxes(x.shape, at, 0, [1]))
}

/**
 * Without axes of extent 1: the given ones, or all.
 *
 * Throws   BAD_AXIS when a given one has another extent.
 */
export function squeeze(x: NDArray, axis?: number | readonly number[]): NDArray {
  const axes = normalizeAxes(axis, x.ndim, 'squeeze').filter(
    (one) => axis !== undefined || x.shape[one] === 1,
  )
  for (const one of axes) {
    if (x.shape[one] !== 1) {
      throw new TapeError(
        'BAD_AXIS',
        `squeeze expected an axis of extent 1, got axis ${one} of ${formatShape(x.shape)}`,
      )
    }
  }
  return viewOf(x, fixedShape(x.shape.filter((_, i) => !axes.includes(i))))
}

/** Reversed along the given axes, or all. Throws BAD_AXIS. */
export function flip(x: NDArray, axis?: number | readonly number[]): NDArray {
  const axes = normalizeAxes(axis, x.ndim, 'flip')
  const strides = stridesOf(x.shape)
  let offset = 0
  for (const one of axes) {
    offset += strides[one]! * (x.shape[one]! - 1)
    strides[one] = -strides[one]!
  }
  return strided(x, offset, [...x.shape], strides)
}

/**
 * Arrays one after the other along an axis that they have.
 *
 * Shapes   equal but for that axis; the dtype is that in which all meet.
 * Throws   SHAPE_MISMATCH, BAD_AXIS, BAD_ARGUMENT for no arrays.
 */
export function concat(xs: readonly NDArray[], axis: number = 0): NDArray {
  const first = firstOf(xs, 'concat')
  const at = normalizeAxis(axis, first.ndim, 'concat')
  let dtype: DType = first.dtype
  let extent = 0
  xs.forEach((x, i) => {
    if (x.ndim !== first.ndim || x.shape.some((e, j) => j !== at && e !== first.shape[j])) {
      throw new TapeError(
        'SHAPE_MISMATCH',
        `concat expected shapes that agree but for axis ${at}, got ${formatShape(first.shape)} and, as array ${i}, ` +
          formatShape(x.shape),
      )
    }
    dtype = promoteTypes(dtype, x.dtype)
    extent += x.shape[at]!
  })
  return joined(xs, dtype, replaceAxes(first.shape, at, 1, [extent]), at)
}

/** Arrays of one dtype, one after the other along an axis of the result; each has a row for each of the axes before. */
function joined(xs: readonly NDArray[], dtype: DType, shape: Shape, at: number): NDArray {
  const out = allocateUnset(dtype, shape)
  const outer = sizeBetween(shape, 0, at)
  const outRow = sizeBetween(shape, at)
  let start = out.offset
  for (const x of xs) {
    const { buffer, offset } = x.astype(dtype)
    const row = outer === 0 ? 0 : x.size / outer
    const isMoved =
      outer > 1 && kernel.fused?.moveRuns(buffer, offset, row, out.buffer, start, outRow, row, outer)
    for (let r = 0; r < outer && isMoved !== true; r++) {
      const from = offset + r * row
      const to = start + r * outRow
      // A view costs more than moving a few elements one by one.
      if (row >= 32) out.buffer.set(buffer.subarray(from, from + row), to)
      else for (let c = 0; c < row; c++) out.buffer[to + c] = buffer[from + c]!
    }
    start += row
  }
  return out
}

/**
 * Arrays of one shape along a new axis, at this place of the result.
 *
 * Throws   SHAPE_MISMATCH, BAD_AXIS, BAD_ARGUMENT for no arrays.
 */
export function stack(xs: readonly NDArray[], axis: number = 0): NDArray {
  const first = firstOf(xs, 'stack')
  const at = normalizeAxis(axis, first.ndim + 1, 'stack')
  let dtype: DType = first.dtype
  xs.forEach((x, i) => {
    if (!sameShape(x.shape, first.shape)) {
      throw new TapeError(
        'SHAPE_MISMATCH',
        `stack expected arrays of one shape, got ${formatShape(first.shape)} and, as array ${i}, ${formatShape(x.shape)}`,
      )
    }
    dtype = promoteTypes(dtype, x.dtype)
  })
  return joined(xs, dtype, replaceAxes(first.shape, at, 0, [xs.length]), at)
}

function firstOf(xs: readonly NDArray[], what: string): NDArray {
  const first = xs[0]
  if (first === undefined)
    throw new TapeError('BAD_ARGUMENT', `${what} expected at least one array, got none`)
  return first
}

/**
 * Cuts an axis: into that many equal parts, or before each of the given indices.
 *
 * Throws   SHAPE_MISMATCH when the extent is no multiple of the number of parts, BAD_AXIS.
 * Source   NumPy `split`.
 */
export function split(x: NDArray, parts: number | readonly number[], axis: number = 0): NDArray[] {
  const at = normalizeAxis(axis, x.ndim, 'split')
  const extent = x.shape[at]!
  if (typeof parts === 'number' && (!Number.isInteger(parts) || parts < 1 || extent % parts !== 0)) {
    throw new TapeError(
      'SHAPE_MISMATCH',
      `split expected a number of parts that divides axis ${at} of ${formatShape(x.shape)}, got ${parts}`,
    )
  }
  const cuts =
    typeof parts === 'number'
      ? Array.from({ length: parts - 1 }, (_, i) => ((i + 1) * extent) / parts)
      : parts
  const before: Range[] = Array.from({ length: at }, () => null)
  return [0, ...cuts].map((start, i) => slice(x, [...before, [start, cuts[i] ?? null]]))
}

/**
 * x surrounded by a value.
 *
 * Shapes   widths [before, after] for each axis; every extent grows by their sum.
 * Throws   BAD_ARGUMENT when the widths do not match the axes; BAD_VALUE when the dtype of x cannot hold the value.
 */
export function pad(x: NDArray, widths: readonly (readonly [number, number])[], value: number = 0): NDArray {
  const fits = widths.every(([before, after]) => [before, after].every((w) => Number.isInteger(w) && w >= 0))
  if (widths.length !== x.ndim || !fits) {
    throw new TapeError(
      'BAD_ARGUMENT',
      `pad expected one [before, after] of integers of at least 0 for each axis of ${formatShape(x.shape)}, got ` +
        JSON.stringify(widths),
    )
  }
  const shape = fixedShape(x.shape.map((extent, i) => widths[i]![0] + extent + widths[i]![1]))
  const out = full(shape, value, x.dtype)
  const strides = stridesOf(shape)
  const start = widths.reduce((sum, [before], i) => sum + before * strides[i]!, out.offset)
  copyTo(x.buffer, x.offset, x.shape, strides, out.buffer, start)
  return out
}

/**
 * `[start, stop, step]` as Python's `start:stop:step`, where null or nothing takes the default; null for the
 * whole axis.
 */
export type Range = readonly [start?: number | null, stop?: number | null, step?: number | null] | null

/**
 * A part of every axis; axes without a range stay whole.
 *
 * Throws   BAD_ARGUMENT for a step of 0, no integers, or more ranges than axes. Bounds beyond the ends are
 *          cut.
 * Source   NumPy basic slicing.
 */
export function slice(x: NDArray, ranges: readonly Range[]): NDArray {
  const { offset, shape, strides } = sliced(x.shape, ranges, 'slice')
  return strided(x, offset, shape, strides)
}

/**
 * Zeros of `shape` with `gy` where `slice(…, ranges)` reads. Throws SHAPE_MISMATCH unless gy has the shape of
 * that slice.
 */
export function scatterSlice(gy: NDArray, ranges: readonly Range[], shape: Shape): NDArray {
  const part = sliced(requireShape(shape, 'scatterSlice'), ranges, 'scatterSlice')
  if (!sameShape(part.shape, gy.shape)) {
    throw new TapeError(
      'SHAPE_MISMATCH',
      `scatterSlice expected an array of shape ${formatShape(part.shape)}, got ${formatShape(gy.shape)}`,
    )
  }
  const out = allocate(gy.dtype, copyShape(shape))
  copyTo(gy.buffer, gy.offset, gy.shape, part.strides, out.buffer, out.offset + part.offset)
  return out
}

function sliced(
  from: Shape,
  ranges: readonly Range[],
  what: string,
): { offset: number; shape: number[]; strides: number[] } {
  if (ranges.length > from.length) {
    throw new TapeError(
      'BAD_ARGUMENT',
      `${what} expected at most ${from.length} ranges for ${formatShape(from)}, got ${ranges.length}`,
    )
  }
  const strides = stridesOf(from)
  const shape = [...from]
  let offset = 0
  ranges.forEach((range, axis) => {
    const extent = from[axis]!
    const [start, stop, step = 1] = (range ?? []).map((bound) => bound ?? undefined)
    if (step === 0 || ![start ?? 0, stop ?? 0, step].every(Number.isInteger)) {
      throw new TapeError(
        'BAD_ARGUMENT',
        `${what} expected [start, stop, step] of integers, the step not 0, got ${valueText(range)} for axis ${axis}`,
      )
    }
    const first = bound(start ?? (step > 0 ? 0 : extent), extent, step)
    const end = stop === undefined ? (step > 0 ? extent : -1) : bound(stop, extent, step)
    const count = Math.max(0, Math.ceil((end - first) / step))
    if (count > 0) offset += first * strides[axis]!
    strides[axis] = strides[axis]! * step
    shape[axis] = count
  })
  return { offset, shape, strides }
}

/** Python's rule: from the end when negative, then cut to [0, n], or to [-1, n - 1] on the way down. */
function bound(at: number, extent: number, step: number): number {
  const position = at < 0 ? at + extent : at
  return step > 0 ? Math.min(Math.max(position, 0), extent) : Math.min(Math.max(position, -1), extent - 1)
}

/** Each element less the one before it along an axis, which gets shorter by one. As in `sub`, integers wrap. Throws BAD_DTYPE for bools. */
export function differences(x: NDArray, axis: number): NDArray {
  if (x.dtype === 'bool')
    throw new TapeError('BAD_DTYPE', 'diff expected numbers, got bool; convert with astype')
  const extent = x.shape[axis]!
  const out = allocateUnset(x.dtype, replaceAxes(x.shape, axis, 1, [Math.max(0, extent - 1)]))
  if (out.size === 0) return out
  const outer = sizeBetween(x.shape, 0, axis)
  const inner = sizeBetween(x.shape, axis + 1)
  const { buffer, offset } = x
  // Rows of differences are taken from two rows that lie beside each other: of all examples at once where they are single elements.
  const [rows, columns] = inner === 1 ? [outer, extent - 1] : [1, (extent - 1) * inner]
  const step = inner === 1 ? extent : 0
  for (let r = 0; r < (inner === 1 ? 1 : outer); r++) {
    const at = offset + r * extent * inner
    kernel.binary(
      ...(['sub', rows, columns, buffer, at + inner, step, 1, buffer, at, step, 1] as const),
      ...([out.buffer, out.offset + r * columns] as const),
    )
  }
  return out
}
