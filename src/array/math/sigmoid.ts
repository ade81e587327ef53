/**
 * The logistic function and its integral on float64. It knows scalars only.
 */
import { expWithTail } from './exp.js'
import { log1p } from './log.js'

/**
 * 1 / (1 + e^−x), computed from e^−|x| so that nothing overflows: for x < 0 it is e^x / (1 + e^x).
 *
 * Error  at most 2.5 ulp, over the whole range down to subnormal results.
 * Edges  NaN → NaN, −∞ → 0, ∞ → 1.
 */
export function sigmoid(x: number): number {
  if (x !== x) return NaN
  const a = x < 0 ? x : -x
  const e = expWithTail(a > -746 ? a : -746, 0)
  const denominator = 1 + e
  const y = (x < 0 ? e : 1) / denominator
  // What the denominator lost matters most for small results; 1 / denominator is 1 − y there.
  return x < 0 ? y - y * ((1 - y) * (e - (denominator - 1))) : y
}

/**
 * log(1 + e^x), computed as max(x, 0) + log1p(e^−|x|).
 *
 * Error  at most 2.5 ulp, over the whole range down to subnormal results.
 * Edges  NaN → NaN, −∞ → 0, ∞ → ∞.
 */
export function softplus(x: number): number {
  if (x !== x) return NaN
  const a = x < 0 ? x : -x
  return (x < 0 ? 0 : x) + log1p(expWithTail(a > -746 ? a : -746, 0))
}
