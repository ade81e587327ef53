/**
 * The three honest states of a function, which the compiler holds a class to:
 *
 *   extends Func                    differentiable: it must write `backward`
 *   extends NotDifferentiable       there is no derivative worth having: its outputs never require a gradient
 *   extends DerivativeNotWritten    there is one, but nobody has written it: a pass that needs it says so, rather than
 *                                   ending quietly with a gradient that lacks a part
 */
import { TapeError } from '../errors.js'
import { Func } from '../graph/func.js'

/** A function without a derivative worth having, with the reason. */
export abstract class NotDifferentiable extends Func {
  /** Why, as the end of a sentence: "its result is an index". */
  protected abstract readonly reason: string

  override get differentiable(): boolean {
    return false
  }

  override backward(): never {
    throw new TapeError(
      'NOT_DIFFERENTIABLE',
      `${this.name} has no gradient, because ${this.reason}; use a differentiable function, or detach() its input`,
    )
  }
}

/** A function whose derivative exists and is not written yet, with a way around. */
export abstract class DerivativeNotWritten extends Func {
  /** What to do instead, as an imperative: "compute the step with ordinary functions". */
  protected abstract readonly instead: string

  override backward(): never {
    throw new TapeError(
      'NOT_IMPLEMENTED',
      `${this.name} has a derivative, but gradtape does not compute it yet; ${this.instead}`,
    )
  }
}
