/**
 * What a fork is told, and what it answers: its settings, its report, and the value that a variable is changed to.
 */

import { ndarray } from '../array/make-array.js'
import type { NDArray } from '../array/ndarray.js'
import { TapeError, valueText } from '../errors.js'
import type { Moment } from './moment.js'

/** Settings of `past.fork`. */
export interface ForkOptions {
  /** The step at whose beginning it begins. */
  step: number
  /**
   * What is changed. The key is a setting of calls by their function or scope (`optimizer.lr`, `dropout.p`), or the name of a variable
   * (`fc1.weight`), which gets a number, an array, or the value that it had at the end of another step: `'@120'`.
   */
  set?: { readonly [key: string]: number | boolean | string | NDArray }
  /** Rows of the data set that are left out of batches. */
  dropRows?: readonly number[]
  /** How many steps. Default: up to the last of the run. */
  steps?: number
}

/** A metric of the recorded run and of the fork. */
export interface ForkedMetric {
  readonly step: number
  readonly name: string
  readonly parent: number
  readonly child: number
}

/** How a fork went. */
export interface ForkReport {
  readonly step: number
  readonly steps: number
  readonly metrics: readonly ForkedMetric[]
  /** The values of parameters and states by name at the end. */
  readonly state: ReadonlyMap<string, NDArray>
  /** What was changed, and how many calls or batches each change met. */
  readonly changes: readonly { readonly what: string; readonly count: number }[]
  /** Whether every metric and every given state is what the recorded run had, bit for bit. */
  readonly equal: boolean
}

/** What `set` makes of a variable that had `before`. */
export function changedValue(
  name: string,
  change: number | boolean | string | NDArray,
  before: NDArray,
  momentAt: (step: number) => Moment,
): NDArray {
  if (typeof change === 'number')
    return ndarray(new Float64Array(before.size).fill(change), { shape: before.shape, dtype: before.dtype })
  if (typeof change === 'string' && /^@\d+$/.test(change))
    return momentAt(Number(change.slice(1))).value(name)
  if (typeof change === 'object' && change.shape.join() === before.shape.join()) return change
  throw new TapeError(
    'BAD_ARGUMENT',
    `fork() expected for ${name} a number, '@step', or an array [${before.shape.join(', ')}], got ${valueText(change)}`,
  )
}
