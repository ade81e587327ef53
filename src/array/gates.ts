/** What passes where another array allows it. */
import { TapeError } from '../errors.js'
import { kernel } from './kernel.js'
import { allocate, type NDArray } from './ndarray.js'
import { formatShape, sameShape } from './shape.js'

/**
 * y where x is above 0 or NaN, else 0.
 *
 * Shapes   y, x of one shape; the dtype is that of y.
 * Throws   SHAPE_MISMATCH.
 */
export function gateAboveZero(y: NDArray, x: NDArray): NDArray {
  if (!sameShape(y.shape, x.shape)) {
    throw new TapeError(
      'SHAPE_MISMATCH',
      `a gradient expected the shape of what it belongs to, got ${formatShape(y.shape)} for ${formatShape(x.shape)}`,
    )
  }
  const out = allocate(y.dtype, y.shape, y.size)
  kernel.gate(y.buffer, y.offset, x.buffer, x.offset, out.buffer, out.offset, y.size)
  return out
}
