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
import { cast } from './casting.js'
import { take } from './indexing.js'
import { matmul } from './products.js'

/** Settings of `interpolate`: `size` or `scale`. */
export interface InterpolateOptions {
  /** The new extents of the last two axes; one number for both. */
  size?: number | readonly [rows: number, columns: number] | undefined
  /** By what the extents are multiplied (and rounded down); one number for both. */
  scale?: number | readonly [rows: number, columns: number] | undefined
  /** Whether each place is the old one that it lies in, or a mean of the old ones around it. Default 'nearest'. */
  mode?: 'nearest' | 'bilinear' | undefined
  /** For 'bilinear': whether the middles of the corner pixels stay corners, rather than their edges. Default false. */
  alignCorners?: boolean | undefined
}

/**
 * Images in another size.
 *
 * Shapes   x [..., h, w] → [..., rows, columns]
 * Throws   BAD_SHAPE for fewer than two axes or an empty image; BAD_ARGUMENT for the options
 * Source   PyTorch `interpolate`
 */
export function interpolate(x: Operand, options: InterpolateOptions): Variable {
  checkOptions(options, ['size', 'scale', 'mode', 'alignCorners'], 'interpolate')
  const { mode = 'nearest' } = options
  const alignCorners = flagOf(options.alignCorners, false, 'alignCorners', 'interpolate')
  if (mode !== 'nearest' && mode !== 'bilinear')
    refuse(`interpolate expected mode 'nearest' or 'bilinear', got ${valueText(mode)}`)
  if (alignCorners && mode === 'nearest')
    refuse("interpolate expected alignCorners with mode 'bilinear' only")
  const given = asVariable(x)
  if (given.ndim < 2 || given.shape.at(-1) === 0 || given.shape.at(-2) === 0)
    throw new TapeError(
      'BAD_SHAPE',
      `interpolate expected images [..., h, w], got ${formatShape(given.shape)}`,
    )
  const from = [given.shape.at(-2)!, given.shape.at(-1)!] as const
  const to = sizeOf(options, from)
  // PyTorch measures by the scale that was said, and not by the sizes that follow from it.
  const steps = from.map((extent, axis) =>
    to.scales === null ? extent / to.size[axis]! : 1 / to.scales[axis]!,
  )
  if (mode === 'nearest') {
    const places = (axis: 0 | 1) =>
      Int32Array.from({ length: to.size[axis] }, (_, i) =>
        Math.min(Math.floor(i * steps[axis]!), from[axis] - 1),
      )
    return take(take(given, ndarray(places(0)), { axis: -2 }), ndarray(places(1)), { axis: -1 })
  }
  const image = isFloating(given.dtype) ? given : cast(given, 'float64')
  // An axis that keeps its extent is left as it is, whatever scale was said, as in PyTorch.
  const stepOf = (axis: 0 | 1) => (to.size[axis] === from[axis] ? 1 : steps[axis]!)
  const weights = (axis: 0 | 1) => shares(from[axis], to.size[axis], stepOf(axis), alignCorners, image.dtype)
  return matmul(matmul(weights(0), image), weights(1), { transposeB: true })
}

/** What of each old place is in each new one, [to, from]. */
function shares(from: number, to: number, step: number, alignCorners: boolean, dtype: DType): NDArray {
  const values = new Float64Array(to * from)
  for (let i = 0; i < to; i++) {
    const place = alignCorners
      ? to > 1
        ? (i * (from - 1)) / (to - 1)
        : 0
      : Math.max(0, (i + 0.5) * step - 0.5)
    const first = Math.min(Math.floor(place), from - 1)
    const second = Math.min(first + 1, from - 1)
    const share = Math.min(Math.max(place - first, 0), 1)
    values[i * from + first]! += 1 - share
    values[i * from + second]! += share
  }
  return ndarray(values, { shape: [to, from] }).astype(dtype)
}

type Pair = readonly [number, number]

function sizeOf({ size, scale }: InterpolateOptions, from: Pair): { size: Pair; scales: Pair | null } {
  if ((size === undefined) === (scale === undefined)) refuse('interpolate expected either size or scale')
  if (size !== undefined) {
    const pair = typeof size === 'number' ? [size, size] : size
    if (isIntegers(pair) && pair.length === 2 && pair.every((one) => one >= 1))
      return { size: pair as unknown as Pair, scales: null }
    return refuse(
      `interpolate expected size to be an integer of at least 1, or [rows, columns], got ${valueText(size)}`,
    )
  }
  const scales = (typeof scale === 'number' ? [scale, scale] : scale) as Pair
  const fits =
    Array.isArray(scales) && scales.length === 2 && scales.every((one) => Number.isFinite(one) && one > 0)
  const made = fits ? ([Math.floor(from[0] * scales[0]), Math.floor(from[1] * scales[1])] as const) : null
  if (made === null || made[0] < 1 || made[1] < 1)
    return refuse(
      `interpolate expected scale to be a number above 0 that leaves a pixel, or [rows, columns], got ${valueText(scale)}`,
    )
  return { size: made, scales }
}
