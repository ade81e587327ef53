/** A recorded run, read from the file: its events, its graph, its proof. */
import { Observable } from 'rxjs/internal/Observable'
import { type Bisection, type BisectOptions, bisect } from '../debug/bisect.js'
import { Follower } from '../debug/follower.js'
import { Fork } from '../debug/fork.js'
import type { ForkOptions } from '../debug/fork-options.js'
import { Moment } from '../debug/moment.js'
import { type ProbeOptions, type ProbeTable, probe } from '../debug/probe.js'
import { type RecomputeOptions, type RunProof, recompute } from '../debug/recompute.js'
import { rowsOfStep, type StepRows } from '../debug/rows.js'
import { RunView } from '../debug/run-view.js'
import { type WhyOptions, why } from '../debug/why.js'
import { allDetectors } from '../detectors/all.js'
import { checkDetectors, type Detector } from '../detectors/detector.js'
import type { Finding, Findings } from '../detectors/finding.js'
import { TapeError, valueText } from '../errors.js'
import type { CallSite } from '../events/call-site.js'
import { positionOf, type RunStarted, type TapeEvent } from '../events/event.js'
import type { Variable } from '../graph/variable.js'
import { checkCallback, checkOptions } from '../options.js'
import { type MaterializeReport, materialize } from '../past/materialize.js'
import { PastGraph } from '../past/past-graph.js'
import type { ReplayOptions, ReplayReport } from '../replay/replay-report.js'
import { type Recording, replayRun } from '../replay/replay-run.js'
import { type VerifyReport, verifyChain } from '../store/proof/verify.js'
import { Lookup } from '../store/read/lookup.js'
import { type MetricTable, metricTable } from '../store/read/metric-table.js'
import { asOfOneMoment } from '../store/read/one-moment.js'
import type { Reader } from '../store/read/reader.js'
import { SiteLookup } from '../store/read/site-lookup.js'

/**
 * A recorded run, read from the file: its events, its variables with their creators and gradients, its replay. `tape.run(name)`
 * gives one; it may have ended last year, or still be recorded by another process.
 */
export class PastRun {
  /** Its number in the tape. */
  readonly id: number
  /** The name it was started with. */
  readonly name: string
  /** The recorded events, in order; cold: each subscription reads them anew. */
  readonly events$: Observable<TapeEvent>
  /** How many events there were when the run was opened. */
  readonly lastPosition: number
  private readonly reader: Reader
  private readonly lookup: Lookup
  /** @internal What reads it. */
  readonly recording: Recording
  private readonly graph: PastGraph
  private sites: SiteLookup | null = null
  private readonly isRecorded: () => boolean

  /** @internal Use `tape.run`. */
  constructor(reader: Reader, id: number, name: string, isRecorded: () => boolean = () => false) {
    this.id = id
    this.isRecorded = isRecorded
    this.name = name
    this.reader = reader
    this.lastPosition = reader.lastPosition(id)
    this.lookup = new Lookup(reader.db, id)
    this.recording = { reader, lookup: this.lookup, id, name, lastPosition: this.lastPosition }
    this.graph = new PastGraph(this.recording)
    this.events$ = new Observable((subscriber) => {
      try {
        for (const event of this.events()) {
          if (subscriber.closed) return
          subscriber.next(event)
        }
        subscriber.complete()
      } catch (error) {
        subscriber.error(error)
      }
    })
  }

  /** @internal Told of each event that is computed again because somebody asked for what was not stored; null for nobody. */
  set onRecompute(told: ((position: number, step: number) => void) | null) {
    this.recording.onRecompute = told
  }

  /** How it was started: seed, config, kernel, versions. */
  get started(): RunStarted {
    return this.reader.event(this.id, 1) as RunStarted
  }

  /** How many steps it had when it was opened here. */
  get stepCount(): number {
    return this.lookup.stepCount()
  }

  /**
   * What the run logged, by step: `run.metrics(['loss', 'lr'])` gives the steps, and for each name a value for each of them.
   *
   * names   all that were logged when not said
   * Throws  BAD_ARGUMENT for a name that the run did not log, with the nearest one
   */
  metrics(names?: readonly string[]): MetricTable {
    if (names !== undefined && !(Array.isArray(names) && names.every((name) => typeof name === 'string')))
      throw new TapeError('BAD_ARGUMENT', `metrics() expected a list of names, got ${valueText(names)}`)
    return metricTable(this.reader.db, this.id, names)
  }

  /**
   * The events from one position to another, both included; all of them by default.
   *
   * Throws  BAD_ARGUMENT unless both are positions of the run; `to` may be `from - 1`, for none
   */
  events(from = 1, to = this.lastPosition): Iterable<TapeEvent> {
    const isRange = Number.isInteger(from) && Number.isInteger(to) && from >= 1 && to >= from - 1
    if (!isRange || to > this.lastPosition) {
      throw new TapeError(
        'BAD_ARGUMENT',
        `events() expected positions from 1 to ${this.lastPosition}, the first not after the last, got ${valueText(from)} to ${valueText(to)}`,
      )
    }
    return this.reader.events(this.id, from, to)
  }

  /**
   * A Variable of the run, with its creator chain; `backward()` on it is the same code as on a live one. Its `grad` is the
   * last one recorded for it (within `step` if given) until a pass leaves another. What was not stored is computed again,
   * from the nearest checkpoint, and compared with what was.
   *
   * what     its name (the last bearer, within `step` if given), or its position
   * step     the step of interest: of a leaf that was assigned to, the version which that step's calls read; without
   *          it, the last version
   * Throws   VARIABLE_NOT_FOUND lists the names there are; STEP_NOT_FOUND; BAD_ARGUMENT for an option that it does not know
   */
  variable(what: string | number, options: { step?: number } = {}): Variable {
    checkOptions(options, ['step'], 'variable()')
    if (typeof what !== 'string' && typeof what !== 'number')
      throw new TapeError('BAD_ARGUMENT', `variable() expected a name or a position, got ${valueText(what)}`)
    const { step } = options
    if (step !== undefined) checkStep(step, 'step', 'variable()')
    return asOfOneMoment(this.reader.db, () => this.variableOf(what, step))
  }

  private variableOf(what: string | number, step: number | undefined): Variable {
    const range =
      step === undefined ? { from: 1, to: this.lastPosition } : this.lookup.stepRange(step, this.lastPosition)
    const ref = typeof what === 'number' ? this.checkedPosition(what) : this.refOf(what, range)
    const variable = this.graph.variable(ref, this.readAt(ref, step === undefined ? null : range))
    this.graph.offerGradient(variable, () => this.lookup.gradients.last(ref, range.from, range.to))
    // A leaf is made with a name and may be given another later.
    const name = this.lookup.nameOf(ref, range.to + 1) ?? this.lookup.nameOf(ref)
    if (name !== null || variable.name === null)
      variable.setNameQuietly(name ?? (typeof what === 'string' ? what : null))
    return variable
  }

  /**
   * Where in the user's code a call was made: file, line, column and function. Looked at while recording in steps 1 to 3 and every
   * hundredth, and where the graph changed; any other call has the site of an earlier one of its place. Null for what is no
   * call, and where the tape does not say: for a run of before schema 4, or one recorded with `capture: { sites: false }`.
   *
   * Throws  VARIABLE_NOT_FOUND when the run has no such position
   */
  siteOf(position: number): CallSite | null {
    if (!Number.isInteger(position) || position < 1 || position > this.lastPosition)
      this.checkedPosition(position)
    this.sites ??= new SiteLookup(this.reader.db, this.id)
    return this.sites.siteOf(position)
  }

  /**
   * Recomputes the events in order and compares: `bit-exact`, or the first that differs. From the start of the run, or
   * with `from` from the last checkpoint before that step.
   *
   * Throws  KERNEL_MISMATCH, UNREGISTERED_FUNC, STEP_NOT_FOUND; VALUE_NOT_CAPTURED for a run of capture 'structure';
   *         BAD_ARGUMENT for an option that it does not know, and for steps in the wrong order
   */
  replay(options: ReplayOptions = {}): ReplayReport {
    checkOptions(options, ['from', 'to', 'probe', 'onEvent', 'onProgress'], 'replay()')
    const { from, to } = options
    if (from !== undefined) checkStep(from, 'from', 'replay()')
    if (to !== undefined) checkStep(to, 'to', 'replay()')
    checkOrder(from, to, 'replay()')
    for (const name of ['probe', 'onEvent', 'onProgress'] as const)
      checkCallback(options[name], `the ${name} of replay()`)
    return replayRun(this.recording, options)
  }

  /**
   * Computes steps `from` to `to` again and writes the values that were not captured into the tape, so that SQL can read
   * them: `materialized` in the views `variable` and `gradient`. The run itself does not change.
   *
   * Throws  TAPE_READONLY, STEP_NOT_FOUND, and as `replay`; REPLAY_DIVERGED when it comes out differently; BAD_ARGUMENT for steps in
   *         the wrong order
   */
  materialize(from: number, to: number = from, onProgress?: (position: number) => void): MaterializeReport {
    checkStep(from, 'from', 'materialize()')
    checkStep(to, 'to', 'materialize()')
    checkOrder(from, to, 'materialize()')
    checkCallback(onProgress, 'the onProgress of materialize()')
    return materialize(this.recording, from, to, onProgress)
  }

  /**
   * Computes the run again, or with `sample` steps that are drawn at random, each from the checkpoint before it, and says what came
   * of it: `bit-exact`; `within-ulp` with another kernel than the run's, when that is not here; `diverged` with the first event, array
   * and element; or `not-checked` with the reason. What was not looked at is listed.
   *
   * Throws  BAD_ARGUMENT
   */
  recompute(options: RecomputeOptions = {}): RunProof {
    return recompute(this.recording, options)
  }

  /** Walks the hash chain of the tape, of which this run is a part. */
  verify(onProgress?: (events: number, total: number) => void): VerifyReport {
    return verifyChain(this.reader.db, onProgress)
  }

  /**
   * The run as it stood at the end of a step, or right after an event: its values and gradients then, and the way to other moments.
   *
   * Throws  STEP_NOT_FOUND; BAD_ARGUMENT unless it is a step, or `{ position }` of an event
   */
  at(where: number | { position: number }): Moment {
    if (typeof where === 'number') return this.momentAt(this.lookup.stepRange(where, this.lastPosition).to)
    checkOptions(where, ['position'], 'at()')
    return this.momentAt(where.position)
  }

  /**
   * A number for each step: of expressions (`norm(grad(loss, fc1.weight))`, `max(abs(#relu@layers.0))`), or of a function that is given
   * the moment at the end of the step. What was not stored is computed again.
   *
   * Throws  BAD_ARGUMENT with the place of a mistake; VARIABLE_NOT_FOUND; as `variable`
   */
  probe(
    asked: string | readonly string[] | ((moment: Moment) => number),
    options: ProbeOptions = {},
  ): ProbeTable {
    return probe(this, asked, options)
  }

  /**
   * The first step that is bad by a test of your own, which is given the moment at the end of a step: `moment.model(new MLP(…))` has
   * the state of then. Looks at both ends, halves, and checks at four further steps that bad stays bad.
   *
   * Throws  BAD_ARGUMENT; what the test throws
   */
  bisect(test: (moment: Moment) => boolean, options: BisectOptions = {}): Bisection {
    return bisect((step) => this.at(step), this.stepCount, test, options)
  }

  /**
   * The run at the beginning of a step, from where it can go on in another way: `.run()` performs the recorded calls with what `set`
   * and `dropRows` change, `.resume({ model, optimizer, loader })` hands the state to your program. The run itself never changes.
   *
   * Throws  BAD_ARGUMENT for an option that it does not know, and a step that cannot be
   */
  fork(options: ForkOptions): Fork {
    return new Fork(this.recording, this.graph, options, (step) => this.at(step))
  }

  private momentAt(position: number): Moment {
    if (!Number.isInteger(position) || position < 1 || position > this.lastPosition)
      throw new TapeError(
        'BAD_ARGUMENT',
        `at() expected a position from 1 to ${this.lastPosition}, got ${valueText(position)}`,
      )
    return new Moment(this.recording, this.graph, this.reader.event(this.id, position))
  }

  /**
   * Looks for what went wrong, and says what was found, what was looked at, and what was not and why: see docs/debugging.md.
   * Causes stand first.
   *
   * Throws  BAD_ARGUMENT for an option, a kind or a metric that it does not know; STEP_NOT_FOUND
   */
  why(options: WhyOptions = {}): Findings {
    return why(this.recording, options)
  }

  /**
   * What detectors find in the run as it was when it was opened, in the order in which they found it: what `run.watch` would have
   * told while it was recorded. `why()` says more: it computes steps again, and ranks by cause.
   *
   * Throws  BAD_ARGUMENT unless each is a detector of gradtape; an operator of your own reads `events$`
   */
  watch(detectors: readonly Detector[] = allDetectors()): Finding[] {
    checkDetectors(detectors, 'watch()')
    return new Follower(this.reader.db, this.id, detectors).end()
  }

  /**
   * The same of a run that somebody is recording, in this process or another: what there is, and then what comes, until the run ends:
   * `for await (const finding of past.follow()) …`. A finding comes when its step is written, up to half a second later.
   *
   * everyMs  the file is looked at so often; 250 when not given
   * from     the step that it begins with, 1 when not given; 'recent': of a run of more than two million events the step from which
   *          on this many were recorded, so that it begins at once however long the run is
   * signal   ends it early
   * Throws   BAD_ARGUMENT; STEP_NOT_FOUND
   */
  async *follow(
    detectors: readonly Detector[] = allDetectors(),
    options: FollowOptions = {},
  ): AsyncGenerator<Finding, void, undefined> {
    checkDetectors(detectors, 'follow()')
    checkOptions(options, ['everyMs', 'from', 'signal', 'onLook'], 'follow()')
    const { everyMs = 250, signal, onLook } = options
    checkCallback(onLook, 'the onLook of follow()')
    const from = this.followedFrom(options.from)
    if (!(typeof everyMs === 'number' && everyMs > 0 && everyMs < 2 ** 31))
      throw new TapeError('BAD_ARGUMENT', `follow() expected everyMs above 0, got ${valueText(everyMs)}`)
    const follower = new Follower(this.reader.db, this.id, detectors, from)
    for (;;) {
      // Asked first: what was written before the recorder let go is in the file then.
      const goesOn = this.isRecorded()
      yield* goesOn ? follower.look() : follower.end()
      onLook?.(follower.step, Math.max(1, from))
      if (!goesOn || signal?.aborted === true) return
      await wait(everyMs, signal)
    }
  }

  /** 0 for what precedes the first step, too. */
  private followedFrom(from: FollowOptions['from'] = 1): number {
    if (from === 'recent') {
      const behind = this.reader.lastPosition(this.id) - RECENT_EVENTS
      return behind <= 0 ? 0 : this.reader.event(this.id, behind).step + 1
    }
    checkStep(from, 'from', 'follow()')
    return from <= 1 ? 0 : from
  }

  /**
   * The rows of data sets that the batches of a step hold, in their order. A batch belongs to the step that reads it first, also
   * when the loop took it at the end of the step before.
   *
   * Throws  STEP_NOT_FOUND
   */
  rowsOf(step: number): StepRows[] {
    checkStep(step, 'step', 'rowsOf()')
    return rowsOfStep(new RunView(this.recording), step)
  }

  private refOf(name: string, range: { from: number; to: number }): number {
    const bearer = this.lookup.bearerOf(name, range.from, range.to) ?? this.lookup.bearerOf(name, 1, range.to)
    if (bearer === null) {
      const names = this.lookup.names()
      throw new TapeError(
        'VARIABLE_NOT_FOUND',
        `run "${this.name}" has no variable named "${name}"${names.length === 0 ? '; none has a name' : `; it has ${list(names)}`}`,
      )
    }
    return bearer.ref
  }

  private checkedPosition(position: number): number {
    this.reader.event(this.id, positionOf(position)) // throws when there is none
    return position
  }

  /** The position as of which a variable is wanted: the step's first call that reads it; else the end of the step or run. */
  private readAt(ref: number, range: { from: number; to: number } | null): number {
    if (range === null) return this.lastPosition + 1
    return this.lookup.firstReader(ref, range.from, range.to) ?? range.to + 1
  }
}

/** How `past.follow` looks at a run. */
export interface FollowOptions {
  everyMs?: number
  signal?: AbortSignal
  from?: number | 'recent'
  /** Told after each look of the last step that was looked at, and of the first. */
  onLook?: (step: number, from: number) => void
}

/** Looking at more takes longer than a few seconds. */
const RECENT_EVENTS = 2_000_000

function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal?.addEventListener('abort', done)
    if (signal?.aborted === true) done()
  })
}

/** Which steps there are is for the tape to say. */
function checkStep(step: number, name: string, what: string): void {
  if (typeof step !== 'number')
    throw new TapeError(
      'BAD_ARGUMENT',
      `${what} expected ${name} to be the number of a step, got ${valueText(step)}`,
    )
}

function checkOrder(from: number | undefined, to: number | undefined, what: string): void {
  if (from !== undefined && to !== undefined && to < from)
    throw new TapeError('BAD_ARGUMENT', `${what} expected steps in ascending order, got ${from} to ${to}`)
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, 12).map((name) => `"${name}"`)
  return names.length > 12 ? `${shown.join(', ')} and ${names.length - 12} more` : shown.join(', ')
}
