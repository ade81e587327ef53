/** What `tape.runs()` says of a run, made from its row of the view `run`. */
import { TapeError, valueText } from '../errors.js'
import type { RunStarted } from '../events/event.js'

/** How a run stands: still recording, or how it ended. */
export type RunStatus = 'recording' | 'finished' | 'failed' | 'interrupted'

/** A row of `tape.runs()`. */
export interface RunInfo {
  id: number
  /** The last one that it was given. */
  name: string
  /** Sorted. */
  tags: string[]
  /** `recording` while somebody holds its lock; a run without an end that nobody records any more is `interrupted`. */
  status: RunStatus
  /** ISO 8601, UTC. */
  startedAt: string
  /** Null while no end is recorded. */
  elapsedMs: number | null
  steps: number
  events: number
  error: string | null
  /** Of a fork: the run and step that it goes on from, and what was changed; null of any other. */
  parent: RunStarted['parent']
}

/** A row of the view `run`, as far as it is read. */
export interface RunRow {
  id: number
  name: string
  /** JSON */
  tags: string
  status: RunStatus
  started_at: string
  elapsed_ms: number | null
  step_count: number
  event_count: number
  error: string | null
  parent_run_id: number | null
}

/** What others can rely on; of a damaged file the view may give anything. */
const TYPES: readonly (readonly [keyof RunRow, string])[] = [
  ['name', 'string'],
  ['tags', 'string'],
  ['status', 'string'],
  ['started_at', 'string'],
  ['step_count', 'number'],
  ['event_count', 'number'],
]

/** `isRecorded`: whether somebody holds the lock of the run, which the file does not know. */
export function toInfo(row: RunRow, isRecorded: boolean): Omit<RunInfo, 'parent'> {
  for (const [column, type] of TYPES)
    if (typeof row[column] !== type)
      throw new TapeError(
        'TAPE_CORRUPT',
        `run ${row.id} has the ${column} ${valueText(row[column])}; restore the file from a copy, or salvage it`,
      )
  return {
    id: row.id,
    name: row.name,
    tags: JSON.parse(row.tags) as string[],
    status: row.status === 'recording' && !isRecorded ? 'interrupted' : row.status,
    startedAt: row.started_at,
    elapsedMs: row.elapsed_ms,
    steps: row.step_count,
    events: row.event_count,
    error: row.error,
  }
}
