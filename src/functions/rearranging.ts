/** Grids of coordinates, slices one by one, and channels that become pixels. Made of others, which the tape records. */
import { formatShape, normalizeAxis } from '../array/shape.js'
import { TapeError, valueText } from '../errors.js'
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { integerOf, oneAxisOf, refuse } from './attributes.js'
import { split } from './joining.js'
import { broadcastTo, reshape, squeeze, transpose } from './shapes.js'

/**
 * The coordinates of all points of a grid: for each vector an array that varies along its own axis only.
 *
 * Shapes   n vectors [k₀] … [kₙ₋₁] → n arrays [k₀, …, kₙ₋₁]; with indexing 'xy' the first two axes exchanged
 * Throws   BAD_SHAPE; BAD_ARGUMENT
 * Source   PyTorch `meshgrid`; NumPy's is 'xy' unless said
 */
export function meshgrid(
  xs: readonly Operand[],
  options: { indexing?: 'ij' | 'xy' | undefined } = {},
): Variable[] {
  checkOptions(options, ['indexing'], 'meshgrid')
  const { indexing = 'ij' } = options
  if (indexing !== 'ij' && indexing !== 'xy')
    refuse(`meshgrid expected indexing 'ij' or 'xy', got ${valueText(indexing)}`)
  if (!Array.isArray(xs)) refuse(`meshgrid expected a list of vectors, got ${valueText(xs)}`)
  const vectors = xs.map((x) => asVariable(x as Operand))
  for (const { shape } of vectors)
    if (shape.length !== 1)
      throw new TapeError('BAD_SHAPE', `meshgrid expected vectors, got ${formatShape(shape)}`)
  const axisFor = (i: number) => (indexing === 'xy' && i < 2 && vectors.length > 1 ? 1 - i : i)
  const shape = vectors.map((_, i) => vectors[axisFor(i)]!.size)
  return vectors.map((x, i) =>
    broadcastTo(
      reshape(
        x,
        shape.map((_, axis) => (axis === axisFor(i) ? x.size : 1)),
      ),
      shape,
    ),
  )
}

/**
 * The slices of x along an axis, which they lack.
 *
 * Throws   BAD_AXIS
 * Source   PyTorch `unbind`
 */
export function unbind(x: Operand, options: { axis?: number | undefined } = {}): Variable[] {
  checkOptions(options, ['axis'], 'unbind')
  const given = asVariable(x)
  const axis = normalizeAxis(oneAxisOf(options.axis, 0, 'unbind'), given.ndim, 'unbind')
  const count = given.shape[axis]!
  return count === 0 ? [] : split(given, count, { axis }).map((one) => squeeze(one, axis))
}

/**
 * Channels moved into the image: each group of r² channels becomes r × r pixels.
 *
 * Shapes   x [..., c·r², h, w] → [..., c, h·r, w·r]
 * Throws   BAD_SHAPE; BAD_ARGUMENT
 * Source   PyTorch `pixel_shuffle`
 */
export function pixelShuffle(x: Operand, factor: number): Variable {
  const r = integerOf(factor, undefined, 1, 'factor', 'pixelShuffle')
  const given = asVariable(x)
  const [channels, h, w] = given.shape.slice(-3) as [number, number, number]
  if (given.ndim < 3 || channels % (r * r) !== 0)
    throw new TapeError(
      'BAD_SHAPE',
      `pixelShuffle expected x [..., c·${r * r}, h, w], got ${formatShape(given.shape)}`,
    )
  const lead = given.shape.slice(0, -3)
  const apart = reshape(given, [...lead, channels / (r * r), r, r, h, w])
  return reshape(reordered(apart, lead.length, [0, 3, 1, 4, 2]), [...lead, channels / (r * r), h * r, w * r])
}

/**
 * Pixels moved into channels: the inverse of `pixelShuffle`.
 *
 * Shapes   x [..., c, h·r, w·r] → [..., c·r², h, w]
 * Throws   BAD_SHAPE; BAD_ARGUMENT
 * Source   PyTorch `pixel_unshuffle`
 */
export function pixelUnshuffle(x: Operand, factor: number): Variable {
  const r = integerOf(factor, undefined, 1, 'factor', 'pixelUnshuffle')
  const given = asVariable(x)
  const [channels, h, w] = given.shape.slice(-3) as [number, number, number]
  if (given.ndim < 3 || h % r !== 0 || w % r !== 0)
    throw new TapeError(
      'BAD_SHAPE',
      `pixelUnshuffle expected x [..., c, h·${r}, w·${r}], got ${formatShape(given.shape)}`,
    )
  const lead = given.shape.slice(0, -3)
  const apart = reshape(given, [...lead, channels, h / r, r, w / r, r])
  return reshape(reordered(apart, lead.length, [0, 2, 4, 1, 3]), [...lead, channels * r * r, h / r, w / r])
}

/** The axes behind `lead` others in another order. */
function reordered(x: Variable, lead: number, axes: readonly number[]): Variable {
  return transpose(x, [...Array.from({ length: lead }, (_, i) => i), ...axes.map((axis) => lead + axis)])
}
