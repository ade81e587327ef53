/**
 * Fourier transforms by the factors of the length: fours, twos, then odd primes (Stockham, decimation in frequency). The twin of
 * src/array/native/code/radices.hpp, operation for operation. A length with a larger prime is left to fft.ts.
 *
 * With e(k) = cos(2πk/n) − i·sin(2πk/n); backwards is forwards with the parts exchanged.
 */
import type { TypedArray } from './dtype.js'
import { fourier } from './fft.js'
import { kernel } from './kernel.js'
import { cos, sin } from './math/trigonometry.js'
import { allocate, type NDArray } from './ndarray.js'

/** A prime takes as many steps for each number as it is large; beyond this one a convolution takes fewer. */
const PRIME_MAX = 61

/** What rows are: complex numbers, real ones that become their half of a spectrum, or such halves that become real. */
export const FOURIER_ROWS = { complex: 0, real: 1, half: 2 } as const

/** As `fourier` of fft.ts, with other roundings. */
export function fourierByRadices(real: NDArray, imaginary: NDArray, inverse: boolean): [NDArray, NDArray] {
  const n = real.shape.at(-1)!
  if (radicesOf(n) === null) return fourier(real, imaginary, inverse)
  const { dtype, shape, size } = real
  const outs: [NDArray, NDArray] = [allocate(dtype, shape, size), allocate(dtype, shape, size)]
  const [x, y] = inverse ? [imaginary, real] : [real, imaginary]
  const [outX, outY] = inverse ? [outs[1], outs[0]] : outs
  if (inNative('complex', x, y, outX, outY, size / n, n)) return outs
  const row = rowOf(n)
  for (let at = 0; at < size; at += n) {
    for (let j = 0; j < n; j++) {
      row.re[j] = x.buffer[x.offset + at + j]!
      row.im[j] = y.buffer[y.offset + at + j]!
    }
    const { re, im } = transformed(row)
    outX.buffer.set(re, outX.offset + at)
    outY.buffer.set(im, outY.offset + at)
  }
  return outs
}

/**
 * y[k] = Σ x[j]·e(jk) for k up to ⌊n/2⌋, of real rows: of an even n by one transform of n/2, of pairs of neighbours.
 */
export function realRowsFourier(x: NDArray): [NDArray, NDArray] {
  const n = x.shape.at(-1)!
  const m = Math.floor(n / 2) + 1
  const rows = x.size / n
  const shape = [...x.shape.slice(0, -1), m]
  const outs: [NDArray, NDArray] = [allocate(x.dtype, shape, rows * m), allocate(x.dtype, shape, rows * m)]
  const [re, im] = outs
  if (inNative('real', x, x, re, im, rows, n)) return outs
  const h = n % 2 === 0 ? n / 2 : n
  const [a, b] = [allocate('float64', [rows, h], rows * h), allocate('float64', [rows, h], rows * h)]
  if (h === n) {
    for (let i = 0; i < rows * n; i++) a.buffer[a.offset + i] = x.buffer[x.offset + i]!
    const [p, q] = fourierByRadices(a, b, false)
    for (let row = 0; row < rows; row++)
      for (let k = 0; k < m; k++) {
        re.buffer[re.offset + row * m + k] = p.buffer[p.offset + row * n + k]!
        im.buffer[im.offset + row * m + k] = k === 0 ? 0 : q.buffer[q.offset + row * n + k]!
      }
    return outs
  }
  for (let i = 0; i < rows * h; i++) {
    a.buffer[a.offset + i] = x.buffer[x.offset + 2 * i]!
    b.buffer[b.offset + i] = x.buffer[x.offset + 2 * i + 1]!
  }
  const [p, q] = fourierByRadices(a, b, false)
  const { cosines, sines } = rootsOf(n)
  for (let row = 0; row < rows; row++) {
    const [from, outRe, outIm] = [row * h, re.offset + row * m, im.offset + row * m]
    const [zr, zi] = [p.buffer[p.offset + from]!, q.buffer[q.offset + from]!]
    re.buffer[outRe] = zr + zi
    im.buffer[outIm] = 0
    re.buffer[outRe + h] = zr - zi
    im.buffer[outIm + h] = 0
    for (let k = 1; k <= h - k; k++) {
      const [ar, ai] = [p.buffer[p.offset + from + k]!, q.buffer[q.offset + from + k]!]
      const [br, bi] = [p.buffer[p.offset + from + h - k]!, q.buffer[q.offset + from + h - k]!]
      const er = (ar + br) * 0.5
      const ei = (ai - bi) * 0.5
      const or = (ai + bi) * 0.5
      const oi = (br - ar) * 0.5
      const [c, s] = [cosines[k]!, sines[k]!]
      const tr = or * c + oi * s
      const ti = oi * c - or * s
      re.buffer[outRe + k] = er + tr
      im.buffer[outIm + k] = ei + ti
      re.buffer[outRe + h - k] = er - tr
      im.buffer[outIm + h - k] = ti - ei
    }
  }
  return outs
}

/**
 * z[j] = Σ Re(y[k]·e(−jk)) for j below n, of the k up to ⌊n/2⌋ that y has: `realRowsFourier` turned around, so that each is the derivative of the
 * other. Of an even n by one transform of n/2.
 */
export function halfRowsFourier(real: NDArray, imaginary: NDArray, n: number): NDArray {
  const m = Math.floor(n / 2) + 1
  const rows = real.size / m
  const out = allocate(real.dtype, [...real.shape.slice(0, -1), n], rows * n)
  if (inNative('half', real, imaginary, out, out, rows, n)) return out
  const h = n % 2 === 0 ? n / 2 : n
  const [a, b] = [allocate('float64', [rows, h], rows * h), allocate('float64', [rows, h], rows * h)]
  if (h === n) {
    for (let row = 0; row < rows; row++)
      for (let k = 0; k < m; k++) {
        a.buffer[a.offset + row * n + k] = real.buffer[real.offset + row * m + k]!
        b.buffer[b.offset + row * n + k] = imaginary.buffer[imaginary.offset + row * m + k]!
      }
    const [p] = fourierByRadices(a, b, true)
    for (let i = 0; i < rows * n; i++) out.buffer[out.offset + i] = p.buffer[p.offset + i]!
    return out
  }
  const { cosines, sines } = rootsOf(n)
  for (let row = 0; row < rows; row++) {
    const [to, re, im] = [row * h, real.offset + row * m, imaginary.offset + row * m]
    const [first, last] = [real.buffer[re]!, real.buffer[re + h]!]
    a.buffer[a.offset + to] = first + last
    b.buffer[b.offset + to] = first - last
    for (let k = 1; k <= h - k; k++) {
      const [ar, ai] = [real.buffer[re + k]!, imaginary.buffer[im + k]!]
      const [br, bi] = [real.buffer[re + h - k]!, imaginary.buffer[im + h - k]!]
      const er = (ar + br) * 0.5
      const ei = (ai - bi) * 0.5
      const dr = (ar - br) * 0.5
      const di = (ai + bi) * 0.5
      const [c, s] = [cosines[k]!, sines[k]!]
      const or = dr * c - di * s
      const oi = dr * s + di * c
      a.buffer[a.offset + to + k] = er - oi
      b.buffer[b.offset + to + k] = ei + or
      a.buffer[a.offset + to + h - k] = er + oi
      b.buffer[b.offset + to + h - k] = or - ei
    }
  }
  const [p, q] = fourierByRadices(a, b, true)
  for (let i = 0; i < rows * h; i++) {
    out.buffer[out.offset + 2 * i] = p.buffer[p.offset + i]!
    out.buffer[out.offset + 2 * i + 1] = q.buffer[q.offset + i]!
  }
  return out
}

function inNative(
  kind: keyof typeof FOURIER_ROWS,
  x: NDArray,
  y: NDArray,
  outX: NDArray,
  outY: NDArray,
  rows: number,
  n: number,
): boolean {
  if (n < 2 || x.dtype !== 'float64' || radicesOf(kind !== 'complex' && n % 2 === 0 ? n / 2 : n) === null)
    return false
  const operands: [TypedArray, number, TypedArray, number] = [x.buffer, x.offset, y.buffer, y.offset]
  const { table } = rootsOf(n)
  return (
    kernel.fused?.fourierByRadices(
      FOURIER_ROWS[kind],
      rows,
      n,
      table,
      ...operands,
      outX.buffer,
      outX.offset,
      outY.buffer,
      outY.offset,
    ) === true
  )
}

/** The factors of n in the order in which they are taken; null where one is too large. */
function radicesOf(n: number): number[] | null {
  const radices: number[] = []
  let rest = n
  for (; rest % 4 === 0; rest /= 4) radices.push(4)
  if (rest % 2 === 0) {
    radices.push(2)
    rest /= 2
  }
  for (let p = 3; p <= PRIME_MAX; p += 2) for (; rest % p === 0; rest /= p) radices.push(p)
  return rest === 1 ? radices : null
}

interface Roots {
  /** n cosines and behind them n sines. */
  readonly table: Float64Array
  readonly cosines: Float64Array
  readonly sines: Float64Array
}

/** Those of the last lengths: a program transforms rows of few. */
const known = new Map<number, Roots>()
const KNOWN_MAX = 8

/** cos and sin of 2π·k/n, each of an angle of the first eighth, where nothing is lost. */
function rootsOf(n: number): Roots {
  const found = known.get(n)
  if (found !== undefined) return found
  if (known.size >= KNOWN_MAX) known.clear()
  const table = new Float64Array(2 * n)
  for (let k = 0; k < n; k++) {
    const quarter = Math.floor((4 * k) / n)
    const rest = 4 * k - quarter * n
    const isFar = 2 * rest > n
    const angle = (Math.PI * (isFar ? n - rest : rest)) / (2 * n)
    const c = isFar ? sin(angle) : cos(angle)
    const s = isFar ? cos(angle) : sin(angle)
    table[k] = quarter === 0 ? c : quarter === 1 ? 0 - s : quarter === 2 ? 0 - c : s
    table[n + k] = quarter === 0 ? s : quarter === 1 ? c : quarter === 2 ? 0 - s : 0 - c
  }
  const made = { table, cosines: table.subarray(0, n), sines: table.subarray(n) }
  known.set(n, made)
  return made
}

/** A row, room for another, and what its transform needs. */
interface Row {
  readonly n: number
  readonly radices: readonly number[]
  readonly roots: Roots
  readonly re: Float64Array
  readonly im: Float64Array
  readonly otherRe: Float64Array
  readonly otherIm: Float64Array
}

function rowOf(n: number): Row {
  const [re, im, otherRe, otherIm] = Array.from({ length: 4 }, () => new Float64Array(n)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ]
  return { n, radices: radicesOf(n)!, roots: rootsOf(n), re, im, otherRe, otherIm }
}

/** The row transformed: in its place or in the other one. */
function transformed(row: Row): { re: Float64Array; im: Float64Array } {
  let [re, im, outRe, outIm] = [row.re, row.im, row.otherRe, row.otherIm]
  let before = 1
  for (const radix of row.radices) {
    if (radix === 2) byTwo(row, before, re, im, outRe, outIm)
    else if (radix === 4) byFour(row, before, re, im, outRe, outIm)
    else byOdd(row, radix, before, re, im, outRe, outIm)
    ;[re, im, outRe, outIm] = [outRe, outIm, re, im]
    before *= radix
  }
  return { re, im }
}

type Step = (
  row: Row,
  before: number,
  re: Float64Array,
  im: Float64Array,
  outRe: Float64Array,
  outIm: Float64Array,
) => void

const byTwo: Step = ({ n, roots: { cosines, sines } }, before, re, im, outRe, outIm) => {
  const inner = n / (2 * before)
  for (let i = 0; i < inner; i++) {
    const [c, s] = [cosines[i * before]!, sines[i * before]!]
    for (let k = 0; k < before; k++) {
      const a = i + inner * 2 * k
      const b = a + inner
      const to = i + inner * k
      outRe[to] = re[a]! + re[b]!
      outIm[to] = im[a]! + im[b]!
      place(outRe, outIm, to + inner * before, re[a]! - re[b]!, im[a]! - im[b]!, c, s, i)
    }
  }
}

const byFour: Step = ({ n, roots: { cosines, sines } }, before, re, im, outRe, outIm) => {
  const inner = n / (4 * before)
  const far = inner * before
  for (let i = 0; i < inner; i++) {
    const w = i * before
    const [c1, s1, c2, s2] = [cosines[w]!, sines[w]!, cosines[2 * w]!, sines[2 * w]!]
    const [c3, s3] = [cosines[3 * w]!, sines[3 * w]!]
    for (let k = 0; k < before; k++) {
      const a = i + inner * 4 * k
      const to = i + inner * k
      const [r0, r1, r2, r3] = [re[a]!, re[a + inner]!, re[a + 2 * inner]!, re[a + 3 * inner]!]
      const [i0, i1, i2, i3] = [im[a]!, im[a + inner]!, im[a + 2 * inner]!, im[a + 3 * inner]!]
      const pr = r0 + r2
      const pi = i0 + i2
      const qr = r0 - r2
      const qi = i0 - i2
      const ur = r1 + r3
      const ui = i1 + i3
      const vr = r1 - r3
      const vi = i1 - i3
      outRe[to] = pr + ur
      outIm[to] = pi + ui
      place(outRe, outIm, to + far, qr + vi, qi - vr, c1, s1, i)
      place(outRe, outIm, to + 2 * far, pr - ur, pi - ui, c2, s2, i)
      place(outRe, outIm, to + 3 * far, qr - vi, qi + vr, c3, s3, i)
    }
  }
}

/** Of an odd p: places j and p − j together, their sums with cosines and their differences with sines. */
function byOdd(
  { n, roots: { cosines, sines } }: Row,
  p: number,
  before: number,
  re: Float64Array,
  im: Float64Array,
  outRe: Float64Array,
  outIm: Float64Array,
): void {
  const inner = n / (p * before)
  const far = inner * before
  const half = (p - 1) / 2
  const around = n / p
  const [sumRe, sumIm] = [new Float64Array(half + 1), new Float64Array(half + 1)]
  const [lessRe, lessIm] = [new Float64Array(half + 1), new Float64Array(half + 1)]
  for (let i = 0; i < inner; i++) {
    const w = i * before
    for (let k = 0; k < before; k++) {
      const a = i + inner * p * k
      const to = i + inner * k
      const [r0, i0] = [re[a]!, im[a]!]
      let [allRe, allIm] = [r0, i0]
      for (let j = 1; j <= half; j++) {
        const [x, y] = [a + inner * j, a + inner * (p - j)]
        sumRe[j] = re[x]! + re[y]!
        sumIm[j] = im[x]! + im[y]!
        lessRe[j] = re[x]! - re[y]!
        lessIm[j] = im[x]! - im[y]!
        allRe += sumRe[j]!
        allIm += sumIm[j]!
      }
      outRe[to] = allRe
      outIm[to] = allIm
      for (let q = 1; q <= half; q++) {
        let [ur, ui] = [r0, i0]
        let [vr, vi] = [0, 0]
        for (let j = 1; j <= half; j++) {
          const at = ((j * q) % p) * around
          const [c, s] = [cosines[at]!, sines[at]!]
          ur += sumRe[j]! * c
          ui += sumIm[j]! * c
          vr += lessRe[j]! * s
          vi += lessIm[j]! * s
        }
        const [near, other] = [q * w, (p - q) * w]
        place(outRe, outIm, to + q * far, ur + vi, ui - vr, cosines[near]!, sines[near]!, i)
        place(outRe, outIm, to + (p - q) * far, ur - vi, ui + vr, cosines[other]!, sines[other]!, i)
      }
    }
  }
}

/** A number times its root; the first of each run has the root 1. */
function place(
  outRe: Float64Array,
  outIm: Float64Array,
  to: number,
  re: number,
  im: number,
  c: number,
  s: number,
  i: number,
): void {
  outRe[to] = i === 0 ? re : re * c + im * s
  outIm[to] = i === 0 ? im : im * c - re * s
}
