/** Products of all elements up to each along an axis. */
import { isFloating } from './dtype.js'
import { allocate, type NDArray } from './ndarray.js'
import { fixedShape, normalizeAxis, sizeOf } from './shape.js'

/** From left to right, rounded to the dtype at each factor; integers and bools give int32, which wraps. Without an axis, of all as one row. */
export function cumprod(x: NDArray, axis?: number): NDArray {
  const from = isFloating(x.dtype) ? x : x.astype('int32')
  const shape = axis === undefined ? fixedShape([x.size]) : x.shape
  const at = normalizeAxis(axis ?? 0, shape.length, 'cumprod')
  const extent = shape[at]!
  const inner = sizeOf(shape.slice(at + 1))
  const out = allocate(from.dtype, shape, from.size)
  const times = isFloating(from.dtype) ? (a: number, b: number) => a * b : Math.imul
  for (let i = 0; i < from.size; i++) {
    const value = from.buffer[from.offset + i]!
    const isFirst = Math.floor(i / inner) % extent === 0
    out.buffer[out.offset + i] = isFirst ? value : times(out.buffer[out.offset + i - inner]!, value)
  }
  return out
}
