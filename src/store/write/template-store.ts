/**
 * The templates of a file, found by their keys: a key that was seen lately is known by its numbers, one that is in the
 * file by its hash, and only a key never seen becomes text.
 */
import { LEAF_ENTRY } from '../../events/record-layout.js'
import type { Connection, Statement } from '../format/connection.js'
import { tagsOf, templateHash } from '../format/template.js'
import { templateTexts } from '../format/template-text.js'
import type { NameStore } from './name-store.js'

/** Keys remembered, and their numbers in all; beyond, a template seen again is looked up in the file. */
const REMEMBERED_MAX = 8192
const REMEMBERED_WORDS_MAX = 4_000_000
/** Which of a template's lists is that of its leaves. */
const LEAVES = 1

export class TemplateStore {
  private known = new Map<number, { id: number; key: Float64Array }[]>()
  private knownCount = 0
  private knownWords = 0
  private readonly find: Statement
  private readonly insert: Statement
  private readonly insertTag: Statement
  private readonly leafName: Statement
  private readonly names: NameStore

  constructor(db: Connection, names: NameStore) {
    this.names = names
    this.find = db.prepare('SELECT id FROM _template WHERE hash = ?')
    this.insert = db.prepare(
      'INSERT INTO _template (hash, event_count, calls, leaves, gradients, assignments, clears, passes, freezes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    )
    this.insertTag = db.prepare('INSERT INTO _mark (template_id, kind, key) VALUES (?, ?, ?)')
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
    const { eventCount, lists, leafForms, assigned, frozen } = templateTexts(key)
    const hash = templateHash(eventCount, lists)
    const found = this.find.get(hash) as { id: number } | undefined
    if (found !== undefined) return found.id
    const id = Number(this.insert.run(hash, eventCount, ...lists).lastInsertRowid)
    for (const { place, name } of this.namesOfLeaves(lists[LEAVES]!)) this.names.add(id, place, 0, name)
    const nameOfForm = (form: number) => this.leafName.get(form) as string | null
    for (const [kind, key] of tagsOf(leafForms, assigned, frozen, nameOfForm))
      this.insertTag.run(id, kind, key)
    return id
  }

  /** The leaves of a template that were made with a name. */
  private *namesOfLeaves(list: string): Generator<{ place: number; name: string }> {
    if (list === '[]') return
    for (const leaf of JSON.parse(list) as number[][]) {
      const name = this.leafName.get(leaf[LEAF_ENTRY.form]!) as string | null
      if (name !== null) yield { place: leaf[LEAF_ENTRY.offset]!, name }
    }
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
