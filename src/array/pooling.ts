/**
 * Windows of images reduced to their maximum or mean, and the adjoints. Where a maximum is met more than once
 * in a window, its gradient is shared evenly; NaNs share among themselves.
 */
import { TapeError } from '../errors.js'
import { type Pair, type Windowing, windowCount } from './convolution.js'
import { isFloating } from './dtype.js'
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
  eachWindow(x.shape, pooling, shape[2], shape[3], (place, base, top, bottom, left, right) => {
    out.buffer[out.offset + place] = largest(x, base, columns, top, bottom, left, right)
  })
  return out
}

function largest(
  x: NDArray,
  base: number,
  columns: number,
  top: number,
  bottom: number,
  left: number,
  right: number,
): number {
  let most = -Infinity
  for (let y = top; y < bottom; y++) {
    for (let z = left; z < right; z++) most = Math.max(most, x.buffer[x.offset + base + y * columns + z]!)
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
  eachMaximum(x, pooling, shape, (place, count, at) => {
    out.buffer[out.offset + at]! += gy.buffer[gy.offset + place]! / count
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
  eachMaximum(x, pooling, shape, (place, count, at) => {
    out.buffer[out.offset + place]! += g.buffer[g.offset + at]! / count
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
  const places: number[] = []
  eachWindow(x.shape, pooling, shape[2]!, shape[3]!, (place, base, top, bottom, left, right) => {
    const most = largest(x, base, columns, top, bottom, left, right)
    places.length = 0
    for (let y = top; y < bottom; y++) {
      for (let z = left; z < right; z++) {
        const at = base + y * columns + z
        const value = x.buffer[x.offset + at]!
        if (value === most || Number.isNaN(value)) places.push(at)
      }
    }
    for (const at of places) met(place, places.length, at)
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
  eachWindow(x.shape, pooling, shape[2], shape[3], (place, base, top, bottom, left, right) => {
    let total = 0
    for (let y = top; y < bottom; y++) {
      for (let z = left; z < right; z++) total += from.buffer[from.offset + base + y * columns + z]!
    }
    out.buffer[out.offset + place] = total / area
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
  eachWindow(image, pooling, shape[2]!, shape[3]!, (place, base, top, bottom, left, right) => {
    const share = gy.buffer[gy.offset + place]! / area
    for (let y = top; y < bottom; y++) {
      for (let z = left; z < right; z++) out.buffer[out.offset + base + y * size[1] + z]! += share
    }
  })
  return out
}
