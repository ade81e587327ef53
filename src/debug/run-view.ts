/** A run as the debugging questions see it: its steps, names and values, each read or computed once. */
import type { NDArray } from '../array/ndarray.js'
import { StepEvents } from '../detectors/step-events.js'
import { TapeError } from '../errors.js'
import type { CallSite } from '../events/call-site.js'
import { captureFrom, isReplayable } from '../events/capture.js'
import {
  type LeafCreated,
  positionOf,
  type Ref,
  type RunStarted,
  slotOf,
  type TapeEvent,
} from '../events/event.js'
import { PastGraph } from '../past/past-graph.js'
import { toNDArray } from '../recorder/recorded-array.js'
import type { Recording } from '../replay/replay-run.js'
import type { Block } from '../store/read/block-reader.js'
import { RunRows } from '../store/read/run-rows.js'
import { SiteLookup } from '../store/read/site-lookup.js'
import { type BackwardValues, backwardValues } from './backward-values.js'
import type { RunSteps } from './run-steps.js'
import { StepShapes, type Stretch } from './step-shapes.js'
import { StepValues } from './step-values.js'

const KEPT_STEPS_MAX = 64
/** Events of first steps that are kept, some 60 MB: every detector goes through them. */
const KEPT_LIKES_EVENTS = 150_000
const KEPT_BACKWARD_MAX = 4

export class RunView implements RunSteps {
  readonly recording: Recording
  readonly graph: PastGraph
  readonly rows: RunRows
  readonly lastPosition: number
  readonly stepCount: number
  readonly started: RunStarted
  /** Whether steps can be computed again, as far as the capture goes. */
  readonly isReplayable: boolean
  /** What could not be looked at, each with its reason. */
  readonly skipped = new Map<string, string>()
  /** How many steps were computed again. */
  stepsReplayed = 0
  private readonly keptLikes = new Map<number, StepEvents>()
  private keptEvents = 0
  private readonly keptSteps = new Map<number, StepEvents>()
  private readonly keptValues = new Map<number, StepValues | null>()
  private readonly keptBackward = new Map<string, BackwardValues | null>()
  private readonly names = new Map<Ref, string | null>()
  private sites: SiteLookup | null = null
  private knownShapes: StepShapes | null = null
  /** Steps with checkpoints, the last one first. */
  private checkpoints: number[] | null = null

  constructor(recording: Recording) {
    this.recording = recording
    // Its own: what passes leave here is nobody else's gradient.
    this.graph = new PastGraph(recording)
    this.rows = new RunRows(recording.reader.db, recording.id)
    this.lastPosition = recording.lastPosition
    this.stepCount = recording.lookup.stepCount()
    this.started = recording.reader.event(recording.id, 1) as RunStarted
    this.isReplayable = isReplayable(captureFrom(this.started.capture))
  }

  get shapes(): StepShapes {
    this.knownShapes ??= new StepShapes(this.rows, this.lastPosition)
    return this.knownShapes
  }

  /**
   * The stretches of alike steps, each with the events of the first step that was like them: functions, settings and what lies
   * far back (parameters) are those of every step, numbers and positions are not. The events themselves give `step(stretch.from)`.
   */
  *stretches(): Generator<{ stretch: Stretch; like: StepEvents }> {
    for (const stretch of this.shapes.stretches) {
      let like = this.keptLikes.get(stretch.shape)
      if (like === undefined) {
        like = this.step(stretch.from)
        // What is full drops nothing: they are asked for in the same order each time, so what was dropped would be the next.
        if (this.keptEvents + like.events.length <= KEPT_LIKES_EVENTS) {
          this.keptEvents += like.events.length
          this.keptLikes.set(stretch.shape, like)
        }
      }
      yield { stretch, like }
    }
  }

  /** The events of a step. */
  step(step: number): StepEvents {
    let known = this.keptSteps.get(step)
    if (known === undefined) {
      const { from, to } = this.recording.lookup.stepRange(step, this.lastPosition)
      known = new StepEvents(step, [...this.recording.reader.events(this.recording.id, from, to, false)])
      if (this.keptSteps.size >= KEPT_STEPS_MAX)
        this.keptSteps.delete(this.keptSteps.keys().next().value as number)
      this.keptSteps.set(step, known)
    }
    return known
  }

  event(position: number): TapeEvent {
    return this.recording.reader.event(this.recording.id, position)
  }

  /** The last step up to this one whose values take least to be computed again: the one after a checkpoint; this one where there is none. */
  afterCheckpoint(step: number): number {
    this.checkpoints ??= this.recording.lookup
      .checkpointsBefore(this.lastPosition + 1)
      .map((position) => this.event(position).step)
    // What a step reads was made in the step before it, which is computed, too.
    const found = this.checkpoints.find((one) => one < step && one > 0)
    return found === undefined ? step : found + 1
  }

  /** The blocks of steps `from` to `to`. */
  blocksOf(from: number, to: number): Block[] {
    const { lookup } = this.recording
    const first = lookup.stepRange(from, this.lastPosition).from
    const last = lookup.stepRange(to, this.lastPosition).to
    return this.rows.blocks(first, last).filter(({ step }) => step >= from && step <= to)
  }

  /** The leaf that a ref is; null for anything else. */
  leafOf(ref: Ref): LeafCreated | null {
    const event = this.event(positionOf(ref))
    return event.type === 'LeafCreated' ? event : null
  }

  /** Where in the user's code the call at a position was made; null where the tape does not say. */
  siteOf(position: number): CallSite | null {
    this.sites ??= new SiteLookup(this.recording.reader.db, this.recording.id)
    return this.sites.siteOf(position)
  }

  /** The name of a variable; null for none. */
  nameOf(ref: Ref): string | null {
    let name = this.names.get(ref)
    if (name === undefined) {
      name = this.recording.lookup.nameOf(ref)
      this.names.set(ref, name)
    }
    return name
  }

  /** The name of a variable, or `#17`. */
  label(ref: Ref): string {
    return this.nameOf(ref) ?? `#${positionOf(ref)}${slotOf(ref) === 0 ? '' : `.${slotOf(ref)}`}`
  }

  /** What the calls and passes of a step made, from the tape or computed again; null when that cannot be, which is then noted. */
  values(step: number): StepValues | null {
    let known = this.keptValues.get(step)
    if (known === undefined) {
      known = this.attempt('the values of steps', () => StepValues.of(this, step))
      this.keptValues.set(step, known)
      // At most two steps are looked at together; keeping more would waste memory.
      for (const old of this.keptValues.keys()) {
        if (this.keptValues.size <= 4) break
        this.keptValues.delete(old)
      }
    }
    return known
  }

  /** The array that a call at position `at` reads under `ref`. */
  valueRead(ref: Ref, at: number): NDArray {
    return this.graph.variable(ref, at).data
  }

  /** The gradients of a step's pass, of intermediate variables too; null when they cannot be computed again, which is noted. */
  backward(step: number, pass?: number): BackwardValues | null {
    const key = `${step} ${pass ?? ''}`
    let known = this.keptBackward.get(key)
    if (known === undefined) {
      known = this.attempt('gradients of what lies between', () => backwardValues(this, step, pass))
      if (this.keptBackward.size >= KEPT_BACKWARD_MAX) this.keptBackward.clear()
      this.keptBackward.set(key, known)
    }
    return known
  }

  /** What `look` gives; null when the tape cannot tell, which is then noted as not looked at. */
  attempt<T>(what: string, look: () => T): T | null {
    try {
      return look()
    } catch (error) {
      if (!(error instanceof TapeError)) throw error
      this.skipped.set(what, error.message)
      return null
    }
  }

  /** The array of a recorded value; null for one that is not on the tape. */
  static array(event: { readonly value: Parameters<typeof toNDArray>[0] | null }): NDArray | null {
    return event.value === null ? null : toNDArray(event.value)
  }
}
