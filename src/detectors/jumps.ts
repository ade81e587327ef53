/** Where a series of losses jumps. */

/** Values that a value is compared with, and the factor above the highest of them from which on it jumps. */
export const JUMP = { window: 20, factor: 3 } as const
const WINDOW = JUMP.window
/** Fewer values before say nothing. */
const FIRST = 8

/** One value after another, with the latest kept. */
export class JumpWatch {
  private readonly window: number[] = []

  /**
   * Whether `value` jumps: above 3 times the highest of the last 20 and above their median by 10 times their spread (the median
   * absolute deviation, scaled to a standard deviation), from the ninth value on. After a jump it is compared with what was before.
   */
  add(value: number): boolean {
    const { window } = this
    const jumps = Number.isFinite(value) && window.length >= FIRST && isJump(value, window)
    if (Number.isFinite(value) && !jumps) {
      window.push(value)
      if (window.length > WINDOW) window.shift()
    } else if (jumps) {
      // A new level is taken for one when it lasts.
      window.push(Math.max(...window) * 1.5)
      if (window.length > WINDOW) window.shift()
    }
    return jumps
  }
}

function isJump(value: number, window: readonly number[]): boolean {
  let highest = Number.NEGATIVE_INFINITY
  for (const one of window) if (one > highest) highest = one
  if (!(value > JUMP.factor * highest) || value <= 0) return false
  const middle = median(window)
  const spread = 1.4826 * median(window.map((one) => Math.abs(one - middle)))
  return value > middle + 10 * spread
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}

/** Indices of the values of a series that jump. */
export function lossJumps(values: readonly number[]): number[] {
  const watch = new JumpWatch()
  return values.flatMap((value, i) => (watch.add(value) ? [i] : []))
}
