/**
 * The element types of arrays, which typed array stores each, and which type two of them meet in.
 * Knows nothing of shapes or values.
 */
import { TapeError } from '../errors.js'
import { keepPages } from './kept-pages.js'

/** `bool` is stored as bytes of 0 and 1. */
export type DType = 'float64' | 'float32' | 'int32' | 'uint8' | 'bool'

export type TypedArray = Float64Array | Float32Array | Int32Array | Uint8Array

/** Every dtype, from the widest to the narrowest. */
export const DTYPES: readonly DType[] = Object.freeze([
  'float64',
  'float32',
  'int32',
  'uint8',
  'bool',
] as const)

export function isDType(x: unknown): x is DType {
  return DTYPES.includes(x as DType)
}

export function isFloating(d: DType): boolean {
  return d === 'float64' || d === 'float32'
}

export function bytesPerElement(d: DType): number {
  switch (d) {
    case 'float64':
      return 8
    case 'float32':
    case 'int32':
      return 4
    case 'uint8':
    case 'bool':
      return 1
  }
}

/**
 * The dtype in which two operands meet.
 *
 * Throws   nothing
 * Source   NumPy `promote_types`, restricted to these five: int32 with float32 is float64, as float32 cannot
 *          hold every int32.
 */
export function promoteTypes(a: DType, b: DType): DType {
  if (a === b) return a
  if (a === 'float64' || b === 'float64') return 'float64'
  if (a === 'float32' || b === 'float32') return a === 'int32' || b === 'int32' ? 'float64' : 'float32'
  if (a === 'int32' || b === 'int32') return 'int32'
  return 'uint8'
}

let defaultDtype: 'float64' | 'float32' = 'float64'

/**
 * Sets the dtype that plain numbers get from now on; arrays that exist keep theirs.
 *
 * Throws   BAD_DTYPE for anything but float64 and float32.
 */
export function setDefaultDtype(d: 'float64' | 'float32'): void {
  if (d !== 'float64' && d !== 'float32') {
    throw new TapeError('BAD_DTYPE', `setDefaultDtype expected 'float64' or 'float32', got ${String(d)}`)
  }
  defaultDtype = d
}

export function getDefaultDtype(): 'float64' | 'float32' {
  return defaultDtype
}

/** Throws BAD_DTYPE when a caller without types passes something else; `what` names the call. */
export function requireDType(d: unknown, what: string): DType {
  if (!isDType(d)) {
    throw new TapeError(
      'BAD_DTYPE',
      `${what} expected a dtype (one of ${DTYPES.join(', ')}), got ${String(d)}`,
    )
  }
  return d
}

/** From here on, memory comes and goes in pages. */
const LARGE = 4000

/** A zeroed typed array that stores `count` elements of this dtype. */
export function newStorage(d: DType, count: number): TypedArray {
  if (count > LARGE) keepPages()
  switch (d) {
    case 'float64':
      return new Float64Array(count)
    case 'float32':
      return new Float32Array(count)
    case 'int32':
      return new Int32Array(count)
    case 'uint8':
    case 'bool':
      return new Uint8Array(count)
  }
}

/** What is used of Node's Buffer; a browser has none. */
type Unset = { allocUnsafeSlow(bytes: number): { readonly buffer: ArrayBuffer } }
const { Buffer: unset } = globalThis as { Buffer?: Unset }

/**
 * A typed array of floats whose elements are whatever was there before, for an operation that writes each of them: to zero the
 * memory first takes as long as a sum of two arrays. Zeroed where there is no such memory, and for other dtypes.
 */
export function newUnsetStorage(d: DType, count: number): TypedArray {
  if (unset === undefined || count <= LARGE) return newStorage(d, count)
  keepPages()
  // Its own memory, from the first byte on: not a part of Node's pool.
  if (d === 'float64') return new Float64Array(unset.allocUnsafeSlow(count * 8).buffer)
  if (d === 'float32') return new Float32Array(unset.allocUnsafeSlow(count * 4).buffer)
  return newStorage(d, count)
}
