/** Checks events on both sides of the disk and freezes them: what leaves here is well formed and cannot be changed. */
import { TapeError } from '../errors.js'
import {
  BACKWARD_VERSION,
  EVENT_KIND,
  EVENT_VERSION,
  REF_SLOT_UNIT,
  RUN_VERSION,
  type TapeEvent,
} from './event.js'

type Check = (value: unknown, position: number) => boolean

const isText: Check = (value) => typeof value === 'string'
const isNumber: Check = (value) => typeof value === 'number'
const isBoolean: Check = (value) => typeof value === 'boolean'
const isPlain: Check = (value) => value !== undefined
const isRecord: Check = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)
const isCount: Check = (value) => Number.isInteger(value) && (value as number) >= 0
const isRef: Check = (value, position) =>
  Number.isSafeInteger(value) &&
  (value as number) > 0 &&
  (value as number) % REF_SLOT_UNIT < position &&
  (value as number) % REF_SLOT_UNIT > 0
const isShape: Check = (value) =>
  Array.isArray(value) && value.every((extent) => Number.isInteger(extent) && extent >= 0)
const isDtype: Check = (value) =>
  typeof value === 'string' && ['float64', 'float32', 'int32', 'uint8', 'bool'].includes(value)
const isArray: Check = (value) =>
  typeof value === 'object' &&
  value !== null &&
  'data' in value &&
  isDtype((value as unknown as { dtype: unknown }).dtype, 0)
const isSummary: Check = (value) => {
  const { l2Norm, mean, min, max, zeroCount, nonFiniteCount, hash } = (value ?? {}) as Record<string, unknown>
  return (
    [l2Norm, mean, min, max].every((number) => orNull(isNumber)(number, 0)) &&
    isCount(zeroCount, 0) &&
    isCount(nonFiniteCount, 0) &&
    orNull(isText)(hash, 0)
  )
}
const isOutput: Check = (value) => {
  const output = value as { dtype: unknown; shape: unknown; value: unknown }
  return (
    isRecord(value, 0) &&
    isDtype(output.dtype, 0) &&
    isShape(output.shape, 0) &&
    orNull(isArray)(output.value, 0)
  )
}
const orNull =
  (check: Check): Check =>
  (value, position) =>
    value === null || check(value, position)
const listOf =
  (check: Check): Check =>
  (value, position) =>
    Array.isArray(value) && value.every((element) => check(element, position))
const oneOf =
  (...options: unknown[]): Check =>
  (value) =>
    options.includes(value)

/** The fields of each event type besides version, position and step. */
const FIELDS: {
  readonly [T in TapeEvent['type']]: Record<
    Exclude<keyof Extract<TapeEvent, { type: T }>, 'type' | 'version' | 'position' | 'step'>,
    Check
  >
} = {
  RunStarted: {
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
    packing: (value) => value === undefined || value === 1 || value === 2,
  },
  StepStarted: { elapsedMs: isNumber },
  LeafCreated: {
    role: oneOf('variable', 'parameter', 'constant'),
    requiresGrad: isBoolean,
    name: orNull(isText),
    dtype: isDtype,
    shape: isShape,
    source: orNull(isRef),
    value: orNull(isArray),
    summary: orNull(isSummary),
  },
  FunctionCalled: {
    function: isText,
    attributes: isRecord,
    inputs: listOf(isRef),
    outputs: listOf(isOutput),
    scope: isText,
    linked: isBoolean,
  },
  BackwardStarted: {
    roots: listOf(isRef),
    gradients: listOf(orNull(isRef)),
    targets: orNull(listOf(isRef)),
    createGraph: isBoolean,
    retainGrad: isBoolean,
  },
  GradientComputed: {
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
  GradientCleared: { variable: isRef },
  GradientAssigned: { variable: isRef, gradient: isRef },
  GradientReplaced: { pass: isRef, variable: isRef, gradient: isRef },
  BackwardAborted: { pass: isRef },
  ValueAssigned: {
    variable: isRef,
    dtype: isDtype,
    shape: isShape,
    source: orNull(isRef),
    value: orNull(isArray),
    summary: orNull(isSummary),
  },
  VariableNamed: { variable: isRef, name: orNull(isText) },
  VariableUnchained: { variable: isRef },
  MetricLogged: { name: isText, value: isNumber, variable: orNull(isRef) },
  CheckpointTaken: { variables: listOf(isRef), values: listOf(isArray) },
  NoteAdded: { text: isText },
  RunFinished: {
    status: oneOf('finished', 'failed', 'interrupted'),
    error: orNull(isText),
    elapsedMs: isNumber,
  },
}

/**
 * The event, checked and frozen. Arrays in it cannot be frozen (typed arrays never can); nobody changes them.
 *
 * Throws  TAPE_CORRUPT names the event, the field, and what it held.
 */
export function frozenEvent<E extends TapeEvent>(event: E): E {
  return freeze(checkedEvent(event))
}

/** Of types that have more than the first. */
const LATER_VERSIONS: { readonly [T in TapeEvent['type']]?: number } = {
  RunStarted: RUN_VERSION,
  BackwardStarted: BACKWARD_VERSION,
}

/** The event, checked, for who keeps it to himself. Throws as `frozenEvent`. */
export function checkedEvent<E extends TapeEvent>(event: E): E {
  const { type, version, position, step } = event
  const fields = Object.hasOwn(EVENT_KIND, type) ? (FIELDS[type] as Record<string, Check>) : undefined
  if (fields === undefined)
    throw new TapeError('TAPE_CORRUPT', `event ${position} has the unknown type ${JSON.stringify(type)}`)
  if (version !== EVENT_VERSION && version !== LATER_VERSIONS[type]) {
    throw new TapeError(
      'TAPE_TOO_NEW',
      `event ${position} is ${type} version ${version}; this gradtape reads version ${EVENT_VERSION}: install a newer one`,
    )
  }
  if (!isCount(position, 0) || position < 1 || !isCount(step, 0))
    throw new TapeError('TAPE_CORRUPT', `${type} stands at position ${position}, step ${step}`)
  for (const name in fields) {
    const value = (event as unknown as Record<string, unknown>)[name]
    if (!fields[name]!(value, position)) {
      throw new TapeError('TAPE_CORRUPT', `event ${position} (${type}) has a bad ${name}: ${shown(value)}`)
    }
  }
  return event
}

function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || Object.isFrozen(value))
    return value
  if ('data' in value && 'dtype' in value) return value // a RecordedArray: its maker's
  for (const element of Object.values(value)) freeze(element)
  return Object.freeze(value)
}

function shown(value: unknown): string {
  try {
    return (JSON.stringify(value) ?? String(value)).slice(0, 80)
  } catch {
    return Object.prototype.toString.call(value)
  }
}
