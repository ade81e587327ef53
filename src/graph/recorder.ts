/**
 * What the graph tells whoever records it. A run fills this in; so does a replay, which compares instead of writing.
 * The graph calls it at the moment a thing has happened, before the user's call returns: a recorder that throws because it
 * cannot write has recorded the thing all the same. One that refuses a thing undoes it first.
 */
import type { Kernel } from '../array/kernel.js'
import type { NDArray } from '../array/ndarray.js'
import type { CallLinks } from './call-links.js'
import type { Mapped } from './mapped.js'
import type { Variable } from './variable.js'

declare module './mode.js' {
  interface Mode {
    /** The run that records calls; null when nothing is recorded. */
    recorder: Recorder | null
    /** Who records what hooks and listeners do to variables in the middle of a pass whose own arithmetic is not recorded. */
    watching: Recorder | null
  }
}

/**
 * What knows a variable under its `ref`: the run that recorded it, a past run that it was read from, or the state that a replay
 * begins with. `ref` numbers mean something only to their owner.
 */
export interface Owner {
  /** True once nothing more is recorded there, so that another run may take the variable over. */
  readonly finished: boolean
  /** Reads values of variables that were made without; null where every variable has its value from the start. */
  readonly loader: ValueLoader | null
  /** What only a past run answers; null for any other owner. */
  readonly past: PastOwner | null
  /** What stands for an example inside of `vmap` knows this in the place of an array. */
  readonly mapped?: Mapped
}

/** Reads values when somebody asks for them. */
export interface ValueLoader {
  loadValue(variable: Variable): NDArray
}

/** A past run, as the owner of the variables and calls that were read from it. */
export interface PastOwner {
  /** The user gives a variable another value than `array`. */
  beforeAssignment(variable: Variable, array: NDArray): void
  /** The value that a variable had, where the user gave it another since; else null. */
  formerValue(variable: Variable): NDArray | null
  /** The call that made a variable, now that somebody asks; null for none. */
  link(variable: Variable): CallLinks | null
  /**
   * Where a pass collects gradients for calls of this run.
   *
   * add      the sum of two gradients
   * arrive   takes a gradient to the call that made a variable, or to the leaf it is
   * targets  the variables asked for by `grad`, which must be met on the way
   * roots    where the pass began
   * lasting  whether the pass needs the Variables and calls that users see, as it keeps more than gradients of leaves
   */
  pendingGradients(
    add: (a: Variable, b: Variable) => Variable,
    arrive: (variable: Variable, gradient: Variable) => void,
    targets: readonly Variable[] | null,
    lasting: boolean,
    roots: readonly Variable[],
  ): PendingGradients
  /** The gradient that was recorded for the variable; shown until a pass leaves another or it is cleared. */
  recordedGradient(variable: Variable): Variable | null
  forgetGradient(variable: Variable): void
}

/** Gradients that a pass has collected for calls of a past run. */
export interface PendingGradients {
  /** What computes the gradients of this run as the run did; null where that is not to be had. */
  readonly kernel: Kernel | null
  /** The leaf that `ref` names there, where the run had cut it from its creator when it took gradients; else null. */
  cutLeaf(ref: number): Variable | null
  /** Whether the leaf that `ref` names was frozen there when the run took the gradients of the pass's roots. */
  isFrozen(ref: number): boolean
  /** Adds to the gradient of what `ref` names there. */
  arrive(ref: number, gradient: Variable): void
  /** The latest call that has gradients, with them; null when none has. */
  next(): CallLinks | null
}

/** What a backward pass was asked to do. */
export interface PassRequest {
  readonly roots: readonly Variable[]
  /** The seed of each root. */
  readonly seeds: readonly Variable[]
  /** Which seeds were given or assigned; the others are the default, ones. */
  readonly seedGiven: readonly boolean[]
  /** The variables asked for by `grad`; null when gradients go to `.grad`. */
  readonly targets: readonly Variable[] | null
  readonly createGraph: boolean
  readonly retainGrad: boolean
}

export interface Recorder extends Owner {
  /**
   * Whether a pass may use the memory of gradients again of which `gradientComputed` says that they are not read later. Then
   * `gradientCleared` keeps nothing, there is no `replacementFor`, and a variable whose array is kept is marked as seen.
   */
  readonly leavesGradients: boolean
  /** `call.func` ran forward: name it and its outputs. Unlinked calls (`noGrad`) are events too. */
  functionCalled(call: CallLinks, linked: boolean): void
  /** `variable.data` was assigned; it is already the new array, and was `before`. */
  valueAssigned(variable: Variable, before: NDArray): void
  variableNamed(variable: Variable): void
  /** How many events there are so far. */
  readonly eventCount?: number
  /** Somebody wants to see the gradients of `variable`; throws where they will never be seen. */
  hookAdded?(variable: Variable): void
  /** `variable.grad` was assigned by the user. */
  gradientAssigned(variable: Variable, gradient: Variable): void
  /** `variable.grad` was cleared; it was `gradient`, by the user's assignment or a pass's. */
  gradientCleared(variable: Variable, gradient: Variable, wasAssigned: boolean): void
  /** A variable was made to be read in later steps: it is on the tape from now on, so that a run that ends before them has it. */
  stateKept?(variable: Variable): void
  /** An optimizer was given these parameters and found no gradient to update them with; `by` is what it is called. */
  passedOver?(by: string, parameters: readonly Variable[]): void
  /** Somebody is about to set `variable.requiresGrad` to another value; throws where a tape could not repeat that. */
  requiresGradChanging?(variable: Variable): void
  /** `variable.requiresGrad` was set, and was another before. */
  requiresGradSet(variable: Variable): void
  /** The variable was cut from `call`; undefined where its owner was not asked yet which one made it. */
  variableUnchained(variable: Variable, call: CallLinks | undefined): void
  /**
   * A backward pass begins. Returns a number that names the pass, or 0 when this recorder does not know the roots;
   * then nothing of the pass is recorded and its gradients are adopted as leaves when they are used.
   */
  backwardStarted(request: PassRequest): number
  /**
   * The pass finished one gradient.
   *
   * contribution  what this pass gives to `variable`
   * held          what `variable.grad` is after accumulation; null when the variable does not keep its gradient
   *
   * Gives whether it reads an array of them later, and then `held` is marked as seen; false only when it has read all that it wants.
   */
  gradientComputed(pass: number, variable: Variable, contribution: Variable, held: Variable | null): boolean
  /**
   * A hook put `gradient` in the place of what the pass computed for `variable`; `gradientComputed` follows.
   */
  gradientReplaced(pass: number, variable: Variable, gradient: Variable): void
  /**
   * Asked before each gradient is finished by a recorder that repeats a recorded pass: what a hook, which this process
   * does not have, put in the gradient's place; null for nothing.
   */
  replacementFor?(variable: Variable): Variable | null
  /**
   * Asked of a recorder that repeats a recorded pass: the Variable that the gradient of `variable` was, where it was something
   * else already (another gradient, a seed), as passes left it until each variable got a gradient of its own; else null.
   */
  sharedGradient?(variable: Variable): Variable | null
  /** The pass ended in an exception; what it had finished by then stands. */
  backwardAborted(pass: number): void
  /** A pass that this recorder did not record left a gradient in `variable.grad`. */
  gradientHeld(variable: Variable): void
}
