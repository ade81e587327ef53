/**
 * Random numbers from a key and a counter, without hidden state: the same pair gives the same numbers on
 * every machine, so a tape that keeps the pair can draw them again. A default generator hands out pairs for
 * those who bring none.
 *
 * Source   Philox4x32-10 of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011).
 */
import { TapeError } from '../errors.js'
import { checkOptions } from '../options.js'
import { type DType, getDefaultDtype } from './dtype.js'
import { log } from './math/log.js'
import { cos, sin } from './math/trigonometry.js'
import { allocate, type NDArray } from './ndarray.js'
import { requireShape, type Shape } from './shape.js'

/** What determines a draw: the stream (seed) and the place in it (counter), integers from 0 to 2^53 − 1. */
export type RandomKey = { readonly seed: number; readonly counter: number }

// --- the generator -----------------------------------------------------------------------------------------

/** The high 32 bits of the product of two unsigned 32-bit integers, from four products of 16-bit halves. */
function high(a: number, b: number): number {
  const a0 = a & 0xffff
  const a1 = a >>> 16
  const b0 = b & 0xffff
  const b1 = b >>> 16
  const middle = a1 * b0 + ((a0 * b0) >>> 16)
  const other = a0 * b1 + (middle & 0xffff)
  return (a1 * b1 + Math.floor(middle / 65536) + Math.floor(other / 65536)) >>> 0
}

/** One block: four words from a counter of four words and a key of two, written at out[at … at + 4). */
export function philox(
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  k0: number,
  k1: number,
  out: Uint32Array,
  at: number,
): void {
  for (let round = 0; round < 10; round++) {
    const high0 = high(0xd2511f53, c0)
    const low0 = Math.imul(0xd2511f53, c0) >>> 0
    const high1 = high(0xcd9e8d57, c2)
    const low1 = Math.imul(0xcd9e8d57, c2) >>> 0
    c0 = (high1 ^ c1 ^ k0) >>> 0
    c1 = low1
    c2 = (high0 ^ c3 ^ k1) >>> 0
    c3 = low0
    k0 = (k0 + 0x9e3779b9) >>> 0
    k1 = (k1 + 0xbb67ae85) >>> 0
  }
  out[at] = c0
  out[at + 1] = c1
  out[at + 2] = c2
  out[at + 3] = c3
}

/**
 * `count` words of 32 random bits. The counter names the draw, not the word: draws of any length never
 * overlap.
 */
export function randomWords(key: RandomKey, count: number): Uint32Array {
  const { seed, counter } = requireKey(key)
  const blocks = Math.ceil(count / 4)
  const words = new Uint32Array(blocks * 4)
  const k0 = seed % 2 ** 32
  const k1 = Math.floor(seed / 2 ** 32)
  const c2 = counter % 2 ** 32
  const c3 = Math.floor(counter / 2 ** 32)
  for (let block = 0; block < blocks; block++) philox(block, 0, c2, c3, k0, k1, words, block * 4)
  return words.subarray(0, count)
}

function requireKey(key: RandomKey): RandomKey {
  for (const part of [key.seed, key.counter]) {
    if (!Number.isSafeInteger(part) || part < 0) {
      throw new TapeError(
        'BAD_ARGUMENT',
        `random numbers expected a seed and a counter that are integers from 0 to 2^53 − 1, got ${String(part)}`,
      )
    }
  }
  return key
}

// --- the default generator ---------------------------------------------------------------------------------

let state: RandomKey = { seed: 0, counter: 0 }

/**
 * Starts the default generator anew; the same seed gives the same draws. It starts with seed 0.
 *
 * Throws   BAD_ARGUMENT unless the seed is an integer from 0 to 2^53 − 1.
 */
export function seedRandom(seed: number): void {
  state = requireKey({ seed, counter: 0 })
}

/** The next pair of the default generator, for one draw. */
export function nextRandomKey(): RandomKey {
  const key = state
  state = { seed: key.seed, counter: key.counter + 1 }
  return key
}

/** Where the default generator stands: what a checkpoint keeps. */
export function randomState(): RandomKey {
  return state
}

/** Puts the default generator back to where it stood. Throws BAD_ARGUMENT. */
export function setRandomState(key: RandomKey): void {
  state = { seed: requireKey(key).seed, counter: key.counter }
}

// --- draws -------------------------------------------------------------------------------------------------

/** Uniform numbers in [least, most), but for a last rounding: 53 random bits each in float64, 24 in float32. */
export function uniform(
  shape: Shape,
  options: { least?: number; most?: number; dtype?: DType; key?: RandomKey } = {},
): NDArray {
  checkOptions(options, ['least', 'most', 'dtype', 'key'], 'uniform')
  const { least = 0, most = 1, dtype = getDefaultDtype(), key = nextRandomKey() } = options
  const out = allocate(requireFloating(dtype, 'uniform'), Object.freeze([...requireShape(shape, 'uniform')]))
  const units = unitsOf(key, out.size, dtype)
  for (let i = 0; i < out.size; i++) out.buffer[out.offset + i] = least + (most - least) * units[i]!
  return out
}

/** Normally distributed numbers, by Box and Muller from two uniform ones each pair. */
export function normal(
  shape: Shape,
  options: { mean?: number; deviation?: number; dtype?: DType; key?: RandomKey } = {},
): NDArray {
  checkOptions(options, ['mean', 'deviation', 'dtype', 'key'], 'normal')
  const { mean = 0, deviation = 1, dtype = getDefaultDtype(), key = nextRandomKey() } = options
  const out = allocate(requireFloating(dtype, 'normal'), Object.freeze([...requireShape(shape, 'normal')]))
  const units = unitsOf(key, out.size + (out.size % 2), 'float64')
  for (let i = 0; i < out.size; i += 2) {
    // 1 − u is in (0, 1], so the logarithm is finite.
    const radius = Math.sqrt(-2 * log(1 - units[i]!)) * deviation
    const angle = 2 * Math.PI * units[i + 1]!
    out.buffer[out.offset + i] = mean + radius * cos(angle)
    if (i + 1 < out.size) out.buffer[out.offset + i + 1] = mean + radius * sin(angle)
  }
  return out
}

/** The integers 0 … n − 1 in random order, as int32 (Fisher and Yates). */
export function permutation(n: number, options: { key?: RandomKey } = {}): NDArray {
  checkOptions(options, ['key'], 'permutation')
  if (!Number.isInteger(n) || n < 0 || n > 2 ** 31) {
    throw new TapeError('BAD_ARGUMENT', `permutation expected a count from 0 to 2^31, got ${String(n)}`)
  }
  const units = unitsOf(options.key ?? nextRandomKey(), n, 'float64')
  const out = allocate('int32', Object.freeze([n]))
  const { buffer, offset } = out
  for (let i = 0; i < n; i++) buffer[offset + i] = i
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(units[i]! * (i + 1))
    const kept = buffer[offset + i]!
    buffer[offset + i] = buffer[offset + j]!
    buffer[offset + j] = kept
  }
  return out
}

/** Numbers in [0, 1), multiples of 2⁻⁵³, or of 2⁻²⁴ for float32. */
function unitsOf(key: RandomKey, count: number, dtype: DType): Float64Array {
  const units = new Float64Array(count)
  if (dtype === 'float32') {
    const words = randomWords(key, count)
    for (let i = 0; i < count; i++) units[i] = (words[i]! >>> 8) * 2 ** -24
    return units
  }
  const words = randomWords(key, count * 2)
  for (let i = 0; i < count; i++) {
    units[i] = ((words[2 * i]! >>> 5) * 2 ** 26 + (words[2 * i + 1]! >>> 6)) * 2 ** -53
  }
  return units
}

function requireFloating(dtype: DType, what: string): DType {
  if (dtype === 'float64' || dtype === 'float32') return dtype
  throw new TapeError('BAD_DTYPE', `${what} expected float64 or float32, got ${String(dtype)}`)
}
