/** Optimizers that divide each element's step by the size its gradients had: AdaGrad, AdaDelta, RMSProp. */

import { full, zerosLike } from '../array/make-array.js'
import { type NDArray, scalar } from '../array/ndarray.js'
import {
  type AdaDeltaRule,
  type AdaGradRule,
  adaDeltaStep,
  adaGradStep,
  type RMSPropRule,
  rmsPropStep,
} from '../array/optimizer-steps.js'
import { DerivativeNotWritten } from '../functions/not-differentiable.js'
import type { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import type { Variable } from '../graph/variable.js'
import { Optimizer } from './optimizer.js'
import { type Parameters, ruleFrom, type Settings } from './parameter-group.js'

const SHARE = { least: 0, below: 1 }
const AT_LEAST_0 = { least: 0 }

// --- AdaGrad -----------------------------------------------------------------------------------------------

export interface AdaGradOptions {
  /** The learning rate. Default 0.01. */
  lr?: number | undefined
  /** After n steps lr is divided by 1 + n·lrDecay. Default 0. */
  lrDecay?: number | undefined
  /** Where the sums of squares begin. Default 0. */
  initialSum?: number | undefined
  /** Added to the root that the step is divided by. Default 1e-10. */
  eps?: number | undefined
  /** Whether to climb instead of descend: each gradient is taken with the other sign. For all groups. Default false. */
  maximize?: boolean | undefined
  /** Adds weightDecay · parameter to the gradient. Default 0. */
  weightDecay?: number | undefined
}

const ADA_GRAD: Settings<AdaGradRule> = {
  lr: { otherwise: 0.01, bounds: AT_LEAST_0 },
  lrDecay: { otherwise: 0, bounds: AT_LEAST_0 },
  eps: { otherwise: 1e-10, bounds: AT_LEAST_0 },
  weightDecay: { otherwise: 0, bounds: AT_LEAST_0 },
}
const INITIAL_SUM = { lr: ADA_GRAD.lr, initialSum: { otherwise: 0, bounds: AT_LEAST_0 } }

/**
 * Divides by the root of the sum of all squared gradients.
 *
 * Source  PyTorch `torch.optim.Adagrad`
 */
export class AdaGrad extends Optimizer<AdaGradRule> {
  readonly #initialSum: number

  /** Throws BAD_ARGUMENT for no parameters or settings out of bounds. */
  constructor(parameters: Parameters<AdaGradOptions>, options: AdaGradOptions = {}) {
    const { initialSum, ...rest } = options
    super(parameters as Parameters<never>, rest, ADA_GRAD, 'AdaGrad')
    this.#initialSum = ruleFrom<{ lr: number; initialSum: number }>(
      initialSum === undefined ? {} : { initialSum },
      INITIAL_SUM,
      'AdaGrad',
    ).initialSum
  }

  protected override keys(): readonly string[] {
    return ['sum', 't']
  }

  protected override call(rule: AdaGradRule): Func {
    return new AdaGradStep(rule)
  }

  protected override initial(key: string, parameter: Variable): NDArray {
    return key === 't' ? scalar(0, 'float64') : full(parameter.shape, this.#initialSum, parameter.dtype)
  }
}

/** A step for one parameter: w, gradient, sum, t → w', sum', t'. */
export class AdaGradStep extends DerivativeNotWritten {
  private readonly rule: AdaGradRule

  constructor(attributes: AdaGradRule) {
    const rule = ruleFrom(attributes, ADA_GRAD, 'adaGradStep')
    super(rule)
    this.rule = rule
  }

  protected override get instead(): string {
    return 'compute the step with ordinary functions to differentiate through it'
  }

  override forward(w: NDArray, g: NDArray, sum: NDArray, t: NDArray): NDArray[] {
    return adaGradStep(w, g, sum, t, this.rule)
  }
}

// --- AdaDelta ----------------------------------------------------------------------------------------------

export interface AdaDeltaOptions {
  /** The learning rate. Default 1. */
  lr?: number | undefined
  /** How much of the running means stays from step to step. Default 0.9. */
  rho?: number | undefined
  /** Added under both roots. Default 1e-6. */
  eps?: number | undefined
  /** Whether to climb instead of descend: each gradient is taken with the other sign. For all groups. Default false. */
  maximize?: boolean | undefined
  /** Adds weightDecay · parameter to the gradient. Default 0. */
  weightDecay?: number | undefined
}

const ADA_DELTA: Settings<AdaDeltaRule> = {
  lr: { otherwise: 1, bounds: AT_LEAST_0 },
  rho: { otherwise: 0.9, bounds: SHARE },
  eps: { otherwise: 1e-6, bounds: AT_LEAST_0 },
  weightDecay: { otherwise: 0, bounds: AT_LEAST_0 },
}

/**
 * Steps in the ratio of past updates to past gradients, so that no unit is left.
 *
 * Source  PyTorch `torch.optim.Adadelta`
 */
export class AdaDelta extends Optimizer<AdaDeltaRule> {
  /** Throws BAD_ARGUMENT for no parameters or settings out of bounds. */
  constructor(parameters: Parameters<AdaDeltaOptions>, options: AdaDeltaOptions = {}) {
    super(parameters as Parameters<never>, options, ADA_DELTA, 'AdaDelta')
  }

  protected override keys(): readonly string[] {
    return ['square', 'update']
  }

  protected override call(rule: AdaDeltaRule): Func {
    return new AdaDeltaStep(rule)
  }

  protected override initial(_key: string, parameter: Variable): NDArray {
    return zerosLike(parameter.data)
  }
}

/** A step for one parameter: w, gradient, square, update → w', square', update'. */
export class AdaDeltaStep extends DerivativeNotWritten {
  private readonly rule: AdaDeltaRule

  constructor(attributes: AdaDeltaRule) {
    const rule = ruleFrom(attributes, ADA_DELTA, 'adaDeltaStep')
    super(rule)
    this.rule = rule
  }

  protected override get instead(): string {
    return 'compute the step with ordinary functions to differentiate through it'
  }

  override forward(w: NDArray, g: NDArray, square: NDArray, update: NDArray): NDArray[] {
    return adaDeltaStep(w, g, square, update, this.rule)
  }
}

// --- RMSProp -----------------------------------------------------------------------------------------------

export interface RMSPropOptions {
  /** The learning rate. Default 0.01. */
  lr?: number | undefined
  /** How much of the running means stays from step to step. Default 0.99. */
  alpha?: number | undefined
  /** Added to the root that the step is divided by. Default 1e-8. */
  eps?: number | undefined
  /** How much of the velocity stays. Default 0: no velocity. */
  momentum?: number | undefined
  /** Whether to divide by the deviation of the gradients, not by their root mean square. Default false. */
  centered?: boolean | undefined
  /** Whether to climb instead of descend: each gradient is taken with the other sign. For all groups. Default false. */
  maximize?: boolean | undefined
  /** Adds weightDecay · parameter to the gradient. Default 0. */
  weightDecay?: number | undefined
}

const RMS_PROP: Settings<RMSPropRule> = {
  lr: { otherwise: 0.01, bounds: AT_LEAST_0 },
  alpha: { otherwise: 0.99, bounds: SHARE },
  eps: { otherwise: 1e-8, bounds: AT_LEAST_0 },
  momentum: { otherwise: 0, bounds: AT_LEAST_0 },
  centered: { flag: false },
  weightDecay: { otherwise: 0, bounds: AT_LEAST_0 },
}

/**
 * Divides by the root of the running mean of squared gradients.
 *
 * Source  PyTorch `torch.optim.RMSprop`
 */
export class RMSProp extends Optimizer<RMSPropRule> {
  /** Throws BAD_ARGUMENT for no parameters or settings out of bounds. */
  constructor(parameters: Parameters<RMSPropOptions>, options: RMSPropOptions = {}) {
    super(parameters as Parameters<never>, options, RMS_PROP, 'RMSProp')
  }

  protected override keys(rule: RMSPropRule): readonly string[] {
    return ['square', ...(rule.momentum === 0 ? [] : ['velocity']), ...(rule.centered ? ['center'] : [])]
  }

  protected override call(rule: RMSPropRule): Func {
    return new RMSPropStep(rule)
  }

  protected override initial(_key: string, parameter: Variable): NDArray {
    return zerosLike(parameter.data)
  }
}

/** A step for one parameter: w, gradient, square, and velocity and center when there are → their next values, w first. */
export class RMSPropStep extends DerivativeNotWritten {
  private readonly rule: RMSPropRule

  constructor(attributes: RMSPropRule) {
    const rule = ruleFrom(attributes, RMS_PROP, 'rmsPropStep')
    super(rule)
    this.rule = rule
  }

  protected override get instead(): string {
    return 'compute the step with ordinary functions to differentiate through it'
  }

  override forward(w: NDArray, g: NDArray, square: NDArray, ...more: NDArray[]): NDArray[] {
    const { momentum, centered } = this.rule
    const velocity = momentum === 0 ? null : (more[0] ?? null)
    const center = centered ? (more[momentum === 0 ? 0 : 1] ?? null) : null
    return rmsPropStep(w, g, square, velocity, center, this.rule)
  }
}

registerFunc(AdaGradStep, { name: 'adaGradStep' })
registerFunc(AdaDeltaStep, { name: 'adaDeltaStep' })
registerFunc(RMSPropStep, { name: 'rmsPropStep' })
