/** Powers, the exponential and its inverse, and the circular and hyperbolic functions, element by element. */

import { isFloating } from '../array/dtype.js'
import * as elementwise from '../array/elementwise.js'
import { tanhSlope } from '../array/gates.js'
import { zeros } from '../array/make-array.js'
import { type NDArray, scalar } from '../array/ndarray.js'
import { Func } from '../graph/func.js'
import { needsCalls } from '../graph/mapped.js'
import { registerFunc } from '../graph/registry.js'
import { type Operand, Variable } from '../graph/variable.js'
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

  constructor(attributes: { exponent?: number | undefined } = UNSAID) {
    checkOptions(attributes, ['exponent'], 'pow')
    if (attributes.exponent === undefined) {
      super()
      return
    }
    const exponent = numberOf(attributes.exponent, undefined, 'exponent', 'pow')
    super({ exponent })
    this.exponent = exponent
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
    if (isFloating(x.dtype)) return elementwise.pow(x, scalar(c, x.dtype))
    const whole = Number.isInteger(c) && c >= 0 && c < 2 ** 31
    return elementwise.pow(x, scalar(c, whole ? 'int32' : 'float64'))
  }

  override backward(gy: Variable): Variable | (Variable | null)[] {
    const x = this.inputAt(0)
    const c = this.exponent
    if (c !== undefined) {
      if (c === 0) return new Variable(zeros(x.shape, x.dtype), false, 'constant')
      return mul(gy, mul(pow(x, c - 1), c))
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
 * x to the power of a number or, broadcast, of an operand.
 *
 * Throws   SHAPE_MISMATCH; BAD_VALUE for a negative integer exponent of integers.
 */
export function pow(x: Operand, exponent: Operand): Variable {
  if (typeof exponent === 'number' && Number.isFinite(exponent)) return new Pow({ exponent }).apply1(x)
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
registerFunc(Log, { name: 'log' })
registerFunc(Expm1, { name: 'expm1' })
registerFunc(Log1p, { name: 'log1p' })
registerFunc(Pow, { name: 'pow' })
registerFunc(Sin, { name: 'sin' })
registerFunc(Cos, { name: 'cos' })
registerFunc(Tanh, { name: 'tanh' })
