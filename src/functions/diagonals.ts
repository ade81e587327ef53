/** Diagonals, axes that change their places, and products of whole arrays. Most are made of others, which the tape records. */
import type { TypedArray } from '../array/dtype.js'
import { ndarray } from '../array/make-array.js'
import { allocate, allocateUnset, type NDArray } from '../array/ndarray.js'
import { promoted } from '../array/promotion.js'
import { broadcastShapes, formatShape, normalizeAxis, requireShape, sameShape } from '../array/shape.js'
import { TapeError, valueText } from '../errors.js'
import { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { mul } from './arithmetic.js'
import { integerOf, isIntegers, oneAxisOf, refuse } from './attributes.js'
import { take } from './indexing.js'
import { matmul } from './products.js'
import { broadcastTo, reshape, transpose } from './shapes.js'

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

/** x on a diagonal of matrices, zeros elsewhere.  Backward: the same diagonal of gy. */
export class Diag extends Func {
  private readonly offset: number

  constructor(attributes: DiagonalOptions = {}) {
    checkOptions(attributes, ['offset'], 'diag')
    const offset = integerOf(attributes.offset, 0, -Infinity, 'offset', 'diag')
    super({ offset })
    this.offset = offset
  }

  override forward(x: NDArray): NDArray {
    if (x.ndim === 0) throw new TapeError('BAD_SHAPE', 'diag expected vectors [..., k], got a scalar')
    const { offset } = this
    const count = x.shape.at(-1)!
    const size = count + Math.abs(offset)
    const out = allocate(x.dtype, requireShape([...x.shape.slice(0, -1), size, size], 'diag'))
    const first = out.offset + (offset >= 0 ? offset : -offset * size)
    const matrices = count === 0 ? 0 : x.size / count
    for (let row = 0; row < matrices; row++)
      spread(x.buffer, x.offset + row * count, count, out.buffer, first + row * size * size, size + 1)
    return out
  }

  override backward(gy: Variable): Variable {
    return diagonal(gy, { offset: this.offset })
  }
}

function spread(x: TypedArray, from: number, count: number, out: TypedArray, to: number, step: number): void {
  for (let i = 0; i < count; i++) out[to + i * step] = x[from + i]!
}

/**
 * Matrices that have x on a diagonal and zeros elsewhere.
 *
 * Shapes   x [..., k] → [..., k + |offset|, k + |offset|]
 * Throws   BAD_SHAPE for a scalar
 * Source   PyTorch `diag_embed`; of a vector its `diag`. Of a matrix PyTorch's `diag` is `diagonal` here
 */
export function diag(x: Operand, options: DiagonalOptions = {}): Variable {
  return new Diag(options).apply1(x)
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
  // All products as one matrix, whose axes are then brought beside those of the same place.
  const products = mul(reshape(left, [left.size, 1]), reshape(right, [1, right.size]))
  const order = outer.flatMap((_, axis) => [axis, ndim + axis])
  const blocks = transpose(reshape(products, [...outer, ...inner]), order)
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
  const shape = broadcastShapes(left.shape, right.shape, 'cross')
  return new Cross({ axis: normalizeAxis(axis, shape.length, 'cross') - shape.length }).apply2(
    broadcastTo(left, shape),
    broadcastTo(right, shape),
  )
}

/** a × b along an axis of three elements, of two arrays of one shape.  Backward ga = b × gy, gb = gy × a. */
export class Cross extends Func {
  private readonly axis: number

  constructor(attributes: { axis?: number | undefined } = {}) {
    checkOptions(attributes, ['axis'], 'cross')
    const axis = oneAxisOf(attributes.axis, -1, 'cross')
    super({ axis })
    this.axis = axis
  }

  override forward(a: NDArray, b: NDArray): NDArray {
    const axis = normalizeAxis(this.axis, a.ndim, 'cross')
    if (!sameShape(a.shape, b.shape) || a.shape[axis] !== 3)
      throw new TapeError(
        'SHAPE_MISMATCH',
        `cross expected two arrays of one shape with three elements along axis ${axis}, got ${formatShape(a.shape)} and ${formatShape(b.shape)}`,
      )
    const [x, y] = promoted([a, b] as const)
    if (x.dtype === 'bool')
      throw new TapeError('BAD_DTYPE', 'cross expected numbers, got bool and bool; convert with astype')
    const out = allocateUnset(x.dtype, x.shape, x.size)
    const inner = x.shape.slice(axis + 1).reduce((product, extent) => product * extent, 1)
    if (x.dtype === 'float64')
      crossed(x.buffer as Float64Array, x.offset, y.buffer as Float64Array, y.offset, out, inner)
    else if (x.dtype === 'float32') return crossedInSteps(x, y, out, inner, (p, q) => Math.fround(p * q))
    else return crossedInSteps(x, y, out, inner, Math.imul)
    return out
  }

  override backward(gy: Variable): (Variable | null)[] {
    const [a, b] = [this.inputAt(0), this.inputAt(1)]
    const { axis } = this
    return [
      this.needsGradient(0) ? new Cross({ axis }).apply2(b, gy) : null,
      this.needsGradient(1) ? new Cross({ axis }).apply2(gy, a) : null,
    ]
  }
}

function crossed(
  x: Float64Array,
  xo: number,
  y: Float64Array,
  yo: number,
  out: NDArray,
  inner: number,
): void {
  const to = out.buffer as Float64Array
  const { offset, size } = out
  for (let block = 0; block < size; block += 3 * inner)
    for (let k = block; k < block + inner; k++) {
      const a1 = x[xo + k]!
      const a2 = x[xo + k + inner]!
      const a3 = x[xo + k + 2 * inner]!
      const b1 = y[yo + k]!
      const b2 = y[yo + k + inner]!
      const b3 = y[yo + k + 2 * inner]!
      to[offset + k] = a2 * b3 - a3 * b2
      to[offset + k + inner] = a3 * b1 - a1 * b3
      to[offset + k + 2 * inner] = a1 * b2 - a2 * b1
    }
}

/** Each product rounded to the dtype. */
function crossedInSteps(
  x: NDArray,
  y: NDArray,
  out: NDArray,
  inner: number,
  product: (p: number, q: number) => number,
): NDArray {
  const at = (of: NDArray, i: number) => of.buffer[of.offset + i]!
  for (let block = 0; block < out.size; block += 3 * inner)
    for (let k = block; k < block + inner; k++)
      for (let i = 0; i < 3; i++) {
        const [next, last] = [k + ((i + 1) % 3) * inner, k + ((i + 2) % 3) * inner]
        out.buffer[out.offset + k + i * inner] =
          product(at(x, next), at(y, last)) - product(at(x, last), at(y, next))
      }
  return out
}

registerFunc(Diag, { name: 'diag' })
registerFunc(Cross, { name: 'cross' })
