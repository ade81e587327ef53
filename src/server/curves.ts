/** Answers for charts: runs, their metrics, curves and the heat map of gradients, out of the courses of each run. */
import { noteWords } from '../detectors/finding-note.js'
import { TapeError } from '../errors.js'
import type { Course } from '../queries/course.js'
import type { GradientCourses, OnRead, RunCourses } from '../queries/run-courses.js'
import type {
  CurveLine,
  CurvesAnswer,
  HeatAnswer,
  HeatRow,
  MetricRow,
  MetricsAnswer,
  TimelineAnswer,
  TimelineMark,
} from './api.js'
import type { Asked } from './asked.js'
import type { Desk } from './desk.js'
import type { Tell } from './tell.js'

const SPARK = 40
const PIXELS = { min: 1, max: 8_192 }
/** Lines of one chart, and rows of a heat map. */
const LINES_MAX = 64
const ROWS_MAX = 1_000
const MARKS_MAX = 2_000
/** As many points a pixel are drawn as they are. */
const RAW_PER_PIXEL = 2

export function metricsAnswer(desk: Desk, asked: Asked, tell: Tell): MetricsAnswer {
  const key = asked.text('run')
  const { tape, id } = desk.run(key)
  const metrics = [...tape.coursesOf(id, { onRead: reading('metrics', tell) }).metrics].map(
    ([name, course]) => metricRow(name, course),
  )
  return { run: key, metrics }
}

function metricRow(name: string, course: Course): MetricRow {
  const all = course.stretch(0, course.length)
  const spans = Math.min(SPARK, course.length)
  const at = (i: number) => Math.floor((i * course.length) / spans)
  return {
    name,
    count: course.length,
    last: course.values[course.length - 1] ?? Number.NaN,
    min: orNull(all.min),
    max: orNull(all.max),
    mean: orNull(all.mean),
    nonFinite: all.nonFinite,
    firstNonFiniteStep: all.nonFinite === 0 ? null : firstNonFiniteStep(course),
    spark: Array.from({ length: spans }, (_, i) => orNull(course.stretch(at(i), at(i + 1)).mean)),
  }
}

/** Says how far into the run the rows are that were read. */
function reading(what: string, tell: Tell): OnRead {
  return (position, until) => tell(`reading ${what}`, position, until)
}

/** Found by halving: each look is at a stretch. */
function firstNonFiniteStep(course: Course): number {
  let [low, high] = [0, course.length]
  while (high - low > 1) {
    const middle = (low + high) >>> 1
    if (course.stretch(low, middle).nonFinite > 0) high = middle
    else low = middle
  }
  return course.steps[low]!
}

export function curvesAnswer(desk: Desk, asked: Asked, tell: Tell): CurvesAnswer {
  const axis = asked.oneOf('axis', ['step', 'time'])
  const pixels = asked.whole('px', PIXELS, 1_200)
  const smoothing = asked.numberOrNull('ema')
  if (smoothing !== null && !(smoothing >= 0 && smoothing < 1))
    throw new TapeError('BAD_ARGUMENT', `expected ?ema= to be a number from 0 to below 1, got ${smoothing}`)
  const wanted: { run: string; metric: string; course: Course; x: Axis }[] = []
  for (const run of asked.texts('run')) {
    const { tape, id } = desk.run(run)
    const courses = tape.coursesOf(id, { steps: axis === 'time', onRead: reading('metrics', tell) })
    for (const metric of asked.texts('metric')) {
      const course = courses.metrics.get(metric)
      if (course !== undefined && course.length > 0)
        wanted.push({ run, metric, course, x: axisOf(axis, courses) })
    }
  }
  if (wanted.length > LINES_MAX)
    throw new TapeError('BAD_ARGUMENT', `expected at most ${LINES_MAX} lines, got ${wanted.length}`)
  const first = least(wanted.map(({ course, x }) => x.ofStep(course.steps[0]!)))
  const last = -least(wanted.map(({ course, x }) => -x.ofStep(course.steps[course.length - 1]!)))
  const from = Math.max(asked.numberOrNull('from') ?? first, first)
  const to = Math.max(from, Math.min(asked.numberOrNull('to') ?? last, last))
  return {
    axis,
    from,
    to,
    first,
    last,
    lines: wanted.map((line) => curveLine(line, from, to, pixels, smoothing)),
  }
}

/** How steps lie on an axis. */
interface Axis {
  ofStep(step: number): number
  /** The first step that lies at `x` or after it. */
  stepAt(x: number): number
}

function axisOf(axis: 'step' | 'time', { elapsed }: RunCourses): Axis {
  if (axis === 'step') return { ofStep: (step) => step, stepAt: (x) => Math.ceil(x) }
  return {
    ofStep(step) {
      const at = Math.min(elapsed.placeOf(step), elapsed.length - 1)
      return at < 0 || step < (elapsed.steps[0] ?? 0) ? 0 : elapsed.values[at]!
    },
    stepAt(x) {
      let [low, high] = [0, elapsed.length]
      while (low < high) {
        const middle = (low + high) >>> 1
        if (elapsed.values[middle]! < x) low = middle + 1
        else high = middle
      }
      if (low < elapsed.length) return x <= 0 ? 0 : elapsed.steps[low]!
      return (elapsed.steps[elapsed.length - 1] ?? 0) + 1
    },
  }
}

function curveLine(
  { run, metric, course, x }: { run: string; metric: string; course: Course; x: Axis },
  from: number,
  to: number,
  pixels: number,
  smoothing: number | null,
): CurveLine {
  const begin = course.placeOf(x.stepAt(from))
  const end = Math.max(begin, course.placeOf(x.stepAt(to) + (x.ofStep(x.stepAt(to)) <= to ? 1 : 0)))
  const isRaw = end - begin <= RAW_PER_PIXEL * pixels
  const line: CurveLine = {
    run,
    metric,
    isRaw,
    x: [],
    step: [],
    min: [],
    mean: [],
    max: [],
    smooth: smoothing === null ? null : [],
    nonFinite: [],
    points: end - begin,
  }
  const ema = smoothing === null ? null : new Smoothing(course, smoothing)
  const place = (at: number, until: number) => {
    const { min, max, mean, nonFinite } = course.stretch(at, until)
    const step = course.steps[at]!
    line.x.push(isRaw ? x.ofStep(step) : (x.ofStep(step) + x.ofStep(course.steps[until - 1]!)) / 2)
    line.step.push(step)
    line.min.push(orNull(min))
    line.mean.push(orNull(mean))
    line.max.push(orNull(max))
    line.nonFinite.push(nonFinite)
    line.smooth?.push(orNull(ema?.upTo(until) ?? Number.NaN))
  }
  if (isRaw) {
    // The point before and the one after, so that the line reaches the edges of the chart.
    for (let at = Math.max(0, begin - 1); at < Math.min(end + 1, course.length); at++) place(at, at + 1)
    return line
  }
  // Columns of one width: the same column has the same points whatever moves.
  const width = (to - from) / pixels
  for (let column = 0, at = begin; column < pixels && at < end; column++) {
    const until =
      column === pixels - 1 ? end : Math.min(end, course.placeOf(x.stepAt(from + (column + 1) * width)))
    if (until > at) place(at, until)
    at = Math.max(at, until)
  }
  return line
}

/** An exponential mean over all points from the first, corrected for its start; what is not finite does not count. */
class Smoothing {
  private readonly course: Course
  private readonly weight: number
  private at = 0
  private sum = 0
  private weights = 0

  constructor(course: Course, weight: number) {
    this.course = course
    this.weight = weight
    // What lies more than a thousand half-lives back has no bit left in it.
    this.from = Math.ceil(50 / Math.max(1 - weight, 1e-6))
  }

  private readonly from: number

  upTo(end: number): number {
    if (end - this.at > this.from) {
      this.at = end - this.from
      this.sum = this.weights = 0
    }
    for (; this.at < end; this.at++) {
      const value = this.course.values[this.at]!
      if (!Number.isFinite(value)) continue
      this.sum = this.weight * this.sum + (1 - this.weight) * value
      this.weights = this.weight * this.weights + (1 - this.weight)
    }
    return this.weights === 0 ? Number.NaN : this.sum / this.weights
  }
}

export function gradientsAnswer(desk: Desk, asked: Asked, tell: Tell): HeatAnswer {
  const key = asked.text('run')
  const { tape, id } = desk.run(key)
  const measure = asked.oneOf('measure', ['norm', 'update', 'zeros', 'non-finite'])
  const pixels = asked.whole('px', PIXELS, 1_200)
  const all = tape.gradientsOf(id, reading('gradients', tell))
  // Leaves of one step are not trained; they are shown only when nothing else is.
  const lasting = all.filter(({ role, norm }) => role === 'parameter' || norm.length > 1)
  const shown = (lasting.length > 0 ? lasting : all).slice(0, ROWS_MAX)
  const firstStep = least(shown.map(({ norm }) => norm.steps[0] ?? 0))
  const lastStep = -least(shown.map(({ norm }) => -(norm.steps[norm.length - 1] ?? 0)))
  const bound = { min: 0, max: Number.MAX_SAFE_INTEGER }
  const fromStep = Math.min(Math.max(asked.whole('from', bound, firstStep), firstStep), lastStep)
  const toStep = Math.min(Math.max(asked.whole('to', bound, lastStep), fromStep), lastStep)
  const columns = shown.length === 0 ? 0 : Math.min(pixels, toStep - fromStep + 1)
  const stepOf = (column: number) => fromStep + Math.floor((column * (toStep - fromStep + 1)) / columns)
  const updates = measure === 'update' ? tape.updatesOf(id, reading('updates', tell)) : null
  const label = labels(shown)
  const rows = shown.map((gradients): HeatRow => {
    const { position, role, size, norm, zeros, nonFinite, variable } = gradients
    const update = updates?.get(variable)
    const row: HeatRow = { name: label(gradients), position, role, size, values: [], nonFinite: [] }
    for (let column = 0, at = norm.placeOf(fromStep); column < columns; column++) {
      const until = norm.placeOf(stepOf(column + 1))
      const changed = update?.stretch(update.placeOf(stepOf(column)), update.placeOf(stepOf(column + 1)))
      const bad = nonFinite.stretch(at, until)
      row.nonFinite.push(bad.count === 0 ? 0 : Math.round(bad.mean * bad.count))
      row.values.push(
        updates !== null
          ? orNull(changed === undefined || changed.count === 0 ? Number.NaN : changed.max)
          : at === until
            ? null
            : measure === 'norm'
              ? orNull(norm.stretch(at, until).max)
              : measure === 'zeros'
                ? zeros.stretch(at, until).max / Math.max(1, size)
                : bad.max,
      )
      at = until
    }
    return row
  })
  return {
    run: key,
    measure,
    fromStep,
    toStep,
    firstStep,
    lastStep,
    columns,
    rows,
    gradients: shown.reduce((sum, { norm }) => sum + norm.length, 0),
  }
}

/** What tells leaves apart: their names, and behind a name that several have, the position. */
function labels(leaves: readonly GradientCourses[]): (leaf: GradientCourses) => string {
  const counts = new Map<string, number>()
  for (const { name } of leaves) counts.set(name, (counts.get(name) ?? 0) + 1)
  return ({ name, position }) => (counts.get(name) === 1 ? name : `${name} #${position}`)
}

export function timelineAnswer(desk: Desk, asked: Asked): TimelineAnswer {
  const key = asked.text('run')
  const { tape, id } = desk.run(key)
  const { views } = tape
  const { info, past } = tape.run(id)
  const marks: TimelineMark[] = []
  for (const { step } of views.each<{ step: number }>(
    'SELECT step FROM checkpoint WHERE run_id = ? ORDER BY position LIMIT ?',
    id,
    MARKS_MAX,
  ))
    marks.push({ step, kind: 'checkpoint', text: `checkpoint at step ${step}` })
  for (const { step, text } of views.each<{ step: number; text: string }>(
    'SELECT step, text FROM note WHERE run_id = ? ORDER BY position LIMIT ?',
    id,
    MARKS_MAX,
  ))
    marks.push({ step, kind: 'note', text: noteWords(text) })
  const bad = views.first<{ step: number | null }>(
    'SELECT first_non_finite_step AS step FROM run WHERE id = ?',
    id,
  )?.step
  if (bad != null)
    marks.push({ step: bad, kind: 'non-finite', text: `first gradient that is not finite, step ${bad}` })
  if (info.status === 'failed')
    marks.push({ step: past.stepCount, kind: 'failed', text: info.error ?? 'failed' })
  return { run: key, lastStep: past.stepCount, marks }
}

function least(numbers: readonly number[]): number {
  return numbers.length === 0 ? 0 : numbers.reduce((low, number) => Math.min(low, number))
}

function orNull(value: number): number | null {
  return Number.isFinite(value) ? value : null
}
