/** What is kept of gradients, from their rows. */
import { TapeError } from '../../errors.js'
import { CAPTURE_BYTES, CAPTURE_HASH, CAPTURE_NOTHING, CAPTURE_SUMMARY } from '../../events/capture.js'
import type { ArraySummary } from '../../events/event.js'
import type { Content } from '../../events/event-kinds.js'
import type { ArrayForm } from '../../events/forms.js'
import { VALUE_SCALAR } from '../../events/pack.js'
import { ScalarValue } from '../../events/scalar-value.js'
import type { Connection, Statement } from '../format/connection.js'
import { eventText } from '../format/ids.js'
import { fromScalar } from '../format/value.js'
import { StoredArray, type ValueRows } from './stored-array.js'

const NO_CONTENT: Content = { value: null, summary: null }
const COLUMNS = 'id, kept, value_id, scalar, l2_norm, mean, min, max, zero_count, non_finite_count, nan_count'

type Row = [
  id: number,
  kept: number,
  valueId: number | null,
  scalar: number | string | null,
  ...numbers: SummaryColumns,
]

/** The rows of a stretch of events, by event id. */
interface KeptGradients {
  readonly contributions: ReadonlyMap<number, Row>
  readonly accumulated: ReadonlyMap<number, Row>
}

export class GradientContents {
  private readonly contributions: Statement
  private readonly accumulated: Statement
  private readonly values: ValueRows

  constructor(db: Connection, values: ValueRows) {
    this.values = values
    this.contributions = db.prepare(`SELECT ${COLUMNS} FROM _gradient WHERE id BETWEEN ? AND ?`).raw()
    this.accumulated = db.prepare(`SELECT ${COLUMNS} FROM _accumulated WHERE id BETWEEN ? AND ?`).raw()
  }

  /** Of the events with ids from `first` to `last`. */
  between(first: number, last: number): KeptGradients {
    const byId = (statement: Statement) =>
      new Map((statement.all(first, last) as Row[]).map((row) => [row[0], row]))
    return { contributions: byId(this.contributions), accumulated: byId(this.accumulated) }
  }

  /** Throws  TAPE_CORRUPT when the gradient has no row */
  contribution(kept: KeptGradients, id: number, form: ArrayForm): Content {
    const row = kept.contributions.get(id)
    if (row === undefined) throw new TapeError('TAPE_CORRUPT', `${eventText(id)} is a gradient without a row`)
    return this.content(row, form)
  }

  /** What the variable holds after accumulation, where that is kept. */
  afterAccumulation(kept: KeptGradients, id: number, form: ArrayForm): Content {
    const row = kept.accumulated.get(id)
    return row === undefined ? NO_CONTENT : this.content(row, form)
  }

  private content(row: Row, { dtype, shape }: ArrayForm): Content {
    const [id, kept, valueId, scalar, ...numbers] = row
    if (kept === CAPTURE_NOTHING) return NO_CONTENT
    if (kept === VALUE_SCALAR && scalar !== null)
      return { value: new ScalarValue(fromScalar(scalar), dtype, shape), summary: null }
    if (kept === CAPTURE_SUMMARY) return { value: null, summary: summaryOfColumns(numbers) }
    if (kept === CAPTURE_BYTES && valueId !== null)
      return { value: new StoredArray(this.values, valueId, dtype, shape), summary: null }
    if (kept === CAPTURE_HASH && valueId !== null)
      return { value: null, summary: this.values.summary(valueId) }
    throw new TapeError(
      'TAPE_CORRUPT',
      `the row of the gradient at ${eventText(id)} keeps nothing that it can`,
    )
  }
}

/** The numbers of a summary as they stand in a row. */
export type SummaryColumns = readonly [
  l2Norm: number | null,
  mean: number | null,
  min: number | null,
  max: number | null,
  zeroCount: number,
  nonFiniteCount: number,
  nanCount: number | null,
]

/** A summary without a hash. */
export function summaryOfColumns(numbers: SummaryColumns): ArraySummary {
  const [l2Norm, mean, min, max, zeroCount, nonFiniteCount, nanCount] = numbers
  const counted = nonFiniteCount === 0 ? 0 : nanCount
  return { l2Norm, mean, min, max, zeroCount, nonFiniteCount, nanCount: counted, hash: null }
}
