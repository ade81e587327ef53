/** What is counted: distinct values, integers, and elements between edges. None of it has a gradient. */
import { isFloating, type TypedArray } from '../array/dtype.js'
import { allocate, type NDArray, viewOf } from '../array/ndarray.js'
import { fixedShape, formatShape, requireShape, sameShape } from '../array/shape.js'
import { topk } from '../array/sorting.js'
import { TapeError } from '../errors.js'
import { registerFunc } from '../graph/registry.js'
import type { Operand, Variable } from '../graph/variable.js'
import { checkOptions, refuseOptions } from '../options.js'
import { integerOf, numberOf, refuse } from './attributes.js'
import { indexOperand, requireIndices } from './indexing.js'
import { NotDifferentiable } from './not-differentiable.js'

/** The distinct values, ascending; three outputs. Not differentiable. */
export class Unique extends NotDifferentiable {
  protected override get reason(): string {
    return 'which values are equal changes in jumps'
  }

  override forward(x: NDArray): NDArray[] {
    const counted = isFloating(x.dtype) ? null : countedValues(x)
    if (counted !== null) return counted
    // In float64, which holds every dtype's numbers, and is sorted by native code.
    const row = viewOf(x, fixedShape([x.size])).astype('float64')
    const [sorted, order] = topk(row, x.size, 0, false)
    const inverse = allocate('int32', x.shape, x.size)
    const starts = runsOf(sorted, order, inverse)
    const values = allocate(x.dtype, fixedShape([starts.length]))
    const counts = allocate('int32', fixedShape([starts.length]))
    for (let i = 0; i < starts.length; i++) {
      values.buffer[values.offset + i] = sorted.buffer[sorted.offset + starts[i]!]!
      counts.buffer[counts.offset + i] = (starts[i + 1] ?? x.size) - starts[i]!
    }
    return [values, inverse, counts]
  }
}

/** The distinct values of integers that lie near each other, by a count for each number between them; null where they do not. */
function countedValues(x: NDArray): NDArray[] | null {
  const { buffer, offset, size } = x
  if (size === 0) return null
  let [least, most] = [buffer[offset]!, buffer[offset]!]
  for (let i = offset; i < offset + size; i++) {
    const value = buffer[i]!
    if (value < least) least = value
    else if (value > most) most = value
  }
  const span = most - least + 1
  if (span > 4 * size + 256) return null
  const counts = new Int32Array(span)
  countInto(buffer, offset, size, counts, -least)
  const numbers = new Int32Array(span)
  let distinct = 0
  for (let i = 0; i < span; i++) if (counts[i]! > 0) numbers[i] = distinct++
  const values = allocate(x.dtype, fixedShape([distinct]))
  const found = allocate('int32', fixedShape([distinct]))
  for (let i = 0; i < span; i++)
    if (counts[i]! > 0) {
      values.buffer[values.offset + numbers[i]!] = i + least
      found.buffer[found.offset + numbers[i]!] = counts[i]!
    }
  const inverse = allocate('int32', x.shape, size)
  numberEach(buffer, offset, size, numbers, least, inverse.buffer as Int32Array, inverse.offset)
  return [values, inverse, found]
}

function numberEach(
  x: TypedArray,
  from: number,
  size: number,
  numbers: Int32Array,
  least: number,
  to: Int32Array,
  at: number,
): void {
  for (let i = 0; i < size; i++) to[at + i] = numbers[x[from + i]! - least]!
}

/** Where in a sorted row each value begins; `inverse` gets the number of the value of each element. NaNs are one value here. */
function runsOf(sorted: NDArray, order: NDArray, inverse: NDArray): number[] {
  const from = sorted.buffer as Float64Array
  const places = order.buffer as Int32Array
  const to = inverse.buffer as Int32Array
  const starts: number[] = []
  let last = 0
  for (let i = 0; i < sorted.size; i++) {
    const value = from[sorted.offset + i]!
    if (starts.length === 0 || (value !== last && !(value !== value && last !== last))) {
      starts.push(i)
      last = value
    }
    to[inverse.offset + places[order.offset + i]!] = starts.length - 1
  }
  return starts
}

/**
 * The distinct values in ascending order, which of them each element is, and how often each is met. NaN is one value, the last.
 *
 * Shapes   x of any → values [k], inverse of x's shape (int32), counts [k] (int32)
 * Source   PyTorch `unique` with `return_inverse` and `return_counts`, but that there no NaN equals another.
 */
export function unique(x: Operand): [values: Variable, inverse: Variable, counts: Variable]
export function unique(
  x: Operand,
  ...rest: readonly unknown[]
): [values: Variable, inverse: Variable, counts: Variable] {
  refuseOptions(rest, 'unique')
  const [values, inverse, counts] = new Unique().applyAll(x)
  return [values!, inverse!, counts!]
}

export interface BincountOptions {
  /** The least number of bins. Default 0. */
  minLength?: number | undefined
}

/** How often each integer is met, or the sum of its weights. Not differentiable. */
export class Bincount extends NotDifferentiable {
  private readonly minLength: number

  constructor(attributes: BincountOptions = {}) {
    checkOptions(attributes, ['minLength'], 'bincount')
    const minLength = integerOf(attributes.minLength, 0, 0, 'minLength', 'bincount')
    super({ minLength })
    this.minLength = minLength
  }

  protected override get reason(): string {
    return 'it counts integers'
  }

  override forward(x: NDArray, weights?: NDArray): NDArray {
    requireIndices(x, 'bincount: x')
    if (x.ndim !== 1) throw new TapeError('BAD_SHAPE', `bincount expected x [n], got ${formatShape(x.shape)}`)
    if (weights !== undefined && !sameShape(weights.shape, x.shape))
      throw new TapeError(
        'SHAPE_MISMATCH',
        `bincount expected a weight for each element, got x ${formatShape(x.shape)} and weights ${formatShape(weights.shape)}`,
      )
    const length = Math.max(this.minLength, binsOf(x))
    const summed = weights === undefined || isFloating(weights.dtype) ? weights : weights.astype('float64')
    const out = allocate(summed?.dtype ?? 'int32', requireShape(Object.freeze([length]), 'bincount'))
    if (summed === undefined) countInto(x.buffer, x.offset, x.size, out.buffer, out.offset)
    else
      for (let i = 0; i < x.size; i++) {
        const at = out.offset + x.buffer[x.offset + i]!
        out.buffer[at] = out.buffer[at]! + summed.buffer[summed.offset + i]!
      }
    return out
  }
}

/** One more than the largest of integers, none of which is below 0. */
function binsOf({ buffer, offset, size }: NDArray): number {
  let [least, most] = [0, -1]
  for (let i = offset; i < offset + size; i++) {
    const bin = buffer[i]!
    if (bin > most) most = bin
    if (bin < least) least = bin
  }
  if (least < 0) {
    const at = buffer.subarray(offset, offset + size).findIndex((bin) => bin < 0)
    throw new TapeError(
      'INDEX_OUT_OF_RANGE',
      `bincount expected integers of at least 0, got ${buffer[offset + at]} at element ${at}`,
    )
  }
  return most + 1
}

function countInto(x: TypedArray, from: number, size: number, counts: TypedArray, to: number): void {
  for (let i = from; i < from + size; i++) counts[to + x[i]!]!++
}

/**
 * How often each integer from 0 on is met; with weights the sum of the weights of its places, added in their order.
 *
 * Shapes   x [n] of integers, weights [n] → [max(x) + 1, or minLength when that is more]; int32, or the weights' dtype
 * Throws   INDEX_OUT_OF_RANGE below 0; BAD_DTYPE; BAD_SHAPE; SHAPE_MISMATCH.
 * Source   PyTorch and NumPy `bincount`.
 */
export function bincount(x: Operand, weights?: Operand, options: BincountOptions = {}): Variable {
  const call = new Bincount(options)
  return weights === undefined ? call.apply1(indexOperand(x)) : call.apply2(indexOperand(x), weights)
}

export interface HistogramOptions {
  /** How many bins of equal width. Default 10. */
  bins?: number | undefined
  /** Where the first bin begins, together with max. Default the least element. */
  min?: number | undefined
  /** Where the last bin ends, which it includes. Default the largest element. */
  max?: number | undefined
}

/** How many elements are between edges; two outputs. Not differentiable. */
export class Histogram extends NotDifferentiable {
  private readonly bins: number
  private readonly range: readonly [number, number] | null

  constructor(attributes: HistogramOptions = {}) {
    checkOptions(attributes, ['bins', 'min', 'max'], 'histogram')
    const bins = integerOf(attributes.bins, 10, 1, 'bins', 'histogram')
    if ((attributes.min === undefined) !== (attributes.max === undefined))
      refuse('histogram expected min and max together, got one of them')
    if (attributes.min === undefined) {
      super({ bins })
      this.range = null
    } else {
      const min = numberOf(attributes.min, undefined, 'min', 'histogram')
      const max = numberOf(attributes.max, undefined, 'max', 'histogram')
      if (min > max) refuse(`histogram expected min up to max, got min ${min} and max ${max}`)
      super({ bins, min, max })
      this.range = [min, max]
    }
    this.bins = bins
  }

  protected override get reason(): string {
    return 'it counts elements'
  }

  override forward(x: NDArray): NDArray[] {
    const from = isFloating(x.dtype) ? x : x.astype('float64')
    const { bins } = this
    let [least, most] = this.range ?? extremes(from)
    if (least === most) [least, most] = [least - 0.5, most + 0.5]
    const edges = allocate(from.dtype, requireShape(Object.freeze([bins + 1]), 'histogram'))
    // Bounds may be farther apart than a number can say.
    const isWide = !Number.isFinite((most - least) * bins)
    for (let i = 0; i < bins; i++)
      edges.buffer[edges.offset + i] = isWide
        ? least * (1 - i / bins) + most * (i / bins)
        : least + ((most - least) * i) / bins
    edges.buffer[edges.offset + bins] = most
    const counts = allocate('int32', fixedShape([bins]))
    const edge = (i: number): number => edges.buffer[edges.offset + i]!
    for (let i = 0; i < from.size; i++) {
      const value = from.buffer[from.offset + i]!
      if (!(value >= edge(0) && value <= edge(bins))) continue
      // The quotient is rounded, and NaN where the bounds are one number or too far apart; the edges decide.
      let bin = Math.min(bins - 1, Math.floor(((value - least) / (most - least)) * bins) || 0)
      while (bin > 0 && value < edge(bin)) bin--
      while (bin < bins - 1 && value >= edge(bin + 1)) bin++
      counts.buffer[counts.offset + bin]!++
    }
    return [counts, edges]
  }
}

function extremes(x: NDArray): [number, number] {
  if (x.size === 0) return [0, 1]
  let [least, most] = [Infinity, -Infinity]
  for (let i = 0; i < x.size; i++) {
    const value = x.buffer[x.offset + i]!
    if (!Number.isFinite(value))
      throw new TapeError(
        'BAD_VALUE',
        `histogram expected finite numbers when { min, max } are not given, got ${value} at element ${i}`,
      )
    least = Math.min(least, value)
    most = Math.max(most, value)
  }
  return [least, most]
}

/**
 * How many elements are in each of some bins of equal width, and the edges of these. Each bin has its lower edge, the last one both; what is
 * outside of given bounds, and NaN, is not counted.
 *
 * Shapes   x of any → counts [bins] (int32), edges [bins + 1]
 * Throws   BAD_ARGUMENT; BAD_VALUE for what is not finite when no bounds are given.
 * Source   PyTorch and NumPy `histogram`.
 */
export function histogram(x: Operand, options: HistogramOptions = {}): [counts: Variable, edges: Variable] {
  const [counts, edges] = new Histogram(options).applyAll(x)
  return [counts!, edges!]
}

registerFunc(Unique, { name: 'unique' })
registerFunc(Bincount, { name: 'bincount' })
registerFunc(Histogram, { name: 'histogram' })
