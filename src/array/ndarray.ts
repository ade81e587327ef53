/**
 * NDArray: a dtype, a shape and row-major elements, often a piece of a slab that many small arrays share. Knows nothing of
 * operations, ids or events. Nobody changes the bytes of an array after it was made.
 */
import { markAsOurs } from '../copies.js'
import { TapeError } from '../errors.js'
import { checkFunction } from '../options.js'
import {
  type DType,
  isFloating,
  newStorage,
  newUnsetStorage,
  requireDType,
  type TypedArray,
} from './dtype.js'
import { formatArray } from './format.js'
import { kernel } from './kernel.js'
import { copyShape, formatShape, SCALAR, type Shape, sizeOf } from './shape.js'
import { born, takeSpare } from './spare-memory.js'

/** What `toArray` gives: a bare number or boolean for a scalar, else nested arrays. */
type NestedValues = number | boolean | NestedValues[]

/**
 * An array of numbers: a dtype, a shape, and its elements in row-major order. `ndarray(values)` makes one. Nobody changes the
 * elements of an array after it was made, so arrays may be shared freely.
 */
export class NDArray {
  /** float64, float32, int32, uint8 or bool. */
  readonly dtype: DType
  /** The extent of each axis; empty for a single number. */
  readonly shape: Shape
  /** How many elements there are. */
  readonly size: number
  /** Holds the elements at [offset, offset + size), row-major. Others may live in the same buffer. */
  readonly buffer: TypedArray
  /** Where in `buffer` the elements begin. */
  readonly offset: number
  /** Where the array came from, for the recorder that noted this origin; opaque to this room. */
  recordedBy: object | null
  /** Under which number that recorder knows it. */
  recordedAs: number

  /** For kernels and operations; users call `ndarray`. Checks nothing. */
  constructor(dtype: DType, shape: Shape, size: number, buffer: TypedArray, offset: number) {
    this.dtype = dtype
    this.shape = shape
    this.size = size
    this.buffer = buffer
    this.offset = offset
    this.recordedBy = null
    this.recordedAs = 0
  }

  /** How many axes there are. */
  get ndim(): number {
    return this.shape.length
  }

  /** The elements, exactly `size` of them, row-major: a view, not a copy. For reading only. */
  get data(): TypedArray {
    if (this.buffer.length === this.size) return this.buffer
    return this.buffer.subarray(this.offset, this.offset + this.size)
  }

  /**
   * The only element (0 or 1 for bool).
   *
   * Throws   NOT_SCALAR unless there is exactly one.
   */
  item(): number {
    if (this.size !== 1) {
      throw new TapeError(
        'NOT_SCALAR',
        `item() expected an array of one element, got ${formatShape(this.shape)}; reduce it, or read .data`,
      )
    }
    return this.buffer[this.offset]!
  }

  /** Nested arrays of numbers (booleans for bool); the bare value for a scalar. */
  toArray(): NestedValues {
    const data = this.data
    const bool = this.dtype === 'bool'
    let next = 0
    const build = (axis: number): NestedValues => {
      if (axis === this.shape.length) {
        const value = data[next++]!
        return bool ? value !== 0 : value
      }
      return Array.from({ length: this.shape[axis]! }, () => build(axis + 1))
    }
    return build(0)
  }

  /**
   * A new array of the same shape and dtype; `index` counts in row-major order.
   *
   * Throws   BAD_VALUE when `fn` gives what an integer dtype cannot hold; BAD_ARGUMENT unless it is a function
   */
  map(fn: (value: number, index: number) => number): NDArray {
    checkFunction(fn, 'map')
    const { buffer, offset, size, dtype, shape } = this
    if (!isFloating(dtype)) {
      const values = Float64Array.from({ length: size }, (_, i) => Number(fn(buffer[offset + i]!, i)))
      if (dtype === 'bool') for (let i = 0; i < size; i++) values[i] = values[i] ? 1 : 0 // NaN is false, as in JavaScript
      return fill(values, shape, dtype, dtype === 'bool')
    }
    const out = allocate(dtype, shape, size)
    for (let i = 0; i < size; i++) out.buffer[out.offset + i] = fn(buffer[offset + i]!, i)
    return out
  }

  /**
   * The same values in another dtype; itself when it has it already. Floats become integers by truncation
   * toward zero and then modulo 2^32 or 2^8 (NaN and infinities become 0); anything but 0 is true.
   *
   * Source   NumPy `astype`, which leaves values out of range undefined.
   */
  astype(dtype: DType): NDArray {
    if (dtype === this.dtype) return this
    requireDType(dtype, 'astype')
    const out = allocateUnset(dtype, this.shape, this.size)
    if (kernel.fused?.convert(this.buffer, this.offset, out.buffer, out.offset, this.size)) return out
    if (dtype === 'bool') {
      const { buffer, offset, size } = this
      const [truth, at] = [out.buffer as Uint8Array, out.offset]
      if (buffer instanceof Float64Array) truthFloat64(buffer, offset, truth, at, size)
      else for (let i = 0; i < size; i++) truth[at + i] = buffer[offset + i] === 0 ? 0 : 1
    } else {
      out.buffer.set(this.data, out.offset)
    }
    return out
  }

  /** Printed as NumPy prints: rows in brackets, columns aligned, the middle of large arrays left out. */
  toString(): string {
    return formatArray(this.data, this.shape, this.dtype)
  }
}

/** A loop compiled for the commonest element type alone. */
function truthFloat64(x: Float64Array, offset: number, out: Uint8Array, at: number, size: number): void {
  for (let i = 0; i < size; i++) out[at + i] = x[offset + i] === 0 ? 0 : 1
}

// --- memory ------------------------------------------------------------------------------------------------
//
// `new Float64Array(100)` costs about 0.4 µs, most of it outside the JavaScript heap. So arrays of up to a few
// thousand elements are cut off a slab: a bump pointer, nothing reused, a new slab when the rest is too short. A
// piece is therefore zero until its owner writes it, and a slab is garbage once no array of its time is alive.
//
// An array that outlives its neighbours keeps their slab, so slabs come in three sizes: whoever collects one
// scalar a step keeps 8 KiB a step, not 125.

const SMALL_MAX = 16
const MIDDLE_MAX = 128
const LARGE_MAX = 4000
const SMALL_SLAB = 1024
const MIDDLE_SLAB = 4096
/** Just below the size from which C libraries give each allocation fresh pages, which cost more to touch. */
const LARGE_SLAB = 16_000

class Slabs<T extends TypedArray> {
  private small: T
  private middle: T
  private large: T
  private smallUsed = 0
  private middleUsed = 0
  private largeUsed = 0
  private readonly make: (size: number) => T

  constructor(make: (size: number) => T) {
    this.make = make
    this.small = make(SMALL_SLAB)
    this.middle = make(0)
    this.large = make(0)
  }

  cut(dtype: DType, shape: Shape, size: number): NDArray {
    if (size <= SMALL_MAX) {
      if (this.smallUsed + size > this.small.length) {
        this.small = this.make(SMALL_SLAB)
        this.smallUsed = 0
      }
      const offset = this.smallUsed
      this.smallUsed += size
      return new NDArray(dtype, shape, size, this.small, offset)
    }
    if (size <= MIDDLE_MAX) {
      if (this.middleUsed + size > this.middle.length) {
        this.middle = this.make(MIDDLE_SLAB)
        this.middleUsed = 0
      }
      const offset = this.middleUsed
      this.middleUsed += size
      return new NDArray(dtype, shape, size, this.middle, offset)
    }
    if (this.largeUsed + size > this.large.length) {
      this.large = this.make(LARGE_SLAB)
      this.largeUsed = 0
    }
    const offset = this.largeUsed
    this.largeUsed += size
    return new NDArray(dtype, shape, size, this.large, offset)
  }
}

const float64Slabs = new Slabs((size) => newStorage('float64', size) as Float64Array)
const float32Slabs = new Slabs((size) => newStorage('float32', size) as Float32Array)
const int32Slabs = new Slabs((size) => newStorage('int32', size) as Int32Array)
const uint8Slabs = new Slabs((size) => newStorage('uint8', size) as Uint8Array)
// Scalars are the most frequent; their slab is at hand without a pool around it.
let scalars = new Float64Array(SMALL_SLAB)
let scalarsUsed = 0

/** A zeroed array, for the operation that fills it. `size` may be passed when it is known. */
export function allocate(dtype: DType, shape: Shape, size: number = sizeOf(shape)): NDArray {
  if (size > LARGE_MAX) return large(dtype, shape, size, true)
  switch (dtype) {
    case 'float64':
      return float64Slabs.cut(dtype, shape, size)
    case 'float32':
      return float32Slabs.cut(dtype, shape, size)
    case 'int32':
      return int32Slabs.cut(dtype, shape, size)
    case 'uint8':
    case 'bool':
      return uint8Slabs.cut(dtype, shape, size)
  }
}

/** An array whose elements are whatever was there before, for the operation that writes every one of them. */
export function allocateUnset(dtype: DType, shape: Shape, size: number = sizeOf(shape)): NDArray {
  if (size > LARGE_MAX) return large(dtype, shape, size, false)
  return allocate(dtype, shape, size)
}

function large(dtype: DType, shape: Shape, size: number, isZeroed: boolean): NDArray {
  const spare = takeSpare(dtype, size)
  if (spare !== null && isZeroed) spare.fill(0)
  const memory = spare ?? (isZeroed ? newStorage(dtype, size) : newUnsetStorage(dtype, size))
  born(memory)
  return new NDArray(dtype, shape, size, memory, 0)
}

/**
 * The same elements as another array object, under a shape of the same size. Operations that change no bytes
 * return this and never their operand, as an array object carries its origin (`recordedBy`, `recordedAs`).
 */
export function viewOf(x: NDArray, shape: Shape): NDArray {
  return new NDArray(x.dtype, shape, x.size, x.buffer, x.offset)
}

// One array lives for ever. While none does, a full garbage collection drops V8's hidden class of them, and with it all
// code that was compiled for it. And an origin that was not always a small integer stays a plain field when numbers
// come that are none.
export const kept = float64Slabs.cut('float64', SCALAR, 1)
kept.recordedAs = null as never

/** A float64 array of one element, a scalar unless said: the shortest way from a number to an array. */
export function float64Scalar(value: number, shape: Shape = SCALAR): NDArray {
  if (scalarsUsed === SMALL_SLAB) {
    scalars = new Float64Array(SMALL_SLAB)
    scalarsUsed = 0
  }
  const offset = scalarsUsed++
  scalars[offset] = value
  return new NDArray('float64', shape, 1, scalars, offset)
}

/** An array without axes. The value is stored as the dtype stores it (rounded, wrapped; bool: not 0). */
export function scalar(value: number, dtype: DType): NDArray {
  if (dtype === 'float64') return float64Scalar(value)
  const out = allocate(dtype, SCALAR, 1)
  out.buffer[out.offset] = dtype === 'bool' ? (value === 0 ? 0 : 1) : value
  return out
}

/** An array of a copy of the values; `fits` says that every value is known to be one of the dtype. */
export function fill(
  values: globalThis.ArrayLike<number>,
  shape: Shape,
  dtype: DType,
  fits: boolean,
): NDArray {
  const out = allocate(dtype, copyShape(shape), values.length)
  if (dtype === 'bool') {
    for (let i = 0; i < values.length; i++) out.buffer[out.offset + i] = values[i] === 0 ? 0 : 1
    return out
  }
  if (!fits && !isFloating(dtype)) requireIntegers(values, dtype)
  out.buffer.set(values, out.offset)
  return out
}

function requireIntegers(values: globalThis.ArrayLike<number>, dtype: DType): void {
  const least = dtype === 'int32' ? -2147483648 : 0
  const most = dtype === 'int32' ? 2147483647 : 255
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    if (!Number.isInteger(value) || value < least || value > most) {
      throw new TapeError(
        'BAD_VALUE',
        `${dtype} expected integers from ${least} to ${most}, got ${value} at element ${i}; ` +
          `use a float dtype, or make the array first and call astype('${dtype}') to truncate`,
      )
    }
  }
}

markAsOurs(NDArray)
