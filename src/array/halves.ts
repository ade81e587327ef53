/**
 * The kernel `portable-2`: the loops of `portable-1`, and long sums by halves. A sum of many terms that are added one after
 * another loses a digit of float32 for every ten terms that are as large as each other, and stops growing at 2^24 ones. Added
 * by halves, its error grows with the logarithm of their number.
 *
 * Three sums are cut: a product over k in blocks of at most 1024 terms, the sum of rows in blocks of at most 512, and the sum
 * of parts (of images, of what lies before a kept axis) in blocks of at most 128. A block is what `portable-1` computes. So
 * whatever is shorter has the bits of `portable-1`, and every way to compute a block (plain loops, WebAssembly) gives the same
 * whole. docs/kernels.md says the order so that somebody else can compute it.
 */
import type { TypedArray } from './dtype.js'
import type { Cut } from './fused-primitives.js'
import type { Kernel } from './primitives.js'

/** Products of at most this many terms an element are one block. */
const PRODUCT_BLOCK = 1024
/** A first half of a product holds a multiple of this many terms. */
const PRODUCT_STEP = 512
/** Sums of at most this many rows are one block. */
const ROWS_BLOCK = 512
/** A first half of rows holds a multiple of this many. */
const ROWS_STEP = 256

/** Sums of at most this many parts are one block. */
const PARTS_BLOCK = 128
/** A first half of parts holds a multiple of this many. */
const PARTS_STEP = 8

const UNCUT: Cut = Object.freeze({ most: Number.POSITIVE_INFINITY, step: 1 })
const CUTS = Object.freeze({
  rows: Object.freeze<Cut>({ most: ROWS_BLOCK, step: ROWS_STEP }),
  parts: Object.freeze<Cut>({ most: PARTS_BLOCK, step: PARTS_STEP }),
  products: Object.freeze<Cut>({ most: PRODUCT_BLOCK, step: PRODUCT_STEP }),
})

/** How a kernel cuts sums over rows, over parts, or over the terms of a product. */
export function cutOf(kernel: Kernel, of: keyof typeof CUTS): Cut {
  return kernel.sumsByHalves ? CUTS[of] : UNCUT
}

/** Elements of a result that are computed at once: their halves stay in the second cache. */
const TILE = 2 ** 17

/** How many of `count` terms the first half holds: half of them, rounded down to a multiple of `step`. */
function firstHalf(count: number, step: number): number {
  const half = Math.floor(count / 2)
  return half - (half % step)
}

/** The kernel `id` that computes blocks as `blocks` does, and adds them by halves. */
export function byHalves(blocks: Kernel, id: string): Kernel {
  return Object.freeze<Kernel>({
    ...blocks,
    id,
    sumsByHalves: true,

    matmul(m, k, n, a, ao, ar, ac, b, bo, br, bc, out, oo) {
      if (k <= PRODUCT_BLOCK || !(a instanceof Float64Array || a instanceof Float32Array)) {
        return blocks.matmul(m, k, n, a, ao, ar, ac, b, bo, br, bc, out, oo)
      }
      const rows = Math.max(1, Math.floor(TILE / Math.max(1, n)))
      for (let i = 0; i < m; i += rows) {
        const some = Math.min(rows, m - i)
        halvedProduct(blocks, some, k, n, a, ao + i * ar, ar, ac, b, bo, br, bc, out, oo + i * n, 0)
      }
    },

    accumulateRows(op, x, xo, rows, columns, out, oo) {
      const isFloat = x instanceof Float64Array || x instanceof Float32Array
      if (op !== 'sum' || rows <= ROWS_BLOCK || !isFloat) {
        return blocks.accumulateRows(op, x, xo, rows, columns, out, oo)
      }
      const total = spare(x, columns, 0)
      halvedRows(blocks, x, xo, rows, columns, total, 1)
      addTo(blocks, out, oo, total, columns)
    },
  })
}

function halvedProduct(
  blocks: Kernel,
  m: number,
  k: number,
  n: number,
  a: TypedArray,
  ao: number,
  ar: number,
  ac: number,
  b: TypedArray,
  bo: number,
  br: number,
  bc: number,
  out: TypedArray,
  oo: number,
  depth: number,
): void {
  if (k <= PRODUCT_BLOCK) return blocks.matmul(m, k, n, a, ao, ar, ac, b, bo, br, bc, out, oo)
  const half = firstHalf(k, PRODUCT_STEP)
  const second = spare(a, m * n, depth)
  halvedProduct(blocks, m, half, n, a, ao, ar, ac, b, bo, br, bc, out, oo, depth + 1)
  const [aFrom, bFrom] = [ao + half * ac, bo + half * br]
  halvedProduct(blocks, m, k - half, n, a, aFrom, ar, ac, b, bFrom, br, bc, second, 0, depth + 1)
  addTo(blocks, out, oo, second, m * n)
}

/** out[c] = the sum over rows of x[r, c]. */
function halvedRows(
  blocks: Kernel,
  x: TypedArray,
  xo: number,
  rows: number,
  columns: number,
  out: TypedArray,
  depth: number,
): void {
  if (rows <= ROWS_BLOCK) {
    out.fill(0, 0, columns)
    return blocks.accumulateRows('sum', x, xo, rows, columns, out, 0)
  }
  const half = firstHalf(rows, ROWS_STEP)
  const second = spare(x, columns, depth)
  halvedRows(blocks, x, xo, half, columns, out, depth + 1)
  halvedRows(blocks, x, xo + half * columns, rows - half, columns, second, depth + 1)
  addTo(blocks, out, 0, second, columns)
}

/**
 * Adds the parts `from` to `from + count` to out, `size` elements each: one after another up to 128, more of them by halves.
 * `part(i, to, start)` adds part i to `to`.
 */
export function sumParts(
  blocks: Kernel,
  from: number,
  count: number,
  out: TypedArray,
  start: number,
  size: number,
  part: (i: number, to: TypedArray, start: number) => void,
): void {
  if (count <= PARTS_BLOCK) {
    for (let i = from; i < from + count; i++) part(i, out, start)
    return
  }
  const half = firstHalf(count, PARTS_STEP)
  sumParts(blocks, from, half, out, start, size, part)
  const second = out instanceof Float64Array ? new Float64Array(size) : new Float32Array(size) // parts halve by themselves
  sumParts(blocks, from + half, count - half, second, 0, size, part)
  addTo(blocks, out, start, second, size)
}

/** out[i] += x[i] for i < count. */
export function addTo(blocks: Kernel, out: TypedArray, oo: number, x: TypedArray, count: number): void {
  blocks.binary('add', 1, count, out, oo, 0, 1, x, 0, 0, 1, out, oo)
}

/** By depth, for each of the two dtypes. */
const spares: Record<'wide' | 'narrow', TypedArray[]> = { wide: [], narrow: [] }
/** Longer ones are made anew each time, so that no memory of that size is held for ever. */
const SPARE_MAX = TILE

/** Memory for the second half at one depth of halving; what stood in it is not cleared. */
function spare(like: TypedArray, length: number, depth: number): TypedArray {
  const isWide = like instanceof Float64Array
  const known = spares[isWide ? 'wide' : 'narrow']
  const kept = known[depth]
  if (kept !== undefined && kept.length >= length) return kept
  const made = isWide ? new Float64Array(length) : new Float32Array(length)
  if (length <= SPARE_MAX) known[depth] = made
  return made
}
