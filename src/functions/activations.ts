/** Activations, element by element. Knows no layer. */
import * as comparison from '../array/comparison.js'
import * as elementwise from '../array/elementwise.js'
import { gate, gateAboveZero, geluSlope, sigmoidSlope, slopedBelowZero } from '../array/gates.js'
import { expm1 as expm1Of } from '../array/math/exp.js'
import { allocateUnset, type NDArray, scalar, viewOf } from '../array/ndarray.js'
import { promotedToFloat } from '../array/promotion.js'
import { fixedShape, formatShape, type Shape } from '../array/shape.js'
import { TapeError, valueText } from '../errors.js'
import { Func } from '../graph/func.js'
import { needsCalls } from '../graph/mapped.js'
import { registerFunc } from '../graph/registry.js'
import { asVariable, type Operand, Variable } from '../graph/variable.js'
import { checkOptions, refuseOptions } from '../options.js'
import { add, mul, neg, square, sub } from './arithmetic.js'
import { numberOf, refuse } from './attributes.js'
import { clip } from './bounds.js'
import { greater, greaterEqual, lessEqual, logicalOr, where } from './comparison.js'
import { exp, tanh } from './exponential.js'
import { reshape, sumTo } from './shapes.js'

/** 1/(1 + e⁻ˣ).  Backward gx = gy·y·(1 − y). */
export class Sigmoid extends Func {
  override forward(x: NDArray): NDArray {
    return elementwise.sigmoid(x)
  }

  override backward(gy: Variable): Variable {
    const y = this.output
    // Where nobody will differentiate the gradient it needs no graph: the same bits in one pass.
    if (!needsCalls(gy, y)) return new Variable(sigmoidSlope(gy.data, y.data), false, 'variable')
    return mul(mul(gy, y), sub(1, y))
  }
}

/** 1/(1 + e⁻ˣ). */
export function sigmoid(x: Operand): Variable
export function sigmoid(x: Operand, ...rest: readonly unknown[]): Variable {
  refuseOptions(rest, 'sigmoid')
  return new Sigmoid().apply1(x)
}

/** max(x, 0).  Backward gx = gy where x > 0, 0 at 0 and below; a NaN passes its gradient on, so that it is not hidden. */
export class Relu extends Func {
  override forward(x: NDArray): NDArray {
    return elementwise.relu(x)
  }

  override backward(gy: Variable): Variable {
    return new ReluGradient().apply2(gy, this.input)
  }
}

/** max(x, 0). */
export function relu(x: Operand): Variable
export function relu(x: Operand, ...rest: readonly unknown[]): Variable {
  refuseOptions(rest, 'relu')
  return new Relu().apply1(x)
}

/** gy where x > 0.  Backward: linear in gy; constant in x but at 0. */
export class ReluGradient extends Func {
  override forward(gy: NDArray, x: NDArray): NDArray {
    return gateAboveZero(gy, x)
  }

  override backward(g: Variable): (Variable | null)[] {
    return [new ReluGradient().apply2(g, this.inputAt(1)), null]
  }
}

/** gy where x is above 0 or NaN, else 0. Throws SHAPE_MISMATCH unless they have one shape. */
export function reluGradient(gy: Operand, x: Operand): Variable {
  return new ReluGradient().apply2(gy, x)
}

/** x above 0, slope·x below, in one loop for the commonest dtype. */
function leaking(x: NDArray, slope: number): NDArray {
  const out = allocateUnset(x.dtype, x.shape, x.size)
  const [from, to] = [x.buffer as Float64Array, out.buffer as Float64Array]
  const move = out.offset - x.offset
  for (let i = x.offset; i < x.offset + x.size; i++) to[i + move] = from[i]! > 0 ? from[i]! : from[i]! * slope
  return out
}

export interface LeakyReluOptions {
  /** The slope below 0. Default 0.01. */
  slope?: number | undefined
}

/** x above 0, slope·x below.  Backward gx = gy above 0, gy·slope at 0 and below. */
export class LeakyRelu extends Func {
  private readonly slope: number

  constructor(attributes: LeakyReluOptions = {}) {
    checkOptions(attributes, ['slope'], 'leakyRelu')
    const slope = numberOf(attributes.slope, 0.01, 'slope', 'leakyRelu')
    super({ slope })
    this.slope = slope
  }

  override forward(x: NDArray): NDArray {
    const once = gate('leaky', x, x, this.slope)
    if (once !== null) return once
    if (x.dtype === 'float64') return leaking(x, this.slope)
    const low = elementwise.mul(x, scalar(this.slope, x.dtype === 'float32' ? 'float32' : 'float64'))
    return comparison.where(comparison.greater(x, scalar(0, x.dtype)), x, low)
  }

  override backward(gy: Variable): Variable {
    const x = this.input
    const gx = needsCalls(gy, x) ? null : gate('leaky', gy.data, x.data, this.slope)
    if (gx !== null) return new Variable(gx, false, 'variable')
    return where(greater(x, 0), gy, mul(gy, this.slope))
  }
}

/** x above 0, slope·x below. */
export function leakyRelu(x: Operand, options: LeakyReluOptions = {}): Variable {
  return new LeakyRelu(options).apply1(x)
}

/** The error function.  Backward gx = gy·2/√π·e^(−x²). */
export class Erf extends Func {
  override forward(x: NDArray): NDArray {
    return elementwise.erf(x)
  }

  override backward(gy: Variable): Variable {
    return mul(gy, mul(exp(mul(square(this.input), -1)), 2 / Math.sqrt(Math.PI)))
  }
}

/** 2/√π·∫₀ˣ e^(−t²) dt. */
export function erf(x: Operand): Variable {
  return new Erf().apply1(x)
}

/** x·Φ(x), Φ the normal distribution.  Backward gx = gy·(Φ(x) + x·φ(x)), φ its density. */
export class Gelu extends Func {
  override forward(x: NDArray): NDArray {
    return elementwise.gelu(x)
  }

  override backward(gy: Variable): Variable {
    const x = this.input
    const gx = needsCalls(gy, x) ? null : geluSlope(gy.data, x.data)
    if (gx !== null) return new Variable(gx, false, 'variable')
    const distribution = mul(add(erf(mul(x, Math.SQRT1_2)), 1), 0.5)
    const density = mul(exp(mul(square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI))
    return mul(gy, add(distribution, mul(x, density)))
  }
}

/** Settings of `gelu`. */
export interface GeluOptions {
  /** 'tanh': the form of GPT-2, x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))), made of other calls. Default 'none', the form with erf. */
  approximate?: 'none' | 'tanh' | undefined
}

/** x·Φ(x), the form with erf: x/2·(1 + erf(x/√2)). Throws BAD_ARGUMENT for another `approximate`. */
export function gelu(x: Operand): Variable
export function gelu(x: Operand, options: GeluOptions | undefined): Variable
export function gelu(x: Operand, ...rest: readonly unknown[]): Variable {
  const [options] = rest
  // As a callback it is given what is no options, too: `xs.map(gelu)` an index.
  if (typeof options !== 'object' || options instanceof Variable) return new Gelu().apply1(x)
  checkOptions(options, ['approximate'], 'gelu')
  const { approximate = 'none' } = options as GeluOptions
  if (approximate !== 'none' && approximate !== 'tanh')
    refuse(`gelu expected approximate to be 'none' or 'tanh', got ${valueText(approximate)}`)
  if (approximate === 'none') return new Gelu().apply1(x)
  const given = asVariable(x)
  const inner = mul(add(given, mul(mul(square(given), given), 0.044715)), Math.sqrt(2 / Math.PI))
  return mul(mul(given, 0.5), add(tanh(inner), 1))
}

/** ln(1 + eˣ).  Backward gx = gy·sigmoid(x). */
export class Softplus extends Func {
  override forward(x: NDArray): NDArray {
    return elementwise.softplus(x)
  }

  override backward(gy: Variable): Variable {
    return mul(gy, sigmoid(this.input))
  }
}

/** ln(1 + eˣ), without overflow. */
export function softplus(x: Operand): Variable
export function softplus(x: Operand, ...rest: readonly unknown[]): Variable {
  refuseOptions(rest, 'softplus')
  return new Softplus().apply1(x)
}

/** x·σ(x), σ the sigmoid; also called swish.  Backward gx = gy·σ(x)·(1 + x·σ(−x)). */
export class Silu extends Func {
  override forward(x: NDArray): NDArray {
    return elementwise.mul(x, elementwise.sigmoid(x))
  }

  override backward(gy: Variable): Variable {
    const x = this.input
    return mul(gy, mul(sigmoid(x), add(mul(x, sigmoid(neg(x))), 1)))
  }
}

/** x·sigmoid(x), which is also called swish. */
export function silu(x: Operand): Variable
export function silu(x: Operand, ...rest: readonly unknown[]): Variable {
  refuseOptions(rest, 'silu')
  return new Silu().apply1(x)
}

/** x·t with t = tanh(ln(1 + eˣ)).  Backward gx = gy·(t + x·(1 − t²)·sigmoid(x)). */
export class Mish extends Func {
  override forward(x: NDArray): NDArray {
    return elementwise.mul(x, elementwise.tanh(elementwise.softplus(x)))
  }

  override backward(gy: Variable): Variable {
    const x = this.input
    const t = tanh(softplus(x))
    return mul(gy, add(t, mul(mul(x, sub(1, square(t))), sigmoid(x))))
  }
}

/** x·tanh(softplus(x)). */
export function mish(x: Operand): Variable
export function mish(x: Operand, ...rest: readonly unknown[]): Variable {
  refuseOptions(rest, 'mish')
  return new Mish().apply1(x)
}

export interface EluOptions {
  /** What is approached far below 0 is −alpha. Default 1. */
  alpha?: number | undefined
}

/** x above 0, alpha·(eˣ − 1) below.  Backward gx = gy above 0, gy·alpha·eˣ at 0 and below. */
export class Elu extends Func {
  private readonly alpha: number

  constructor(attributes: EluOptions = {}) {
    checkOptions(attributes, ['alpha'], 'elu')
    const alpha = numberOf(attributes.alpha, 1, 'alpha', 'elu')
    super({ alpha })
    this.alpha = alpha
  }

  override forward(x: NDArray): NDArray {
    const once = gate('elu', x, x, this.alpha)
    if (once !== null) return once
    if (x.dtype === 'float64') return this.inOneLoop(x)
    const low = elementwise.expm1(elementwise.clip(x, undefined, 0))
    const scaled = elementwise.mul(low, scalar(this.alpha, low.dtype))
    return comparison.where(comparison.greater(x, scalar(0, x.dtype)), x, scaled)
  }

  /** The exponential is taken only of what is not above 0. */
  private inOneLoop(x: NDArray): NDArray {
    const out = allocateUnset(x.dtype, x.shape, x.size)
    const [from, to, { alpha }] = [x.buffer as Float64Array, out.buffer as Float64Array, this]
    const move = out.offset - x.offset
    for (let i = x.offset; i < x.offset + x.size; i++)
      to[i + move] = from[i]! > 0 ? from[i]! : expm1Of(from[i]!) * alpha
    return out
  }

  override backward(gy: Variable): Variable {
    const x = this.input
    const gx = needsCalls(gy, x) ? null : gate('eluSlope', gy.data, x.data, this.alpha)
    if (gx !== null) return new Variable(gx, false, 'variable')
    // The exponential of what is not above 0 alone: elsewhere it could be infinite, and infinity times 0 is NaN.
    const low = mul(gy, mul(exp(clip(x, { max: 0 })), this.alpha))
    return where(greater(x, 0), gy, low)
  }
}

/** x above 0, alpha·(eˣ − 1) below. */
export function elu(x: Operand, options: EluOptions = {}): Variable {
  return new Elu(options).apply1(x)
}

/** x above 0, weight·x below.  Backward gx = gy above 0, gy·weight at 0 and below; gweight = Σ gy·x where x ≤ 0. */
export class Prelu extends Func {
  override forward(x: NDArray, weight: NDArray): NDArray {
    const shape = slopeShape(x.shape, weight.shape)
    const [from, slopes] = promotedToFloat([x, viewOf(weight, shape)] as const)
    const made = slopedBelowZero(from, slopes)
    if (made !== null) return made
    return comparison.where(
      comparison.greater(from, scalar(0, from.dtype)),
      from,
      elementwise.mul(from, slopes),
    )
  }

  override backward(gy: Variable): (Variable | null)[] {
    const x = this.inputAt(0)
    const weight = this.inputAt(1)
    const shape = slopeShape(x.shape, weight.shape)
    const above = greater(x, 0)
    return [
      this.needsGradient(0) ? where(above, gy, mul(gy, reshape(weight, shape))) : null,
      this.needsGradient(1) ? reshape(sumTo(where(above, 0, mul(gy, x)), shape), weight.shape) : null,
    ]
  }
}

/** One slope for all, or one a channel, which is axis 1: as a shape that broadcasts to x. */
function slopeShape(shape: Shape, weight: Shape): Shape {
  if (weight.length === 0) return weight
  if (weight.length === 1 && weight[0] === 1) return fixedShape([])
  if (weight.length === 1 && shape.length >= 2 && weight[0] === shape[1])
    return fixedShape(shape.map((extent, axis) => (axis === 1 ? extent : 1)))
  throw new TapeError(
    'SHAPE_MISMATCH',
    `prelu expected one weight, or one for each channel of x (axis 1), got x ${formatShape(shape)} and weight ${formatShape(weight)}`,
  )
}

/**
 * x above 0, weight·x below, where the weight is learned.
 *
 * Shapes   x [n, c, …], weight [], [1] or [c] → x's
 * Throws   SHAPE_MISMATCH.
 */
export function prelu(x: Operand, weight: Operand): Variable {
  return new Prelu().apply2(x, weight)
}

export interface HardtanhOptions {
  /** The lower bound. Default −1. */
  min?: number | undefined
  /** The upper bound. Default 1. */
  max?: number | undefined
}

/** x within bounds.  Backward gx = gy strictly between the bounds, 0 at them and outside; a NaN passes its gradient on. */
export class Hardtanh extends Func {
  private readonly least: number
  private readonly most: number

  constructor(attributes: HardtanhOptions = {}) {
    checkOptions(attributes, ['min', 'max'], 'hardtanh')
    const min = numberOf(attributes.min, -1, 'min', 'hardtanh')
    const max = numberOf(attributes.max, 1, 'max', 'hardtanh')
    if (min >= max) refuse(`hardtanh expected min below max, got min ${min} and max ${max}`)
    super({ min, max })
    this.least = min
    this.most = max
  }

  override forward(x: NDArray): NDArray {
    return elementwise.clip(x, this.least, this.most)
  }

  override backward(gy: Variable): Variable {
    const x = this.input
    const gx = needsCalls(gy, x) ? null : gate('between', gy.data, x.data, this.least, this.most)
    if (gx !== null) return new Variable(gx, false, 'variable')
    return where(logicalOr(lessEqual(x, this.least), greaterEqual(x, this.most)), 0, gy)
  }
}

/** min(max(x, −1), 1), or between other bounds. Unlike `clip`, its gradient at a bound is 0. Throws BAD_ARGUMENT unless min < max. */
export function hardtanh(x: Operand, options: HardtanhOptions = {}): Variable {
  return new Hardtanh(options).apply1(x)
}

registerFunc(Sigmoid, { name: 'sigmoid' })
registerFunc(Relu, { name: 'relu' })
registerFunc(ReluGradient, { name: 'reluGradient' })
registerFunc(LeakyRelu, { name: 'leakyRelu' })
registerFunc(Erf, { name: 'erf' })
registerFunc(Gelu, { name: 'gelu' })
registerFunc(Softplus, { name: 'softplus' })
registerFunc(Silu, { name: 'silu' })
registerFunc(Mish, { name: 'mish' })
registerFunc(Elu, { name: 'elu' })
registerFunc(Prelu, { name: 'prelu' })
registerFunc(Hardtanh, { name: 'hardtanh' })
