/** A question that people ask of a run, and the query that answers it. Knows no tape. */

export interface Recipe {
  /** What `gradtape query` calls it. */
  readonly name: string
  readonly question: string
  /** One statement; its parameters are named. `:run` is the number of a run. */
  readonly sql: string
  /** For each parameter but `:run`, the SQL of its value when none is given; it may name `:run`. */
  readonly defaults?: { readonly [parameter: string]: string }
  /** What one must know to read the answer. */
  readonly note?: string
  /** The answer has times, names of machines or hashes over them: it differs from one recording of a program to the next. */
  readonly isVarying?: boolean
}

export const LAST_STEP = '(SELECT max(step) FROM step WHERE run_id = :run)'
export const LAST_LOSS = `(SELECT variable_position FROM metric WHERE run_id = :run AND variable_position IS NOT NULL ORDER BY name = 'loss' DESC, position DESC LIMIT 1)`
export const FIRST_PARAMETER = '(SELECT name FROM parameter WHERE run_id = :run ORDER BY position LIMIT 1)'
/** The run before this one. */
export const OTHER_RUN = '(SELECT max(id) FROM run WHERE id < :run)'
/** What an element, histogram or norm of values needs. */
export const NEEDS_VALUES =
  "Needs the values: `capture: 'full'`, or `gradtape materialize` for the steps; where they are not, there are no rows, or NULL."
/** What norms of weights and of updates need. */
export const NEEDS_MEASURES =
  'The run measures what it assigns to parameters, unless `capture: { assignments: false }`; a tape of before schema 5 has NULL here.'
