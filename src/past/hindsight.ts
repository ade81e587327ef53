/**
 * Values that were not stored: the step that made them is computed again, from the nearest checkpoint, and everything on
 * the way is compared with the tape. So what it gives is what the run had, or it says where the replay parts from it.
 */
import type { NDArray } from '../array/ndarray.js'
import { TapeError } from '../errors.js'
import { positionOf, type RecordedArray, type Ref, refOf, slotOf, type TapeEvent } from '../events/event.js'
import { toNDArray } from '../recorder/recorded-array.js'
import { differenceOf } from '../replay/compare.js'
import { type Recording, replayRun } from '../replay/replay-run.js'

/** Bytes of recomputed steps that are kept for the next question. */
const KEPT_BYTES_MAX = 128 * 2 ** 20

/** Who asks for steps one after the other is likely to ask for the next: so many are computed at once, at most. */
const WINDOW_MAX = 64

/** What a step computed: outputs of calls by ref, gradients by the position of their event. */
interface ComputedStep {
  outputs: Map<Ref, RecordedArray>
  bytes: number
}

export class Hindsight {
  private readonly recording: Recording
  /** The latest asked for last. */
  private readonly steps = new Map<number, ComputedStep>()
  private bytes = 0
  /** Whoever asks for one value of a step asks for more of them. */
  private latest: ComputedStep | null = null
  /** The steps that were computed last, and how many were asked for one after the other before. */
  private window = { from: 0, to: -1, size: 1 }

  constructor(recording: Recording) {
    this.recording = recording
  }

  /**
   * What the call or gradient behind `ref` made (of a gradient, what the variable held after it).
   *
   * Throws  REPLAY_DIVERGED, KERNEL_MISMATCH, UNREGISTERED_FUNC; VALUE_NOT_CAPTURED when the tape cannot be replayed
   */
  value(ref: Ref): NDArray {
    const known = this.latest?.outputs.get(ref)
    if (known !== undefined) return toNDArray(known)
    const { reader, lookup, id } = this.recording
    const event = reader.event(id, positionOf(ref))
    const part = event.type === 'GradientComputed' && event.held === 'accumulated' ? 1 : slotOf(ref)
    const materialized = lookup.materialized(event.position, part)
    if (materialized !== null) return toNDArray(materialized)
    const value = this.step(event.step).outputs.get(ref)
    if (value === undefined)
      throw new TapeError(
        'VALUE_NOT_CAPTURED',
        `the value made at position ${positionOf(ref)} of run "${this.recording.name}" was not captured, and a replay did not make it`,
      )
    return toNDArray(value)
  }

  private step(step: number): ComputedStep {
    const computed = this.steps.get(step) ?? this.compute(step)
    this.latest = computed
    this.steps.delete(step)
    this.steps.set(step, computed)
    for (const [old, { bytes }] of this.steps) {
      if (this.bytes <= KEPT_BYTES_MAX || old === step) break
      this.steps.delete(old)
      this.bytes -= bytes
    }
    return computed
  }

  /**
   * Computes a step, and where steps are asked for in order, up or down, the next few with it: each replay begins at a checkpoint, so
   * that step by step every one of them would be computed again for each of those behind it.
   */
  private compute(step: number): ComputedStep {
    const { from, to } = this.nextWindow(step)
    let computed: Map<number, ComputedStep>
    try {
      computed = this.computeSteps(from, to)
    } catch (error) {
      // What is wrong with another step is told to whoever asks for that one.
      if (from === to || !(error instanceof TapeError)) throw error
      this.window = { from: step, to: step, size: 1 }
      computed = this.computeSteps(step, step)
    }
    const own = computed.get(step)
    if (own === undefined)
      throw new TapeError(
        'VALUE_NOT_CAPTURED',
        `step ${step} of run "${this.recording.name}" computed nothing`,
      )
    for (const [each, one] of computed) {
      this.bytes += one.bytes - (this.steps.get(each)?.bytes ?? 0)
      this.steps.set(each, one)
    }
    return own
  }

  /** The steps to compute for one that is asked for: more each time that it lies just behind or before those of last time. */
  private nextWindow(step: number): { from: number; to: number } {
    const { window, recording } = this
    const isNext = step === window.to + 1
    const isBefore = step === window.from - 1
    const kept = this.steps.get(step - 1) ?? this.steps.get(step + 1)
    const most = Math.min(WINDOW_MAX, Math.floor(KEPT_BYTES_MAX / 2 / (kept?.bytes ?? KEPT_BYTES_MAX)))
    const size = isNext || isBefore ? Math.max(1, Math.min(2 * window.size, most)) : 1
    const from = isBefore ? Math.max(0, step - size + 1) : step
    const to = isNext ? Math.min(recording.lookup.stepCount(), step + size - 1) : step
    this.window = { from, to, size }
    return { from, to }
  }

  private computeSteps(from: number, to: number): Map<number, ComputedStep> {
    const computed = new Map<number, ComputedStep>()
    recompute(this.recording, from, to, (event) => {
      if (event.step < from || event.step > to) return
      if (event.type === 'FunctionCalled')
        event.outputs.forEach((output, slot) => {
          keep(computed, event.step, refOf(event.position, slot), output.value)
        })
      else if (event.type === 'GradientComputed')
        keep(
          computed,
          event.step,
          event.position,
          event.held === 'accumulated' ? event.accumulated : event.contribution,
        )
    })
    return computed
  }
}

function keep(
  computed: Map<number, ComputedStep>,
  step: number,
  ref: Ref,
  value: RecordedArray | null,
): void {
  if (value === null) return
  let one = computed.get(step)
  if (one === undefined) {
    one = { outputs: new Map(), bytes: 0 }
    computed.set(step, one)
  }
  one.outputs.set(ref, value)
  one.bytes += 64 + value.size * 8
}

/**
 * Computes steps `from` to `to` again, starting before them where it must; `onEvent` sees every
 * event, as recomputed (with all arrays) and as recorded.
 *
 * isCompared  which events must come out as they stand on the tape; all, when not given
 * Throws  REPLAY_DIVERGED names the first event in which the replay differs from the tape
 */
export function recompute(
  recording: Recording,
  from: number,
  to: number,
  onEvent: (got: TapeEvent, expected: TapeEvent) => void,
  isCompared?: (expected: TapeEvent) => boolean,
): void {
  const { divergence } = replayRun(recording, {
    from,
    to,
    ...(isCompared === undefined
      ? {}
      : {
          compare: (expected: TapeEvent, got: TapeEvent) =>
            isCompared(expected) ? differenceOf(expected, got) : null,
        }),
    onEvent: (got, expected) => {
      recording.onRecompute?.(got.position, got.step)
      onEvent(got, expected)
    },
  })
  if (divergence === null) return
  throw new TapeError(
    'REPLAY_DIVERGED',
    `event ${divergence.position} (${divergence.what}, step ${divergence.step}) of run "${recording.name}" came out differently when it was computed again: expected ${divergence.expected}, got ${divergence.got}; ` +
      'the file was changed, or this machine does not compute as it promises: verify the tape, and please report it',
  )
}
