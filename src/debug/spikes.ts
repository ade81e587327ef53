/** A loss that jumps: the step, and what made it jump: an update that was far too large, or the row whose share of it is largest. */

import type { NDArray } from '../array/ndarray.js'
import { slice } from '../array/rearrange.js'
import { callText, finding, rowsText, shortNumber } from '../detectors/draft.js'
import type { Finding } from '../detectors/finding.js'
import { lossJumps, median } from '../detectors/jumps.js'
import { LARGE_JUMP } from '../detectors/loss.js'
import { type FunctionCalled, positionOf, type Ref } from '../events/event.js'
import type { Attributes } from '../graph/attributes.js'
import { unrecorded } from '../graph/mode.js'
import { recreateFunc } from '../graph/registry.js'
import { rowsBehind, rowsOfStep } from './rows.js'
import type { RunView } from './run-view.js'
import { lossOf, Series } from './series.js'
import { type UpdateJump, updateJump } from './update-jump.js'

/** The rows of this many spikes are compared. */
const COMPARED_MAX = 32
/** This many values on each side of one are those around it. */
const AROUND = 10
/** The first values of a run, and a factor of their median: up to that a loss comes back to where it began. */
const FIRST = 8
const RETURNS = 2
/** Larger batches are not computed row by row. */
const ROWS_MAX = 4_096

/** The steps at which a loss jumps, in order. */
export function jumpsOf(view: RunView, metric: string | null): { series: Series; jumps: number[] } | null {
  const name = lossOf(view, metric)
  if (name === null) {
    view.skipped.set(
      'the loss',
      'no metric was logged that is called loss or that a pass began from; name it with metric',
    )
    return null
  }
  const series = new Series(view, name)
  return { series, jumps: lossJumps(series.values) }
}

/** Values far above those around them, however early in the run: at least two, and not every fifth. */
function recurringJumps(values: readonly number[]): number[] {
  const found: number[] = []
  for (let i = 0; i < values.length; i++) if (isFarAbove(values, i)) found.push(i)
  return found.length >= 2 && found.length * 5 <= values.length ? found : []
}

function isFarAbove(values: readonly number[], i: number): boolean {
  const value = values[i]!
  const [from, to] = [Math.max(0, i - AROUND), Math.min(values.length, i + AROUND + 1)]
  // Above the median by a factor is above more than half of them by that factor: counted at once, where sorting takes long.
  let [low, finite] = [0, 0]
  for (let k = from; k < to; k++) {
    const one = values[k]!
    if (one - one !== 0) continue
    finite++
    if (value > LARGE_JUMP * one) low++
  }
  if (finite <= AROUND || 2 * low < finite) return false
  return value > LARGE_JUMP * Math.abs(median(values.slice(from, to).filter(Number.isFinite)))
}

export function spikes(view: RunView, metric: string | null): Finding[] {
  const found = jumpsOf(view, metric)
  if (found === null) return []
  const { series } = found
  let { jumps } = found
  if (jumps.length === 0) {
    // Spikes that were there from the first steps on hide each other; rows that they have in common tell them from noise.
    jumps = recurringJumps(series.values)
    const steps = jumps.slice(0, COMPARED_MAX).map((i) => series.steps[i]!)
    if (jumps.length === 0 || (commonRows(view, steps) === null && !isOneRow(view, series, jumps))) return []
  }
  const at = jumps[0]!
  const step = series.steps[at]!
  const value = series.values[at]!
  const before = series.values.slice(Math.max(0, at - 5), at)
  const common = commonRows(
    view,
    jumps.slice(0, COMPARED_MAX).map((i) => series.steps[i]!),
  )
  // Rows that all spikes have in common are the cause; of a single spike the update before it is asked first.
  const isCommon = common !== null && jumps.length > 1
  const update = isCommon ? null : updateJump(view, step)
  const share =
    update === null
      ? (view.attempt('the rows of a spike', () => heaviestRow(view, step, series.variables[at]!)) ?? null)
      : null
  const rows = share?.rows ?? common
  const steps = jumps.map((i) => series.steps[i]!)
  const row = rowsText(rows)
  const call = update?.call ?? share?.call ?? null
  const isOutlier = share !== null && share.share > 0.5
  // Where the loss jumps again and again, other rows each time, and no higher than it began, some rows are hard: no defect.
  const isUsual =
    update === null &&
    !isCommon &&
    jumps.length > 1 &&
    value <= RETURNS * median(series.values.slice(0, FIRST))
  const highest = Math.max(...series.values.slice(Math.max(0, at - 20), at))
  const because =
    update !== null ? `: ${updateText(view, update)}` : share !== null ? `: ${shareText(share)}` : ''
  return [
    finding({
      kind: 'loss-spike',
      level: isUsual
        ? 'note'
        : isOutlier || isCommon || update !== null
          ? 'cause'
          : value > LARGE_JUMP * highest
            ? 'symptom'
            : 'note',
      step,
      position: call?.position ?? series.positions[at]!,
      function: call?.function ?? null,
      scope: call?.scope ?? null,
      variable: series.name,
      rows,
      value,
      before: before.map((one, i) => ({ step: series.steps[at - before.length + i]!, value: one })),
      text: `step ${step}: ${series.name} jumps to ${shortNumber(value)} from ${shortNumber(before.at(-1) ?? value)}${because}${row === null ? '' : `; ${row}`}`,
      evidence: [
        `before    ${series.name} ${before.map(shortNumber).join(', ')}`,
        ...(update === null
          ? []
          : [
              `updates   of norm ${update.before.slice(-5).map(shortNumber).join(', ')}, then ${shortNumber(update.norm)} in step ${update.step}`,
            ]),
        ...(steps.length > 1
          ? [
              `spikes    ${steps.length}, at steps ${steps.slice(0, 12).join(', ')}${steps.length > 12 ? ', …' : ''}`,
            ]
          : []),
        ...(common === null || steps.length < 2 ? [] : [`rows      all of them have ${rowsText(common)}`]),
      ],
    }),
  ]
}

/** Whether the same row makes most of the loss in spikes: where batches are not shuffled, a whole batch comes again. */
function isOneRow(view: RunView, series: Series, jumps: readonly number[]): boolean {
  const [first, second] = [jumps[0]!, jumps.at(-1)!].map((i) =>
    view.attempt('the rows of a spike', () => heaviestRow(view, series.steps[i]!, series.variables[i]!)),
  )
  const rowsOf = (share: Share | null | undefined) =>
    share !== null && share !== undefined && share.share > 0.5 ? share.rows : null
  const [a, b] = [rowsOf(first), rowsOf(second)]
  return a !== null && b !== null && a.some((row) => b.includes(row))
}

function updateText(view: RunView, { step, norm, usual, variable, moved, call }: UpdateJump): string {
  const by = call === null ? 'a value from outside' : callText(call)
  return `the update of step ${step} is ${shortNumber(Math.round(norm / usual))} times as large as usual; ${by} moves ${view.label(variable)} by ${shortNumber(moved)}`
}

function shareText({ share, index, call }: Share): string {
  return `${(100 * share).toFixed(0)} % of it from row ${index} of the batch in ${callText(call)}`
}

/** The rows that the batches of all steps have in common, at most eight; null for none. */
function commonRows(view: RunView, steps: readonly number[]): number[] | null {
  if (steps.length < 2) return null
  let common: Set<number> | null = null
  for (const step of steps) {
    const rows = new Set(rowsOfStep(view, step).flatMap(({ rows }) => rows))
    common = common === null ? rows : new Set([...(common as Set<number>)].filter((row) => rows.has(row)))
  }
  return common === null || common.size === 0 || common.size > 8 ? null : [...common].sort((a, b) => a - b)
}

interface Share {
  readonly call: FunctionCalled
  readonly index: number
  readonly share: number
  readonly rows: number[] | null
}

/**
 * @internal
 *
 * The row of the batch with the largest part in the loss: the call that takes the first axis away, computed again for one row
 * at a time.
 */
export function heaviestRow(view: RunView, step: number, loss: Ref): Share | null {
  const events = view.step(step)
  const root = loss !== 0 ? loss : events.roots[0]
  const values = root === undefined ? null : view.values(step)
  if (root === undefined || values === null) return null
  const reducing = reducingCall(view, events.makerOf(root), step)
  if (reducing === null) return null
  const arrays = reducing.inputs.map((ref) => values.read(ref, reducing))
  const count = arrays[0]!.shape[0]!
  if (count < 2 || count > ROWS_MAX) return null
  const parts = unrecorded(() =>
    Array.from({ length: count }, (_, row) => {
      const func = recreateFunc(reducing.function, reducing.attributes as Attributes)
      const made = func.forwardList(
        arrays.map((array) => (array.shape[0] === count ? rowOf(array, row) : array)),
      )
      const [first] = (Array.isArray(made) ? made : [made]) as NDArray[]
      let sum = 0
      for (let i = 0; i < first!.size; i++) sum += Math.abs(first!.buffer[first!.offset + i]!)
      return sum
    }),
  )
  const total = parts.reduce((sum, part) => sum + part, 0)
  const index = parts.indexOf(Math.max(...parts))
  if (!(total > 0) || !Number.isFinite(total)) return null
  const rows = [
    ...new Set(reducing.inputs.flatMap((ref) => rowsBehind(view, ref, index).map(({ row }) => row))),
  ]
  return {
    call: reducing,
    index,
    share: parts[index]! / total,
    rows: rows.length === 0 ? null : rows.sort((a, b) => a - b),
  }
}

function rowOf(array: NDArray, row: number): NDArray {
  return slice(array, [[row, row + 1]])
}

/** From the loss back to the first call whose inputs have a first axis and whose output has none of that. */
function reducingCall(view: RunView, from: FunctionCalled | null, step: number): FunctionCalled | null {
  const events = view.step(step)
  let call = from
  for (let depth = 0; call !== null && depth < 64; depth++) {
    const shape = call.outputs[0]!.shape
    const wide = call.inputs.filter((ref) => {
      const form = shapeIn(view, ref)
      return form.length > 0 && form[0]! > 1 && (shape.length === 0 || shape[0] !== form[0])
    })
    if (wide.length > 0 && shape.length === 0) return call
    const next: FunctionCalled | undefined = call.inputs
      .map((ref) => events.makerOf(ref))
      .filter((maker) => maker !== null)
      .sort((a, b) => b.position - a.position)[0]
    call = next ?? null
  }
  return null
}

function shapeIn(view: RunView, ref: Ref): readonly number[] {
  const event = view.event(positionOf(ref))
  if (event.type === 'FunctionCalled') return event.outputs[0]?.shape ?? []
  return event.type === 'LeafCreated' ? event.shape : []
}
