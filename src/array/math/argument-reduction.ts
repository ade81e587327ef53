/**
 * The remainder of a large float64 by π/2, after Payne and Hanek: only those bits of 2/π are multiplied that can
 * reach the quotient's last two bits or its fraction. It knows nothing of sines.
 *
 *   x = M·2^E, M an integer of 53 bits in chunks of 24: M = m0·2^48 + m1·2^24 + m2
 *   2/π = Σ C[i]·2^(−24(i+1))
 *   x·2/π = Σ p[i]·2^(E−24(i+1)),  p[i] = m2·C[i] + m1·C[i+1] + m0·C[i+2] < 2^50, an exact sum
 *
 * Where E − 24(i+1) ≥ 2, p[i] adds a multiple of 4 to the quotient, which a quarter turn does not see. Nine places
 * from there on leave an error below 2^−160; the nearest that a float64 comes to a multiple of π/2 is about 2^−61.
 */
import * as binary64 from './binary64.js'

const { asNumber, asWords, POWERS, POWERS_ZERO, SPLIT } = binary64

/** 2/π in chunks of 24 bits, after three chunks of nothing. */
const TWO_OVER_PI = new Float64Array([
  0, 0, 0, 10680707, 7228996, 1387004, 2578385, 16069853, 12639074, 9804092, 4427841, 16666979, 11263675,
  12935607, 2387514, 4345298, 14681673, 3074569, 13734428, 16653803, 1880361, 10960616, 8533493, 3062596,
  8710556, 7349940, 6258241, 3772886, 3769171, 3798172, 8675211, 12450088, 3874808, 9961438, 366607, 15675153,
  9132554, 7151469, 3571407, 2607881, 12013382, 4155038, 6285869, 7677882, 13102053, 15825725, 473591,
  9065106, 15363067, 6271263, 9264392, 5636912, 4652155, 7056368, 13614112, 10155062, 1944035, 9527646,
  15080200,
])
const LEADING_ZEROS = 3

const CHUNK = 16777216
const PLACES = 9

const HALF_PI_HIGH = 1.5707963267948966
const HALF_PI_LOW = 6.123233995736766e-17

/** Where `reduceLarge` leaves the remainder: its value, and what its rounding lost. */
export const reduced = new Float64Array(2)

const digits = new Float64Array(PLACES)

/**
 * The quotient of x by π/2, rounded to an integer, modulo 4 (from −4 to 4); the remainder is left in `reduced`.
 * For finite |x| of at least 2^20.
 */
export function reduceLarge(x: number): number {
  const magnitude = x < 0 ? -x : x
  asNumber[0] = magnitude
  const e = ((asWords[1] as number) >> 20) - 1075
  const integer = magnitude * (POWERS[POWERS_ZERO - e] as number)
  const m0 = Math.floor(integer / (CHUNK * CHUNK))
  const m1 = Math.floor(integer / CHUNK) - m0 * CHUNK
  const m2 = integer - (m0 * CHUNK + m1) * CHUNK

  const start = Math.floor((e - 2) / 24)
  const at = start + LEADING_ZEROS
  let carry = 0
  for (let i = PLACES - 1; i >= 0; i--) {
    const p =
      m2 * (TWO_OVER_PI[at + i] as number) +
      m1 * (TWO_OVER_PI[at + i + 1] as number) +
      m0 * (TWO_OVER_PI[at + i + 2] as number) +
      carry
    carry = Math.floor(p / CHUNK)
    digits[i] = p - carry * CHUNK
  }

  // Pairs of digits are integers of 48 bits; the first pair holds the quotient and the start of the fraction.
  const weight = POWERS_ZERO + e - 24 * (start + 1)
  const first = pair(0) * (POWERS[weight - 24] as number)
  let quotient = Math.floor(first)
  let a = first - quotient
  if (a >= 0.5) {
    a -= 1
    quotient += 1
  }
  const b = pair(2) * (POWERS[weight - 72] as number)
  const c = pair(4) * (POWERS[weight - 120] as number)
  const d = pair(6) * (POWERS[weight - 168] as number)

  // a + b, exact; then the rest below it.
  const ab = a + b
  const v = ab - a
  const rest = a - (ab - v) + (b - v) + (c + d)
  const high = ab + rest
  const low = rest - (high - ab)

  // (high + low)·π/2
  const product = high * HALF_PI_HIGH
  const s = SPLIT * high
  const highHigh = s - (s - high)
  const highLow = high - highHigh
  const t = SPLIT * HALF_PI_HIGH
  const piHigh = t - (t - HALF_PI_HIGH)
  const piLow = HALF_PI_HIGH - piHigh
  const lost = highHigh * piHigh - product + highHigh * piLow + highLow * piHigh + highLow * piLow
  const tail = lost + (high * HALF_PI_LOW + low * HALF_PI_HIGH)
  const y = product + tail
  const yTail = tail - (y - product)
  const sign = x < 0 ? -1 : 1
  reduced[0] = sign * y
  reduced[1] = sign * yTail
  return sign * (quotient % 4)
}

/** Digits i and i + 1 as one integer. */
function pair(i: number): number {
  return (digits[i] as number) * CHUNK + (digits[i + 1] as number)
}
