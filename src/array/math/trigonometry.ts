/**
 * Sine, cosine and tangent on float64, accurate for every finite argument. It knows scalars only; how an argument is brought
 * into [−π/4, π/4] when it is large stands in argument-reduction.ts.
 */
import { reduced, reduceLarge } from './argument-reduction.js'
import * as binary64 from './binary64.js'

const { ROUND_TO_INTEGER } = binary64

/** 2^−27: below it sin x is x to the last bit. (A literal, since `**` is the engine's own.) */
const TINY = 7.450580596923828e-9

const S0 = -0.1666666666666663
const S1 = 0.00833333333332196
const S2 = -0.00019841269829504857
const S3 = 2.7557313600041373e-6
const S4 = -2.505074516521879e-8
const S5 = 1.58961061025402e-10

const C0 = 0.041666666666666595
const C1 = -0.0013888888888873448
const C2 = 2.480158728910544e-5
const C3 = -2.7557314253061303e-7
const C4 = 2.0875710774527712e-9
const C5 = -1.1359041437578583e-11

const TWO_OVER_PI = 0.6366197723675814

/** π/2 in four parts; the first three have at most 32 bits, so their products with an integer below 2^20 are exact. */
const HALF_PI_1 = 1.5707963267341256
const HALF_PI_2 = 6.077100509014471e-11
const HALF_PI_3 = -2.5082788063426444e-20
const HALF_PI_4 = 8.4784276603689e-32

/** From here on the quotient by π/2 may have more than 20 bits. */
const LARGE = 1048576

/** sin(x + quarters·π/2) for finite x. */
function sineOf(x: number, quarters: number): number {
  let n: number
  let y: number
  let tail: number
  if (x < LARGE && x > -LARGE) {
    // y + tail = x − n·π/2, to about 2^−130: no float64 below 2^20 comes nearer than 2^−60 to a multiple of π/2.
    n = x * TWO_OVER_PI + ROUND_TO_INTEGER - ROUND_TO_INTEGER
    const first = x - n * HALF_PI_1
    const b = n * HALF_PI_2
    const second = first - b
    const u = second - first
    const secondLost = first - (second - u) - (b + u)
    const c = n * HALF_PI_3
    const third = second - c
    const v = third - second
    const thirdLost = second - (third - v) - (c + v)
    const low = secondLost + (thirdLost - n * HALF_PI_4)
    y = third + low
    tail = low - (y - third)
  } else {
    n = reduceLarge(x)
    y = reduced[0] as number
    tail = reduced[1] as number
  }
  const quadrant = ((n | 0) + quarters) & 3
  const z = y * y
  const z2 = z * z
  let result: number
  if ((quadrant & 1) === 0) {
    // sin(y + t) = y + (y³·S(y²) + t·cos y)
    const s = S0 + z * S1 + z2 * (S2 + z * S3 + z2 * (S4 + z * S5))
    result = y + (y * z * s + tail * (1 - 0.5 * z))
  } else {
    // cos(y + t) = 1 − y²/2 + (y⁴·C(y²) − t·sin y), with what the rounding of 1 − y²/2 lost added back
    const c = C0 + z * C1 + z2 * (C2 + z * C3 + z2 * (C4 + z * C5))
    const half = 0.5 * z
    const w = 1 - half
    result = w + (1 - w - half + (z2 * c - y * tail))
  }
  return (quadrant & 2) === 0 ? result : -result
}

/**
 * The sine of x in radians.
 *
 * Error  at most 1 ulp, for every finite x.
 * Edges  NaN and ±∞ → NaN, ±0 → ±0, subnormal x → x.
 */
export function sin(x: number): number {
  if (x < TINY && x > -TINY) return x
  if (!(x - x === 0)) return NaN
  return sineOf(x, 0)
}

/**
 * The cosine of x in radians.
 *
 * Error  at most 1 ulp, for every finite x.
 * Edges  NaN and ±∞ → NaN.
 */
export function cos(x: number): number {
  if (!(x - x === 0)) return NaN
  return sineOf(x, 1)
}

/**
 * The tangent of x in radians: the quotient of sine and cosine, each right to 1 ulp also where it is small.
 *
 * Error  at most 3 ulp, for every finite x.
 * Edges  NaN and ±∞ → NaN, ±0 → ±0, subnormal x → x.
 */
export function tan(x: number): number {
  return sin(x) / cos(x)
}
