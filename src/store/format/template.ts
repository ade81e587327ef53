/**
 * Templates: what is the same in every repetition of a piece of graph. A block of events is first reduced to a key of
 * numbers, in which references are relative; equal keys are one template. Only a key never seen becomes text.
 *
 * Records of a key, by kind:
 *   FunctionCalled    kind, signature id, attributes id (0: in the last slot), slots, inputs, input…
 *   LeafCreated       kind, form id, slots (more than one: the array stands in them itself), source or 0
 *   GradientComputed  kind, form id, slots (1 a value, 6 a summary), held, pass, variable, gradient or 0
 *   ValueAssigned     kind, form id, slots, variable, source or 0
 *   GradientCleared   kind, variable
 *   BackwardStarted   18, flags, roots, root…, gradient or 0…, targets, target…
 *   any other         kind (it has a row of its own; here it only takes its place)
 */
import crypto from 'node:crypto'
import { REF_SLOT_UNIT, type Ref } from '../../events/event.js'

export interface TemplateLists {
  calls: number[][]
  leaves: number[][]
  gradients: number[][]
  assignments: number[][]
  clears: number[][]
  passes: number[][]
  eventCount: number
}

/**
 * SHA-256 over the number of events and the texts of the lists, in the order of the table's columns. Without passes it is
 * what it was before the first schema had a column for them.
 */
export function templateHash(eventCount: number, texts: readonly string[]): Buffer {
  return crypto
    .createHash('sha256')
    .update(`${eventCount}${texts.slice(0, 5).join('')}${texts[5] === '[]' ? '' : texts[5]}`)
    .digest()
}

/**
 * What a template is marked with, so that it is found: each mark once.
 *
 * leafForms  form ids of its leaves
 * assigned   the variables of its assignments, as the template refers to them
 */
export function marksOf(
  leafForms: readonly number[],
  assigned: readonly number[],
  nameOfForm: (formId: number) => string | null,
): [kind: string, key: string | number][] {
  const marks = new Map<string, [string, string | number]>()
  for (const form of leafForms) {
    const name = nameOfForm(form)
    if (name !== null) marks.set(`leaf ${name}`, ['leaf', name])
  }
  for (const variable of assigned) {
    const key = variable < 0 && Number.isInteger(variable) ? -variable : 0
    marks.set(`assigns ${key}`, ['assigns', key])
  }
  return [...marks.values()]
}

/** The reference a template's number stands for: see the schema's head. */
export function decodeRef(encoded: number, own: number, base: number): Ref {
  if (!Number.isInteger(encoded)) return base - (encoded - 0.5)
  if (encoded < 0) return -encoded
  const distance = encoded % REF_SLOT_UNIT
  return own - distance + (encoded - distance)
}
