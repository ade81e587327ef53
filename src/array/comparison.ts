/**
 * Comparisons, logic and choice by a condition, with NumPy's broadcasting. Results of comparisons and logic
 * are bool.
 *
 * Common to all two-operand functions here:
 * Shapes   a, b broadcast.
 * Throws   SHAPE_MISMATCH when they do not.
 */
import { forEachPair } from './broadcast.js'
import { promoteTypes, type TypedArray } from './dtype.js'
import { maximum, minimum } from './elementwise.js'
import { kernel } from './kernel.js'
import { allocate, allocateUnset, type NDArray, scalar } from './ndarray.js'
import type { CompareOp } from './primitives.js'
import { broadcastTo } from './rearrange.js'
import { broadcastShapes, sameShape, sizeOf } from './shape.js'

/** False where either is NaN. */
export function equal(a: NDArray, b: NDArray): NDArray {
  return compare('equal', a, b)
}

/** True where either is NaN. */
export function notEqual(a: NDArray, b: NDArray): NDArray {
  return compare('notEqual', a, b)
}

export function less(a: NDArray, b: NDArray): NDArray {
  return compare('less', a, b)
}

export function lessEqual(a: NDArray, b: NDArray): NDArray {
  return compare('lessEqual', a, b)
}

export function greater(a: NDArray, b: NDArray): NDArray {
  return compare('greater', a, b)
}

export function greaterEqual(a: NDArray, b: NDArray): NDArray {
  return compare('greaterEqual', a, b)
}

function compare(op: CompareOp, a: NDArray, b: NDArray): NDArray {
  const dtype = promoteTypes(a.dtype, b.dtype)
  const x = a.astype(dtype)
  const y = b.astype(dtype)
  const shape = broadcastShapes(x.shape, y.shape, op)
  const out = allocate('bool', shape)
  const bytes = out.buffer as Uint8Array
  forEachPair(x.shape, y.shape, shape, (rows, columns, xo, xr, xc, yo, yr, yc, at) => {
    const [xs, ys] = [x.offset + xo, y.offset + yo]
    kernel.compare(op, rows, columns, x.buffer, xs, xr, xc, y.buffer, ys, yr, yc, bytes, out.offset + at)
  })
  return out
}

/** Numbers count as true unless they are 0; NaN is true. */
export function logicalAnd(a: NDArray, b: NDArray): NDArray {
  const [x, y] = [a.astype('bool'), b.astype('bool')]
  if (!sameShape(x.shape, y.shape)) return minimum(x, y)
  const out = allocateUnset('bool', x.shape, x.size)
  const [from, other, to] = [x.buffer as Uint8Array, y.buffer as Uint8Array, out.buffer as Uint8Array]
  for (let i = 0; i < x.size; i++) to[out.offset + i] = from[x.offset + i]! & other[y.offset + i]!
  return out
}

export function logicalOr(a: NDArray, b: NDArray): NDArray {
  return maximum(a.astype('bool'), b.astype('bool'))
}

export function logicalNot(x: NDArray): NDArray {
  return equal(x, scalar(0, x.dtype))
}

/**
 * a where the condition is not 0, else b.
 *
 * Shapes   condition, a, b broadcast; the dtype is that in which a and b meet.
 * Throws   SHAPE_MISMATCH when they do not broadcast.
 */
export function where(condition: NDArray, a: NDArray, b: NDArray): NDArray {
  const dtype = promoteTypes(a.dtype, b.dtype)
  const shape = broadcastShapes(broadcastShapes(a.shape, b.shape, 'where'), condition.shape, 'where')
  const c = broadcastTo(condition, shape)
  const x = broadcastTo(a.astype(dtype), shape)
  const y = broadcastTo(b.astype(dtype), shape)
  const out = allocateUnset(dtype, shape, sizeOf(shape))
  const { buffer, offset, size } = out
  const places = [c.offset, x.offset, y.offset, offset, size] as const
  if (c.dtype === 'bool' && dtype === 'float64')
    chooseFloat64(
      c.buffer as Uint8Array,
      x.buffer as Float64Array,
      y.buffer as Float64Array,
      buffer as Float64Array,
      ...places,
    )
  else choose(c.buffer, x.buffer, y.buffer, buffer, ...places)
  return out
}

function choose(
  c: TypedArray,
  x: TypedArray,
  y: TypedArray,
  out: TypedArray,
  co: number,
  xo: number,
  yo: number,
  oo: number,
  size: number,
): void {
  for (let i = 0; i < size; i++) out[oo + i] = c[co + i] !== 0 ? x[xo + i]! : y[yo + i]!
}

/** The same as `choose`; written twice so that the commonest element types have a loop compiled for them alone. */
function chooseFloat64(
  c: Uint8Array,
  x: Float64Array,
  y: Float64Array,
  out: Float64Array,
  co: number,
  xo: number,
  yo: number,
  oo: number,
  size: number,
): void {
  for (let i = 0; i < size; i++) out[oo + i] = c[co + i] !== 0 ? x[xo + i]! : y[yo + i]!
}
