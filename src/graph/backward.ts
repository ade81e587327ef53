/**
 * Backward: a walk over calls in descending order, the same for a live graph and for one read from a file.
 *
 * Order of execution is already a topological order, so the walk takes the latest call that has a gradient, asks it for
 * the gradients of its inputs, and goes on with the next latest: a heap, no recursion, no sort. It follows that the
 * gradients of a variable that is used more than once are added in descending order of the calls that used it
 * (within one call: in ascending order of slots), which fixes every bit of the sum.
 */
import { add } from '../array/elementwise.js'
import { onesLike, zerosLike } from '../array/ndarray.js'
import { formatShape, sameShape } from '../array/shape.js'
import { TapeError } from '../errors.js'
import { CallHeap } from './call-heap.js'
import type { Func } from './func.js'
import { mode, unrecorded, withLinking } from './mode.js'
import type { PassRequest, Recorder } from './recorder.js'
import { createFunc } from './registry.js'
import { type BackwardOptions, gradientLike, type Operand, Variable } from './variable.js'

let passCount = 0

/**
 * Runs backward from `root` and leaves gradients in `.grad` of the leaves (with `retainGrad` of every variable).
 * Gradients add to those already there.
 *
 * Throws  NOT_SCALAR  the root has more than one element and neither `gradient` nor an assigned `grad`
 *         NOT_DIFFERENTIABLE  the root does not depend on anything that requires a gradient
 */
export function backward(root: Variable, options: BackwardOptions = {}): void {
  const request = {
    roots: [root],
    ...seedsOf([root], [options.gradient]),
    targets: null,
    createGraph: options.createGraph === true,
    retainGrad: options.retainGrad === true,
  }
  new Pass(request).run()
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
  const seeds = seedsOf(roots, options.gradients ?? [])
  const found = new Pass({
    roots,
    ...seeds,
    targets,
    createGraph: options.createGraph === true,
    retainGrad: false,
  }).run()
  return targets.map((target) => found.get(target) ?? new Variable(zerosLike(target.data), false, 'constant'))
}

function seedsOf(
  roots: readonly Variable[],
  gradients: readonly (Operand | undefined)[],
): Pick<PassRequest, 'seeds' | 'seedGiven'> {
  const given = roots.map((root, i) => givenSeed(root, gradients[i]))
  const seeds = given.map((seed, i) => seed ?? new Variable(onesLike(roots[i]!.data), false, 'constant'))
  return { seeds, seedGiven: given.map((seed) => seed !== null) }
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

class Pass {
  private readonly id = ++passCount
  private readonly heap = new CallHeap()
  /** What came to each leaf, in order of first arrival. */
  private readonly leaves = new Map<Variable, Variable>()
  private readonly found = new Map<Variable, Variable>()
  private readonly targets: Set<Variable> | null
  /** Calls that an outer pass is collecting for: given back to it at the end. */
  private borrowed:
    | { call: Func; pass: number; pending: Variable | null; rest: (Variable | null)[] | null }[]
    | null = null
  private recorder: Recorder | null = mode.recorder
  private recordedPass = 0
  private readonly request: PassRequest

  constructor(request: PassRequest) {
    this.request = request
    this.targets = request.targets === null ? null : new Set(request.targets)
  }

  run(): Map<Variable, Variable> {
    const { roots, seeds, createGraph } = this.request
    if (this.recorder !== null) this.recordedPass = this.recorder.backwardStarted(this.request)
    const bystander = this.recordedPass === 0 ? this.recorder : null
    if (this.recordedPass === 0) this.recorder = null
    const walk = () => {
      for (let i = 0; i < roots.length; i++) this.arrive(roots[i]!, seeds[i]!)
      this.walk()
      for (const [leaf, gradient] of this.leaves) this.finish(leaf, gradient)
    }
    try {
      if (createGraph) withLinking(true, walk)
      else unrecorded(walk)
    } catch (error) {
      this.recorder?.backwardAborted(this.recordedPass)
      throw error
    } finally {
      this.giveBack()
    }
    if (bystander !== null && this.targets === null)
      for (const leaf of this.leaves.keys()) bystander.gradientHeld(leaf)
    return this.found
  }

  private walk(): void {
    for (let call = this.heap.pop(); call !== null; call = this.heap.pop()) {
      const gradients = this.gradientsOfOutputs(call)
      call.pass = 0
      const result = gradients instanceof Variable ? call.backward(gradients) : call.backward(...gradients)
      this.distribute(call, result)
    }
  }

  /** Takes the collected gradients of a call's outputs; an output that none arrived for gets zeros. */
  private gradientsOfOutputs(call: Func): Variable | Variable[] {
    const first = call.pending
    call.pending = null
    if (call.outputCount === 1) return this.finish(call.outputAt(0), first!)
    const rest = call.pendingRest
    call.pendingRest = null
    return call.outputs.map((output, slot) => {
      const pending = slot === 0 ? first : (rest?.[slot - 1] ?? null)
      return pending === null
        ? new Variable(zerosLike(output.data), false, 'constant')
        : this.finish(output, pending)
    })
  }

  private distribute(call: Func, result: ReturnType<Func['backward']>): void {
    if (result instanceof Variable) {
      if (call.inputCount !== 1)
        this.refuse(
          call,
          `one gradient for ${call.inputCount} inputs; return a list, with null for inputs that get none`,
        )
      this.give(call, 0, result)
      return
    }
    if (result === null) return
    if (!Array.isArray(result) || result.length !== call.inputCount) {
      this.refuse(
        call,
        `${Array.isArray(result) ? `${result.length} gradients` : typeof result} for ${call.inputCount} input(s)`,
      )
    }
    for (let slot = 0; slot < result.length; slot++) {
      const gradient = result[slot]
      if (gradient !== null && gradient !== undefined) this.give(call, slot, gradient)
    }
  }

  private give(call: Func, slot: number, gradient: Variable): void {
    const input = call.linkedInput(slot)
    if (!input.requiresGrad) return
    if (!(gradient instanceof Variable))
      this.refuse(call, `a ${typeof gradient} for input ${slot}; return Variables`)
    const wanted = input.data
    if (!sameShape(gradient.shape, wanted.shape)) {
      this.refuse(
        call,
        `shape ${formatShape(gradient.shape)} for input ${slot} of shape ${formatShape(wanted.shape)}`,
      )
    }
    this.arrive(input, gradient.dtype === wanted.dtype ? gradient : this.cast(gradient, wanted.dtype))
  }

  private arrive(variable: Variable, gradient: Variable): void {
    const call = variable.creator
    if (call === null) {
      const leaf = variable.versionOf ?? variable
      const before = this.leaves.get(leaf)
      this.leaves.set(leaf, before === undefined ? gradient : this.sum(before, gradient))
      return
    }
    if (call.pass !== this.id) this.enter(call)
    const { slot } = variable
    if (slot === 0) {
      call.pending = call.pending === null ? gradient : this.sum(call.pending, gradient)
    } else {
      call.pendingRest ??= new Array<Variable | null>(call.outputCount - 1).fill(null)
      const before = call.pendingRest[slot - 1] ?? null
      call.pendingRest[slot - 1] = before === null ? gradient : this.sum(before, gradient)
    }
  }

  private enter(call: Func): void {
    if (call.pass !== 0) {
      this.borrowed ??= []
      this.borrowed.push({ call, pass: call.pass, pending: call.pending, rest: call.pendingRest })
    }
    call.pass = this.id
    call.pending = null
    call.pendingRest = null
    this.heap.push(call)
  }

  /** A gradient is complete: hooks see it, `.grad` or the answer takes it, the recorder hears of it. */
  private finish(variable: Variable, complete: Variable): Variable {
    const gradient = this.replaced(variable, complete)
    let held: Variable | null = null
    if (this.targets !== null) {
      if (this.targets.has(variable)) {
        held = gradient
        this.found.set(variable, gradient)
      }
    } else if (variable.creator === null || this.request.retainGrad) {
      held = this.accumulate(variable, gradient)
    }
    if (this.recorder !== null) this.recorder.gradientComputed(this.recordedPass, variable, gradient, held)
    return gradient
  }

  /** What the variable's hooks make of a gradient. */
  private replaced(variable: Variable, complete: Variable): Variable {
    const hooks = variable.gradientHooks
    let gradient = this.recorder?.replacementFor?.(variable) ?? complete
    if (hooks !== null) {
      for (const hook of hooks) {
        const made = hook(gradient)
        if (made !== undefined) gradient = gradientLike(made, variable, 'what a hook returned as gradient')
      }
    }
    if (gradient !== complete) this.recorder?.gradientReplaced(this.recordedPass, variable, gradient)
    return gradient
  }

  private accumulate(variable: Variable, gradient: Variable): Variable {
    const before = variable.heldGrad
    // The assigned gradient of a root is its seed; it stays as the user assigned it.
    if (variable.gradientAssigned && this.request.roots.includes(variable)) return before!
    const held = before === null ? gradient : this.sum(before, gradient)
    variable.holdGrad(held)
    return held
  }

  private sum(a: Variable, b: Variable): Variable {
    if (this.request.createGraph) return createFunc('add').apply2(a, b)
    return new Variable(add(a.data, b.data), false, 'variable')
  }

  private cast(gradient: Variable, dtype: Variable['dtype']): Variable {
    if (this.request.createGraph) return createFunc('cast', { dtype }).apply1(gradient)
    return new Variable(gradient.data.astype(dtype), false, 'variable')
  }

  private giveBack(): void {
    // A pass that threw leaves calls marked; unmark them, so that the next pass starts clean.
    for (let call = this.heap.pop(); call !== null; call = this.heap.pop()) {
      call.pass = 0
      call.pending = null
      call.pendingRest = null
    }
    if (this.borrowed === null) return
    for (const { call, pass, pending, rest } of this.borrowed) {
      call.pass = pass
      call.pending = pending
      call.pendingRest = rest
    }
  }

  private refuse(call: Func, got: string): never {
    throw new TapeError(
      'BAD_GRADIENT',
      `${call.name}.backward expected one gradient per input, each of its input's shape; got ${got}`,
    )
  }
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
