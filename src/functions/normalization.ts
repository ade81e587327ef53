/** Normalisation to mean 0 and variance 1 with learned scale and shift: over the last axes, or over all but the channels. */

import * as elementwise from '../array/elementwise.js'
import type { NormShape } from '../array/fused-primitives.js'
import { type NDArray, scalar, viewOf } from '../array/ndarray.js'
import { channelsOf, normalize, normalizeSlopes, rowsFrom } from '../array/normalization.js'
import { promotedToFloat } from '../array/promotion.js'
import * as reductions from '../array/reductions.js'
import { fixedShape, formatShape, type Shape, sameShape, sizeOf } from '../array/shape.js'
import { TapeError } from '../errors.js'
import { Func } from '../graph/func.js'
import { needsCalls } from '../graph/mapped.js'
import { registerFunc } from '../graph/registry.js'
import { type Operand, Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { add, div, mul, sqrt, square, sub } from './arithmetic.js'
import { flagOf, numberOf, refuse } from './attributes.js'
import { cast } from './casting.js'
import { mean, sum } from './reductions.js'
import { reshape } from './shapes.js'

const EPS = 1e-5

export function epsOf(value: unknown, what: string): number {
  const eps = numberOf(value, EPS, 'eps', what)
  if (eps >= 0) return eps
  return refuse(`${what} expected eps of at least 0, got ${eps}`)
}

/**
 * (x − mean)/√(variance + eps)·gamma + beta over some axes, on arrays; gamma and beta, in the shape `spread`, broadcast to x.
 * `atOnce` is how a kernel may do it in one.
 */
function normalized(
  x: NDArray,
  gamma: NDArray,
  beta: NDArray,
  axes: readonly number[],
  eps: number,
  spread: Shape,
  atOnce: NormShape | null,
): NDArray {
  const [from, ...both] = promotedToFloat([x, gamma, beta] as const)
  const y = normalize(atOnce, from, ...both)
  if (y !== null) return y
  const [scale, shift] = [viewOf(both[0], spread), viewOf(both[1], spread)]
  const over = { axis: axes, keepdims: true }
  const centred = elementwise.sub(from, reductions.mean(from, over))
  const variance = reductions.mean(elementwise.square(centred), over)
  return scaled(centred, variance, scale, shift, eps)
}

function scaled(centred: NDArray, variance: NDArray, gamma: NDArray, beta: NDArray, eps: number): NDArray {
  const deviation = elementwise.sqrt(elementwise.add(variance, scalar(eps, variance.dtype)))
  return elementwise.add(elementwise.mul(elementwise.div(centred, deviation), gamma), beta)
}

/**
 * x̂ = (x − mean)/s with s = √(variance + eps), and gx = (h − mean(h) − x̂·mean(h·x̂))/s for h = gy·gamma, means over the axes.
 */
export function backThrough(
  x: Variable,
  h: Variable,
  axes: readonly number[],
  eps: number,
): { xHat: Variable; gx: Variable } {
  const over = { axis: axes, keepdims: true }
  const centred = sub(x, mean(x, over))
  const deviation = sqrt(add(mean(square(centred), over), eps))
  const xHat = div(centred, deviation)
  const gx = div(sub(sub(h, mean(h, over)), mul(xHat, mean(mul(h, xHat), over))), deviation)
  return { xHat, gx }
}

/**
 * The gradients of x, gamma and beta where nobody will differentiate them, so that they need no graph: the bits of the steps in one
 * call, if the kernel can do that.
 */
function gradientsAtOnce(call: Func, gy: Variable, shape: NormShape | null): (Variable | null)[] | null {
  if (needsCalls(gy, call.inputAt(0)) || call.inputAt(1).mapped !== null) return null
  const made = normalizeSlopes(shape, gy.data, call.inputAt(0).data, call.inputAt(1).data)
  if (made === null) return null
  return made.map((array, slot) =>
    slot === 0 || call.needsGradient(slot) ? new Variable(array, false, 'variable') : null,
  )
}

/** Normalisation of each row.  Backward ggamma = Σ gy·x̂, gbeta = Σ gy; gx as in backThrough. */
export class LayerNorm extends Func {
  private readonly eps: number

  constructor(attributes: { eps?: number | undefined } = {}) {
    checkOptions(attributes, ['eps'], 'layerNorm')
    const eps = epsOf(attributes.eps, 'layerNorm')
    super({ eps })
    this.eps = eps
  }

  override forward(x: NDArray, gamma: NDArray, beta: NDArray): NDArray {
    const last = gamma.ndim === 0 ? [] : x.shape.slice(-gamma.ndim)
    if (
      gamma.ndim === 0 ||
      gamma.ndim > x.ndim ||
      !sameShape(gamma.shape, last) ||
      !sameShape(gamma.shape, beta.shape)
    ) {
      throw new TapeError(
        'SHAPE_MISMATCH',
        `layerNorm expected gamma and beta of the shape of x's last axes, got x ${formatShape(x.shape)}, ` +
          `gamma ${formatShape(gamma.shape)}, beta ${formatShape(beta.shape)}`,
      )
    }
    const rows = rowsFrom(x.ndim - gamma.ndim, x.shape, this.eps)
    return normalized(x, gamma, beta, lastAxes(x.ndim, gamma.ndim), this.eps, gamma.shape, rows)
  }

  override backward(gy: Variable): (Variable | null)[] {
    const rows = rowsFrom(gy.ndim - this.inputAt(1).ndim, gy.shape, this.eps)
    const made = gradientsAtOnce(this, gy, rows)
    if (made !== null) return made
    const x = cast(this.inputAt(0), gy.dtype)
    const gamma = this.inputAt(1)
    const lead = Array.from({ length: x.ndim - gamma.ndim }, (_, axis) => axis)
    const { xHat, gx } = backThrough(x, mul(gy, gamma), lastAxes(x.ndim, gamma.ndim), this.eps)
    return [
      gx,
      this.needsGradient(1) ? sum(mul(gy, xHat), { axis: lead }) : null,
      this.needsGradient(2) ? sum(gy, { axis: lead }) : null,
    ]
  }
}

export function lastAxes(ndim: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => ndim - count + i)
}

/**
 * Each row of x (over the axes that gamma has) with mean 0 and variance 1, times gamma, plus beta.
 *
 * Shapes   x [..., d…], gamma [d…], beta [d…] → x's
 * Throws   SHAPE_MISMATCH; BAD_ARGUMENT for eps.
 * Source   PyTorch `layer_norm`; eps 1e-5 unless said.
 */
export function layerNorm(
  x: Operand,
  gamma: Operand,
  beta: Operand,
  options: { eps?: number | undefined } = {},
): Variable {
  return new LayerNorm(options).apply(x, gamma, beta)
}

/** Settings of the function `batchNorm`. */
export interface BatchNormOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number | undefined
  /** Whether to use the statistics of the batch. Default: unless running ones are given. */
  training?: boolean | undefined
  /** The mean and the variance of each channel to normalise with when not training. */
  runningMean?: Operand | undefined
  runningVariance?: Operand | undefined
}

/**
 * Normalisation of each channel: by the batch's own statistics, or, with five inputs, by given ones.
 * Backward as LayerNorm, over all axes but the channels; given statistics are numbers like any other input.
 */
export class BatchNorm extends Func {
  private readonly eps: number

  constructor(attributes: { eps?: number | undefined } = {}) {
    checkOptions(attributes, ['eps'], 'batchNorm')
    const eps = epsOf(attributes.eps, 'batchNorm')
    super({ eps })
    this.eps = eps
  }

  override forward(x: NDArray, gamma: NDArray, beta: NDArray, center?: NDArray, variance?: NDArray): NDArray {
    requireChannels(x, [
      gamma,
      beta,
      ...(center === undefined || variance === undefined ? [] : [center, variance]),
    ])
    const shape = channelShape(x.shape)
    if (center === undefined || variance === undefined) {
      requireRows(x.shape)
      return normalized(
        ...([x, gamma, beta, batchAxes(x.ndim), this.eps, shape, channelsOf(x.shape, this.eps)] as const),
      )
    }
    const [from, scale, shift, mean, spread] = promotedToFloat([x, gamma, beta, center, variance] as const)
    const centred = elementwise.sub(from, viewOf(mean, shape))
    return scaled(centred, viewOf(spread, shape), viewOf(scale, shape), viewOf(shift, shape), this.eps)
  }

  override backward(gy: Variable): (Variable | null)[] {
    return this.inputCount === 3 ? this.backThroughBatch(gy) : this.backThroughGiven(gy)
  }

  private backThroughBatch(gy: Variable): (Variable | null)[] {
    const made = gradientsAtOnce(this, gy, channelsOf(gy.shape, this.eps))
    if (made !== null) return made
    const x = cast(this.inputAt(0), gy.dtype)
    const axis = batchAxes(x.ndim)
    const gamma = reshape(this.inputAt(1), channelShape(x.shape))
    const { xHat, gx } = backThrough(x, mul(gy, gamma), axis, this.eps)
    return [
      gx,
      this.needsGradient(1) ? sum(mul(gy, xHat), { axis }) : null,
      this.needsGradient(2) ? sum(gy, { axis }) : null,
    ]
  }

  // y = x̂·gamma + beta, x̂ = (x − m)/s, s = √(v + eps): dm = −Σ h/s, dv = −Σ h·x̂/(2s²) for h = gy·gamma.
  private backThroughGiven(gy: Variable): (Variable | null)[] {
    const x = cast(this.inputAt(0), gy.dtype)
    const shape = channelShape(x.shape)
    const axis = batchAxes(x.ndim)
    const deviation = sqrt(add(reshape(cast(this.inputAt(4), gy.dtype), shape), this.eps))
    const xHat = div(sub(x, reshape(this.inputAt(3), shape)), deviation)
    const slope = div(mul(gy, reshape(this.inputAt(1), shape)), deviation)
    return [
      this.needsGradient(0) ? slope : null,
      this.needsGradient(1) ? sum(mul(gy, xHat), { axis }) : null,
      this.needsGradient(2) ? sum(gy, { axis }) : null,
      this.needsGradient(3) ? mul(sum(slope, { axis }), -1) : null,
      this.needsGradient(4) ? mul(sum(div(mul(slope, xHat), deviation), { axis }), -0.5) : null,
    ]
  }
}

/** Every axis but the channels, which are axis 1. */
function batchAxes(ndim: number): number[] {
  return Array.from({ length: ndim }, (_, axis) => axis).filter((axis) => axis !== 1)
}

function channelShape(shape: Shape): Shape {
  return fixedShape(shape.map((extent, axis) => (axis === 1 ? extent : 1)))
}

function requireChannels(x: NDArray, perChannel: readonly NDArray[]): void {
  const fits = (one: NDArray) => one.ndim === 1 && one.shape[0] === x.shape[1]
  if (x.ndim >= 2 && perChannel.every(fits)) return
  throw new TapeError(
    'SHAPE_MISMATCH',
    `batchNorm expected x [n, channels, …] and [channels] for each of gamma, beta and the running statistics, got ` +
      `x ${formatShape(x.shape)} and ${perChannel.map((one) => formatShape(one.shape)).join(', ')}`,
  )
}

function requireRows(shape: Shape): void {
  if (sizeOf(shape) === 0 || sizeOf(shape) / shape[1]! > 1) return
  throw new TapeError(
    'BAD_SHAPE',
    `batchNorm expected more than one value for each channel when training, got x ${formatShape(shape)}, whose variance ` +
      'is 0; use a larger batch (drop the last one of an epoch when it is a single row), or pass { training: false } with running statistics',
  )
}

/**
 * Each channel of x (axis 1) with mean 0 and variance 1, times gamma, plus beta.
 *
 * Shapes   x [n, c, …], gamma, beta and running statistics [c] → x's
 * Throws   SHAPE_MISMATCH; BAD_SHAPE for a batch of one value a channel; BAD_ARGUMENT when inference lacks its statistics.
 * Source   PyTorch `batch_norm`: the variance divides by n; eps 1e-5 unless said. Running statistics are not changed.
 */
export function batchNorm(
  x: Operand,
  gamma: Operand,
  beta: Operand,
  options: BatchNormOptions = {},
): Variable {
  checkOptions(options, ['eps', 'training', 'runningMean', 'runningVariance'], 'batchNorm')
  const { runningMean, runningVariance, eps } = options
  const given = runningMean !== undefined && runningVariance !== undefined
  if (flagOf(options.training, !given, 'training', 'batchNorm'))
    return new BatchNorm({ eps }).apply(x, gamma, beta)
  if (!given) {
    refuse('batchNorm without training expected { runningMean, runningVariance }, got no such pair')
  }
  return new BatchNorm({ eps }).apply(x, gamma, beta, runningMean, runningVariance)
}

registerFunc(LayerNorm, { name: 'layerNorm' })
registerFunc(BatchNorm, { name: 'batchNorm' })
