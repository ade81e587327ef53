/** What one step computed, forward and in its passes: read from the tape where it is there, otherwise computed again. */
import type { NDArray } from '../array/ndarray.js'
import {
  type FunctionCalled,
  positionOf,
  type RecordedArray,
  type Ref,
  refOf,
  type TapeEvent,
} from '../events/event.js'
import { recompute } from '../past/hindsight.js'
import { toNDArray } from '../recorder/recorded-array.js'
import type { RunSteps } from './run-steps.js'

export class StepValues {
  readonly step: number
  private readonly view: RunSteps
  private readonly made: ReadonlyMap<Ref, RecordedArray>
  private readonly arrays = new Map<Ref, NDArray>()

  private constructor(view: RunSteps, step: number, made: ReadonlyMap<Ref, RecordedArray>) {
    this.view = view
    this.step = step
    this.made = made
  }

  /** Throws as a replay does. */
  static of(view: RunSteps, step: number): StepValues {
    const made = new Map<Ref, RecordedArray>()
    const keep = (event: TapeEvent) => {
      if (event.type === 'FunctionCalled')
        event.outputs.forEach(({ value }, slot) => {
          if (value !== null) made.set(refOf(event.position, slot), value)
        })
      else if (event.type === 'GradientComputed' && event.contribution !== null)
        made.set(event.position, event.contribution)
    }
    const { events, calls } = view.step(step)
    if (calls.every(({ outputs }) => outputs.every(({ value }) => value !== null))) {
      for (const event of events) keep(event)
    } else {
      view.stepsReplayed++
      const from = Math.max(0, step - 1)
      // The step before made what this one reads: its batch and its parameters.
      recompute(view.recording, from, step, (got) => {
        if (got.step >= from) keep(got)
      })
    }
    return new StepValues(view, step, made)
  }

  /** What a call or pass of the step made; null for what it did not. */
  of(ref: Ref): NDArray | null {
    let array = this.arrays.get(ref)
    if (array === undefined) {
      const value = this.made.get(ref)
      if (value === undefined) return null
      array = toNDArray(value)
      this.arrays.set(ref, array)
    }
    return array
  }

  /** The array that a call of the step reads under `ref`. */
  read(ref: Ref, call: FunctionCalled): NDArray {
    const version = this.view.recording.lookup.versions.before(ref, call.position)
    const source = version === null || version.position === 0 ? ref : this.sourceOf(version.position)
    return (source === null ? null : this.of(source)) ?? this.view.valueRead(ref, call.position)
  }

  private sourceOf(position: number): Ref | null {
    for (let at: Ref | null = position; at !== null; ) {
      const event: TapeEvent = this.view.event(positionOf(at))
      if (event.type === 'FunctionCalled' || event.type === 'GradientComputed') return at
      if (event.type !== 'LeafCreated' && event.type !== 'ValueAssigned') return null
      at = event.source
    }
    return null
  }
}
