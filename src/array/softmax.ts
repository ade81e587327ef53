/**
 * Softmax and its logarithm, safe for large and for infinite negative entries. Integers count as float64.
 */
import { TapeError } from '../errors.js'
import { isFloating } from './dtype.js'
import { kernel } from './kernel.js'
import { allocateUnset, type NDArray } from './ndarray.js'
import { transpose } from './rearrange.js'
import { normalizeAxis, sameShape } from './shape.js'

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

/**
 * (softmax(x) − the labels' oneHot)·share in one array, with the bits of the three steps: the gradient of the mean cross entropy.
 *
 * Shapes   x [..., classes] floating, labels [...] of integers, share [] of the dtype of x → [..., classes]
 * Throws   INDEX_OUT_OF_RANGE for a label that is no class.
 */
export function crossEntropyGradient(x: NDArray, labels: NDArray, share: NDArray): NDArray {
  const out = rowsOf(x, 'softmax')
  const { buffer, offset, size } = out
  const classes = x.shape[x.ndim - 1]!
  for (let row = 0; row < labels.size; row++) {
    const label = labels.buffer[labels.offset + row]!
    if (label < 0 || label >= classes) {
      throw new TapeError(
        'INDEX_OUT_OF_RANGE',
        `cross entropy expected labels from 0 to ${classes - 1}, got ${label} in row ${row}`,
      )
    }
    const at = offset + row * classes + label
    buffer[at] = buffer[at]! - 1
  }
  kernel.binary('mul', 1, size, buffer, offset, 0, 1, share.buffer, share.offset, 0, 0, buffer, offset)
  return out
}

/** y·(gy − Σ gy·y), sums along the last axis, the gradient of softmax; null where it is to be computed in steps. */
export function softmaxGradient(gy: NDArray, y: NDArray): NDArray | null {
  const { fused } = kernel
  const columns = y.shape[y.ndim - 1] ?? 0
  if (fused === undefined || columns < 2 || gy.dtype !== y.dtype || !isFloating(y.dtype)) return null
  if (!sameShape(gy.shape, y.shape)) return null
  const out = allocateUnset(y.dtype, y.shape, y.size)
  const isDone = fused.softmaxSlope(
    ...([
      gy.buffer,
      gy.offset,
      y.buffer,
      y.offset,
      y.size / columns,
      columns,
      out.buffer,
      out.offset,
    ] as const),
  )
  return isDone ? out : null
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
  const out = allocateUnset(x.dtype, x.shape, x.size)
  const columns = x.shape[x.ndim - 1]!
  const rows = columns === 0 ? 0 : x.size / columns
  if (what === 'softmax') kernel.softmaxRows(x.buffer, x.offset, rows, columns, out.buffer, out.offset)
  else kernel.logSoftmaxRows(x.buffer, x.offset, rows, columns, out.buffer, out.offset)
  return out
}
