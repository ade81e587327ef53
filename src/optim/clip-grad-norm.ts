/** Limits the size of all gradients together, so that one bad batch cannot throw the parameters far. */

import type { NDArray } from '../array/ndarray.js'
import { clipNorm } from '../array/optimizer-steps.js'
import { refuseOtherCopy } from '../copies.js'
import { valueText } from '../errors.js'
import { add, div, mul } from '../functions/arithmetic.js'
import { numberOf, refuse } from '../functions/attributes.js'
import { minimum } from '../functions/bounds.js'
import { cast } from '../functions/casting.js'
import { stack } from '../functions/joining.js'
import { DerivativeNotWritten } from '../functions/not-differentiable.js'
import { norm } from '../functions/statistics.js'
import { noGrad } from '../graph/mode.js'
import { registerFunc } from '../graph/registry.js'
import { OUTPUTS_MAX, Variable } from '../graph/variable.js'
import { checkOptions } from '../options.js'

const PART = 4096

function maxNormOf(value: unknown, what: string): number {
  const maxNorm = numberOf(value, undefined, 'maxNorm', what)
  return maxNorm > 0 ? maxNorm : refuse(`${what} expected maxNorm above 0, got ${maxNorm}`)
}

/** The norm of all inputs together, then each input, scaled down when the norm is above maxNorm. */
export class ClipGradNorm extends DerivativeNotWritten {
  private readonly maxNorm: number

  constructor(attributes: { maxNorm: number }) {
    checkOptions(attributes, ['maxNorm'], 'clipGradNorm')
    const maxNorm = maxNormOf(attributes.maxNorm, 'clipGradNorm')
    super({ maxNorm })
    this.maxNorm = maxNorm
  }

  protected override get instead(): string {
    return 'scale the gradients with ordinary functions'
  }

  override forward(...gradients: NDArray[]): NDArray[] {
    return this.forwardList(gradients)
  }

  override forwardList(gradients: readonly NDArray[]): NDArray[] {
    return clipNorm(gradients, this.maxNorm)
  }
}

/**
 * Scales the gradients of all parameters down by one factor, so that their l2 norm together is at most maxNorm. One
 * recorded call (several for more than 8,191 gradients); the gradients are then assigned.
 *
 * Returns  the norm before
 * Throws   BAD_ARGUMENT unless maxNorm is above 0, or when no parameter has a gradient
 * Source   PyTorch `clip_grad_norm_`; a norm that is not finite makes the gradients so, and a detector finds where
 */
export function clipGradNorm(parameters: Iterable<Variable>, maxNorm: number): Variable {
  maxNormOf(maxNorm, 'clipGradNorm')
  const withGradient = parametersWithGradients(parameters, 'clipGradNorm')
  const gradients = withGradient.map((parameter) => parameter.grad as Variable)
  const made = noGrad(() =>
    gradients.length < OUTPUTS_MAX
      ? new ClipGradNorm({ maxNorm }).applyList(gradients)
      : clippedInParts(gradients, maxNorm),
  )
  for (const [i, parameter] of withGradient.entries()) parameter.grad = made[i + 1]!
  return made[0]!
}

/** Those that have a gradient. Throws BAD_ARGUMENT for what is no list of parameters, and when none has one. */
export function parametersWithGradients(parameters: Iterable<Variable>, what: string): Variable[] {
  if (typeof parameters !== 'object' || parameters === null || !(Symbol.iterator in parameters))
    refuse(`${what} expected a list of parameters, got ${valueText(parameters)}`)
  const withGradient: Variable[] = []
  for (const parameter of parameters) {
    refuseOtherCopy(parameter, what)
    if (!(parameter instanceof Variable)) refuse(`${what} expected parameters, got ${valueText(parameter)}`)
    if (parameter.grad !== null) withGradient.push(parameter)
  }
  if (withGradient.length === 0)
    refuse(`${what} expected parameters with gradients, got none; call loss.backward() first`)
  return withGradient
}

/** More gradients than a recorded call has outputs: the norm of the norms of all parts, and each gradient times the factor. */
function clippedInParts(gradients: readonly Variable[], maxNorm: number): Variable[] {
  const norms: Variable[] = []
  for (let from = 0; from < gradients.length; from += PART) {
    const part = gradients.slice(from, from + PART).map((gradient) => norm(gradient))
    norms.push(norm(stack(part)))
  }
  const whole = norm(stack(norms))
  const factor = minimum(1, div(maxNorm, add(whole, 1e-6)))
  return [whole, ...gradients.map((gradient) => mul(gradient, cast(factor, gradient.dtype)))]
}

registerFunc(ClipGradNorm, { name: 'clipGradNorm' })
