/**
 * Functions that move or repeat elements and their adjoints: what a broadcast repeats, its backward adds up. Knows no
 * arithmetic. A function that has nothing to do gives its operand itself and is no call.
 */
import type { NDArray } from '../array/ndarray.js'
import * as rearrange from '../array/rearrange.js'
import { sumTo as sumToOf } from '../array/reductions.js'
import { normalizeAxis, type Shape, sameShape } from '../array/shape.js'
import { TapeError, valueText } from '../errors.js'
import { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { type Axis, axisOf, fixed, integerOf, isIntegers, shapeOf, UNSAID } from './attributes.js'

/** The same elements in another shape.  Backward gx = gy in x's shape. */
export class Reshape extends Func {
  private readonly shape: Shape

  constructor(attributes: { shape: Shape }) {
    checkOptions(attributes, ['shape'], 'reshape')
    const shape = shapeOf(attributes.shape, -1, 'reshape')
    super({ shape })
    this.shape = shape
  }

  override forward(x: NDArray): NDArray {
    return rearrange.reshape(x, this.shape)
  }

  override backward(gy: Variable): Variable {
    return reshape(gy, this.input.shape)
  }
}

/**
 * x with its elements, in row-major order, in `shape`; x itself when it has that shape.
 *
 * Shapes   x of any shape → shape, in which one extent may be -1: what the others leave.
 * Throws   BAD_SHAPE when the number of elements differs.
 */
export function reshape(x: Operand, shape: Shape): Variable {
  const variable = asVariable(x)
  if (Array.isArray(shape) && sameShape(variable.shape, shape)) return variable
  return new Reshape({ shape }).apply1(variable)
}

/** Axes in another order.  Backward gx = gy with the axes put back. */
export class Transpose extends Func {
  private readonly axes: readonly number[] | undefined

  constructor(attributes: { axes?: readonly number[] | undefined } = UNSAID) {
    checkOptions(attributes, ['axes'], 'transpose')
    if (attributes.axes === undefined) {
      super()
      return
    }
    if (!isIntegers(attributes.axes)) {
      throw new TapeError('BAD_AXIS', `transpose expected a list of axes, got ${valueText(attributes.axes)}`)
    }
    const axes = fixed(attributes.axes)
    super({ axes })
    this.axes = axes
  }

  override forward(x: NDArray): NDArray {
    return rearrange.transpose(x, this.axes)
  }

  override backward(gy: Variable): Variable {
    const { axes } = this
    if (axes === undefined) return transpose(gy)
    const inverse = new Array<number>(axes.length)
    axes.forEach((axis, i) => {
      inverse[normalizeAxis(axis, axes.length, 'transpose')] = i
    })
    return transpose(gy, inverse)
  }
}

/**
 * x with its axes in the given order, reversed unless said.
 *
 * Shapes   x [a, b, c], axes [2, 0, 1] → [c, a, b]
 * Throws   BAD_AXIS unless every axis is named once.
 */
export function transpose(x: Operand, axes?: readonly number[]): Variable {
  return (axes === undefined ? new Transpose() : new Transpose({ axes })).apply1(x)
}

/** Repetition along new axes and axes of extent 1.  Backward gx = gy summed to x's shape. */
export class BroadcastTo extends Func {
  private readonly shape: Shape

  constructor(attributes: { shape: Shape }) {
    checkOptions(attributes, ['shape'], 'broadcastTo')
    const shape = shapeOf(attributes.shape, 0, 'broadcastTo')
    super({ shape })
    this.shape = shape
  }

  override forward(x: NDArray): NDArray {
    return rearrange.broadcastTo(x, this.shape)
  }

  override backward(gy: Variable): Variable {
    return sumTo(gy, this.input.shape)
  }
}

/**
 * x repeated to `shape`; x itself when it has that shape.
 *
 * Shapes   x [3, 1] → [2, 3, 4]
 * Throws   SHAPE_MISMATCH when x does not broadcast to it.
 */
export function broadcastTo(x: Operand, shape: Shape): Variable {
  const variable = asVariable(x)
  if (Array.isArray(shape) && sameShape(variable.shape, shape)) return variable
  return new BroadcastTo({ shape }).apply1(variable)
}

/** The adjoint of broadcastTo.  Backward gx = gy broadcast to x's shape. */
export class SumTo extends Func {
  private readonly shape: Shape

  constructor(attributes: { shape: Shape }) {
    checkOptions(attributes, ['shape'], 'sumTo')
    const shape = shapeOf(attributes.shape, 0, 'sumTo')
    super({ shape })
    this.shape = shape
  }

  override forward(x: NDArray): NDArray {
    return sumToOf(x, this.shape)
  }

  override backward(gy: Variable): Variable {
    return broadcastTo(gy, this.input.shape)
  }
}

/**
 * x summed to a shape that broadcasts to x's; x itself when it has that shape.
 *
 * Shapes   x [2, 3, 4] → [3, 1]
 * Throws   SHAPE_MISMATCH when `shape` does not broadcast to x's.
 */
export function sumTo(x: Operand, shape: Shape): Variable {
  const variable = asVariable(x)
  if (Array.isArray(shape) && sameShape(variable.shape, shape)) return variable
  return new SumTo({ shape }).apply1(variable)
}

/** A new axis of extent 1.  Backward gx = gy without it. */
export class ExpandDims extends Func {
  private readonly axis: number

  constructor(attributes: { axis: number }) {
    checkOptions(attributes, ['axis'], 'expandDims')
    const axis = integerOf(attributes.axis, undefined, -Infinity, 'axis', 'expandDims')
    super({ axis })
    this.axis = axis
  }

  override forward(x: NDArray): NDArray {
    return rearrange.expandDims(x, this.axis)
  }

  override backward(gy: Variable): Variable {
    return reshape(gy, this.input.shape)
  }
}

/**
 * x with a new axis of extent 1 at this place of the result.
 *
 * Shapes   x [2, 3], axis 1 → [2, 1, 3]; axis -1 → [2, 3, 1]
 * Throws   BAD_AXIS.
 */
export function expandDims(x: Operand, axis: number): Variable {
  return new ExpandDims({ axis }).apply1(x)
}

/** Axes of extent 1 left out.  Backward gx = gy with them. */
export class Squeeze extends Func {
  private readonly axis: Axis | undefined

  constructor(attributes: { axis?: Axis | undefined } = {}) {
    checkOptions(attributes, ['axis'], 'squeeze')
    const axis = axisOf(attributes.axis, 'squeeze')
    super(axis === undefined ? {} : { axis })
    this.axis = axis
  }

  override forward(x: NDArray): NDArray {
    return rearrange.squeeze(x, this.axis)
  }

  override backward(gy: Variable): Variable {
    return reshape(gy, this.input.shape)
  }
}

/** x without axes of extent 1: the given ones, or all. Throws BAD_AXIS when a given one has another extent. */
export function squeeze(x: Operand, axis?: Axis): Variable {
  return new Squeeze({ axis }).apply1(x)
}

/** Axes run through backwards.  Backward gx = gy flipped along the same. */
export class Flip extends Func {
  private readonly axis: Axis | undefined

  constructor(attributes: { axis?: Axis | undefined } = {}) {
    checkOptions(attributes, ['axis'], 'flip')
    const axis = axisOf(attributes.axis, 'flip')
    super(axis === undefined ? {} : { axis })
    this.axis = axis
  }

  override forward(x: NDArray): NDArray {
    return rearrange.flip(x, this.axis)
  }

  override backward(gy: Variable): Variable {
    return flip(gy, this.axis)
  }
}

/** x reversed along the given axes, or all. Throws BAD_AXIS. */
export function flip(x: Operand, axis?: Axis): Variable {
  return new Flip({ axis }).apply1(x)
}

registerFunc(Reshape, { name: 'reshape' })
registerFunc(Transpose, { name: 'transpose' })
registerFunc(BroadcastTo, { name: 'broadcastTo' })
registerFunc(SumTo, { name: 'sumTo' })
registerFunc(ExpandDims, { name: 'expandDims' })
registerFunc(Squeeze, { name: 'squeeze' })
registerFunc(Flip, { name: 'flip' })
