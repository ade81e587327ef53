/** Images brought to another size. Made of `take` and matrix products, which the tape records. */

import type { DType } from '../array/dtype.js'
import { isFloating } from '../array/dtype.js'
import { ndarray } from '../array/make-array.js'
import type { NDArray } from '../array/ndarray.js'
import { formatShape } from '../array/shape.js'
import { TapeError, valueText } from '../errors.js'
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { flagOf, isIntegers, refuse } from './attributes.js'
import { blend } from './blending.js'
import { cast } from './casting.js'
import { take } from './indexing.js'
import { matmul } from './products.js'
import { reshape } from './shapes.js'

/** Settings of `interpolate`: `size` or `scale`. */
export interface InterpolateOptions {
  /** The new extents of the last axes, one number each; one number alone for all of them. */
  size?: number | readonly number[] | undefined
  /** By what the extents are multiplied (and rounded down). */
  scale?: number | readonly number[] | undefined
  /**
   * What each place is. 'nearest' (default): the old one that it begins in, 'nearestExact': the one that its middle lies in, 'area': the mean of
   * the old ones that it covers; 'linear', 'bilinear', 'trilinear': a mean of the 2, 4, 8 around it; 'bicubic': of the 16.
   */
  mode?: InterpolateMode | undefined
  /** For the means of those around: whether the middles of the corner pixels stay corners, rather than their edges. Default false. */
  alignCorners?: boolean | undefined
}

/** How `interpolate` makes a new place of old ones. */
export type InterpolateMode =
  | 'nearest'
  | 'nearestExact'
  | 'area'
  | 'linear'
  | 'bilinear'
  | 'trilinear'
  | 'bicubic'

/** How many axes a mode is for; undefined where that is said by the sizes, 2 unless they are a list. */
const AXES: Readonly<Record<InterpolateMode, number | undefined>> = {
  nearest: undefined,
  nearestExact: undefined,
  area: undefined,
  linear: 1,
  bilinear: 2,
  trilinear: 3,
  bicubic: 2,
}

/**
 * Images in another size; with `mode: 'linear'` rows, with 'trilinear' volumes.
 *
 * Shapes   x [..., h, w] → [..., rows, columns]; as many of the last axes as the mode is for, or as `size` or `scale` lists
 * Throws   BAD_SHAPE for too few axes or an empty image; BAD_ARGUMENT for the options
 * Source   PyTorch `interpolate`
 */
export function interpolate(x: Operand, options: InterpolateOptions): Variable {
  checkOptions(options, ['size', 'scale', 'mode', 'alignCorners'], 'interpolate')
  const { mode = 'nearest' } = options
  const alignCorners = flagOf(options.alignCorners, false, 'alignCorners', 'interpolate')
  if (typeof mode !== 'string' || !Object.hasOwn(AXES, mode))
    refuse(
      `interpolate expected mode to be one of ${Object.keys(AXES)
        .map((one) => `'${one}'`)
        .join(', ')}, got ${valueText(mode)}`,
    )
  const isMean = AXES[mode] !== undefined
  if (alignCorners && !isMean)
    refuse("interpolate expected alignCorners with mode 'linear', 'bilinear', 'trilinear' or 'bicubic' only")
  const given = asVariable(x)
  const count = countOf(options, mode)
  const from = given.shape.slice(-count)
  if (given.ndim < count || from.includes(0))
    throw new TapeError(
      'BAD_SHAPE',
      `interpolate expected ${count === 2 ? 'images [..., h, w]' : `elements along the last ${count} axes`}, got ${formatShape(given.shape)}`,
    )
  const to = sizeOf(options, from)
  // PyTorch measures by the scale that was said, and not by the sizes that follow from it.
  const steps = from.map((extent, axis) =>
    to.scales === null ? extent / to.size[axis]! : 1 / to.scales[axis]!,
  )
  if (mode === 'nearest' || mode === 'nearestExact') {
    const middle = mode === 'nearest' ? 0 : 0.5
    return from.reduce((image, extent, axis) => {
      const places = Int32Array.from({ length: to.size[axis]! }, (_, i) =>
        Math.min(Math.floor((i + middle) * steps[axis]!), extent - 1),
      )
      return take(image, ndarray(places), { axis: axis - count })
    }, given)
  }
  const image = isFloating(given.dtype) ? given : cast(given, 'float64')
  if (mode !== 'area' && mode !== 'bicubic')
    return from.reduce((blended, extent, axis) => {
      const size = to.size[axis]!
      // An axis that keeps its extent is left as it is, whatever scale was said, as in PyTorch.
      if (size === extent) return blended
      return blend(blended, { axis: axis - count, from: extent, to: size, step: steps[axis]!, alignCorners })
    }, image)
  const weights = from.map((extent, axis) => {
    const size = to.size[axis]!
    return mode === 'area'
      ? sharesOfArea(extent, size, image.dtype)
      : sharesOfCubic(extent, size, steps[axis]!, alignCorners, image.dtype)
  })
  return weighed(image, weights)
}

/** Each of the last axes as sums of its places, weighed by a matrix [to, from] for each. */
function weighed(image: Variable, weights: readonly NDArray[]): Variable {
  const [first, second] = weights
  if (weights.length === 2) return matmul(matmul(first!, image), second!, { transposeB: true })
  if (weights.length === 1) {
    const flat = reshape(image, [-1, image.shape.at(-1)!])
    return reshape(matmul(flat, first!, { transposeB: true }), [
      ...image.shape.slice(0, -1),
      first!.shape[0]!,
    ])
  }
  // The first axis by itself, the others as one; then those.
  const rest = image.shape.slice(1 - weights.length)
  const lead = image.shape.slice(0, -weights.length)
  const size = rest.reduce((product, extent) => product * extent, 1)
  const flat = reshape(image, [...lead, image.shape.at(-weights.length)!, size])
  const made = matmul(first!, flat)
  return weighed(reshape(made, [...lead, first!.shape[0]!, ...rest]), weights.slice(1))
}

/** How many of the last axes change. */
function countOf({ size, scale }: InterpolateOptions, mode: InterpolateMode): number {
  const given = size ?? scale
  const count = AXES[mode] ?? (Array.isArray(given) ? given.length : 2)
  if (Array.isArray(given) && (given.length !== count || count === 0))
    return refuse(
      `interpolate expected ${size === undefined ? 'scale' : 'size'} to be a number, or a list of ${Math.max(1, count)} for mode '${mode}', got ${valueText(given)}`,
    )
  return count
}

/** What of each old place is in each new one, [to, from]: of the four places around, by Keys' cubic with the parameter −0.75; beyond an end the last place counts. */
function sharesOfCubic(from: number, to: number, step: number, alignCorners: boolean, dtype: DType): NDArray {
  const A = -0.75
  const near = (d: number) => ((A + 2) * d - (A + 3)) * d * d + 1
  const far = (d: number) => ((A * d - 5 * A) * d + 8 * A) * d - 4 * A
  const values = new Float64Array(to * from)
  for (let i = 0; i < to; i++) {
    const place = alignCorners ? (to > 1 ? (i * (from - 1)) / (to - 1) : 0) : (i + 0.5) * step - 0.5
    const first = Math.floor(place)
    const t = place - first
    for (const [k, share] of [far(t + 1), near(t), near(1 - t), far(2 - t)].entries()) {
      const at = Math.min(Math.max(first - 1 + k, 0), from - 1)
      values[i * from + at]! += share
    }
  }
  return ndarray(values, { shape: [to, from] }).astype(dtype)
}

/** The same for means of the places that a new one covers. */
function sharesOfArea(from: number, to: number, dtype: DType): NDArray {
  const values = new Float64Array(to * from)
  for (let i = 0; i < to; i++) {
    const [first, end] = [Math.floor((i * from) / to), Math.ceil(((i + 1) * from) / to)]
    values.fill(1 / (end - first), i * from + first, i * from + end)
  }
  return ndarray(values, { shape: [to, from] }).astype(dtype)
}

function sizeOf(
  { size, scale }: InterpolateOptions,
  from: readonly number[],
): { size: readonly number[]; scales: readonly number[] | null } {
  const list = from.length === 2 ? '[rows, columns]' : `a list of ${from.length}`
  if ((size === undefined) === (scale === undefined)) refuse('interpolate expected either size or scale')
  if (size !== undefined) {
    const sizes = typeof size === 'number' ? from.map(() => size) : size
    if (isIntegers(sizes) && sizes.every((one) => one >= 1)) return { size: sizes, scales: null }
    return refuse(
      `interpolate expected size to be an integer of at least 1, or ${list}, got ${valueText(size)}`,
    )
  }
  const scales = typeof scale === 'number' ? from.map(() => scale) : scale
  const fits = Array.isArray(scales) && scales.every((one) => Number.isFinite(one) && one > 0)
  const made = fits ? from.map((extent, axis) => Math.floor(extent * scales[axis]!)) : []
  if (!fits || made.some((extent) => extent < 1))
    return refuse(
      `interpolate expected scale to be a number above 0 that leaves a pixel, or ${list}, got ${valueText(scale)}`,
    )
  return { size: made, scales }
}
