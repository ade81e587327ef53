/** What a comparison of two runs answers, as data. Of everything that stands for both runs, the first run's stands first. */

/**
 * What differs, in the order in which causes are told where they stand in the same step.
 *
 *   data        a constant that came from outside: the data set, an input
 *   rows        which rows of the data set a batch has
 *   parameter   what a parameter or a state was first
 *   structure   calls, assignments, passes or clears that one run has and the other has not
 *   shape       an output of another shape
 *   dtype       an output of another dtype
 *   attribute   a setting of a call: lr, axis, p, …
 *   reads       a call that reads another variable
 *   assignment  a value assigned from outside the run
 *   value       results that differ though all that is given is equal
 *   steps       whole steps that one run has and the other has not
 *   state       with `resume`: what one run ended with and the other did not begin with
 */
export type DifferenceKind =
  | 'data'
  | 'rows'
  | 'parameter'
  | 'structure'
  | 'shape'
  | 'dtype'
  | 'attribute'
  | 'reads'
  | 'assignment'
  | 'value'
  | 'steps'
  | 'state'

export type Both<T> = readonly [T, T]

/** One thing in which two runs differ, where it does so first. What does not apply is null. */
export interface RunDifference {
  readonly kind: DifferenceKind
  /** The step; that of the first run that has it, where the two count differently. */
  readonly step: number
  /** Where it stands in each run; null where a run has none. */
  readonly positions: Both<number | null>
  readonly function: string | null
  readonly scope: string | null
  /** Name of the variable concerned. */
  readonly variable: string | null
  /** Rows of the data set concerned. */
  readonly rows: readonly number[] | null
  /** In how many further steps a difference of this kind stands. */
  readonly furtherSteps: number
  /** One sentence that begins with the step. */
  readonly text: string
  readonly evidence: readonly string[]
}

/** Something that the runs say of themselves and that differs, `config.lr`: told, but nothing that was computed. */
export interface SaidDifference {
  readonly what: string
  readonly values: Both<string>
}

/** How far two arrays of one shape are apart. */
export interface ArrayDistance {
  readonly elements: number
  readonly different: number
  /** Largest difference in units in the last place of the largest element; null for integers, or when not finite. */
  readonly ulps: number | null
  /** Index of the first element that differs, one number an axis. */
  readonly first: readonly number[]
  readonly values: Both<number>
}

/** The first call, computed again in both runs, whose output differs though the two stand for each other. */
export interface ValueDifference {
  readonly step: number
  readonly positions: Both<number>
  readonly function: string
  readonly scope: string
  readonly distance: ArrayDistance
  /** How many calls of the step were equal before it. */
  readonly equalBefore: number
}

/** How the difference of a metric grows over the steps. */
export interface Growth {
  readonly metric: string
  readonly points: readonly { readonly step: number; readonly values: Both<number> }[]
}

export interface RunDiff {
  /** Whether all that was computed is equal, as far as it is on both tapes. */
  readonly equal: boolean
  /** How the two runs are called in the sentences. */
  readonly names: Both<string>
  /** The answer as one sentence. */
  readonly text: string
  /** What differs, the likely cause first; null when nothing does. */
  readonly first: RunDifference | null
  /** One of each kind, in the order of steps. */
  readonly differences: readonly RunDifference[]
  readonly said: readonly SaidDifference[]
  readonly values: ValueDifference | null
  readonly growth: readonly Growth[]
  /** What is equal, in words. */
  readonly same: readonly string[]
  readonly looked: string
  readonly skipped: readonly { readonly what: string; readonly why: string }[]
}

export interface DiffOptions {
  /** Leave the structure of the graph, shapes and dtypes out: only data, first values, settings, rows and results. */
  ignoreStructure?: boolean
  /** Results within this share of each other count as equal. Default 0: every bit. */
  tolerance?: number
  /** Compare the end of the first run with the beginning of the second, which should go on from it. */
  resume?: boolean
  /** How the runs are called in sentences; `run 1` and `run 2` by their numbers when not given. */
  names?: Both<string>
}
