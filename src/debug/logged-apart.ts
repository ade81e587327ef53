/** What two runs logged, step beside step: where a metric is another number first, and how the distance goes on. Read by the page. */
import type { Recording } from '../replay/replay-run.js'
import type { Statement } from '../store/format/connection.js'
import { sqliteError } from '../store/format/database.js'
import { eventId } from '../store/format/ids.js'
import { fromScalar } from '../store/format/value.js'
import type { Stretch } from './alignment.js'
import type { Both, Growth } from './run-diff.js'
import type { Side } from './step-lines.js'

/** A metric that both runs logged in steps that stand for each other. */
export interface Logged {
  readonly name: string
  /** That of the first run. */
  readonly step: number
  readonly positions: Both<number>
  readonly values: Both<number>
}

export interface LoggedApart {
  /** The first that differs by more than the tolerance; null for none. */
  readonly first: Logged | null
  /** How many values of each metric differ, of those that do, in the order in which they do. */
  readonly counts: ReadonlyMap<string, number>
}

/** Compares the metrics of steps that stand for each other. */
export function loggedApart(
  sides: Both<Side>,
  stretches: readonly Stretch[],
  tolerance: number,
): LoggedApart {
  let first: Logged | null = null
  const counts = new Map<string, number>()
  for (const logged of bothLogged(sides, stretches)) {
    const [x, y] = logged.values
    if (Object.is(x, y)) continue
    counts.set(logged.name, (counts.get(logged.name) ?? 0) + 1)
    if (!isClose(x, y, tolerance)) first ??= { ...logged }
  }
  return { first, counts }
}

/** The course of each metric's difference: where it begins, and a few later steps. */
export function growthOf(
  sides: Both<Side>,
  stretches: readonly Stretch[],
  { counts }: LoggedApart,
): Growth[] {
  if (counts.size === 0) return []
  const courses = new Map(
    [...counts].map(([name, count]) => [name, { seen: 0, wanted: thinned(count), points: [] as Point[] }]),
  )
  for (const { name, step, values } of bothLogged(sides, stretches)) {
    if (Object.is(values[0], values[1])) continue
    const course = courses.get(name)!
    if (course.wanted.has(course.seen++)) course.points.push({ step, values })
  }
  return [...courses].map(([metric, { points }]) => ({ metric, points }))
}

type Point = Growth['points'][number]

/** Of so many: the first, the last, and between them where the distance from the first doubles. */
function thinned(count: number): Set<number> {
  const kept = new Set<number>()
  for (let i = 0; i < count - 1; i = i === 0 ? Math.max(1, Math.floor(count / 8)) : i * 2) kept.add(i)
  return kept.add(count - 1)
}

export function isClose(x: number, y: number, tolerance: number): boolean {
  if (Object.is(x, y) || x === y) return true
  return tolerance > 0 && Math.abs(x - y) <= tolerance * Math.max(Math.abs(x), Math.abs(y))
}

/** The same object each time, filled anew. */
function* bothLogged(sides: Both<Side>, stretches: readonly Stretch[]): Generator<Logged> {
  const [first] = stretches
  if (first === undefined) return
  const [a, b] = [
    new StepMetrics(sides[0].recording, Math.max(0, first.a)),
    new StepMetrics(sides[1].recording, Math.max(0, first.b)),
  ]
  // A name may be logged more than once in a step: the second value stands for the second.
  const next = new Map<string, number>()
  const logged = {
    name: '',
    step: 0,
    positions: [0, 0] as [number, number],
    values: [0, 0] as [number, number],
  }
  for (const stretch of stretches) {
    if (stretch.a < 0 || stretch.b < 0) continue
    for (let at = 0; at < stretch.count; at++) {
      if (!a.turnTo(stretch.a + at)) continue
      if (!b.turnTo(stretch.b + at)) continue
      next.clear()
      for (let k = 0; k < a.count; k++) {
        const name = a.name(k)
        let other = next.get(name) ?? 0
        while (other < b.count && b.name(other) !== name) other++
        next.set(name, other + 1)
        if (other >= b.count) continue
        logged.name = name
        logged.step = stretch.a + at
        logged.positions = [a.positions[k]!, b.positions[other]!]
        logged.values = [a.values[k]!, b.values[other]!]
        yield logged
      }
    }
  }
}

/** Rows read at once. */
const PAGE = 4096

/** What each step of a run logged, one step after the other. */
class StepMetrics {
  /** Of the step: how many metrics it logged, and these. */
  count = 0
  readonly positions: number[] = []
  readonly values: number[] = []
  private readonly nameIds: number[] = []
  private readonly recording: Recording
  private readonly rows: Statement
  private readonly scalars: Statement
  private readonly content: Statement
  private readonly names = new Map<number, string>()
  private after: number
  private isLast = false
  private at = 0
  private page: { ids: number[]; steps: number[]; names: number[]; scalars: (number | string)[] } = {
    ids: [],
    steps: [],
    names: [],
    scalars: [],
  }

  constructor(recording: Recording, step: number) {
    const { reader, lookup, id, lastPosition } = recording
    this.recording = recording
    // A page is handed over in lists, which takes a third of what its rows would take.
    this.rows = reader.db
      .prepare(
        `SELECT json_group_array(id), json_group_array(step), json_group_array(name_id)
         FROM (SELECT id, step, name_id FROM _metric WHERE id > ? AND id <= ? ORDER BY id LIMIT ${PAGE})`,
      )
      .raw()
    this.scalars = reader.db
      .prepare(`SELECT scalar FROM _metric WHERE id > ? AND id <= ? ORDER BY id LIMIT ${PAGE}`)
      .pluck()
    this.content = reader.db.prepare('SELECT content FROM _text WHERE id = ?').pluck()
    const from = step > lookup.stepCount() ? lastPosition + 1 : lookup.stepRange(step, lastPosition).from
    this.after = eventId(id, from - 1)
  }

  /** Goes on to a step; false when it logged nothing. */
  turnTo(step: number): boolean {
    this.count = 0
    for (;;) {
      if (this.at === this.page.ids.length && !this.turnPage()) return this.count > 0
      const { ids, steps, names, scalars } = this.page
      const of = steps[this.at]!
      if (of > step) return this.count > 0
      if (of === step) {
        this.positions[this.count] = ids[this.at]! - eventId(this.recording.id, 0)
        this.nameIds[this.count] = names[this.at]!
        this.values[this.count++] = fromScalar(scalars[this.at]!)
      }
      this.at++
    }
  }

  name(index: number): string {
    const id = this.nameIds[index]!
    let name = this.names.get(id)
    if (name === undefined) {
      name = this.content.get(id) as string
      this.names.set(id, name)
    }
    return name
  }

  private turnPage(): boolean {
    if (this.isLast) return false
    const { id, lastPosition } = this.recording
    const end = eventId(id, lastPosition)
    try {
      const scalars = this.scalars.all(this.after, end) as (number | string)[]
      const [ids, steps, names] = (this.rows.get(this.after, end) as string[]).map(
        (text) => JSON.parse(text) as number[],
      ) as [number[], number[], number[]]
      this.page = { ids, steps, names, scalars }
      this.at = 0
      this.isLast = ids.length < PAGE
      this.after = ids.at(-1) ?? this.after
      return ids.length > 0
    } catch (error) {
      throw sqliteError(error, `reading the metrics of run ${id}`)
    }
  }
}
