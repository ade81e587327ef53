/**
 * Sums, extremes and their kin over axes. Sums of floats are added in NumPy's order and equal `np.sum` bit
 * for bit, but for more than 512 rows, whose sum by halves is more exact (docs/kernels.md); sums and products of integers and bools are exact and become int32, and one that does not fit is
 * an error instead of a wrong number.
 *
 * Common to all functions with options here:
 * Shapes   without `axis` over all axes, else over the given ones, which vanish; with `keepdims` they stay as
 *          1.
 * Throws   BAD_AXIS.
 */
import { TapeError } from '../errors.js'
import { type DType, isFloating, newStorage, type TypedArray } from './dtype.js'
import { add, exp, log, sub } from './elementwise.js'
import { sumParts } from './halves.js'
import { kernel } from './kernel.js'
import { allocate, allocateUnset, type NDArray, viewOf } from './ndarray.js'
import type { ReduceOp } from './primitives.js'
import {
  copyShape,
  fixedShape,
  formatShape,
  normalizeAxes,
  normalizeAxis,
  replaceAxes,
  requireShape,
  SCALAR,
  type Shape,
  sameShape,
  sizeBetween,
  sizeOf,
} from './shape.js'

export type ReduceOptions = { axis?: number | readonly number[] | undefined; keepdims?: boolean | undefined }

/** Throws also BAD_VALUE when a sum of integers does not fit int32. */
export function sum(x: NDArray, options?: ReduceOptions): NDArray {
  return total('sum', x, normalizeAxes(options?.axis, x.ndim, 'sum'), options?.keepdims ?? false)
}

/** Throws also BAD_VALUE when a product of integers does not fit int32. */
export function prod(x: NDArray, options?: ReduceOptions): NDArray {
  return total('prod', x, normalizeAxes(options?.axis, x.ndim, 'prod'), options?.keepdims ?? false)
}

/** Up to this many factors the products of the others are taken one by one, each as `prod` takes it. */
const FACTORS_MAX = 64

/**
 * For each element the product of all others along the last axis; a row of n takes a number of steps that grows with n.
 * Integers and bools count as float64.
 *
 * Throws   BAD_AXIS for a scalar.
 */
export function prodOthers(x: NDArray): NDArray {
  const [axis] = normalizeAxes([-1], x.ndim, 'prodOthers')
  const from = isFloating(x.dtype) ? x : x.astype('float64')
  const n = x.shape[axis!]!
  const out = allocate(from.dtype, x.shape, x.size)
  const row = newStorage(from.dtype, n)
  const one = newStorage(from.dtype, 1)
  for (let start = 0; start < x.size; start += n) {
    for (let i = 0; i < n; i++) row[i] = from.buffer[from.offset + start + i]!
    const without = (i: number): number => {
      const value = row[i]!
      row[i] = 1
      one[0] = 1
      kernel.reduceRows('prod', row, 0, 1, n, one, 0)
      row[i] = value
      return one[0]!
    }
    const to = out.offset + start
    if (n <= FACTORS_MAX) {
      for (let i = 0; i < n; i++) out.buffer[to + i] = without(i)
      continue
    }
    // All before an element times all behind it.
    let before = 1
    for (let i = 0; i < n; i++) {
      out.buffer[to + i] = before
      before *= row[i]!
    }
    let behind = 1
    for (let i = n - 1; i >= 0; i--) {
      out.buffer[to + i] = out.buffer[to + i]! * behind
      behind *= row[i]!
    }
    const zero = row.indexOf(0)
    if (zero >= 0 && row.lastIndexOf(0) === zero) out.buffer[to + zero] = without(zero)
  }
  return out
}

/** The sum divided by the number of elements; float64 for integers and bools; NaN of nothing. */
export function mean(x: NDArray, options?: ReduceOptions): NDArray {
  const axes = normalizeAxes(options?.axis, x.ndim, 'mean')
  const from = isFloating(x.dtype) ? x : x.astype('float64')
  const out = total('sum', from, axes, options?.keepdims ?? false)
  const count = axes.reduce((product, axis) => product * x.shape[axis]!, 1)
  for (let i = out.offset; i < out.offset + out.size; i++) out.buffer[i] = out.buffer[i]! / count
  return out
}

/** NaN where there is one. Throws also BAD_VALUE for the maximum of nothing. */
export function max(x: NDArray, options?: ReduceOptions): NDArray {
  return extreme('max', x, options, -Infinity)
}

/** NaN where there is one. Throws also BAD_VALUE for the minimum of nothing. */
export function min(x: NDArray, options?: ReduceOptions): NDArray {
  return extreme('min', x, options, Infinity)
}

/** Whether any element is not 0, as bool; false of nothing. */
export function any(x: NDArray, options?: ReduceOptions): NDArray {
  const axes = normalizeAxes(options?.axis, x.ndim, 'any')
  return convert(reduce('max', x.astype('bool'), axes, options?.keepdims ?? false, 0), 'bool', 'any')
}

/** Whether all elements are not 0, as bool; true of nothing. */
export function all(x: NDArray, options?: ReduceOptions): NDArray {
  const axes = normalizeAxes(options?.axis, x.ndim, 'all')
  return convert(reduce('min', x.astype('bool'), axes, options?.keepdims ?? false, 1), 'bool', 'all')
}

function total(op: 'sum' | 'prod', x: NDArray, axes: readonly number[], keepdims: boolean): NDArray {
  const out = reduce(op, x, axes, keepdims, op === 'sum' ? 0 : 1)
  return isFloating(x.dtype) ? out : convert(out, 'int32', op)
}

function extreme(op: 'max' | 'min', x: NDArray, options: ReduceOptions | undefined, start: number): NDArray {
  const axes = normalizeAxes(options?.axis, x.ndim, op)
  if (axes.some((axis) => x.shape[axis] === 0) && sizeOf(x.shape.filter((_, i) => !axes.includes(i))) > 0) {
    throw new TapeError(
      'BAD_VALUE',
      `${op} expected at least one element along its axes, got ${formatShape(x.shape)}`,
    )
  }
  const out = reduce(op, x, axes, options?.keepdims ?? false, start)
  return isFloating(x.dtype) ? out : convert(out, x.dtype, op)
}

/** Float64 results of integers in their dtype; those that do not fit are refused. */
function convert(x: NDArray, dtype: DType, what: string): NDArray {
  const out = allocate(dtype, x.shape, x.size)
  for (let i = 0; i < x.size; i++) {
    const value = x.buffer[x.offset + i]!
    out.buffer[out.offset + i] = value
    if (out.buffer[out.offset + i] !== value) {
      throw new TapeError(
        'BAD_VALUE',
        `${what} expected a result that fits ${dtype}, got ${value}; convert the operand with astype('float64')`,
      )
    }
  }
  return out
}

/**
 * The common walk. Axes of extent 1 are left out and neighbours of one kind (kept or reduced) merged. Then
 * the kernel takes the two innermost groups, and the groups before them are a loop: this is the order of
 * NumPy's iterator for contiguous arrays, so sums get its bits: pairwise along a last axis, row upon row over
 * leading ones.
 */
function reduce(
  op: ReduceOp,
  x: NDArray,
  axes: readonly number[],
  keepdims: boolean,
  start: number,
): NDArray {
  const isReduced = x.shape.map(() => false)
  for (const axis of axes) isReduced[axis] = true
  const shape: number[] = []
  const extents: number[] = []
  const kinds: boolean[] = []
  for (let axis = 0; axis < x.shape.length; axis++) {
    const extent = x.shape[axis]!
    const reduced = isReduced[axis]!
    if (!reduced) shape.push(extent)
    else if (keepdims) shape.push(1)
    if (extent === 1) continue
    if (kinds.length > 0 && kinds[kinds.length - 1] === reduced) extents[extents.length - 1]! *= extent
    else {
      extents.push(extent)
      kinds.push(reduced)
    }
  }
  const out = allocate(x.dtype === 'float32' ? 'float32' : 'float64', fixedShape(shape))
  if (start !== 0) out.buffer.fill(start, out.offset, out.offset + out.size)
  if (x.size > 0) reduceGroups(op, x, x.offset, out.buffer, out.offset, extents, kinds, 0)
  return out
}

function reduceGroups(
  op: ReduceOp,
  x: NDArray,
  xo: number,
  out: TypedArray,
  oo: number,
  extents: readonly number[],
  kinds: readonly boolean[],
  at: number,
): void {
  const left = extents.length - at
  if (left <= 2) {
    const columns = left === 0 ? 1 : extents[at + left - 1]!
    const rows = left === 2 ? extents[at]! : 1
    if (left === 0 || kinds[at + left - 1]) kernel.reduceRows(op, x.buffer, xo, rows, columns, out, oo)
    else kernel.accumulateRows(op, x.buffer, xo, rows, columns, out, oo)
    return
  }
  let xStep = 1
  let outStep = 1
  for (let g = at + 1; g < extents.length; g++) {
    xStep *= extents[g]!
    if (!kinds[g]) outStep *= extents[g]!
  }
  const one = (i: number, to: TypedArray, start: number) =>
    reduceGroups(op, x, xo + i * xStep, to, start, extents, kinds, at + 1)
  if (!kinds[at]) for (let i = 0; i < extents[at]!; i++) one(i, out, oo + i * outStep)
  else if (op === 'sum' && kernel.sumsByHalves && isFloating(x.dtype)) {
    sumParts(kernel, 0, extents[at]!, out, oo, outStep, one)
  } else for (let i = 0; i < extents[at]!; i++) one(i, out, oo)
}

/**
 * The transpose of broadcasting: sums x over the axes along which `shape` was stretched.
 *
 * Throws   SHAPE_MISMATCH when `shape` does not stretch to that of x.
 */
export function sumTo(x: NDArray, shape: Shape): NDArray {
  if (sameShape(x.shape, shape)) return viewOf(x, x.shape)
  if (isRowOf(x, shape)) {
    const out = allocate(x.dtype, fixedShape(shape), shape[0]!)
    kernel.accumulateRows('sum', x.buffer, x.offset, x.shape[0]!, shape[0]!, out.buffer, out.offset)
    return out
  }
  requireShape(shape, 'sumTo')
  const lead = x.ndim - shape.length
  const axes: number[] = []
  let stretches = lead >= 0
  for (let axis = 0; axis < x.ndim && stretches; axis++) {
    if (axis < lead || (shape[axis - lead] === 1 && x.shape[axis] !== 1)) axes.push(axis)
    else stretches = shape[axis - lead] === x.shape[axis]
  }
  if (!stretches) {
    throw new TapeError(
      'SHAPE_MISMATCH',
      `sumTo expected a shape that stretches to ${formatShape(x.shape)}, got ${formatShape(shape)}`,
    )
  }
  const summed = axes.every((axis) => x.shape[axis] === 1) ? x : total('sum', x, axes, false)
  return viewOf(summed, copyShape(shape))
}

/** Whether a matrix of floats is to be summed to one row, as for every bias: `reduce` comes to the same without its walk. */
function isRowOf(x: NDArray, shape: Shape): boolean {
  if (x.shape.length !== 2 || shape.length !== 1 || !isFloating(x.dtype)) return false
  return x.shape[0]! > 1 && shape[0]! > 1 && x.shape[1] === shape[0]
}

/**
 * Where the maximum is first met, as int32: along an axis, or in row-major order of all. A NaN counts as the
 * maximum.
 */
export function argmax(x: NDArray, options?: { axis?: number | undefined }): NDArray {
  return argExtreme(x, options?.axis, 1, 'argmax')
}

/**
 * Where the minimum is first met; otherwise as `argmax`. Throws BAD_VALUE, as it does, where there is no
 * element.
 */
export function argmin(x: NDArray, options?: { axis?: number | undefined }): NDArray {
  return argExtreme(x, options?.axis, -1, 'argmin')
}

function argExtreme(x: NDArray, axis: number | undefined, sign: 1 | -1, what: string): NDArray {
  const { outer, extent, inner, rest } = around(x.shape, axis, what)
  const out = allocate('int32', rest)
  if (extent === 0 && out.size > 0) {
    throw new TapeError(
      'BAD_VALUE',
      `${what} expected at least one element along its axis, got ${formatShape(x.shape)}`,
    )
  }
  for (let r = 0; r < outer; r++) {
    for (let c = 0; c < inner; c++) {
      const from = x.offset + r * extent * inner + c
      out.buffer[out.offset + r * inner + c] =
        x.buffer instanceof Float64Array
          ? firstFloat64(x.buffer, from, extent, inner, sign)
          : firstOfAny(x.buffer, from, extent, inner, sign)
    }
  }
  return out
}

/** Where a row first has its extreme. NaN is one. */
function firstOfAny(x: TypedArray, from: number, extent: number, step: number, sign: 1 | -1): number {
  let best = 0
  let value = sign * x[from]!
  for (let i = 1; i < extent && value === value; i++) {
    const candidate = sign * x[from + i * step]!
    if (candidate <= value) continue
    best = i
    value = candidate
  }
  return best
}

/** The same as `firstOfAny`; written twice so that the commonest element type has a loop compiled for it alone. */
function firstFloat64(x: Float64Array, from: number, extent: number, step: number, sign: 1 | -1): number {
  let best = 0
  let value = sign * x[from]!
  for (let i = 1; i < extent && value === value; i++) {
    const candidate = sign * x[from + i * step]!
    if (candidate <= value) continue
    best = i
    value = candidate
  }
  return best
}

/** Extents before, at and after an axis, and the shape without it; no axis means all elements in one row. */
function around(
  shape: Shape,
  axis: number | undefined,
  what: string,
): { outer: number; extent: number; inner: number; rest: Shape } {
  if (axis === undefined) return { outer: 1, extent: sizeOf(shape), inner: 1, rest: SCALAR }
  const at = normalizeAxis(axis, shape.length, what)
  const rest = replaceAxes(shape, at, 1, SCALAR)
  return { outer: sizeBetween(shape, 0, at), extent: shape[at]!, inner: sizeBetween(shape, at + 1), rest }
}

/**
 * Running sums from the first element, along an axis, or of all elements in row-major order as one row.
 *
 * Throws   BAD_AXIS; BAD_VALUE when a sum of integers does not fit int32.
 */
export function cumsum(x: NDArray, axis?: number): NDArray {
  // A scalar counts as a row of one element, as in NumPy.
  if (x.ndim === 0 && (axis === 0 || axis === -1)) return cumsum(x)
  const { outer, extent, inner } = around(x.shape, axis, 'cumsum')
  const dtype = isFloating(x.dtype) ? x.dtype : 'float64'
  const shape = axis === undefined ? fixedShape([x.size]) : x.shape
  const out = allocateUnset(dtype, shape, x.size)
  if (x.buffer instanceof Float64Array) {
    runFloat64(x.buffer, x.offset, outer, extent, inner, out.buffer as Float64Array, out.offset)
    return out
  }
  for (let r = 0; r < outer; r++) {
    for (let i = 0; i < extent; i++) {
      for (let c = 0; c < inner; c++) {
        const at = (r * extent + i) * inner + c
        const value = x.buffer[x.offset + at]!
        out.buffer[out.offset + at] = i === 0 ? value : out.buffer[out.offset + at - inner]! + value
      }
    }
  }
  return isFloating(x.dtype) ? out : convert(out, 'int32', 'cumsum')
}

/** The same, in loops compiled for the commonest element type alone. */
function runFloat64(
  x: Float64Array,
  from: number,
  outer: number,
  extent: number,
  inner: number,
  out: Float64Array,
  to: number,
): void {
  for (let r = 0; r < outer; r++) {
    const start = r * extent * inner
    if (inner === 1) {
      if (extent === 0) continue
      let sum = x[from + start]!
      out[to + start] = sum
      for (let i = start + 1; i < start + extent; i++) {
        sum += x[from + i]!
        out[to + i] = sum
      }
      continue
    }
    if (extent > 0) for (let i = start; i < start + inner; i++) out[to + i] = x[from + i]!
    for (let i = start + inner; i < start + extent * inner; i++)
      out[to + i] = out[to + i - inner]! + x[from + i]!
  }
}

/**
 * log Σ eˣ, without overflow; -Infinity where all are. Integers count as float64. Throws also BAD_VALUE for
 * nothing.
 */
export function logSumExp(x: NDArray, options?: ReduceOptions): NDArray {
  const from = isFloating(x.dtype) ? x : x.astype('float64')
  const axes = normalizeAxes(options?.axis, x.ndim, 'logSumExp')
  const most = max(from, { axis: axes, keepdims: true })
  // Where the maximum is infinite, x − max would be NaN; there, 0 in its place gives ±∞ by itself.
  const shift = most.map((value) => (Number.isFinite(value) ? value : 0))
  const sums = sum(exp(sub(from, shift)), { axis: axes, keepdims: true })
  const result = add(log(sums), shift)
  return options?.keepdims ? result : viewOf(result, fixedShape(x.shape.filter((_, i) => !axes.includes(i))))
}
