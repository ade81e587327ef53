/** How far vectors are from others, each from each; computed in float64 and rounded once. */
import { kernel } from './kernel.js'
import { allocateUnset, type NDArray } from './ndarray.js'
import { fixedShape } from './shape.js'

/** Terms that are added up by themselves, so that long sums keep their digits. */
const BLOCK = 64

/**
 * Σ |a − b| over the last axis, or with `isSquare` the root of Σ (a − b)².
 *
 * Shapes   a [..., m, d], b [..., n, d], of one floating dtype and the same leading axes → [..., m, n]
 */
export function distances(a: NDArray, b: NDArray, isSquare: boolean): NDArray {
  const lead = a.shape.slice(0, -2)
  const [m, n, d] = [a.shape.at(-2)!, b.shape.at(-2)!, a.shape.at(-1)!]
  const batches = lead.reduce((product, extent) => product * extent, 1)
  const out = allocateUnset(a.dtype, fixedShape([...lead, m, n]))
  const [x, y, z] = [a.buffer, b.buffer, out.buffer]
  if (kernel.fused?.distances(isSquare, batches, m, n, d, x, a.offset, y, b.offset, z, out.offset)) return out
  for (let r = 0, to = out.offset; r < batches; r++)
    for (let i = 0; i < m; i++)
      for (let j = 0; j < n; j++) {
        const [first, second] = [a.offset + (r * m + i) * d, b.offset + (r * n + j) * d]
        let total = 0
        for (let from = 0; from < d; from += BLOCK) {
          let sum = 0
          for (let k = from; k < Math.min(d, from + BLOCK); k++) {
            const difference = x[first + k]! - y[second + k]!
            sum += isSquare ? difference * difference : Math.abs(difference)
          }
          total += sum
        }
        z[to++] = isSquare ? Math.sqrt(total) : total
      }
  return out
}
