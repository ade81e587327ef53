/**
 * The connection to a tape's file: how it is opened, what is asserted of it, and how SQLite's errors read. Knows the
 * schema only by its version.
 */
import fs from 'node:fs'
import os from 'node:os'
import { sep } from 'node:path'
import { TapeError, valueText } from '../../errors.js'
import type { Connection } from './connection.js'
import { fileIdentity } from './file-identity.js'
import { migrate, SCHEMA_VERSION } from './migrations.js'
import { watchContent } from './own-content.js'
import { checkSchema } from './schema-check.js'
import { sqlite } from './sqlite.js'
import {
  BUSY_TIMEOUT_MS,
  enterLog,
  isBusy,
  isInLogMode,
  type LogState,
  leavesNothing,
  leavesOneFile,
  logState,
  watchForWriter,
} from './write-ahead-log.js'

/** 'grad' in ASCII, at byte 68 of the file. */
export const APPLICATION_ID = 0x67726164
export const PAGE_BYTES = 16_384
/** Older versions carry the WAL-reset bug, which can corrupt a file that several processes use. */
const SQLITE_MIN_WRITING = '3.51.3'
/**
 * That bug is met by connections that write or reset the log, which a reading one never does. What reading needs is STRICT
 * tables (3.37) and the operator ->> in views (3.38).
 */
const SQLITE_MIN_READING = '3.38.0'

export interface OpenOptions {
  readonly: boolean
  /** Leaves it to the caller to compare the schema with ours; nothing may be asked of the tape before that. */
  schemaUnchecked?: boolean
  /** Takes a tape of an older schema as it is; only for callers that know what to do with one. */
  olderSchema?: boolean
}

/**
 * Opens a tape; when writing, makes or migrates it. Its schema is compared with ours before anything is asked of it.
 *
 * While a tape is open for writing it is in WAL mode: a log stands beside it, and readers and the writer do not wait for each
 * other. Whoever closes it last leaves WAL mode, so that a closed tape is one file; see write-ahead-log.ts.
 *
 * Throws  TAPE_NOT_FOUND, NOT_A_TAPE, TAPE_TOO_NEW, TAPE_CORRUPT, TAPE_INCOMPLETE, TAPE_BUSY, SQLITE_TOO_OLD
 */
export function openDatabase(path: string, options: OpenOptions): Connection {
  if (path !== path.trimEnd())
    throw new TapeError(
      'BAD_ARGUMENT',
      `expected a path without white space at its end, which the driver would cut off, got ${valueText(path)}; rename the file`,
    )
  const exists = path !== ':memory:' && fs.existsSync(path)
  // The driver would cut it off as well, and make a file of the name of the folder that was meant.
  if (!exists && (path.endsWith('/') || path.endsWith(sep)))
    throw new TapeError(
      'BAD_ARGUMENT',
      `expected the path of a file, got that of a folder, ${valueText(path)}`,
    )
  if (options.readonly && !exists)
    throw new TapeError('TAPE_NOT_FOUND', `expected a tape at ${path}, found no file; check the path`)
  if (exists) checkKind(path)
  const deadline = performance.now() + BUSY_TIMEOUT_MS
  for (;;) {
    let db: Connection | null = null
    const file = fileIdentity(path)
    // A compacted copy takes a tape's place under a lock. Whoever waited for that lock has opened what has no name any more.
    const isReplaced = () => file !== null && fileIdentity(path) !== file
    const log = logState(path)
    try {
      db = sqlite().open(path, { readonly: options.readonly, timeoutMs: BUSY_TIMEOUT_MS })
      let wasWriterThere = () => log === 'filled'
      if (options.readonly) leavesNothing(db, path, () => wasWriterThere())
      prepareConnection(db, path, options, log)
      if (options.readonly) wasWriterThere = watchForWriter(db, log)
      if (!options.readonly) {
        watchContent(db, path, log !== 'filled')
        leavesOneFile(db, path)
      }
      if (!isReplaced()) return db
      db.close()
    } catch (error) {
      db?.close()
      if (isReplaced()) continue
      if (isCannotOpen(error) && isOutOfHandles()) throw openingError(error, path)
      if (options.readonly && isLocked(error)) return openLocked(path, options, log, error)
      // Where waiting could deadlock (two processes that both turn a new file to WAL), SQLite answers BUSY at once and
      // asks nobody to wait: whoever lost lets go of everything and comes again.
      if (!isBusy(error) || performance.now() >= deadline) throw openingError(error, path)
      sleep(5 + (process.pid % 20))
    }
  }
}

/** A tape in WAL mode is not opened where no file can be made beside it. One whose log is empty can be read without. */
function openLocked(path: string, options: OpenOptions, log: LogState, cause: unknown): Connection {
  if (log === 'filled')
    throw new TapeError(
      'TAPE_READONLY',
      `opening ${path}: a part of it stands in ${path}-wal, which cannot be read where no file can be made; copy both to a folder that you may write to, and open it there`,
      { cause },
    )
  let db: Connection | null = null
  try {
    db = sqlite().openUnchanging(path)
    prepareConnection(db, path, options, log)
    return db
  } catch (error) {
    db?.close()
    throw openingError(error, path)
  }
}

/** What SQLite answers when it may not make the files that WAL mode needs. */
function isLocked(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' && /^SQLITE_(CANTOPEN|READONLY)/.test(code)
}

function prepareConnection(db: Connection, path: string, options: OpenOptions, log: LogState): void {
  const { readonly, schemaUnchecked, olderSchema } = options
  checkSqlite(db, readonly)
  const version = checkIdentity(db, path)
  if (version === 0) checkEmptiness(db, path, readonly, log)
  setPragmas(db, readonly, version)
  if (schemaUnchecked !== true) checkSchema(db)
  if (readonly && (version >= SCHEMA_VERSION || olderSchema === true)) return
  if (version >= SCHEMA_VERSION) {
    enterLog(db)
    return
  }
  if (readonly)
    throw new TapeError(
      'TAPE_TOO_OLD',
      `${path} has schema ${version}, this gradtape reads ${SCHEMA_VERSION}; bring it up to date with \`gradtape migrate\`, or open it once without { readonly: true }`,
    )
  // First the tables, then WAL mode: a file in WAL mode that has none is a copy whose log was left behind.
  migrate(db, APPLICATION_ID)
  enterLog(db)
}

/** A file that holds nothing may become a tape; unless what it held stands in a log that is not there. */
function checkEmptiness(db: Connection, path: string, readonly: boolean, log: LogState): void {
  if (log === 'none' && isInLogMode(db))
    throw new TapeError(
      'TAPE_INCOMPLETE',
      `${path} is a copy without its log: it is in WAL mode and holds nothing, and there is no ${path}-wal beside it. A tape that is being recorded is two files: copy both, or use \`gradtape copy\`; it was not touched`,
    )
  if (readonly)
    throw new TapeError('NOT_A_TAPE', `expected a tape at ${path}, found a file that holds nothing yet`)
}

/** Blocks this thread: opening a tape is synchronous. */
function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}

/**
 * What is behind an error of a connection that only reads: SQLite calls it a full disk when a damaged header promises more pages
 * than a file can have.
 */
export function fullOrDamaged(db: Connection, error: unknown): unknown {
  if ((error as { code?: unknown } | null)?.code !== 'SQLITE_FULL') return error
  try {
    const [first] = db.pragma('quick_check(1)') as { quick_check: string }[]
    if (first?.quick_check === 'ok') return error
    return new TapeError(
      'TAPE_CORRUPT',
      `the file is damaged (${first?.quick_check}); restore it from a copy`,
      {
        cause: error,
      },
    )
  } catch (damage) {
    return damage
  }
}

/** Turns what SQLite throws into a TapeError that says what it means for the tape; `whenFull` is what to do then. */
export function sqliteError(error: unknown, doing: string, whenFull = 'make room and try again'): unknown {
  if (error instanceof TapeError || !(error instanceof Error)) return error
  if (error.message.includes('database connection is not open'))
    return new TapeError('TAPE_CLOSED', `${doing}: the tape was closed; open it again`, { cause: error })
  if (error.message.includes('directory does not exist'))
    return new TapeError('TAPE_NOT_FOUND', `${doing}: its folder does not exist; make it first`, {
      cause: error,
    })
  const code = (error as { code?: unknown }).code
  if (code === 'EMFILE' || code === 'ENFILE' || (isCannotOpen(error) && isOutOfHandles()))
    return new TapeError(
      'TOO_MANY_FILES',
      `${doing}: this process has as many files open as it may; close some, or raise the limit (ulimit -n), and try again`,
      { cause: error },
    )
  if (typeof code !== 'string' || !code.startsWith('SQLITE')) {
    return code === undefined
      ? error
      : new TapeError('WRITE_FAILED', `${doing}: ${error.message}`, { cause: error })
  }
  if (code === 'SQLITE_NOTADB')
    return new TapeError('NOT_A_TAPE', `${doing}: the file is not a SQLite database`, { cause: error })
  if (code.startsWith('SQLITE_CORRUPT') || isSchemaDamage(code, error.message))
    return new TapeError('TAPE_CORRUPT', `${doing}: ${error.message}; restore the file from a copy`, {
      cause: error,
    })
  if (code.startsWith('SQLITE_BUSY') || code === 'SQLITE_LOCKED') {
    return new TapeError(
      'TAPE_BUSY',
      `${doing}: another process kept the tape locked for ${BUSY_TIMEOUT_MS / 1000} s; try again when it is done`,
      { cause: error },
    )
  }
  if (code.startsWith('SQLITE_READONLY'))
    return new TapeError('TAPE_READONLY', `${doing}: the tape cannot be written to (${error.message})`, {
      cause: error,
    })
  if (code === 'SQLITE_FULL')
    return new TapeError('WRITE_FAILED', `${doing}: the disk is full; ${whenFull}`, { cause: error })
  if (code === 'SQLITE_CANTOPEN')
    return new TapeError('TAPE_NOT_FOUND', `${doing}: ${error.message}; is its folder there and writable?`, {
      cause: error,
    })
  return new TapeError('WRITE_FAILED', `${doing}: ${error.message} (${code})`, { cause: error })
}

function isCannotOpen(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' && code.startsWith('SQLITE_CANTOPEN')
}

/** SQLite says only that it could not open a file. A tape needs itself, its log, the log's index and its folder. */
const HANDLES = 4

/** Whether this process may not open as many files as a tape needs. What failed has closed by now what it had. */
function isOutOfHandles(): boolean {
  const handles: number[] = []
  try {
    for (let i = 0; i < HANDLES; i++) handles.push(fs.openSync(os.devNull, 'r'))
    return false
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'EMFILE' || code === 'ENFILE'
  } finally {
    for (const handle of handles) fs.closeSync(handle)
  }
}

/** What our own statements run into when a table, view or column that they name is not there. */
function isSchemaDamage(code: string, message: string): boolean {
  return code === 'SQLITE_ERROR' && /no such (table|column|view|index)|malformed/.test(message)
}

/**
 * Looks without opening: whoever closes a file gives up all locks that its process has on it (so says POSIX), those of other
 * connections to the same tape included, and SQLite counts on them.
 */
function checkKind(path: string): void {
  if (fs.statSync(path).isDirectory())
    throw new TapeError('NOT_A_TAPE', `expected a tape at ${path}, found a folder`)
}

/** What opening failed with, in words for whoever named the path. */
function openingError(error: unknown, path: string): unknown {
  if ((error as { code?: unknown } | null)?.code !== 'SQLITE_NOTADB')
    return sqliteError(error, `opening ${path}`)
  return new TapeError(
    'NOT_A_TAPE',
    `expected a tape at ${path}, found a file that is not a SQLite database; it was not touched`,
    { cause: error },
  )
}

function checkSqlite(db: Connection, readonly: boolean): void {
  const version = db.prepare<[], { v: string }>('SELECT sqlite_version() AS v').get()!.v
  const least = readonly ? SQLITE_MIN_READING : SQLITE_MIN_WRITING
  if (isAtLeast(version, least)) return
  const { name, update } = sqlite()
  throw new TapeError(
    'SQLITE_TOO_OLD',
    `gradtape needs SQLite ${least} or later to ${readonly ? 'read' : 'write'} a tape, ${name} brings ${version}; ${update}`,
  )
}

/** Whether a version such as 3.51.3 is not before another. */
export function isAtLeast(version: string, least: string): boolean {
  const [have, need] = [version, least].map((text) => text.split('.').map(Number)) as [number[], number[]]
  for (let i = 0; i < need.length; i++) if ((have[i] ?? 0) !== need[i]) return (have[i] ?? 0) > need[i]!
  return true
}

/** What a database says of itself, as of one moment: another process may be just making it into a tape. */
function readIdentity(db: Connection) {
  return db.transaction(() => ({
    applicationId: db.pragma('application_id', { simple: true }) as number,
    version: db.pragma('user_version', { simple: true }) as number,
    objects: db.prepare<[], { n: number }>('SELECT count(*) AS n FROM sqlite_schema').get()!.n,
  }))()
}

/** The version of the tape's schema; 0 when there is nothing in the file yet. */
function checkIdentity(db: Connection, path: string): number {
  const { applicationId, version, objects } = readIdentity(db)
  if (applicationId === APPLICATION_ID) {
    if (version > SCHEMA_VERSION) {
      throw new TapeError(
        'TAPE_TOO_NEW',
        `${path} has schema ${version}, this gradtape knows ${SCHEMA_VERSION}; install a newer gradtape`,
      )
    }
    return version
  }
  if (applicationId !== 0 || version !== 0 || objects > 0) {
    throw new TapeError(
      'NOT_A_TAPE',
      `expected a tape at ${path}, found another program's SQLite database (application_id ${applicationId}, ${objects} tables, views and indexes); it was not touched`,
    )
  }
  return 0
}

function setPragmas(db: Connection, readonly: boolean, version: number): void {
  db.pragma('trusted_schema = OFF')
  db.pragma('recursive_triggers = ON') // otherwise INSERT OR REPLACE deletes without firing the delete triggers
  db.pragma('mmap_size = 0')
  db.pragma('cache_size = -65536')
  if (readonly) return
  if (version === 0) db.pragma(`page_size = ${PAGE_BYTES}`) // must come before the first table
  db.pragma('synchronous = FULL')
  db.pragma('temp_store = MEMORY') // otherwise a large transaction opens a file to undo one statement, and there may be no handle left
}
