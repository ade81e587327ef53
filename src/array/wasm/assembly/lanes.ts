/**
 * Short names for what vectors of two float64 can do, so that the formulas of this folder read like those in
 * src/array/math, whose sequence of operations they repeat.
 */

@inline export function c(value: f64): v128 {
  return f64x2.splat(value)
}

@inline export function add(a: v128, b: v128): v128 {
  return f64x2.add(a, b)
}

@inline export function sub(a: v128, b: v128): v128 {
  return f64x2.sub(a, b)
}

@inline export function mul(a: v128, b: v128): v128 {
  return f64x2.mul(a, b)
}

@inline export function div(a: v128, b: v128): v128 {
  return f64x2.div(a, b)
}

@inline export function abs(a: v128): v128 {
  return f64x2.abs(a)
}

/** The sign bits, all else 0. */
@inline export function signOf(a: v128): v128 {
  return v128.and(a, i64x2.splat(i64.MIN_VALUE))
}

@inline export function below(a: v128, b: v128): v128 {
  return f64x2.lt(a, b)
}

/** Per lane: where the mask is set `a`, else `b`. */
@inline export function select(mask: v128, a: v128, b: v128): v128 {
  return v128.bitselect(a, b, mask)
}

/** a + b·x */
@inline export function line(a: f64, b: f64, x: v128): v128 {
  return add(c(a), mul(x, c(b)))
}

/** x within [low, high]; NaN stays. */
@inline export function clamp(x: v128, low: f64, high: f64): v128 {
  return f64x2.pmin(f64x2.pmax(x, c(low)), c(high))
}

@inline export function any(mask: v128): bool {
  return v128.any_true(mask)
}

@inline export function all(mask: v128): bool {
  return i64x2.bitmask(mask) === 3
}

/** Adding and subtracting 1.5·2^52 rounds a number below 2^51 to the nearest integer, ties to even. */
export const ROUND_TO_INTEGER: f64 = 6755399441055744

export const LOG2_E: f64 = 1.4426950408889634
export const LN2_HIGH: f64 = 0.6931471805598903
export const LN2_LOW: f64 = 5.497923018708371e-14
export const SPLIT: f64 = 134217729

/** 2^n, of n + 1.5·2^52 with n in [−1022, 1023]: the last bits of that are the integer, and go where exponents are. */
@inline export function powerOfTwo(shifted: v128): v128 {
  return i64x2.shl(i64x2.add(shifted, i64x2.splat(1023)), 52)
}

/**
 * y·2^n for integers n, in two factors, because 2^n alone may lie outside the format where y·2^n does not. The first
 * product is exact, so it does not matter how n is cut, nor that the scalar code takes one factor where one will do.
 */
@inline export function scale(y: v128, n: v128): v128 {
  const half = add(mul(n, c(0.5)), c(ROUND_TO_INTEGER))
  const rest = add(sub(n, sub(half, c(ROUND_TO_INTEGER))), c(ROUND_TO_INTEGER))
  return mul(mul(y, powerOfTwo(half)), powerOfTwo(rest))
}

/** (high word of x − `start`) >> 20 per lane, as float64: the exponent, which changes where the high word is `start`. */
@inline export function exponentFrom(x: v128, start: i32): v128 {
  const steps = i32x4.shr_s(i32x4.sub(x, i32x4.splat(start)), 20)
  return f64x2.convert_low_i32x4_s(i32x4.shuffle(steps, steps, 1, 3, 1, 3))
}
