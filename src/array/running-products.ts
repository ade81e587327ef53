/** Products of all elements up to each along an axis. */
import { isFloating } from './dtype.js'
import { allocateUnset, type NDArray } from './ndarray.js'
import { fixedShape, normalizeAxis, sizeOf } from './shape.js'

/** From left to right, rounded to the dtype at each factor; integers and bools give int32, which wraps. Without an axis, of all as one row. */
export function cumprod(x: NDArray, axis?: number): NDArray {
  const from = isFloating(x.dtype) ? x : x.astype('int32')
  const shape = axis === undefined ? fixedShape([x.size]) : x.shape
  const at = normalizeAxis(axis ?? 0, shape.length, 'cumprod')
  const extent = shape[at]!
  const inner = sizeOf(shape.slice(at + 1))
  const out = allocateUnset(from.dtype, shape, from.size)
  if (from.buffer instanceof Float64Array) {
    const rows = { outer: extent === 0 ? 0 : from.size / (extent * inner || 1), extent, inner }
    runFloat64(from.buffer, from.offset, rows, out.buffer as Float64Array, out.offset)
    return out
  }
  const times = isFloating(from.dtype) ? (a: number, b: number) => a * b : Math.imul
  for (let i = 0; i < from.size; i++) {
    const value = from.buffer[from.offset + i]!
    const isFirst = Math.floor(i / inner) % extent === 0
    out.buffer[out.offset + i] = isFirst ? value : times(out.buffer[out.offset + i - inner]!, value)
  }
  return out
}

/** The same, in loops compiled for the commonest element type alone. */
function runFloat64(
  x: Float64Array,
  from: number,
  { outer, extent, inner }: { outer: number; extent: number; inner: number },
  out: Float64Array,
  to: number,
): void {
  for (let r = 0; r < outer; r++) {
    const start = r * extent * inner
    if (inner === 1) {
      if (extent === 0) continue
      let product = x[from + start]!
      out[to + start] = product
      for (let i = start + 1; i < start + extent; i++) {
        product *= x[from + i]!
        out[to + i] = product
      }
      continue
    }
    for (let i = start; i < start + inner; i++) out[to + i] = x[from + i]!
    for (let i = start + inner; i < start + extent * inner; i++)
      out[to + i] = out[to + i - inner]! * x[from + i]!
  }
}
