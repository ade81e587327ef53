/**
 * Arithmetic, element by element, with NumPy's broadcasting: what one operand repeats, its gradient adds up. Knows no axis.
 */
import { isFloating } from '../array/dtype.js'
import * as elementwise from '../array/elementwise.js'
import type { NDArray } from '../array/ndarray.js'
import { promoted } from '../array/promotion.js'
import { TapeError } from '../errors.js'
import { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import type { Operand, Variable } from '../graph/variable.js'
import { refuseOptions } from '../options.js'
import { NotDifferentiable } from './not-differentiable.js'
import { sumTo } from './shapes.js'

/** Sum, broadcast.  Backward ga = gb = gy, each summed back to its input's shape. */
export class Add extends Func {
  override forward(a: NDArray, b: NDArray): NDArray {
    return elementwise.add(a, b)
  }

  override backward(gy: Variable): (Variable | null)[] {
    return [
      this.needsGradient(0) ? sumTo(gy, this.inputAt(0).shape) : null,
      this.needsGradient(1) ? sumTo(gy, this.inputAt(1).shape) : null,
    ]
  }
}

/**
 * a + b.
 *
 * Shapes   a, b broadcast.
 * Throws   SHAPE_MISMATCH when they do not; so do all functions of two operands here.
 */
export function add(a: Operand, b: Operand): Variable {
  return new Add().apply2(a, b)
}

/** Difference, broadcast.  Backward ga = gy, gb = −gy. */
export class Sub extends Func {
  override forward(a: NDArray, b: NDArray): NDArray {
    return elementwise.sub(a, b)
  }

  override backward(gy: Variable): (Variable | null)[] {
    return [
      this.needsGradient(0) ? sumTo(gy, this.inputAt(0).shape) : null,
      this.needsGradient(1) ? sumTo(neg(gy), this.inputAt(1).shape) : null,
    ]
  }
}

/** a − b, broadcast. */
export function sub(a: Operand, b: Operand): Variable {
  return new Sub().apply2(a, b)
}

/** Product, broadcast.  Backward ga = gy·b, gb = gy·a. */
export class Mul extends Func {
  override forward(a: NDArray, b: NDArray): NDArray {
    return elementwise.mul(a, b)
  }

  override backward(gy: Variable): (Variable | null)[] {
    const a = this.inputAt(0)
    const b = this.inputAt(1)
    return [
      this.needsGradient(0) ? sumTo(mul(gy, b), a.shape) : null,
      this.needsGradient(1) ? sumTo(mul(gy, a), b.shape) : null,
    ]
  }
}

/** a·b, element by element, broadcast. */
export function mul(a: Operand, b: Operand): Variable {
  return new Mul().apply2(a, b)
}

/** Quotient, broadcast.  Backward ga = gy/b, gb = −(gy/b)·y, as d(a/b)/db = −(a/b)/b. */
export class Div extends Func {
  override forward(a: NDArray, b: NDArray): NDArray {
    return elementwise.div(a, b)
  }

  override backward(gy: Variable): (Variable | null)[] {
    const b = this.inputAt(1)
    const share = div(gy, b)
    return [
      this.needsGradient(0) ? sumTo(share, this.inputAt(0).shape) : null,
      this.needsGradient(1) ? sumTo(neg(mul(share, this.output)), b.shape) : null,
    ]
  }
}

/** a / b, broadcast; integers give float64. */
export function div(a: Operand, b: Operand): Variable
export function div(a: Operand, b: Operand, ...rest: readonly unknown[]): Variable {
  refuseOptions(rest, 'div')
  return new Div().apply2(a, b)
}

/** Sign changed.  Backward gx = −gy. */
export class Neg extends Func {
  override forward(x: NDArray): NDArray {
    return elementwise.neg(x)
  }

  override backward(gy: Variable): Variable {
    return neg(gy)
  }
}

/** −x. */
export function neg(x: Operand): Variable {
  return new Neg().apply1(x)
}

/** x².  Backward gx = gy·2x. */
export class Square extends Func {
  override forward(x: NDArray): NDArray {
    return elementwise.square(x)
  }

  override backward(gy: Variable): Variable {
    return mul(gy, mul(this.input, 2))
  }
}

/** x². */
export function square(x: Operand): Variable {
  return new Square().apply1(x)
}

/** √x.  Backward gx = gy/(2y). */
export class Sqrt extends Func {
  override forward(x: NDArray): NDArray {
    return elementwise.sqrt(x)
  }

  override backward(gy: Variable): Variable {
    return div(gy, mul(this.output, 2))
  }
}

/** √x; NaN below 0. */
export function sqrt(x: Operand): Variable {
  return new Sqrt().apply1(x)
}

/** |x|.  Backward gx = gy·sign(x), which is 0 at 0. */
export class Abs extends Func {
  override forward(x: NDArray): NDArray {
    return elementwise.abs(x)
  }

  override backward(gy: Variable): Variable {
    return mul(gy, sign(this.input))
  }
}

/** |x|. */
export function abs(x: Operand): Variable {
  return new Abs().apply1(x)
}

/** What is constant between its jumps. */
abstract class Step extends NotDifferentiable {
  protected override get reason(): string {
    return 'its derivative is 0 wherever it exists'
  }
}

export class Sign extends Step {
  override forward(x: NDArray): NDArray {
    return elementwise.sign(x)
  }
}

/** −1, 0 or 1. Not differentiable. */
export function sign(x: Operand): Variable {
  return new Sign().apply1(x)
}

export class Floor extends Step {
  override forward(x: NDArray): NDArray {
    return elementwise.floor(x)
  }
}

/** The largest integer not above x. Not differentiable. */
export function floor(x: Operand): Variable {
  return new Floor().apply1(x)
}

/** The least integer not below x. */
export class Ceil extends Step {
  override forward(x: NDArray): NDArray {
    return elementwise.ceil(x)
  }
}

/** x without what follows its point. */
export class Trunc extends Step {
  override forward(x: NDArray): NDArray {
    return elementwise.trunc(x)
  }
}

/** The nearest integer, of two that are equally near the even one. */
export class Round extends Step {
  override forward(x: NDArray): NDArray {
    return elementwise.round(x)
  }
}

/** a − b·⌊a/b⌋, broadcast.  Backward ga = gy, gb = −gy·⌊a/b⌋. */
export class Remainder extends Func {
  override forward(a: NDArray, b: NDArray): NDArray {
    const [left, right] = promoted([a, b] as const)
    const whole = !isFloating(left.dtype)
    if (left.dtype === 'bool')
      throw new TapeError('BAD_DTYPE', 'remainder expected numbers, got bool and bool; convert with astype')
    if (whole && right.data.includes(0))
      throw new TapeError(
        'BAD_VALUE',
        'remainder expected integers other than 0 to divide integers by, got 0; convert with astype to float64 for NaN there',
      )
    return elementwise.remainder(left, right)
  }

  override backward(gy: Variable): (Variable | null)[] {
    const a = this.inputAt(0)
    const b = this.inputAt(1)
    return [
      this.needsGradient(0) ? sumTo(gy, a.shape) : null,
      // (a − y)/b is the quotient but for its rounding: a/b itself may be rounded up to the next integer.
      this.needsGradient(1)
        ? sumTo(neg(mul(gy, floor(add(div(sub(a, this.output), b), 0.5)))), b.shape)
        : null,
    ]
  }
}

/**
 * What is left of a after whole parts of b, with the sign of b: −1 by 3 leaves 2. `mod` is the same function.
 *
 * Shapes   a, b broadcast.
 * Throws   SHAPE_MISMATCH; BAD_VALUE for integers divided by 0 (floats give NaN); BAD_DTYPE for two bools.
 * Source   PyTorch `remainder`, NumPy `mod`.
 */
export function remainder(a: Operand, b: Operand): Variable {
  return new Remainder().apply2(a, b)
}

/** `remainder` by its other name. */
export const mod = remainder

registerFunc(Add, { name: 'add' })
registerFunc(Sub, { name: 'sub' })
registerFunc(Mul, { name: 'mul' })
registerFunc(Div, { name: 'div' })
registerFunc(Neg, { name: 'neg' })
registerFunc(Square, { name: 'square' })
registerFunc(Sqrt, { name: 'sqrt' })
registerFunc(Abs, { name: 'abs' })
registerFunc(Sign, { name: 'sign' })
registerFunc(Floor, { name: 'floor' })
registerFunc(Ceil, { name: 'ceil' })
registerFunc(Trunc, { name: 'trunc' })
registerFunc(Round, { name: 'round' })
registerFunc(Remainder, { name: 'remainder' })
