/**
 * What a summary is made of, a chunk of 1,024 elements at a time: sum, sum of squares, minimum, maximum and how many are
 * zero. The elements of a chunk are added one after the other, as src/events/content.ts does; chunks stand side by side in
 * the lanes of vectors, so that one does not wait for the additions of another. For extremes and zeros the order makes no
 * difference: chunks that are done together have them together, in the results of the first.
 */
const CHUNK: usize = 1024
/** Five numbers a chunk: sum, squares, least, most, zeros. */
const RESULT: usize = 40

/** Of `count` elements from `at` on; the results of chunk after chunk go to `out`. Finite elements only: of others all is wrong. */
export function summarize64(at: usize, count: usize, out: usize): void {
  let left = count
  for (; left >= 4 * CHUNK; left -= 4 * CHUNK) {
    four64(at, out)
    at += (4 * CHUNK) << 3
    out += 4 * RESULT
  }
  if (left >= 2 * CHUNK) {
    two64(at, out)
    at += (2 * CHUNK) << 3
    out += 2 * RESULT
    left -= 2 * CHUNK
  }
  oneByOne<f64>(at, left, out)
}

/** The same of float32, as float64. */
export function summarize32(at: usize, count: usize, out: usize): void {
  let left = count
  for (; left >= 4 * CHUNK; left -= 4 * CHUNK) {
    four32(at, out)
    at += (4 * CHUNK) << 2
    out += 4 * RESULT
  }
  if (left >= 2 * CHUNK) {
    two32(at, out)
    at += (2 * CHUNK) << 2
    out += 2 * RESULT
    left -= 2 * CHUNK
  }
  oneByOne<f32>(at, left, out)
}

@inline function keepSums(out: usize, sum: v128, squares: v128): void {
  store<f64>(out, f64x2.extract_lane(sum, 0))
  store<f64>(out, f64x2.extract_lane(squares, 0), 8)
  store<f64>(out, f64x2.extract_lane(sum, 1), RESULT)
  store<f64>(out, f64x2.extract_lane(squares, 1), RESULT + 8)
}

@inline function keepRest(out: usize, least: f64, most: f64, zeros: f64): void {
  store<f64>(out, least, 16)
  store<f64>(out, most, 24)
  store<f64>(out, zeros, 32)
}

/** Of the first of `chunks`, for all of them. */
@inline function keepRestOfAll(out: usize, chunks: usize, least: f64, most: f64, zeros: f64): void {
  keepRest(out, least, most, zeros)
  for (let i: usize = 1; i < chunks; i++)
    keepRest(out + i * RESULT, f64.POSITIVE_INFINITY, f64.NEGATIVE_INFINITY, 0)
}

@inline function keepRest64(out: usize, chunks: usize, least: v128, most: v128, zeros: v128): void {
  least = f64x2.pmin(least, v128.shuffle<f64>(least, least, 1, 0))
  most = f64x2.pmax(most, v128.shuffle<f64>(most, most, 1, 0))
  keepRestOfAll(
    out,
    chunks,
    f64x2.extract_lane(least, 0),
    f64x2.extract_lane(most, 0),
    <f64>(i64x2.extract_lane(zeros, 0) + i64x2.extract_lane(zeros, 1)),
  )
}

@inline function keepRest32(out: usize, chunks: usize, least: v128, most: v128, zeros: v128): void {
  least = f32x4.pmin(least, v128.shuffle<f32>(least, least, 2, 3, 0, 1))
  least = f32x4.pmin(least, v128.shuffle<f32>(least, least, 1, 0, 3, 2))
  most = f32x4.pmax(most, v128.shuffle<f32>(most, most, 2, 3, 0, 1))
  most = f32x4.pmax(most, v128.shuffle<f32>(most, most, 1, 0, 3, 2))
  zeros = i32x4.add(zeros, v128.shuffle<i32>(zeros, zeros, 2, 3, 0, 1))
  keepRestOfAll(
    out,
    chunks,
    <f64>f32x4.extract_lane(least, 0),
    <f64>f32x4.extract_lane(most, 0),
    <f64>(i32x4.extract_lane(zeros, 0) + i32x4.extract_lane(zeros, 1)),
  )
}

@inline function zeros64(x: v128, before: v128): v128 {
  return i64x2.sub(before, f64x2.eq(x, f64x2.splat(0)))
}

@inline function zeros32(x: v128, before: v128): v128 {
  return i32x4.sub(before, f32x4.eq(x, f32x4.splat(0)))
}

@inline function square(x: v128): v128 {
  return f64x2.mul(x, x)
}

/** What is left: a chunk, and less than one. */
function oneByOne<T>(at: usize, count: usize, out: usize): void {
  const end = at + count * sizeof<T>()
  for (; at < end; out += RESULT) {
    let sum: f64 = 0
    let squares: f64 = 0
    let least: f64 = f64.POSITIVE_INFINITY
    let most: f64 = f64.NEGATIVE_INFINITY
    let zeros: i64 = 0
    const whole = at + CHUNK * sizeof<T>()
    for (const stop = whole < end ? whole : end; at < stop; at += sizeof<T>()) {
      const x = <f64>load<T>(at)
      sum += x
      squares += x * x
      least = x < least ? x : least
      most = x > most ? x : most
      zeros += i64(x == 0)
    }
    store<f64>(out, sum)
    store<f64>(out, squares, 8)
    keepRest(out, least, most, <f64>zeros)
  }
}

function two64(at: usize, out: usize): void {
  let sum = f64x2.splat(0)
  let squares = f64x2.splat(0)
  let least = f64x2.splat(f64.POSITIVE_INFINITY)
  let most = f64x2.splat(f64.NEGATIVE_INFINITY)
  let zeros = i64x2.splat(0)
  for (const end = at + (CHUNK << 3); at < end; at += 16) {
    const a = v128.load(at)
    const b = v128.load(at, CHUNK << 3)
    const x = v128.shuffle<f64>(a, b, 0, 2)
    const y = v128.shuffle<f64>(a, b, 1, 3)
    sum = f64x2.add(f64x2.add(sum, x), y)
    squares = f64x2.add(f64x2.add(squares, square(x)), square(y))
    least = f64x2.pmin(f64x2.pmin(least, a), b)
    most = f64x2.pmax(f64x2.pmax(most, a), b)
    zeros = zeros64(b, zeros64(a, zeros))
  }
  keepSums(out, sum, squares)
  keepRest64(out, 2, least, most, zeros)
}

function four64(at: usize, out: usize): void {
  let sum0 = f64x2.splat(0)
  let squares0 = f64x2.splat(0)
  let sum1 = sum0
  let squares1 = sum0
  let least = f64x2.splat(f64.POSITIVE_INFINITY)
  let most = f64x2.splat(f64.NEGATIVE_INFINITY)
  let zeros = i64x2.splat(0)
  for (const end = at + (CHUNK << 3); at < end; at += 16) {
    const a = v128.load(at)
    const b = v128.load(at, CHUNK << 3)
    least = f64x2.pmin(f64x2.pmin(least, a), b)
    most = f64x2.pmax(f64x2.pmax(most, a), b)
    zeros = zeros64(b, zeros64(a, zeros))
    const x0 = v128.shuffle<f64>(a, b, 0, 2)
    const y0 = v128.shuffle<f64>(a, b, 1, 3)
    sum0 = f64x2.add(f64x2.add(sum0, x0), y0)
    squares0 = f64x2.add(f64x2.add(squares0, square(x0)), square(y0))
    const c = v128.load(at, CHUNK << 4)
    const d = v128.load(at, (CHUNK << 4) + (CHUNK << 3))
    least = f64x2.pmin(f64x2.pmin(least, c), d)
    most = f64x2.pmax(f64x2.pmax(most, c), d)
    zeros = zeros64(d, zeros64(c, zeros))
    const x1 = v128.shuffle<f64>(c, d, 0, 2)
    const y1 = v128.shuffle<f64>(c, d, 1, 3)
    sum1 = f64x2.add(f64x2.add(sum1, x1), y1)
    squares1 = f64x2.add(f64x2.add(squares1, square(x1)), square(y1))
  }
  keepSums(out, sum0, squares0)
  keepSums(out + 2 * RESULT, sum1, squares1)
  keepRest64(out, 4, least, most, zeros)
}

function two32(at: usize, out: usize): void {
  let sum = f64x2.splat(0)
  let squares = f64x2.splat(0)
  let least = f32x4.splat(f32.POSITIVE_INFINITY)
  let most = f32x4.splat(f32.NEGATIVE_INFINITY)
  let zeros = i32x4.splat(0)
  for (const end = at + (CHUNK << 2); at < end; at += 16) {
    const a = v128.load(at)
    const b = v128.load(at, CHUNK << 2)
    least = f32x4.pmin(f32x4.pmin(least, a), b)
    most = f32x4.pmax(f32x4.pmax(most, a), b)
    zeros = zeros32(b, zeros32(a, zeros))
    const low = v128.shuffle<f32>(a, b, 0, 4, 1, 5)
    const high = v128.shuffle<f32>(a, b, 2, 6, 3, 7)
    const w = f64x2.promote_low_f32x4(low)
    const x = f64x2.promote_low_f32x4(v128.shuffle<f32>(low, low, 2, 3, 2, 3))
    const y = f64x2.promote_low_f32x4(high)
    const z = f64x2.promote_low_f32x4(v128.shuffle<f32>(high, high, 2, 3, 2, 3))
    sum = f64x2.add(f64x2.add(f64x2.add(f64x2.add(sum, w), x), y), z)
    squares = f64x2.add(f64x2.add(squares, square(w)), square(x))
    squares = f64x2.add(f64x2.add(squares, square(y)), square(z))
  }
  keepSums(out, sum, squares)
  keepRest32(out, 2, least, most, zeros)
}

function four32(at: usize, out: usize): void {
  let sum0 = f64x2.splat(0)
  let squares0 = f64x2.splat(0)
  let sum1 = sum0
  let squares1 = sum0
  let least = f32x4.splat(f32.POSITIVE_INFINITY)
  let most = f32x4.splat(f32.NEGATIVE_INFINITY)
  let zeros = i32x4.splat(0)
  for (const end = at + (CHUNK << 2); at < end; at += 16) {
    const a = v128.load(at)
    const b = v128.load(at, CHUNK << 2)
    least = f32x4.pmin(f32x4.pmin(least, a), b)
    most = f32x4.pmax(f32x4.pmax(most, a), b)
    zeros = zeros32(b, zeros32(a, zeros))
    const low0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5)
    const high0 = v128.shuffle<f32>(a, b, 2, 6, 3, 7)
    const w0 = f64x2.promote_low_f32x4(low0)
    const x0 = f64x2.promote_low_f32x4(v128.shuffle<f32>(low0, low0, 2, 3, 2, 3))
    const y0 = f64x2.promote_low_f32x4(high0)
    const z0 = f64x2.promote_low_f32x4(v128.shuffle<f32>(high0, high0, 2, 3, 2, 3))
    sum0 = f64x2.add(f64x2.add(f64x2.add(f64x2.add(sum0, w0), x0), y0), z0)
    squares0 = f64x2.add(f64x2.add(squares0, square(w0)), square(x0))
    squares0 = f64x2.add(f64x2.add(squares0, square(y0)), square(z0))
    const c = v128.load(at, CHUNK << 3)
    const d = v128.load(at, (CHUNK << 3) + (CHUNK << 2))
    least = f32x4.pmin(f32x4.pmin(least, c), d)
    most = f32x4.pmax(f32x4.pmax(most, c), d)
    zeros = zeros32(d, zeros32(c, zeros))
    const low1 = v128.shuffle<f32>(c, d, 0, 4, 1, 5)
    const high1 = v128.shuffle<f32>(c, d, 2, 6, 3, 7)
    const w1 = f64x2.promote_low_f32x4(low1)
    const x1 = f64x2.promote_low_f32x4(v128.shuffle<f32>(low1, low1, 2, 3, 2, 3))
    const y1 = f64x2.promote_low_f32x4(high1)
    const z1 = f64x2.promote_low_f32x4(v128.shuffle<f32>(high1, high1, 2, 3, 2, 3))
    sum1 = f64x2.add(f64x2.add(f64x2.add(f64x2.add(sum1, w1), x1), y1), z1)
    squares1 = f64x2.add(f64x2.add(squares1, square(w1)), square(x1))
    squares1 = f64x2.add(f64x2.add(squares1, square(y1)), square(z1))
  }
  keepSums(out, sum0, squares0)
  keepSums(out + 2 * RESULT, sum1, squares1)
  keepRest32(out, 4, least, most, zeros)
}
