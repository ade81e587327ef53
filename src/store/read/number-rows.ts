/**
 * The numbers of a run in the order of their events: metrics, gradients in a few numbers each, and when steps began. Reads the
 * private tables, because a view decodes each row anew; knows nothing of what is made of them.
 */
import type { Connection } from '../format/connection.js'
import { sqliteError } from '../format/database.js'
import { eventId } from '../format/ids.js'
import { fromScalar } from '../format/value.js'

/** Rows in columns, in the order of their positions. */
interface Columns {
  readonly count: number
  readonly positions: readonly number[]
}

interface StepPage extends Columns {
  readonly steps: readonly number[]
  readonly elapsedMs: readonly number[]
}

interface MetricPage extends Columns {
  readonly names: readonly string[]
  readonly steps: readonly number[]
  readonly values: readonly number[]
}

/** What the gradients of leaves were after a pass: the sum, where the pass added to what was there. */
interface LeafGradientPage extends Columns {
  /** Of the variable: its number in the tape; 0 for what is no leaf. */
  readonly variables: readonly number[]
  /** NaN for one that is not finite. */
  readonly l2Norms: readonly number[]
  /** One number where it is that of all. */
  readonly zeroCounts: number | readonly number[]
  readonly nonFiniteCounts: number | readonly number[]
}

/** How far assignments moved parameters, in parts of their new norms. */
interface UpdatePage extends Columns {
  readonly variables: readonly number[]
  /** NaN where it is not known, or not finite. */
  readonly ratios: readonly number[]
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

  /** Where steps began, a page at a time. */
  *stepPlaces(after: number): Generator<Columns & { steps: readonly number[] }> {
    for (const { count, positions, whole } of this.pages(after, {
      from: '_step',
      whole: ['step'],
      numbers: [],
    }))
      yield { count, positions, steps: whole[0]! }
  }

  /** Where and when steps began, a page at a time. */
  *steps(after: number): Generator<StepPage> {
    for (const { count, positions, whole, numbers } of this.pages(after, {
      from: '_step',
      whole: ['step'],
      numbers: ['elapsed_ms'],
    }))
      yield { count, positions, steps: whole[0]!, elapsedMs: numbers[0] as number[] }
  }

  /** What was logged, a page at a time. */
  *metrics(after: number): Generator<MetricPage> {
    const known = new Map<number, string>()
    const nameOf = this.db.prepare('SELECT content FROM _text WHERE id = ?').pluck()
    for (const { count, positions, whole, numbers } of this.pages(after, {
      from: '_metric',
      whole: ['step', 'name_id'],
      numbers: ['scalar'],
    })) {
      const names = whole[1]!.map((id) => {
        let name = known.get(id)
        if (name === undefined) {
          name = String(nameOf.get(id) ?? '')
          known.set(id, name)
        }
        return name
      })
      const scalars = numbers[0] as (number | string)[]
      yield { count, positions, steps: whole[0]!, names, values: scalars.map(fromScalar) }
    }
  }

  /** Those of leaves, a page at a time: an output of a call is another variable in each step. */
  *leafGradients(after: number): Generator<LeafGradientPage> {
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
    const of = (column: string) => (isSummed ? `iif(g.held = 2, a.${column}, g.${column})` : `g.${column}`)
    const pages = this.pages(after, {
      from: isSummed ? '_gradient g LEFT JOIN _accumulated a ON a.id = g.id' : '_gradient g',
      id: 'g.id',
      where: isSummed ? 'iif(g.held = 2, coalesce(a.kept, 0), g.kept) <> 0' : 'g.held <> 2 AND g.kept <> 0',
      whole: ['g.variable_id'],
      rare: [of('zero_count'), of('non_finite_count')],
      numbers: [of('l2_norm')],
    })
    for (const { count, positions, whole, rare, numbers } of pages)
      yield {
        count,
        positions,
        // What is no leaf is no variable.
        variables: whole[0]!.map((variable) => (leaves.has(variable) ? variable : 0)),
        l2Norms: (numbers[0] as (number | null)[]).map((norm) => norm ?? Number.NaN),
        zeroCounts: rare[0]!,
        nonFiniteCounts: rare[1]!,
      }
  }

  *updates(after: number): Generator<UpdatePage> {
    for (const { count, positions, whole, numbers } of this.pages(after, {
      from: '_assignment',
      whole: ['variable_id'],
      numbers: ['update_norm / l2_norm'],
    }))
      yield {
        count,
        positions,
        variables: whole[0]!,
        ratios: (numbers[0] as (number | null)[]).map((ratio) => ratio ?? Number.NaN),
      }
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

  /**
   * Rows in the order of their ids, in columns. A page of whole numbers is handed over as one text, which takes a fifth of what as many
   * values take; other numbers one by one, as a text would not keep their bits.
   */
  private *pages(
    after: number,
    { from, id = 'id', where = 'true', whole, rare = [], numbers }: Wanted,
  ): Generator<Page> {
    const rows = (columns: readonly string[]) =>
      `SELECT ${[id, ...columns].map((column, i) => `${column} AS c${i}`).join(', ')} FROM ${from}
       WHERE ${id} > ? AND ${id} <= ? AND ${where} ORDER BY ${id} LIMIT ${ROWS_AT_ONCE}`
    const listed = (columns: readonly string[]) =>
      columns.map((_, i) => `json_group_array(c${i + 1})`).join(', ')
    const spans = rare.map((_, i) => {
      const column = `ifnull(c${whole.length + i + 1}, 0)`
      return `, min(${column}), max(${column})`
    })
    try {
      const page = this.db
        .prepare(
          `SELECT count(*), max(c0), json_group_array(c0 & 4294967295), ${listed(whole)}${spans.join('')} FROM (${rows([...whole, ...rare])})`,
        )
        .raw()
      const several = rare.map((column) =>
        this.db.prepare(`SELECT json_group_array(ifnull(c1, 0)) FROM (${rows([column])})`).pluck(),
      )
      const plucked = numbers.map((column) => this.db.prepare(`SELECT c1 FROM (${rows([column])})`).pluck())
      const last = eventId(this.runId, this.until)
      for (let begin = eventId(this.runId, after); ; ) {
        const [count, end, positions, ...others] = page.get(begin, last) as [
          number,
          number,
          string,
          ...unknown[],
        ]
        if (count === 0) return
        const span = (i: number) => others.slice(whole.length + 2 * i) as [number, number]
        yield {
          count,
          positions: JSON.parse(positions) as number[],
          whole: whole.map((_, i) => JSON.parse(others[i] as string) as number[]),
          rare: several.map((column, i) => {
            const [least, most] = span(i)
            return least === most ? least : (JSON.parse(column.get(begin, last) as string) as number[])
          }),
          numbers: plucked.map((column) => column.all(begin, last)),
        }
        if (count < ROWS_AT_ONCE) return
        begin = end
      }
    } catch (error) {
      throw sqliteError(error, `reading the numbers of run ${this.runId}`)
    }
  }
}

/** What is read of a table. */
interface Wanted {
  readonly from: string
  readonly id?: string
  readonly where?: string
  /** Columns of whole numbers. */
  readonly whole: readonly string[]
  /** Those of which most pages have one number alone, 0 for NULL. */
  readonly rare?: readonly string[]
  readonly numbers: readonly string[]
}

interface Page {
  readonly count: number
  readonly positions: readonly number[]
  readonly whole: readonly (readonly number[])[]
  readonly rare: readonly (number | readonly number[])[]
  readonly numbers: readonly (readonly unknown[])[]
}
