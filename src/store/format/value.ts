/** Values as the file keeps them: arrays from bytes, and the numbers that SQLite has no number for. */
import { TapeError } from '../../errors.js'
import { elementBytes, isRecordedDtype, typedArrayOf } from '../../events/dtypes.js'
import type { RecordedArray } from '../../events/event.js'

/** An array from the file. Throws TAPE_CORRUPT when the bytes do not make up an array of that dtype and size. */
export function arrayFromBytes(dtype: string, size: number, bytes: Buffer): RecordedArray['data'] {
  const copy = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer
  if (!isRecordedDtype(dtype) || copy.byteLength !== size * elementBytes(dtype))
    throw new TapeError('TAPE_CORRUPT', `a value of ${size} ${dtype} has ${bytes.byteLength} bytes`)
  return new (typedArrayOf(dtype))(copy)
}

/** A number as SQLite keeps it: it has no NaN and no −0, so these two are texts. */
export function toScalar(value: number): number | string {
  if (value !== value) return 'NaN'
  return Object.is(value, -0) ? '-0' : value
}

export function fromScalar(scalar: number | string): number {
  return typeof scalar === 'number' ? scalar : scalar === '-0' ? -0 : Number.NaN
}
