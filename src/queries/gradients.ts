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
  const where = 'run_id = ? AND variable_position = ? AND variable_slot = ?'
  if (step === null) return read(views, where, runId, variable.position, variable.slot)
  return read(views, `${where} AND step = ?`, runId, variable.position, variable.slot, step)
}

function read(views: Views, where: string, ...parameters: readonly number[]): GradientRow[] {
  return views
    .all<Row>(`SELECT ${COLUMNS} FROM gradient WHERE ${where} ORDER BY position`, ...parameters)
    .map(({ nonFinite, ...row }) => ({
      ...row,
      shape: JSON.parse(row.shape) as number[],
      value: toNumberOrNull(row.value, nonFinite),
    }))
}
