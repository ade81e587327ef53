/**
 * Which parameters somebody answers for: a module that found them, or an optimizer that updates them. A parameter that
 * takes part in a model and is nobody's would silently stay as it was made.
 */
import type { Variable } from './variable.js'

const claimed = new WeakSet<Variable>()

export function claim(parameter: Variable): void {
  claimed.add(parameter)
}

export function isClaimed(parameter: Variable): boolean {
  return claimed.has(parameter)
}
