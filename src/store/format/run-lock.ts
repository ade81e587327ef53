/**
 * What says that a run is being recorded: a lock that the operating system takes back however its process ends, and that
 * other containers see as well, where the number of a process means another one. It is SQLite's lock on an empty file beside
 * the tape, because Node has none of its own.
 */
import fs from 'node:fs'
import path from 'node:path'
import { TapeError } from '../../errors.js'
import type { Connection } from './connection.js'
import { fileIdentity } from './file-identity.js'
import { sqlite } from './sqlite.js'

/**
 * Beside the file itself, whatever link it was opened by; named by the file's number, too, because another file may take its name
 * while a run goes on in it. Null where there is no file.
 */
function lockPath(tape: string, runId: number): string | null {
  const stat = fs.statSync(tape, { bigint: true, throwIfNoEntry: false })
  return stat === undefined ? null : `${fs.realpathSync(tape)}${MARK}${stat.ino}-${runId}`
}

const MARK = '-recording-'

/** Held while a run is recorded. */
export class RunLock {
  private readonly file: string
  private readonly db: Connection

  private constructor(file: string, db: Connection) {
    this.file = file
    this.db = db
  }

  /** Takes the lock of a run that begins. Throws what SQLite throws when no file can be made there. */
  static take(tape: string, runId: number): RunLock {
    const file = lockPath(tape, runId)
    if (file === null) throw new TapeError('TAPE_NOT_FOUND', `${tape} was deleted; record to a new tape`)
    for (;;) {
      const db = sqlite().open(file, { readonly: false, timeoutMs: 30_000 })
      try {
        db.pragma('journal_mode = MEMORY') // no second file
        db.exec('BEGIN EXCLUSIVE')
      } catch (error) {
        db.close()
        throw error
      }
      // Whoever tidies up may have taken the file for a forgotten one, just before it was locked.
      if (fileIdentity(file) !== null) return new RunLock(file, db)
      db.close()
    }
  }

  release(): void {
    this.db.close()
    fs.rmSync(this.file, { force: true })
  }

  /** Whether a process is recording the run, on this machine or another that shares the file. */
  static isHeld(tape: string, runId: number): boolean {
    const file = lockPath(tape, runId)
    return file !== null && isLocked(file)
  }

  /** For callers that look at the lock of a run now and then; null where there is none. */
  static watch(tape: string, runId: number): LockWatch | null {
    const file = lockPath(tape, runId)
    return file === null || !fs.existsSync(file) ? null : new LockWatch(file)
  }

  /** Removes what processes that were killed left beside the tape. */
  static tidy(tape: string): void {
    const { dir, base } = path.parse(fs.realpathSync(tape))
    const start = base + MARK
    for (const name of fs.readdirSync(dir)) {
      if (!name.startsWith(start) || !/^\d+-\d+$/.test(name.slice(start.length))) continue
      const file = path.join(dir, name)
      if (!isLocked(file)) fs.rmSync(file, { force: true })
    }
  }
}

/** Looks at a run's lock, whatever becomes of the names of the files meanwhile. */
export class LockWatch {
  private readonly db: Connection

  constructor(file: string) {
    this.db = sqlite().open(file, { readonly: true, timeoutMs: 0 })
  }

  get isHeld(): boolean {
    try {
      this.db.prepare('SELECT count(*) FROM sqlite_schema').get()
      return false
    } catch (error) {
      if (isBusy(error)) return true
      throw error
    }
  }

  close(): void {
    this.db.close()
  }
}

function isBusy(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' && code.startsWith('SQLITE_BUSY')
}

function isLocked(file: string): boolean {
  if (!fs.existsSync(file)) return false
  let db: Connection | null = null
  try {
    db = sqlite().open(file, { readonly: true, timeoutMs: 0 })
    db.prepare('SELECT count(*) FROM sqlite_schema').get()
    return false
  } catch (error) {
    if (isBusy(error)) return true
    if (!fs.existsSync(file)) return false // it ended just now
    throw error
  } finally {
    db?.close()
  }
}
