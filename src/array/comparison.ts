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
import { broadcastShapes, type Shape, sameShape, sizeOf } from './shape.js'

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
  const { buffer: xs, offset: at } = x
  // Nearly all comparisons are of one shape, or with one number; they need no walk.
  const step = sameShape(x.shape, y.shape) ? 1 : 0
  if (step === 1 || (y.size === 1 && y.ndim <= x.ndim)) {
    const made = allocate('bool', x.shape, x.size)
    const { buffer, offset } = made
    kernel.compare(op, 1, x.size, xs, at, 0, 1, y.buffer, y.offset, 0, step, buffer as Uint8Array, offset)
    return made
  }
  const shape = broadcastShapes(x.shape, y.shape, op)
  const out = allocate('bool', shape)
  const bytes = out.buffer as Uint8Array
  forEachPair(x.shape, y.shape, shape, (rows, columns, xo, xr, xc, yo, yr, yc, place) => {
    const [from, other, to] = [at + xo, y.offset + yo, out.offset + place]
    kernel.compare(op, rows, columns, xs, from, xr, xc, y.buffer, other, yr, yc, bytes, to)
  })
  return out
}

/** What is not 0, as bool. */
function truthOf(x: NDArray): NDArray {
  return x.dtype === 'bool' ? x : notEqual(x, scalar(0, x.dtype))
}

type Words = Uint8Array | Int32Array

/** The bytes of three arrays of one size, four at a time where all of them lie so. */
function wordsOf(a: NDArray, b: NDArray, out: NDArray): readonly [Words, Words, Words] {
  const all = [a, b, out].map(({ buffer, offset, size }) => ({
    memory: buffer.buffer as ArrayBuffer,
    from: buffer.byteOffset + offset,
    size,
  }))
  const isAligned = a.size % 4 === 0 && all.every(({ from }) => from % 4 === 0)
  const views = all.map(({ memory, from, size }) =>
    isAligned ? new Int32Array(memory, from, size / 4) : new Uint8Array(memory, from, size),
  )
  return views as [Words, Words, Words]
}

/** Numbers count as true unless they are 0; NaN is true. */
export function logicalAnd(a: NDArray, b: NDArray): NDArray {
  const [x, y] = [truthOf(a), truthOf(b)]
  if (!sameShape(x.shape, y.shape)) return minimum(x, y)
  const out = allocateUnset('bool', x.shape, x.size)
  const [from, other, to] = wordsOf(x, y, out)
  for (let i = 0; i < from.length; i++) to[i] = from[i]! & other[i]!
  return out
}

export function logicalOr(a: NDArray, b: NDArray): NDArray {
  const [x, y] = [truthOf(a), truthOf(b)]
  if (!sameShape(x.shape, y.shape)) return maximum(x, y)
  const out = allocateUnset('bool', x.shape, x.size)
  const [from, other, to] = wordsOf(x, y, out)
  for (let i = 0; i < from.length; i++) to[i] = from[i]! | other[i]!
  return out
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
  const out = allocateUnset(dtype, shape, sizeOf(shape))
  const { buffer, offset, size } = out
  const [left, right] = [a.astype(dtype), b.astype(dtype)]
  const [leftStep, rightStep] = [stepOf(left, shape), stepOf(right, shape)]
  if (c.dtype === 'bool' && leftStep !== null && rightStep !== null) {
    const [from, other] = [left.buffer, right.buffer]
    const done = kernel.fused?.choose(
      ...([c.buffer, c.offset, from, left.offset, leftStep, other, right.offset, rightStep] as const),
      ...([buffer, offset, size] as const),
    )
    if (done) return out
  }
  const [x, y] = [broadcastTo(left, shape), broadcastTo(right, shape)]
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

/** 1 where x has this shape, 0 where it is one element that is repeated, null elsewhere. */
function stepOf(x: NDArray, shape: Shape): 0 | 1 | null {
  if (sameShape(x.shape, shape)) return 1
  return x.size === 1 ? 0 : null
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
