/** Fourier transforms. There is no complex dtype: what is complex is two Variables, the real and the imaginary part. */
import { fourier } from '../array/fft.js'
import { fourierByRadices, halfRowsFourier, realRowsFourier } from '../array/fft-radices.js'
import { ndarray } from '../array/make-array.js'
import type { NDArray } from '../array/ndarray.js'
import { promotedToFloat } from '../array/promotion.js'
import { formatShape, normalizeAxis, sameShape } from '../array/shape.js'
import { TapeError, valueText } from '../errors.js'
import { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import { asVariable, type Operand, Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { mul } from './arithmetic.js'
import { flagOf, integerOf, oneAxisOf, refuse } from './attributes.js'
import { pad, slice } from './joining.js'
import { transpose } from './shapes.js'

/** Settings of Fourier transforms. */
export interface FourierOptions {
  /** Along which axis. Default the last. */
  axis?: number | undefined
  /** To how many elements the axis is cut, or filled up with zeros, first. Of `irfft`: how many it gives. Default as many as there are. */
  n?: number | undefined
  /** Where the factor 1/n stands: at the inverse (default), at both as 1/√n, or at the transform. */
  norm?: 'backward' | 'ortho' | 'forward' | undefined
}

/** Σ x[j]·e^(∓2πi·jk/n) along the last axis; two inputs, two outputs.  Backward: the transform with the other sign. */
export class FourierTransform extends Func {
  private readonly inverse: boolean
  /** By the factors of the length, or, unless said, by halves and convolutions, as all were in runs of before 2026-12. */
  private readonly method: 'radices' | undefined

  constructor(attributes: { inverse?: boolean | undefined; method?: 'radices' | undefined } = {}) {
    checkOptions(attributes, ['inverse', 'method'], 'fourierTransform')
    const { method } = attributes
    const inverse = flagOf(attributes.inverse, false, 'inverse', 'fourierTransform')
    if (method !== undefined && method !== 'radices')
      refuse(`fourierTransform expected method 'radices' or none, got ${valueText(method)}`)
    super(method === undefined ? { inverse } : { inverse, method })
    this.inverse = inverse
    this.method = method
  }

  override forward(real: NDArray, imaginary: NDArray): NDArray[] {
    const [re, im] = promotedToFloat([real, imaginary]) as [NDArray, NDArray]
    if (re.ndim === 0 || !sameShape(re.shape, im.shape))
      throw new TapeError(
        'SHAPE_MISMATCH',
        `fourierTransform expected two arrays [..., n] of one shape, got ${formatShape(re.shape)} and ${formatShape(im.shape)}`,
      )
    return this.method === undefined ? fourier(re, im, this.inverse) : fourierByRadices(re, im, this.inverse)
  }

  override backward(real: Variable, imaginary: Variable): Variable[] {
    const { inverse, method } = this
    return new FourierTransform({ inverse: !inverse, method }).applyAll(real, imaginary)
  }
}

/** The first ⌊n/2⌋ + 1 places of the transform of real rows [..., n]; two outputs.  Backward: `HalfFourier`. */
export class RealFourier extends Func {
  override forward(x: NDArray): NDArray[] {
    const [real] = promotedToFloat([x]) as [NDArray]
    if (real.ndim === 0 || real.shape.at(-1) === 0)
      throw new TapeError(
        'SHAPE_MISMATCH',
        `realFourier expected an array [..., n] of rows with elements, got ${formatShape(real.shape)}`,
      )
    return realRowsFourier(real)
  }

  override backward(real: Variable, imaginary: Variable): Variable {
    return new HalfFourier({ n: this.inputAt(0).shape.at(-1)! }).apply2(real, imaginary)
  }
}

/** z[j] = Σ Re(y[k]·e^(2πi·jk/n)) over the ⌊n/2⌋ + 1 places of y, for j below n; two inputs.  Backward: `RealFourier`. */
export class HalfFourier extends Func {
  private readonly n: number

  constructor(attributes: { n?: number | undefined } = {}) {
    checkOptions(attributes, ['n'], 'halfFourier')
    const n = integerOf(attributes.n, 1, 1, 'n', 'halfFourier')
    super({ n })
    this.n = n
  }

  override forward(real: NDArray, imaginary: NDArray): NDArray {
    const [re, im] = promotedToFloat([real, imaginary]) as [NDArray, NDArray]
    const m = Math.floor(this.n / 2) + 1
    if (re.ndim === 0 || re.shape.at(-1) !== m || !sameShape(re.shape, im.shape))
      throw new TapeError(
        'SHAPE_MISMATCH',
        `halfFourier expected two arrays [..., ${m}] of one shape, got ${formatShape(re.shape)} and ${formatShape(im.shape)}`,
      )
    return halfRowsFourier(re, im, this.n)
  }

  override backward(gy: Variable): Variable[] {
    return new RealFourier().applyAll(gy)
  }
}

/**
 * The transform along the last axis without a factor: `inverse` says the sign of the exponent. `fft` and the others are made of it.
 *
 * Shapes   [..., n] and [..., n] → the same
 * Throws   SHAPE_MISMATCH
 */
export function fourierTransform(
  real: Operand,
  imaginary: Operand,
  options: { inverse?: boolean | undefined } = {},
): [real: Variable, imaginary: Variable] {
  checkOptions(options, ['inverse'], 'fourierTransform')
  const { inverse } = options
  return new FourierTransform({ inverse, method: 'radices' }).applyAll(real, imaginary) as [
    Variable,
    Variable,
  ]
}

/**
 * The transform of real rows without a factor, of which the second half would be conjugates of the first: what `rfft` is made of.
 *
 * Shapes   [..., n] → [..., ⌊n/2⌋ + 1] and [..., ⌊n/2⌋ + 1]
 * Throws   SHAPE_MISMATCH for a scalar and an empty axis
 */
export function realFourier(x: Operand): [real: Variable, imaginary: Variable] {
  return new RealFourier().applyAll(x) as [Variable, Variable]
}

/**
 * The real part of the inverse transform, without a factor, of the places that are given: what `irfft` is made of.
 *
 * Shapes   [..., ⌊n/2⌋ + 1] and [..., ⌊n/2⌋ + 1] → [..., n]
 * Throws   SHAPE_MISMATCH; BAD_ARGUMENT
 */
export function halfFourier(real: Operand, imaginary: Operand, { n }: { n: number }): Variable {
  return new HalfFourier({ n }).apply2(real, imaginary)
}

type Complex = [real: Variable, imaginary: Variable]

/** The parts with the axis brought last, and how to bring it back. */
function withAxisLast(
  parts: readonly Variable[],
  options: FourierOptions,
  what: string,
): { parts: Variable[]; back: (made: Variable) => Variable } {
  checkOptions(options, ['axis', 'n', 'norm'], what)
  const [{ ndim }] = parts as [Variable]
  const last = ndim - 1
  const axis = normalizeAxis(oneAxisOf(options.axis, -1, what), ndim, what)
  if (axis === last) return { parts: [...parts], back: (made) => made }
  const order = Array.from({ length: ndim }, (_, i) => (i === axis ? last : i === last ? axis : i))
  return {
    parts: parts.map((part) => transpose(part, order)),
    back: (made) => transpose(made, order),
  }
}

/** The last axis cut, or filled up with zeros, to n elements. */
function resized(x: Variable, n: number): Variable {
  const has = x.shape.at(-1)!
  const lead = x.shape.slice(1).map(() => null)
  if (n === has) return x
  if (n < has) return slice(x, [...lead, [0, n]])
  return pad(
    x,
    x.shape.map((_, i): [number, number] => (i === x.ndim - 1 ? [0, n - has] : [0, 0])),
  )
}

function lengthOf(options: FourierOptions, otherwise: number, what: string): number {
  const n = integerOf(options.n, otherwise, 1, 'n', what)
  if (n >= 1) return n
  throw new TapeError('BAD_SHAPE', `${what} expected an axis with elements, got none`)
}

/** What a transform, or its inverse, is multiplied by. */
function factorOf({ norm = 'backward' }: FourierOptions, inverse: boolean, n: number, what: string): number {
  if (norm === 'ortho') return 1 / Math.sqrt(n)
  if (norm !== 'backward' && norm !== 'forward')
    refuse(`${what} expected norm to be 'backward', 'ortho' or 'forward', got ${valueText(norm)}`)
  return (norm === 'backward') === inverse ? 1 / n : 1
}

function transformed(
  real: Operand,
  imaginary: Operand | undefined,
  options: FourierOptions,
  inverse: boolean,
  what: string,
): Complex {
  const { parts, back } = withAxisLast(partsOf(real, imaginary, what), options, what)
  const n = lengthOf(options, parts[0]!.shape.at(-1)!, what)
  const [re, im] = parts.map((part) => resized(part, n)) as Complex
  const factor = factorOf(options, inverse, n, what)
  return fourierTransform(re, im, { inverse }).map((part) =>
    back(factor === 1 ? part : mul(part, factor)),
  ) as Complex
}

/**
 * The discrete Fourier transform of real + i·imaginary: y[k] = Σ x[j]·e^(−2πi·jk/n). Along several axes it is taken one axis after the other.
 *
 * Shapes   [..., n] and the same → [..., n] and [..., n]; an imaginary part that is not given is 0
 * Throws   SHAPE_MISMATCH; BAD_AXIS, also for a scalar; BAD_SHAPE for an empty axis; BAD_ARGUMENT
 * Source   NumPy and PyTorch `fft`, of two real arrays
 */
export function fft(
  real: Operand,
  imaginary?: Operand,
  options: FourierOptions = {},
): [real: Variable, imaginary: Variable] {
  return transformed(real, imaginary, options, false, 'fft')
}

/** The inverse of `fft`: x[j] = Σ y[k]·e^(2πi·jk/n)/n. Shapes and errors as there. */
export function ifft(
  real: Operand,
  imaginary?: Operand,
  options: FourierOptions = {},
): [real: Variable, imaginary: Variable] {
  return transformed(real, imaginary, options, true, 'ifft')
}

/**
 * The Fourier transform of a real array: its first ⌊n/2⌋ + 1 places. The others are conjugates of these.
 *
 * Shapes   [..., n] → [..., ⌊n/2⌋ + 1] and [..., ⌊n/2⌋ + 1]
 * Throws   BAD_AXIS, also for a scalar; BAD_SHAPE for an empty axis; BAD_ARGUMENT
 * Source   NumPy and PyTorch `rfft`
 */
export function rfft(x: Operand, options: FourierOptions = {}): [real: Variable, imaginary: Variable] {
  const { parts, back } = withAxisLast([asVariable(x, null)], options, 'rfft')
  const n = lengthOf(options, parts[0]!.shape.at(-1)!, 'rfft')
  const factor = factorOf(options, false, n, 'rfft')
  return realFourier(resized(parts[0]!, n)).map((part) =>
    back(factor === 1 ? part : mul(part, factor)),
  ) as Complex
}

/**
 * The real array whose `rfft` this is.
 *
 * Shapes   [..., m] and [..., m] → [..., n], where n is 2·(m − 1) unless said
 * Throws   SHAPE_MISMATCH; BAD_AXIS; BAD_SHAPE; BAD_ARGUMENT
 * Source   NumPy and PyTorch `irfft`
 */
export function irfft(real: Operand, imaginary: Operand, options: FourierOptions = {}): Variable {
  const { parts, back } = withAxisLast(partsOf(real, imaginary, 'irfft'), options, 'irfft')
  const n = lengthOf(options, 2 * (parts[0]!.shape.at(-1)! - 1), 'irfft')
  const m = Math.floor(n / 2) + 1
  const scale = factorOf(options, true, n, 'irfft')
  // Each place but the first, and the middle one of an even n, stands for its conjugate too.
  const factors = ndarray(
    Float64Array.from({ length: m }, (_, k) => (k === 0 || 2 * k === n ? 1 : 2) * scale),
  )
  const [re, im] = parts.map((part) => {
    const dtype = part.dtype === 'float32' ? 'float32' : 'float64'
    return mul(resized(part, m), factors.astype(dtype))
  }) as Complex
  return back(halfFourier(re, im, { n }))
}

function partsOf(real: Operand, imaginary: Operand | undefined, what: string): [Variable, Variable] {
  const re = asVariable(real, imaginary instanceof Variable ? imaginary : null)
  if (imaginary === undefined) return [re, mul(re.detach(), 0)]
  const im = asVariable(imaginary, re)
  if (sameShape(re.shape, im.shape)) return [re, im]
  throw new TapeError(
    'SHAPE_MISMATCH',
    `${what} expected a real and an imaginary part of one shape, got ${formatShape(re.shape)} and ${formatShape(im.shape)}`,
  )
}

registerFunc(FourierTransform, { name: 'fourierTransform' })
registerFunc(RealFourier, { name: 'realFourier' })
registerFunc(HalfFourier, { name: 'halfFourier' })
