/**
 * Eigenvalues of a symmetric matrix by a tridiagonal one: reflections make it (Householder), rotations with shifts make that diagonal (the
 * implicit QL method). What LAPACK's `syev` does, and as exact: errors are a few roundings of the largest eigenvalue. In native code it is one
 * call (native/code/factors.hpp), with the same bits.
 */
import { kernel } from './kernel.js'
import { dot, hypotenuse, reflectionOf, reflectRows, turn } from './orthogonal-rows.js'
import { foldRows } from './row-updates.js'

const UNIT = 2 ** -52

/**
 * The eigenvalues of `a` [n, n], which is overwritten, in no order. The rows of `turned`, the identity before, become their vectors. Null when
 * a value took more than `most` turns, which nobody has seen.
 */
export function tridiagonalEigen(
  a: Float64Array,
  turned: Float64Array,
  n: number,
  most: number,
): Float64Array | null {
  const d = new Float64Array(n)
  if (n === 0) return d
  const done = kernel.fused?.symmetricEigen(a, turned, d, n, most) ?? null
  if (done !== null) return done ? d : null
  const e = new Float64Array(n)
  const taus = tridiagonalize(a, n, d, e)
  // The product of all reflections, its columns as rows.
  for (let k = n - 2; k >= 0; k--) {
    const rest = n - k - 1
    reflectRows(turned, (k + 1) * (n + 1), n, rest, rest, a, k * n + k + 1, taus[k]!)
  }
  return diagonalize(d, e, turned, n, most) ? d : null
}

/** `d` gets the diagonal and `e` what is beside it. Above the diagonal of `a` stay the reflections, whose τ are given. */
function tridiagonalize(a: Float64Array, n: number, d: Float64Array, e: Float64Array): Float64Array {
  const taus = new Float64Array(n)
  const w = new Float64Array(n)
  for (let k = 0; k + 1 < n; k++) {
    d[k] = a[k * n + k]!
    const [rest, v, block] = [n - k - 1, k * n + k + 1, (k + 1) * (n + 1)]
    const { tau, pivot } = reflectionOf(a, v, rest)
    taus[k] = tau
    e[k] = pivot
    if (tau === 0) continue
    // With w = τ·A·v less what of it is along v, the block is A − v·wᵀ − w·vᵀ.
    w.fill(0, 0, rest)
    foldRows(false, w, 0, a, v, 1, a, block, n, rest, rest)
    for (let i = 0; i < rest; i++) w[i] = w[i]! * tau
    const half = (tau / 2) * dot(w, 0, a, v, rest)
    for (let i = 0; i < rest; i++) w[i] = w[i]! - half * a[v + i]!
    for (let r = 0; r < rest; r++) {
      const [to, x, y] = [block + r * n, a[v + r]!, w[r]!]
      // The two products first: so the block stays symmetric to the last bit.
      for (let i = 0; i < rest; i++) a[to + i] = a[to + i]! - (x * w[i]! + y * a[v + i]!)
    }
  }
  d[n - 1] = a[n * n - 1]!
  return taus
}

/** Turns the tridiagonal matrix, and the rows of `turned` with it, until nothing is beside the diagonal; whether that took few enough turns. */
function diagonalize(
  d: Float64Array,
  e: Float64Array,
  turned: Float64Array,
  n: number,
  most: number,
): boolean {
  for (let low = 0; low < n; low++) {
    for (let times = 0; ; times++) {
      // From `low` to `high` the matrix is of one piece.
      let high = low
      while (high + 1 < n && !(Math.abs(e[high]!) <= UNIT * (Math.abs(d[high]!) + Math.abs(d[high + 1]!))))
        high++
      if (high === low) break
      if (times === most) return false
      // Less the eigenvalue of the upper corner that is nearer to its first element.
      const ratio = (d[low + 1]! - d[low]!) / (2 * e[low]!)
      const size = hypotenuse(ratio, 1)
      let g = d[high]! - d[low]! + e[low]! / (ratio + (ratio < 0 ? -size : size))
      let [s, c, shift] = [1, 1, 0]
      let i = high
      for (; i > low; i--) {
        const [f, b] = [s * e[i - 1]!, c * e[i - 1]!]
        const r = hypotenuse(f, g)
        e[i] = r
        if (r === 0) break // what is left is of two pieces
        s = f / r
        c = g / r
        g = d[i]! - shift
        const q = (d[i - 1]! - g) * s + 2 * c * b
        shift = s * q
        d[i] = g + shift
        g = c * q - b
        turn(turned, (i - 1) * n, i * n, n, c, s)
      }
      d[i] = d[i]! - shift
      if (i === low) e[low] = g
      e[high] = 0
    }
  }
  return true
}
