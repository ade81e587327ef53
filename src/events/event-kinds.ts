/**
 * The one table of event kinds: what each type of event holds, which of its fields refer to others, which arrays it carries, and
 * how it is packed and stored. Everything that must treat each kind in its own way reads this table, or is a table over
 * EventType itself, so that the compiler names every place that a new kind must be added to. Those outside this room are:
 * `perform` (replay/replay.ts), `eventLine` (cli/event-line.ts) and EVENT_PLACES (store/format/views/event-views.ts, the view `event`).
 */
import {
  type Check,
  isArray,
  isBoolean,
  isCount,
  isDtype,
  isNumber,
  isOutput,
  isPlain,
  isRecord,
  isRef,
  isShape,
  isSummary,
  isText,
  listOf,
  oneOf,
  orNull,
} from './checks.js'
import {
  type ArraySummary,
  ASSIGNMENT_VERSION,
  BACKWARD_VERSION,
  EVENT_KIND,
  EVENT_VERSION,
  type EventType,
  type RecordedArray,
  type Ref,
  RUN_VERSION,
  type TapeEvent,
} from './event.js'

/** An array that an event carries, or what stands for it. */
export interface Content {
  readonly value: RecordedArray | null
  readonly summary: ArraySummary | null
}

type EventOf<T extends EventType> = Extract<TapeEvent, { type: T }>
type FieldOf<T extends EventType> = Exclude<keyof EventOf<T>, 'type' | 'version' | 'position' | 'step'>

interface EventKind<T extends EventType> {
  /** Its number in the file. */
  readonly kind: number
  /** The version written today; all from 1 on are read. */
  readonly version: number
  /** What each field holds, besides version, position and step. */
  readonly fields: { readonly [F in FieldOf<T>]: Check }
  /** The fields that hold refs, or lists of them, of what the event reads or is about. */
  readonly refs: readonly FieldOf<T>[]
  /** The fields that hold arrays, or what stands for them; `contents` gives those of an event. */
  readonly arrays: readonly FieldOf<T>[]
  contents(event: EventOf<T>): readonly Content[]
  /** Packed in words of its own layout, or as a text of all its fields. */
  readonly packed: 'words' | 'text'
  /** In a template of blocks, or in a row of its own. */
  readonly stored: 'template' | '_step' | '_metric' | '_fact'
}

const none = () => []
const itself = <E extends Content>(event: E) => [event]
const AS_FACT = {
  version: EVENT_VERSION,
  arrays: [],
  contents: none,
  packed: 'text',
  stored: '_fact',
} as const
const IN_TEMPLATE = { version: EVENT_VERSION, packed: 'words', stored: 'template' } as const

export const EVENT_KINDS = {
  RunStarted: {
    ...AS_FACT,
    kind: EVENT_KIND.RunStarted,
    version: RUN_VERSION,
    fields: {
      name: isText,
      seed: isNumber,
      config: isRecord,
      capture: isPlain,
      kernel: isText,
      engine: isText,
      node: isText,
      v8: isText,
      platform: isText,
      host: isText,
      pid: isCount,
      startedAt: isText,
      parent: orNull(isRecord),
      packing: (value) => value === undefined || value === 1 || value === 2 || value === 3,
    },
    refs: [],
  },
  StepStarted: {
    kind: EVENT_KIND.StepStarted,
    version: EVENT_VERSION,
    fields: { elapsedMs: isNumber },
    refs: [],
    arrays: [],
    contents: none,
    packed: 'words',
    stored: '_step',
  },
  LeafCreated: {
    ...IN_TEMPLATE,
    kind: EVENT_KIND.LeafCreated,
    fields: {
      role: oneOf('variable', 'parameter', 'constant'),
      requiresGrad: isBoolean,
      name: orNull(isText),
      dtype: isDtype,
      shape: isShape,
      source: orNull(isRef),
      value: orNull(isArray),
      summary: orNull(isSummary),
    },
    refs: ['source'],
    arrays: ['value', 'summary'],
    contents: itself,
  },
  FunctionCalled: {
    ...IN_TEMPLATE,
    kind: EVENT_KIND.FunctionCalled,
    fields: {
      function: isText,
      attributes: isRecord,
      inputs: listOf(isRef),
      outputs: listOf(isOutput),
      scope: isText,
      linked: isBoolean,
    },
    refs: ['inputs'],
    arrays: ['outputs'],
    contents: ({ outputs }) => outputs.map(({ value }) => ({ value, summary: null })),
  },
  BackwardStarted: {
    ...IN_TEMPLATE,
    kind: EVENT_KIND.BackwardStarted,
    version: BACKWARD_VERSION,
    fields: {
      roots: listOf(isRef),
      gradients: listOf(orNull(isRef)),
      targets: orNull(listOf(isRef)),
      createGraph: isBoolean,
      retainGrad: isBoolean,
    },
    refs: ['roots', 'gradients', 'targets'],
    arrays: [],
    contents: none,
  },
  GradientComputed: {
    ...IN_TEMPLATE,
    kind: EVENT_KIND.GradientComputed,
    fields: {
      pass: isRef,
      variable: isRef,
      dtype: isDtype,
      shape: isShape,
      gradient: orNull(isRef),
      contribution: orNull(isArray),
      contributionSummary: orNull(isSummary),
      held: oneOf('nothing', 'contribution', 'accumulated'),
      accumulated: orNull(isArray),
      accumulatedSummary: orNull(isSummary),
    },
    refs: ['variable', 'gradient'],
    arrays: ['contribution', 'contributionSummary', 'accumulated', 'accumulatedSummary'],
    contents: ({ contribution, contributionSummary, accumulated, accumulatedSummary }) => [
      { value: contribution, summary: contributionSummary },
      { value: accumulated, summary: accumulatedSummary },
    ],
  },
  GradientCleared: {
    ...IN_TEMPLATE,
    kind: EVENT_KIND.GradientCleared,
    fields: { variable: isRef },
    refs: ['variable'],
    arrays: [],
    contents: none,
  },
  GradientAssigned: {
    ...AS_FACT,
    kind: EVENT_KIND.GradientAssigned,
    fields: { variable: isRef, gradient: isRef },
    refs: ['variable', 'gradient'],
  },
  GradientReplaced: {
    ...AS_FACT,
    kind: EVENT_KIND.GradientReplaced,
    fields: { pass: isRef, variable: isRef, gradient: isRef },
    refs: ['variable', 'gradient'],
  },
  BackwardAborted: { ...AS_FACT, kind: EVENT_KIND.BackwardAborted, fields: { pass: isRef }, refs: [] },
  ValueAssigned: {
    ...IN_TEMPLATE,
    kind: EVENT_KIND.ValueAssigned,
    version: ASSIGNMENT_VERSION,
    fields: {
      variable: isRef,
      dtype: isDtype,
      shape: isShape,
      source: orNull(isRef),
      value: orNull(isArray),
      summary: orNull(isSummary),
      updateNorm: (value) => value === undefined || value === null || isNumber(value, 0),
    },
    refs: ['variable', 'source'],
    arrays: ['value', 'summary'],
    contents: itself,
  },
  VariableNamed: {
    ...AS_FACT,
    kind: EVENT_KIND.VariableNamed,
    fields: { variable: isRef, name: orNull(isText) },
    refs: ['variable'],
  },
  VariableUnchained: {
    ...AS_FACT,
    kind: EVENT_KIND.VariableUnchained,
    fields: { variable: isRef },
    refs: ['variable'],
  },
  RequiresGradSet: {
    ...IN_TEMPLATE,
    kind: EVENT_KIND.RequiresGradSet,
    fields: { variable: isRef, requiresGrad: isBoolean },
    refs: ['variable'],
    arrays: [],
    contents: none,
  },
  MetricLogged: {
    kind: EVENT_KIND.MetricLogged,
    version: EVENT_VERSION,
    fields: { name: isText, value: isNumber, variable: orNull(isRef) },
    refs: ['variable'],
    arrays: [],
    contents: none,
    packed: 'words',
    stored: '_metric',
  },
  CheckpointTaken: {
    kind: EVENT_KIND.CheckpointTaken,
    version: EVENT_VERSION,
    fields: { variables: listOf(isRef), values: listOf(isArray) },
    refs: ['variables'],
    arrays: ['values'],
    contents: ({ values }) => values.map((value) => ({ value, summary: null })),
    packed: 'words',
    stored: '_fact',
  },
  EpochStarted: {
    ...AS_FACT,
    kind: EVENT_KIND.EpochStarted,
    fields: {
      epoch: isCount,
      batch: isCount,
      batches: isCount,
      batchSize: isCount,
      data: orNull(isCount),
      dataset: orNull(isText),
      part: orNull(isText),
    },
    refs: [],
  },
  NoteAdded: { ...AS_FACT, kind: EVENT_KIND.NoteAdded, fields: { text: isText }, refs: [] },
  RunFinished: {
    ...AS_FACT,
    kind: EVENT_KIND.RunFinished,
    fields: {
      status: oneOf('finished', 'failed', 'interrupted'),
      error: orNull(isText),
      elapsedMs: isNumber,
    },
    refs: [],
  },
} as const satisfies { readonly [T in EventType]: EventKind<T> }

export const EVENT_TYPES = Object.keys(EVENT_KINDS) as readonly EventType[]

const TYPE_OF_KIND: ReadonlyMap<number, EventType> = new Map(
  EVENT_TYPES.map((type) => [EVENT_KINDS[type].kind, type]),
)

/** The type that has a number in the file; null when this gradtape knows none. */
export function typeOfKind(kind: number): EventType | null {
  return TYPE_OF_KIND.get(kind) ?? null
}

/** The table's row of a type, for those that treat all types alike. */
export function kindOf(type: EventType): EventKind<EventType> {
  return EVENT_KINDS[type] as unknown as EventKind<EventType>
}

/** The arrays that an event carries, and what stands for those that are not kept. */
export function contentsOf(event: TapeEvent): readonly Content[] {
  return kindOf(event.type).contents(event as never)
}

/** What an event reads, or is about. */
export function refsOf(event: TapeEvent): readonly Ref[] {
  const refs: Ref[] = []
  for (const field of kindOf(event.type).refs) {
    const value = event[field as keyof TapeEvent] as unknown as Ref | null | readonly (Ref | null)[]
    if (value === null) continue
    if (typeof value === 'number') refs.push(value)
    else for (const ref of value) if (ref !== null) refs.push(ref)
  }
  return refs
}

/** The fields of any event that hold refs. */
export const REF_FIELDS: ReadonlySet<string> = new Set(
  EVENT_TYPES.flatMap<string>((type) => [...kindOf(type).refs]),
)
