/** Arrays made by one function of numbers, element by element: for functions that no kernel has a primitive of. Knows no mathematics. */
import { isFloating } from './dtype.js'
import { allocate, type NDArray } from './ndarray.js'
import { broadcastTo } from './rearrange.js'
import { broadcastShapes, sameShape } from './shape.js'

/** f of every element, rounded once to the dtype of x; integers give float64. */
export function mapFloats(x: NDArray, f: (value: number) => number): NDArray {
  const from = isFloating(x.dtype) ? x : x.astype('float64')
  const out = allocate(from.dtype, from.shape, from.size)
  for (let i = 0; i < from.size; i++) {
    const y = f(from.buffer[from.offset + i]!)
    out.buffer[out.offset + i] = y === y ? y : NaN // one NaN, whatever made it
  }
  return out
}

/** f of every pair of elements of a and b, which have one dtype and broadcast; the result has that dtype. Throws SHAPE_MISMATCH. */
export function mapPairs(
  a: NDArray,
  b: NDArray,
  f: (left: number, right: number) => number,
  what: string,
): NDArray {
  const shape = sameShape(a.shape, b.shape) ? a.shape : broadcastShapes(a.shape, b.shape, what)
  const x = sameShape(a.shape, shape) ? a : broadcastTo(a, shape)
  const y = sameShape(b.shape, shape) ? b : broadcastTo(b, shape)
  const out = allocate(x.dtype, shape)
  for (let i = 0; i < out.size; i++) {
    const value = f(x.buffer[x.offset + i]!, y.buffer[y.offset + i]!)
    out.buffer[out.offset + i] = value === value ? value : NaN
  }
  return out
}
