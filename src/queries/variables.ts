/** Variables as rows: the parameters of a run, and the moments at which a variable was given a new value. */
import type { Views } from './views.js'

export interface ParameterRow {
  name: string
  position: number
  dtype: string
  shape: number[]
}

/** The parameters of a run that have a name, in the order in which the run first met them. */
export function namedParameters(views: Views, runId: number): ParameterRow[] {
  return views
    .all<{ name: string | null; position: number; dtype: string; shape: string }>(
      'SELECT name, position, dtype, shape FROM parameter WHERE run_id = ? ORDER BY position',
      runId,
    )
    .flatMap((row) =>
      row.name === null ? [] : [{ ...row, name: row.name, shape: JSON.parse(row.shape) as number[] }],
    )
}

export interface Assignment {
  position: number
  step: number
}

/** When the variable made at `position` was assigned to, in order. */
export function assignmentsTo(views: Views, runId: number, position: number): Assignment[] {
  return views.all<Assignment>(
    'SELECT position, step FROM assignment WHERE run_id = ? AND variable_position = ? ORDER BY position',
    runId,
    position,
  )
}

/** How often the variable made at `position` was assigned to, and when first and last; null for never. */
export function assignmentSpan(
  views: Views,
  runId: number,
  position: number,
): { count: number; first: Assignment; last: Assignment } | null {
  const row = views.first<{ count: number; from: number; to: number; fromStep: number; toStep: number }>(
    `SELECT count(*) AS count, min(position) AS "from", max(position) AS "to", min(step) AS fromStep, max(step) AS toStep
     FROM assignment WHERE run_id = ? AND variable_position = ?`,
    runId,
    position,
  )!
  if (row.count === 0) return null
  return {
    count: row.count,
    first: { position: row.from, step: row.fromStep },
    last: { position: row.to, step: row.toStep },
  }
}

interface MaterializedOutput {
  position: number
  slot: number
}

/** The outputs of a step's calls that were not captured, but computed again later. */
export function materializedOutputs(views: Views, runId: number, step: number): MaterializedOutput[] {
  return views.all<MaterializedOutput>(
    'SELECT position, slot FROM output WHERE run_id = ? AND step = ? AND is_materialized ORDER BY position, slot',
    runId,
    step,
  )
}
