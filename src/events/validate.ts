/** Checks events on both sides of the disk and freezes them: what leaves here is well formed and cannot be changed. */
import { TapeError, valueText } from '../errors.js'
import { type Check, isCount, isStorable } from './checks.js'
import type { EventType, Payload, TapeEvent } from './event.js'
import { EVENT_KINDS, kindOf } from './event-kinds.js'

/**
 * The event, checked and frozen. Arrays in it cannot be frozen (typed arrays never can); nobody changes them.
 *
 * Throws  TAPE_CORRUPT names the event, the field, and what it held.
 */
export function frozenEvent<E extends TapeEvent>(event: E): E {
  return freeze(checkedEvent(event))
}

/** The event, checked, for one reader that keeps it to itself. Throws as `frozenEvent`. */
export function checkedEvent<E extends TapeEvent>(event: E): E {
  const { type, version, position, step } = event
  if (!Object.hasOwn(EVENT_KINDS, type))
    throw new TapeError('TAPE_CORRUPT', `event ${position} has the unknown type ${JSON.stringify(type)}`)
  const latest = kindOf(type).version
  if (!(Number.isInteger(version) && version >= 1 && version <= latest)) {
    throw new TapeError(
      'TAPE_TOO_NEW',
      `event ${position} is ${type} version ${version}; this gradtape reads version ${latest}: install a newer one`,
    )
  }
  if (!isCount(position, 0) || position < 1 || !isCount(step, 0))
    throw new TapeError('TAPE_CORRUPT', `${type} stands at position ${position}, step ${step}`)
  const bad = badField(event, type, position)
  if (bad !== null)
    throw new TapeError(
      'TAPE_CORRUPT',
      `event ${position} (${type}) has a bad ${bad}: ${valueText((event as unknown as Record<string, unknown>)[bad])}`,
    )
  return event
}

/**
 * Refuses what a reader of the event would refuse, and texts that the file would give back as others, before anything of it is
 * written. `position` is the one that the event would get.
 *
 * Throws  BAD_ARGUMENT names the field, and what was given
 */
export function checkBeforeWriting(payload: Payload, position: number): void {
  const { type } = payload
  const fields = payload as unknown as Record<string, unknown>
  const bad = badField(payload, type, position)
  if (bad !== null)
    throw new TapeError('BAD_ARGUMENT', `${type} cannot have this ${bad}: ${valueText(fields[bad])}`)
  for (const field of Object.keys(fields)) {
    const value = fields[field]
    if (typeof value === 'string' && !isStorable(value)) checkText(value, `the ${field} of ${type}`)
  }
}

/** Refuses a text that the file would give back as another. Throws BAD_ARGUMENT; `what` says which text it is. */
export function checkText(text: unknown, what: string): asserts text is string {
  if (typeof text !== 'string')
    throw new TapeError('BAD_ARGUMENT', `${what} expected a text, got ${valueText(text)}`)
  if (!isStorable(text))
    throw new TapeError(
      'BAD_ARGUMENT',
      `${what} expected whole Unicode characters, which a file gives back as they are, got ${valueText(text)}`,
    )
}

/** The first field that does not hold what the table of kinds says; null when all do. */
function badField(event: Payload | TapeEvent, type: EventType, position: number): string | null {
  const checks = kindOf(type).fields as Readonly<Record<string, Check>>
  const values = event as unknown as Record<string, unknown>
  for (const field in checks) if (!checks[field]!(values[field], position)) return field
  return null
}

function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || Object.isFrozen(value))
    return value
  if ('data' in value && 'dtype' in value) return value // a RecordedArray: its maker's
  for (const element of Object.values(value)) freeze(element)
  return Object.freeze(value)
}
