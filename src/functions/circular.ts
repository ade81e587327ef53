/** The tangent, the hyperbolic sine and cosine, and the inverse circular functions, element by element. */
import * as elementwise from '../array/elementwise.js'
import type { NDArray } from '../array/ndarray.js'
import { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import type { Operand, Variable } from '../graph/variable.js'
import { add, div, mul, neg, sqrt, square, sub } from './arithmetic.js'
import { sumTo } from './shapes.js'

/** The tangent.  Backward gx = gy·(1 + y²). */
export class Tan extends Func {
  override forward(x: NDArray): NDArray {
    return elementwise.tan(x)
  }

  override backward(gy: Variable): Variable {
    return mul(gy, add(square(this.output), 1))
  }
}

/** tan x, x in radians. */
export function tan(x: Operand): Variable {
  return new Tan().apply1(x)
}

/** The hyperbolic sine.  Backward gx = gy·cosh x. */
export class Sinh extends Func {
  override forward(x: NDArray): NDArray {
    return elementwise.sinh(x)
  }

  override backward(gy: Variable): Variable {
    return mul(gy, cosh(this.input))
  }
}

/** (eˣ − e⁻ˣ)/2, exact near 0. */
export function sinh(x: Operand): Variable {
  return new Sinh().apply1(x)
}

/** The hyperbolic cosine.  Backward gx = gy·sinh x. */
export class Cosh extends Func {
  override forward(x: NDArray): NDArray {
    return elementwise.cosh(x)
  }

  override backward(gy: Variable): Variable {
    return mul(gy, sinh(this.input))
  }
}

/** (eˣ + e⁻ˣ)/2. */
export function cosh(x: Operand): Variable {
  return new Cosh().apply1(x)
}

/** √(1 − x²) as √((1 − x)·(1 + x)), which loses nothing near ±1. */
function beside(x: Variable): Variable {
  return sqrt(mul(sub(1, x), add(x, 1)))
}

/** The angle with that sine.  Backward gx = gy/√(1 − x²). */
export class Arcsin extends Func {
  override forward(x: NDArray): NDArray {
    return elementwise.arcsin(x)
  }

  override backward(gy: Variable): Variable {
    return div(gy, beside(this.input))
  }
}

/** The angle from −π/2 to π/2 whose sine is x; NaN outside of [−1, 1]. */
export function arcsin(x: Operand): Variable {
  return new Arcsin().apply1(x)
}

/** The angle with that cosine.  Backward gx = −gy/√(1 − x²). */
export class Arccos extends Func {
  override forward(x: NDArray): NDArray {
    return elementwise.arccos(x)
  }

  override backward(gy: Variable): Variable {
    return neg(div(gy, beside(this.input)))
  }
}

/** The angle from 0 to π whose cosine is x; NaN outside of [−1, 1]. */
export function arccos(x: Operand): Variable {
  return new Arccos().apply1(x)
}

/** The angle with that tangent.  Backward gx = gy/(1 + x²). */
export class Arctan extends Func {
  override forward(x: NDArray): NDArray {
    return elementwise.arctan(x)
  }

  override backward(gy: Variable): Variable {
    return div(gy, add(square(this.input), 1))
  }
}

/** The angle from −π/2 to π/2 whose tangent is x. */
export function arctan(x: Operand): Variable {
  return new Arctan().apply1(x)
}

/** The angle of the point (x, y), operands y, x.  Backward gy = g·x/(x² + y²), gx = −g·y/(x² + y²). */
export class Arctan2 extends Func {
  override forward(y: NDArray, x: NDArray): NDArray {
    return elementwise.arctan2(y, x)
  }

  override backward(g: Variable): (Variable | null)[] {
    const y = this.inputAt(0)
    const x = this.inputAt(1)
    const share = div(g, add(square(x), square(y)))
    return [
      this.needsGradient(0) ? sumTo(mul(share, x), y.shape) : null,
      this.needsGradient(1) ? sumTo(neg(mul(share, y)), x.shape) : null,
    ]
  }
}

/**
 * The angle from −π to π of the point (x, y) seen from the origin: arctan(y/x) in all four quadrants.
 *
 * Shapes   y, x broadcast.
 * Throws   SHAPE_MISMATCH.
 */
export function arctan2(y: Operand, x: Operand): Variable {
  return new Arctan2().apply2(y, x)
}

registerFunc(Tan, { name: 'tan' })
registerFunc(Sinh, { name: 'sinh' })
registerFunc(Cosh, { name: 'cosh' })
registerFunc(Arcsin, { name: 'arcsin' })
registerFunc(Arccos, { name: 'arccos' })
registerFunc(Arctan, { name: 'arctan' })
registerFunc(Arctan2, { name: 'arctan2' })
