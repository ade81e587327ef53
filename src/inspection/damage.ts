/** What is behind a failure that nobody foresaw: when a tape that was read does not verify, it is the tape, and not gradtape. */
import { TapeError } from '../errors.js'
import { openDatabase, sqliteError } from '../store/format/database.js'
import { UNFORESEEN, verifyChain } from '../store/proof/verify.js'

/**
 * The error as it is; or, for one that is none of ours, TAPE_CORRUPT with what is wrong with the first of these tapes that does not
 * verify.
 */
export function damageBehind(error: unknown, files: Iterable<string>): unknown {
  const known = sqliteError(error, 'reading the tape')
  if (known instanceof TapeError) return known
  for (const file of files) {
    const problem = problemOf(file)
    if (problem !== null)
      return new TapeError('TAPE_CORRUPT', `${file} is damaged: ${problem.replace(/^TAPE_CORRUPT: /, '')}`, {
        cause: error,
      })
  }
  return error
}

/** Null when the tape verifies, or cannot be looked at now. */
function problemOf(file: string): string | null {
  try {
    const db = openDatabase(file, { readonly: true })
    try {
      const { problem } = verifyChain(db)
      // Where our own code fails everywhere, verification fails as well, and the tape is not to blame.
      return problem?.includes(UNFORESEEN) === true ? null : problem
    } finally {
      db.close()
    }
  } catch (error) {
    return error instanceof TapeError && error.code === 'TAPE_CORRUPT' ? error.message : null
  }
}
