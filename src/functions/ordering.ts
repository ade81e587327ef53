/** Where the largest elements are, and which they are. Positions are integers and have no gradient; values do. */
import { type NDArray, viewOf } from '../array/ndarray.js'
import * as reductions from '../array/reductions.js'
import { fixedShape, formatShape, normalizeAxis } from '../array/shape.js'
import { placesInOrder as placesOf, topk as topkOf } from '../array/sorting.js'
import { TapeError, valueText } from '../errors.js'
import { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { fixed, flagOf, integerOf, isIntegers, oneAxisOf, refuse } from './attributes.js'
import { scatterAdd } from './gathering.js'
import { NotDifferentiable } from './not-differentiable.js'
import { keptShape } from './reductions.js'
import { broadcastTo } from './shapes.js'

export interface ArgOptions {
  /** The axis to search. Without one, all elements in row-major order. */
  axis?: number | undefined
  /** Whether the axis stays, with extent 1. Default false. */
  keepdims?: boolean | undefined
}

/** What argmax and argmin share. */
abstract class Position extends NotDifferentiable {
  readonly axis: number | undefined
  readonly keepdims: boolean

  constructor(options: ArgOptions, what: string) {
    checkOptions(options, ['axis', 'keepdims'], what)
    const axis = options.axis === undefined ? undefined : oneAxisOf(options.axis, 0, what)
    const keepdims = flagOf(options.keepdims, false, 'keepdims', what)
    super(axis === undefined ? { keepdims } : { axis, keepdims })
    this.axis = axis
    this.keepdims = keepdims
  }

  protected override get reason(): string {
    return 'its result is a position'
  }

  protected kept(y: NDArray, x: NDArray): NDArray {
    return this.keepdims ? viewOf(y, fixedShape(keptShape(x.shape, this.axis))) : y
  }
}

/** Index of the largest element along an axis; int32. Not differentiable. */
export class ArgMax extends Position {
  constructor(attributes: ArgOptions = {}) {
    super(attributes, 'argmax')
  }

  override forward(x: NDArray): NDArray {
    return this.kept(reductions.argmax(x, this), x)
  }
}

/** Where the maximum is first met, as int32; NaN counts as the maximum. Not differentiable. Throws BAD_VALUE for nothing. */
export function argmax(x: Operand, options: ArgOptions = {}): Variable {
  return new ArgMax(options).apply1(x)
}

/** Index of the smallest element along an axis; int32. Not differentiable. */
export class ArgMin extends Position {
  constructor(attributes: ArgOptions = {}) {
    super(attributes, 'argmin')
  }

  override forward(x: NDArray): NDArray {
    return this.kept(reductions.argmin(x, this), x)
  }
}

/** Where the minimum is first met, as int32; NaN counts as the minimum. Not differentiable. Throws BAD_VALUE for nothing. */
export function argmin(x: Operand, options: ArgOptions = {}): Variable {
  return new ArgMin(options).apply1(x)
}

export interface TopkOptions {
  /** Default the last. */
  axis?: number | undefined
  /** False for the smallest. Default true. */
  largest?: boolean | undefined
}

/** The k largest along an axis; two outputs.  Backward: the gradient of each value goes where the value was. */
export class Topk extends Func {
  private readonly k: number
  private readonly axis: number
  private readonly largest: boolean

  constructor(attributes: TopkOptions & { k: number }) {
    checkOptions(attributes, ['k', 'axis', 'largest'], 'topk')
    const k = integerOf(attributes.k, undefined, 0, 'k', 'topk')
    const axis = oneAxisOf(attributes.axis, -1, 'topk')
    const largest = flagOf(attributes.largest, true, 'largest', 'topk')
    super({ k, axis, largest })
    this.k = k
    this.axis = axis
    this.largest = largest
  }

  override forward(x: NDArray): NDArray[] {
    return topkOf(x, this.k, this.axis, this.largest)
  }

  override backward(gy: Variable): Variable {
    const x = this.input
    const indices = this.outputs[1]!
    return scatterAdd(broadcastTo(asVariable(0, x), x.shape), indices, gy, { axis: this.axis })
  }
}

/**
 * The k largest elements along an axis, best first, and where they are.
 *
 * Shapes   x [a…, n, b…] → values [a…, k, b…] and int32 indices of that shape
 * Throws   BAD_ARGUMENT unless k is from 0 to n; BAD_AXIS.
 */
export function topk(
  x: Operand,
  k: number,
  options: TopkOptions = {},
): [values: Variable, indices: Variable] {
  checkOptions(options, ['axis', 'largest'], 'topk')
  const [values, indices] = new Topk({ ...options, k }).applyAll(x)
  return [values!, indices!]
}

export interface SortOptions {
  /** Default the last. */
  axis?: number | undefined
  /** Whether the largest comes first. Default false. */
  descending?: boolean | undefined
}

/** All elements along an axis in order; two outputs.  Backward: the gradient of each value goes where the value was. */
export class Sort extends Func {
  private readonly axis: number
  private readonly descending: boolean

  constructor(attributes: SortOptions = {}) {
    checkOptions(attributes, ['axis', 'descending'], 'sort')
    const axis = oneAxisOf(attributes.axis, -1, 'sort')
    const descending = flagOf(attributes.descending, false, 'descending', 'sort')
    super({ axis, descending })
    this.axis = axis
    this.descending = descending
  }

  override forward(x: NDArray): NDArray[] {
    const extent = x.shape[normalizeAxis(this.axis, x.ndim, 'sort')]!
    return topkOf(x, extent, this.axis, this.descending)
  }

  override backward(gy: Variable): Variable {
    const x = this.input
    return scatterAdd(broadcastTo(asVariable(0, x), x.shape), this.outputs[1]!, gy, { axis: this.axis })
  }
}

/**
 * The elements along an axis in ascending order, and where they were. Equal ones stay in their order; NaN counts as the largest.
 *
 * Shapes   x [a…, n, b…] → values and int32 indices of that shape
 * Throws   BAD_AXIS, also for a scalar.
 */
export function sort(x: Operand, options: SortOptions = {}): [values: Variable, indices: Variable] {
  const [values, indices] = new Sort(options).applyAll(x)
  return [values!, indices!]
}

/** Where the elements along an axis are in ascending order, as int32: the second output of `sort`. Throws BAD_AXIS. */
export function argsort(x: Operand, options: SortOptions = {}): Variable {
  return sort(x, options)[1]
}

/** The elements at some places of the last axis in ascending order; two outputs.  Backward: the gradient of each goes where it was. */
export class PlacesInOrder extends Func {
  private readonly places: readonly number[]

  constructor(attributes: { places: readonly number[] }) {
    checkOptions(attributes, ['places'], 'placesInOrder')
    const { places } = attributes
    if (!isIntegers(places) || places.some((place, i) => place < 0 || (i > 0 && place <= places[i - 1]!)))
      refuse(`placesInOrder expected ascending integers of at least 0, got ${valueText(places)}`)
    super({ places: fixed(places) })
    this.places = places
  }

  override forward(x: NDArray): NDArray[] {
    const extent = x.shape.at(-1) ?? 0
    if ((this.places.at(-1) ?? 0) >= extent)
      throw new TapeError(
        'BAD_SHAPE',
        `placesInOrder expected more than ${this.places.at(-1)} elements along the last axis, got ${formatShape(x.shape)}`,
      )
    return placesOf(x, this.places)
  }

  override backward(gy: Variable): Variable {
    const x = this.input
    return scatterAdd(broadcastTo(asVariable(0, x), x.shape), this.outputs[1]!, gy, { axis: -1 })
  }
}

/** @internal The elements at ascending places of the last axis when that is in order, and where they are: what quantiles are made of. */
export function placesInOrder(x: Operand, options: { places: readonly number[] }): [Variable, Variable] {
  return new PlacesInOrder(options).applyAll(x) as [Variable, Variable]
}

registerFunc(PlacesInOrder, { name: 'placesInOrder' })
registerFunc(Sort, { name: 'sort' })
registerFunc(ArgMax, { name: 'argmax' })
registerFunc(ArgMin, { name: 'argmin' })
registerFunc(Topk, { name: 'topk' })
