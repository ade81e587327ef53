/** Activations, element by element. Knows no layer. */
import * as comparison from '../array/comparison.js'
import * as elementwise from '../array/elementwise.js'
import { gateAboveZero, sigmoidSlope } from '../array/gates.js'
import { zerosLike } from '../array/make-array.js'
import { type NDArray, scalar } from '../array/ndarray.js'
import { Func } from '../graph/func.js'
import { mode } from '../graph/mode.js'
import { registerFunc } from '../graph/registry.js'
import { type Operand, Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { add, mul, square, sub } from './arithmetic.js'
import { numberOf } from './attributes.js'
import { greater, where } from './comparison.js'
import { exp } from './exponential.js'

/** 1/(1 + e⁻ˣ).  Backward gx = gy·y·(1 − y). */
export class Sigmoid extends Func {
  override forward(x: NDArray): NDArray {
    return elementwise.sigmoid(x)
  }

  override backward(gy: Variable): Variable {
    const y = this.output
    // Where nobody will differentiate the gradient it needs no graph: the same bits in one pass.
    if (!mode.linking) return new Variable(sigmoidSlope(gy.data, y.data), false, 'variable')
    return mul(mul(gy, y), sub(1, y))
  }
}

/** 1/(1 + e⁻ˣ). */
export function sigmoid(x: Operand): Variable {
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
export function relu(x: Operand): Variable {
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
    const low = elementwise.mul(x, scalar(this.slope, x.dtype === 'float32' ? 'float32' : 'float64'))
    return comparison.where(comparison.greater(x, zerosLike(x)), x, low)
  }

  override backward(gy: Variable): Variable {
    return where(greater(this.input, 0), gy, mul(gy, this.slope))
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
    const distribution = mul(add(erf(mul(x, Math.SQRT1_2)), 1), 0.5)
    const density = mul(exp(mul(square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI))
    return mul(gy, add(distribution, mul(x, density)))
  }
}

/** x·Φ(x), the form with erf: x/2·(1 + erf(x/√2)). */
export function gelu(x: Operand): Variable {
  return new Gelu().apply1(x)
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
export function softplus(x: Operand): Variable {
  return new Softplus().apply1(x)
}

registerFunc(Sigmoid)
registerFunc(Relu)
registerFunc(ReluGradient)
registerFunc(LeakyRelu)
registerFunc(Erf)
registerFunc(Gelu)
registerFunc(Softplus)
