/**
 * Element-by-element arithmetic with NumPy's broadcasting and promotion. Never changes an operand. Two
 * float64 numbers take a short way that computes the same bits without a kernel, as most calls of a small
 * program are that.
 *
 * Common to all two-operand functions here:
 * Shapes   a, b broadcast.
 * Throws   SHAPE_MISMATCH when they do not.
 */
import { TapeError } from '../errors.js'
import { forEachPair } from './broadcast.js'
import { type DType, isFloating, promoteTypes } from './dtype.js'
import { kernel } from './kernel.js'
import { erf as erfOf, gelu as geluOf } from './math/erf.js'
import { exp2 as exp2Of, expm1 as expm1Of, exp as expOf } from './math/exp.js'
import { cosh as coshOf, sinh as sinhOf } from './math/hyperbolic.js'
import {
  arccos as arccosOf,
  arcsin as arcsinOf,
  arctan2 as arctan2Of,
  arctan as arctanOf,
} from './math/inverse-circular.js'
import { log1p as log1pOf, log as logOf } from './math/log.js'
import { isProduct, powerOf, pow as powOf } from './math/pow.js'
import { remainder as remainderOf } from './math/remainder.js'
import { sigmoid as sigmoidOf, softplus as softplusOf } from './math/sigmoid.js'
import { tanh as tanhOf } from './math/tanh.js'
import { cos as cosOf, sin as sinOf, tan as tanOf } from './math/trigonometry.js'
import { allocateUnset, float64Scalar, type NDArray } from './ndarray.js'
import type { BinaryOp, UnaryOp } from './primitives.js'
import { broadcastShapes, type Shape, sameShape } from './shape.js'

/** Whether an array is one float64, be it a scalar or [1]. */
function isNumber(x: NDArray): boolean {
  return x.size === 1 && x.dtype === 'float64'
}

/** What two shapes of one element broadcast to. */
function longer(a: NDArray, b: NDArray): Shape {
  return b.shape.length > a.shape.length ? b.shape : a.shape
}

/**
 * The value of an array of which `isNumber` is true; the cast keeps this read compiled for one element
 * type.
 */
function valueIn(x: NDArray): number {
  return (x.buffer as Float64Array)[x.offset]!
}

// --- two operands ------------------------------------------------------------------------------------------

/** bool: logical or. Integers wrap. */
export function add(a: NDArray, b: NDArray): NDArray {
  return isNumber(a) && isNumber(b)
    ? float64Scalar(valueIn(a) + valueIn(b), longer(a, b))
    : binary('add', a, b)
}

/** Throws also BAD_DTYPE for two bools, as NumPy does. */
export function sub(a: NDArray, b: NDArray): NDArray {
  return isNumber(a) && isNumber(b)
    ? float64Scalar(valueIn(a) - valueIn(b), longer(a, b))
    : binary('sub', a, b)
}

/** bool: logical and. Integers wrap. */
export function mul(a: NDArray, b: NDArray): NDArray {
  return isNumber(a) && isNumber(b)
    ? float64Scalar(valueIn(a) * valueIn(b), longer(a, b))
    : binary('mul', a, b)
}

export { isProduct }

/** x, of floats, to a power that `isProduct`, by products, roots and reciprocals. */
export function powByProducts(x: NDArray, exponent: number): NDArray {
  if (isNumber(x)) return float64Scalar(powerOf(valueIn(x), exponent), x.shape)
  if (exponent === 2) return square(x)
  if (exponent === 3) return unary('cube', x)
  if (exponent === 0.5) return abs(sqrt(x))
  if (exponent === -0.5) return reciprocal(abs(sqrt(x)))
  return exponent === -1 ? reciprocal(x) : square(reciprocal(x))
}

/** True division: integers and bools give float64. */
export function div(a: NDArray, b: NDArray): NDArray {
  return isNumber(a) && isNumber(b)
    ? float64Scalar(valueIn(a) / valueIn(b), longer(a, b))
    : binary('div', a, b)
}

/** The larger of the two; NaN where either is, and 0 is larger than -0. */
export function maximum(a: NDArray, b: NDArray): NDArray {
  return isNumber(a) && isNumber(b)
    ? float64Scalar(Math.max(valueIn(a), valueIn(b)), longer(a, b))
    : binary('maximum', a, b)
}

/** The smaller of the two; NaN where either is, and -0 is smaller than 0. */
export function minimum(a: NDArray, b: NDArray): NDArray {
  return isNumber(a) && isNumber(b)
    ? float64Scalar(Math.min(valueIn(a), valueIn(b)), longer(a, b))
    : binary('minimum', a, b)
}

/**
 * aᵇ. Integers stay integers and wrap; bools count as uint8.
 *
 * Throws   BAD_VALUE for a negative integer exponent of an integer.
 */
export function pow(a: NDArray, b: NDArray): NDArray {
  return isNumber(a) && isNumber(b)
    ? float64Scalar(powOf(valueIn(a), valueIn(b)), longer(a, b))
    : binary('pow', a, b)
}

/** The angle of the point (x, y), operands y, x, in the dtype in which they meet; integers and bools count as float64. */
export function arctan2(y: NDArray, x: NDArray): NDArray {
  if (isNumber(y) && isNumber(x)) return float64Scalar(arctan2Of(valueIn(y), valueIn(x)), longer(y, x))
  return binary('arctan2', y, x)
}

/** a − b·⌊a/b⌋; integers stay integers, and the caller has seen to it that none is divided by 0. */
export function remainder(a: NDArray, b: NDArray): NDArray {
  return isNumber(a) && isNumber(b)
    ? float64Scalar(remainderOf(valueIn(a), valueIn(b)), longer(a, b))
    : binary('remainder', a, b)
}

function binary(op: BinaryOp, a: NDArray, b: NDArray): NDArray {
  const dtype = binaryDtype(op, a.dtype, b.dtype)
  const work = dtype === 'bool' ? boolOp(op) : op
  const x = a.dtype === dtype ? a : a.astype(dtype)
  const y = b.dtype === dtype ? b : b.astype(dtype)
  if (op === 'pow' && !isFloating(dtype)) requireExponents(y)
  const aligned = x.shape.length - y.shape.length
  // Nearly all calls are of one shape, or have one element on a side; they need no walk.
  const step = sameShape(x.shape, y.shape) ? 1 : 0
  if (step === 1 || (y.size === 1 && aligned >= 0)) {
    const out = allocateUnset(dtype, x.shape, x.size)
    const { size } = x
    const at = x.offset
    kernel.binary(work, 1, size, x.buffer, at, 0, 1, y.buffer, y.offset, 0, step, out.buffer, out.offset)
    return out
  }
  if (x.size === 1 && aligned <= 0) {
    const out = allocateUnset(dtype, y.shape, y.size)
    const { size } = y
    const at = x.offset
    kernel.binary(work, 1, size, x.buffer, at, 0, 0, y.buffer, y.offset, 0, 1, out.buffer, out.offset)
    return out
  }
  const shape = broadcastShapes(x.shape, y.shape, op)
  const out = allocateUnset(dtype, shape)
  forEachPair(x.shape, y.shape, shape, (rows, columns, xo, xr, xc, yo, yr, yc, at) => {
    const [xs, ys] = [x.offset + xo, y.offset + yo]
    kernel.binary(
      work,
      rows,
      columns,
      x.buffer,
      xs,
      xr,
      xc,
      y.buffer,
      ys,
      yr,
      yc,
      out.buffer,
      out.offset + at,
    )
  })
  return out
}

function binaryDtype(op: BinaryOp, a: DType, b: DType): DType {
  const dtype = promoteTypes(a, b)
  if (op === 'div' || op === 'arctan2') return isFloating(dtype) ? dtype : 'float64'
  if (dtype !== 'bool') return dtype
  if (op === 'sub') {
    throw new TapeError(
      'BAD_DTYPE',
      'sub expected numbers, got bool and bool; use notEqual, or convert with astype',
    )
  }
  return op === 'pow' ? 'uint8' : 'bool'
}

/** On bytes of 0 and 1, or is the maximum and and is the minimum. */
function boolOp(op: BinaryOp): BinaryOp {
  return op === 'add' ? 'maximum' : op === 'mul' ? 'minimum' : op
}

function requireExponents(y: NDArray): void {
  for (let i = 0; i < y.size; i++) {
    const exponent = y.buffer[y.offset + i]!
    if (exponent < 0) {
      throw new TapeError(
        'BAD_VALUE',
        `pow expected integer exponents of at least 0 for an integer base, got ${exponent}; convert the base with astype('float64')`,
      )
    }
  }
}

// --- one operand -------------------------------------------------------------------------------------------

/** Throws BAD_DTYPE for bool, as NumPy does; use logicalNot. */
export function neg(x: NDArray): NDArray {
  if (isNumber(x)) return float64Scalar(-valueIn(x), x.shape)
  if (x.dtype === 'bool') {
    throw new TapeError('BAD_DTYPE', 'neg expected numbers, got bool; use logicalNot, or convert with astype')
  }
  return unary('neg', x)
}

export function square(x: NDArray): NDArray {
  return isNumber(x) ? float64Scalar(valueIn(x) * valueIn(x), x.shape) : unary('square', x)
}

export function abs(x: NDArray): NDArray {
  return isNumber(x) ? float64Scalar(Math.abs(valueIn(x)), x.shape) : unary('abs', x)
}

/** max(x, 0); NaN stays. */
export function relu(x: NDArray): NDArray {
  return isNumber(x) ? float64Scalar(Math.max(valueIn(x), 0), x.shape) : unary('relu', x)
}

/** -1, 0 or 1; NaN stays. */
export function sign(x: NDArray): NDArray {
  return unary('sign', x)
}

/** The largest integer not above x; integers stay as they are. */
export function floor(x: NDArray): NDArray {
  return unary('floor', x)
}

/** The least integer not below x; integers stay as they are. */
export function ceil(x: NDArray): NDArray {
  return unary('ceil', x)
}

/** x without what follows its point; integers stay as they are. */
export function trunc(x: NDArray): NDArray {
  return unary('trunc', x)
}

/** The nearest integer, of two that are equally near the even one; integers stay as they are. */
export function round(x: NDArray): NDArray {
  return unary('round', x)
}

function unary(op: UnaryOp, x: NDArray): NDArray {
  const out = allocateUnset(x.dtype, x.shape, x.size)
  kernel.unary(op, x.buffer, x.offset, out.buffer, out.offset, x.size)
  return out
}

// --- one operand, floating result: integers and bools are taken as float64 ---------------------------------

export function exp(x: NDArray): NDArray {
  return isNumber(x) ? float64Scalar(expOf(valueIn(x)), x.shape) : floating('exp', x)
}

/** eˣ − 1, exact near 0. */
export function expm1(x: NDArray): NDArray {
  return isNumber(x) ? float64Scalar(expm1Of(valueIn(x)), x.shape) : floating('expm1', x)
}

/** 2ˣ, exact where x is whole. */
export function exp2(x: NDArray): NDArray {
  return isNumber(x) ? float64Scalar(exp2Of(valueIn(x)), x.shape) : floating('exp2', x)
}

/** The natural logarithm; -Infinity at 0, NaN below. */
export function log(x: NDArray): NDArray {
  return isNumber(x) ? float64Scalar(logOf(valueIn(x)), x.shape) : floating('log', x)
}

/** log(1 + x), exact near 0. */
export function log1p(x: NDArray): NDArray {
  return isNumber(x) ? float64Scalar(log1pOf(valueIn(x)), x.shape) : floating('log1p', x)
}

export function sqrt(x: NDArray): NDArray {
  return isNumber(x) ? float64Scalar(Math.sqrt(valueIn(x)), x.shape) : floating('sqrt', x)
}

export function sin(x: NDArray): NDArray {
  return isNumber(x) ? float64Scalar(sinOf(valueIn(x)), x.shape) : floating('sin', x)
}

export function cos(x: NDArray): NDArray {
  return isNumber(x) ? float64Scalar(cosOf(valueIn(x)), x.shape) : floating('cos', x)
}

export function tanh(x: NDArray): NDArray {
  return isNumber(x) ? float64Scalar(tanhOf(valueIn(x)), x.shape) : floating('tanh', x)
}

/** 1 / (1 + e⁻ˣ). */
export function sigmoid(x: NDArray): NDArray {
  return isNumber(x) ? float64Scalar(sigmoidOf(valueIn(x)), x.shape) : floating('sigmoid', x)
}

export function erf(x: NDArray): NDArray {
  return isNumber(x) ? float64Scalar(erfOf(valueIn(x)), x.shape) : floating('erf', x)
}

/** x·Φ(x) = x/2·(1 + erf(x/√2)). */
export function gelu(x: NDArray): NDArray {
  return isNumber(x) ? float64Scalar(geluOf(valueIn(x)), x.shape) : floating('gelu', x)
}

/** log(1 + eˣ), without overflow. */
export function softplus(x: NDArray): NDArray {
  return isNumber(x) ? float64Scalar(softplusOf(valueIn(x)), x.shape) : floating('softplus', x)
}

export function reciprocal(x: NDArray): NDArray {
  return isNumber(x) ? float64Scalar(1 / valueIn(x), x.shape) : floating('reciprocal', x)
}

export function tan(x: NDArray): NDArray {
  return isNumber(x) ? float64Scalar(tanOf(valueIn(x)), x.shape) : floating('tan', x)
}

export function sinh(x: NDArray): NDArray {
  return isNumber(x) ? float64Scalar(sinhOf(valueIn(x)), x.shape) : floating('sinh', x)
}

export function cosh(x: NDArray): NDArray {
  return isNumber(x) ? float64Scalar(coshOf(valueIn(x)), x.shape) : floating('cosh', x)
}

export function arcsin(x: NDArray): NDArray {
  return isNumber(x) ? float64Scalar(arcsinOf(valueIn(x)), x.shape) : floating('arcsin', x)
}

export function arccos(x: NDArray): NDArray {
  return isNumber(x) ? float64Scalar(arccosOf(valueIn(x)), x.shape) : floating('arccos', x)
}

export function arctan(x: NDArray): NDArray {
  return isNumber(x) ? float64Scalar(arctanOf(valueIn(x)), x.shape) : floating('arctan', x)
}

function floating(op: UnaryOp, x: NDArray): NDArray {
  return unary(op, isFloating(x.dtype) ? x : x.astype('float64'))
}

// --- bounds ------------------------------------------------------------------------------------------------

/**
 * x within [min, max]; either bound may be missing, NaN stays. Integers stay integers when the bounds are
 * integers or infinite and leave values of the dtype between them, else they become float64.
 *
 * Throws   BAD_ARGUMENT when there is no bound.
 * Source   NumPy `clip`: minimum(maximum(x, min), max), so max wins when min > max.
 */
export function clip(x: NDArray, min?: number, max?: number): NDArray {
  if (min === undefined && max === undefined) {
    throw new TapeError('BAD_ARGUMENT', 'clip expected min, max or both, got neither')
  }
  const least = min ?? -Infinity
  const most = max ?? Infinity
  const stays = isFloating(x.dtype) || (x.dtype !== 'bool' && integerBounds(x.dtype, least, most))
  const from = stays ? x : x.astype('float64')
  const out = allocateUnset(from.dtype, from.shape, from.size)
  kernel.clip(from.buffer, from.offset, least, most, out.buffer, out.offset, from.size)
  return out
}

/** Whether every result of clipping integers of this dtype is one again. */
function integerBounds(dtype: DType, least: number, most: number): boolean {
  const [lowest, highest] = dtype === 'int32' ? [-2147483648, 2147483647] : [0, 255]
  const whole = (bound: number): boolean =>
    Number.isInteger(bound) || bound === Infinity || bound === -Infinity
  return whole(least) && whole(most) && least <= highest && most >= lowest
}
