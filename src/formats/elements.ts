/** Elements of arrays as bytes of a file, little-endian or not, and the number types of other libraries. */
import { bytesPerElement, type DType } from '../array/dtype.js'
import { allocate, type NDArray } from '../array/ndarray.js'
import { formatShape, requireShape, type Shape, sizeOf } from '../array/shape.js'
import { TapeError } from '../errors.js'

/** What files of other libraries hold: our dtypes and those that fit into one of them. */
export type ElementType =
  | DType
  | ('int64' | 'int16' | 'int8' | 'uint64' | 'uint32' | 'uint16')
  | ('float16' | 'bfloat16' | 'float8e4m3' | 'float8e5m2')

const HOLDERS: Readonly<Record<Exclude<ElementType, DType>, { dtype: DType; bytes: number }>> = {
  int64: { dtype: 'int32', bytes: 8 },
  int16: { dtype: 'int32', bytes: 2 },
  int8: { dtype: 'int32', bytes: 1 },
  uint64: { dtype: 'int32', bytes: 8 },
  uint32: { dtype: 'int32', bytes: 4 },
  uint16: { dtype: 'int32', bytes: 2 },
  float16: { dtype: 'float32', bytes: 2 },
  bfloat16: { dtype: 'float32', bytes: 2 },
  float8e4m3: { dtype: 'float32', bytes: 1 },
  float8e5m2: { dtype: 'float32', bytes: 1 },
}

function holderOf(type: ElementType): { dtype: DType; bytes: number } {
  return Object.hasOwn(HOLDERS, type)
    ? HOLDERS[type as keyof typeof HOLDERS]
    : { dtype: type as DType, bytes: bytesPerElement(type as DType) }
}

export function byteCount(type: ElementType, shape: Shape): number {
  return sizeOf(shape) * holderOf(type).bytes
}

/** Writes the elements little-endian. */
export function writeElements(array: NDArray, into: Uint8Array, at: number): void {
  const { data, dtype } = array
  const view = new DataView(into.buffer, into.byteOffset + at)
  switch (dtype) {
    case 'float64':
      for (let i = 0; i < data.length; i++) view.setFloat64(i * 8, data[i]!, true)
      return
    case 'float32':
      for (let i = 0; i < data.length; i++) view.setFloat32(i * 4, data[i]!, true)
      return
    case 'int32':
      for (let i = 0; i < data.length; i++) view.setInt32(i * 4, data[i]!, true)
      return
    case 'uint8':
    case 'bool':
      into.set(data, at)
  }
}

/**
 * Reads an array whose elements fill `bytes` from `at`.
 *
 * Throws   BAD_FILE when the bytes are too few or too many; BAD_VALUE when an integer does not fit into int32.
 */
export function readElements(
  bytes: Uint8Array,
  at: number,
  type: ElementType,
  shape: Shape,
  options: { bigEndian: boolean; what: string },
): NDArray {
  const { what } = options
  const count = sizeOf(requireShape(shape, what))
  const { dtype, bytes: width } = holderOf(type)
  if (!Number.isSafeInteger(count) || bytes.length - at !== count * width) {
    throw new TapeError(
      'BAD_FILE',
      `${what} expected ${count * width} bytes of elements for ${formatShape(shape)} of ${type}, got ${bytes.length - at}; it is damaged or cut off`,
    )
  }
  const out = allocate(dtype, Object.freeze([...shape]), count)
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, count * width)
  const read = readerOf(view, type, !options.bigEndian, what)
  for (let i = 0; i < count; i++) out.buffer[out.offset + i] = read(i)
  return out
}

function readerOf(view: DataView, type: ElementType, little: boolean, what: string): (i: number) => number {
  switch (type) {
    case 'float64':
      return (i) => view.getFloat64(i * 8, little)
    case 'float32':
      return (i) => view.getFloat32(i * 4, little)
    case 'int32':
      return (i) => view.getInt32(i * 4, little)
    case 'int16':
      return (i) => view.getInt16(i * 2, little)
    case 'int64':
      return (i) => fitting(view.getBigInt64(i * 8, little), i, what)
    case 'int8':
      return (i) => view.getInt8(i)
    case 'uint64':
      return (i) => fitting(view.getBigUint64(i * 8, little), i, what)
    case 'uint32':
      return (i) => fitting(BigInt(view.getUint32(i * 4, little)), i, what)
    case 'uint16':
      return (i) => view.getUint16(i * 2, little)
    case 'float16':
      return (i) => fromFloat16(view.getUint16(i * 2, little))
    case 'bfloat16':
      return (i) => fromBfloat16(view.getUint16(i * 2, little))
    case 'float8e4m3':
      return (i) => fromFloat8e4m3(view.getUint8(i))
    case 'float8e5m2':
      // The upper half of a float16.
      return (i) => fromFloat16(view.getUint8(i) * 256)
    case 'uint8':
      return (i) => view.getUint8(i)
    case 'bool':
      return (i) => Number(view.getUint8(i) !== 0)
  }
}

function fitting(value: bigint, i: number, what: string): number {
  if (BigInt.asIntN(32, value) === value) return Number(value)
  throw new TapeError(
    'BAD_VALUE',
    `${what} expected integers that fit into int32, got ${value} at element ${i}; save it as float64`,
  )
}

/** Sign, 5 bits of exponent, 10 of fraction. */
function fromFloat16(bits: number): number {
  const sign = bits >= 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** Sign, 4 bits of exponent, 3 of fraction; no infinity, and one NaN of each sign ("e4m3fn"). */
function fromFloat8e4m3(bits: number): number {
  const sign = bits >= 0x80 ? -1 : 1
  const exponent = (bits >> 3) & 15
  const fraction = bits & 7
  if (exponent === 0) return sign * fraction * 2 ** -9
  if (exponent === 15 && fraction === 7) return Number.NaN
  return sign * (1 + fraction / 8) * 2 ** (exponent - 7)
}

const word = new Uint32Array(1)
const wordAsFloat = new Float32Array(word.buffer)

/** The upper half of a float32. */
function fromBfloat16(bits: number): number {
  word[0] = bits * 65_536
  return wordAsFloat[0]!
}
