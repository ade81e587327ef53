/** The results of two runs: metrics and gradients as they stand on the tapes, and the outputs of one step computed again. */
import { TapeError } from '../errors.js'
import {
  type FunctionCalled,
  positionOf,
  type RecordedArray,
  type Ref,
  type RunStarted,
  refOf,
  type TapeEvent,
} from '../events/event.js'
import { recompute } from '../past/hindsight.js'
import { type Recording, replayStep } from '../replay/replay-run.js'
import type { Statement } from '../store/format/connection.js'
import { eventId } from '../store/format/ids.js'
import { fromScalar } from '../store/format/value.js'
import type { Pair } from './alignment.js'
import { distanceOf } from './array-distance.js'
import type { EqualBeginning } from './equal-beginning.js'
import { isClose, type Logged } from './logged-apart.js'
import type { Both, RunDiff, RunDifference, ValueDifference } from './run-diff.js'
import type { StepComparison } from './step-comparison.js'
import type { Side } from './step-lines.js'

/** The first result that differs on the tapes, and how it is told. */
interface Result {
  /** When nothing that was given differs: the result itself is the difference. */
  difference(started: Both<RunStarted>): RunDifference
  evidence(first: RunDifference): string[]
}

/** Null when all results that both tapes have are equal within the tolerance. */
export function firstResult(logged: Logged | null, gradient: Recorded | null): Result | null {
  const metric: Recorded | null =
    logged === null
      ? null
      : {
          step: logged.step,
          what: logged.name,
          variable: logged.name,
          values: logged.values,
          positions: logged.positions,
        }
  if (metric === null && gradient === null) return null
  const isGradient =
    gradient !== null && (metric === null || gradient.step < metric.step || gradient.step === metric.step)
  const recorded = isGradient ? gradient : metric!
  const words =
    metric === null ? `${recorded.what} of step ${recorded.step}` : `${metric.what} of step ${metric.step}`
  const apart = metric === null ? recorded.values : metric.values
  return {
    difference: (started) => ({
      kind: 'value',
      step: recorded.step,
      positions: recorded.positions,
      function: null,
      scope: null,
      variable: recorded.variable,
      rows: null,
      furtherSteps: 0,
      text: `step ${recorded.step}: ${recorded.what} differs (${recorded.values[0]} | ${recorded.values[1]}), though all that was given is equal`,
      evidence: [
        started[0].kernel === started[1].kernel
          ? 'the kernels are the same, so a function that was called gave other results, or is another: replay each run to see which'
          : `the kernels differ (${started[0].kernel} | ${started[1].kernel}) and may round differently`,
      ],
    }),
    evidence: () => [`first seen in a result: ${words}, ${apart[0]} | ${apart[1]}`],
  }
}

/** A result that differs. */
export interface Recorded {
  readonly step: number
  readonly what: string
  readonly variable: string | null
  readonly values: Both<number | string>
  readonly positions: Both<number>
}

/** Gradients in order, as long as both runs have computed them of variables of one name. */
export function firstGradient(
  sides: Both<Side>,
  beginning: EqualBeginning | null,
  tolerance: number,
): Recorded | null {
  if (beginning !== null && beginning.gradients === null) return null
  const [a, b] = sides.map(({ recording }) => new GradientColumn(recording, beginning?.gradients ?? 1)) as [
    GradientColumn,
    GradientColumn,
  ]
  for (;;) {
    const [page, other] = [a.next(), b.next()]
    const count = Math.min(page.length, other.length)
    for (let i = 0; i < count; i++) {
      const [x, y] = [page[i]!, other[i]!]
      if (Object.is(x, y) && x !== null) continue
      const [p, q] = [a.row(i), b.row(i)]
      if (!isApart(p, q, tolerance)) continue
      const { recording } = sides[0]
      const name = nameOf(sides[0], p.id)
      if (name !== nameOf(sides[1], q.id)) return null
      return {
        step: recording.reader.event(recording.id, p.id).step,
        what: `the gradient of ${name}`,
        variable: name,
        values: [sizeOf(p), sizeOf(q)],
        positions: [p.id, q.id],
      }
    }
    if (count < PAGE) return null
  }
}

interface GradientRow {
  readonly id: number
  readonly isKept: 0 | 1
  /** Of one element: the number. */
  readonly scalar: number | string | null
  /** Null where an element is not finite. */
  readonly norm: number | null
  readonly hash: string | null
}

/** Where the tapes do not tell, because the one keeps less than the other, two gradients are not apart. */
function isApart(p: GradientRow, q: GradientRow, tolerance: number): boolean {
  if (p.isKept === 0 || q.isKept === 0) return false
  if (p.scalar !== null && q.scalar !== null)
    return !isClose(fromScalar(p.scalar), fromScalar(q.scalar), tolerance)
  if (p.norm === null || q.norm === null) {
    if (p.norm !== q.norm) return true
  } else if (!isClose(p.norm, q.norm, tolerance)) return true
  return tolerance === 0 && p.hash !== null && q.hash !== null && p.hash !== q.hash
}

function sizeOf({ scalar, norm }: GradientRow): string {
  if (scalar !== null) return String(fromScalar(scalar))
  return norm === null ? 'not finite' : `norm ${norm}`
}

const PAGE = 4096

/** The gradients of a run as one column, page by page: a number, or the hash of a value in digits; null where nothing is kept. */
class GradientColumn {
  private readonly recording: Recording
  private readonly page: Statement
  private after: number
  private before: number
  private rows: GradientRow[] | null = null

  constructor(recording: Recording, first: number) {
    this.recording = recording
    const { db } = recording.reader
    this.page = db
      .prepare(
        `SELECT CASE WHEN value_id IS NULL THEN coalesce(scalar, l2_norm) ELSE (SELECT hex(hash) FROM _value v WHERE v.id = value_id) END
         FROM _gradient WHERE id > ? AND id < ? ORDER BY id LIMIT ${PAGE}`,
      )
      .pluck()
    this.after = eventId(recording.id, first - 1)
    this.before = this.after
  }

  next(): readonly (number | string | null)[] {
    const { db } = this.recording.reader
    const end = eventId(this.recording.id + 1, 0)
    const rows = this.page.all(this.after, end) as (number | string | null)[]
    this.before = this.after
    this.rows = null
    if (rows.length === PAGE)
      this.after = db
        .prepare(`SELECT id FROM _gradient WHERE id > ? ORDER BY id LIMIT 1 OFFSET ${PAGE - 1}`)
        .pluck()
        .get(this.before) as number
    return rows
  }

  /** What is known of gradient `index` of the page. Where one differs, many do: they are read together. */
  row(index: number): GradientRow {
    this.rows ??= this.recording.reader.db
      .prepare(
        `SELECT (g.id & 4294967295) AS id, g.kept <> 0 AS isKept, g.scalar AS scalar,
           coalesce(g.l2_norm, v.l2_norm) AS norm, nullif(hex(v.hash), '') AS hash
         FROM _gradient g LEFT JOIN _value v ON v.id = g.value_id WHERE g.id > ? ORDER BY g.id LIMIT ${PAGE}`,
      )
      .all(this.before) as GradientRow[]
    return this.rows[index]!
  }
}

function nameOf({ recording }: Side, position: number): string {
  const event = recording.reader.event(recording.id, position)
  if (event.type !== 'GradientComputed') return event.type
  return recording.lookup.nameOf(event.variable) ?? `#${positionOf(event.variable)}`
}

/** The first call of a pair of steps, computed again, that makes something else though it stands for the other. */
export function valuesOfStep(
  sides: Both<Side>,
  [i, j]: Pair,
  comparison: StepComparison,
  { tolerance, isSameBefore }: { readonly tolerance: number; readonly isSameBefore: boolean },
  skip: (what: string, why: string) => void,
): RunDiff['values'] {
  let outputs: Both<ReadonlyMap<number, RecordedArray>>
  try {
    outputs =
      isSameBefore && i === j ? outputsOfBoth(sides, i) : [outputsOf(sides[0], i), outputsOf(sides[1], j)]
  } catch (error) {
    if (!(error instanceof TapeError)) throw error
    skip(`values of step ${i}, which have to be computed again`, error.message)
    return null
  }
  let equalBefore = 0
  for (const { positions, call } of comparison.alignedCalls()) {
    const difference = outputDifference(outputs, positions, call, tolerance)
    if (difference === undefined) continue
    if (difference === null) equalBefore++
    else return { ...difference, step: i, equalBefore }
  }
  return null
}

function outputDifference(
  outputs: Both<ReadonlyMap<number, RecordedArray>>,
  positions: Both<number>,
  { function: name, scope, outputs: forms }: FunctionCalled,
  tolerance: number,
): Omit<ValueDifference, 'step' | 'equalBefore'> | null | undefined {
  let compared = false
  for (const slot of forms.keys()) {
    const [x, y] = [outputs[0].get(refOf(positions[0], slot)), outputs[1].get(refOf(positions[1], slot))]
    if (x === undefined || y === undefined || x.shape.join() !== y.shape.join()) continue
    compared = true
    const distance = distanceOf(x, y, tolerance)
    if (distance !== null) return { positions, function: name, scope, distance }
  }
  return compared ? null : undefined
}

/** What the calls of a step make, as it is computed again; `held` is told of each value that a variable had when it began. */
function outputsOf(
  { recording }: Side,
  step: number,
  held: Map<Ref, RecordedArray> | null = null,
): Map<number, RecordedArray> {
  const outputs = new Map<number, RecordedArray>()
  const state = held === null ? null : new StateBefore(step, held)
  recompute(
    recording,
    step,
    step,
    (event, expected) => {
      state?.add(event, expected)
      keepOutputs(outputs, event, step)
    },
    // What the steps before make is compared by what this one makes of it: the gradients of the tape hold all of it.
    (event) => event.step >= step,
  )
  return outputs
}

function keepOutputs(outputs: Map<number, RecordedArray>, event: TapeEvent, step: number): void {
  if (event.type !== 'FunctionCalled' || event.step !== step) return
  for (const [slot, { value }] of event.outputs.entries())
    if (value !== null) outputs.set(refOf(event.position, slot), value)
}

/** Of two runs that are the same until a step: what leads there is computed once, and stands for both. */
function outputsOfBoth(sides: Both<Side>, step: number): Both<ReadonlyMap<number, RecordedArray>> {
  const held = new Map<Ref, RecordedArray>()
  const first = outputsOf(sides[0], step, held)
  const second = new Map<number, RecordedArray>()
  const { recording } = sides[1]
  const report = replayStep(recording, step, held, {
    onEvent: (event) => {
      recording.onRecompute?.(event.position, event.step)
      keepOutputs(second, event, step)
    },
  })
  return [first, report?.divergence === null ? second : outputsOf(sides[1], step)]
}

/** The values of variables at the beginning of a step, gathered while what leads there is computed again. */
class StateBefore {
  private readonly step: number
  private readonly held: Map<Ref, RecordedArray>
  /** What calls of the step under way made. */
  private readonly made = new Map<Ref, RecordedArray>()

  constructor(step: number, held: Map<Ref, RecordedArray>) {
    this.step = step
    this.held = held
  }

  add(event: TapeEvent, expected: TapeEvent): void {
    if (event.step >= this.step) return
    if (event.type === 'StepStarted') this.made.clear()
    else if (event.type === 'FunctionCalled' && !event.linked) {
      for (const [slot, { value }] of event.outputs.entries())
        if (value !== null) this.made.set(refOf(event.position, slot), value)
    } else if (event.type === 'ValueAssigned' && expected.type === 'ValueAssigned') {
      const value = event.value ?? (expected.source === null ? undefined : this.made.get(expected.source))
      if (value === undefined) this.held.delete(event.variable)
      else this.held.set(event.variable, value)
    }
  }
}
