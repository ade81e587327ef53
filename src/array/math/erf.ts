/**
 * The error function on float64, and the Gaussian error linear unit that is made of it. It knows scalars only.
 *
 * Near 0, erf x = x + x·P(x²). Elsewhere both come from the normal distribution's upper tail,
 *
 *   m·(1 − Φ(m)) = e^(−m²/2)·q(m),  q(m) = m · Mills' ratio / √(2π)
 *
 * where q climbs slowly from 0.2 at 0.65 to 1/√(2π) at ∞, so that little can go wrong in it. Two polynomials cover it
 * up to 39.2, where the tail leaves float64; above 2 the second takes t = (m − 7) / (m + 3). Their error is below
 * 2^−58. The square of m is taken in two parts, since e^(−m²/2) turns an absolute error of m² into a relative one.
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

const N0 = 0.29404113201622745
const N0_LOW = 1.4164014355349003e-17
const N1 = 0.0863485814234486
const N2 = -0.048234891826066946
const N3 = 0.022071525537819808
const N4 = -0.008836077958265973
const N5 = 0.0031984109204134677
const N6 = -0.0010675632026436932
const N7 = 0.00033290038621330056
const N8 = -9.789256125470365e-5
const N9 = 2.733654992127147e-5
const N10 = -7.289016840963203e-6
const N11 = 1.8639417259949528e-6
const N12 = -4.5881510375849815e-7
const N13 = 1.0901103681056146e-7
const N14 = -2.49735056851122e-8
const N15 = 5.585524613028724e-9
const N16 = -1.3248983327184969e-9
const N17 = 2.7128470970868737e-10

const F0 = 0.39125437708378374
const F0_LOW = -8.93681136991545e-18
const F1 = 0.020781592169979466
const F2 = -0.020653013645631907
const F3 = 0.010184520006788041
const F4 = -0.0030968933693248
const F5 = 0.0004399354787292563
const F6 = 6.862536363383026e-5
const F7 = -3.982094295072889e-5
const F8 = 2.2644342995767946e-7
const F9 = 3.1821721442550547e-6
const F10 = -1.9859915002233587e-7
const F11 = -2.996816844767565e-7
const F12 = 1.8598463920257438e-8
const F13 = 3.337276260291015e-8
const F14 = -1.2674547004955519e-10
const F15 = -3.974558762259792e-9
const F16 = -4.176570549209954e-10
const F17 = 3.805986102024609e-10
const F18 = 9.40512043125919e-11
const F19 = -3.296085354909786e-12

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

/**
 * e^(x + tail)·q(m) for m in [0.65, 39.2]; q is a polynomial of m below 2, where m − 1.3125 is exact, and of t above.
 *
 * What the last sum of q loses to rounding is a relative error of q; divided by q (roughly: the loss is tiny) it joins
 * the exponent's tail, where it costs nothing.
 */
function expTimesQ(m: number, x: number, tail: number): number {
  if (m < 2) {
    const d = m - 1.3125
    const d2 = d * d
    const d4 = d2 * d2
    const d8 = d4 * d4
    const a = N1 + d * N2 + d2 * (N3 + d * N4) + d4 * (N5 + d * N6 + d2 * (N7 + d * N8))
    const b = N9 + d * N10 + d2 * (N11 + d * N12) + d4 * (N13 + d * N14 + d2 * (N15 + d * N16))
    const rest = N0_LOW + d * (a + d8 * (b + d8 * N17))
    const q = N0 + rest
    return expWithTail(x, tail + 3.5 * (rest - (q - N0))) * q
  }
  const t = (m - 7) / (m + 3)
  const t2 = t * t
  const t4 = t2 * t2
  const t8 = t4 * t4
  const a = F1 + t * F2 + t2 * (F3 + t * F4) + t4 * (F5 + t * F6 + t2 * (F7 + t * F8))
  const b = F9 + t * F10 + t2 * (F11 + t * F12) + t4 * (F13 + t * F14 + t2 * (F15 + t * F16))
  const rest = F0_LOW + t * (a + t8 * (b + t8 * (F17 + t * F18 + t2 * F19)))
  const q = F0 + rest
  return expWithTail(x, tail + 2.75 * (rest - (q - F0))) * q
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
  // erfc a = 2·(1 − Φ(√2·a)), and √2·a is 2·√½·a.
  const m = 2 * (a * SQRT_HALF)
  const y = 1 - (2 * expTimesQ(m, -(short * short), -((a - short) * (a + short)))) / m
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
  const short = magnitude + ROUND_TO_20_BITS - ROUND_TO_20_BITS
  const tail = expTimesQ(
    magnitude,
    -0.5 * (short * short),
    -0.5 * ((magnitude - short) * (magnitude + short)),
  )
  return x < 0 ? -tail : x - tail
}
