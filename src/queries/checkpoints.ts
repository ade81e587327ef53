/** The checkpoints of a run, in a few numbers. */
import type { Views } from './views.js'

export interface CheckpointCount {
  count: number
  /** Null when there are none. */
  lastStep: number | null
  /** Of their values, each content counted as often as it is held. */
  bytes: number
}

export function checkpointCount(views: Views, runId: number): CheckpointCount {
  return views.first<CheckpointCount>(
    'SELECT count(*) AS count, max(step) AS lastStep, coalesce(sum(byte_count), 0) AS bytes FROM checkpoint WHERE run_id = ?',
    runId,
  )!
}
