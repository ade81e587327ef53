/**
 * Sums, maxima and minima over staged elements in the order of src/array/reduce-loops.ts: pairwise, with eight
 * accumulators in blocks of up to 128.
 */
import { Add32, Add64, Max32, Max64, Min32, Min64, Mul32, Mul64 } from './operations'

export function pairwiseSum64(at: usize, n: usize): f64 {
  if (n > 128) {
    const half = (n >> 1) - ((n >> 1) % 8)
    if (n - half <= 128) return bothBlocks64(at, half, n - half)
    return pairwiseSum64(at, half) + pairwiseSum64(at + (half << 3), n - half)
  }
  if (n < 8) return onwards64(0, at, at + (n << 3))
  let r0 = v128.load(at)
  let r2 = v128.load(at, 16)
  let r4 = v128.load(at, 32)
  let r6 = v128.load(at, 48)
  const full = at + ((n - (n % 8)) << 3)
  let p = at + 64
  for (; p < full; p += 64) {
    r0 = f64x2.add(r0, v128.load(p))
    r2 = f64x2.add(r2, v128.load(p, 16))
    r4 = f64x2.add(r4, v128.load(p, 32))
    r6 = f64x2.add(r6, v128.load(p, 48))
  }
  return onwards64(eight64(r0, r2, r4, r6), p, at + (n << 3))
}

/** The sums of two neighbouring blocks, the second at least as long: side by side, as one alone waits for its additions. */
function bothBlocks64(at: usize, n: usize, m: usize): f64 {
  let p = at
  let q = at + (n << 3)
  const end = q
  const last = q + (m << 3)
  let r0 = v128.load(p)
  let r2 = v128.load(p, 16)
  let r4 = v128.load(p, 32)
  let r6 = v128.load(p, 48)
  let s0 = v128.load(q)
  let s2 = v128.load(q, 16)
  let s4 = v128.load(q, 32)
  let s6 = v128.load(q, 48)
  for (p += 64, q += 64; p < end; p += 64, q += 64) {
    r0 = f64x2.add(r0, v128.load(p))
    r2 = f64x2.add(r2, v128.load(p, 16))
    r4 = f64x2.add(r4, v128.load(p, 32))
    r6 = f64x2.add(r6, v128.load(p, 48))
    s0 = f64x2.add(s0, v128.load(q))
    s2 = f64x2.add(s2, v128.load(q, 16))
    s4 = f64x2.add(s4, v128.load(q, 32))
    s6 = f64x2.add(s6, v128.load(q, 48))
  }
  for (; q + 64 <= last; q += 64) {
    s0 = f64x2.add(s0, v128.load(q))
    s2 = f64x2.add(s2, v128.load(q, 16))
    s4 = f64x2.add(s4, v128.load(q, 32))
    s6 = f64x2.add(s6, v128.load(q, 48))
  }
  return eight64(r0, r2, r4, r6) + onwards64(eight64(s0, s2, s4, s6), q, last)
}

@inline function bothOf(x: v128): f64 {
  return f64x2.extract_lane(x, 0) + f64x2.extract_lane(x, 1)
}

@inline function eight64(r0: v128, r2: v128, r4: v128, r6: v128): f64 {
  const low = bothOf(r0) + bothOf(r2)
  return low + (bothOf(r4) + bothOf(r6))
}

@inline function onwards64(sum: f64, at: usize, end: usize): f64 {
  for (; at < end; at += 8) sum += load<f64>(at)
  return sum
}

export function pairwiseSum32(at: usize, n: usize): f32 {
  if (n > 128) {
    const half = (n >> 1) - ((n >> 1) % 8)
    if (n - half <= 128) return bothBlocks32(at, half, n - half)
    return pairwiseSum32(at, half) + pairwiseSum32(at + (half << 2), n - half)
  }
  if (n < 8) return onwards32(0, at, at + (n << 2))
  let r0 = v128.load(at)
  let r4 = v128.load(at, 16)
  const full = at + ((n - (n % 8)) << 2)
  let p = at + 32
  for (; p < full; p += 32) {
    r0 = f32x4.add(r0, v128.load(p))
    r4 = f32x4.add(r4, v128.load(p, 16))
  }
  return onwards32(allOf(r0) + allOf(r4), p, at + (n << 2))
}

function bothBlocks32(at: usize, n: usize, m: usize): f32 {
  let p = at
  let q = at + (n << 2)
  const end = q
  const last = q + (m << 2)
  let r0 = v128.load(p)
  let r4 = v128.load(p, 16)
  let s0 = v128.load(q)
  let s4 = v128.load(q, 16)
  for (p += 32, q += 32; p < end; p += 32, q += 32) {
    r0 = f32x4.add(r0, v128.load(p))
    r4 = f32x4.add(r4, v128.load(p, 16))
    s0 = f32x4.add(s0, v128.load(q))
    s4 = f32x4.add(s4, v128.load(q, 16))
  }
  for (; q + 32 <= last; q += 32) {
    s0 = f32x4.add(s0, v128.load(q))
    s4 = f32x4.add(s4, v128.load(q, 16))
  }
  return allOf(r0) + allOf(r4) + onwards32(allOf(s0) + allOf(s4), q, last)
}

@inline function allOf(x: v128): f32 {
  const low = f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1)
  const high = f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3)
  return low + high
}

@inline function onwards32(sum: f32, at: usize, end: usize): f32 {
  for (; at < end; at += 4) sum += load<f32>(at)
  return sum
}

/** out[c] = op(out[c], x[r, c]), row by row. */
@inline function rowsInto64<F>(x: usize, rows: usize, columns: usize, out: usize): void {
  const end = out + (columns << 3)
  const whole = out + ((columns & ~1) << 3)
  for (let r: usize = 0; r < rows; r++) {
    let p = out
    for (; p < whole; p += 16, x += 16) v128.store(p, changetype<F>(0).of(v128.load(p), v128.load(x)))
    for (; p < end; p += 8, x += 8) {
      v128.store64_lane(p, changetype<F>(0).of(v128.load64_zero(p), v128.load64_zero(x)), 0)
    }
  }
}

@inline function rowsInto32<F>(x: usize, rows: usize, columns: usize, out: usize): void {
  const end = out + (columns << 2)
  const whole = out + ((columns & ~3) << 2)
  for (let r: usize = 0; r < rows; r++) {
    let p = out
    for (; p < whole; p += 16, x += 16) v128.store(p, changetype<F>(0).of(v128.load(p), v128.load(x)))
    for (; p < end; p += 4, x += 4) {
      v128.store32_lane(p, changetype<F>(0).of(v128.load32_zero(p), v128.load32_zero(x)), 0)
    }
  }
}

export function addRows64(x: usize, rows: usize, columns: usize, out: usize): void { rowsInto64<Add64>(x, rows, columns, out) }
export function addRows32(x: usize, rows: usize, columns: usize, out: usize): void { rowsInto32<Add32>(x, rows, columns, out) }
export function mulRows64(x: usize, rows: usize, columns: usize, out: usize): void { rowsInto64<Mul64>(x, rows, columns, out) }
export function mulRows32(x: usize, rows: usize, columns: usize, out: usize): void { rowsInto32<Mul32>(x, rows, columns, out) }
export function maxRows64(x: usize, rows: usize, columns: usize, out: usize): void { rowsInto64<Max64>(x, rows, columns, out) }
export function maxRows32(x: usize, rows: usize, columns: usize, out: usize): void { rowsInto32<Max32>(x, rows, columns, out) }
export function minRows64(x: usize, rows: usize, columns: usize, out: usize): void { rowsInto64<Min64>(x, rows, columns, out) }
export function minRows32(x: usize, rows: usize, columns: usize, out: usize): void { rowsInto32<Min32>(x, rows, columns, out) }

/** The maximum or minimum of all, in four strands: neither order nor repetition changes it. */
@inline function extreme64<F>(at: usize, n: usize, start: f64): f64 {
  const end = at + (n << 3)
  let a = f64x2.splat(start)
  let b = a
  let c = a
  let d = a
  for (; at + 64 <= end; at += 64) {
    a = changetype<F>(0).of(a, v128.load(at))
    b = changetype<F>(0).of(b, v128.load(at, 16))
    c = changetype<F>(0).of(c, v128.load(at, 32))
    d = changetype<F>(0).of(d, v128.load(at, 48))
  }
  for (; at < end; at += 8) a = changetype<F>(0).of(a, v128.load64_splat(at))
  const both = changetype<F>(0).of(changetype<F>(0).of(a, b), changetype<F>(0).of(c, d))
  return f64x2.extract_lane(changetype<F>(0).of(both, i64x2.shuffle(both, both, 1, 0)), 0)
}

@inline function extreme32<F>(at: usize, n: usize, start: f32): f32 {
  const end = at + (n << 2)
  let a = f32x4.splat(start)
  let b = a
  let c = a
  let d = a
  for (; at + 64 <= end; at += 64) {
    a = changetype<F>(0).of(a, v128.load(at))
    b = changetype<F>(0).of(b, v128.load(at, 16))
    c = changetype<F>(0).of(c, v128.load(at, 32))
    d = changetype<F>(0).of(d, v128.load(at, 48))
  }
  for (; at < end; at += 4) a = changetype<F>(0).of(a, v128.load32_splat(at))
  const four = changetype<F>(0).of(changetype<F>(0).of(a, b), changetype<F>(0).of(c, d))
  const two = changetype<F>(0).of(four, i64x2.shuffle(four, four, 1, 0))
  return f32x4.extract_lane(changetype<F>(0).of(two, i32x4.shuffle(two, two, 1, 0, 3, 2)), 0)
}

export function max64(at: usize, n: usize, start: f64): f64 { return extreme64<Max64>(at, n, start) }
export function max32(at: usize, n: usize, start: f32): f32 { return extreme32<Max32>(at, n, start) }
export function min64(at: usize, n: usize, start: f64): f64 { return extreme64<Min64>(at, n, start) }
export function min32(at: usize, n: usize, start: f32): f32 { return extreme32<Min32>(at, n, start) }
