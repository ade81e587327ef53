/// <reference lib="esnext.disposable" preserve="true" />
/** A tape: one file, many runs. Starting, looking up, naming; everything else is done by what is wired here. */
import path from 'node:path'
import { checkRecomputeOptions, type RecomputeOptions, type RunProof } from '../debug/recompute.js'
import { TapeError, valueText } from '../errors.js'
import type { SpoolPush } from '../fleet/spool-push.js'
import { checkCallback, checkList, checkOptions, checkPath } from '../options.js'
import type { Connection } from '../store/format/connection.js'
import { openDatabase, sqliteError } from '../store/format/database.js'
import { fileIdentity, SameFile } from '../store/format/file-identity.js'
import { contentMark } from '../store/format/own-content.js'
import { RunLock } from '../store/format/run-lock.js'
import { schemaDamage } from '../store/format/schema-check.js'
import { foldLog, isInLogMode } from '../store/format/write-ahead-log.js'
import { copyRuns, type NewTapeReport } from '../store/manage/copy-runs.js'
import { copyTape } from '../store/manage/copy-tape.js'
import { endInterrupted } from '../store/manage/end-run.js'
import { keyName, type SealReport, type SealStatement } from '../store/proof/seal.js'
import { type VerifyReport, verifyChain } from '../store/proof/verify.js'
import { Reader } from '../store/read/reader.js'
import { readRows, type SqlParameters, type SqlRow } from '../store/read/reading-statement.js'
import { checkTags, type Labels, labelRun } from '../store/write/label-writer.js'
import { settleWritingThreads } from '../store/write/main-thread.js'
import { WritingThread } from '../store/write/writing-thread.js'
import { closeAtExit, closedBeforeExit, endAtExit, endBySignal, endedBeforeExit } from './exit.js'
import { PastRun } from './past-run.js'
import { checkedName, Run, type RunOptions } from './run.js'
import type { RunInfo, RunRow } from './run-info.js'
import { runInfos, runRows } from './run-list.js'
import { sealReport, sealsByKey, sealTape } from './sealing.js'

/** How a tape of a store is sent there. */
export interface Spooling {
  readonly drainMs: number
  readonly start: () => SpoolPush
}

/** What is asked of a run to find it: counting its events and calls takes seconds where there are millions. */
const WHICH = 'id, name, status'

/** One SQLite file that holds many runs. `openTape(path)` gives one. */
export class Tape {
  /** Where the file is, as it was given to `openTape`. */
  readonly path: string
  /** Whether it was opened to look only. */
  readonly readonly: boolean
  /** The way to the store, of a tape that was opened by the address of one; null for a file. */
  readonly store: SpoolPush | null
  private readonly drainMs: number
  private readonly db: Connection
  private lazyReader: Reader | null = null
  /** Why nothing but verify() may look into the file; null as a rule. */
  private readonly damage: TapeError | null
  private readonly drainsOnSignal: boolean
  private readonly file: SameFile | null
  private readonly thread: WritingThread | null
  private readonly open = new Set<Run>()
  private closed = false

  /** @internal Use `openTape`. */
  constructor(path: string, readonly: boolean, drainsOnSignal: boolean, spooling: Spooling | null = null) {
    this.path = path
    this.drainsOnSignal = drainsOnSignal
    this.readonly = readonly
    // Whoever only looks may have the report of verify(), whatever is wrong; whoever writes is refused at once.
    this.db = openDatabase(path, { readonly, schemaUnchecked: readonly })
    try {
      this.damage = readonly ? schemaDamage(this.db) : null
      this.file = sameFile(path, this.db)
      if (!readonly && this.file !== null) RunLock.tidy(this.file.path)
    } catch (error) {
      this.db.close()
      throw sqliteError(error, `opening ${path}`)
    }
    this.thread = readonly || this.file === null ? null : WritingThread.for(this.file, endBySignal)
    if (!readonly) closeAtExit(this)
    this.drainMs = spooling?.drainMs ?? 0
    this.store = spooling?.start() ?? null
  }

  /**
   * Starts recording: until it ends, every call of this process is on the tape. Runs nest; the innermost records.
   *
   * Throws  TAPE_READONLY, TAPE_CLOSED, WRITE_FAILED
   */
  startRun(name: string, options: RunOptions = {}): Run {
    this.checkOpen()
    if (this.readonly)
      throw new TapeError(
        'TAPE_READONLY',
        `${this.path} was opened with { readonly: true }; open it without to record`,
      )
    const run = new Run(this.db, this.file, this.thread, name, options, (ended) => {
      this.open.delete(ended)
      endedBeforeExit(ended)
      if (this.open.size > 0) return
      this.thread?.watch(false)
      foldLog(this.db)
    })
    this.open.add(run)
    if (this.drainsOnSignal) this.thread?.watch(true)
    endAtExit(run)
    return run
  }

  /**
   * The runs, oldest first.
   *
   * tags    only those that have all of these
   * Throws  BAD_ARGUMENT
   */
  runs(options: { tags?: readonly string[] } = {}): RunInfo[] {
    checkOptions(options, ['tags'], 'runs()')
    const { tags = [] } = options
    if (options.tags !== undefined) checkTags(tags, 'runs()')
    this.checkReadable()
    return runInfos(this.db, this.settledRows(''), (id) => this.isRecorded(id), tags)
  }

  /** @internal What `runs` says of one run, without reading the others: there may be thousands. Throws RUN_NOT_FOUND. */
  runInfo(id: number): RunInfo {
    this.checkReadable()
    const [info] = runInfos(
      this.db,
      this.settledRows('WHERE id = ?', [id]),
      (each) => this.isRecorded(each),
      [],
    )
    if (info === undefined) throw new TapeError('RUN_NOT_FOUND', `${this.path} has no run ${valueText(id)}`)
    return info
  }

  /**
   * A recorded run, by its number or by its name (the newest of that name).
   *
   * Throws  RUN_NOT_FOUND lists the runs there are
   */
  run(which: number | string): PastRun {
    this.checkReadable()
    if (typeof which !== 'number' && typeof which !== 'string')
      throw new TapeError(
        'BAD_ARGUMENT',
        `run() expected the number or the name of a run, got ${valueText(which)}`,
      )
    // Whole batches only, though other processes go on writing.
    const row =
      typeof which === 'number'
        ? this.settledRows('WHERE id = ?', [which], WHICH)[0]
        : this.settledRows('WHERE name = ? ORDER BY id DESC LIMIT 1', [which], WHICH)[0]
    if (row === undefined) {
      const names = [...new Set(this.runs().map((run) => `"${run.name}" (${run.id})`))]
      const known = names.length === 0 ? 'it holds no runs' : `it has ${names.slice(-10).join(', ')}`
      const [before] = this.settledRows(
        `WHERE first_name = ? OR id IN (SELECT run_id FROM label WHERE kind = 'named' AND text = ?) ORDER BY id DESC LIMIT 1`,
        [String(which), String(which)],
        WHICH,
      )
      if (before !== undefined && before.name !== String(which))
        throw new TapeError(
          'RUN_NOT_FOUND',
          `${this.path} has no run ${valueText(which)} any more: run ${before.id}, which was called so, is called ${valueText(before.name)} now; ${known}`,
        )
      throw new TapeError('RUN_NOT_FOUND', `${this.path} has no run ${valueText(which)}; ${known}`)
    }
    try {
      return new PastRun(this.reader, row.id, row.name, () => this.isRecorded(row.id))
    } catch (error) {
      throw sqliteError(error, `reading run ${row.id} of ${this.path}`)
    }
  }

  /**
   * Writes the end of a run that nobody records any more: its process was killed, or its machine is gone. It counts as `interrupted`
   * before, too, but only where its lock can be seen; from then on the tape itself says so. Nothing that was recorded changes.
   *
   * which   its number or its name (the newest of that name)
   * Throws  RUN_RECORDING while somebody records it; RUN_FINISHED when it has an end; RUN_NOT_FOUND, TAPE_READONLY, TAPE_CORRUPT
   */
  interruptRun(which: number | string): RunInfo {
    const { id, name } = this.run(which)
    if (this.readonly || this.file === null)
      throw new TapeError(
        'TAPE_READONLY',
        `${this.path} ${this.readonly ? 'was opened with { readonly: true }; open it without' : 'is in memory: its runs end with its process'}`,
      )
    if (this.isRecorded(id))
      throw new TapeError(
        'RUN_RECORDING',
        `run ${id} ("${name}") of ${this.path} is being recorded; end it there, or end that process first`,
      )
    endInterrupted(this.db, this.file, { id, name })
    return this.runInfo(id)
  }

  /**
   * Gives a run another name, by which it is found from now on. What it recorded does not change: the name is a row of its own, which
   * the hash chain covers, and the former one stays on the tape (`run.first_name`, the view `label`). Whoever records the run goes on.
   *
   * which   its number or its name (the newest of that name)
   * Throws  BAD_ARGUMENT for what is no name; RUN_NOT_FOUND, TAPE_READONLY, TAPE_NOT_FOUND, WRITE_FAILED
   */
  renameRun(which: number | string, name: string): RunInfo {
    return this.label(which, { name: checkedName(name, 'renameRun') })
  }

  /** Gives a run tags, besides those that it has: see `renameRun`. `tape.runs({ tags })` gives the runs that have some. */
  tagRun(which: number | string, tags: readonly string[]): RunInfo {
    checkTags(tags, 'tagRun')
    return this.label(which, { tags })
  }

  /** Takes tags away from a run; those that it has not are passed over. */
  untagRun(which: number | string, tags: readonly string[]): RunInfo {
    checkTags(tags, 'untagRun')
    return this.label(which, { untag: tags })
  }

  private label(which: number | string, labels: Labels): RunInfo {
    const { id } = this.run(which)
    if (this.readonly)
      throw new TapeError(
        'TAPE_READONLY',
        `${this.path} was opened with { readonly: true }; open it without to write names and tags`,
      )
    this.file?.check()
    labelRun(this.db, id, labels)
    return this.runInfo(id)
  }

  /** Walks the hash chain of the whole file; the report says whether anything was changed since it was written. */
  verify(onProgress?: (events: number, total: number) => void): VerifyReport {
    this.checkOpen()
    return verifyChain(this.db, onProgress)
  }

  /** @internal For each key that has sealed the tape whether its seals hold, when it was verified already. */
  sealsByKey(verified: VerifyReport): ReturnType<typeof sealsByKey> {
    this.checkOpen()
    return sealsByKey(this.path, this.db, verified)
  }

  /**
   * Computes every run again and says what came of each: see `past.recompute`. `sample` and `seed` are meant for each run.
   *
   * Throws  BAD_ARGUMENT
   */
  recompute(options: RecomputeOptions = {}): RunProof[] {
    checkRecomputeOptions(options, 'recompute()')
    const runs = this.runs().map(({ id }) => this.run(id))
    const total = runs.reduce((sum, { lastPosition }) => sum + lastPosition, 0)
    let before = 0
    return runs.map((run) => {
      const proof = run.recompute({
        ...options,
        onProgress: (events) => options.onProgress?.(before + events, total),
      })
      before += run.lastPosition
      return proof
    })
  }

  /**
   * Signs the head of the chain and the ends of the runs with an ed25519 key; the seal is written beside the tape (`runs.tape.seal`), whose
   * file stays as it is. A seal that is there stays too. `newSealKey()` makes keys.
   *
   * privateKey  PEM (PKCS #8)
   * Throws      BAD_KEY; RUN_RECORDING while a run has not ended; TAPE_CORRUPT; BAD_FILE when what lies there is no seal file; WRITE_FAILED
   */
  seal(privateKey: string): SealStatement {
    this.checkReadable()
    keyName(privateKey)
    return sealTape(this.path, this.db, this.runs(), this.verify(), privateKey)
  }

  /**
   * Whether the tape is as it was sealed with this key: all of its seals, the newest of which is told. Walks the chain, unless
   * `verified` says what that came to.
   *
   * publicKey  PEM (SPKI)
   * Throws     BAD_KEY; whatever is wrong with tape or seal is in the answer
   */
  checkSeal(publicKey: string, verified?: VerifyReport): SealReport {
    this.checkOpen()
    keyName(publicKey)
    return sealReport(this.path, this.db, verified ?? this.verify(), publicKey)
  }

  /** Ends open runs as interrupted and closes the file. What a store has not acknowledged yet is still sent meanwhile, for `drainMs`. */
  close(): void {
    if (this.closed) return
    for (const run of [...this.open].reverse()) run.end('interrupted', null)
    this.thread?.close()
    this.db.close()
    this.closed = true
    this.store?.end(this.drainMs)
    closedBeforeExit(this)
  }

  /** For `using tape = openTape(…)`: closes it when the block is left. */
  [Symbol.dispose](): void {
    this.close()
  }

  /** For `await using`; the same. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }

  /**
   * Copies the tape to a new file as of this moment, though this process or others go on recording into it: everything that
   * is in the file by now (`run.flush()` sees to it). The copy is verified; its chain and head are those of the tape.
   *
   * Throws  BAD_ARGUMENT when there is a file; TAPE_CORRUPT, and nothing is written, when the tape does not verify
   */
  copy(output: string, onVerify?: (events: number, total: number) => void): VerifyReport {
    checkPath(output, 'copy()')
    this.checkReadable()
    return copyTape(this.path, output, onVerify)
  }

  /**
   * Copies some of the runs to a new file, by number or name (the newest of that name); this one stays as it is. There they
   * are numbered from 1. Each batch is held to its hash, and the new tape verifies; its chain is one of its own, because a chain
   * goes through all runs of its tape. A run's `fingerprint` is the same in every tape.
   *
   * Throws  RUN_NOT_FOUND; BAD_ARGUMENT when there is a file; TAPE_CORRUPT
   */
  split(
    runs: readonly (number | string)[],
    output: string,
    onProgress?: (events: number) => void,
  ): NewTapeReport {
    checkList(runs, 'split()', 'runs')
    checkPath(output, 'split()')
    checkCallback(onProgress, 'the onProgress of split()')
    const chosen = new Set(runs.map((which) => this.run(which).id))
    return copyRuns(
      [{ path: this.path, runs: chosen }],
      output,
      onProgress === undefined ? {} : { onProgress },
    )
  }

  /** Copies all but some of the runs to a new file: see `split`. How one forgets a run, since a tape never changes. */
  prune(
    drop: readonly (number | string)[],
    output: string,
    onProgress?: (events: number) => void,
  ): NewTapeReport {
    checkList(drop, 'prune()', 'runs')
    checkPath(output, 'prune()')
    checkCallback(onProgress, 'the onProgress of prune()')
    const dropped = new Set(drop.map((which) => this.run(which).id))
    const kept = this.runs()
      .map(({ id }) => id)
      .filter((id) => !dropped.has(id))
    if (kept.length === 0)
      throw new TapeError(
        'BAD_ARGUMENT',
        `every run of ${this.path} is to be dropped; delete the file instead`,
      )
    return this.split(kept, output, onProgress)
  }

  /**
   * All rows of one SQL statement on the views (`gradtape schema FILE` lists them), as objects by column. It reads what is written: of
   * a run that still records call `flush()` first. It runs on this thread and without a time limit; for somebody else's SQL use
   * `gradtape sql`, which runs in a process of its own.
   *
   * parameters  of `:name` an object by name, of `?` a list. Integers beyond 2^53 come as bigints, bytes as Uint8Array
   * Throws      SQL_FAILED in SQLite's words, and for a statement that does more than read; TAPE_CLOSED
   */
  query(sql: string, parameters: SqlParameters = []): SqlRow[] {
    this.checkOpen()
    if (typeof sql !== 'string')
      throw new TapeError('BAD_ARGUMENT', `query() expected a statement, got ${valueText(sql)}`)
    if (typeof parameters !== 'object' || parameters === null)
      throw new TapeError(
        'BAD_ARGUMENT',
        `query() expected a list of parameters, or an object of them, got ${valueText(parameters)}`,
      )
    this.checkReadable()
    return readRows(this.db, sql, parameters)
  }

  /** @internal For callers that ask more of the tape than it answers itself, on the same connection. */
  get connection(): Connection {
    this.checkReadable()
    return this.db
  }

  /** @internal Whether the file is in WAL mode, in which a log stands beside it. A damaged tape is asked, too. */
  get isInLogMode(): boolean {
    return isInLogMode(this.db)
  }

  /** @internal From now on until it is closed the tape answers as of this moment, though others go on writing. */
  holdStill(): void {
    this.checkOpen()
    try {
      this.db.exec('BEGIN')
      this.db.prepare('SELECT count(*) FROM sqlite_schema').get() // the moment is that of the first look
    } catch (error) {
      throw sqliteError(error, `reading ${this.path}`)
    }
  }

  private get reader(): Reader {
    try {
      this.lazyReader ??= new Reader(this.db)
      return this.lazyReader
    } catch (error) {
      throw sqliteError(error, `opening ${this.path}`)
    }
  }

  /** Whether this process or another is recording the run. */
  private isRecorded(id: number): boolean {
    for (const run of this.open) if (run.id === id) return true
    return this.file !== null && RunLock.isHeld(this.file.path, id)
  }

  /** Runs as they are when what a worker thread of this process left, which is gone, is in the file. */
  private settledRows(where: string, parameters: readonly unknown[] = [], columns?: string): RunRow[] {
    const rows = runRows(this.db, this.path, where, parameters, columns)
    if (this.file === null || !rows.some(({ id, status }) => status === 'recording' && !this.isRecorded(id)))
      return rows
    settleWritingThreads(this.file.identity)
    return runRows(this.db, this.path, where, parameters, columns)
  }

  private checkReadable(): void {
    this.checkOpen()
    if (this.damage !== null) throw this.damage
  }

  private checkOpen(): void {
    if (this.closed) throw new TapeError('TAPE_CLOSED', `${this.path} was closed; open it again`)
  }
}

/** The file as it is now; null for a tape in memory. */
function sameFile(file: string, db: Connection): SameFile | null {
  const absolute = path.resolve(file)
  const identity = file === ':memory:' ? null : fileIdentity(absolute)
  return identity === null ? null : new SameFile(absolute, identity, contentMark(db))
}
