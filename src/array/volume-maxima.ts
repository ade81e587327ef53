/**
 * Maxima of windows of volumes, and the adjoints. Windows lie at equal steps, or divide an axis into bands whatever its extent. Where a
 * maximum is met more than once in a window, its gradient is shared evenly; NaNs share among themselves.
 */
import { TapeError } from '../errors.js'
import type { TypedArray } from './dtype.js'
import type { VolumeShape } from './fused-primitives.js'
import { kernel } from './kernel.js'
import { allocate, allocateUnset, type NDArray } from './ndarray.js'
import { fixedShape, formatShape, type Shape, sameShape } from './shape.js'

type Triple = readonly [number, number, number]

/** Windows at equal steps, or as many bands as `size` says: band i of n is from ⌊i·extent/n⌋ to ⌈(i + 1)·extent/n⌉. */
export type VolumeWindows =
  | {
      readonly kernel: Triple
      readonly stride: Triple
      readonly padding: Triple
      /** Whether last windows may reach beyond the volume. */
      readonly ceilMode: boolean
    }
  | { readonly size: Triple }

/** Where each window along an axis begins, and then where each ends, within the volume. */
function boundsOf(extent: number, axis: 0 | 1 | 2, windows: VolumeWindows): number[] {
  if ('size' in windows) {
    const count = windows.size[axis]
    return boundsAt(
      count,
      (i) => Math.floor((i * extent) / count),
      (i) => Math.ceil(((i + 1) * extent) / count),
    )
  }
  const [size, stride, padding] = [windows.kernel[axis], windows.stride[axis], windows.padding[axis]]
  const count = countOf(extent, size, stride, padding, windows.ceilMode)
  return boundsAt(
    count,
    (i) => Math.max(0, i * stride - padding),
    (i) => Math.min(extent, i * stride - padding + size),
  )
}

function boundsAt(count: number, from: (i: number) => number, to: (i: number) => number): number[] {
  const bounds: number[] = []
  for (let i = 0; i < count; i++) bounds.push(from(i))
  for (let i = 0; i < count; i++) bounds.push(to(i))
  return bounds
}

/** How many windows an axis has. One that would begin in the padding behind is none, as in PyTorch. */
function countOf(extent: number, size: number, stride: number, padding: number, isCeil: boolean): number {
  const room = extent + 2 * padding - size
  if (!isCeil) return Math.floor(room / stride) + 1
  const last = Math.ceil(room / stride)
  return (last * stride >= extent + padding ? last - 1 : last) + 1
}

interface Plan extends VolumeShape {
  readonly area: number
  readonly columns: number
  readonly shape: Shape
}

function planOf(shape: Shape, windows: VolumeWindows, what: string): Plan {
  if (shape.length !== 5)
    throw new TapeError(
      'SHAPE_MISMATCH',
      `${what} expected volumes [n, c, d, h, w], got ${formatShape(shape)}`,
    )
  const [n, c, ...extents] = shape as unknown as [number, number, number, number, number]
  const bounds = ([0, 1, 2] as const).map((axis) => boundsOf(extents[axis], axis, windows))
  const counts = bounds.map((list) => list.length / 2) as [number, number, number]
  return {
    layers: n * c,
    extents,
    counts,
    bounds: Int32Array.from(bounds.flat()),
    area: extents[1] * extents[2],
    columns: extents[2],
    shape: fixedShape([n, c, ...counts]),
  }
}

/** Has `visit` called for each window: its number, and the bounds of its depths and rows as places, and of its columns. */
function eachWindow(
  { layers, extents, counts, bounds, area, columns }: Plan,
  visit: (
    place: number,
    near: number,
    far: number,
    top: number,
    bottom: number,
    left: number,
    right: number,
  ) => void,
): void {
  const [deep, down, across] = counts
  const [rows, lines] = [2 * deep, 2 * (deep + down)]
  let place = 0
  for (let layer = 0, base = 0; layer < layers; layer++, base += extents[0] * area)
    for (let p = 0; p < deep; p++) {
      const [near, far] = [base + bounds[p]! * area, base + bounds[deep + p]! * area]
      for (let r = 0; r < down; r++) {
        const [top, bottom] = [bounds[rows + r]! * columns, bounds[rows + down + r]! * columns]
        for (let s = 0; s < across; s++)
          visit(place++, near, far, top, bottom, bounds[lines + s]!, bounds[lines + across + s]!)
      }
    }
}

/**
 * The maximum of every window.
 *
 * Shapes   x [n, c, d, h, w] → [n, c, …], as many as there are windows
 * Throws   SHAPE_MISMATCH
 */
export function volumeMaxima(x: NDArray, windows: VolumeWindows): NDArray {
  const plan = planOf(x.shape, windows, 'volumeMaxima')
  const out = allocateUnset(x.dtype, plan.shape)
  if (kernel.fused?.volumeMaxima(plan, x.buffer, x.offset, out.buffer, out.offset)) return out
  const { area, columns } = plan
  const { buffer: from, offset } = x
  const { buffer: to, offset: first } = out
  eachWindow(plan, (place, near, far, top, bottom, left, right) => {
    to[first + place] = largest(from, offset, area, columns, near, far, top, bottom, left, right)
  })
  return out
}

function largest(
  from: TypedArray,
  offset: number,
  area: number,
  columns: number,
  near: number,
  far: number,
  top: number,
  bottom: number,
  left: number,
  right: number,
): number {
  let most = -Infinity
  let isOdd = false
  for (let depth = offset + near; depth < offset + far; depth += area)
    for (let row = depth + top; row < depth + bottom; row += columns)
      for (let at = row + left; at < row + right; at++) {
        const value = from[at]!
        if (value > most) most = value
        else if (value !== value) isOdd = true
      }
  if (isOdd) return Number.NaN
  // Of zeros the positive one is the larger.
  if (most === 0)
    for (let depth = offset + near; depth < offset + far; depth += area)
      for (let row = depth + top; row < depth + bottom; row += columns)
        for (let at = row + left; at < row + right; at++) most = Math.max(most, from[at]!)
  return most
}

/**
 * gy, shared evenly, added where x has the maximum of each window.
 *
 * Shapes   gy as `volumeMaxima(x)`; the result as x
 * Throws   SHAPE_MISMATCH
 */
export function volumeMaximaScatter(gy: NDArray, x: NDArray, windows: VolumeWindows): NDArray {
  const plan = planOf(x.shape, windows, 'volumeMaximaScatter')
  requireShape(gy, plan.shape, 'volumeMaximaScatter')
  const out = allocate(gy.dtype, x.shape)
  const { buffer: from, offset } = gy
  const { buffer: to, offset: first } = out
  const isOne = gy.dtype === x.dtype
  if (isOne && kernel.fused?.volumeMaximaScatter(plan, from, offset, x.buffer, x.offset, to, first))
    return out
  eachMaximum(x, plan, (place, at, count) => {
    to[first + at]! += from[offset + place]! / count
  })
  return out
}

/**
 * The mean of g over the places of each window where x has its maximum.
 *
 * Shapes   g as x; the result as `volumeMaxima(x)`
 * Throws   SHAPE_MISMATCH
 */
export function volumeMaximaGather(g: NDArray, x: NDArray, windows: VolumeWindows): NDArray {
  const plan = planOf(x.shape, windows, 'volumeMaximaGather')
  requireShape(g, x.shape, 'volumeMaximaGather')
  const out = allocate(g.dtype, plan.shape)
  const { buffer: from, offset } = g
  const { buffer: to, offset: first } = out
  eachMaximum(x, plan, (place, at, count) => {
    to[first + place]! += from[offset + at]! / count
  })
  return out
}

/** Has `visit` called for each place of x that is the maximum of a window: the window, the place, and how many share it. */
function eachMaximum(
  x: NDArray,
  plan: Plan,
  visit: (place: number, at: number, count: number) => void,
): void {
  const { area, columns } = plan
  const { buffer, offset } = x
  eachWindow(plan, (place, near, far, top, bottom, left, right) => {
    const most = largest(buffer, offset, area, columns, near, far, top, bottom, left, right)
    let [count, last] = [0, 0]
    for (let depth = near; depth < far; depth += area)
      for (let row = depth + top; row < depth + bottom; row += columns)
        for (let at = row + left; at < row + right; at++) {
          const value = buffer[offset + at]!
          if (value !== most && value === value) continue
          count++
          last = at
        }
    // Most windows have their maximum once.
    if (count === 1) return visit(place, last, 1)
    for (let depth = near; depth < far; depth += area)
      for (let row = depth + top; row < depth + bottom; row += columns)
        for (let at = row + left; at < row + right; at++) {
          const value = buffer[offset + at]!
          if (value === most || value !== value) visit(place, at, count)
        }
  })
}

function requireShape(y: NDArray, shape: Shape, what: string): void {
  if (sameShape(y.shape, shape)) return
  throw new TapeError('SHAPE_MISMATCH', `${what} expected ${formatShape(shape)}, got ${formatShape(y.shape)}`)
}
