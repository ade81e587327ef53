/** Arrays put together and cut apart along an axis, and the parts and paddings of one array. Their adjoints are each other. */
import type { NDArray } from '../array/ndarray.js'
import type { Range } from '../array/rearrange.js'
import * as rearrange from '../array/rearrange.js'
import { normalizeAxis, type Shape } from '../array/shape.js'
import { type AttributeValue, Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import { type Operand, Variable } from '../graph/variable.js'
import { checkKeys, fixed, isIntegers, numberOf, oneAxisOf, refuse, shapeOf, show } from './attributes.js'
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
    checkKeys(attributes, ['axis'], 'concat')
    const axis = oneAxisOf(attributes.axis, 0, 'concat')
    super({ axis })
    this.axis = axis
  }

  override forward(...xs: NDArray[]): NDArray {
    return rearrange.concat(xs, this.axis)
  }

  override backward(gy: Variable): (Variable | null)[] {
    const axis = normalizeAxis(this.axis, gy.ndim, 'concat')
    let start = 0
    return this.inputs.map((x, i) => {
      const from = start
      start += x.shape[axis]!
      return this.needsGradient(i) ? slice(gy, rangeAt(axis, from, start)) : null
    })
  }
}

function rangeAt(axis: number, start: number, stop: number): Range[] {
  const ranges: Range[] = new Array<Range>(axis + 1).fill(null)
  ranges[axis] = [start, stop]
  return ranges
}

function requireList(xs: unknown, what: string): asserts xs is readonly Operand[] {
  if (!Array.isArray(xs)) {
    const got = xs instanceof Variable ? 'a Variable' : show(xs)
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
  if (xs.length > OPERANDS_MAX)
    return concat(
      inParts(xs, (part) => concat(part, options)),
      options,
    )
  return new Concat(options).apply(...xs)
}

/** Operands are arguments, of which a call stack holds so many easily; more are joined in parts. */
const OPERANDS_MAX = 8192

function inParts(xs: readonly Operand[], join: (part: readonly Operand[]) => Variable): Variable[] {
  const joined: Variable[] = []
  for (let at = 0; at < xs.length; at += OPERANDS_MAX) joined.push(join(xs.slice(at, at + OPERANDS_MAX)))
  return joined
}

/** Several arrays along a new axis.  Backward: each input gets its layer of gy. */
export class Stack extends Func {
  private readonly axis: number

  constructor(attributes: AxisOption = {}) {
    checkKeys(attributes, ['axis'], 'stack')
    const axis = oneAxisOf(attributes.axis, 0, 'stack')
    super({ axis })
    this.axis = axis
  }

  override forward(...xs: NDArray[]): NDArray {
    return rearrange.stack(xs, this.axis)
  }

  override backward(gy: Variable): (Variable | null)[] {
    const axis = normalizeAxis(this.axis, gy.ndim, 'stack')
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
  if (xs.length > OPERANDS_MAX)
    return concat(
      inParts(xs, (part) => stack(part, options)),
      options,
    )
  return new Stack(options).apply(...xs)
}

/** One array in several parts; several outputs.  Backward gx = concat(gys). */
export class Split extends Func {
  private readonly parts: number | readonly number[]
  private readonly axis: number

  constructor(attributes: { parts: number | readonly number[]; axis?: number | undefined }) {
    checkKeys(attributes, ['parts', 'axis'], 'split')
    const given = attributes.parts
    if (!Number.isInteger(given) && !isIntegers(given)) {
      refuse(`split expected parts to be their number or a list of indices to cut at, got ${show(given)}`)
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
    return concat(gys, { axis: this.axis })
  }
}

/**
 * x cut along an axis into that many equal parts, or before each of the given indices.
 *
 * Shapes   x [6, n], 3 → three times [2, n]; x [6, n], [1, 4] → [1, n], [3, n], [2, n]
 * Throws   SHAPE_MISMATCH when the parts would not be equal; BAD_AXIS, BAD_ARGUMENT.
 * Source   NumPy `split`.
 */
export function split(x: Operand, parts: number | readonly number[], options: AxisOption = {}): Variable[] {
  return new Split({ ...options, parts }).applyAll(x)
}

/** Parts of axes.  Backward: gy in its place among zeros. */
export class Slice extends Func {
  private readonly ranges: readonly Range[]

  constructor(attributes: { ranges: readonly Range[] }) {
    checkKeys(attributes, ['ranges'], 'slice')
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
      `${what} expected a list of ranges, one [start, stop, step] or null for each axis, got ${show(value)}`,
    )
  }
  return value.map((range: unknown, axis) => {
    if (range === null || range === undefined) return null
    const whole = (bound: unknown) => bound === null || bound === undefined || Number.isInteger(bound)
    if (!Array.isArray(range) || range.length > 3 || !range.every(whole)) {
      return refuse(
        `${what} expected [start, stop, step] of integers or null for axis ${axis}, got ${show(range)}`,
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
    checkKeys(attributes, ['ranges', 'shape'], 'scatterSlice')
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
    checkKeys(attributes, ['widths', 'value'], 'pad')
    const given: unknown = attributes.widths
    const fits = (pair: unknown) => isIntegers(pair) && pair.length === 2 && pair.every((width) => width >= 0)
    if (!Array.isArray(given) || !given.every(fits)) {
      refuse(`pad expected one [before, after] of integers of at least 0 for each axis, got ${show(given)}`)
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

/**
 * x surrounded by a value, 0 unless said.
 *
 * Shapes   x [2, 3], [[1, 0], [2, 2]] → [3, 7]
 * Throws   BAD_ARGUMENT when the widths do not match the axes.
 */
export function pad(x: Operand, widths: Widths, options: { value?: number | undefined } = {}): Variable {
  return new Pad({ ...options, widths }).apply1(x)
}

registerFunc(Concat)
registerFunc(Stack)
registerFunc(Split)
registerFunc(Slice)
registerFunc(ScatterSlice)
registerFunc(Pad)
