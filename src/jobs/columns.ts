/** The columns of a run, read from its tape: what a store answers questions across runs from. Knows no store. */
import type { Views } from '../queries/views.js'

/** Rows of one of the store's tables of columns. */
export interface ColumnRows {
  readonly table: 'metric_column' | 'gradient_column' | 'step_column' | 'note_row' | 'checkpoint_row'
  readonly rows: Readonly<Record<string, unknown>>[]
}

/** A run as the view `run` of a tape has it. */
export interface RunColumns {
  readonly run: number
  readonly row: Readonly<Record<string, unknown>>
}

/** This many points of a series are a row. */
const CHUNK = 4096
/** Rows that are handed on together. */
const TOGETHER = 32

/** A point's numbers, in the order of the lists that they go to. */
type Point = readonly (number | null)[]

/** The runs of a tape. */
export function runRows(views: Views): RunColumns[] {
  return views
    .all<Record<string, unknown> & { id: number }>('SELECT * FROM run ORDER BY id')
    .map(({ id, ...row }) => ({ run: id, row }))
}

/** All columns of one run, in pieces of a size that travels well. */
export function* columnsOf(views: Views, run: number): Generator<ColumnRows> {
  yield* chunked(
    'step_column',
    ['steps', 'positions', 'elapsed', 'durations', 'epochs'],
    points(
      views,
      'SELECT step, position, elapsed_ms, duration_ms, epoch FROM step WHERE run_id = ? ORDER BY position',
      run,
      [],
    ),
  )
  yield* chunked(
    'metric_column',
    ['positions', 'steps', 'vs', 'variable_positions', 'variable_slots'],
    points(
      views,
      'SELECT name, position, step, coalesce(non_finite, value), variable_position, variable_slot FROM metric WHERE run_id = ? ORDER BY position',
      run,
      ['name'],
    ),
  )
  yield* chunked(
    'gradient_column',
    [
      ...['positions', 'steps', 'pass_positions', 'variable_positions', 'variable_slots', 'vs', 'l2_norms'],
      ...['means', 'mins', 'maxs', 'zero_counts', 'non_finite_counts', 'nan_counts'],
    ],
    points(
      views,
      `SELECT variable_name, variable_role, dtype, shape, kept, held, position, step, pass_position, variable_position, variable_slot,
         coalesce(non_finite, value), l2_norm, mean, min, max, zero_count, non_finite_count, nan_count
       FROM gradient WHERE run_id = ? ORDER BY position`,
      run,
      ['variable_name', 'variable_role', 'dtype', 'shape', 'kept', 'held'],
    ),
  )
  for (const [table, sql] of [
    ['note_row', 'SELECT position, step, text FROM note WHERE run_id = ? ORDER BY position'],
    [
      'checkpoint_row',
      'SELECT position, step, variable_count, byte_count FROM checkpoint WHERE run_id = ? ORDER BY position',
    ],
  ] as const) {
    const rows = views.all<Record<string, unknown>>(sql, run)
    for (let at = 0; at < rows.length; at += CHUNK) yield { table, rows: rows.slice(at, at + CHUNK) }
  }
}

interface KeyedPoint {
  readonly key: Readonly<Record<string, unknown>>
  readonly point: Point
}

/** Rows of a view, the first cells of which say to which series the others belong. */
function* points(views: Views, sql: string, run: number, keys: readonly string[]): Generator<KeyedPoint> {
  for (const row of views.eachList(sql, run)) {
    const key = Object.fromEntries(keys.map((name, i) => [name, row[i]]))
    yield { key, point: row.slice(keys.length) as Point }
  }
}

function* chunked(
  table: ColumnRows['table'],
  columns: readonly string[],
  keyed: Iterable<KeyedPoint>,
): Generator<ColumnRows> {
  const open = new Map<
    string,
    { key: KeyedPoint['key']; chunk: number; lists: (number | string | null)[][] }
  >()
  let rows: Record<string, unknown>[] = []
  const close = (series: { key: KeyedPoint['key']; chunk: number; lists: (number | string | null)[][] }) => {
    const lists = series.lists.map((list, i) => [columns[i]!, arrayText(list)])
    rows.push({ ...series.key, chunk: series.chunk, ...Object.fromEntries(lists) })
  }
  for (const { key, point } of keyed) {
    const name = JSON.stringify(key)
    let series = open.get(name)
    if (series === undefined) {
      series = { key, chunk: 0, lists: columns.map(() => []) }
      open.set(name, series)
    }
    for (let i = 0; i < columns.length; i++) series.lists[i]!.push(point[i] ?? null)
    if (series.lists[0]!.length < CHUNK) continue
    close(series)
    open.set(name, { key, chunk: series.chunk + 1, lists: columns.map(() => []) })
    if (rows.length < TOGETHER) continue
    yield { table, rows }
    rows = []
  }
  for (const series of open.values()) if (series.lists[0]!.length > 0) close(series)
  for (let at = 0; at < rows.length; at += TOGETHER) yield { table, rows: rows.slice(at, at + TOGETHER) }
}

/** Numbers as PostgreSQL writes a list of them: every float64 comes back as it was, NaN, infinities and -0 too. */
function arrayText(list: readonly (number | string | null)[]): string {
  return `{${list.map((cell) => (cell === null ? 'NULL' : Object.is(cell, -0) ? '-0' : String(cell))).join(',')}}`
}
