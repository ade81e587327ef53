/**
 * The error function on float64, and the Gaussian error linear unit that is made of it. It knows scalars only.
 *
 * Near 0, erf x = x + x·P(x²). Elsewhere both come from erfc a = e^(−a²)·h(t) / (a + 3) with t = (a − 3) / (a + 3),
 * which maps [0, ∞) to [−1, 1); h is a polynomial of degree 23 (error below 2^−57 for a ≤ 27.5, where erfc ends).
 * The square of a is taken in two parts, since e^(−a²) turns an absolute error of a² into a relative one.
 */
import { expWithTail } from './exp.js'

const P0 = 0.1283791670955126
const P1 = -0.37612638903183887
const P2 = 0.11283791670959352
const P3 = -0.026866170645726887
const P4 = 0.005223977629894127
const P5 = -0.0008548327209489227
const P6 = 0.00012055336995525718
const P7 = -1.4925665723568035e-5
const P8 = 1.64606749166284e-6
const P9 = -1.6326534674930923e-7
const P10 = 1.4317664506416106e-8
const P11 = -9.10907592270635e-10

const H0 = 1.0740069070883398
const H0_LOW = -8.497994456171074e-17
const H1 = -0.8833944531698836
const H2 = 0.5902283571041005
const H3 = -0.3104672619005673
const H4 = 0.11952776128737491
const H5 = -0.026827234624489188
const H6 = -0.0012124166292666518
const H7 = 0.0030340620013747477
const H8 = -0.000548309666411438
const H9 = -0.00027677784690874823
const H10 = 0.00010756130765271612
const H11 = 3.0398153152378613e-5
const H12 = -1.746979389270877e-5
const H13 = -4.74911040456631e-6
const H14 = 2.7632976978439856e-6
const H15 = 9.983593456325547e-7
const H16 = -4.0441796841383664e-7
const H17 = -2.3215091373424532e-7
const H18 = 4.2479984274000185e-8
const H19 = 4.855519639144789e-8
const H20 = 8.41776261755593e-10
const H21 = -6.685345632569033e-9
const H22 = -1.130721721127544e-9
const H23 = 1.881089020265895e-10

/** Adding and subtracting 1.5·2^32 rounds to a multiple of 2^−20: below 64 what remains has 26 bits, an exact square. */
const ROUND_TO_20_BITS = 6442450944

/** √½ */
const SQRT_HALF = 0.7071067811865476

/** P(z), so that erf x = x + x·P(x²) for |x| below 0.875. */
function erfSeries(z: number): number {
  const z2 = z * z
  const z4 = z2 * z2
  return (
    P0 +
    z * P1 +
    z2 * (P2 + z * P3) +
    z4 * (P4 + z * P5 + z2 * (P6 + z * P7) + z4 * (P8 + z * P9 + z2 * (P10 + z * P11)))
  )
}

/** h(t) for t in [−1, 0.81]. */
function erfcPolynomial(t: number): number {
  const t2 = t * t
  const t4 = t2 * t2
  const t8 = t4 * t4
  const a = H1 + t * H2 + t2 * (H3 + t * H4) + t4 * (H5 + t * H6 + t2 * (H7 + t * H8))
  const b = H9 + t * H10 + t2 * (H11 + t * H12) + t4 * (H13 + t * H14 + t2 * (H15 + t * H16))
  const c = H17 + t * H18 + t2 * (H19 + t * H20) + t4 * (H21 + t * H22 + t2 * H23)
  return H0 + (H0_LOW + t * (a + t8 * (b + t8 * c)))
}

/**
 * erf x = 2/√π · ∫₀ˣ e^(−t²) dt.
 *
 * Error  at most 2 ulp.
 * Edges  NaN → NaN, ±0 → ±0, ±∞ → ±1.
 */
export function erf(x: number): number {
  if (x !== x) return NaN
  const a = x < 0 ? -x : x
  if (a < 0.875) return x + x * erfSeries(x * x)
  if (a >= 6) return x < 0 ? -1 : 1
  const short = a + ROUND_TO_20_BITS - ROUND_TO_20_BITS
  const e = expWithTail(-(short * short), -((a - short) * (a + short)))
  const y = 1 - (e * erfcPolynomial((a - 3) / (a + 3))) / (a + 3)
  return x < 0 ? -y : y
}

/**
 * x·Φ(x) = x/2 · (1 + erf(x/√2)), the Gaussian error linear unit in its erf form.
 *
 * Error  at most 2.5 ulp, over the whole range down to subnormal results.
 * Edges  NaN → NaN, ±0 → ±0, −∞ → −0 (the limit), ∞ → ∞.
 */
export function gelu(x: number): number {
  if (x !== x) return NaN
  const magnitude = x < 0 ? -x : x
  const a = magnitude * SQRT_HALF
  if (a < 0.46875) {
    const signed = x * SQRT_HALF
    return 0.5 * x * (1 + (signed + signed * erfSeries(a * a)))
  }
  if (magnitude > 39) return x < 0 ? -0 : x
  // The exponent is taken from x itself, not from the rounded x/√2.
  const short = magnitude + ROUND_TO_20_BITS - ROUND_TO_20_BITS
  const e = expWithTail(-0.5 * (short * short), -0.5 * ((magnitude - short) * (magnitude + short)))
  const tail = e * erfcPolynomial((a - 3) / (a + 3)) * ((0.5 * magnitude) / (a + 3))
  return x < 0 ? -tail : x - tail
}
