/** What a run logged, side by side: a row a step, a column a metric. */
import { TapeError } from '../../errors.js'
import { nearest } from '../../nearest.js'
import type { Connection } from '../format/connection.js'

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
  const logged = db
    .prepare<[number], { name: string }>(
      'SELECT name FROM metric WHERE run_id = ? GROUP BY name ORDER BY min(position)',
    )
    .all(run)
    .map(({ name }) => name)
  for (const name of names ?? []) {
    if (logged.includes(name)) continue
    const near = nearest(name, logged)
    throw new TapeError(
      'BAD_ARGUMENT',
      `the run logged no metric "${name}"${near === null ? '.' : `; did you mean "${near}"?`} It logged ${logged.join(', ') || 'none'}`,
    )
  }
  const wanted = [...new Set(names ?? logged)]
  const places = new Map<number, number>()
  const steps: number[] = []
  const columns = new Map(wanted.map((name) => [name, [] as (number | null)[]]))
  const rows = db.prepare<
    unknown[],
    { step: number; name: string; value: number | null; nonFinite: string | null }
  >(
    `SELECT step, name, value, non_finite AS nonFinite FROM metric
     WHERE run_id = ? AND name IN (${wanted.map(() => '?').join(', ')}) ORDER BY position`,
  )
  for (const { step, name, value, nonFinite } of rows.iterate(run, ...wanted)) {
    let place = places.get(step)
    if (place === undefined) {
      place = steps.length
      places.set(step, place)
      steps.push(step)
    }
    const column = columns.get(name)
    if (column === undefined) continue
    while (column.length < place) column.push(null)
    column[place] = nonFinite === null ? value : Number(nonFinite)
  }
  for (const column of columns.values()) while (column.length < steps.length) column.push(null)
  return { steps, columns }
}
