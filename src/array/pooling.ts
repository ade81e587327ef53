/**
 * Windows of images reduced to their maximum or mean, and the adjoints. Where a maximum is met more than once
 * in a window, its gradient is shared evenly; NaNs share among themselves.
 */
import { TapeError } from '../errors.js'
import { type Pair, type Windowing, windowCount } from './convolution.js'
import { isFloating, type TypedArray } from './dtype.js'
import type { WindowShape } from './fused-primitives.js'
import { kernel } from './kernel.js'
import { allocate, allocateUnset, type NDArray } from './ndarray.js'
import { formatShape, type Shape, sameShape } from './shape.js'

type Pooling = Windowing & { readonly kernel: Pair }

/** The part inside an image of each window along one axis: from `from[i]` up to `to[i]`. */
type Spans = { readonly from: Int32Array; readonly to: Int32Array }

function spansOf(extent: number, count: number, size: number, stride: number, padding: number): Spans {
  const [from, to] = [new Int32Array(count), new Int32Array(count)]
  for (let i = 0, start = -padding; i < count; i++, start += stride) {
    from[i] = Math.max(0, start)
    to[i] = Math.min(extent, start + size)
  }
  return { from, to }
}

/** How windows lie on images of [n, channels, rows, columns]; `shape` is that of the results. */
type Plan = {
  readonly layers: number
  readonly area: number
  readonly columns: number
  readonly down: Spans
  readonly across: Spans
}

function planOf(image: Shape, { kernel, stride, padding }: Pooling, shape: Shape): Plan {
  const [n, channels, rows, columns] = image as [number, number, number, number]
  return {
    layers: n * channels,
    area: rows * columns,
    columns,
    down: spansOf(rows, shape[2]!, kernel[0], stride[0], padding[0]),
    across: spansOf(columns, shape[3]!, kernel[1], stride[1], padding[1]),
  }
}

function windowsOf(image: Shape, pooling: Pooling, shape: Shape): WindowShape {
  return {
    images: image[0]!,
    channels: image[1]!,
    rows: image[2]!,
    columns: image[3]!,
    kernel: pooling.kernel,
    stride: pooling.stride,
    padding: pooling.padding,
    outRows: shape[2]!,
    outColumns: shape[3]!,
  }
}

function pooledShape(image: Shape, pooling: Pooling, what: string): [number, number, number, number] {
  const { kernel, stride, padding } = pooling
  if (image.length !== 4) {
    throw new TapeError(
      'SHAPE_MISMATCH',
      `${what} expected x [n, channels, rows, columns], got ${formatShape(image)}`,
    )
  }
  if (padding[0] * 2 > kernel[0] || padding[1] * 2 > kernel[1]) {
    throw new TapeError(
      'BAD_ARGUMENT',
      `${what} expected padding of at most half the kernel, got ${formatShape(padding)} for ${formatShape(kernel)}`,
    )
  }
  return [
    image[0]!,
    image[1]!,
    windowCount(image[2]!, kernel[0], stride[0], padding[0], what),
    windowCount(image[3]!, kernel[1], stride[1], padding[1], what),
  ]
}

/**
 * The maximum of every window; padding never wins.
 *
 * Shapes   x [n, c, h, w] → [n, c, ⌊(h + 2p − k)/s⌋ + 1, …]
 * Throws   SHAPE_MISMATCH, BAD_SHAPE when the window does not fit, BAD_ARGUMENT for padding above half of it.
 */
export function maxPool(x: NDArray, pooling: Pooling): NDArray {
  const shape = pooledShape(x.shape, pooling, 'maxPool2d')
  const out = allocateUnset(x.dtype, Object.freeze(shape))
  if (kernel.fused?.maxPool(windowsOf(x.shape, pooling, shape), x.buffer, x.offset, out.buffer, out.offset))
    return out
  const { layers, area, columns, down, across } = planOf(x.shape, pooling, shape)
  const { buffer: from } = x
  const { buffer: to } = out
  let place = out.offset
  for (let layer = 0, base = x.offset; layer < layers; layer++, base += area) {
    for (let r = 0; r < down.from.length; r++) {
      const [top, bottom] = [base + down.from[r]! * columns, base + down.to[r]! * columns]
      for (let s = 0; s < across.from.length; s++) {
        to[place++] = largest(from, top, bottom, columns, across.from[s]!, across.to[s]!)
      }
    }
  }
  return out
}

/** The largest of the columns from `left` up to `right` of the rows that begin from `top` up to `bottom`. */
function largest(
  from: TypedArray,
  top: number,
  bottom: number,
  columns: number,
  left: number,
  right: number,
): number {
  let most = -Infinity
  for (let row = top; row < bottom; row += columns) {
    for (let at = row + left; at < row + right; at++) most = Math.max(most, from[at]!)
  }
  return most
}

/**
 * The adjoint of reading every window where x has its maximum: gy, shared evenly, added there.
 *
 * Shapes   gy as `maxPool(x)`; the result as x.
 * Throws   as `maxPool`.
 */
export function maxPoolScatter(gy: NDArray, x: NDArray, pooling: Pooling): NDArray {
  const shape = requirePooled(gy, x.shape, pooling, 'maxPool2dScatter')
  const out = allocate(gy.dtype, x.shape)
  const { buffer: from, offset: start } = gy
  const { buffer: to, offset: first } = out
  const isOne = gy.dtype === x.dtype
  const windows = windowsOf(x.shape, pooling, shape)
  if (isOne && kernel.fused?.maxPoolScatter(windows, from, start, x.buffer, x.offset, to, first)) return out
  const maxima = maximaOf(x, pooling, shape)
  for (let place = 0; place < maxima.only.length; place++) {
    const only = maxima.only[place]!
    if (only >= 0) to[first + only]! += from[start + place]!
    else for (const at of maxima.several.get(place)!) to[first + at]! += from[start + place]! / -only
  }
  return out
}

/**
 * The mean of g over the places of each window where x has its maximum.
 *
 * Shapes   g as x; the result as `maxPool(x)`.
 * Throws   as `maxPool`.
 */
export function maxPoolGather(g: NDArray, x: NDArray, pooling: Pooling): NDArray {
  if (!sameShape(g.shape, x.shape)) {
    throw new TapeError(
      'SHAPE_MISMATCH',
      `maxPool2dGather expected two of one shape, got ${formatShape(g.shape)} and ${formatShape(x.shape)}`,
    )
  }
  const shape = pooledShape(x.shape, pooling, 'maxPool2dGather')
  const out = allocate(g.dtype, Object.freeze(shape))
  const { buffer: from, offset: start } = g
  const { buffer: to, offset: first } = out
  const maxima = maximaOf(x, pooling, shape)
  for (let place = 0; place < maxima.only.length; place++) {
    const only = maxima.only[place]!
    if (only >= 0) to[first + place]! += from[start + only]!
    else for (const at of maxima.several.get(place)!) to[first + place]! += from[start + at]! / -only
  }
  return out
}

/** Where each window has its maximum, by the number of the window. */
type Maxima = {
  /** The place in the image, counted from 0; or minus how many there are, which `several` lists in order. */
  readonly only: Int32Array
  readonly several: ReadonlyMap<number, readonly number[]>
}

function maximaOf(x: NDArray, pooling: Pooling, shape: Shape): Maxima {
  const { layers, area, columns, down, across } = planOf(x.shape, pooling, shape)
  const only = new Int32Array(layers * down.from.length * across.from.length)
  const several = new Map<number, readonly number[]>()
  const { buffer: from, offset } = x
  let place = 0
  for (let layer = 0, base = offset; layer < layers; layer++, base += area) {
    for (let r = 0; r < down.from.length; r++) {
      const [top, bottom] = [base + down.from[r]! * columns, base + down.to[r]! * columns]
      for (let s = 0; s < across.from.length; s++, place++) {
        const [left, right] = [across.from[s]!, across.to[s]!]
        const most = largest(from, top, bottom, columns, left, right)
        // Most windows have their maximum once.
        let count = 0
        let last = 0
        for (let row = top; row < bottom; row += columns) {
          for (let at = row + left; at < row + right; at++) {
            const value = from[at]!
            if (value !== most && value === value) continue
            count++
            last = at
          }
        }
        only[place] = count === 1 ? last - offset : -count
        if (count > 1) several.set(place, placesOf(from, most, offset, top, bottom, columns, left, right))
      }
    }
  }
  return { only, several }
}

/** Where in a window the elements are that equal `most` or are NaN, counted from `offset`. */
function placesOf(
  from: TypedArray,
  most: number,
  offset: number,
  top: number,
  bottom: number,
  columns: number,
  left: number,
  right: number,
): number[] {
  const places: number[] = []
  for (let row = top; row < bottom; row += columns) {
    for (let at = row + left; at < row + right; at++) {
      const value = from[at]!
      if (value === most || value !== value) places.push(at - offset)
    }
  }
  return places
}

function requirePooled(y: NDArray, image: Shape, pooling: Pooling, what: string): Shape {
  const shape = pooledShape(image, pooling, what)
  if (sameShape(y.shape, shape)) return shape
  throw new TapeError('SHAPE_MISMATCH', `${what} expected ${formatShape(shape)}, got ${formatShape(y.shape)}`)
}

/**
 * The mean of every window; padding counts as zeros.
 *
 * Shapes   x [n, c, h, w] → [n, c, ⌊(h + 2p − k)/s⌋ + 1, …]
 * Throws   as `maxPool`.
 */
export function averagePool(x: NDArray, pooling: Pooling): NDArray {
  const shape = pooledShape(x.shape, pooling, 'averagePool2d')
  const from = isFloating(x.dtype) ? x : x.astype('float64')
  const out = allocate(from.dtype, Object.freeze(shape))
  const windows = windowsOf(x.shape, pooling, shape)
  if (kernel.fused?.averagePool(windows, from.buffer, from.offset, out.buffer, out.offset)) return out
  const size = pooling.kernel[0] * pooling.kernel[1]
  const { layers, area, columns, down, across } = planOf(x.shape, pooling, shape)
  const { buffer } = from
  const { buffer: to } = out
  let place = out.offset
  for (let layer = 0, base = from.offset; layer < layers; layer++, base += area) {
    for (let r = 0; r < down.from.length; r++) {
      const [top, bottom] = [base + down.from[r]! * columns, base + down.to[r]! * columns]
      for (let s = 0; s < across.from.length; s++) {
        const [left, right] = [across.from[s]!, across.to[s]!]
        let total = 0
        for (let row = top; row < bottom; row += columns) {
          for (let at = row + left; at < row + right; at++) total += buffer[at]!
        }
        to[place++] = total / size
      }
    }
  }
  return out
}

/**
 * The adjoint of `averagePool`: each element of gy, divided by the area, added to its window in an image of
 * rows × columns.
 *
 * Throws   SHAPE_MISMATCH unless gy is what averagePool gives for such an image.
 */
export function averagePoolScatter(gy: NDArray, pooling: Pooling, size: Pair): NDArray {
  const image: Shape = Object.freeze([gy.shape[0] ?? 0, gy.shape[1] ?? 0, size[0], size[1]])
  const shape = requirePooled(gy, image, pooling, 'averagePool2dScatter')
  const out = allocate(gy.dtype, image)
  const windows = windowsOf(image, pooling, shape)
  if (kernel.fused?.averagePoolScatter(windows, gy.buffer, gy.offset, out.buffer, out.offset)) return out
  const share = pooling.kernel[0] * pooling.kernel[1]
  const { layers, area, columns, down, across } = planOf(image, pooling, shape)
  const { buffer: from } = gy
  const { buffer: to } = out
  let place = gy.offset
  for (let layer = 0, base = out.offset; layer < layers; layer++, base += area) {
    for (let r = 0; r < down.from.length; r++) {
      const [top, bottom] = [base + down.from[r]! * columns, base + down.to[r]! * columns]
      for (let s = 0; s < across.from.length; s++) {
        const [left, right] = [across.from[s]!, across.to[s]!]
        const each = from[place++]! / share
        for (let row = top; row < bottom; row += columns) {
          for (let at = row + left; at < row + right; at++) to[at]! += each
        }
      }
    }
  }
  return out
}
