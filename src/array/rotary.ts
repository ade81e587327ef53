/** Pairs of elements turned by angles that grow with the place in a sequence, on arrays. Knows nothing of attention. */

import { pow } from './math/pow.js'
import { cos, sin } from './math/trigonometry.js'
import { allocate, type NDArray } from './ndarray.js'

/** How pairs are made and turned. */
export interface Turning {
  /** Pair i of d/2 turns by place·base^(−2i/d). */
  readonly base: number
  /** The place of the first row. */
  readonly offset: number
  /** Whether pairs are neighbours; else element i belongs to element i + d/2. */
  readonly interleaved: boolean
  /** Whether to turn back. */
  readonly inverse: boolean
}

/** The rows of x [..., length, d], d even, each turned by its place. Computed in float64 and rounded once to the dtype. */
export function rotate(x: NDArray, { base, offset, interleaved, inverse }: Turning): NDArray {
  const d = x.shape.at(-1)!
  const length = x.shape.at(-2)!
  const half = d / 2
  const out = allocate(x.dtype, x.shape, x.size)
  const cosines = new Float64Array(length * half)
  const sines = new Float64Array(length * half)
  for (let i = 0; i < half; i++) {
    const speed = pow(base, (-2 * i) / d)
    for (let place = 0; place < length; place++) {
      const angle = (place + offset) * speed
      cosines[place * half + i] = cos(angle)
      sines[place * half + i] = inverse ? -sin(angle) : sin(angle)
    }
  }
  const rows = d === 0 ? 0 : x.size / d
  for (let row = 0; row < rows; row++) {
    const place = (row % length) * half
    for (let i = 0; i < half; i++) {
      const first = row * d + (interleaved ? 2 * i : i)
      const second = interleaved ? first + 1 : first + half
      const [a, b] = [x.buffer[x.offset + first]!, x.buffer[x.offset + second]!]
      const [c, s] = [cosines[place + i]!, sines[place + i]!]
      const [left, right] = [a * c - b * s, a * s + b * c]
      out.buffer[out.offset + first] = left === left ? left : NaN
      out.buffer[out.offset + second] = right === right ? right : NaN
    }
  }
  return out
}
