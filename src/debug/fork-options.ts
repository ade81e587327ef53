/**
 * What a fork is told, and what it answers: its settings, its report, and the value that a variable is changed to.
 */

import { ndarray } from '../array/make-array.js'
import { NDArray } from '../array/ndarray.js'
import { TapeError, valueText } from '../errors.js'
import { type Ref, refOf } from '../events/event.js'
import type { Variable } from '../graph/variable.js'
import type { Moment } from './moment.js'

/** What something is changed to. */
export type Change = number | boolean | string | NDArray

/** Settings of `past.fork`. */
export interface ForkOptions {
  /** The step at whose beginning it begins. */
  step: number
  /**
   * What is changed. The key is a setting of calls by their function or scope (`optimizer.lr`, `dropout.p`), or the name of a variable
   * (`fc1.weight`) or its position (`'#417'`), which gets a number, an array, or the value that it had at the end of another step:
   * `'@120'`. What a call made in the step gets it right after the call: what follows is computed from it, and gradients go on through the
   * call as it was recorded.
   */
  set?: { readonly [key: string]: Change }
  /** Gradients that take the place of those that the passes of the step compute, by name or position of their variable. */
  gradients?: { readonly [key: string]: number | NDArray }
  /** One variable inside the step, by name or position: it gets `value`, or its gradient becomes `gradient`. The same as `set` and `gradients`. */
  at?: string | number
  value?: Change
  gradient?: number | NDArray
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

/** A recorded fork. */
export interface RecordedFork extends ForkReport {
  /** The number of the new run, and of the run that it goes on from, in the tape that it was recorded to. */
  readonly run: number
  readonly parent: number
}

/** Where a fork is recorded: a run. */
export interface ForkSink {
  step(): unknown
  log(metrics: { readonly [name: string]: number | Variable }): void
}

/** The changes as one says them: what they are told by in the run that was forked. */
export function changeTexts({ set = {}, gradients = {}, dropRows = [] }: ForkOptions): string[] {
  return [
    ...Object.entries(set).map(([key, change]) => `${key}=${changeText(change)}`),
    ...Object.entries(gradients).map(([key, change]) => `gradient of ${key}=${changeText(change)}`),
    ...dropRows.map((row) => `without row ${row}`),
  ]
}

function changeText(change: Change): string {
  return typeof change === 'object' ? `${change.dtype} [${change.shape.join(', ')}]` : String(change)
}

/** The options with `at` as one of `set` or `gradients`. Throws  BAD_ARGUMENT */
export function plainOptions(options: ForkOptions): ForkOptions {
  const { at, value, gradient, ...others } = options
  if (at === undefined) {
    if (value === undefined && gradient === undefined) return options
    throw new TapeError(
      'BAD_ARGUMENT',
      'fork() expected `at` beside `value` or `gradient`: the name or position of a variable',
    )
  }
  if ((typeof at !== 'string' && !Number.isSafeInteger(at)) || at === '')
    throw new TapeError('BAD_ARGUMENT', `fork() expected at to be a name or a position, got ${valueText(at)}`)
  if (value === undefined && gradient === undefined)
    throw new TapeError('BAD_ARGUMENT', 'fork() expected `value` or `gradient` beside `at`')
  const key = typeof at === 'number' ? `#${at}` : at
  return {
    ...others,
    ...(value === undefined ? {} : { set: { ...others.set, [key]: value } }),
    ...(gradient === undefined ? {} : { gradients: { ...others.gradients, [key]: gradient } }),
  }
}

/** What `set` makes of a variable that had `before`. */
export function changedValue(
  name: string,
  change: Change,
  before: NDArray,
  momentAt: (step: number) => Moment,
): NDArray {
  if (typeof change === 'number')
    return ndarray(new Float64Array(before.size).fill(change), { shape: before.shape, dtype: before.dtype })
  if (typeof change === 'string' && /^@\d+$/.test(change))
    return momentAt(Number(change.slice(1))).value(positionIn(name) ?? name)
  if (
    change instanceof NDArray &&
    change.dtype === before.dtype &&
    change.shape.join() === before.shape.join()
  )
    return change
  throw new TapeError(
    'BAD_ARGUMENT',
    `fork() expected for ${name} a number, '@step', or an array of ${before.dtype} [${before.shape.join(', ')}], got ${change instanceof NDArray ? `one of ${change.dtype} [${change.shape.join(', ')}]` : valueText(change)}`,
  )
}

/** The ref that a key like `#417` or `#417.1` (the second output) is of; null for a name. */
export function positionIn(key: string): Ref | null {
  const found = /^#(\d{1,15})(?:\.(\d{1,6}))?$/.exec(key)
  return found === null ? null : refOf(Number(found[1]), Number(found[2] ?? 0))
}
