/** What the file system itself calls a file: two paths, or one path at two times, may or may not be the same one. */
import fs from 'node:fs'
import { TapeError } from '../../errors.js'

/** Equal for the same file, however it is called; null when there is none. */
export function fileIdentity(path: string): string | null {
  const stat = fs.statSync(path, { bigint: true, throwIfNoEntry: false })
  return stat === undefined ? null : identityOf(stat)
}

function identityOf({ dev, ino }: fs.BigIntStats): string {
  return `${dev}:${ino}`
}

/** Sees to it that what is written goes to the file that was opened, and to none that took its name since. */
export class SameFile {
  readonly path: string
  readonly identity: string

  /** `path` absolute: the program may change its folder. */
  constructor(path: string, identity: string) {
    this.path = path
    this.identity = identity
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
