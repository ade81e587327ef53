/**
 * Matrices taken apart, on arrays: QR by reflections, eigenvalues of symmetric matrices and singular values by two methods each. Plain
 * loops in a fixed order, computed in float64 with nothing but +, −, ·, / and √, and rounded once to the dtype; so the bits are the same
 * everywhere. Jacobi's rotations of the whole matrix are how tapes of before 2026-11-30 have them: at 100 × 100 in native code they take some
 * ten times as long as LAPACK. What is recorded since says by which other method.
 */
import { TapeError } from '../errors.js'
import { kernel } from './kernel.js'
import { squareOf } from './linear-algebra.js'
import { allocate, type NDArray } from './ndarray.js'
import { rotation, turn } from './orthogonal-rows.js'
import { foldRows, takeOuter } from './row-updates.js'
import { fixedShape, formatShape, sizeOf } from './shape.js'
import { triangleValues } from './triangle-values.js'
import { tridiagonalEigen } from './tridiagonal.js'

export type EighMethod = 'jacobi' | 'tridiagonal'
export type SvdMethod = 'jacobi' | 'triangle'

const SWEEPS_MAX = 60
/** Two columns count as orthogonal below this share of their lengths. */
const ORTHOGONAL = 2 ** -52
/** An element off the diagonal counts as 0 below this share of the length of the matrix. */
const NOTHING = 2 ** -58

function matricesOf(x: NDArray, what: string): { m: number; n: number; count: number } {
  if (x.ndim < 2)
    throw new TapeError('BAD_SHAPE', `${what} expected matrices [..., m, n], got ${formatShape(x.shape)}`)
  return { m: x.shape.at(-2)!, n: x.shape.at(-1)!, count: sizeOf(x.shape.slice(0, -2)) }
}

function partOf(x: NDArray, index: number, size: number): Float64Array {
  const start = x.offset + index * size
  return new Float64Array(x.buffer.subarray(start, start + size))
}

/** The size of the largest element; NaN where one is. */
function largestOf(a: Float64Array): number {
  let [largest, isOdd] = [0, false]
  for (let i = 0; i < a.length; i++) {
    const size = Math.abs(a[i]!)
    if (size > largest) largest = size
    if (size !== size) isOdd = true
  }
  return isOdd ? NaN : largest
}

/** The power of two just above the largest element: dividing by it is exact, and no square overflows or vanishes after it. 1 for zeros. */
function scaleOf(largest: number): number {
  if (largest === 0) return 1
  let scale = 1
  while (scale < largest && scale < 2 ** 1023) scale *= 2
  while (scale / 2 >= largest && scale > 2 ** -1022) scale /= 2
  return scale
}

/**
 * Q and R of x = Q·R for matrices [..., m, n], k = min(m, n): Q [..., m, k] with orthonormal columns, R [..., k, n] with zeros below its
 * diagonal. The signs are those of LAPACK: R has a negative element where the column began with a positive one, as a rule. Throws BAD_SHAPE.
 */
export function qr(x: NDArray): [q: NDArray, r: NDArray] {
  const { m, n, count } = matricesOf(x, 'qr')
  const k = Math.min(m, n)
  const lead = x.shape.slice(0, -2)
  const q = allocate(x.dtype, fixedShape([...lead, m, k]))
  const r = allocate(x.dtype, fixedShape([...lead, k, n]))
  for (let index = 0; index < count; index++) {
    const a = partOf(x, index, m * n)
    const reflections = reflect(a, m, n)
    for (let i = 0; i < k; i++)
      for (let j = i; j < n; j++) r.buffer[r.offset + (index * k + i) * n + j] = oneNaN(a[i * n + j]!)
    const columns = applied(a, reflections, m, n, k)
    for (let i = 0; i < m * k; i++) q.buffer[q.offset + index * m * k + i] = oneNaN(columns[i]!)
  }
  return [q, r]
}

function oneNaN(value: number): number {
  return value === value ? value : NaN
}

/** R above the diagonal of `a`, below it the reflections I − τ·v·vᵀ (v begins with 1), whose τ are given. */
function reflect(a: Float64Array, m: number, n: number): Float64Array {
  const k = Math.min(m, n)
  const taus = new Float64Array(k)
  for (let c = 0; c < k; c++) {
    let largest = 0
    for (let i = c + 1; i < m; i++) largest = Math.max(largest, Math.abs(a[i * n + c]!))
    if (largest === 0) continue // nothing below: I, as in LAPACK
    const head = a[c * n + c]!
    largest = Math.max(largest, Math.abs(head))
    let squares = (head / largest) ** 2
    for (let i = c + 1; i < m; i++) squares += (a[i * n + c]! / largest) * (a[i * n + c]! / largest)
    const length = largest * Math.sqrt(squares)
    const pivot = head > 0 || Object.is(head, 0) ? -length : length
    const tau = (pivot - head) / pivot
    taus[c] = tau
    for (let i = c + 1; i < m; i++) a[i * n + c] = a[i * n + c]! / (head - pivot)
    a[c * n + c] = pivot
    turnRows(a, a, c * n + c + 1, n, c * n + c, n, tau, m - c, n - c - 1)
  }
  return taus
}

/** The first k columns of the product of the reflections, [m, k]. */
function applied(a: Float64Array, taus: Float64Array, m: number, n: number, k: number): Float64Array {
  const q = new Float64Array(m * k)
  for (let i = 0; i < k; i++) q[i * k + i] = 1
  for (let c = k - 1; c >= 0; c--) {
    turnRows(q, a, c * k, k, c * n + c, n, taus[c]!, m - c, k)
  }
  return q
}

/** rows × columns of x from `at` on, times I − τ·v·vᵀ, where v is 1 and then what lies below `a[from]`, `aStep` apart. */
function turnRows(
  x: Float64Array,
  a: Float64Array,
  at: number,
  row: number,
  from: number,
  aStep: number,
  tau: number,
  rows: number,
  columns: number,
): void {
  const shares = x.slice(at, at + columns)
  foldRows(false, shares, 0, a, from + aStep, aStep, x, at + row, row, rows - 1, columns)
  for (let j = 0; j < columns; j++) {
    shares[j] = shares[j]! * tau
    x[at + j] = x[at + j]! - shares[j]!
  }
  takeOuter(x, at + row, row, a, from + aStep, aStep, shares, 0, rows - 1, columns)
}

/**
 * Eigenvalues, ascending, and eigenvectors, as columns, of the symmetric parts (x + xᵀ)/2 of matrices [..., n, n]. The largest element of a
 * vector, the first of equal ones, is positive. NaN where the matrix holds what is not finite. Throws BAD_SHAPE.
 */
export function eigh(x: NDArray, method: EighMethod = 'jacobi'): [values: NDArray, vectors: NDArray] {
  const { n, count } = squareOf(x, 'eigh')
  const lead = x.shape.slice(0, -2)
  const values = allocate(x.dtype, fixedShape([...lead, n]))
  const vectors = allocate(x.dtype, x.shape)
  for (let index = 0; index < count; index++) {
    const given = partOf(x, index, n * n)
    const largest = largestOf(given)
    if (!Number.isFinite(largest)) {
      for (let i = 0; i < n; i++) values.buffer[values.offset + index * n + i] = NaN
      for (let i = 0; i < n * n; i++) vectors.buffer[vectors.offset + index * n * n + i] = NaN
      continue
    }
    const scale = scaleOf(largest)
    const a = new Float64Array(n * n)
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) a[i * n + j] = given[i * n + j]! / scale / 2 + given[j * n + i]! / scale / 2
    const found = eigenOf(a, n, method)
    const rows = rowsOf(found.turned, n)
    ascending([...found.values]).forEach((from, to) => {
      values.buffer[values.offset + index * n + to] = found.values[from]! * scale
      const vector = rows[from]!
      const sign = signOf(vector)
      for (let i = 0; i < n; i++)
        vectors.buffer[vectors.offset + (index * n + i) * n + to] = sign * vector[i]! + 0
    })
  }
  return [values, vectors]
}

/** The identity, row by row. */
function identity(n: number): Float64Array {
  const one = new Float64Array(n * n)
  for (let i = 0; i < n; i++) one[i * n + i] = 1
  return one
}

/** Eigenvalues, in no order, and their vectors as rows; `a` is overwritten. */
function eigenOf(
  a: Float64Array,
  n: number,
  method: EighMethod,
): { values: Float64Array; turned: Float64Array } {
  if (method === 'tridiagonal') {
    const [given, turned] = [a.slice(), identity(n)]
    const values = tridiagonalEigen(given, turned, n, SWEEPS_MAX)
    if (values !== null) return { values, turned }
  }
  const turned = diagonalize(a, n)
  return { values: Float64Array.from({ length: n }, (_, i) => a[i * n + i]!), turned }
}

/** Rotates the symmetric `a` until it is diagonal; gives the product of the rotations, its columns as rows. */
function diagonalize(a: Float64Array, n: number): Float64Array {
  const turned = identity(n)
  let squares = 0
  for (const value of a) squares += value * value
  const least = NOTHING * Math.sqrt(squares)
  if (kernel.fused?.diagonalize(a, turned, n, least, SWEEPS_MAX)) return turned
  for (let sweep = 0; sweep < SWEEPS_MAX; sweep++) {
    let rotated = false
    for (let p = 0; p < n - 1; p++) {
      for (let q = p + 1; q < n; q++) {
        const element = a[p * n + q]!
        if (Math.abs(element) <= least) continue
        rotated = true
        const { c, s, t } = rotation(a[q * n + q]! - a[p * n + p]!, element)
        const [first, second] = [a[p * n + p]! - t * element, a[q * n + q]! + t * element]
        // Rows are columns: of the two only the four elements where they meet are another matter.
        turn(a, p * n, q * n, n, c, s)
        a[p * n + p] = first
        a[q * n + q] = second
        a[p * n + q] = 0
        a[q * n + p] = 0
        for (let i = 0; i < n; i++) {
          if (i === p || i === q) continue
          a[i * n + p] = a[p * n + i]!
          a[i * n + q] = a[q * n + i]!
        }
        turn(turned, p * n, q * n, n, c, s)
      }
    }
    if (!rotated) break
  }
  return turned
}

function ascending(values: readonly number[]): number[] {
  return values.map((_, i) => i).sort((a, b) => values[a]! - values[b]! || a - b)
}

/** What makes the largest element positive. */
function signOf(x: Float64Array): number {
  let largest = 0
  for (let i = 0; i < x.length; i++) if (Math.abs(x[i]!) > Math.abs(largest)) largest = x[i]!
  return largest < 0 ? -1 : 1
}

/**
 * U, s and Vᵀ of x = U·diag(s)·Vᵀ for matrices [..., m, n], k = min(m, n): U [..., m, k], s [..., k] descending, Vᵀ [..., k, n]. The largest
 * element of a column of U, the first of equal ones, is positive. NaN where the matrix holds what is not finite. Throws BAD_SHAPE.
 */
export function svd(x: NDArray, method: SvdMethod = 'jacobi'): [u: NDArray, s: NDArray, vt: NDArray] {
  const { m, n, count } = matricesOf(x, 'svd')
  const k = Math.min(m, n)
  const lead = x.shape.slice(0, -2)
  const u = allocate(x.dtype, fixedShape([...lead, m, k]))
  const s = allocate(x.dtype, fixedShape([...lead, k]))
  const vt = allocate(x.dtype, fixedShape([...lead, k, n]))
  const rows = Math.max(m, n)
  for (let index = 0; index < count; index++) {
    const given = partOf(x, index, m * n)
    const largest = largestOf(given)
    if (!Number.isFinite(largest)) {
      for (let i = 0; i < k; i++) s.buffer[s.offset + index * k + i] = NaN
      for (let i = 0; i < m * k; i++) u.buffer[u.offset + index * m * k + i] = NaN
      for (let i = 0; i < k * n; i++) vt.buffer[vt.offset + index * k * n + i] = NaN
      continue
    }
    const scale = scaleOf(largest)
    // Of a wide matrix its transpose: there are never more columns than rows, each kept as a row here.
    const all = new Float64Array(k * rows)
    for (let j = 0; j < k; j++)
      for (let i = 0; i < rows; i++)
        all[j * rows + i] = (m >= n ? given[i * n + j]! : given[j * n + i]!) / scale
    const { values, long, short } =
      method === 'triangle' ? throughTriangle(all, k, rows) : throughColumns(all, k, rows)
    values.forEach((value, to) => {
      s.buffer[s.offset + index * k + to] = value * scale
      const [left, right] = m >= n ? [long[to]!, short[to]!] : [short[to]!, long[to]!]
      const sign = signOf(left)
      for (let i = 0; i < m; i++) u.buffer[u.offset + (index * m + i) * k + to] = sign * left[i]! + 0
      for (let j = 0; j < n; j++) vt.buffer[vt.offset + (index * k + to) * n + j] = sign * right[j]! + 0
    })
  }
  return [u, s, vt]
}

/** Singular values, descending, and their vectors: those as long as a column, and those as long as there are columns. */
interface SingularParts {
  readonly values: readonly number[]
  readonly long: readonly Float64Array[]
  readonly short: readonly Float64Array[]
}

function throughColumns(all: Float64Array, k: number, rows: number): SingularParts {
  const turned = rowsOf(orthogonalize(all, k, rows), k)
  const columns = rowsOf(all, rows)
  const lengths = columns.map(lengthOf)
  const order = ascending(lengths.map((length) => -length))
  return {
    values: order.map((from) => lengths[from]!),
    long: unitsOf(columns, lengths, order, rows),
    short: order.map((from) => turned[from]!),
  }
}

function throughTriangle(all: Float64Array, k: number, rows: number): SingularParts {
  const found = triangleValues(all, k, rows, ORTHOGONAL * Math.sqrt(k), SWEEPS_MAX)
  const [turned, units] = [rowsOf(found.triangle, k), rowsOf(found.units, rows)]
  const lengths = turned.map(exactLengthOf)
  const order = ascending(lengths.map((length) => -length))
  const short = unitsOf(turned, lengths, order, k, SHORT).map((unit) => {
    const placed = new Float64Array(k)
    for (let i = 0; i < k; i++) placed[found.order[i]!] = unit[i]!
    return placed
  })
  return { values: order.map((from) => lengths[from]!), long: order.map((from) => units[from]!), short }
}

/** Shorter rows are at right angles only as far as products of their elements are numbers. */
const SHORT = 2 ** -480
/** What makes their squares numbers, and is exact. */
const LIFT = 2 ** 600

function lifted(column: Float64Array): Float64Array {
  return column.map((value) => value * LIFT)
}

function exactLengthOf(column: Float64Array): number {
  const length = lengthOf(column)
  return length < SHORT ? lengthOf(lifted(column)) / LIFT : length
}

function lengthOf(column: Float64Array): number {
  let squares = 0
  for (let i = 0; i < column.length; i++) squares += column[i]! * column[i]!
  return Math.sqrt(squares)
}

/** Rotates pairs of columns, which lie side by side, until all are orthogonal; gives the columns of the product of the rotations. */
function orthogonalize(columns: Float64Array, k: number, rows: number): Float64Array {
  const turned = identity(k)
  if (kernel.fused?.orthogonalize(columns, turned, k, rows, ORTHOGONAL, SWEEPS_MAX)) return turned
  for (let sweep = 0; sweep < SWEEPS_MAX; sweep++) {
    let rotated = false
    for (let p = 0; p < k - 1; p++) {
      for (let q = p + 1; q < k; q++) {
        const [left, right] = [p * rows, q * rows]
        let [alpha, beta, gamma] = [0, 0, 0]
        for (let i = 0; i < rows; i++) {
          const [a, b] = [columns[left + i]!, columns[right + i]!]
          alpha += a * a
          beta += b * b
          gamma += a * b
        }
        if (gamma === 0 || Math.abs(gamma) <= ORTHOGONAL * Math.sqrt(alpha) * Math.sqrt(beta)) continue
        rotated = true
        const { c, s } = rotation(beta - alpha, gamma)
        turn(columns, left, right, rows, c, s)
        turn(turned, p * k, q * k, k, c, s)
      }
    }
    if (!rotated) break
  }
  return turned
}

/** The rows of a matrix of `columns` columns. */
function rowsOf(x: Float64Array, columns: number): Float64Array[] {
  return Array.from({ length: x.length / (columns || 1) }, (_, i) =>
    x.subarray(i * columns, (i + 1) * columns),
  )
}

/**
 * The columns in order, of length 1. In the place of zeros stands what is orthogonal to those before, of the first axis that leaves something;
 * in the place of those that are not longer than `least` what they leave, if it is most of them.
 */
function unitsOf(
  columns: readonly Float64Array[],
  lengths: readonly number[],
  order: readonly number[],
  rows: number,
  least = 0,
): Float64Array[] {
  const units: Float64Array[] = []
  for (const from of order) {
    const length = lengths[from]!
    if (length > least) {
      units.push(divided(columns[from]!, length))
      continue
    }
    const long = lifted(columns[from]!)
    const itself = length > 0 ? beside(units, divided(long, lengthOf(long))) : null
    if (itself !== null && itself.length >= 0.5) {
      units.push(divided(itself.rest, itself.length))
      continue
    }
    for (let axis = 0; axis < rows; axis++) {
      const one = new Float64Array(rows)
      one[axis] = 1
      const { rest, length: left } = beside(units, one)
      if (left < 0.5 / Math.sqrt(rows)) continue
      units.push(divided(rest, left))
      break
    }
  }
  return units
}

function divided(column: Float64Array, length: number): Float64Array {
  const unit = new Float64Array(column.length)
  for (let i = 0; i < unit.length; i++) unit[i] = column[i]! / length
  return unit
}

/** What `rest`, which is overwritten, leaves beside the units. Twice: what the first time leaves of them by rounding, the second takes. */
function beside(units: readonly Float64Array[], rest: Float64Array): { rest: Float64Array; length: number } {
  for (let time = 0; time < 2; time++) {
    for (const unit of units) {
      let share = 0
      for (let i = 0; i < rest.length; i++) share += unit[i]! * rest[i]!
      for (let i = 0; i < rest.length; i++) rest[i] = rest[i]! - share * unit[i]!
    }
  }
  return { rest, length: lengthOf(rest) }
}
