/**
 * The numbers of a run in the order of their events: metrics, gradients in a few numbers each, and when steps began. Reads the
 * private tables, because a view decodes each row anew; knows nothing of what is made of them.
 */
import type { Connection } from '../format/connection.js'
import { sqliteError } from '../format/database.js'
import { eventId, positionOfId } from '../format/ids.js'
import { fromScalar } from '../format/value.js'

interface StepRow {
  step: number
  position: number
  elapsedMs: number
}

export interface MetricRow {
  name: string
  step: number
  position: number
  value: number
}

/** What the gradient of a leaf was after a pass: the sum, where the pass added to what was there. */
interface LeafGradientRow {
  /** Of the variable: its number in the tape. */
  variable: number
  position: number
  /** NaN when it is not finite. */
  l2Norm: number
  zeroCount: number
  nonFiniteCount: number
}

/** How far an assignment moved a parameter, in parts of its new norm. */
interface UpdateRow {
  variable: number
  position: number
  /** NaN where it is not known, or not finite. */
  ratio: number
}

interface GradientVariable {
  variable: number
  position: number
  /** The name it was made with; null when it was given none then. */
  name: string | null
  role: string
  /** Elements. */
  size: number
}

/** Rows are read this many at a time: a step of a statement costs more than a row in a list. */
const ROWS_AT_ONCE = 10_000

/** Rows behind `after`, a position, up to what was in the file when this was made: so all tables end at the same event. */
export class NumberRows {
  private readonly db: Connection
  private readonly runId: number
  /** The last position that is read. */
  private readonly until: number

  constructor(db: Connection, runId: number) {
    this.db = db
    this.runId = runId
    try {
      const last = db
        .prepare(
          'SELECT first_position + event_count - 1 FROM _commit WHERE run_id = ? ORDER BY first_position DESC LIMIT 1',
        )
        .pluck()
        .get(runId)
      this.until = Math.max(0, Number(last ?? 0))
    } catch (error) {
      throw sqliteError(error, `reading the numbers of run ${runId}`)
    }
  }

  /** Whether there is a gradient behind a position. */
  hasGradients(after: number): boolean {
    return (
      this.db
        .prepare('SELECT 1 FROM _gradient WHERE id > ? AND id <= ? LIMIT 1')
        .get(eventId(this.runId, after), eventId(this.runId, this.until)) !== undefined
    )
  }

  /** Whether there is a measured assignment behind a position. */
  hasUpdates(after: number): boolean {
    return (
      this.db
        .prepare('SELECT 1 FROM _assignment WHERE id > ? AND id <= ? LIMIT 1')
        .get(eventId(this.runId, after), eventId(this.runId, this.until)) !== undefined
    )
  }

  *steps(after: number): Generator<StepRow> {
    for (const [id, step, elapsedMs] of this.rows<[number, number, number]>(
      'SELECT id, step, elapsed_ms FROM _step WHERE id > ? AND id <= ? ORDER BY id',
      after,
    ))
      yield { step, position: positionOfId(id), elapsedMs }
  }

  *metrics(after: number): Generator<MetricRow> {
    const names = new Map<number, string>()
    const nameOf = this.db.prepare('SELECT content FROM _text WHERE id = ?').pluck()
    for (const [id, step, nameId, scalar] of this.rows<[number, number, number, number | string]>(
      'SELECT id, step, name_id, scalar FROM _metric WHERE id > ? AND id <= ? ORDER BY id',
      after,
    )) {
      let name = names.get(nameId)
      if (name === undefined) {
        name = String(nameOf.get(nameId) ?? '')
        names.set(nameId, name)
      }
      yield { name, step, position: positionOfId(id), value: fromScalar(scalar) }
    }
  }

  /** Those of leaves: an output of a call is another variable in each step. */
  *leafGradients(after: number): Generator<LeafGradientRow> {
    const leaves = new Set(
      this.db
        .prepare('SELECT id FROM _variable WHERE run_id = ? AND leaf_form_id IS NOT NULL')
        .pluck()
        .all(this.runId) as number[],
    )
    // Most runs add no gradients up: their rows are read without a look beside each.
    const isSummed =
      this.db
        .prepare('SELECT 1 FROM _accumulated WHERE id > ? AND id <= ? LIMIT 1')
        .get(eventId(this.runId, after), eventId(this.runId, this.until)) !== undefined
    const sql = isSummed
      ? `SELECT g.id, g.variable_id, iif(g.held = 2, a.l2_norm, g.l2_norm), iif(g.held = 2, a.zero_count, g.zero_count),
           iif(g.held = 2, a.non_finite_count, g.non_finite_count)
         FROM _gradient g LEFT JOIN _accumulated a ON a.id = g.id
         WHERE g.id > ? AND g.id <= ? AND iif(g.held = 2, coalesce(a.kept, 0), g.kept) <> 0 ORDER BY g.id`
      : `SELECT id, variable_id, l2_norm, zero_count, non_finite_count FROM _gradient
         WHERE id > ? AND id <= ? AND held <> 2 AND kept <> 0 ORDER BY id`
    for (const [id, variable, norm, zeros, bad] of this.rows<
      [number, number, number | null, number | null, number | null]
    >(sql, after)) {
      if (!leaves.has(variable)) continue
      yield {
        variable,
        position: positionOfId(id),
        l2Norm: norm ?? Number.NaN,
        zeroCount: zeros ?? 0,
        nonFiniteCount: bad ?? 0,
      }
    }
  }

  *updates(after: number): Generator<UpdateRow> {
    for (const [id, variable, ratio] of this.rows<[number, number, number | null]>(
      'SELECT id, variable_id, update_norm / l2_norm FROM _assignment WHERE id > ? AND id <= ? ORDER BY id',
      after,
    ))
      yield { variable, position: positionOfId(id), ratio: ratio ?? Number.NaN }
  }

  /** The leaves that gradients are about, in the order in which the run first had a gradient of each. */
  gradientVariables(): GradientVariable[] {
    try {
      const rows = this.db
        .prepare(
          `SELECT v.id AS variable, v.ref AS position, v.name AS name, f.role AS role, f.shape AS shape
           FROM _variable v JOIN _leaf_form f ON f.id = v.leaf_form_id WHERE v.run_id = ? ORDER BY v.id`,
        )
        .all(this.runId) as (Omit<GradientVariable, 'size'> & { shape: string })[]
      return rows.map(({ shape, ...row }) => ({
        ...row,
        size: (JSON.parse(shape) as number[]).reduce((all, axis) => all * axis, 1),
      }))
    } catch (error) {
      throw sqliteError(error, `reading the gradients of run ${this.runId}`)
    }
  }

  /** `sql` gives rows in the order of their ids, which come first. */
  private *rows<R extends readonly [number, ...unknown[]]>(sql: string, after: number): Generator<R> {
    try {
      const statement = this.db.prepare(`${sql} LIMIT ${ROWS_AT_ONCE}`).raw()
      const last = eventId(this.runId, this.until)
      for (let from = eventId(this.runId, after); ; ) {
        const rows = statement.all(from, last) as R[]
        yield* rows
        if (rows.length < ROWS_AT_ONCE) return
        from = rows.at(-1)![0]
      }
    } catch (error) {
      throw sqliteError(error, `reading the numbers of run ${this.runId}`)
    }
  }
}
