/**
 * Sine and cosine, two at a time, of arguments below 2^20; the twins of src/array/math/trigonometry.ts. Larger ones
 * get a wrong result here, which the caller replaces.
 */
import { abs, add, below, c, line, mul, ROUND_TO_INTEGER, select, sub } from './lanes'

const S0: f64 = -0.1666666666666663
const S1: f64 = 0.00833333333332196
const S2: f64 = -0.00019841269829504857
const S3: f64 = 2.7557313600041373e-6
const S4: f64 = -2.505074516521879e-8
const S5: f64 = 1.58961061025402e-10

const C0: f64 = 0.041666666666666595
const C1: f64 = -0.0013888888888873448
const C2: f64 = 2.480158728910544e-5
const C3: f64 = -2.7557314253061303e-7
const C4: f64 = 2.0875710774527712e-9
const C5: f64 = -1.1359041437578583e-11

const TWO_OVER_PI: f64 = 0.6366197723675814
const HALF_PI_1: f64 = 1.5707963267341256
const HALF_PI_2: f64 = 6.077100509014471e-11
const HALF_PI_3: f64 = -2.5082788063426444e-20
const HALF_PI_4: f64 = 8.4784276603689e-32
const TINY: f64 = 7.450580596923828e-9

@inline function sineOf(x: v128, quarters: i64): v128 {
  const shifted = add(mul(x, c(TWO_OVER_PI)), c(ROUND_TO_INTEGER))
  const n = sub(shifted, c(ROUND_TO_INTEGER))
  const first = sub(x, mul(n, c(HALF_PI_1)))
  const b = mul(n, c(HALF_PI_2))
  const second = sub(first, b)
  const u = sub(second, first)
  const secondLost = sub(sub(first, sub(second, u)), add(b, u))
  const d = mul(n, c(HALF_PI_3))
  const third = sub(second, d)
  const v = sub(third, second)
  const thirdLost = sub(sub(second, sub(third, v)), add(d, v))
  const low = add(secondLost, sub(thirdLost, mul(n, c(HALF_PI_4))))
  const y = add(third, low)
  const tail = sub(low, sub(y, third))

  // The last two bits of a shifted integer are its remainder modulo 4.
  const quadrant = i64x2.add(shifted, i64x2.splat(quarters))
  const isCosine = i64x2.neg(v128.and(quadrant, i64x2.splat(1)))
  const sign = i64x2.shl(v128.and(quadrant, i64x2.splat(2)), 62)
  const z = mul(y, y)
  const z2 = mul(z, z)
  const s = add(line(S0, S1, z), mul(z2, add(line(S2, S3, z), mul(z2, line(S4, S5, z)))))
  const sine = add(y, add(mul(mul(y, z), s), mul(tail, sub(c(1), mul(c(0.5), z)))))
  const p = add(line(C0, C1, z), mul(z2, add(line(C2, C3, z), mul(z2, line(C4, C5, z)))))
  const half = mul(c(0.5), z)
  const w = sub(c(1), half)
  const cosine = add(w, add(sub(sub(c(1), w), half), sub(mul(z2, p), mul(y, tail))))
  return v128.xor(select(isCosine, cosine, sine), sign)
}

@inline export function sin(x: v128): v128 {
  return select(below(abs(x), c(TINY)), x, sineOf(x, 0))
}

@inline export function cos(x: v128): v128 {
  return sineOf(x, 1)
}
