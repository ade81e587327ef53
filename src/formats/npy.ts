/**
 * NumPy's format of one array (.npy): a magic, a header that reads as a Python dictionary, and the elements.
 * Knows no files.
 *
 * Source   NumPy `numpy.lib.format`, versions 1.0 to 3.0.
 */
import { bytesPerElement, type DType } from '../array/dtype.js'
import type { NDArray } from '../array/ndarray.js'
import { transpose } from '../array/rearrange.js'
import { TapeError } from '../errors.js'
import { type ElementType, readElements, writeElements } from './elements.js'

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]
/** The header ends where the elements are aligned for every processor. */
const ALIGNMENT = 64

const DESCRIPTIONS: Readonly<Record<DType, string>> = {
  float64: '<f8',
  float32: '<f4',
  int32: '<i4',
  uint8: '|u1',
  bool: '|b1',
}

const ELEMENT_TYPES: ReadonlyMap<string, ElementType> = new Map(
  Object.entries({
    f8: 'float64',
    f4: 'float32',
    f2: 'float16',
    i8: 'int64',
    i4: 'int32',
    i2: 'int16',
    i1: 'int8',
    u8: 'uint64',
    u4: 'uint32',
    u2: 'uint16',
    u1: 'uint8',
    b1: 'bool',
  } as const),
)

/** The bytes of a .npy file of version 1.0. */
export function toNpy(array: NDArray): Uint8Array {
  const shape = array.shape.length === 1 ? `${array.shape[0]},` : array.shape.join(', ')
  const fields = `{'descr': '${DESCRIPTIONS[array.dtype]}', 'fortran_order': False, 'shape': (${shape}), }`
  const before = MAGIC.length + 4
  const padding = ALIGNMENT - ((before + fields.length + 1) % ALIGNMENT)
  const header = `${fields}${' '.repeat(padding % ALIGNMENT)}\n`
  const start = before + header.length
  const bytes = new Uint8Array(start + array.size * bytesPerElement(array.dtype))
  bytes.set(MAGIC)
  bytes[6] = 1
  new DataView(bytes.buffer).setUint16(8, header.length, true)
  bytes.set(new TextEncoder().encode(header), before)
  writeElements(array, bytes, start)
  return bytes
}

/**
 * The array in the bytes of a .npy file. Fortran order is turned into ours, and what has no dtype here into the nearest
 * that holds it: other integers into int32, float16 into float32.
 *
 * what     how errors name it
 * Throws   BAD_FILE; BAD_DTYPE for elements that no array here holds
 */
export function fromNpy(bytes: Uint8Array, what: string): NDArray {
  const { fields, start } = headerOf(bytes, what)
  const description = /'descr'\s*:\s*'([<>|=])(\w+)'/.exec(fields)
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(fields)
  const extents = /'shape'\s*:\s*\(([\d,\sL]*)\)/.exec(fields)
  if (description === null) {
    throw new TapeError(
      'BAD_DTYPE',
      `${what} expected one plain number type, got the header ${fields.trim()}; save the fields of a structured array apart`,
    )
  }
  if (order === null || extents === null)
    refuse(what, `a header with fortran_order and shape, got ${fields.trim()}`)
  const type = ELEMENT_TYPES.get(description[2]!)
  if (type === undefined) {
    throw new TapeError(
      'BAD_DTYPE',
      `${what} expected elements of ${[...ELEMENT_TYPES.keys()].join(', ')}, got '${description[1]}${description[2]}'; convert it with .astype('float64') in NumPy`,
    )
  }
  const shape = extents[1]!
    .split(',')
    .map((part) => part.replace('L', '').trim())
    .filter((part) => part !== '')
    .map(Number)
  const fortran = order[1] === 'True'
  const stored = fortran ? [...shape].reverse() : shape
  const array = readElements(bytes, start, type, stored, { bigEndian: description[1] === '>', what })
  return fortran ? transpose(array) : array
}

function headerOf(bytes: Uint8Array, what: string): { fields: string; start: number } {
  if (bytes.length < 10 || MAGIC.some((byte, i) => bytes[i] !== byte))
    refuse(what, 'NumPy’s magic at the start')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const version = bytes[6]!
  if (version < 1 || version > 3 || (version > 1 && bytes.length < 12))
    refuse(what, `.npy version 1, 2 or 3, got ${version}`)
  const from = version === 1 ? 10 : 12
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true)
  if (from + length > bytes.length) refuse(what, `a header of ${length} bytes, got ${bytes.length - from}`)
  const fields = new TextDecoder(version === 3 ? 'utf-8' : 'latin1').decode(
    bytes.subarray(from, from + length),
  )
  return { fields, start: from + length }
}

function refuse(what: string, expected: string): never {
  throw new TapeError('BAD_FILE', `${what} expected ${expected}; it is damaged, or no .npy file`)
}
