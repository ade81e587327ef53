/** Whether numbers are equal but for rounding. Not differentiable. */

import { noGrad } from '../graph/mode.js'
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { abs, add, mul, sub } from './arithmetic.js'
import { flagOf, numberOf, refuse } from './attributes.js'
import { equal, less, lessEqual, logicalAnd, logicalOr } from './comparison.js'
import { all, isNan } from './rounding.js'

/** Settings of `isClose` and `allClose`. */
export interface CloseOptions {
  /** How far apart two may be, as a share of the second. Default 1e-5. */
  rtol?: number | undefined
  /** How far apart they may be in any case. Default 1e-8. */
  atol?: number | undefined
  /** Whether NaN is close to NaN. Default false. */
  equalNan?: boolean | undefined
}

/**
 * Whether |a − b| ≤ atol + rtol·|b|, element by element, broadcast; bool. Infinities are close to their like only.
 *
 * Throws   BAD_ARGUMENT for the options
 * Source   NumPy and PyTorch `isclose`
 */
export function isClose(a: Operand, b: Operand, options: CloseOptions = {}): Variable {
  return closeOf(a, b, options, 'isClose')
}

/**
 * Whether `isClose` holds for every element: true or false itself, so that `if (allClose(a, b))` says what it seems to.
 *
 * Throws   BAD_ARGUMENT for the options, and inside of `vmap`, where there is no single answer
 * Source   NumPy and PyTorch `allclose`
 */
export function allClose(a: Operand, b: Operand, options: CloseOptions = {}): boolean {
  return noGrad(() => all(closeOf(a, b, options, 'allClose')).item()) !== 0
}

function closeOf(a: Operand, b: Operand, options: CloseOptions, what: string): Variable {
  checkOptions(options, ['rtol', 'atol', 'equalNan'], what)
  const rtol = toleranceOf(options.rtol, 1e-5, 'rtol', what)
  const atol = toleranceOf(options.atol, 1e-8, 'atol', what)
  const equalNan = flagOf(options.equalNan, false, 'equalNan', what)
  const left = asVariable(a)
  const right = asVariable(b, left)
  // The distance of an infinity is infinite or NaN: it is close to its equal alone.
  const near = lessEqual(abs(sub(left, right)), add(mul(abs(right), rtol), atol))
  const close = logicalOr(equal(left, right), logicalAnd(near, less(abs(right), Infinity)))
  return equalNan ? logicalOr(close, logicalAnd(isNan(left), isNan(right))) : close
}

function toleranceOf(value: unknown, otherwise: number, key: string, what: string): number {
  const tolerance = numberOf(value, otherwise, key, what)
  return tolerance >= 0 ? tolerance : refuse(`${what} expected ${key} of at least 0, got ${tolerance}`)
}
