// For any training program: what was computed live, what tapes of every capture give back, what SQL reads after
// materialize, and what a replay computes from any step on are one, bit for bit.
import { randomInt } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import '../../src/index.js'
import type { DType } from '../../src/array/dtype.js'
import { ndarray } from '../../src/array/make-array.js'
import type { NDArray } from '../../src/array/ndarray.js'
import type { Capture } from '../../src/events/capture.js'
import { positionOf, type RecordedArray, refOf } from '../../src/events/event.js'
import type { Variable } from '../../src/graph/variable.js'
import { openTape } from '../../src/tape/open-tape.js'
import type { PastRun } from '../../src/tape/past-run.js'
import type { Tape } from '../../src/tape/tape.js'
import { plainEvent } from '../events/plain-event.js'
import { temporaryFolder } from '../tape/temporary-tape.js'
import { expectMaterialized, expectSameViews } from './captured-views.js'
import { Execution } from './training-execution.js'
import { SURE_PROGRAM, type TrainingProgram, trainingProgram } from './training-program.js'
import { sameBits, Truth } from './truth.js'

const PROGRAMS = Number(process.env.GRADTAPE_PROGRAMS ?? 6)

const CAPTURES: readonly Capture[] = [
  'full',
  'replayable',
  { values: 'full', gradients: 'full', everySteps: 2 },
]

const NONE = {
  steps: 0,
  events: 0,
  runs: 0,
  passes: 0,
  mishaps: 0,
  values: 0,
  /** Values that the tape does not hold. */
  hindsight: 0,
  gradients: 0,
  versions: 0,
  fromFile: 0,
  materialized: 0,
  replays: 0,
  fromCheckpoint: 0,
  /** Replays that began before the nearest checkpoint. */
  fallbacks: 0,
}
type Seen = typeof NONE

/** Both included. */
interface Steps {
  from: number
  to: number
}

test(`${PROGRAMS} random training programs: live = every capture = materialized = replayed from any step`, {
  timeout: 3_600_000,
}, () => {
  const seed = Number(process.env.GRADTAPE_SEED ?? randomInt(2 ** 31))
  process.stderr.write(`training programs: GRADTAPE_SEED=${seed}\n`)
  const folder = path.join(temporaryFolder(), 'program')
  const seen = { ...NONE }
  fc.assert(
    fc.property(trainingProgram, (program) => {
      const found = check(program, folder)
      for (const key of Object.keys(seen) as (keyof Seen)[]) seen[key] += found[key]
    }),
    {
      numRuns: PROGRAMS,
      examples: [[SURE_PROGRAM]],
      seed,
      endOnFailure: process.env.GRADTAPE_SHRINK === '0',
    },
  )
  process.stderr.write(`training programs: ${PROGRAMS}, ${JSON.stringify(seen)}\n`)
  // The programs must have done what they are for. Twenty of them, resampled 300,000
  // times from 167, did three and a half times this at the least.
  expect(seen.passes).toBeGreaterThan(PROGRAMS / 2)
  expect(seen.hindsight).toBeGreaterThan(PROGRAMS * 2)
  expect(seen.gradients).toBeGreaterThan(PROGRAMS * 2)
  expect(seen.versions).toBeGreaterThan(PROGRAMS * 5)
  expect(seen.fromFile).toBeGreaterThan(PROGRAMS)
  expect(seen.materialized).toBeGreaterThan(PROGRAMS * 5)
  // What chance may leave out, SURE_PROGRAM has; and each program has three steps.
  expect(seen.steps).toBeGreaterThanOrEqual(PROGRAMS * 3)
  expect(seen.runs).toBeGreaterThanOrEqual(CAPTURES.length * (PROGRAMS + 2))
  expect(seen.mishaps).toBeGreaterThanOrEqual(4)
  expect(seen.fromCheckpoint).toBeGreaterThanOrEqual(CAPTURES.length * 3)
})

function check(program: TrainingProgram, folder: string): Seen {
  const seen = { ...NONE }
  fs.mkdirSync(folder, { recursive: true })
  const live = new Execution(program, null, 'full')
  live.perform()
  seen.steps = program.steps.length
  seen.passes = live.passes
  seen.mishaps = live.mishaps
  const files = CAPTURES.map((_, i) => path.join(folder, `${i}.tape`))
  try {
    const executions = CAPTURES.map((capture, i) => recorded(program, files[i]!, capture))
    const [full] = executions as [Execution, ...Execution[]]
    for (const execution of executions) expectSameNotes(live, execution)
    expectEventsAsNoted(full)
    executions.forEach((execution, i) => {
      const tape = openTape(files[i]!, { readonly: true })
      try {
        checkTape(tape, execution, full, program, seen)
      } finally {
        tape.close()
      }
    })
    const truth = truthsOf(executions[1]!, full)[0]!
    seen.materialized = checkMaterialized(files[1]!, executions[1]!, truth, program)
    const [first, ...others] = files
    expectSameViews(first!, others)
    return seen
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
}

function recorded(program: TrainingProgram, file: string, capture: Capture): Execution {
  const tape = openTape(file)
  try {
    const execution = new Execution(program, tape, capture)
    execution.perform()
    return execution
  } finally {
    tape.close()
  }
}

function truthsOf(execution: Execution, full: Execution): Truth[] {
  return execution.notes.runs.map(({ events }, i) => new Truth(events, full.notes.runs[i]!.events))
}

function expectSameNotes(live: Execution, execution: Execution): void {
  expect(execution.notes.noted.length).toBe(live.notes.noted.length)
  live.notes.noted.forEach(({ what, data }, i) => {
    const other = execution.notes.noted[i]!
    expect(other.what).toBe(what)
    expectSame(other.data, data, `${what} number ${i} of the run`)
  })
}

/** What listeners heard is what the program's own memory holds. */
function expectEventsAsNoted(full: Execution): void {
  const truths = truthsOf(full, full)
  for (const { what, places, data } of full.notes.noted) {
    for (const { run, ref, at } of places) {
      const heard = truths[run]!.valueAt(ref, at + 1)
      expectSame(heard, data, `${what} at ${ref} of run ${run}, position ${at}, as heard`)
    }
  }
}

function expectSame(got: RecordedArray, wanted: RecordedArray, what: string): void {
  if (sameBits(got, wanted)) return
  const { dtype, shape } = wanted
  expect({ dtype: got.dtype, shape: [...got.shape], data: [...got.data] }, what).toEqual({
    dtype,
    shape: [...shape],
    data: [...wanted.data],
  })
  throw new Error(`${what} differs in bits`)
}

function checkTape(
  tape: Tape,
  execution: Execution,
  full: Execution,
  program: TrainingProgram,
  seen: Seen,
): void {
  expect(tape.verify()).toMatchObject({ intact: true, problem: null })
  const truths = truthsOf(execution, full)
  execution.notes.runs.forEach(({ id, events }, i) => {
    const past = tape.run(id)
    const read = [...past.events()]
    seen.events += read.length
    seen.runs++
    const [a, b] = [read.slice(1).map(plainEvent), events.map(plainEvent)]
    if (!isDeepStrictEqual(a, b)) expect(a).toEqual(b)
    const truth = truths[i]!
    const steps = { from: 0, to: truth.steps }
    checkValues(past, truth, steps, seen)
    checkLeaves(tape.run(id), truth, steps, seen)
    const graph = tape.run(id)
    for (const pass of truth.repeatablePasses()) {
      expectFromFile(graph, pass)
      seen.fromFile++
    }
    checkReplays(past, truth, program, seen)
  })
}

/** Every output of every call, what linked calls read, and every gradient. */
function checkValues(past: PastRun, truth: Truth, { from, to }: Steps, seen: Seen): void {
  for (const event of truth.events) {
    const { position, step } = event
    if (step < from || step > to) continue
    if (event.type === 'FunctionCalled') {
      event.outputs.forEach(({ value }, slot) => {
        if (slot > 1 && slot < event.outputs.length - 1) return // the ballast: its outputs are all alike
        const ref = refOf(position, slot)
        const variable = past.variable(ref, { step })
        expectSame(
          variable.data,
          truth.valueIn(ref, step),
          `output ${slot} of ${event.function} at ${position}`,
        )
        seen.values++
        if (value === null) seen.hindsight++
        if (slot > 0 || !event.linked || truth.isUnchained(ref)) return
        event.inputs.forEach((input, i) => {
          const what = `input ${i} of ${event.function} at ${position}`
          expectSame(variable.creator!.inputAt(i).data, truth.valueAt(input, position), what)
        })
      })
    } else if (event.type === 'GradientComputed' && event.held !== 'nothing') {
      expectSame(
        past.variable(position, { step }).data,
        truth.valueIn(position, step),
        `gradient at ${position}`,
      )
      seen.gradients++
      if (event.contribution === null) seen.hindsight++
    }
  }
}

/** What `past.variable` promises of each step, for variables that are assigned to or hold gradients. */
function checkLeaves(past: PastRun, truth: Truth, { from, to }: Steps, seen: Seen): void {
  for (const ref of truth.livingOn()) {
    for (let step = from; step <= to; step++) {
      if (truth.range(step).to < positionOf(ref)) continue
      const variable = past.variable(ref, { step })
      expectSame(variable.data, truth.valueIn(ref, step), `variable ${ref} in step ${step}`)
      seen.versions++
      const wanted = truth.gradientIn(ref, step)
      const got = past.variable(ref, { step }).grad
      if (wanted === null || got === null)
        expect(got?.data ?? null, `gradient of ${ref} in step ${step}`).toBe(wanted)
      else expectSame(got.data, wanted, `gradient of ${ref} in step ${step}`)
    }
    const end = truth.range(truth.steps).to
    expectSame(past.variable(ref).data, truth.valueAt(ref, end + 1), `variable ${ref} at the end`)
  }
}

/** Backward from the file gives what the live pass gave, to every variable of the graph. */
function expectFromFile(
  past: PastRun,
  { root, seed, given }: ReturnType<Truth['repeatablePasses']>[number],
): void {
  const from = past.variable(root)
  from.backward({ retainGrad: true, ...(seed === null ? {} : { gradient: asGradient(seed) }) })
  const versions = new Map<number, Variable[]>()
  const graph = new Set([from])
  for (const v of graph) {
    if (v.heldGrad !== null) versions.set(v.ref, [...(versions.get(v.ref) ?? []), v])
    for (const other of [...(v.creator?.inputs ?? []), ...(v.creator?.outputs ?? [])]) graph.add(other)
  }
  for (const [ref, wanted] of given) {
    const found = versions.get(ref) ?? []
    if (found.length === 1) expectSame(found[0]!.heldGrad!.data, wanted, `gradient of ${ref} from the file`)
    else {
      expect(found.length, `versions of ${ref} with a gradient`).toBeGreaterThan(1)
      // Assigned between two calls of one graph: each version has its share.
      const shares = found.map((v) => v.heldGrad!.data.data)
      for (const [i, x] of wanted.data.entries()) {
        const size = shares.reduce((total, share) => total + Math.abs(share[i]!), 0)
        if (!Number.isFinite(size)) continue
        const total = shares.reduce((sum, share) => sum + share[i]!, 0)
        expect(Math.abs(total - x), `gradient of the versions of ${ref}`).toBeLessThanOrEqual(size * 1e-6)
      }
    }
  }
  // The next pass from this file must find nothing to add to.
  for (const v of graph) v.clearGrad()
}

/** From the start, and from each step: the nearest checkpoint must do for a plain training loop. */
function checkReplays(past: PastRun, truth: Truth, program: TrainingProgram, seen: Seen): void {
  const checkpoints = truth.events.filter(({ type }) => type === 'CheckpointTaken').map(({ step }) => step)
  expect(past.replay()).toMatchObject({
    verdict: 'bit-exact',
    divergence: null,
    from: 0,
    events: past.lastPosition,
  })
  for (let from = 0; from <= truth.steps; from++) {
    const report = past.replay({ from, ...(from % 2 === 0 ? { to: from } : {}) })
    expect(report, `run ${past.id} from step ${from}`).toMatchObject({
      verdict: 'bit-exact',
      divergence: null,
    })
    seen.replays++
    const nearest = checkpoints.filter((step) => step <= from).at(-1) ?? 0
    if (report.from > 0) seen.fromCheckpoint++
    if (report.from === nearest) continue
    seen.fallbacks++
    // The first velocity is an array of the step before, and no variable of the run until the next step reads it.
    if (program.optimizer === 'momentum' && truth.carriesArrayInto(nearest)) continue
    if (!program.carries)
      expect(report.from, `where a replay of run ${past.id} from step ${from} begins`).toBe(nearest)
  }
}

function checkMaterialized(
  file: string,
  execution: Execution,
  truth: Truth,
  program: TrainingProgram,
): number {
  const { id } = execution.notes.runs[0]!
  const [a, b] = program.materialized.map((step) => Math.min(step, truth.steps)) as [number, number]
  const [from, to] = a < b ? [a, b] : [b, a]
  const tape = openTape(file)
  try {
    const { values } = tape.run(id).materialize(from, to)
    const found = expectMaterialized(file, id, truth, from, to)
    expect(found.derived, 'rows that say they are materialized').toBeGreaterThanOrEqual(Math.min(values, 1))
    expect(tape.run(id).materialize(from, to).values).toBe(0)
    expect(tape.verify()).toMatchObject({ intact: true, problem: null })
    checkValues(tape.run(id), truth, { from, to }, { ...NONE })
    checkLeaves(tape.run(id), truth, { from, to }, { ...NONE })
    expect(tape.run(id).replay({ from })).toMatchObject({ verdict: 'bit-exact' })
    return found.values
  } finally {
    tape.close()
  }
}

function asGradient({ data, dtype, shape }: RecordedArray): NDArray {
  return ndarray(data, { dtype: dtype as DType, shape })
}
