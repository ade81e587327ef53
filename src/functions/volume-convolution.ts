/** Convolution of volumes, made of that of images. */
import type { Pair } from '../array/convolution.js'
import { formatShape } from '../array/shape.js'
import { TapeError, valueText } from '../errors.js'
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { add } from './arithmetic.js'
import { isIntegers, refuse } from './attributes.js'
import { conv2d, paddingOfSameSize, requireBias, requireNoStride } from './convolution.js'
import { pad, slice } from './joining.js'
import { reshape, squeeze, transpose } from './shapes.js'

/** Settings of conv3d: one number, or [depth, rows, columns]. */
export interface Convolution3dOptions {
  /** Step between windows. Default 1. */
  stride?: number | Triple | undefined
  /** Zeros around the volume; or 'same', for a result as large as x, for a stride of 1. Default 0. */
  padding?: number | Triple | 'same' | undefined
  /** Distance of the places that a window reads. Default 1. */
  dilation?: number | Triple | undefined
  /** Into how many groups the channels are cut. Default 1. */
  groups?: number | undefined
}

/** Three numbers, for depth, rows and columns. */
export type Triple = readonly [number, number, number]

/**
 * Cross-correlation of volumes with learned windows: for each depth of the window a `conv2d` of all depths of the volume at once, added up.
 *
 * Shapes   x [n, c, d, h, w] · w [out, c/groups, kd, kh, kw] + b [out] → [n, out, ⌊(d + 2·padding − dilation·(kd − 1) − 1)/stride⌋ + 1, …, …]
 * Throws   SHAPE_MISMATCH; BAD_SHAPE when the window does not fit; BAD_ARGUMENT for the options
 * Source   PyTorch `conv3d`
 */
export function conv3d(x: Operand, w: Operand, b?: Operand, options: Convolution3dOptions = {}): Variable {
  requireBias(b, 'conv3d')
  checkOptions(options, ['stride', 'padding', 'dilation', 'groups'], 'conv3d')
  const [strideD, ...stride] = tripleOf(options.stride, 1, 1, 'stride', 'conv3d')
  const isSame = options.padding === 'same'
  if (isSame) requireNoStride([strideD, ...stride], 'conv3d')
  const [paddingD, ...padding] = tripleOf(isSame ? 0 : options.padding, 0, 0, 'padding', 'conv3d')
  const [dilationD, ...dilation] = tripleOf(options.dilation, 1, 1, 'dilation', 'conv3d')
  const volume = asVariable(x)
  const window = asVariable(w, volume)
  if (volume.ndim !== 5 || window.ndim !== 5)
    throw new TapeError(
      'SHAPE_MISMATCH',
      `conv3d expected x [n, c, d, h, w] and w [out, c, kd, kh, kw], got ${formatShape(volume.shape)} and ${formatShape(window.shape)}`,
    )
  const depths = window.shape[2]!
  const reach = dilationD * (depths - 1) + 1
  const around = isSame ? paddingOfSameSize(depths, dilationD) : ([paddingD, paddingD] as const)
  const outD = Math.floor((volume.shape[2]! + around[0] + around[1] - reach) / strideD) + 1
  if (depths === 0 || outD < 1)
    throw new TapeError(
      'BAD_SHAPE',
      `conv3d expected a window that fits, got ${formatShape(window.shape)} for ${formatShape(volume.shape)}`,
    )
  const none = [0, 0] as const
  const padded = around[1] === 0 ? volume : pad(volume, [none, none, around, none, none])
  const settings = {
    stride: stride as Pair,
    padding: isSame ? ('same' as const) : (padding as Pair),
    dilation: dilation as Pair,
    groups: options.groups,
  }
  let total: Variable | null = null
  for (let k = 0; k < depths; k++) {
    const first = k * dilationD
    const seen = slice(padded, [null, null, [first, first + strideD * (outD - 1) + 1, strideD]])
    const [n, c, , h, wide] = seen.shape as [number, number, number, number, number]
    // The depths are more images.
    const images = reshape(transpose(seen, [0, 2, 1, 3, 4]), [n * outD, c, h, wide])
    const part = squeeze(slice(window, [null, null, [k, k + 1]]), 2)
    const made = conv2d(images, part, k === 0 ? b : undefined, settings)
    total = total === null ? made : add(total, made)
  }
  const { shape } = total!
  const apart = reshape(total!, [volume.shape[0]!, outD, ...shape.slice(1)])
  return transpose(apart, [0, 2, 1, 3, 4])
}

/** Three numbers of at least `least`: one for all, or a list; needed when there is no `otherwise`. */
export function tripleOf(
  value: unknown,
  otherwise: number | undefined,
  least: number,
  key: string,
  what: string,
): Triple {
  const triple = value === undefined ? otherwise : value
  const list = typeof triple === 'number' ? [triple, triple, triple] : triple
  if (isIntegers(list) && list.length === 3 && list.every((one) => one >= least))
    return list as unknown as Triple
  return refuse(
    `${what} expected ${key} to be an integer of at least ${least}, or [depth, rows, columns], got ${valueText(value)}`,
  )
}
