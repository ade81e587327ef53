/** The largest or smallest elements along an axis, in order. */
import { TapeError } from '../errors.js'
import { allocate, type NDArray } from './ndarray.js'
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
  const order = new Int32Array(extent)
  for (let r = 0; r < outer; r++) {
    for (let c = 0; c < inner; c++) {
      const from = x.offset + r * extent * inner + c
      const value = (i: number): number => x.buffer[from + i * inner]!
      for (let i = 0; i < extent; i++) order[i] = i
      order.sort(
        (i, j) => (largest ? descending(value(i), value(j)) : descending(value(j), value(i))) || i - j,
      )
      for (let i = 0; i < k; i++) {
        const to = (r * k + i) * inner + c
        values.buffer[values.offset + to] = value(order[i]!)
        indices.buffer[indices.offset + to] = order[i]!
      }
    }
  }
  return [values, indices]
}

function descending(a: number, b: number): number {
  if (a > b) return -1
  if (a < b) return 1
  return Number(Number.isNaN(b)) - Number(Number.isNaN(a))
}
