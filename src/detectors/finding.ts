/** What the debugging questions answer, as data: one finding names one thing that was seen, and where. */

import type { CallSite } from '../events/call-site.js'

/** How sure a finding is to be the reason: a cause explains others, a symptom is explained by one, a note is neither. */
export type FindingLevel = 'cause' | 'symptom' | 'note'

/** One fact about a run. What does not apply is null, so every finding has the same members. */
export interface Finding {
  /** What was found, a stable word: `non-finite-birth`, `loss-spike`, `not-cleared`, … */
  readonly kind: string
  readonly level: FindingLevel
  /** The step in which it happened. */
  readonly step: number | null
  /** The position of the event that made it happen. */
  readonly position: number | null
  /** The function of the call at that position. */
  readonly function: string | null
  /** The scope in which that call was made, `layers.0`. */
  readonly scope: string | null
  /** Where in the user's code the call was made, when the tape knows it. */
  readonly site: CallSite | null
  /** The name of the variable concerned, or `#17` for one without a name. */
  readonly variable: string | null
  /** Index of the element concerned, one number an axis. */
  readonly element: readonly number[] | null
  /** Rows of the data set that are concerned. */
  readonly rows: readonly number[] | null
  /** What was there in the steps before, oldest first. */
  readonly before: readonly StepValue[]
  /** The number that was found. NaN and infinities are what they are. */
  readonly value: number | null
  /** The answer as one sentence that begins with the step. */
  readonly text: string
  /** Further sentences that support the answer, the most telling first. */
  readonly evidence: readonly string[]
  /** What it took to find out. */
  readonly cost: FindingCost
}

/** A number in a step. */
export interface StepValue {
  readonly step: number
  readonly value: number
}

/** What it took to find something out. */
export interface FindingCost {
  /** This many steps were computed again. */
  readonly stepsReplayed: number
  readonly milliseconds: number
}

/** What was asked of a run and what was seen: the findings, and what nobody looked at. */
export interface Findings {
  /** Causes first, then symptoms, then notes; among equals by step. */
  readonly findings: readonly Finding[]
  /** What was looked at, for a reader: `600 steps of 10 kinds; 2 computed again (4.0 s)`. */
  readonly looked: string
  /** What was not looked at, each with its reason. */
  readonly skipped: readonly { readonly what: string; readonly why: string }[]
}
