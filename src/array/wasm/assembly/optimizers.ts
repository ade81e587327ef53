/**
 * Steps of optimizers, in place, as src/array/optimizer-loops.ts has them: float32 is computed in float64 and rounded
 * once. Whole vectors, so up to three elements behind the last are overwritten.
 */
import { add, div, mul, sub } from './lanes'

@inline function widened(at: usize): v128 {
  return f64x2.promote_low_f32x4(v128.load64_zero(at))
}

@inline function narrowed(at: usize, x: v128): void {
  v128.store64_lane(at, f32x4.demote_f64x2_zero(x), 0)
}

@inline function descended(x: v128, g: v128, lr: v128, weightDecay: v128): v128 {
  return sub(x, mul(lr, add(g, mul(weightDecay, x))))
}

export function sgdStep64(w: usize, g: usize, count: usize, lr: f64, weightDecay: f64): void {
  const rate = f64x2.splat(lr)
  const decay = f64x2.splat(weightDecay)
  for (const end = w + (count << 3); w < end; w += 16, g += 16) {
    v128.store(w, descended(v128.load(w), v128.load(g), rate, decay))
  }
}

export function sgdStep32(w: usize, g: usize, count: usize, lr: f64, weightDecay: f64): void {
  const rate = f64x2.splat(lr)
  const decay = f64x2.splat(weightDecay)
  for (const end = w + (count << 2); w < end; w += 8, g += 8) {
    narrowed(w, descended(widened(w), widened(g), rate, decay))
  }
}

@inline function climbed(d: v128, velocity: v128, momentum: v128, nesterov: bool): v128 {
  return nesterov ? add(d, mul(momentum, velocity)) : velocity
}

export function momentumStep64(
  w: usize, g: usize, v: usize, count: usize,
  lr: f64, momentum: f64, fresh: f64, weightDecay: f64, nesterov: bool,
): void {
  const m = f64x2.splat(momentum)
  for (const end = w + (count << 3); w < end; w += 16, g += 16, v += 16) {
    const x = v128.load(w)
    const d = add(v128.load(g), mul(f64x2.splat(weightDecay), x))
    const velocity = add(mul(m, v128.load(v)), mul(f64x2.splat(fresh), d))
    v128.store(v, velocity)
    v128.store(w, sub(x, mul(f64x2.splat(lr), climbed(d, velocity, m, nesterov))))
  }
}

export function momentumStep32(
  w: usize, g: usize, v: usize, count: usize,
  lr: f64, momentum: f64, fresh: f64, weightDecay: f64, nesterov: bool,
): void {
  const m = f64x2.splat(momentum)
  for (const end = w + (count << 2); w < end; w += 8, g += 8, v += 8) {
    const x = widened(w)
    const d = add(widened(g), mul(f64x2.splat(weightDecay), x))
    const velocity = add(mul(m, widened(v)), mul(f64x2.splat(fresh), d))
    narrowed(v, velocity)
    narrowed(w, sub(x, mul(f64x2.splat(lr), climbed(d, velocity, m, nesterov))))
  }
}

/** The new mean, the new square, and the new parameter of the two. */
@inline function meanOf(m: v128, d: v128, beta1: v128, fresh1: v128): v128 {
  return add(mul(beta1, m), mul(fresh1, d))
}

@inline function squareOf(v: v128, d: v128, beta2: v128, fresh2: v128): v128 {
  return add(mul(beta2, v), mul(mul(fresh2, d), d))
}

@inline function adapted(x: v128, mean: v128, square: v128, keep: v128, size: v128, correction: v128, eps: v128): v128 {
  return sub(mul(x, keep), div(mul(size, mean), add(div(f64x2.sqrt(square), correction), eps)))
}

export function adamStep64(
  w: usize, g: usize, m: usize, v: usize, count: usize,
  beta1: f64, fresh1: f64, beta2: f64, fresh2: f64, decay: f64, keep: f64, size: f64, correction: f64, eps: f64,
): void {
  for (const end = w + (count << 3); w < end; w += 16, g += 16, m += 16, v += 16) {
    const x = v128.load(w)
    const d = add(v128.load(g), mul(f64x2.splat(decay), x))
    const mean = meanOf(v128.load(m), d, f64x2.splat(beta1), f64x2.splat(fresh1))
    const square = squareOf(v128.load(v), d, f64x2.splat(beta2), f64x2.splat(fresh2))
    v128.store(m, mean)
    v128.store(v, square)
    const k = f64x2.splat(keep)
    v128.store(w, adapted(x, mean, square, k, f64x2.splat(size), f64x2.splat(correction), f64x2.splat(eps)))
  }
}

export function adamStep32(
  w: usize, g: usize, m: usize, v: usize, count: usize,
  beta1: f64, fresh1: f64, beta2: f64, fresh2: f64, decay: f64, keep: f64, size: f64, correction: f64, eps: f64,
): void {
  for (const end = w + (count << 2); w < end; w += 8, g += 8, m += 8, v += 8) {
    const x = widened(w)
    const d = add(widened(g), mul(f64x2.splat(decay), x))
    const mean = meanOf(widened(m), d, f64x2.splat(beta1), f64x2.splat(fresh1))
    const square = squareOf(widened(v), d, f64x2.splat(beta2), f64x2.splat(fresh2))
    narrowed(m, mean)
    narrowed(v, square)
    const k = f64x2.splat(keep)
    narrowed(w, adapted(x, mean, square, k, f64x2.splat(size), f64x2.splat(correction), f64x2.splat(eps)))
  }
}
