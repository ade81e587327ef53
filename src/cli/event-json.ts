/** One event as JSON: all it says, with arrays by dtype, shape and, when they are small, values. */
import type { CallOutput, RecordedArray, TapeEvent } from '../events/event.js'
import { REF_FIELDS } from '../events/event-kinds.js'
import { type Describer, positionText } from '../inspection/describer.js'
import type { Beside } from '../inspection/step-events.js'
import { bytesOfCheckpoint } from './event-line.js'

const VALUES_MAX = 16

/** Refs become `#412` or `#412.1`; `names` says what those that have a name are called. */
export function eventJson(
  event: TapeEvent,
  say: Describer,
  { gradient, isMaterialized, site }: Beside,
): object {
  const { version: _, position, step, type, ...payload } = event
  // Without a prototype: nothing that a tape says is a name that an object has already.
  const names: Record<string, string> = Object.create(null)
  const ref = (value: number) => {
    const name = say.nameOf(value)
    if (name !== null) names[positionText(value)] = name
    return positionText(value)
  }
  const json: Record<string, unknown> = Object.assign(Object.create(null), { position, step, type })
  for (const [key, value] of Object.entries(payload)) json[key] = fieldJson(key, value, ref)
  if (type === 'LeafCreated' || type === 'FunctionCalled') ref(position)
  if (gradient !== null) {
    const { l2Norm, mean, min, max, zeroCount, nonFiniteCount, nanCount } = gradient
    json.summary = { l2Norm, mean, min, max, zeroCount, nonFiniteCount, nanCount }
    json.kept = gradient.kept
  }
  if (type === 'CheckpointTaken') json.byteCount = bytesOfCheckpoint(event)
  if (type === 'FunctionCalled') {
    json.materialized = isMaterialized
    json.site = site
  }
  return { ...json, names }
}

function fieldJson(key: string, value: unknown, ref: (value: number) => string): unknown {
  if (REF_FIELDS.has(key))
    return Array.isArray(value)
      ? value.map((one) => fieldJson('variable', one, ref))
      : typeof value === 'number'
        ? ref(value)
        : value
  if (key === 'outputs')
    return (value as CallOutput[]).map(({ dtype, shape, value: array }) => ({
      dtype,
      shape,
      values: valuesOf(array),
    }))
  if (key === 'values') return (value as RecordedArray[]).map((array) => fieldJson('value', array, ref))
  if (isArray(value)) return { dtype: value.dtype, shape: value.shape, values: valuesOf(value) }
  return value
}

function isArray(value: unknown): value is RecordedArray {
  return typeof value === 'object' && value !== null && 'dtype' in value && 'size' in value
}

/** Row-major; null when there are too many, or the tape does not hold them. */
function valuesOf(array: RecordedArray | null): number[] | null {
  return array === null || array.size > VALUES_MAX ? null : Array.from(array.data)
}
