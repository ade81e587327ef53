/// <reference lib="esnext.disposable" preserve="true" />
/** A run being recorded: the recorder, the stream and the writer of one computation, wired together. */

import os from 'node:os'
import process from 'node:process'
import type { Observable } from 'rxjs'
import { currentKernel, type Kernel, useKernel } from '../array/kernel.js'
import { type KernelName, setKernel } from '../array/kernel-choice.js'
import { nativeWay } from '../array/native/library.js'
import { seedRandom } from '../array/random.js'
import { refuseOtherCopy, runBegins, runEnds } from '../copies.js'
import { allDetectors } from '../detectors/all.js'
import type { Detector } from '../detectors/detector.js'
import { TapeError, valueText } from '../errors.js'
import { BATCH_LIMITS, type BatchLimits, STRICT_LIMITS } from '../events/batch-limits.js'
import { type Capture, CapturePolicy, checkCapture } from '../events/capture.js'
import { isRecord, isStorable, storable } from '../events/checks.js'
import { type Plain, positionOf, type RunStarted, type TapeEvent } from '../events/event.js'
import { PACKING } from '../events/packing.js'
import { EventStream } from '../events/stream.js'
import { checkText } from '../events/validate.js'
import { mode, withScope } from '../graph/mode.js'
import { epochUnderWay, type OpenEpoch } from '../graph/open-epochs.js'
import { finished, refuseLaterWork } from '../graph/unfinished.js'
import { forgetNumbers, Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { CallSites } from '../recorder/call-sites.js'
import { CheckpointSchedule } from '../recorder/checkpoint-schedule.js'
import { StreamRecorder } from '../recorder/stream-recorder.js'
import type { Connection } from '../store/format/connection.js'
import { sqliteError } from '../store/format/database.js'
import type { SameFile } from '../store/format/file-identity.js'
import { RunLock } from '../store/format/run-lock.js'
import { RunWriter } from '../store/write/run-writer.js'
import type { WritingThread } from '../store/write/writing-thread.js'
import { beginRecording, continueRecording, endRecording, openRecorders } from './recording-context.js'
import { RunWatches } from './run-watch.js'
import { ENGINE_VERSION } from './version.js'
import type { OwnDetector, RunWatch, WatchOptions } from './watch-options.js'

export interface RunOptions {
  /** How much is stored; see `Capture`. Default 'replayable': everything else follows from it by replay. */
  capture?: Capture
  /** The kernel that computes until the run ends; the one in use when not given. */
  kernel?: KernelName
  /** Seed of the run's random numbers, kept on the tape; when given, the generator begins anew from it. Default 0. */
  seed?: number
  /** Whatever describes the run; plain data. */
  config?: { readonly [key: string]: Plain }
  /**
   * What is lost when the process is killed (SIGKILL, a power cut) in the middle of the run. However else it ends, nothing is:
   * neither by `process.exit`, nor by an exception, nor by `terminate()` of a worker thread that records, nor by a signal that asks
   * for an end (Ctrl-C, SIGTERM, SIGHUP), once the run is older than a twentieth of a second and its second thread is up.
   *
   *   'strict'  nothing that a call returned from: each event is on the disk before the call that made it returns,
   *             which takes as long as the disk does, a third of a millisecond or more
   *   'batch'   what has not reached the disk yet (the default). While the disk keeps up that is the last 0.4 s, also when the
   *             program computes for long and records nothing; of a run's first twentieth of a second, what came before a
   *             computation of that kind waits for its end. When the disk does not keep up, it is at most eight batches, the
   *             one being filled among them: 65,536 events; 8 MiB of words and 16 MiB of arrays, unless a single event is larger
   */
  durability?: 'strict' | 'batch'
  /** @internal For a fork: what it goes on from. */
  parent?: RunStarted['parent']
  /** @internal How many events and bytes make a batch. */
  batch?: BatchLimits
  /** @internal A checkpoint after each such number of steps, instead of when time has come. */
  checkpointEvery?: number
}

const DEFAULT_CAPTURE: Capture = 'replayable'

/**
 * A run being recorded: from `tape.startRun(name)` until `finish()` every call, gradient and assignment of this process is an
 * event on the tape.
 */
export class Run {
  /** The name it was started with; names may repeat, ids do not. */
  readonly name: string
  /**
   * Every event of the run from now on, each before the call that made it returns. Whoever listens may log, note and assign. Calls of
   * functions in the middle of a pass with createGraph would look like those of the pass, and a replay could not tell them apart: compute
   * after the pass, or in a hook (`variable.onGradient`).
   */
  readonly events$: Observable<TapeEvent>
  private readonly stream: EventStream
  private readonly recorder: StreamRecorder
  private readonly writer: RunWriter
  private readonly startedMs = performance.now()
  private readonly onEnd: (run: Run) => void
  private readonly checkpoints: CheckpointSchedule
  private readonly keepsCheckpoints: boolean
  /** Where the step under way began. */
  private stepPosition = 0
  private ended = false
  /** RunFinished was appended, though perhaps not yet written. */
  private endTold = false
  private abandoned = false
  /** Says to others that this run is being recorded; null for a tape in memory. */
  private lock: RunLock | null = null
  /** What to put back at the end, when the run chose its kernel. */
  private kernelBefore: Kernel | null = null
  private watches: RunWatches | null = null
  /** A metric was NaN or infinite, and detectors have been asked about it. */
  /** The epoch that the tape was told of last. */
  private epochTold: OpenEpoch | null = null
  private hasOddMetric = false
  private oddMetricSeen = false

  /** @internal Use `tape.startRun`. */
  constructor(
    db: Connection,
    file: SameFile | null,
    thread: WritingThread | null,
    name: string,
    options: RunOptions,
    onEnd: (run: Run) => void,
  ) {
    this.name = checkedName(name, 'startRun')
    this.onEnd = onEnd
    checkRunOptions(options)
    if (options.kernel !== undefined) this.kernelBefore = setKernel(options.kernel)
    const first = started(name, options)
    const strict = options.durability === 'strict'
    this.stream = new EventStream(strict ? STRICT_LIMITS : options.batch)
    this.events$ = this.stream.events$
    this.writer = new RunWriter(db, file, name, this.stream, strict ? null : thread)
    const policy = new CapturePolicy(options.capture ?? DEFAULT_CAPTURE)
    this.keepsCheckpoints = policy.keepsValues
    this.checkpoints = new CheckpointSchedule(options.checkpointEvery ?? null)
    this.recorder = new StreamRecorder(
      this.stream,
      policy,
      openRecorders,
      policy.keepsSites ? new CallSites() : null,
    )
    if (options.seed !== undefined) seedRandom(options.seed)
    try {
      this.stream.append(first)
      this.writeAll()
      this.lock = file === null ? null : RunLock.take(file.path, this.id)
    } catch (error) {
      this.putKernelBack()
      throw sqliteError(error, `starting run ${valueText(name)}`)
    }
    // Alone, it records the same whatever this process has computed before. Beside another run nothing is forgotten, as what
    // that one records would then depend on when this one begins.
    if (openRecorders.length === 0) forgetNumbers()
    beginRecording(this.recorder)
    runBegins()
  }

  /** The run's number in the tape. */
  get id(): number {
    return this.writer.id
  }

  /** The position of the latest event. */
  get position(): number {
    return this.stream.position
  }

  /** The step under way; 0 before the first. */
  get currentStep(): number {
    return this.stream.step
  }

  /** Whether it has ended, in whatever way. */
  get finished(): boolean {
    return this.ended
  }

  /**
   * Begins the next step and gives its number; the first is 1. Where several runs are open, this one records from here on,
   * in this asynchronous context: loops that take turns at their awaits each have their own calls.
   */
  step(...nothing: readonly never[]): number {
    if (nothing.length > 0) {
      throw new TapeError(
        'BAD_ARGUMENT',
        `run.step() takes no argument, got ${valueText(nothing[0])}; steps count from 1 by themselves`,
      )
    }
    this.checkOpen()
    if (mode.inPass)
      throw new TapeError(
        'BAD_ARGUMENT',
        'run.step() expected no backward pass to be under way, and was called by a hook or a listener in the middle of one; call it before or after',
      )
    if (this.watches !== null) this.tellFindings(this.watches)
    continueRecording(this.recorder)
    this.tellEpoch()
    this.stream.stepStarted(this.elapsedMs())
    const { step, position } = this.stream
    this.stepPosition = position
    if (this.keepsCheckpoints && this.checkpoints.isDue(step, position, this.recorder.elementsComputed))
      this.takeCheckpoint()
    this.throwFailure()
    return step
  }

  /** Tells the tape of an epoch before the first step that uses a batch of it. */
  private tellEpoch(): void {
    const place = epochUnderWay(this.recorder)
    if (place === null || place === this.epochTold) return
    this.epochTold = place
    const { data, epoch, batch, batches, batchSize, dataset, part } = place
    const position = positionOf(this.recorder.knownRef(data)) || null
    const told = { epoch, batch, batches, batchSize, data: position, dataset, part }
    this.stream.append({ type: 'EpochStarted', ...told })
  }

  /**
   * Logs numbers of this step. A Variable of one element is logged by its value and, unless it has a name, gets this one,
   * by which `past.variable(name, { step })` finds it.
   */
  log(metrics: { readonly [name: string]: number | Variable }): void {
    if (!isRecord(metrics, 0))
      throw new TapeError('BAD_ARGUMENT', `run.log expected an object of numbers, got ${valueText(metrics)}`)
    this.checkOpen()
    const names = Object.keys(metrics)
    // Read once, as a getter may give another thing each time.
    const values = names.map((name) => metrics[name]!)
    for (let i = 0; i < names.length; i++) checkMetric(names[i]!, values[i])
    for (let i = 0; i < names.length; i++) {
      const [name, metric] = [names[i]!, values[i]!]
      if (typeof metric === 'number') {
        if (!Number.isFinite(metric)) this.hasOddMetric = true
        this.stream.metricLogged(name, metric, null)
        continue
      }
      const value = metric.item()
      if (!Number.isFinite(value)) this.hasOddMetric = true
      // The metric itself says that a variable of this step bears its name.
      if (metric.name === null && this.isOfThisStep(metric)) metric.setNameQuietly(name)
      else if (metric.name === null) this.during(() => (metric.name = name))
      this.stream.metricLogged(name, value, this.recorder.knownRef(metric) || null)
    }
    this.throwFailure()
  }

  /**
   * Has detectors look at the run while it is recorded, from its first event on: `run.watch([nonFinite(), lossSpike()])`. They work on
   * the thread that writes the tape, and see a step when it is written, up to half a second later; a metric that is NaN or infinite is
   * looked at before the next step begins. A tape in memory, and a run with `durability: 'strict'`, have no such thread: there they
   * work on this one.
   *
   * Gives   what was found so far; complete when the run has ended
   * Throws  BAD_ARGUMENT for what is no detector; RUN_FINISHED
   */
  watch(
    detectors: readonly (Detector | OwnDetector)[] = allDetectors(),
    options: WatchOptions = {},
  ): RunWatch {
    this.checkOpen()
    this.watches ??= new RunWatches(this.writer, this.events$, (text) =>
      this.stream.append({ type: 'NoteAdded', text }),
    )
    return this.watches.add(detectors, options)
  }

  private tellFindings(watches: RunWatches): void {
    if (this.hasOddMetric && !this.oddMetricSeen) {
      this.oddMetricSeen = true
      this.writeAll()
      this.writer.lookNow('step')
    }
    watches.tell()
    watches.throwIfStopped()
  }

  /** What the end shows is told before it is on the tape: nothing can be added afterwards. */
  private tellLastFindings(watches: RunWatches): void {
    this.writer.lookNow('run')
    watches.tell()
  }

  private isOfThisStep(variable: Variable): boolean {
    return openRecorders.length === 1 && positionOf(this.recorder.knownRef(variable)) > this.stepPosition
  }

  /** Adds a remark. */
  note(text: string): void {
    if (typeof text !== 'string')
      throw new TapeError('BAD_ARGUMENT', `run.note expected a string, got ${typeof text}`)
    this.checkOpen()
    this.stream.append({ type: 'NoteAdded', text })
    this.throwFailure()
  }

  /**
   * Runs `fn` with its calls noted as made in `name`; scopes nest with dots. Gives what `fn` returns.
   *
   * Throws  BAD_ARGUMENT when `fn` is asynchronous or a generator, or returns a promise; the scope is put back first
   */
  scope<T>(name: string, fn: () => T): T {
    checkText(name, 'the name of a scope')
    refuseLaterWork(fn, 'run.scope')
    return finished(withScope(mode.scope === '' ? name : `${mode.scope}.${name}`, fn), 'run.scope')
  }

  /**
   * Puts every event so far on the disk.
   *
   * Throws  what writing failed with; what failed is kept and tried again by the next `flush()` or `finish()`. To go on
   *         without the run, `abandon()` it
   */
  flush(): void {
    this.writeAll()
    this.writer.waitForThread()
  }

  private writeAll(): void {
    this.writer.retry()
    if (this.writer.failure === null) {
      this.stream.flush()
      this.writer.drain()
    }
    const { failure } = this.writer
    if (failure !== null) throw failure
  }

  /** Ends the run: everything is on the disk when the promise resolves. Ending it again changes nothing. */
  async finish(): Promise<void> {
    this.end('finished', null)
  }

  /** Ends the run as failed, with the reason. */
  async fail(error: unknown): Promise<void> {
    this.end('failed', reasonText(error))
  }

  /**
   * Gives the run up, when it cannot be written and the program wants to go on without it: nothing more is recorded or
   * written for it, and its end is not waited for. What is in the file stays; the run counts as interrupted. Events that
   * were not written yet are lost.
   */
  abandon(): void {
    if (this.ended) return
    this.abandoned = true
    this.deactivate()
    this.writer.abandon()
    this.close()
  }

  /** For `await using run = …`: ends the run when the block is left, as interrupted when it is not ended by then. */
  async [Symbol.asyncDispose](): Promise<void> {
    this[Symbol.dispose]()
  }

  /** For `using run = …`: as the asynchronous one. */
  [Symbol.dispose](): void {
    if (!this.ended) this.end('interrupted', null)
  }

  /** @internal Whether all its events are in the file. */
  get isWritten(): boolean {
    return this.stream.packer.waiting === 0 && this.writer.isDone
  }

  /** @internal Ends the run at once; what `finish`, `fail` and the end of the process have in common. */
  end(status: 'finished' | 'failed' | 'interrupted', error: string | null): void {
    if (this.abandoned) throw this.isOver()
    if (this.ended) return
    this.writeAll()
    const told = this.endTold
    if (this.watches !== null && !told) this.tellLastFindings(this.watches)
    this.endTold = true
    this.deactivate()
    if (!told) this.stream.append({ type: 'RunFinished', status, error, elapsedMs: this.elapsedMs() })
    this.writeAll() // when it throws, the last event waits, and finish() may be called again
    this.writer.close()
    this.close()
  }

  private close(): void {
    if (!this.ended) runEnds()
    this.ended = true
    this.lock?.release()
    this.stream.complete()
    this.watches?.close()
    this.recorder.close()
    this.onEnd(this)
  }

  private deactivate(): void {
    endRecording(this.recorder)
    this.putKernelBack()
  }

  private putKernelBack(): void {
    if (this.kernelBefore !== null) useKernel(this.kernelBefore)
    this.kernelBefore = null
  }

  /** Runs `fn` with this run recording, though another may have begun inside it. */
  private during(fn: () => void): void {
    const { recorder } = mode
    mode.recorder = this.recorder
    try {
      fn()
    } finally {
      mode.recorder = recorder
    }
  }

  private takeCheckpoint(): void {
    const bytes = this.recorder.takeCheckpoint()
    this.checkpoints.taken(this.stream.step, this.stream.position, this.recorder.elementsComputed, bytes)
  }

  private checkOpen(): void {
    if (this.ended || this.endTold) throw this.isOver()
  }

  private isOver(): TapeError {
    return new TapeError(
      'RUN_FINISHED',
      this.abandoned
        ? `run "${this.name}" was abandoned: what was not written by then is not on the tape; start another`
        : `run "${this.name}" is finished and takes no more events; start another`,
    )
  }

  /** Thrown when all events of an operation are taken; they wait in memory until they can be written. */
  private throwFailure(): void {
    const { failure } = this.stream
    if (failure !== null) throw failure
  }

  private elapsedMs(): number {
    return Math.round((performance.now() - this.startedMs) * 1000) / 1000
  }
}

function started(name: string, options: RunOptions): Omit<RunStarted, 'version' | 'position' | 'step'> {
  const { seed = 0, config = {}, capture = DEFAULT_CAPTURE, parent = null } = options
  return {
    type: 'RunStarted',
    name,
    seed,
    config,
    capture: capture as Plain,
    kernel: currentKernel().id,
    engine: ENGINE_VERSION,
    node: process.versions.node,
    v8: process.versions.v8,
    platform: [`${process.platform}-${process.arch}`, nativeWay() ?? ''].join(' ').trim(),
    host: os.hostname(),
    pid: process.pid,
    startedAt: new Date().toISOString(),
    parent,
    packing: PACKING,
  }
}

const OPTIONS = ['capture', 'kernel', 'seed', 'config', 'durability', 'parent', 'batch', 'checkpointEvery']

function checkRunOptions(options: RunOptions): void {
  checkOptions(options, OPTIONS, 'startRun')
  const { capture = DEFAULT_CAPTURE, seed = 0, durability = 'batch' } = options
  checkCapture(capture)
  if (durability !== 'strict' && durability !== 'batch') {
    throw new TapeError(
      'BAD_ARGUMENT',
      `durability expected 'strict' or 'batch', got ${valueText(durability)}`,
    )
  }
  if (options.batch !== undefined) checkBatchLimits(options.batch)
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new TapeError('BAD_ARGUMENT', `seed expected an integer from 0, got ${String(seed)}`)
}

function checkBatchLimits(limits: BatchLimits): void {
  checkOptions(limits, Object.keys(BATCH_LIMITS), 'batch')
  for (const name of Object.keys(BATCH_LIMITS) as (keyof BatchLimits)[])
    if (!(typeof limits[name] === 'number' && limits[name] > 0))
      throw new TapeError('BAD_ARGUMENT', `batch expected ${name} above 0, got ${valueText(limits[name])}`)
}

function checkMetric(name: string, metric: unknown): void {
  checkText(name, 'the name of a metric')
  refuseOtherCopy(metric, 'run.log')
  if (metric instanceof Variable)
    metric.item() // throws for more than one element
  else if (typeof metric !== 'number')
    throw new TapeError(
      'BAD_ARGUMENT',
      `run.log expected numbers or Variables of one element, got ${metric === null ? 'null' : typeof metric} for "${name}"`,
    )
}

/** Throws  BAD_ARGUMENT for what no run can be called */
export function checkedName(name: string, who: string): string {
  if (typeof name !== 'string' || name === '' || !isStorable(name))
    throw new TapeError('BAD_ARGUMENT', `${who} expected a name, got ${valueText(name)}`)
  return name
}

/** Why a run failed, in words. Whatever was thrown, the run can end with it: what a file cannot keep of it is replaced. */
function reasonText(error: unknown): string {
  try {
    return storable(error instanceof Error ? `${error.name}: ${error.message}` : String(error))
  } catch {
    return Object.prototype.toString.call(error) // what was thrown cannot be turned into a text
  }
}
