/**
 * Comparisons and logic, whose results are bool and constants, and the choice between two operands by a condition.
 */
import * as comparison from '../array/comparison.js'
import type { NDArray } from '../array/ndarray.js'
import { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import { asVariable, type Operand, Variable } from '../graph/variable.js'
import { NotDifferentiable } from './not-differentiable.js'
import { sumTo } from './shapes.js'

abstract class Predicate extends NotDifferentiable {
  protected override get reason(): string {
    return 'its result is true or false'
  }
}

/** Whether a = b, element by element, broadcast; bool. Not differentiable. */
export class Equal extends Predicate {
  override forward(a: NDArray, b: NDArray): NDArray {
    return comparison.equal(a, b)
  }
}

/** Whether a ≠ b, element by element, broadcast; bool. Not differentiable. */
export class NotEqual extends Predicate {
  override forward(a: NDArray, b: NDArray): NDArray {
    return comparison.notEqual(a, b)
  }
}

/** Whether a < b, element by element, broadcast; bool. Not differentiable. */
export class Less extends Predicate {
  override forward(a: NDArray, b: NDArray): NDArray {
    return comparison.less(a, b)
  }
}

/** Whether a ≤ b, element by element, broadcast; bool. Not differentiable. */
export class LessEqual extends Predicate {
  override forward(a: NDArray, b: NDArray): NDArray {
    return comparison.lessEqual(a, b)
  }
}

/** Whether a > b, element by element, broadcast; bool. Not differentiable. */
export class Greater extends Predicate {
  override forward(a: NDArray, b: NDArray): NDArray {
    return comparison.greater(a, b)
  }
}

/** Whether a ≥ b, element by element, broadcast; bool. Not differentiable. */
export class GreaterEqual extends Predicate {
  override forward(a: NDArray, b: NDArray): NDArray {
    return comparison.greaterEqual(a, b)
  }
}

/** Whether both operands are true (not 0), element by element, broadcast; bool. Not differentiable. */
export class LogicalAnd extends Predicate {
  override forward(a: NDArray, b: NDArray): NDArray {
    return comparison.logicalAnd(a, b)
  }
}

/** Whether at least one operand is true (not 0), element by element, broadcast; bool. Not differentiable. */
export class LogicalOr extends Predicate {
  override forward(a: NDArray, b: NDArray): NDArray {
    return comparison.logicalOr(a, b)
  }
}

/** Whether the operand is not true (not 0), element by element, broadcast; bool. Not differentiable. */
export class LogicalNot extends Predicate {
  override forward(x: NDArray): NDArray {
    return comparison.logicalNot(x)
  }
}

/** a = b, element by element; false where either is NaN. */
export function equal(a: Operand, b: Operand): Variable {
  return new Equal().apply2(a, b)
}

/** a ≠ b, element by element; true where either is NaN. */
export function notEqual(a: Operand, b: Operand): Variable {
  return new NotEqual().apply2(a, b)
}

/** Whether a < b, element by element, broadcast; bool. Not differentiable. */
export function less(a: Operand, b: Operand): Variable {
  return new Less().apply2(a, b)
}

/** Whether a ≤ b, element by element, broadcast; bool. Not differentiable. */
export function lessEqual(a: Operand, b: Operand): Variable {
  return new LessEqual().apply2(a, b)
}

/** Whether a > b, element by element, broadcast; bool. Not differentiable. */
export function greater(a: Operand, b: Operand): Variable {
  return new Greater().apply2(a, b)
}

/** Whether a ≥ b, element by element, broadcast; bool. Not differentiable. */
export function greaterEqual(a: Operand, b: Operand): Variable {
  return new GreaterEqual().apply2(a, b)
}

/** Anything but 0 counts as true, NaN too. */
export function logicalAnd(a: Operand, b: Operand): Variable {
  return new LogicalAnd().apply2(a, b)
}

/** Whether at least one operand is true (not 0), element by element, broadcast; bool. Not differentiable. */
export function logicalOr(a: Operand, b: Operand): Variable {
  return new LogicalOr().apply2(a, b)
}

/** Whether the operand is not true (not 0), element by element, broadcast; bool. Not differentiable. */
export function logicalNot(x: Operand): Variable {
  return new LogicalNot().apply1(x)
}

/** The choice between a and b.  Backward ga = gy where the condition holds, gb = gy where it does not; 0 elsewhere. */
export class Where extends Func {
  override forward(condition: NDArray, a: NDArray, b: NDArray): NDArray {
    return comparison.where(condition, a, b)
  }

  override backward(gy: Variable): (Variable | null)[] {
    const condition = this.inputAt(0)
    return [
      null,
      this.needsGradient(1) ? sumTo(where(condition, gy, 0), this.inputAt(1).shape) : null,
      this.needsGradient(2) ? sumTo(where(condition, 0, gy), this.inputAt(2).shape) : null,
    ]
  }
}

/**
 * a where the condition is not 0, b elsewhere.
 *
 * Shapes   all three broadcast.
 * Throws   SHAPE_MISMATCH when they do not.
 */
export function where(condition: Operand, a: Operand, b: Operand): Variable {
  const left = asVariable(a, b instanceof Variable ? b : null)
  return new Where().apply(condition, left, asVariable(b, left))
}

registerFunc(Equal, { name: 'equal' })
registerFunc(NotEqual, { name: 'notEqual' })
registerFunc(Less, { name: 'less' })
registerFunc(LessEqual, { name: 'lessEqual' })
registerFunc(Greater, { name: 'greater' })
registerFunc(GreaterEqual, { name: 'greaterEqual' })
registerFunc(LogicalAnd, { name: 'logicalAnd' })
registerFunc(LogicalOr, { name: 'logicalOr' })
registerFunc(LogicalNot, { name: 'logicalNot' })
registerFunc(Where, { name: 'where' })
