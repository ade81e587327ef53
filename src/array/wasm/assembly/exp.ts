/** e^x and e^x − 1, two at a time; the twins of src/array/math/exp.ts, where the mathematics stands. */
import {
  abs, add, all, below, c, clamp, line, LN2_HIGH, LN2_LOW, LOG2_E, mul, powerOfTwo, ROUND_TO_INTEGER, scale, select, sub,
} from './lanes'

const C2: f64 = 0.5
const C3: f64 = 0.16666666666666685
const C4: f64 = 0.041666666666666526
const C5: f64 = 0.008333333333315983
const C6: f64 = 0.001388888888896801
const C7: f64 = 0.00019841269898562968
const C8: f64 = 2.480158715528519e-5
const C9: f64 = 2.7557232976642465e-6
const C10: f64 = 2.755741760561271e-7
const C11: f64 = 2.511261961121433e-8
const C12: f64 = 2.0871118996516387e-9

const TINY: f64 = 5.551115123125783e-17

@inline function q(r: v128, r2: v128): v128 {
  const r4 = mul(r2, r2)
  const first = add(line(C2, C3, r), mul(r2, line(C4, C5, r)))
  const last = add(line(C10, C11, r), mul(r2, c(C12)))
  return add(first, mul(r4, add(add(line(C6, C7, r), mul(r2, line(C8, C9, r))), mul(r4, last))))
}

@inline function shiftedOf(x: v128): v128 {
  return add(mul(x, c(LOG2_E)), c(ROUND_TO_INTEGER))
}

/** e^r for r = high − low. */
@inline function finish(high: v128, low: v128): v128 {
  const r = sub(high, low)
  const r2 = mul(r, r)
  const sum = add(c(1), high)
  const lost = sub(high, sub(sum, c(1)))
  return add(sum, add(lost, sub(mul(r2, q(r, r2)), low)))
}

/** e^(x + tail) for x in [−761, 710]; a tail of 0 costs nothing. */
@inline export function expWithTail(x: v128, tail: v128): v128 {
  const shifted = shiftedOf(x)
  const n = sub(shifted, c(ROUND_TO_INTEGER))
  const y = finish(sub(x, mul(n, c(LN2_HIGH))), sub(mul(n, c(LN2_LOW)), tail))
  return all(below(abs(n), c(1021))) ? mul(y, powerOfTwo(shifted)) : scale(y, n)
}

/** e^x for |x| < 707, where one factor of 2^n will do; the subtraction of a tail of 0 would change nothing. */
@inline export function expInTheMiddle(x: v128): v128 {
  const shifted = shiftedOf(x)
  const n = sub(shifted, c(ROUND_TO_INTEGER))
  return mul(finish(sub(x, mul(n, c(LN2_HIGH))), mul(n, c(LN2_LOW))), powerOfTwo(shifted))
}

/** At the bounds the result is 0 and ∞ anyway, so x is only brought between them. */
function expAtTheEnds(given: v128): v128 {
  const x = clamp(given, -746, 710)
  const n = sub(shiftedOf(x), c(ROUND_TO_INTEGER))
  return scale(finish(sub(x, mul(n, c(LN2_HIGH))), mul(n, c(LN2_LOW))), n)
}

@inline export function exp(x: v128): v128 {
  return all(below(abs(x), c(707))) ? expInTheMiddle(x) : expAtTheEnds(x)
}

@inline export function expm1(given: v128): v128 {
  const x = clamp(given, -40, 710)
  const n = sub(add(mul(x, c(LOG2_E)), c(ROUND_TO_INTEGER)), c(ROUND_TO_INTEGER))
  const high = sub(x, mul(n, c(LN2_HIGH)))
  const low = mul(n, c(LN2_LOW))
  const r = sub(high, low)
  const r2 = mul(r, r)
  const factor = powerOfTwo(add(sub(n, c(1)), c(ROUND_TO_INTEGER)))
  const b = sub(factor, c(0.5))
  const a = mul(factor, high)
  const sum = add(b, a)
  const lost = sub(a, sub(sum, b))
  const y = mul(c(2), add(sum, add(lost, mul(factor, sub(mul(r2, q(r, r2)), low)))))
  const inside = select(below(abs(x), c(TINY)), x, y)
  const bounded = select(f64x2.le(given, c(-40)), c(-1), inside)
  return select(f64x2.ge(given, c(710)), c(Infinity), bounded)
}
