/**
 * The natural logarithm of x and of 1 + x on float64, from + − × ÷ and a table of powers of two. It knows scalars only.
 *
 * Both write the argument as 2^k·(1 + f) with 1 + f between √½ and √2. With s = f / (2 + f),
 * log(1 + f) = 2s + s·R(s²) and 2s = f − s·f = f − f²/2 + s·f²/2, which keeps f itself, the largest part, exact.
 */
import * as binary64 from './binary64.js'

const { asNumber, asWords, LN2_HIGH, LN2_LOW, POWERS, POWERS_ZERO } = binary64

/** 2^−54: below it log(1 + x) is x to the last bit. (A literal, since `**` is the engine's own.) */
const TINY = 5.551115123125783e-17

const R0 = 0.6666666666666737
const R1 = 0.3999999999939863
const R2 = 0.2857142874555123
const R3 = 0.22222198273540256
const R4 = 0.1818357906718003
const R5 = 0.15313687509906293
const R6 = 0.14799487476820689

/** The high word of √½: where the exponent k changes. */
const HIGH_WORD_SQRT_HALF = 0x3fe6a09e

/**
 * The natural logarithm of x.
 *
 * Error  at most 1 ulp.
 * Edges  NaN and x < 0 → NaN, ±0 → −∞, ∞ → ∞, 1 → +0, subnormal x as any other.
 */
export function log(x: number): number {
  if (!(x > 0)) return x === 0 ? -Infinity : NaN
  if (x === Infinity) return Infinity
  let k = 0
  let scaled = x
  if (x < 2.2250738585072014e-308) {
    scaled = x * 18014398509481984
    k = -54
  }
  asNumber[0] = scaled
  const shift = ((asWords[1] as number) - HIGH_WORD_SQRT_HALF) >> 20
  k += shift
  const f = scaled * (POWERS[POWERS_ZERO - shift] as number) - 1
  const s = f / (2 + f)
  const z = s * s
  const z2 = z * z
  const r = z * (R0 + R1 * z + z2 * (R2 + R3 * z) + z2 * z2 * (R4 + R5 * z + z2 * R6))
  const halfSquare = 0.5 * f * f
  return k * LN2_HIGH - (halfSquare - (s * (halfSquare + r) + k * LN2_LOW) - f)
}

/**
 * The natural logarithm of 1 + x, without the loss near 0.
 *
 * Error  at most 1.5 ulp.
 * Edges  NaN and x < −1 → NaN, −1 → −∞, ±0 → ±0, ∞ → ∞, subnormal x → x.
 */
export function log1p(x: number): number {
  if (!(x > -1)) return x === -1 ? -Infinity : NaN
  if (x === Infinity) return Infinity
  if (x < TINY && x > -TINY) return x
  // u + c is 1 + x exactly, and 2^−k·c is what f lacks; for k = 0 their sum is x again.
  const u = 1 + x
  const v = u - 1
  const c = 1 - (u - v) + (x - v)
  asNumber[0] = u
  const k = ((asWords[1] as number) - HIGH_WORD_SQRT_HALF) >> 20
  const scale = POWERS[POWERS_ZERO - k] as number
  const whole = u * scale - 1
  const rest = c * scale
  const f = whole + rest
  const lost = rest - (f - whole)
  const s = f / (2 + f)
  const z = s * s
  const z2 = z * z
  const r = z * (R0 + R1 * z + z2 * (R2 + R3 * z) + z2 * z2 * (R4 + R5 * z + z2 * R6))
  const halfSquare = 0.5 * f * f
  return k * LN2_HIGH - (halfSquare - (s * (halfSquare + r) + (k * LN2_LOW + lost)) - f)
}
