/** Arrays repeated, rolled, cut to a triangle, and what is made of neighbours and pairs. */
import type { TypedArray } from '../array/dtype.js'
import { allocate, allocateUnset, type NDArray, viewOf } from '../array/ndarray.js'
import * as rearrange from '../array/rearrange.js'
import { fixedShape, formatShape, normalizeAxis, requireShape, type Shape, sizeOf } from '../array/shape.js'
import { TapeError, valueText } from '../errors.js'
import { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { checkOptions, refuseOptions } from '../options.js'
import { mul, neg } from './arithmetic.js'
import { type Axis, axisOf, fixed, integerOf, isIntegers, oneAxisOf, refuse } from './attributes.js'
import { einsum } from './einsum.js'
import { take } from './indexing.js'
import { pad, slice } from './joining.js'
import { sum } from './reductions.js'
import { reshape } from './shapes.js'

/** x repeated as a whole along each axis.  Backward: the repetitions of gy added up. */
export class Tile extends Func {
  private readonly repeats: readonly number[]

  constructor(attributes: { repeats: number | readonly number[] }) {
    checkOptions(attributes, ['repeats'], 'tile')
    const repeats = repeatsOf(attributes.repeats, 'tile')
    super({ repeats })
    this.repeats = repeats
  }

  override forward(x: NDArray): NDArray {
    const { apart, repeated, whole } = this.shapesFor(x.shape)
    return viewOf(rearrange.broadcastTo(viewOf(x, apart), repeated), whole)
  }

  override backward(gy: Variable): Variable {
    const { shape } = this.input
    const { repeated } = this.shapesFor(shape)
    const axis = repeated.map((_, i) => i).filter((i) => i % 2 === 0)
    return reshape(sum(reshape(gy, repeated), { axis }), shape)
  }

  /** An axis of repetitions before each axis of x. */
  private shapesFor(shape: Shape): { apart: Shape; repeated: Shape; whole: Shape } {
    const ndim = Math.max(shape.length, this.repeats.length)
    const extents = [...new Array<number>(ndim - shape.length).fill(1), ...shape]
    const times = [...new Array<number>(ndim - this.repeats.length).fill(1), ...this.repeats]
    return {
      apart: fixedShape(extents.flatMap((extent) => [1, extent])),
      repeated: fixedShape(extents.flatMap((extent, i) => [times[i]!, extent])),
      whole: fixedShape(extents.map((extent, i) => extent * times[i]!)),
    }
  }
}

function repeatsOf(value: unknown, what: string): readonly number[] {
  const list = typeof value === 'number' ? [value] : value
  if (isIntegers(list) && list.every((one) => one >= 0)) return fixed(list)
  return refuse(
    `${what} expected repeats to be integers of at least 0, one for each axis, got ${valueText(value)}`,
  )
}

/**
 * x repeated as a whole, this many times along each axis; missing axes count from the front, as in broadcasting.
 *
 * Shapes   x [2, 3], [2] → [2, 6]; [4, 1, 2] → [4, 2, 6]
 * Throws   BAD_ARGUMENT.
 * Source   PyTorch and NumPy `tile`. `repeatInterleave` repeats element by element.
 */
export function tile(x: Operand, repeats: number | readonly number[]): Variable {
  return new Tile({ repeats }).apply1(x)
}

/**
 * `tile` with a number for each axis of x, or more.
 *
 * Throws   BAD_ARGUMENT for fewer.
 * Source   PyTorch `Tensor.repeat`; NumPy's `repeat` is `repeatInterleave`.
 */
export function repeat(x: Operand, repeats: number | readonly number[]): Variable {
  const from = asVariable(x)
  const list = repeatsOf(repeats, 'repeat')
  if (list.length < from.ndim)
    refuse(`repeat expected a number for each of ${from.ndim} axes, got ${list.length}; tile takes fewer`)
  return tile(from, list)
}

/**
 * Each element, or each slice along an axis, this many times in a row: one number for all, or one for each.
 *
 * Shapes   x [2, 3], 2, axis 1 → [2, 6]; without an axis of all elements as one row → [12]
 * Throws   BAD_ARGUMENT, BAD_AXIS; BAD_SHAPE for more elements than an array can have.
 * Source   PyTorch `repeat_interleave`, NumPy `repeat`.
 */
export function repeatInterleave(
  x: Operand,
  repeats: number | readonly number[],
  options: { axis?: number | undefined } = {},
): Variable {
  checkOptions(options, ['axis'], 'repeatInterleave')
  const given = asVariable(x)
  const from = options.axis === undefined ? reshape(given, [-1]) : given
  const axis = normalizeAxis(oneAxisOf(options.axis, 0, 'repeatInterleave'), from.ndim, 'repeatInterleave')
  const extent = from.shape[axis]!
  const list = repeatsOf(repeats, 'repeatInterleave')
  const isOne = typeof repeats === 'number'
  if (!isOne && list.length !== extent)
    refuse(`repeatInterleave expected one number for each of ${extent} places, got ${list.length}`)
  const count = isOne ? list[0]! * extent : list.reduce((a, b) => a + b, 0)
  requireShape([count], 'repeatInterleave')
  const places = new Int32Array(count)
  for (let place = 0, at = 0; place < extent; place++) {
    const from = at
    at += isOne ? list[0]! : list[place]!
    places.fill(place, from, at)
  }
  return take(from, places, { axis })
}

/** Elements moved along axes, those that leave one end coming in at the other.  Backward: gy moved back. */
export class Roll extends Func {
  private readonly shifts: readonly number[]
  private readonly axis: Axis | undefined

  constructor(attributes: { shifts: number | readonly number[]; axis?: Axis | undefined }) {
    checkOptions(attributes, ['shifts', 'axis'], 'roll')
    const given: unknown = attributes.shifts
    const list = typeof given === 'number' ? [given] : given
    if (!isIntegers(list) || !list.every(Number.isSafeInteger))
      refuse(`roll expected shifts to be integers, got ${valueText(given)}`)
    const axis = axisOf(attributes.axis, 'roll')
    const axes = axis === undefined ? 1 : typeof axis === 'number' ? 1 : axis.length
    if (list.length !== axes) refuse(`roll expected a shift for each of ${axes} axes, got ${list.length}`)
    const shifts = fixed(list)
    super(axis === undefined ? { shifts } : { shifts, axis })
    this.shifts = shifts
    this.axis = axis
  }

  override forward(x: NDArray): NDArray {
    if (this.axis === undefined) {
      const row = viewOf(x, fixedShape([x.size]))
      return viewOf(rolled(row, 0, this.shifts[0]!), x.shape)
    }
    const axes = typeof this.axis === 'number' ? [this.axis] : this.axis
    return axes.reduce((y, axis, i) => rolled(y, axis, this.shifts[i]!), viewOf(x, x.shape))
  }

  override backward(gy: Variable): Variable {
    return new Roll({ shifts: this.shifts.map((shift) => 0 - shift), axis: this.axis }).apply1(gy)
  }
}

function rolled(x: NDArray, axis: number, shift: number): NDArray {
  const at = normalizeAxis(axis, x.ndim, 'roll')
  const extent = x.shape[at]!
  if (extent === 0) return x
  const by = ((shift % extent) + extent) % extent
  if (by === 0) return x
  const inner = sizeOf(x.shape.slice(at + 1))
  const out = allocateUnset(x.dtype, x.shape, x.size)
  const [row, moved] = [extent * inner, by * inner]
  // All elements are moved at once by the way that most go; then each row gets what goes the other way.
  const kept = row - moved
  const { offset, buffer, size } = x
  if (moved <= kept) {
    out.buffer.set(buffer.subarray(offset, offset + size - moved), out.offset + moved)
    copyRuns(buffer, offset + kept, out.buffer, out.offset, moved, row, size / row)
  } else {
    out.buffer.set(buffer.subarray(offset + kept, offset + size), out.offset)
    copyRuns(buffer, offset, out.buffer, out.offset + moved, kept, row, size / row)
  }
  return out
}

/** `count` runs of `length` elements, `step` apart in both. */
function copyRuns(
  x: TypedArray,
  from: number,
  out: TypedArray,
  to: number,
  length: number,
  step: number,
  count: number,
): void {
  for (let r = 0, at = from, o = to; r < count; r++, at += step, o += step) {
    // A view costs more than moving a few elements one by one.
    if (length >= 32) out.set(x.subarray(at, at + length), o)
    else for (let i = 0; i < length; i++) out[o + i] = x[at + i]!
  }
}

/**
 * The elements moved by `shifts` places along an axis or axes; what leaves one end comes in at the other. Without an axis, all
 * elements as one row.
 *
 * Throws   BAD_ARGUMENT unless there is a shift for each axis; BAD_AXIS.
 * Source   PyTorch and NumPy `roll`.
 */
export function roll(
  x: Operand,
  shifts: number | readonly number[],
  options: { axis?: Axis | undefined } = {},
): Variable {
  checkOptions(options, ['axis'], 'roll')
  return new Roll({ ...options, shifts }).apply1(x)
}

export interface TriangleOptions {
  /** Which diagonal bounds the triangle: 0 the main one (default), above it positive, below it negative. */
  diagonal?: number | undefined
}

/** A part of matrices, zeros elsewhere.  Backward: the same part of gy. */
abstract class Triangle extends Func {
  protected readonly diagonal: number

  constructor(attributes: TriangleOptions, what: string) {
    checkOptions(attributes, ['diagonal'], what)
    const diagonal = integerOf(attributes.diagonal, 0, -Infinity, 'diagonal', what)
    super({ diagonal })
    this.diagonal = diagonal
  }

  /** Which of the n columns of a row stay. */
  protected abstract columns(row: number, n: number): readonly [from: number, to: number]

  override forward(x: NDArray): NDArray {
    if (x.ndim < 2)
      throw new TapeError(
        'BAD_SHAPE',
        `${this.name} expected matrices [..., m, n], got ${formatShape(x.shape)}`,
      )
    const [m, n] = [x.shape.at(-2)!, x.shape.at(-1)!]
    const out = allocate(x.dtype, x.shape, x.size)
    for (let row = 0; row * n < x.size; row++) {
      const [from, to] = this.columns(row % m, n)
      if (from >= to) continue
      const start = x.offset + row * n
      out.buffer.set(x.buffer.subarray(start + from, start + to), out.offset + row * n + from)
    }
    return out
  }
}

/** The upper triangle of matrices, zeros below it.  Backward: that of gy. */
export class Triu extends Triangle {
  constructor(attributes: TriangleOptions = {}) {
    super(attributes, 'triu')
  }

  protected override columns(row: number, n: number): readonly [number, number] {
    return [Math.max(0, row + this.diagonal), n]
  }

  override backward(gy: Variable): Variable {
    return triu(gy, { diagonal: this.diagonal })
  }
}

/** The upper triangle of the last two axes, zeros below it. Throws BAD_SHAPE for fewer than two axes. */
export function triu(x: Operand, options: TriangleOptions = {}): Variable {
  return new Triu(options).apply1(x)
}

/** The lower triangle of matrices, zeros above it.  Backward: that of gy. */
export class Tril extends Triangle {
  constructor(attributes: TriangleOptions = {}) {
    super(attributes, 'tril')
  }

  protected override columns(row: number, n: number): readonly [number, number] {
    return [0, Math.min(n, row + this.diagonal + 1)]
  }

  override backward(gy: Variable): Variable {
    return tril(gy, { diagonal: this.diagonal })
  }
}

/** The lower triangle of the last two axes, zeros above it. Throws BAD_SHAPE for fewer than two axes. */
export function tril(x: Operand, options: TriangleOptions = {}): Variable {
  return new Tril(options).apply1(x)
}

/** Each element less the one before it along an axis.  Backward: gy less what comes after it, ends as if 0 lay beyond. */
export class Diff extends Func {
  private readonly axis: number

  constructor(attributes: { axis?: number | undefined } = {}) {
    checkOptions(attributes, ['axis'], 'diff')
    const axis = oneAxisOf(attributes.axis, -1, 'diff')
    super({ axis })
    this.axis = axis
  }

  override forward(x: NDArray): NDArray {
    return rearrange.differences(x, normalizeAxis(this.axis, x.ndim, 'diff'))
  }

  override backward(gy: Variable): Variable {
    const axis = normalizeAxis(this.axis, gy.ndim, 'diff')
    const around = gy.shape.map((_, i) => (i === axis ? [1, 1] : [0, 0]) as [number, number])
    return neg(new Diff({ axis }).apply1(pad(gy, around)))
  }
}

/**
 * The differences of neighbours along an axis, n times.
 *
 * Shapes   x [a…, k, b…] → [a…, k − n, b…], nothing when n is larger than k
 * Throws   BAD_AXIS, also for a scalar; BAD_ARGUMENT.
 */
export function diff(
  x: Operand,
  options: { n?: number | undefined; axis?: number | undefined } = {},
): Variable {
  checkOptions(options, ['n', 'axis'], 'diff')
  const n = integerOf(options.n, 1, 0, 'n', 'diff')
  let y = asVariable(x)
  const axis = normalizeAxis(oneAxisOf(options.axis, -1, 'diff'), y.ndim, 'diff')
  for (let i = 0; i < n && y.shape[axis]! > 0; i++) y = new Diff({ axis }).apply1(y)
  return y
}

/**
 * The products of each element of a with each of b.
 *
 * Shapes   a [m], b [n] → [m, n]
 * Throws   BAD_SHAPE for other than one axis each.
 */
export function outer(a: Operand, b: Operand): Variable {
  const left = asVariable(a)
  const right = asVariable(b, left)
  for (const one of [left, right])
    if (one.ndim !== 1)
      throw new TapeError('BAD_SHAPE', `outer expected two rows of numbers, got ${formatShape(one.shape)}`)
  return mul(reshape(left, [left.size, 1]), right)
}

/**
 * The sum of the main diagonal.
 *
 * Shapes   x [m, n] → []
 * Throws   BAD_SHAPE for other than two axes.
 */
export function trace(x: Operand): Variable
export function trace(x: Operand, ...rest: readonly unknown[]): Variable {
  refuseOptions(rest, 'trace')
  const matrix = asVariable(x)
  const { shape } = matrix
  if (shape.length !== 2)
    throw new TapeError('BAD_SHAPE', `trace expected a matrix [m, n], got ${formatShape(shape)}`)
  const n = Math.min(shape[0]!, shape[1]!)
  const square =
    shape[0] === shape[1]
      ? matrix
      : slice(matrix, [
          [0, n],
          [0, n],
        ])
  return einsum('ii->', square)
}

registerFunc(Tile, { name: 'tile' })
registerFunc(Roll, { name: 'roll' })
registerFunc(Diff, { name: 'diff' })
registerFunc(Triu, { name: 'triu' })
registerFunc(Tril, { name: 'tril' })
