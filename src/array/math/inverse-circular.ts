/**
 * The inverse circular functions on float64, all from one arctangent. It knows scalars only.
 *
 *   arctan x = arctan c + arctan((x − c)/(1 + x·c)), c the nearest eighth: what is left is at most 1/16 and a short series.
 */

/** arctan(k/8) for k from 0 to 8, and what its rounding lost. */
const ANGLES = new Float64Array([
  0, 0.12435499454676144, 0.24497866312686414, 0.35877067027057225, 0.4636476090008061, 0.5585993153435624,
  0.6435011087932844, 0.7188299996216245, 0.7853981633974483,
])
const LOST = new Float64Array([
  0, -3.1253241424539383e-18, 1.0698755618734451e-17, -2.4623815582638635e-17, 2.2698777452961687e-17,
  -5.4556305485916264e-18, 1.5834785051444286e-17, -2.1478388444456983e-17, 3.061616997868383e-17,
])

const HALF_PI = 1.5707963267948966
const HALF_PI_LOW = 6.123233995736766e-17
const PI = 3.141592653589793
const PI_LOW = 1.2246467991473532e-16

/** arctan t − t for |t| ≤ 1/16; the first term that is left out is below 2^−68 of t. */
function series(t: number): number {
  const z = t * t
  const odd = 1 / 3 - z * (1 / 5 - z * (1 / 7 - z * (1 / 9 - z * (1 / 11 - z * (1 / 13 - z / 15)))))
  return -t * (z * odd)
}

/**
 * The angle whose tangent is x.
 *
 * Error  at most 2 ulp.
 * Edges  NaN → NaN, ±0 → ±0, ±∞ → ±π/2, subnormal x → x.
 */
export function arctan(x: number): number {
  if (x !== x) return NaN
  if (x === 0) return x
  const a = x < 0 ? -x : x
  const inner = a > 1 ? 1 / a : a
  const k = Math.floor(inner * 8 + 0.5)
  const c = k / 8
  const t = k === 0 ? inner : (inner - c) / (1 + inner * c)
  const low = series(t) + (LOST[k] as number)
  const angle =
    a > 1 ? HALF_PI - (ANGLES[k] as number) - t - (low - HALF_PI_LOW) : (ANGLES[k] as number) + (t + low)
  return x < 0 ? -angle : angle
}

/**
 * The angle from −π/2 to π/2 whose sine is x: of the right triangle with the sides x and √(1 − x²).
 *
 * Error  at most 4 ulp.
 * Edges  NaN and |x| > 1 → NaN, ±0 → ±0, ±1 → ±π/2.
 */
export function arcsin(x: number): number {
  return arctan(x / Math.sqrt((1 - x) * (1 + x)))
}

/**
 * The angle from 0 to π whose cosine is x, as twice the angle with the tangent √((1 − x)/(1 + x)), which is right to the last bits
 * where x is near 1.
 *
 * Error  at most 4 ulp.
 * Edges  NaN and |x| > 1 → NaN, 1 → 0, −1 → π.
 */
export function arccos(x: number): number {
  return 2 * arctan(Math.sqrt((1 - x) / (1 + x)))
}

/**
 * The angle of the point (x, y).
 *
 * Error  at most 3 ulp.
 * Edges  as IEEE 754: NaN → NaN; y = ±0 → ±0 or, for x below 0 or −0, ±π; two infinities ±π/4 or ±3π/4.
 */
export function arctan2(y: number, x: number): number {
  if (x !== x || y !== y) return NaN
  const [rise, run] = [Math.abs(y), Math.abs(x)]
  const both = rise === Infinity && run === Infinity
  const angle = rise === 0 ? 0 : both ? HALF_PI / 2 : arctan(rise / run)
  // Straight up or down there is no left and right.
  const left = run === 0 && rise !== 0 ? false : x < 0 || Object.is(x, -0)
  const turned = left ? PI - (angle - PI_LOW) : angle
  return y < 0 || Object.is(y, -0) ? -turned : turned
}
