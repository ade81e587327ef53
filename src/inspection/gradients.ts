/** Gradients computed from the file, each beside what the run recorded of it. */
import type { NDArray } from '../array/ndarray.js'
import { TapeError } from '../errors.js'
import { summarized } from '../events/content.js'
import { type ArraySummary, positionOf } from '../events/event.js'
import type { Variable } from '../graph/variable.js'
import { namedParameters } from '../queries/variables.js'
import { positionText } from './describer.js'
import type { InspectedRun } from './inspected-run.js'
import { comparedWithRecorded, type GradientComparison } from './recorded-gradient.js'

/** Which gradients are asked for. */
export interface GradientQuestion {
  /** What is differentiated: name or position of a variable of one element. */
  of: string | number
  /** With respect to what; every named parameter that it depends on, when not said or empty. */
  wrt?: readonly (string | number)[]
  /** In which step; that of `of` when not said. */
  step?: number | undefined
}

/** One gradient, and how it compares with what the run recorded. */
export interface ComputedGradient {
  name: string
  /** Of the variable, as `#412`. */
  position: string
  gradient: NDArray
  summary: ArraySummary
  /** Null when the run recorded no such gradient. */
  recorded: GradientComparison | null
}

/** What was differentiated, in which step, and a gradient for each variable that was asked for. */
export interface GradientAnswer {
  root: Variable
  step: number
  gradients: ComputedGradient[]
}

/** Throws  VARIABLE_NOT_FOUND, STEP_NOT_FOUND, NOT_SCALAR, NOT_DIFFERENTIABLE, UNREGISTERED_FUNC */
export function gradientsOf(run: InspectedRun, question: GradientQuestion): GradientAnswer {
  const { past, lookup, say, views } = run
  const { of, wrt = [] } = question
  const root = past.variable(of, question.step === undefined ? {} : { step: question.step })
  const step = question.step ?? say.event(positionOf(root.ref)).step
  const keys = wrt.length > 0 ? wrt : namedParameters(views, past.id).map(({ position }) => position)
  const targets = keys.map((key) => past.variable(key, { step }))
  root.backward({ retainGrad: targets.some((target) => target.creator !== null) })
  const reached = wrt.length > 0 ? targets : targets.filter((target) => target.grad !== null)
  if (reached.length === 0)
    throw new TapeError(
      'NOT_DIFFERENTIABLE',
      `${of} of step ${step} depends on no named parameter; name the variables (wrt, or --wrt)`,
    )
  const gradients = reached.map((target) => {
    const name = target.name ?? positionText(target.ref)
    if (target.grad === null) {
      throw new TapeError(
        'NOT_DIFFERENTIABLE',
        `${of} of step ${step} does not depend on ${name}, or ${name} requires no gradient`,
      )
    }
    const gradient = target.grad.data
    return {
      name,
      position: positionText(target.ref),
      gradient,
      summary: summarized(gradient, true),
      recorded: comparedWithRecorded(past, lookup, { root: root.ref, target: target.ref, step }, gradient),
    }
  })
  return { root, step, gradients }
}
