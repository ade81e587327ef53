/**
 * Statistics over the rows of a query that SQLite lacks: stddev, corr, and ema, a window function. NULL is left out, as
 * in SQLite's own aggregates.
 */
import type { FunctionHost } from './host.js'
import { refuse } from './tensor.js'

interface Moments {
  n: number
  meanX: number
  meanY: number
  xx: number
  yy: number
  xy: number
}

const start = (): Moments => ({ n: 0, meanX: 0, meanY: 0, xx: 0, yy: 0, xy: 0 })

/** Welford's way: a mean of large numbers that differ little costs no digits. */
function add(moments: Moments, x: number, y: number): Moments {
  const n = moments.n + 1
  const dx = x - moments.meanX
  const dy = y - moments.meanY
  const meanX = moments.meanX + dx / n
  const meanY = moments.meanY + dy / n
  return {
    n,
    meanX,
    meanY,
    xx: moments.xx + dx * (x - meanX),
    yy: moments.yy + dy * (y - meanY),
    xy: moments.xy + dx * (y - meanY),
  }
}

export function registerStatistics(host: FunctionHost): void {
  // Sample standard deviation; NULL for fewer than two rows.
  host.aggregate('stddev', {
    start,
    step: (moments: Moments, x: unknown) => (x === null ? moments : add(moments, numberOf('stddev', x), 0)),
    result: ({ n, xx }: Moments) => (n < 2 ? null : Math.sqrt(xx / (n - 1))),
  })
  // Pearson's correlation; NULL for fewer than two rows and where one of the columns does not vary.
  host.aggregate('corr', {
    start,
    step: (moments: Moments, x: unknown, y: unknown) =>
      x === null || y === null ? moments : add(moments, numberOf('corr', x), numberOf('corr', y)),
    result: ({ n, xx, yy, xy }: Moments) =>
      n < 2 || xx === 0 || yy === 0 ? null : Math.max(-1, Math.min(1, xy / Math.sqrt(xx) / Math.sqrt(yy))),
  })
  // Exponential moving average: ema(value, weight) OVER (ORDER BY step). The first value begins it; then each new one counts
  // by `weight`, and what was before by the rest.
  host.aggregate('ema', {
    start: () => null as number | null,
    step: (average: number | null, x: unknown, given: unknown) => {
      const weight = typeof given === 'bigint' ? Number(given) : given
      if (typeof weight !== 'number' || !(weight > 0 && weight <= 1))
        return refuse('ema', 'a weight above 0, up to 1', given)
      if (x === null) return average
      const value = numberOf('ema', x)
      return average === null ? value : average + weight * (value - average)
    },
    // The frame of a window without bounds of its own only grows.
    inverse: () => refuse('ema', 'a window that only grows, as OVER (ORDER BY step) is', 'another frame'),
    result: (average: number | null) => average,
  })
}

function numberOf(name: string, value: unknown): number {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  return refuse(name, 'numbers', value)
}
