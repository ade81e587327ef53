/** What the file system itself calls a file: two paths, or one path at two times, may or may not be the same one. */
import fs from 'node:fs'
import { TapeError } from '../../errors.js'

/** Equal for the same file, however it is called; null when there is none. */
export function fileIdentity(path: string): string | null {
  try {
    const stat = fs.statSync(path, { bigint: true, throwIfNoEntry: false })
    return stat === undefined ? null : identityOf(stat)
  } catch (error) {
    // A link to itself, a folder that may not be entered, a name that is too long.
    throw new TapeError('TAPE_NOT_FOUND', `looking for ${path}: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

export function identityOf({ dev, ino }: fs.BigIntStats): string {
  return `${dev}:${ino}`
}

/** By what the content of a tape's file is known. */
export interface ContentMark {
  /** The moments of its migrations. */
  readonly made: string
  /** The file, and the log beside it. */
  readonly file: string | null
  readonly log: string | null
  /** Size and time of the file when it was looked at last, or written to here; null when it was not under its name. */
  stamp: string | null
  /** How many batches the file itself had then, without its log. */
  batches: number
}

/** Sees to it that what is written goes to the file that was opened, and to none that took its name since. */
export class SameFile {
  readonly path: string
  readonly identity: string
  /** By what its content is known (own-content.ts); null where nobody says. */
  readonly content: ContentMark | null

  /** `path` absolute: the program may change its folder. */
  constructor(path: string, identity: string, content: ContentMark | null) {
    this.path = path
    this.identity = identity
    this.content = content
  }

  get isUnderItsName(): boolean {
    return fileIdentity(this.path) === this.identity
  }

  /** Throws TAPE_NOT_FOUND when the file was deleted, renamed, replaced or emptied. */
  check(): void {
    const stat = fs.statSync(this.path, { bigint: true, throwIfNoEntry: false })
    if (stat !== undefined && identityOf(stat) === this.identity && stat.size > 0n) return
    const what =
      stat === undefined
        ? 'was deleted or renamed; it is not the file any more'
        : identityOf(stat) === this.identity
          ? 'was emptied; it is not the file any more'
          : 'was replaced by another file; it is not the file any more'
    throw new TapeError(
      'TAPE_NOT_FOUND',
      `${this.path} ${what} that was opened. What is not written yet is kept: put the file back and call flush(), or abandon() the run and record to a new tape`,
    )
  }
}
