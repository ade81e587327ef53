/**
 * Square matrices on arrays: factors, inverses, determinants. Plain loops in a fixed order, computed in float64 and rounded once to the dtype.
 * Pivots are the largest of their column, the first of equal ones.
 */
import { TapeError } from '../errors.js'
import { kernel } from './kernel.js'
import { log } from './math/log.js'
import { allocate, type NDArray } from './ndarray.js'
import { broadcastTo } from './rearrange.js'
import { foldRows, takeOuter } from './row-updates.js'
import { broadcastShapes, fixedShape, formatShape, type Shape, sameShape, sizeOf } from './shape.js'

/** The extent of square matrices over the last two axes, and how many there are. Throws BAD_SHAPE. */
export function squareOf(x: NDArray, what: string): { n: number; count: number } {
  const n = x.shape.at(-1)
  if (x.ndim < 2 || n === undefined || x.shape.at(-2) !== n)
    throw new TapeError(
      'BAD_SHAPE',
      `${what} expected square matrices [..., n, n], got ${formatShape(x.shape)}`,
    )
  return { n, count: sizeOf(x.shape.slice(0, -2)) }
}

function singular(what: string, index: number): never {
  throw new TapeError(
    'BAD_VALUE',
    `${what} expected matrices that can be inverted, got a singular one (number ${index}); its rows depend on each other`,
  )
}

function matrixAt(x: NDArray, index: number, n: number): Float64Array {
  const start = x.offset + index * n * n
  return new Float64Array(x.buffer.subarray(start, start + n * n))
}

/** L and U in the place of `a`, whose rows are exchanged as `rows` says; the sign is that of the exchanges. */
function factor(a: Float64Array, n: number): { rows: Int32Array; sign: number } {
  const rows = new Int32Array(n)
  for (let i = 0; i < n; i++) rows[i] = i
  const exchanges = kernel.fused?.factorRows(a, rows, n) ?? null
  if (exchanges !== null) return { rows, sign: exchanges }
  let sign = 1
  for (let k = 0; k < n; k++) {
    let pivot = k
    for (let i = k + 1; i < n; i++) if (Math.abs(a[i * n + k]!) > Math.abs(a[pivot * n + k]!)) pivot = i
    if (pivot !== k) {
      sign = -sign
      ;[rows[k], rows[pivot]] = [rows[pivot]!, rows[k]!]
      for (let j = 0; j < n; j++) [a[k * n + j], a[pivot * n + j]] = [a[pivot * n + j]!, a[k * n + j]!]
    }
    const diagonal = a[k * n + k]!
    if (diagonal === 0) continue
    for (let i = k + 1; i < n; i++) a[i * n + k] = a[i * n + k]! / diagonal
    const [below, beside, rest] = [(k + 1) * n + k, k * n + k + 1, n - k - 1]
    takeOuter(a, below + 1, n, a, below, n, a, beside, rest, rest)
  }
  return { rows, sign }
}

/** x of a·x = b for matrices a [..., n, n] and b [..., n, k], leading axes broadcast. Throws BAD_SHAPE, SHAPE_MISMATCH, BAD_VALUE. */
export function solve(a: NDArray, b: NDArray): NDArray {
  const { n } = squareOf(a, 'solve')
  if (b.ndim < 2 || b.shape.at(-2) !== n)
    throw new TapeError(
      'SHAPE_MISMATCH',
      `solve expected b [${n}] or [..., ${n}, k] for a ${formatShape(a.shape)}, got ${formatShape(b.shape)}`,
    )
  const lead = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2), 'solve')
  const columns = b.shape.at(-1)!
  const left = widened(a, [...lead, n, n])
  const right = widened(b, [...lead, n, columns])
  const out = allocate(a.dtype, fixedShape([...lead, n, columns]))
  for (let index = 0; index < sizeOf(lead); index++) {
    const lu = matrixAt(left, index, n)
    const { rows } = factor(lu, n)
    for (let i = 0; i < n; i++) if (lu[i * n + i] === 0) singular('solve', index)
    const x = new Float64Array(n * columns)
    const given = right.offset + index * n * columns
    for (let i = 0; i < n; i++) {
      const from = given + rows[i]! * columns
      x.set(right.buffer.subarray(from, from + columns), i * columns)
      foldRows(true, x, i * columns, lu, i * n, 1, x, 0, columns, i, columns)
    }
    for (let i = n - 1; i >= 0; i--) {
      const [at, below] = [i * columns, (i + 1) * columns]
      foldRows(true, x, at, lu, i * n + i + 1, 1, x, below, columns, n - i - 1, columns)
      const diagonal = lu[i * n + i]!
      for (let c = at; c < below; c++) x[c] = oneNaN(x[c]! / diagonal)
    }
    out.buffer.set(x, out.offset + index * n * columns)
  }
  return out
}

function oneNaN(value: number): number {
  return value === value ? value : NaN
}

function widened(x: NDArray, shape: Shape): NDArray {
  return sameShape(x.shape, shape) ? x : broadcastTo(x, fixedShape(shape))
}

/** The inverses. Throws BAD_SHAPE; BAD_VALUE for a singular matrix. */
export function inv(x: NDArray): NDArray {
  const { n } = squareOf(x, 'inv')
  const one = allocate(x.dtype, fixedShape([n, n]))
  for (let i = 0; i < n; i++) one.buffer[one.offset + i * n + i] = 1
  return solve(x, one)
}

/** The determinants. Throws BAD_SHAPE. */
export function det(x: NDArray): NDArray {
  const { n, count } = squareOf(x, 'det')
  const out = allocate(x.dtype, fixedShape(x.shape.slice(0, -2)), count)
  for (let index = 0; index < count; index++) {
    const lu = matrixAt(x, index, n)
    let value = factor(lu, n).sign
    for (let i = 0; i < n; i++) value *= lu[i * n + i]!
    // A determinant of 0 has no sign.
    out.buffer[out.offset + index] = value === 0 ? 0 : value === value ? value : NaN
  }
  return out
}

/** The signs of the determinants, and the logarithms of their sizes: −∞ for a singular matrix. Throws BAD_SHAPE. */
export function slogdet(x: NDArray): [signs: NDArray, logs: NDArray] {
  const { n, count } = squareOf(x, 'slogdet')
  const shape = fixedShape(x.shape.slice(0, -2))
  const signs = allocate(x.dtype, shape, count)
  const logs = allocate(x.dtype, shape, count)
  for (let index = 0; index < count; index++) {
    const lu = matrixAt(x, index, n)
    let { sign } = factor(lu, n)
    let size = 0
    for (let i = 0; i < n; i++) {
      const pivot = lu[i * n + i]!
      sign = pivot < 0 ? -sign : pivot > 0 ? sign : sign * pivot
      size += log(Math.abs(pivot))
    }
    signs.buffer[signs.offset + index] = sign === 0 ? 0 : sign === sign ? sign : NaN
    logs.buffer[logs.offset + index] = size === size ? size : NaN
  }
  return [signs, logs]
}

/** L of a = L·Lᵀ, lower, for the symmetric parts (x + xᵀ)/2. Throws BAD_SHAPE; BAD_VALUE unless they are positive definite. */
export function cholesky(x: NDArray): NDArray {
  const { n, count } = squareOf(x, 'cholesky')
  const out = allocate(x.dtype, x.shape, x.size)
  for (let index = 0; index < count; index++) {
    const a = matrixAt(x, index, n)
    // Lᵀ, so that what belongs to one column lies side by side.
    const u = new Float64Array(n * n)
    const refused = kernel.fused?.cholesky(a, u, n) ?? factorPositive(a, u, n)
    if (refused >= 0)
      throw new TapeError(
        'BAD_VALUE',
        `cholesky expected positive definite matrices, got one that is not (number ${index}, at row ${refused}); add a little to its diagonal`,
      )
    const start = out.offset + index * n * n
    for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) out.buffer[start + i * n + j] = u[j * n + i]!
  }
  return out
}

/** `u`, zeros before, gets Lᵀ; −1, or the row at which the matrix proves not to be positive. */
function factorPositive(a: Float64Array, u: Float64Array, n: number): number {
  for (let j = 0; j < n; j++) {
    for (let i = j; i < n; i++) u[j * n + i] = (a[i * n + j]! + a[j * n + i]!) / 2
    foldRows(true, u, j * n + j, u, j, n, u, j, n, j, n - j)
    const square = u[j * n + j]!
    if (square <= 0) return j
    const diagonal = Math.sqrt(square)
    u[j * n + j] = diagonal
    for (let i = j + 1; i < n; i++) u[j * n + i] = oneNaN(u[j * n + i]! / diagonal)
  }
  return -1
}
