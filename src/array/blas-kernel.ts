/**
 * The optional kernel that gives large matrix products to the machine's BLAS and everything else to the portable
 * kernel. Every call is checked before it leaves JavaScript, as the library would read and write wherever it is told.
 *
 * Its results are another kernel's: BLAS adds in its own order and may fuse product and sum, as its build, the
 * core and the number of threads have it, all of which are in the id. The same id gives the same bits. Between two
 * ids, and between this kernel and the portable one, an element of a product differs by at most
 *
 *     2γ·Σ|a[i, k]|·|b[k, j]|,   γ = k·u / (1 − k·u),   u = 2^-53 (float64) or 2^-24 (float32)
 *
 * (about k·ε times what the element would be if nothing cancelled), as any order of k products and sums stays
 * within γ of the exact value when nothing over- or underflows. Higham, Accuracy and Stability of Numerical Algorithms,
 * section 3.1.
 */
import { TapeError } from '../errors.js'
import { AS_IS, type BlasLibrary, loadBlas, ROW_MAJOR, TRANSPOSED } from './blas-library.js'
import type { TypedArray } from './dtype.js'
import { nativeKernel } from './native-kernel.js'
import type { Kernel } from './primitives.js'

/**
 * Products with fewer multiplications than this are the portable kernel's. A part of the id's meaning: to change it
 * is to change results, so it takes another number in `blas-1`.
 */
export const BLAS_PRODUCT_MIN = 4096

const INT32_MAX = 2 ** 31 - 1

type Floats = Float64Array | Float32Array

let made: Kernel | undefined

/**
 * The BLAS kernel of this thread, with the library found at the first call.
 *
 * Throws   KERNEL_UNAVAILABLE, BAD_ARGUMENT as `loadBlas`.
 */
export function blasKernel(): Kernel {
  made ??= blasKernelWith(loadBlas())
  return made
}

/** The kernel over a library that was loaded already. */
export function blasKernelWith(library: BlasLibrary): Kernel {
  return Object.freeze<Kernel>({
    ...nativeKernel,
    id: `blas-1+${nativeKernel.id} ${library.id}`,
    // The products of a convolution are this kernel's own.
    fused: { ...nativeKernel.fused!, convolve: () => false },

    matmul(m, k, n, a, ao, ar, ac, b, bo, br, bc, out, oo) {
      if (m * k * n < BLAS_PRODUCT_MIN || !(a instanceof Float64Array || a instanceof Float32Array)) {
        return nativeKernel.matmul(m, k, n, a, ao, ar, ac, b, bo, br, bc, out, oo)
      }
      const aLine = lineOf(m, k, ar, ac)
      const aTurned = aLine === 0 ? lineOf(k, m, ac, ar) : 0
      const bLine = lineOf(k, n, br, bc)
      const bTurned = bLine === 0 ? lineOf(n, k, bc, br) : 0
      // Steps that BLAS has no words for: neither a matrix nor a transposed one.
      if (aLine + aTurned === 0 || bLine + bTurned === 0) {
        return nativeKernel.matmul(m, k, n, a, ao, ar, ac, b, bo, br, bc, out, oo)
      }
      checkTypes(a, b, out)
      const x = operand('a', a, ao, aLine > 0 ? m : k, aLine > 0 ? k : m, aLine + aTurned)
      const y = operand('b', b as Floats, bo, bLine > 0 ? k : n, bLine > 0 ? n : k, bLine + bTurned)
      const z = operand('out', out as Floats, oo, m, n, n)
      if (overlap(x, z) || overlap(y, z)) {
        throw new TapeError(
          'BAD_ARGUMENT',
          `the BLAS kernel expected the result of [${m}, ${k}] · [${k}, ${n}] in memory of its own, got an operand's; allocate it`,
        )
      }
      const gemm = a instanceof Float64Array ? library.gemm64 : library.gemm32
      gemm(
        ROW_MAJOR,
        aLine > 0 ? AS_IS : TRANSPOSED,
        bLine > 0 ? AS_IS : TRANSPOSED,
        m,
        n,
        k,
        1,
        x,
        aLine + aTurned,
        y,
        bLine + bTurned,
        0,
        z,
        n,
      )
    },
  })
}

/** Elements from one row to the next, if elements of a row are neighbours and rows do not overlap; else 0. */
function lineOf(rows: number, columns: number, row: number, column: number): number {
  if (column !== 1 && columns !== 1) return 0
  if (rows === 1) return columns
  return row >= columns ? row : 0
}

function checkTypes(a: Floats, b: TypedArray, out: TypedArray): void {
  if (a.constructor === b.constructor && a.constructor === out.constructor) return
  throw new TapeError(
    'BAD_DTYPE',
    `the BLAS kernel expected a, b and the result in one dtype, got ${a.constructor.name}, ${b.constructor.name} and ${out.constructor.name}; convert with astype`,
  )
}

/** The elements that the library may touch, and no others. */
function operand(
  name: string,
  x: Floats,
  offset: number,
  rows: number,
  columns: number,
  line: number,
): Floats {
  const end = offset + (rows - 1) * line + columns
  if (!isSize(rows) || !isSize(columns) || !isSize(line) || line < columns) {
    throw new TapeError(
      'BAD_ARGUMENT',
      `the BLAS kernel expected whole sizes up to ${INT32_MAX}, got ${name} [${rows}, ${columns}] with rows ${line} apart; use the portable kernel for larger ones`,
    )
  }
  if (!Number.isSafeInteger(offset) || offset < 0 || end > x.length) {
    throw new TapeError(
      'INDEX_OUT_OF_RANGE',
      `the BLAS kernel expected ${name} [${rows}, ${columns}] with rows ${line} apart inside ${x.length} elements, got [${offset}, ${end})`,
    )
  }
  return offset === 0 && end === x.length ? x : x.subarray(offset, end)
}

function isSize(count: number): boolean {
  return Number.isInteger(count) && count >= 1 && count <= INT32_MAX
}

/** Two typed arrays of one buffer overlap when neither ends before the other begins. */
function overlap(x: Floats, y: Floats): boolean {
  if (x.buffer !== y.buffer) return false
  return x.byteOffset < y.byteOffset + y.byteLength && y.byteOffset < x.byteOffset + x.byteLength
}
