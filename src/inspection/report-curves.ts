/**
 * Curves and the heat map of a report: a few hundred columns, whatever the number of steps. Each column has the smallest and the
 * largest of its values, so a spike of one step among a million is seen.
 */
import type { Course, Stretch } from '../queries/course.js'
import type { GradientCourses, RunCourses } from '../queries/run-courses.js'

/** A column of a curve. */
export interface CurveColumn extends Stretch {
  /** The first and the last step that it stands for. */
  readonly from: number
  readonly to: number
}

/** A metric over the steps of a run. */
export interface ReportCurve {
  readonly name: string
  /** How many values were logged. */
  readonly count: number
  readonly first: number
  readonly last: number
  /** Of the finite values, with their steps; null when there are none. */
  readonly lowest: { readonly value: number; readonly step: number } | null
  readonly highest: { readonly value: number; readonly step: number } | null
  /** How many are NaN or infinite, and the first step of them. */
  readonly nonFinite: number
  readonly firstNonFiniteStep: number | null
  /** Only those that have values. */
  readonly columns: readonly CurveColumn[]
}

/** The gradients of one variable over the steps of a run. */
export interface ReportFlow {
  readonly name: string
  /** How many gradients it had. */
  readonly count: number
  readonly lowest: number | null
  readonly highest: number | null
  readonly last: number
  /** Gradients with elements that are NaN or infinite. */
  readonly nonFinite: number
  /** For each column of the map the largest norm; NaN where it is not finite, null where there is none. */
  readonly norms: readonly (number | null)[]
}

/** @internal The steps of each column, the first included, the last not. */
export function columnsOf(first: number, last: number, count: number): [from: number, to: number][] {
  const steps = last - first + 1
  const columns = Math.max(1, Math.min(count, steps))
  const at = (i: number) => first + Math.floor((i * steps) / columns)
  return Array.from({ length: columns }, (_, i) => [at(i), at(i + 1)])
}

/** @internal */
export function curveOf(name: string, course: Course, columns: readonly [number, number][]): ReportCurve {
  const all = course.stretch(0, course.length)
  return {
    name,
    count: course.length,
    first: course.values[0] ?? Number.NaN,
    last: course.values[course.length - 1] ?? Number.NaN,
    lowest: all.count === 0 ? null : { value: all.min, step: stepOf(course, (part) => part.min === all.min) },
    highest:
      all.count === 0 ? null : { value: all.max, step: stepOf(course, (part) => part.max === all.max) },
    nonFinite: all.nonFinite,
    firstNonFiniteStep: all.nonFinite === 0 ? null : stepOf(course, (part) => part.nonFinite > 0),
    columns: columns
      .map(([from, to]) => ({
        from,
        to: to - 1,
        ...course.stretch(course.placeOf(from), course.placeOf(to)),
      }))
      .filter(({ count, nonFinite }) => count + nonFinite > 0),
  }
}

/** @internal */
export function flowOf({ name, norm }: GradientCourses, columns: readonly [number, number][]): ReportFlow {
  const all = norm.stretch(0, norm.length)
  return {
    name,
    count: norm.length,
    lowest: all.count === 0 ? null : all.min,
    highest: all.count === 0 ? null : all.max,
    last: norm.values[norm.length - 1] ?? Number.NaN,
    nonFinite: all.nonFinite,
    norms: columns.map(([from, to]) => {
      const part = norm.stretch(norm.placeOf(from), norm.placeOf(to))
      return part.nonFinite > 0 ? Number.NaN : part.count === 0 ? null : part.max
    }),
  }
}

/** @internal The first and the last step that anything was recorded in. */
export function stepRangeOf({ metrics, gradients, elapsed }: RunCourses): { first: number; last: number } {
  let [first, last] = [Number.POSITIVE_INFINITY, 0]
  for (const course of [elapsed, ...metrics.values(), ...gradients.map(({ norm }) => norm)]) {
    if (course.length === 0) continue
    first = Math.min(first, course.steps[0]!)
    last = Math.max(last, course.steps[course.length - 1]!)
  }
  return { first: Number.isFinite(first) ? first : 0, last }
}

/** The step of the first point that has a property which a stretch has when one of its points does; found by halving. */
function stepOf(course: Course, has: (part: Stretch) => boolean): number {
  let [low, high] = [0, course.length]
  while (high - low > 1) {
    const middle = (low + high) >>> 1
    if (has(course.stretch(low, middle))) high = middle
    else low = middle
  }
  return course.steps[low]!
}
