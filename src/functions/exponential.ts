/** Powers, the exponential and its inverse, and the circular and hyperbolic functions, element by element. */

import { isFloating } from '../array/dtype.js'
import * as elementwise from '../array/elementwise.js'
import { tanhSlope } from '../array/gates.js'
import { zeros } from '../array/make-array.js'
import { type NDArray, scalar } from '../array/ndarray.js'
import { valueText } from '../errors.js'
import { Func } from '../graph/func.js'
import { needsCalls } from '../graph/mapped.js'
import { registerFunc } from '../graph/registry.js'
import { asVariable, type Operand, Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { add, div, mul, neg, square, sub } from './arithmetic.js'
import { numberOf, refuse, UNSAID } from './attributes.js'
import { equal, greaterEqual, logicalAnd, where } from './comparison.js'
import { sumTo } from './shapes.js'

/** eˣ.  Backward gx = gy·y. */
export class Exp extends Func {
  override forward(x: NDArray): NDArray {
    return elementwise.exp(x)
  }

  override backward(gy: Variable): Variable {
    return mul(gy, this.output)
  }
}

/** eˣ. */
export function exp(x: Operand): Variable {
  return new Exp().apply1(x)
}

/** 2ˣ.  Backward gx = gy·y·ln 2. */
export class Exp2 extends Func {
  override forward(x: NDArray): NDArray {
    return elementwise.exp2(x)
  }

  override backward(gy: Variable): Variable {
    return mul(gy, mul(this.output, Math.LN2))
  }
}

/** 2ˣ, exact where x is an integer; of integers too, whose powers are integers. */
export function exp2(x: Operand): Variable {
  const given = asVariable(x)
  return isFloating(given.dtype) ? new Exp2().apply1(given) : pow(2, given)
}

/** The natural logarithm.  Backward gx = gy/x. */
export class Log extends Func {
  override forward(x: NDArray): NDArray {
    return elementwise.log(x)
  }

  override backward(gy: Variable): Variable {
    return div(gy, this.input)
  }
}

/** ln x; −Infinity at 0, NaN below. */
export function log(x: Operand): Variable {
  return new Log().apply1(x)
}

/** eˣ − 1.  Backward gx = gy·(y + 1). */
export class Expm1 extends Func {
  override forward(x: NDArray): NDArray {
    return elementwise.expm1(x)
  }

  override backward(gy: Variable): Variable {
    return mul(gy, add(this.output, 1))
  }
}

/** eˣ − 1, exact near 0. */
export function expm1(x: Operand): Variable {
  return new Expm1().apply1(x)
}

/** ln(1 + x).  Backward gx = gy/(1 + x). */
export class Log1p extends Func {
  override forward(x: NDArray): NDArray {
    return elementwise.log1p(x)
  }

  override backward(gy: Variable): Variable {
    return div(gy, add(this.input, 1))
  }
}

/** ln(1 + x), exact near 0. */
export function log1p(x: Operand): Variable {
  return new Log1p().apply1(x)
}

/**
 * xᶜ for a number c, which is an attribute, or xᵉ for an operand e.
 * Backward gx = gy·e·xᵉ⁻¹ (0 where e = 0), ge = gy·y·ln x (0 where x = 0 and e ≥ 0).
 */
export class Pow extends Func {
  private readonly exponent: number | undefined
  /** How floats are raised: by products and roots, or, unless said, by logarithms, as all were in runs of before 2026-12. */
  private readonly method: 'products' | undefined

  constructor(attributes: { exponent?: number | undefined; method?: 'products' | undefined } = UNSAID) {
    checkOptions(attributes, ['exponent', 'method'], 'pow')
    const { method } = attributes
    if (attributes.exponent === undefined) {
      if (method !== undefined) refuse('pow expected a method together with an exponent only')
      super()
      return
    }
    const exponent = numberOf(attributes.exponent, undefined, 'exponent', 'pow')
    if (method !== undefined && (method !== 'products' || !elementwise.isProduct(exponent)))
      refuse(`pow expected method 'products' for a small exponent, got ${valueText(method)} for ${exponent}`)
    super(method === undefined ? { exponent } : { exponent, method })
    this.exponent = exponent
    this.method = method
  }

  override forward(x: NDArray, e?: NDArray): NDArray {
    const c = this.exponent
    if (e !== undefined && c === undefined) return elementwise.pow(x, e)
    if (c === undefined || e !== undefined) {
      const got = e === undefined ? 'neither' : 'both'
      return refuse(
        `pow expected its exponent as an attribute, { exponent }, or as its second operand, got ${got}`,
      )
    }
    if (isFloating(x.dtype))
      return this.method === undefined
        ? elementwise.pow(x, scalar(c, x.dtype))
        : elementwise.powByProducts(x, c)
    const whole = Number.isInteger(c) && c >= 0 && c < 2 ** 31
    return elementwise.pow(x, scalar(c, whole ? 'int32' : 'float64'))
  }

  override backward(gy: Variable): Variable | (Variable | null)[] {
    const x = this.inputAt(0)
    const c = this.exponent
    if (c !== undefined) {
      if (c === 0) return new Variable(zeros(x.shape, x.dtype), false, 'constant')
      const power = this.method === undefined ? new Pow({ exponent: c - 1 }).apply1(x) : pow(x, c - 1)
      return mul(gy, mul(power, c))
    }
    const e = this.inputAt(1)
    return [
      this.needsGradient(0)
        ? sumTo(where(equal(e, 0), 0, mul(gy, mul(e, pow(x, sub(e, 1))))), x.shape)
        : null,
      this.needsGradient(1) ? sumTo(this.gradientOfExponent(gy, x, e), e.shape) : null,
    ]
  }

  private gradientOfExponent(gy: Variable, x: Variable, e: Variable): Variable {
    const still = logicalAnd(equal(x, 0), greaterEqual(e, 0))
    // The logarithm of 1 in place of that of 0: its own gradient would be infinite, and infinity times 0 is NaN.
    return where(still, 0, mul(gy, mul(this.output, log(where(still, 1, x)))))
  }
}

/**
 * x to the power of a number or, broadcast, of an operand. To the powers 2, 3, ½, −½, −1 and −2 by products, roots and reciprocals.
 *
 * Throws   SHAPE_MISMATCH; BAD_VALUE for a negative integer exponent of integers.
 */
export function pow(x: Operand, exponent: Operand): Variable {
  if (typeof exponent === 'number' && Number.isFinite(exponent))
    return new Pow(elementwise.isProduct(exponent) ? { exponent, method: 'products' } : { exponent }).apply1(
      x,
    )
  return new Pow().apply2(x, exponent)
}

/** The sine.  Backward gx = gy·cos x. */
export class Sin extends Func {
  override forward(x: NDArray): NDArray {
    return elementwise.sin(x)
  }

  override backward(gy: Variable): Variable {
    return mul(gy, cos(this.input))
  }
}

/** sin x, x in radians. */
export function sin(x: Operand): Variable {
  return new Sin().apply1(x)
}

/** The cosine.  Backward gx = −gy·sin x. */
export class Cos extends Func {
  override forward(x: NDArray): NDArray {
    return elementwise.cos(x)
  }

  override backward(gy: Variable): Variable {
    return neg(mul(gy, sin(this.input)))
  }
}

/** cos x, x in radians. */
export function cos(x: Operand): Variable {
  return new Cos().apply1(x)
}

/** The hyperbolic tangent.  Backward gx = gy·(1 − y²). */
export class Tanh extends Func {
  override forward(x: NDArray): NDArray {
    return elementwise.tanh(x)
  }

  override backward(gy: Variable): Variable {
    const y = this.output
    // Where nobody will differentiate the gradient it needs no graph: the same bits in one pass.
    if (!needsCalls(gy, y)) return new Variable(tanhSlope(gy.data, y.data), false, 'variable')
    return mul(gy, sub(1, square(y)))
  }
}

/** tanh x. */
export function tanh(x: Operand): Variable {
  return new Tanh().apply1(x)
}

registerFunc(Exp, { name: 'exp' })
registerFunc(Exp2, { name: 'exp2' })
registerFunc(Log, { name: 'log' })
registerFunc(Expm1, { name: 'expm1' })
registerFunc(Log1p, { name: 'log1p' })
registerFunc(Pow, { name: 'pow' })
registerFunc(Sin, { name: 'sin' })
registerFunc(Cos, { name: 'cos' })
registerFunc(Tanh, { name: 'tanh' })
