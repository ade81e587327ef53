/**
 * The two kinds of leaves that have a word of their own: what is never trained, and what is.
 */

import { type DType, isFloating } from '../array/dtype.js'
import type { ArrayLike } from '../array/make-array.js'
import { TapeError } from '../errors.js'
import { checkOptions } from '../options.js'
import { checkedName, leafArray, type Operand, Variable } from './variable.js'

const NO_OPTIONS: { name?: string; dtype?: DType } = Object.freeze({})

/** A leaf that needs no gradient. Given a Variable, a constant with its array. */
export function constant(value: Operand, options: { name?: string; dtype?: DType } = NO_OPTIONS): Variable {
  if (options !== NO_OPTIONS) checkOptions(options, ['name', 'dtype'], 'constant()')
  const array = value instanceof Variable ? value.data : leafArray(value, options.dtype)
  const made = new Variable(array, false, 'constant')
  if (options.name !== undefined) made.setNameQuietly(checkedName(options.name))
  return made
}

/** A leaf that is trained: it has a name, by which tapes, state dicts and queries know it. */
export function parameter(
  value: ArrayLike,
  options: { name?: string; dtype?: DType } = NO_OPTIONS,
): Variable {
  if (options !== NO_OPTIONS) checkOptions(options, ['name', 'dtype'], 'parameter()')
  const array = leafArray(value, options.dtype)
  if (!isFloating(array.dtype)) {
    throw new TapeError(
      'BAD_DTYPE',
      `a parameter expected float64 or float32, got ${array.dtype}; pass { dtype: 'float64' }`,
    )
  }
  const made = new Variable(array, true, 'parameter')
  if (options.name !== undefined) made.setNameQuietly(checkedName(options.name))
  return made
}
