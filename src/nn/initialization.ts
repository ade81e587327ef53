/** How weights may begin, other than as the layers make them: arrays for `layer.weight.data = kaimingNormal(layer.weight.shape)`. */
import { qr } from '../array/decompositions.js'
import { type NDArray, viewOf } from '../array/ndarray.js'
import { normal, type RandomKey, uniform } from '../array/random.js'
import { transpose } from '../array/rearrange.js'
import { fixedShape, formatShape, type Shape, sizeOf } from '../array/shape.js'
import { TapeError, valueText } from '../errors.js'
import { numberOf, refuse, shapeOf } from '../functions/attributes.js'
import { checkOptions } from '../options.js'
import { type FloatDType, floatDtype } from './initial.js'

/** What all of them can be told. */
export interface InitialOptions {
  /** By which the numbers are multiplied. Default 1; √2 for what relu follows. */
  gain?: number | undefined
  /** Default the default dtype. */
  dtype?: FloatDType | undefined
  /** What the draws follow from. Default the next of the default generator. */
  key?: RandomKey | undefined
}

/** Settings of `kaimingUniform` and `kaimingNormal`. */
export interface KaimingOptions {
  /** The slope below 0 of the leakyRelu that follows; 0 (default) is relu. */
  slope?: number | undefined
  /** Whether values keep their size on the way forward ('fanIn', default) or gradients on their way back ('fanOut'). */
  mode?: 'fanIn' | 'fanOut' | undefined
  /** Default the default dtype. */
  dtype?: FloatDType | undefined
  /** What the draws follow from. Default the next of the default generator. */
  key?: RandomKey | undefined
}

/** How many numbers one output adds up, and how many outputs one input goes into. Weights of linear layers are [inputs, outputs], windows [out, in, ...]. */
function fansOf(given: Shape, what: string): { shape: Shape; fanIn: number; fanOut: number } {
  const shape = shapeOf(given, 1, what)
  if (shape.length < 2)
    throw new TapeError(
      'BAD_SHAPE',
      `${what} expected the shape of weights, [inputs, outputs] or [out, in, ...], got ${formatShape(shape)}`,
    )
  const [first, second] = shape as [number, number]
  const window = sizeOf(shape.slice(2))
  return shape.length === 2
    ? { shape, fanIn: first, fanOut: second }
    : { shape, fanIn: second * window, fanOut: first * window }
}

function xavierOf(given: Shape, options: InitialOptions, what: string) {
  checkOptions(options, ['gain', 'dtype', 'key'], what)
  const { shape, fanIn, fanOut } = fansOf(given, what)
  const gain = numberOf(options.gain, 1, 'gain', what)
  return { shape, deviation: gain * Math.sqrt(2 / (fanIn + fanOut)), ...drawOf(options, what) }
}

function kaimingOf(given: Shape, options: KaimingOptions, what: string) {
  checkOptions(options, ['slope', 'mode', 'dtype', 'key'], what)
  const { shape, fanIn, fanOut } = fansOf(given, what)
  const slope = numberOf(options.slope, 0, 'slope', what)
  const { mode = 'fanIn' } = options
  if (mode !== 'fanIn' && mode !== 'fanOut')
    refuse(`${what} expected mode 'fanIn' or 'fanOut', got ${valueText(mode)}`)
  const fan = mode === 'fanIn' ? fanIn : fanOut
  return { shape, deviation: Math.sqrt(2 / (1 + slope * slope) / fan), ...drawOf(options, what) }
}

function drawOf(options: { dtype?: FloatDType | undefined; key?: RandomKey | undefined }, what: string) {
  const dtype = floatDtype(options.dtype, what)
  return options.key === undefined ? { dtype } : { dtype, key: options.key }
}

/** A uniform distribution of this deviation reaches to √3 times it. */
function uniformOf(drawn: { shape: Shape; deviation: number; dtype: FloatDType; key?: RandomKey }): NDArray {
  const { shape, deviation, ...draw } = drawn
  const bound = Math.sqrt(3) * deviation
  return uniform(shape, { least: -bound, most: bound, ...draw })
}

function normalOf(drawn: { shape: Shape; deviation: number; dtype: FloatDType; key?: RandomKey }): NDArray {
  const { shape, ...draw } = drawn
  return normal(shape, draw)
}

/**
 * Uniform numbers with variance gain²·2/(fanIn + fanOut): values and gradients keep their size through a layer (Glorot and Bengio, 2010).
 *
 * Throws   BAD_SHAPE for fewer than two axes; BAD_ARGUMENT; BAD_DTYPE
 * Source   PyTorch `nn.init.xavier_uniform_`
 */
export function xavierUniform(shape: Shape, options: InitialOptions = {}): NDArray {
  return uniformOf(xavierOf(shape, options, 'xavierUniform'))
}

/** Normally distributed numbers with the variance of `xavierUniform`. Throws as that. Source: PyTorch `nn.init.xavier_normal_`. */
export function xavierNormal(shape: Shape, options: InitialOptions = {}): NDArray {
  return normalOf(xavierOf(shape, options, 'xavierNormal'))
}

/**
 * Uniform numbers with variance 2/((1 + slope²)·fan), for layers that relu or leakyRelu follows (He and others, 2015).
 *
 * Throws   BAD_SHAPE for fewer than two axes; BAD_ARGUMENT; BAD_DTYPE
 * Source   PyTorch `nn.init.kaiming_uniform_`
 */
export function kaimingUniform(shape: Shape, options: KaimingOptions = {}): NDArray {
  return uniformOf(kaimingOf(shape, options, 'kaimingUniform'))
}

/** Normally distributed numbers with the variance of `kaimingUniform`. Throws as that. Source: PyTorch `nn.init.kaiming_normal_`. */
export function kaimingNormal(shape: Shape, options: KaimingOptions = {}): NDArray {
  return normalOf(kaimingOf(shape, options, 'kaimingNormal'))
}

/**
 * A matrix whose rows, or columns where there are more rows, are orthogonal and of length `gain`; other axes than the first count as columns
 * (Saxe and others, 2013).
 *
 * Throws   BAD_SHAPE for fewer than two axes; BAD_ARGUMENT; BAD_DTYPE
 * Source   PyTorch `nn.init.orthogonal_`
 */
export function orthogonal(shape: Shape, options: InitialOptions = {}): NDArray {
  checkOptions(options, ['gain', 'dtype', 'key'], 'orthogonal')
  const fixed = fansOf(shape, 'orthogonal').shape
  const gain = numberOf(options.gain, 1, 'gain', 'orthogonal')
  const { dtype, ...key } = drawOf(options, 'orthogonal')
  const rows = fixed[0]!
  const columns = sizeOf(fixed.slice(1))
  const [long, short] = [Math.max(rows, columns), Math.min(rows, columns)]
  const [q, r] = qr(normal([long, short], { dtype: 'float64', ...key }))
  // With the signs of the diagonal of R each orthogonal matrix is as likely as any other.
  const signs = Float64Array.from({ length: short }, (_, i) => {
    return r.buffer[r.offset + i * short + i]! < 0 ? -gain : gain
  })
  const made = q.map((value, i) => value * signs[i % short]!)
  const turned = rows < columns ? transpose(made) : made
  return viewOf(turned.astype(dtype), fixedShape([...fixed]))
}
