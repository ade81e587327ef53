/** Reductions built of others: spread, length, and the logarithm of a sum of exponentials. */

import { isFloating } from '../array/dtype.js'
import * as elementwise from '../array/elementwise.js'
import { zeros } from '../array/make-array.js'
import { type NDArray, scalar } from '../array/ndarray.js'
import * as reductions from '../array/reductions.js'
import { normalizeAxes } from '../array/shape.js'
import { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import { type Operand, Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { abs, div, mul, sign, sub } from './arithmetic.js'
import { type Axis, axisOf, flagOf, integerOf, numberOf, UNSAID } from './attributes.js'
import { cast } from './casting.js'
import { equal, where } from './comparison.js'
import { exp, Pow } from './exponential.js'
import { keptShape, mean, type ReduceOptions, Reduction, sum } from './reductions.js'
import { reshape } from './shapes.js'

export interface VarOptions extends ReduceOptions {
  /** What is taken off the number of elements: 0 for a population (default), 1 for a sample. */
  ddof?: number | undefined
}

/** What var and std share: the axes and the divisor. */
abstract class Spread extends Func {
  readonly axis: Axis | undefined
  readonly keepdims: boolean
  readonly ddof: number

  constructor(options: VarOptions, what: string) {
    checkOptions(options, ['axis', 'keepdims', 'ddof'], what)
    const axis = axisOf(options.axis, what)
    const keepdims = flagOf(options.keepdims, false, 'keepdims', what)
    const ddof = integerOf(options.ddof, 0, 0, 'ddof', what)
    super(axis === undefined ? { keepdims, ddof } : { axis, keepdims, ddof })
    this.axis = axis
    this.keepdims = keepdims
    this.ddof = ddof
  }

  protected varianceOf(x: NDArray): NDArray {
    const from = isFloating(x.dtype) ? x : x.astype('float64')
    const centre = reductions.mean(from, { axis: this.axis, keepdims: true })
    const squares = reductions.sum(elementwise.square(elementwise.sub(from, centre)), this)
    return elementwise.div(squares, scalar(this.divisor(x), squares.dtype))
  }

  protected divisor(x: NDArray | Variable): number {
    const axes = normalizeAxes(this.axis, x.ndim, this.name)
    return Math.max(0, axes.reduce((count, axis) => count * x.shape[axis]!, 1) - this.ddof)
  }

  /** gx = slope·2(x − mean)/(n − ddof), slope being the gradient of the variance. */
  protected spread(slope: Variable): Variable {
    const x = this.input
    const kept = this.keepdims ? slope : reshape(slope, keptShape(x.shape, this.axis))
    const centre = mean(x, { axis: this.axis, keepdims: true })
    return mul(sub(x, centre), mul(kept, 2 / this.divisor(x)))
  }
}

/** Mean of the squared distance from the mean.  Backward gx = gy·2(x − mean)/(n − ddof). */
export class Var extends Spread {
  constructor(attributes: VarOptions = {}) {
    super(attributes, 'var')
  }

  override forward(x: NDArray): NDArray {
    return this.varianceOf(x)
  }

  override backward(gy: Variable): Variable {
    return this.spread(gy)
  }
}

/** The variance over the given axes, or all; NaN or infinite when ddof leaves nothing to divide by. */
export function variance(x: Operand, options: VarOptions = {}): Variable {
  return new Var(options).apply1(x)
}

export { variance as var }

/** The square root of the variance.  Backward gx = gy·(x − mean)/((n − ddof)·y), 0 where y = 0. */
export class Std extends Spread {
  constructor(attributes: VarOptions = {}) {
    super(attributes, 'std')
  }

  override forward(x: NDArray): NDArray {
    return elementwise.sqrt(this.varianceOf(x))
  }

  override backward(gy: Variable): Variable {
    const y = this.output
    const flat = equal(y, 0)
    return this.spread(where(flat, 0, div(gy, mul(where(flat, 1, y), 2))))
  }
}

/** The standard deviation over the given axes, or all. */
export function std(x: Operand, options: VarOptions = {}): Variable {
  return new Std(options).apply1(x)
}

export interface NormOptions extends ReduceOptions {
  /**
   * p of (Σ|x|ᵖ)^(1/p). Default 2. Infinity (on a tape 'inf') is the largest |x|, −Infinity ('-inf') the smallest, 0 the number of
   * elements that are not 0.
   */
  ord?: number | 'inf' | '-inf' | undefined
}

/**
 * (Σ|x|ᵖ)^(1/p).  Backward gx = gy·sign(x)·(|x|/y)ᵖ⁻¹, 0 where y = 0. Of order ±∞ gy·sign(x), shared evenly among the elements
 * that are the result; of order 0 nothing.
 */
export class Norm extends Func {
  readonly axis: Axis | undefined
  readonly keepdims: boolean
  private readonly ord: number

  constructor(attributes: NormOptions = {}) {
    checkOptions(attributes, ['axis', 'keepdims', 'ord'], 'norm')
    const axis = axisOf(attributes.axis, 'norm')
    const keepdims = flagOf(attributes.keepdims, false, 'keepdims', 'norm')
    const ord = orderOf(attributes.ord)
    const kept = ord === Infinity ? 'inf' : ord === -Infinity ? '-inf' : ord
    super(axis === undefined ? { keepdims, ord: kept } : { axis, keepdims, ord: kept })
    this.axis = axis
    this.keepdims = keepdims
    this.ord = ord
  }

  override forward(x: NDArray): NDArray {
    if (this.ord === 2) return elementwise.sqrt(reductions.sum(elementwise.square(floating(x)), this))
    const sizes = elementwise.abs(floating(x))
    if (this.ord === 1) return reductions.sum(sizes, this)
    if (this.ord === Infinity) return reductions.max(sizes, this)
    if (this.ord === -Infinity) return reductions.min(sizes, this)
    // A NaN is not 0, and counts.
    if (this.ord === 0)
      return reductions.sum(
        sizes.map((size) => (size === 0 ? 0 : 1)),
        this,
      )
    const total = reductions.sum(elementwise.pow(sizes, scalar(this.ord, sizes.dtype)), this)
    return elementwise.pow(total, scalar(1 / this.ord, total.dtype))
  }

  override backward(gy: Variable): Variable {
    const x = this.input
    if (this.ord === 0) return new Variable(zeros(x.shape, x.dtype), false, 'constant')
    const shape = keptShape(x.shape, this.axis)
    const g = reshape(gy, shape)
    if (this.ord === Infinity || this.ord === -Infinity) return this.throughExtreme(x, g, shape)
    if (this.ord === 1) return mul(sign(x), g)
    const y = reshape(this.output, shape)
    const flat = equal(y, 0)
    const length = where(flat, 1, y)
    const slope = where(flat, 0, g)
    if (this.ord === 2) return mul(x, div(slope, length))
    const power = new Pow({ exponent: this.ord - 1 }).apply1(div(this.sizes(x), length))
    return mul(mul(sign(x), power), slope)
  }

  private throughExtreme(x: Variable, g: Variable, shape: readonly number[]): Variable {
    const met = equal(abs(x), reshape(this.output, shape))
    const count = sum(cast(met, g.dtype), { axis: this.axis, keepdims: true })
    return where(met, mul(sign(x), div(g, reshape(count, shape))), 0)
  }

  /** |x|, and 1 where x = 0: sign(x) is 0 there, but a power of 0 has infinite derivatives and infinity times 0 is NaN. */
  private sizes(x: Variable): Variable {
    const risky = (this.ord < 1 || !Number.isInteger(this.ord)) && x.wholeData.data.includes(0)
    return risky ? where(equal(x, 0), 1, abs(x)) : abs(x)
  }
}

function orderOf(value: unknown): number {
  if (value === 'inf' || value === Infinity) return Infinity
  if (value === '-inf' || value === -Infinity) return -Infinity
  return numberOf(value, 2, 'ord', 'norm')
}

function floating(x: NDArray): NDArray {
  return isFloating(x.dtype) ? x : x.astype('float64')
}

/** The p-norm of the elements along the given axes, or of all. Throws BAD_VALUE for order ±∞ of nothing. */
export function norm(x: Operand, options: NormOptions = {}): Variable {
  return new Norm(options).apply1(x)
}

/** ln Σeˣ.  Backward gx = gy·e^(x − y). */
export class LogSumExp extends Reduction {
  constructor(attributes: ReduceOptions = UNSAID) {
    super(attributes, 'logSumExp')
  }

  override forward(x: NDArray): NDArray {
    return reductions.logSumExp(x, this)
  }

  override backward(gy: Variable): Variable {
    return mul(exp(sub(this.input, this.kept(this.output))), this.kept(gy))
  }
}

/** ln Σeˣ over the given axes, or all, without overflow. Throws BAD_VALUE for nothing. */
export function logSumExp(x: Operand, options?: ReduceOptions): Variable {
  return new LogSumExp(options).apply1(x)
}

registerFunc(Var, { name: 'var' })
registerFunc(Std, { name: 'std' })
registerFunc(Norm, { name: 'norm' })
registerFunc(LogSumExp, { name: 'logSumExp' })
