/** Where a command may write: anywhere, but not over the tape that it reads. */
import path from 'node:path'
import { TapeError } from '../errors.js'
import { fileIdentity } from '../store/format/file-identity.js'

/** Throws  BAD_ARGUMENT when `output` is the tape or one of the files beside it, under whatever name */
export function checkOutput(output: string, tape: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) {
    const file = tape + suffix
    const identity = fileIdentity(file)
    if (identity === null ? path.resolve(file) !== path.resolve(output) : identityOf(output) !== identity)
      continue
    throw new TapeError(
      'BAD_ARGUMENT',
      `--output expected a file that is no part of the tape ${tape}, got ${output}; name another`,
    )
  }
}

/** Null too for a path that cannot be looked at, such as one below a file: whoever writes there is told. */
function identityOf(output: string): string | null {
  try {
    return fileIdentity(output)
  } catch {
    return null
  }
}
