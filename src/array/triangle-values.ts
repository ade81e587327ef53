/**
 * Singular values by a triangle: QR with the longest column first, then Jacobi's rotations of the rows of R. Small values are exact to all their
 * digits where the lengths of the columns are what makes them small (Drmač and Veselić, "New fast and accurate Jacobi SVD algorithm"). Where
 * no row of R is 4,096 times shorter than another, all of them are turned at once before: by the eigenvectors of R·Rᵀ, which bring them near to
 * right angles, so that one or two rounds of rotations are left of eight. Errors are then roundings of the largest value, as LAPACK's always
 * are. In native code it is one call (native/code/factors.hpp), with the same bits.
 */
import { kernel } from './kernel.js'
import { dot, reflectionOf, reflectRows, rotation, turn } from './orthogonal-rows.js'
import { foldRows } from './row-updates.js'
import { tridiagonalEigen } from './tridiagonal.js'

/** Down to this share of the longest, lengths of rows count as alike. */
const ALIKE = 2 ** -12
/** Fewer rows are rotated as fast. */
const MANY = 8

export interface TriangleValues {
  /** R turned, [count, count]: its rows are at right angles, their lengths are the singular values. */
  readonly triangle: Float64Array
  /** One side's vectors, as rows [count, n]. */
  readonly units: Float64Array
  /** Which column each element of a row of `triangle` belongs to. */
  readonly order: Int32Array
}

/**
 * Of `count` columns of n ≥ count elements, which lie as rows and are overwritten. Two rows count as at right angles below `share` of their
 * lengths.
 */
export function triangleValues(
  columns: Float64Array,
  count: number,
  n: number,
  share: number,
  sweeps: number,
): TriangleValues {
  const triangle = new Float64Array(count * count)
  const units = new Float64Array(count * n)
  for (let i = 0; i < count; i++) units[i * n + i] = 1
  const order = Int32Array.from({ length: count }, (_, i) => i)
  if (count === 0) return { triangle, units, order }
  if (!kernel.fused?.triangleValues(columns, triangle, units, order, count, n, share, sweeps)) {
    triangulate(columns, triangle, units, order, count, n)
    const [first, last] = [Math.abs(triangle[0]!), Math.abs(triangle[count * count - 1]!)]
    if (count >= MANY && last >= first * ALIKE) turnAll(triangle, units, count, n, sweeps)
    orthogonalizeRows(triangle, units, count, n, share, sweeps)
  }
  return { triangle, units, order }
}

function triangulate(
  columns: Float64Array,
  triangle: Float64Array,
  units: Float64Array,
  order: Int32Array,
  count: number,
  n: number,
): void {
  const taus = new Float64Array(count)
  const pivots = new Float64Array(count)
  for (let k = 0; k < count; k++) {
    let [longest, most] = [k, -1]
    for (let r = k; r < count; r++) {
      const squares = dot(columns, r * n + k, columns, r * n + k, n - k)
      if (squares <= most) continue
      most = squares
      longest = r
    }
    if (longest !== k) exchange(columns, order, k, longest, n)
    const v = k * n + k
    const { tau, pivot } = reflectionOf(columns, v, n - k)
    taus[k] = tau
    pivots[k] = pivot
    reflectRows(columns, v + n, n, count - k - 1, n - k, columns, v, tau)
  }
  for (let r = 0; r < count; r++) {
    triangle[r * count + r] = pivots[r]!
    for (let i = r + 1; i < count; i++) triangle[r * count + i] = columns[i * n + r]!
  }
  // Qᵀ.
  for (let k = count - 1; k >= 0; k--)
    reflectRows(units, k * n + k, n, count - k, n - k, columns, k * n + k, taus[k]!)
}

function exchange(columns: Float64Array, order: Int32Array, a: number, b: number, n: number): void {
  const [of, which] = [columns.slice(a * n, a * n + n), order[a]!]
  columns.copyWithin(a * n, b * n, b * n + n)
  columns.set(of, b * n)
  order[a] = order[b]!
  order[b] = which
}

/** Turns all rows of `triangle`, and those of `units` with them, nearly to right angles. */
function turnAll(
  triangle: Float64Array,
  units: Float64Array,
  count: number,
  n: number,
  sweeps: number,
): void {
  const gram = new Float64Array(count * count)
  const turned = new Float64Array(count * count)
  for (let p = 0; p < count; p++) {
    turned[p * count + p] = 1
    for (let q = p; q < count; q++)
      gram[p * count + q] = gram[q * count + p] = dot(triangle, p * count, triangle, q * count, count)
  }
  if (tridiagonalEigen(gram, turned, count, sweeps) === null) return
  multiplyRows(turned, triangle, count, count)
  multiplyRows(turned, units, count, n)
}

/** rows = by·rows, where `by` is a square. */
function multiplyRows(by: Float64Array, rows: Float64Array, count: number, n: number): void {
  const next = new Float64Array(count * n)
  for (let r = 0; r < count; r++) foldRows(false, next, r * n, by, r * count, 1, rows, 0, n, count, n)
  rows.set(next)
}

/** Turns pairs of the rows of `triangle`, and those of `units` with them, until all are at right angles. */
function orthogonalizeRows(
  triangle: Float64Array,
  units: Float64Array,
  count: number,
  n: number,
  share: number,
  sweeps: number,
): void {
  const squares = new Float64Array(count)
  for (let sweep = 0; sweep < sweeps; sweep++) {
    let rotated = false
    for (let p = 0; p < count; p++) squares[p] = dot(triangle, p * count, triangle, p * count, count)
    for (let p = 0; p < count - 1; p++) {
      for (let q = p + 1; q < count; q++) {
        const [alpha, beta] = [squares[p]!, squares[q]!]
        const gamma = dot(triangle, p * count, triangle, q * count, count)
        if (gamma === 0 || Math.abs(gamma) <= share * Math.sqrt(alpha) * Math.sqrt(beta)) continue
        rotated = true
        const { c, s, t } = rotation(beta - alpha, gamma)
        turn(triangle, p * count, q * count, count, c, s)
        turn(units, p * n, q * n, n, c, s)
        squares[p] = alpha - t * gamma
        squares[q] = beta + t * gamma
      }
    }
    if (!rotated) return
  }
}
