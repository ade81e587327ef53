/**
 * Makes a tape's file smaller and changes nothing that it says: a vacuumed copy beside it, proven equal, takes its place in
 * one rename. What a proof is besides equal views (the hash chain), the caller says; this does not know how it is walked.
 */
import fs from 'node:fs'
import path from 'node:path'
import { TapeError } from '../../errors.js'
import type { Connection } from '../format/connection.js'
import { fullOrDamaged, openDatabase, sqliteError } from '../format/database.js'
import { RunLock } from '../format/run-lock.js'
import { sqlite } from '../format/sqlite.js'
import { DigestThread } from './digest-thread.js'
import { tapeDigests, type ViewDigest } from './view-digests.js'

interface CompactOptions {
  /** Where the copy goes; the tape itself then stays as it is. In the tape's place when not given. */
  output?: string
  /** Throws when the copy is not a whole tape. */
  prove: (copy: Connection) => void
  /** Told now and then how many rows of the views were compared, on both sides together. */
  onProgress?: (rows: number) => void
}

export interface CompactReport {
  /** Where the compacted tape is. */
  path: string
  /** The file and its WAL. */
  bytesBefore: number
  bytesAfter: number
  /** False when a copy would be no smaller: the tape was left as it is. */
  written: boolean
  /** What both files say, view by view; empty when nothing was written. */
  views: ViewDigest[]
}

/** Smaller pages leave less of them empty; a tape that is written to again is not slower by much. */
const PAGE_BYTES = 8_192
const LOCK_TIMEOUT_MS = 2_000
const UNFINISHED = '.compacting'
const SIDECARS = ['', '-journal', '-wal', '-shm']

/**
 * Ends with either file whole: until the rename the tape is as it was, and a copy that was cut short is removed by the next
 * attempt.
 *
 * Throws  TAPE_BUSY when any other process has the tape open; TAPE_CORRUPT when the copy is not equal; WRITE_FAILED
 */
export function compactFile(file: string, options: CompactOptions): CompactReport {
  if (!fs.existsSync(file))
    throw new TapeError('TAPE_NOT_FOUND', `expected a tape at ${file}, found no file; check the path`)
  const source = fs.realpathSync(file) // a link stays a link
  const target = checkedTarget(source, options.output)
  const bytesBefore = sizeOf(source) + sizeOf(`${source}-wal`)
  const copy = target + UNFINISHED
  if (target !== source) return compactBeside(source, target, copy, bytesBefore, options)
  openDatabase(source, { readonly: false }).close() // what is no tape is refused, what is old is migrated
  const db = openAlone(source)
  try {
    remove(copy)
    const report: CompactReport = {
      path: target,
      bytesBefore,
      bytesAfter: sizeOf(source),
      written: false,
      views: [],
    }
    writeCopy(db, copy)
    if (sizeOf(copy) >= sizeOf(source)) return report
    report.views = proveEqual(db, copy, options)
    moveInto(copy, target, fs.statSync(source).mode)
    return { ...report, bytesAfter: sizeOf(target), written: true }
  } finally {
    db.close()
    remove(copy)
    RunLock.tidy(source) // what killed processes left beside the tape
  }
}

/** The copy goes elsewhere: the tape is only read, and a copy of an old one is brought up to date once it is proven equal. */
function compactBeside(
  source: string,
  target: string,
  copy: string,
  bytesBefore: number,
  options: CompactOptions,
): CompactReport {
  const db = openDatabase(source, { readonly: true, olderSchema: true })
  try {
    remove(copy)
    writeCopy(db, copy)
    db.exec('BEGIN') // what is compared is as of one moment; if it is a later one than the copy's, they are not equal
    const views = proveEqual(db, copy, options)
    moveInto(copy, target, fs.statSync(source).mode)
    return { path: target, bytesBefore, bytesAfter: sizeOf(target), written: true, views }
  } finally {
    db.close()
    remove(copy)
  }
}

function checkedTarget(source: string, output: string | undefined): string {
  if (output === undefined) return source
  const target = path.resolve(output)
  if (target.endsWith(UNFINISHED))
    throw new TapeError(
      'BAD_ARGUMENT',
      `a file named *${UNFINISHED} is taken for a copy that was cut short; give the output another name`,
    )
  if (fs.existsSync(target))
    throw new TapeError('BAD_ARGUMENT', `expected no file at ${output}, found one; name another or remove it`)
  return target
}

/**
 * A connection that no other can come beside, neither now nor until it is closed. The WAL is empty and gone, so that nothing
 * of it can be taken for the WAL of the file that follows under this name.
 */
function openAlone(source: string): Connection {
  const db = sqlite().open(source, { readonly: false, timeoutMs: LOCK_TIMEOUT_MS })
  try {
    db.pragma('trusted_schema = OFF')
    db.pragma('journal_mode = DELETE') // refused while anybody else has the file open in WAL
    db.pragma('locking_mode = EXCLUSIVE')
    db.exec('BEGIN EXCLUSIVE; COMMIT')
    return db
  } catch (error) {
    db.close()
    const { code } = error as { code?: unknown }
    if (typeof code === 'string' && code.startsWith('SQLITE_BUSY'))
      throw new TapeError(
        'TAPE_BUSY',
        `${source} is open elsewhere, in another process or in this one; compact it when nobody records into it or reads it`,
      )
    throw sqliteError(error, `opening ${source}`)
  }
}

function writeCopy(db: Connection, copy: string): void {
  try {
    db.pragma(`page_size = ${PAGE_BYTES}`)
    db.prepare('VACUUM INTO ?').run(copy)
  } catch (error) {
    throw sqliteError(fullOrDamaged(db, error), `writing ${copy}`)
  }
}

function proveEqual(db: Connection, copy: string, { prove, onProgress }: CompactOptions): ViewDigest[] {
  const other = openDatabase(copy, { readonly: true, olderSchema: true })
  let there: DigestThread | null = null
  try {
    // The copy's side is read by a second thread, where one can be started: reading the views is what takes the time.
    there = DigestThread.of(copy)
    let rows = 0
    const here = tapeDigests(db, (done) => {
      rows = done
      onProgress?.(done + (there?.rows ?? 0))
    })
    const onRest = (done: number) => onProgress?.(rows + done)
    const copied = new Map(
      (there?.wait(onRest) ?? tapeDigests(other, onRest)).map((view) => [view.name, view.sha256]),
    )
    for (const { name, sha256 } of here)
      if (copied.get(name) !== sha256)
        throw new TapeError(
          'TAPE_CORRUPT',
          `${name} of the compacted copy does not say what it says in the tape, which was left as it is; verify the tape, and please report this`,
        )
    there?.end()
    other.close()
    const whole = openDatabase(copy, { readonly: false }) // in WAL, and migrated if it was old
    try {
      prove(whole)
    } finally {
      whole.close()
    }
    return here.filter(({ name }) => name !== '_commit')
  } finally {
    there?.end()
    other.close()
  }
}

function moveInto(copy: string, target: string, mode: number): void {
  try {
    fs.chmodSync(copy, mode)
    synced(copy)
    fs.renameSync(copy, target)
  } catch (error) {
    throw new TapeError(
      'WRITE_FAILED',
      `putting the compacted copy in its place at ${target}: ${(error as Error).message}; the tape was left as it is`,
      { cause: error },
    )
  }
  try {
    synced(path.dirname(target))
  } catch {
    // Not every system lets a folder be synced; then the rename is on the disk when it likes, and either file is whole.
  }
}

function synced(file: string): void {
  const handle = fs.openSync(file, fs.statSync(file).isDirectory() ? 'r' : 'r+')
  try {
    fs.fsyncSync(handle)
  } finally {
    fs.closeSync(handle)
  }
}

function remove(copy: string): void {
  for (const sidecar of SIDECARS) fs.rmSync(copy + sidecar, { force: true })
}

function sizeOf(file: string): number {
  return fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0
}
