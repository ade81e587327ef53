/**
 * Reads a run back: its events in order, and the values they name. What comes from the file is checked as it is made
 * into events; nothing here computes or writes.
 */
import { TapeError } from '../../errors.js'
import { isRecord } from '../../events/checks.js'
import {
  EVENT_VERSION,
  type RecordedArray,
  type Ref,
  type TapeEvent,
  versionOfText,
} from '../../events/event.js'
import { typeOfKind } from '../../events/event-kinds.js'
import { textToPlain } from '../../events/plain.js'
import { ScalarValue } from '../../events/scalar-value.js'
import { checkedEvent, frozenEvent } from '../../events/validate.js'
import type { LabelChange, MaterializedRow } from '../format/chain.js'
import type { Connection, Statement } from '../format/connection.js'
import { sqliteError } from '../format/database.js'
import { eventId, eventText } from '../format/ids.js'
import { fromScalar } from '../format/value.js'
import { BlockReader } from './block-reader.js'
import { asOfOneMoment, letOthersIn } from './one-moment.js'
import type { SiteRow } from './sited-calls.js'
import { StoredArray, ValueRows } from './stored-array.js'
import { TextReader } from './text-reader.js'

/** Events read in one go. */
const PAGE = 8192

type Row = unknown[]

export interface CommitRow {
  id: number
  run_id: number
  first_position: number
  event_count: number
  committed_at: string
  hash: Buffer
}

/** A row of _label. */
export interface LabelRow extends LabelChange {
  readonly id: number
  readonly runId: number
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
  private readonly values: ValueRows
  private readonly checkpoint: Statement
  private readonly last: Statement
  private readonly siteRows: Statement

  constructor(db: Connection) {
    this.db = db
    this.values = new ValueRows(db)
    this.checkpoint = db.prepare(
      'SELECT form_id, value_id, scalar FROM _checkpoint_value WHERE id = ? ORDER BY ordinal',
    )
    this.last = db
      .prepare(
        'SELECT first_position + event_count - 1 FROM _commit WHERE run_id = ? ORDER BY first_position DESC LIMIT 1',
      )
      .pluck()
    this.siteRows = db.prepare(
      'SELECT c.id & 4294967295 AS position, s.content AS text FROM _call_site c JOIN _site s ON s.id = c.site_id WHERE c.id BETWEEN ? AND ? ORDER BY c.id',
    )
    this.texts = new TextReader(db)
    this.blocks = new BlockReader(db, this.texts)
    this.rows = Object.fromEntries(
      Object.entries(ROWS).map(([table, columns]) => [
        table,
        db.prepare(`SELECT ${columns} FROM ${table} WHERE id BETWEEN ? AND ?`).raw(),
      ]),
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
    return this.reading(
      'the hash chain',
      () => this.db.prepare('SELECT * FROM _commit ORDER BY id').all() as CommitRow[],
    )
  }

  /** Those behind number `after`; read as they are asked for, since there may be many. */
  *commitsAfter(after: number): Generator<CommitRow> {
    const page = this.db.prepare('SELECT * FROM _commit WHERE id > ? ORDER BY id LIMIT 1000')
    for (let last = after; ; ) {
      const rows = this.reading('the hash chain', () => page.all(last) as CommitRow[])
      yield* rows
      if (rows.length < 1000) return
      last = rows.at(-1)!.id
    }
  }

  /** The last of those with the numbers from one to another; null when there is none. */
  lastCommit(from = 0, to = Number.MAX_SAFE_INTEGER): CommitRow | null {
    const text = 'SELECT * FROM _commit WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1'
    return this.reading(
      'the hash chain',
      () => (this.db.prepare(text).get(from, to) as CommitRow | undefined) ?? null,
    )
  }

  /** The last position of a run in whole batches; 0 for none. Throws TAPE_CORRUPT when there cannot be as many events. */
  lastPosition(runId: number): number {
    return this.reading(`run ${runId}`, () => {
      const last = (this.last.get(runId) as number | undefined) ?? 0
      // Whatever is made for that many events is made before the first is missed.
      if (!(Number.isInteger(last) && last >= 0 && last <= this.blocks.lastPosition(runId)))
        throw new TapeError(
          'TAPE_CORRUPT',
          `run ${runId} has batches up to event ${last}, which does not exist`,
        )
      return last
    })
  }

  /**
   * The events of a run in order, from position `from` to `to` (both included); frozen if they are for anybody.
   *
   * Throws  TAPE_CORRUPT names the first position that is missing or malformed
   */
  *events(
    runId: number,
    from = 1,
    to = this.lastPosition(runId),
    isPublic = true,
  ): Generator<TapeEvent, void, undefined> {
    for (let start = from; start <= to; start += PAGE)
      yield* this.page(runId, start, Math.min(to, start + PAGE - 1), isPublic)
  }

  /** One event. Throws VARIABLE_NOT_FOUND when the run has no such position. */
  event(runId: number, position: number): TapeEvent {
    return asOfOneMoment(this.db, () => {
      const last = this.lastPosition(runId)
      if (!Number.isInteger(position) || position < 1 || position > last)
        throw new TapeError(
          'VARIABLE_NOT_FOUND',
          `run ${runId} has positions 1 to ${last}, asked for ${position}`,
        )
      return this.page(runId, position, position)[0]!
    })
  }

  /** The sites of calls among the events from one position to another, as texts, in the order of the calls. */
  sites(runId: number, from: number, to: number): SiteRow[] {
    return this.reading(
      'the sites of calls',
      () => this.siteRows.all(eventId(runId, from), eventId(runId, to)) as SiteRow[],
    )
  }

  runName(runId: number): string | null {
    return (
      this.db.prepare<[number], { name: string }>('SELECT name FROM _run WHERE id = ?').get(runId)?.name ??
      null
    )
  }

  private page(runId: number, from: number, to: number, isPublic = true): TapeEvent[] {
    letOthersIn(this.db)
    return this.reading(`events ${from} to ${to} of run ${runId}`, () =>
      asOfOneMoment(this.db, () => this.readPage(runId, from, to, isPublic)),
    )
  }

  private readPage(runId: number, from: number, to: number, isPublic: boolean): TapeEvent[] {
    const found = new Array<TapeEvent | null>(to - from + 1).fill(null)
    this.blocks.readInto(found, runId, from, to)
    const base = eventId(runId, 0)
    for (const table of Object.keys(ROWS) as RowTable[]) {
      for (const row of this.rows[table].all(base + from, base + to) as Row[]) {
        const position = (row[0] as number) - base
        if (found[position - from] !== null)
          throw new TapeError('TAPE_CORRUPT', `position ${position} of run ${runId} holds two events`)
        found[position - from] = this.toEvent(table, row, position)
      }
    }
    const missing = found.indexOf(null)
    if (missing >= 0)
      throw new TapeError('TAPE_CORRUPT', `event ${from + missing} of run ${runId} is missing`)
    for (const event of found)
      if (isPublic) frozenEvent(event!)
      else checkedEvent(event!)
    return found as TapeEvent[]
  }

  /** The values that a commit without events holds, of one run, in order. Others that name the commit are left out, and missed. */
  materializedBy(commitId: number, runId: number): MaterializedRow[] {
    return this.reading(
      'materialized values',
      () =>
        this.db
          .prepare(
            `SELECT m.id, m.part, nullif(lower(hex(v.hash)), '') AS hash, m.scalar FROM _materialized m LEFT JOIN _value v ON v.id = m.value_id
             WHERE m.commit_id = ? AND m.id >> 32 = ? ORDER BY m.id, m.part`,
          )
          .all(commitId, runId) as MaterializedRow[],
    )
  }

  /** The changes of names and tags that a commit without events holds, in order; none when it holds values. */
  labelsBy(commitId: number): LabelRow[] {
    return this.reading(
      'names and tags of runs',
      () =>
        this.db
          .prepare('SELECT id, run_id AS runId, kind, text FROM _label WHERE commit_id = ? ORDER BY id')
          .all(commitId) as LabelRow[],
    )
  }

  private checkpointValues(id: number, { variables }: { variables?: readonly unknown[] }): RecordedArray[] {
    const rows = this.checkpoint.all(id) as {
      form_id: number
      value_id: number | null
      scalar: number | string
    }[]
    if (rows.length !== variables?.length)
      throw new TapeError(
        'TAPE_CORRUPT',
        `${eventText(id)} is a checkpoint of ${variables?.length} variables, but ${rows.length} values are there`,
      )
    return rows.map(({ form_id, value_id, scalar }) => {
      const { dtype, shape } = this.texts.arrayForm(form_id)
      if (value_id !== null) return new StoredArray(this.values, value_id, dtype, shape)
      return new ScalarValue(fromScalar(scalar), dtype, shape)
    })
  }

  private toEvent(table: RowTable, row: Row, position: number): TapeEvent {
    const fact = { version: EVENT_VERSION, position, step: row[1] as number }
    switch (table) {
      case '_step':
        return { type: 'StepStarted', ...fact, elapsedMs: row[2] as number }
      case '_metric':
        return {
          type: 'MetricLogged',
          ...fact,
          name: this.texts.text(row[2] as number),
          value: fromScalar(row[3] as number | string),
          variable: row[4] as Ref | null,
        }
      case '_fact': {
        const type = typeOfKind(row[2] as number)
        if (type === null)
          throw new TapeError(
            'TAPE_CORRUPT',
            `event ${position} has kind ${row[2]}, which this gradtape does not know`,
          )
        const plain = textToPlain(String(row[4]), `event ${position}`)
        if (!isRecord(plain, position))
          throw new TapeError(
            'TAPE_CORRUPT',
            `event ${position} says ${String(row[4]).slice(0, 60)}, which is no event`,
          )
        const payload = plain as {
          variable?: unknown
          variables?: readonly unknown[]
          packing?: unknown
        }
        if ((payload.variable ?? null) !== row[3] && type !== 'BackwardStarted')
          throw new TapeError(
            'TAPE_CORRUPT',
            `event ${position} is listed under variable ${row[3]}, but is about ${payload.variable}`,
          )
        const values =
          type === 'CheckpointTaken' ? { values: this.checkpointValues(row[0] as number, payload) } : {}
        return { type, ...fact, version: versionOfText(type, payload), ...payload, ...values } as TapeEvent
      }
    }
  }
}
