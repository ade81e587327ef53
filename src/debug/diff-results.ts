/** The results of two runs: metrics and gradients as they stand on the tapes, and the outputs of one step computed again. */
import { TapeError } from '../errors.js'
import {
  type FunctionCalled,
  positionOf,
  type RecordedArray,
  type RunStarted,
  refOf,
} from '../events/event.js'
import { recompute } from '../past/hindsight.js'
import { eventId } from '../store/format/ids.js'
import { fromScalar } from '../store/format/value.js'
import type { Pair } from './alignment.js'
import { distanceOf } from './array-distance.js'
import type { Both, Growth, RunDiff, RunDifference, ValueDifference } from './run-diff.js'
import type { StepComparison } from './step-comparison.js'
import type { Side } from './step-lines.js'

interface Metric {
  readonly id: number
  readonly step: number
  readonly name: string
  readonly value: number
}

/** The first result that differs on the tapes, and how it is told. */
interface Result {
  /** When nothing that was given differs: the result itself is the difference. */
  difference(started: Both<RunStarted>): RunDifference
  evidence(first: RunDifference): string[]
}

/** Null when all results that both tapes have are equal within the tolerance. */
export function firstResult(sides: Both<Side>, pairs: readonly Pair[], tolerance: number): Result | null {
  const gradient = firstGradient(sides, tolerance)
  const metric = firstMetric(sides, pairs, tolerance)
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

interface Recorded {
  readonly step: number
  readonly what: string
  readonly variable: string | null
  readonly values: Both<number | string>
  readonly positions: Both<number>
}

function firstMetric(sides: Both<Side>, pairs: readonly Pair[], tolerance: number): Recorded | null {
  const [a, b] = sides.map(metricsOf) as [Map<number, Metric[]>, Map<number, Metric[]>]
  for (const [i, j] of pairs) {
    const others = new Map(b.get(j)?.map((metric) => [metric.name, metric]))
    for (const metric of a.get(i) ?? []) {
      const other = others.get(metric.name)
      if (other === undefined || isClose(metric.value, other.value, tolerance)) continue
      return {
        step: metric.step,
        what: metric.name,
        variable: metric.name,
        values: [metric.value, other.value],
        positions: [metric.id, other.id],
      }
    }
  }
  return null
}

/** By step and name the last of a step. */
function metricsOf({ recording: { reader, id } }: Side): Map<number, Metric[]> {
  const rows = reader.db
    .prepare(
      'SELECT (m.id & 4294967295) AS id, m.step AS step, t.content AS name, m.scalar AS scalar FROM _metric m JOIN _text t ON t.id = m.name_id WHERE m.id >> 32 = ? ORDER BY m.id',
    )
    .all(id) as { id: number; step: number; name: string; scalar: number | string }[]
  const metrics = new Map<number, Metric[]>()
  for (const { id, step, name, scalar } of rows) {
    const list = metrics.get(step)
    const metric = { id, step, name, value: fromScalar(scalar) }
    if (list === undefined) metrics.set(step, [metric])
    else list.push(metric)
  }
  return metrics
}

/** Gradients in order, as long as both runs have computed them of variables of one name. */
function firstGradient(sides: Both<Side>, tolerance: number): Recorded | null {
  const [a, b] = [gradientsOf(sides[0]), gradientsOf(sides[1])]
  for (;;) {
    const [x, y] = [a.next(), b.next()]
    if (x.done === true || y.done === true) return null
    const [p, q] = [x.value, y.value]
    if (
      p.norm === null ||
      q.norm === null ||
      (isClose(p.norm, q.norm, tolerance) &&
        (p.hash === null || q.hash === null || tolerance > 0 || p.hash === q.hash))
    )
      continue
    const { recording } = sides[0]
    const name = nameOf(sides[0], p.id)
    if (name !== nameOf(sides[1], q.id)) return null
    return {
      step: recording.reader.event(recording.id, p.id).step,
      what: `the gradient of ${name}`,
      variable: name,
      values: [`norm ${p.norm}`, `norm ${q.norm}`],
      positions: [p.id, q.id],
    }
  }
}

interface GradientRow {
  readonly id: number
  readonly norm: number | null
  readonly hash: string | null
}

const PAGE = 4096

function* gradientsOf({ recording: { reader, id } }: Side): Generator<GradientRow> {
  const rows = reader.db.prepare(
    `SELECT (g.id & 4294967295) AS id,
       coalesce(abs(g.scalar), g.l2_norm, v.l2_norm) AS norm, hex(v.hash) AS hash
     FROM _gradient g LEFT JOIN _value v ON v.id = g.value_id WHERE g.id > ?2 AND g.id < ((?1 + 1) << 32) ORDER BY g.id LIMIT ${PAGE}`,
  )
  let after = eventId(id, 0)
  for (;;) {
    const page = rows.all({ 1: id, 2: after }) as {
      id: number
      norm: number | null
      hash: string | null
    }[]
    for (const row of page) yield { ...row, hash: row.hash === '' ? null : row.hash }
    if (page.length < PAGE) return
    after = eventId(id, page.at(-1)!.id)
  }
}

function nameOf({ recording }: Side, position: number): string {
  const event = recording.reader.event(recording.id, position)
  if (event.type !== 'GradientComputed') return event.type
  return recording.lookup.nameOf(event.variable) ?? `#${positionOf(event.variable)}`
}

function isClose(x: number, y: number, tolerance: number): boolean {
  if (Object.is(x, y) || x === y) return true
  return tolerance > 0 && Math.abs(x - y) <= tolerance * Math.max(Math.abs(x), Math.abs(y))
}

/** The course of each metric's difference: where it begins, and a few later steps. */
export function growthOf(sides: Both<Side>, pairs: readonly Pair[]): Growth[] {
  const [a, b] = sides.map(metricsOf) as [Map<number, Metric[]>, Map<number, Metric[]>]
  const points = new Map<string, { step: number; values: Both<number> }[]>()
  for (const [i, j] of pairs) {
    const others = new Map(b.get(j)?.map((metric) => [metric.name, metric]))
    for (const { name, value, step } of a.get(i) ?? []) {
      const other = others.get(name)
      if (other === undefined || Object.is(value, other.value)) continue
      const list = points.get(name)
      const point = { step, values: [value, other.value] as const }
      if (list === undefined) points.set(name, [point])
      else list.push(point)
    }
  }
  return [...points].map(([metric, all]) => ({ metric, points: thinned(all) }))
}

/** The first, the last, and between them where the distance from the first doubles. */
function thinned<T>(all: readonly T[]): T[] {
  const kept: T[] = []
  for (let i = 0; i < all.length - 1; i = i === 0 ? Math.max(1, Math.floor(all.length / 8)) : i * 2)
    kept.push(all[i]!)
  if (all.length > 0) kept.push(all.at(-1)!)
  return kept
}

/** The first call of a pair of steps, computed again, that makes something else though it stands for the other. */
export function valuesOfStep(
  sides: Both<Side>,
  [i, j]: Pair,
  comparison: StepComparison,
  tolerance: number,
  skip: (what: string, why: string) => void,
): RunDiff['values'] {
  let outputs: Both<ReadonlyMap<number, RecordedArray>>
  try {
    outputs = [outputsOf(sides[0], i), outputsOf(sides[1], j)]
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

function outputsOf({ recording }: Side, step: number): Map<number, RecordedArray> {
  const outputs = new Map<number, RecordedArray>()
  recompute(recording, step, step, (event) => {
    if (event.type !== 'FunctionCalled' || event.step !== step) return
    for (const [slot, { value }] of event.outputs.entries())
      if (value !== null) outputs.set(refOf(event.position, slot), value)
  })
  return outputs
}
