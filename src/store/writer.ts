/**
 * Writes the batches of one run to the file: each batch in one transaction, closed by a commit row in the hash chain.
 * It sees packed words only, so it can move to another thread as it is.
 *
 * RxJS hides what a subscriber throws; so a failure is kept here, with the batch, and thrown to whoever calls next.
 */
import type { TapeError } from '../errors.js'
import type { PackedBatch } from '../events/pack.js'
import { BlockCutter, ROW_COLUMNS, type Rows, type Segments } from './block-cutter.js'
import { chainHash, GENESIS } from './chain.js'
import { type Connection, sqliteError } from './database.js'
import { RowBuffer } from './row-buffer.js'
import { TemplateStore } from './template.js'
import { TextNumbers } from './text-numbers.js'
import { ValueStore } from './value-store.js'

export class Writer {
  /** The failure that stopped writing; null while all is well. */
  failure: TapeError | null = null
  private runId = 0
  private waiting: PackedBatch[] = []
  private readonly db: Connection
  private readonly runName: string
  private readonly texts: TextNumbers
  private readonly values: ValueStore
  private readonly templates: TemplateStore
  private readonly rows: Rows
  private readonly cutter: BlockCutter
  private segments: Segments = { current: 1, previous: 1 }

  constructor(db: Connection, runName: string) {
    this.db = db
    this.runName = runName
    this.texts = new TextNumbers(db)
    this.values = new ValueStore(db)
    this.templates = new TemplateStore(db)
    this.rows = Object.fromEntries(
      Object.entries(ROW_COLUMNS).map(([table, columns]) => [table, new RowBuffer(db, table, columns)]),
    ) as Rows
    this.cutter = new BlockCutter(this.texts, this.templates, this.rows)
  }

  /** The run's number in the tape; 0 before its first batch is written. */
  get id(): number {
    return this.runId
  }

  /** Takes a batch; on failure keeps it and remembers why. */
  take(batch: PackedBatch): void {
    if (this.failure === null) {
      this.failure = this.attempt(batch)
      if (this.failure === null) return
    }
    this.waiting.push({ ...batch, words: batch.words.slice() })
  }

  /** Tries again what failed. */
  retry(): void {
    this.failure = null
    while (this.waiting.length > 0) {
      this.failure = this.attempt(this.waiting[0]!)
      if (this.failure !== null) return
      this.waiting.shift()
    }
  }

  private attempt(batch: PackedBatch): TapeError | null {
    const { runId, segments } = this
    try {
      this.texts.learn(batch)
      this.db.exec('BEGIN IMMEDIATE')
      this.write(batch)
      this.db.exec('COMMIT')
      return null
    } catch (error) {
      this.runId = runId
      this.segments = segments
      this.texts.forgetIds()
      this.values.forgetIds()
      this.templates.forgetIds()
      for (const rows of Object.values(this.rows)) rows.discard()
      try {
        if (this.db.inTransaction) this.db.exec('ROLLBACK')
      } catch {
        // The transaction is gone already; the first error is the one to tell.
      }
      const failure = sqliteError(
        error,
        `writing events ${batch.firstPosition} to ${batch.firstPosition + batch.count - 1} of run "${this.runName}"`,
      )
      return failure as TapeError
    }
  }

  private write(batch: PackedBatch): void {
    if (this.runId === 0)
      this.runId = Number(
        this.db.prepare('INSERT INTO _run (name) VALUES (?)').run(this.runName).lastInsertRowid,
      )
    const stored = batch.values.map((value, i) => this.values.store(value, batch.captures[i]!))
    this.segments = this.cutter.write(batch, this.runId, stored, this.segments)
    for (const rows of Object.values(this.rows)) rows.finish()
    const committedAt = new Date().toISOString()
    const last = this.db
      .prepare<[], { hash: Buffer }>('SELECT hash FROM _commit ORDER BY id DESC LIMIT 1')
      .get()
    const hash = chainHash(
      last?.hash ?? GENESIS,
      this.runId,
      committedAt,
      batch,
      stored.map((value) => value.digest),
    )
    this.db
      .prepare(
        'INSERT INTO _commit (run_id, first_position, event_count, committed_at, hash) VALUES (?, ?, ?, ?, ?)',
      )
      .run(this.runId, batch.firstPosition, batch.count, committedAt, hash)
  }
}
