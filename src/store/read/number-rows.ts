/**
 * The numbers of a run in the order of their events: metrics, gradients in a few numbers each, and when steps began. Reads the
 * private tables, because a view decodes each row anew; knows nothing of what is made of them.
 */
import type { Cell, Connection } from '../format/connection.js'
import { sqliteError } from '../format/database.js'
import { eventId, positionOfId } from '../format/ids.js'
import { fromScalar } from '../format/value.js'
import { eachRow } from './each-row.js'

/** Rows in columns, in the order of their positions. The next page is written over them. */
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
  readonly zeroCounts: readonly number[]
  readonly nonFiniteCounts: readonly number[]
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

/** Rows of so many positions are read at a time, at most one of each: as many as a processor keeps close. */
const POSITIONS_AT_ONCE = 16_384

/** Rows behind `after`, a position, up to what was in the file when this was made: so all tables end at the same event. */
export class NumberRows {
  private readonly db: Connection
  private readonly runId: number
  /** The last position that is read. */
  readonly until: number

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
    for (const { count, positions, columns } of this.pages(after, { from: '_step', columns: ['step'] }))
      yield { count, positions, steps: columns[0]! }
  }

  /** Where and when steps began, a page at a time. */
  *steps(after: number): Generator<StepPage> {
    const wanted = { from: '_step', columns: ['step', 'elapsed_ms'] }
    for (const { count, positions, columns } of this.pages(after, wanted))
      yield { count, positions, steps: columns[0]!, elapsedMs: columns[1]! }
  }

  /** What was logged, a page at a time. */
  *metrics(after: number): Generator<MetricPage> {
    const known = new Map<number, string>()
    const nameOf = this.db.prepare('SELECT content FROM _text WHERE id = ?').pluck()
    const names: string[] = []
    const wanted = { from: '_metric', columns: ['step', 'name_id', 'scalar'] }
    for (const { count, positions, columns } of this.pages(after, wanted)) {
      const [steps, ids, values] = columns as [number[], number[], number[]]
      for (let i = 0; i < count; i++) {
        const id = ids[i]!
        let name = known.get(id)
        if (name === undefined) {
          name = String(nameOf.get(id) ?? '')
          known.set(id, name)
        }
        names[i] = name
      }
      yield { count, positions, steps, names, values }
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
      columns: [
        'g.variable_id',
        of('l2_norm'),
        `ifnull(${of('zero_count')}, 0)`,
        `ifnull(${of('non_finite_count')}, 0)`,
      ],
    })
    for (const { count, positions, columns } of pages) {
      const [variables, l2Norms, zeroCounts, nonFiniteCounts] = columns as [
        number[],
        number[],
        number[],
        number[],
      ]
      for (let i = 0; i < count; i++) if (!leaves.has(variables[i]!)) variables[i] = 0
      yield { count, positions, variables, l2Norms, zeroCounts, nonFiniteCounts }
    }
  }

  *updates(after: number): Generator<UpdatePage> {
    const wanted = { from: '_assignment', columns: ['variable_id', 'update_norm / l2_norm'] }
    for (const { count, positions, columns } of this.pages(after, wanted))
      yield { count, positions, variables: columns[0]!, ratios: columns[1]! }
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

  /** Rows in the order of their ids, in columns of numbers: NULL is NaN, and so is a text that says so. */
  private *pages(
    after: number,
    { from, id = 'id', where = 'true', columns: wanted }: Wanted,
  ): Generator<Page> {
    const page: Page = { count: 0, positions: [], columns: wanted.map(() => []) }
    const { positions } = page
    const [first, second, third, fourth] = page.columns
    const take = (rowId: Cell, a: Cell, b: Cell, c: Cell, d: Cell) => {
      const at = page.count++
      positions[at] = positionOfId(rowId as number)
      first![at] = typeof a === 'number' ? a : numberOf(a)
      if (second === undefined) return
      second[at] = typeof b === 'number' ? b : numberOf(b)
      if (third === undefined) return
      third[at] = typeof c === 'number' ? c : numberOf(c)
      if (fourth !== undefined) fourth[at] = typeof d === 'number' ? d : numberOf(d)
    }
    try {
      // A range of row ids comes in their order: SQLite walks along the table. A sorted subquery with a limit took half as long again.
      const rows = eachRow(
        this.db,
        `${id}, ${wanted.join(', ')}`,
        `${from} WHERE ${id} > ? AND ${id} <= ? AND ${where}`,
      )
      for (let begin = after; begin < this.until; begin += POSITIONS_AT_ONCE) {
        page.count = 0
        const end = Math.min(begin + POSITIONS_AT_ONCE, this.until)
        rows(take, eventId(this.runId, begin), eventId(this.runId, end))
        if (page.count > 0) yield page
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
  /** One to four. */
  readonly columns: readonly string[]
}

interface Page {
  count: number
  readonly positions: number[]
  readonly columns: readonly number[][]
}

function numberOf(cell: Cell): number {
  return cell === null ? Number.NaN : fromScalar(cell)
}
