/** What a field of an event may hold: checked before it is written and after it was read, by the same functions. */
import { isRecordedDtype } from './dtypes.js'
import { positionOf } from './event.js'

/** `position` is that of the event. */
export type Check = (value: unknown, position: number) => boolean

export const isText: Check = (value) => typeof value === 'string'
export const isNumber: Check = (value) => typeof value === 'number'
export const isBoolean: Check = (value) => typeof value === 'boolean'
export const isPlain: Check = (value) => value !== undefined
export const isRecord: Check = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)
export const isCount: Check = (value) => Number.isInteger(value) && (value as number) >= 0
export const isRef: Check = (value, position) =>
  Number.isSafeInteger(value) &&
  (value as number) > 0 &&
  positionOf(value as number) < position &&
  positionOf(value as number) > 0
export const isShape: Check = (value) =>
  Array.isArray(value) && value.every((extent) => Number.isInteger(extent) && extent >= 0)
export const isDtype: Check = (value) => isRecordedDtype(value)
export const isArray: Check = (value) =>
  typeof value === 'object' &&
  value !== null &&
  'data' in value &&
  isRecordedDtype((value as unknown as { dtype: unknown }).dtype)
export const isSummary: Check = (value) => {
  const { l2Norm, mean, min, max, zeroCount, nonFiniteCount, nanCount, hash } = (value ?? {}) as Record<
    string,
    unknown
  >
  return (
    [l2Norm, mean, min, max].every((number) => orNull(isNumber)(number, 0)) &&
    isCount(zeroCount, 0) &&
    isCount(nonFiniteCount, 0) &&
    (nanCount === undefined || orNull(isCount)(nanCount, 0)) &&
    orNull(isText)(hash, 0)
  )
}
export const isOutput: Check = (value) => {
  const output = value as { dtype: unknown; shape: unknown; value: unknown }
  return (
    isRecord(value, 0) &&
    isDtype(output.dtype, 0) &&
    isShape(output.shape, 0) &&
    orNull(isArray)(output.value, 0)
  )
}
export const orNull =
  (check: Check): Check =>
  (value, position) =>
    value === null || check(value, position)
export const listOf =
  (check: Check): Check =>
  (value, position) =>
    Array.isArray(value) && value.every((element) => check(element, position))
export const oneOf =
  (...options: unknown[]): Check =>
  (value) =>
    options.includes(value)

/**
 * Whether the file gives a text back as it was written: SQLite keeps texts as UTF-8, which has no half of a surrogate pair. Plain
 * data (configs, attributes) may hold any text, because JSON writes such a half as an escape.
 */
export function isStorable(text: string): boolean {
  // What Node 20 has takes a tenth of the time of the expression.
  const { isWellFormed } = text as { isWellFormed?: () => boolean }
  return isWellFormed === undefined ? !/\p{Surrogate}/u.test(text) : isWellFormed.call(text)
}

/** A text as the file can keep it: what it cannot keep becomes U+FFFD. For what must be written whatever it says. */
export function storable(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd')
}
