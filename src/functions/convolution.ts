/**
 * Two-dimensional convolution (cross-correlation, as everywhere in this field), its transpose, and the gradient of its
 * weights: three functions, each linear in both operands, that are one another's gradients.
 */
import { convolve, convolveTransposed, convolveWeights, type Pair } from '../array/convolution.js'
import * as elementwise from '../array/elementwise.js'
import { type NDArray, viewOf } from '../array/ndarray.js'
import { promoted } from '../array/promotion.js'
import { formatShape, type Shape } from '../array/shape.js'
import { TapeError, valueText } from '../errors.js'
import { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { add } from './arithmetic.js'
import { integerOf, isIntegers, refuse } from './attributes.js'
import { concat, pad, scatterSlice, split } from './joining.js'
import { sum } from './reductions.js'
import { expandDims, reshape, squeeze } from './shapes.js'

export interface ConvolutionOptions {
  /** Step between windows: one number, or [rows, columns]. Default 1. */
  stride?: number | Pair | undefined
  /** Zeros around the image: one number, or [rows, columns]. Default 0. */
  padding?: number | Pair | undefined
}

/** Settings of conv2d, and of conv1d with numbers alone. */
export interface GroupedConvolutionOptions {
  /** Step between windows: one number, or [rows, columns]. Default 1. */
  stride?: number | Pair | undefined
  /** Zeros around the image: one number, or [rows, columns]; or 'same', for a result as large as x, for a stride of 1. Default 0. */
  padding?: number | Pair | 'same' | undefined
  /** Distance of the places that a window reads: one number, or [rows, columns]. Default 1. */
  dilation?: number | Pair | undefined
  /** Into how many groups the channels of x and of the result are cut; each group sees its own only. Default 1. */
  groups?: number | undefined
}

/** A number for both axes, or one for each; integers of at least `least`. */
export function pairOf(
  value: unknown,
  otherwise: Pair | undefined,
  least: number,
  key: string,
  what: string,
): Pair {
  if (value === undefined && otherwise !== undefined) return otherwise
  const pair = typeof value === 'number' ? [value, value] : value
  if (isIntegers(pair) && pair.length === 2 && pair.every((one) => one >= least)) {
    return Object.freeze([pair[0]!, pair[1]!] as const)
  }
  return refuse(
    `${what} expected ${key} to be an integer of at least ${least}, or [rows, columns], got ${valueText(value)}`,
  )
}

const ONES: Pair = Object.freeze([1, 1])
const ZEROS: Pair = Object.freeze([0, 0])

/** What `convolved` makes of x and w, with a number added to every channel; all three in the dtype in which they meet. */
function withBias(
  convolved: (x: NDArray, w: NDArray) => NDArray,
  x: NDArray,
  w: NDArray,
  b: NDArray | undefined,
  what: string,
): NDArray {
  if (b === undefined) return convolved(x, w)
  const [image, window, bias] = promoted([x, w, b] as const)
  const y = convolved(image, window)
  requireBiasShape(b.shape, y.shape[1]!, what)
  return elementwise.add(y, viewOf(bias, Object.freeze([1, b.size, 1, 1])))
}

export function requireBiasShape(shape: Shape, outs: number, what: string): void {
  if (shape.length === 1 && shape[0] === outs) return
  throw new TapeError('SHAPE_MISMATCH', `${what} expected b [${outs}], got ${formatShape(shape)}`)
}

/** Options in the place of the bias are a mistake that is easily made. */
export function requireBias(b: unknown, what: string): void {
  if (typeof b !== 'object' || b === null || Object.getPrototypeOf(b) !== Object.prototype) return
  refuse(
    `${what} expected b, the bias, as its third operand, got an object; without a bias: ${what}(x, w, undefined, { ${Object.keys(b).join(', ')} })`,
  )
}

/** What the bias gets: gy summed over everything but the channels. */
function gradientOfBias(gy: Variable): Variable {
  return sum(gy, { axis: [0, 2, 3] })
}

/**
 * Convolution.
 * Backward gx = the transposed convolution of gy with w; gw = x against gy; gb = gy summed over all but the channels.
 */
export class Conv2d extends Func {
  readonly stride: Pair
  readonly padding: Pair

  constructor(attributes: ConvolutionOptions = {}) {
    checkOptions(attributes, ['stride', 'padding'], 'conv2d')
    const stride = pairOf(attributes.stride, ONES, 1, 'stride', 'conv2d')
    const padding = pairOf(attributes.padding, ZEROS, 0, 'padding', 'conv2d')
    super({ stride, padding })
    this.stride = stride
    this.padding = padding
  }

  override forward(x: NDArray, w: NDArray, b?: NDArray): NDArray {
    return withBias((image, window) => convolve(image, window, this), x, w, b, 'conv2d')
  }

  override backward(gy: Variable): (Variable | null)[] {
    const x = this.inputAt(0)
    const w = this.inputAt(1)
    const { stride, padding } = this
    const gradients = [
      this.needsGradient(0)
        ? convTranspose2d(gy, w, undefined, { stride, padding, extra: this.extraOf(x.shape, w.shape) })
        : null,
      this.needsGradient(1) ? conv2dWeights(x, gy, sizeOfKernel(w.shape), this) : null,
    ]
    if (this.inputCount > 2) gradients.push(this.needsGradient(2) ? gradientOfBias(gy) : null)
    return gradients
  }

  /** The rows and columns at the end of x that no window reached; a transposed convolution has to be told of them. */
  private extraOf(x: Shape, w: Shape): Pair {
    const left = (axis: 0 | 1) => (x[2 + axis]! + 2 * this.padding[axis] - w[2 + axis]!) % this.stride[axis]
    return [left(0), left(1)]
  }
}

function sizeOfKernel(w: Shape): Pair {
  return [w[2]!, w[3]!]
}

/**
 * Cross-correlation of images with learned windows.
 *
 * Shapes   x [n, c, h, w] · w [out, c/groups, kh, kw] + b [out] → [n, out, ⌊(h + 2·padding − dilation·(kh − 1) − 1)/stride⌋ + 1, …]
 * Throws   SHAPE_MISMATCH; BAD_SHAPE when the window does not fit; BAD_ARGUMENT for the options.
 * Source   PyTorch `conv2d`.
 */
export function conv2d(
  x: Operand,
  w: Operand,
  b?: Operand,
  options: GroupedConvolutionOptions = {},
): Variable {
  requireBias(b, 'conv2d')
  if (options?.padding === 'same') return conv2dOfSameSize(x, w, b, options)
  const isPlain = options?.dilation === undefined && options?.groups === undefined
  if (!isPlain) return grouped(x, w, b, options as GroupedConvolutionOptions & ConvolutionOptions)
  const call = new Conv2d(options as ConvolutionOptions)
  return b === undefined || b === null ? call.apply2(x, w) : call.apply(x, w, b)
}

/** Zeros for a result as large as x; where their number is odd, one more behind x. */
export function paddingOfSameSize(
  kernel: number,
  dilation: number,
): readonly [before: number, after: number] {
  const total = Math.max(0, dilation * (kernel - 1))
  return [Math.floor(total / 2), Math.ceil(total / 2)]
}

/** Refuses `padding: 'same'` with a stride: the result would be smaller than x. */
export function requireNoStride(stride: readonly number[], what: string): void {
  if (stride.some((one) => one !== 1))
    refuse(`${what} expected a stride of 1 for padding 'same', got ${formatShape(stride)}`)
}

function conv2dOfSameSize(
  x: Operand,
  w: Operand,
  b: Operand | undefined,
  options: GroupedConvolutionOptions,
): Variable {
  requireNoStride(pairOf(options.stride, ONES, 1, 'stride', 'conv2d'), 'conv2d')
  const dilation = pairOf(options.dilation, ONES, 1, 'dilation', 'conv2d')
  const image = asVariable(x)
  const window = asVariable(w, image)
  // What is no image and window is refused as without padding.
  if (image.ndim !== 4 || window.ndim !== 4) return conv2d(image, window, b, { ...options, padding: 0 })
  const rows = paddingOfSameSize(window.shape[2]!, dilation[0])
  const columns = paddingOfSameSize(window.shape[3]!, dilation[1])
  const isEven = rows[0] === rows[1] && columns[0] === columns[1]
  if (isEven) return conv2d(image, window, b, { ...options, padding: [rows[0], columns[0]] })
  const none = [0, 0] as const
  return conv2d(pad(image, [none, none, rows, columns]), window, b, { ...options, padding: 0 })
}

/** A dilated window is one with zeros between; groups are convolutions side by side. The tape records these parts. */
function grouped(
  x: Operand,
  w: Operand,
  b: Operand | undefined,
  options: GroupedConvolutionOptions & ConvolutionOptions,
): Variable {
  const { dilation, groups, ...windows } = options
  const count = integerOf(groups, 1, 1, 'groups', 'conv2d')
  const image = asVariable(x)
  const kernel = dilated(asVariable(w, image), pairOf(dilation, ONES, 1, 'dilation', 'conv2d'))
  if (count === 1) return conv2d(image, kernel, b, windows)
  const channels = image.shape[1]
  const outs = kernel.shape[0]!
  if (image.ndim !== 4 || kernel.shape[1]! * count !== channels || outs % count !== 0)
    throw new TapeError(
      'SHAPE_MISMATCH',
      `conv2d of ${count} groups expected x [n, c, h, w] and w [out, c/${count}, kh, kw] with out in equal groups, got x ` +
        `${formatShape(image.shape)} and w ${formatShape(kernel.shape)}`,
    )
  const kernels = split(kernel, count)
  const parts = split(image, count, { axis: 1 }).map((part, i) =>
    new Conv2d(windows).apply2(part, kernels[i]!),
  )
  const y = concat(parts, { axis: 1 })
  if (b === undefined || b === null) return y
  const bias = asVariable(b, y)
  requireBiasShape(bias.shape, outs, 'conv2d')
  return add(y, reshape(bias, [1, outs, 1, 1]))
}

function dilated(w: Variable, [rows, columns]: Pair): Variable {
  if ((rows === 1 && columns === 1) || w.ndim !== 4) return w
  const [outs, channels, h, width] = w.shape as [number, number, number, number]
  const shape = [outs, channels, (h - 1) * rows + 1, (width - 1) * columns + 1]
  return scatterSlice(w, [null, null, [null, null, rows], [null, null, columns]], shape)
}

/** Settings of conv1d. */
export interface Convolution1dOptions {
  /** Step between windows. Default 1. */
  stride?: number | undefined
  /** Zeros at both ends; or 'same', for a result as long as x, for a stride of 1. Default 0. */
  padding?: number | 'same' | undefined
  /** Distance of the places that a window reads. Default 1. */
  dilation?: number | undefined
  /** As in conv2d. Default 1. */
  groups?: number | undefined
}

/**
 * Cross-correlation of rows with learned windows: conv2d of images of one row.
 *
 * Shapes   x [n, c, l] · w [out, c/groups, k] + b [out] → [n, out, ⌊(l + 2·padding − dilation·(k − 1) − 1)/stride⌋ + 1]
 * Throws   as conv2d.
 * Source   PyTorch `conv1d`.
 */
export function conv1d(x: Operand, w: Operand, b?: Operand, options: Convolution1dOptions = {}): Variable {
  requireBias(b, 'conv1d')
  checkOptions(options, ['stride', 'padding', 'dilation', 'groups'], 'conv1d')
  const row = asVariable(x)
  const windows = asVariable(w, row)
  for (const one of [row, windows])
    if (one.ndim !== 3)
      throw new TapeError(
        'SHAPE_MISMATCH',
        `conv1d expected x [n, c, l] and w [out, c, k], got ${formatShape(row.shape)} and ${formatShape(windows.shape)}`,
      )
  const wide = (value: number | undefined, otherwise: number, key: string): Pair => [
    key === 'padding' ? 0 : 1,
    integerOf(value, otherwise, otherwise, key, 'conv1d'),
  ]
  const { dilation, groups } = options
  const y = conv2d(expandDims(row, 2), expandDims(windows, 2), b, {
    stride: wide(options.stride, 1, 'stride'),
    padding: options.padding === 'same' ? 'same' : wide(options.padding, 0, 'padding'),
    ...(dilation === undefined ? {} : { dilation: wide(dilation, 1, 'dilation') }),
    ...(groups === undefined ? {} : { groups }),
  })
  return squeeze(y, 2)
}

export interface ConvTransposeOptions extends ConvolutionOptions {
  /** Rows and columns to add at the end, for sizes that the stride leaves open: below the stride. Default 0. */
  extra?: number | Pair | undefined
}

/** Settings of convTranspose2d. */
export interface GroupedConvTransposeOptions extends ConvTransposeOptions {
  /** Distance of the places that a window is added to: one number, or [rows, columns]. Default 1. */
  dilation?: number | Pair | undefined
  /** Into how many groups the channels of x and of the result are cut; each group sees its own only. Default 1. */
  groups?: number | undefined
}

/** Transposed convolution.  Backward gx = the convolution of gy with w; gw = gy against x; gb as in conv2d. */
export class ConvTranspose2d extends Func {
  readonly stride: Pair
  readonly padding: Pair
  private readonly extra: Pair

  constructor(attributes: ConvTransposeOptions = {}) {
    checkOptions(attributes, ['stride', 'padding', 'extra'], 'convTranspose2d')
    const stride = pairOf(attributes.stride, ONES, 1, 'stride', 'convTranspose2d')
    const padding = pairOf(attributes.padding, ZEROS, 0, 'padding', 'convTranspose2d')
    const extra = pairOf(attributes.extra, ZEROS, 0, 'extra', 'convTranspose2d')
    if (extra[0] >= stride[0] || extra[1] >= stride[1]) {
      refuse(
        `convTranspose2d expected extra to be below the stride ${formatShape(stride)}, got ${formatShape(extra)}`,
      )
    }
    super({ stride, padding, extra })
    this.stride = stride
    this.padding = padding
    this.extra = extra
  }

  override forward(x: NDArray, w: NDArray, b?: NDArray): NDArray {
    const { extra } = this
    return withBias(
      (image, window) => convolveTransposed(image, window, this, extra),
      x,
      w,
      b,
      'convTranspose2d',
    )
  }

  override backward(gy: Variable): (Variable | null)[] {
    const x = this.inputAt(0)
    const w = this.inputAt(1)
    const { stride, padding } = this
    const gradients = [
      this.needsGradient(0) ? conv2d(gy, w, undefined, { stride, padding }) : null,
      this.needsGradient(1) ? conv2dWeights(gy, x, sizeOfKernel(w.shape), this) : null,
    ]
    if (this.inputCount > 2) gradients.push(this.needsGradient(2) ? gradientOfBias(gy) : null)
    return gradients
  }
}

/**
 * The transpose of conv2d: every element of x adds its window to the result.
 *
 * Shapes   x [n, c, h, w] · w [c, out/groups, kh, kw] + b [out] → [n, out, (h − 1)·stride − 2·padding + dilation·(kh − 1) + 1 + extra, …]
 * Throws   SHAPE_MISMATCH; BAD_SHAPE when nothing would be left; BAD_ARGUMENT for the options.
 * Source   PyTorch `conv_transpose2d`, whose `output_padding` is `extra`.
 */
export function convTranspose2d(
  x: Operand,
  w: Operand,
  b?: Operand,
  options: GroupedConvTransposeOptions = {},
): Variable {
  requireBias(b, 'convTranspose2d')
  const isPlain = options?.dilation === undefined && options?.groups === undefined
  if (!isPlain) return groupedTransposed(x, w, b, options)
  const call = new ConvTranspose2d(options)
  return b === undefined || b === null ? call.apply2(x, w) : call.apply(x, w, b)
}

/** As `grouped`, transposed: the channels of x are cut, and so are the windows, which are a channel's of x each. */
function groupedTransposed(
  x: Operand,
  w: Operand,
  b: Operand | undefined,
  options: GroupedConvTransposeOptions,
): Variable {
  const { dilation, groups, ...windows } = options
  const count = integerOf(groups, 1, 1, 'groups', 'convTranspose2d')
  const image = asVariable(x)
  const kernel = dilated(asVariable(w, image), pairOf(dilation, ONES, 1, 'dilation', 'convTranspose2d'))
  if (count === 1) return convTranspose2d(image, kernel, b, windows)
  const channels = image.shape[1]
  if (image.ndim !== 4 || kernel.ndim !== 4 || kernel.shape[0] !== channels || channels! % count !== 0)
    throw new TapeError(
      'SHAPE_MISMATCH',
      `convTranspose2d of ${count} groups expected x [n, c, h, w] and w [c, out/${count}, kh, kw] with c in equal groups, got x ` +
        `${formatShape(image.shape)} and w ${formatShape(kernel.shape)}`,
    )
  const kernels = split(kernel, count)
  const parts = split(image, count, { axis: 1 }).map((part, i) =>
    new ConvTranspose2d(windows).apply2(part, kernels[i]!),
  )
  const y = concat(parts, { axis: 1 })
  if (b === undefined || b === null) return y
  const bias = asVariable(b, y)
  const outs = kernel.shape[1]! * count
  requireBiasShape(bias.shape, outs, 'convTranspose2d')
  return add(y, reshape(bias, [1, outs, 1, 1]))
}

/** The gradient of a convolution's weights, as a function.  Backward: it is linear in x and in gy. */
export class Conv2dWeights extends Func {
  private readonly kernel: Pair
  readonly stride: Pair
  readonly padding: Pair

  constructor(attributes: { kernel: Pair; stride: Pair; padding: Pair }) {
    checkOptions(attributes, ['kernel', 'stride', 'padding'], 'conv2dWeights')
    const kernel = pairOf(attributes.kernel, undefined, 1, 'kernel', 'conv2dWeights')
    const stride = pairOf(attributes.stride, ONES, 1, 'stride', 'conv2dWeights')
    const padding = pairOf(attributes.padding, ZEROS, 0, 'padding', 'conv2dWeights')
    super({ kernel, stride, padding })
    this.kernel = kernel
    this.stride = stride
    this.padding = padding
  }

  override forward(x: NDArray, gy: NDArray): NDArray {
    return convolveWeights(x, gy, this.kernel, this)
  }

  override backward(g: Variable): (Variable | null)[] {
    const x = this.inputAt(0)
    const y = this.inputAt(1)
    const { stride, padding, kernel } = this
    const left = (axis: 0 | 1) => (x.shape[2 + axis]! + 2 * padding[axis] - kernel[axis]) % stride[axis]
    return [
      this.needsGradient(0)
        ? convTranspose2d(y, g, undefined, { stride, padding, extra: [left(0), left(1)] })
        : null,
      this.needsGradient(1) ? conv2d(x, g, undefined, { stride, padding }) : null,
    ]
  }
}

/**
 * Images against the gradients of what a convolution made of them.
 *
 * Shapes   x [n, c, h, w], gy [n, out, r, s], size [kh, kw] → [out, c, kh, kw]
 * Throws   SHAPE_MISMATCH.
 */
export function conv2dWeights(
  x: Operand,
  gy: Operand,
  size: Pair,
  options: { readonly stride: Pair; readonly padding: Pair },
): Variable {
  return new Conv2dWeights({ kernel: size, stride: options.stride, padding: options.padding }).apply2(x, gy)
}

registerFunc(Conv2d, { name: 'conv2d' })
registerFunc(ConvTranspose2d, { name: 'convTranspose2d' })
registerFunc(Conv2dWeights, { name: 'conv2dWeights' })
