/**
 * Arrays that a rule fills, as users ask for them: options in an object, extents as a number or a shape. Inside of the engine
 * make-array.ts serves, which takes the dtype as it comes.
 */
import { TapeError, valueText } from '../errors.js'
import { checkOptions } from '../options.js'
import { type DType, getDefaultDtype, requireDType } from './dtype.js'
import * as make from './make-array.js'
import { fill, type NDArray } from './ndarray.js'
import { requireShape, type Shape } from './shape.js'

export interface FillOptions {
  /** The default dtype unless said, which is float64 unless `setDefaultDtype` said another. */
  dtype?: DType | undefined
}

/** What an array is made like: an NDArray, a Variable, or anything that has a shape and a dtype. */
export interface Shaped {
  readonly shape: Shape
  readonly dtype: DType
}

/** The dtype that was asked for, or `usual`. */
function dtypeFrom(options: FillOptions, usual: DType, what: string): DType {
  checkOptions(options, ['dtype'], what)
  return options.dtype === undefined ? usual : requireDType(options.dtype, what)
}

function shapeFrom(shape: number | Shape): Shape {
  return typeof shape === 'number' ? [shape] : shape
}

function requireShaped(like: Shaped, what: string): Shaped {
  const { shape, dtype } = (like ?? {}) as Partial<Shaped>
  if (Array.isArray(shape) && dtype !== undefined) return like
  throw new TapeError(
    'BAD_ARGUMENT',
    `${what} expected an NDArray or a Variable, got ${valueText(like)}; ${what.replace('Like', '')}(shape) takes a shape`,
  )
}

/**
 * Zeros.
 *
 * Shapes   3 → [3]; [2, 3] → [2, 3]
 * Throws   BAD_SHAPE, BAD_DTYPE; BAD_ARGUMENT for what is no object of options, as a second extent.
 * Source   NumPy `zeros`.
 */
export function zeros(shape: number | Shape, options: FillOptions = {}): NDArray {
  return make.zeros(shapeFrom(shape), dtypeFrom(options, getDefaultDtype(), 'zeros'))
}

/** Ones; as `zeros`. */
export function ones(shape: number | Shape, options: FillOptions = {}): NDArray {
  return make.full(shapeFrom(shape), 1, dtypeFrom(options, getDefaultDtype(), 'ones'))
}

/**
 * One value everywhere: a number, or a boolean, of which bool is made unless a dtype is said. Throws also BAD_VALUE for what an integer
 * dtype cannot hold, and for what is neither.
 */
export function full(shape: number | Shape, value: number | boolean, options: FillOptions = {}): NDArray {
  const isTruth = typeof value === 'boolean'
  if (!isTruth && typeof value !== 'number')
    throw new TapeError('BAD_VALUE', `full expected a number or a boolean, got ${valueText(value)}`)
  return make.full(shapeFrom(shape), value, dtypeFrom(options, isTruth ? 'bool' : getDefaultDtype(), 'full'))
}

/** Zeros in the shape and dtype of an array or Variable. Throws BAD_ARGUMENT for anything else. */
export function zerosLike(like: Shaped, options: FillOptions = {}): NDArray {
  const { shape, dtype } = requireShaped(like, 'zerosLike')
  return make.zeros(shape, dtypeFrom(options, dtype, 'zerosLike'))
}

/** Ones in the shape and dtype of an array or Variable. Throws BAD_ARGUMENT for anything else. */
export function onesLike(like: Shaped, options: FillOptions = {}): NDArray {
  const { shape, dtype } = requireShaped(like, 'onesLike')
  return make.full(shape, 1, dtypeFrom(options, dtype, 'onesLike'))
}

/**
 * `arange(n)` counts 0, 1 … n − 1; `arange(start, stop)` from start up to below stop; with a step in steps, above stop for one below 0.
 * Of the default dtype: indices are `arange(n, { dtype: 'int32' })`.
 *
 * Shapes   5 → [5]; 2, 5 → [3]; 0, 1, 0.25 → [4]
 * Throws   BAD_ARGUMENT for a step of 0 and for numbers that are not finite; BAD_SHAPE for more elements than an array can have; BAD_VALUE
 *          for fractions in an integer dtype.
 * Source   NumPy `arange`: element i is start + i·step.
 */
export function arange(stop: number, options?: FillOptions): NDArray
export function arange(start: number, stop: number, options?: FillOptions): NDArray
export function arange(start: number, stop: number, step: number, options?: FillOptions): NDArray
export function arange(...given: readonly (number | FillOptions | undefined)[]): NDArray {
  const { numbers, options } = apart(given, 1, 3, 'arange')
  const dtype = dtypeFrom(options, getDefaultDtype(), 'arange')
  return make.arange(numbers[0]!, numbers[1], numbers[2], dtype)
}

/**
 * `count` numbers from start to stop, both among them, at equal distances. One number is start.
 *
 * Shapes   0, 1, 5 → [5]
 * Throws   BAD_ARGUMENT unless start and stop are finite and count is an integer of at least 0; BAD_SHAPE and BAD_VALUE as `arange`.
 * Source   NumPy `linspace`: element i is start + i·(stop − start)/(count − 1), and the last one is stop.
 */
export function linspace(start: number, stop: number, count: number, options: FillOptions = {}): NDArray {
  const dtype = dtypeFrom(options, getDefaultDtype(), 'linspace')
  if (!Number.isFinite(start) || !Number.isFinite(stop) || !Number.isSafeInteger(count) || count < 0)
    throw new TapeError(
      'BAD_ARGUMENT',
      `linspace expected finite bounds and how many numbers, got ${valueText(start)}, ${valueText(stop)}, ${valueText(count)}`,
    )
  const values = new Float64Array(requireShape([count], 'linspace')[0]!)
  const last = count - 1
  const step = (stop - start) / last
  for (let i = 1; i < last; i++) values[i] = start + i * step
  if (count > 1) values[last] = stop
  if (count > 0) values[0] = start
  return fill(values, [count], dtype, false)
}

/**
 * The identity matrix [n, n], or [rows, columns] with ones where row = column.
 *
 * Throws   BAD_SHAPE, BAD_DTYPE, BAD_ARGUMENT as `zeros`.
 * Source   NumPy `eye`.
 */
export function eye(n: number, options?: FillOptions): NDArray
export function eye(rows: number, columns: number, options?: FillOptions): NDArray
export function eye(...given: readonly (number | FillOptions | undefined)[]): NDArray {
  const { numbers, options } = apart(given, 1, 2, 'eye')
  return make.eye(numbers[0]!, numbers[1], dtypeFrom(options, getDefaultDtype(), 'eye'))
}

/** The numbers of a call, and the options behind them. */
function apart(
  given: readonly (number | FillOptions | undefined)[],
  least: number,
  most: number,
  what: string,
): { numbers: number[]; options: FillOptions } {
  const numbers: number[] = []
  while (numbers.length < given.length && typeof given[numbers.length] === 'number')
    numbers.push(given[numbers.length] as number)
  const rest = given.slice(numbers.length)
  if (numbers.length < least || numbers.length > most || rest.length > 1)
    throw new TapeError(
      'BAD_ARGUMENT',
      `${what} expected ${least} to ${most} numbers and then options, got ${given.map(valueText).join(', ') || 'nothing'}`,
    )
  return { numbers, options: (rest[0] === undefined ? {} : rest[0]) as FillOptions }
}
