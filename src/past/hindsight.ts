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
    let computed = this.steps.get(step)
    if (computed === undefined) {
      computed = this.compute(step)
      this.bytes += computed.bytes
    }
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

  private compute(step: number): ComputedStep {
    const computed: ComputedStep = { outputs: new Map(), bytes: 0 }
    const keep = (ref: Ref, value: RecordedArray | null) => {
      if (value === null) return
      computed.outputs.set(ref, value)
      computed.bytes += 64 + value.size * 8
    }
    const { name } = this.recording
    recompute(this.recording, step, step, (event) => {
      if (event.step !== step) return
      if (event.type === 'FunctionCalled')
        event.outputs.forEach((output, slot) => {
          keep(refOf(event.position, slot), output.value)
        })
      else if (event.type === 'GradientComputed')
        keep(event.position, event.held === 'accumulated' ? event.accumulated : event.contribution)
    })
    if (computed.outputs.size === 0)
      throw new TapeError('VALUE_NOT_CAPTURED', `step ${step} of run "${name}" computed nothing`)
    return computed
  }
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
