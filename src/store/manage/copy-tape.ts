/** A copy of a whole tape as of one moment, while others may be writing it. */
import { checkCallback } from '../../options.js'
import { openDatabase } from '../format/database.js'
import type { VerifyProgress, VerifyReport } from '../proof/verify.js'
import { newTape } from './new-tape.js'

/**
 * Copies a tape in one snapshot, log and all, and verifies the copy: it has the chain and the head of the tape at that moment.
 *
 * Throws  BAD_ARGUMENT when `output` exists; TAPE_CORRUPT when the copy does not verify, because the tape does not
 */
export function copyTape(file: string, output: string, onVerify?: VerifyProgress): VerifyReport {
  checkCallback(onVerify, 'the onVerify of copy()')
  return newTape(
    output,
    (copy) => {
      const db = openDatabase(file, { readonly: true })
      try {
        db.prepare('VACUUM INTO ?').run(copy)
      } finally {
        db.close()
      }
    },
    onVerify,
  )
}
