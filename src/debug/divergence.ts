/**
 * A training that diverges: gradients grow from step to step, a thousandfold and more, and do not come back. What dies, overflows or
 * jumps afterwards is its effect.
 */
import { finding, shortNumber } from '../detectors/draft.js'
import type { Finding } from '../detectors/finding.js'
import { type FunctionCalled, positionOf, type Ref } from '../events/event.js'
import type { RunView } from './run-view.js'
import { oddGradients, stepAt } from './series.js'
import { heaviestRow } from './spikes.js'
import { updateJump } from './update-jump.js'

/** Norms below this are none to speak of (TorchLens). */
const NORM = 1e4
const GROWN = 1_000
/** Norms before that are compared, and steps back that are looked at for the beginning. */
const BEFORE = 20
const BACK = 200
/** This many norms after it must have stayed far above what was. */
const AFTER = 3
const STAYS = 100
/** A step grows by this factor where the growth began. */
const RISES = 3
/** Where one row makes this part of the loss, the row is the cause. */
const ROW_SHARE = 0.9
/** Gradients above the norm that are looked at: of large targets, all may be. */
const LOOKED_AT = 64

interface Norm {
  readonly step: number
  readonly position: number
  /** Infinite for one that is not finite. */
  readonly norm: number
}

export function diverging(view: RunView): Finding[] {
  const seen = new Set<Ref>()
  for (const { variable, step } of oddGradients(view, NORM, LOOKED_AT)) {
    if (seen.has(variable) || view.leafOf(variable)?.role !== 'parameter') continue
    seen.add(variable)
    const found = grownAt(view, variable, step)
    if (found !== null) return [found]
  }
  return []
}

function grownAt(view: RunView, variable: Ref, step: number): Finding | null {
  const norms = normsAround(view, variable, step)
  const at = norms.findIndex((one) => one.step === step)
  if (at < 1) return null
  const usual = Math.min(...norms.slice(Math.max(0, at - BEFORE), at).map(({ norm }) => norm))
  const reached = norms[at]!
  const after = norms.slice(at + 1, at + 1 + AFTER)
  // A first NaN is a birth of its own; only numbers that grew say that the training diverges.
  if (!Number.isFinite(reached.norm)) return null
  if (!(usual > 0 && reached.norm > GROWN * usual) || after.some(({ norm }) => norm < STAYS * usual))
    return null
  const start = beginning(norms, at)
  const [first, before] = [norms[start]!, norms[start - 1]!]
  // A single row that is far off makes a gradient as large: then the row is to blame.
  const row = view.attempt('the rows of a loss that grows', () => heaviestRow(view, first.step, 0)) ?? null
  const isRow = row !== null && row.share > ROW_SHARE
  // So does a single update that was far too large: what the loss does then tells of it.
  const jump = updateJump(view, first.step)
  // What grows a thousandfold at once was made so by data or a function, and not by updates of which each is a little larger.
  if (start === at && !isRow && jump === null) return null
  const update = updateOf(view, variable, before.step)
  const rate = update?.attributes.lr
  const by =
    update === null
      ? ''
      : `, after the update by ${update.function} (#${update.position})${jump === null ? '' : `, ${shortNumber(Math.round(jump.norm / jump.usual))} times as large as usual`}${typeof rate === 'number' ? ` with lr ${shortNumber(rate)}` : ''}`
  const peak = reached.step === first.step ? '' : `, ${shortNumber(reached.norm)} in step ${reached.step}`
  return finding({
    kind: 'diverging',
    // Without numbers it cannot be told whether a row is to blame.
    level: isRow || jump !== null || !view.isReplayable ? 'symptom' : 'cause',
    step: first.step,
    position: update?.position ?? first.position,
    function: update?.function ?? null,
    scope: update?.scope ?? null,
    variable: view.label(variable),
    value: reached.norm,
    before: norms.slice(Math.max(0, start - 10), start).map((one) => ({ step: one.step, value: one.norm })),
    text: `step ${first.step}: the training diverges: the gradient of ${view.label(variable)} grows from ${shortNumber(before.norm)} in step ${before.step} to ${shortNumber(first.norm)}${by}${peak}, and does not come back`,
    evidence: [
      `norms     ${norms
        .slice(Math.max(0, start - 3), start + 8)
        .map(({ norm }) => shortNumber(norm))
        .join(', ')}`,
      ...(view.isReplayable
        ? []
        : ['unknown   whether a row of the batch is to blame: the capture keeps no numbers']),
      'try       a smaller learning rate, a warm-up of it, or clipGradNorm',
    ],
  })
}

/** From where a gradient grew without coming back, the first step that was several times all before. */
function beginning(norms: readonly Norm[], at: number): number {
  let start = at
  for (let k = at; k >= 1; k--) {
    const highest = Math.max(...norms.slice(Math.max(0, k - BEFORE), k).map(({ norm }) => norm))
    if (norms[k]!.norm > RISES * highest) start = k
    else if (norms[k]!.norm < norms[start]!.norm / GROWN) break
  }
  // Growth that is slower has no such step: it began with the first of the norms of which each is above the one before.
  const isSlow = (k: number) =>
    norms[k]!.norm > norms[k - 1]!.norm && norms[k]!.norm <= RISES * norms[k - 1]!.norm
  if (start === at) while (start > 1 && isSlow(start) && isSlow(start - 1)) start--
  return start
}

/** The norms of a parameter's gradient, one of each step, some steps before and after. */
function normsAround(view: RunView, variable: Ref, step: number): Norm[] {
  const { rows, recording, lastPosition } = view
  const edge = (of: number) =>
    recording.lookup.stepRange(Math.min(Math.max(1, of), view.stepCount), lastPosition)
  const found = rows.all<{ id: number; norm: number | null; bad: number }>(
    `SELECT g.id AS id, coalesce(abs(g.scalar), g.l2_norm) AS norm, g.non_finite_count AS bad FROM _gradient g
     JOIN _variable v ON v.id = g.variable_id WHERE g.id >= ? AND g.id <= ? AND v.ref = ? ORDER BY g.id`,
    rows.base + edge(step - BACK).from,
    rows.base + edge(step + 2 * AFTER).to,
    variable,
  )
  const bySteps = new Map<number, Norm>()
  for (const { id, norm, bad } of found) {
    const position = id - rows.base
    const one = stepAt(view, position)
    bySteps.set(one, {
      step: one,
      position,
      norm: bad > 0 || norm === null ? Number.POSITIVE_INFINITY : norm,
    })
  }
  return [...bySteps.values()]
}

/** The call that gave a parameter its new value in a step; null where the tape does not say. */
function updateOf(view: RunView, variable: Ref, step: number): FunctionCalled | null {
  const events = view.step(step)
  const assignment = events.assignments
    .filter((one) => one.variable === variable && one.source !== null)
    .at(-1)
  return assignment === undefined ? null : events.makerOf(positionOf(assignment.source!))
}
