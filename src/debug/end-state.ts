/** The values that the named leaves of a run have at its end: computed again from its last checkpoint. */
import { positionOf, type RecordedArray, type Ref, refOf, slotOf } from '../events/event.js'
import { recompute } from '../past/hindsight.js'
import type { Recording } from '../replay/replay-run.js'

export interface EndValue {
  readonly ref: Ref
  /** Null when its bytes are not on the tape. */
  readonly value: RecordedArray | null
}

/**
 * By name, the parameters first.
 *
 * Throws  REPLAY_DIVERGED, KERNEL_MISMATCH, UNREGISTERED_FUNC, VALUE_NOT_CAPTURED
 */
export function endState(recording: Recording): Map<string, EndValue> {
  const { lookup } = recording
  return stateAfter(recording, lookup.stepCount())
}

/** The same at the end of a step. */
export function stateAfter(recording: Recording, step: number): Map<string, EndValue> {
  const { reader, lookup, id, lastPosition } = recording
  const { to } = lookup.stepRange(step, lastPosition)
  const found = new Map<string, EndValue & { role: string }>()
  for (const { name, position, role } of namedLeaves(recording, to)) {
    const version = lookup.versions.before(position, to + 1)
    found.set(name, {
      ref: position,
      role,
      value: null,
      ...(version === null ? {} : { version: version.position }),
    })
  }
  const wanted = new Map<Ref, { name: string; last: Ref }>()
  for (const [name, { ref }] of found) {
    const made = lookup.versions.before(ref, to + 1)
    let at: Ref = made === null ? ref : made.position
    for (;;) {
      const event = reader.event(id, positionOf(at))
      if (
        (event.type === 'LeafCreated' || event.type === 'ValueAssigned') &&
        event.value === null &&
        event.source !== null
      ) {
        at = event.source
        continue
      }
      const value =
        event.type === 'LeafCreated' || event.type === 'ValueAssigned'
          ? event.value
          : event.type === 'FunctionCalled'
            ? (event.outputs[slotOf(at)]?.value ?? null)
            : null
      if (value !== null) found.set(name, { ...found.get(name)!, value })
      else wanted.set(at, { name, last: at })
      break
    }
  }
  const steps = new Set([...wanted.keys()].map((ref) => reader.event(id, positionOf(ref)).step))
  for (const of of steps) {
    recompute(recording, of, of, (event) => {
      if (event.type !== 'FunctionCalled') return
      for (const [slot, { value }] of event.outputs.entries()) {
        const known = wanted.get(refOf(event.position, slot))
        if (known !== undefined && value !== null) found.set(known.name, { ...found.get(known.name)!, value })
      }
    })
  }
  const parametersFirst = [...found].sort(
    ([, x], [, y]) => Number(y.role === 'parameter') - Number(x.role === 'parameter'),
  )
  return new Map(parametersFirst.map(([name, { ref, value }]) => [name, { ref, value }]))
}

function namedLeaves(recording: Recording, to: number): { name: string; position: number; role: string }[] {
  const { reader, id } = recording
  const rows = reader.db
    .prepare(
      `SELECT (b.id & 4294967295) + (e.value ->> 0) AS position, f.name AS name, f.role AS role
       FROM _block b JOIN _template t ON t.id = b.template_id JOIN json_each(t.leaves) e JOIN _leaf_form f ON f.id = e.value ->> 3
       WHERE b.id > (?1 << 32) AND b.id <= (?1 << 32) + ?2 AND f.name IS NOT NULL AND t.id IN (SELECT template_id FROM _mark WHERE kind = 'leaf')
       ORDER BY b.id`,
    )
    .all({ 1: id, 2: to }) as { position: number; name: string; role: string }[]
  return rows.filter(({ position }) => position <= to)
}
