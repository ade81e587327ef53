/** Images turned, moved and scaled, each by its own numbers: where each pixel comes from, and a weighted mean of the four pixels there. */
import { cos, sin } from './math/trigonometry.js'
import { allocate, type NDArray } from './ndarray.js'

/** How one image is changed: turned (in degrees, counter-clockwise), moved down and right, scaled. */
export interface Placement {
  readonly degrees: number
  readonly down: number
  readonly right: number
  readonly scale: number
}

/**
 * out[i, j] is a weighted mean of the four pixels of x around the place that comes to [i, j]; outside of the image is 0. It is turned and
 * scaled about the middle of the image. With `adjoint` the transpose of that: each element of x is shared among the pixels that it would be a mean of.
 */
export function placed(x: NDArray, placements: readonly Placement[], adjoint: boolean): NDArray {
  const [n, channels, h, w] = x.shape as [number, number, number, number]
  const out = allocate(x.dtype, x.shape, x.size)
  out.buffer.fill(0, out.offset, out.offset + out.size)
  const [middleRow, middleColumn] = [(h - 1) / 2, (w - 1) / 2]
  for (let image = 0; image < n; image++) {
    const { degrees, down, right, scale } = placements[image]!
    const angle = (degrees * Math.PI) / 180
    const [c, s] = [cos(angle) / scale, sin(angle) / scale]
    for (let i = 0; i < h; i++) {
      for (let j = 0; j < w; j++) {
        const [y, z] = [i - middleRow - down, j - middleColumn - right]
        const row = middleRow + c * y + s * z
        const column = middleColumn - s * y + c * z
        const [top, left] = [Math.floor(row), Math.floor(column)]
        const [a, b] = [row - top, column - left]
        for (let corner = 0; corner < 4; corner++) {
          const [r, q] = [top + (corner >> 1), left + (corner & 1)]
          const share = (corner >> 1 === 0 ? 1 - a : a) * ((corner & 1) === 0 ? 1 - b : b)
          if (share === 0 || r < 0 || q < 0 || r >= h || q >= w) continue
          for (let channel = 0; channel < channels; channel++) {
            const plane = (image * channels + channel) * h * w
            const [to, from] = adjoint ? [r * w + q, i * w + j] : [i * w + j, r * w + q]
            const at = out.offset + plane + to
            out.buffer[at] = out.buffer[at]! + share * x.buffer[x.offset + plane + from]!
          }
        }
      }
    }
  }
  return out
}
