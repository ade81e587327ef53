/**
 * What names the content of an array: its little-endian bytes, the hash over them, and a summary. All are computed in a
 * fixed order, so equal arrays have equal ones on every machine.
 */
import crypto from 'node:crypto'
import type { ArraySummary, RecordedArray } from './event.js'

export type Summary = Omit<ArraySummary, 'hash'>

const CHUNK = 1024

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
 * Norm, mean, extremes and counts, in one pass of chunks: sums of a chunk, then of the chunks, in ascending order.
 */
export function summaryOf(data: RecordedArray['data']): Summary {
  const n = data.length
  let sum = 0
  let squares = 0
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  let zeroCount = 0
  for (let start = 0; start < n; start += CHUNK) {
    const end = Math.min(n, start + CHUNK)
    let chunkSum = 0
    let chunkSquares = 0
    for (let i = start; i < end; i++) {
      const x = data[i]!
      chunkSum += x
      chunkSquares += x * x
      min = Math.min(min, x)
      max = Math.max(max, x)
      if (x === 0) zeroCount++
    }
    sum += chunkSum
    squares += chunkSquares
  }
  // Squares overflow before their norm does, and NaN or ±∞ spoil them: only then is a second look needed.
  let nonFiniteCount = 0
  if (!Number.isFinite(squares)) {
    for (let i = 0; i < n; i++) if (!Number.isFinite(data[i])) nonFiniteCount++
  }
  const l2Norm = Number.isFinite(squares)
    ? Math.sqrt(squares)
    : scaledNorm(data, Math.max(Math.abs(min), Math.abs(max)))
  const finite = (x: number) => (Number.isFinite(x) ? x + 0 : null)
  const extreme = (x: number) => (n === 0 || x !== x ? null : x + 0) // + 0: SQLite keeps no −0
  return {
    l2Norm: nonFiniteCount > 0 ? null : finite(l2Norm),
    mean: n === 0 || nonFiniteCount > 0 ? null : finite(sum / n),
    min: extreme(min),
    max: extreme(max),
    zeroCount,
    nonFiniteCount,
  }
}

function scaledNorm(data: RecordedArray['data'], scale: number): number {
  let squares = 0
  for (let i = 0; i < data.length; i++) squares += (data[i]! / scale) ** 2
  return scale * Math.sqrt(squares)
}

/** All of it, for an array whose bytes are not kept. */
export function summarized(array: RecordedArray, withHash: boolean): ArraySummary {
  const summary = summaryOf(array.data)
  const hash = withHash ? hashOf(array.dtype, bytesOf(array.data, summary.nonFiniteCount > 0)) : null
  return { ...summary, hash: hash?.toString('hex') ?? null }
}
