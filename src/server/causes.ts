/** Why a run went wrong, and where two runs part. */
import { TapeError } from '../errors.js'
import type { Course } from '../queries/course.js'
import type { DiffAnswer, RunRow, WhyAnswer } from './api.js'
import type { Asked } from './asked.js'
import type { Desk } from './desk.js'
import { runsOf } from './runs.js'
import type { Tell } from './tell.js'

export function whyAnswer(desk: Desk, asked: Asked, _tell: Tell): WhyAnswer {
  const key = asked.text('run')
  const { tape, id } = desk.run(key)
  const findings: WhyAnswer['findings'] = []
  // What the numbers say at once: the first that is not finite, of each metric and each gradient.
  const courses = tape.coursesOf(id)
  const add = (kind: string, variable: string, course: Course, place: number, text: string) =>
    findings.push({
      kind,
      level: 'symptom',
      step: course.steps[place]!,
      position: course.positions[place]!,
      variable,
      text,
      evidence: [],
      site: null,
    })
  for (const [name, course] of courses.metrics) {
    const place = firstPlace(course, (value) => !Number.isFinite(value))
    if (place !== null)
      add(
        'non-finite-metric',
        name,
        course,
        place,
        `Step ${course.steps[place]}: ${name} is ${course.values[place]}.`,
      )
  }
  for (const { name, nonFinite } of courses.gradients) {
    const place = firstPlace(nonFinite, (value) => value > 0)
    if (place !== null)
      add(
        'non-finite-gradient',
        name,
        nonFinite,
        place,
        `Step ${nonFinite.steps[place]}: the gradient of ${name} has ${nonFinite.values[place]} elements that are not finite.`,
      )
  }
  findings.sort((a, b) => (a.position ?? 0) - (b.position ?? 0))
  return {
    run: key,
    findings,
    looked: `${courses.metrics.size} metrics and the gradients of ${courses.gradients.length} variables`,
    skipped: [],
  }
}

export function diffAnswer(desk: Desk, asked: Asked): DiffAnswer {
  const [a, b] = [asked.text('a'), asked.text('b')]
  const sides = [a, b].map((key) => {
    const { tape, id } = desk.run(key)
    const row = runsOf(tape).find((run) => run.id === id)
    if (row === undefined) throw new TapeError('RUN_NOT_FOUND', `${tape.path} has no run ${id}`)
    return { row, courses: tape.coursesOf(id) }
  })
  const [left, right] = sides as [(typeof sides)[number], (typeof sides)[number]]
  const names = new Set([...left.courses.metrics.keys(), ...right.courses.metrics.keys()])
  return {
    a,
    b,
    config: differing(left.row, right.row),
    metrics: [...names].map((name) => {
      const [one, other] = [left.courses.metrics.get(name), right.courses.metrics.get(name)]
      const place = one === undefined || other === undefined ? null : partingPlace(one, other)
      return {
        name,
        firstDifferentStep: place === null ? null : (one?.steps[place] ?? other?.steps[place] ?? null),
        a: place === null ? null : (one?.values[place] ?? null),
        b: place === null ? null : (other?.values[place] ?? null),
        lastA: one === undefined ? null : one.values[one.length - 1]!,
        lastB: other === undefined ? null : other.values[other.length - 1]!,
      }
    }),
    firstDifference: null,
    details: [],
  }
}

const COMPARED = [
  'name',
  'status',
  'steps',
  'events',
  'seed',
  'capture',
  'kernel',
  'engine',
  'node',
  'platform',
  'host',
] as const

function differing(a: RunRow, b: RunRow): DiffAnswer['config'] {
  const rows: DiffAnswer['config'] = []
  const add = (path: string, one: unknown, other: unknown) => {
    if (!Object.is(one, other)) rows.push({ path, a: textOf(one), b: textOf(other) })
  }
  for (const name of COMPARED) add(name, a[name], b[name])
  for (const path of new Set([...Object.keys(a.config), ...Object.keys(b.config)]))
    add(`config.${path}`, own(a.config, path), own(b.config, path))
  return rows
}

function own(config: RunRow['config'], path: string): unknown {
  return Object.hasOwn(config, path) ? config[path] : undefined
}

function textOf(value: unknown): string {
  return value === undefined ? '–' : String(value)
}

/** The first place at which two courses differ; null when they do not. */
function partingPlace(a: Course, b: Course): number | null {
  const shared = Math.min(a.length, b.length)
  for (let i = 0; i < shared; i++)
    if (!Object.is(a.values[i], b.values[i]) || a.steps[i] !== b.steps[i]) return i
  return a.length === b.length ? null : shared
}

function firstPlace(course: Course, holds: (value: number) => boolean): number | null {
  for (let i = 0; i < course.length; i++) if (holds(course.values[i]!)) return i
  return null
}
