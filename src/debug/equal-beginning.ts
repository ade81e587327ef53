/**
 * How far two runs of one file are equal, found by SQLite row beside row: blocks of one template with the same cells hold the same
 * events, so nobody needs to look inside. Of two files this is not known, as their ids mean other things.
 */
import { EVENT_KIND, positionOf } from '../events/event.js'
import type { Recording } from '../replay/replay-run.js'
import { sqliteError } from '../store/format/database.js'
import { eventId } from '../store/format/ids.js'

/** What makes rows of one place equal, table by table. */
const COLUMNS = {
  _block: ['step', 'template_id', 'base', 'slots'],
  _metric: ['step', 'name_id', 'scalar', 'variable'],
  _gradient: ['value_id', 'scalar', 'l2_norm'],
} as const

type Table = keyof typeof COLUMNS

export interface EqualBeginning {
  /** Steps before this one are equal: what they do, with what, what they logged, and how variables are called in them. */
  readonly steps: number
  /** The first position where the rows of gradients differ; null for nowhere. */
  readonly gradients: number | null
}

/** Steps that are cut into other blocks, and were looked into: a batch ends where it happens to. */
const LOOKED_INTO_MAX = 4096

/**
 * The two must be of one file. `isSame` looks into a step of both: whether it does the same in each, cut into blocks as it may be.
 *
 * Throws  TAPE_CORRUPT
 */
export function equalBeginning(
  a: Recording,
  b: Recording,
  isSame: (step: number) => boolean,
): EqualBeginning {
  const rows = new TwoRuns(a, b)
  try {
    return { steps: rows.equalSteps(isSame), gradients: rows.firstApart('_gradient') }
  } catch (error) {
    throw sqliteError(error, `comparing runs ${a.id} and ${b.id}`)
  }
}

class TwoRuns {
  private readonly a: Recording
  private readonly b: Recording
  /** The last position of both. */
  private readonly last: number

  constructor(a: Recording, b: Recording) {
    this.a = a
    this.b = b
    this.last = Math.min(a.lastPosition, b.lastPosition)
  }

  equalSteps(isSame: (step: number) => boolean): number {
    let { steps, last } = this.equalBlocks(isSame)
    const metric = this.firstApart('_metric', last)
    if (metric !== null) steps = Math.min(steps, this.stepAt('_metric', metric))
    // What is called otherwise, be it much later, is other than its like from where it was made.
    const renamed = this.firstNamedApart()
    return renamed === null ? steps : Math.min(steps, this.stepOf(renamed))
  }

  /** How many steps do the same, and a position up to which the two runs have the same events in the same places. */
  private equalBlocks(isSame: (step: number) => boolean): { steps: number; last: number } {
    const isLonger = this.a.lastPosition !== this.b.lastPosition
    let from = 1
    for (let looked = 0; ; looked++) {
      const apart = this.firstApart('_block', this.last, from) ?? (isLonger ? this.last + 1 : null)
      if (apart === null) return { steps: this.stepOf(this.last) + 1, last: this.last }
      const step = this.stepAt('_block', apart)
      if (looked === LOOKED_INTO_MAX || !isSame(step)) return { steps: step, last: apart }
      const [next, other] = [this.endOf(this.a, step), this.endOf(this.b, step)]
      if (next !== other || next > this.last) return { steps: step + 1, last: Math.min(next, other) - 1 }
      from = next
    }
  }

  /** The first position up to `last` where a table has other rows for one run than for the other; null for none. */
  firstApart(table: Table, last = this.last, from = 1): number | null {
    const apart = this.firstOf(table, from, last, this.a, this.b)
    const before = apart === null ? last : apart - 1
    // Each row before has its equal in the other run, which has more rows there only if it counts more.
    if (this.countOf(table, this.a, from, before) === this.countOf(table, this.b, from, before)) return apart
    return this.firstOf(table, from, before, this.b, this.a)
  }

  /** The first row of one run without an equal in the other. */
  private firstOf(table: Table, from: number, last: number, of: Recording, other: Recording): number | null {
    const differs = COLUMNS[table].map((column) => `y.${column} IS NOT x.${column}`).join(' OR ')
    const id = this.get(
      `SELECT x.id FROM ${table} x LEFT JOIN ${table} y ON y.id = x.id + ? WHERE x.id >= ? AND x.id <= ? AND (y.id IS NULL OR ${differs})
       ORDER BY x.id LIMIT 1`,
      eventId(other.id, 0) - eventId(of.id, 0),
      eventId(of.id, from),
      eventId(of.id, last),
    )
    return id === null ? null : id - eventId(of.id, 0)
  }

  private countOf(table: Table, { id }: Recording, from: number, last: number): number {
    return this.get(
      `SELECT count(*) FROM ${table} WHERE id >= ? AND id <= ?`,
      eventId(id, from),
      eventId(id, last),
    )!
  }

  /** The step that the rows at a position are of; the earlier one, where the two runs have it in two. */
  private stepAt(table: '_block' | '_metric', position: number): number {
    return this.get(
      `SELECT min(step) FROM ${table} WHERE id IN (?, ?)`,
      eventId(this.a.id, position),
      eventId(this.b.id, position),
    )!
  }

  /** The position behind a step. */
  private endOf({ id, lastPosition }: Recording, step: number): number {
    const next = this.get('SELECT min(id) FROM _block WHERE run_id = ? AND step = ?', id, step + 1)
    return next === null ? lastPosition + 1 : next - eventId(id, 0)
  }

  /** The step in which something was made. */
  private stepOf(position: number): number {
    return this.get(
      'SELECT step FROM _block WHERE id > ? AND id <= ? ORDER BY id DESC LIMIT 1',
      eventId(this.a.id, 0),
      eventId(this.a.id, position),
    )!
  }

  /** The earliest variable that an event names in one run and not in the other. */
  private firstNamedApart(): number | null {
    let first = Number.POSITIVE_INFINITY
    for (const [of, other] of [
      [this.a, this.b],
      [this.b, this.a],
    ] as const) {
      const refs = this.db
        .prepare(
          `SELECT x.subject FROM _fact x LEFT JOIN _fact y ON y.id = x.id + ?
             AND y.kind = x.kind AND y.subject IS x.subject AND y.payload IS x.payload
           WHERE x.id > ? AND x.id <= ? AND x.kind = ${EVENT_KIND.VariableNamed} AND y.id IS NULL`,
        )
        .pluck()
        .iterate(
          eventId(other.id, 0) - eventId(of.id, 0),
          eventId(of.id, 0),
          eventId(of.id, of.lastPosition),
        ) as IterableIterator<number>
      // An output that is not a call's first has a large number.
      for (const ref of refs) first = Math.min(first, positionOf(ref))
    }
    return first === Number.POSITIVE_INFINITY ? null : first
  }

  private get db() {
    return this.a.reader.db
  }

  private get(sql: string, ...parameters: number[]): number | null {
    return (
      (this.db
        .prepare(sql)
        .pluck()
        .get(...parameters) as number | null | undefined) ?? null
    )
  }
}
