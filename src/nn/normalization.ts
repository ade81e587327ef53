/** Layers that normalise: each row, or each channel over the batch with running statistics for later use. */
import * as elementwise from '../array/elementwise.js'
import { full } from '../array/make-array.js'
import { type NDArray, scalar } from '../array/ndarray.js'
import * as reductions from '../array/reductions.js'
import type { Shape } from '../array/shape.js'
import { flagOf, numberOf, refuse, shapeOf } from '../functions/attributes.js'
import { groupNorm, instanceNorm, rmsNorm } from '../functions/group-normalization.js'
import { batchNorm, layerNorm } from '../functions/normalization.js'
import { DerivativeNotWritten } from '../functions/not-differentiable.js'
import { noGrad } from '../graph/mode.js'
import { registerFunc } from '../graph/registry.js'
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { affineParameter, floatDtype, type LayerOptions, sizeOption } from './initial.js'
import { Module } from './module.js'

export interface NormOptions extends LayerOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number | undefined
  /** Whether weight and bias are learned; else they stay 1 and 0, and are no part of the state. Default true. */
  affine?: boolean | undefined
}

/** Weight and bias, which begin as 1 and 0. */
function scaleAndShift(
  shape: Shape,
  options: NormOptions,
  what: string,
): { weight: Variable; bias: Variable } {
  const dtype = floatDtype(options.dtype, what)
  const isLearned = flagOf(options.affine, true, 'affine', what)
  return {
    weight: affineParameter(shape, 1, dtype, isLearned),
    bias: affineParameter(shape, 0, dtype, isLearned),
  }
}

/**
 * Each row with mean 0 and variance 1, times weight, plus bias.
 *
 * shape    the last axes of x, over which to normalise: their extents, or one number for the last axis
 * Shapes   x [..., shape] → the same; weight and bias have the shape
 */
export class LayerNorm extends Module {
  readonly weight: Variable
  readonly bias: Variable
  readonly #eps: number

  constructor(shape: number | Shape, options: NormOptions = {}) {
    super()
    checkOptions(options, ['eps', 'dtype', 'affine'], 'LayerNorm')
    const extents = shapeOf(typeof shape === 'number' ? [shape] : shape, 1, 'LayerNorm')
    const { weight, bias } = scaleAndShift(extents, options, 'LayerNorm')
    this.weight = weight
    this.bias = bias
    this.#eps = numberOf(options.eps, 1e-5, 'eps', 'LayerNorm')
  }

  override forward(x: Operand): Variable {
    return layerNorm(x, this.weight, this.bias, { eps: this.#eps })
  }
}

/** Settings of the layer BatchNorm. */
export interface BatchNormOptions extends NormOptions {
  /** How much of the running statistics each batch replaces, from 0 to 1; null for the mean of all batches. Default 0.1. */
  momentum?: number | null | undefined
}

/**
 * Each channel with mean 0 and variance 1 over the batch, times weight, plus bias. In training by the batch's own
 * statistics, which also move the running ones; after `eval()` by the running ones.
 *
 * Shapes   x [n, channels, …] → the same; weight, bias, runningMean and runningVariance [channels]
 * Throws   BAD_SHAPE in training for a batch of one value a channel, which has no variance
 * Source   PyTorch `BatchNorm2d`: the running variance divides by n − 1, that of the batch by n
 */
export class BatchNorm extends Module {
  readonly weight: Variable
  readonly bias: Variable
  readonly runningMean: Variable
  readonly runningVariance: Variable
  /** How many batches the running statistics are of, where momentum is null. */
  readonly batches: Variable | null
  readonly #eps: number
  readonly #momentum: number | null

  constructor(channels: number, options: BatchNormOptions = {}) {
    super()
    checkOptions(options, ['eps', 'momentum', 'dtype', 'affine'], 'BatchNorm')
    const shape = [sizeOption(channels, 'channels', 'BatchNorm')]
    const dtype = floatDtype(options.dtype, 'BatchNorm')
    const { weight, bias } = scaleAndShift(shape, options, 'BatchNorm')
    this.weight = weight
    this.bias = bias
    this.runningMean = this.buffer(full(shape, 0, dtype))
    this.runningVariance = this.buffer(full(shape, 1, dtype))
    this.#eps = numberOf(options.eps, 1e-5, 'eps', 'BatchNorm')
    this.#momentum = options.momentum === null ? null : momentumOf(options.momentum, 'BatchNorm')
    this.batches = this.#momentum === null ? this.buffer(scalar(0, 'float64')) : null
  }

  override forward(x: Operand): Variable {
    const { weight, bias, runningMean, runningVariance } = this
    const eps = this.#eps
    if (!this.training)
      return batchNorm(x, weight, bias, { eps, training: false, runningMean, runningVariance })
    const input = asVariable(x)
    const y = batchNorm(input, weight, bias, { eps })
    const { batches } = this
    if (batches !== null) batches.data = scalar(batches.item() + 1, 'float64')
    const momentum = this.#momentum ?? 1 / batches!.item()
    const [mean, variance] = noGrad(() =>
      new RunningStatistics({ momentum }).applyAll(input, runningMean, runningVariance),
    )
    runningMean.data = mean!.data
    runningVariance.data = variance!.data
    return y
  }
}

function momentumOf(value: unknown, what: string): number {
  const momentum = numberOf(value, 0.1, 'momentum', what)
  if (momentum >= 0 && momentum <= 1) return momentum
  return refuse(`${what} expected momentum from 0 to 1, got ${momentum}`)
}

/** The running mean and variance of channels after one more batch: (1 − momentum)·r + momentum·batch. */
export class RunningStatistics extends DerivativeNotWritten {
  private readonly momentum: number

  constructor(attributes: { momentum: number }) {
    checkOptions(attributes, ['momentum'], 'runningStatistics')
    const momentum = momentumOf(attributes.momentum, 'runningStatistics')
    super({ momentum })
    this.momentum = momentum
  }

  protected override get instead(): string {
    return 'compute the statistics with mean and variance'
  }

  override forward(x: NDArray, mean: NDArray, variance: NDArray): NDArray[] {
    const axis = x.shape.map((_, i) => i).filter((i) => i !== 1)
    const kept = reductions.mean(x, { axis, keepdims: true })
    const count = x.size / Math.max(1, kept.size)
    const squares = reductions.sum(elementwise.square(elementwise.sub(x, kept)), { axis })
    const unbiased = elementwise.div(squares, scalar(count - 1, squares.dtype))
    return [this.moved(mean, reductions.mean(x, { axis })), this.moved(variance, unbiased)]
  }

  private moved(running: NDArray, batch: NDArray): NDArray {
    const share = (value: number) => scalar(value, running.dtype)
    const kept = elementwise.mul(running, share(1 - this.momentum))
    return elementwise.add(kept, elementwise.mul(batch.astype(running.dtype), share(this.momentum)))
  }
}

/**
 * Each group of channels of each row with mean 0 and variance 1, times weight, plus bias.
 *
 * Shapes   x [n, channels, …] → the same; weight and bias [channels]
 */
export class GroupNorm extends Module {
  readonly weight: Variable
  readonly bias: Variable
  readonly groups: number
  readonly #eps: number

  /** Throws BAD_ARGUMENT unless the groups divide the channels. */
  constructor(groups: number, channels: number, options: NormOptions = {}) {
    super()
    checkOptions(options, ['eps', 'dtype', 'affine'], 'GroupNorm')
    this.groups = sizeOption(groups, 'groups', 'GroupNorm')
    const shape = [sizeOption(channels, 'channels', 'GroupNorm')]
    if (channels % groups !== 0)
      refuse(
        `GroupNorm expected groups that divide the channels, got ${groups} groups and ${channels} channels`,
      )
    const { weight, bias } = scaleAndShift(shape, options, 'GroupNorm')
    this.weight = weight
    this.bias = bias
    this.#eps = numberOf(options.eps, 1e-5, 'eps', 'GroupNorm')
  }

  override forward(x: Operand): Variable {
    return groupNorm(x, this.weight, this.bias, { groups: this.groups, eps: this.#eps })
  }
}

/**
 * Each channel of each row with mean 0 and variance 1, times weight, plus bias.
 *
 * Shapes   x [n, channels, …] → the same; weight and bias [channels]
 * Throws   BAD_SHAPE when a channel has one value only
 * Source   PyTorch `InstanceNorm2d` with `affine`, without running statistics
 */
export class InstanceNorm extends Module {
  readonly weight: Variable
  readonly bias: Variable
  readonly #eps: number

  constructor(channels: number, options: NormOptions = {}) {
    super()
    checkOptions(options, ['eps', 'dtype', 'affine'], 'InstanceNorm')
    const shape = [sizeOption(channels, 'channels', 'InstanceNorm')]
    const { weight, bias } = scaleAndShift(shape, options, 'InstanceNorm')
    this.weight = weight
    this.bias = bias
    this.#eps = numberOf(options.eps, 1e-5, 'eps', 'InstanceNorm')
  }

  override forward(x: Operand): Variable {
    return instanceNorm(x, this.weight, this.bias, { eps: this.#eps })
  }
}

/**
 * Each row divided by the root of its mean square, times weight.
 *
 * shape    the last axes of x, over which to normalise: their extents, or one number for the last axis
 * Shapes   x [..., shape] → the same; weight has the shape
 */
export class RMSNorm extends Module {
  readonly weight: Variable
  readonly #eps: number | undefined

  /** options  eps: added to the mean square; unless said, the distance from 1 to the next number of the dtype */
  constructor(shape: number | Shape, options: NormOptions = {}) {
    super()
    checkOptions(options, ['eps', 'dtype', 'affine'], 'RMSNorm')
    const extents = shapeOf(typeof shape === 'number' ? [shape] : shape, 1, 'RMSNorm')
    this.weight = scaleAndShift(extents, options, 'RMSNorm').weight
    this.#eps = options.eps === undefined ? undefined : numberOf(options.eps, undefined, 'eps', 'RMSNorm')
  }

  override forward(x: Operand): Variable {
    return rmsNorm(x, this.weight, { eps: this.#eps })
  }
}

registerFunc(RunningStatistics, { name: 'runningStatistics' })
