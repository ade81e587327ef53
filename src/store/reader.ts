/**
 * Reads a run back: its events in order, and the values they name. What comes from the file is checked as it is made
 * into events; nothing here computes or writes.
 */
import { TapeError } from '../errors.js'
import { EVENT_KIND, EVENT_VERSION, type EventType, type Ref, type TapeEvent } from '../events/event.js'
import { textToPlain } from '../events/plain.js'
import { frozenEvent } from '../events/validate.js'
import { type Connection, sqliteError, type Statement } from './database.js'
import { arrayFromBytes, fromScalar, hashOf, summaryOf } from './value.js'
import { checkSchema } from './migrations.js'
import { RUN_UNIT } from './block-cutter.js'
import { BlockReader } from './block-reader.js'
import { TextReader } from './text-reader.js'

/** Events read in one go. */
const PAGE = 8192
const TYPE_OF_KIND = new Map<number, EventType>(Object.entries(EVENT_KIND).map(([type, kind]) => [kind, type as EventType]))

type Row = unknown[]

export interface CommitRow {
  id: number
  run_id: number
  first_position: number
  event_count: number
  committed_at: string
  hash: Buffer
}

interface ValueRow {
  hash: Buffer
  dtype: string
  size: number
  l2_norm: number | null
  mean: number | null
  min: number | null
  max: number | null
  zero_count: number
  non_finite_count: number
  bytes: Buffer | null
}

/** The rows that are events by themselves. */
const ROWS = {
  _step: 'id, step, elapsed_ms',
  _metric: 'id, step, name_id, scalar, variable',
  _fact: 'id, step, kind, subject, payload',
} as const
type RowTable = keyof typeof ROWS

export class Reader {
  readonly db: Connection
  private readonly rows: { [T in RowTable]: Statement }
  private readonly blocks: BlockReader
  private readonly texts: TextReader

  constructor(db: Connection) {
    this.db = db
    this.texts = new TextReader(db)
    this.blocks = new BlockReader(db, this.texts)
    this.rows = Object.fromEntries(
      Object.entries(ROWS).map(([table, columns]) => [table, db.prepare(`SELECT ${columns} FROM ${table} WHERE id BETWEEN ? AND ?`).raw()]),
    ) as { [T in RowTable]: Statement }
  }

  /** Runs `read` with a name for what failed, so that SQLite's words do not stand alone. */
  private reading<T>(what: string, read: () => T): T {
    try {
      return read()
    } catch (error) {
      throw sqliteError(error, `reading ${what}`)
    }
  }

  commits(): CommitRow[] {
    return this.reading('the hash chain', () => this.db.prepare('SELECT * FROM _commit ORDER BY id').all() as CommitRow[])
  }

  /** The last position of a run in whole batches; 0 for none. */
  lastPosition(runId: number): number {
    return this.reading(`run ${runId}`, () => {
      const row = this.db
        .prepare<[number], { last: number }>('SELECT first_position + event_count - 1 AS last FROM _commit WHERE run_id = ? ORDER BY first_position DESC LIMIT 1')
        .get(runId)
      return row?.last ?? 0
    })
  }

  /**
   * The events of a run in order, from position `from` to `to` (both included).
   *
   * Throws  TAPE_CORRUPT names the first position that is missing or malformed
   */
  *events(runId: number, from = 1, to = this.lastPosition(runId)): Generator<TapeEvent, void, undefined> {
    for (let start = from; start <= to; start += PAGE) yield* this.page(runId, start, Math.min(to, start + PAGE - 1))
  }

  /** One event. Throws VARIABLE_NOT_FOUND when the run has no such position. */
  event(runId: number, position: number): TapeEvent {
    if (!Number.isInteger(position) || position < 1 || position > this.lastPosition(runId)) {
      throw new TapeError('VARIABLE_NOT_FOUND', `run ${runId} has positions 1 to ${this.lastPosition(runId)}, asked for ${position}`)
    }
    return this.page(runId, position, position)[0]!
  }

  /** Leaves, calls, gradients and assignments of a range, at their index from `from`; null where another event stands. */
  nodes(runId: number, from: number, to: number): (TapeEvent | null)[] {
    return this.reading(`events ${from} to ${to} of run ${runId}`, () => {
      const found = new Array<TapeEvent | null>(to - from + 1).fill(null)
      this.blocks.readInto(found, runId, from, to)
      return found
    })
  }

  runName(runId: number): string | null {
    return this.db.prepare<[number], { name: string }>('SELECT name FROM _run WHERE id = ?').get(runId)?.name ?? null
  }

  valueIds(): number[] {
    return this.reading('values', () => this.db.prepare('SELECT id FROM _value ORDER BY id').pluck().all() as number[])
  }

  /** Throws TAPE_CORRUPT when a value's bytes do not have its hash, or its summary is not that of its bytes. */
  checkValue(id: number): void {
    this.reading(`value ${id}`, () => {
      const row = this.db.prepare('SELECT * FROM _value WHERE id = ?').get(id) as ValueRow
      if (row.bytes === null) return
      const changed = (what: string) => new TapeError('TAPE_CORRUPT', `value ${id}: its ${what} was changed after it was written`)
      if (!hashOf(row.dtype, row.bytes).equals(row.hash)) throw changed('content')
      const summary = summaryOf(arrayFromBytes(row.dtype, row.size, row.bytes))
      const same =
        row.l2_norm === summary.l2Norm && row.mean === summary.mean && row.min === summary.min && row.max === summary.max &&
        row.zero_count === summary.zeroCount && row.non_finite_count === summary.nonFiniteCount
      if (!same) throw changed('summary')
    })
  }

  /** SQLite's own check of the file, and the schema against what the migrations make. */
  checkIntegrity(): void {
    this.reading('the file', () => {
      const problems = this.db.pragma('integrity_check') as { integrity_check: string }[]
      if (problems[0]?.integrity_check !== 'ok') throw new TapeError('TAPE_CORRUPT', `SQLite says: ${problems.map((p) => p.integrity_check).join('; ')}`)
      checkSchema(this.db)
    })
  }

  /** Throws TAPE_CORRUPT when a table holds events that no batch closed. */
  checkNothingOutside(runIds: Iterable<number>, lastOf: (runId: number) => number): void {
    const known = new Map([...runIds].map((id) => [id, lastOf(id)]))
    this.reading('the tables', () => {
      for (const table of ['_block', ...Object.keys(ROWS)]) {
        const rows = this.db.prepare(`SELECT id >> 32 AS run, min(id & 4294967295) AS first, max(id & 4294967295) AS last FROM ${table} GROUP BY 1`).all() as { run: number; first: number; last: number }[]
        for (const { run, first, last } of rows) {
          if (first < 1 || last > (known.get(run) ?? 0)) throw new TapeError('TAPE_CORRUPT', `${table} holds event ${last} of run ${run}, which no batch wrote`)
        }
      }
      for (const { id } of this.db.prepare('SELECT id FROM _run').all() as { id: number }[]) {
        if (!known.has(id)) throw new TapeError('TAPE_CORRUPT', `run ${id} is listed, but no batch wrote it`)
      }
    })
  }

  private page(runId: number, from: number, to: number): TapeEvent[] {
    return this.reading(`events ${from} to ${to} of run ${runId}`, () => {
      const found = new Array<TapeEvent | null>(to - from + 1).fill(null)
      this.blocks.readInto(found, runId, from, to)
      const base = runId * RUN_UNIT
      for (const table of Object.keys(ROWS) as RowTable[]) {
        for (const row of this.rows[table].all(base + from, base + to) as Row[]) {
          const position = (row[0] as number) - base
          if (found[position - from] !== null) throw new TapeError('TAPE_CORRUPT', `position ${position} of run ${runId} holds two events`)
          found[position - from] = this.toEvent(table, row, position)
        }
      }
      const missing = found.indexOf(null)
      if (missing >= 0) throw new TapeError('TAPE_CORRUPT', `event ${from + missing} of run ${runId} is missing`)
      for (const event of found) frozenEvent(event!)
      return found as TapeEvent[]
    })
  }

  private toEvent(table: RowTable, row: Row, position: number): TapeEvent {
    const fact = { version: EVENT_VERSION, position, step: row[1] as number }
    switch (table) {
      case '_step':
        return { type: 'StepStarted', ...fact, elapsedMs: row[2] as number }
      case '_metric':
        return { type: 'MetricLogged', ...fact, name: this.texts.text(row[2] as number), value: fromScalar(row[3] as number | string), variable: row[4] as Ref | null }
      case '_fact': {
        const type = TYPE_OF_KIND.get(row[2] as number)
        if (type === undefined) throw new TapeError('TAPE_CORRUPT', `event ${position} has kind ${row[2]}, which this gradtape does not know`)
        const payload = textToPlain(String(row[4]), `event ${position}`) as { variable?: unknown }
        if ((payload.variable ?? null) !== row[3] && type !== 'BackwardStarted') throw new TapeError('TAPE_CORRUPT', `event ${position} is listed under variable ${row[3]}, but is about ${payload.variable}`)
        return { type, ...fact, ...payload } as TapeEvent
      }
    }
  }
}
