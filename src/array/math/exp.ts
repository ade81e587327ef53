/**
 * e^x and e^x − 1 on float64, from + − × and a table of powers of two, so that every machine gives the same bits.
 * It knows scalars only.
 *
 * Both write x = n·ln 2 + r with |r| ≤ ln 2 / 2, and e^r = 1 + r + r²·q(r) with a polynomial of degree 10 in q (error
 * below 2^−63). The rounding error of the one sum that matters, 1 + r, is computed and added back, so that little
 * more than the last rounding is left.
 */
import * as binary64 from './binary64.js'

const { LN2_HIGH, LN2_LOW, LOG2_E, POWERS, POWERS_ZERO, ROUND_TO_INTEGER } = binary64

/** 2^−54: below it e^x − 1 is x to the last bit. (A literal, since `**` is the engine's own.) */
const TINY = 5.551115123125783e-17

const C2 = 0.5
const C3 = 0.16666666666666685
const C4 = 0.041666666666666526
const C5 = 0.008333333333315983
const C6 = 0.001388888888896801
const C7 = 0.00019841269898562968
const C8 = 2.480158715528519e-5
const C9 = 2.7557232976642465e-6
const C10 = 2.755741760561271e-7
const C11 = 2.511261961121433e-8
const C12 = 2.0871118996516387e-9

/**
 * e^(x + tail) for x in [−761, 710] and a tail that is small beside 1; above the range of float64 it is ∞, below it 0.
 *
 * The sequence of operations is the contract: the vector kernels do the same. x must be a multiple of 2^−42, or tail 0.
 */
export function expWithTail(x: number, tail: number): number {
  const n = x * LOG2_E + ROUND_TO_INTEGER - ROUND_TO_INTEGER
  const high = x - n * LN2_HIGH
  const low = n * LN2_LOW - tail
  const r = high - low
  const r2 = r * r
  const r4 = r2 * r2
  const q =
    C2 +
    C3 * r +
    r2 * (C4 + C5 * r) +
    r4 * (C6 + C7 * r + r2 * (C8 + C9 * r) + r4 * (C10 + C11 * r + r2 * C12))
  const sum = 1 + high
  const lost = high - (sum - 1)
  const y = sum + (lost + (r2 * q - low))
  // Two factors at the ends, because 2^n alone may lie outside the format where y·2^n does not. The first product is
  // exact, so in the middle one factor gives the same bits.
  const k = n | 0
  if (k > -1021 && k < 1023) return y * (POWERS[POWERS_ZERO + k] as number)
  const half = k >> 1
  return y * (POWERS[POWERS_ZERO + half] as number) * (POWERS[POWERS_ZERO + k - half] as number)
}

/**
 * e^x.
 *
 * Error  at most 1 ulp.
 * Edges  NaN → NaN, −∞ → 0, ∞ → ∞, above 709.78… → ∞, below −745.13… → 0, subnormal results rounded once.
 */
export function exp(x: number): number {
  if (x > -746 && x < 710) return expWithTail(x, 0)
  return x !== x ? NaN : x < 0 ? 0 : Infinity
}

/** ln 2 as one number, and what is missing to it. */
const LN2 = 0.6931471805599453
const LN2_REST = 2.3190468138462996e-17

/**
 * 2^x, of the whole number n nearest to x as 2^n·e^(f·ln 2) with f = x − n, which is exact.
 *
 * Error  at most 1 ulp; none where x is whole.
 * Edges  NaN → NaN, −∞ → 0, ∞ → ∞, from 1024 on ∞, up to −1075 0, subnormal results rounded once.
 */
export function exp2(x: number): number {
  if (!(x > -1076 && x < 1025)) return x !== x ? NaN : x < 0 ? 0 : Infinity
  const n = x + ROUND_TO_INTEGER - ROUND_TO_INTEGER
  const f = x - n
  const high = f * LN2
  const low = f * -LN2_REST
  const r = high - low
  const r2 = r * r
  const r4 = r2 * r2
  const q =
    C2 +
    C3 * r +
    r2 * (C4 + C5 * r) +
    r4 * (C6 + C7 * r + r2 * (C8 + C9 * r) + r4 * (C10 + C11 * r + r2 * C12))
  const sum = 1 + high
  const lost = high - (sum - 1)
  const y = sum + (lost + (r2 * q - low))
  // Two factors at the ends, as above.
  const k = n | 0
  if (k > -1021 && k < 1023) return y * (POWERS[POWERS_ZERO + k] as number)
  const half = k >> 1
  return y * (POWERS[POWERS_ZERO + half] as number) * (POWERS[POWERS_ZERO + k - half] as number)
}

/**
 * e^x − 1 for x in [−40, 710], where 2^n − 1 = b and the sum b + 2^n·r is the one whose rounding error is added back.
 * The bits of a subnormal x, and the sign of −0, are lost: the caller keeps those.
 */
function expm1InRange(x: number): number {
  const n = x * LOG2_E + ROUND_TO_INTEGER - ROUND_TO_INTEGER
  const high = x - n * LN2_HIGH
  const low = n * LN2_LOW
  const r = high - low
  const r2 = r * r
  const r4 = r2 * r2
  const q =
    C2 +
    C3 * r +
    r2 * (C4 + C5 * r) +
    r4 * (C6 + C7 * r + r2 * (C8 + C9 * r) + r4 * (C10 + C11 * r + r2 * C12))
  // Everything is halved until the last product, so that n = 1024 does not overflow too early.
  const scale = POWERS[POWERS_ZERO + (n | 0) - 1] as number
  const b = scale - 0.5
  const a = scale * high
  const sum = b + a
  const lost = a - (sum - b)
  return 2 * (sum + (lost + scale * (r2 * q - low)))
}

/**
 * e^x − 1, without the cancellation near 0.
 *
 * Error  at most 1.5 ulp.
 * Edges  NaN → NaN, ±0 → ±0, −∞ → −1, ∞ → ∞, subnormal x → x.
 */
export function expm1(x: number): number {
  if (x > -40 && x < 710) {
    return x < TINY && x > -TINY ? x : expm1InRange(x)
  }
  return x !== x ? NaN : x < 0 ? -1 : Infinity
}
