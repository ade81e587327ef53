/**
 * What is checked of a tape besides the hash chain: the file itself, the schema, and everything the chain does not cover
 * because it follows from what it does cover (summaries, marks, hashes of contents).
 */
import { TapeError } from '../errors.js'
import { type Connection, sqliteError } from './database.js'
import { checkSchema } from './migrations.js'
import { marksOf, templateHash } from './template.js'
import { TextReader } from './text-reader.js'
import { arrayFromBytes, hashOf, summaryOf } from './value.js'

const EVENT_TABLES = ['_block', '_step', '_metric', '_fact'] as const

interface ValueRow {
  id: number
  hash: Buffer
  dtype: string
  size: number
  l2_norm: number | null
  mean: number | null
  min: number | null
  max: number | null
  zero_count: number
  non_finite_count: number
  bytes: Buffer | null
}

interface TemplateRow {
  id: number
  hash: Buffer
  event_count: number
  calls: string
  leaves: string
  gradients: string
  assignments: string
  clears: string
}

/** SQLite's own check, the schema against what the migrations make, and the tables that follow from others. */
export function checkFile(db: Connection): void {
  reading('the file', () => {
    const problems = db.pragma('integrity_check') as { integrity_check: string }[]
    if (problems[0]?.integrity_check !== 'ok') corrupt(`SQLite says: ${problems.map((problem) => problem.integrity_check).join('; ')}`)
    checkSchema(db)
    checkPowers(db)
    checkTemplates(db)
  })
}

/** Each value's content against its hash, and its summary against its content. Gives how many there are. */
export function checkValues(db: Connection): number {
  return reading('values', () => {
    const ids = db.prepare('SELECT id FROM _value ORDER BY id').pluck().all() as number[]
    const get = db.prepare<[number], ValueRow>('SELECT * FROM _value WHERE id = ?')
    for (const id of ids) checkValue(get.get(id)!)
    return ids.length
  })
}

function checkValue(row: ValueRow): void {
  if (row.bytes === null) return
  const changed = (what: string) => corrupt(`value ${row.id}: its ${what} was changed after it was written`)
  if (!hashOf(row.dtype, row.bytes).equals(row.hash)) changed('content')
  const summary = summaryOf(arrayFromBytes(row.dtype, row.size, row.bytes))
  const same =
    row.l2_norm === summary.l2Norm && row.mean === summary.mean && row.min === summary.min && row.max === summary.max &&
    row.zero_count === summary.zeroCount && row.non_finite_count === summary.nonFiniteCount
  if (!same) changed('summary')
}

/** Throws TAPE_CORRUPT when a table holds events that no batch closed. `lastPositions` is by run. */
export function checkNothingOutside(db: Connection, lastPositions: ReadonlyMap<number, number>): void {
  reading('the tables', () => {
    for (const table of EVENT_TABLES) {
      const rows = db
        .prepare<[], { run: number; first: number; last: number }>(
          `SELECT id >> 32 AS run, min(id & 4294967295) AS first, max(id & 4294967295) AS last FROM ${table} GROUP BY 1`,
        )
        .all()
      for (const { run, first, last } of rows) {
        if (first < 1 || last > (lastPositions.get(run) ?? 0)) corrupt(`${table} holds event ${last} of run ${run}, which no batch wrote`)
      }
    }
    for (const id of db.prepare('SELECT id FROM _run').pluck().all() as number[]) {
      if (!lastPositions.has(id)) corrupt(`run ${id} is listed, but no batch wrote it`)
    }
  })
}

function checkTemplates(db: Connection): void {
  const texts = new TextReader(db)
  const marked = new Map<number, Set<string>>()
  for (const { template_id, kind, key } of db.prepare<[], { template_id: number; kind: string; key: string | number }>('SELECT * FROM _mark').all()) {
    const marks = marked.get(template_id)
    if (marks === undefined) marked.set(template_id, new Set([`${kind} ${key}`]))
    else marks.add(`${kind} ${key}`)
  }
  const get = db.prepare<[number], TemplateRow>('SELECT * FROM _template WHERE id = ?')
  for (const id of db.prepare('SELECT id FROM _template ORDER BY id').pluck().all() as number[]) {
    const row = get.get(id)!
    const lists = [row.calls, row.leaves, row.gradients, row.assignments, row.clears]
    if (!templateHash(row.event_count, lists).equals(row.hash)) corrupt(`template ${id} was changed after it was written`)
    const parsed = { leaves: JSON.parse(row.leaves) as number[][], assignments: JSON.parse(row.assignments) as number[][] }
    const want = marksOf(parsed, (form) => texts.leafForm(form).name).map(([kind, key]) => `${kind} ${key}`)
    const have = marked.get(id) ?? new Set<string>()
    if (want.length !== have.size || !want.every((mark) => have.has(mark))) corrupt(`the marks of template ${id} are not those of its content`)
    marked.delete(id)
  }
  for (const id of marked.keys()) corrupt(`there are marks of template ${id}, which does not exist`)
}

function checkPowers(db: Connection): void {
  const rows = db.prepare<[], { exponent: number; value: number }>('SELECT exponent, value FROM _power_of_two ORDER BY exponent').all()
  const right = rows.length === 971 + 1074 + 1 && rows.every(({ exponent, value }, i) => exponent === i - 1074 && value === powerOfTwo(exponent))
  if (!right) corrupt('_power_of_two does not hold the powers of two')
}

function powerOfTwo(exponent: number): number {
  let value = 1
  for (let i = 0; i < Math.abs(exponent); i++) value = exponent < 0 ? value / 2 : value * 2
  return value
}

function reading<T>(what: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw sqliteError(error, `reading ${what}`)
  }
}

function corrupt(explanation: string): never {
  throw new TapeError('TAPE_CORRUPT', explanation)
}
