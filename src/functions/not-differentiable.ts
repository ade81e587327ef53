/**
 * Functions without a derivative worth having: their outputs never require a gradient, so backward ends there. A class
 * says so by extending `NotDifferentiable` and naming the reason; one that extends `Func` must write `backward`.
 */
import { TapeError } from '../errors.js'
import { Func } from '../graph/func.js'

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
