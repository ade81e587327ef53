/**
 * Maxima of windows of volumes, and the adjoints. Windows lie at equal steps, or divide an axis into bands whatever its extent. Where a
 * maximum is met more than once in a window, its gradient is shared evenly; NaNs share among themselves.
 */
import { TapeError } from '../errors.js'
import type { TypedArray } from './dtype.js'
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

/** The part inside of the volume of each window along one axis. */
interface Spans {
  readonly from: Int32Array
  readonly to: Int32Array
}

function spansOf(extent: number, axis: 0 | 1 | 2, windows: VolumeWindows): Spans {
  if ('size' in windows) {
    const count = windows.size[axis]
    return {
      from: Int32Array.from({ length: count }, (_, i) => Math.floor((i * extent) / count)),
      to: Int32Array.from({ length: count }, (_, i) => Math.ceil(((i + 1) * extent) / count)),
    }
  }
  const [kernel, stride, padding] = [windows.kernel[axis], windows.stride[axis], windows.padding[axis]]
  const count = countOf(extent, kernel, stride, padding, windows.ceilMode)
  return {
    from: Int32Array.from({ length: count }, (_, i) => Math.max(0, i * stride - padding)),
    to: Int32Array.from({ length: count }, (_, i) => Math.min(extent, i * stride - padding + kernel)),
  }
}

/** How many windows an axis has. One that would begin in the padding behind is none, as in PyTorch. */
function countOf(extent: number, kernel: number, stride: number, padding: number, isCeil: boolean): number {
  const room = extent + 2 * padding - kernel
  if (!isCeil) return Math.floor(room / stride) + 1
  const last = Math.ceil(room / stride)
  return (last * stride >= extent + padding ? last - 1 : last) + 1
}

interface Plan {
  readonly layers: number
  readonly volume: number
  readonly area: number
  readonly columns: number
  readonly spans: readonly [deep: Spans, down: Spans, across: Spans]
  readonly shape: Shape
}

function planOf(shape: Shape, windows: VolumeWindows, what: string): Plan {
  if (shape.length !== 5)
    throw new TapeError(
      'SHAPE_MISMATCH',
      `${what} expected volumes [n, c, d, h, w], got ${formatShape(shape)}`,
    )
  const [n, c, d, h, w] = shape as readonly [number, number, number, number, number]
  const spans = [spansOf(d, 0, windows), spansOf(h, 1, windows), spansOf(w, 2, windows)] as const
  const made = fixedShape([n, c, ...spans.map(({ from }) => from.length)])
  return { layers: n * c, volume: d * h * w, area: h * w, columns: w, spans, shape: made }
}

/** Has `visit` called for each window: its number, and the bounds of its depths and rows as places, and of its columns. */
function eachWindow(
  { layers, volume, area, columns, spans }: Plan,
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
  const [deep, down, across] = spans
  let place = 0
  for (let layer = 0, base = 0; layer < layers; layer++, base += volume)
    for (let p = 0; p < deep.from.length; p++) {
      const [near, far] = [base + deep.from[p]! * area, base + deep.to[p]! * area]
      for (let r = 0; r < down.from.length; r++) {
        const [top, bottom] = [down.from[r]! * columns, down.to[r]! * columns]
        for (let s = 0; s < across.from.length; s++)
          visit(place++, near, far, top, bottom, across.from[s]!, across.to[s]!)
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
