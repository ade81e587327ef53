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
import { REF_SLOT_UNIT, type Ref } from '../events/event.js'
import type { Connection, Statement } from './database.js'
import { templateTexts } from './template-text.js'

/** Keys remembered, and their numbers in all; beyond, a template seen again is looked up in the file. */
const REMEMBERED_MAX = 8192
const REMEMBERED_WORDS_MAX = 4_000_000

export interface TemplateLists {
  calls: number[][]
  leaves: number[][]
  gradients: number[][]
  assignments: number[][]
  clears: number[][]
  passes: number[][]
  eventCount: number
}

export class TemplateStore {
  private known = new Map<number, { id: number; key: Float64Array }[]>()
  private knownCount = 0
  private knownWords = 0
  private readonly find: Statement
  private readonly insert: Statement
  private readonly mark: Statement
  private readonly leafName: Statement

  constructor(db: Connection) {
    this.find = db.prepare('SELECT id FROM _template WHERE hash = ?')
    this.insert = db.prepare(
      'INSERT INTO _template (hash, event_count, calls, leaves, gradients, assignments, clears, passes) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    )
    this.mark = db.prepare('INSERT INTO _mark (template_id, kind, key) VALUES (?, ?, ?)')
    this.leafName = db.prepare('SELECT name FROM _leaf_form WHERE id = ?').pluck()
  }

  /** The id of the template with this key (the first `length` numbers of `key`); made at first sight. */
  idOf(key: Float64Array, length: number): number {
    const hash = quickHash(key, length)
    const candidates = this.known.get(hash)
    if (candidates !== undefined) {
      for (const candidate of candidates) if (sameKey(candidate.key, key, length)) return candidate.id
    }
    const exact = key.slice(0, length)
    const id = this.store(exact)
    this.remember(hash, { id, key: exact })
    return id
  }

  /** After a rollback: rows made in the transaction are gone. */
  forgetIds(): void {
    this.known.clear()
    this.knownCount = 0
    this.knownWords = 0
  }

  private store(key: Float64Array): number {
    const { eventCount, lists, leafForms, assigned } = templateTexts(key)
    const hash = templateHash(eventCount, lists)
    const found = this.find.get(hash) as { id: number } | undefined
    if (found !== undefined) return found.id
    const id = Number(this.insert.run(hash, eventCount, ...lists).lastInsertRowid)
    for (const [kind, key] of marksOf(
      leafForms,
      assigned,
      (form) => this.leafName.get(form) as string | null,
    ))
      this.mark.run(id, kind, key)
    return id
  }

  private remember(hash: number, entry: { id: number; key: Float64Array }): void {
    if (this.knownCount >= REMEMBERED_MAX || this.knownWords > REMEMBERED_WORDS_MAX) this.forgetIds()
    const candidates = this.known.get(hash)
    if (candidates === undefined) this.known.set(hash, [entry])
    else candidates.push(entry)
    this.knownCount++
    this.knownWords += entry.key.length
  }
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

function quickHash(key: Float64Array, length: number): number {
  let hash = length
  for (let i = 0; i < length; i++) {
    const word = key[i]!
    hash = Math.imul(hash ^ ((word * 2) | 0), 0x9e3779b1)
    hash ^= hash >>> 15
  }
  return hash
}

function sameKey(known: Float64Array, key: Float64Array, length: number): boolean {
  if (known.length !== length) return false
  for (let i = 0; i < length; i++) if (known[i] !== key[i]) return false
  return true
}
