/**
 * Writes the batches of one run to the file: each is closed by a commit row in the hash chain, and is there whole or not at all.
 * It sees packed words only, so it works on the training thread and on another alike, and a run may go from one to the
 * other (`state`). What becomes of a batch that could not be written is its caller's business.
 */
import type { TapeError } from '../../errors.js'
import type { PackedBatch } from '../../events/pack.js'
import { chainHash, GENESIS } from '../format/chain.js'
import type { Connection, Statement } from '../format/connection.js'
import { sqliteError } from '../format/database.js'
import { Digests } from '../format/digests.js'
import type { SameFile } from '../format/file-identity.js'
import { checkContent } from '../format/own-content.js'
import { BlockCutter, type Repetitions } from './block-cutter.js'
import { ROW_COLUMNS, type Rows } from './event-rows.js'
import { NameStore } from './name-store.js'
import { RowBuffer } from './row-buffer.js'
import { TemplateStore } from './template-store.js'
import { TextNumbers } from './text-numbers.js'
import { ValueStore } from './value-store.js'
import { VariableStore } from './variable-store.js'

/** How far the writing of a run has come: what another writer needs to go on with the next batch. */
export interface WriterState {
  readonly runId: number
  readonly repetitions: Repetitions
  /** The run's texts by number. */
  readonly texts: readonly string[]
}

export class Writer {
  private runId = 0
  private readonly db: Connection
  private readonly file: SameFile | null
  private readonly runName: string
  private readonly texts: TextNumbers
  private readonly values: ValueStore
  private readonly templates: TemplateStore
  private readonly variables: VariableStore
  private readonly names: NameStore
  private readonly rows: Rows
  private readonly cutter: BlockCutter
  private readonly digests = new Digests()
  private readonly lastHash: Statement
  private readonly insertCommit: Statement
  private repetitions: Repetitions = { current: 1, previous: 1 }

  /** `file` null: the tape is in memory. */
  constructor(db: Connection, file: SameFile | null, runName: string, after?: WriterState) {
    this.db = db
    this.file = file
    this.runName = runName
    this.texts = new TextNumbers(db, after?.texts)
    this.values = new ValueStore(db)
    this.names = new NameStore(db)
    this.templates = new TemplateStore(db, this.names)
    this.variables = new VariableStore(db)
    this.rows = Object.fromEntries(
      Object.entries(ROW_COLUMNS).map(([table, columns]) => [table, new RowBuffer(db, table, columns)]),
    ) as Rows
    this.cutter = new BlockCutter(this.texts, this.templates, this.variables, this.names, this.rows)
    this.lastHash = db.prepare('SELECT hash FROM _commit ORDER BY id DESC LIMIT 1').pluck()
    this.insertCommit = db.prepare(
      'INSERT INTO _commit (run_id, first_position, event_count, committed_at, hash) VALUES (?, ?, ?, ?, ?)',
    )
    if (after !== undefined) {
      this.runId = after.runId
      this.repetitions = after.repetitions
    }
  }

  /** The run's number in the tape; 0 before its first batch is written. */
  get id(): number {
    return this.runId
  }

  get state(): WriterState {
    return { runId: this.runId, repetitions: this.repetitions, texts: this.texts.all }
  }

  /** Takes note of a batch that is in the file already: later ones have its texts by number. */
  skip(batch: Pick<PackedBatch, 'firstText' | 'texts'>): void {
    this.texts.learn(batch)
  }

  /**
   * Writes batches in one transaction, all of them or none; gives what it failed with. The same batches may be tried again.
   *
   * committedAt  when they were written first, for a copy of what another tape holds; now when not given
   */
  write(batches: readonly PackedBatch[], committedAt?: string): TapeError | null {
    const { runId, repetitions } = this
    const texts = this.texts.savepoint
    try {
      this.checkFile()
      this.db.exec('BEGIN IMMEDIATE')
      for (const batch of batches) {
        this.texts.learn(batch)
        this.insert(batch, committedAt ?? new Date().toISOString())
      }
      for (const rows of Object.values(this.rows)) rows.finish()
      this.db.exec('COMMIT')
      return null
    } catch (error) {
      this.runId = runId
      this.repetitions = repetitions
      this.texts.rollBack(texts)
      this.values.forgetIds()
      this.templates.forgetIds()
      this.variables.forgetIds()
      this.names.forgetIds()
      for (const rows of Object.values(this.rows)) rows.discard()
      try {
        if (this.db.inTransaction) this.db.exec('ROLLBACK')
      } catch {
        // The transaction is gone already; the first error is the one to tell.
      }
      const [first, last] = [batches[0]!, batches.at(-1)!]
      const failure = sqliteError(
        error,
        `writing events ${first.firstPosition} to ${last.firstPosition + last.count - 1} of run "${this.runName}"`,
        'make room and call flush() again, nothing is lost until the process ends',
      )
      return failure as TapeError
    }
  }

  /**
   * Looks whether the file is still there under its name. If it is not, what is committed goes from the WAL into the file, where
   * that is now: a WAL that stayed under the name would be taken for that of the next file of this name, and change it.
   */
  private checkFile(): void {
    try {
      this.file?.check()
      checkContent(this.db)
    } catch (error) {
      if (this.file === null || this.file.isUnderItsName) throw error // its content is gone: see own-content.ts
      const timeoutMs = this.db.pragma('busy_timeout', { simple: true }) as number
      this.db.pragma('busy_timeout = 0')
      try {
        this.db.pragma('wal_checkpoint(TRUNCATE)') // says busy, rather than to throw, where somebody is reading
      } finally {
        this.db.pragma(`busy_timeout = ${timeoutMs}`)
      }
      throw error
    }
  }

  private insert(batch: PackedBatch, committedAt: string): void {
    if (this.runId === 0)
      this.runId = Number(
        this.db.prepare('INSERT INTO _run (name) VALUES (?)').run(this.runName).lastInsertRowid,
      )
    const { digests } = this
    digests.clear()
    const stored = batch.values.map((value, i) => this.values.store(value, batch.captures[i]!, digests))
    this.repetitions = this.cutter.write(batch, this.runId, stored, this.repetitions)
    const hash = chainHash(
      (this.lastHash.get() as Buffer | undefined) ?? GENESIS,
      this.runId,
      committedAt,
      batch,
      digests,
    )
    this.insertCommit.run(this.runId, batch.firstPosition, batch.count, committedAt, hash)
  }
}
