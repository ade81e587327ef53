/** What is known of an array besides its elements, as numbers that stand one after the other: in cells, in digests, in shared memory. */
import { SUMMARY_FIELDS, SUMMARY_SIZE } from './record-layout.js'

/** Norm, mean and extremes are null where they have no meaning: in an empty array, or where an element is not finite. */
export interface Summary {
  readonly l2Norm: number | null
  readonly mean: number | null
  readonly min: number | null
  readonly max: number | null
  readonly zeroCount: number
  readonly nonFiniteCount: number
  /** How many of the elements that are not finite are NaN; the others are infinite. Null where a tape of before did not count them. */
  readonly nanCount: number | null
}

const numbers = new Float64Array(SUMMARY_SIZE)

type Field = (typeof SUMMARY_FIELDS)[number]
const PLACE = Object.fromEntries(SUMMARY_FIELDS.map((field, i) => [field, i])) as Readonly<
  Record<Field, number>
>

/**
 * The numbers of a summary in their order, NaN for null. Where elements are not finite there is no norm, and in its place stands how
 * many of them are NaN. The same memory each time: overwritten by the next call.
 */
export function summaryNumbers(summary: Summary): Float64Array {
  putSummary(summary, numbers, 0)
  return numbers
}

/** Puts the same numbers down from `at` on. Field by field: each gradient of a run has a summary, and a loop over names takes ten times as long. */
export function putSummary(summary: Summary, to: Float64Array, at: number): void {
  const { l2Norm, mean, min, max, zeroCount, nonFiniteCount, nanCount } = summary
  to[at + PLACE.l2Norm] = (nonFiniteCount > 0 ? nanCount : l2Norm) ?? Number.NaN
  to[at + PLACE.mean] = mean ?? Number.NaN
  to[at + PLACE.min] = min ?? Number.NaN
  to[at + PLACE.max] = max ?? Number.NaN
  to[at + PLACE.zeroCount] = zeroCount
  to[at + PLACE.nonFiniteCount] = nonFiniteCount
}

const orNull = (number: number) => (number === number ? number : null)

/** The summary that has these numbers; `numberAt` gives each by its place. Field by field, as above. */
export function summaryFrom(numberAt: (place: number) => number): Summary {
  const first = orNull(numberAt(PLACE.l2Norm))
  const nonFiniteCount = orNull(numberAt(PLACE.nonFiniteCount))
  const allFinite = nonFiniteCount === null || nonFiniteCount === 0
  const summary = {
    l2Norm: allFinite ? first : null,
    mean: orNull(numberAt(PLACE.mean)),
    min: orNull(numberAt(PLACE.min)),
    max: orNull(numberAt(PLACE.max)),
    zeroCount: orNull(numberAt(PLACE.zeroCount)),
    nonFiniteCount,
    nanCount: allFinite ? 0 : first,
  }
  return summary as Summary
}
