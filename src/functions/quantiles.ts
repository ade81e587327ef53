/** The median and other quantiles: what a share of the elements is not above. Made of others, which the tape records. */
import { formatShape, normalizeAxes } from '../array/shape.js'
import { TapeError, valueText } from '../errors.js'
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { add, mul } from './arithmetic.js'
import { type Axis, axisOf, flagOf, refuse } from './attributes.js'
import { notEqual, where } from './comparison.js'
import { slice, stack } from './joining.js'
import { placesInOrder } from './ordering.js'
import { reshape, transpose } from './shapes.js'

/** How a quantile between two elements is said. */
type Interpolation = 'linear' | 'lower' | 'higher' | 'midpoint' | 'nearest'

/** Settings of `quantile` and `median`. */
export interface QuantileOptions {
  /** Over which axes. Default all. */
  axis?: Axis | undefined
  /** Whether these stay, with extent 1. Default false. */
  keepdims?: boolean | undefined
  /** What lies between two elements: 'linear' (default), 'lower', 'higher', 'midpoint', or 'nearest', of two the one with an even place. */
  interpolation?: Interpolation | undefined
}

/**
 * What a share q of the elements is not above: of ascending elements x₀ … xₙ₋₁ the one at place q·(n − 1).
 *
 * Shapes   as of `mean`; for a list of shares they lie along a new first axis
 * Throws   BAD_VALUE for nothing; BAD_ARGUMENT unless q is from 0 to 1; BAD_AXIS. NaN where an element is
 * Source   NumPy and PyTorch `quantile`
 */
export function quantile(x: Operand, q: number | readonly number[], options: QuantileOptions = {}): Variable {
  return quantileOf(x, q, options, 'quantile')
}

/**
 * The element in the middle of the sorted ones; of an even number the mean of two. NaN where an element is.
 *
 * Throws   BAD_VALUE for nothing; BAD_AXIS
 * Source   NumPy `median`. PyTorch's is the lower of two: `{ interpolation: 'lower' }`
 */
export function median(x: Operand, options: QuantileOptions = {}): Variable {
  return quantileOf(x, 0.5, options, 'median')
}

function quantileOf(
  x: Operand,
  q: number | readonly number[],
  options: QuantileOptions,
  what: string,
): Variable {
  checkOptions(options, ['axis', 'keepdims', 'interpolation'], what)
  const shares: unknown[] = Array.isArray(q) ? q : [q]
  for (const share of shares)
    if (typeof share !== 'number' || !(share >= 0 && share <= 1))
      refuse(`${what} expected q from 0 to 1, or a list of such, got ${valueText(q)}`)
  const given = asVariable(x)
  const axes = normalizeAxes(axisOf(options.axis, what), given.ndim, what)
  const keepdims = flagOf(options.keepdims, false, 'keepdims', what)
  const order = [...given.shape.keys()].filter((axis) => !axes.includes(axis)).concat(axes)
  const lead = order.slice(0, given.ndim - axes.length).map((axis) => given.shape[axis]!)
  const count = axes.reduce((product, axis) => product * given.shape[axis]!, 1)
  if (count === 0)
    throw new TapeError('BAD_VALUE', `${what} expected elements, got ${formatShape(given.shape)}`)
  const rows = reshape(transpose(given, order), [...lead, count])
  const placesOf = (shares as number[]).map((share) => share * (count - 1))
  const needed = placesOf.flatMap((place) => [Math.floor(place), Math.ceil(place)])
  // The last of all is NaN where any is.
  const places = [...new Set([...needed, count - 1])].sort((a, b) => a - b)
  const [found] = placesInOrder(rows, { places })
  const at = (i: number) => {
    const from = places.indexOf(i)
    return slice(found, [...lead.map(() => null), [from, from + 1]])
  }
  const last = at(count - 1)
  const isNone = notEqual(last, last)
  const shape = keepdims ? given.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent)) : lead
  const made = placesOf.map((place) => {
    const y = atPlace(at, place, options.interpolation, what)
    return reshape(where(isNone, Number.NaN, y), shape)
  })
  return Array.isArray(q) ? stack(made) : made[0]!
}

function atPlace(at: (i: number) => Variable, place: number, between: unknown, what: string): Variable {
  const [low, high] = [Math.floor(place), Math.ceil(place)]
  const share = place - low
  if (between === undefined || between === 'linear')
    return share === 0 ? at(low) : add(mul(at(low), 1 - share), mul(at(high), share))
  if (between === 'lower') return at(low)
  if (between === 'higher') return at(high)
  if (between === 'midpoint') return low === high ? at(low) : mul(add(at(low), at(high)), 0.5)
  if (between === 'nearest') return at(share < 0.5 || (share === 0.5 && low % 2 === 0) ? low : high)
  return refuse(
    `${what} expected interpolation 'linear', 'lower', 'higher', 'midpoint' or 'nearest', got ${valueText(between)}`,
  )
}
