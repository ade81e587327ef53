/** Where the value of a variable comes from when it is shown: from the tape, or computed again because it was not stored. */
import { positionOf, type Ref, slotOf, type TapeEvent } from '../events/event.js'
import type { Lookup } from '../store/read/lookup.js'

export type Origin = 'captured' | 'materialized' | 'computed again'

/**
 * Of the version that a call at `position` reads.
 *
 * event  gives the event at a position
 */
export function originOf(
  lookup: Lookup,
  event: (position: number) => TapeEvent,
  ref: Ref,
  position: number,
): Origin {
  let at = lookup.versions.assignedBefore(ref, position) ?? ref
  for (;;) {
    const maker = event(positionOf(at))
    const slot = slotOf(at)
    if (maker.type === 'FunctionCalled')
      return kept(lookup, maker.position, slot, maker.outputs[slot]?.value != null)
    if (maker.type === 'GradientComputed') {
      const accumulated = maker.held === 'accumulated'
      const value = accumulated ? maker.accumulated : maker.contribution
      return kept(lookup, maker.position, accumulated ? 1 : 0, value !== null)
    }
    if ((maker.type !== 'LeafCreated' && maker.type !== 'ValueAssigned') || maker.source === null)
      return 'captured'
    at = maker.source // earlier, so this ends
  }
}

function kept(lookup: Lookup, position: number, part: number, captured: boolean): Origin {
  if (captured) return 'captured'
  return lookup.materialized(position, part) === null ? 'computed again' : 'materialized'
}
