/**
 * What names the content of an array: its little-endian bytes, the hash over them, and a summary. All are computed in a
 * fixed order, so equal arrays have equal ones on every machine.
 */
import crypto from 'node:crypto'
import type { ElementArray } from './dtypes.js'
import type { ArraySummary, RecordedArray } from './event.js'
import type { Summary } from './summary.js'

const CHUNK = 1024
const GROUP = 4 * CHUNK

// What the chunks of a group came to.
const sums = new Float64Array(4)
const squaresOf = new Float64Array(4)
const mins = new Float64Array(4)
const maxs = new Float64Array(4)
const zeros = new Float64Array(4)
/** Other numbers become float64 here, so that the loops below see one kind of array. */
const wideGroup = new Float64Array(GROUP)

/**
 * The bytes of an array, with every NaN the canonical one: processors differ in the sign and payload of the NaN they
 * compute. A view on the array's own memory when it holds no NaN.
 */
export function bytesOf(data: RecordedArray['data'], hasNaN: boolean): Buffer {
  let exact = data
  if (hasNaN && (data instanceof Float64Array || data instanceof Float32Array)) {
    exact = data.slice()
    for (let i = 0; i < exact.length; i++) if (exact[i] !== exact[i]) exact[i] = Number.NaN
    canonicalizeNaN(exact)
  }
  return Buffer.from(exact.buffer, exact.byteOffset, exact.byteLength)
}

/** Engines may store any NaN for NaN; set the bits themselves. */
function canonicalizeNaN(data: Float64Array | Float32Array): void {
  const words = new Uint32Array(data.buffer, data.byteOffset, data.byteLength / 4)
  const wide = data instanceof Float64Array
  for (let i = 0; i < data.length; i++) {
    if (data[i] === data[i]) continue
    if (wide) {
      words[2 * i] = 0
      words[2 * i + 1] = 0x7ff80000
    } else words[i] = 0x7fc00000
  }
}

/** SHA-256 over the dtype's name, a zero byte, and the bytes. */
export function hashOf(dtype: string, bytes: Buffer): Buffer {
  return crypto.createHash('sha256').update(`${dtype}\0`).update(bytes).digest()
}

/**
 * Norm, mean, extremes and counts, in one pass of chunks: sums of a chunk, then of the chunks, in ascending order. Four
 * chunks are summed side by side where there are four: each in its own order, so the bits are the same.
 *
 * first, n   where in `data` the array begins, and its size
 */
export function summaryOf(data: RecordedArray['data'], first = 0, n = data.length): Summary {
  let sum = 0
  let squares = 0
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  let zeroCount = 0
  for (let start = 0; start < n; start += GROUP) {
    const count = Math.min(n - start, GROUP)
    const wide = data instanceof Float64Array ? data : widened(data, first + start, count)
    const from = wide === data ? first + start : 0
    const chunks = Math.ceil(count / CHUNK)
    if (count === GROUP) sumGroup(wide, from)
    else
      for (let c = 0; c < chunks; c++)
        sumChunk(wide, from + c * CHUNK, Math.min(from + count, from + (c + 1) * CHUNK), c)
    for (let c = 0; c < chunks; c++) {
      sum += sums[c]!
      squares += squaresOf[c]!
      min = Math.min(min, mins[c]!)
      max = Math.max(max, maxs[c]!)
      zeroCount += zeros[c]!
    }
  }
  const finiteSummary = summaryOfSums({ sum, squares, min, max, zeroCount }, n)
  if (finiteSummary !== null) return finiteSummary
  // Squares overflow before their norm does, and NaN or ±∞ spoil them: only then is a second look needed.
  let nonFiniteCount = 0
  let nanCount = 0
  if (!Number.isFinite(squares)) {
    for (let i = first; i < first + n; i++) {
      if (!Number.isFinite(data[i])) nonFiniteCount++
      if (Number.isNaN(data[i])) nanCount++
    }
  }
  const l2Norm = Number.isFinite(squares)
    ? Math.sqrt(squares)
    : scaledNorm(data, first, n, Math.max(Math.abs(min), Math.abs(max)))
  const finite = (x: number) => (Number.isFinite(x) ? x + 0 : null)
  const extreme = (x: number) => (n === 0 || x !== x ? null : x + 0) // + 0: SQLite keeps no −0
  return {
    l2Norm: nonFiniteCount > 0 ? null : finite(l2Norm),
    mean: n === 0 || nonFiniteCount > 0 ? null : finite(sum / n),
    min: extreme(min),
    max: extreme(max),
    zeroCount,
    nonFiniteCount,
    nanCount,
  }
}

/** Where an array stands. */
interface Place {
  readonly buffer: ElementArray
  readonly offset: number
  readonly size: number
}

let sumsOfLarge: ((place: Place) => Sums | null) | null = null

/** Has `writtenSummary` ask `sums` first, which must give the bits of the loops here, or null. */
export function sumLargeBy(sums: (place: Place) => Sums | null): void {
  sumsOfLarge = sums
}

/** `summaryOf` for who writes: by whatever is quickest on this thread. A data set may have millions of elements. Who checks uses the loops. */
export function writtenSummary(data: RecordedArray['data'], first = 0, n = data.length): Summary {
  const sums =
    n < GROUP || sumsOfLarge === null ? null : sumsOfLarge({ buffer: data, offset: first, size: n })
  return (sums === null ? null : summaryOfSums(sums, n)) ?? summaryOf(data, first, n)
}

/** Sums over the elements of an array. */
interface Sums {
  readonly sum: number
  readonly squares: number
  readonly min: number
  readonly max: number
  readonly zeroCount: number
}

/** The summary of `n` elements that have these sums; null where the sums alone do not say it: without elements, or out of range. */
export function summaryOfSums({ sum, squares, min, max, zeroCount }: Sums, n: number): Summary | null {
  const mean = sum / n
  if (!Number.isFinite(squares) || !Number.isFinite(mean)) return null
  // + 0: SQLite keeps no −0.
  return {
    l2Norm: Math.sqrt(squares),
    mean: mean + 0,
    min: min + 0,
    max: max + 0,
    zeroCount,
    nonFiniteCount: 0,
    nanCount: 0,
  }
}

/**
 * The Euclidean norm of the difference of two arrays of one size, in float64 and in a fixed order: four sums side by side in each
 * chunk, then the chunks in ascending order. Null when there are no elements, or one is not finite.
 */
export function distanceOf(a: RecordedArray, b: RecordedArray): number | null {
  const n = a.size
  if (n === 0) return null
  const { buffer: x = a.data, offset: p = 0 } = a
  const { buffer: y = b.data, offset: q = 0 } = b
  let squares = 0
  for (let start = 0; start < n; start += CHUNK) {
    const end = Math.min(n, start + CHUNK)
    let s0 = 0
    let s1 = 0
    let s2 = 0
    let s3 = 0
    let i = start
    for (; i + 3 < end; i += 4) {
      const d0 = x[p + i]! - y[q + i]!
      const d1 = x[p + i + 1]! - y[q + i + 1]!
      const d2 = x[p + i + 2]! - y[q + i + 2]!
      const d3 = x[p + i + 3]! - y[q + i + 3]!
      s0 += d0 * d0
      s1 += d1 * d1
      s2 += d2 * d2
      s3 += d3 * d3
    }
    for (; i < end; i++) {
      const d = x[p + i]! - y[q + i]!
      s0 += d * d
    }
    squares += s0 + s1 + (s2 + s3)
  }
  return Number.isFinite(squares) ? Math.sqrt(squares) : scaledDistance(x, p, y, q, n)
}

/** Of what overflows when it is squared. */
function scaledDistance(x: ElementArray, p: number, y: ElementArray, q: number, n: number): number | null {
  let scale = 0
  for (let i = 0; i < n; i++) scale = Math.max(scale, Math.abs(x[p + i]!), Math.abs(y[q + i]!))
  if (!Number.isFinite(scale)) return null
  let squares = 0
  for (let i = 0; i < n; i++) {
    const d = x[p + i]! / scale - y[q + i]! / scale
    squares += d * d
  }
  const norm = scale * Math.sqrt(squares)
  return Number.isFinite(norm) ? norm : null
}

function widened(data: RecordedArray['data'], start: number, count: number): Float64Array {
  wideGroup.set(count === data.length ? data : data.subarray(start, start + count))
  return wideGroup
}

function sumChunk(data: Float64Array, from: number, to: number, chunk: number): void {
  let [sum, squares, min, max, zeroCount] = [0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0]
  for (let i = from; i < to; i++) {
    const x = data[i]!
    sum += x
    squares += x * x
    min = Math.min(min, x)
    max = Math.max(max, x)
    zeroCount += Number(x === 0) // no branch: zeros come by chance, and a wrong guess costs more than all the rest
  }
  note(chunk, sum, squares, min, max, zeroCount)
}

/** `sumChunk` for four chunks: a processor adds to four sums in the time that it takes to add to one. */
function sumGroup(data: Float64Array, from: number): void {
  let [sum0, sum1, sum2, sum3] = [0, 0, 0, 0]
  let [squares0, squares1, squares2, squares3] = [0, 0, 0, 0]
  let [min0, min1, min2, min3] = [data[from]!, data[from]!, data[from]!, data[from]!]
  let [max0, max1, max2, max3] = [min0, min0, min0, min0]
  let zeroCount = 0
  for (let i = from; i < from + CHUNK; i++) {
    const x0 = data[i]!
    const x1 = data[i + CHUNK]!
    const x2 = data[i + 2 * CHUNK]!
    const x3 = data[i + 3 * CHUNK]!
    sum0 += x0
    sum1 += x1
    sum2 += x2
    sum3 += x3
    squares0 += x0 * x0
    squares1 += x1 * x1
    squares2 += x2 * x2
    squares3 += x3 * x3
    min0 = Math.min(min0, x0)
    min1 = Math.min(min1, x1)
    min2 = Math.min(min2, x2)
    min3 = Math.min(min3, x3)
    max0 = Math.max(max0, x0)
    max1 = Math.max(max1, x1)
    max2 = Math.max(max2, x2)
    max3 = Math.max(max3, x3)
    zeroCount += Number(x0 === 0) + Number(x1 === 0) + Number(x2 === 0) + Number(x3 === 0)
  }
  note(0, sum0, squares0, min0, max0, zeroCount)
  note(1, sum1, squares1, min1, max1, 0)
  note(2, sum2, squares2, min2, max2, 0)
  note(3, sum3, squares3, min3, max3, 0)
}

function note(
  chunk: number,
  sum: number,
  squares: number,
  min: number,
  max: number,
  zeroCount: number,
): void {
  sums[chunk] = sum
  squaresOf[chunk] = squares
  mins[chunk] = min
  maxs[chunk] = max
  zeros[chunk] = zeroCount
}

function scaledNorm(data: RecordedArray['data'], first: number, n: number, scale: number): number {
  let squares = 0
  for (let i = first; i < first + n; i++) squares += (data[i]! / scale) ** 2
  return scale * Math.sqrt(squares)
}

/** All of it, for an array whose bytes are not kept. */
export function summarized(array: RecordedArray, withHash: boolean): ArraySummary {
  const summary = summaryOf(array.data)
  const hash = withHash ? hashOf(array.dtype, bytesOf(array.data, summary.nonFiniteCount > 0)) : null
  return { ...summary, hash: hash?.toString('hex') ?? null }
}
