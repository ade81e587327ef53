/** The direction of L-BFGS: the inverse of a Hessian that is known by a few pairs of moves and changes, times a gradient. */
import { allocate, type NDArray } from './ndarray.js'

/** Σ aᵢ·bᵢ from first to last, in float64. */
export function dot(a: NDArray, b: NDArray): number {
  let sum = 0
  for (let i = 0; i < a.size; i++) sum += a.buffer[a.offset + i]! * b.buffer[b.offset + i]!
  return sum
}

/** into + factor·x, in its place. */
function addTimes(into: Float64Array, x: NDArray, factor: number): void {
  for (let i = 0; i < into.length; i++) into[i] = into[i]! + factor * x.buffer[x.offset + i]!
}

function dotWith(a: NDArray, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < b.length; i++) sum += a.buffer[a.offset + i]! * b[i]!
  return sum
}

/**
 * −H·g, by the two loops over pairs: moves s of the parameters and changes y of the gradient, oldest first. Without pairs −g.
 *
 * Source  Nocedal and Wright, "Numerical Optimization", algorithm 7.4, with H₀ = (sᵀy / yᵀy)·I of the last pair
 */
export function lbfgsDirection(
  gradient: NDArray,
  moves: readonly NDArray[],
  changes: readonly NDArray[],
): NDArray {
  const q = Float64Array.from({ length: gradient.size }, (_, i) => -gradient.buffer[gradient.offset + i]!)
  const inverses = moves.map((move, i) => 1 / dot(changes[i]!, move))
  const shares = new Float64Array(moves.length)
  for (let i = moves.length - 1; i >= 0; i--) {
    shares[i] = dotWith(moves[i]!, q) * inverses[i]!
    addTimes(q, changes[i]!, -shares[i]!)
  }
  const last = changes.at(-1)
  if (last !== undefined) {
    const scale = dot(last, moves.at(-1)!) / dot(last, last)
    for (let i = 0; i < q.length; i++) q[i] = q[i]! * scale
  }
  for (const [i, move] of moves.entries())
    addTimes(q, move, shares[i]! - dotWith(changes[i]!, q) * inverses[i]!)
  const out = allocate(gradient.dtype, gradient.shape, gradient.size)
  out.buffer.set(q, out.offset)
  return out
}
