/** ln x and ln(1 + x), two at a time; the twins of src/array/math/log.ts, where the mathematics stands. */
import {
  abs, add, all, any, below, c, div, exponentFrom, line, LN2_HIGH, LN2_LOW, mul, powerOfTwo, ROUND_TO_INTEGER, scale, select, sub,
} from './lanes'

const R0: f64 = 0.6666666666666737
const R1: f64 = 0.3999999999939863
const R2: f64 = 0.2857142874555123
const R3: f64 = 0.22222198273540256
const R4: f64 = 0.1818357906718003
const R5: f64 = 0.15313687509906293
const R6: f64 = 0.14799487476820689

const HIGH_WORD_SQRT_HALF: i32 = 0x3fe6a09e
const TINY: f64 = 5.551115123125783e-17
const LEAST_NORMAL: f64 = 2.2250738585072014e-308

@inline function series(z: v128): v128 {
  const z2 = mul(z, z)
  const first = add(line(R0, R1, z), mul(z2, line(R2, R3, z)))
  return mul(z, add(first, mul(mul(z2, z2), add(line(R4, R5, z), mul(z2, c(R6))))))
}

/** x·2^−k, exactly, where that lies between √½ and √2. One factor does it unless k may be near the ends of the format. */
@inline function scaledDown(x: v128, k: v128, isNear: bool): v128 {
  return isNear ? mul(x, powerOfTwo(sub(c(ROUND_TO_INTEGER), k))) : scale(x, f64x2.neg(k))
}

@inline export function log(x: v128): v128 {
  const isSmall = below(x, c(LEAST_NORMAL))
  let scaled = x
  let lift = c(0)
  if (any(isSmall)) {
    scaled = select(isSmall, mul(x, c(18014398509481984)), x)
    lift = v128.and(isSmall, c(-54))
  }
  // The exponent is taken out of the bits by an integer subtraction, as x is positive and normal here.
  const steps = i32x4.sub(scaled, i32x4.splat(HIGH_WORD_SQRT_HALF))
  const shift = i32x4.shr_s(steps, 20)
  const k = add(lift, f64x2.convert_low_i32x4_s(i32x4.shuffle(shift, shift, 1, 3, 1, 3)))
  const exponentBits = v128.and(steps, i64x2.splat(0xfff0000000000000))
  const f = sub(i32x4.sub(scaled, exponentBits), c(1))
  const s = div(f, add(c(2), f))
  const r = series(mul(s, s))
  const halfSquare = mul(mul(c(0.5), f), f)
  const part = add(mul(s, add(halfSquare, r)), mul(k, c(LN2_LOW)))
  const y = sub(mul(k, c(LN2_HIGH)), sub(sub(halfSquare, part), f))
  const isPlain = v128.and(f64x2.gt(x, c(0)), below(x, c(Infinity)))
  if (all(isPlain)) return y
  const special = select(f64x2.eq(x, c(0)), c(-Infinity), select(f64x2.gt(x, c(0)), x, c(NaN)))
  return select(isPlain, y, special)
}

/** ln(1 + x) for finite x above −1; `isNear` promises x ≤ 1. */
@inline export function log1pWithin(x: v128, isNear: bool): v128 {
  const u = add(c(1), x)
  const v = sub(u, c(1))
  const lostSum = add(sub(c(1), sub(u, v)), sub(x, v))
  const k = exponentFrom(u, HIGH_WORD_SQRT_HALF)
  const whole = sub(scaledDown(u, k, isNear), c(1))
  const rest = scaledDown(lostSum, k, isNear)
  const f = add(whole, rest)
  const lost = sub(rest, sub(f, whole))
  const s = div(f, add(c(2), f))
  const r = series(mul(s, s))
  const halfSquare = mul(mul(c(0.5), f), f)
  const part = add(mul(s, add(halfSquare, r)), add(mul(k, c(LN2_LOW)), lost))
  const y = sub(mul(k, c(LN2_HIGH)), sub(sub(halfSquare, part), f))
  return select(below(abs(x), c(TINY)), x, y)
}

@inline export function log1p(x: v128): v128 {
  const y = log1pWithin(x, false)
  const isPlain = v128.and(f64x2.gt(x, c(-1)), below(x, c(Infinity)))
  if (all(isPlain)) return y
  const special = select(f64x2.eq(x, c(-1)), c(-Infinity), select(f64x2.gt(x, c(-1)), x, c(NaN)))
  return select(isPlain, y, special)
}
