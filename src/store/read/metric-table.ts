/** What a run logged, side by side: a row a step, a column a metric. */
import { TapeError } from '../../errors.js'
import { nearest } from '../../nearest.js'
import type { Connection } from '../format/connection.js'
import { NumberRows } from './number-rows.js'

/** Metrics by step. */
export interface MetricTable {
  /** The steps in which one of the metrics was logged, ascending. */
  readonly steps: readonly number[]
  /**
   * By name, in the order that was asked for: a value for each of `steps`, null where it was not logged then. NaN and infinities are
   * themselves. Of several values in one step it is the last.
   */
  readonly columns: ReadonlyMap<string, readonly (number | null)[]>
}

/**
 * names   which; all that the run logged, in the order of their first values, when not said
 * Throws  BAD_ARGUMENT for a name that the run did not log
 */
export function metricTable(db: Connection, run: number, names?: readonly string[]): MetricTable {
  const wanted = names === undefined ? null : new Set(names)
  const logged = new Set<string>()
  const places = new Map<number, number>()
  const steps: number[] = []
  const columns = new Map([...(wanted ?? [])].map((name) => [name, [] as (number | null)[]]))
  for (const page of new NumberRows(db, run).metrics(0)) {
    for (let i = 0; i < page.count; i++) {
      const [name, step] = [page.names[i]!, page.steps[i]!]
      logged.add(name)
      let column = columns.get(name)
      if (column === undefined) {
        if (wanted !== null) continue
        column = []
        columns.set(name, column)
      }
      let place = steps.length - 1
      if (steps[place] !== step) {
        place = places.get(step) ?? steps.length
        if (place === steps.length) {
          places.set(step, place)
          steps.push(step)
        }
      }
      while (column.length < place) column.push(null)
      column[place] = page.values[i]!
    }
  }
  for (const name of wanted ?? []) {
    if (logged.has(name)) continue
    const near = nearest(name, [...logged])
    throw new TapeError(
      'BAD_ARGUMENT',
      `the run logged no metric "${name}"${near === null ? '.' : `; did you mean "${near}"?`} It logged ${[...logged].join(', ') || 'none'}`,
    )
  }
  for (const column of columns.values()) while (column.length < steps.length) column.push(null)
  return { steps, columns }
}
