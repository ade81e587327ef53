/**
 * Arithmetic, element by element, with NumPy's broadcasting: what one operand repeats, its gradient adds up. Knows no axis.
 */
import * as elementwise from '../array/elementwise.js'
import type { NDArray } from '../array/ndarray.js'
import { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import type { Operand, Variable } from '../graph/variable.js'
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
export function div(a: Operand, b: Operand): Variable {
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

registerFunc(Add)
registerFunc(Sub)
registerFunc(Mul)
registerFunc(Div)
registerFunc(Neg)
registerFunc(Square)
registerFunc(Sqrt)
registerFunc(Abs)
registerFunc(Sign)
registerFunc(Floor)
