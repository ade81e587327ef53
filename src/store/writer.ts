/**
 * Writes the batches of one run to the file: each batch in one transaction, closed by a commit row in the hash chain.
 * It sees packed words only, so it can move to another thread as it is.
 *
 * RxJS hides what a subscriber throws; so a failure is kept here, with the batch, and thrown to whoever calls next.
 */
import type { TapeError } from '../errors.js'
import { EVENT_KIND } from '../events/event.js'
import { HELD, type PackedBatch, VALUE_ARRAY, VALUE_NONE } from '../events/pack.js'
import { chainHash, GENESIS } from './chain.js'
import { type Connection, sqliteError } from './database.js'
import { RowBuffer } from './row-buffer.js'
import { TextNumbers } from './text-numbers.js'
import { toScalar } from './value.js'
import { ValueStore } from './value-store.js'

/** `id` of an event is run × this + position. */
export const RUN_UNIT = 2 ** 32

export class Writer {
  /** The failure that stopped writing; null while all is well. */
  failure: TapeError | null = null
  private runId = 0
  private waiting: PackedBatch[] = []
  private readonly db: Connection
  private readonly runName: string
  private readonly texts: TextNumbers
  private readonly values: ValueStore
  private readonly tables: { [name in keyof typeof COLUMNS]: RowBuffer }

  constructor(db: Connection, runName: string) {
    this.db = db
    this.runName = runName
    this.texts = new TextNumbers(db)
    this.values = new ValueStore(db)
    this.tables = Object.fromEntries(
      Object.entries(COLUMNS).map(([table, columns]) => [table, new RowBuffer(db, table, columns)]),
    ) as typeof this.tables
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
    const before = this.runId
    try {
      this.texts.learn(batch)
      this.db.exec('BEGIN IMMEDIATE')
      this.write(batch)
      this.db.exec('COMMIT')
      return null
    } catch (error) {
      this.runId = before
      this.texts.forgetIds()
      this.values.forgetIds()
      for (const table of Object.values(this.tables)) table.discard()
      try {
        if (this.db.inTransaction) this.db.exec('ROLLBACK')
      } catch {
        // The transaction is gone already; the first error is the one to tell.
      }
      const failure = sqliteError(error, `writing events ${batch.firstPosition} to ${batch.firstPosition + batch.count - 1} of run "${this.runName}"`)
      return failure as TapeError
    }
  }

  private write(batch: PackedBatch): void {
    if (this.runId === 0) this.runId = Number(this.db.prepare('INSERT INTO _run (name) VALUES (?)').run(this.runName).lastInsertRowid)
    const stored = batch.values.map((value) => this.values.idOf(value))
    new BatchRows(batch, this.runId, this.texts, stored, this.tables).write()
    for (const table of Object.values(this.tables)) table.finish()
    const committedAt = new Date().toISOString()
    const last = this.db.prepare<[], { hash: Buffer }>('SELECT hash FROM _commit ORDER BY id DESC LIMIT 1').get()
    const hash = chainHash(last?.hash ?? GENESIS, this.runId, committedAt, batch, stored.map((value) => value.hash))
    this.db
      .prepare('INSERT INTO _commit (run_id, first_position, event_count, committed_at, hash) VALUES (?, ?, ?, ?, ?)')
      .run(this.runId, batch.firstPosition, batch.count, committedAt, hash)
  }
}

const COLUMNS = {
  _step: ['id', 'step', 'elapsed_ms'],
  _leaf: ['id', 'step', 'form_id', 'source', 'scalar', 'value_id'],
  _call: ['id', 'step', 'signature_id', 'attributes_id', 'a', 'b', 'more', 'scalar', 'value_id'],
  _output: ['call_id', 'slot', 'scalar', 'value_id'],
  _gradient: ['id', 'step', 'pass', 'variable', 'gradient', 'form_id', 'held', 'scalar', 'value_id', 'accumulated_scalar', 'accumulated_value_id'],
  _assignment: ['id', 'step', 'variable', 'source', 'form_id', 'scalar', 'value_id'],
  _metric: ['id', 'step', 'name_id', 'scalar', 'variable'],
  _fact: ['id', 'step', 'kind', 'subject', 'payload'],
} as const

/** One walk over the words of a batch, from event to row. */
class BatchRows {
  private at = 0
  private step: number
  private readonly words: Float64Array
  private readonly batch: PackedBatch
  private readonly runId: number
  private readonly texts: TextNumbers
  private readonly stored: readonly { id: number }[]
  private readonly tables: { [name in keyof typeof COLUMNS]: RowBuffer }

  constructor(
    batch: PackedBatch,
    runId: number,
    texts: TextNumbers,
    stored: readonly { id: number }[],
    tables: { [name in keyof typeof COLUMNS]: RowBuffer },
  ) {
    this.batch = batch
    this.words = batch.words
    this.step = batch.firstStep
    this.runId = runId
    this.texts = texts
    this.stored = stored
    this.tables = tables
  }

  write(): void {
    const { batch } = this
    for (let i = 0; i < batch.count; i++) this.event(this.runId * RUN_UNIT + batch.firstPosition + i)
  }

  private event(id: number): void {
    const { texts } = this
    const kind = this.word()
    switch (kind) {
      case EVENT_KIND.FunctionCalled: {
        const row = this.tables._call
        row.add(id)
        row.add(this.step)
        row.add(texts.id('_signature', this.word()))
        row.add(texts.id('_text', this.word()))
        const inputs = this.word()
        row.add(inputs > 0 ? this.word() : null)
        row.add(inputs > 1 ? this.word() : null)
        row.add(inputs > 2 ? JSON.stringify(Array.from({ length: inputs - 2 }, () => this.word())) : null)
        const outputs = this.word()
        this.value(row)
        row.endRow()
        for (let slot = 1; slot < outputs; slot++) this.output(id, slot)
        return
      }
      case EVENT_KIND.GradientComputed: {
        const row = this.tables._gradient
        row.add(id)
        row.add(this.step)
        row.add(this.word())
        row.add(this.word())
        row.add(this.ref())
        row.add(texts.id('_array_form', this.word()))
        const held = this.word()
        if (HELD[held] === undefined) throw new RangeError(`held ${held}`)
        row.add(held)
        this.value(row)
        this.value(row)
        row.endRow()
        return
      }
      case EVENT_KIND.LeafCreated: {
        const row = this.tables._leaf
        row.add(id)
        row.add(this.step)
        row.add(texts.id('_leaf_form', this.word()))
        row.add(this.ref())
        this.value(row)
        row.endRow()
        return
      }
      case EVENT_KIND.ValueAssigned: {
        const row = this.tables._assignment
        row.add(id)
        row.add(this.step)
        row.add(this.word())
        row.add(this.ref())
        row.add(texts.id('_array_form', this.word()))
        this.value(row)
        row.endRow()
        return
      }
      case EVENT_KIND.StepStarted: {
        const row = this.tables._step
        this.step++
        row.add(id)
        row.add(this.step)
        row.add(this.word())
        row.endRow()
        return
      }
      case EVENT_KIND.MetricLogged: {
        const row = this.tables._metric
        row.add(id)
        row.add(this.step)
        row.add(texts.id('_text', this.word()))
        row.add(toScalar(this.word()))
        row.add(this.ref())
        row.endRow()
        return
      }
      case EVENT_KIND.GradientCleared:
        return this.fact(id, kind, this.word(), null)
      default: {
        const payload = texts.content(this.word())
        const subject: unknown = JSON.parse(payload).variable
        return this.fact(id, kind, typeof subject === 'number' ? subject : null, payload)
      }
    }
  }

  private fact(id: number, kind: number, subject: number | null, payload: string | null): void {
    const row = this.tables._fact
    row.add(id)
    row.add(this.step)
    row.add(kind)
    row.add(subject)
    row.add(payload)
    row.endRow()
  }

  private output(call: number, slot: number): void {
    const row = this.tables._output
    row.add(call)
    row.add(slot)
    this.value(row)
    row.endRow()
  }

  /** A value's two cells: the scalar, and the id of a larger value. */
  private value(row: RowBuffer): void {
    const tag = this.word()
    const payload = this.word()
    if (tag === VALUE_NONE) {
      row.add(null)
      row.add(null)
    } else if (tag === VALUE_ARRAY) {
      row.add(null)
      row.add(this.stored[payload]!.id)
    } else {
      row.add(toScalar(payload))
      row.add(null)
    }
  }

  private word(): number {
    return this.words[this.at++]!
  }

  private ref(): number | null {
    const ref = this.words[this.at++]!
    return ref === 0 ? null : ref
  }
}

