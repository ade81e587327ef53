/** Whether the update before a step was far larger than the ones before it: a loss that jumps then is its effect. */
import { median } from '../detectors/jumps.js'
import { type FunctionCalled, positionOf, type Ref } from '../events/event.js'
import type { RunView } from './run-view.js'

/** An update this many times as large as the median of those before is no accident of one batch. */
const FACTOR = 10
/** Updates that it is compared with; fewer than FEWEST say nothing. */
const COMPARED = 20
const FEWEST = 5
/** Where gradients are added up over several steps, not every step has an update. */
const STEPS_BACK = 4 * COMPARED

export interface UpdateJump {
  readonly step: number
  /** Norm of what the update added to all parameters together, and the median of those before. */
  readonly norm: number
  readonly usual: number
  /** Norms of the last updates before, oldest first. */
  readonly before: readonly number[]
  /** The parameter that it moved furthest, and the call that made its new value; null for a value from outside. */
  readonly variable: Ref
  readonly moved: number
  readonly call: FunctionCalled | null
}

interface Row {
  readonly id: number
  readonly step: number
  readonly ref: Ref
  readonly norm: number
}

/** The last update before `step`, when it is far larger than usual; null where it is not, or the tape does not measure updates. */
export function updateJump(view: RunView, step: number): UpdateJump | null {
  if (step < 1) return null
  const { rows, recording } = view
  const rangeOf = (of: number) => recording.lookup.stepRange(of, view.lastPosition)
  const found = rows.all<Row>(
    'SELECT a.id AS id, (SELECT s.step FROM _step s WHERE s.id > ?1 AND s.id < a.id ORDER BY s.id DESC LIMIT 1) AS step, v.ref AS ref, a.update_norm AS norm FROM _assignment a JOIN _variable v ON v.id = a.variable_id WHERE a.id >= ?2 AND a.id < ?3 AND a.update_norm IS NOT NULL ORDER BY a.id',
    rows.base,
    rows.base + rangeOf(Math.max(1, step - STEPS_BACK)).from,
    rows.base + rangeOf(step).from,
  )
  const isParameter = new Map<Ref, boolean>()
  const bySteps = new Map<number, Row[]>()
  for (const row of found) {
    if (!isParameter.has(row.ref)) isParameter.set(row.ref, view.leafOf(row.ref)?.role === 'parameter')
    if (isParameter.get(row.ref) === false) continue
    const known = bySteps.get(row.step)
    if (known === undefined) bySteps.set(row.step, [row])
    else known.push(row)
  }
  const updates = [...bySteps.values()].slice(-COMPARED - 1)
  const last = updates.pop()
  if (last === undefined || updates.length < FEWEST) return null
  const before = updates.map(together)
  const [norm, usual] = [together(last), median(before)]
  if (!(usual > 0 && norm >= FACTOR * usual)) return null
  const furthest = last.reduce((a, b) => (b.norm > a.norm ? b : a))
  return {
    step: furthest.step,
    norm,
    usual,
    before,
    variable: furthest.ref,
    moved: furthest.norm,
    call: callBehind(view, furthest),
  }
}

function together(rows: readonly Row[]): number {
  return Math.hypot(...rows.map(({ norm }) => norm))
}

function callBehind(view: RunView, { id }: Row): FunctionCalled | null {
  const assignment = view.event(id - view.rows.base)
  if (assignment.type !== 'ValueAssigned' || assignment.source === null) return null
  const made = view.event(positionOf(assignment.source))
  return made.type === 'FunctionCalled' ? made : null
}
