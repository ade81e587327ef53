/** What those who look at one step need of its run. */
import type { NDArray } from '../array/ndarray.js'
import type { StepEvents } from '../detectors/step-events.js'
import type { Ref, TapeEvent } from '../events/event.js'
import type { PastGraph } from '../past/past-graph.js'
import type { Recording } from '../replay/replay-run.js'

export interface RunSteps {
  readonly recording: Recording
  readonly graph: PastGraph
  /** How many steps were computed again. */
  stepsReplayed: number
  /** The events of a step. */
  step(step: number): StepEvents
  event(position: number): TapeEvent
  /** The array that a call at position `at` reads under `ref`. */
  valueRead(ref: Ref, at: number): NDArray
}
