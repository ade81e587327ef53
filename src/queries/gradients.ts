/** Gradients that a run recorded, as summaries: of one step, or of one variable over all steps. */
import { toNumberOrNull, type Views } from './views.js'

export interface GradientRow {
  position: number
  step: number
  /** The pass that computed it: the position of its BackwardStarted. */
  pass: number
  variablePosition: number
  variableSlot: number
  dtype: string
  shape: number[]
  /** Of a gradient of one element, also when it is not finite; null otherwise. */
  value: number | null
  /** The summary; null where an element that is not finite leaves it without meaning. */
  l2Norm: number | null
  mean: number | null
  min: number | null
  max: number | null
  zeroCount: number | null
  nonFiniteCount: number | null
  /** How many of these are NaN; null where an earlier gradtape did not tell them apart. */
  nanCount: number | null
  /** What the variable's grad was after the pass. */
  held: 'none' | 'this' | 'sum'
  /** What the tape has of the contribution: its bytes, its bytes computed again later, or what they came to. */
  kept: 'captured' | 'materialized' | 'summary and hash' | 'summary' | 'nothing'
}

type Row = Omit<GradientRow, 'shape'> & { shape: string; nonFinite: string | null }

const COLUMNS = `position, step, pass_position AS pass, variable_position AS variablePosition,
  variable_slot AS variableSlot, dtype, shape, value, non_finite AS nonFinite, l2_norm AS l2Norm, mean, min, max,
  zero_count AS zeroCount, non_finite_count AS nonFiniteCount, nan_count AS nanCount, held, kept`

export function gradientsOfStep(views: Views, runId: number, step: number): GradientRow[] {
  return read(views, 'run_id = ? AND step = ?', runId, step)
}

/** The gradients of one variable in order, of one step when given. */
export function gradientsOfVariable(
  views: Views,
  runId: number,
  variable: { position: number; slot: number },
  step: number | null,
): GradientRow[] {
  return read(views, ...ofVariable(runId, variable, step))
}

/** How many gradients a variable has, of one step when given, and the last of them in order; at most `limit`. */
export function lastGradientsOfVariable(
  views: Views,
  runId: number,
  variable: { position: number; slot: number },
  step: number | null,
  limit: number,
): { count: number; last: GradientRow[] } {
  const [where, ...parameters] = ofVariable(runId, variable, step)
  const { count } = views.first<{ count: number }>(
    `SELECT count(*) AS count FROM gradient WHERE ${where}`,
    ...parameters,
  )!
  const rows = views.all<Row>(
    `SELECT ${COLUMNS} FROM gradient WHERE ${where} ORDER BY position DESC LIMIT ?`,
    ...parameters,
    limit,
  )
  return { count, last: rows.reverse().map(gradientRow) }
}

function ofVariable(
  runId: number,
  { position, slot }: { position: number; slot: number },
  step: number | null,
): [where: string, ...parameters: number[]] {
  const where = 'run_id = ? AND variable_position = ? AND variable_slot = ?'
  return step === null
    ? [where, runId, position, slot]
    : [`${where} AND step = ?`, runId, position, slot, step]
}

function read(views: Views, where: string, ...parameters: readonly number[]): GradientRow[] {
  return views
    .all<Row>(`SELECT ${COLUMNS} FROM gradient WHERE ${where} ORDER BY position`, ...parameters)
    .map(gradientRow)
}

function gradientRow({ nonFinite, ...row }: Row): GradientRow {
  return {
    ...row,
    shape: JSON.parse(row.shape) as number[],
    value: toNumberOrNull(row.value, nonFinite),
  }
}
