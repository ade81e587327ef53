/**
 * The hyperbolic tangent on float64, from + − × ÷. It knows scalars only.
 */
import { expWithTail } from './exp.js'

const P0 = -0.33333333333333276
const P1 = 0.13333333333322941
const P2 = -0.053968253961650434
const P3 = 0.021869488325792552
const P4 = -0.008863231619573116
const P5 = 0.003592082118269243
const P6 = -0.0014554790041281847
const P7 = 0.0005881816581234656
const P8 = -0.0002327123595132919
const P9 = 8.235671500087626e-5
const P10 = -1.890199039270639e-5

/**
 * The hyperbolic tangent of x: x + x³·P(x²) up to 0.5625 (error of the polynomial below 2^−59), and
 * 1 − 2 / (e^(2|x|) + 1), whose rounding errors shrink beside 1, above.
 *
 * Error  at most 2 ulp.
 * Edges  NaN → NaN, ±0 → ±0, ±∞ → ±1, subnormal x → x.
 */
export function tanh(x: number): number {
  if (x !== x) return NaN
  const a = x < 0 ? -x : x
  if (a < 0.5625) {
    const z = x * x
    const z2 = z * z
    const z4 = z2 * z2
    const p =
      P0 +
      z * P1 +
      z2 * (P2 + z * P3) +
      z4 * (P4 + z * P5 + z2 * (P6 + z * P7) + z4 * (P8 + z * P9 + z2 * P10))
    // Where x² underflows, x·(z·p) is 0 and the sum must not turn −0 into +0.
    return x === 0 ? x : x + x * (z * p)
  }
  // Above 19.1 the result is 1 to the last bit.
  const y = 1 - 2 / (expWithTail(a < 22 ? 2 * a : 44, 0) + 1)
  return x < 0 ? -y : y
}
