/**
 * Whether the file of an open tape still holds that tape. Another program can put other bytes into the same file (`cp other.tape
 * this.tape`): nothing that SQLite looks at tells of it, and what stands in the tape's log would be written over them.
 *
 * Each time the file was written to by somebody, which its time tells, the file is looked at as it is without its log: under a
 * second name, to which no log belongs, and through SQLite (see write-ahead-log.ts). A tape is known by the moments at which its
 * schema came about, and by how many batches were in the file when it was looked at last.
 */
import crypto from 'node:crypto'
import fs from 'node:fs'
import { TapeError } from '../../errors.js'
import type { Connection } from './connection.js'
import { type ContentMark, fileIdentity, identityOf } from './file-identity.js'
import { sqlite } from './sqlite.js'

const TRIES = 3
const TRY_AGAIN_MS = 10

const contents = new WeakMap<Connection, OwnContent>()

/** From now on it is known what the file of `db`, which writes, should hold. `isWhole`: nothing of it stood in a log. */
export function watchContent(db: Connection, path: string, isWhole: boolean): void {
  if (path === ':memory:') return
  const real = fs.realpathSync(path)
  const file = fileIdentity(real)
  const log = fileIdentity(`${real}-wal`)
  const batches = isWhole ? batchesOf(db) : 0
  const mark = { made: madeAt(db), file, log, stamp: stampOf(real, file), batches }
  contents.set(db, new OwnContent(real, mark))
}

/** Throws  TAPE_NOT_FOUND when the file holds something else now; it is left as it is, and the tape's log is put aside */
export function checkContent(db: Connection): void {
  contents.get(db)?.check()
}

/** What another thread must know to look before it opens the file. It changes with the file. */
export function contentMark(db: Connection): ContentMark | null {
  return contents.get(db)?.mark ?? null
}

/** The same as `checkContent`, for one who has not opened the file yet. */
export function checkMarked(path: string, mark: ContentMark): void {
  new OwnContent(fs.realpathSync(path), mark).check()
}

/** Whether what stands in the log of `db` may go into its file; when not, the log is put aside. */
export function mayFold(db: Connection): boolean {
  return contents.get(db)?.isThere() ?? true
}

/** Says that `db` itself has just written to the file. */
export function noteOwnWrite(db: Connection): void {
  contents.get(db)?.remember()
}

class OwnContent {
  readonly mark: ContentMark
  private readonly path: string
  private lost: string | null = null

  constructor(path: string, mark: ContentMark) {
    this.path = path
    this.mark = mark
  }

  check(): void {
    if (this.isThere()) return
    throw new TapeError('TAPE_NOT_FOUND', this.lost!)
  }

  isThere(): boolean {
    if (this.lost !== null) return false
    const { mark } = this
    const stamp = stampOf(this.path, mark.file)
    if (stamp === null || stamp === mark.stamp || this.isSame()) {
      mark.stamp = stamp ?? mark.stamp
      return true
    }
    const aside = this.putLogAside()
    this.lost = `the content of ${this.path} was replaced: it is not the tape any more that was opened, and is left as it is${aside === null ? '' : `. What the tape had in its log is in ${aside}`}. What is not written yet is kept: abandon() the run, and record to a new tape`
    return false
  }

  remember(): void {
    if (this.lost === null) this.mark.stamp = stampOf(this.path, this.mark.file)
  }

  /** False when the file surely holds something else. */
  private isSame(): boolean {
    for (let left = TRIES; ; left--) {
      try {
        return this.looksSame()
      } catch (error) {
        const { code } = error as { code?: unknown }
        const isStrange = typeof code === 'string' && /^SQLITE_(NOTADB|CORRUPT|ERROR)/.test(code) // no tape at all
        // Where no second name can be made, or no file be opened, nothing can be said: then all is as if nobody had looked.
        if (!isStrange) return true
        // It may be just being written to.
        if (left <= 1) return false
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, TRY_AGAIN_MS)
      }
    }
  }

  private looksSame(): boolean {
    const { size } = fs.statSync(this.path)
    if (size === 0) return false
    const second = `${this.path}.looked-at-${crypto.randomBytes(6).toString('hex')}`
    fs.linkSync(this.path, second)
    try {
      const db = sqlite().open(second, { readonly: true, timeoutMs: 0 })
      try {
        if (madeAt(db) !== this.mark.made) return false
        const batches = batchesOf(db)
        if (batches < this.mark.batches) return false // a copy of before
        this.mark.batches = batches
        return true
      } finally {
        db.close()
      }
    } finally {
      for (const end of ['', '-wal', '-shm']) fs.rmSync(second + end, { force: true })
    }
  }

  /**
   * Takes the log from beside the file, whose next user would take it for that of the file. This process still has it open:
   * emptied, it gives nothing to write over the file when the connection is closed. Gives where its content is now.
   */
  private putLogAside(): string | null {
    const log = `${this.path}-wal`
    if (this.mark.log === null || fileIdentity(log) !== this.mark.log) return null // put aside already, or of somebody who opened the file since
    let aside: string | null = null
    if (fs.statSync(log).size > 0) {
      aside = `${this.path}.lost-log-${new Date().toISOString().replace(/[:.]/g, '-')}`
      fs.copyFileSync(log, aside, fs.constants.COPYFILE_EXCL)
      fs.truncateSync(log, 0)
    }
    for (const file of [log, `${this.path}-shm`]) fs.rmSync(file, { force: true })
    return aside
  }
}

/** Null when the file has no name any more, or another one has it: that is told elsewhere (file-identity.ts). */
function stampOf(path: string, file: string | null): string | null {
  const stat = fs.statSync(path, { bigint: true, throwIfNoEntry: false })
  return stat === undefined || identityOf(stat) !== file ? null : `${stat.size} ${stat.mtimeNs}`
}

function madeAt(db: Connection): string {
  return JSON.stringify(db.prepare('SELECT applied_at FROM _migration ORDER BY version').pluck().all())
}

function batchesOf(db: Connection): number {
  return (db.prepare('SELECT max(id) FROM _commit').pluck().get() as number | null) ?? 0
}
