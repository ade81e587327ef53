/**
 * The loops around the vector functions: over `count` float64, or float32 computed in float64 and rounded once. They
 * work in place and in whole vectors, so up to three elements behind the last are overwritten.
 */
import { erf, gelu } from './erf'
import { exp, expm1 } from './exp'
import { log, log1p } from './log'
import { pow } from './pow'
import { sigmoid, softplus, tanh } from './sigmoid'
import { cos, sin } from './trigonometry'

// A type parameter is what AssemblyScript resolves at compile time; a function passed as a value it would call.

class Exp { @inline of(x: v128): v128 { return exp(x) } }
class Expm1 { @inline of(x: v128): v128 { return expm1(x) } }
class Log { @inline of(x: v128): v128 { return log(x) } }
class Log1p { @inline of(x: v128): v128 { return log1p(x) } }
class Tanh { @inline of(x: v128): v128 { return tanh(x) } }
class Sigmoid { @inline of(x: v128): v128 { return sigmoid(x) } }
class Softplus { @inline of(x: v128): v128 { return softplus(x) } }
class Erf { @inline of(x: v128): v128 { return erf(x) } }
class Gelu { @inline of(x: v128): v128 { return gelu(x) } }
class Sin { @inline of(x: v128): v128 { return sin(x) } }
class Cos { @inline of(x: v128): v128 { return cos(x) } }

@inline function map64<F>(at: usize, count: usize): void {
  const end = at + (count << 3)
  for (let p = at; p < end; p += 16) v128.store(p, changetype<F>(0).of(v128.load(p)))
}

@inline function map32<F>(at: usize, count: usize): void {
  const end = at + (count << 2)
  for (let p = at; p < end; p += 8) {
    const x = f64x2.promote_low_f32x4(v128.load64_zero(p))
    v128.store64_lane(p, f32x4.demote_f64x2_zero(changetype<F>(0).of(x)), 0)
  }
}

export function exp64(at: usize, count: usize): void { map64<Exp>(at, count) }
export function exp32(at: usize, count: usize): void { map32<Exp>(at, count) }
export function expm164(at: usize, count: usize): void { map64<Expm1>(at, count) }
export function expm132(at: usize, count: usize): void { map32<Expm1>(at, count) }
export function log64(at: usize, count: usize): void { map64<Log>(at, count) }
export function log32(at: usize, count: usize): void { map32<Log>(at, count) }
export function log1p64(at: usize, count: usize): void { map64<Log1p>(at, count) }
export function log1p32(at: usize, count: usize): void { map32<Log1p>(at, count) }
export function tanh64(at: usize, count: usize): void { map64<Tanh>(at, count) }
export function tanh32(at: usize, count: usize): void { map32<Tanh>(at, count) }
export function sigmoid64(at: usize, count: usize): void { map64<Sigmoid>(at, count) }
export function sigmoid32(at: usize, count: usize): void { map32<Sigmoid>(at, count) }
export function softplus64(at: usize, count: usize): void { map64<Softplus>(at, count) }
export function softplus32(at: usize, count: usize): void { map32<Softplus>(at, count) }
export function erf64(at: usize, count: usize): void { map64<Erf>(at, count) }
export function erf32(at: usize, count: usize): void { map32<Erf>(at, count) }
export function gelu64(at: usize, count: usize): void { map64<Gelu>(at, count) }
export function gelu32(at: usize, count: usize): void { map32<Gelu>(at, count) }
export function sin64(at: usize, count: usize): void { map64<Sin>(at, count) }
export function sin32(at: usize, count: usize): void { map32<Sin>(at, count) }
export function cos64(at: usize, count: usize): void { map64<Cos>(at, count) }
export function cos32(at: usize, count: usize): void { map32<Cos>(at, count) }

/** x^y for `count` pairs, into the places of x. */
export function pow64(x: usize, y: usize, count: usize): void {
  const end = x + (count << 3)
  for (let p = x, q = y; p < end; p += 16, q += 16) v128.store(p, pow(v128.load(p), v128.load(q)))
}

export function pow32(x: usize, y: usize, count: usize): void {
  const end = x + (count << 2)
  for (let p = x, q = y; p < end; p += 8, q += 8) {
    const base = f64x2.promote_low_f32x4(v128.load64_zero(p))
    const exponent = f64x2.promote_low_f32x4(v128.load64_zero(q))
    v128.store64_lane(p, f32x4.demote_f64x2_zero(pow(base, exponent)), 0)
  }
}
