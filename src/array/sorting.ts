/** The largest or smallest elements along an axis, in order. */
import { TapeError } from '../errors.js'
import type { TypedArray } from './dtype.js'
import { kernel } from './kernel.js'
import { allocate, allocateUnset, type NDArray } from './ndarray.js'
import { fixedShape, formatShape, normalizeAxis, sizeOf } from './shape.js'

/**
 * The k largest (or smallest) elements along an axis, best first, and where they are. Equal elements come in the order of
 * their indices; NaN counts as the largest.
 *
 * Shapes   x [a…, n, b…] → values and int32 indices [a…, k, b…]
 * Throws   BAD_AXIS; BAD_ARGUMENT unless k is an integer from 0 to n.
 */
export function topk(
  x: NDArray,
  k: number,
  axis: number = -1,
  largest: boolean = true,
): [values: NDArray, indices: NDArray] {
  const at = normalizeAxis(axis, x.ndim, 'topk')
  const extent = x.shape[at]!
  if (!Number.isInteger(k) || k < 0 || k > extent) {
    throw new TapeError(
      'BAD_ARGUMENT',
      `topk expected k from 0 to ${extent}, the extent of axis ${at} of ${formatShape(x.shape)}, got ${String(k)}`,
    )
  }
  const shape = fixedShape(x.shape.map((e, i) => (i === at ? k : e)))
  const values = allocate(x.dtype, shape)
  const indices = allocate('int32', shape)
  const outer = sizeOf(x.shape.slice(0, at))
  const inner = sizeOf(x.shape.slice(at + 1))
  // A few of many are found in one pass; all of a row natively.
  if (k * FEW >= extent && sortedAtOnce(x, values, indices, outer, extent, inner, k, largest))
    return [values, indices]
  const keys = new Float64Array(extent)
  const order = new Int32Array(extent)
  const spare = new Int32Array(extent)
  const found = new Float64Array(k)
  const { buffer, offset } = x
  for (let r = 0; r < outer; r++) {
    for (let c = 0; c < inner; c++) {
      const from = offset + r * extent * inner + c
      const isOdd = keysOf(buffer, from, inner, largest, keys)
      const isFew = !isOdd && k * FEW < extent
      const best = isFew ? leastOf(keys, order, found, k) : bestOf(keys, isOdd, largest, order, spare)
      for (let i = 0; i < k; i++) {
        const to = (r * k + i) * inner + c
        values.buffer[values.offset + to] = buffer[from + best[i]! * inner]!
        indices.buffer[indices.offset + to] = best[i]!
      }
    }
  }
  return [values, indices]
}

/** By native code, of which the rows lie side by side; false where it is to be done here. */
function sortedAtOnce(
  x: NDArray,
  values: NDArray,
  indices: NDArray,
  outer: number,
  extent: number,
  inner: number,
  k: number,
  largest: boolean,
): boolean {
  const { fused } = kernel
  if (fused === undefined) return false
  const [to, places] = [values.buffer, indices.buffer]
  if (inner === 1)
    return fused.sortRows(
      ...([largest, x.buffer, x.offset, outer, extent, k] as const),
      ...([to, values.offset, places, indices.offset] as const),
    )
  const count = outer * inner
  const rows = allocateUnset(x.dtype, fixedShape([count * extent]))
  const strides = [extent * inner, 1, inner]
  if (!fused.copy(x.buffer, x.offset, [outer, inner, extent], strides, rows.buffer, rows.offset)) return false
  const [best, found] = [
    allocateUnset(x.dtype, fixedShape([count * k])),
    allocateUnset('int32', fixedShape([count * k])),
  ]
  if (
    !fused.sortRows(
      ...([largest, rows.buffer, rows.offset, count, extent, k] as const),
      ...([best.buffer, best.offset, found.buffer, found.offset] as const),
    )
  )
    return false
  for (let r = 0; r < outer; r++)
    for (let i = 0; i < k; i++) {
      let at = (r * k + i) * inner
      for (let c = 0, from = r * inner * k + i; c < inner; c++, at++, from += k) {
        to[values.offset + at] = best.buffer[best.offset + from]!
        places[indices.offset + at] = found.buffer[found.offset + from]!
      }
    }
  return true
}

/** The elements of a row, the best of them the least; whether one is NaN. */
function keysOf(x: TypedArray, from: number, step: number, isTurned: boolean, keys: Float64Array): boolean {
  let isOdd = false
  for (let i = 0, at = from; i < keys.length; i++, at += step) {
    const key = isTurned ? -x[at]! : x[at]!
    keys[i] = key
    if (key !== key) isOdd = true
  }
  return isOdd
}

/** From this many elements for each that is wanted, the wanted ones are found in one pass. */
const FEW = 4
/** Runs of up to this many elements are sorted by insertion. */
const SHORT = 8

/** The places of all keys in order, equal ones in theirs. NaN, where there is one, comes first or last, by `nanFirst`. */
function bestOf(
  keys: Float64Array,
  isOdd: boolean,
  nanFirst: boolean,
  order: Int32Array,
  spare: Int32Array,
): Int32Array {
  let numbers = 0
  for (let i = 0; i < keys.length; i++) if (keys[i] === keys[i]) order[numbers++] = i
  if (!isOdd) return sorted(keys, order, spare, numbers)
  const inOrder = sorted(keys, order, spare, numbers).slice(0, numbers)
  const others: number[] = []
  for (let i = 0; i < keys.length; i++) if (keys[i] !== keys[i]) others.push(i)
  return Int32Array.from(nanFirst ? [...others, ...inOrder] : [...inOrder, ...others])
}

/**
 * The places of the first k in order, at the front of `order`, and their keys at the front of `found`: each element takes its place among
 * those that were found.
 */
function leastOf(keys: Float64Array, order: Int32Array, found: Float64Array, k: number): Int32Array {
  if (k === 0) return order
  // Nearly all elements are left where they are: so they are compared with one number, which changes seldom.
  let worst = Infinity
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!
    if (i >= k && key >= worst) continue
    let at = i < k ? i : k - 1
    for (; at > 0 && found[at - 1]! > key; at--) {
      found[at] = found[at - 1]!
      order[at] = order[at - 1]!
    }
    found[at] = key
    order[at] = i
    if (i >= k - 1) worst = found[k - 1]!
  }
  return order
}

/** The places from `start` to `stop` in order, by insertion. */
function insert(keys: Float64Array, order: Int32Array, start: number, stop: number): void {
  for (let i = start + 1; i < stop; i++) {
    const place = order[i]!
    const key = keys[place]!
    let at = i
    for (; at > start && keys[order[at - 1]!]! > key; at--) order[at] = order[at - 1]!
    order[at] = place
  }
}

/** All n in order: short runs by insertion, which are then merged. */
function sorted(keys: Float64Array, order: Int32Array, spare: Int32Array, n: number): Int32Array {
  for (let start = 0; start < n; start += SHORT) insert(keys, order, start, Math.min(n, start + SHORT))
  let [from, to] = [order, spare]
  for (let width = SHORT; width < n; width *= 2) {
    for (let start = 0; start < n; start += 2 * width)
      merge(keys, from, to, start, Math.min(n, start + width), Math.min(n, start + 2 * width))
    ;[from, to] = [to, from]
  }
  return from
}

/** The runs from `start` and from `middle` as one; of equal elements those of the first come first. */
function merge(
  keys: Float64Array,
  from: Int32Array,
  to: Int32Array,
  start: number,
  middle: number,
  stop: number,
): void {
  let [a, b, o] = [start, middle, start]
  while (a < middle && b < stop) to[o++] = keys[from[a]!]! <= keys[from[b]!]! ? from[a++]! : from[b++]!
  while (a < middle) to[o++] = from[a++]!
  while (b < stop) to[o++] = from[b++]!
}

/**
 * The elements at some places of the last axis when it is in ascending order, equal ones as they stand, NaN last; and where they are.
 *
 * Shapes   x [..., n], places ascending → [..., places] and int32 of the same shape
 */
export function placesInOrder(x: NDArray, places: readonly number[]): [values: NDArray, indices: NDArray] {
  const n = x.shape.at(-1)!
  const count = places.length
  const shape = fixedShape([...x.shape.slice(0, -1), count])
  const values = allocate(x.dtype, shape)
  const indices = allocate('int32', shape)
  const rows = n === 0 ? 0 : x.size / n
  const found = new Int32Array(rows * count + count)
  found.set(places, rows * count)
  if (kernel.fused?.placesInOrder(x.buffer, x.offset, rows, n, count, values.buffer, values.offset, found)) {
    indices.buffer.set(found.subarray(0, rows * count), indices.offset)
    return [values, indices]
  }
  const [sorted, order] = topk(x, n, -1, false)
  for (let r = 0; r < rows; r++)
    for (let k = 0; k < count; k++) {
      values.buffer[values.offset + r * count + k] = sorted.buffer[sorted.offset + r * n + places[k]!]!
      indices.buffer[indices.offset + r * count + k] = order.buffer[order.offset + r * n + places[k]!]!
    }
  return [values, indices]
}
