/** Compares the gradients that backward computes with central differences; for tests and for users' own functions. */

import { type ArrayLike, ndarray } from '../array/make-array.js'
import type { NDArray } from '../array/ndarray.js'
import { TapeError } from '../errors.js'
import { checkOptions } from '../options.js'
import { gradientsOf } from './backward.js'
import { unrecorded } from './mode.js'
import { standInFor } from './stand-in.js'
import { evaluate } from './transforms.js'
import { Variable } from './variable.js'

export interface GradientCheckOptions {
  /** Step of the central difference, relative to the element's size above 1. Default 1e-6. */
  step?: number
  /** Largest |analytic − numeric| / max(1, |analytic|, |numeric|) that passes. Default 1e-6. */
  tolerance?: number
  /** Throw when the check fails (default); false returns the report instead. */
  throwOnFailure?: boolean
}

/** What `checkGradients` found. */
export interface GradientCheckReport {
  passed: boolean
  /** The largest relative error, and where it is. */
  worst: { error: number; input: number; element: number; analytic: number; numeric: number }
}

/**
 * Checks `fn`'s gradient with respect to every element of every input, in float64.
 *
 * fn      from Variables to one Variable of any shape (its elements are weighted, so that a wrong sum does not cancel)
 * inputs  the point at which to check; kinks (relu at 0, ties of max) have no derivative there. A function that does not
 *         depend on an input has the derivative zero, and passes
 * Throws  GRADIENT_CHECK_FAILED names the worst element, what backward says and what the difference says
 */
export function checkGradients(
  fn: (...inputs: Variable[]) => Variable,
  inputs: readonly (ArrayLike | Variable)[],
  options: GradientCheckOptions = {},
): GradientCheckReport {
  checkOptions(options, ['step', 'tolerance', 'throwOnFailure'], 'checkGradients()')
  const { step = 1e-6, tolerance = 1e-6, throwOnFailure = true } = options
  const points = inputs.map((input) =>
    (input instanceof Variable ? input.data : ndarray(input)).astype('float64'),
  )
  const report = unrecorded(() => {
    // Stand-ins, so that the pass stays inside of fn: it leaves alone what fn takes from around it, hooks included.
    const variables = points.map((point) => standInFor(new Variable(point), false))
    const output = evaluate(fn, variables, 'checkGradients')
    const weights = weightsLike(output.data)
    const analytic = gradientsOf([output], variables, [weights], false)
    const weigh = (at: NDArray[]) => {
      // Linked, because a function that takes gradients itself (a gradient penalty) needs its graph.
      const { data: y } = evaluate(
        fn,
        at.map((point) => new Variable(point)),
        'checkGradients',
      )
      let sum = 0
      for (let i = 0; i < y.size; i++) sum += y.data[i]! * weights.data[i]!
      return sum
    }
    const worst: GradientCheckReport['worst'] = { error: 0, input: 0, element: 0, analytic: 0, numeric: 0 }
    points.forEach((point, input) => {
      for (let element = 0; element < point.size; element++) {
        const h = step * Math.max(1, Math.abs(point.data[element]!))
        const numeric =
          (weigh(nudged(points, input, element, h)) - weigh(nudged(points, input, element, -h))) / (2 * h)
        const exact = analytic[input]!.data.data[element]!
        const relative = Math.abs(exact - numeric) / Math.max(1, Math.abs(exact), Math.abs(numeric))
        const error = Number.isNaN(relative) ? Number.POSITIVE_INFINITY : relative
        if (error > worst.error) Object.assign(worst, { error, input, element, analytic: exact, numeric })
      }
    })
    return { passed: worst.error <= tolerance, worst }
  })
  if (!report.passed && throwOnFailure) {
    const { error, input, element, analytic, numeric } = report.worst
    throw new TapeError(
      'GRADIENT_CHECK_FAILED',
      `input ${input}, element ${element}: backward says ${analytic}, the central difference ${numeric} (relative error ${error.toExponential(2)}, allowed ${tolerance})`,
    )
  }
  return report
}

function weightsLike(y: NDArray): NDArray {
  return ndarray(
    Float64Array.from({ length: y.size }, (_, i) => 1 + ((i * 7) % 5) / 4),
    { shape: y.shape },
  )
}

function nudged(points: readonly NDArray[], input: number, element: number, by: number): NDArray[] {
  return points.map((point, i) =>
    i === input ? point.map((value, j) => (j === element ? value + by : value)) : point,
  )
}
