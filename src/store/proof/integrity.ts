/**
 * What is checked of a tape besides the hash chain: the file itself, the schema, and everything the chain does not cover
 * because it follows from what it does cover (summaries, marks, hashes of contents).
 */
import { TapeError } from '../../errors.js'
import { hashOf, summaryOf } from '../../events/content.js'
import { plainToText, textToPlain } from '../../events/plain.js'
import { ASSIGNMENT_ENTRY, CALL_ENTRY, GRADIENT_ENTRY, LEAF_ENTRY } from '../../events/record-layout.js'
import { CellReader } from '../format/cells.js'
import type { Connection } from '../format/connection.js'
import { sqliteError } from '../format/database.js'
import { eventId, eventText } from '../format/ids.js'
import { checkLedger, checkSchema } from '../format/schema-check.js'
import { tagsOf, templateHash } from '../format/template.js'
import { arrayFromBytes } from '../format/value.js'
import { ValueRows } from '../read/stored-array.js'
import { TextReader } from '../read/text-reader.js'

const EVENT_TABLES = ['_block', '_step', '_metric', '_fact', '_checkpoint_value', '_materialized'] as const

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
  passes: string
}

/** What the tables around a template must agree with. */
interface TemplateUse {
  eventCount: number
  cells: number
  usesBase: boolean
  /** Where arrays stand in cells: the first, and how many. */
  inline: Map<number, number>
  /** Cells that name a text. */
  textCells: number[]
}

/** Ids of the texts that events name, by table. */
type UsedTexts = { [table in '_signature' | '_leaf_form' | '_array_form' | '_text']: Set<number> }

/** SQLite's own check, the schema against what the migrations make, and the tables that follow from others. */
export function checkFile(db: Connection): void {
  reading('the file', () => {
    const problems = db.pragma('integrity_check') as { integrity_check: string }[]
    if (problems[0]?.integrity_check !== 'ok')
      corrupt(`SQLite says: ${problems.map((problem) => problem.integrity_check).join('; ')}`)
    checkSchema(db)
    checkLedger(db)
    checkPowers(db)
    const used: UsedTexts = {
      _signature: new Set(),
      _leaf_form: new Set(),
      _array_form: new Set(),
      _text: new Set(),
    }
    const values: NamedValues = new Map()
    checkBlocks(db, checkTemplates(db, used), used, values)
    checkCheckpoints(db)
    for (const { form_id, value_id } of db
      .prepare<[], { form_id: number; value_id: number | null }>(
        'SELECT form_id, value_id FROM _checkpoint_value',
      )
      .iterate()) {
      used._array_form.add(form_id)
      if (value_id !== null) values.set(value_id, true)
    }
    for (const id of db
      .prepare('SELECT value_id FROM _materialized WHERE value_id IS NOT NULL')
      .pluck()
      .iterate())
      values.set(id as number, true)
    checkNamed(db, values)
    checkTexts(db, used)
    checkFacts(db)
  })
}

/** Each value's content against its hash, and its summary against its content. Gives how many there are. */
export function checkValues(db: Connection): number {
  return reading('values', () => {
    const ids = db.prepare('SELECT id FROM _value ORDER BY id').pluck().all() as number[]
    const get = db.prepare<[number], ValueRow>('SELECT * FROM _value WHERE id = ?')
    const rows = new ValueRows(db)
    for (const id of ids) {
      const row = get.get(id)!
      checkValue({ ...row, bytes: row.bytes ?? rows.content(id).bytes })
    }
    return ids.length
  })
}

function checkValue(row: ValueRow): void {
  if (row.bytes === null) return
  const changed = (what: string) => corrupt(`value ${row.id}: its ${what} was changed after it was written`)
  if (!hashOf(row.dtype, row.bytes).equals(row.hash)) changed('content')
  const summary = summaryOf(arrayFromBytes(row.dtype, row.size, row.bytes))
  const same =
    row.l2_norm === summary.l2Norm &&
    row.mean === summary.mean &&
    row.min === summary.min &&
    row.max === summary.max &&
    row.zero_count === summary.zeroCount &&
    row.non_finite_count === summary.nonFiniteCount
  if (!same) changed('summary')
}

/** Each row of a checkpoint belongs to one, and they are numbered without gaps. */
function checkCheckpoints(db: Connection): void {
  const odd = db
    .prepare(
      `SELECT k.id AS id FROM _checkpoint_value k LEFT JOIN _fact f ON f.id = k.id AND f.kind = 11
       GROUP BY k.id HAVING max(f.id) IS NULL OR min(k.ordinal) <> 0 OR max(k.ordinal) <> count(*) - 1
       OR count(*) <> json_array_length(max(f.payload), '$.variables')`,
    )
    .pluck()
    .get() as number | undefined
  if (odd !== undefined) corrupt(`${eventText(odd)} does not hold the values of a checkpoint`)
}

/** Values that are named, by id, and whether their bytes are kept. */
type NamedValues = Map<number, boolean>

/** Every value is named by an event and has the bytes it should have, and every chunk belongs to a value that has no bytes in its own row. */
function checkNamed(db: Connection, named: NamedValues): void {
  for (const id of db.prepare('SELECT id FROM _value').pluck().iterate())
    if (!named.has(id as number)) corrupt(`no event names value ${id}`)
  const hasBytes = db
    .prepare(
      'SELECT bytes IS NOT NULL OR EXISTS (SELECT 1 FROM _chunk WHERE value_id = _value.id) FROM _value WHERE id = ?',
    )
    .pluck()
  for (const [id, withBytes] of named)
    if (withBytes && hasBytes.get(id) !== 1) corrupt(`the bytes of value ${id} are missing`)
  const stray = db
    .prepare(
      'SELECT value_id FROM _chunk c LEFT JOIN _value v ON v.id = c.value_id WHERE v.id IS NULL OR v.bytes IS NOT NULL',
    )
    .pluck()
    .get()
  if (stray !== undefined) corrupt(`there are chunks of value ${stray}, which has none`)
  const gap = db
    .prepare(
      'SELECT value_id FROM _chunk GROUP BY value_id HAVING min(ordinal) <> 0 OR max(ordinal) <> count(*) - 1',
    )
    .pluck()
    .get()
  if (gap !== undefined) corrupt(`a chunk of value ${gap} is missing`)
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
        if (first < 1 || last > (lastPositions.get(run) ?? 0))
          corrupt(`${table} holds event ${last} of run ${run}, which no batch wrote`)
      }
    }
    for (const id of db.prepare('SELECT id FROM _run').pluck().all() as number[]) {
      if (!lastPositions.has(id)) corrupt(`run ${id} is listed, but no batch wrote it`)
    }
  })
}

/** Each template against its hash and its marks; gives what blocks and texts are to be held to. */
function checkTemplates(db: Connection, used: UsedTexts): Map<number, TemplateUse> {
  const uses = new Map<number, TemplateUse>()
  const texts = new TextReader(db)
  const marked = new Map<number, Set<string>>()
  for (const { template_id, kind, key } of db
    .prepare<[], { template_id: number; kind: string; key: string | number }>('SELECT * FROM _mark')
    .all()) {
    const marks = marked.get(template_id)
    if (marks === undefined) marked.set(template_id, new Set([`${kind} ${key}`]))
    else marks.add(`${kind} ${key}`)
  }
  const get = db.prepare<[number], TemplateRow>('SELECT * FROM _template WHERE id = ?')
  for (const id of db.prepare('SELECT id FROM _template ORDER BY id').pluck().all() as number[]) {
    const row = get.get(id)!
    const lists = [row.calls, row.leaves, row.gradients, row.assignments, row.clears, row.passes]
    if (!templateHash(row.event_count, lists).equals(row.hash))
      corrupt(`template ${id} was changed after it was written`)
    const [calls, leaves, gradients, assignments] = lists.map((text) => JSON.parse(text) as number[][]) as [
      number[][],
      number[][],
      number[][],
      number[][],
    ]
    for (const call of calls) {
      used._signature.add(call[CALL_ENTRY.signature]!)
      if (call[CALL_ENTRY.attributes] !== 0) used._text.add(call[CALL_ENTRY.attributes]!)
    }
    for (const leaf of leaves) used._leaf_form.add(leaf[LEAF_ENTRY.form]!)
    for (const gradient of gradients) used._array_form.add(gradient[GRADIENT_ENTRY.form]!)
    for (const assignment of assignments) used._array_form.add(assignment[ASSIGNMENT_ENTRY.form]!)
    uses.set(id, {
      eventCount: row.event_count,
      cells: [calls, leaves, gradients, assignments]
        .flat()
        .reduce((cells, entry) => cells + entry[CALL_ENTRY.cells]!, 0),
      usesBase: gradients.some((gradient) => !Number.isInteger(gradient[GRADIENT_ENTRY.variable])),
      inline: new Map(
        [...leaves, ...assignments]
          .filter((entry) => entry[LEAF_ENTRY.cells]! > 1)
          .map((entry) => [entry[LEAF_ENTRY.cell]!, entry[LEAF_ENTRY.cells]!]),
      ),
      textCells: calls
        .filter((call) => call[CALL_ENTRY.attributes] === 0)
        .map((call) => call[CALL_ENTRY.cell]! + call[CALL_ENTRY.cells]! - 1),
    })
    const want = tagsOf(
      leaves.map((leaf) => leaf[LEAF_ENTRY.form]!),
      assignments.map((assignment) => assignment[ASSIGNMENT_ENTRY.variable]!),
      (form) => texts.leafForm(form).name,
    ).map(([kind, key]) => `${kind} ${key}`)
    const have = marked.get(id) ?? new Set<string>()
    if (want.length !== have.size || !want.every((mark) => have.has(mark)))
      corrupt(`the marks of template ${id} are not those of its content`)
    marked.delete(id)
  }
  for (const id of marked.keys()) corrupt(`there are marks of template ${id}, which does not exist`)
  return uses
}

/** Blocks follow each other without gaps; each says the step it is in, and has the slots that its template takes. */
function checkBlocks(
  db: Connection,
  templates: ReadonlyMap<number, TemplateUse>,
  used: UsedTexts,
  values: NamedValues,
): void {
  const seen = new Set<number>()
  const stepOf = db.prepare<[number, number], { step: number }>(
    'SELECT step FROM _step WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1',
  )
  let run = 0
  let next = 1
  let step = 0
  const rows = db
    .prepare('SELECT id, run_id, step, template_id, base, slots FROM _block ORDER BY id')
    .raw()
    .iterate() as IterableIterator<[number, number, number, number, number, Buffer | null]>
  for (const [id, runId, blockStep, templateId, base, slots] of rows) {
    const where = `the block at ${eventText(id)}`
    if (runId !== run) [run, next, step] = [runId, 1, 0]
    if (id !== eventId(run, next)) corrupt(`${where} expected to begin at event ${next} of run ${run}`)
    const template =
      templates.get(templateId) ?? corrupt(`${where} names template ${templateId}, which does not exist`)
    seen.add(templateId)
    next += template.eventCount
    if (blockStep !== step) step = stepOf.get(eventId(run, 0), id)?.step ?? 0
    if (blockStep !== step) corrupt(`${where} says step ${blockStep}, it is in step ${step}`)
    if (!template.usesBase && base !== 0)
      corrupt(`${where} says base ${base}, which its template does not use`)
    if ((slots?.length ?? 0) !== 8 * template.cells)
      corrupt(`${where} has ${(slots?.length ?? 0) / 8} cells, its template takes ${template.cells}`)
    const reader = new CellReader(slots)
    for (const cell of template.textCells) used._text.add(reader.textId(cell))
    for (const { id: value, withBytes } of reader.values(template.inline))
      if (withBytes || !values.has(value)) values.set(value, withBytes)
  }
  for (const id of templates.keys()) if (!seen.has(id)) corrupt(`no block names template ${id}`)
}

/** Each text is named by something, and those that are JSON are as they were written. */
function checkTexts(db: Connection, used: UsedTexts): void {
  const attributes = new Set(used._text)
  for (const id of db.prepare('SELECT DISTINCT name_id FROM _metric').pluck().all() as number[])
    used._text.add(id)
  for (const table of Object.keys(used) as (keyof UsedTexts)[]) {
    const rows = db
      .prepare(`SELECT id, content FROM ${table} ORDER BY id`)
      .raw()
      .iterate() as IterableIterator<[number, string]>
    for (const [id, content] of rows) {
      if (!used[table].has(id)) corrupt(`row ${id} of ${table} is named by no event`)
      const written =
        table === '_text'
          ? attributes.has(id)
            ? plainToText(textToPlain(content, `text ${id}`), 'attributes')
            : content
          : canonicalJson(content)
      if (content !== written) corrupt(`row ${id} of ${table} was changed after it was written`)
    }
  }
}

/** The payload of each fact is as it was written, and the variable it is listed under is the one it is about. */
function checkFacts(db: Connection): void {
  const rows = db
    .prepare('SELECT id, subject, payload FROM _fact ORDER BY id')
    .raw()
    .iterate() as IterableIterator<[number, number | null, string]>
  for (const [id, subject, payload] of rows) {
    const where = eventText(id)
    const plain = textToPlain(payload, where)
    if (plainToText(plain, where) !== payload) corrupt(`${where} was changed after it was written`)
    if (
      typeof plain !== 'object' ||
      plain === null ||
      ['type', 'version', 'position', 'step'].some((key) => Object.hasOwn(plain, key))
    )
      corrupt(`${where} holds what no event holds`)
    const { variable } = plain as { variable?: unknown }
    if (subject !== (typeof variable === 'number' ? variable : null))
      corrupt(`${where} is listed under variable ${subject}, but is about ${String(variable)}`)
  }
}

function canonicalJson(text: string): string | null {
  try {
    return JSON.stringify(JSON.parse(text))
  } catch {
    return null
  }
}

function checkPowers(db: Connection): void {
  const rows = db
    .prepare<[], { exponent: number; value: number }>(
      'SELECT exponent, value FROM _power_of_two ORDER BY exponent',
    )
    .all()
  const right =
    rows.length === 971 + 1074 + 1 &&
    rows.every(({ exponent, value }, i) => exponent === i - 1074 && value === powerOfTwo(exponent))
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
