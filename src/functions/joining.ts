/** Arrays put together and cut apart along an axis, and the parts and paddings of one array. Their adjoints are each other. */

import { ndarray } from '../array/make-array.js'
import type { NDArray } from '../array/ndarray.js'
import type { Range } from '../array/rearrange.js'
import * as rearrange from '../array/rearrange.js'
import { normalizeAxis, type Shape } from '../array/shape.js'
import { TapeError, valueText } from '../errors.js'
import type { AttributeValue } from '../graph/attributes.js'
import { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import { asVariable, type Operand, OUTPUTS_MAX, Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { fixed, isIntegers, numberOf, oneAxisOf, refuse, shapeOf } from './attributes.js'
import { scatterTake, take } from './indexing.js'
import { reshape } from './shapes.js'

export type { Range } from '../array/rearrange.js'

export interface AxisOption {
  /** Default 0. */
  axis?: number | undefined
}

/** Several arrays in a row.  Backward: each input gets its part of gy. */
export class Concat extends Func {
  private readonly axis: number

  constructor(attributes: AxisOption = {}) {
    checkOptions(attributes, ['axis'], 'concat')
    const axis = oneAxisOf(attributes.axis, 0, 'concat')
    super({ axis })
    this.axis = axis
  }

  override forward(...xs: NDArray[]): NDArray {
    return this.forwardList(xs)
  }

  override forwardList(xs: readonly NDArray[]): NDArray {
    return rearrange.concat(xs, this.axis)
  }

  override backward(gy: Variable): (Variable | null)[] {
    const axis = normalizeAxis(this.axis, gy.ndim, 'concat')
    let start = 0
    if (this.inputCount > SLICES_MAX) {
      const cuts = this.inputs.map((x) => (start += x.shape[axis]!))
      return split(gy, cuts.slice(0, -1), { axis })
    }
    return this.inputs.map((x, i) => {
      const from = start
      start += x.shape[axis]!
      return this.needsGradient(i) ? slice(gy, rangeAt(axis, from, start)) : null
    })
  }
}

/** From here on one call cuts a gradient: the derivative of each part alone has the size of the whole. */
const SLICES_MAX = 256
/** How many parts one call cuts. */
const PARTS_MAX = OUTPUTS_MAX

function rangeAt(axis: number, start: number, stop: number): Range[] {
  const ranges: Range[] = new Array<Range>(axis + 1).fill(null)
  ranges[axis] = [start, stop]
  return ranges
}

function requireList(xs: unknown, what: string): asserts xs is readonly Operand[] {
  if (!Array.isArray(xs)) {
    const got = xs instanceof Variable ? 'a Variable' : valueText(xs)
    refuse(`${what} expected a list of operands, ${what}([a, b], { axis }), got ${got}`)
  }
  if (xs.length === 0) refuse(`${what} expected at least one operand, got none`)
}

/**
 * Arrays one after the other along an axis that they have.
 *
 * Shapes   [a, n], [b, n], axis 0 → [a + b, n]
 * Throws   SHAPE_MISMATCH unless the other axes agree; BAD_AXIS; BAD_ARGUMENT for no operands.
 */
export function concat(xs: readonly Operand[], options: AxisOption = {}): Variable {
  requireList(xs, 'concat')
  return new Concat(options).applyList(xs)[0]!
}

/** Several arrays along a new axis.  Backward: each input gets its layer of gy. */
export class Stack extends Func {
  private readonly axis: number

  constructor(attributes: AxisOption = {}) {
    checkOptions(attributes, ['axis'], 'stack')
    const axis = oneAxisOf(attributes.axis, 0, 'stack')
    super({ axis })
    this.axis = axis
  }

  override forward(...xs: NDArray[]): NDArray {
    return this.forwardList(xs)
  }

  override forwardList(xs: readonly NDArray[]): NDArray {
    return rearrange.stack(xs, this.axis)
  }

  override backward(gy: Variable): (Variable | null)[] {
    const axis = normalizeAxis(this.axis, gy.ndim, 'stack')
    const { inputs } = this
    if (inputs.length > SLICES_MAX)
      return split(gy, inputs.length, { axis }).map((part, i) => reshape(part, inputs[i]!.shape))
    return this.inputs.map((x, i) =>
      this.needsGradient(i) ? reshape(slice(gy, rangeAt(axis, i, i + 1)), x.shape) : null,
    )
  }
}

/**
 * Arrays of one shape along a new axis.
 *
 * Shapes   k times [m, n], axis 0 → [k, m, n]
 * Throws   SHAPE_MISMATCH, BAD_AXIS; BAD_ARGUMENT for no operands.
 */
export function stack(xs: readonly Operand[], options: AxisOption = {}): Variable {
  requireList(xs, 'stack')
  return new Stack(options).applyList(xs)[0]!
}

/** One array in several parts; several outputs.  Backward gx = concat(gys); parts that overlap are added up. */
export class Split extends Func {
  private readonly parts: number | readonly number[]
  private readonly axis: number

  constructor(attributes: { parts: number | readonly number[]; axis?: number | undefined }) {
    checkOptions(attributes, ['parts', 'axis'], 'split')
    const given = attributes.parts
    if (!Number.isInteger(given) && !isIntegers(given)) {
      refuse(
        `split expected parts to be their number or a list of indices to cut at, got ${valueText(given)}`,
      )
    }
    const parts = typeof given === 'number' ? given : fixed(given)
    const axis = oneAxisOf(attributes.axis, 0, 'split')
    super({ parts, axis })
    this.parts = parts
    this.axis = axis
  }

  override forward(x: NDArray): NDArray[] {
    return rearrange.split(x, this.parts, this.axis)
  }

  override backward(...gys: Variable[]): Variable {
    return this.backwardList(gys)
  }

  override backwardList(gys: readonly Variable[]): Variable {
    const { axis, parts } = this
    if (typeof parts === 'number' || parts.length === 0) return concat(gys, { axis })
    const { shape } = this.input
    const at = normalizeAxis(axis, shape.length, 'split')
    const extent = shape[at]!
    const bounds = [0, ...parts.map((cut) => boundOf(cut, extent)), extent]
    if (bounds.every((bound, i) => i === 0 || bound >= bounds[i - 1]!)) return concat(gys, { axis })
    // Cuts that go back leave parts that overlap, or gaps: every element gets the gradients of all parts that have it.
    const places: number[] = []
    for (let i = 1; i < bounds.length; i++)
      for (let place = bounds[i - 1]!; place < bounds[i]!; place++) places.push(place)
    const indices = ndarray(Int32Array.from(places))
    return scatterTake(concat(gys, { axis }), indices, at, extent)
  }
}

/** Where a cut lies: from the end when negative, never outside. */
function boundOf(cut: number, extent: number): number {
  return Math.min(extent, Math.max(0, cut < 0 ? cut + extent : cut))
}

/**
 * x cut along an axis into that many equal parts, or before each of the given indices.
 *
 * Shapes   x [6, n], 3 → three times [2, n]; x [6, n], [1, 4] → [1, n], [3, n], [2, n]
 * Throws   SHAPE_MISMATCH when the parts would not be equal; BAD_AXIS, BAD_ARGUMENT.
 * Source   NumPy `split`: a part whose end lies before its beginning is empty, and parts may overlap.
 */
export function split(x: Operand, parts: number | readonly number[], options: AxisOption = {}): Variable[] {
  checkOptions(options, ['axis'], 'split')
  const call = new Split({ ...options, parts })
  const count = typeof parts === 'number' ? parts : parts.length + 1
  return count > PARTS_MAX ? splitInGroups(x, parts, count, options) : call.applyAll(x)
}

/** More parts than one recorded call can have outputs: x is cut into groups of parts, and each group into its parts. */
function splitInGroups(
  x: Operand,
  parts: number | readonly number[],
  count: number,
  options: AxisOption,
): Variable[] {
  const whole = asVariable(x)
  const { shape } = whole
  const at = normalizeAxis(options.axis ?? 0, shape.length, 'split')
  const extent = shape[at]!
  if (typeof parts === 'number') {
    // Says what is wrong when the parts would not be equal.
    if (extent % parts !== 0) return new Split({ ...options, parts }).applyAll(whole)
    const starts = Array.from({ length: Math.ceil(count / PARTS_MAX) }, (_, i) => i * PARTS_MAX)
    const groups = split(
      whole,
      starts.slice(1).map((start) => (start * extent) / parts),
      options,
    )
    return groups.flatMap((group, i) => split(group, Math.min(PARTS_MAX, count - starts[i]!), options))
  }
  const bounds = [0, ...parts.map((cut) => boundOf(cut, extent)), extent]
  if (bounds.some((bound, i) => i > 0 && bound < bounds[i - 1]!)) {
    return Array.from({ length: count }, (_, i) =>
      slice(whole, rangeAt(at, bounds[i]!, Math.max(bounds[i]!, bounds[i + 1]!))),
    )
  }
  const firsts = Array.from({ length: Math.ceil(count / PARTS_MAX) }, (_, i) => i * PARTS_MAX)
  const groups = split(
    whole,
    firsts.slice(1).map((first) => bounds[first]!),
    options,
  )
  return groups.flatMap((group, i) => {
    const first = firsts[i]!
    const inside = bounds.slice(first + 1, Math.min(first + PARTS_MAX, count))
    return split(
      group,
      inside.map((bound) => bound - bounds[first]!),
      options,
    )
  })
}

/** Parts of axes.  Backward: gy in its place among zeros. */
export class Slice extends Func {
  private readonly ranges: readonly Range[]

  constructor(attributes: { ranges: readonly Range[] }) {
    checkOptions(attributes, ['ranges'], 'slice')
    const ranges = rangesOf(attributes.ranges, 'slice')
    super({ ranges: ranges as AttributeValue })
    this.ranges = ranges
  }

  override forward(x: NDArray): NDArray {
    return rearrange.slice(x, this.ranges)
  }

  override backward(gy: Variable): Variable {
    return scatterSlice(gy, this.ranges, this.input.shape)
  }
}

function rangesOf(value: unknown, what: string): readonly Range[] {
  if (!Array.isArray(value)) {
    return refuse(
      `${what} expected a list of ranges, one [start, stop, step] or null for each axis, got ${valueText(value)}`,
    )
  }
  return value.map((range: unknown, axis) => {
    if (range === null || range === undefined) return null
    const whole = (bound: unknown) => bound === null || bound === undefined || Number.isInteger(bound)
    if (!Array.isArray(range) || range.length > 3 || !range.every(whole)) {
      return refuse(
        `${what} expected [start, stop, step] of integers or null for axis ${axis}, got ${valueText(range)}`,
      )
    }
    return range.map((bound: number | null | undefined) => bound ?? null) as unknown as Range
  })
}

/**
 * A part of every axis; axes without a range stay whole.
 *
 * Shapes   x [5, 4], [[1, 3]] → [2, 4]; [null, [null, null, -2]] → [5, 2]
 * Throws   BAD_ARGUMENT for a step of 0, no integers, or more ranges than axes.
 * Source   NumPy basic slicing: negative bounds count from the end, those beyond an end are cut.
 */
export function slice(x: Operand, ranges: readonly Range[]): Variable {
  return new Slice({ ranges }).apply1(x)
}

/** The adjoint of slice.  Backward gx = the slice of gy. */
export class ScatterSlice extends Func {
  private readonly ranges: readonly Range[]
  private readonly shape: Shape

  constructor(attributes: { ranges: readonly Range[]; shape: Shape }) {
    checkOptions(attributes, ['ranges', 'shape'], 'scatterSlice')
    const ranges = rangesOf(attributes.ranges, 'scatterSlice')
    const shape = shapeOf(attributes.shape, 0, 'scatterSlice')
    super({ ranges: ranges as AttributeValue, shape })
    this.ranges = ranges
    this.shape = shape
  }

  override forward(x: NDArray): NDArray {
    return rearrange.scatterSlice(x, this.ranges, this.shape)
  }

  override backward(gy: Variable): Variable {
    return slice(gy, this.ranges)
  }
}

/** Zeros of `shape` with x where `slice(…, ranges)` reads. Throws SHAPE_MISMATCH unless x has the shape of that slice. */
export function scatterSlice(x: Operand, ranges: readonly Range[], shape: Shape): Variable {
  return new ScatterSlice({ ranges, shape }).apply1(x)
}

/** How many elements to pad before and after each axis. */
export type Widths = readonly (readonly [before: number, after: number])[]

/** x surrounded by a value.  Backward gx = the middle of gy. */
export class Pad extends Func {
  private readonly widths: Widths
  private readonly value: number

  constructor(attributes: { widths: Widths; value?: number | undefined }) {
    checkOptions(attributes, ['widths', 'value'], 'pad')
    const given: unknown = attributes.widths
    const fits = (pair: unknown) => isIntegers(pair) && pair.length === 2 && pair.every((width) => width >= 0)
    if (!Array.isArray(given) || !given.every(fits)) {
      refuse(
        `pad expected one [before, after] of integers of at least 0 for each axis, got ${valueText(given)}`,
      )
    }
    const widths: Widths = given.map(([before, after]: number[]) => [before!, after!] as const)
    const value = numberOf(attributes.value, 0, 'value', 'pad')
    super({ widths, value })
    this.widths = widths
    this.value = value
  }

  override forward(x: NDArray): NDArray {
    return rearrange.pad(x, this.widths, this.value)
  }

  override backward(gy: Variable): Variable {
    return slice(
      gy,
      this.widths.map(([before], axis) => [before, before + this.input.shape[axis]!]),
    )
  }
}

/** Settings of `pad`. */
export interface PadOptions {
  /** What stands around x in the mode 'constant'. Default 0. */
  value?: number | undefined
  /**
   * What the new elements are. 'constant' (default): a value; 'reflect': x in a mirror that stands on its last elements; 'replicate': its last
   * elements again; 'circular': its other end.
   */
  mode?: 'constant' | 'reflect' | 'replicate' | 'circular' | undefined
}

/**
 * x surrounded by a value, 0 unless said, or by elements of its own.
 *
 * Shapes   x [2, 3], [[1, 0], [2, 2]] → [3, 7]
 * Throws   BAD_ARGUMENT when the widths do not match the axes, and for the options; BAD_VALUE when the dtype of x cannot hold the value;
 *          BAD_SHAPE when x has too few elements to reflect or go round
 * Source   PyTorch `pad`, but widths are said for each axis, the first first
 */
export function pad(x: Operand, widths: Widths, options: PadOptions = {}): Variable {
  checkOptions(options, ['value', 'mode'], 'pad')
  const { mode = 'constant', ...constant } = options
  const call = new Pad({ ...constant, widths })
  if (mode === 'constant') return call.apply1(x)
  if (mode !== 'reflect' && mode !== 'replicate' && mode !== 'circular')
    refuse(`pad expected mode 'constant', 'reflect', 'replicate' or 'circular', got ${valueText(mode)}`)
  if (constant.value !== undefined) refuse(`pad expected a value in the mode 'constant' only, not '${mode}'`)
  let padded = asVariable(x)
  if (widths.length !== padded.ndim)
    refuse(`pad expected one [before, after] for each of ${padded.ndim} axes, got ${widths.length}`)
  for (const [axis, width] of widths.entries()) {
    if (width[0] === 0 && width[1] === 0) continue
    padded = take(padded, ndarray(placesAround(padded.shape[axis]!, width, mode)), { axis })
  }
  return padded
}

/** Which element each of a padded axis is. */
function placesAround(
  extent: number,
  [before, after]: readonly [number, number],
  mode: 'reflect' | 'replicate' | 'circular',
): Int32Array {
  const most = mode === 'reflect' ? extent - 1 : mode === 'circular' ? extent : Infinity
  if (extent === 0 || before > most || after > most)
    throw new TapeError(
      'BAD_SHAPE',
      `pad expected ${extent === 0 ? 'an axis with elements' : `at most ${most} elements on a side`} in the mode '${mode}', got ${before} and ${after} for an axis of ${extent}`,
    )
  return Int32Array.from({ length: before + extent + after }, (_, i) => {
    const at = i - before
    if (at >= 0 && at < extent) return at
    if (mode === 'replicate') return at < 0 ? 0 : extent - 1
    if (mode === 'circular') return (at + extent) % extent
    return at < 0 ? -at : 2 * (extent - 1) - at
  })
}

registerFunc(Concat, { name: 'concat' })
registerFunc(Stack, { name: 'stack' })
registerFunc(Split, { name: 'split' })
registerFunc(Slice, { name: 'slice' })
registerFunc(ScatterSlice, { name: 'scatterSlice' })
registerFunc(Pad, { name: 'pad' })
