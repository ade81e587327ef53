/** Who uses what in a tape: which runs hold which rows, templates and contents. One walk over the private tables. */
import { TapeError } from '../../errors.js'
import { CAPTURE_BYTES } from '../../events/capture.js'
import { elementBytes, isRecordedDtype } from '../../events/dtypes.js'
import { CALL_ENTRY } from '../../events/record-layout.js'
import { CellReader } from '../format/cells.js'
import type { Connection } from '../format/connection.js'
import { runOfId } from '../format/ids.js'

/** What one run holds, and what no other run holds with it. */
export interface RunUse {
  id: number
  events: number
  calls: number
  steps: number
  metrics: number
  commits: number
  /** Bytes of blocks and of facts as they stand in their rows, for shares of the tables they are in. */
  blockWeight: number
  factWeight: number
  gradients: number
  /** Those that say what they changed. */
  assignments: number
  templateBytes: number
  /** Contents that came before step 1, in a run that has steps; the data set and the first parameters, as a rule. */
  setupBytes: number
  valueBytes: number
  /** Contents that only checkpoints name, and those that were only materialized. */
  checkpointBytes: number
  materializedBytes: number
}

type NamedBy = 'event' | 'checkpoint' | 'materialized'

export interface TapeUse {
  runs: RunUse[]
  /** Contents that several runs name. */
  sharedBytes: number
  values: ValueUse
  calls: { shown: number; stored: number; templates: number; blocks: number }
}

interface Template {
  id: number
  calls: number
  bytes: number
  /** Where arrays stand in cells themselves: the first cell, and how many. */
  inline: ReadonlyMap<number, number>
  /** The run that uses it; 0 for none yet, -1 for several. */
  run: number
}

const BLOCK_ROW_BYTES = 32
const FACT_ROW_BYTES = 16
const NAMED_BY: readonly NamedBy[] = ['event', 'checkpoint', 'materialized']

/** By id of the content; index 0 is none. */
class ValueUse {
  /** 0 where no bytes are kept. */
  readonly bytes: Float64Array
  readonly named: Float64Array
  /** 1 when several runs name it. */
  readonly shared: Uint8Array
  readonly run: Int32Array
  /** 1 when it was there before step 1 of a run with steps. */
  readonly isSetup: Uint8Array
  private readonly by: Uint8Array
  private readonly firstId: Float64Array
  private readonly firstPart: Int32Array
  private readonly db: Connection

  constructor(db: Connection) {
    this.db = db
    const count = 1 + ((db.prepare('SELECT max(id) FROM _value').pluck().get() as number | null) ?? 0)
    this.bytes = new Float64Array(count)
    this.named = new Float64Array(count)
    this.shared = new Uint8Array(count)
    this.run = new Int32Array(count)
    this.isSetup = new Uint8Array(count)
    this.by = new Uint8Array(count)
    this.firstId = new Float64Array(count)
    this.firstPart = new Int32Array(count)
    const rows = db.prepare(
      'SELECT id, dtype, size FROM _value WHERE bytes IS NOT NULL OR EXISTS (SELECT 1 FROM _chunk WHERE value_id = _value.id)',
    )
    for (const [id, dtype, size] of rows.raw().iterate() as IterableIterator<[number, string, number]>)
      this.bytes[id] = size * (isRecordedDtype(dtype) ? elementBytes(dtype) : 0)
  }

  /**
   * `part`: of a block the cell, of a checkpoint the ordinal, of a materialized value the part. Of a gradient, whose `id` is its own
   * and no block's, −1 for what it contributed and −2 for what was accumulated.
   */
  note(value: number, run: number, by: NamedBy, id: number, part: number, isSetup: boolean): void {
    if (value >= this.bytes.length) throw new TapeError('TAPE_CORRUPT', `value ${value} is missing`)
    this.named[value]!++
    if (this.run[value] === 0) {
      this.run[value] = run
      this.by[value] = NAMED_BY.indexOf(by)
      this.firstId[value] = id
      this.firstPart[value] = part
      this.isSetup[value] = isSetup ? 1 : 0
    } else if (this.run[value] !== run) this.shared[value] = 1
  }

  namedBy(value: number): NamedBy {
    return NAMED_BY[this.by[value]!]!
  }

  /** The event that named it first, or whose value was materialized; null when none does. */
  first(value: number): { by: NamedBy; eventId: number; part: number } | null {
    if (this.run[value] === 0) return null
    const [by, id, part] = [this.namedBy(value), this.firstId[value]!, this.firstPart[value]!]
    return by === 'event' ? { by, ...this.elementAt(id, part) } : { by, eventId: id, part }
  }

  /** The event of a block that a cell belongs to. */
  private elementAt(blockId: number, cell: number): { eventId: number; part: number } {
    if (cell < 0) return { eventId: blockId, part: -1 - cell }
    const lists = this.db
      .prepare(
        'SELECT calls, leaves, gradients, assignments FROM _block b JOIN _template t ON t.id = b.template_id WHERE b.id = ?',
      )
      .raw()
      .get(blockId) as string[]
    for (const text of lists) {
      for (const entry of JSON.parse(text) as number[][]) {
        // The first three fields are the same in these four lists.
        const [first, cells] = [entry[CALL_ENTRY.cell]!, entry[CALL_ENTRY.cells]!]
        if (cell >= first && cell < first + cells)
          return { eventId: blockId + entry[CALL_ENTRY.offset]!, part: cell - first }
      }
    }
    throw new TapeError('TAPE_CORRUPT', `the block at ${blockId} has a cell that its template does not take`)
  }
}

export function readUse(db: Connection): TapeUse {
  const runs = runsOf(db)
  const values = new ValueUse(db)
  const templates = templatesOf(db)
  const blocks = walkBlocks(db, runs, templates, values)
  const named = (table: string, part: string, by: NamedBy) => {
    const rows = db.prepare(`SELECT id, ${part}, value_id FROM ${table} WHERE value_id IS NOT NULL`).raw()
    for (const [id, at, value] of rows.iterate() as IterableIterator<[number, number, number]>)
      values.note(value, runOfId(id), by, id, at, false)
  }
  namedByGradients(db, runs, values)
  named('_checkpoint_value', 'ordinal', 'checkpoint')
  named('_materialized', 'part', 'materialized')
  let stored = 0
  for (const { run, bytes, calls } of templates.values()) {
    stored += calls
    const user = runs.get(run)
    if (user !== undefined) user.templateBytes += bytes
  }
  let sharedBytes = 0
  for (let id = 1; id < values.bytes.length; id++) {
    const run = runs.get(values.run[id]!)
    const bytes = values.bytes[id]!
    if (run === undefined) continue
    const by = values.namedBy(id)
    if (values.shared[id] === 1) sharedBytes += bytes
    else if (by === 'checkpoint') run.checkpointBytes += bytes
    else if (by === 'materialized') run.materializedBytes += bytes
    else if (values.isSetup[id] === 1) run.setupBytes += bytes
    else run.valueBytes += bytes
  }
  const all = [...runs.values()]
  const shown = all.reduce((sum, run) => sum + run.calls, 0)
  return { runs: all, sharedBytes, values, calls: { shown, stored, templates: templates.size, blocks } }
}

function runsOf(db: Connection): Map<number, RunUse> {
  const runs = new Map<number, RunUse>()
  for (const id of db
    .prepare('SELECT id FROM _run ORDER BY id')
    .pluck()
    .iterate() as IterableIterator<number>)
    runs.set(id, {
      id,
      events: 0,
      calls: 0,
      steps: 0,
      metrics: 0,
      commits: 0,
      blockWeight: 0,
      factWeight: 0,
      gradients: 0,
      assignments: 0,
      templateBytes: 0,
      setupBytes: 0,
      valueBytes: 0,
      checkpointBytes: 0,
      materializedBytes: 0,
    })
  const each = (sql: string, note: (run: RunUse, row: number[]) => void) => {
    for (const row of db.prepare(sql).raw().iterate() as IterableIterator<number[]>) {
      const run = runs.get(row[0]!)
      if (run !== undefined) note(run, row)
    }
  }
  each('SELECT run_id, sum(event_count), count(*) FROM _commit GROUP BY 1', (run, row) => {
    run.events = row[1]!
    run.commits = row[2]!
  })
  each('SELECT id >> 32, count(*) FROM _step GROUP BY 1', (run, row) => {
    run.steps = row[1]!
  })
  each('SELECT id >> 32, count(*) FROM _metric GROUP BY 1', (run, row) => {
    run.metrics = row[1]!
  })
  each('SELECT id >> 32, count(*) FROM _gradient GROUP BY 1', (run, row) => {
    run.gradients = row[1]!
  })
  each('SELECT id >> 32, count(*) FROM _assignment GROUP BY 1', (run, row) => {
    run.assignments = row[1]!
  })
  each(
    `SELECT id >> 32, sum(coalesce(octet_length(payload), 0)) + ${FACT_ROW_BYTES} * count(*) FROM _fact GROUP BY 1`,
    (run, row) => {
      run.factWeight = row[1]!
    },
  )
  return runs
}

/** Contents that gradients keep the bytes of. */
function namedByGradients(db: Connection, runs: ReadonlyMap<number, RunUse>, values: ValueUse): void {
  const firstSteps = new Map(
    db.prepare('SELECT id >> 32, min(id) FROM _step GROUP BY 1').raw().all() as [number, number][],
  )
  for (const [table, part] of [
    ['_gradient', -1],
    ['_accumulated', -2],
  ] as const) {
    const rows = db
      .prepare(`SELECT id, value_id FROM ${table} WHERE kept = ${CAPTURE_BYTES} ORDER BY id`)
      .raw()
    for (const [id, value] of rows.iterate() as IterableIterator<[number, number]>) {
      const run = runOfId(id)
      const isSetup = id < (firstSteps.get(run) ?? 0) && runs.get(run)?.steps !== 0
      values.note(value, run, 'event', id, part, isSetup)
    }
  }
}

/** Of an entry `e`, in SQL: its first cell, and how many. */
const CELL = `e.value ->> ${CALL_ENTRY.cell}`
const CELLS = `e.value ->> ${CALL_ENTRY.cells}`

function templatesOf(db: Connection): Map<number, Template> {
  const rows = db
    .prepare(
      `SELECT id, json_array_length(calls) AS calls,
         length(calls) + length(leaves) + length(gradients) + length(assignments) + length(clears) + length(passes) + length(freezes) AS bytes,
         (SELECT json_group_array(json_array(${CELL}, ${CELLS})) FROM
           (SELECT value FROM json_each(leaves) UNION ALL SELECT value FROM json_each(assignments)) e
           WHERE ${CELLS} > 1) AS inline
       FROM _template`,
    )
    .all() as (Omit<Template, 'run' | 'inline'> & { inline: string })[]
  return new Map(
    rows.map((row) => [
      row.id,
      { ...row, inline: new Map(JSON.parse(row.inline) as [number, number][]), run: 0 },
    ]),
  )
}

/** Gives how many blocks there are. */
function walkBlocks(
  db: Connection,
  runs: ReadonlyMap<number, RunUse>,
  templates: ReadonlyMap<number, Template>,
  values: ValueUse,
): number {
  let count = 0
  const rows = db.prepare('SELECT id, run_id, step, template_id, slots FROM _block').raw()
  for (const [id, runId, step, templateId, slots] of rows.iterate() as IterableIterator<
    [number, number, number, number, Buffer | null]
  >) {
    count++
    const run = runs.get(runId)
    const template = templates.get(templateId)
    if (run === undefined || template === undefined)
      throw new TapeError('TAPE_CORRUPT', `the block at ${id} names a run or a template that is not there`)
    run.calls += template.calls
    run.blockWeight += BLOCK_ROW_BYTES + (slots?.length ?? 0)
    if (template.run !== runId) template.run = template.run === 0 ? runId : -1
    if (slots === null) continue
    const isSetup = step === 0 && run.steps > 0
    for (const { id: value, withBytes, cell } of new CellReader(slots).values(template.inline))
      if (withBytes) values.note(value, runId, 'event', id, cell, isSetup)
  }
  return count
}
