/** The first step that is bad by somebody's own test, by halving: eight looks for 240 steps. */
import { TapeError, valueText } from '../errors.js'
import { checkOptions } from '../options.js'
import type { Moment } from './moment.js'

/** Settings of `past.bisect`. */
export interface BisectOptions {
  /** The first step that is looked at. Default 1. */
  from?: number
  /** The last step that is looked at. Default: the last of the run. */
  to?: number
  /** What the points at which monotony is checked follow from. Default 0. */
  seed?: number
}

/** What a bisection found, and how far that can be trusted. */
export interface Bisection {
  /** The first bad step; null when the last one is good. */
  readonly step: number | null
  /** Whether each step that was looked at is bad from `step` on, and good before. */
  readonly monotone: boolean
  /** Each step that was looked at, and whether it is bad, in order of steps. */
  readonly looked: readonly { readonly step: number; readonly bad: boolean }[]
  readonly seed: number
  readonly text: string
}

/** This many more steps are looked at, to see whether bad stays bad. */
const CHECKS = 4

/**
 * `test` is told of the moment at the end of a step, and says whether it is bad. Both ends are looked at first.
 *
 * Throws  BAD_ARGUMENT for an option that it does not know, a range without steps, or an answer that is neither true nor false
 */
export function bisect(
  momentOf: (step: number) => Moment,
  steps: number,
  test: (moment: Moment) => boolean,
  options: BisectOptions = {},
): Bisection {
  checkOptions(options, ['from', 'to', 'seed'], 'bisect()')
  const { from = Math.min(1, steps), to = steps, seed = 0 } = options
  if (typeof test !== 'function')
    throw new TapeError('BAD_ARGUMENT', `bisect() expected a function, got ${valueText(test)}`)
  for (const [name, step] of Object.entries({ from, to })) {
    if (!Number.isInteger(step) || step < 0 || step > steps)
      throw new TapeError(
        'BAD_ARGUMENT',
        `bisect() expected ${name} to be a step from 0 to ${steps}, got ${valueText(step)}`,
      )
  }
  if (from > to)
    throw new TapeError('BAD_ARGUMENT', `bisect() expected from before to, got ${from} and ${to}`)
  const known = new Map<number, boolean>()
  const isBad = (step: number): boolean => {
    let bad = known.get(step)
    if (bad === undefined) {
      const answer: unknown = test(momentOf(step))
      if (typeof answer !== 'boolean')
        throw new TapeError(
          'BAD_ARGUMENT',
          `bisect() expected its test to give true for bad and false for good, got ${valueText(answer)} at step ${step}`,
        )
      bad = answer
      known.set(step, bad)
    }
    return bad
  }
  const first = firstBad(isBad, from, to)
  let state = (seed >>> 0) + 0x9e3779b9
  for (let i = 0; i < CHECKS && to > from; i++) {
    state = Math.imul(state ^ (state >>> 16), 0x45d9f3b) >>> 0
    isBad(from + (state % (to - from + 1)))
  }
  const looked = [...known].map(([step, bad]) => ({ step, bad })).sort((a, b) => a.step - b.step)
  const wrong = looked.find(({ step, bad }) => bad !== (first !== null && step >= first))
  const seen = `${looked.length} of ${to - from + 1} steps looked at`
  const text =
    first === null
      ? `step ${to} is good, and so no first bad step was looked for: ${seen}`
      : first === from
        ? `step ${from}: bad already, where the search began; ${seen}`
        : `step ${first}: the first bad one; step ${first - 1} is good; ${seen}`
  const doubt =
    wrong === undefined
      ? ''
      : `; not monotone: step ${wrong.step} is ${wrong.bad ? 'bad' : 'good'} (seed ${seed})`
  return { step: first, monotone: wrong === undefined, looked, seed, text: text + doubt }
}

function firstBad(isBad: (step: number) => boolean, from: number, to: number): number | null {
  const [badAtFrom, badAtTo] = [isBad(from), isBad(to)]
  if (badAtFrom) return from
  if (!badAtTo) return null
  let [good, bad] = [from, to]
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2)
    if (isBad(middle)) bad = middle
    else good = middle
  }
  return bad
}
