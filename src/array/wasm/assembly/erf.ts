/** The error function and GELU, two at a time; the twins of src/array/math/erf.ts, where the mathematics stands. */
import { abs, add, all, any, below, c, div, line, mul, select, signOf, sub } from './lanes'
import { expWithTail } from './exp'

const P0: f64 = 0.1283791670955126
const P1: f64 = -0.37612638903183887
const P2: f64 = 0.11283791670959352
const P3: f64 = -0.026866170645726887
const P4: f64 = 0.005223977629894127
const P5: f64 = -0.0008548327209489227
const P6: f64 = 0.00012055336995525718
const P7: f64 = -1.4925665723568035e-5
const P8: f64 = 1.64606749166284e-6
const P9: f64 = -1.6326534674930923e-7
const P10: f64 = 1.4317664506416106e-8
const P11: f64 = -9.10907592270635e-10

const N0: f64 = 0.29404113201622745
const N0_LOW: f64 = 1.4164014355349003e-17
const N1: f64 = 0.0863485814234486
const N2: f64 = -0.048234891826066946
const N3: f64 = 0.022071525537819808
const N4: f64 = -0.008836077958265973
const N5: f64 = 0.0031984109204134677
const N6: f64 = -0.0010675632026436932
const N7: f64 = 0.00033290038621330056
const N8: f64 = -9.789256125470365e-5
const N9: f64 = 2.733654992127147e-5
const N10: f64 = -7.289016840963203e-6
const N11: f64 = 1.8639417259949528e-6
const N12: f64 = -4.5881510375849815e-7
const N13: f64 = 1.0901103681056146e-7
const N14: f64 = -2.49735056851122e-8
const N15: f64 = 5.585524613028724e-9
const N16: f64 = -1.3248983327184969e-9
const N17: f64 = 2.7128470970868737e-10

const F0: f64 = 0.39125437708378374
const F0_LOW: f64 = -8.93681136991545e-18
const F1: f64 = 0.020781592169979466
const F2: f64 = -0.020653013645631907
const F3: f64 = 0.010184520006788041
const F4: f64 = -0.0030968933693248
const F5: f64 = 0.0004399354787292563
const F6: f64 = 6.862536363383026e-5
const F7: f64 = -3.982094295072889e-5
const F8: f64 = 2.2644342995767946e-7
const F9: f64 = 3.1821721442550547e-6
const F10: f64 = -1.9859915002233587e-7
const F11: f64 = -2.996816844767565e-7
const F12: f64 = 1.8598463920257438e-8
const F13: f64 = 3.337276260291015e-8
const F14: f64 = -1.2674547004955519e-10
const F15: f64 = -3.974558762259792e-9
const F16: f64 = -4.176570549209954e-10
const F17: f64 = 3.805986102024609e-10
const F18: f64 = 9.40512043125919e-11
const F19: f64 = -3.296085354909786e-12

const ROUND_TO_20_BITS: f64 = 6442450944
const SQRT_HALF: f64 = 0.7071067811865476

@inline function series(z: v128): v128 {
  const z2 = mul(z, z)
  const z4 = mul(z2, z2)
  const last = add(line(P8, P9, z), mul(z2, line(P10, P11, z)))
  const inner = add(add(line(P4, P5, z), mul(z2, line(P6, P7, z))), mul(z4, last))
  return add(add(line(P0, P1, z), mul(z2, line(P2, P3, z))), mul(z4, inner))
}

@inline function shortOf(a: v128): v128 {
  return sub(add(a, c(ROUND_TO_20_BITS)), c(ROUND_TO_20_BITS))
}

/** Below 2: what q is without N0. */
function restNear(m: v128): v128 {
  const d = sub(m, c(1.3125))
  const d2 = mul(d, d)
  const d4 = mul(d2, d2)
  const d8 = mul(d4, d4)
  const a0 = add(line(N1, N2, d), mul(d2, line(N3, N4, d)))
  const a = add(a0, mul(d4, add(line(N5, N6, d), mul(d2, line(N7, N8, d)))))
  const b0 = add(line(N9, N10, d), mul(d2, line(N11, N12, d)))
  const b = add(b0, mul(d4, add(line(N13, N14, d), mul(d2, line(N15, N16, d)))))
  return add(c(N0_LOW), mul(d, add(a, mul(d8, add(b, mul(d8, c(N17)))))))
}

/** From 2 on: what q is without F0. */
function restFar(m: v128): v128 {
  const t = div(sub(m, c(7)), add(m, c(3)))
  const t2 = mul(t, t)
  const t4 = mul(t2, t2)
  const t8 = mul(t4, t4)
  const a0 = add(line(F1, F2, t), mul(t2, line(F3, F4, t)))
  const a = add(a0, mul(t4, add(line(F5, F6, t), mul(t2, line(F7, F8, t)))))
  const b0 = add(line(F9, F10, t), mul(t2, line(F11, F12, t)))
  const b = add(b0, mul(t4, add(line(F13, F14, t), mul(t2, line(F15, F16, t)))))
  const last = add(line(F17, F18, t), mul(t2, c(F19)))
  return add(c(F0_LOW), mul(t, add(a, mul(t8, add(b, mul(t8, last))))))
}

@inline function expTimesQ(m: v128, x: v128, tail: v128): v128 {
  const isNear = below(m, c(2))
  let rest: v128
  if (all(isNear)) rest = restNear(m)
  else if (any(isNear)) rest = select(isNear, restNear(m), restFar(m))
  else rest = restFar(m)
  const first = select(isNear, c(N0), c(F0))
  const q = add(first, rest)
  const lost = mul(select(isNear, c(3.5), c(2.75)), sub(rest, sub(q, first)))
  return mul(expWithTail(x, add(tail, lost)), q)
}

@inline function erfElsewhere(x: v128, a: v128): v128 {
  const short = shortOf(a)
  const m = mul(c(2), mul(a, c(SQRT_HALF)))
  const tail = f64x2.neg(mul(sub(a, short), add(a, short)))
  const y = sub(c(1), div(mul(c(2), expTimesQ(m, f64x2.neg(mul(short, short)), tail)), m))
  return v128.or(select(f64x2.ge(a, c(6)), c(1), y), signOf(x))
}

@inline export function erf(x: v128): v128 {
  const a = abs(x)
  const isSmall = below(a, c(0.875))
  if (!any(isSmall)) return erfElsewhere(x, a)
  const y = add(x, mul(x, series(mul(x, x))))
  return all(isSmall) ? y : select(isSmall, y, erfElsewhere(x, a))
}

@inline function geluNearZero(x: v128, a: v128): v128 {
  const signed = mul(x, c(SQRT_HALF))
  return mul(mul(c(0.5), x), add(c(1), add(signed, mul(signed, series(mul(a, a))))))
}

@inline function geluElsewhere(x: v128, magnitude: v128): v128 {
  const isNegative = below(x, c(0))
  const short = shortOf(magnitude)
  const square = mul(c(-0.5), mul(short, short))
  const tail = mul(c(-0.5), mul(sub(magnitude, short), add(magnitude, short)))
  const beyond = expTimesQ(magnitude, square, tail)
  const y = select(isNegative, f64x2.neg(beyond), sub(x, beyond))
  return select(f64x2.gt(magnitude, c(39)), select(isNegative, c(-0.0), x), y)
}

@inline export function gelu(x: v128): v128 {
  const magnitude = abs(x)
  const a = mul(magnitude, c(SQRT_HALF))
  const isSmall = below(a, c(0.46875))
  if (!any(isSmall)) return geluElsewhere(x, magnitude)
  const y = geluNearZero(x, a)
  return all(isSmall) ? y : select(isSmall, y, geluElsewhere(x, magnitude))
}
