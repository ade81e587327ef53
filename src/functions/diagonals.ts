/** Diagonals, axes that change their places, and products of whole arrays. Made of others, which the tape records. */
import { eye } from '../array/filled-arrays.js'
import { ndarray } from '../array/make-array.js'
import { formatShape, normalizeAxis } from '../array/shape.js'
import { TapeError, valueText } from '../errors.js'
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { mul, sub } from './arithmetic.js'
import { roll } from './arranging.js'
import { integerOf, isIntegers, oneAxisOf, refuse } from './attributes.js'
import { where } from './comparison.js'
import { take } from './indexing.js'
import { pad } from './joining.js'
import { matmul } from './products.js'
import { expandDims, reshape, transpose } from './shapes.js'

export interface DiagonalOptions {
  /** Which diagonal: 0 is the main one, 1 the one above it, −1 the one below. Default 0. */
  offset?: number | undefined
}

/**
 * The elements on a diagonal of the last two axes.
 *
 * Shapes   x [..., m, n] → [..., k]
 * Throws   BAD_SHAPE for fewer than two axes
 * Source   PyTorch `diagonal` with dim1 −2 and dim2 −1; of a matrix its `diag`
 */
export function diagonal(x: Operand, options: DiagonalOptions = {}): Variable {
  checkOptions(options, ['offset'], 'diagonal')
  const offset = integerOf(options.offset, 0, -Infinity, 'offset', 'diagonal')
  const given = asVariable(x)
  if (given.ndim < 2)
    throw new TapeError(
      'BAD_SHAPE',
      `diagonal expected matrices [..., m, n], got ${formatShape(given.shape)}; diag makes a matrix of a vector`,
    )
  const [rows, columns] = given.shape.slice(-2) as [number, number]
  const first = offset >= 0 ? offset : -offset * columns
  const count = Math.max(0, offset >= 0 ? Math.min(rows, columns - offset) : Math.min(rows + offset, columns))
  const places = Int32Array.from({ length: count }, (_, i) => first + i * (columns + 1))
  const flat = reshape(given, [...given.shape.slice(0, -2), rows * columns])
  return take(flat, ndarray(places), { axis: -1 })
}

/**
 * Matrices that have x on a diagonal and zeros elsewhere.
 *
 * Shapes   x [..., k] → [..., k + |offset|, k + |offset|]
 * Throws   BAD_SHAPE for a scalar
 * Source   PyTorch `diag_embed`; of a vector its `diag`. Of a matrix PyTorch's `diag` is `diagonal` here
 */
export function diag(x: Operand, options: DiagonalOptions = {}): Variable {
  checkOptions(options, ['offset'], 'diag')
  const offset = integerOf(options.offset, 0, -Infinity, 'offset', 'diag')
  const given = asVariable(x)
  if (given.ndim === 0) throw new TapeError('BAD_SHAPE', 'diag expected vectors [..., k], got a scalar')
  const far = Math.abs(offset)
  const none = given.shape.slice(0, -1).map(() => [0, 0] as const)
  const longer = far === 0 ? given : pad(given, [...none, [0, far]])
  const size = longer.shape.at(-1)!
  const isOn = eye(size).data
  const mask = Uint8Array.from({ length: size * size }, (_, at) => {
    const [row, column] = [Math.floor(at / size), at % size]
    return offset === 0 ? isOn[at]! : Number(column - row === offset)
  })
  // Above the diagonal a row says which element it is, below it a column.
  const spread = expandDims(longer, offset >= 0 ? -1 : -2)
  return where(ndarray(mask, { shape: [size, size], dtype: 'bool' }), spread, 0)
}

/** x with two of its axes exchanged. Throws BAD_AXIS. */
export function swapAxes(x: Operand, a: number, b: number): Variable {
  const given = asVariable(x)
  const axes = given.shape.map((_, axis) => axis)
  const [first, second] = [axisAt(a, given.ndim, 'swapAxes'), axisAt(b, given.ndim, 'swapAxes')]
  axes[first] = second
  axes[second] = first
  return transpose(given, axes)
}

/** x with one of its axes, or several, moved to other places; the others stay in their order. Throws BAD_AXIS. */
export function moveAxis(
  x: Operand,
  from: number | readonly number[],
  to: number | readonly number[],
): Variable {
  const given = asVariable(x)
  const list = (value: number | readonly number[]) =>
    (typeof value === 'number' ? [value] : [...value]).map((one) => axisAt(one, given.ndim, 'moveAxis'))
  const [sources, targets] = [list(from), list(to)]
  if (
    sources.length !== targets.length ||
    new Set(sources).size !== sources.length ||
    new Set(targets).size !== targets.length
  )
    refuse(`moveAxis expected as many places as axes, each once, got ${valueText(from)} and ${valueText(to)}`)
  const rest = given.shape.map((_, axis) => axis).filter((axis) => !sources.includes(axis))
  const order = given.shape.map((_, place) => {
    const moved = targets.indexOf(place)
    return moved < 0 ? rest.shift()! : sources[moved]!
  })
  return transpose(given, order)
}

function axisAt(axis: number, ndim: number, what: string): number {
  return normalizeAxis(oneAxisOf(axis, 0, what), ndim, what)
}

/**
 * x with the axes from one to another made one: all of them unless said.
 *
 * Shapes   x [2, 3, 4] → [24]; { from: 1 } → [2, 12]
 * Throws   BAD_AXIS
 * Source   PyTorch `flatten`; `nn.Flatten` is `{ from: 1 }`
 */
export function flatten(
  x: Operand,
  options: { from?: number | undefined; to?: number | undefined } = {},
): Variable {
  checkOptions(options, ['from', 'to'], 'flatten')
  const given = asVariable(x)
  if (given.ndim === 0) return reshape(given, [1])
  const from = axisAt(options.from ?? 0, given.ndim, 'flatten')
  const to = axisAt(options.to ?? -1, given.ndim, 'flatten')
  if (from > to) refuse(`flatten expected from not after to, got ${from} and ${to}`)
  const { shape } = given
  const joined = shape.slice(from, to + 1).reduce((product, extent) => product * extent, 1)
  return reshape(given, [...shape.slice(0, from), joined, ...shape.slice(to + 1)])
}

/**
 * Each element of a times all of b, block by block.
 *
 * Shapes   a [m, n], b [p, q] → [m·p, n·q]; missing axes count from the front
 * Source   NumPy and PyTorch `kron`
 */
export function kron(a: Operand, b: Operand): Variable {
  const [left, right] = [asVariable(a), asVariable(b)]
  const ndim = Math.max(left.ndim, right.ndim)
  const whole = (one: Variable) => [...new Array<number>(ndim - one.ndim).fill(1), ...one.shape]
  const [outer, inner] = [whole(left), whole(right)]
  const blocks = mul(
    reshape(
      left,
      outer.flatMap((extent) => [extent, 1]),
    ),
    reshape(
      right,
      inner.flatMap((extent) => [1, extent]),
    ),
  )
  return reshape(
    blocks,
    outer.map((extent, axis) => extent * inner[axis]!),
  )
}

/**
 * The sum of products over some axes of both: with a number the last ones of a against the first ones of b, with two lists those.
 *
 * Shapes   a [2, 3, 4], b [3, 4, 5], { axes: 2 } → [2, 5]
 * Throws   BAD_ARGUMENT, BAD_AXIS; SHAPE_MISMATCH when the axes have other extents
 * Source   NumPy and PyTorch `tensordot`
 */
export function tensordot(
  a: Operand,
  b: Operand,
  options: {
    axes?: number | readonly [readonly number[] | number, readonly number[] | number] | undefined
  } = {},
): Variable {
  checkOptions(options, ['axes'], 'tensordot')
  const [left, right] = [asVariable(a), asVariable(b)]
  const [ofLeft, ofRight] = contracted(options.axes ?? 2, left.ndim, right.ndim)
  const extents = ofLeft.map((axis) => left.shape[axis]!)
  if (extents.some((extent, i) => extent !== right.shape[ofRight[i]!]))
    throw new TapeError(
      'SHAPE_MISMATCH',
      `tensordot expected axes of the same extents, got axes ${formatShape(ofLeft)} of ${formatShape(left.shape)} and ${formatShape(ofRight)} of ${formatShape(right.shape)}`,
    )
  const others = (of: Variable, axes: readonly number[]) =>
    of.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis))
  const [keptLeft, keptRight] = [others(left, ofLeft), others(right, ofRight)]
  const size = (of: Variable, axes: readonly number[]) =>
    axes.reduce((product, axis) => product * of.shape[axis]!, 1)
  const summed = size(left, ofLeft)
  const rows = reshape(transpose(left, [...keptLeft, ...ofLeft]), [size(left, keptLeft), summed])
  const columns = reshape(transpose(right, [...ofRight, ...keptRight]), [summed, size(right, keptRight)])
  const shape = [...keptLeft.map((axis) => left.shape[axis]!), ...keptRight.map((axis) => right.shape[axis]!)]
  return reshape(matmul(rows, columns), shape)
}

function contracted(axes: unknown, left: number, right: number): [readonly number[], readonly number[]] {
  if (typeof axes === 'number' && Number.isInteger(axes) && axes >= 0) {
    if (axes > Math.min(left, right))
      refuse(
        `tensordot expected at most ${Math.min(left, right)} axes, as both operands have them, got ${axes}`,
      )
    return [
      Array.from({ length: axes }, (_, i) => left - axes + i),
      Array.from({ length: axes }, (_, i) => i),
    ]
  }
  const pair = Array.isArray(axes) ? axes.map((one: unknown) => (typeof one === 'number' ? [one] : one)) : []
  const [first, second] = pair as unknown[]
  if (
    pair.length === 2 &&
    isIntegers(first) &&
    isIntegers(second) &&
    first.length === second.length &&
    new Set(first).size === first.length
  )
    return [
      first.map((axis) => axisAt(axis, left, 'tensordot')),
      second.map((axis) => axisAt(axis, right, 'tensordot')),
    ]
  return refuse(
    `tensordot expected axes to be a number, or two lists of as many axes, got ${valueText(axes)}`,
  )
}

/**
 * The vector at right angles to two vectors of three elements.
 *
 * Shapes   a, b [..., 3], broadcast → [..., 3], along the last axis unless said
 * Throws   BAD_AXIS; SHAPE_MISMATCH unless both have three elements there
 * Source   PyTorch `linalg.cross`
 */
export function cross(a: Operand, b: Operand, options: { axis?: number | undefined } = {}): Variable {
  checkOptions(options, ['axis'], 'cross')
  const axis = oneAxisOf(options.axis, -1, 'cross')
  const [left, right] = [asVariable(a), asVariable(b)]
  for (const one of [left, right])
    if (one.shape[normalizeAxis(axis, one.ndim, 'cross')] !== 3)
      throw new TapeError(
        'SHAPE_MISMATCH',
        `cross expected three elements along axis ${axis}, got ${formatShape(left.shape)} and ${formatShape(right.shape)}`,
      )
  const turned = (of: Variable, by: number) => roll(of, -by, { axis })
  return sub(mul(turned(left, 1), turned(right, 2)), mul(turned(left, 2), turned(right, 1)))
}
