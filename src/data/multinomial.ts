/** Classes drawn by their probabilities: the next token of a text, the next action of an agent. */
import { ndarray } from '../array/make-array.js'
import type { NDArray } from '../array/ndarray.js'
import { nextRandomKey, type RandomKey, uniform } from '../array/random.js'
import { formatShape, sizeOf } from '../array/shape.js'
import { TapeError } from '../errors.js'
import { flagOf, integerOf } from '../functions/attributes.js'
import { asVariable, type Operand } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { drawAgain, drawOnce } from './weighted-draws.js'

/** Settings of `multinomial`. */
export interface MultinomialOptions {
  /** How many classes are drawn for each row. Default 1. */
  count?: number | undefined
  /** Whether a class can be drawn again in a row. Default false. */
  replacement?: boolean | undefined
  /** What the draws follow from. Default the next of the default generator. */
  key?: RandomKey | undefined
}

/**
 * Classes drawn for each row in proportion to its weights, which need not add up to 1: int32. What is drawn is a plain array, without a gradient.
 *
 * Shapes   weights [..., classes] → [..., count]
 * Throws   BAD_SHAPE for a scalar; BAD_VALUE for a row whose weights are not finite or below 0, or of which too few are above 0; BAD_ARGUMENT
 * Source   PyTorch `multinomial`
 */
export function multinomial(weights: Operand, options: MultinomialOptions = {}): NDArray {
  checkOptions(options, ['count', 'replacement', 'key'], 'multinomial')
  const count = integerOf(options.count, 1, 1, 'count', 'multinomial')
  const again = flagOf(options.replacement, false, 'replacement', 'multinomial') || count === 1
  const given = asVariable(weights).data
  const classes = given.shape.at(-1)
  if (classes === undefined)
    throw new TapeError('BAD_SHAPE', 'multinomial expected weights [..., classes], got a scalar')
  const lead = given.shape.slice(0, -1)
  const rows = sizeOf(lead)
  const values = Float64Array.from(given.data)
  for (let row = 0; row < rows; row++) {
    const some = values.subarray(row * classes, (row + 1) * classes)
    const least = again ? 1 : count
    const isFine = some.every((weight) => Number.isFinite(weight) && weight >= 0)
    if (!isFine || some.filter((weight) => weight > 0).length < least)
      throw new TapeError(
        'BAD_VALUE',
        `multinomial expected finite weights of at least 0, ${least} of a row above 0, got ${formatShape(given.shape)} with others in row ${row}`,
      )
  }
  const each = again ? count : classes
  const units = uniform([rows * each], { dtype: 'float64', key: options.key ?? nextRandomKey() }).data
  const drawn = new Int32Array(rows * count)
  for (let row = 0; row < rows; row++) {
    const some = values.subarray(row * classes, (row + 1) * classes)
    const from = units.subarray(row * each, (row + 1) * each) as Float64Array
    drawn.set(again ? drawAgain(some, from, count) : drawOnce(some, from, count), row * count)
  }
  return ndarray(drawn, { shape: [...lead, count] })
}
