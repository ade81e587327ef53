/**
 * Templates: what is the same in every repetition of a piece of graph. A block of events is first reduced to a key of numbers, in
 * which references are relative; equal keys are one template. Only a key never seen becomes text: lists of entries, one list for
 * each kind of event. The fields of keys and entries are in events/record-layout.ts.
 */
import crypto from 'node:crypto'
import { positionOf, type Ref } from '../../events/event.js'

/** No block has more events, whatever cut it. */
export const BLOCK_EVENTS_LIMIT = 8192

export interface TemplateLists {
  calls: number[][]
  leaves: number[][]
  gradients: number[][]
  assignments: number[][]
  clears: number[][]
  passes: number[][]
  freezes: number[][]
  eventCount: number
}

/** So many lists were there from the first schema on. */
const OLDEST_LISTS = 5

/**
 * @internal SHA-256 over the number of events and the texts of the lists, in the order of the table's columns. Without passes, and
 * without freezes, it is what it was before there was a column for them.
 */
export function templateHash(eventCount: number, texts: readonly string[]): Buffer {
  return crypto
    .createHash('sha256')
    .update(`${eventCount}${texts.slice(0, OLDEST_LISTS).join('')}`)
    .update(
      texts
        .slice(OLDEST_LISTS)
        .filter((text) => text !== '[]')
        .join(''),
    )
    .digest()
}

/**
 * The tags by which a template is found (in table _mark): each tag once.
 *
 * leafForms  form ids of its leaves
 * assigned   the variables of its assignments, as the template refers to them
 * frozen     those of its freezes
 */
export function tagsOf(
  leafForms: readonly number[],
  assigned: readonly number[],
  frozen: readonly number[],
  nameOfForm: (formId: number) => string | null,
): [kind: string, key: string | number][] {
  const tags = new Map<string, [string, string | number]>()
  for (const form of leafForms) {
    const name = nameOfForm(form)
    if (name !== null) tags.set(`leaf ${name}`, ['leaf', name])
  }
  for (const [kind, variables] of [
    ['assigns', assigned],
    ['freezes', frozen],
  ] as const)
    for (const variable of variables) {
      const key = variable < 0 && Number.isInteger(variable) ? -variable : 0
      tags.set(`${kind} ${key}`, [kind, key])
    }
  return [...tags.values()]
}

/** The reference a template's number stands for: see the schema's head. */
export function decodeRef(encoded: number, own: number, base: number): Ref {
  if (!Number.isInteger(encoded)) return base - (encoded - 0.5)
  if (encoded < 0) return -encoded
  const distance = positionOf(encoded)
  return own - distance + (encoded - distance) // the slot comes on top
}
