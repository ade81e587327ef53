/** Means of the bands into which an axis is divided, and their adjoint: what adaptive pooling is made of. */
import { bandMeans as meansOf, bandMeansScatter as scatterOf } from '../array/band-means.js'
import { isFloating } from '../array/dtype.js'
import type { NDArray } from '../array/ndarray.js'
import { formatShape, normalizeAxis } from '../array/shape.js'
import { TapeError } from '../errors.js'
import { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import type { Operand, Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { integerOf, refuse } from './attributes.js'

/** An axis counted from the end, so that it is the same one in a batch. */
function axisFromEnd(value: unknown, what: string): number {
  const axis = integerOf(value as number, undefined, -Infinity, 'axis', what)
  return axis < 0 ? axis : refuse(`${what} expected an axis counted from the end, as -1, got ${axis}`)
}

export interface BandOptions {
  /** Which axis, counted from the end: −1 is the last. */
  axis: number
  /** Into how many bands it is divided, which may overlap by one. */
  size: number
}

/** The mean of each band.  Backward: each place gets its share of the bands that it is in. */
export class BandMeans extends Func {
  private readonly axis: number
  private readonly size: number

  constructor(attributes: BandOptions) {
    checkOptions(attributes, ['axis', 'size'], 'bandMeans')
    const axis = axisFromEnd(attributes.axis, 'bandMeans')
    const size = integerOf(attributes.size, undefined, 1, 'size', 'bandMeans')
    super({ axis, size })
    this.axis = axis
    this.size = size
  }

  override forward(x: NDArray): NDArray {
    const from = isFloating(x.dtype) ? x : x.astype('float64')
    const axis = normalizeAxis(this.axis, x.ndim, 'bandMeans')
    if (x.shape[axis] === 0)
      throw new TapeError(
        'BAD_SHAPE',
        `bandMeans expected an axis with elements, got ${formatShape(x.shape)}`,
      )
    return meansOf(from, axis, this.size)
  }

  override backward(gy: Variable): Variable {
    return bandMeansScatter(gy, { axis: this.axis, size: this.input.shape.at(this.axis)! })
  }
}

/**
 * The means of the bands into which an axis is divided.
 *
 * Shapes   x [..., n, ...] → [..., size, ...]
 * Throws   BAD_AXIS; BAD_SHAPE; BAD_ARGUMENT
 */
export function bandMeans(x: Operand, options: BandOptions): Variable {
  return new BandMeans(options).apply1(x)
}

/** The adjoint of bandMeans, whose axis has `size` places again.  Backward gx = the means of the bands of gy. */
export class BandMeansScatter extends Func {
  private readonly axis: number
  private readonly size: number

  constructor(attributes: BandOptions) {
    checkOptions(attributes, ['axis', 'size'], 'bandMeansScatter')
    const axis = axisFromEnd(attributes.axis, 'bandMeansScatter')
    const size = integerOf(attributes.size, undefined, 1, 'size', 'bandMeansScatter')
    super({ axis, size })
    this.axis = axis
    this.size = size
  }

  override forward(g: NDArray): NDArray {
    const from = isFloating(g.dtype) ? g : g.astype('float64')
    return scatterOf(from, normalizeAxis(this.axis, g.ndim, 'bandMeansScatter'), this.size)
  }

  override backward(gy: Variable): Variable {
    return bandMeans(gy, { axis: this.axis, size: this.input.shape.at(this.axis)! })
  }
}

/** gy, with a number for each band, given back to the places of the axis. Throws as bandMeans. */
export function bandMeansScatter(gy: Operand, options: BandOptions): Variable {
  return new BandMeansScatter(options).apply1(gy)
}

registerFunc(BandMeans, { name: 'bandMeans' })
registerFunc(BandMeansScatter, { name: 'bandMeansScatter' })
