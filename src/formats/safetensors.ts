/**
 * The safetensors format: the length of a header, a header in JSON that says where each array lies, and all elements.
 * Knows no files.
 *
 * Source   https://github.com/huggingface/safetensors, "Format"
 */
import { bytesPerElement, type DType } from '../array/dtype.js'
import type { NDArray } from '../array/ndarray.js'
import { TapeError, valueText } from '../errors.js'
import { byteCount, type ElementType, readElements, writeElements } from './elements.js'
import { type NamedArrays, readable, requireNames } from './named-arrays.js'

const LENGTH_BYTES = 8
/** What the header says of the file as a whole, under a name that no array can have. */
const METADATA = '__metadata__'
/** What the safetensors library accepts at most. */
const HEADER_BYTES_MAX = 100_000_000

const NAMES: Readonly<Record<DType, string>> = {
  float64: 'F64',
  float32: 'F32',
  int32: 'I32',
  uint8: 'U8',
  bool: 'BOOL',
}

const ELEMENT_TYPES: ReadonlyMap<string, ElementType> = new Map(
  Object.entries({
    F64: 'float64',
    F32: 'float32',
    F16: 'float16',
    BF16: 'bfloat16',
    F8_E4M3: 'float8e4m3',
    F8_E5M2: 'float8e5m2',
    I64: 'int64',
    I32: 'int32',
    I16: 'int16',
    I8: 'int8',
    U64: 'uint64',
    U32: 'uint32',
    U16: 'uint16',
    U8: 'uint8',
    BOOL: 'bool',
  } as const),
)

interface Entry {
  readonly name: string
  readonly dtype: string
  readonly shape: readonly number[]
  readonly start: number
  readonly stop: number
}

/** The bytes of a safetensors file. Wider elements come first, so that all lie aligned. Throws BAD_ARGUMENT for a name that it cannot hold. */
export function toSafetensors(arrays: ReadonlyMap<string, NDArray>, what: string): Uint8Array {
  requireNames(arrays.keys(), [METADATA], what)
  const entries = [...arrays].sort(
    ([a, x], [b, y]) => bytesPerElement(y.dtype) - bytesPerElement(x.dtype) || (a < b ? -1 : 1),
  )
  let size = 0
  const places = entries.map(([name, { dtype, shape, size: count }]) => {
    const start = size
    size += count * bytesPerElement(dtype)
    return [name, { dtype: NAMES[dtype], shape, data_offsets: [start, size] }] as const
  })
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(places)))
  const start = Math.ceil((LENGTH_BYTES + json.length) / 8) * 8
  const bytes = new Uint8Array(start + size)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(start - LENGTH_BYTES), true)
  bytes.fill(0x20, LENGTH_BYTES, start)
  bytes.set(json, LENGTH_BYTES)
  entries.forEach(([, array], i) => {
    writeElements(array, bytes, start + places[i]![1].data_offsets[0]!)
  })
  return bytes
}

/**
 * The arrays in the bytes of a safetensors file, in the order of its header. Metadata is passed over. Other integers become int32,
 * F16, BF16 and F8 float32; an array that none here holds is a refusal in its place.
 *
 * Throws   BAD_FILE when the header is not as the format says or the arrays do not cover the file without gaps
 */
export function fromSafetensors(bytes: Uint8Array, what: string): NamedArrays {
  const { header, start } = headerOf(bytes, what)
  const entries = Object.entries(header)
    .filter(([name]) => name !== METADATA)
    .map(([name, entry]) => checkedEntry(name, entry, what))
    .sort((a, b) => a.start - b.start || a.stop - b.stop)
  let end = 0
  for (const { name, start: from, stop } of entries) {
    if (from !== end) refuse(what, `"${name}" to begin where the array before ends (${end}), got ${from}`)
    end = stop
  }
  if (start + end !== bytes.length) refuse(what, `${end} bytes of elements, got ${bytes.length - start}`)
  const arrays: NamedArrays = new Map()
  for (const { name, dtype, shape, start: from, stop } of entries) {
    const where = `"${name}" in ${what}`
    const type = ELEMENT_TYPES.get(dtype)
    if (type === undefined) {
      const known = [...ELEMENT_TYPES.keys()].join(', ')
      arrays.set(
        name,
        new TapeError('BAD_DTYPE', `${what} expected "${name}" to be one of ${known}, got ${dtype}`),
      )
      continue
    }
    if (byteCount(type, shape) !== stop - from)
      refuse(what, `${byteCount(type, shape)} bytes for "${name}", got ${stop - from}`)
    const part = bytes.subarray(start + from, start + stop)
    arrays.set(
      name,
      readable(() => readElements(part, 0, type, shape, { bigEndian: false, what: where })),
    )
  }
  // In the order of the header, which is that of the names as they were given.
  return new Map(
    Object.keys(header).flatMap((name) => (arrays.has(name) ? [[name, arrays.get(name)!] as const] : [])),
  )
}

function headerOf(bytes: Uint8Array, what: string): { header: Record<string, unknown>; start: number } {
  if (bytes.length < LENGTH_BYTES) refuse(what, `at least ${LENGTH_BYTES} bytes, got ${bytes.length}`)
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))
  const start = LENGTH_BYTES + length
  if (length > HEADER_BYTES_MAX || start > bytes.length)
    refuse(what, `a header within the file, got a length of ${length} bytes`)
  try {
    const header: unknown = JSON.parse(
      new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(LENGTH_BYTES, start)),
    )
    if (typeof header === 'object' && header !== null && !Array.isArray(header))
      return { header: header as Record<string, unknown>, start }
  } catch (error) {
    throw new TapeError(
      'BAD_FILE',
      `${what} expected a header in JSON; it is damaged, or no safetensors file`,
      { cause: error },
    )
  }
  return refuse(what, 'a header that is an object')
}

function checkedEntry(name: string, entry: unknown, what: string): Entry {
  const {
    dtype,
    shape,
    data_offsets: offsets,
  } = (entry ?? {}) as { dtype?: unknown; shape?: unknown; data_offsets?: unknown }
  if (
    typeof dtype !== 'string' ||
    !isCounts(shape) ||
    !isCounts(offsets) ||
    offsets.length !== 2 ||
    offsets[0]! > offsets[1]!
  ) {
    return refuse(what, `"${name}" to have dtype, shape and two data_offsets, got ${valueText(entry)}`)
  }
  return { name, dtype, shape, start: offsets[0]!, stop: offsets[1]! }
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((one) => Number.isSafeInteger(one) && one >= 0)
}

function refuse(what: string, expected: string): never {
  throw new TapeError('BAD_FILE', `${what} expected ${expected}; it is damaged, or no safetensors file`)
}
