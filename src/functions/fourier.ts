/** Fourier transforms. There is no complex dtype: what is complex is two Variables, the real and the imaginary part. */
import { fourier } from '../array/fft.js'
import { ndarray } from '../array/make-array.js'
import type { NDArray } from '../array/ndarray.js'
import { promotedToFloat } from '../array/promotion.js'
import { formatShape, normalizeAxis, sameShape } from '../array/shape.js'
import { TapeError } from '../errors.js'
import { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { mul } from './arithmetic.js'
import { flagOf, integerOf, oneAxisOf, refuse } from './attributes.js'
import { pad, slice } from './joining.js'
import { transpose } from './shapes.js'

/** Settings of Fourier transforms. */
export interface FourierOptions {
  /** Along which axis. Default the last. */
  axis?: number | undefined
}

/** Σ x[j]·e^(∓2πi·jk/n) along the last axis; two inputs, two outputs.  Backward: the transform with the other sign. */
export class FourierTransform extends Func {
  private readonly inverse: boolean

  constructor(attributes: { inverse?: boolean | undefined } = {}) {
    checkOptions(attributes, ['inverse'], 'fourierTransform')
    const inverse = flagOf(attributes.inverse, false, 'inverse', 'fourierTransform')
    super({ inverse })
    this.inverse = inverse
  }

  override forward(real: NDArray, imaginary: NDArray): NDArray[] {
    const [re, im] = promotedToFloat([real, imaginary]) as [NDArray, NDArray]
    if (re.ndim === 0 || !sameShape(re.shape, im.shape))
      throw new TapeError(
        'SHAPE_MISMATCH',
        `fourierTransform expected two arrays [..., n] of one shape, got ${formatShape(re.shape)} and ${formatShape(im.shape)}`,
      )
    return fourier(re, im, this.inverse)
  }

  override backward(real: Variable, imaginary: Variable): Variable[] {
    return new FourierTransform({ inverse: !this.inverse }).applyAll(real, imaginary)
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
  return new FourierTransform(options).applyAll(real, imaginary) as [Variable, Variable]
}

type Complex = [real: Variable, imaginary: Variable]

/** `made` of x with an axis brought last, which then goes back to its place. */
function alongLast(
  parts: readonly Variable[],
  options: FourierOptions,
  what: string,
  made: (parts: Variable[]) => Variable[],
): Variable[] {
  const [{ ndim }] = parts as [Variable]
  const axis = normalizeAxis(oneAxisOf(options.axis, -1, what), ndim, what)
  const last = ndim - 1
  if (axis === last) return made([...parts])
  const order = Array.from({ length: ndim }, (_, i) => (i === axis ? last : i === last ? axis : i))
  return made(parts.map((part) => transpose(part, order))).map((part) => transpose(part, order))
}

/**
 * The discrete Fourier transform of real + i·imaginary: y[k] = Σ x[j]·e^(−2πi·jk/n).
 *
 * Shapes   [..., n] and the same (none: zeros) → [..., n] and [..., n]
 * Throws   SHAPE_MISMATCH; BAD_AXIS, also for a scalar
 * Source   NumPy and PyTorch `fft`, of two real arrays
 */
export function fft(real: Operand, imaginary?: Operand, options: FourierOptions = {}): Complex {
  checkOptions(options, ['axis'], 'fft')
  const [re, im] = partsOf(real, imaginary)
  return alongLast([re, im], options, 'fft', ([a, b]) => fourierTransform(a!, b!)) as Complex
}

/** The inverse of `fft`: x[j] = Σ y[k]·e^(2πi·jk/n)/n. Shapes and errors as there. */
export function ifft(real: Operand, imaginary?: Operand, options: FourierOptions = {}): Complex {
  checkOptions(options, ['axis'], 'ifft')
  const [re, im] = partsOf(real, imaginary)
  return alongLast([re, im], options, 'ifft', ([a, b]) => {
    const n = a!.shape.at(-1)!
    return fourierTransform(a!, b!, { inverse: true }).map((part) => mul(part, 1 / n))
  }) as Complex
}

/**
 * The Fourier transform of a real array: its first n/2 + 1 places, of which the others are the conjugates.
 *
 * Shapes   [..., n] → [..., ⌊n/2⌋ + 1] and [..., ⌊n/2⌋ + 1]
 * Throws   BAD_AXIS, also for a scalar; BAD_SHAPE for an empty axis
 * Source   NumPy and PyTorch `rfft`
 */
export function rfft(x: Operand, options: FourierOptions = {}): Complex {
  checkOptions(options, ['axis'], 'rfft')
  return alongLast([...partsOf(x, undefined)], options, 'rfft', ([a, b]) => {
    const n = a!.shape.at(-1)!
    if (n === 0) throw new TapeError('BAD_SHAPE', 'rfft expected an axis with elements, got none')
    const kept = [...a!.shape.slice(1).map(() => null), [0, Math.floor(n / 2) + 1] as const]
    return fourierTransform(a!, b!).map((part) => slice(part, kept))
  }) as Complex
}

/**
 * The real array whose `rfft` this is.
 *
 * n        how long it is; 2·(m − 1) unless said, for m places
 * Shapes   [..., m] and [..., m] → [..., n]
 * Throws   SHAPE_MISMATCH; BAD_AXIS; BAD_ARGUMENT for an n that is not 2·m − 2 or 2·m − 1
 * Source   NumPy and PyTorch `irfft`
 */
export function irfft(
  real: Operand,
  imaginary: Operand,
  options: FourierOptions & { n?: number | undefined } = {},
): Variable {
  checkOptions(options, ['axis', 'n'], 'irfft')
  const [re, im] = partsOf(real, imaginary)
  return alongLast([re, im], options, 'irfft', ([a, b]) => {
    const m = a!.shape.at(-1)!
    const n = integerOf(options.n, 2 * (m - 1), 1, 'n', 'irfft')
    if (Math.floor(n / 2) + 1 !== m)
      refuse(`irfft expected n to be ${2 * m - 2} or ${2 * m - 1} for ${m} places, got ${n}`)
    // Each place but the first, and the middle one of an even n, stands for its conjugate too.
    const twice = Float64Array.from({ length: m }, (_, k) => (k === 0 || 2 * k === n ? 1 : 2) / n)
    const factors = ndarray(twice).astype(a!.dtype)
    const widths = a!.shape.map((_, i): [number, number] => (i === a!.ndim - 1 ? [0, n - m] : [0, 0]))
    const [x] = fourierTransform(pad(mul(a!, factors), widths), pad(mul(b!, factors), widths), {
      inverse: true,
    })
    return [x]
  })[0]!
}

function partsOf(real: Operand, imaginary: Operand | undefined): [Variable, Variable] {
  const re = asVariable(real)
  return [re, imaginary === undefined ? mul(re.detach(), 0) : asVariable(imaginary, re)]
}

registerFunc(FourierTransform)
