/** Adam, and AdamW, whose weights decay apart from the gradient. */

import { amsGradStep } from '../array/adam-variants.js'
import { zerosLike } from '../array/make-array.js'
import { type NDArray, scalar } from '../array/ndarray.js'
import { type AdamRule, adamStep } from '../array/optimizer-steps.js'
import { DerivativeNotWritten } from '../functions/not-differentiable.js'
import type { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import type { Variable } from '../graph/variable.js'
import { Optimizer } from './optimizer.js'
import { type Parameters, ruleFrom, type Settings } from './parameter-group.js'

export interface AdamOptions {
  /** The learning rate. Default 0.001. */
  lr?: number | undefined
  /** How much of the mean of gradients stays from step to step. Default 0.9. */
  beta1?: number | undefined
  /** How much of the mean of squared gradients stays. Default 0.999. */
  beta2?: number | undefined
  /** Added to the root that the step is divided by. Default 1e-8. */
  eps?: number | undefined
  /** Whether to climb instead of descend: each gradient is taken with the other sign. For all groups. Default false. */
  maximize?: boolean | undefined
  /** Whether to divide by the largest of the means of squared gradients so far. For all groups. Default false. */
  amsgrad?: boolean | undefined
  /** Adam adds weightDecay · parameter to the gradient (default 0); AdamW takes lr · weightDecay of the parameter away (default 0.01). */
  weightDecay?: number | undefined
}

const SHARE = { least: 0, below: 1 }
const AT_LEAST_0 = { least: 0 }

function settings(weightDecay: number, decoupled: boolean): Settings<AdamRule> {
  return {
    lr: { otherwise: 0.001, bounds: AT_LEAST_0 },
    beta1: { otherwise: 0.9, bounds: SHARE },
    beta2: { otherwise: 0.999, bounds: SHARE },
    eps: { otherwise: 1e-8, bounds: AT_LEAST_0 },
    weightDecay: { otherwise: weightDecay, bounds: AT_LEAST_0 },
    decoupled: { flag: decoupled },
  }
}

const ADAM = settings(0, false)
const ADAM_W = settings(0.01, true)

abstract class AdamLike extends Optimizer<AdamRule> {
  constructor(
    parameters: Parameters<AdamOptions>,
    options: AdamOptions,
    own: Settings<AdamRule>,
    what: string,
  ) {
    super(parameters as Parameters<never>, options, own, what, ['amsgrad'])
  }

  protected override keys(): readonly string[] {
    return this.flag('amsgrad') ? ['m', 'v', 'vMax', 't'] : ['m', 'v', 't']
  }

  protected override call(rule: AdamRule, overwrites: boolean): Func {
    if (this.flag('amsgrad')) return new AmsGradStep(rule)
    const step = new AdamStep(rule)
    step.overwrites = overwrites
    return step
  }

  protected override initial(key: string, parameter: Variable): NDArray {
    return key === 't' ? scalar(0, 'float64') : zerosLike(parameter.data)
  }
}

/**
 * Steps of about lr in each element, from running means of gradients (m) and of their squares (v).
 *
 * Source  PyTorch `torch.optim.Adam`
 */
export class Adam extends AdamLike {
  /** Throws BAD_ARGUMENT for no parameters or settings out of bounds. */
  constructor(parameters: Parameters<AdamOptions>, options: AdamOptions = {}) {
    super(parameters, options, ADAM, 'Adam')
  }
}

/**
 * Adam whose weights decay by themselves.
 *
 * Source  PyTorch `torch.optim.AdamW`
 */
export class AdamW extends AdamLike {
  /** Throws BAD_ARGUMENT for no parameters or settings out of bounds. */
  constructor(parameters: Parameters<AdamOptions>, options: AdamOptions = {}) {
    super(parameters, options, ADAM_W, 'AdamW')
  }
}

/** A step for one parameter: w, gradient, m, v, t → w', m', v', t'. */
export class AdamStep extends DerivativeNotWritten {
  private readonly rule: AdamRule
  /** @internal Whether m' and v' may stand where m and v do. */
  overwrites = false

  constructor(attributes: AdamRule) {
    const rule = ruleFrom(attributes, ADAM, 'adamStep')
    super(rule)
    this.rule = rule
  }

  protected override get instead(): string {
    return 'compute the step with ordinary functions to differentiate through it'
  }

  override forward(w: NDArray, g: NDArray, m: NDArray, v: NDArray, t: NDArray): NDArray[] {
    return adamStep(w, g, m, v, t, this.rule, this.overwrites)
  }
}

/** A step for one parameter: w, gradient, m, v, vMax, t → w', m', v', vMax', t'. */
export class AmsGradStep extends DerivativeNotWritten {
  private readonly rule: AdamRule

  constructor(attributes: AdamRule) {
    const rule = ruleFrom(attributes, ADAM, 'amsGradStep')
    super(rule)
    this.rule = rule
  }

  protected override get instead(): string {
    return 'compute the step with ordinary functions to differentiate through it'
  }

  override forward(w: NDArray, ...more: NDArray[]): NDArray[] {
    const [g, m, v, vMax, t] = more as [NDArray, NDArray, NDArray, NDArray, NDArray]
    return amsGradStep(w, g, m, v, vMax, t, this.rule)
  }
}

registerFunc(AdamStep, { name: 'adamStep' })
registerFunc(AmsGradStep, { name: 'amsGradStep' })
