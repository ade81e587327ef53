/** Limits each element of all gradients by itself. */
import { numberOf, refuse } from '../functions/attributes.js'
import { clip } from '../functions/bounds.js'
import { noGrad } from '../graph/mode.js'
import type { Variable } from '../graph/variable.js'
import { refuseOptions } from '../options.js'
import { parametersWithGradients } from './clip-grad-norm.js'

/**
 * Brings each element of the gradients of all parameters between −most and most: a recorded call for each, whose result is then assigned.
 *
 * Throws   BAD_ARGUMENT unless most is above 0, or when no parameter has a gradient
 * Source   PyTorch `clip_grad_value_`; NaN stays, so that a detector finds where it came from
 */
export function clipGradValue(parameters: Iterable<Variable>, most: number): void
export function clipGradValue(
  parameters: Iterable<Variable>,
  most: number,
  ...rest: readonly unknown[]
): void {
  refuseOptions(rest, 'clipGradValue')
  const bound = numberOf(most, undefined, 'most', 'clipGradValue')
  if (bound <= 0) refuse(`clipGradValue expected most above 0, got ${bound}`)
  const withGradient = parametersWithGradients(parameters, 'clipGradValue')
  const made = noGrad(() =>
    withGradient.map((parameter) => clip(parameter.grad as Variable, { min: -bound, max: bound })),
  )
  for (const [i, parameter] of withGradient.entries()) parameter.grad = made[i]!
}
