/** The logistic function, its integral and tanh, two at a time; the twins of src/array/math/sigmoid.ts and tanh.ts. */
import { abs, add, all, any, below, c, div, line, mul, select, signOf, sub } from './lanes'
import { exp, expInTheMiddle } from './exp'
import { log1pWithin } from './log'

const P0: f64 = -0.33333333333333276
const P1: f64 = 0.13333333333322941
const P2: f64 = -0.053968253961650434
const P3: f64 = 0.021869488325792552
const P4: f64 = -0.008863231619573116
const P5: f64 = 0.003592082118269243
const P6: f64 = -0.0014554790041281847
const P7: f64 = 0.0005881816581234656
const P8: f64 = -0.0002327123595132919
const P9: f64 = 8.235671500087626e-5
const P10: f64 = -1.890199039270639e-5

/** e^−|x|; NaN stays. */
@inline function expOfMinusMagnitude(x: v128): v128 {
  return exp(f64x2.neg(abs(x)))
}

@inline export function sigmoid(x: v128): v128 {
  const isNegative = below(x, c(0))
  const e = expOfMinusMagnitude(x)
  const denominator = add(c(1), e)
  const y = div(select(isNegative, e, c(1)), denominator)
  const better = sub(y, mul(y, mul(sub(c(1), y), sub(e, sub(denominator, c(1))))))
  return select(isNegative, better, y)
}

@inline export function softplus(x: v128): v128 {
  const positive = v128.andnot(x, below(x, c(0)))
  return add(positive, log1pWithin(expOfMinusMagnitude(x), true))
}

@inline function tanhNearZero(x: v128): v128 {
  const z = mul(x, x)
  const z2 = mul(z, z)
  const z4 = mul(z2, z2)
  const last = add(line(P8, P9, z), mul(z2, c(P10)))
  const inner = add(add(line(P4, P5, z), mul(z2, line(P6, P7, z))), mul(z4, last))
  const p = add(add(line(P0, P1, z), mul(z2, line(P2, P3, z))), mul(z4, inner))
  return select(f64x2.eq(x, c(0)), x, add(x, mul(x, mul(z, p))))
}

@inline function tanhElsewhere(x: v128, a: v128): v128 {
  const e = expInTheMiddle(f64x2.pmin(add(a, a), c(44)))
  return v128.or(sub(c(1), div(c(2), add(e, c(1)))), signOf(x))
}

@inline export function tanh(x: v128): v128 {
  const a = abs(x)
  const isSmall = below(a, c(0.5625))
  if (all(isSmall)) return tanhNearZero(x)
  const y = tanhElsewhere(x, a)
  return any(isSmall) ? select(isSmall, tanhNearZero(x), y) : y
}
