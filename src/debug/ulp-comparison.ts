/**
 * What a replay with another kernel may differ in: the rounding of numbers, and nothing else. Distances are measured in units
 * in the last place of an array's largest element, since that is what sums round to.
 */
import { summarized } from '../events/content.js'
import type { ArraySummary, RecordedArray, TapeEvent } from '../events/event.js'
import { contentsOf } from '../events/event-kinds.js'
import { type Difference, differenceOfFacts, functionOf, whatOf } from '../replay/compare.js'
import { distanceOf, ulpsOf } from './array-distance.js'

/** The largest distance that was seen, and where. */
export interface LargestDistance {
  readonly ulps: number
  readonly position: number
  readonly step: number
  readonly what: string
  readonly function: string | null
}

/** Half of the digits: beyond that two computations have little in common. */
const HALF_THE_DIGITS: Readonly<Record<string, number>> = { float32: 2 ** 12, float64: 2 ** 26 }

/** @internal */
export class UlpComparison {
  largest: LargestDistance | null = null
  private readonly within: number | null

  /** up to `within` ulps counts as rounding; half of the digits of the dtype when null. */
  constructor(within: number | null) {
    this.within = within
  }

  /** The first thing in which the events differ by more than rounding. */
  difference(expected: TapeEvent, got: TapeEvent): Difference | null {
    if (expected.type === 'MetricLogged' && got.type === 'MetricLogged') {
      const facts = differenceOfFacts(expected, { ...got, value: expected.value })
      return facts ?? this.numbers(expected, [['', expected.value, got.value]], 'float64', null)
    }
    const facts = this.facts(expected, got)
    if (facts !== null) return facts
    const contents = contentsOf(got)
    for (const [i, { value, summary }] of contentsOf(expected).entries()) {
      const recomputed = contents[i]?.value
      const summed = recomputed == null ? contents[i]?.summary : null
      const found =
        value !== null && recomputed != null
          ? this.arrays(expected, value, recomputed, i)
          : summary !== null && recomputed != null
            ? this.summaries(expected, summary, summarized(recomputed, false), recomputed.dtype, i)
            : summary !== null && summed != null
              ? this.summaries(expected, summary, summed, dtypeOf(expected), i)
              : null
      if (found !== null) return found
    }
    return null
  }

  /** What an assignment changed is rounded with the arrays that it is between; all else that events say is not. */
  private facts(expected: TapeEvent, got: TapeEvent): Difference | null {
    if (expected.type !== 'ValueAssigned' || got.type !== 'ValueAssigned')
      return differenceOfFacts(expected, got)
    const [x, y] = [expected.updateNorm, got.updateNorm]
    if (x == null || y == null) return differenceOfFacts(expected, got)
    const facts = differenceOfFacts(expected, { ...got, updateNorm: x })
    const size = expected.summary?.l2Norm ?? 0
    return facts ?? this.numbers(expected, [['updateNorm ', x, y]], expected.dtype, null, size)
  }

  private arrays(event: TapeEvent, a: RecordedArray, b: RecordedArray, part: number): Difference | null {
    const distance = distanceOf(a, b)
    if (distance === null || this.isRounding(event, distance.ulps, a.dtype)) return null
    const [x, y] = distance.values
    const where = a.size === 1 ? '' : `element [${distance.first.join(', ')}]: `
    return { expected: `${where}${x}`, got: `${where}${y}`, part, element: distance.first }
  }

  /** A hash says nothing here, and how many numbers are exactly 0 may change by rounding. */
  private summaries(
    event: TapeEvent,
    a: ArraySummary,
    b: ArraySummary,
    dtype: string,
    part: number,
  ): Difference | null {
    if (a.nonFiniteCount !== b.nonFiniteCount)
      return {
        expected: `${a.nonFiniteCount} not finite`,
        got: `${b.nonFiniteCount} not finite`,
        part,
        element: null,
      }
    const numbers = (['l2Norm', 'mean', 'min', 'max'] as const).map(
      (key) => [`${key} `, a[key], b[key]] as const,
    )
    return this.numbers(event, numbers, dtype, part, Math.max(Math.abs(a.min ?? 0), Math.abs(a.max ?? 0)))
  }

  private numbers(
    event: TapeEvent,
    pairs: readonly (readonly [string, number | null, number | null])[],
    dtype: string,
    part: number | null,
    largest = 0,
  ): Difference | null {
    for (const [name, x, y] of pairs) {
      if (Object.is(x, y)) continue
      const of = Math.max(largest, Math.abs(x ?? 0), Math.abs(y ?? 0))
      const ulps =
        x === null || y === null ? null : ulpsOf(Math.abs(x - y), of, dtype === 'float32' ? 24 : 53, dtype)
      if (!this.isRounding(event, ulps, dtype))
        return { expected: `${name}${x}`, got: `${name}${y}`, part, element: null }
    }
    return null
  }

  private isRounding(event: TapeEvent, ulps: number | null, dtype: string): boolean {
    if (ulps === null || !(ulps <= (this.within ?? HALF_THE_DIGITS[dtype] ?? 0))) return false
    if (ulps > (this.largest?.ulps ?? 0))
      this.largest = {
        ulps,
        position: event.position,
        step: event.step,
        what: whatOf(event),
        function: functionOf(event),
      }
    return true
  }
}

function dtypeOf(event: TapeEvent): string {
  return 'dtype' in event ? event.dtype : 'float64'
}
