/**
 * A fork: the recorded calls of some steps, performed again from the state at the beginning of one, with something changed. Batches,
 * branches and random keys are those of the recording; no program is needed. Or the user's program gets the state and goes on itself.
 */
import { useKernel } from '../array/kernel.js'
import type { NDArray } from '../array/ndarray.js'
import { type RandomKey, setRandomState } from '../array/random.js'
import { TapeError, valueText } from '../errors.js'
import { type Capture, captureFrom, isReplayable } from '../events/capture.js'
import { type FunctionCalled, positionOf, type RunStarted } from '../events/event.js'
import { plainToText } from '../events/plain.js'
import { mode, unrecorded } from '../graph/mode.js'
import type { Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import type { PastGraph } from '../past/past-graph.js'
import type { Recording } from '../replay/replay-run.js'
import { kernelOf } from '../replay/run-kernel.js'
import {
  changedValue,
  changeTexts,
  type ForkOptions,
  type ForkReport,
  type ForkSink,
  plainOptions,
  type RecordedFork,
} from './fork-options.js'
import { ForkedRun } from './forked-run.js'
import { loaderPlace } from './loader-place.js'
import type { Loadable, Moment } from './moment.js'

/** What a program needs to go on from the beginning of a step. */
export interface ResumeTargets {
  /** Gets the parameters and buffers of its state dict; what the run froze or unfroze on its way is frozen or not as it was then. */
  model?: Loadable & { namedParameters?: () => ReadonlyMap<string, Variable> }
  /** Keeps its own settings, and gets the states that the run kept for its parameters. */
  optimizer?: Loadable
  /** Its `epoch` is set, and its seed where it has none of its own; `batch` of the answer says how many batches of that epoch were used. */
  loader?: { epoch: number; readonly length: number; seed?: number | null }
}

/** Where the program goes on. */
export interface Resumed {
  /** The step that comes next. */
  readonly step: number
  /** The epoch, and how many of its batches were used; null without a loader. */
  readonly epoch: number | null
  readonly batch: number | null
  /** The state that the default random generator was given; null where the tape does not say. */
  readonly random: RandomKey | null
}

/** A tape, as far as recording a fork needs it. */
export interface ForkTarget {
  runs(): readonly { readonly id: number }[]
  run(id: number): { readonly started: RunStarted; readonly lastPosition: number }
  startRun(
    name: string,
    options: ForkedRunOptions,
  ): ForkSink & {
    readonly id: number
    readonly finished: boolean
    note(text: string): void
    finish(): Promise<void>
    fail(error: unknown): Promise<void>
  }
}

interface ForkedRunOptions {
  readonly seed: number
  readonly config: RunStarted['config']
  readonly capture: Capture
  /** @internal */
  readonly parent?: RunStarted['parent']
}

/** A run at the beginning of a step, from where it can go on in another way. `past.fork({ step })` gives one. */
export class Fork {
  private readonly recording: Recording
  private readonly graph: PastGraph
  private readonly options: ForkOptions
  private readonly moment: Moment
  private readonly started: RunStarted

  /** @internal Use `past.fork`. */
  constructor(
    recording: Recording,
    graph: PastGraph,
    options: ForkOptions,
    momentAt: (step: number) => Moment,
  ) {
    checkOptions(
      options,
      ['step', 'set', 'gradients', 'dropRows', 'steps', 'at', 'value', 'gradient'],
      'fork()',
    )
    const { step, steps, dropRows } = options
    const count = recording.lookup.stepCount()
    if (!Number.isInteger(step) || step < 1 || step > count + 1)
      throw new TapeError(
        'BAD_ARGUMENT',
        `fork() expected a step from 1 to ${count + 1}, got ${valueText(step)}`,
      )
    if (steps !== undefined && (!Number.isInteger(steps) || steps < 1))
      throw new TapeError(
        'BAD_ARGUMENT',
        `fork() expected steps to be an integer from 1, got ${valueText(steps)}`,
      )
    if (dropRows?.some((row) => !Number.isInteger(row) || row < 0))
      throw new TapeError(
        'BAD_ARGUMENT',
        `fork() expected dropRows to be numbers of rows, got ${valueText(dropRows)}`,
      )
    this.started = recording.reader.event(recording.id, 1) as RunStarted
    if (!isReplayable(captureFrom(this.started.capture)))
      throw new TapeError(
        'VALUE_NOT_CAPTURED',
        `run "${recording.name}" was recorded with capture 'structure', which keeps no bytes, so there is nothing to go on from; record with 'replayable' to fork`,
      )
    this.recording = recording
    this.graph = graph
    this.options = plainOptions(options)
    this.moment = momentAt(step - 1)
    this.momentAt = momentAt
  }

  private readonly momentAt: (step: number) => Moment

  /**
   * Performs the recorded calls from the step on, with what was changed. Nothing is written.
   *
   * Throws  BAD_ARGUMENT for a change that meets nothing, and for a run that made gradients of gradients or replaced them by hooks;
   *         UNREGISTERED_FUNC, VALUE_NOT_CAPTURED; what a function throws that cannot work with the change
   */
  run(): ForkReport {
    const kernelBefore = useKernel(kernelOf(this.started))
    const { inPass } = mode
    mode.inPass = false // a hook may ask for it
    try {
      return unrecorded(() => {
        mode.linking = true
        return new ForkedRun(this.recording, this.graph, this.options, this.momentAt).run()
      })
    } finally {
      mode.inPass = inPass
      useKernel(kernelBefore)
    }
  }

  /**
   * The same, recorded as a new run of a tape that holds the run it goes on from (`tape.split([run], path)` makes one): so both can be
   * looked at, compared and replayed. The new run says in its `parent` which run and step it goes on from, and what was changed. Its steps count
   * from 1. The run that is forked does not change.
   *
   * name    of the new run; default: that of the run, and `-fork`
   * Throws  as `run`, after which the new run is a failed one; BAD_ARGUMENT when the tape does not hold the run; TAPE_READONLY
   */
  async record(
    tape: ForkTarget,
    { name = `${this.recording.name}-fork` }: { name?: string } = {},
  ): Promise<RecordedFork> {
    const { started, recording, options } = this
    const parent = tape.runs().find(({ id }) => isSame(tape.run(id), started, recording.lastPosition))?.id
    if (parent === undefined)
      throw new TapeError(
        'BAD_ARGUMENT',
        `record() expected a tape that holds run "${recording.name}", so that the new run can name it; tape.split([run], path) makes one`,
      )
    const changes = changeTexts(options)
    const kernelBefore = useKernel(kernelOf(started))
    const { linking, scope } = mode
    try {
      const run = tape.startRun(name, {
        seed: started.seed,
        config: started.config,
        capture: withoutSites(captureFrom(started.capture)),
        parent: { run: parent, step: options.step, changes },
      })
      try {
        run.note(
          `fork of run ${parent} at step ${options.step}: ${changes.length === 0 ? 'nothing changed' : changes.join(', ')}`,
        )
        mode.linking = true
        const report = new ForkedRun(recording, this.graph, options, this.momentAt, run).run()
        await run.finish()
        return { ...report, run: run.id, parent }
      } catch (error) {
        if (!run.finished) await run.fail(error)
        throw error
      }
    } finally {
      mode.linking = linking
      mode.scope = scope
      useKernel(kernelBefore)
    }
  }

  /**
   * Puts model, optimizer, loader and random generator where the run stood at the beginning of the step, so that the program goes on
   * as if nothing had happened. Changes (`set`) of variables are made.
   *
   * Throws  VARIABLE_NOT_FOUND, STATE_MISMATCH
   */
  resume({ model, optimizer, loader }: ResumeTargets = {}): Resumed {
    const { step } = this.options
    if (model !== undefined) {
      const state: Record<string, NDArray> = {}
      for (const name of Object.keys(model.stateDict())) state[name] = this.valueOf(name)
      model.loadStateDict(state)
      this.freeze(model)
    }
    if (optimizer !== undefined) this.loadOptimizer(optimizer)
    const place = loader === undefined ? null : this.placeOf(loader)
    if (loader !== undefined) {
      loader.epoch = place!.epoch
      // A run without a seed of its own went on with the generator as the program had left it; so does this one.
      if (loader.seed === null && this.started.seed !== 0) loader.seed = this.started.seed
    }
    const random = this.random()
    if (random !== null) setRandomState(random)
    return { step, epoch: place?.epoch ?? null, batch: place?.batch ?? null, random }
  }

  /** Where the loader stood at the beginning of the step: as the run says, or else as if each step had used one batch from the first on. */
  private placeOf(loader: { readonly length: number }): { epoch: number; batch: number } {
    const place = loaderPlace(this.recording, this.options.step)
    const batches = place?.used ?? this.options.step - 1
    const epoch = place?.told.epoch ?? 0
    return { epoch: epoch + Math.floor(batches / loader.length), batch: batches % loader.length }
  }

  private valueOf(name: string): NDArray {
    const change = this.options.set?.[name]
    const before = this.step1Value(name)
    return change === undefined ? before : changedValue(name, change, before, this.momentAt)
  }

  /** Before the first step a parameter may not be on the tape yet: then it is what it was made with. */
  private step1Value(name: string): NDArray {
    const { lookup, lastPosition } = this.recording
    const { position } = this.moment
    if (lookup.bearerOf(name, 1, position) !== null) return this.moment.value(name)
    const bearer = lookup.bearerOf(name, 1, lastPosition)
    return bearer === null
      ? this.moment.value(name)
      : this.graph.variable(bearer.ref, positionOf(bearer.ref) + 1).data
  }

  /** The program that goes on does not come by the step in which it would have frozen a layer. */
  private freeze(model: NonNullable<ResumeTargets['model']>): void {
    const { lookup, lastPosition, reader, id } = this.recording
    const { versions } = lookup
    if (versions.noneFrozen || typeof model.namedParameters !== 'function') return
    for (const [name, parameter] of model.namedParameters()) {
      const ref = lookup.bearerOf(name, 1, lastPosition)?.ref
      if (ref === undefined || !versions.isFrozenOnce(ref)) continue
      const made = reader.event(id, positionOf(ref))
      parameter.requiresGrad =
        versions.requiresGradAt(ref, this.moment.position + 1) ??
        (made.type === 'LeafCreated' && made.requiresGrad)
    }
  }

  private loadOptimizer(optimizer: Loadable): void {
    const { lookup } = this.recording
    const state: Record<string, NDArray> = { ...optimizer.stateDict() }
    const prefix = 'optimizer.'
    for (const name of lookup.names()) {
      if (!name.startsWith(prefix)) continue
      const bearer = lookup.bearerOf(name, 1, this.moment.position)
      if (bearer !== null) state[name.slice(prefix.length)] = this.moment.value(name)
    }
    optimizer.loadStateDict(state)
  }

  /** The next key that the run drew, or the one after the last. */
  private random(): RandomKey | null {
    const { reader, id, lastPosition } = this.recording
    const { position } = this.moment
    const keyOf = ({ attributes }: FunctionCalled): RandomKey | null => {
      const { seed, counter } = attributes
      return typeof seed === 'number' && typeof counter === 'number' ? { seed, counter } : null
    }
    const until = Math.min(lastPosition, position + 8192)
    for (const event of position < lastPosition ? reader.events(id, position + 1, until) : [])
      if (event.type === 'FunctionCalled' && keyOf(event) !== null) return keyOf(event)
    let last: RandomKey | null = null
    for (const event of reader.events(id, Math.max(1, position - 8192), position))
      if (event.type === 'FunctionCalled') last = keyOf(event) ?? last
    return last === null ? null : { seed: last.seed, counter: last.counter + 1 }
  }
}

/** Whether a run of another tape is a copy of the one that started so. */
function isSame(
  run: { started: RunStarted; lastPosition: number },
  started: RunStarted,
  events: number,
): boolean {
  return run.lastPosition >= events && plainToText(run.started, 'a run') === plainToText(started, 'a run')
}

/** The calls are made here, and not in the user's code. */
function withoutSites(capture: Capture): Capture {
  return typeof capture === 'string'
    ? { values: capture, gradients: capture, sites: false }
    : { ...capture, sites: false }
}
