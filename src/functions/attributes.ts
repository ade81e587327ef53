/**
 * Reads the settings of functions. They come from users without types and from untrusted tapes, so each is checked where
 * the call is made; what comes out is plain data. Knows no array.
 */
import { fixedShape, type Shape } from '../array/shape.js'
import { TapeError, valueText } from '../errors.js'

export type Axis = number | readonly number[]

/**
 * What a constructor takes when nothing is said. It is a default and not an optional parameter, because a class whose
 * constructor counts a parameter is expected to leave attributes on the tape.
 */
export const UNSAID: Readonly<Record<string, never>> = Object.freeze({})

/** An axis, a list of axes, or none. Whether they are in range is for the array to say. */
export function axisOf(value: unknown, what: string): Axis | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'number' && Number.isInteger(value)) return value
  if (isIntegers(value)) return fixed(value)
  throw new TapeError(
    'BAD_AXIS',
    `${what} expected axis to be an integer or a list of integers, got ${valueText(value)}`,
  )
}

/** One axis; `otherwise` when nothing is said. */
export function oneAxisOf(value: unknown, otherwise: number, what: string): number {
  if (value === undefined) return otherwise
  if (typeof value === 'number' && Number.isInteger(value)) return value
  throw new TapeError('BAD_AXIS', `${what} expected axis to be one integer, got ${valueText(value)}`)
}

export function flagOf(value: unknown, otherwise: boolean, key: string, what: string): boolean {
  if (value === undefined) return otherwise
  if (typeof value === 'boolean') return value
  return refuse(`${what} expected ${key} to be true or false, got ${valueText(value)}`)
}

/** A finite number; needed when there is no `otherwise`. */
export function numberOf(value: unknown, otherwise: number | undefined, key: string, what: string): number {
  if (value === undefined && otherwise !== undefined) return otherwise
  if (typeof value === 'number' && Number.isFinite(value)) return value
  return refuse(`${what} expected ${key} to be a finite number, got ${valueText(value)}`)
}

/** An integer of at least `least`; needed when there is no `otherwise`. */
export function integerOf(
  value: unknown,
  otherwise: number | undefined,
  least: number,
  key: string,
  what: string,
): number {
  if (value === undefined && otherwise !== undefined) return otherwise
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value
  const bound = least === -Infinity ? '' : ` of at least ${least}`
  return refuse(`${what} expected ${key} to be an integer${bound}, got ${valueText(value)}`)
}

/** A shape, frozen; extents may be -1 when `least` says so. */
export function shapeOf(value: unknown, least: number, what: string): Shape {
  if (isIntegers(value) && value.every((extent) => extent >= least)) return fixed(value)
  throw new TapeError(
    'BAD_SHAPE',
    `${what} expected a shape (a list of integers of at least ${least}), got ${valueText(value)}`,
  )
}

export function isIntegers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every(Number.isInteger)
}

/** A list of these integers that nobody can change: attributes are kept. */
export function fixed(list: readonly number[]): readonly number[] {
  return fixedShape(list)
}

export function refuse(explanation: string): never {
  throw new TapeError('BAD_ARGUMENT', explanation)
}
