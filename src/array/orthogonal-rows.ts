/**
 * Dot products, reflections and rotations of rows of float64, each in an order of its own that native code follows (native/code/factors.hpp).
 * Numbers are of ordinary size: whoever calls has divided by a power of two.
 */

/** Below this a sum of squares may have lost digits. */
const FAINT = 2 ** -960
/** What lifts such elements, and is exact. */
const LIFT = 2 ** 600

/** Σ a[ao + i]·b[bo + i]: accumulator j of eight takes i = j, j + 8 …, then ((0+1)+(2+3)) + ((4+5)+(6+7)), then the n mod 8 that are left. */
export function dot(a: Float64Array, ao: number, b: Float64Array, bo: number, n: number): number {
  let [s0, s1, s2, s3, s4, s5, s6, s7] = [0, 0, 0, 0, 0, 0, 0, 0]
  let i = 0
  for (; i + 8 <= n; i += 8) {
    const [p, q] = [ao + i, bo + i]
    s0 += a[p]! * b[q]!
    s1 += a[p + 1]! * b[q + 1]!
    s2 += a[p + 2]! * b[q + 2]!
    s3 += a[p + 3]! * b[q + 3]!
    s4 += a[p + 4]! * b[q + 4]!
    s5 += a[p + 5]! * b[q + 5]!
    s6 += a[p + 6]! * b[q + 6]!
    s7 += a[p + 7]! * b[q + 7]!
  }
  let sum = s0 + s1 + (s2 + s3) + (s4 + s5 + (s6 + s7))
  for (; i < n; i++) sum += a[ao + i]! * b[bo + i]!
  return sum
}

/** √Σ x[at + i]². */
function lengthOf(x: Float64Array, at: number, n: number): number {
  const squares = dot(x, at, x, at, n)
  if (squares >= FAINT) return Math.sqrt(squares)
  const lifted = x.slice(at, at + n).map((value) => value * LIFT)
  return Math.sqrt(dot(lifted, 0, lifted, 0, n)) / LIFT
}

/** √(f² + g²). */
export function hypotenuse(f: number, g: number): number {
  const squares = f * f + g * g
  if (squares >= FAINT) return Math.sqrt(squares)
  const [a, b] = [f * LIFT, g * LIFT]
  return Math.sqrt(a * a + b * b) / LIFT
}

/**
 * Makes the n elements of x from `at` on the v of a reflection I − τ·v·vᵀ, v[0] = 1, that turns what they were into (pivot, 0, 0 …). τ is 0
 * where there was nothing to turn.
 */
export function reflectionOf(x: Float64Array, at: number, n: number): { tau: number; pivot: number } {
  const head = x[at]!
  let isBare = true
  for (let i = at + 1; i < at + n; i++) if (x[i] !== 0) isBare = false
  const length = isBare ? 0 : lengthOf(x, at, n)
  x[at] = 1
  if (isBare) return { tau: 0, pivot: head }
  const pivot = head >= 0 ? -length : length
  const by = head - pivot
  for (let i = at + 1; i < at + n; i++) x[i] = x[i]! / by
  return { tau: (pivot - head) / pivot, pivot }
}

/** `rows` rows of n elements of x, the first from `at` on and `row` apart, times the reflection by the v that stands in `from` at `vo`. */
export function reflectRows(
  x: Float64Array,
  at: number,
  row: number,
  rows: number,
  n: number,
  from: Float64Array,
  vo: number,
  tau: number,
): void {
  if (tau === 0) return
  for (let r = 0, start = at; r < rows; r++, start += row) {
    const share = tau * dot(x, start, from, vo, n)
    for (let i = 0; i < n; i++) x[start + i] = x[start + i]! - share * from[vo + i]!
  }
}

/** How a rotation makes an element 0 that has `twice·tangent of the double angle = difference`. */
export function rotation(difference: number, element: number): { c: number; s: number; t: number } {
  const cotangent = difference / (2 * element)
  const size = Math.abs(cotangent)
  // Of two angles the smaller one.
  const tangent = size > 1e150 ? 1 / (2 * size) : 1 / (size + Math.sqrt(size * size + 1))
  const t = cotangent < 0 ? -tangent : tangent
  const c = 1 / Math.sqrt(t * t + 1)
  return { c, s: t * c, t }
}

/** Turns the n elements of x from `left` on and those from `right` on by an angle. */
export function turn(x: Float64Array, left: number, right: number, n: number, c: number, s: number): void {
  for (let i = 0; i < n; i++) {
    const [a, b] = [x[left + i]!, x[right + i]!]
    x[left + i] = c * a - s * b
    x[right + i] = s * a + c * b
  }
}
