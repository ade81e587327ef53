/**
 * How far to go along a direction: a step that lowers the value enough, at whose end the slope is small enough (the strong Wolfe
 * conditions). It looks for a bracket around such a step, then narrows it. Numbers only: it knows no parameters. A value of NaN is too
 * high, so that a step out of where the loss is defined is taken back.
 *
 * Source  PyTorch `LBFGS(line_search_fn='strong_wolfe')`, which follows minFunc by Mark Schmidt; Nocedal and Wright, algorithms 3.5, 3.6
 */

/** What was found at the end of a step of length t: the value, the slope along the direction, and what the caller wants back. */
export interface Trial<T> {
  readonly t: number
  readonly value: number
  readonly slope: number
  readonly found: T
}

const ENOUGH_LOWER = 1e-4
const FLAT_ENOUGH = 0.9
const MOST_TRIALS = 25

/**
 * start      the trial at t = 0
 * first      the step to try first
 * largest    the largest element of the direction by size
 * tolerance  a bracket is not narrowed further when its length, times `largest`, is below this
 * evaluate   goes there and looks
 * Returns    the trial that was chosen, and how many were made
 */
export function strongWolfe<T>(
  start: Trial<T>,
  first: number,
  largest: number,
  tolerance: number,
  evaluate: (t: number) => Trial<T>,
): { chosen: Trial<T>; trials: number } {
  const isTooHigh = ({ t, value }: Trial<T>) => !(value <= start.value + ENOUGH_LOWER * t * start.slope)
  const isFlat = ({ slope }: Trial<T>) => Math.abs(slope) <= -FLAT_ENOUGH * start.slope

  let before = start
  let trial = evaluate(first)
  let evaluations = 1
  let steps = 0
  let bracket: [Trial<T>, Trial<T>] | null = null
  while (steps < MOST_TRIALS) {
    if (isTooHigh(trial) || (steps > 1 && trial.value >= before.value)) {
      bracket = [before, trial]
      break
    }
    if (isFlat(trial)) return { chosen: trial, trials: evaluations }
    if (trial.slope >= 0) {
      bracket = [before, trial]
      break
    }
    const least = trial.t + 0.01 * (trial.t - before.t)
    const next = cubicMinimum(before, trial, least, trial.t * 10)
    before = trial
    trial = evaluate(next)
    evaluations++
    steps++
  }
  let [a, b] = bracket ?? [start, trial]
  // Which end is low: `a` unless it is higher.
  let isLowFirst = isLower(a, b)
  let isSlow = false
  while (steps < MOST_TRIALS) {
    if (Math.abs(b.t - a.t) * largest < tolerance) break
    let t = cubicMinimum(a, b, Math.min(a.t, b.t), Math.max(a.t, b.t))
    const [left, right] = a.t > b.t ? [b.t, a.t] : [a.t, b.t]
    // A point near an end makes little progress: the second time, or at the end itself, it is moved inwards.
    const margin = 0.1 * (right - left)
    if (Math.min(right - t, t - left) < margin) {
      if (isSlow || t >= right || t <= left) {
        t = Math.abs(t - right) < Math.abs(t - left) ? right - margin : left + margin
        isSlow = false
      } else isSlow = true
    } else isSlow = false
    trial = evaluate(t)
    evaluations++
    steps++
    const low = isLowFirst ? a : b
    const high = isLowFirst ? b : a
    if (isTooHigh(trial) || trial.value >= low.value) {
      if (isLowFirst) b = trial
      else a = trial
      isLowFirst = isLower(a, b)
      continue
    }
    const isDone = isFlat(trial)
    const kept = !isDone && trial.slope * (high.t - low.t) >= 0 ? low : high
    ;[a, b] = isLowFirst ? [trial, kept] : [kept, trial]
    if (isDone) break
  }
  return { chosen: isLowFirst ? a : b, trials: evaluations }
}

/** Whether the first of two is the low one. NaN is above all numbers. */
function isLower<T>(a: Trial<T>, b: Trial<T>): boolean {
  return a.value <= b.value || (Number.isNaN(b.value) && !Number.isNaN(a.value))
}

/** Where the cubic through two values with two slopes is least, between two bounds; their middle where it has no minimum, or none that can be computed. */
function cubicMinimum<T>(one: Trial<T>, other: Trial<T>, least: number, most: number): number {
  const slope = one.slope + other.slope - (3 * (one.value - other.value)) / (one.t - other.t)
  const root = Math.sqrt(slope * slope - one.slope * other.slope)
  const [near, far] = one.t <= other.t ? [one, other] : [other, one]
  const t = far.t - (far.t - near.t) * ((far.slope + root - slope) / (far.slope - near.slope + 2 * root))
  return Number.isNaN(t) ? (least + most) / 2 : Math.min(Math.max(t, least), most)
}
