/** Softmax and its logarithm along an axis; both are stable for entries of any size. */
import type { NDArray } from '../array/ndarray.js'
import * as softmaxes from '../array/softmax.js'
import { Func } from '../graph/func.js'
import { needsCalls } from '../graph/mapped.js'
import { registerFunc } from '../graph/registry.js'
import { type Operand, Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { mul, sub } from './arithmetic.js'
import { oneAxisOf } from './attributes.js'
import { exp } from './exponential.js'
import { sum } from './reductions.js'

export interface SoftmaxOptions {
  /** The axis along which probabilities add up to 1. Default the last. */
  axis?: number | undefined
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

/** eˣ/Σeˣ along an axis. Throws BAD_AXIS, also for a scalar. */
export function softmax(x: Operand, options: SoftmaxOptions = {}): Variable {
  return new Softmax(options).apply1(x)
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

/** x − ln Σeˣ along an axis. Throws BAD_AXIS, also for a scalar. */
export function logSoftmax(x: Operand, options: SoftmaxOptions = {}): Variable {
  return new LogSoftmax(options).apply1(x)
}

registerFunc(Softmax, { name: 'softmax' })
registerFunc(LogSoftmax, { name: 'logSoftmax' })
