/** An array as images: which of its axes are rows, columns and colours, and the inks of each image. */
import type { NDArray } from '../array/ndarray.js'
import { TapeError } from '../errors.js'
import type { TensorImages } from './api.js'

/** Images in one answer, and pixels along a side. */
const IMAGES_MAX = 36
const SIDE_MAX = 64
/** Inks from 0 to this; the one above stands for what is not finite. */
const WHITE = 254
const BAD = 255

interface Layout {
  readonly of: number
  readonly channels: 1 | 3
  readonly height: number
  readonly width: number
}

/**
 * [h, w], [c, h, w] and [n, c, h, w] as PyTorch has them: three channels are colours, any other number of channels as many images. `as` says
 * otherwise: `8x8`, `3x32x32`; the rest of the elements are further images.
 *
 * Throws  BAD_ARGUMENT where `as` is no such size, or does not divide the array
 */
export function imagesOf(array: NDArray, as: string | null, offset: number): TensorImages | null {
  const layout = as === null ? layoutOf(array.shape) : layoutAs(as, array)
  if (layout === null || array.size === 0) return null
  const { of, channels, height, width } = layout
  const begin = Math.min(offset, of - 1)
  const shown = Math.min(IMAGES_MAX, of - begin)
  const plane = height * width
  const part = array.data.subarray(begin * channels * plane, (begin + shown) * channels * plane)
  const [from, to] = extremes(part)
  const [rows, columns] = [Math.min(height, SIDE_MAX), Math.min(width, SIDE_MAX)]
  const pictures = Array.from({ length: shown }, (_, i) => {
    const inks = new Uint8Array(rows * columns * channels)
    for (let c = 0; c < channels; c++) {
      const at = (i * channels + c) * plane
      const means = shrunk(part.subarray(at, at + plane), height, width, rows, columns)
      for (let p = 0; p < means.length; p++) inks[p * channels + c] = inkOf(means[p]!, from, to)
    }
    return Buffer.from(inks).toString('base64')
  })
  const bounds = from <= to ? { from, to } : { from: null, to: null }
  return { of, most: IMAGES_MAX, offset: begin, channels, height, width, rows, columns, ...bounds, pictures }
}

function layoutOf(shape: readonly number[]): Layout | null {
  if (shape.length < 2 || shape.length > 4) return null
  const [height, width] = [shape.at(-2)!, shape.at(-1)!]
  // A row or a column is no picture.
  if (height < 2 || width < 2) return null
  const planes = shape.slice(0, -2).reduce((all, axis) => all * axis, 1)
  const channels = shape.length > 2 && shape.at(-3) === 3 ? 3 : 1
  return { of: planes / channels, channels, height, width }
}

function layoutAs(as: string, { shape, size }: NDArray): Layout {
  const found = /^(?:(1|3)\s*[x×]\s*)?(\d{1,6})\s*[x×]\s*(\d{1,6})$/i.exec(as.trim())
  const [channels, height, width] = [Number(found?.[1] ?? 1) as 1 | 3, Number(found?.[2]), Number(found?.[3])]
  const each = channels * height * width
  if (!(each > 0) || size % each !== 0)
    throw new TapeError(
      'BAD_ARGUMENT',
      `expected ?as= to be rows x columns (8x8) or 3 x rows x columns (3x32x32) that divide the ${size} elements of [${shape.join(', ')}], got ${JSON.stringify(as.slice(0, 40))}`,
    )
  return { of: size / each, channels, height, width }
}

function extremes(data: NDArray['data']): [from: number, to: number] {
  let [from, to] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const value of data) {
    if (!Number.isFinite(value)) continue
    if (value < from) from = value
    if (value > to) to = value
  }
  return [from, to]
}

/** Means of the pixels that fall into each of fewer; NaN where one is not finite, so that it is seen. */
function shrunk(
  plane: NDArray['data'],
  height: number,
  width: number,
  rows: number,
  columns: number,
): Float64Array {
  const sums = new Float64Array(rows * columns)
  const counts = new Uint32Array(rows * columns)
  for (let i = 0; i < height * width; i++) {
    const row = Math.floor((Math.floor(i / width) * rows) / height)
    const at = row * columns + Math.floor(((i % width) * columns) / width)
    sums[at]! += Number(plane[i])
    counts[at]!++
  }
  return sums.map((sum, at) => sum / counts[at]!)
}

function inkOf(value: number, from: number, to: number): number {
  if (!Number.isFinite(value)) return BAD
  if (from === to) return WHITE / 2
  // Halved first: the difference of the largest numbers is no number.
  const share = (value / 2 - from / 2) / (to / 2 - from / 2)
  return Math.max(0, Math.min(WHITE, Math.round(WHITE * share)))
}
