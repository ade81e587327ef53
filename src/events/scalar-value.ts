/** A value of one element: the number itself, without an array behind it until somebody asks for one. */
import { typedArrayOf } from './dtypes.js'
import type { RecordedArray } from './event.js'

export class ScalarValue implements RecordedArray {
  readonly size = 1
  readonly dtype: string
  readonly shape: readonly number[]
  private readonly number: number

  constructor(number: number, dtype: string, shape: readonly number[]) {
    this.number = number
    this.dtype = dtype
    this.shape = shape
  }

  item(): number {
    return this.number
  }

  /** Throws BAD_DTYPE for a dtype that no array has. */
  get data(): RecordedArray['data'] {
    return typedArrayOf(this.dtype).of(this.number)
  }
}
