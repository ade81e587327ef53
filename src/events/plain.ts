/**
 * Plain data (attributes, configs) as JSON text that loses nothing: JSON has no NaN, no infinities and no −0, so these
 * are written as `{"$number":"-Infinity"}`; an object that looks like that by itself gets one `$` more. Two equal
 * values give the same text.
 */
import { TapeError } from '../errors.js'
import type { Plain } from './event.js'

/**
 * Throws  BAD_EVENT for what is not plain data (a function, a class instance, a cycle), naming the path to it.
 */
export function plainToText(value: unknown, what: string): string {
  return JSON.stringify(encode(value, what, 0))
}

/**
 * `plainToText` of an object that was just made, without getters. Most are flat, and JSON says what a flat one is: making another
 * object of it costs more than the text.
 */
export function ownToText(own: object, what: string): string {
  return isFlat(own) ? JSON.stringify(own) : plainToText(own, what)
}

function isFlat(own: object): boolean {
  let count = 0
  for (const key of Object.keys(own)) {
    const value: unknown = own[key as keyof typeof own]
    if (value === undefined) continue
    count++
    const isSaidByJson =
      typeof value === 'number'
        ? Number.isFinite(value) && !Object.is(value, -0)
        : typeof value === 'string' || typeof value === 'boolean' || value === null
    if (!isSaidByJson) return false
  }
  return count !== 1 // the one key might be taken for a number's
}

/** Throws TAPE_CORRUPT when the text is not what `plainToText` writes. */
export function textToPlain(text: string, what: string): Plain {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (cause) {
    throw new TapeError('TAPE_CORRUPT', `${what} expected JSON, got ${JSON.stringify(text.slice(0, 60))}`, {
      cause,
    })
  }
  return decode(parsed, what, 0)
}

const DEPTH_MAX = 64
/** The one key of an object that would be taken for a number, or for what such an object is written as. */
const NUMBER_KEY = /^\$+number$/

function encode(value: unknown, path: string, depth: number): unknown {
  if (depth > DEPTH_MAX)
    throw new TapeError('BAD_EVENT', `${path} is nested deeper than ${DEPTH_MAX} levels, or refers to itself`)
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : { $number: Object.is(value, -0) ? '-0' : String(value) }
    case 'string':
    case 'boolean':
      return value
    case 'object': {
      if (value === null) return null
      // `from` and not `map`: a hole is undefined, and as such refused.
      if (Array.isArray(value))
        return Array.from(value, (element: unknown, i) => encode(element, `${path}[${i}]`, depth + 1))
      const prototype = Object.getPrototypeOf(value)
      if (prototype !== Object.prototype && prototype !== null) break
      const entries = Object.entries(value).filter(([, element]) => element !== undefined)
      const prefix = entries.length === 1 && NUMBER_KEY.test(entries[0]![0]) ? '$' : ''
      return Object.fromEntries(
        entries.map(([key, element]) => [prefix + key, encode(element, `${path}.${key}`, depth + 1)]),
      )
    }
  }
  const got =
    typeof value === 'object' ? `a ${(value as object).constructor?.name ?? 'object'}` : `a ${typeof value}`
  throw new TapeError(
    'BAD_EVENT',
    `${path} expected plain data (numbers, strings, booleans, null, arrays, objects), got ${got}`,
  )
}

function decode(value: unknown, what: string, depth: number): Plain {
  if (typeof value !== 'object' || value === null) return value as Plain
  if (depth > DEPTH_MAX + 1)
    throw new TapeError(
      'TAPE_CORRUPT',
      `${what} is nested deeper than ${DEPTH_MAX} levels, which nobody writes`,
    )
  if (Array.isArray(value)) return value.map((element) => decode(element, what, depth + 1))
  const keys = Object.keys(value)
  if (keys.length === 1 && keys[0] === '$number') return Number((value as { $number: string }).$number)
  const escaped = keys.length === 1 && NUMBER_KEY.test(keys[0]!) ? 1 : 0
  return Object.fromEntries(
    keys.map((key) => [key.slice(escaped), decode((value as Record<string, unknown>)[key], what, depth + 1)]),
  )
}
