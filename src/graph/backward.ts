/** Backward and its kin, as users call them: what they ask of a pass, and where it begins. */

import { full, zeros } from '../array/make-array.js'
import { formatShape } from '../array/shape.js'
import { refuseOtherCopy } from '../copies.js'
import { TapeError, valueText } from '../errors.js'
import { checkOptions } from '../options.js'
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
  if (options !== NO_OPTIONS) checkOptions(options, ['gradient', 'retainGrad', 'createGraph'], 'backward()')
  if (!root.requiresGrad) {
    throw new TapeError(
      'NOT_DIFFERENTIABLE',
      `backward from ${root.describe()} expected a variable that depends on one requiring a gradient; ` +
        'this one was made inside noGrad, from constants only, or by a function that is not differentiable',
    )
  }
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
 * Each gradient is a Variable of its own.
 *
 * options.createGraph   the gradients can be differentiated again
 * options.gradients     the seed of each output; needed for outputs that are no scalars
 *
 * An input that the outputs do not depend on gets zeros, whatever the reason: the outputs are constants, depend on
 * something else, or depend on nothing. An input that cannot have a gradient is refused.
 *
 * Throws  NOT_DIFFERENTIABLE  an input does not require a gradient: a constant, integers, or made inside noGrad
 *         NOT_SCALAR          an output has more than one element and no seed
 *         BAD_ARGUMENT        outputs or inputs are neither a Variable nor a list of them
 */
export function grad(
  outputs: Variable | readonly Variable[],
  inputs: Variable | readonly Variable[],
  options: { createGraph?: boolean; gradients?: readonly Operand[] } = {},
): Variable[] {
  checkOptions(options, ['createGraph', 'gradients'], 'grad()')
  refuseOtherCopy(inputs, 'grad')
  const targets = inputs instanceof Variable ? [inputs] : listed(inputs, 'inputs')
  for (const [i, target] of targets.entries()) checkTarget(target, i)
  refuseOtherCopy(outputs, 'grad')
  const roots = outputs instanceof Variable ? [outputs] : listed(outputs, 'outputs')
  for (const [i, root] of roots.entries()) {
    refuseOtherCopy(root, 'grad')
    if (!(root instanceof Variable))
      throw new TapeError(
        'BAD_ARGUMENT',
        `grad() expected Variables as outputs, got ${valueText(root)} as output ${i}`,
      )
  }
  return gradientsOf(roots, targets, seedsOf(options.gradients, roots.length), options.createGraph === true)
}

/** A seed for each output. One that is not in a list would be passed over, and the gradient would be that of another seed. */
function seedsOf(given: unknown, count: number): readonly (Operand | undefined)[] {
  if (given === undefined) return []
  if (Array.isArray(given) && given.length === count) return given as Operand[]
  const got = Array.isArray(given) ? `${given.length} for ${count} outputs` : valueText(given)
  throw new TapeError(
    'BAD_ARGUMENT',
    `grad() expected gradients to be a list with a seed for each output, got ${got}; for one output: { gradients: [seed] }`,
  )
}

function listed(given: readonly Variable[], what: string): Variable[] {
  if (typeof given === 'object' && given !== null && Symbol.iterator in given) return [...given]
  throw new TapeError(
    'BAD_ARGUMENT',
    `grad() expected ${what} to be a Variable or a list of them, got ${valueText(given)}`,
  )
}

/** @internal As `grad`, of whatever inputs: those that require no gradient get zeros. */
export function gradientsOf(
  outputs: readonly Variable[],
  targets: readonly Variable[],
  given: readonly (Operand | undefined)[],
  createGraph: boolean,
): Variable[] {
  const roots: Variable[] = []
  const seeds: Variable[] = []
  const seedGiven: boolean[] = []
  for (const [i, output] of outputs.entries()) {
    const seed = givenSeed(output, given[i])
    if (!output.requiresGrad) continue // it depends on nothing, so it gives nothing to the sum
    roots.push(output)
    seeds.push(seed ?? defaultSeed(output))
    seedGiven.push(seed !== null)
  }
  const found =
    roots.length === 0 ? null : runPass({ roots, seeds, seedGiven, targets, createGraph, retainGrad: false })
  const taken = new Set<Variable>()
  return targets.map((target) => {
    const gradient = found?.get(target)
    if (gradient === undefined) return new Variable(zeros(target.shape, target.dtype), false, 'constant')
    if (createGraph || !taken.has(gradient)) {
      taken.add(gradient)
      return gradient
    }
    // The input was named twice.
    return gradient.mapped !== null ? gradient.detach() : new Variable(gradient.data, false, 'variable')
  })
}

function checkTarget(target: Variable, i: number): void {
  if (target instanceof Variable && target.requiresGrad) return
  refuseOtherCopy(target, 'grad')
  throw new TapeError(
    'NOT_DIFFERENTIABLE',
    target instanceof Variable
      ? `grad by input ${i} (${target.describe()}) expected a variable that requires a gradient; this one is a constant, ` +
          'holds integers, or was made inside noGrad; make it with new Variable(value)'
      : `grad expected Variables as inputs, got ${target === null ? 'null' : typeof target} as input ${i}`,
  )
}

function defaultSeed(root: Variable): Variable {
  return new Variable(full(root.shape, 1, root.dtype), false, 'constant')
}

function givenSeed(root: Variable, given: Operand | undefined): Variable | null {
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
