/** Values as the file keeps them: arrays from bytes, and the numbers that SQLite has no number for. */
import { TapeError } from '../../errors.js'
import type { Summary } from '../../events/content.js'
import type { RecordedArray } from '../../events/event.js'

/** An array from the file. Throws TAPE_CORRUPT when the bytes do not make up an array of that dtype and size. */
export function arrayFromBytes(dtype: string, size: number, bytes: Buffer): RecordedArray['data'] {
  const copy = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer
  const make = {
    float64: Float64Array,
    float32: Float32Array,
    int32: Int32Array,
    uint8: Uint8Array,
    bool: Uint8Array,
  }[dtype]
  if (make === undefined || copy.byteLength !== size * make.BYTES_PER_ELEMENT) {
    throw new TapeError('TAPE_CORRUPT', `a value of ${size} ${dtype} has ${bytes.byteLength} bytes`)
  }
  return new make(copy)
}

/** A number as SQLite keeps it: it has no NaN and no −0, so these two are texts. */
export function toScalar(value: number): number | string {
  if (value !== value) return 'NaN'
  return Object.is(value, -0) ? '-0' : value
}

export function fromScalar(scalar: number | string): number {
  return typeof scalar === 'number' ? scalar : scalar === '-0' ? -0 : Number.NaN
}

/** How many numbers a summary is. */
export const SUMMARY_SLOTS = 6

/** A summary from its numbers: norm, mean, min, max, zeros, non-finite; NaN for null. */
export function summaryFrom(numbers: readonly number[]): Summary {
  const [l2Norm, mean, min, max] = numbers.slice(0, 4).map((x) => (x === x ? x : null)) as (number | null)[]
  return {
    l2Norm: l2Norm!,
    mean: mean!,
    min: min!,
    max: max!,
    zeroCount: numbers[4]!,
    nonFiniteCount: numbers[5]!,
  }
}
