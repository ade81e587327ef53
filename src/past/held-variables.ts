/** The variables of a past run that take part in a pass as they are: those that somebody may hold, and its targets. */
import type { Ref } from '../events/event.js'
import type { Variable } from '../graph/variable.js'
import type { RefMap } from './ref-map.js'

export class HeldVariables {
  private readonly given: RefMap<Variable>
  private readonly targets: ReadonlyMap<Ref, Variable>

  /** given: every variable that was given to a user, with the value that it was made with. */
  constructor(given: RefMap<Variable>, targets: ReadonlyMap<Ref, Variable>) {
    this.given = given
    this.targets = targets
  }

  get(ref: Ref): Variable | undefined {
    const target = this.targets.size === 0 ? undefined : this.targets.get(ref)
    return target ?? this.given.get(ref)
  }

  /** Whether one of them may stand on the page of a position. */
  hasOnPage(position: number): boolean {
    return this.targets.size > 0 || this.given.hasOnPage(position)
  }
}
