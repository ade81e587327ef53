/**
 * The log beside a tape that is open for writing (WAL mode: `-wal`, and its index `-shm`), and how it goes away. A closed
 * tape is one file, which any program can read from a folder that it may not write to, or from memory. All of it is done by
 * SQLite itself, under its locks: others may open the tape or write to it at any moment.
 *
 * A file is never opened here except through SQLite: whoever closes a file gives up all locks that its process has on it.
 */
import fs from 'node:fs'
import type { Connection } from './connection.js'
import { mayFold, noteOwnWrite } from './own-content.js'
import { sqlite } from './sqlite.js'

/** How long a connection waits for another one, as a rule. */
export const BUSY_TIMEOUT_MS = 30_000

/** What stands beside a tape: no log, one that holds nothing, or one that may hold what the file does not. */
export type LogState = 'none' | 'empty' | 'filled'

export function logState(path: string): LogState {
  const log = path === ':memory:' ? undefined : fs.statSync(`${path}-wal`, { throwIfNoEntry: false })
  return log === undefined ? 'none' : log.size === 0 ? 'empty' : 'filled'
}

/** Turns to WAL mode. From the first look on the connection holds a lock that tells others that somebody has the tape open. */
export function enterLog(db: Connection): void {
  db.pragma('journal_mode = WAL')
  db.prepare('SELECT count(*) FROM sqlite_schema').get()
}

/**
 * Brings what stands in the log into the file, as far as readers let it: from now on the file is whole by itself. Waits for
 * nobody, and loses nothing where it cannot: what is in the log is on the disk already.
 */
export function foldLog(db: Connection): void {
  if (!mayFold(db)) return
  withoutWaiting(db, () => db.pragma('wal_checkpoint(TRUNCATE)'))
  noteOwnWrite(db)
}

export function isInLogMode(db: Connection): boolean {
  return db.pragma('journal_mode', { simple: true }) === 'wal'
}

/** Leaves WAL mode, unless another connection has the tape open; then that one does it when it is closed. */
function leaveLog(db: Connection): void {
  if (db.inTransaction || !isInLogMode(db)) return
  foldLog(db) // a reader that is still there finds an empty log when it closes, and takes it away
  withoutWaiting(db, () => db.pragma('journal_mode = DELETE'))
}

function withoutWaiting(db: Connection, act: () => void): void {
  db.pragma('busy_timeout = 0')
  try {
    act()
  } catch (error) {
    // Somebody else has the file, or the disk is full: the log stays, with all that is in it, for whoever opens it next.
    if (!isFromSqlite(error)) throw error
  } finally {
    db.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`)
  }
}

/** From now on closing `db`, which writes, also leaves the tape as one file. */
export function leavesOneFile(db: Connection, path: string): void {
  if (path === ':memory:') return
  const close = db.close.bind(db)
  db.close = () => {
    try {
      if (db.open && mayFold(db)) leaveLog(db)
    } catch (error) {
      if (!isFromSqlite(error)) throw error // a damaged file is closed as it is
    }
    return close()
  }
}

/**
 * From now on closing `db`, which only reads, also takes away what reading put beside the file. When a writer was there in the
 * meantime, the tape also leaves WAL mode, as that writer would have done.
 */
export function leavesNothing(db: Connection, path: string, wasWriterThere: () => boolean): void {
  const close = db.close.bind(db)
  db.close = () => {
    if (!db.open) return db
    const leaves = wasWriterThere()
    close()
    takeAwayEmptyLog(path, leaves)
    return db
  }
}

/** What a reader can tell later: whether somebody else had the tape open for writing, when it was opened or since. */
export function watchForWriter(db: Connection, before: LogState): () => boolean {
  // A tape in WAL mode that has no log was closed so by its writer, and stays so as long as nobody writes to it.
  if (before !== 'none' || !isInLogMode(db)) return () => true
  const version = dataVersion(db)
  return () => {
    try {
      return dataVersion(db) !== version
    } catch (error) {
      if (!isFromSqlite(error)) throw error
      return false // a file that was damaged since is left as it is
    }
  }
}

/** Changes when another connection commits. */
function dataVersion(db: Connection): unknown {
  return db.pragma('data_version', { simple: true })
}

/**
 * A reading connection makes a log for a tape in WAL mode, and may not take it away; nor can the last writer that closes the
 * tape before its readers. So a reader that leaves an empty log opens the file once more, to close it as a writer does. A log
 * that holds something is left alone: whoever only looks brings nothing from it into the file.
 */
function takeAwayEmptyLog(path: string, leaves: boolean): void {
  if (logState(path) !== 'empty' || !fs.existsSync(path)) return // opening would make a file that is gone
  let db: Connection | null = null
  try {
    db = sqlite().open(path, { readonly: false, timeoutMs: 0 })
    db.prepare('SELECT count(*) FROM sqlite_schema').get()
    if (leaves) leaveLog(db)
  } catch (error) {
    if (!isFromSqlite(error)) throw error // no permission to write, or somebody else is at it
  } finally {
    db?.close()
  }
}

export function isBusy(error: unknown): boolean {
  return isFromSqlite(error) && (error as { code: string }).code.startsWith('SQLITE_BUSY')
}

function isFromSqlite(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' && code.startsWith('SQLITE')
}
