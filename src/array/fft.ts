/** Discrete Fourier transforms along the last axis, of any length, on pairs of real arrays. Computed in float64, rounded once. */
import { kernel } from './kernel.js'
import { cos, sin } from './math/trigonometry.js'
import { allocate, type NDArray } from './ndarray.js'

/**
 * y[k] = Σ x[j]·e^(∓2πi·jk/n) along the last axis, without a factor: minus forwards, plus with `inverse`.
 *
 * Lengths that are powers of two by halves (Cooley and Tukey), others as a convolution of such a length (Bluestein): n·log n steps.
 */
export function fourier(real: NDArray, imaginary: NDArray, inverse: boolean): [NDArray, NDArray] {
  const n = real.shape.at(-1)!
  const outs = [real, imaginary].map(({ dtype, shape, size }) => allocate(dtype, shape, size)) as [
    NDArray,
    NDArray,
  ]
  if (n >= 2) {
    const { length, tables } = tablesOf(n, inverse)
    const [x, y, outRe, outIm] = [real, imaginary, outs[0], outs[1]]
    const done = kernel.fused?.fourierRows(
      ...([real.size / n, n, length, tables, x.buffer, x.offset, y.buffer, y.offset] as const),
      ...([outRe.buffer, outRe.offset, outIm.buffer, outIm.offset] as const),
    )
    if (done === true) return outs
  }
  const transform = transformOf(n, inverse)
  const [re, im] = [new Float64Array(n), new Float64Array(n)]
  for (let row = 0; row < real.size; row += n) {
    for (let j = 0; j < n; j++) {
      re[j] = real.buffer[real.offset + row + j]!
      im[j] = imaginary.buffer[imaginary.offset + row + j]!
    }
    transform(re, im)
    outs[0].buffer.set(re, outs[0].offset + row)
    outs[1].buffer.set(im, outs[1].offset + row)
  }
  return outs
}

/** What the transforms of a length need: the roots of a power of two, or the chirp, its transform and the roots of that length. */
interface Tables {
  readonly length: number
  readonly tables: Float64Array
}

/** Those of the last lengths: a program transforms rows of few. */
const known = new Map<string, Tables>()
const KNOWN_MAX = 8

function tablesOf(n: number, inverse: boolean): Tables {
  const key = `${n} ${inverse}`
  const found = known.get(key)
  if (found !== undefined) return found
  if (known.size >= KNOWN_MAX) known.clear()
  const made = isPowerOfTwo(n)
    ? { length: n, tables: joined(roots(n, n / 2, inverse)) }
    : chirpTables(n, inverse)
  known.set(key, made)
  return made
}

function chirpTables(n: number, inverse: boolean): Tables {
  const { length, chirp, transformed } = chirpOf(n, inverse)
  return { length, tables: joined([...chirp, ...transformed, ...roots(length, length / 2, false)]) }
}

function joined(parts: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(parts.reduce((size, part) => size + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

const isPowerOfTwo = (n: number) => (n & (n - 1)) === 0

/** Transforms a row in its place. */
type Transform = (re: Float64Array, im: Float64Array) => void

function transformOf(n: number, inverse: boolean): Transform {
  return n < 2 ? () => undefined : isPowerOfTwo(n) ? byHalves(n, inverse) : asConvolution(n, inverse)
}

/** cos and sin of 2π·k/n for k below `count`, with the sign of the direction. */
function roots(n: number, count: number, inverse: boolean): [Float64Array, Float64Array] {
  const sign = inverse ? 1 : -1
  const angle = (k: number) => (2 * Math.PI * k) / n
  return [
    Float64Array.from({ length: count }, (_, k) => cos(angle(k))),
    Float64Array.from({ length: count }, (_, k) => sign * sin(angle(k))),
  ]
}

function byHalves(n: number, inverse: boolean): Transform {
  const [cosines, sines] = roots(n, n / 2, inverse)
  const reversed = new Uint32Array(n)
  for (let i = 1; i < n; i++) reversed[i] = (reversed[i >> 1]! >> 1) | (i & 1 ? n >> 1 : 0)
  return (re, im) => {
    for (let i = 0; i < n; i++) {
      const j = reversed[i]!
      if (j <= i) continue
      ;[re[i], re[j]] = [re[j]!, re[i]!]
      ;[im[i], im[j]] = [im[j]!, im[i]!]
    }
    for (let half = 1; half < n; half *= 2) {
      const step = n / (2 * half)
      for (let start = 0; start < n; start += 2 * half) {
        for (let k = 0; k < half; k++) {
          const [a, b] = [start + k, start + k + half]
          const [c, s] = [cosines[k * step]!, sines[k * step]!]
          const x = re[b]! * c - im[b]! * s
          const y = re[b]! * s + im[b]! * c
          re[b] = re[a]! - x
          im[b] = im[a]! - y
          re[a] = re[a]! + x
          im[a] = im[a]! + y
        }
      }
    }
  }
}

/** w[j] = e^(∓πi·j²/n), and the transform of w̄, at both ends of a power of two, so that convolutions with it do not meet. */
function chirpOf(
  n: number,
  inverse: boolean,
): { length: number; chirp: [Float64Array, Float64Array]; transformed: [Float64Array, Float64Array] } {
  let length = 1
  while (length < 2 * n - 1) length *= 2
  // j² modulo 2n: the angle of a large square would lose its last digits.
  const [allCosines, allSines] = roots(2 * n, 2 * n, inverse)
  const chirpRe = Float64Array.from({ length: n }, (_, j) => allCosines[(j * j) % (2 * n)]!)
  const chirpIm = Float64Array.from({ length: n }, (_, j) => allSines[(j * j) % (2 * n)]!)
  const [kernelRe, kernelIm] = [new Float64Array(length), new Float64Array(length)]
  for (let j = 0; j < n; j++) {
    for (const at of j === 0 ? [0] : [j, length - j]) {
      kernelRe[at] = chirpRe[j]!
      kernelIm[at] = -chirpIm[j]!
    }
  }
  byHalves(length, false)(kernelRe, kernelIm)
  return { length, chirp: [chirpRe, chirpIm], transformed: [kernelRe, kernelIm] }
}

/** jk = (j² + k² − (k − j)²)/2: y[k] = w[k]·Σ (x[j]·w[j])·w̄[k − j], where w[j] = e^(∓πi·j²/n). */
function asConvolution(n: number, inverse: boolean): Transform {
  const {
    length,
    chirp: [chirpRe, chirpIm],
    transformed: [kernelRe, kernelIm],
  } = chirpOf(n, inverse)
  const forward = byHalves(length, false)
  const [a, b] = [new Float64Array(length), new Float64Array(length)]
  return (re, im) => {
    a.fill(0)
    b.fill(0)
    for (let j = 0; j < n; j++) {
      a[j] = re[j]! * chirpRe[j]! - im[j]! * chirpIm[j]!
      b[j] = re[j]! * chirpIm[j]! + im[j]! * chirpRe[j]!
    }
    forward(a, b)
    for (let k = 0; k < length; k++) {
      const x = a[k]! * kernelRe[k]! - b[k]! * kernelIm[k]!
      b[k] = a[k]! * kernelIm[k]! + b[k]! * kernelRe[k]!
      a[k] = x
    }
    // Backwards is the same with the parts exchanged, bit for bit.
    forward(b, a)
    for (let k = 0; k < n; k++) {
      const [x, y] = [a[k]! / length, b[k]! / length]
      re[k] = x * chirpRe[k]! - y * chirpIm[k]!
      im[k] = x * chirpIm[k]! + y * chirpRe[k]!
    }
  }
}
