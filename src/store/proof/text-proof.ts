/** Whether texts and the rows that are events by themselves are as gradtape writes them, in the only way there is. */
import { siteText } from '../../events/call-site.js'
import { EVENT_KIND } from '../../events/event.js'
import { EVENT_KINDS } from '../../events/event-kinds.js'
import { arrayFormText, leafFormText, signatureText } from '../../events/forms.js'
import { plainToText, textToPlain } from '../../events/plain.js'
import type { Connection } from '../format/connection.js'
import { eventText } from '../format/ids.js'
import { TEXT_TABLES, type TextTable } from '../format/text-tables.js'
import type { TextReader } from '../read/text-reader.js'
import { checkScalar, corrupt } from './corrupt.js'
import type { UsedTexts } from './used-texts.js'

/** Each text is named by something, and is as it was written. `used._text` has the attributes of calls. */
export function checkTexts(db: Connection, used: UsedTexts, texts: TextReader): void {
  const attributes = new Set(used._text)
  for (const id of db.prepare('SELECT DISTINCT name_id FROM _metric').pluck().all() as number[])
    used._text.add(id)
  const asWritten: { readonly [table in TextTable]: (id: number, content: string) => string } = {
    _text: (id, content) =>
      attributes.has(id) ? plainToText(textToPlain(content, `text ${id}`), 'attributes') : content,
    _signature: (id) => signatureText(texts.signature(id)),
    _leaf_form: (id) => leafFormText(texts.leafForm(id)),
    _array_form: (id) => arrayFormText(texts.arrayForm(id)),
    _site: (id) => siteText(texts.site(id)),
  }
  for (const table of TEXT_TABLES) {
    let expected = 1
    for (const [id, content] of db
      .prepare(`SELECT id, content FROM ${table} ORDER BY id`)
      .raw()
      .iterate() as IterableIterator<[number, string]>) {
      if (id !== expected++) corrupt(`row ${id} of ${table} stands where row ${expected - 1} was expected`)
      if (!used[table].has(id)) corrupt(`row ${id} of ${table} is named by no event`)
      if (content !== asWritten[table](id, content))
        corrupt(`row ${id} of ${table} was changed after it was written`)
      checkBytes(db, table, 'content', id, content)
    }
    for (const id of used[table]) if (!(id >= 1 && id < expected)) corrupt(`row ${id} of ${table} is missing`)
  }
}

/** What SQLite computed from other columns when a row was written is what it would compute now. */
export function checkGenerated(db: Connection): void {
  const tables = db
    .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%GENERATED ALWAYS AS%'")
    .all() as { name: string; sql: string }[]
  for (const { name, sql } of tables) {
    for (const [, column, expression] of sql.matchAll(/(\w+) [A-Z ]*GENERATED ALWAYS AS \((.*)\) STORED/g)) {
      const row = db
        .prepare(
          `SELECT rowid AS id FROM ${name} WHERE ${column} IS NOT (${expression}) OR typeof(${column}) <> typeof(${expression}) LIMIT 1`,
        )
        .get() as { id: number } | undefined
      if (row !== undefined) corrupt(`${column} of row ${row.id} of ${name} is not what its content says`)
    }
  }
}

/** The kinds of events that have a row of their own in _fact; all others have another table. */
const FACTS: ReadonlySet<number> = new Set(
  Object.values(EVENT_KINDS)
    .filter(({ stored }) => stored === '_fact')
    .map(({ kind }) => kind),
).add(EVENT_KIND.BackwardStarted) // of version 1

/** The payload of each fact is as it was written, and the variable it is listed under is the one it is about. */
export function checkFacts(db: Connection): void {
  const rows = db
    .prepare('SELECT id, kind, subject, payload FROM _fact ORDER BY id')
    .raw()
    .iterate() as IterableIterator<[number, number, number | null, string | null]>
  for (const [id, kind, subject, payload] of rows) {
    const where = eventText(id)
    if (!FACTS.has(kind)) corrupt(`${where} has kind ${kind}, which has no row of its own`)
    const changed = (): never => corrupt(`${where} was changed after it was written`)
    if (payload === null) changed()
    const plain = textToPlain(payload!, where)
    if (plainToText(plain, where) !== payload) changed()
    if (typeof plain !== 'object' || plain === null || Array.isArray(plain)) changed()
    const fields = plain as Record<string, unknown>
    if (['type', 'version', 'position', 'step', 'values'].some((key) => Object.hasOwn(fields, key)))
      corrupt(`${where} holds what no event holds`)
    if (kind === EVENT_KIND.CheckpointTaken && Object.keys(fields).join() !== 'variables') changed()
    const { variable } = fields
    if (subject !== (typeof variable === 'number' ? variable : null))
      corrupt(`${where} is listed under variable ${subject}, but is about ${String(variable)}`)
    checkBytes(db, '_fact', 'payload', id, payload!)
  }
}

/** The number of each metric is written as gradtape writes numbers. */
export function checkMetrics(db: Connection): void {
  const rows = db.prepare('SELECT id, scalar, typeof(scalar) FROM _metric').raw().iterate()
  for (const [id, scalar, kind] of rows as IterableIterator<[number, unknown, string]>)
    checkScalar(scalar, kind, `the value of the metric at ${eventText(id)}`)
}

/** Names of runs and times of batches. */
export function checkRunNames(db: Connection): void {
  for (const { id, name } of db.prepare('SELECT id, name FROM _run').all() as { id: number; name: string }[])
    checkBytes(db, '_run', 'name', id, name)
}

/** JavaScript reads bytes that are no UTF-8 as U+FFFD: then the text is not what the file has. */
export function checkBytes(db: Connection, table: string, column: string, id: number, text: string): void {
  if (!text.includes('\ufffd')) return
  const bytes = db
    .prepare(`SELECT CAST(${column} AS BLOB) FROM ${table} WHERE rowid = ?`)
    .pluck()
    .get(id) as Buffer
  if (!Buffer.from(text).equals(bytes)) corrupt(`${column} of row ${id} of ${table} is no text`)
}
