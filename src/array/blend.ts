/** Along an axis, each place of a result as a mean of two neighbours, weighed by how near they are; and the adjoint. */
import type { TypedArray } from './dtype.js'
import { kernel } from './kernel.js'
import { allocate, allocateUnset, type NDArray } from './ndarray.js'
import { fixedShape, sizeOf } from './shape.js'

/** Of `count` places made of `extent`: a step from one to the next, in old places, or the ends of both on each other. */
export interface BlendShape {
  readonly extent: number
  readonly count: number
  readonly step: number
  readonly alignCorners: boolean
}

/** The two neighbours of each place, and their weights. At an end both are the last, which then has the whole weight. */
interface Neighbours {
  readonly first: Int32Array
  readonly second: Int32Array
  readonly near: Float64Array
  readonly far: Float64Array
}

function neighboursOf({ extent, count, step, alignCorners }: BlendShape): Neighbours {
  const [first, second] = [new Int32Array(count), new Int32Array(count)]
  const [near, far] = [new Float64Array(count), new Float64Array(count)]
  for (let i = 0; i < count; i++) {
    const place = alignCorners
      ? count > 1
        ? (i * (extent - 1)) / (count - 1)
        : 0
      : Math.max(0, (i + 0.5) * step - 0.5)
    first[i] = Math.min(Math.floor(place), extent - 1)
    second[i] = Math.min(first[i]! + 1, extent - 1)
    const share = Math.min(Math.max(place - first[i]!, 0), 1)
    near[i] = first[i] === second[i] ? 1 : 1 - share
    far[i] = first[i] === second[i] ? 0 : share
  }
  return { first, second, near, far }
}

/** The weights as a matrix [count, extent]. */
export function blendWeights(shape: BlendShape): Float64Array {
  const { first, second, near, far } = neighboursOf(shape)
  const weights = new Float64Array(shape.count * shape.extent)
  for (let i = 0; i < shape.count; i++) {
    weights[i * shape.extent + first[i]!]! += near[i]!
    weights[i * shape.extent + second[i]!]! += far[i]!
  }
  return weights
}

/** x, of floats, with `count` places along an axis of `extent`. */
export function blend(x: NDArray, axis: number, shape: BlendShape): NDArray {
  const { count, extent } = shape
  const made = fixedShape(x.shape.map((one, i) => (i === axis ? count : one)))
  const out = allocateUnset(x.dtype, made)
  const outer = sizeOf(x.shape.slice(0, axis))
  const inner = sizeOf(x.shape.slice(axis + 1))
  if (kernel.fused?.blend(false, shape, outer, inner, x.buffer, x.offset, out.buffer, out.offset)) return out
  const z = neighboursOf(shape)
  const rows = inner === 1 ? blendElements : blendRows
  if (x.buffer instanceof Float64Array && out.buffer instanceof Float64Array)
    rows(x.buffer, x.offset, out.buffer, out.offset, outer, extent, inner, z)
  else rows(x.buffer, x.offset, out.buffer, out.offset, outer, extent, inner, z)
  return out
}

/** g, of `count` places along an axis, given back to the `extent` places that they were made of, in the order of g. */
export function blendScatter(g: NDArray, axis: number, shape: BlendShape): NDArray {
  const { extent } = shape
  const made = fixedShape(g.shape.map((one, i) => (i === axis ? extent : one)))
  const out = allocate(g.dtype, made)
  const outer = sizeOf(g.shape.slice(0, axis))
  const inner = sizeOf(g.shape.slice(axis + 1))
  if (kernel.fused?.blend(true, shape, outer, inner, g.buffer, g.offset, out.buffer, out.offset)) return out
  const z = neighboursOf(shape)
  const rows = inner === 1 ? scatterElements : scatterRows
  rows(g.buffer, g.offset, out.buffer, out.offset, outer, extent, inner, z)
  return out
}

function blendElements(
  x: TypedArray,
  from: number,
  out: TypedArray,
  to: number,
  outer: number,
  extent: number,
  _inner: number,
  { first, second, near, far }: Neighbours,
): void {
  const count = first.length
  for (let r = 0, row = from, o = to; r < outer; r++, row += extent, o += count)
    for (let i = 0; i < count; i++)
      out[o + i] = near[i]! * x[row + first[i]!]! + far[i]! * x[row + second[i]!]!
}

function blendRows(
  x: TypedArray,
  from: number,
  out: TypedArray,
  to: number,
  outer: number,
  extent: number,
  inner: number,
  { first, second, near, far }: Neighbours,
): void {
  const count = first.length
  for (let r = 0, o = to; r < outer; r++)
    for (let i = 0; i < count; i++, o += inner) {
      const a = from + (r * extent + first[i]!) * inner
      const b = from + (r * extent + second[i]!) * inner
      const p = near[i]!
      const q = far[i]!
      for (let c = 0; c < inner; c++) out[o + c] = p * x[a + c]! + q * x[b + c]!
    }
}

function scatterElements(
  g: TypedArray,
  from: number,
  out: TypedArray,
  to: number,
  outer: number,
  extent: number,
  _inner: number,
  { first, second, near, far }: Neighbours,
): void {
  const count = first.length
  for (let r = 0, row = to, at = from; r < outer; r++, row += extent, at += count)
    for (let i = 0; i < count; i++) {
      out[row + first[i]!]! += near[i]! * g[at + i]!
      out[row + second[i]!]! += far[i]! * g[at + i]!
    }
}

function scatterRows(
  g: TypedArray,
  from: number,
  out: TypedArray,
  to: number,
  outer: number,
  extent: number,
  inner: number,
  { first, second, near, far }: Neighbours,
): void {
  const count = first.length
  for (let r = 0, at = from; r < outer; r++)
    for (let i = 0; i < count; i++, at += inner) {
      const a = to + (r * extent + first[i]!) * inner
      const b = to + (r * extent + second[i]!) * inner
      const p = near[i]!
      const q = far[i]!
      for (let c = 0; c < inner; c++) {
        out[a + c]! += p * g[at + c]!
        out[b + c]! += q * g[at + c]!
      }
    }
}
