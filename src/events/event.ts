/**
 * The events of a run: what happened, in the past tense. They are stored for ever: a field is never renamed or given
 * another meaning; a change makes a new `version` beside the old one, and readers understand all of them.
 *
 * You may subscribe late: `past.events$` gives the same events, in the same order, as `run.events$` gave live.
 */

import type { Packing } from './packing.js'
import type { Summary } from './summary.js'

/** Version written today, of most types. */
export const EVENT_VERSION = 1
/** BackwardStarted says the same in version 2, and is packed in numbers; before, it was a text. */
export const BACKWARD_VERSION = 2
/** RunStarted says in version 2 how the run's events are packed. */
export const RUN_VERSION = 2
/** ValueAssigned says in version 2 also what the new value is, in a few numbers, and how far it is from the one before. */
export const ASSIGNMENT_VERSION = 2

/**
 * Names a variable, or the value an event made: the position of the event, plus the output's slot times 2⁴⁰ for any
 * but the first output of a call. A ref always points back to an earlier position of the same run.
 */
export type Ref = number
const SLOT_UNIT = 2 ** 40

/** The ref of what an event made: of a call, its output number `slot`. */
export function refOf(position: number, slot = 0): Ref {
  return position + slot * SLOT_UNIT
}

/** The position in a ref. Nearly all refs are positions, and a remainder takes long. */
export function positionOf(ref: Ref): number {
  return ref < SLOT_UNIT ? ref : ref % SLOT_UNIT
}

/** Which output of its call a ref names. */
export function slotOf(ref: Ref): number {
  return ref < SLOT_UNIT ? 0 : Math.floor(ref / SLOT_UNIT)
}

/** Whether a ref is a position and nothing else: it names a leaf, a gradient, or the first output of a call. */
export function isPosition(ref: Ref): boolean {
  return ref < SLOT_UNIT
}

/** An array as events carry it; an NDArray is one. `data` is row-major and nobody changes it. */
export interface RecordedArray {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly size: number
  readonly data: Float64Array | Float32Array | Int32Array | Uint8Array
  /** Where `data` is a piece of something larger: that, and where the piece begins. To read these makes no view. */
  readonly buffer?: Float64Array | Float32Array | Int32Array | Uint8Array
  readonly offset?: number
}

/** What is known of an array whose bytes are not on the tape. Computed in a fixed order, so it is a fingerprint too. */
export interface ArraySummary extends Summary {
  /** SHA-256 of the content, hexadecimal; null where the capture keeps none. */
  readonly hash: string | null
}

export type Plain = null | boolean | number | string | readonly Plain[] | { readonly [key: string]: Plain }

interface Fact {
  readonly version: number
  /** 1-based place in the run, without gaps. */
  readonly position: number
  /** The training step it happened in; 0 before the first. */
  readonly step: number
}

export interface RunStarted extends Fact {
  readonly type: 'RunStarted'
  readonly name: string
  readonly seed: number
  readonly config: { readonly [key: string]: Plain }
  readonly capture: Plain
  /** Id of the kernel that computes: one id, one result. */
  readonly kernel: string
  readonly engine: string
  readonly node: string
  readonly v8: string
  /** Operating system and processor, then the instruction set of the native code that computed, if any did. */
  readonly platform: string
  readonly host: string
  readonly pid: number
  /** ISO 8601, UTC. */
  readonly startedAt: string
  /** For a fork: the run and step it began from, and what was changed, in words; tapes of before do not say the last. */
  readonly parent: {
    readonly run: number
    readonly step: number
    readonly changes?: readonly string[]
  } | null
  /** How events are packed where the hash chain covers them; not said, as in version 1, it is the first way. */
  readonly packing?: Packing
}

export interface StepStarted extends Fact {
  readonly type: 'StepStarted'
  /** Since the run started. */
  readonly elapsedMs: number
}

/** The next step is the first that uses a batch of an epoch of a `DataLoader`. Steps without a loader belong to the epoch before them. */
export interface EpochStarted extends Fact {
  readonly type: 'EpochStarted'
  /** From 0, as the loader counts. */
  readonly epoch: number
  /** Which batch of the epoch that step uses, from 0; more than 0 where the run began in the middle of an epoch. */
  readonly batch: number
  /** How many batches an epoch has. */
  readonly batches: number
  /** How many rows a batch has; the last may have fewer. */
  readonly batchSize: number
  /** The position of the data set's first array; null when the run has not met it. */
  readonly data: number | null
  /** The name of the data set, and of which part of it this is; null when nobody said. */
  readonly dataset: string | null
  readonly part: string | null
}

export interface LeafCreated extends Fact {
  readonly type: 'LeafCreated'
  readonly role: 'variable' | 'parameter' | 'constant'
  readonly requiresGrad: boolean
  readonly name: string | null
  readonly dtype: string
  readonly shape: readonly number[]
  /** The value is that of this ref, so its bytes are not stored again; null when it came from outside. */
  readonly source: Ref | null
  readonly value: RecordedArray | null
  /** What stands for a value that came from outside when the capture keeps no bytes. */
  readonly summary: ArraySummary | null
}

export interface CallOutput {
  readonly dtype: string
  readonly shape: readonly number[]
  /** Null when the value was not captured: it follows from the inputs. */
  readonly value: RecordedArray | null
}

/** One forward call: the node and its edges. */
export interface FunctionCalled extends Fact {
  readonly type: 'FunctionCalled'
  readonly function: string
  readonly attributes: { readonly [key: string]: Plain }
  /** The variables read, by slot; each at the version of this moment. */
  readonly inputs: readonly Ref[]
  readonly outputs: readonly CallOutput[]
  /** Dotted name of where in the program, '' at the top. */
  readonly scope: string
  /** False inside `noGrad`: the outputs have no creator. */
  readonly linked: boolean
}

export interface BackwardStarted extends Fact {
  readonly type: 'BackwardStarted'
  readonly roots: readonly Ref[]
  /** The given gradient of each root; null for the default, ones. */
  readonly gradients: readonly (Ref | null)[]
  /** The variables that `grad` asked for; null when gradients went to `.grad`. */
  readonly targets: readonly Ref[] | null
  readonly createGraph: boolean
  readonly retainGrad: boolean
}

export interface GradientComputed extends Fact {
  readonly type: 'GradientComputed'
  /** Position of the BackwardStarted. */
  readonly pass: number
  readonly variable: Ref
  readonly dtype: string
  readonly shape: readonly number[]
  /** What made the gradient, with `createGraph` a call; null when this event itself is the gradient's identity. */
  readonly gradient: Ref | null
  /** What this pass gives to the variable; null when its bytes were not captured, then there is its summary. */
  readonly contribution: RecordedArray | null
  readonly contributionSummary: ArraySummary | null
  /** Whether the variable keeps a gradient after this pass, and whether it is more than the contribution. */
  readonly held: 'nothing' | 'contribution' | 'accumulated'
  /** What the variable holds after accumulation, when that is not the contribution alone. */
  readonly accumulated: RecordedArray | null
  readonly accumulatedSummary: ArraySummary | null
}

/** A hook of the program put another gradient in the place of the one a pass computed; GradientComputed follows with it. */
export interface GradientReplaced extends Fact {
  readonly type: 'GradientReplaced'
  /** Position of the BackwardStarted. */
  readonly pass: number
  readonly variable: Ref
  readonly gradient: Ref
}

/** A backward pass ended in an exception that the program caught; what it had computed by then stands. */
export interface BackwardAborted extends Fact {
  readonly type: 'BackwardAborted'
  /** Position of the BackwardStarted. */
  readonly pass: number
}

export interface GradientCleared extends Fact {
  readonly type: 'GradientCleared'
  readonly variable: Ref
}

/** `variable.grad = …` by the user, as a seed or in place of what backward left. */
export interface GradientAssigned extends Fact {
  readonly type: 'GradientAssigned'
  readonly variable: Ref
  readonly gradient: Ref
}

export interface ValueAssigned extends Fact {
  readonly type: 'ValueAssigned'
  readonly variable: Ref
  readonly dtype: string
  readonly shape: readonly number[]
  /** What made the new value; null when it came from outside the run. */
  readonly source: Ref | null
  readonly value: RecordedArray | null
  /** As in LeafCreated; in version 2 also of a value that the run made, and then of one element, too. */
  readonly summary: ArraySummary | null
  /**
   * In version 2: the Euclidean norm of the new value minus the one before, in float64; null when an element of either is not
   * finite, or the array is empty.
   */
  readonly updateNorm?: number | null
}

export interface VariableNamed extends Fact {
  readonly type: 'VariableNamed'
  readonly variable: Ref
  readonly name: string | null
}

/** `variable.unchain()`: from here on the variable has no creator. */
export interface VariableUnchained extends Fact {
  readonly type: 'VariableUnchained'
  readonly variable: Ref
}

/**
 * `variable.requiresGrad` was set to another value than it had: the leaf was frozen, or may learn again. Calls from here on read it so. A
 * pass gives a gradient to a leaf that required one when the call was made and requires one when the pass runs.
 */
export interface RequiresGradSet extends Fact {
  readonly type: 'RequiresGradSet'
  readonly variable: Ref
  readonly requiresGrad: boolean
}

export interface MetricLogged extends Fact {
  readonly type: 'MetricLogged'
  readonly name: string
  readonly value: number
  /** The variable whose value it is; null for a plain number. */
  readonly variable: Ref | null
}

/** The values that the run goes on from: of every living variable that was assigned to since the run began. */
export interface CheckpointTaken extends Fact {
  readonly type: 'CheckpointTaken'
  readonly variables: readonly Ref[]
  /** The value of each. */
  readonly values: readonly RecordedArray[]
}

export interface NoteAdded extends Fact {
  readonly type: 'NoteAdded'
  readonly text: string
}

export interface RunFinished extends Fact {
  readonly type: 'RunFinished'
  /** `interrupted`: the process ended in an ordinary way without `finish()`. */
  readonly status: 'finished' | 'failed' | 'interrupted'
  readonly error: string | null
  readonly elapsedMs: number
}

export type TapeEvent =
  | RunStarted
  | StepStarted
  | LeafCreated
  | FunctionCalled
  | BackwardStarted
  | GradientComputed
  | GradientCleared
  | GradientAssigned
  | GradientReplaced
  | BackwardAborted
  | ValueAssigned
  | VariableNamed
  | VariableUnchained
  | RequiresGradSet
  | MetricLogged
  | CheckpointTaken
  | NoteAdded
  | EpochStarted
  | RunFinished

export type EventType = TapeEvent['type']

/** Numbers of the event types in the file. Never reuse one. */
export const EVENT_KIND = {
  RunStarted: 1,
  StepStarted: 2,
  LeafCreated: 3,
  FunctionCalled: 4,
  BackwardStarted: 5,
  GradientComputed: 6,
  GradientCleared: 7,
  ValueAssigned: 8,
  MetricLogged: 9,
  VariableNamed: 10,
  CheckpointTaken: 11,
  NoteAdded: 12,
  RunFinished: 13,
  GradientAssigned: 14,
  VariableUnchained: 15,
  GradientReplaced: 16,
  BackwardAborted: 17,
  EpochStarted: 21,
  RequiresGradSet: 22,
} as const satisfies Record<EventType, number>

/** A BackwardStarted of version 2, in packed words and templates. */
export const PACKED_BACKWARD = 18

/** A FunctionCalled with its place in the user's code, in packed words. */
export const PACKED_SITED_CALL = 19

/** A ValueAssigned of version 2, in packed words. */
export const PACKED_MEASURED_ASSIGNMENT = 20

/** The types whose number another type or another way of packing has. */
type SharedKind = {
  [T in EventType]: (typeof EVENT_KIND)[T] extends
    | (typeof EVENT_KIND)[Exclude<EventType, T>]
    | typeof PACKED_BACKWARD
    | typeof PACKED_SITED_CALL
    | typeof PACKED_MEASURED_ASSIGNMENT
    ? T
    : never
}[EventType]
/** Does not compile when a number stands for two things; the error names the types. */
const _everyKindIsOne: [SharedKind] extends [never] ? true : SharedKind = true
void _everyKindIsOne

/** The version that an event has which was stored as a text. */
export function versionOfText(type: EventType, payload: { readonly packing?: unknown }): number {
  return type === 'RunStarted' && payload.packing !== undefined ? RUN_VERSION : EVENT_VERSION
}

/** What an event says besides where it stands. */
export type Payload<E extends TapeEvent = TapeEvent> = E extends TapeEvent
  ? Omit<E, 'version' | 'position' | 'step'>
  : never
