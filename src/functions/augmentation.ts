/**
 * Images changed at random, so that a model sees each in many forms. Every draw follows from a seed and a counter, which stand on the
 * tape: a replay changes the images in the same way. All are differentiable by the images.
 */
import { type Placement, placed } from '../array/affine.js'
import { isFloating } from '../array/dtype.js'
import { ndarray } from '../array/make-array.js'
import type { NDArray } from '../array/ndarray.js'
import { nextRandomKey, normal, type RandomKey, uniform } from '../array/random.js'
import { formatShape, normalizeAxis } from '../array/shape.js'
import { TapeError, valueText } from '../errors.js'
import { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { add, div, sub } from './arithmetic.js'
import { flagOf, integerOf, isIntegers, numberOf, oneAxisOf, refuse } from './attributes.js'
import { cast } from './casting.js'
import { where } from './comparison.js'
import { take } from './indexing.js'
import { pad } from './joining.js'
import { flip, reshape } from './shapes.js'

/** Where the draws of one call come from: the default generator's next unless both are given. */
export interface DrawOptions {
  seed?: number | undefined
  counter?: number | undefined
}

function keyOf({ seed, counter }: DrawOptions, what: string): RandomKey {
  if (seed === undefined && counter === undefined) return nextRandomKey()
  if (seed === undefined || counter === undefined)
    return refuse(`${what} expected seed and counter together, got one of them`)
  return {
    seed: integerOf(seed, undefined, 0, 'seed', what),
    counter: integerOf(counter, undefined, 0, 'counter', what),
  }
}

function imagesOf(x: Operand, what: string): Variable {
  const images = asVariable(x)
  if (images.ndim === 4) return images
  throw new TapeError(
    'SHAPE_MISMATCH',
    `${what} expected images [n, c, h, w], got ${formatShape(images.shape)}`,
  )
}

/** Settings of `randomFlip`. */
export interface RandomFlipOptions extends DrawOptions {
  /** The share of images that are flipped. Default 0.5. */
  p?: number | undefined
  /** Along which axis. Default the last: left and right. */
  axis?: number | undefined
}

/**
 * Each image as it is, or seen in a mirror.
 *
 * Shapes   x [n, …] → the same; each of n is drawn by itself
 * Throws   BAD_ARGUMENT for p outside [0, 1]; BAD_AXIS, also for axis 0, that of the images; SHAPE_MISMATCH for fewer than two axes
 */
export function randomFlip(x: Operand, options: RandomFlipOptions = {}): Variable {
  checkOptions(options, ['p', 'axis', 'seed', 'counter'], 'randomFlip')
  const images = asVariable(x)
  if (images.ndim < 2)
    throw new TapeError(
      'SHAPE_MISMATCH',
      `randomFlip expected images [n, …] of one axis at least, got ${formatShape(images.shape)}`,
    )
  const p = numberOf(options.p, 0.5, 'p', 'randomFlip')
  if (p < 0 || p > 1) refuse(`randomFlip expected p from 0 to 1, got ${p}`)
  const axis = normalizeAxis(oneAxisOf(options.axis, -1, 'randomFlip'), images.ndim, 'randomFlip')
  if (axis === 0)
    throw new TapeError(
      'BAD_AXIS',
      'randomFlip expected an axis of each image, got 0, along which the images lie',
    )
  const n = images.shape[0]!
  const draws = uniform([n], { key: keyOf(options, 'randomFlip'), dtype: 'float64' }).data
  const shape = images.shape.map((extent, i) => (i === 0 ? extent : 1))
  const isFlipped = ndarray(
    Uint8Array.from(draws, (draw) => Number(draw < p)),
    { shape, dtype: 'bool' },
  )
  return where(isFlipped, flip(images, axis), images)
}

/** Settings of `randomCrop`. */
export interface RandomCropOptions extends DrawOptions {
  /** How many zeros are put around each image first. Default 0. */
  padding?: number | undefined
  /** The rows and columns that are cut out; one number for both. Default as many as the image has. */
  size?: number | readonly [rows: number, columns: number] | undefined
}

/**
 * A part of each image, of one size, from a place that is drawn: with padding the image moved by a few pixels.
 *
 * Shapes   x [n, c, h, w] → [n, c, rows, columns]
 * Throws   SHAPE_MISMATCH; BAD_ARGUMENT for a size that does not fit
 */
export function randomCrop(x: Operand, options: RandomCropOptions = {}): Variable {
  checkOptions(options, ['padding', 'size', 'seed', 'counter'], 'randomCrop')
  const images = imagesOf(x, 'randomCrop')
  const [n, c, h, w] = images.shape as [number, number, number, number]
  const padding = integerOf(options.padding, 0, 0, 'padding', 'randomCrop')
  const { size = [h, w] } = options
  const pair = typeof size === 'number' ? [size, size] : size
  const [high, wide] = [h + 2 * padding, w + 2 * padding]
  const fits = isIntegers(pair) && pair.length === 2 && pair.every((one) => one >= 0)
  if (!fits || pair[0]! > high || pair[1]! > wide)
    refuse(`randomCrop expected a size of at most [${high}, ${wide}], got ${valueText(size)}`)
  const [rows, columns] = pair as [number, number]
  const draws = uniform([n, 2], { key: keyOf(options, 'randomCrop'), dtype: 'float64' }).data
  const none = [0, 0] as const
  const around = [padding, padding] as const
  const padded = padding === 0 ? images : pad(images, [none, none, around, around])
  // Where each cut begins, and where its pixels are from there: the sum names each pixel.
  const starts = Int32Array.from({ length: n * c }, (_, plane) => {
    const image = Math.floor(plane / c)
    const top = Math.floor(draws[2 * image]! * (high - rows + 1))
    const left = Math.floor(draws[2 * image + 1]! * (wide - columns + 1))
    return (plane * high + top) * wide + left
  })
  const within = Int32Array.from(
    { length: rows * columns },
    (_, i) => Math.floor(i / columns) * wide + (i % columns),
  )
  const places = add(ndarray(starts, { shape: [n, c, 1, 1] }), ndarray(within, { shape: [rows, columns] }))
  return take(reshape(padded, [-1]), places)
}

/** Settings of `randomAffine`. */
export interface RandomAffineOptions extends DrawOptions {
  /** By how many degrees an image is turned at most, either way. Default 0. */
  degrees?: number | undefined
  /** By how many pixels it is moved at most, in each direction. Default 0. */
  shift?: number | undefined
  /** By how much it is made smaller or larger at most: [0.9, 1.1] for a tenth. Default [1, 1]. */
  scale?: readonly [least: number, most: number] | undefined
}

/** Each image turned, moved and scaled.  Backward: the transpose, as the function is linear. */
export class RandomAffine extends Func {
  private readonly degrees: number
  private readonly shift: number
  private readonly scale: readonly [number, number]
  private readonly key: RandomKey
  private readonly adjoint: boolean

  constructor(attributes: RandomAffineOptions & { adjoint?: boolean | undefined }) {
    checkOptions(attributes, ['degrees', 'shift', 'scale', 'seed', 'counter', 'adjoint'], 'randomAffine')
    const degrees = atLeast0(attributes.degrees, 'degrees', 'randomAffine')
    const shift = atLeast0(attributes.shift, 'shift', 'randomAffine')
    const scale = scaleOf(attributes.scale)
    const seed = integerOf(attributes.seed, undefined, 0, 'seed', 'randomAffine')
    const counter = integerOf(attributes.counter, undefined, 0, 'counter', 'randomAffine')
    const adjoint = flagOf(attributes.adjoint, false, 'adjoint', 'randomAffine')
    super({ degrees, shift, scale, seed, counter, adjoint })
    this.degrees = degrees
    this.shift = shift
    this.scale = scale
    this.key = { seed, counter }
    this.adjoint = adjoint
  }

  override forward(x: NDArray): NDArray {
    if (x.ndim !== 4)
      throw new TapeError(
        'SHAPE_MISMATCH',
        `randomAffine expected images [n, c, h, w], got ${formatShape(x.shape)}`,
      )
    const images = isFloating(x.dtype) ? x : x.astype('float64')
    return placed(images, this.placements(x.shape[0]!), this.adjoint)
  }

  override backward(gy: Variable): Variable {
    const { degrees, shift, scale, key, adjoint } = this
    return new RandomAffine({ degrees, shift, scale, ...key, adjoint: !adjoint }).apply1(gy)
  }

  private placements(n: number): Placement[] {
    const draws = uniform([n, 4], { key: this.key, dtype: 'float64' }).data
    const [least, most] = this.scale
    return Array.from({ length: n }, (_, image) => {
      const draw = (i: number) => draws[4 * image + i]!
      return {
        degrees: (2 * draw(0) - 1) * this.degrees,
        down: (2 * draw(1) - 1) * this.shift,
        right: (2 * draw(2) - 1) * this.shift,
        scale: least + (most - least) * draw(3),
      }
    })
  }
}

function atLeast0(value: unknown, key: string, what: string): number {
  const number = numberOf(value, 0, key, what)
  return number >= 0 ? number : refuse(`${what} expected ${key} of at least 0, got ${number}`)
}

function scaleOf(value: unknown): readonly [number, number] {
  const pair = value === undefined ? [1, 1] : value
  const fits =
    Array.isArray(pair) && pair.length === 2 && pair.every((one) => Number.isFinite(one) && one > 0)
  if (fits && pair[0] <= pair[1]) return Object.freeze([pair[0], pair[1]] as const)
  return refuse(`randomAffine expected scale to be [least, most], both above 0, got ${valueText(value)}`)
}

/**
 * Each image turned, moved and scaled by amounts of its own, about its middle; a pixel is the mean of the four around the place that it
 * comes from, and 0 from outside of the image.
 *
 * Shapes   x [n, c, h, w] → the same
 * Throws   SHAPE_MISMATCH; BAD_ARGUMENT for the options
 */
export function randomAffine(x: Operand, options: RandomAffineOptions = {}): Variable {
  checkOptions(options, ['degrees', 'shift', 'scale', 'seed', 'counter'], 'randomAffine')
  const { degrees, shift, scale } = options
  return new RandomAffine({ degrees, shift, scale, ...keyOf(options, 'randomAffine') }).apply1(x)
}

/** Settings of `randomNoise`. */
export interface RandomNoiseOptions extends DrawOptions {
  /** The standard deviation of what is added. Default 0.1. */
  deviation?: number | undefined
}

/** x + deviation·noise.  Backward gx = gy. */
export class RandomNoise extends Func {
  private readonly deviation: number
  private readonly key: RandomKey

  constructor(attributes: RandomNoiseOptions) {
    checkOptions(attributes, ['deviation', 'seed', 'counter'], 'randomNoise')
    const deviation = numberOf(attributes.deviation, 0.1, 'deviation', 'randomNoise')
    if (deviation < 0) refuse(`randomNoise expected deviation of at least 0, got ${deviation}`)
    const seed = integerOf(attributes.seed, undefined, 0, 'seed', 'randomNoise')
    const counter = integerOf(attributes.counter, undefined, 0, 'counter', 'randomNoise')
    super({ deviation, seed, counter })
    this.deviation = deviation
    this.key = { seed, counter }
  }

  override forward(x: NDArray): NDArray {
    const base = isFloating(x.dtype) ? x : x.astype('float64')
    const dtype = base.dtype as 'float64' | 'float32'
    const noise = normal(x.shape, { key: this.key, deviation: this.deviation, dtype })
    return base.map((value, i) => value + noise.buffer[noise.offset + i]!)
  }

  override backward(gy: Variable): Variable {
    return gy
  }
}

/**
 * x plus normally distributed noise, drawn for each element.
 *
 * Shapes   x [...] → the same
 * Throws   BAD_ARGUMENT for a deviation below 0
 */
export function randomNoise(x: Operand, options: RandomNoiseOptions = {}): Variable {
  checkOptions(options, ['deviation', 'seed', 'counter'], 'randomNoise')
  return new RandomNoise({ deviation: options.deviation, ...keyOf(options, 'randomNoise') }).apply1(x)
}

/** Settings of `normalizeChannels`. */
export interface NormalizeChannelsOptions {
  /** What is taken away: one number, or one a channel. Default 0. */
  mean?: number | readonly number[] | undefined
  /** What is divided by then: one number, or one a channel. Default 1. */
  deviation?: number | readonly number[] | undefined
}

/**
 * (x − mean)/deviation, by channel: images get the scale of those that a model was trained on.
 *
 * Shapes   x [n, channels, …] → the same
 * Throws   SHAPE_MISMATCH for fewer than two axes, or another number of channels; BAD_ARGUMENT for a deviation of 0
 */
export function normalizeChannels(x: Operand, options: NormalizeChannelsOptions): Variable {
  checkOptions(options, ['mean', 'deviation'], 'normalizeChannels')
  const given = asVariable(x)
  if (given.ndim < 2)
    throw new TapeError(
      'SHAPE_MISMATCH',
      `normalizeChannels expected x [n, channels, …], got ${formatShape(given.shape)}`,
    )
  const images = isFloating(given.dtype) ? given : cast(given, 'float64')
  const ofChannels = (value: unknown, otherwise: number, key: string): Operand => {
    const list = value === undefined ? otherwise : value
    const isZero = (one: unknown) => key === 'deviation' && one === 0
    if (typeof list === 'number' && Number.isFinite(list) && !isZero(list)) return list
    if (!Array.isArray(list) || !list.every((one) => Number.isFinite(one) && !isZero(one)))
      return refuse(
        `normalizeChannels expected ${key} to be a finite number, or one a channel${key === 'deviation' ? ', none of them 0' : ''}, got ${valueText(value)}`,
      )
    if (list.length !== images.shape[1])
      throw new TapeError(
        'SHAPE_MISMATCH',
        `normalizeChannels expected ${key} for each of ${images.shape[1]} channels, got ${list.length}`,
      )
    return ndarray(list as number[], {
      shape: [list.length, ...images.shape.slice(2).map(() => 1)],
      dtype: images.dtype,
    })
  }
  return div(sub(images, ofChannels(options.mean, 0, 'mean')), ofChannels(options.deviation, 1, 'deviation'))
}

registerFunc(RandomAffine, { name: 'randomAffine' })
registerFunc(RandomNoise, { name: 'randomNoise' })
