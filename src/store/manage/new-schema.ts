/**
 * A damaged tape with the schema of a new one in the place of its own. A tape begins with the pages that say which tables there are and
 * where; without them SQLite reads nothing, though all rows are there. Every new tape of a schema has these pages alike.
 */
import fs from 'node:fs'
import { APPLICATION_ID, openDatabase, PAGE_BYTES } from '../format/database.js'
import { logState } from '../format/write-ahead-log.js'

/** Places in the header of a SQLite file, which is the beginning of its first page. */
const PAGE_COUNT_AT = 28
const FREE_PAGES_AT = 32
const FREE_COUNT_AT = 36
const APPLICATION_ID_AT = 68

/** Null for a file that cannot be such a tape: another program's database, one with a log beside it, one that is too short. */
// No log stands beside it, so no connection of this process writes it, whose locks closing the file here would give up.
export function withNewSchema(file: string, copy: string): string | null {
  if (logState(file) !== 'none') return null
  const bytes = fs.readFileSync(file)
  const isDatabase = bytes.toString('latin1', 0, 15) === 'SQLite format 3'
  if (isDatabase && bytes.readInt32BE(APPLICATION_ID_AT) !== APPLICATION_ID) return null
  const { pages, schema } = newTape(copy)
  if (bytes.length % PAGE_BYTES !== 0 || bytes.length < pages * PAGE_BYTES) return null
  for (const [page, content] of schema) content.copy(bytes, (page - 1) * PAGE_BYTES)
  bytes.writeUInt32BE(bytes.length / PAGE_BYTES, PAGE_COUNT_AT)
  bytes.writeUInt32BE(0, FREE_PAGES_AT)
  bytes.writeUInt32BE(0, FREE_COUNT_AT)
  fs.writeFileSync(copy, bytes, { flag: 'wx' })
  return copy
}

/** How many pages an empty tape has, and those that hold its schema, by their numbers. */
function newTape(file: string): { pages: number; schema: Map<number, Buffer> } {
  try {
    const db = openDatabase(file, { readonly: false })
    const roots = new Set(db.prepare('SELECT rootpage FROM sqlite_schema WHERE rootpage > 0').pluck().all())
    db.close()
    const bytes = fs.readFileSync(file)
    const pages = bytes.length / PAGE_BYTES
    const schema = new Map<number, Buffer>()
    for (let page = 1; page <= pages; page++)
      if (!roots.has(page)) schema.set(page, bytes.subarray((page - 1) * PAGE_BYTES, page * PAGE_BYTES))
    return { pages, schema }
  } finally {
    fs.rmSync(file, { force: true })
  }
}
