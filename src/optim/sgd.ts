/** Stochastic gradient descent, plain and with momentum. */
import type { NDArray } from '../array/ndarray.js'
import { momentumStep, type SGDRule, sgdStep } from '../array/optimizer-steps.js'
import { refuse } from '../functions/attributes.js'
import { DerivativeNotWritten } from '../functions/not-differentiable.js'
import type { Func } from '../graph/func.js'
import { registerFunc } from '../graph/registry.js'
import { Optimizer } from './optimizer.js'
import { type Parameters, ruleFrom, type Settings } from './parameter-group.js'

export interface SGDOptions {
  /** The learning rate. */
  lr: number
  /** How much of the velocity stays from step to step. Default 0: no velocity. */
  momentum?: number | undefined
  /** How much less of the gradient joins the velocity after the first step. Default 0. */
  dampening?: number | undefined
  /** Adds weightDecay · parameter to the gradient. Default 0. */
  weightDecay?: number | undefined
  /** Whether to climb instead of descend: each gradient is taken with the other sign. For all groups. Default false. */
  maximize?: boolean | undefined
  /** Nesterov's momentum; needs momentum, and no dampening. Default false. */
  nesterov?: boolean | undefined
}

const AT_LEAST_0 = { least: 0 }
const SETTINGS: Settings<SGDRule> = {
  lr: { otherwise: undefined, bounds: AT_LEAST_0 },
  momentum: { otherwise: 0, bounds: AT_LEAST_0 },
  dampening: { otherwise: 0, bounds: AT_LEAST_0 },
  weightDecay: { otherwise: 0, bounds: AT_LEAST_0 },
  nesterov: { flag: false },
}

/**
 * w − lr·d for d = gradient + weightDecay·w, or with momentum w − lr·v, where v is the velocity.
 *
 * Source  PyTorch `torch.optim.SGD`
 */
export class SGD extends Optimizer<SGDRule> {
  /** Throws BAD_ARGUMENT for no parameters, settings out of bounds, or nesterov without momentum. */
  constructor(parameters: Parameters<SGDOptions>, options: SGDOptions) {
    super(parameters as Parameters<never>, options, SETTINGS, 'SGD')
    for (const { rule } of this.groups) {
      if (rule.nesterov && (rule.momentum === 0 || rule.dampening !== 0)) {
        refuse(
          `SGD expected nesterov with momentum above 0 and dampening 0, got ${rule.momentum} and ${rule.dampening}`,
        )
      }
    }
  }

  protected override keys(rule: SGDRule): readonly string[] {
    return rule.momentum === 0 ? [] : ['velocity']
  }

  protected override call(rule: SGDRule, overwrites: boolean): Func {
    const step = new SGDStep(rule)
    step.overwrites = overwrites
    return step
  }

  protected override initial(): null {
    return null // the first velocity is the gradient
  }
}

/** A step for one parameter: w, gradient and, after the first step, velocity → w' and, with momentum, velocity'. */
export class SGDStep extends DerivativeNotWritten {
  private readonly rule: SGDRule
  /** @internal Whether the new velocity may stand where the old one does. */
  overwrites = false

  constructor(attributes: SGDRule) {
    const rule = ruleFrom(attributes, SETTINGS, 'sgdStep')
    super(rule)
    this.rule = rule
  }

  protected override get instead(): string {
    return 'compute the step with ordinary functions to differentiate through it'
  }

  override forward(w: NDArray, g: NDArray, v?: NDArray): NDArray | NDArray[] {
    if (this.rule.momentum === 0) return sgdStep(w, g, this.rule)
    return momentumStep(w, g, v ?? null, this.rule, this.overwrites)
  }
}

registerFunc(SGDStep, { name: 'sgdStep' })
