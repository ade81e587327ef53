/**
 * Windows of images reduced to their maximum or mean, and the adjoints. Where a maximum is met more than once
 * in a window, its gradient is shared evenly; NaNs share among themselves.
 */
import { TapeError } from '../errors.js'
import { type Pair, type Windowing, windowCount } from './convolution.js'
import { isFloating, type TypedArray } from './dtype.js'
import { allocate, type NDArray } from './ndarray.js'
import { formatShape, type Shape, sameShape } from './shape.js'

export type Pooling = Windowing & { readonly kernel: Pair }

/** Calls `window` for every window with its place among the results and its part inside the image. */
function eachWindow(
  image: Shape,
  pooling: Pooling,
  outRows: number,
  outColumns: number,
  window: (place: number, base: number, top: number, bottom: number, left: number, right: number) => void,
): void {
  const [n, channels, rows, columns] = image as [number, number, number, number]
  const { kernel, stride, padding } = pooling
  let place = 0
  for (let layer = 0; layer < n * channels; layer++) {
    for (let r = 0; r < outRows; r++) {
      const top = r * stride[0] - padding[0]
      for (let s = 0; s < outColumns; s++) {
        const left = s * stride[1] - padding[1]
        window(
          place++,
          layer * rows * columns,
          Math.max(0, top),
          Math.min(rows, top + kernel[0]),
          Math.max(0, left),
          Math.min(columns, left + kernel[1]),
        )
      }
    }
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
  const out = allocate(x.dtype, Object.freeze(shape))
  const columns = x.shape[3]!
  const { buffer: from, offset: start } = x
  const { buffer: to, offset: first } = out
  eachWindow(x.shape, pooling, shape[2], shape[3], (place, base, top, bottom, left, right) => {
    to[first + place] = largest(from, start + base, columns, top, bottom, left, right)
  })
  return out
}

function largest(
  from: TypedArray,
  base: number,
  columns: number,
  top: number,
  bottom: number,
  left: number,
  right: number,
): number {
  let most = -Infinity
  for (let y = top; y < bottom; y++) {
    for (let at = base + y * columns + left; at < base + y * columns + right; at++) {
      most = Math.max(most, from[at]!)
    }
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
  eachMaximum(x, pooling, shape, (place, count, at) => {
    to[first + at]! += from[start + place]! / count
  })
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
  eachMaximum(x, pooling, shape, (place, count, at) => {
    to[first + place]! += from[start + at]! / count
  })
  return out
}

function eachMaximum(
  x: NDArray,
  pooling: Pooling,
  shape: Shape,
  met: (place: number, count: number, at: number) => void,
): void {
  const columns = x.shape[3]!
  const { buffer: from, offset: start } = x
  eachWindow(x.shape, pooling, shape[2]!, shape[3]!, (place, base, top, bottom, left, right) => {
    const most = largest(from, start + base, columns, top, bottom, left, right)
    // Most windows have their maximum once; then one more look finds it.
    let count = 0
    let last = 0
    for (let y = top; y < bottom; y++) {
      for (let at = base + y * columns + left; at < base + y * columns + right; at++) {
        const value = from[start + at]!
        if (value !== most && value === value) continue
        count++
        last = at
      }
    }
    if (count === 1) return met(place, 1, last)
    for (let y = top; y < bottom; y++) {
      for (let at = base + y * columns + left; at < base + y * columns + right; at++) {
        const value = from[start + at]!
        if (value === most || value !== value) met(place, count, at)
      }
    }
  })
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
  const columns = x.shape[3]!
  const area = pooling.kernel[0] * pooling.kernel[1]
  const { buffer, offset: start } = from
  const { buffer: to, offset: first } = out
  eachWindow(x.shape, pooling, shape[2], shape[3], (place, base, top, bottom, left, right) => {
    let total = 0
    for (let y = top; y < bottom; y++) {
      const row = start + base + y * columns
      for (let at = row + left; at < row + right; at++) total += buffer[at]!
    }
    to[first + place] = total / area
  })
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
  const area = pooling.kernel[0] * pooling.kernel[1]
  const { buffer: from, offset: start } = gy
  const { buffer: to, offset: first } = out
  const columns = size[1]
  eachWindow(image, pooling, shape[2]!, shape[3]!, (place, base, top, bottom, left, right) => {
    const share = from[start + place]! / area
    for (let y = top; y < bottom; y++) {
      const row = first + base + y * columns
      for (let at = row + left; at < row + right; at++) to[at]! += share
    }
  })
  return out
}
