/**
 * When `requiresGrad` of a leaf was set, for the calls that read it before: a gradient goes where one was required when the call was made.
 * Orders of calls say what came before what; every change turns the flag over, so they are all there is to keep.
 */
import { TapeError } from '../errors.js'

/** A loop that freezes and unfreezes in every step sets it for ever; no graph lives through as many changes. */
export const CHANGES_KEPT_MAX = 256

export class GradHistory {
  /** What the clock said at each change; a call of a higher order came later. */
  private readonly orders: number[] = []
  private forgotten = 0

  changed(clock: number): void {
    if (this.orders.length === CHANGES_KEPT_MAX) this.forgotten = this.orders.shift()!
    this.orders.push(clock)
  }

  /**
   * What the flag was when the call of this order was made, as it is `now`.
   *
   * Throws  NOT_DIFFERENTIABLE when that was so many changes ago that nobody knows; `what` names the leaf
   */
  at(order: number, now: boolean, what: string): boolean {
    if (order <= this.forgotten)
      throw new TapeError(
        'NOT_DIFFERENTIABLE',
        `${what}.requiresGrad was set more than ${CHANGES_KEPT_MAX} times since the call that read it, so whether that call has a gradient for it is forgotten; run backward earlier, or cut the graph with .detach()`,
      )
    let flag = now
    for (let i = this.orders.length - 1; i >= 0 && this.orders[i]! >= order; i--) flag = !flag
    return flag
  }
}
