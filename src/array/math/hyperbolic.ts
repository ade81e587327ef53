/** The hyperbolic sine and cosine on float64, from our own exponential. It knows scalars only. */
import { exp, expm1 } from './exp.js'

/** From here on e^−x no longer reaches the last bit of e^x. */
const ALONE = 22
/** From here on e^x may overflow where half of it does not. */
const HALVED = 709

/**
 * The hyperbolic sine: (e + e/(e + 1))/2 with e = e^|x| − 1, two terms of one sign, so that nothing cancels near 0.
 *
 * Error  at most 3 ulp.
 * Edges  NaN → NaN, ±0 → ±0, ±∞ → ±∞, subnormal x → x.
 */
export function sinh(x: number): number {
  if (x === 0 || x !== x) return x
  const a = x < 0 ? -x : x
  const y = a < ALONE ? half(a) : large(a)
  return x < 0 ? -y : y
}

function half(a: number): number {
  const e = expm1(a)
  return 0.5 * (e + e / (e + 1))
}

function large(a: number): number {
  if (a < HALVED) return 0.5 * exp(a)
  const root = exp(0.5 * a)
  return 0.5 * root * root
}

/**
 * The hyperbolic cosine: (e^|x| + e^−|x|)/2.
 *
 * Error  at most 2 ulp.
 * Edges  NaN → NaN, ±∞ → ∞.
 */
export function cosh(x: number): number {
  if (x !== x) return NaN
  const a = x < 0 ? -x : x
  if (a >= ALONE) return large(a)
  const e = exp(a)
  return 0.5 * e + 0.5 / e
}
