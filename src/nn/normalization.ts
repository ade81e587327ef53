/** Layers that normalise: each row, or each channel over the batch with running statistics for later use. */
import * as elementwise from '../array/elementwise.js'
import { full } from '../array/make-array.js'
import { type NDArray, scalar } from '../array/ndarray.js'
import * as reductions from '../array/reductions.js'
import type { Shape } from '../array/shape.js'
import { numberOf, refuse, shapeOf } from '../functions/attributes.js'
import { batchNorm, layerNorm } from '../functions/normalization.js'
import { DerivativeNotWritten } from '../functions/not-differentiable.js'
import { noGrad } from '../graph/mode.js'
import { registerFunc } from '../graph/registry.js'
import { asVariable, type Operand, type Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'
import { filledParameter, floatDtype, type LayerOptions, sizeOption } from './initial.js'
import { Module } from './module.js'

export interface NormOptions extends LayerOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number | undefined
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
    checkOptions(options, ['eps', 'dtype'], 'LayerNorm')
    const extents = shapeOf(typeof shape === 'number' ? [shape] : shape, 1, 'LayerNorm')
    const dtype = floatDtype(options.dtype, 'LayerNorm')
    this.weight = filledParameter(extents, 1, dtype)
    this.bias = filledParameter(extents, 0, dtype)
    this.#eps = numberOf(options.eps, 1e-5, 'eps', 'LayerNorm')
  }

  override forward(x: Operand): Variable {
    return layerNorm(x, this.weight, this.bias, { eps: this.#eps })
  }
}

/** Settings of the layer BatchNorm. */
export interface BatchNormOptions extends NormOptions {
  /** How much of the running statistics each batch replaces, from 0 to 1. Default 0.1. */
  momentum?: number | undefined
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
  readonly #eps: number
  readonly #momentum: number

  constructor(channels: number, options: BatchNormOptions = {}) {
    super()
    checkOptions(options, ['eps', 'momentum', 'dtype'], 'BatchNorm')
    const shape = [sizeOption(channels, 'channels', 'BatchNorm')]
    const dtype = floatDtype(options.dtype, 'BatchNorm')
    this.weight = filledParameter(shape, 1, dtype)
    this.bias = filledParameter(shape, 0, dtype)
    this.runningMean = this.buffer(full(shape, 0, dtype))
    this.runningVariance = this.buffer(full(shape, 1, dtype))
    this.#eps = numberOf(options.eps, 1e-5, 'eps', 'BatchNorm')
    this.#momentum = momentumOf(options.momentum, 'BatchNorm')
  }

  override forward(x: Operand): Variable {
    const { weight, bias, runningMean, runningVariance } = this
    const eps = this.#eps
    if (!this.training)
      return batchNorm(x, weight, bias, { eps, training: false, runningMean, runningVariance })
    const input = asVariable(x)
    const y = batchNorm(input, weight, bias, { eps })
    const [mean, variance] = noGrad(() =>
      new RunningStatistics({ momentum: this.#momentum }).applyAll(input, runningMean, runningVariance),
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

registerFunc(RunningStatistics)
