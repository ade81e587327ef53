/** Between arrays as events carry them and NDArrays. */
import { isDType } from '../array/dtype.js'
import { ndarray } from '../array/make-array.js'
import { NDArray, scalar } from '../array/ndarray.js'
import { TapeError } from '../errors.js'
import type { RecordedArray } from '../events/event.js'
import { ScalarValue } from '../events/scalar-value.js'

/** Throws TAPE_CORRUPT for a dtype that no array has. */
export function toNDArray(value: RecordedArray): NDArray {
  if (value instanceof NDArray) return value
  const { dtype } = value
  if (!isDType(dtype))
    throw new TapeError('TAPE_CORRUPT', `the tape holds an array of dtype ${JSON.stringify(dtype)}`)
  if (value instanceof ScalarValue && value.shape.length === 0) return scalar(value.item(), dtype)
  return ndarray(value.data, { dtype, shape: value.shape })
}
