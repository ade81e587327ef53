/** The runs of a tape as its file has them, for whoever lists them: read without the engine, and without what records. */
import type { RunStarted } from '../events/event.js'
import type { Connection } from '../store/format/connection.js'
import { sqliteError } from '../store/format/database.js'
import { RunLock } from '../store/format/run-lock.js'
import { Reader } from '../store/read/reader.js'
import { checkTags } from '../store/write/label-writer.js'
import { type RunInfo, type RunRow, toInfo } from './run-info.js'

/** What is read of a run: counts of calls and the look for what is not finite would walk over all blocks and gradients. */
const COLUMNS: readonly (keyof RunRow)[] = [
  ...(['id', 'name', 'tags', 'status', 'started_at', 'elapsed_ms'] as const),
  ...(['step_count', 'event_count', 'error', 'parent_run_id'] as const),
]

/** Rows of the view `run`. Throws what SQLite says, in words. */
export function runRows(
  db: Connection,
  path: string,
  where: string,
  parameters: readonly unknown[] = [],
  columns = COLUMNS.join(', '),
): RunRow[] {
  try {
    return db.prepare(`SELECT ${columns} FROM run ${where}`).all(...parameters) as RunRow[]
  } catch (error) {
    throw sqliteError(error, `reading the runs of ${path}`)
  }
}

/** What is said of runs. `isRecorded`: whether somebody holds the lock of a run. */
export function runInfos(
  db: Connection,
  rows: readonly RunRow[],
  isRecorded: (id: number) => boolean,
  tags: readonly string[],
): RunInfo[] {
  return rows
    .map((row) => ({
      ...toInfo(row, row.status === 'recording' && isRecorded(row.id)),
      parent: row.parent_run_id === null ? null : (new Reader(db).event(row.id, 1) as RunStarted).parent,
    }))
    .filter((run) => tags.every((tag) => run.tags.includes(tag)))
}

/**
 * The runs of a tape that nobody of this process records, oldest first.
 *
 * tags    only runs that have all of these; null for all runs
 * Throws  BAD_ARGUMENT for what are no tags
 */
export function listRuns(db: Connection, path: string, tags: readonly string[] | null): RunInfo[] {
  if (tags !== null) checkTags(tags, 'runs()')
  return runInfos(db, runRows(db, path, ''), (id) => RunLock.isHeld(path, id), tags ?? [])
}
