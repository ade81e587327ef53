// What recording adds to a step: one process, one open run, and by turns the same number of steps without it and with it.
//
// A recorded part begins with steps that are not counted, until as many batches are on their way as there can be; it
// ends untimed, with a wait until all is in the file. So between the two clocks there is a run in its middle: where the
// writing thread is the slower one, the steps wait for it as they would in a run of any length, and the wait at the
// end of a run, which is once, is not spread over a second of steps. It is told apart.
import { statSync } from 'node:fs'
import { type Capture, openTape, type Run } from 'gradtape'
import { inTemporaryFolder } from '../temporary-tape.js'
import { median, type Sample } from '../workload.js'
import { type Times, timed, wallMs } from './clock.js'
import { recorderSwitch } from './internals.js'
import { sample, say } from './sample.js'
import type { Subject } from './subjects.js'

/** Until this many events are recorded, for this long at least and at most: the writing thread has started, and V8 compiled. */
const WARM_EVENTS = 24 * 8_192
const WARM_MIN_MS = 800
const WARM_MAX_MS = 1_600
/** Eight batches are in flight at most; one has 8,192 events, or is sent after a while. */
const LEAD_EVENTS = 12 * 8_192
const LEAD_MAX_MS = 500

export interface RatioOptions {
  capture: Capture
  rounds: number
  /** How long the recorded part of a round shall take. */
  roundMs: number
  /** Calls in a step, where what a call costs is of interest. */
  calls?: number
}

interface Round {
  bare: Times
  recorded: Times
  /** Between the last step and everything being in the file. */
  waitMs: number
  /** Lead, steps and wait, as a short run has them, against as many steps without recording. */
  shortRun: number
}

export async function stepRatio(subject: Subject, options: RatioOptions): Promise<Sample[]> {
  const mode = await recorderSwitch()
  return inTemporaryFolder((folder) => {
    const path = `${folder}/bench.tape`
    const tape = openTape(path)
    const bareStep = subject(null)
    const run = tape.startRun('bench', { capture: options.capture })
    const step = subject(run)
    const { recorder } = mode
    let recordedSteps = 0
    const record = (steps: number) => {
      for (let i = 0; i < steps; i++) step()
      recordedSteps += steps
    }
    const bare = (steps: number) => {
      mode.recorder = null
      for (let i = 0; i < steps; i++) bareStep()
      mode.recorder = recorder
    }
    warmUp(run, record, bare)
    const steps = stepsIn(options.roundMs, run, record)
    const rounds: Round[] = []
    for (let round = 0; round < options.rounds; round++) {
      // No collection between the two: steps right after one are slower for a while, and only the recorded ones have a lead.
      const without = timed(() => bare(steps))
      let leadSteps = 0
      const leadMs = wallMs(() => {
        leadSteps = lead(run, record)
      })
      const recorded = timed(() => record(steps))
      const waitMs = wallMs(() => run.flush())
      const shortRun = (leadMs + recorded.wallMs + waitMs) / (without.wallMs * (1 + leadSteps / steps))
      rounds.push({ bare: without, recorded, waitMs, shortRun })
    }
    void run.finish()
    tape.close()
    report(rounds, steps)
    const bytes = statSync(path).size / recordedSteps
    return [
      ...rounds.flatMap((round) => samplesOf(round, steps, options.calls)),
      ...sizes(bytes, options.calls),
    ]
  })
}

function warmUp(run: Run, record: (steps: number) => void, bare: (steps: number) => void): void {
  const from = performance.now()
  const passed = () => performance.now() - from
  let steps = 0
  for (; passed() < WARM_MIN_MS || (run.position < WARM_EVENTS && passed() < WARM_MAX_MS); steps++) record(1)
  run.flush()
  bare(Math.min(steps, 2_000))
}

/** Gives how many steps it recorded. */
function lead(run: Run, record: (steps: number) => void): number {
  const from = performance.now()
  const until = run.position + LEAD_EVENTS
  let steps = 0
  for (; run.position < until && performance.now() - from < LEAD_MAX_MS; steps++) record(1)
  return steps
}

/** How many recorded steps take so long. */
function stepsIn(ms: number, run: Run, record: (steps: number) => void): number {
  let steps = 0
  const took = wallMs(() => {
    steps = lead(run, record)
    run.flush()
  })
  return Math.max(3, Math.round((steps * ms) / took))
}

function samplesOf(
  { bare, recorded, waitMs, shortRun }: Round,
  steps: number,
  calls: number | undefined,
): Sample[] {
  const samples = [
    sample('step, not recorded', 'µs/step', (bare.wallMs / steps) * 1_000),
    sample('step, recorded', 'µs/step', (recorded.wallMs / steps) * 1_000),
    sample('recorded ÷ not, wall', '×', recorded.wallMs / bare.wallMs),
    sample('recorded ÷ not, CPU of the training thread', '×', recorded.threadMs / bare.threadMs),
    sample('recorded ÷ not, CPU of all threads', '×', recorded.allMs / bare.allMs),
    sample('recorded ÷ not, wall, a run of a second and its end', '×', shortRun),
    sample('wait for the file at the end', 'ms', waitMs),
  ]
  if (calls !== undefined) {
    const beyond = (recorded.threadMs - bare.threadMs) / steps / calls
    samples.push(
      sample('training thread, not recorded, CPU', 'ns/call', (bare.threadMs / steps / calls) * 1e6),
      sample('training thread, beyond that when recorded', 'ns/call', beyond * 1e6),
      sample('calls into the file', 'calls/s', ((steps * calls) / recorded.wallMs) * 1_000),
    )
  }
  return samples.filter(({ value }) => !Number.isNaN(value))
}

function sizes(bytes: number, calls: number | undefined): Sample[] {
  return calls === undefined
    ? [sample('file, data set and checkpoints in it', 'bytes/step', bytes)]
    : [sample('file', 'bytes/call', bytes / calls)]
}

function report(rounds: readonly Round[], steps: number): void {
  const ratios = rounds.map(({ bare, recorded }) => recorded.wallMs / bare.wallMs)
  const low = Math.min(...ratios).toFixed(2)
  const high = Math.max(...ratios).toFixed(2)
  say(`${rounds.length} rounds of ${steps} steps: ${median(ratios).toFixed(3)} ×, from ${low} to ${high}`)
}
