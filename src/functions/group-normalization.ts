/** Normalisation of groups of channels, of single channels, and by the root of the mean square. */
import * as elementwise from '../array/elementwise.js'
import { type NDArray, scalar, viewOf } from '../array/ndarray.js'
import { type GroupRows, normalizeGroups, normalizeGroupsSlopes } from '../array/normalization.js'
import { promotedToFloat } from '../array/promotion.js'
import * as reductions from '../array/reductions.js'
import { fixedShape, formatShape, type Shape, sameShape, sizeOf } from '../array/shape.js'
import { TapeError } from '../errors.js'
import { Func } from '../graph/func.js'
import { needsCalls } from '../graph/mapped.js'
import { registerFunc } from '../graph/registry.js'
import { asVariable, type Operand, Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { add, div, mul, sqrt, square, sub } from './arithmetic.js'
import { integerOf, numberOf, refuse } from './attributes.js'
import { cast } from './casting.js'
import { backThrough, epsOf, lastAxes } from './normalization.js'
import { mean, sum } from './reductions.js'
import { reshape } from './shapes.js'

export interface GroupNormOptions {
  /** Into how many groups of equal size the channels are cut. */
  groups: number
  /** Added to the variance. Default 1e-5. */
  eps?: number | undefined
}

/**
 * Normalisation of each group of channels of each row.
 * Backward ggamma = Σ gy·x̂, gbeta = Σ gy over all axes but the channels; gx as in layerNorm over a group.
 */
export class GroupNorm extends Func {
  private readonly groups: number
  private readonly eps: number

  constructor(attributes: GroupNormOptions) {
    checkOptions(attributes, ['groups', 'eps'], 'groupNorm')
    const groups = integerOf(attributes.groups, undefined, 1, 'groups', 'groupNorm')
    const eps = epsOf(attributes.eps, 'groupNorm')
    super({ groups, eps })
    this.groups = groups
    this.eps = eps
  }

  override forward(x: NDArray, gamma: NDArray, beta: NDArray): NDArray {
    this.requireChannels(x, gamma, beta)
    const [from, scale, shift] = promotedToFloat([x, gamma, beta] as const)
    const once = normalizeGroups(this.rowsOf(x.shape), this.eps, from, scale, shift)
    if (once !== null) return once
    const rows = viewOf(from, this.grouped(x.shape))
    const over = { axis: 2, keepdims: true }
    const centred = elementwise.sub(rows, reductions.mean(rows, over))
    const variance = reductions.mean(elementwise.square(centred), over)
    const deviation = elementwise.sqrt(elementwise.add(variance, scalar(this.eps, variance.dtype)))
    const channels = channelShape(x.shape)
    const xHat = viewOf(elementwise.div(centred, deviation), x.shape)
    return elementwise.add(elementwise.mul(xHat, viewOf(scale, channels)), viewOf(shift, channels))
  }

  override backward(gy: Variable): (Variable | null)[] {
    const x = cast(this.inputAt(0), gy.dtype)
    const axis = x.shape.map((_, i) => i).filter((i) => i !== 1)
    if (!needsCalls(gy, x) && this.inputAt(1).mapped === null) {
      // Where nobody will differentiate the gradients they need no graph: the same bits, a call for each group.
      const once = normalizeGroupsSlopes(
        this.rowsOf(x.shape),
        this.eps,
        gy.data,
        x.data,
        this.inputAt(1).data,
      )
      if (once !== null) {
        const given = (array: NDArray) => new Variable(array, false, 'variable')
        const [gx, shares] = once
        return [
          given(gx),
          this.needsGradient(1) ? given(reductions.sum(shares, { axis })) : null,
          this.needsGradient(2) ? given(reductions.sum(gy.data, { axis })) : null,
        ]
      }
    }
    const rows = this.grouped(x.shape)
    const h = mul(gy, reshape(this.inputAt(1), channelShape(x.shape)))
    const { xHat, gx } = backThrough(reshape(x, rows), reshape(h, rows), [2], this.eps)
    return [
      reshape(gx, x.shape),
      this.needsGradient(1) ? sum(mul(gy, reshape(xHat, x.shape)), { axis }) : null,
      this.needsGradient(2) ? sum(gy, { axis }) : null,
    ]
  }

  private rowsOf(shape: Shape): GroupRows {
    const [n, groups, columns] = this.grouped(shape) as [number, number, number]
    return { rows: n * groups, columns, size: groups * columns }
  }

  /** [n, groups, all of a group]. */
  private grouped(shape: Shape): Shape {
    return fixedShape([shape[0]!, this.groups, (shape[1]! / this.groups) * sizeOf(shape.slice(2))])
  }

  private requireChannels(x: NDArray, gamma: NDArray, beta: NDArray): void {
    const fits = (one: NDArray) => one.ndim === 1 && one.shape[0] === x.shape[1]
    if (x.ndim < 2 || !fits(gamma) || !fits(beta))
      throw new TapeError(
        'SHAPE_MISMATCH',
        `groupNorm expected x [n, channels, …], gamma and beta [channels], got x ${formatShape(x.shape)}, gamma ` +
          `${formatShape(gamma.shape)}, beta ${formatShape(beta.shape)}`,
      )
    if (x.shape[1]! % this.groups !== 0)
      refuse(
        `groupNorm expected channels that ${this.groups} groups share evenly, got ${x.shape[1]} channels`,
      )
  }
}

/** Extent 1 but for the channels, which are axis 1. */
function channelShape(shape: Shape): Shape {
  return fixedShape(shape.map((extent, axis) => (axis === 1 ? extent : 1)))
}

/**
 * Each group of channels (axis 1) of each row of x with mean 0 and variance 1, times gamma, plus beta.
 *
 * Shapes   x [n, c, …], gamma and beta [c] → x's
 * Throws   SHAPE_MISMATCH; BAD_ARGUMENT unless the groups are equal.
 * Source   PyTorch `group_norm`.
 */
export function groupNorm(x: Operand, gamma: Operand, beta: Operand, options: GroupNormOptions): Variable {
  return new GroupNorm(options).apply(x, gamma, beta)
}

/**
 * Each channel (axis 1) of each row of x with mean 0 and variance 1, times gamma, plus beta: `groupNorm` with a group a channel.
 *
 * Shapes   x [n, c, …], gamma and beta [c] → x's
 * Throws   SHAPE_MISMATCH; BAD_SHAPE when a channel has one value only, whose variance is 0.
 * Source   PyTorch `instance_norm` with the statistics of the input.
 */
export function instanceNorm(
  x: Operand,
  gamma: Operand,
  beta: Operand,
  options: { eps?: number | undefined } = {},
): Variable {
  checkOptions(options, ['eps'], 'instanceNorm')
  const from = asVariable(x)
  const { shape } = from
  if (shape.length >= 2 && sizeOf(shape) > 0 && sizeOf(shape.slice(2)) === 1)
    throw new TapeError(
      'BAD_SHAPE',
      `instanceNorm expected more than one value for each channel, got x ${formatShape(shape)}, whose variances are 0`,
    )
  return new GroupNorm({ ...options, groups: Math.max(1, shape[1] ?? 1) }).apply(from, gamma, beta)
}

export interface RmsNormOptions {
  /** Added to the mean square. Default the distance from 1 to the next number of x's dtype. */
  eps?: number | undefined
}

/** x̂ = x/r, r = √(mean(x²) + eps), times gamma.  Backward gx = (h − x̂·mean(h·x̂))/r for h = gy·gamma, ggamma = Σ gy·x̂. */
export class RmsNorm extends Func {
  private readonly eps: number | undefined

  constructor(attributes: RmsNormOptions = {}) {
    checkOptions(attributes, ['eps'], 'rmsNorm')
    const eps =
      attributes.eps === undefined ? undefined : numberOf(attributes.eps, undefined, 'eps', 'rmsNorm')
    if (eps !== undefined && eps < 0) refuse(`rmsNorm expected eps of at least 0, got ${eps}`)
    super(eps === undefined ? {} : { eps })
    this.eps = eps
  }

  override forward(x: NDArray, gamma: NDArray): NDArray {
    if (gamma.ndim === 0 || gamma.ndim > x.ndim || !sameShape(gamma.shape, x.shape.slice(-gamma.ndim)))
      throw new TapeError(
        'SHAPE_MISMATCH',
        `rmsNorm expected gamma of the shape of x's last axes, got x ${formatShape(x.shape)}, gamma ${formatShape(gamma.shape)}`,
      )
    const [from, scale] = promotedToFloat([x, gamma] as const)
    const over = { axis: lastAxes(x.ndim, gamma.ndim), keepdims: true }
    const power = reductions.mean(elementwise.square(from), over)
    const root = elementwise.sqrt(elementwise.add(power, scalar(this.epsFor(from.dtype), from.dtype)))
    return elementwise.mul(elementwise.div(from, root), scale)
  }

  override backward(gy: Variable): (Variable | null)[] {
    const x = cast(this.inputAt(0), gy.dtype)
    const gamma = this.inputAt(1)
    const over = { axis: lastAxes(x.ndim, gamma.ndim), keepdims: true }
    const root = sqrt(add(mean(square(x), over), this.epsFor(gy.dtype)))
    const xHat = div(x, root)
    const h = mul(gy, gamma)
    const lead = Array.from({ length: x.ndim - gamma.ndim }, (_, axis) => axis)
    return [
      this.needsGradient(0) ? div(sub(h, mul(xHat, mean(mul(h, xHat), over))), root) : null,
      this.needsGradient(1) ? sum(mul(gy, xHat), { axis: lead }) : null,
    ]
  }

  private epsFor(dtype: string): number {
    return this.eps ?? (dtype === 'float32' ? 1.1920928955078125e-7 : 2.220446049250313e-16)
  }
}

/**
 * Each row of x (over the axes that gamma has) divided by the root of its mean square, times gamma.
 *
 * Shapes   x [..., d…], gamma [d…] → x's
 * Throws   SHAPE_MISMATCH; BAD_ARGUMENT for eps.
 * Source   PyTorch `rms_norm`.
 */
export function rmsNorm(x: Operand, gamma: Operand, options: RmsNormOptions = {}): Variable {
  return new RmsNorm(options).apply2(x, gamma)
}

registerFunc(GroupNorm, { name: 'groupNorm' })
registerFunc(RmsNorm, { name: 'rmsNorm' })
