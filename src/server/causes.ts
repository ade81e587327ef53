/** Why a run went wrong, and where two runs part. */
import { diffRuns } from '../debug/diff-runs.js'
import { TapeError } from '../errors.js'
import type { Course } from '../queries/course.js'
import type { PastRun } from '../tape/past-run.js'
import type { DiffAnswer, RunRow, WhyAnswer } from './api.js'
import type { Asked } from './asked.js'
import type { Desk } from './desk.js'
import { runsOf } from './runs.js'
import type { Tell } from './tell.js'

export function whyAnswer(desk: Desk, asked: Asked, tell: Tell): WhyAnswer {
  const key = asked.text('run')
  const { tape, id } = desk.run(key)
  const { past } = tape.run(id)
  const { findings, looked, skipped } = told(tell, [past], () => past.why())
  return {
    run: key,
    findings: findings.map(({ kind, level, step, position, variable, text, evidence, site }) => ({
      ...{ kind, level, step, position, variable, text },
      evidence: [...evidence],
      site: site === null ? null : `${site.file}:${site.line}:${site.column}`,
    })),
    looked,
    skipped: skipped.map(({ what, why }) => `${what}: ${why}`),
  }
}

/** Does it while whatever is computed again is told. */
function told<T>(tell: Tell, pasts: readonly PastRun[], work: () => T): T {
  let events = 0
  for (const past of pasts)
    past.onRecompute = (_position, at) => tell(`computing step ${at} again`, ++events, null)
  try {
    return work()
  } finally {
    for (const past of pasts) past.onRecompute = null
  }
}

export function diffAnswer(desk: Desk, asked: Asked, tell: Tell): DiffAnswer {
  const [a, b] = [asked.text('a'), asked.text('b')]
  const sides = [a, b].map((key) => {
    const { tape, id } = desk.run(key)
    const row = runsOf(tape).find((run) => run.id === id)
    if (row === undefined) throw new TapeError('RUN_NOT_FOUND', `${tape.path} has no run ${id}`)
    return { row, courses: tape.coursesOf(id), past: tape.run(id).past }
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
    ...computed(left.past, right.past, tell),
  }
}

/** What differs in what the two runs computed. */
function computed(a: PastRun, b: PastRun, tell: Tell) {
  const { equal, text, first, differences, same, looked, skipped } = told(tell, [a, b], () => diffRuns(a, b))
  return {
    ...{ equal, text, looked },
    evidence: [...(first?.evidence ?? [])],
    step: first?.step ?? null,
    positions: bothOf(first?.positions ?? [null, null]),
    further: differences
      .filter((difference) => difference !== first)
      .map(({ text, step, positions }) => ({ text, step, positions: bothOf(positions) })),
    same: [...same],
    skipped: skipped.map(({ what, why }) => `${what}: ${why}`),
  }
}

function bothOf([a, b]: readonly [number | null, number | null]): [number | null, number | null] {
  return [a, b]
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
