/**
 * Refuses options that nobody reads, and callbacks that nobody could call: a misspelled one would be answered silently, as if nothing
 * had been said.
 */
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

/**
 * Throws BAD_ARGUMENT when a function without options is given some behind its arguments, as of other libraries. What is no object
 * of options is let be: `xs.map(relu)` gives a function the index, too.
 */
export function refuseOptions(rest: readonly unknown[], what: string): void {
  if (rest.length === 0) return
  const given: unknown = rest[0]
  if (typeof given !== 'object' || given === null) return
  const prototype: unknown = Object.getPrototypeOf(given)
  if (prototype !== Object.prototype && prototype !== null) return
  throw new TapeError('BAD_ARGUMENT', `${what} takes no options, got ${valueText(given)}`)
}

/** Throws BAD_ARGUMENT unless `given` is a function. */
export function checkFunction(given: unknown, what: string): void {
  if (typeof given === 'function') return
  throw new TapeError('BAD_ARGUMENT', `${what} expected a function, got ${valueText(given)}`)
}

/** Throws BAD_ARGUMENT unless `given` is a function, or not given. */
export function checkCallback(given: unknown, what: string): void {
  if (given !== undefined) checkFunction(given, what)
}

/** Throws BAD_ARGUMENT unless `given` may name a file or folder. SQLite cuts blanks off, and takes nothing for a file of its own. */
export function checkPath(given: unknown, what: string): void {
  if (typeof given === 'string' && given.trim() !== '' && !given.includes('\0')) return
  throw new TapeError('BAD_ARGUMENT', `${what} expected a path, got ${valueText(given)}`)
}

/** Throws BAD_ARGUMENT unless `given` is a list with something in it. */
export function checkList(given: unknown, what: string, of: string): void {
  if (Array.isArray(given) && given.length > 0) return
  throw new TapeError('BAD_ARGUMENT', `${what} expected a list of ${of}, got ${valueText(given)}`)
}

/** A timer of Node's that is longer than this is over at once. */
export const TIMER_MAX_MS = 2 ** 31 - 1
