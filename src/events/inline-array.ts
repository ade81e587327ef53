/** A small array that stands with its event, not among the values that are stored once each. */
import type { RecordedArray } from './event.js'

export class InlineArray implements RecordedArray {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly data: RecordedArray['data']

  constructor(dtype: string, shape: readonly number[], data: RecordedArray['data']) {
    this.dtype = dtype
    this.shape = shape
    this.data = data
  }

  get size(): number {
    return this.data.length
  }
}
