/** A value of one element: the number itself, without an array behind it until somebody asks for one. */
import { TapeError } from '../errors.js'
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

  /** Throws TAPE_CORRUPT for a dtype that no array has. */
  get data(): RecordedArray['data'] {
    switch (this.dtype) {
      case 'float64':
        return Float64Array.of(this.number)
      case 'float32':
        return Float32Array.of(this.number)
      case 'int32':
        return Int32Array.of(this.number)
      case 'uint8':
      case 'bool':
        return Uint8Array.of(this.number)
    }
    throw new TapeError('TAPE_CORRUPT', `unknown dtype ${JSON.stringify(this.dtype)}`)
  }
}
