/** Arrays by name, as files hold them: what can be written under which name, and what of a file can be read. */
import type { NDArray } from '../array/ndarray.js'
import { TapeError } from '../errors.js'

/** Each array of a file, or why no array here holds it: one of an unknown kind leaves the others readable. */
export type NamedArrays = Map<string, NDArray | TapeError>

/** What `read` gives, or its refusal when it is about what the elements are and not about damage. */
export function readable(read: () => NDArray): NDArray | TapeError {
  try {
    return read()
  } catch (error) {
    if (error instanceof TapeError && (error.code === 'BAD_DTYPE' || error.code === 'BAD_VALUE')) return error
    throw error
  }
}

/**
 * Throws BAD_ARGUMENT for a name that a file could not give back: with half of a surrogate pair, which is no text, or one that the
 * format needs for itself.
 */
export function requireNames(names: Iterable<string>, reserved: readonly string[], what: string): void {
  for (const name of names) {
    if (/\p{Surrogate}/u.test(name)) {
      throw new TapeError(
        'BAD_ARGUMENT',
        `${what} expected names that are text, got ${JSON.stringify(name)}, which holds half of a surrogate pair; rename it`,
      )
    }
    if (reserved.includes(name)) {
      throw new TapeError(
        'BAD_ARGUMENT',
        `${what} expected no array named "${name}", which the format keeps for itself; rename it, or save another kind of file`,
      )
    }
  }
}
