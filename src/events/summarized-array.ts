/** In the place of an array of which only the summary is known: it packs like the array it stands for. */
import { TapeError } from '../errors.js'
import { elementCount } from './dtypes.js'
import type { ArraySummary, RecordedArray } from './event.js'

export class SummarizedArray implements RecordedArray {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly size: number
  readonly summary: ArraySummary

  constructor(
    dtype: string,
    shape: readonly number[],
    summary: ArraySummary,
    size: number = elementCount(shape),
  ) {
    this.dtype = dtype
    this.shape = shape
    this.size = size
    this.summary = summary
  }

  /** Throws VALUE_NOT_CAPTURED: the bytes are nowhere. */
  get data(): never {
    throw new TapeError('VALUE_NOT_CAPTURED', 'this array is on the tape as a summary only')
  }
}
