/**
 * Reads the settings of functions. They come from users without types and from untrusted tapes, so each is checked where
 * the call is made; what comes out is plain data. Knows no array.
 */
import { fixedShape, type Shape } from '../array/shape.js'
import { TapeError } from '../errors.js'

export type Axis = number | readonly number[]

/**
 * What a constructor takes when nothing is said. It is a default and not an optional parameter, because a class whose
 * constructor counts a parameter is expected to leave attributes on the tape.
 */
export const UNSAID: Readonly<Record<string, never>> = Object.freeze({})

/** Throws BAD_ARGUMENT unless `given` is an object with none but the known keys; a near miss is named. */
export function checkKeys(given: unknown, known: readonly string[], what: string): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    refuse(`${what} expected its options as an object, { ${known.join(', ')} }, got ${show(given)}`)
  }
  for (const key in given) {
    if (known.includes(key)) continue
    const near = known.find((name) => name.toLowerCase() === key.toLowerCase())
    const advice = near === undefined ? `it knows ${known.join(', ') || 'none'}` : `did you mean "${near}"?`
    refuse(`${what} does not know the option "${key}"; ${advice}`)
  }
}

/** An axis, a list of axes, or none. Whether they are in range is for the array to say. */
export function axisOf(value: unknown, what: string): Axis | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'number' && Number.isInteger(value)) return value
  if (isIntegers(value)) return fixed(value)
  throw new TapeError(
    'BAD_AXIS',
    `${what} expected axis to be an integer or a list of integers, got ${show(value)}`,
  )
}

/** One axis; `otherwise` when nothing is said. */
export function oneAxisOf(value: unknown, otherwise: number, what: string): number {
  if (value === undefined) return otherwise
  if (typeof value === 'number' && Number.isInteger(value)) return value
  throw new TapeError('BAD_AXIS', `${what} expected axis to be one integer, got ${show(value)}`)
}

export function flagOf(value: unknown, otherwise: boolean, key: string, what: string): boolean {
  if (value === undefined) return otherwise
  if (typeof value === 'boolean') return value
  return refuse(`${what} expected ${key} to be true or false, got ${show(value)}`)
}

/** A finite number; needed when there is no `otherwise`. */
export function numberOf(value: unknown, otherwise: number | undefined, key: string, what: string): number {
  if (value === undefined && otherwise !== undefined) return otherwise
  if (typeof value === 'number' && Number.isFinite(value)) return value
  return refuse(`${what} expected ${key} to be a finite number, got ${show(value)}`)
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
  return refuse(`${what} expected ${key} to be an integer of at least ${least}, got ${show(value)}`)
}

/** A shape, frozen; extents may be -1 when `least` says so. */
export function shapeOf(value: unknown, least: number, what: string): Shape {
  if (isIntegers(value) && value.every((extent) => extent >= least)) return fixed(value)
  throw new TapeError(
    'BAD_SHAPE',
    `${what} expected a shape (a list of integers of at least ${least}), got ${show(value)}`,
  )
}

export function isIntegers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every(Number.isInteger)
}

/** A list of these integers that nobody can change: attributes are kept. */
export function fixed(list: readonly number[]): readonly number[] {
  return fixedShape(list)
}

/** A value in an error message. */
export function show(value: unknown): string {
  if (typeof value === 'string' || Array.isArray(value)) return JSON.stringify(value)
  if (typeof value === 'object' && value !== null)
    return `an object (${value.constructor?.name ?? 'without a prototype'})`
  return String(value)
}

export function refuse(explanation: string): never {
  throw new TapeError('BAD_ARGUMENT', explanation)
}
