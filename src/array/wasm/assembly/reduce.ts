/**
 * Sums, maxima and minima over staged elements in the order of src/array/reduce-loops.ts: pairwise, with eight
 * accumulators in blocks of up to 128.
 */

export function pairwiseSum64(at: usize, n: usize): f64 {
  if (n < 8) {
    let sum: f64 = 0
    for (const end = at + (n << 3); at < end; at += 8) sum += load<f64>(at)
    return sum
  }
  if (n > 128) {
    const half = (n >> 1) - ((n >> 1) % 8)
    return pairwiseSum64(at, half) + pairwiseSum64(at + (half << 3), n - half)
  }
  let r0 = v128.load(at)
  let r2 = v128.load(at, 16)
  let r4 = v128.load(at, 32)
  let r6 = v128.load(at, 48)
  const end = at + (n << 3)
  const full = at + ((n - (n % 8)) << 3)
  let p = at + 64
  for (; p < full; p += 64) {
    r0 = f64x2.add(r0, v128.load(p))
    r2 = f64x2.add(r2, v128.load(p, 16))
    r4 = f64x2.add(r4, v128.load(p, 32))
    r6 = f64x2.add(r6, v128.load(p, 48))
  }
  const low = bothOf(r0) + bothOf(r2)
  const high = bothOf(r4) + bothOf(r6)
  let sum = low + high
  for (; p < end; p += 8) sum += load<f64>(p)
  return sum
}

@inline function bothOf(x: v128): f64 {
  return f64x2.extract_lane(x, 0) + f64x2.extract_lane(x, 1)
}

export function pairwiseSum32(at: usize, n: usize): f32 {
  if (n < 8) {
    let sum: f32 = 0
    for (const end = at + (n << 2); at < end; at += 4) sum += load<f32>(at)
    return sum
  }
  if (n > 128) {
    const half = (n >> 1) - ((n >> 1) % 8)
    return pairwiseSum32(at, half) + pairwiseSum32(at + (half << 2), n - half)
  }
  let r0 = v128.load(at)
  let r4 = v128.load(at, 16)
  const end = at + (n << 2)
  const full = at + ((n - (n % 8)) << 2)
  let p = at + 32
  for (; p < full; p += 32) {
    r0 = f32x4.add(r0, v128.load(p))
    r4 = f32x4.add(r4, v128.load(p, 16))
  }
  let sum = allOf(r0) + allOf(r4)
  for (; p < end; p += 4) sum += load<f32>(p)
  return sum
}

@inline function allOf(x: v128): f32 {
  const low = f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1)
  const high = f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3)
  return low + high
}

/** out[c] += x[r, c], row by row. */
export function addRows64(x: usize, rows: usize, columns: usize, out: usize): void {
  const end = out + (columns << 3)
  const whole = out + ((columns & ~1) << 3)
  for (let r: usize = 0; r < rows; r++) {
    let p = out
    for (; p < whole; p += 16, x += 16) v128.store(p, f64x2.add(v128.load(p), v128.load(x)))
    for (; p < end; p += 8, x += 8) store<f64>(p, load<f64>(p) + load<f64>(x))
  }
}

export function addRows32(x: usize, rows: usize, columns: usize, out: usize): void {
  const end = out + (columns << 2)
  const whole = out + ((columns & ~3) << 2)
  for (let r: usize = 0; r < rows; r++) {
    let p = out
    for (; p < whole; p += 16, x += 16) v128.store(p, f32x4.add(v128.load(p), v128.load(x)))
    for (; p < end; p += 4, x += 4) store<f32>(p, load<f32>(p) + load<f32>(x))
  }
}
