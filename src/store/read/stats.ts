/**
 * Where the bytes of a tape are: by table from SQLite's own books, by run and by what names them from one walk over the
 * blocks. No view is read: the cost grows with blocks and distinct templates, not with calls.
 */
import fs from 'node:fs'
import type { Connection } from '../format/connection.js'
import { fullOrDamaged, sqliteError } from '../format/database.js'
import { positionOfId, runOfId } from '../format/ids.js'
import { present } from './present.js'
import { type RunUse, readUse, type TapeUse } from './stats-use.js'

/** Words for where bytes are. */
export type Place =
  | 'blocks'
  | 'gradients'
  | 'assignments'
  | 'graph templates'
  | 'values'
  | 'checkpoints'
  | 'materialized values'
  | 'steps, metrics, other events'
  | 'names and attributes'
  | 'hash chain'
  | 'schema'
  | 'free pages'

export interface RunStats {
  id: number
  events: number
  calls: number
  steps: number
  /** Its rows, with their indexes. A table that runs share is split by what their rows hold. */
  rowBytes: number
  /** Of templates that no other run uses. */
  templateBytes: number
  /** Contents that no other run names: of its events, of its checkpoints alone, and materialized alone. */
  valueBytes: number
  checkpointBytes: number
  materializedBytes: number
  /**
   * Of rows, templates, and those of the values that came after step 0 (in a run without steps, all): what it costs to go
   * on. Checkpoints and materialized values are not counted. Null without steps, or without calls.
   */
  bytesPerStep: number | null
  bytesPerCall: number | null
}

/** A content, and the event that named it first. */
export interface LargeValue {
  id: number
  dtype: string
  size: number
  bytes: number
  /** How often events name it. */
  named: number
  /** By a checkpoint: `part` is which of its variables. By a materialized value or an event: an output, or 0. */
  by: 'event' | 'checkpoint' | 'materialized'
  runId: number
  position: number
  part: number
}

export interface TapeStats {
  fileBytes: number
  walBytes: number
  pageBytes: number
  /** Together all pages of the database, which may still be in the WAL in part. */
  places: { place: Place; bytes: number }[]
  /** Tables and indexes as the file has them; `_value and _chunk` together. */
  tables: { name: string; bytes: number }[]
  runs: RunStats[]
  /** Largest first. */
  largest: LargeValue[]
  /** Contents with bytes; how often they are named, and what all those would come to. */
  values: { count: number; bytes: number; named: number; namedBytes: number; sharedByRuns: number }
  /** Calls as the views show them, and records of calls in templates. */
  calls: { shown: number; stored: number; templates: number; blocks: number }
}

const PLACE_OF_TABLE: ReadonlyMap<string, Place> = new Map(
  Object.entries({
    _block: 'blocks',
    _assignment: 'assignments',
    _name: 'graph templates',
    _gradient: 'gradients',
    _accumulated: 'gradients',
    _variable: 'gradients',
    _template: 'graph templates',
    _mark: 'graph templates',
    _value: 'values',
    _checkpoint_value: 'checkpoints',
    _materialized: 'materialized values',
    _step: 'steps, metrics, other events',
    _metric: 'steps, metrics, other events',
    _fact: 'steps, metrics, other events',
    _text: 'names and attributes',
    _signature: 'names and attributes',
    _leaf_form: 'names and attributes',
    _array_form: 'names and attributes',
    _site: 'names and attributes',
    _call_site: 'graph templates',
    _run: 'names and attributes',
    _commit: 'hash chain',
  } satisfies Record<string, Place>),
)
const PLACES: readonly Place[] = [
  'blocks',
  'gradients',
  'assignments',
  'graph templates',
  'values',
  'checkpoints',
  'materialized values',
  'steps, metrics, other events',
  'names and attributes',
  'hash chain',
  'schema',
  'free pages',
]
/** Not looked up page by page: large arrays are chains of pages, and to count them is to read the whole file. */
const CONTENTS = new Set(['_value', '_chunk'])

/** Reads what `db` has open at `path`. Gives the `largest` largest contents. */
export function tapeStats(db: Connection, path: string, largest = 10): TapeStats {
  try {
    return db.transaction(() => read(db, path, largest))() // one moment, though others write
  } catch (error) {
    throw sqliteError(fullOrDamaged(db, error), `reading ${path}`)
  }
}

function read(db: Connection, path: string, largest: number): TapeStats {
  const pageBytes = db.pragma('page_size', { simple: true }) as number
  const tables = tablesOf(db, pageBytes)
  const use = readUse(db)
  const { values } = use
  const rowBytes = rowBytesOf(use, tables)
  let sharedByRuns = 0
  const totals = { count: 0, bytes: 0, named: 0, namedBytes: 0 }
  for (let id = 1; id < values.bytes.length; id++) {
    const bytes = values.bytes[id]!
    if (bytes === 0) continue
    totals.count++
    totals.bytes += bytes
    totals.named += values.named[id]!
    totals.namedBytes += bytes * values.named[id]!
    if (values.shared[id] === 1) sharedByRuns += bytes
  }
  return {
    fileBytes: sizeOf(path),
    walBytes: sizeOf(`${path}-wal`),
    pageBytes,
    places: placesOf(tables, use),
    tables: tables.map(({ name, bytes }) => ({ name, bytes })),
    runs: use.runs.map((run) => runStats(run, rowBytes(run))),
    largest: largestOf(db, use, largest),
    values: { ...totals, sharedByRuns },
    calls: use.calls,
  }
}

interface Table {
  name: string
  /** The table that an index belongs to; of a table its own name. */
  table: string
  bytes: number
}

function tablesOf(db: Connection, pageBytes: number): Table[] {
  const pages = (pragma: string) => (db.pragma(pragma, { simple: true }) as number) * pageBytes
  const pagesOf = db.prepare('SELECT pgsize FROM dbstat WHERE aggregate = TRUE AND name = ?').pluck()
  const found: Table[] = (
    db
      .prepare(
        "SELECT name, tbl_name AS 'table' FROM sqlite_schema WHERE type IN ('table', 'index') UNION ALL SELECT 'sqlite_schema', 'sqlite_schema'",
      )
      .all() as { name: string; table: string }[]
  )
    .filter(({ name }) => !CONTENTS.has(name))
    .map(({ name, table }) => ({ name, table, bytes: pagesOf.get(name) as number }))
  const free = pages('freelist_count')
  const rest = found.reduce((left, { bytes }) => left - bytes, pages('page_count') - free)
  found.push(
    { name: '_value and _chunk', table: '_value', bytes: rest },
    { name: 'free pages', table: '', bytes: free },
  )
  return found.sort((a, b) => b.bytes - a.bytes)
}

function placesOf(tables: readonly Table[], use: TapeUse): TapeStats['places'] {
  const bytes = new Map<Place, number>(PLACES.map((place) => [place, 0]))
  const add = (place: Place, more: number) => bytes.set(place, bytes.get(place)! + more)
  for (const table of tables)
    add(
      table.name === 'free pages' ? 'free pages' : (PLACE_OF_TABLE.get(table.table) ?? 'schema'),
      table.bytes,
    )
  const move = (from: Place, to: Place, share: number) => {
    const moved = Math.round(bytes.get(from)! * share)
    add(from, -moved)
    add(to, moved)
  }
  // Pages hold contents of several kinds, so each kind gets the pages' bytes in proportion.
  const all = sum(use.runs, contents) + use.sharedBytes
  const checkpoints = sum(use.runs, (run) => run.checkpointBytes)
  if (all > 0) move('values', 'checkpoints', checkpoints / all)
  if (all > checkpoints)
    move('values', 'materialized values', sum(use.runs, (run) => run.materializedBytes) / (all - checkpoints))
  return PLACES.map((place) => ({ place, bytes: bytes.get(place)! }))
}

const contents = ({ setupBytes, valueBytes, checkpointBytes, materializedBytes }: RunUse) =>
  setupBytes + valueBytes + checkpointBytes + materializedBytes

/** What rows of each table cost is shared among runs in these proportions. */
const WEIGHTS: readonly (readonly [table: string, of: (run: RunUse) => number])[] = [
  ['_block', (run) => run.blockWeight],
  ['_gradient', (run) => run.gradients],
  ['_accumulated', (run) => run.gradients],
  ['_variable', (run) => run.gradients],
  ['_assignment', (run) => run.assignments],
  ['_step', (run) => run.steps],
  ['_metric', (run) => run.metrics],
  ['_fact', (run) => run.factWeight],
  ['_commit', (run) => run.commits],
]

/** What the rows of a run cost: summed up over all runs once, since there may be thousands. */
function rowBytesOf(use: TapeUse, tables: readonly Table[]): (run: RunUse) => number {
  const shares = WEIGHTS.map(([name, weight]) => {
    const bytes = sum(tables, ({ table, bytes }) => (table === name ? bytes : 0))
    const all = sum(use.runs, weight)
    return (run: RunUse) => (all === 0 ? 0 : (bytes * weight(run)) / all)
  })
  return (run) => Math.round(sum(shares, (share) => share(run)))
}

function runStats(run: RunUse, rowBytes: number): RunStats {
  const { id, events, calls, steps, templateBytes, valueBytes, setupBytes } = run
  const going = rowBytes + templateBytes + valueBytes
  return {
    id,
    events,
    calls,
    steps,
    rowBytes,
    templateBytes,
    valueBytes: valueBytes + setupBytes,
    checkpointBytes: run.checkpointBytes,
    materializedBytes: run.materializedBytes,
    bytesPerStep: steps === 0 ? null : going / steps,
    bytesPerCall: calls === 0 ? null : going / calls,
  }
}

function largestOf(db: Connection, { values }: TapeUse, count: number): LargeValue[] {
  const ids: number[] = []
  let least = 0
  // One pass that keeps a few: sorting all ids would take longer than everything else here.
  for (let id = 1; id < values.bytes.length; id++) {
    const bytes = values.bytes[id]!
    if (bytes === 0 || (ids.length === count && bytes <= least)) continue
    ids.push(id)
    ids.sort((a, b) => values.bytes[b]! - values.bytes[a]! || a - b)
    if (ids.length > count) ids.pop()
    least = values.bytes[ids.at(-1)!]!
  }
  const form = db.prepare('SELECT dtype, size FROM _value WHERE id = ?')
  return ids.flatMap((id) => {
    const first = values.first(id)
    if (first === null) return []
    const { dtype, size } = present(
      form.get(id) as { dtype: string; size: number } | undefined,
      `value ${id}`,
    )
    return [
      {
        id,
        dtype,
        size,
        bytes: values.bytes[id]!,
        named: values.named[id]!,
        by: first.by,
        runId: runOfId(first.eventId),
        position: positionOfId(first.eventId),
        part: first.part,
      },
    ]
  })
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}

function sizeOf(path: string): number {
  return fs.statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
