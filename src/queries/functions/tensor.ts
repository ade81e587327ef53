/**
 * An array as SQL hands it over: the bytes as the tape keeps them, or the number of a row of `value`, with its dtype and,
 * where an index has more than one part, its shape. Knows nothing of what is computed with it.
 */
import { TapeError } from '../../errors.js'

type Numbers = Float64Array | Float32Array | Int32Array | Uint8Array

/** Elements in row-major order, and the extent of each axis. */
export interface Tensor {
  readonly data: Numbers
  readonly shape: readonly number[]
}

/** Gives the dtype and bytes of a row of `value`; null when there is no such row or its bytes are not kept. */
export type StoredValues = (id: number) => { readonly dtype: string; readonly bytes: Uint8Array } | null

const ARRAYS: {
  readonly [dtype: string]: {
    readonly BYTES_PER_ELEMENT: number
    new (buffer: ArrayBuffer): Numbers
  }
} = Object.assign(Object.create(null), {
  float64: Float64Array,
  float32: Float32Array,
  int32: Int32Array,
  uint8: Uint8Array,
  bool: Uint8Array,
})

/**
 * The array that an SQL function was given; null when it was given NULL, or a value whose bytes are not kept: SQL's way
 * to say that nothing is known.
 *
 * source  bytes (then `dtype` is needed), or the id of a value
 * shape   JSON, as the views give it; without one the array has one axis
 * Throws  BAD_ARGUMENT for what is neither, and for bytes, dtype and shape that do not go together
 */
export function tensorOf(
  name: string,
  source: unknown,
  dtype: unknown,
  shape: unknown,
  stored: StoredValues,
): Tensor | null {
  if (source === null) return null
  if (source instanceof Uint8Array) {
    if (dtype === null || dtype === undefined) refuse(name, 'a dtype after the bytes', dtype)
    return fromBytes(name, source, dtype, shape)
  }
  const id = integerOf(source)
  if (id === null) return refuse(name, 'bytes, or the id of a value', source)
  const value = stored(id)
  return value === null ? null : fromBytes(name, value.bytes, value.dtype, shape)
}

function fromBytes(name: string, bytes: Uint8Array, dtype: unknown, shape: unknown): Tensor {
  const Kind = typeof dtype === 'string' ? ARRAYS[dtype] : undefined
  if (Kind === undefined) return refuse(name, 'a dtype (float64, float32, int32, uint8, bool)', dtype)
  if (bytes.length % Kind.BYTES_PER_ELEMENT !== 0)
    refuse(name, `bytes of ${dtype} (${Kind.BYTES_PER_ELEMENT} an element)`, `${bytes.length} bytes`)
  // A copy: a blob may begin where no such array can.
  const data = new Kind(Uint8Array.from(bytes).buffer)
  const extents = shape === null || shape === undefined ? [data.length] : extentsOf(name, shape)
  const size = extents.reduce((product, extent) => product * extent, 1)
  if (size !== data.length) refuse(name, `a shape of ${data.length} elements`, shape)
  return { data, shape: extents }
}

/** A list of whole numbers from 0 on, written as JSON: a shape, or an index. */
export function extentsOf(name: string, text: unknown): number[] {
  let parsed: unknown
  try {
    parsed = typeof text === 'string' ? JSON.parse(text) : text
  } catch {
    return refuse(name, 'a JSON list of whole numbers', text)
  }
  if (Array.isArray(parsed) && parsed.every((extent) => Number.isSafeInteger(extent) && extent >= 0))
    return parsed as number[]
  return refuse(name, 'a JSON list of whole numbers', text)
}

/** A whole number that came from SQL as a number or a bigint; null for anything else. */
export function integerOf(value: unknown): number | null {
  const number = typeof value === 'bigint' ? Number(value) : value
  return Number.isSafeInteger(number) ? (number as number) : null
}

/** Steps of one along each axis, in elements. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length)
  let stride = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride
    stride *= shape[axis]!
  }
  return strides
}

export function refuse(name: string, expected: string, got: unknown): never {
  const shown =
    got instanceof Uint8Array
      ? `${got.length} bytes`
      : typeof got === 'bigint'
        ? String(got)
        : (JSON.stringify(got) ?? 'nothing')
  throw new TapeError('BAD_ARGUMENT', `${name}() expected ${expected}, got ${shown}`)
}
