/** Transposed convolutions of rows and of volumes, made of those of images. */
import { formatShape } from '../array/shape.js'
import { TapeError } from '../errors.js'
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { add } from './arithmetic.js'
import { integerOf, refuse } from './attributes.js'
import { convTranspose2d, requireBias, requireBiasShape } from './convolution.js'
import { scatterSlice, slice } from './joining.js'
import { expandDims, reshape, squeeze, transpose } from './shapes.js'
import { type Triple, tripleOf } from './volume-convolution.js'

const KEYS = ['stride', 'padding', 'dilation', 'groups', 'extra']

/** Settings of convTranspose1d. */
export interface ConvTranspose1dOptions {
  /** Step between windows. Default 1. */
  stride?: number | undefined
  /** How many places to leave out at both ends. Default 0. */
  padding?: number | undefined
  /** Distance of the places that a window is added to. Default 1. */
  dilation?: number | undefined
  /** As in convTranspose2d. Default 1. */
  groups?: number | undefined
  /** Places to add at the end, for sizes that the stride leaves open: below the stride. Default 0. */
  extra?: number | undefined
}

/**
 * The transpose of conv1d: every element of x adds its window to the result.
 *
 * Shapes   x [n, c, l] · w [c, out/groups, k] + b [out] → [n, out, (l − 1)·stride − 2·padding + dilation·(k − 1) + 1 + extra]
 * Throws   as convTranspose2d
 * Source   PyTorch `conv_transpose1d`, whose `output_padding` is `extra`
 */
export function convTranspose1d(
  x: Operand,
  w: Operand,
  b?: Operand,
  options: ConvTranspose1dOptions = {},
): Variable {
  requireBias(b, 'convTranspose1d')
  checkOptions(options, KEYS, 'convTranspose1d')
  const row = asVariable(x)
  const windows = asVariable(w, row)
  if (row.ndim !== 3 || windows.ndim !== 3)
    throw new TapeError(
      'SHAPE_MISMATCH',
      `convTranspose1d expected x [n, c, l] and w [c, out, k], got ${formatShape(row.shape)} and ${formatShape(windows.shape)}`,
    )
  const one = (key: 'stride' | 'padding' | 'dilation' | 'extra', otherwise: number) =>
    integerOf(options[key], otherwise, otherwise, key, 'convTranspose1d')
  const { groups } = options
  const y = convTranspose2d(expandDims(row, 2), expandDims(windows, 2), b, {
    stride: [1, one('stride', 1)],
    padding: [0, one('padding', 0)],
    extra: [0, one('extra', 0)],
    ...(options.dilation === undefined ? {} : { dilation: [1, one('dilation', 1)] as const }),
    ...(groups === undefined ? {} : { groups }),
  })
  return squeeze(y, 2)
}

/** Settings of convTranspose3d: one number, or [depth, rows, columns]. */
export interface ConvTranspose3dOptions {
  /** Step between windows. Default 1. */
  stride?: number | Triple | undefined
  /** How much to leave out around the volume. Default 0. */
  padding?: number | Triple | undefined
  /** Distance of the places that a window is added to. Default 1. */
  dilation?: number | Triple | undefined
  /** Into how many groups the channels are cut. Default 1. */
  groups?: number | undefined
  /** Depths, rows and columns to add at the end, for sizes that the stride leaves open: below the stride. Default 0. */
  extra?: number | Triple | undefined
}

/**
 * The transpose of conv3d: for each depth of the window a `convTranspose2d` of all depths of the volume at once, each added in its place.
 *
 * Shapes   x [n, c, d, h, w] · w [c, out/groups, kd, kh, kw] + b [out] → [n, out, (d − 1)·stride − 2·padding + dilation·(kd − 1) + 1 + extra, …, …]
 * Throws   SHAPE_MISMATCH; BAD_SHAPE when nothing would be left; BAD_ARGUMENT for the options
 * Source   PyTorch `conv_transpose3d`, whose `output_padding` is `extra`
 */
export function convTranspose3d(
  x: Operand,
  w: Operand,
  b?: Operand,
  options: ConvTranspose3dOptions = {},
): Variable {
  requireBias(b, 'convTranspose3d')
  checkOptions(options, KEYS, 'convTranspose3d')
  const [strideD, strideH, strideW] = tripleOf(options.stride, 1, 1, 'stride', 'convTranspose3d')
  const [paddingD, paddingH, paddingW] = tripleOf(options.padding, 0, 0, 'padding', 'convTranspose3d')
  const [dilationD, dilationH, dilationW] = tripleOf(options.dilation, 1, 1, 'dilation', 'convTranspose3d')
  const [extraD, extraH, extraW] = tripleOf(options.extra, 0, 0, 'extra', 'convTranspose3d')
  if (extraD >= strideD)
    refuse(`convTranspose3d expected extra to be below the stride, got ${extraD} for ${strideD}`)
  const volume = asVariable(x)
  const window = asVariable(w, volume)
  if (volume.ndim !== 5 || window.ndim !== 5)
    throw new TapeError(
      'SHAPE_MISMATCH',
      `convTranspose3d expected x [n, c, d, h, w] and w [c, out, kd, kh, kw], got ${formatShape(volume.shape)} and ${formatShape(window.shape)}`,
    )
  const [n, c, d, h, wide] = volume.shape as [number, number, number, number, number]
  const depths = window.shape[2]!
  const whole = (d - 1) * strideD + dilationD * (depths - 1) + 1 + extraD
  if (d === 0 || depths === 0 || whole <= 2 * paddingD)
    throw new TapeError(
      'BAD_SHAPE',
      `convTranspose3d expected a result with depths, got ${formatShape(window.shape)} for ${formatShape(volume.shape)} with padding ${paddingD}`,
    )
  const settings = {
    stride: [strideH, strideW],
    padding: [paddingH, paddingW],
    dilation: [dilationH, dilationW],
    extra: [extraH, extraW],
    groups: options.groups,
  } as const
  // The depths are more images.
  const images = reshape(transpose(volume, [0, 2, 1, 3, 4]), [n * d, c, h, wide])
  let total: Variable | null = null
  for (let k = 0; k < depths; k++) {
    const made = convTranspose2d(
      images,
      squeeze(slice(window, [null, null, [k, k + 1]]), 2),
      undefined,
      settings,
    )
    const apart = reshape(made, [n, d, ...made.shape.slice(1)])
    const first = k * dilationD
    const placed = scatterSlice(
      apart,
      [null, [first, first + strideD * (d - 1) + 1, strideD]],
      [n, whole, ...made.shape.slice(1)],
    )
    total = total === null ? placed : add(total, placed)
  }
  const inside = paddingD === 0 ? total! : slice(total!, [null, [paddingD, whole - paddingD]])
  const y = transpose(inside, [0, 2, 1, 3, 4])
  if (b === undefined || b === null) return y
  const bias = asVariable(b, y)
  requireBiasShape(bias.shape, y.shape[1]!, 'convTranspose3d')
  return add(y, reshape(bias, [1, bias.size, 1, 1, 1]))
}
