/**
 * What a summary is made of, a chunk of 1,024 elements at a time: sum, sum of squares, minimum, maximum and how many are
 * zero. The elements of a chunk are added one after the other, as src/events/content.ts does; chunks stand side by side in
 * the lanes of vectors, so that one does not wait for the additions of another.
 */
const CHUNK: usize = 1024
/** Five numbers a chunk. */
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
  for (; left >= 2 * CHUNK; left -= 2 * CHUNK) {
    two32(at, out)
    at += (2 * CHUNK) << 2
    out += 2 * RESULT
  }
  oneByOne<f32>(at, left, out)
}

@inline function zerosIn(x: v128, before: v128): v128 {
  return i64x2.sub(before, f64x2.eq(x, f64x2.splat(0)))
}

@inline function keep(out: usize, sum: f64, squares: f64, least: f64, most: f64, zeros: i64): void {
  store<f64>(out, sum)
  store<f64>(out, squares, 8)
  store<f64>(out, least, 16)
  store<f64>(out, most, 24)
  store<f64>(out, <f64>zeros, 32)
}

@inline function keepBoth(out: usize, sum: v128, squares: v128, least: v128, most: v128, zeros: v128): void {
  keep(
    out,
    f64x2.extract_lane(sum, 0),
    f64x2.extract_lane(squares, 0),
    f64x2.extract_lane(least, 0),
    f64x2.extract_lane(most, 0),
    i64x2.extract_lane(zeros, 0),
  )
  keep(
    out + RESULT,
    f64x2.extract_lane(sum, 1),
    f64x2.extract_lane(squares, 1),
    f64x2.extract_lane(least, 1),
    f64x2.extract_lane(most, 1),
    i64x2.extract_lane(zeros, 1),
  )
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
    keep(out, sum, squares, least, most, zeros)
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
    squares = f64x2.add(f64x2.add(squares, f64x2.mul(x, x)), f64x2.mul(y, y))
    least = f64x2.pmin(f64x2.pmin(least, x), y)
    most = f64x2.pmax(f64x2.pmax(most, x), y)
    zeros = zerosIn(y, zerosIn(x, zeros))
  }
  keepBoth(out, sum, squares, least, most, zeros)
}

function four64(at: usize, out: usize): void {
  let sum0 = f64x2.splat(0)
  let squares0 = f64x2.splat(0)
  let least0 = f64x2.splat(f64.POSITIVE_INFINITY)
  let most0 = f64x2.splat(f64.NEGATIVE_INFINITY)
  let zeros0 = i64x2.splat(0)
  let sum1 = sum0
  let squares1 = squares0
  let least1 = least0
  let most1 = most0
  let zeros1 = zeros0
  for (const end = at + (CHUNK << 3); at < end; at += 16) {
    const a = v128.load(at)
    const b = v128.load(at, CHUNK << 3)
    const c = v128.load(at, CHUNK << 4)
    const d = v128.load(at, (CHUNK << 4) + (CHUNK << 3))
    const x0 = v128.shuffle<f64>(a, b, 0, 2)
    const y0 = v128.shuffle<f64>(a, b, 1, 3)
    const x1 = v128.shuffle<f64>(c, d, 0, 2)
    const y1 = v128.shuffle<f64>(c, d, 1, 3)
    sum0 = f64x2.add(f64x2.add(sum0, x0), y0)
    sum1 = f64x2.add(f64x2.add(sum1, x1), y1)
    squares0 = f64x2.add(f64x2.add(squares0, f64x2.mul(x0, x0)), f64x2.mul(y0, y0))
    squares1 = f64x2.add(f64x2.add(squares1, f64x2.mul(x1, x1)), f64x2.mul(y1, y1))
    least0 = f64x2.pmin(f64x2.pmin(least0, x0), y0)
    least1 = f64x2.pmin(f64x2.pmin(least1, x1), y1)
    most0 = f64x2.pmax(f64x2.pmax(most0, x0), y0)
    most1 = f64x2.pmax(f64x2.pmax(most1, x1), y1)
    zeros0 = zerosIn(y0, zerosIn(x0, zeros0))
    zeros1 = zerosIn(y1, zerosIn(x1, zeros1))
  }
  keepBoth(out, sum0, squares0, least0, most0, zeros0)
  keepBoth(out + 2 * RESULT, sum1, squares1, least1, most1, zeros1)
}

function two32(at: usize, out: usize): void {
  let sum = f64x2.splat(0)
  let squares = f64x2.splat(0)
  let least = f64x2.splat(f64.POSITIVE_INFINITY)
  let most = f64x2.splat(f64.NEGATIVE_INFINITY)
  let zeros = i64x2.splat(0)
  for (const end = at + (CHUNK << 2); at < end; at += 16) {
    const a = v128.load(at)
    const b = v128.load(at, CHUNK << 2)
    const low = v128.shuffle<f32>(a, b, 0, 4, 1, 5)
    const high = v128.shuffle<f32>(a, b, 2, 6, 3, 7)
    const w = f64x2.promote_low_f32x4(low)
    const x = f64x2.promote_low_f32x4(v128.shuffle<f32>(low, low, 2, 3, 2, 3))
    const y = f64x2.promote_low_f32x4(high)
    const z = f64x2.promote_low_f32x4(v128.shuffle<f32>(high, high, 2, 3, 2, 3))
    sum = f64x2.add(f64x2.add(f64x2.add(f64x2.add(sum, w), x), y), z)
    squares = f64x2.add(f64x2.add(squares, f64x2.mul(w, w)), f64x2.mul(x, x))
    squares = f64x2.add(f64x2.add(squares, f64x2.mul(y, y)), f64x2.mul(z, z))
    least = f64x2.pmin(f64x2.pmin(f64x2.pmin(f64x2.pmin(least, w), x), y), z)
    most = f64x2.pmax(f64x2.pmax(f64x2.pmax(f64x2.pmax(most, w), x), y), z)
    zeros = zerosIn(z, zerosIn(y, zerosIn(x, zerosIn(w, zeros))))
  }
  keepBoth(out, sum, squares, least, most, zeros)
}
