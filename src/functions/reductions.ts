/** Reductions over axes. Each restores the reduced axes, with extent 1, before it spreads a gradient over them. */
import type { NDArray } from '../array/ndarray.js'
import * as reductions from '../array/reductions.js'
import { normalizeAxes, type Shape } from '../array/shape.js'
import type { Attributes } from '../graph/attributes.js'
import { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import type { Operand, Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { div } from './arithmetic.js'
import { type Axis, axisOf, flagOf, UNSAID } from './attributes.js'
import { cast } from './casting.js'
import { equal, logicalOr, notEqual, where } from './comparison.js'
import { broadcastTo, reshape } from './shapes.js'

export interface ReduceOptions {
  /** The axes to reduce; all unless said. */
  axis?: Axis | undefined
  /** Whether they stay, with extent 1. Default false. */
  keepdims?: boolean | undefined
}

/** Attributes all the same, so that all instances of a class have one form. */
const NO_OPTIONS: Attributes = Object.freeze({})
const REDUCE_KEYS = ['axis', 'keepdims']

/** What all reductions share: their options, and the way back to the shape of x. */
export abstract class Reduction extends Func {
  readonly axis: Axis | undefined
  readonly keepdims: boolean

  constructor(options: ReduceOptions, what: string) {
    if (options === UNSAID) {
      super(NO_OPTIONS)
      this.axis = undefined
      this.keepdims = false
      return
    }
    checkOptions(options, REDUCE_KEYS, what)
    const axis = axisOf(options.axis, what)
    const keepdims = flagOf(options.keepdims, false, 'keepdims', what)
    super(reduceAttributes(axis, keepdims))
    this.axis = axis
    this.keepdims = keepdims
  }

  /** y, or a gradient of it, in a shape that broadcasts to x's. */
  protected kept(y: Variable): Variable {
    if (this.keepdims || this.axis === undefined) return y
    return reshape(y, keptShape(this.input.shape, this.axis))
  }

  /** The number of elements that one element of y was made of. */
  protected countReduced(): number {
    const { shape } = this.input
    return normalizeAxes(this.axis, shape.length, this.name).reduce((count, axis) => count * shape[axis]!, 1)
  }
}

function reduceAttributes(axis: Axis | undefined, keepdims: boolean): Attributes {
  if (axis === undefined) return keepdims ? { keepdims } : NO_OPTIONS
  return keepdims ? { axis, keepdims } : { axis }
}

/** `shape` with extent 1 in place of the reduced axes. */
export function keptShape(shape: Shape, axis: Axis | undefined): Shape {
  const kept = [...shape]
  for (const one of normalizeAxes(axis, shape.length, 'keepdims')) kept[one] = 1
  return kept
}

/** Sum.  Backward: gy repeated over the axes. */
export class Sum extends Reduction {
  constructor(attributes: ReduceOptions = UNSAID) {
    super(attributes, 'sum')
  }

  override forward(x: NDArray): NDArray {
    return reductions.sum(x, this)
  }

  override backward(gy: Variable): Variable {
    return broadcastTo(this.kept(gy), this.input.shape)
  }
}

/**
 * The sum over the given axes, or all.
 *
 * Shapes   x [2, 3], axis 0 → [3]; with keepdims [1, 3]
 * Throws   BAD_AXIS, here and in every reduction.
 */
export function sum(x: Operand, options?: ReduceOptions): Variable {
  return new Sum(options).apply1(x)
}

/** Mean.  Backward: gy/n repeated over the axes, n elements each. */
export class Mean extends Reduction {
  constructor(attributes: ReduceOptions = UNSAID) {
    super(attributes, 'mean')
  }

  override forward(x: NDArray): NDArray {
    return reductions.mean(x, this)
  }

  override backward(gy: Variable): Variable {
    return broadcastTo(div(this.kept(gy), this.countReduced()), this.input.shape)
  }
}

/** The mean over the given axes, or all; NaN of nothing. */
export function mean(x: Operand, options?: ReduceOptions): Variable {
  return new Mean(options).apply1(x)
}

/**
 * What max and min share.  Backward: gy shared evenly among the elements that are y; where y is NaN, among the NaNs, so that
 * they are not hidden.
 */
abstract class Extremum extends Reduction {
  override backward(gy: Variable): Variable {
    const x = this.input
    const met = logicalOr(equal(x, this.kept(this.output)), notEqual(x, x))
    const count = sum(cast(met, gy.dtype), { axis: this.axis, keepdims: this.keepdims })
    return where(met, this.kept(div(gy, count)), 0)
  }
}

export class Max extends Extremum {
  constructor(attributes: ReduceOptions = UNSAID) {
    super(attributes, 'max')
  }

  override forward(x: NDArray): NDArray {
    return reductions.max(x, this)
  }
}

/** The maximum over the given axes, or all. Throws BAD_VALUE for the maximum of nothing. */
export function max(x: Operand, options?: ReduceOptions): Variable {
  return new Max(options).apply1(x)
}

export class Min extends Extremum {
  constructor(attributes: ReduceOptions = UNSAID) {
    super(attributes, 'min')
  }

  override forward(x: NDArray): NDArray {
    return reductions.min(x, this)
  }
}

/** The minimum over the given axes, or all. Throws BAD_VALUE for the minimum of nothing. */
export function min(x: Operand, options?: ReduceOptions): Variable {
  return new Min(options).apply1(x)
}

registerFunc(Sum, { name: 'sum' })
registerFunc(Mean, { name: 'mean' })
registerFunc(Max, { name: 'max' })
registerFunc(Min, { name: 'min' })
