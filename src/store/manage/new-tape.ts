/**
 * A new tape that is made from others: written beside its place under another name, proven whole, and moved there in one
 * rename. Until then nothing has its name, and whatever fails leaves nothing behind.
 */
import fs from 'node:fs'
import path from 'node:path'
import { TapeError } from '../../errors.js'
import { openDatabase, sqliteError } from '../format/database.js'
import { type VerifyProgress, type VerifyReport, verifyChain } from '../proof/verify.js'

const UNFINISHED = '.unfinished'
/** A tape's file and what SQLite puts beside it. */
export const SIDECARS = ['', '-journal', '-wal', '-shm']

/**
 * Has `write` write a tape, verifies it, and puts it at `output`.
 *
 * Throws  BAD_ARGUMENT when there is a file; TAPE_CORRUPT when what was written is not whole; WRITE_FAILED
 */
export function newTape(
  output: string,
  write: (file: string) => void,
  onVerify?: VerifyProgress,
): VerifyReport {
  const target = path.resolve(output)
  if (fs.existsSync(target))
    throw new TapeError('BAD_ARGUMENT', `expected no file at ${output}, found one; name another or remove it`)
  const file = target + UNFINISHED
  const remove = () => {
    for (const sidecar of SIDECARS) fs.rmSync(file + sidecar, { force: true })
  }
  remove()
  try {
    write(file)
    const report = verified(file, onVerify)
    place(file, target)
    return report
  } catch (error) {
    throw sqliteError(error, `writing ${output}`)
  } finally {
    remove()
  }
}

interface NewTapeOptions {
  /** A file that is there is replaced, once the new one is whole. */
  replaces?: boolean
  /** What was written before a failure stays beside the place, as `.unfinished`, for the next time. */
  keepsUnfinished?: boolean
}

/** As `newTape`, for what is written while one waits for something else. */
export async function newTapeLater(
  output: string,
  write: (file: string) => Promise<void>,
  { replaces = false, keepsUnfinished = false }: NewTapeOptions = {},
): Promise<VerifyReport> {
  const target = path.resolve(output)
  if (!replaces && fs.existsSync(target))
    throw new TapeError('BAD_ARGUMENT', `expected no file at ${output}, found one; name another or remove it`)
  const file = target + UNFINISHED
  const remove = () => {
    for (const sidecar of SIDECARS) fs.rmSync(file + sidecar, { force: true })
  }
  remove()
  try {
    await write(file)
  } catch (error) {
    if (!keepsUnfinished) remove()
    throw sqliteError(error, `writing ${output}`)
  }
  try {
    const report = verified(file, undefined)
    // The log of the tape that goes would be taken for the log of the one that comes.
    if (fs.existsSync(`${target}-wal`) && fs.statSync(`${target}-wal`).size > 0)
      throw new TapeError(
        'TAPE_BUSY',
        `somebody writes ${output}; wait until it is closed, or name another file`,
      )
    place(file, target)
    return report
  } catch (error) {
    throw sqliteError(error, `writing ${output}`)
  } finally {
    remove()
  }
}

function verified(file: string, onVerify: VerifyProgress | undefined): VerifyReport {
  const db = openDatabase(file, { readonly: true })
  try {
    const report = verifyChain(db, onVerify)
    if (report.intact) return report
    throw new TapeError(
      'TAPE_CORRUPT',
      `what was written does not verify, and was taken away again (${report.problem}); verify the tape that it was made from (\`gradtape verify\`), and salvage it when it is damaged (\`gradtape salvage\`)`,
    )
  } finally {
    db.close()
  }
}

function place(file: string, target: string): void {
  try {
    const handle = fs.openSync(file, 'r+')
    fs.fsyncSync(handle)
    fs.closeSync(handle)
    fs.renameSync(file, target)
  } catch (error) {
    throw new TapeError('WRITE_FAILED', `putting the new tape at ${target}: ${(error as Error).message}`, {
      cause: error,
    })
  }
}
