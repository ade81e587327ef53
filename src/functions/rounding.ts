/** What is rounded to integers, what is no number, and how many elements are true. None of it is differentiable but `nanToNum`. */
import { isFloating } from '../array/dtype.js'
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { abs, Ceil, Round, Trunc } from './arithmetic.js'
import { numberOf } from './attributes.js'
import { clip } from './bounds.js'
import { cast } from './casting.js'
import { equal, greater, notEqual, where } from './comparison.js'
import { type ReduceOptions, sum } from './reductions.js'

/** The smallest integer not below x. Not differentiable. */
export function ceil(x: Operand): Variable {
  return new Ceil().apply1(x)
}

/** x without what follows its point. Not differentiable. */
export function trunc(x: Operand): Variable {
  return new Trunc().apply1(x)
}

/** The integer nearest to x, of two that are equally near the even one. Not differentiable. */
export function round(x: Operand): Variable {
  return new Round().apply1(x)
}

/** Whether each element is NaN; bool. Not differentiable. */
export function isNan(x: Operand): Variable {
  const given = asVariable(x)
  return notEqual(given, given)
}

/** Whether each element is infinite; bool. Not differentiable. */
export function isInfinite(x: Operand): Variable {
  return equal(abs(x), Infinity)
}

/** What stands for what is no finite number. */
export interface NanToNumOptions {
  /** For NaN. Default 0. */
  nan?: number | undefined
  /** For Infinity. Default the largest number of the dtype. */
  positive?: number | undefined
  /** For −Infinity. Default the least number of the dtype. */
  negative?: number | undefined
}

/**
 * x with numbers in the place of NaN and infinities. Where there was none, nothing of the gradient arrives.
 *
 * Source   NumPy and PyTorch `nan_to_num`
 */
export function nanToNum(x: Operand, options: NanToNumOptions = {}): Variable {
  checkOptions(options, ['nan', 'positive', 'negative'], 'nanToNum')
  const given = asVariable(x)
  const largest = given.dtype === 'float32' ? 3.4028234663852886e38 : Number.MAX_VALUE
  const nan = numberOf(options.nan, 0, 'nan', 'nanToNum')
  const positive = numberOf(options.positive, largest, 'positive', 'nanToNum')
  const negative = numberOf(options.negative, -largest, 'negative', 'nanToNum')
  if (!isFloating(given.dtype)) return given
  if (positive === largest && negative === -largest)
    return where(isNan(given), nan, clip(given, { min: negative, max: positive }))
  const bounded = where(equal(given, Infinity), positive, where(equal(given, -Infinity), negative, given))
  return where(isNan(given), nan, bounded)
}

/** How many elements are not 0, over the given axes, or all; int32. NaN counts. Not differentiable. */
export function countNonZero(x: Operand, options: ReduceOptions = {}): Variable {
  return sum(cast(notEqual(x, 0), 'int32'), options)
}

/** Whether any element is not 0, over the given axes, or all; bool, and false of nothing. Not differentiable. */
export function any(x: Operand, options: ReduceOptions = {}): Variable {
  return greater(countNonZero(x, options), 0)
}

/** Whether no element is 0, over the given axes, or all; bool, and true of nothing. Not differentiable. */
export function all(x: Operand, options: ReduceOptions = {}): Variable {
  return equal(sum(cast(equal(x, 0), 'int32'), options), 0)
}
