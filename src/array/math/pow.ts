/**
 * x to the power y on float64, from + − × and tables. It knows scalars only.
 *
 * x^y = e^(y·ln x) turns the absolute error of y·ln x, which reaches 745, into a relative one, so the logarithm is
 * needed to about 66 bits. It is carried as a sum of two numbers:
 *
 *   x = 2^k·m,  m in [0.6875, 1.375)          k, exact
 *   c·m − 1 = r + ρ,  c from a table          r a multiple of 2^−28 up to 1/64, ρ below 2^−19, both exact
 *   ln x = k·ln 2 − ln c + r                  multiples of 2^−42: an exact sum
 *          − r²/2                             exact, since r has 22 bits
 *          + ρ
 *          − ρ·(r + ρ/2) + (r + ρ)³·p(r + ρ)  small enough for one rounded number
 */
import * as binary64 from './binary64.js'
import { expWithTail } from './exp.js'
import * as table from './logarithm-table.js'

const { asNumber, asWords, LN2_HIGH, LN2_LOW, POWERS, POWERS_ZERO, SPLIT } = binary64
const { LOGARITHM_TABLE } = table

const P0 = 0.3333333333333333
const P1 = -0.24999999999999997
const P2 = 0.20000000000083057
const P3 = -0.16666666666766636
const P4 = 0.14285713206768358
const P5 = -0.12499998855961421
const P6 = 0.11116482804584756
const P7 = -0.10005234098943008

/** The high word of 0.6875: where the exponent k changes. */
const HIGH_WORD_START = 0x3fe60000

/** Adding and subtracting 1.5·2^33 rounds to a multiple of 2^−19. */
const ROUND_TO_19_BITS = 12884901888

/** |y| above this makes any x but 1 overflow or underflow: ln x is at least 2^−53 away from 0. */
const EXPONENT_LIMIT = 18446744073709551616

/** |x|^y for finite x ≠ 0 and finite y. */
function powOfMagnitude(x: number, y: number): number {
  let k = 0
  let scaled = x
  if (x < 2.2250738585072014e-308) {
    scaled = x * 18014398509481984
    k = -54
  }
  asNumber[0] = scaled
  const steps = (asWords[1] as number) - HIGH_WORD_START
  const shift = steps >> 20
  k += shift
  const row = ((steps >> 14) & 63) * 3
  const m = scaled * (POWERS[POWERS_ZERO - shift] as number)

  const c = LOGARITHM_TABLE[row] as number
  const short = m + ROUND_TO_19_BITS - ROUND_TO_19_BITS
  const r = short * c - 1
  const rest = (m - short) * c
  const sum = r + rest
  const s2 = sum * sum
  const p = P0 + sum * P1 + s2 * (P2 + sum * P3) + s2 * s2 * (P4 + sum * P5 + s2 * (P6 + sum * P7))

  const whole = k * LN2_HIGH + (LOGARITHM_TABLE[row + 1] as number) + r
  const square = -0.5 * (r * r)
  const first = whole + square
  const firstLost = square - (first - whole)
  // r may be 0 where ρ is not, so this sum needs the form that does not care which is larger.
  const second = first + rest
  const part = second - first
  const secondLost = first - (second - part) + (rest - part)
  const small = k * LN2_LOW + (LOGARITHM_TABLE[row + 2] as number) - rest * (r + 0.5 * rest) + s2 * sum * p
  const low = small + firstLost + secondLost
  const logarithm = second + low
  const tail = low - (logarithm - second)

  const exponent = y > EXPONENT_LIMIT ? EXPONENT_LIMIT : y < -EXPONENT_LIMIT ? -EXPONENT_LIMIT : y
  const product = exponent * logarithm
  if (product > 710) return Infinity
  if (product < -746) return 0
  const a = SPLIT * exponent
  const exponentHigh = a - (a - exponent)
  const exponentLow = exponent - exponentHigh
  const b = SPLIT * logarithm
  const logarithmHigh = b - (b - logarithm)
  const logarithmLow = logarithm - logarithmHigh
  const productLost =
    exponentHigh * logarithmHigh -
    product +
    exponentHigh * logarithmLow +
    exponentLow * logarithmHigh +
    exponentLow * logarithmLow
  return expWithTail(product, productLost + exponent * tail)
}

/**
 * x to the power y, with the special cases of IEEE 754 and C (and so of NumPy), which are not all those of JavaScript:
 * 1^NaN = 1 and (−1)^±∞ = 1.
 *
 * Error  at most 1 ulp; exact where the result is representable, as in 2^n, x^1 and small squares and cubes.
 * Edges  x^±0 = 1; a negative x with a y that is no integer gives NaN; zeros and infinities keep the sign of an odd y.
 */
export function pow(x: number, y: number): number {
  if (y === 0 || x === 1) return 1
  if (x !== x || y !== y) return NaN
  if (y === 1) return x
  const magnitude = x < 0 ? -x : x
  if (y === Infinity || y === -Infinity) {
    return magnitude === 1 ? 1 : magnitude > 1 === y > 0 ? Infinity : 0
  }
  if (x > 0 && x < Infinity) return powOfMagnitude(x, y)
  const isInteger = Math.floor(y) === y
  const isOdd = isInteger && Math.floor(0.5 * y) !== 0.5 * y
  if (x === 0) return y > 0 ? (isOdd ? x : 0) : isOdd ? 1 / x : Infinity
  if (magnitude === Infinity) {
    const result = y > 0 ? Infinity : 0
    return x < 0 && isOdd ? -result : result
  }
  if (!isInteger) return NaN
  const result = powOfMagnitude(magnitude, y)
  return isOdd ? -result : result
}

/** Whether a power is a few products, a root or a reciprocal. */
export function isProduct(exponent: number): boolean {
  return (
    exponent === 2 ||
    exponent === 3 ||
    exponent === 0.5 ||
    exponent === -1 ||
    exponent === -2 ||
    exponent === -0.5
  )
}

/** x to such a power. The root of −0 is 0 here, as it is of a power; that of −Infinity is NaN. */
export function powerOf(x: number, exponent: number): number {
  if (exponent === 2) return x * x
  if (exponent === 3) return x * x * x
  if (exponent === 0.5) return Math.abs(Math.sqrt(x))
  if (exponent === -0.5) return 1 / Math.abs(Math.sqrt(x))
  return exponent === -1 ? 1 / x : (1 / x) * (1 / x)
}
