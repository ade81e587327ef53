/**
 * The courses of a run: of each metric, of the gradients of each leaf, of the time that steps began, and of how far updates went. Each of
 * these four is read when it is asked for, once, and extended by what was recorded since.
 */
import { Lookup } from '../store/read/lookup.js'
import { NumberRows } from '../store/read/number-rows.js'
import { Course } from './course.js'
import type { Views } from './views.js'

/** What the gradient of one leaf was after each pass; the three courses have the same places. */
export interface GradientCourses {
  /** The variable's number in the tape. */
  readonly variable: number
  readonly name: string
  readonly position: number
  readonly role: string
  /** Elements of the variable. */
  readonly size: number
  /** Euclidean norms; NaN where an element is not finite. */
  readonly norm: Course
  /** How many elements are 0. */
  readonly zeros: Course
  /** How many elements are NaN or infinite. */
  readonly nonFinite: Course
}

/**
 * Told after each page of rows: the position of the last of them, and the last that is read. What it throws ends the reading; what was
 * read until then stands.
 */
export type OnRead = (position: number, until: number) => void

const toldNobody: OnRead = () => {}

/** How far the tables were read: positions of the last rows. */
export interface ReadUntil {
  metrics: number
  gradients: number
  updates: number
}

/** Courses as a side file has them; see course-file.ts. */
export interface StoredCourses {
  readUntil: ReadUntil
  courses: Map<string, Course>
}

const METRIC = 'metric '
const GRADIENT = 'gradient '
const UPDATE = 'update '
const PARTS = ['norm', 'zeros', 'nonFinite'] as const
const KINDS = ['metrics', 'gradients', 'updates'] as const

export class RunCourses {
  readonly runId: number
  /** When each step began, in milliseconds after the run did. */
  elapsed = new Course()
  readonly metrics = new Map<string, Course>()
  /** Where each step began, for who asks no more. */
  private readonly places = new Course()
  private readonly byVariable = new Map<number, GradientCourses>()
  private readonly updates = new Map<number, Course>()
  private readonly readUntil: ReadUntil & { places: number; steps: number } = {
    places: 0,
    steps: 0,
    metrics: 0,
    gradients: 0,
    updates: 0,
  }

  constructor(runId: number) {
    this.runId = runId
  }

  /** The gradients of leaves, in the order in which the run first had one of each. */
  get gradients(): GradientCourses[] {
    return [...this.byVariable.values()]
  }

  /** How many points there are in all. */
  get points(): number {
    let points = this.elapsed.length + this.places.length
    for (const course of this.metrics.values()) points += course.length
    for (const { norm } of this.byVariable.values()) points += 3 * norm.length
    for (const course of this.updates.values()) points += course.length
    return points
  }

  /** Reads all but updates, as far as they were recorded since. Returns how many rows that were. */
  extend(views: Views): number {
    return this.extendSteps(views) + this.extendMetrics(views) + this.extendGradients(views)
  }

  /** Reads when steps began, as far as that was recorded since. */
  extendSteps(views: Views, rows = new NumberRows(views.db, this.runId)): number {
    let count = 0
    for (const page of rows.steps(this.readUntil.steps)) {
      for (let i = 0; i < page.count; i++)
        this.elapsed.add(page.steps[i]!, page.positions[i]!, page.elapsedMs[i]!)
      this.readUntil.steps = page.positions[page.count - 1]!
      count += page.count
    }
    return count
  }

  /** Where the steps so far began. */
  private stepPlaces(views: Views, rows: NumberRows): Course {
    if (this.elapsed.length > 0) {
      this.extendSteps(views, rows)
      return this.elapsed
    }
    for (const page of rows.stepPlaces(this.readUntil.places)) {
      for (let i = 0; i < page.count; i++) this.places.add(page.steps[i]!, page.positions[i]!, 0)
      this.readUntil.places = page.positions[page.count - 1]!
    }
    return this.places
  }

  /** Reads metrics that were recorded since. */
  extendMetrics(views: Views, onRead = toldNobody): number {
    const rows = new NumberRows(views.db, this.runId)
    let count = 0
    for (const page of rows.metrics(this.readUntil.metrics)) {
      for (let i = 0; i < page.count; i++) {
        const name = page.names[i]!
        let course = this.metrics.get(name)
        if (course === undefined) {
          course = new Course()
          this.metrics.set(name, course)
        }
        course.add(page.steps[i]!, page.positions[i]!, page.values[i]!)
      }
      this.readUntil.metrics = page.positions[page.count - 1]!
      count += page.count
      onRead(this.readUntil.metrics, rows.until)
    }
    return count
  }

  /**
   * By how much each assignment changed a parameter, in parts of its norm, by the variable's number. Reads what was recorded since it
   * was asked before.
   */
  updatesBy(views: Views, onRead = toldNobody): ReadonlyMap<number, Course> {
    const rows = new NumberRows(views.db, this.runId)
    if (!rows.hasUpdates(this.readUntil.updates)) return this.updates
    const { steps, positions: began, length: stepCount } = this.stepPlaces(views, rows)
    let at = lastPlace(began, stepCount, this.readUntil.updates)
    for (const page of rows.updates(this.readUntil.updates)) {
      for (let i = 0; i < page.count; i++) {
        const [variable, position] = [page.variables[i]!, page.positions[i]!]
        let course = this.updates.get(variable)
        if (course === undefined) {
          course = new Course()
          this.updates.set(variable, course)
        }
        while (at + 1 < stepCount && began[at + 1]! <= position) at++
        course.add(at < 0 ? 0 : steps[at]!, position, page.ratios[i]!)
      }
      this.readUntil.updates = page.positions[page.count - 1]!
      onRead(this.readUntil.updates, rows.until)
    }
    return this.updates
  }

  /** What takes long to read, for a side file: metrics, gradients and updates. */
  stored(): StoredCourses {
    const courses = new Map<string, Course>()
    for (const [name, course] of this.metrics) courses.set(METRIC + name, course)
    for (const [variable, gradient] of this.byVariable)
      for (const part of PARTS)
        courses.set(
          GRADIENT +
            JSON.stringify([variable, part, gradient.name, gradient.position, gradient.role, gradient.size]),
          gradient[part],
        )
    for (const [variable, course] of this.updates) courses.set(`${UPDATE}${variable}`, course)
    const { metrics, gradients, updates } = this.readUntil
    return { readUntil: { metrics, gradients, updates }, courses }
  }

  /** Reads gradients that were recorded since. */
  extendGradients(views: Views, onRead = toldNobody): number {
    const rows = new NumberRows(views.db, this.runId)
    if (!rows.hasGradients(this.readUntil.gradients)) return 0
    const places = this.stepPlaces(views, rows)
    const begun = new Set<number>()
    try {
      return this.addGradients(rows, places, begun, onRead)
    } finally {
      if (begun.size > 0) this.nameGradients(views, rows, begun)
    }
  }

  /** begun  gets the variables that had no gradient before */
  private addGradients(
    rows: NumberRows,
    { steps, positions: began, length: stepCount }: Course,
    begun: Set<number>,
    onRead: OnRead,
  ): number {
    let count = 0
    let at = lastPlace(began, stepCount, this.readUntil.gradients)
    for (const page of rows.leafGradients(this.readUntil.gradients)) {
      const { zeroCounts, nonFiniteCounts } = page
      for (let i = 0; i < page.count; i++) {
        const [variable, position] = [page.variables[i]!, page.positions[i]!]
        if (variable === 0) continue
        let gradient = this.byVariable.get(variable)
        if (gradient === undefined) {
          gradient = courses(variable, '', 0, '', 0)
          this.byVariable.set(variable, gradient)
          begun.add(variable)
        }
        while (at + 1 < stepCount && began[at + 1]! <= position) at++
        const step = at < 0 ? 0 : steps[at]!
        gradient.norm.add(step, position, page.l2Norms[i]!)
        gradient.zeros.add(step, position, zeroCounts[i]!)
        gradient.nonFinite.add(step, position, nonFiniteCounts[i]!)
        count++
      }
      this.readUntil.gradients = page.positions[page.count - 1]!
      onRead(this.readUntil.gradients, rows.until)
    }
    return count
  }

  /** What each new leaf is called and how large it is. */
  private nameGradients(views: Views, rows: NumberRows, begun: ReadonlySet<number>): void {
    const lookup = new Lookup(views.db, this.runId)
    for (const { variable, position, name, role, size } of rows.gradientVariables()) {
      const known = begun.has(variable) ? this.byVariable.get(variable) : undefined
      if (known === undefined) continue
      const called = lookup.nameOf(position) ?? name ?? `#${position}`
      this.byVariable.set(variable, { ...known, name: called, position, role, size })
    }
  }

  /** Takes what a side file has of each kind of which nothing was read yet. */
  restore({ readUntil, courses: stored }: StoredCourses): void {
    const taken = KINDS.filter((kind) => this.readUntil[kind] === 0)
    for (const kind of taken) this.readUntil[kind] = readUntil[kind]
    for (const [key, course] of stored) {
      const kind = kindOf(key)
      if (!taken.includes(kind)) continue
      if (kind === 'metrics') this.metrics.set(key.slice(METRIC.length), course)
      else if (kind === 'updates') this.updates.set(Number(key.slice(UPDATE.length)), course)
      else {
        const [variable, part, ...about] = JSON.parse(key.slice(GRADIENT.length)) as [
          number,
          (typeof PARTS)[number],
          string,
          number,
          string,
          number,
        ]
        const known = this.byVariable.get(variable) ?? courses(variable, ...about)
        this.byVariable.set(variable, { ...known, [part]: course })
      }
    }
  }
}

/** What a course of a side file is of, which the beginning of its key says. */
function kindOf(key: string): keyof ReadUntil {
  if (key.startsWith(METRIC)) return 'metrics'
  return key.startsWith(UPDATE) ? 'updates' : 'gradients'
}

/** The place of the last step that began at or before a position; -1 for none. */
function lastPlace(began: Uint32Array, length: number, position: number): number {
  let [low, high] = [0, length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (began[middle]! <= position) low = middle + 1
    else high = middle
  }
  return low - 1
}

function courses(
  variable: number,
  name: string,
  position: number,
  role: string,
  size: number,
): GradientCourses {
  const norm = new Course()
  return { variable, name, position, role, size, norm, zeros: new Course(norm), nonFinite: new Course(norm) }
}
