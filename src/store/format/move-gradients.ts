/**
 * What the third migration does and SQL cannot do well: before it, what was kept of gradients stood in cells of their blocks;
 * from then on each gradient is a row. Here the cells become rows, and templates and blocks lose them. The hash chain does not
 * cover how events are stored, so nothing of it changes.
 */
import { TapeError } from '../../errors.js'
import { CAPTURE_BYTES, CAPTURE_HASH, CAPTURE_NOTHING, CAPTURE_SUMMARY } from '../../events/capture.js'
import { summaryOf } from '../../events/content.js'
import { isPosition, type Ref } from '../../events/event.js'
import { VALUE_SCALAR } from '../../events/pack.js'
import { CALL_ENTRY, GRADIENT_ENTRY, LEAF_ENTRY, SUMMARY_SIZE } from '../../events/record-layout.js'
import type { Summary } from '../../events/summary.js'
import { CellReader } from './cells.js'
import type { Connection } from './connection.js'
import { eventId, positionOfId } from './ids.js'
import { decodeRef, templateHash } from './template.js'
import { toScalar } from './value.js'
import { withoutTriggers } from './without-triggers.js'

type Entry = number[]
/** calls, leaves, gradients, assignments, clears, passes */
type Lists = [Entry[], Entry[], Entry[], Entry[], Entry[], Entry[]]
const GRADIENTS = 2
/** The lists whose entries take cells. */
const WITH_CELLS = [0, 1, 2, 3] as const

interface Moved {
  /** The template without the cells of gradients. */
  readonly id: number
  readonly gradients: readonly Entry[]
  /** Which cells of a block stay, as stretches: first, and how many. */
  readonly staying: readonly (readonly [first: number, count: number])[]
}

const CHANGED = [
  '_block_no_update',
  '_template_no_update',
  '_template_no_delete',
  '_mark_no_update',
  '_mark_no_delete',
] as const

/** Only in the transaction of the migration. */
export function moveGradients(db: Connection): void {
  withoutTriggers(db, CHANGED, () => {
    const moved = moveTemplates(db)
    if (moved.size === 0) return
    const numbers = makeRows(db, moved)
    changeBlocks(db, moved, numbers)
    for (const old of moved.keys()) {
      db.prepare('DELETE FROM _mark WHERE template_id = ?').run(old)
      db.prepare('DELETE FROM _template WHERE id = ?').run(old)
    }
    renumber(db, numbers)
  })
}

/** Templates are numbered in the order in which blocks first name them. `numbers` has the new number of each. */
function renumber(db: Connection, numbers: ReadonlyMap<number, number>): void {
  const template = db.prepare('UPDATE _template SET id = ? WHERE id = ?')
  const tags = db.prepare('UPDATE _mark SET template_id = ? WHERE template_id = ?')
  // By way of negative numbers: a new one may be another's old one.
  for (const [from, to] of numbers) {
    template.run(-to, from)
    tags.run(-to, from)
  }
  db.exec('UPDATE _template SET id = -id')
  db.exec('UPDATE _mark SET template_id = -template_id')
}

/** Makes the templates without cells of gradients; gives for each old one what became of it. */
function moveTemplates(db: Connection): Map<number, Moved> {
  const moved = new Map<number, Moved>()
  const ids = db
    .prepare("SELECT id FROM _template WHERE gradients <> '[]' ORDER BY id")
    .pluck()
    .all() as number[]
  const read = db
    .prepare(
      'SELECT event_count, calls, leaves, gradients, assignments, clears, passes FROM _template WHERE id = ?',
    )
    .raw()
  const find = db.prepare('SELECT id FROM _template WHERE hash = ?').pluck()
  const insert = db.prepare(
    'INSERT INTO _template (hash, event_count, calls, leaves, gradients, assignments, clears, passes) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  )
  const copyTags = db.prepare(
    'INSERT INTO _mark (template_id, kind, key) SELECT ?, kind, key FROM _mark WHERE template_id = ?',
  )
  for (const id of ids) {
    const [eventCount, ...texts] = read.get(id) as [number, string, string, string, string, string, string]
    const lists = texts.map((text) => JSON.parse(text) as Entry[]) as Lists
    const gradients = lists[GRADIENTS].map((entry) => [...entry])
    if (gradients.every((entry) => entry[GRADIENT_ENTRY.cells] === 0)) continue
    const staying = withoutGradientCells(lists)
    const newTexts = lists.map((list) => JSON.stringify(list))
    const hash = templateHash(eventCount, newTexts)
    let newId = find.get(hash) as number | undefined
    if (newId === undefined) {
      newId = Number(insert.run(hash, eventCount, ...newTexts).lastInsertRowid)
      copyTags.run(newId, id)
    }
    moved.set(id, { id: newId, gradients, staying })
  }
  return moved
}

/** Takes the cells of gradients out of the lists, and counts the others anew; gives which cells stay. */
function withoutGradientCells(lists: Lists): [first: number, count: number][] {
  const entries = WITH_CELLS.flatMap((list) =>
    lists[list].map((entry) => ({ entry, isGradient: list === GRADIENTS })),
  ).sort((a, b) => a.entry[CALL_ENTRY.offset]! - b.entry[CALL_ENTRY.offset]!)
  const staying: [number, number][] = []
  let next = 0
  for (const { entry, isGradient } of entries) {
    const [first, count] = [entry[CALL_ENTRY.cell]!, entry[CALL_ENTRY.cells]!]
    entry[CALL_ENTRY.cell] = next
    if (isGradient) entry[CALL_ENTRY.cells] = 0
    else if (count > 0) {
      staying.push([first, count])
      next += count
    }
  }
  return staying
}

type BlockRow = [id: number, templateId: number, base: number, cells: Buffer | null]

/** Makes the rows of all gradients, in the order in which they were written; gives the new numbers of templates. */
function makeRows(db: Connection, moved: ReadonlyMap<number, Moved>): Map<number, number> {
  const batches = db
    .prepare('SELECT run_id, first_position, event_count FROM _commit WHERE event_count > 0 ORDER BY id')
    .raw()
    .all() as [number, number, number][]
  const blocks = db
    .prepare('SELECT id, template_id, base, slots FROM _block WHERE id BETWEEN ? AND ? ORDER BY id')
    .raw()
  const rows = new RowsOfGradients(db)
  const numbers = new Map<number, number>()
  for (const [runId, firstPosition, count] of batches) {
    const from = eventId(runId, firstPosition)
    for (const [id, templateId, base, bytes] of blocks.all(from, from + count - 1) as BlockRow[]) {
      const template = moved.get(templateId)
      const kept = template?.id ?? templateId
      if (!numbers.has(kept)) numbers.set(kept, numbers.size + 1)
      if (template === undefined) continue
      const cells = new CellReader(bytes)
      for (const entry of template.gradients)
        rows.add(runId, positionOfId(id) + entry[GRADIENT_ENTRY.offset]!, entry, base, cells)
    }
  }
  return numbers
}

/** Gives blocks the new numbers of their templates, and takes the cells of gradients out of them. */
function changeBlocks(
  db: Connection,
  moved: ReadonlyMap<number, Moved>,
  numbers: ReadonlyMap<number, number>,
): void {
  const ids = db.prepare('SELECT id FROM _block ORDER BY id').pluck().all() as number[]
  const read = db.prepare('SELECT template_id, slots FROM _block WHERE id = ?').raw()
  const rename = db.prepare('UPDATE _block SET template_id = ? WHERE id = ?')
  const change = db.prepare('UPDATE _block SET template_id = ?, slots = ? WHERE id = ?')
  for (const id of ids) {
    const [templateId, bytes] = read.get(id) as [number, Buffer | null]
    const template = moved.get(templateId)
    const number = numbers.get(template?.id ?? templateId)
    if (number === undefined) throw new TapeError('TAPE_CORRUPT', `no batch wrote the block ${id}`)
    if (template !== undefined) {
      const kept = template.staying.map(([cell, count]) => bytes!.subarray(8 * cell, 8 * (cell + count)))
      change.run(number, kept.length === 0 ? null : Buffer.concat(kept), id)
    } else if (number !== templateId) rename.run(number, id)
  }
}

class RowsOfGradients {
  private readonly variables = new Map<string, number>()
  private readonly insertVariable
  private readonly insertGradient
  private readonly insertAccumulated
  private readonly valueSummary
  private readonly leafForm

  constructor(db: Connection) {
    this.insertVariable = db.prepare(
      'INSERT INTO _variable (run_id, ref, leaf_form_id, name) SELECT ?, ?, f.id, f.name FROM (SELECT 1) LEFT JOIN _leaf_form f ON f.id = ?',
    )
    this.insertGradient = db.prepare(`INSERT INTO _gradient VALUES (${'?, '.repeat(13)}?)`)
    this.insertAccumulated = db.prepare(`INSERT INTO _accumulated VALUES (${'?, '.repeat(9)}?)`)
    this.valueSummary = db
      .prepare('SELECT l2_norm, mean, min, max, zero_count, non_finite_count FROM _value WHERE id = ?')
      .raw()
    this.leafForm = db
      .prepare(
        `SELECT e.value ->> ${LEAF_ENTRY.form} FROM _block b JOIN _template t ON t.id = b.template_id JOIN json_each(t.leaves) e
         WHERE b.id = (SELECT max(id) FROM _block WHERE id BETWEEN ? AND ?) AND b.id + (e.value ->> ${LEAF_ENTRY.offset}) = ?`,
      )
      .pluck()
  }

  add(runId: number, position: number, entry: Entry, base: number, cells: CellReader): void {
    const id = eventId(runId, position)
    const taken = entry[GRADIENT_ENTRY.cells]!
    const width = taken < SUMMARY_SIZE ? 1 : SUMMARY_SIZE
    const cell = entry[GRADIENT_ENTRY.cell]!
    const content = (part: number) =>
      taken <= part * width
        ? [CAPTURE_NOTHING, null, null, ...NO_SUMMARY]
        : this.content(cells, cell + part * width, width)
    this.insertGradient.run(
      id,
      this.variableId(runId, decodeRef(entry[GRADIENT_ENTRY.variable]!, position, base)),
      decodeRef(entry[GRADIENT_ENTRY.pass]!, position, base),
      entry[GRADIENT_ENTRY.form]!,
      entry[GRADIENT_ENTRY.held]!,
      ...content(0),
    )
    const accumulated = content(1)
    if (accumulated[0] !== CAPTURE_NOTHING) this.insertAccumulated.run(id, ...accumulated)
  }

  /** kept, value_id, scalar, and the summary. */
  private content(cells: CellReader, cell: number, width: number): (number | string | null)[] {
    if (width === SUMMARY_SIZE) return [CAPTURE_SUMMARY, null, null, ...numbersOf(cells.summary(cell))]
    const valueId = cells.valueId(cell)
    if (valueId > 0) return [CAPTURE_BYTES, valueId, null, ...this.summaryOfValue(valueId)]
    const hashedId = cells.hashedId(cell)
    if (hashedId > 0) return [CAPTURE_HASH, hashedId, null, ...this.summaryOfValue(hashedId)]
    if (cells.isNothing(cell)) return [CAPTURE_NOTHING, null, null, ...NO_SUMMARY]
    const number = cells.number(cell)
    return [VALUE_SCALAR, null, toScalar(number), ...numbersOf(summaryOf(Float64Array.of(number)))]
  }

  private summaryOfValue(id: number): (number | null)[] {
    const summary = this.valueSummary.get(id) as (number | null)[] | undefined
    if (summary === undefined) throw new TapeError('TAPE_CORRUPT', `value ${id} is missing`)
    return summary
  }

  private variableId(runId: number, ref: Ref): number {
    const key = `${runId} ${ref}`
    let id = this.variables.get(key)
    if (id === undefined) {
      const at = eventId(runId, ref)
      const form = isPosition(ref) ? this.leafForm.get(eventId(runId, 0), at, at) : undefined
      id = Number(this.insertVariable.run(runId, ref, form ?? null).lastInsertRowid)
      this.variables.set(key, id)
    }
    return id
  }
}

const NO_SUMMARY = [null, null, null, null, null, null] as const

function numbersOf({ l2Norm, mean, min, max, zeroCount, nonFiniteCount }: Summary): (number | null)[] {
  return [l2Norm, mean, min, max, zeroCount, nonFiniteCount]
}
