/** What a run logged: each metric's course in a few numbers, and the variable that was logged last. */
import { toNumberOrNull, type Views } from './views.js'

export interface MetricCourse {
  name: string
  count: number
  first: number
  last: number
  /** Of the finite values; null when there are none. */
  min: number | null
  max: number | null
  minStep: number | null
  maxStep: number | null
  nonFiniteCount: number
  firstNonFiniteStep: number | null
  /** Means of equal spans of the values, in order; NaN where a span holds a value that is not finite. */
  curve: number[]
}

interface Row {
  name: string
  step: number
  value: number | null
  nonFinite: string | null
}

/** The metrics of a run, in the order in which they were first logged. */
export function metricCourses(views: Views, runId: number, curvePointsMax = 60): MetricCourse[] {
  const courses = new Map<string, { course: MetricCourse; values: number[] }>()
  for (const row of views.each<Row>(
    'SELECT name, step, value, non_finite AS nonFinite FROM metric WHERE run_id = ? ORDER BY position',
    runId,
  )) {
    const value = toNumberOrNull(row.value, row.nonFinite) ?? Number.NaN
    let known = courses.get(row.name)
    if (known === undefined) {
      known = { course: begun(row.name, value), values: [] }
      courses.set(row.name, known)
    }
    known.values.push(value)
    extend(known.course, row.step, value)
  }
  return [...courses.values()].map(({ course, values }) => ({
    ...course,
    curve: meansOfSpans(values, curvePointsMax),
  }))
}

function begun(name: string, first: number): MetricCourse {
  return {
    name,
    count: 0,
    first,
    last: first,
    min: null,
    max: null,
    minStep: null,
    maxStep: null,
    nonFiniteCount: 0,
    firstNonFiniteStep: null,
    curve: [],
  }
}

function extend(course: MetricCourse, step: number, value: number): void {
  course.count++
  course.last = value
  if (!Number.isFinite(value)) {
    course.nonFiniteCount++
    course.firstNonFiniteStep ??= step
    return
  }
  if (course.min === null || value < course.min) [course.min, course.minStep] = [value, step]
  if (course.max === null || value > course.max) [course.max, course.maxStep] = [value, step]
}

/** At most `spans` numbers, each the mean of an equal share of `values`. */
export function meansOfSpans(values: readonly number[], spans: number): number[] {
  const count = Math.min(spans, values.length)
  return Array.from({ length: count }, (_, i) => {
    const from = Math.floor((i * values.length) / count)
    const to = Math.floor(((i + 1) * values.length) / count)
    let sum = 0
    for (let j = from; j < to; j++) sum += values[j]!
    return Number.isFinite(sum) ? sum / (to - from) : Number.NaN
  })
}

interface LoggedVariable {
  name: string
  step: number
  position: number
}

/** The variable logged last, in `step` when given; one called "loss" before all others. Null when none was. */
export function lastLoggedVariable(views: Views, runId: number, step: number | null): LoggedVariable | null {
  return views.first<LoggedVariable>(
    `SELECT name, step, variable_position AS position FROM metric
     WHERE run_id = ? AND variable_position IS NOT NULL AND (? IS NULL OR step = ?)
     ORDER BY name = 'loss' DESC, metric.position DESC LIMIT 1`,
    runId,
    step,
    step,
  )
}
