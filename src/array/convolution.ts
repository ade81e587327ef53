/**
 * Two-dimensional cross-correlation and its two adjoints, by unfolding each image into a matrix whose columns
 * are the windows and multiplying. The order of every sum is that of the kernel's product: channels, then
 * rows, then columns of the window.
 */
import { TapeError } from '../errors.js'
import {
  type DType,
  isFloating,
  newStorage,
  newUnsetStorage,
  promoteTypes,
  type TypedArray,
} from './dtype.js'
import { addTo, cutOf, sumParts } from './halves.js'
import { kernel } from './kernel.js'
import { allocate, allocateUnset, type NDArray } from './ndarray.js'
import { formatShape } from './shape.js'

/** Rows and columns. */
export type Pair = readonly [rows: number, columns: number]

/** Convolution and its adjoints in one call of the kernel: whether it did it. */
function atOnce(
  wanted: 'maps' | 'images' | 'weights',
  images: number,
  plan: Plan,
  maps: number,
  a: NDArray,
  b: NDArray,
  out: NDArray,
): boolean {
  if (kernel.fused === undefined) return false
  const { channels, rows, columns, kernelRows, kernelColumns, stride, padding, outRows, outColumns } = plan
  const size: Pair = [kernelRows, kernelColumns]
  const shape = { images, channels, rows, columns, kernel: size, stride, padding, outRows, outColumns }
  const cuts = [cutOf(kernel, 'parts'), cutOf(kernel, 'products')] as const
  const [x, y] = [a.buffer, b.buffer]
  return kernel.fused.convolve(
    ...([wanted, shape, maps, ...cuts, x, a.offset, y, b.offset, out.buffer, out.offset] as const),
  )
}

export type Windowing = { readonly stride: Pair; readonly padding: Pair }

/** How windows lie on an image: everything the loops need. */
type Plan = {
  readonly channels: number
  readonly rows: number
  readonly columns: number
  readonly kernelRows: number
  readonly kernelColumns: number
  readonly outRows: number
  readonly outColumns: number
  readonly stride: Pair
  readonly padding: Pair
}

/** The number of windows along an axis; BAD_SHAPE when there is none, or nothing but padding. */
export function windowCount(
  extent: number,
  size: number,
  stride: number,
  padding: number,
  what: string,
): number {
  const count = Math.floor((extent + 2 * padding - size) / stride) + 1
  if (size > 0 && count > 0 && extent > 0) return count
  if (extent === 0) throw new TapeError('BAD_SHAPE', `${what} expected rows and columns, got an extent of 0`)
  throw new TapeError(
    'BAD_SHAPE',
    `${what} expected a window that fits, got ${size} on ${extent} with padding ${padding}; use a smaller kernel or more padding`,
  )
}

function planOf(image: readonly number[], size: Pair, windowing: Windowing, what: string): Plan {
  const [channels, rows, columns] = image as [number, number, number]
  const { stride, padding } = windowing
  return {
    channels,
    rows,
    columns,
    kernelRows: size[0],
    kernelColumns: size[1],
    outRows: windowCount(rows, size[0], stride[0], padding[0], what),
    outColumns: windowCount(columns, size[1], stride[1], padding[1], what),
    stride,
    padding,
  }
}

/** The columns of windows whose tap at `column` lies in the image: from `first` up to `last`. */
function insideOf(plan: Plan, column: number): { first: number; last: number } {
  const stride = plan.stride[1]
  const first = Math.min(plan.outColumns, column < 0 ? Math.ceil(-column / stride) : 0)
  const last = Math.min(plan.outColumns, Math.floor((plan.columns - 1 - column) / stride) + 1)
  return { first, last: Math.max(first, last) }
}

/** windows[(c, i, j), (r, s)] = image[c, r·stride + i − padding, …]; 0 outside. `windows` is overwritten. */
function unfold(plan: Plan, image: TypedArray, from: number, windows: TypedArray): void {
  const { channels, rows, columns, kernelRows, kernelColumns, outRows, outColumns } = plan
  const [rowStride, columnStride] = plan.stride
  let to = 0
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < kernelRows; i++) {
      for (let j = 0; j < kernelColumns; j++) {
        const column = j - plan.padding[1]
        const { first, last } = insideOf(plan, column)
        for (let r = 0, y = i - plan.padding[0]; r < outRows; r++, y += rowStride) {
          const end = to + outColumns
          if (y < 0 || y >= rows) {
            while (to < end) windows[to++] = 0
            continue
          }
          const stop = to + last
          for (const start = to + first; to < start; ) windows[to++] = 0
          let at = from + (c * rows + y) * columns + column + first * columnStride
          for (; to < stop; at += columnStride) windows[to++] = image[at]!
          while (to < end) windows[to++] = 0
        }
      }
    }
  }
}

/** The adjoint of unfold: adds every element of `windows` to where it was read. */
function fold(plan: Plan, windows: TypedArray, image: TypedArray, into: number): void {
  const { channels, rows, columns, kernelRows, kernelColumns, outRows, outColumns } = plan
  const [rowStride, columnStride] = plan.stride
  let line = 0
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < kernelRows; i++) {
      for (let j = 0; j < kernelColumns; j++) {
        const column = j - plan.padding[1]
        const { first, last } = insideOf(plan, column)
        for (let r = 0, y = i - plan.padding[0]; r < outRows; r++, y += rowStride, line += outColumns) {
          if (y < 0 || y >= rows) continue
          let at = into + (c * rows + y) * columns + column + first * columnStride
          for (let from = line + first; from < line + last; from++, at += columnStride)
            image[at]! += windows[from]!
        }
      }
    }
  }
}

function meet(a: NDArray, b: NDArray): DType {
  const dtype = promoteTypes(a.dtype, b.dtype)
  return isFloating(dtype) ? dtype : 'float64'
}

function requireImages(x: NDArray, w: NDArray, channel: 0 | 1, what: string): void {
  if (x.ndim === 4 && w.ndim === 4 && x.shape[1] === w.shape[channel]) return
  const expected = channel === 1 ? 'w [out, channels, rows, columns]' : 'w [channels, out, rows, columns]'
  throw new TapeError(
    'SHAPE_MISMATCH',
    `${what} expected x [n, channels, rows, columns] and ${expected}, got ${formatShape(x.shape)} and ${formatShape(w.shape)}`,
  )
}

/**
 * Cross-correlation of images with windows.
 *
 * Shapes   x [n, c, h, w] · w [o, c, kh, kw] → [n, o, ⌊(h + 2p − kh)/s⌋ + 1, …]
 * Throws   SHAPE_MISMATCH; BAD_SHAPE when the window does not fit.
 */
export function convolve(x: NDArray, w: NDArray, windowing: Windowing): NDArray {
  requireImages(x, w, 1, 'conv2d')
  const dtype = meet(x, w)
  const images = x.astype(dtype)
  const weights = w.astype(dtype)
  const plan = planOf(x.shape.slice(1), [w.shape[2]!, w.shape[3]!], windowing, 'conv2d')
  const n = x.shape[0]!
  const outs = w.shape[0]!
  const taps = plan.channels * plan.kernelRows * plan.kernelColumns
  const places = plan.outRows * plan.outColumns
  const out = allocateUnset(dtype, Object.freeze([n, outs, plan.outRows, plan.outColumns]))
  if (atOnce('maps', n, plan, outs, images, weights, out)) return out
  const windows = newUnsetStorage(dtype, taps * places)
  const image = plan.channels * plan.rows * plan.columns
  for (let i = 0; i < n; i++) {
    unfold(plan, images.buffer, images.offset + i * image, windows)
    const to = out.offset + i * outs * places
    kernel.matmul(
      outs,
      taps,
      places,
      weights.buffer,
      weights.offset,
      taps,
      1,
      windows,
      0,
      places,
      1,
      out.buffer,
      to,
    )
  }
  return out
}

/**
 * The adjoint of `convolve` in its images: every element of y adds its window to the image.
 *
 * Shapes   y [n, o, r, s] · w [o, c, kh, kw] → [n, c, (r − 1)·stride − 2·padding + kh + extra, …]
 * Throws   SHAPE_MISMATCH; BAD_SHAPE when nothing would be left.
 */
export function convolveTransposed(y: NDArray, w: NDArray, windowing: Windowing, extra: Pair): NDArray {
  requireImages(y, w, 0, 'convTranspose2d')
  const dtype = meet(y, w)
  const maps = y.astype(dtype)
  const weights = w.astype(dtype)
  const size: Pair = [w.shape[2]!, w.shape[3]!]
  const channels = w.shape[1]!
  const extentOf = (axis: 0 | 1): number => {
    const extent =
      (y.shape[2 + axis]! - 1) * windowing.stride[axis] -
      2 * windowing.padding[axis] +
      size[axis] +
      extra[axis]
    if (extent > 0) return extent
    throw new TapeError(
      'BAD_SHAPE',
      `convTranspose2d expected an image to be left, got extent ${extent}; use less padding`,
    )
  }
  const plan = planOf([channels, extentOf(0), extentOf(1)], size, windowing, 'convTranspose2d')
  const n = y.shape[0]!
  const maps1 = y.shape[1]!
  const taps = channels * size[0] * size[1]
  const places = plan.outRows * plan.outColumns
  const out = allocate(dtype, Object.freeze([n, channels, plan.rows, plan.columns]))
  if (atOnce('images', n, plan, maps1, maps, weights, out)) return out
  const windows = newUnsetStorage(dtype, taps * places)
  const image = channels * plan.rows * plan.columns
  for (let i = 0; i < n; i++) {
    const from = maps.offset + i * maps1 * places
    kernel.matmul(
      taps,
      maps1,
      places,
      weights.buffer,
      weights.offset,
      1,
      taps,
      maps.buffer,
      from,
      places,
      1,
      windows,
      0,
    )
    fold(plan, windows, out.buffer, out.offset + i * image)
  }
  return out
}

/**
 * The adjoint of `convolve` in its weights: images against the gradients of what they gave, summed over the
 * images in order, more than 128 of them by halves where the kernel does so.
 *
 * Shapes   x [n, c, h, w], gy [n, o, r, s], size [kh, kw] → [o, c, kh, kw]
 * Throws   SHAPE_MISMATCH when gy is not what `convolve` gives for that size.
 */
export function convolveWeights(x: NDArray, gy: NDArray, size: Pair, windowing: Windowing): NDArray {
  const dtype = meet(x, gy)
  const images = x.astype(dtype)
  const maps = gy.astype(dtype)
  const plan = planOf(x.shape.slice(1), size, windowing, 'conv2dWeights')
  const fits =
    gy.ndim === 4 &&
    gy.shape[0] === x.shape[0] &&
    gy.shape[2] === plan.outRows &&
    gy.shape[3] === plan.outColumns
  if (x.ndim !== 4 || !fits) {
    throw new TapeError(
      'SHAPE_MISMATCH',
      `conv2dWeights expected gy [${x.shape[0]}, out, ${plan.outRows}, ${plan.outColumns}], got ${formatShape(gy.shape)}`,
    )
  }
  const outs = gy.shape[1]!
  const taps = plan.channels * size[0] * size[1]
  const places = plan.outRows * plan.outColumns
  const out = allocate(dtype, Object.freeze([outs, plan.channels, size[0], size[1]]))
  if (atOnce('weights', x.shape[0]!, plan, outs, images, maps, out)) return out
  const windows = newUnsetStorage(dtype, taps * places)
  const part = newStorage(dtype, outs * taps)
  const image = plan.channels * plan.rows * plan.columns
  const addImage = (i: number, to: TypedArray, start: number) => {
    unfold(plan, images.buffer, images.offset + i * image, windows)
    const from = maps.offset + i * outs * places
    kernel.matmul(outs, places, taps, maps.buffer, from, places, 1, windows, 0, 1, places, part, 0)
    addTo(kernel, to, start, part, part.length)
  }
  if (kernel.sumsByHalves) sumParts(kernel, 0, x.shape[0]!, out.buffer, out.offset, part.length, addImage)
  else for (let i = 0; i < x.shape[0]!; i++) addImage(i, out.buffer, out.offset)
  return out
}
