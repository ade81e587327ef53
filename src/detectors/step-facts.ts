/** What detectors are told of a step when it is complete, wherever it comes from: events one by one, or the columns of a file. */
import type { LeafCreated, Ref } from '../events/event.js'
import type { UpdateGroup } from './settings-watch.js'
import type { StepEvents } from './step-events.js'

/** A number that was logged. */
export interface MetricFact {
  readonly name: string
  readonly value: number
  readonly position: number
  /** The variable it was read from; 0 for a plain number. */
  readonly variable: Ref
}

/** What a pass gave to a variable, as numbers; null where the capture keeps none. */
export interface GradientFact {
  readonly position: number
  readonly variable: Ref
  readonly shape: readonly number[]
  readonly size: number
  readonly norm: number | null
  readonly zeros: number
  readonly nonFinite: number
}

/** What an assignment changed, where the capture measures it. */
export interface AssignedFact {
  readonly position: number
  readonly variable: Ref
  /** Of the new value; null where nothing is kept of it. */
  readonly norm: number | null
  /** Of the new value minus the one before. */
  readonly updateNorm: number | null
}

/** A batch: rows of a data set that a call takes. */
export interface BatchFact {
  readonly position: number
  /** The step that reads it; a loop may take its next batch at the end of the step before. */
  readonly step: number
  readonly data: Ref
  readonly indices: Ref
  readonly scope: string
  readonly rows: readonly number[]
}

/** What is known of the run beside its steps. */
export interface RunFacts {
  /** The name of a variable as of now; null for none. */
  nameOf(ref: Ref): string | null
  /** The name, or `#17`. */
  label(ref: Ref): string
  /** The leaf that a ref is; null for anything else, and for one that is not remembered. */
  leafOf(ref: Ref): LeafFacts | null
}

export type LeafFacts = Pick<LeafCreated, 'role' | 'requiresGrad' | 'shape' | 'dtype'>

export interface StepFacts {
  readonly step: number
  /** Steps with equal numbers do the same: functions, references, what lies far back. */
  readonly shape: number
  /** This many steps directly before were of this shape. */
  readonly repeats: number
  /** The events of a step of this shape, not always of this one: numbers, positions and settings may be another's. */
  readonly like: StepEvents
  /** The events of this step. Of a file they are read when this is called: a detector that goes by `like` never pays for them. */
  readonly own: () => StepEvents
  readonly metrics: readonly MetricFact[]
  readonly gradients: readonly GradientFact[]
  readonly assigned: readonly AssignedFact[]
  /** Calls of optimizers, with the settings of this step. */
  readonly updates: readonly UpdateGroup[]
  readonly batches: readonly BatchFact[]
  readonly run: RunFacts
}
