/**
 * Recomputes a run, first event to last, and compares every event that comes out with the one on the tape.
 *
 * Replay drives the engine with what came from outside (leaves, assignments, calls by name, passes) under the same
 * recorder a live run has. What the engine then emits must be the tape's next events, bit for bit.
 */
import { currentKernel, useKernel } from '../array/kernel.js'
import { TapeError } from '../errors.js'
import { payloadOf } from '../events/append.js'
import { captureFrom, isReplayable } from '../events/capture.js'
import type {
  BackwardAborted,
  BackwardStarted,
  GradientComputed,
  GradientReplaced,
  Ref,
  RunStarted,
  TapeEvent,
} from '../events/event.js'
import { EventStream } from '../events/stream.js'
import type { Attributes } from '../graph/attributes.js'
import { backward, gradientsOf } from '../graph/backward.js'
import { mode } from '../graph/mode.js'
import { recreateFunc } from '../graph/registry.js'
import { gradientLike, Variable } from '../graph/variable.js'
import { toNDArray } from '../recorder/recorded-array.js'
import { type CheckpointState, NeedsEarlier } from './checkpoint-state.js'
import { differenceOf, functionOf, shown, whatOf } from './compare.js'
import { ReplayMemory } from './replay-memory.js'
import { ReplayPolicy, ReplayRecorder } from './replay-recorder.js'
import type { Divergence, ReplayOptions, ReplayReport } from './replay-report.js'
import { kernelOf } from './run-kernel.js'

function checkReplayable(started: RunStarted): void {
  if (isReplayable(captureFrom(started.capture))) return
  throw new TapeError(
    'VALUE_NOT_CAPTURED',
    "the run was recorded with capture 'structure', which keeps no bytes, so there is nothing to compute from; record with 'replayable' to replay",
  )
}

/** @internal Where a replay begins, and what it reads. */
export interface Origin {
  readonly started: RunStarted
  /** The events, from position `first` on. */
  readonly events: Iterable<TapeEvent>
  readonly first: number
  /** The step under way before `first`. */
  readonly step: number
  /** From position `first` on, the last position that refers to each. */
  readonly lastUses: Float64Array
  /** What stood before; null at the start of a run. */
  readonly before: CheckpointState | null
}

/** Progress is reported after this many events. */
const PROGRESS_EVERY = 4096

class Diverged extends Error {
  readonly divergence: Divergence

  constructor(divergence: Divergence) {
    super('diverged')
    this.divergence = divergence
  }
}

/** The recorded pass ended here in an exception. */
class Aborted extends Error {}

/** The tape ends in the middle of a pass, because its run or its process ended there, or is still at it. */
class EndOfTape extends Error {}

/**
 * @internal
 *
 * Throws  KERNEL_MISMATCH    the run was computed by a kernel that is not to be had here
 *         UNREGISTERED_FUNC  the run calls a function this process does not know
 */
export function replay(origin: Origin, options: ReplayOptions = {}): ReplayReport {
  const kernelBefore = useKernel(options.kernel ?? kernelOf(origin.started))
  const { recorder, linking, scope, inPass } = mode
  mode.inPass = false // a hook may ask for it
  try {
    return new Replay(origin, options).run()
  } finally {
    useKernel(kernelBefore)
    mode.recorder = recorder
    mode.linking = linking
    mode.scope = scope
    mode.inPass = inPass
  }
}

class Replay {
  private readonly stream: EventStream
  private readonly recorder: ReplayRecorder
  private readonly memory: ReplayMemory
  /** Events read and not yet compared. */
  private readonly ahead: TapeEvent[] = []
  private compared = 0
  private runEnded = false
  private abortedAsRecorded = false
  /** The pass under way. */
  private pass: BackwardStarted | null = null
  private kernel = currentKernel().id
  private readonly tape: Iterator<TapeEvent>
  private readonly origin: Origin
  private readonly options: ReplayOptions

  constructor(origin: Origin, options: ReplayOptions) {
    this.tape = origin.events[Symbol.iterator]()
    this.origin = origin
    this.options = options
    const { first, step } = origin
    this.stream = new EventStream(
      { eventsMax: 8192, bytesMax: 2 ** 25, ageMaxMs: Number.POSITIVE_INFINITY },
      { position: first - 1, step },
      false,
    )
    this.memory = new ReplayMemory(first, origin.lastUses, origin.before)
    const policy = new ReplayPolicy(captureFrom(origin.started.capture), origin.started.packing ?? 1)
    this.recorder = new ReplayRecorder(this.stream, policy, {
      identified: (variable, ref) => this.memory.remember(variable, ref),
      peek: (further) => this.peek(further),
      known: (ref) => this.memory.known(ref),
      stopIfAborted: () => this.stopIfAborted(),
      replacementFor: (ref) => this.replacementFor(ref),
    })
    if (origin.before !== null) origin.before.recorder = this.recorder
    // Thrown inside a subscriber an error would be lost; kept, it is thrown by the driver.
    this.stream.events$.subscribe((event) => this.compare(event))
  }

  run(): ReplayReport {
    mode.recorder = this.recorder
    checkReplayable(this.origin.started)
    try {
      for (let event = this.peek(); event !== null; event = this.peek()) {
        if (this.options.to !== undefined && event.step > this.options.to) break
        mode.recorder = this.recorder
        this.repeat(event)
        this.memory.forget(event, this.stream.position)
        this.tellProgress()
      }
      return this.report(null)
    } catch (thrown) {
      if (thrown instanceof NeedsEarlier) throw thrown
      if (this.failure instanceof EndOfTape) return this.report(null)
      const error = this.failure instanceof Diverged ? this.failure : thrown
      if (error instanceof Diverged) return this.report(error.divergence)
      throw error
    }
  }

  private report(divergence: Divergence | null): ReplayReport {
    return {
      verdict: divergence === null ? 'bit-exact' : 'diverged',
      from: this.origin.step,
      events: this.compared,
      kernel: this.kernel,
      divergence,
    }
  }

  private failure: unknown = null
  private told = 0

  private tellProgress(): void {
    if (this.compared - this.told < PROGRESS_EVERY) return
    this.told = this.compared
    this.options.onProgress?.(this.compared)
  }

  /** Has the engine emit an event again. */
  private repeat(event: TapeEvent): void {
    this.perform(event)
    if (this.failure !== null) throw this.failure
    if (this.stream.position < event.position)
      throw new Diverged(this.divergence(event, shown(event), 'nothing: the engine made no such event here'))
  }

  /** Does what the event tells of, so that the engine emits it again. */
  private perform(event: TapeEvent): void {
    switch (event.type) {
      case 'LeafCreated': {
        const array = event.value !== null ? toNDArray(event.value) : this.memory.array(event.source!, event)
        const leaf = new Variable(array, event.requiresGrad, event.role)
        leaf.setNameQuietly(event.name)
        this.recorder.adopt(leaf)
        return
      }
      case 'FunctionCalled': {
        const func = recreateFunc(event.function, event.attributes as Attributes)
        mode.linking = event.linked
        mode.scope = event.scope
        let outputs: Variable[] = []
        this.orDiverged(event, () => {
          outputs = func.applyList(event.inputs.map((ref) => this.memory.variable(ref, event)))
        })
        mode.linking = true
        this.options.probe?.({
          position: event.position,
          step: event.step,
          function: event.function,
          outputs,
        })
        return
      }
      case 'BackwardStarted': {
        const roots = event.roots.map((ref) => this.memory.variable(ref, event))
        const gradients = event.gradients.map((ref) =>
          ref === null ? undefined : this.memory.variable(ref, event),
        )
        const { createGraph, retainGrad } = event
        const { pass } = this
        this.pass = event
        try {
          if (event.targets === null) backward(roots[0]!, { gradient: gradients[0], createGraph, retainGrad })
          else {
            const targets = event.targets.map((ref) => this.memory.variable(ref, event))
            gradientsOf(roots, targets, gradients, createGraph)
          }
        } catch (error) {
          if (!this.abortedAsRecorded) throw error
        } finally {
          this.pass = pass
        }
        return
      }
      case 'GradientCleared': {
        const variable = this.memory.variable(event.variable, event)
        // No pass leaves one in a constant; what was assigned to it before this replay began is not here.
        if (variable.heldGrad !== null || variable.requiresGrad) variable.clearGrad()
        else this.recorder.gradientCleared(variable)
        return
      }
      case 'GradientAssigned': {
        const variable = this.memory.variable(event.variable, event)
        const gradient = gradientLike(this.memory.variable(event.gradient, event), variable, 'grad')
        // Not by `grad =`, which copies what is a gradient already: a tape of before may share one.
        variable.holdAssignedGrad(gradient)
        this.recorder.gradientAssigned(variable, gradient)
        return
      }
      case 'ValueAssigned':
        this.memory.variable(event.variable, event).data =
          event.value !== null ? toNDArray(event.value) : this.memory.array(event.source!, event)
        return
      case 'VariableNamed': {
        const variable = this.memory.variable(event.variable, event)
        variable.setNameQuietly(event.name)
        // A metric may have given it a name there that it does not have here; so this is a change, whatever it is called.
        this.recorder.variableNamed(variable)
        return
      }
      case 'VariableUnchained': {
        const variable = this.memory.variable(event.variable, event)
        // What was made before this replay began, or before the run, has no creator here, though it had one there.
        if (variable.creator === null) this.recorder.variableUnchained(variable)
        else variable.unchain()
        return
      }
      case 'RequiresGradSet':
        // Where it is that already, nothing is emitted: no run tells of what changes nothing.
        this.orDiverged(event, () => {
          this.memory.variable(event.variable, event).requiresGrad = event.requiresGrad
        })
        return
      case 'MetricLogged': {
        if (event.variable !== null) {
          const value = this.memory.variable(event.variable, event).item()
          if (this.options.compare !== undefined) {
            this.stream.append({ type: 'MetricLogged', name: event.name, value, variable: event.variable })
            return
          }
          if (!Object.is(value, event.value))
            throw new Diverged(this.divergence(event, String(event.value), String(value)))
        }
        this.stream.append(payloadOf(event))
        return
      }
      case 'CheckpointTaken':
        this.stream.append({
          type: 'CheckpointTaken',
          variables: event.variables,
          values: event.variables.map((ref) => this.memory.variable(ref, event).data),
        })
        return
      case 'RunStarted':
      case 'StepStarted':
      case 'NoteAdded':
      case 'EpochStarted':
      case 'RunFinished':
        this.stream.append(payloadOf(event))
        return
      case 'GradientComputed':
      case 'GradientReplaced':
      case 'BackwardAborted':
        throw new Diverged(
          this.divergence(event, shown(event), 'nothing: the backward pass computed no further gradient'),
        )
      default:
        event satisfies never
    }
  }

  /** Does something of the event that the engine refuses when the tape was changed. */
  private orDiverged(event: TapeEvent, perform: () => void): void {
    try {
      perform()
    } catch (error) {
      if (error instanceof Diverged || !(error instanceof TapeError)) throw error
      throw new Diverged(this.divergence(event, shown(event), `an error: ${error.message}`))
    }
  }

  /** Called for each event the engine emits. */
  private compare(got: TapeEvent): void {
    if (this.failure !== null) return
    try {
      const expected = this.take()
      if (expected === null && !this.runEnded) throw new EndOfTape()
      if (expected?.type === 'RunFinished' && got.type !== 'RunFinished' && this.pass !== null) {
        // A hook ended the run, or the process ended there.
        this.compared++
        throw new EndOfTape()
      }
      if (expected === null)
        throw new Diverged({
          position: got.position,
          step: got.step,
          what: whatOf(got),
          function: functionOf(got),
          expected: 'the end of the run',
          got: shown(got),
          part: null,
          element: null,
        })
      const difference = (this.options.compare ?? differenceOf)(expected, got)
      if (difference !== null)
        throw new Diverged({
          ...this.divergence(expected, difference.expected, difference.got),
          part: difference.part,
          element: difference.element,
        })
      this.compared++
      this.options.onEvent?.(got, expected)
      this.runEnded = expected.type === 'RunFinished'
      this.abortedAsRecorded = expected.type === 'BackwardAborted'
      // A pass with createGraph makes calls that nobody performs; where they were made stands in their events.
      const next = this.peek()
      if (next?.type === 'FunctionCalled') mode.scope = next.scope
    } catch (error) {
      this.failure = error
    }
  }

  private divergence(event: TapeEvent, expected: string, got: string): Divergence {
    return {
      position: event.position,
      step: event.step,
      what: whatOf(event),
      function: functionOf(event),
      expected,
      got,
      part: null,
      element: null,
    }
  }

  /** The event `further` places on from the next. */
  private peek(further = 0): TapeEvent | null {
    while (this.ahead.length <= further) {
      const next = this.tape.next()
      if (next.done === true) return null
      this.ahead.push(next.value)
    }
    return this.ahead[further]!
  }

  private take(): TapeEvent | null {
    const event = this.peek()
    this.ahead.shift()
    return event
  }

  /** Ends the pass under way when the tape says that it ended here. */
  private stopIfAborted(): void {
    if (this.failure === null && this.peek()?.type === 'BackwardAborted') throw new Aborted()
  }

  /**
   * Does what hooks and listeners of the recorded program did before the gradient of `ref` was kept, which nobody but the tape can
   * perform. Gives what a hook put in the place of the gradient; null for nothing.
   */
  private replacementFor(ref: Ref): Variable | null {
    const end = this.endOfHooks(ref)
    if (end !== null) {
      const { recorder, linking, scope } = mode
      mode.recorder = this.recorder
      try {
        while (this.peek() !== end) this.repeat(this.peek()!)
      } finally {
        Object.assign(mode, { recorder, linking, scope })
      }
      this.stopIfAborted()
    }
    const next = this.peek()
    if (next?.type !== 'GradientReplaced' || next.variable !== ref || !this.isOfPass(next)) return null
    return this.memory.variable(next.gradient, next)
  }

  /** The first event that the pass under way makes by itself; null when it is the next one, and when that cannot be told. */
  private endOfHooks(ref: Ref): TapeEvent | null {
    let further = 0
    for (; further <= HOOK_EVENTS_MAX; further++) {
      const event = this.peek(further)
      if (event === null || event.type === 'StepStarted') break
      // Without createGraph the pass makes nothing but gradients. With it, it makes calls, too: those of a hook stand before what replaces
      // the gradient.
      if (!this.isOfPass(event)) continue
      const isOurs = event.type === 'BackwardAborted' || event.variable === ref
      const isEnd = isOurs && (!this.pass!.createGraph || event.type === 'GradientReplaced')
      if (isEnd) return further === 0 ? null : event
      break
    }
    if (this.pass?.createGraph !== true) return null
    for (further = 0; ; further++) {
      const event = this.peek(further)
      if (event === null || !OF_PROGRAMS.has(event.type)) return further === 0 ? null : event
    }
  }

  private isOfPass(event: TapeEvent): event is GradientComputed | GradientReplaced | BackwardAborted {
    const isMade =
      event.type === 'GradientComputed' ||
      event.type === 'GradientReplaced' ||
      event.type === 'BackwardAborted'
    return isMade && event.pass === this.pass?.position
  }
}

/** Hooks are looked for so far ahead: a pass that ends with gradients that the tape does not have is followed by anything. */
const HOOK_EVENTS_MAX = 256

/** What no pass makes by itself. */
const OF_PROGRAMS: ReadonlySet<TapeEvent['type']> = new Set([
  'GradientAssigned',
  'GradientCleared',
  'MetricLogged',
  'NoteAdded',
  'ValueAssigned',
  'VariableNamed',
  'VariableUnchained',
])
