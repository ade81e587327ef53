/** Logarithms and powers to other bases, and the inverse hyperbolic functions, element by element. Made of others, which the tape records. */
import { broadcastShapes } from '../array/shape.js'
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { add, div, mul, neg, sqrt, square, sub } from './arithmetic.js'
import { greater, less, where } from './comparison.js'
import { log, log1p } from './exponential.js'
import { stack } from './joining.js'
import { broadcastTo } from './shapes.js'
import { logSumExp } from './statistics.js'

/** The logarithm of x to base 2; −Infinity at 0, NaN below. Within two units in the last place. */
export function log2(x: Operand): Variable {
  return div(log(x), Math.LN2)
}

/** The logarithm of x to base 10; −Infinity at 0, NaN below. Within two units in the last place. */
export function log10(x: Operand): Variable {
  return div(log(x), Math.LN10)
}

/**
 * ln(eᵃ + eᵇ), without overflow; broadcast.
 *
 * Throws   SHAPE_MISMATCH
 * Source   NumPy `logaddexp`
 */
export function logAddExp(a: Operand, b: Operand): Variable {
  const [left, right] = [asVariable(a), asVariable(b)]
  const shape = broadcastShapes(left.shape, right.shape, 'logAddExp')
  return logSumExp(stack([broadcastTo(left, shape), broadcastTo(right, shape)]), { axis: 0 })
}

/** From here on √(x² + 1) is x to the last digit, and far beyond x² is infinite. */
const LARGE = 1e9

/** The inverse of sinh, exact near 0. */
export function arcsinh(x: Operand): Variable {
  const given = asVariable(x)
  // Of |x| without the kink of `abs`, whose slope at 0 would be 0.
  const isBelow = less(given, 0)
  const size = where(isBelow, neg(given), given)
  const isLarge = greater(size, LARGE)
  const small = where(isLarge, 1, size)
  const near = log1p(add(small, div(square(small), add(sqrt(add(square(small), 1)), 1))))
  const far = add(log(where(isLarge, size, 1)), Math.LN2)
  const y = where(isLarge, far, near)
  return where(isBelow, neg(y), y)
}

/** The inverse of cosh that is not negative; NaN below 1. */
export function arccosh(x: Operand): Variable {
  const less1 = sub(x, 1)
  // The product of the roots: the root of the product would be infinite for large x, and a number for x below −1.
  return log1p(add(less1, mul(sqrt(less1), sqrt(add(x, 1)))))
}

/** The inverse of tanh, exact near 0; ±Infinity at ±1, NaN beyond. */
export function arctanh(x: Operand): Variable {
  return mul(sub(log1p(x), log1p(neg(x))), 0.5)
}
