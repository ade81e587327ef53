/** Images reduced window by window, and the adjoints that carry gradients back through the windows. */
import type { Pair } from '../array/convolution.js'
import { type DType, isFloating } from '../array/dtype.js'
import { full } from '../array/make-array.js'
import { type NDArray, scalar } from '../array/ndarray.js'
import * as pooling from '../array/pooling.js'
import { formatShape } from '../array/shape.js'
import { TapeError } from '../errors.js'
import { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { div } from './arithmetic.js'
import { flagOf } from './attributes.js'
import { bandMeans } from './bands.js'
import { pairOf } from './convolution.js'
import { concat, pad } from './joining.js'
import { broadcastTo, expandDims, squeeze } from './shapes.js'
import { volumeMaxima } from './volume-maxima.js'

export interface PoolingOptions {
  /** The size of a window: one number, or [rows, columns]. */
  kernel: number | Pair
  /** Step between windows. Default the kernel. */
  stride?: number | Pair | undefined
  /** Space around the image: at most half the kernel. Default 0. */
  padding?: number | Pair | undefined
}

/** Settings of `maxPool2d` and `averagePool2d`. */
export interface WindowOptions extends PoolingOptions {
  /** Whether last windows may reach beyond the image. Default false: what is left over is not looked at. */
  ceilMode?: boolean | undefined
}

const POOLING_KEYS = ['kernel', 'stride', 'padding']
const ZEROS: Pair = Object.freeze([0, 0])

function poolingOf(
  options: PoolingOptions,
  keys: readonly string[],
  what: string,
): { kernel: Pair; stride: Pair; padding: Pair } {
  checkOptions(options, keys, what)
  const kernel = pairOf(options.kernel, undefined, 1, 'kernel', what)
  const stride = pairOf(options.stride, kernel, 1, 'stride', what)
  return { kernel, stride, padding: pairOf(options.padding, ZEROS, 0, 'padding', what) }
}

/** What all functions of windows share. */
abstract class Pooled extends Func {
  readonly kernel: Pair
  readonly stride: Pair
  readonly padding: Pair

  constructor(attributes: PoolingOptions, what: string) {
    const { kernel, stride, padding } = poolingOf(attributes, POOLING_KEYS, what)
    super({ kernel, stride, padding })
    this.kernel = kernel
    this.stride = stride
    this.padding = padding
  }

  protected get options(): PoolingOptions {
    return { kernel: this.kernel, stride: this.stride, padding: this.padding }
  }
}

/** Maximum of every window.  Backward: gy to where the maximum was, shared evenly where it was met more than once. */
export class MaxPool2d extends Pooled {
  constructor(attributes: PoolingOptions) {
    super(attributes, 'maxPool2d')
  }

  override forward(x: NDArray): NDArray {
    return pooling.maxPool(x, this)
  }

  override backward(gy: Variable): Variable {
    return maxPool2dScatter(gy, this.input, this.options)
  }
}

/**
 * The maximum of every window; padding never wins.
 *
 * Shapes   x [n, c, h, w] → [n, c, ⌊(h + 2·padding − kernel)/stride⌋ + 1, …], ⌈ ⌉ with ceilMode
 * Throws   SHAPE_MISMATCH; BAD_SHAPE when the window does not fit; BAD_ARGUMENT for the options.
 * Source   PyTorch `max_pool2d`, but for the sharing of gradients.
 */
export function maxPool2d(x: Operand, options: WindowOptions): Variable {
  if (!has(options, 'ceilMode')) return new MaxPool2d(options).apply1(x)
  const { ceilMode, ...windows } = options
  const call = new MaxPool2d(windows)
  if (!flagOf(ceilMode, false, 'ceilMode', 'maxPool2d')) return call.apply1(x)
  const image = asVariable(x)
  const far = farOf(image, call)
  if (image.ndim !== 4 || (far[0] === 0 && far[1] === 0)) return call.apply1(image)
  return call.apply1(withLowest(withLowest(image, 2, 0, far[0]), 3, 0, far[1]))
}

/** Whether options of the function are among those of the call, said or not. */
function has(options: object, ...keys: readonly string[]): boolean {
  return typeof options === 'object' && options !== null && keys.some((key) => key in options)
}

/** How far the last window of each axis reaches beyond the padded image, when the count of windows is rounded up. */
function farOf(
  image: Variable,
  { kernel, stride, padding }: { kernel: Pair; stride: Pair; padding: Pair },
): Pair {
  const far = (axis: 0 | 1) => beyond(image.shape[2 + axis] ?? 0, kernel[axis], stride[axis], padding[axis])
  return [far(0), far(1)]
}

/**
 * @internal How far the last of windows reaches beyond an axis and its padding, when their count is rounded up. A window that would
 * begin in the padding behind is none, as in PyTorch.
 */
export function beyond(extent: number, kernel: number, stride: number, padding: number): number {
  const room = extent + 2 * padding - kernel
  let last = Math.ceil(room / stride)
  if (last * stride >= extent + padding) last--
  return last < 0 ? 0 : Math.max(0, last * stride - room)
}

/** @internal x with places before and after it along an axis that hold what never is the maximum of a window. */
export function withLowest(x: Variable, axis: number, before: number, after: number): Variable {
  const places = (count: number) => {
    const shape = x.shape.map((extent, i) => (i === axis ? count : extent))
    return count === 0 ? [] : [broadcastTo(scalar(lowest(x.dtype), x.dtype), shape)]
  }
  return before + after === 0 ? x : concat([...places(before), x, ...places(after)], { axis })
}

function lowest(dtype: DType): number {
  if (dtype === 'int32') return -(2 ** 31)
  return isFloating(dtype) ? -Infinity : 0
}

/** gy to where x has the maximum of each window.  Backward: linear in gy; constant in x between ties. */
export class MaxPool2dScatter extends Pooled {
  constructor(attributes: PoolingOptions) {
    super(attributes, 'maxPool2dScatter')
  }

  override forward(gy: NDArray, x: NDArray): NDArray {
    return pooling.maxPoolScatter(gy, x, this)
  }

  override backward(g: Variable): (Variable | null)[] {
    return [maxPool2dGather(g, this.inputAt(1), this.options), null]
  }
}

/** gy, shaped as maxPool2d(x), added where x has the maximum of each window. Throws as maxPool2d. */
export function maxPool2dScatter(gy: Operand, x: Operand, options: PoolingOptions): Variable {
  return new MaxPool2dScatter(options).apply2(gy, x)
}

/** The adjoint of maxPool2dScatter in gy.  Backward: linear in g; constant in x between ties. */
export class MaxPool2dGather extends Pooled {
  constructor(attributes: PoolingOptions) {
    super(attributes, 'maxPool2dGather')
  }

  override forward(g: NDArray, x: NDArray): NDArray {
    return pooling.maxPoolGather(g, x, this)
  }

  override backward(gy: Variable): (Variable | null)[] {
    return [maxPool2dScatter(gy, this.inputAt(1), this.options), null]
  }
}

/** The mean of g over the places of each window where x has its maximum. Throws as maxPool2d. */
export function maxPool2dGather(g: Operand, x: Operand, options: PoolingOptions): Variable {
  return new MaxPool2dGather(options).apply2(g, x)
}

/** Mean of every window.  Backward: gy/area added to its window. */
export class AveragePool2d extends Pooled {
  constructor(attributes: PoolingOptions) {
    super(attributes, 'averagePool2d')
  }

  override forward(x: NDArray): NDArray {
    return pooling.averagePool(x, this)
  }

  override backward(gy: Variable): Variable {
    const { shape } = this.input
    return averagePool2dScatter(gy, { ...this.options, size: [shape[2]!, shape[3]!] })
  }
}

/**
 * The mean of every window; padding counts as zeros, or with `countPadding: false` not at all. What ceilMode adds beyond never counts.
 *
 * Shapes   x [n, c, h, w] → [n, c, ⌊(h + 2·padding − kernel)/stride⌋ + 1, …], ⌈ ⌉ with ceilMode
 * Throws   SHAPE_MISMATCH; BAD_SHAPE when the window does not fit; BAD_ARGUMENT for the options.
 * Source   PyTorch `avg_pool2d`.
 */
export function averagePool2d(
  x: Operand,
  options: WindowOptions & { countPadding?: boolean | undefined },
): Variable {
  if (!has(options, 'ceilMode', 'countPadding')) return new AveragePool2d(options).apply1(x)
  const { countPadding, ceilMode, ...windows } = options
  const call = new AveragePool2d(windows)
  const counts = flagOf(countPadding, true, 'countPadding', 'averagePool2d')
  const isCeil = flagOf(ceilMode, false, 'ceilMode', 'averagePool2d')
  const image = asVariable(x)
  const far = isCeil && image.ndim === 4 ? farOf(image, call) : ZEROS
  const isFar = far[0] > 0 || far[1] > 0
  const extend = (given: Variable) =>
    pad(given, [
      [0, 0],
      [0, 0],
      [0, far[0]],
      [0, far[1]],
    ])
  const y = call.apply1(isFar ? extend(image) : image)
  if (counts && !isFar) return y
  // The share of each window that counts: what was divided by the whole window shall be divided by that.
  const [down, across] = counts ? call.padding : ZEROS
  const size = [1, 1, image.shape[2]! + 2 * down, image.shape[3]! + 2 * across]
  const ones = full(size, 1, y.dtype)
  const share = new AveragePool2d(counts ? { ...windows, padding: 0 } : windows)
  return div(y, share.apply1(isFar ? extend(asVariable(ones)) : ones))
}

/**
 * The mean of windows that divide the image into `size` rows and columns, whatever its size; windows may overlap by one.
 *
 * Shapes   x [n, c, h, w], [3, 2] → [n, c, 3, 2]
 * Throws   SHAPE_MISMATCH; BAD_ARGUMENT.
 * Source   PyTorch `adaptive_avg_pool2d`: window i is from ⌊i·h/size⌋ to ⌈(i + 1)·h/size⌉.
 */
export function adaptiveAveragePool2d(x: Operand, size: number | Pair): Variable {
  const image = imageOf(x, 'adaptiveAveragePool2d')
  const [rows, columns] = pairOf(size, undefined, 1, 'size', 'adaptiveAveragePool2d')
  const [h, w] = [image.shape[2]!, image.shape[3]!]
  // Windows of one size, as a rule: one call. Else the means of bands of rows, and of these those of bands of columns.
  if (h % rows === 0 && w % columns === 0) return averagePool2d(image, { kernel: [h / rows, w / columns] })
  // A band of one place is that place.
  const shorter = h === rows ? image : bandMeans(image, { axis: -2, size: rows })
  return w === columns ? shorter : bandMeans(shorter, { axis: -1, size: columns })
}

/**
 * The maximum of windows that divide the image into `size` rows and columns, whatever its size; windows may overlap by one.
 *
 * Shapes   x [n, c, h, w], [3, 2] → [n, c, 3, 2]
 * Throws   SHAPE_MISMATCH; BAD_ARGUMENT.
 * Source   PyTorch `adaptive_max_pool2d`, but for the sharing of gradients.
 */
export function adaptiveMaxPool2d(x: Operand, size: number | Pair): Variable {
  const image = imageOf(x, 'adaptiveMaxPool2d')
  const [rows, columns] = pairOf(size, undefined, 1, 'size', 'adaptiveMaxPool2d')
  const made = volumeMaxima(expandDims(image, 2), { size: [1, rows, columns] })
  return squeeze(made, 2)
}

function imageOf(x: Operand, what: string): Variable {
  const image = asVariable(x)
  if (image.ndim === 4 && image.shape[2]! > 0 && image.shape[3]! > 0) return image
  throw new TapeError(
    'SHAPE_MISMATCH',
    `${what} expected images [n, c, h, w], got ${formatShape(image.shape)}`,
  )
}

/** The adjoint of averagePool2d.  Backward gx = averagePool2d(gy). */
export class AveragePool2dScatter extends Func {
  readonly kernel: Pair
  readonly stride: Pair
  readonly padding: Pair
  private readonly size: Pair

  constructor(attributes: PoolingOptions & { size: Pair }) {
    const { kernel, stride, padding } = poolingOf(
      attributes,
      [...POOLING_KEYS, 'size'],
      'averagePool2dScatter',
    )
    const size = pairOf(attributes.size, undefined, 1, 'size', 'averagePool2dScatter')
    super({ kernel, stride, padding, size })
    this.kernel = kernel
    this.stride = stride
    this.padding = padding
    this.size = size
  }

  override forward(gy: NDArray): NDArray {
    return pooling.averagePoolScatter(gy, this, this.size)
  }

  override backward(g: Variable): Variable {
    return averagePool2d(g, { kernel: this.kernel, stride: this.stride, padding: this.padding })
  }
}

/** Each element of gy, divided by the area, added to its window of an image of `size`. Throws as averagePool2d. */
export function averagePool2dScatter(gy: Operand, options: PoolingOptions & { size: Pair }): Variable {
  return new AveragePool2dScatter(options).apply1(gy)
}

registerFunc(MaxPool2d, { name: 'maxPool2d' })
registerFunc(MaxPool2dScatter, { name: 'maxPool2dScatter' })
registerFunc(MaxPool2dGather, { name: 'maxPool2dGather' })
registerFunc(AveragePool2d, { name: 'averagePool2d' })
registerFunc(AveragePool2dScatter, { name: 'averagePool2dScatter' })
