/**
 * Whether a run comes out as it was recorded when it is computed again: the verdict of a reviewer, with all that was not looked at.
 * A tape whose hashes were all written anew passes the chain; it does not pass this.
 */
import { randomInt } from 'node:crypto'
import os from 'node:os'
import process from 'node:process'
import { blasKernel } from '../array/blas-kernel.js'
import { currentKernel, type Kernel, kernelCalled } from '../array/kernel.js'
import { philox } from '../array/random.js'
import { TapeError, valueText } from '../errors.js'
import type { CallSite } from '../events/call-site.js'
import { captureFrom, isReplayable } from '../events/capture.js'
import type { RunStarted, TapeEvent } from '../events/event.js'
import { contentsOf } from '../events/event-kinds.js'
import { isOwnFunc, registeredFuncs } from '../graph/registry.js'
import { checkCallback, checkOptions } from '../options.js'
import { type Difference, differenceOf } from '../replay/compare.js'
import type { Divergence } from '../replay/replay-report.js'
import { type Recording, replayRun } from '../replay/replay-run.js'
import { eventId } from '../store/format/ids.js'
import { SiteLookup } from '../store/read/site-lookup.js'
import { LaterValues } from './later-values.js'
import { RunView } from './run-view.js'
import { type LargestDistance, UlpComparison } from './ulp-comparison.js'
import { unsteadyHere } from './user-functions.js'

/** Settings of `past.recompute` and `tape.recompute`. */
export interface RecomputeOptions {
  /** Only this many steps of each run, drawn at random, each from the checkpoint before it. All steps when not given. */
  sample?: number
  /** What the steps are drawn with, an integer from 0 below 2^32; drawn itself when not given, and told in the answer. */
  seed?: number
  /** Where the kernel of the run is not here: distances up to this many ulps are rounding. Half of a dtype's digits when not given. */
  within?: number
  /** Told now and then how many events were computed again, and how many there are to be. */
  onProgress?: (events: number, total: number) => void
}

/** A machine, as far as a run tells of it. */
export interface Machine {
  readonly platform: string
  readonly node: string
  readonly v8: string
  readonly host: string
}

/** What computing a run again came to. */
export interface RunProof {
  readonly run: { readonly id: number; readonly name: string }
  /**
   * `bit-exact`    what was computed is what the tape has, bit for bit
   * `within-ulp`   the kernel of the run is not here; another one's results differ by rounding alone
   * `diverged`     it is not: see `divergence`
   * `not-checked`  it could not be computed, or not to the end: see `skipped`
   */
  readonly verdict: 'bit-exact' | 'within-ulp' | 'diverged' | 'not-checked'
  /** The id of the kernel that the run was recorded with, and of the one that computed here; null when none did. */
  readonly kernel: { readonly recorded: string; readonly used: string | null }
  /** Where the run was recorded, by what it says itself, and where it was computed again. */
  readonly recordedOn: Machine
  readonly computedOn: Machine
  /** How many events were computed and compared, and how many the run has. */
  readonly events: number
  readonly eventsTotal: number
  /** How many steps were computed and compared (those between a checkpoint and a drawn step too), and how many there are. */
  readonly steps: number
  readonly stepsTotal: number
  /** The steps that were drawn, and what they were drawn with; null when all were asked for. */
  readonly drawn: { readonly steps: readonly number[]; readonly seed: number } | null
  /** The largest distance from what was recorded; null when it is none. */
  readonly distance: LargestDistance | null
  /** The first event that came out differently, with the place in the user's code of its call. */
  readonly divergence: (Divergence & { readonly site: CallSite | null }) | null
  /** What was not looked at, each with its reason. */
  readonly skipped: readonly { readonly what: string; readonly why: string }[]
}

/** @internal Throws  BAD_ARGUMENT for an option that it does not know, or a number that cannot be */
export function checkRecomputeOptions(options: RecomputeOptions, what: string): void {
  checkOptions(options, ['sample', 'seed', 'within', 'onProgress'], what)
  checkCallback(options.onProgress, `the onProgress of ${what}`)
  const { sample, seed, within } = options
  const refuse = (name: string, expected: string, got: unknown): never => {
    throw new TapeError('BAD_ARGUMENT', `${what} expected ${name} to be ${expected}, got ${valueText(got)}`)
  }
  if (sample !== undefined && (!Number.isSafeInteger(sample) || sample < 1))
    refuse('sample', 'an integer from 1', sample)
  if (seed !== undefined && (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32))
    refuse('seed', 'an integer from 0 below 2^32', seed)
  if (within !== undefined && !(typeof within === 'number' && within >= 0))
    refuse('within', 'a number from 0', within)
}

/** @internal Computes the run again, or drawn steps of it, and compares each event with the tape. */
export function recompute(recording: Recording, options: RecomputeOptions = {}): RunProof {
  checkRecomputeOptions(options, 'recompute()')
  return new Recomputing(recording, options).run()
}

/** Errors that say that this process lacks something, and nothing of the tape. */
const LACKING = new Set(['UNREGISTERED_FUNC', 'VALUE_NOT_CAPTURED', 'KERNEL_MISMATCH', 'ATTRIBUTES_MISSING'])

interface Stretch {
  readonly from: number | undefined
  readonly to: number
  readonly events: number
}

class Recomputing {
  private readonly recording: Recording
  private readonly options: RecomputeOptions
  private readonly started: RunStarted
  private readonly stepCount: number
  private readonly skipped: { what: string; why: string }[] = []
  private readonly steps = new Set<number>()
  private readonly ulps: UlpComparison
  private readonly later: LaterValues
  private drawn: RunProof['drawn'] = null
  private kernel: Kernel | null = null
  private isSameKernel = true
  private events = 0
  private position = 0
  private bare = 0
  /** How often it began at a checkpoint. */
  private begun = 0

  constructor(recording: Recording, options: RecomputeOptions) {
    this.recording = recording
    this.options = options
    this.started = recording.reader.event(recording.id, 1) as RunStarted
    this.stepCount = recording.lookup.stepCount()
    this.ulps = new UlpComparison(options.within ?? null)
    this.later = new LaterValues(recording)
  }

  run(): RunProof {
    const { started } = this
    if (!isReplayable(captureFrom(started.capture))) {
      this.skip('the run', "its capture keeps no bytes ('structure'), so there is nothing to compute from")
      return this.proof('not-checked', null)
    }
    this.chooseKernel()
    const stretches = this.stretches()
    const total = stretches.reduce((sum, { events }) => sum + events, 0)
    let before = 0
    for (const stretch of stretches) {
      const ended = this.compute(stretch, (events) => this.options.onProgress?.(before + events, total))
      if (ended !== null) return ended
      before += stretch.events
    }
    if (this.drawn !== null && this.steps.size < this.stepCount) {
      this.skip(
        `${this.stepCount - this.steps.size} of ${this.stepCount} steps`,
        `${this.drawn.steps.length} ${this.drawn.steps.length === 1 ? 'was' : 'were'} drawn, with seed ${this.drawn.seed}`,
      )
      if (this.begun > 0)
        this.skip(
          `how ${this.begun === 1 ? 'a checkpoint' : `${this.begun} checkpoints`} came about`,
          'computing began with what is there; the steps before may not have been computed',
        )
    }
    if (this.bare > 0)
      this.skip(
        `${this.bare} ${this.bare === 1 ? 'array itself' : 'arrays themselves'}`,
        'the capture keeps nothing of them; what was computed from them was compared',
      )
    // With another kernel, also where no number differs: hashes were not compared.
    return this.proof(this.isSameKernel ? 'bit-exact' : 'within-ulp', null)
  }

  private compute(stretch: Stretch, onProgress: (events: number) => void): RunProof | null {
    const { from, to } = stretch
    const before = this.events
    try {
      const report = replayRun(this.recording, {
        ...(from === undefined ? {} : { from }),
        ...(to === this.stepCount ? {} : { to }),
        kernel: this.kernel!,
        onProgress,
        onEvent: (got, expected) => this.saw(got, expected),
        compare: (expected, got) => this.differenceOf(expected, got),
      })
      this.events = before + report.events
      if (report.from > 0) this.begun++
      const last = report.divergence === null ? to : Math.min(to, report.divergence.step - 1)
      for (let step = Math.max(1, report.from); step <= last; step++) this.steps.add(step)
      return report.divergence === null ? null : this.diverged(report.divergence)
    } catch (error) {
      if (!(error instanceof TapeError)) throw error
      if (!LACKING.has(error.code)) return this.diverged(this.brokenAt(error))
      this.skip(this.position === 0 ? 'the run' : `the run from event ${this.position + 1} on`, error.message)
      return this.proof('not-checked', null)
    }
  }

  private saw(got: TapeEvent, expected: TapeEvent): void {
    this.events++
    this.position = expected.position
    const contents = contentsOf(got)
    for (const [i, { value, summary }] of contentsOf(expected).entries())
      if (
        value === null &&
        summary === null &&
        contents[i]?.value != null &&
        !this.later.has(expected.position, i)
      )
        this.bare++
  }

  private differenceOf(expected: TapeEvent, got: TapeEvent): Difference | null {
    if (this.isSameKernel && expected.type === 'MetricLogged' && got.type === 'MetricLogged')
      if (!Object.is(expected.value, got.value))
        return { expected: String(expected.value), got: String(got.value), part: null, element: null }
    const whole = this.later.joined(expected)
    return this.isSameKernel ? differenceOf(whole, got) : this.ulps.difference(whole, got)
  }

  /** The kernel of the run where it can be had, a BLAS too; otherwise the portable one nearest to it. */
  private chooseKernel(): void {
    const { kernel } = this.started
    const found = kernelCalled(kernel) ?? blasCalled(kernel)
    this.isSameKernel = found !== null
    this.kernel = found ?? kernelCalled(/portable-\d+/.exec(kernel)?.[0] ?? '') ?? currentKernel()
  }

  /** What is computed in one go: all of it; from one checkpoint to the next where rounding may grow; or what was drawn. */
  private stretches(): Stretch[] {
    const { lookup, lastPosition } = this.recording
    const { sample } = this.options
    const range = (step: number) => lookup.stepRange(step, lastPosition)
    const stretch = (from: number | undefined, begin: number, to: number): Stretch => ({
      from,
      to,
      events: (to === this.stepCount ? lastPosition : range(to).to) - begin + 1,
    })
    const checkpoints = lookup.checkpointsBefore(lastPosition + 1).reverse()
    if (sample !== undefined && sample < this.stepCount) {
      const steps = this.draw(sample)
      const stretches: Stretch[] = []
      for (let i = 0; i < steps.length; ) {
        const first = range(steps[i]!).from
        const next = checkpoints.find((position) => position >= first + 2) ?? Number.POSITIVE_INFINITY
        let last = i
        while (last + 1 < steps.length && range(steps[last + 1]!).from + 1 < next) last++
        const begin = checkpoints.findLast((position) => position < first + 2) ?? 0
        stretches.push(stretch(steps[i]!, begin + 1, steps[last]!))
        i = last + 1
      }
      return stretches
    }
    if (sample !== undefined) this.drawn = { steps: this.all(), seed: this.seed() }
    if (this.isSameKernel || checkpoints.length === 0) return [stretch(undefined, 1, this.stepCount)]
    const steps = checkpoints.map((position) => this.recording.reader.event(this.recording.id, position).step)
    const begins = [0, ...new Set(steps.filter((step) => step > 0))]
    return begins.map((step, i) =>
      stretch(
        step === 0 ? undefined : step,
        step === 0 ? 1 : range(step).from + 2,
        // The next checkpoint stands in the first step of the next stretch, and is held to what comes out here.
        begins[i + 1] ?? this.stepCount,
      ),
    )
  }

  private all(): number[] {
    return Array.from({ length: this.stepCount }, (_, i) => i + 1)
  }

  private seed(): number {
    return this.options.seed ?? randomInt(2 ** 32)
  }

  /** Floyd's way to draw without repetition; the numbers are those of a Philox stream of the seed and the run. */
  private draw(count: number): readonly number[] {
    const seed = this.seed()
    const words = new Uint32Array(4)
    const chosen = new Set<number>()
    for (let top = this.stepCount - count + 1; top <= this.stepCount; top++) {
      philox(top, 0, 0, 0, seed, this.recording.id, words, 0)
      const step = 1 + Math.floor((words[0]! / 2 ** 32) * top)
      chosen.add(chosen.has(step) ? top : step)
    }
    const steps = [...chosen].sort((a, b) => a - b)
    this.drawn = { steps, seed }
    return steps
  }

  /** Where the fault may lie with a function of the user, that is said, and nothing is claimed of the tape. */
  private diverged(divergence: Divergence): RunProof {
    const view = new RunView(this.recording)
    const unsteady = unsteadyHere(view).find(
      ({ position }) => position !== null && position <= divergence.position,
    )
    if (unsteady !== undefined) {
      this.skip(`the run from step ${unsteady.step} on`, unsteady.text)
      return this.proof('not-checked', divergence)
    }
    return this.proof('diverged', divergence)
  }

  /** Something of the tape cannot be performed at all. */
  private brokenAt(error: TapeError): Divergence {
    const { reader, id, lastPosition } = this.recording
    const position = Math.min(this.position + 1, lastPosition)
    const { step, type } = reader.event(id, position)
    return {
      position,
      step,
      what: type,
      function: null,
      expected: 'an event that can be performed',
      got: error.message,
      part: null,
      element: null,
    }
  }

  private skip(what: string, why: string): void {
    this.skipped.push({ what, why })
  }

  private proof(verdict: RunProof['verdict'], divergence: Divergence | null): RunProof {
    const { recording, started, ulps } = this
    const { platform, node, v8, host, kernel } = started
    const unknown = this.unknownFunctions()
    if (verdict === 'not-checked' && unknown.length > 0)
      this.skip(`what ${unknown.join(', ')} compute`, 'this process does not know these functions (--import)')
    return {
      run: { id: recording.id, name: recording.name },
      verdict,
      kernel: { recorded: kernel, used: this.events === 0 ? null : (this.kernel?.id ?? null) },
      recordedOn: { platform, node, v8, host },
      computedOn: {
        platform: `${process.platform}-${process.arch}`,
        node: process.versions.node,
        v8: process.versions.v8,
        host: os.hostname(),
      },
      events: this.events,
      eventsTotal: recording.lastPosition,
      steps: this.steps.size,
      stepsTotal: this.stepCount,
      drawn: this.drawn,
      distance: ulps.largest,
      divergence:
        divergence === null
          ? null
          : {
              ...divergence,
              site:
                divergence.function === null
                  ? null
                  : new SiteLookup(recording.reader.db, recording.id).siteOf(divergence.position),
            },
      skipped: this.skipped,
    }
  }

  private unknownFunctions(): string[] {
    const registered = new Set(registeredFuncs())
    const { reader, id } = this.recording
    const names = reader.db
      .prepare(
        `SELECT DISTINCT json_extract(s.content, '$[0]') FROM (SELECT DISTINCT template_id FROM _block WHERE id BETWEEN ? AND ?) b
         JOIN _template t ON t.id = b.template_id, json_each(t.calls) c JOIN _signature s ON s.id = json_extract(c.value, '$[3]')`,
      )
      .pluck()
      .all(eventId(id, 1), eventId(id + 1, 0)) as string[]
    return names.filter((name) => !registered.has(name) && !isOwnFunc(name)).sort()
  }
}

/** The BLAS of this machine when it is the one of that id; null otherwise. */
function blasCalled(id: string): Kernel | null {
  if (!id.startsWith('blas-')) return null
  try {
    const kernel = blasKernel()
    return kernel.id === id ? kernel : null
  } catch (error) {
    if (error instanceof TapeError && error.code === 'KERNEL_UNAVAILABLE') return null
    throw error
  }
}
