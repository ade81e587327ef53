/**
 * Reads a run back: its events in order, and the values they name. What comes from the file is checked as it is made
 * into events; nothing here computes or writes.
 */
import { TapeError } from '../errors.js'
import { EVENT_KIND, EVENT_VERSION, type EventType, type RecordedArray, type Ref, type TapeEvent } from '../events/event.js'
import { HELD } from '../events/pack.js'
import { textToPlain } from '../events/plain.js'
import { scalarValue } from '../events/unpack.js'
import { frozenEvent } from '../events/validate.js'
import { type Connection, sqliteError, type Statement } from './database.js'
import { StoredArray } from './stored-array.js'
import { arrayFromBytes, fromScalar, hashOf, summaryOf } from './value.js'
import { checkSchema } from './migrations.js'
import { RUN_UNIT } from './writer.js'

/** Events read in one go. */
const PAGE = 8192
const TYPE_OF_KIND = new Map<number, EventType>(Object.entries(EVENT_KIND).map(([type, kind]) => [kind, type as EventType]))

type Row = unknown[]
type Scalar = number | string | null

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

const SOURCES = {
  _step: 'id, step, elapsed_ms',
  _leaf: 'id, step, form_id, source, scalar, value_id',
  _call: 'id, step, signature_id, attributes_id, a, b, more, scalar, value_id',
  _gradient: 'id, step, pass, variable, gradient, form_id, held, scalar, value_id, accumulated_scalar, accumulated_value_id',
  _assignment: 'id, step, variable, source, form_id, scalar, value_id',
  _metric: 'id, step, name_id, scalar, variable',
  _fact: 'id, step, kind, subject, payload',
} as const
type Source = keyof typeof SOURCES

export class Reader {
  readonly db: Connection
  private readonly range: { [S in Source]: Statement }
  private readonly outputs: Statement
  private readonly texts = new Map<string, Map<number, unknown>>()

  constructor(db: Connection) {
    this.db = db
    this.range = Object.fromEntries(
      Object.entries(SOURCES).map(([table, columns]) => [table, db.prepare(`SELECT ${columns} FROM ${table} WHERE id BETWEEN ? AND ? ORDER BY id`).raw()]),
    ) as { [S in Source]: Statement }
    this.outputs = db.prepare('SELECT slot, scalar, value_id FROM _output WHERE call_id = ? ORDER BY slot').raw()
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

  /** Leaves and calls of a range, at their index from `from`; null where another kind of event stands. */
  nodes(runId: number, from: number, to: number): (TapeEvent | null)[] {
    return this.reading(`events ${from} to ${to} of run ${runId}`, () => {
      const found = new Array<TapeEvent | null>(to - from + 1).fill(null)
      this.readInto(found, '_leaf', runId, from, to, false)
      this.readInto(found, '_call', runId, from, to, false)
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
      for (const table of Object.keys(SOURCES)) {
        const rows = this.db.prepare(`SELECT id >> 32 AS run, min(id & 4294967295) AS first, max(id & 4294967295) AS last FROM ${table} GROUP BY 1`).all() as { run: number; first: number; last: number }[]
        for (const { run, first, last } of rows) {
          if (first < 1 || last > (known.get(run) ?? 0)) throw new TapeError('TAPE_CORRUPT', `${table} holds event ${last} of run ${run}, which no batch wrote`)
        }
      }
      const stray = this.db.prepare('SELECT count(*) AS n FROM _output o WHERE NOT EXISTS (SELECT 1 FROM _call c WHERE c.id = o.call_id)').get() as { n: number }
      if (stray.n > 0) throw new TapeError('TAPE_CORRUPT', `${stray.n} outputs belong to no call`)
      for (const { id } of this.db.prepare('SELECT id FROM _run').all() as { id: number }[]) {
        if (!known.has(id)) throw new TapeError('TAPE_CORRUPT', `run ${id} is listed, but no batch wrote it`)
      }
    })
  }

  private page(runId: number, from: number, to: number): TapeEvent[] {
    return this.reading(`events ${from} to ${to} of run ${runId}`, () => {
      const found = new Array<TapeEvent | null>(to - from + 1).fill(null)
      for (const table of Object.keys(SOURCES) as Source[]) this.readInto(found, table, runId, from, to, true)
      const missing = found.indexOf(null)
      if (missing >= 0) throw new TapeError('TAPE_CORRUPT', `event ${from + missing} of run ${runId} is missing`)
      return found as TapeEvent[]
    })
  }

  private readInto(found: (TapeEvent | null)[], table: Source, runId: number, from: number, to: number, checked: boolean): void {
    const base = runId * RUN_UNIT
    for (const row of this.range[table].iterate(base + from, base + to) as IterableIterator<Row>) {
      const position = (row[0] as number) - base
      const event = this.toEvent(table, row, position)
      if (found[position - from] !== null) throw new TapeError('TAPE_CORRUPT', `position ${position} of run ${runId} holds two events`)
      found[position - from] = checked ? frozenEvent(event) : event
    }
  }

  private toEvent(table: Source, row: Row, position: number): TapeEvent {
    const fact = { version: EVENT_VERSION, position, step: row[1] as number }
    switch (table) {
      case '_step':
        return { type: 'StepStarted', ...fact, elapsedMs: row[2] as number }
      case '_leaf': {
        const [role, requiresGrad, name, dtype, shape] = this.list('_leaf_form', row[2], 5)
        return { type: 'LeafCreated', ...fact, role, requiresGrad, name, dtype, shape, source: row[3] as Ref | null, value: this.array(row[4], row[5], dtype, shape) } as TapeEvent
      }
      case '_call':
        return this.call(fact, row)
      case '_gradient': {
        const [dtype, shape] = this.list('_array_form', row[5], 2)
        return {
          type: 'GradientComputed', ...fact, pass: row[2] as number, variable: row[3] as Ref, dtype, shape, gradient: row[4] as Ref | null,
          contribution: this.array(row[7], row[8], dtype, shape), held: HELD[row[6] as number], accumulated: this.array(row[9], row[10], dtype, shape),
        } as TapeEvent
      }
      case '_assignment': {
        const [dtype, shape] = this.list('_array_form', row[4], 2)
        return { type: 'ValueAssigned', ...fact, variable: row[2] as Ref, dtype, shape, source: row[3] as Ref | null, value: this.array(row[5], row[6], dtype, shape) } as TapeEvent
      }
      case '_metric':
        return { type: 'MetricLogged', ...fact, name: this.text(row[2]), value: fromScalar(row[3] as number | string), variable: row[4] as Ref | null }
      case '_fact': {
        const type = TYPE_OF_KIND.get(row[2] as number)
        if (type === undefined) throw new TapeError('TAPE_CORRUPT', `event ${position} has kind ${row[2]}, which this gradtape does not know`)
        if (type === 'GradientCleared') return { type, ...fact, variable: row[3] as Ref }
        return { type, ...fact, ...(textToPlain(String(row[4]), `event ${position}`) as object) } as TapeEvent
      }
    }
  }

  private call(fact: { version: number; position: number; step: number }, row: Row): TapeEvent {
    const [name, scope, linked, forms] = this.list('_signature', row[2], 4) as [string, string, boolean, [string, number[]][]]
    const attributes = this.attributes(row[3])
    const inputs: Ref[] = []
    if (row[4] !== null) inputs.push(row[4] as Ref)
    if (row[5] !== null) inputs.push(row[5] as Ref)
    if (row[6] !== null) inputs.push(...(JSON.parse(row[6] as string) as Ref[]))
    const [dtype, shape] = forms[0] ?? corrupt(fact.position)
    const outputs = [{ dtype, shape, value: this.array(row[7], row[8], dtype, shape) }]
    if (forms.length > 1) {
      const rest = this.outputs.all(row[0]) as Row[]
      for (let slot = 1; slot < forms.length; slot++) {
        const [dtype, shape] = forms[slot]!
        const stored = rest[slot - 1] ?? corrupt(fact.position)
        outputs.push({ dtype, shape, value: this.array(stored[1], stored[2], dtype, shape) })
      }
    }
    return { type: 'FunctionCalled', ...fact, function: name, attributes, inputs, outputs, scope, linked } as TapeEvent
  }

  private array(scalar: unknown, valueId: unknown, dtype: string, shape: readonly number[]): RecordedArray | null {
    if (scalar !== null) return scalarValue(fromScalar(scalar as Exclude<Scalar, null>), dtype, shape)
    return valueId === null ? null : new StoredArray(this.db, valueId as number, dtype, shape)
  }

  // biome-ignore lint/suspicious/noExplicitAny: the fields are checked one by one by frozenEvent
  private list(table: string, id: unknown, length: number): any[] {
    const list = this.cached(table, id, JSON.parse)
    if (!Array.isArray(list) || list.length !== length) throw new TapeError('TAPE_CORRUPT', `row ${id} of ${table} expected ${length} fields`)
    return list
  }

  private attributes(id: unknown): unknown {
    return this.cached('_text as attributes', id, (text) => textToPlain(text, `text ${id}`))
  }

  private text(id: unknown): string {
    return this.cached('_text', id, (text) => text) as string
  }

  /** What `parse` makes of a text row, once per row and use. */
  private cached(use: string, id: unknown, parse: (text: string) => unknown): unknown {
    let known = this.texts.get(use)
    if (known === undefined) {
      known = new Map()
      this.texts.set(use, known)
    }
    let value = known.get(id as number)
    if (value === undefined) {
      const table = use.split(' ')[0]
      const row = this.db.prepare(`SELECT content FROM ${table} WHERE id = ?`).raw().get(id) as [string] | undefined
      if (row === undefined) throw new TapeError('TAPE_CORRUPT', `row ${id} of ${table} is missing`)
      value = parse(row[0])
      known.set(id as number, value)
    }
    return value
  }
}

function corrupt(position: number): never {
  throw new TapeError('TAPE_CORRUPT', `event ${position} has fewer outputs than its signature says`)
}
