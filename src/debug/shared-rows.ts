/**
 * Rows that training reads and an evaluation reads, too, in arrays of their own: a data set that was cut in two with an overlap. Rows
 * are compared by their numbers, where these are such that no two rows are equal by accident.
 */

import type { NDArray } from '../array/ndarray.js'
import { callText, finding, rowsText } from '../detectors/draft.js'
import { isEvaluation } from '../detectors/evaluation.js'
import type { Finding } from '../detectors/finding.js'
import type { StepEvents } from '../detectors/step-events.js'
import { type FunctionCalled, type LeafCreated, positionOf, type Ref, refOf } from '../events/event.js'
import { takenRows } from './rows.js'
import type { RunView } from './run-view.js'

/** Steps of different shapes that are looked at. */
const STEPS_MAX = 64
/** Larger arrays are not compared. */
const ELEMENTS_MAX = 8_000_000
/** Fewer rows may be equal in any data set. */
const ROWS_MIN = 3

/** A data set, and the call that reads it first. */
interface Read {
  readonly leaf: LeafCreated
  readonly call: FunctionCalled
  readonly step: number
}

export function sharedRows(view: RunView): Finding[] {
  const trained = new Map<Ref, Read>()
  const evaluated = new Map<Ref, Read>()
  for (const step of view.shapes.firsts.slice(0, STEPS_MAX)) gather(view, view.step(step), trained, evaluated)
  for (const [ref, test] of evaluated) {
    if (trained.has(ref)) continue
    for (const train of trained.values()) {
      const found = view.attempt('rows of one data set in another', () => compared(view, train, test)) ?? null
      if (found !== null) return [found]
    }
  }
  return []
}

/** The data sets that a step trains on, and those that it evaluates by a scope or a name that says so. */
function gather(view: RunView, events: StepEvents, trained: Map<Ref, Read>, evaluated: Map<Ref, Read>): void {
  const leading = events.ancestors(events.roots)
  for (const call of events.calls)
    for (const ref of call.inputs) {
      const read = dataBehind(view, ref, call)
      if (read === null || !isComparable(read.leaf)) continue
      const isTrained = leading.has(call.position) && call.function !== 'take'
      const name = view.nameOf(read.leaf.position) ?? ''
      if (isTrained) trained.set(read.leaf.position, trained.get(read.leaf.position) ?? read)
      else if (events.passes.length === 0 || !leading.has(call.position))
        if (isEvaluation(call.scope) || isEvaluation(name))
          evaluated.set(read.leaf.position, evaluated.get(read.leaf.position) ?? read)
    }
}

/** The data set that a call reads, whole or as a batch. */
function dataBehind(view: RunView, ref: Ref, call: FunctionCalled): Read | null {
  const event = view.event(positionOf(ref))
  if (event.type === 'FunctionCalled') {
    const taken = takenRows(view, event)
    const leaf = taken === null ? null : view.leafOf(taken.data)
    return leaf === null ? null : { leaf, call: event, step: call.step }
  }
  return event.type === 'LeafCreated' ? { leaf: event, call, step: call.step } : null
}

function isComparable({ role, dtype, shape, source, requiresGrad }: LeafCreated): boolean {
  const isData = role !== 'parameter' && !requiresGrad && source === null
  return isData && (dtype === 'float64' || dtype === 'float32') && shape.length >= 2 && shape[0]! >= ROWS_MIN
}

function compared(view: RunView, train: Read, test: Read): Finding | null {
  const [a, b] = [train, test].map(({ leaf }) => leaf.shape) as [readonly number[], readonly number[]]
  if (train.leaf.dtype !== test.leaf.dtype || a.slice(1).join() !== b.slice(1).join()) return null
  const size = (shape: readonly number[]) => shape.reduce((product, one) => product * one, 1)
  if (size(a) + size(b) > ELEMENTS_MAX) {
    view.skipped.set('rows of one data set in another', `they have more than ${ELEMENTS_MAX} numbers`)
    return null
  }
  const [own, other] = [train, test].map(({ leaf }) =>
    rowKeys(view.valueRead(refOf(leaf.position, 0), view.lastPosition + 1)),
  ) as [(string | null)[], (string | null)[]]
  const places = new Map<string, number>()
  for (const [row, key] of own.entries()) if (key !== null && !places.has(key)) places.set(key, row)
  const shared: { row: number; at: number }[] = []
  for (const [at, key] of other.entries()) {
    const row = key === null ? undefined : places.get(key)
    if (row !== undefined) shared.push({ row, at })
  }
  if (shared.length < ROWS_MIN) return null
  const rows = shared.map(({ row }) => row).sort((x, y) => x - y)
  const { call, step } = train
  const [first] = shared
  return finding({
    kind: 'row-shared',
    level: 'cause',
    step,
    position: call.position,
    function: call.function,
    scope: call.scope,
    variable: view.label(refOf(train.leaf.position, 0)),
    rows,
    text: `step ${step}: ${callText(call)} trains on rows of ${view.label(refOf(train.leaf.position, 0))} that ${callText(test.call)} evaluates on, too: ${shared.length} rows of ${view.label(refOf(test.leaf.position, 0))} are the same numbers; ${rowsText(rows)}`,
    evidence: [`first     row ${first!.at} of the evaluation is row ${first!.row} of the training`],
  })
}

/** Each row as a text that tells it from others; null for one that could be equal by accident: few numbers, or whole ones. */
function rowKeys({ buffer, offset, size, shape }: NDArray): (string | null)[] {
  const width = size / Math.max(1, shape[0]!)
  return Array.from({ length: shape[0]! }, (_, row) => {
    const from = offset + row * width
    const values = buffer.subarray(from, from + width) as Float64Array | Float32Array
    return isTelling(values) ? values.join() : null
  })
}

/** Two numbers that are no short fractions, or eight different ones: data that were measured or drawn. */
function isTelling(values: Float64Array | Float32Array): boolean {
  const seen = new Set<number>()
  let odd = 0
  for (const value of values) {
    if (seen.has(value)) continue
    seen.add(value)
    if (!Number.isInteger(value * 1_024)) odd++
    if (odd >= 2 || seen.size >= 8) return true
  }
  return false
}
