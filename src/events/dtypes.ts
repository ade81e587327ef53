/**
 * The dtypes that events and files know: the name, the code in shared memory, and the typed array of each. This is the one place of
 * their sizes outside `array/`, which computes with them and which neither events nor the store may import; a test holds the two
 * to each other.
 */
import { TapeError, valueText } from '../errors.js'

export type ElementArray = Float64Array | Float32Array | Int32Array | Uint8Array

/** In the order of their codes. */
const MADE_BY = {
  float64: Float64Array,
  float32: Float32Array,
  int32: Int32Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const

type RecordedDtype = keyof typeof MADE_BY

export const RECORDED_DTYPES = Object.keys(MADE_BY) as readonly RecordedDtype[]

/** Bytes of one element, by code. */
export const ELEMENT_BYTES: readonly number[] = RECORDED_DTYPES.map(
  (dtype) => MADE_BY[dtype].BYTES_PER_ELEMENT,
)

export function isRecordedDtype(dtype: unknown): dtype is RecordedDtype {
  return typeof dtype === 'string' && Object.hasOwn(MADE_BY, dtype)
}

/** Bytes of one element. Throws BAD_DTYPE for what is no dtype. */
export function elementBytes(dtype: string): number {
  return typedArrayOf(dtype).BYTES_PER_ELEMENT
}

/** The class of typed arrays that hold a dtype's elements. Throws BAD_DTYPE for what is no dtype. */
export function typedArrayOf(dtype: string): (typeof MADE_BY)[RecordedDtype] {
  if (!isRecordedDtype(dtype))
    throw new TapeError(
      'BAD_DTYPE',
      `a recorded array has one of the dtypes ${RECORDED_DTYPES.join(', ')}, got ${valueText(dtype)}`,
    )
  return MADE_BY[dtype]
}

/** The place of a dtype in RECORDED_DTYPES. Throws BAD_DTYPE for what is no dtype. */
export function dtypeCode(dtype: string): number {
  // Asked for every array that is handed over, and nearly all are of these two.
  if (dtype === 'float64') return 0
  if (dtype === 'float32') return 1
  typedArrayOf(dtype)
  return RECORDED_DTYPES.indexOf(dtype as RecordedDtype)
}

/** How many elements an array of this shape has. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1)
}
