/**
 * Makes arrays: of values that a user gives, or filled by a rule.
 */
import { refuseOtherCopy } from '../copies.js'
import { TapeError } from '../errors.js'
import { checkOptions } from '../options.js'
import { type DType, getDefaultDtype, requireDType, type TypedArray } from './dtype.js'
import { allocate, allocateUnset, fill, float64Scalar, NDArray, scalar, viewOf } from './ndarray.js'
import { describe, flattenNested, type NestedArray } from './nested.js'
import { copyShape, requireShape, resolveShape, SCALAR, type Shape } from './shape.js'

/** Whatever `ndarray` accepts. */
export type ArrayLike = NDArray | TypedArray | Uint8ClampedArray | number | boolean | NestedArray

/**
 * An array of the given values, which are copied. Typed arrays keep their dtype, numbers get the default
 * dtype, booleans alone become bool. An NDArray without options is returned as it is.
 *
 * Shapes   as the nesting says, or `shape` with the same number of elements; one extent may be -1.
 * Throws   RAGGED_INPUT, BAD_SHAPE, BAD_DTYPE for typed arrays of other kinds, BAD_VALUE for what is no
 *          number and for values that an integer dtype cannot hold.
 */
export function ndarray(values: ArrayLike, options?: { shape?: Shape; dtype?: DType }): NDArray {
  if (options !== undefined) {
    checkOptions(options, ['shape', 'dtype'], 'ndarray')
    if (options.dtype !== undefined) requireDType(options.dtype, 'ndarray')
  }
  if (typeof values === 'number' && options === undefined) return scalar(values, getDefaultDtype())
  if (typeof values === 'number' || typeof values === 'boolean') {
    const dtype = options?.dtype ?? (typeof values === 'boolean' ? 'bool' : getDefaultDtype())
    return reshaped(fill([Number(values)], SCALAR, dtype, false), options?.shape)
  }
  if (values instanceof NDArray) {
    const dtype = options?.dtype ?? values.dtype
    const same =
      dtype === values.dtype ? values : fill(values.data, values.shape, dtype, values.dtype === 'bool')
    return reshaped(same, options?.shape)
  }
  if (Array.isArray(values)) {
    const flat = flattenNested(values as NestedArray)
    const dtype = options?.dtype ?? (flat.booleans ? 'bool' : getDefaultDtype())
    return reshaped(fill(flat.values, flat.shape, dtype, false), options?.shape)
  }
  if (ArrayBuffer.isView(values)) {
    const from = dtypeOf(values)
    const typed = values as TypedArray
    return reshaped(
      fill(typed, [typed.length], options?.dtype ?? from, options?.dtype === undefined),
      options?.shape,
    )
  }
  refuseOtherCopy(values, 'ndarray')
  throw new TapeError(
    'BAD_VALUE',
    `ndarray expected a number, boolean, nested array, typed array or NDArray, got ${describe(values)}`,
  )
}

function dtypeOf(view: ArrayBufferView): DType {
  if (view instanceof Float64Array) return 'float64'
  if (view instanceof Float32Array) return 'float32'
  if (view instanceof Int32Array) return 'int32'
  if (view instanceof Uint8Array || view instanceof Uint8ClampedArray) return 'uint8'
  const advice =
    view instanceof BigInt64Array || view instanceof BigUint64Array
      ? 'convert it with Float64Array.from(x, Number)'
      : view instanceof DataView
        ? 'make a typed array over its buffer'
        : 'convert it with Int32Array.from(x) or Float64Array.from(x)'
  throw new TapeError(
    'BAD_DTYPE',
    `ndarray expected a Float64Array, Float32Array, Int32Array or Uint8Array, got a ${view.constructor.name}; ${advice}`,
  )
}

function reshaped(x: NDArray, shape: Shape | undefined): NDArray {
  if (shape === undefined) return x
  return viewOf(x, resolveShape(shape, x.size, 'ndarray'))
}

/** Zeros; the default dtype unless said. */
export function zeros(shape: Shape, dtype: DType = getDefaultDtype()): NDArray {
  return allocate(requireDType(dtype, 'zeros'), copyShape(requireShape(shape, 'zeros')))
}

export function ones(shape: Shape, dtype: DType = getDefaultDtype()): NDArray {
  return full(shape, 1, dtype)
}

/** One value everywhere. Throws BAD_VALUE when an integer dtype cannot hold it. */
export function full(shape: Shape, value: number | boolean, dtype?: DType): NDArray {
  const kind = dtype ?? (typeof value === 'boolean' ? 'bool' : getDefaultDtype())
  requireDType(kind, 'full')
  const stored = fill([Number(value)], SCALAR, kind, false).item()
  const isZero = Object.is(stored, 0)
  const out = (isZero ? allocate : allocateUnset)(kind, copyShape(requireShape(shape, 'full')))
  if (!isZero) out.buffer.fill(stored, out.offset, out.offset + out.size)
  return out
}

export function zerosLike(x: NDArray): NDArray {
  return allocate(x.dtype, x.shape, x.size)
}

export function onesLike(x: NDArray): NDArray {
  if (x.size === 1 && x.dtype === 'float64') return float64Scalar(1, x.shape)
  const out = allocate(x.dtype, x.shape, x.size)
  out.buffer.fill(1, out.offset, out.offset + out.size)
  return out
}

/**
 * `start`, `start + step`, … below `stop` (above it for a negative step); `arange(n)` counts 0 … n-1.
 *
 * Throws   BAD_ARGUMENT for a step of 0 or bounds that are not finite; BAD_SHAPE for more elements than an array can have.
 * Source   NumPy `arange`: element i is start + i·step.
 */
export function arange(
  start: number,
  stop?: number,
  step: number = 1,
  dtype: DType = getDefaultDtype(),
): NDArray {
  const from = stop === undefined ? 0 : start
  const to = stop === undefined ? start : stop
  const count = Math.max(0, Math.ceil((to - from) / step))
  if (!Number.isFinite(from) || !Number.isFinite(to) || !Number.isFinite(count)) {
    throw new TapeError(
      'BAD_ARGUMENT',
      `arange expected finite bounds and a step other than 0, got ${from}, ${to}, ${step}`,
    )
  }
  requireDType(dtype, 'arange')
  const values = new Float64Array(requireShape([count], 'arange')[0]!)
  for (let i = 0; i < count; i++) values[i] = from + i * step
  return fill(values, [count], dtype, false)
}

/** The identity matrix [n, m], with ones where row = column; m = n unless said. */
export function eye(n: number, m: number = n, dtype: DType = getDefaultDtype()): NDArray {
  const out = zeros(requireShape([n, m], 'eye'), dtype)
  for (let i = 0; i < Math.min(n, m); i++) out.buffer[out.offset + i * m + i] = 1
  return out
}
