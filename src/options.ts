/** Refuses options that nobody reads: a misspelled one would be answered silently, as if nothing had been said. */
import { TapeError } from './errors.js'
import { nearest } from './nearest.js'

/**
 * Throws BAD_ARGUMENT unless `given` is an object with none but the known options; the option that was probably meant is
 * named. `what` is who was called, as the user wrote it: `startRun`.
 */
export function checkOptions(given: unknown, known: readonly string[], what: string): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new TapeError(
      'BAD_ARGUMENT',
      `${what} expected its options as an object, { ${known.join(', ')} }, got ${wordFor(given)}`,
    )
  }
  for (const key of Object.keys(given)) {
    if (known.includes(key)) continue
    const near = nearest(key, known)
    const advice = near === null ? `it knows ${known.join(', ')}` : `did you mean "${near}"?`
    throw new TapeError('BAD_ARGUMENT', `${what} does not know the option "${key}"; ${advice}`)
  }
}

/** A value in an error message: short, and never what a program's own toString says. */
export function wordFor(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'number' || typeof value === 'boolean' || value === undefined) return String(value)
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
