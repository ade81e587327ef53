/** Optimizers that descend from Adam: NAdam, RAdam, and Lion, which keeps the sign alone. */
import {
  type LionRule,
  lionStep,
  type NAdamRule,
  nAdamStep,
  type RAdamRule,
  rAdamStep,
} from '../array/adam-variants.js'
import { zerosLike } from '../array/make-array.js'
import { type NDArray, scalar } from '../array/ndarray.js'
import { flagOf } from '../functions/attributes.js'
import { DerivativeNotWritten } from '../functions/not-differentiable.js'
import type { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import type { Variable } from '../graph/variable.js'
import { Optimizer } from './optimizer.js'
import { type Parameters, type Rule, ruleFrom, type Settings } from './parameter-group.js'

const SHARE = { least: 0, below: 1 }
const AT_LEAST_0 = { least: 0 }
const INSTEAD = 'compute the step with ordinary functions to differentiate through it'

export interface RAdamOptions {
  /** The learning rate. Default 0.001. */
  lr?: number | undefined
  /** How much of the mean of gradients stays from step to step. Default 0.9. */
  beta1?: number | undefined
  /** How much of the mean of squared gradients stays. Default 0.999. */
  beta2?: number | undefined
  /** Added to the root that the step is divided by. Default 1e-8. */
  eps?: number | undefined
  /** Whether to climb instead of descend. For all groups. Default false. */
  maximize?: boolean | undefined
  /** Adds weightDecay · parameter to the gradient. Default 0. */
  weightDecay?: number | undefined
  /** Whether lr · weightDecay of the parameter is taken away instead, as AdamW does. For all groups. Default false. */
  decoupledWeightDecay?: boolean | undefined
}

export interface NAdamOptions extends RAdamOptions {
  /** How fast the momentum grows to beta1. Default 0.004. */
  momentumDecay?: number | undefined
}

export interface LionOptions {
  /** The learning rate. Default 0.0001. */
  lr?: number | undefined
  /** How much of the mean counts in a step. Default 0.9. */
  beta1?: number | undefined
  /** How much of the mean stays from step to step. Default 0.99. */
  beta2?: number | undefined
  /** Whether to climb instead of descend. For all groups. Default false. */
  maximize?: boolean | undefined
  /** Takes lr · weightDecay of the parameter away. Default 0. */
  weightDecay?: number | undefined
}

const R_ADAM: Settings<RAdamRule> = {
  lr: { otherwise: 0.001, bounds: AT_LEAST_0 },
  beta1: { otherwise: 0.9, bounds: SHARE },
  beta2: { otherwise: 0.999, bounds: SHARE },
  eps: { otherwise: 1e-8, bounds: AT_LEAST_0 },
  weightDecay: { otherwise: 0, bounds: AT_LEAST_0 },
}
const N_ADAM: Settings<NAdamRule> = {
  ...R_ADAM,
  lr: { otherwise: 0.002, bounds: AT_LEAST_0 },
  momentumDecay: { otherwise: 0.004, bounds: AT_LEAST_0 },
}
const LION: Settings<LionRule> = {
  lr: { otherwise: 0.0001, bounds: AT_LEAST_0 },
  beta1: { otherwise: 0.9, bounds: SHARE },
  beta2: { otherwise: 0.99, bounds: SHARE },
  weightDecay: { otherwise: 0, bounds: AT_LEAST_0 },
}

const DECOUPLED = 'decoupledWeightDecay'

/** The rule of a step. What is not decoupled does not say so, as steps did not before there was the choice. */
function stepRule<R extends Rule & { readonly decoupled?: boolean }>(
  attributes: R,
  settings: Settings<R>,
  what: string,
): R {
  const decoupled = attributes?.decoupled
  if (decoupled === undefined) return ruleFrom(attributes, settings, what)
  const { decoupled: _, ...rest } = attributes
  const rule = ruleFrom(rest, settings, what)
  return flagOf(decoupled, false, 'decoupled', what) ? Object.freeze({ ...rule, decoupled }) : rule
}

/** Means begin at 0, the count of steps at 0, a product at 1. */
abstract class FromZero<R extends Rule> extends Optimizer<R> {
  protected override initial(key: string, parameter: Variable): NDArray {
    if (key === 't') return scalar(0, 'float64')
    return key === 'product' ? scalar(1, 'float64') : zerosLike(parameter.data)
  }
}

/**
 * Adam with Nesterov's momentum; its lr is 0.002 unless said.
 *
 * Source  PyTorch `torch.optim.NAdam`
 */
export class NAdam extends FromZero<NAdamRule> {
  /** Throws BAD_ARGUMENT for no parameters or settings out of bounds. */
  constructor(parameters: Parameters<NAdamOptions>, options: NAdamOptions = {}) {
    super(parameters as Parameters<never>, options, N_ADAM, 'NAdam', [DECOUPLED])
  }

  protected override keys(): readonly string[] {
    return ['m', 'v', 'product', 't']
  }

  protected override call(rule: NAdamRule): Func {
    return new NAdamStep(this.flag(DECOUPLED) ? { ...rule, decoupled: true } : rule)
  }
}

/**
 * Adam that begins with the mean of gradients alone, until the mean of squares is sure enough.
 *
 * Source  PyTorch `torch.optim.RAdam`
 */
export class RAdam extends FromZero<RAdamRule> {
  /** Throws BAD_ARGUMENT for no parameters or settings out of bounds. */
  constructor(parameters: Parameters<RAdamOptions>, options: RAdamOptions = {}) {
    super(parameters as Parameters<never>, options, R_ADAM, 'RAdam', [DECOUPLED])
  }

  protected override keys(): readonly string[] {
    return ['m', 'v', 't']
  }

  protected override call(rule: RAdamRule): Func {
    return new RAdamStep(this.flag(DECOUPLED) ? { ...rule, decoupled: true } : rule)
  }
}

/**
 * Steps of lr in the direction of the sign of a mean of gradients.
 *
 * Source  Chen et al., "Symbolic Discovery of Optimization Algorithms"
 */
export class Lion extends FromZero<LionRule> {
  /** Throws BAD_ARGUMENT for no parameters or settings out of bounds. */
  constructor(parameters: Parameters<LionOptions>, options: LionOptions = {}) {
    super(parameters as Parameters<never>, options, LION, 'Lion')
  }

  protected override keys(): readonly string[] {
    return ['m']
  }

  protected override call(rule: LionRule): Func {
    return new LionStep(rule)
  }
}

/** A step for one parameter: w, gradient, m, v, product of momenta, t → w', m', v', product', t'. */
export class NAdamStep extends DerivativeNotWritten {
  private readonly rule: NAdamRule

  constructor(attributes: NAdamRule) {
    const rule = stepRule(attributes, N_ADAM, 'nAdamStep')
    super(rule)
    this.rule = rule
  }

  protected override get instead(): string {
    return INSTEAD
  }

  override forward(w: NDArray, ...more: NDArray[]): NDArray[] {
    const [g, m, v, product, t] = more as [NDArray, NDArray, NDArray, NDArray, NDArray]
    return nAdamStep(w, g, m, v, product, t, this.rule)
  }
}

/** A step for one parameter: w, gradient, m, v, t → w', m', v', t'. */
export class RAdamStep extends DerivativeNotWritten {
  private readonly rule: RAdamRule

  constructor(attributes: RAdamRule) {
    const rule = stepRule(attributes, R_ADAM, 'rAdamStep')
    super(rule)
    this.rule = rule
  }

  protected override get instead(): string {
    return INSTEAD
  }

  override forward(w: NDArray, g: NDArray, m: NDArray, v: NDArray, t: NDArray): NDArray[] {
    return rAdamStep(w, g, m, v, t, this.rule)
  }
}

/** A step for one parameter: w, gradient, m → w', m'. */
export class LionStep extends DerivativeNotWritten {
  private readonly rule: LionRule

  constructor(attributes: LionRule) {
    const rule = ruleFrom(attributes, LION, 'lionStep')
    super(rule)
    this.rule = rule
  }

  protected override get instead(): string {
    return INSTEAD
  }

  override forward(w: NDArray, g: NDArray, m: NDArray): NDArray[] {
    return lionStep(w, g, m, this.rule)
  }
}

registerFunc(NAdamStep, { name: 'nAdamStep' })
registerFunc(RAdamStep, { name: 'rAdamStep' })
registerFunc(LionStep, { name: 'lionStep' })
