/** What a job comes to, from a tape that was pulled to a file. It blocks, so it runs on a thread of its own; it knows no store. */
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { diffRuns } from '../debug/diff-runs.js'
import { exportViews } from '../inspection/export-views.js'
import { runNamed } from '../inspection/inspected-run.js'
import { Views } from '../queries/views.js'
import { openTape } from '../tape/open-tape.js'
import type { PastRun } from '../tape/past-run.js'
import type { Tape } from '../tape/tape.js'
import { type ColumnRows, columnsOf, runRows } from './columns.js'
import type { JobRequest, JobResult } from './kinds.js'

/** A finding, as the store keeps it. */
export interface StoredFinding {
  readonly ordinal: number
  readonly kind: string
  readonly level: string
  readonly step: number | null
  readonly position: number | null
  readonly function: string | null
  readonly scope: string | null
  readonly variable: string | null
  readonly text: string
  readonly evidence: readonly string[]
}

/** What the thread hands on while it works. */
export type JobOutput =
  | { readonly kind: 'progress'; readonly done: number; readonly total: number }
  | { readonly kind: 'columns'; readonly run: number; readonly columns: ColumnRows }
  | { readonly kind: 'run'; readonly run: number; readonly row: Readonly<Record<string, unknown>> }
  | { readonly kind: 'findings'; readonly run: number; readonly findings: readonly StoredFinding[] }
  /** Parts of a replay that others may do. */
  | {
      readonly kind: 'split'
      readonly run: number
      readonly ranges: readonly (readonly [from: number, to: number])[]
    }

/** A replay is divided at checkpoints into parts of about this many events. */
const PART_EVENTS = 200_000
const PARQUET_VIEWS = ['run', 'metric', 'gradient', 'step', 'note', 'checkpoint']

/**
 * Does a job.
 *
 * tape, other   files: of its tape, and of the one that diff compares with
 * Throws        RUN_NOT_FOUND, and what the question throws that is asked
 */
export function perform(
  request: JobRequest,
  files: { readonly tape: string; readonly other: string | null },
  hand: (output: JobOutput) => void,
): JobResult {
  const tape = openTape(files.tape, { readonly: true })
  try {
    switch (request.kind) {
      case 'verify':
        return verify(tape, hand)
      case 'replay':
        return replay(runNamed(tape, request.run ?? undefined), request, hand)
      case 'why':
        return why(runNamed(tape, request.run ?? undefined), hand)
      case 'columns':
        return columns(files.tape, hand)
      case 'seal':
        return parquet(files.tape, request)
      case 'diff': {
        const other = files.other === files.tape ? tape : openTape(files.other!, { readonly: true })
        try {
          return diff(
            runNamed(tape, request.run ?? undefined),
            runNamed(other, request.other!.run ?? undefined),
            request,
          )
        } finally {
          other.close()
        }
      }
    }
  } finally {
    tape.close()
  }
}

function result(given: Partial<JobResult> & Pick<JobResult, 'verdict'>): JobResult {
  const none = { isBad: false, run: null, kernel: null, fromStep: null, toStep: null, firstDivergence: null }
  return { ...none, details: {}, ...given }
}

function verify(tape: Tape, hand: (output: JobOutput) => void): JobResult {
  const { intact, problem, ...details } = tape.verify((done, total) =>
    hand({ kind: 'progress', done, total }),
  )
  return result({ verdict: intact ? 'intact' : 'corrupt', isBad: !intact, firstDivergence: problem, details })
}

function replay(past: PastRun, { from, to }: JobRequest, hand: (output: JobOutput) => void): JobResult {
  if (from === null && to === null) {
    const ranges = rangesOf(past)
    if (ranges.length > 1) {
      hand({ kind: 'split', run: past.id, ranges })
      return result({ verdict: 'divided', run: past.id, details: { parts: ranges.length } })
    }
  }
  const total = past.lastPosition
  const report = past.replay({
    ...(from === null ? {} : { from }),
    ...(to === null ? {} : { to }),
    probe: ({ position }) => {
      if (position % 1000 === 0) hand({ kind: 'progress', done: position, total })
    },
  })
  const { verdict, kernel, events, divergence } = report
  return result({
    verdict,
    isBad: verdict !== 'bit-exact',
    run: past.id,
    kernel,
    fromStep: report.from,
    toStep: to,
    firstDivergence:
      divergence === null
        ? null
        : `position ${divergence.position}, step ${divergence.step}: ${divergence.what}; expected ${divergence.expected}, got ${divergence.got}`,
    details: { events },
  })
}

/** Steps between checkpoints, so that each part begins at one. */
function rangesOf(past: PastRun): (readonly [number, number])[] {
  const marks: { step: number; position: number }[] = []
  const { db } = past.recording.reader
  const rows = db
    .prepare('SELECT step, position FROM checkpoint WHERE run_id = ? ORDER BY position')
    .all(past.id) as { step: number; position: number }[]
  let begun = 0
  for (const row of rows) {
    if (row.position - begun < PART_EVENTS || past.lastPosition - row.position < PART_EVENTS / 2) continue
    marks.push(row)
    begun = row.position
  }
  const starts = [0, ...marks.map(({ step }) => step)]
  return starts.map((start, i) => [start, (starts[i + 1] ?? past.stepCount + 1) - 1] as const)
}

function why(past: PastRun, hand: (output: JobOutput) => void): JobResult {
  const { findings, looked, skipped } = past.why()
  hand({
    kind: 'findings',
    run: past.id,
    findings: findings.map(
      ({ kind, level, step, position, function: name, scope, variable, text, evidence }, i) => ({
        ...{ ordinal: i + 1, kind, level, step, position, function: name, scope, variable, text, evidence },
      }),
    ),
  })
  const told = findings.filter(({ level }) => level !== 'note')
  return result({
    verdict: told.length === 0 ? 'nothing found' : told[0]!.kind,
    isBad: told.length > 0,
    run: past.id,
    firstDivergence: told[0]?.text ?? null,
    details: { findings: findings.length, looked, skipped },
  })
}

function diff(a: PastRun, b: PastRun, { tape, other }: JobRequest): JobResult {
  const names = [`${tape}:${a.id}`, `${other!.tape}:${b.id}`] as const
  const { equal, text, first, differences, said } = diffRuns(a, b, tape === other!.tape ? {} : { names })
  return result({
    verdict: equal ? 'equal' : (first?.kind ?? 'different'),
    isBad: !equal,
    run: a.id,
    firstDivergence: equal ? null : text,
    details: { other: names[1], differences, said },
  })
}

function columns(file: string, hand: (output: JobOutput) => void): JobResult {
  const views = new Views(file)
  try {
    const runs = runRows(views)
    runs.forEach(({ run, row }, i) => {
      for (const each of columnsOf(views, run)) hand({ kind: 'columns', run, columns: each })
      hand({ kind: 'run', run, row })
      hand({ kind: 'progress', done: i + 1, total: runs.length })
    })
    return result({ verdict: 'written', details: { runs: runs.length } })
  } finally {
    views.close()
  }
}

/** The views beside the sealed batches, for whoever asks the folder. */
function parquet(file: string, { folder, tape }: JobRequest): JobResult {
  const views = new Views(file)
  try {
    const out = path.join(folder!, 'parquet', `tape=${tape}`)
    mkdirSync(out, { recursive: true })
    const files = exportViews(views, out, { format: 'parquet', views: PARQUET_VIEWS })
    return result({ verdict: 'sealed', details: { parquet: files.map(({ file: each }) => each) } })
  } finally {
    views.close()
  }
}
