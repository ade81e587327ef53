/** From an element of an array back to a row of the data set, through the calls that keep or move the first axis, to the `take` or `slice` of a batch. */
import { type FunctionCalled, positionOf, type Ref, slotOf, type TapeEvent } from '../events/event.js'
import { rowsFrom, slicedRows } from './first-axis.js'
import { inputsOfOwnRow } from './own-rows.js'
import type { RunView } from './run-view.js'

/** A row of a data set. */
interface DataRow {
  /** The variable that is the data set. */
  readonly data: Ref
  readonly row: number
  /** The call that took it into a batch; null where the batch itself came from outside. */
  readonly take: number | null
}

/** A batch that calls of a step read: the rows of a data set, in their order. */
export interface StepRows {
  /** The step that reads the batch first. */
  readonly step: number
  /** The position of the `take`. */
  readonly position: number
  /** The variable that holds the indices; two batches that read the same one have the same rows. */
  readonly indices: Ref
  /** The variable that is the data set, and its name. */
  readonly data: number
  readonly name: string | null
  readonly scope: string
  readonly rows: readonly number[]
}

const CALLS_MAX = 4_096

/** @internal The rows of data sets from which row `index` of `ref` was computed; empty when the calls between do not say. */
export function rowsBehind(view: RunView, ref: Ref, index: number): DataRow[] {
  const found = new Map<string, DataRow>()
  const seen = new Set<string>()
  const waiting: [Ref, number][] = [[ref, index]]
  for (let next = waiting.pop(); next !== undefined && seen.size < CALLS_MAX; next = waiting.pop()) {
    const [at, place] = next
    const key = `${at} ${place}`
    if (seen.has(key)) continue
    seen.add(key)
    const event = view.event(positionOf(at))
    if (event.type === 'LeafCreated' && event.source !== null) waiting.push([event.source, place])
    if (event.type !== 'FunctionCalled') continue
    const rows = takenRows(view, event) ?? slicedFromLeaf(view, event)
    if (rows !== null) {
      const row = rows.rows[place]
      if (row !== undefined) found.set(`${rows.data} ${row}`, { data: rows.data, row, take: event.position })
      continue
    }
    const picked = pickedRow(view, event, place)
    if (picked !== null) {
      waiting.push([event.inputs[0]!, picked])
      continue
    }
    for (const input of inputsOfOwnRow(view, event, at, place)) waiting.push([input, place])
    const shapes = event.inputs.map((input) => shapeOf(view, input))
    for (const { input, row } of rowsFrom(event, shapes, slotOf(at), place))
      waiting.push([event.inputs[input] as Ref, row])
  }
  return [...found.values()]
}

/** @internal The rows that a call takes along the first axis from a leaf; null when it is no such call, or the rows are not on the tape. */
export function takenRows(
  view: { event(position: number): TapeEvent },
  call: FunctionCalled,
): { data: Ref; indices: Ref; rows: number[] } | null {
  if (call.function !== 'take' || (call.attributes.axis ?? 0) !== 0 || call.inputs.length !== 2) return null
  const [data, indices] = call.inputs as [Ref, Ref]
  if (slotOf(data) !== 0 || slotOf(indices) !== 0) return null
  const from = view.event(data)
  if (from.type !== 'LeafCreated' || from.requiresGrad) return null
  const rows = indicesIn(view, indices)
  return rows === null ? null : { data, indices, rows }
}

/** The numbers of a leaf of indices. What two calls are given as one array is a leaf each; the second has the value of the first. */
function indicesIn(view: { event(position: number): TapeEvent }, indices: Ref): number[] | null {
  let by = view.event(positionOf(indices))
  while (by.type === 'LeafCreated' && by.source !== null) by = view.event(positionOf(by.source))
  return by.type !== 'LeafCreated' || by.value === null || by.shape.length !== 1 ? null : [...by.value.data]
}

/** The row that a `take` along the first axis picks of what was computed: rows of a batch that are picked again. */
function pickedRow(view: RunView, call: FunctionCalled, place: number): number | null {
  if (call.function !== 'take' || (call.attributes.axis ?? 0) !== 0 || call.inputs.length !== 2) return null
  const row = indicesIn(view, call.inputs[1]!)?.[place]
  return row === undefined || row < 0 ? null : row
}

/** The rows that a slice takes along the first axis from a data set, as a program does that cuts its own batches; null for any other call. */
function slicedFromLeaf(view: RunView, call: FunctionCalled): { data: Ref; rows: ArrayLike<number> } | null {
  const data = call.function === 'slice' ? call.inputs[0]! : 0
  if (data === 0 || slotOf(data) !== 0) return null
  const from = view.event(positionOf(data))
  if (from.type !== 'LeafCreated' || from.requiresGrad || from.source !== null) return null
  const rows = slicedRows(call.attributes, from.shape)
  return rows === null ? null : { data, rows }
}

/** @internal */
export function shapeOf(view: RunView, ref: Ref): readonly number[] {
  const event: TapeEvent = view.event(positionOf(ref))
  if (event.type === 'FunctionCalled') return event.outputs[slotOf(ref)]?.shape ?? []
  return event.type === 'LeafCreated' || event.type === 'GradientComputed' ? event.shape : []
}

/**
 * @internal
 *
 * The batches that calls of a step read up to a position, in the order of their first reader. A batch belongs to the step that
 * reads it first; the call that took it may be of the step before.
 */
export function rowsOfStep(view: RunView, step: number, until = Number.POSITIVE_INFINITY): StepRows[] {
  const { calls } = view.step(step)
  const found = new Map<number, StepRows>()
  for (const call of calls) {
    if (call.position > until) break
    for (const ref of call.inputs) {
      const position = positionOf(ref)
      const maker = found.has(position) ? null : view.event(position)
      if (maker?.type !== 'FunctionCalled' || (maker.step !== step && maker.step !== step - 1)) continue
      const rows = takenRows(view, maker)
      if (rows === null || (maker.step < step && wasRead(view, ref, position, step))) continue
      found.set(position, {
        step,
        position,
        indices: rows.indices,
        data: rows.data,
        name: view.nameOf(rows.data),
        scope: maker.scope,
        rows: rows.rows,
      })
    }
  }
  return [...found.values()]
}

/** Whether a call before `step` read what was made at `position`. */
function wasRead(view: RunView, ref: Ref, position: number, step: number): boolean {
  const { from } = view.recording.lookup.stepRange(step, view.lastPosition)
  return view.recording.lookup.firstReader(ref, position, from - 1) !== null
}
