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
import type { Operand, Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { isIntegers, refuse } from './attributes.js'
import { sum } from './reductions.js'

export interface ConvolutionOptions {
  /** Step between windows: one number, or [rows, columns]. Default 1. */
  stride?: number | Pair | undefined
  /** Zeros around the image: one number, or [rows, columns]. Default 0. */
  padding?: number | Pair | undefined
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
  if (b.ndim !== 1 || b.shape[0] !== y.shape[1]) {
    throw new TapeError('SHAPE_MISMATCH', `${what} expected b [${y.shape[1]}], got ${formatShape(b.shape)}`)
  }
  return elementwise.add(y, viewOf(bias, Object.freeze([1, b.size, 1, 1])))
}

/** Options in the place of the bias are a mistake that is easily made. */
function requireBias(b: unknown, what: string): void {
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
 * Shapes   x [n, c, h, w] · w [out, c, kh, kw] + b [out] → [n, out, ⌊(h + 2·padding − kh)/stride⌋ + 1, …]
 * Throws   SHAPE_MISMATCH; BAD_SHAPE when the window does not fit; BAD_ARGUMENT for the options.
 * Source   PyTorch `conv2d`.
 */
export function conv2d(x: Operand, w: Operand, b?: Operand, options: ConvolutionOptions = {}): Variable {
  requireBias(b, 'conv2d')
  const call = new Conv2d(options)
  return b === undefined || b === null ? call.apply2(x, w) : call.apply(x, w, b)
}

export interface ConvTransposeOptions extends ConvolutionOptions {
  /** Rows and columns to add at the end, for sizes that the stride leaves open: below the stride. Default 0. */
  extra?: number | Pair | undefined
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
 * Shapes   x [n, c, h, w] · w [c, out, kh, kw] + b [out] → [n, out, (h − 1)·stride − 2·padding + kh + extra, …]
 * Throws   SHAPE_MISMATCH; BAD_SHAPE when nothing would be left; BAD_ARGUMENT for the options.
 * Source   PyTorch `conv_transpose2d`, whose `output_padding` is `extra`.
 */
export function convTranspose2d(
  x: Operand,
  w: Operand,
  b?: Operand,
  options: ConvTransposeOptions = {},
): Variable {
  requireBias(b, 'convTranspose2d')
  const call = new ConvTranspose2d(options)
  return b === undefined || b === null ? call.apply2(x, w) : call.apply(x, w, b)
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

registerFunc(Conv2d)
registerFunc(ConvTranspose2d)
registerFunc(Conv2dWeights)
