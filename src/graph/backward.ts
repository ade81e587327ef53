/** Backward and its kin, as users call them: what they ask of a pass, and where it begins. */
import { onesLike, zerosLike } from '../array/ndarray.js'
import { formatShape } from '../array/shape.js'
import { TapeError } from '../errors.js'
import { runPass } from './pass.js'
import { gradientLike, type Operand, Variable } from './variable.js'

export interface BackwardOptions {
  /** The gradient of the root; needed unless the root is a scalar or its `grad` was assigned. */
  gradient?: Operand | undefined
  /** Intermediate variables keep their gradients too. */
  retainGrad?: boolean | undefined
  /** The pass itself becomes a graph, so that gradients can be differentiated again. */
  createGraph?: boolean | undefined
}

const NO_OPTIONS: BackwardOptions = Object.freeze({})

/**
 * Runs backward from `root` and leaves gradients in `.grad` of the leaves (with `retainGrad` of every variable).
 * Gradients add to those already there.
 *
 * Throws  NOT_SCALAR  the root has more than one element and neither `gradient` nor an assigned `grad`
 *         NOT_DIFFERENTIABLE  the root does not depend on anything that requires a gradient
 */
export function backward(root: Variable, options: BackwardOptions = NO_OPTIONS): void {
  const given = givenSeed(root, options.gradient)
  runPass({
    roots: [root],
    seeds: [given ?? defaultSeed(root)],
    seedGiven: [given !== null],
    targets: null,
    createGraph: options.createGraph === true,
    retainGrad: options.retainGrad === true,
  })
}

/**
 * The gradients of `outputs` (summed) with respect to `inputs`, as a list in the order of `inputs`; no `.grad` is touched.
 *
 * options.createGraph   the gradients can be differentiated again
 * options.gradients     the seed of each output; needed for outputs that are no scalars
 * An input that the outputs do not depend on gets zeros.
 */
export function grad(
  outputs: Variable | readonly Variable[],
  inputs: Variable | readonly Variable[],
  options: { createGraph?: boolean; gradients?: readonly Operand[] } = {},
): Variable[] {
  const roots = outputs instanceof Variable ? [outputs] : [...outputs]
  const targets = inputs instanceof Variable ? [inputs] : [...inputs]
  const given = roots.map((root, i) => givenSeed(root, options.gradients?.[i]))
  const found = runPass({
    roots,
    seeds: given.map((seed, i) => seed ?? defaultSeed(roots[i]!)),
    seedGiven: given.map((seed) => seed !== null),
    targets,
    createGraph: options.createGraph === true,
    retainGrad: false,
  })
  return targets.map(
    (target) => found?.get(target) ?? new Variable(zerosLike(target.data), false, 'constant'),
  )
}

function defaultSeed(root: Variable): Variable {
  return new Variable(onesLike(root.data), false, 'constant')
}

function givenSeed(root: Variable, given: Operand | undefined): Variable | null {
  if (!root.requiresGrad) {
    throw new TapeError(
      'NOT_DIFFERENTIABLE',
      `backward from ${root.describe()} expected a variable that depends on one requiring a gradient; ` +
        'this one was made inside noGrad, from constants only, or by a function that is not differentiable',
    )
  }
  if (given !== undefined) return gradientLike(given, root, 'gradient')
  if (root.gradientAssigned && root.grad !== null) return root.grad
  if (root.size === 1) return null
  throw new TapeError(
    'NOT_SCALAR',
    `backward() needs a scalar root, got ${formatShape(root.shape)}; sum it, or pass { gradient }`,
  )
}

Variable.prototype.backward = function (options) {
  backward(this, options)
}

declare module './variable.js' {
  interface Variable {
    /** Runs backward from this variable; see `backward`. */
    backward(options?: BackwardOptions): void
  }
}
