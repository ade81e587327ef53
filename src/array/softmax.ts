/**
 * Softmax and its logarithm, safe for large and for infinite negative entries. Integers count as float64.
 */
import { TapeError } from '../errors.js'
import { isFloating } from './dtype.js'
import { kernel } from './kernel.js'
import { allocate, type NDArray } from './ndarray.js'
import { transpose } from './rearrange.js'
import { normalizeAxis } from './shape.js'

/**
 * eˣ / Σ eˣ along an axis, the last unless said; NaN where all entries are -Infinity.
 *
 * Throws   BAD_AXIS, also for a scalar.
 */
export function softmax(x: NDArray, axis: number = -1): NDArray {
  return alongRows(x, axis, 'softmax')
}

/**
 * x − log Σ eˣ along an axis, the last unless said; NaN where all entries are -Infinity.
 *
 * Throws   BAD_AXIS, also for a scalar.
 */
export function logSoftmax(x: NDArray, axis: number = -1): NDArray {
  return alongRows(x, axis, 'logSoftmax')
}

function alongRows(x: NDArray, axis: number, what: 'softmax' | 'logSoftmax'): NDArray {
  if (x.dtype === 'bool')
    throw new TapeError('BAD_DTYPE', `${what} expected numbers, got bool; convert with astype`)
  const at = normalizeAxis(axis, x.ndim, what)
  const from = isFloating(x.dtype) ? x : x.astype('float64')
  if (at === x.ndim - 1) return rowsOf(from, what)
  // The swap of two axes is its own inverse.
  const swapped = x.shape.map((_, i) => (i === at ? x.ndim - 1 : i === x.ndim - 1 ? at : i))
  return transpose(rowsOf(transpose(from, swapped), what), swapped)
}

function rowsOf(x: NDArray, what: 'softmax' | 'logSoftmax'): NDArray {
  const out = allocate(x.dtype, x.shape, x.size)
  const columns = x.shape[x.ndim - 1]!
  const rows = columns === 0 ? 0 : x.size / columns
  if (what === 'softmax') kernel.softmaxRows(x.buffer, x.offset, rows, columns, out.buffer, out.offset)
  else kernel.logSoftmaxRows(x.buffer, x.offset, rows, columns, out.buffer, out.offset)
  return out
}
