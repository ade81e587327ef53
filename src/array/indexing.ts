/**
 * Elements named by arrays of indices, and the transposes of that, which add into zeros. Indices are int32 or
 * uint8; a negative one counts from the end. Sums run in row-major order of the indices, so equal calls give
 * equal bits.
 */
import { TapeError } from '../errors.js'
import { stridesOf } from './broadcast.js'
import type { DType } from './dtype.js'
import { getDefaultDtype, requireDType } from './dtype.js'
import type { PlaceOp } from './fused-primitives.js'
import { kernel } from './kernel.js'
import { allocate, allocateUnset, type NDArray } from './ndarray.js'
import {
  copyShape,
  formatShape,
  normalizeAxis,
  replaceAxes,
  requireShape,
  type Shape,
  sameShape,
  sizeBetween,
} from './shape.js'

/**
 * The slices of x that the indices name, along one axis.
 *
 * Shapes   x [a…, n, b…], indices [i…] → [a…, i…, b…]
 * Throws   INDEX_OUT_OF_RANGE, BAD_AXIS, BAD_DTYPE unless the indices are int32 or uint8.
 * Source   NumPy `take`.
 */
export function take(x: NDArray, indices: NDArray, axis: number = 0): NDArray {
  const at = normalizeAxis(axis, x.ndim, 'take')
  const extent = x.shape[at]!
  requireIndices(indices, 'take')
  const outer = sizeBetween(x.shape, 0, at)
  const inner = sizeBetween(x.shape, at + 1)
  const out = allocateUnset(x.dtype, replaceAxes(x.shape, at, 1, indices.shape))
  if (atOnce('take', x, indices, out, outer, extent, indices.size, inner)) return out
  let to = out.offset
  const { buffer } = x
  const wide = buffer instanceof Float64Array && inner < COPIED_AT_ONCE ? buffer : null
  for (let r = 0; r < outer; r++) {
    for (let i = 0; i < indices.size; i++, to += inner) {
      const from = x.offset + (r * extent + position(indices, i, extent, 'take')) * inner
      if (wide !== null) copyFloat64(wide, from, out.buffer as Float64Array, to, inner)
      else if (inner >= 32) out.buffer.set(x.buffer.subarray(from, from + inner), to)
      else for (let c = 0; c < inner; c++) out.buffer[to + c] = x.buffer[from + c]!
    }
  }
  return out
}

/** From this many elements on the engine's own copy is faster than a loop. */
const COPIED_AT_ONCE = 512

function copyFloat64(x: Float64Array, from: number, out: Float64Array, to: number, count: number): void {
  for (let i = 0; i < count; i++) out[to + i] = x[from + i]!
}

function addRowFloat64(x: Float64Array, from: number, out: Float64Array, to: number, count: number): void {
  for (let i = 0; i < count; i++) out[to + i]! += x[from + i]!
}

/**
 * The transpose of `take`: zeros to which every slice of gy is added where `take` read it, in the order of
 * the indices. As in `add`, integers wrap and of bools it is the logical or.
 *
 * Shapes   gy [a…, i…, b…], indices [i…] → [a…, size, b…]
 * Throws   SHAPE_MISMATCH, INDEX_OUT_OF_RANGE, BAD_AXIS, BAD_DTYPE.
 */
export function scatterTake(gy: NDArray, indices: NDArray, axis: number, size: number): NDArray {
  const at = normalizeAxis(axis, gy.ndim - indices.ndim + 1, 'scatterTake')
  if (!sameShape(gy.shape.slice(at, at + indices.ndim), indices.shape)) {
    throw new TapeError(
      'SHAPE_MISMATCH',
      `scatterTake expected the axes of the indices ${formatShape(indices.shape)} at axis ${at}, got ${formatShape(gy.shape)}`,
    )
  }
  requireIndices(indices, 'scatterTake')
  const outer = sizeBetween(gy.shape, 0, at)
  const inner = sizeBetween(gy.shape, at + indices.ndim)
  const shape = replaceAxes(gy.shape, at, indices.ndim, [size])
  const out = allocate(gy.dtype, requireShape(shape, 'scatterTake'))
  if (atOnce('scatterTake', gy, indices, out, outer, size, indices.size, inner)) return out
  const bool = gy.dtype === 'bool'
  const wide = gy.buffer instanceof Float64Array ? gy.buffer : null
  let from = gy.offset
  for (let r = 0; r < outer; r++) {
    for (let i = 0; i < indices.size; i++, from += inner) {
      const to = out.offset + (r * size + position(indices, i, size, 'scatterTake')) * inner
      if (wide !== null) addRowFloat64(wide, from, out.buffer as Float64Array, to, inner)
      else if (bool) for (let c = 0; c < inner; c++) out.buffer[to + c]! |= gy.buffer[from + c]!
      else for (let c = 0; c < inner; c++) out.buffer[to + c]! += gy.buffer[from + c]!
    }
  }
  return out
}

/**
 * One element for every index: out[i, j] = x[indices[i, j], j] for axis 0, and so on.
 *
 * Shapes   indices have as many axes as x, and but for `axis` no extent above that of x; the result has their
 *          shape.
 * Throws   SHAPE_MISMATCH, INDEX_OUT_OF_RANGE, BAD_AXIS, BAD_DTYPE.
 * Source   PyTorch `gather`.
 */
export function gather(x: NDArray, indices: NDArray, axis: number): NDArray {
  const along = requirePlaces(x.shape, indices, axis, 'gather')
  const out = allocateUnset(x.dtype, indices.shape, indices.size)
  if (elementsAtOnce('gather', x, indices, out, x.shape, along)) return out
  const { buffer: from, offset } = x
  const { buffer: to, offset: at } = out
  const { buffer: which, offset: first } = indices
  const isUsual = from instanceof Float64Array && to instanceof Float64Array && which instanceof Int32Array
  overRows(x.shape, indices, along, 'gather', (row, width, base, step, extent, stride) => {
    if (isUsual)
      return readRow(from, offset + base, which, first + row, width, step, extent, stride, to, at + row)
    for (let j = 0; j < width; j++) {
      const index = which[first + row + j]!
      if (index < -extent || index >= extent) return j
      to[at + row + j] = from[offset + base + j * step + (index < 0 ? index + extent : index) * stride]!
    }
    return -1
  })
  return out
}

/**
 * The transpose of `gather`: zeros of `shape` to which every value is added at its index, in row-major order
 * of the values. As in `add`, integers wrap and of bools it is the logical or.
 *
 * Shapes   values as indices; indices against `shape` as in `gather`.
 * Throws   SHAPE_MISMATCH, INDEX_OUT_OF_RANGE, BAD_AXIS, BAD_DTYPE.
 * Source   PyTorch `scatter_add`.
 */
export function scatterAdd(shape: Shape, indices: NDArray, axis: number, values: NDArray): NDArray {
  const along = requirePlaces(requireShape(shape, 'scatterAdd'), indices, axis, 'scatterAdd')
  if (!sameShape(values.shape, indices.shape)) {
    throw new TapeError(
      'SHAPE_MISMATCH',
      `scatterAdd expected one value for each index, got values ${formatShape(values.shape)} and indices ` +
        formatShape(indices.shape),
    )
  }
  const out = allocate(values.dtype, copyShape(shape))
  if (elementsAtOnce('scatterAdd', values, indices, out, shape, along)) return out
  const { buffer: to, offset } = out
  const { buffer: from, offset: at } = values
  const { buffer: which, offset: first } = indices
  const isUsual = from instanceof Float64Array && to instanceof Float64Array && which instanceof Int32Array
  const isBool = values.dtype === 'bool'
  overRows(shape, indices, along, 'scatterAdd', (row, width, base, step, extent, stride) => {
    if (isUsual)
      return addRow(from, at + row, which, first + row, width, step, extent, stride, to, offset + base)
    for (let j = 0; j < width; j++) {
      const index = which[first + row + j]!
      if (index < -extent || index >= extent) return j
      const place = offset + base + j * step + (index < 0 ? index + extent : index) * stride
      if (isBool) to[place]! |= from[at + row + j]!
      else to[place]! += from[at + row + j]!
    }
    return -1
  })
  return out
}

/** a + b in the memory of b, which nobody else has; of one shape and one floating dtype. */
export function addedInto(a: NDArray, b: NDArray): NDArray {
  kernel.binary('add', 1, b.size, a.buffer, a.offset, 0, 1, b.buffer, b.offset, 0, 1, b.buffer, b.offset)
  return b
}

/**
 * 1 where the class is that of the index, else 0.
 *
 * Shapes   indices [i…] → [i…, classes]
 * Throws   INDEX_OUT_OF_RANGE, also for negative indices; BAD_ARGUMENT, BAD_DTYPE.
 */
export function oneHot(indices: NDArray, classes: number, dtype: DType = getDefaultDtype()): NDArray {
  if (!Number.isInteger(classes) || classes < 0) {
    throw new TapeError('BAD_ARGUMENT', `oneHot expected a number of classes, got ${String(classes)}`)
  }
  requireIndices(indices, 'oneHot')
  const out = allocate(requireDType(dtype, 'oneHot'), replaceAxes(indices.shape, indices.ndim, 0, [classes]))
  for (let i = 0; i < indices.size; i++) {
    const index = indices.buffer[indices.offset + i]!
    if (index < 0 || index >= classes) outOfRange(index, i, classes, 0, 'oneHot')
    out.buffer[out.offset + i * classes + index] = 1
  }
  return out
}

function requireIndices(indices: NDArray, what: string): void {
  if (indices.dtype !== 'int32' && indices.dtype !== 'uint8') {
    throw new TapeError(
      'BAD_DTYPE',
      `${what} expected indices of dtype int32 or uint8, got ${indices.dtype}; use astype('int32')`,
    )
  }
}

/** Index number i, counted from the front. */
function position(indices: NDArray, i: number, extent: number, what: string): number {
  const index = indices.buffer[indices.offset + i]!
  if (index < -extent || index >= extent) outOfRange(index, i, extent, -extent, what)
  return index < 0 ? index + extent : index
}

function outOfRange(index: number, at: number, extent: number, least: number, what: string): never {
  const range = extent === 0 ? 'no index, as the axis is empty' : `indices from ${least} to ${extent - 1}`
  throw new TapeError(
    'INDEX_OUT_OF_RANGE',
    `${what} expected ${range}, got ${index} at element ${at} of the indices`,
  )
}

/** Whether the kernel did it in one call. Throws INDEX_OUT_OF_RANGE. */
function atOnce(
  op: PlaceOp,
  x: NDArray,
  indices: NDArray,
  out: NDArray,
  outer: number,
  extent: number,
  count: number,
  inner: number,
): boolean {
  const found = kernel.fused?.atPlaces(
    ...([op, x.buffer, x.offset, indices.buffer, indices.offset, out.buffer, out.offset] as const),
    ...([outer, extent, count, inner] as const),
  )
  if (found === undefined || found === null) return false
  if (found >= 0) outOfRange(indices.buffer[indices.offset + found]!, found, extent, -extent, op)
  return true
}

/** The same where an index belongs to each element, if but for the axis the indices reach over all of `shape`. */
function elementsAtOnce(
  op: PlaceOp,
  x: NDArray,
  indices: NDArray,
  out: NDArray,
  shape: Shape,
  at: number,
): boolean {
  if (indices.shape.some((extent, i) => i !== at && extent !== shape[i]!)) return false
  const [outer, inner] = [sizeBetween(shape, 0, at), sizeBetween(shape, at + 1)]
  return atOnce(op, x, indices, out, outer, shape[at]!, indices.shape[at]!, inner)
}

/** The axis, which the indices fit. */
function requirePlaces(shape: Shape, indices: NDArray, axis: number, what: string): number {
  const at = normalizeAxis(axis, shape.length, what)
  if (indices.ndim !== shape.length || indices.shape.some((extent, i) => i !== at && extent > shape[i]!)) {
    throw new TapeError(
      'SHAPE_MISMATCH',
      `${what} expected indices with the axes of ${formatShape(shape)} and, but for axis ${at}, no larger extents, got ` +
        formatShape(indices.shape),
    )
  }
  requireIndices(indices, what)
  return at
}

/**
 * What is done with a row of indices, `width` of them from number `row` on: number j names the place base + j·step + index·stride, where an
 * index below 0 counts from `extent`. Gives the number of the first in the row that names nothing, or −1.
 */
type RowVisit = (
  row: number,
  width: number,
  base: number,
  step: number,
  extent: number,
  stride: number,
) => number

/**
 * Every row of indices along the last axis: each index counts along axis `at` of an array of `shape`, its other coordinates being its own.
 */
function overRows(shape: Shape, indices: NDArray, at: number, what: string, visit: RowVisit): void {
  if (indices.size === 0) return
  const strides = stridesOf(shape)
  const last = shape.length - 1
  const [width, extent, stride] = [indices.shape[last]!, shape[at]!, strides[at]!]
  // Along the last axis the place grows by one with each element, unless that is the axis of the indices.
  const step = at === last ? 0 : 1
  const coordinates = shape.map(() => 0)
  let base = 0
  for (let row = 0; row < indices.size; row += width) {
    const wrong = visit(row, width, base, step, extent, stride)
    if (wrong >= 0)
      outOfRange(indices.buffer[indices.offset + row + wrong]!, row + wrong, extent, -extent, what)
    for (let d = last - 1; d >= 0; d--) {
      const move = d === at ? 0 : strides[d]!
      base += move
      if (++coordinates[d]! < indices.shape[d]!) break
      base -= move * indices.shape[d]!
      coordinates[d] = 0
    }
  }
}

// The commonest element types have loops compiled for them alone. Arguments as RowVisit's.

function readRow(
  x: Float64Array,
  from: number,
  which: Int32Array,
  first: number,
  width: number,
  step: number,
  extent: number,
  stride: number,
  out: Float64Array,
  to: number,
): number {
  if (stride === 1 && step === 0) {
    for (let j = 0; j < width; j++) {
      const index = which[first + j]!
      if (index < -extent || index >= extent) return j
      out[to + j] = x[(index < 0 ? from + extent : from) + index]!
    }
    return -1
  }
  for (let j = 0; j < width; j++) {
    const index = which[first + j]!
    if (index < -extent || index >= extent) return j
    out[to + j] = x[from + j * step + (index < 0 ? index + extent : index) * stride]!
  }
  return -1
}

function addRow(
  values: Float64Array,
  from: number,
  which: Int32Array,
  first: number,
  width: number,
  step: number,
  extent: number,
  stride: number,
  out: Float64Array,
  to: number,
): number {
  if (stride === 1 && step === 0) {
    for (let j = 0; j < width; j++) {
      const index = which[first + j]!
      if (index < -extent || index >= extent) return j
      out[(index < 0 ? to + extent : to) + index]! += values[from + j]!
    }
    return -1
  }
  for (let j = 0; j < width; j++) {
    const index = which[first + j]!
    if (index < -extent || index >= extent) return j
    out[to + j * step + (index < 0 ? index + extent : index) * stride]! += values[from + j]!
  }
  return -1
}
