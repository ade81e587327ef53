/**
 * A reference for the elementary functions that shares nothing with what it judges: series in fixed-point BigInt
 * arithmetic with 256 bits after the point. `ulpError` says how far a float64 is from it, in units in the last place.
 */

/** The real number digits · 2^exponent. */
export interface Real {
  digits: bigint
  exponent: number
}

const P = 256
const ONE = 1n << BigInt(P)

const view = new DataView(new ArrayBuffer(8))

/** The exact value of a finite float64. */
export function exactly(x: number): Real {
  view.setFloat64(0, x)
  const bits = view.getBigUint64(0)
  const biased = Number((bits >> 52n) & 0x7ffn)
  const fraction = bits & 0xfffffffffffffn
  const digits = biased === 0 ? fraction : fraction | (1n << 52n)
  return { digits: bits >> 63n ? -digits : digits, exponent: (biased === 0 ? 1 : biased) - 1075 }
}

function shift(digits: bigint, by: number): bigint {
  return by >= 0 ? digits << BigInt(by) : digits >> BigInt(-by)
}

function fixed(x: number): bigint {
  const { digits, exponent } = exactly(x)
  return shift(digits, exponent + P)
}

function real(digits: bigint): Real {
  return { digits, exponent: -P }
}

function multiply(a: bigint, b: bigint): bigint {
  return (a * b) >> BigInt(P)
}

function divide(a: bigint, b: bigint): bigint {
  return (a << BigInt(P)) / b
}

function bitLength(positive: bigint): number {
  const hex = positive.toString(16)
  return hex.length * 4 - Math.clz32(Number.parseInt(hex.charAt(0), 16)) + 28
}

/** arctan(1/n) or, with sign 1, artanh(1/n), with `bits` bits after the point. */
function inverseTangent(n: bigint, sign: 1n | -1n, bits: number): bigint {
  let power = (1n << BigInt(bits)) / n
  let sum = power
  for (let k = 3n; power !== 0n; k += 2n) {
    power = (sign * power) / (n * n)
    sum += power / k
  }
  return sum
}

function squareRoot(square: bigint): bigint {
  let root = 1n << BigInt((bitLength(square) + 1) >> 1)
  for (;;) {
    const next = (root + square / root) >> 1n
    if (next >= root) return root
    root = next
  }
}

const PI_BITS = 1500
/** Machin: π/4 = 4·arctan(1/5) − arctan(1/239). */
const PI_LONG = 4n * (4n * inverseTangent(5n, -1n, PI_BITS) - inverseTangent(239n, -1n, PI_BITS))
const PI = PI_LONG >> BigInt(PI_BITS - P)
const SQRT_PI = squareRoot(PI << BigInt(P))
const LN2 = (2n * inverseTangent(3n, 1n, P + 32)) >> 32n

function expFixed(x: bigint): Real {
  const n = (2n * x + LN2) / (2n * LN2) - (2n * x + LN2 < 0n ? 1n : 0n)
  const r = (x - n * LN2) >> 6n
  let term = ONE
  let sum = ONE
  for (let k = 1n; term !== 0n && term !== -1n; k++) {
    term = multiply(term, r) / k
    sum += term
  }
  for (let i = 0; i < 6; i++) sum = multiply(sum, sum)
  return { digits: sum, exponent: Number(n) - P }
}

/** log of a positive fixed-point number between ½ and 2. */
function logNearOne(m: bigint): bigint {
  const s = divide(m - ONE, m + ONE)
  const z = multiply(s, s)
  let power = s
  let sum = s
  for (let k = 3n; power !== 0n && power !== -1n; k += 2n) {
    power = multiply(power, z)
    sum += power / k
  }
  return 2n * sum
}

function logFixed({ digits, exponent }: Real): bigint {
  const length = bitLength(digits)
  let m = shift(digits, P - length)
  let k = length + exponent
  if (m * 3n < ONE * 2n) {
    m *= 2n
    k -= 1
  }
  return BigInt(k) * LN2 + logNearOne(m)
}

function isTiny(x: number): boolean {
  return Math.abs(x) < 2 ** -100
}

/** Where x is tiny, f x = x·(1 + less than 2^−99), which is as good as exact. */
function scaled(x: number, factor: bigint): Real {
  const { digits, exponent } = exactly(x)
  return { digits: digits * factor, exponent: exponent - P }
}

export function exp(x: number): Real {
  return expFixed(fixed(x))
}

export function expm1(x: number): Real {
  if (isTiny(x)) return exactly(x)
  const { digits, exponent } = exp(x)
  return exponent > 100 ? { digits, exponent } : real(shift(digits, exponent + P) - ONE)
}

export function log(x: number): Real {
  return real(logFixed(exactly(x)))
}

export function log1p(x: number): Real {
  if (isTiny(x)) return exactly(x)
  return real(logFixed(real(fixed(x) + ONE)))
}

export function tanh(x: number): Real {
  if (isTiny(x)) return exactly(x)
  const { digits, exponent } = expFixed(2n * fixed(Math.max(-60, Math.min(60, x))))
  const e = shift(digits, exponent + P)
  return real(divide(e - ONE, e + ONE))
}

export function sigmoid(x: number): Real {
  const { digits, exponent } = exp(-Math.abs(x))
  const denominator = ONE + shift(digits, exponent + P)
  return x < 0 ? { digits: divide(digits, denominator), exponent } : real(divide(ONE, denominator))
}

export function softplus(x: number): Real {
  const e = exp(-Math.abs(x))
  // log1p(e) = e·(1 − e/2 + …)
  if (x < -80) return e
  return real((x > 0 ? fixed(x) : 0n) + logFixed(real(ONE + shift(e.digits, e.exponent + P))))
}

/** erf a for a fixed-point number up to 7: 2/√π · e^(−a²) · Σ 2ⁿ·a^(2n+1) / (2n+1)!! */
function erfFixed(a: bigint): bigint {
  const square = multiply(a, a)
  let term = a
  let sum = a
  for (let k = 3n; term !== 0n && term !== -1n; k += 2n) {
    term = (multiply(term, square) * 2n) / k
    sum += term
  }
  const e = expFixed(-square)
  return divide(2n * multiply(sum, shift(e.digits, e.exponent + P)), SQRT_PI)
}

export function erf(x: number): Real {
  if (isTiny(x)) return scaled(x, divide(2n * ONE, SQRT_PI))
  return Math.abs(x) > 7 ? real(x < 0 ? -ONE : ONE) : real(erfFixed(fixed(x)))
}

const SQRT_HALF = squareRoot((ONE * ONE) / 2n)

/** erfc(m/√2) for m > 0: 1 − erf below 3√2, above it Laplace's continued fraction. */
function upperTail(m: number): Real {
  const a = multiply(fixed(m), SQRT_HALF)
  if (m < 4.25) return real(ONE - erfFixed(a))
  let fraction = a
  for (let k = Math.ceil(6400 / (m * m)) + 20; k > 0; k--) {
    fraction = a + (((BigInt(k) * ONE) << BigInt(P)) >> 1n) / fraction
  }
  const e = expFixed(-(fixed(m) * fixed(m)) >> BigInt(P + 1))
  return { digits: divide(divide(e.digits, fraction), SQRT_PI), exponent: e.exponent }
}

export function gelu(x: number): Real {
  if (isTiny(x)) return scaled(x, ONE / 2n)
  const { digits, exponent } = upperTail(Math.abs(x))
  const half = { digits: multiply(digits, fixed(Math.abs(x))), exponent: exponent - 1 }
  return x < 0 ? { ...half, digits: -half.digits } : real(fixed(x) - shift(half.digits, half.exponent + P))
}

/** sin(x + quarters·π/2). */
function sine(x: number, quarters: bigint): Real {
  const { digits, exponent } = exactly(x)
  const bits = Math.max(P, P + 53 + exponent)
  const halfPi = PI_LONG >> BigInt(PI_BITS - bits + 1)
  const wide = shift(digits, exponent + bits)
  let n = (2n * wide + halfPi) / (2n * halfPi)
  if (2n * wide + halfPi < 0n) n -= 1n
  const r = (wide - n * halfPi) >> BigInt(bits - P)
  const quadrant = Number((((n + quarters) % 4n) + 4n) % 4n)
  const square = multiply(r, r)
  let term = quadrant % 2 === 0 ? r : ONE
  let sum = term
  for (let k = quadrant % 2 === 0 ? 2n : 1n; term !== 0n && term !== -1n; k += 2n) {
    term = -multiply(term, square) / (k * (k + 1n))
    sum += term
  }
  return real(quadrant < 2 ? sum : -sum)
}

export function sin(x: number): Real {
  return isTiny(x) ? exactly(x) : sine(x, 0n)
}

export function cos(x: number): Real {
  return sine(x, 1n)
}

/** x^y for x > 0 where y·log x is below 800 in magnitude. */
export function pow(x: number, y: number): Real {
  const { digits, exponent } = exactly(y)
  return expFixed(shift(digits * logFixed(exactly(x)), exponent))
}

const LARGEST = exactly(Number.MAX_VALUE)

/**
 * The distance of `result` from `truth` in ulps of the truth; below the normal numbers an ulp is 2^−1074. ∞ counts as
 * the number that would follow the largest float64.
 */
export function ulpError(result: number, truth: Real): number {
  if (result !== result) return Infinity
  const { digits, exponent } =
    Math.abs(result) === Infinity
      ? { digits: (result > 0 ? 1n : -1n) * (LARGEST.digits + 1n), exponent: LARGEST.exponent }
      : exactly(result)
  const magnitude = truth.digits < 0n ? -truth.digits : truth.digits
  if (magnitude === 0n) return result === 0 ? 0 : Infinity
  const top = bitLength(magnitude) + truth.exponent - 1
  // An exponent that float64 does not have: only ∞ is right, and it is.
  if (top >= 1024 && Math.abs(result) === Infinity) return 0
  const unit = Math.max(top, -1022) - 52 - 40
  const difference = shift(digits, exponent - unit) - shift(truth.digits, truth.exponent - unit)
  return Math.abs(Number(difference)) / 2 ** 40
}
