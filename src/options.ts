/** Refuses options that nobody reads: a misspelled one would be answered silently, as if nothing had been said. */
import { TapeError, valueText } from './errors.js'
import { nearest } from './nearest.js'

/**
 * Throws BAD_ARGUMENT unless `given` is an object with none but the known options; the option that was probably meant is
 * named. `what` is who was called, as the user wrote it: `startRun`.
 */
export function checkOptions(given: unknown, known: readonly string[], what: string): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new TapeError(
      'BAD_ARGUMENT',
      `${what} expected its options as an object, { ${known.join(', ')} }, got ${valueText(given)}`,
    )
  }
  // With what it inherits: whoever reads an option reads that too.
  for (const key in given) {
    if (known.includes(key)) continue
    const near = nearest(key, known)
    const advice = near === null ? `it knows ${known.join(', ') || 'none'}` : `did you mean "${near}"?`
    throw new TapeError('BAD_ARGUMENT', `${what} does not know the option "${key}"; ${advice}`)
  }
}
