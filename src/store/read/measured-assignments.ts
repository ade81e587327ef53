/** What assignments say of what they changed, from their rows. An assignment without a row says nothing of it. */
import type { ArraySummary } from '../../events/event.js'
import type { Connection, Statement } from '../format/connection.js'
import { type SummaryColumns, summaryOfColumns } from './gradient-contents.js'

type Row = readonly [id: number, updateNorm: number | null, ...numbers: SummaryColumns | NoNumbers]
type NoNumbers = readonly [null, null, null, null, null, null, null]

export interface Measured {
  readonly updateNorm: number | null
  /** Of the new value; null where the run was to keep nothing of it. */
  readonly summary: ArraySummary | null
}

export class MeasuredAssignments {
  private readonly rows: Statement

  constructor(db: Connection) {
    this.rows = db
      .prepare(
        'SELECT id, update_norm, l2_norm, mean, min, max, zero_count, non_finite_count, nan_count FROM _assignment WHERE id BETWEEN ? AND ?',
      )
      .raw()
  }

  /** Those of the events with ids from `first` to `last`, by event id. */
  between(first: number, last: number): ReadonlyMap<number, Measured> {
    const found = new Map<number, Measured>()
    for (const [id, updateNorm, ...numbers] of this.rows.all(first, last) as Row[])
      found.set(id, { updateNorm, summary: numbers[4] === null ? null : summaryOfColumns(numbers) })
    return found
  }
}
