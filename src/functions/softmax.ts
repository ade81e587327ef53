/** Softmax and its logarithm along an axis; both are stable for entries of any size. */
import type { NDArray } from '../array/ndarray.js'
import { normalizeAxes } from '../array/shape.js'
import * as softmaxes from '../array/softmax.js'
import { Func } from '../graph/func.js'
import { needsCalls } from '../graph/mapped.js'
import { registerFunc } from '../graph/registry.js'
import { asVariable, type Operand, Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { mul, sub } from './arithmetic.js'
import { type Axis, axisOf, oneAxisOf } from './attributes.js'
import { exp } from './exponential.js'
import { sum } from './reductions.js'
import { reshape, transpose } from './shapes.js'

export interface SoftmaxOptions {
  /** The axis along which probabilities add up to 1. Default the last. */
  axis?: number | undefined
}

/** Settings of `softmax` and `logSoftmax`. */
export interface SoftmaxAxesOptions {
  /** The axis along which probabilities add up to 1, or several over which they do together. Default the last. */
  axis?: Axis | undefined
}

/** eˣ/Σeˣ.  Backward gx = y·(gy − Σ gy·y). */
export class Softmax extends Func {
  readonly axis: number

  constructor(attributes: SoftmaxOptions = {}) {
    checkOptions(attributes, ['axis'], 'softmax')
    const axis = oneAxisOf(attributes.axis, -1, 'softmax')
    super({ axis })
    this.axis = axis
  }

  override forward(x: NDArray): NDArray {
    return softmaxes.softmax(x, this.axis)
  }

  override backward(gy: Variable): Variable {
    const y = this.output
    // Where nobody will differentiate the gradient it needs no graph: the same bits in one call.
    const isLast = this.axis === -1 || this.axis === y.ndim - 1
    const gx = !isLast || needsCalls(gy, y) ? null : softmaxes.softmaxGradient(gy.data, y.data)
    if (gx !== null) return new Variable(gx, false, 'variable')
    return mul(y, sub(gy, sum(mul(gy, y), { axis: this.axis, keepdims: true })))
  }
}

/** eˣ/Σeˣ along an axis, or over several together. Throws BAD_AXIS, also for a scalar. */
export function softmax(x: Operand, options: SoftmaxAxesOptions = {}): Variable {
  const axes = severalOf(options, 'softmax')
  if (axes !== null) return overSeveral(x, axes, options, 'softmax', softmax)
  return new Softmax(options as SoftmaxOptions).apply1(x)
}

/** x − ln Σeˣ.  Backward gx = gy − eʸ·Σ gy. */
export class LogSoftmax extends Func {
  readonly axis: number

  constructor(attributes: SoftmaxOptions = {}) {
    checkOptions(attributes, ['axis'], 'logSoftmax')
    const axis = oneAxisOf(attributes.axis, -1, 'logSoftmax')
    super({ axis })
    this.axis = axis
  }

  override forward(x: NDArray): NDArray {
    return softmaxes.logSoftmax(x, this.axis)
  }

  override backward(gy: Variable): Variable {
    return sub(gy, mul(exp(this.output), sum(gy, { axis: this.axis, keepdims: true })))
  }
}

/** x − ln Σeˣ along an axis, or over several together. Throws BAD_AXIS, also for a scalar. */
export function logSoftmax(x: Operand, options: SoftmaxAxesOptions = {}): Variable {
  const axes = severalOf(options, 'logSoftmax')
  if (axes !== null) return overSeveral(x, axes, options, 'logSoftmax', logSoftmax)
  return new LogSoftmax(options as SoftmaxOptions).apply1(x)
}

/** The axes where there are several: a list, also of one. */
function severalOf(options: SoftmaxAxesOptions, what: string): readonly number[] | null {
  return typeof options === 'object' && options !== null && Array.isArray(options.axis)
    ? (axisOf(options.axis, what) as readonly number[])
    : null
}

/** Several axes are made one, the last, and are put back. */
function overSeveral(
  x: Operand,
  axes: readonly number[],
  options: SoftmaxAxesOptions,
  what: string,
  along: (x: Variable) => Variable,
): Variable {
  checkOptions(options, ['axis'], what)
  const given = asVariable(x)
  const inside = normalizeAxes(axes, given.ndim, what)
  const order = [...given.shape.keys()].filter((axis) => !inside.includes(axis)).concat(inside)
  const moved = transpose(given, order)
  const size = inside.reduce((product, axis) => product * given.shape[axis]!, 1)
  const rows = reshape(moved, [...moved.shape.slice(0, given.ndim - inside.length), size])
  const back = order.map((_, axis) => order.indexOf(axis))
  return transpose(reshape(along(rows), moved.shape), back)
}

registerFunc(Softmax, { name: 'softmax' })
registerFunc(LogSoftmax, { name: 'logSoftmax' })
