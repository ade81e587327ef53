/**
 * A node of the graph: an array with `data`, `grad`, `creator` and `name`. It knows which run records it and under which
 * number, and nothing of what the numbers mean. The functions are added as methods by `functions/methods.ts`.
 */

import { type DType, isFloating } from '../array/dtype.js'
import { type ArrayLike, full, ndarray } from '../array/make-array.js'
import { NDArray } from '../array/ndarray.js'
import { formatShape, type Shape, sameShape } from '../array/shape.js'
import { giveBack, noteBirths } from '../array/spare-memory.js'
import { markAsOurs } from '../copies.js'
import { TapeError, valueText } from '../errors.js'
import { checkFunction, checkOptions } from '../options.js'
import type { CallLinks } from './call-links.js'
import type { Func } from './func.js'
import { GradHistory } from './grad-history.js'
import { Mapped, mapping } from './mapped.js'
import { mode } from './mode.js'
import { NumberConstants } from './number-constants.js'
import type { Owner } from './recorder.js'
import { keepSamples } from './samples.js'
import {
  bitsOf,
  GRAD_SET,
  GRADIENT_ASSIGNED,
  IS_GRADIENT,
  REQUIRES_GRAD,
  type Role,
  roleIn,
  slotIn,
  UNSEEN,
  withSlot,
} from './variable-bits.js'

export type { Role } from './variable-bits.js'

/** Settings of a new Variable. */
export interface VariableOptions {
  name?: string | undefined
  dtype?: DType | undefined
  requiresGrad?: boolean | undefined
}

/** What a function takes: a Variable, or anything an array can be made of (it becomes a constant). */
export type Operand = Variable | ArrayLike

/** References to an output other than the first carry its slot above bit 40. */
export const SLOT_UNIT = 2 ** 40
/** A recorded call has this many outputs at most: a reference beyond would be no exact integer. */
export const OUTPUTS_MAX = 2 ** 53 / SLOT_UNIT

/** What few Variables have. */
class Extras {
  label: string | null = null
  hooks: GradientHook[] | null = null
  versionOf: Variable | null = null
  history: GradHistory | null = null
}

/**
 * A node of the graph: an array (`data`), its gradient (`grad`), the call that made it (`creator`; null for a leaf) and a `name`.
 * Every function takes Variables and gives Variables, and is a method here too: `x.mul(w).add(b)`.
 */
export class Variable {
  /** The call that made this variable; undefined where its owner knows and was not asked yet. */
  private call: CallLinks | null | undefined = null
  private bits: number
  /** @internal The run that knows this variable, and under which number. */
  owner: Owner | null = null
  /** @internal */
  ref = 0
  private array: NDArray | null
  private gradient: Variable | null = null
  private extras: Extras | null = null

  /**
   * A leaf that wants a gradient unless `requiresGrad` is false.
   *
   * value   number, nested arrays, typed array or NDArray; copied, except for an NDArray, which never changes
   * Throws  RAGGED_INPUT, BAD_DTYPE, BAD_VALUE for what is no array; BAD_DTYPE when `requiresGrad: true` is asked of integers
   */
  constructor(value: ArrayLike, options?: VariableOptions)
  /** @internal As calls and readers make them: nothing checked; `array` null when its owner loads it later. */
  constructor(array: NDArray | null, requiresGrad: boolean, role: Role)
  constructor(value: ArrayLike | null, options?: VariableOptions | boolean, role: Role = 'variable') {
    if (typeof options === 'boolean') {
      this.bits = bitsOf(role, options)
      this.array = value as NDArray | null
      return
    }
    if (options !== undefined) checkOptions(options, ['name', 'dtype', 'requiresGrad'], 'new Variable()')
    const array = leafArray(value as ArrayLike, options?.dtype)
    const floating = isFloating(array.dtype)
    if (options?.requiresGrad === true && !floating) {
      throw new TapeError(
        'BAD_DTYPE',
        `only float64 and float32 can require a gradient, got ${array.dtype}; pass { dtype: 'float64' }`,
      )
    }
    this.bits = bitsOf(role, floating && options?.requiresGrad !== false)
    this.array = array
    if (options?.name !== undefined) this.setNameQuietly(checkedName(options.name))
  }

  /** @internal The call that made this variable. */
  get links(): CallLinks | null {
    if (this.call === undefined) this.call = this.owner!.past!.link(this)
    return this.call
  }

  /** @internal */
  set links(call: CallLinks | null) {
    this.call = call
  }

  /** @internal As `links`, and undefined for what was not asked of its owner yet. */
  get knownLinks(): CallLinks | null | undefined {
    return this.call
  }

  /** @internal Its owner says which call made it, when somebody asks. */
  linkLater(): void {
    this.call = undefined
  }

  /** The call that made this variable; null for a leaf, and inside `noGrad`. */
  get creator(): Func | null {
    const { links } = this
    return links === null ? null : links.func
  }

  set creator(func: Func | null) {
    this.links = func === null ? null : func.linksOf()
  }

  /** Whether a pass computes a gradient for it. Integers and constants have none. */
  get requiresGrad(): boolean {
    return (this.bits & REQUIRES_GRAD) !== 0
  }

  /**
   * Freezes a leaf (false), so that passes leave it out and optimizers skip it, or lets it learn again (true). Freezing forgets its
   * gradient. For a run that knows the variable it is an event.
   *
   * A call reads it as it is then. So a graph that was made while the leaf was frozen gives it no gradient, also if it learns again when the
   * pass runs; and a pass gives none to what is frozen while it runs. PyTorch does the same.
   *
   * Throws  BAD_ARGUMENT for what is no boolean, for what a call made, for a constant, for a variable of a past run, and in the middle
   *         of a backward pass; BAD_DTYPE when integers shall require a gradient
   */
  set requiresGrad(wanted: boolean) {
    this.requireChangeable(wanted)
    if (wanted === this.requiresGrad) return
    mode.recorder?.requiresGradChanging?.(this)
    if (!wanted) this.clearGrad()
    if (wanted === this.requiresGrad) return // by a listener, who heard of the gradient
    this.bits ^= REQUIRES_GRAD
    const extras = this.withExtras()
    extras.history ??= new GradHistory()
    extras.history.changed(mode.clock)
    this.markGradSet()
    if (mode.recorder !== null) mode.recorder.requiresGradSet(this)
  }

  /** @internal Whether `requiresGrad` was set since the variable was made, here or in the run it is from. */
  get gradSet(): boolean {
    return (this.bits & GRAD_SET) !== 0
  }

  /** @internal */
  markGradSet(): void {
    this.bits |= GRAD_SET
  }

  /** @internal Whether it required a gradient when the live call of this order read it. */
  requiredGradAt(order: number): boolean {
    const history = this.extras === null ? null : this.extras.history
    return history === null ? this.requiresGrad : history.at(order, this.requiresGrad, this.describe())
  }

  /** @internal Throws when `requiresGrad` cannot become this. */
  requireChangeable(wanted: boolean): void {
    const where = `${this.describe()}.requiresGrad`
    if (typeof wanted !== 'boolean')
      throw new TapeError('BAD_ARGUMENT', `${where} expected true or false, got ${valueText(wanted)}`)
    if (wanted === this.requiresGrad) return
    if (wanted && !isFloating(this.dtype))
      throw new TapeError(
        'BAD_DTYPE',
        `${where}: only float64 and float32 can require a gradient, got ${this.dtype}`,
      )
    if (this.owner?.mapped !== undefined)
      throw new TapeError(
        'BAD_ARGUMENT',
        `${where} stands for an example inside vmap and cannot be set; take .detach(), or set it outside`,
      )
    if (this.role === 'constant')
      throw new TapeError('BAD_ARGUMENT', `${where} of a constant stays false; make a parameter of its data`)
    if (this.links !== null)
      throw new TapeError(
        'BAD_ARGUMENT',
        `${where} expected a leaf, but ${this.links.func.name} made it; take .detach() instead`,
      )
    if (this.owner?.past != null)
      throw new TapeError(
        'BAD_ARGUMENT',
        `${where} belongs to a recorded run, which never changes; make a parameter of its data`,
      )
    if (mode.inPass || (mode.recorder === null && this.owner !== null && !this.owner.finished))
      throw new TapeError(
        'BAD_ARGUMENT',
        `${where} cannot be set in the middle of a backward pass that a run records, as a hook or a listener would; set it before or after`,
      )
  }

  /** @internal */
  get role(): Role {
    return roleIn(this.bits)
  }

  /** @internal Which output of its creator this is. */
  get slot(): number {
    return slotIn(this.bits)
  }

  /** @internal */
  set slot(slot: number) {
    this.bits = withSlot(this.bits, slot)
  }

  /** @internal Whether `grad` was assigned by the user: then backward takes it as this root's seed. */
  get gradientAssigned(): boolean {
    return (this.bits & GRADIENT_ASSIGNED) !== 0
  }

  /** @internal The variable whose earlier value this one stands for inside a backward pass. */
  get versionOf(): Variable | null {
    return this.extras === null ? null : this.extras.versionOf
  }

  /** @internal */
  set versionOf(variable: Variable | null) {
    this.withExtras().versionOf = variable
  }

  /** The array. Reading never copies; nobody changes its elements. */
  get data(): NDArray {
    return this.array ?? this.load()
  }

  /**
   * Gives the variable a new value, as an optimizer does. It is an event: the variable has one version more, and calls
   * made before still know the version they read.
   *
   * Throws  SHAPE_MISMATCH or BAD_DTYPE when the new array has another shape or dtype.
   */
  set data(value: NDArray) {
    const current = this.data
    const next = value instanceof NDArray ? value : ndarray(value, { dtype: current.dtype })
    if (!sameShape(next.shape, current.shape)) {
      throw new TapeError(
        'SHAPE_MISMATCH',
        `${this.describe()}.data expected shape ${formatShape(current.shape)}, got ${formatShape(next.shape)}; make a new Variable for another shape`,
      )
    }
    if (next.dtype !== current.dtype) {
      throw new TapeError(
        'BAD_DTYPE',
        `${this.describe()}.data expected ${current.dtype}, got ${next.dtype}; convert it with .astype('${current.dtype}')`,
      )
    }
    if (this.role === 'constant' && this.array !== null) numbers.forget(this, this.array)
    this.owner?.past?.beforeAssignment(this, current)
    this.array = next
    const recorder = mode.recorder ?? mode.watching
    if (recorder !== null) recorder.valueAssigned(this, current)
  }

  /** @internal What it knows where it stands for an example inside of `vmap`; else null. */
  get mapped(): Mapped | null {
    return this.array === null ? (this.owner?.mapped ?? null) : null
  }

  /** @internal The array; inside of `vmap` that of all examples together, for questions that it answers for each of them. */
  get wholeData(): NDArray {
    return this.mapped?.whole.wholeData ?? this.data
  }

  /** @internal The array as a call notes it; null inside of `vmap`. */
  get noted(): NDArray | null {
    return this.array ?? (this.mapped === null ? this.load() : null)
  }

  /** @internal */
  get loadedData(): NDArray | null {
    return this.array
  }

  /** @internal The value of a variable from a file, which was not loaded yet. */
  keepLoaded(array: NDArray): void {
    this.array = array
  }

  /** The extent of each axis; empty for a single number. */
  get shape(): Shape {
    return (this.array ?? this.sized()).shape
  }

  /** float64, float32, int32, uint8 or bool. */
  get dtype(): DType {
    return (this.array ?? this.sized()).dtype
  }

  /** How many axes there are. */
  get ndim(): number {
    return (this.array ?? this.sized()).shape.length
  }

  /** How many elements there are. */
  get size(): number {
    return (this.array ?? this.sized()).size
  }

  /** The number in a variable of one element. Throws NOT_SCALAR when there are more, or none. */
  item(): number {
    return this.data.item()
  }

  /** By which tapes, queries and pictures know it. Naming a variable of a recorded run is an event. */
  get name(): string | null {
    return this.extras === null ? null : this.extras.label
  }

  set name(name: string | null) {
    if (name === this.name) return
    this.setNameQuietly(name === null ? null : checkedName(name))
    const recorder = mode.recorder ?? mode.watching
    if (recorder !== null) recorder.variableNamed(this)
  }

  /** @internal Names the variable without telling anybody. */
  setNameQuietly(name: string | null): void {
    if (name !== null || this.extras !== null) this.withExtras().label = name
  }

  /** The 1-based place in its run of the event that made this variable; null when no run has seen it. */
  get position(): number | null {
    return this.owner === null ? null : this.ref % SLOT_UNIT
  }

  /** The accumulated gradient: a Variable, so that it can be computed with and differentiated again. */
  get grad(): Variable | null {
    return this.heldGrad ?? this.owner?.past?.recordedGradient(this) ?? null
  }

  /** @internal What passes left, without what a tape remembers of earlier ones. */
  get heldGrad(): Variable | null {
    const { gradient } = this
    if (gradient !== null) gradient.markSeen()
    return gradient
  }

  /** @internal As `heldGrad`, for who keeps nothing of it and shows it to nobody. */
  get passingGrad(): Variable | null {
    return this.gradient
  }

  /** @internal Somebody may have it now. */
  markSeen(): void {
    this.bits &= ~UNSEEN
  }

  /** @internal Its memory is nobody else's: when it is cleared before anybody saw it, that can be used again. */
  markUnseen(): void {
    this.bits |= UNSEEN
  }

  /** @internal Gives the memory of a gradient back, if nobody can have it. */
  giveBackUnseen(): void {
    if ((this.bits & UNSEEN) === 0) return
    this.bits &= ~UNSEEN
    giveBack(this.array!.buffer)
  }

  /**
   * Assigns the gradient. A root's assigned gradient is where its `backward()` starts. What is the gradient of a variable
   * already is copied, so that assigning to the one never changes the other.
   *
   * Throws  SHAPE_MISMATCH when the shape is not this variable's; a number fills it.
   */
  set grad(value: Operand | null) {
    if (value === null) {
      this.clearGrad()
      return
    }
    const given = gradientLike(value, this, 'grad')
    const isTaken = (given.bits & IS_GRADIENT) !== 0 && given !== this.gradient && !given.requiresGrad
    this.holdAssignedGrad(isTaken ? given.detach() : given)
    const recorder = mode.recorder ?? mode.watching
    if (recorder !== null) recorder.gradientAssigned(this, this.gradient!)
  }

  /** @internal What backward leaves: not an assignment by the user. */
  holdGrad(gradient: Variable): void {
    this.gradient = gradient
    gradient.bits |= IS_GRADIENT
  }

  /** @internal A gradient that the program had assigned. */
  holdAssignedGrad(gradient: Variable): void {
    this.holdGrad(gradient)
    this.bits |= GRADIENT_ASSIGNED
  }

  /** Forgets the gradient, so that the next pass does not add to it. */
  clearGrad(): void {
    const { gradient, gradientAssigned } = this
    this.gradient = null
    this.bits &= ~GRADIENT_ASSIGNED
    this.owner?.past?.forgetGradient(this)
    if (gradient === null) return
    const recorder = mode.recorder ?? mode.watching
    if (recorder !== null) recorder.gradientCleared(this, gradient, gradientAssigned)
    if (recorder === null || recorder.leavesGradients) gradient.giveBackUnseen()
  }

  /** Says which call made this variable (DeZero's `set_creator`); `apply` does it for you. */
  setCreator(creator: Func): void {
    this.creator = creator
    const slot = creator.outputs.indexOf(this)
    this.slot = slot < 0 ? 0 : slot
  }

  /** A constant with the same array: the graph ends here. */
  detach(): Variable {
    const { mapped } = this
    if (mapped !== null) return exampleLike(mapped, false)
    return new Variable(this.data, false, 'constant')
  }

  /** Cuts this variable from its creator, so that no pass walks further back (truncated backpropagation). */
  unchain(): void {
    const { call } = this
    if (call === null) return
    this.call = null
    const recorder = mode.recorder ?? mode.watching
    if (recorder !== null) recorder.variableUnchained(this, call)
  }

  /**
   * Calls `hook` with each gradient a pass finishes for this variable, before it is kept or passed on; what the hook
   * returns, if anything (null counts as nothing), takes its place. Returns a function that takes the hook away.
   * Throws BAD_ARGUMENT for a hook that is no function.
   */
  onGradient(hook: GradientHook): () => void {
    checkFunction(hook, 'onGradient')
    mode.recorder?.hookAdded?.(this)
    const extras = this.withExtras()
    extras.hooks = [...(extras.hooks ?? []), hook]
    return () => {
      const left = extras.hooks?.filter((other) => other !== hook) ?? []
      extras.hooks = left.length === 0 ? null : left
    }
  }

  /** @internal */
  get gradientHooks(): readonly GradientHook[] | null {
    return this.extras === null ? null : this.extras.hooks
  }

  /** @internal How error messages name it. */
  describe(): string {
    return this.name ?? 'variable'
  }

  /** The array as NumPy prints it, in `variable(…)`. */
  toString(): string {
    const { mapped } = this
    if (mapped !== null)
      return `variable(one of ${mapped.level.rows} examples, ${mapped.dtype} ${formatShape(mapped.shape)})`
    return `variable(${this.data.toString().replaceAll('\n', '\n         ')})`
  }

  private withExtras(): Extras {
    this.extras ??= new Extras()
    return this.extras
  }

  /** What knows shape and dtype. */
  private sized(): NDArray | Mapped {
    return this.owner?.mapped ?? this.load()
  }

  private load(): NDArray {
    const births = noteBirths(null) // what a file gives is its owner's, also in the middle of a pass
    try {
      this.array = this.owner!.loader!.loadValue(this)
    } finally {
      noteBirths(births)
    }
    return this.array
  }
}

const sample = new Variable(null, false, 'variable')
sample.ref = null as never // as in call-links.ts: no box for a ref
keepSamples(sample, new Extras())

/** @internal The same example by itself: it hangs on nothing. */
export function exampleLike({ level, whole }: Mapped, requiresGrad: boolean): Variable {
  const example = new Variable(null, requiresGrad, 'variable')
  example.owner = new Mapped(level, whole.detach())
  return example
}

/** Sees a gradient; what it returns, if anything, takes its place. */
type GradientHook = (gradient: Variable) => Variable | null | undefined | void

const numbers = new NumberConstants((array) => new Variable(array, false, 'constant'))

/** @internal When a run begins: the numbers that came before it are no part of it. */
export function forgetNumbers(): void {
  numbers.forgetAll()
}

/**
 * The operand as a Variable. A bare number takes the floating dtype of its partner, as NumPy's weak scalars do, so
 * that `x.mul(2)` of float32 stays float32.
 */
export function asVariable(value: Operand, partner: Variable | null = null): Variable {
  if (value instanceof Variable) return value
  if (typeof value === 'number') return numbers.constantOf(value, partner)
  if (value instanceof NDArray) return new Variable(value, false, 'constant')
  // A list of booleans stays one: as numbers a mask would be added to scores in the place of hiding some.
  const likePartner =
    partner !== null && !ArrayBuffer.isView(value) && isFloating(partner.dtype) && !beginsWithBoolean(value)
  return new Variable(ndarray(value, likePartner ? { dtype: partner.dtype } : {}), false, 'constant')
}

function beginsWithBoolean(value: unknown): boolean {
  let first = value
  while (Array.isArray(first)) first = first[0]
  return typeof first === 'boolean'
}

/** `value` as a gradient of `variable`: same shape (a number fills it), same dtype. */
export function gradientLike(value: Operand, variable: Variable, what: string): Variable {
  const { shape, dtype } = variable
  // Of its own, also for one element: the constant of a number is shared by the process, and would make what is recorded depend
  // on what was recorded before.
  if (typeof value === 'number') return new Variable(full(shape, value, dtype), false, 'constant')
  const gradient = asVariable(value, variable)
  if (!sameShape(gradient.shape, shape)) {
    throw new TapeError(
      'SHAPE_MISMATCH',
      `${what} of ${variable.describe()} expected shape ${formatShape(shape)}, got ${formatShape(gradient.shape)}`,
    )
  }
  if (gradient.dtype === dtype) return gradient
  if (gradient.mapped !== null) return mapping.cast(gradient, dtype)
  return new Variable(gradient.data.astype(dtype), false, 'constant')
}

/** The array of a new leaf. */
export function leafArray(value: ArrayLike, dtype: DType | undefined): NDArray {
  if ((value as unknown) instanceof Variable) {
    throw new TapeError(
      'BAD_ARGUMENT',
      'new Variable() expected numbers, got a Variable; use it as it is, or take .detach() of it',
    )
  }
  return dtype === undefined ? ndarray(value) : ndarray(value, { dtype })
}

/** The name, when it is one that a tape and a state file can give back. */
export function checkedName(name: string): string {
  // Half a surrogate pair is no character: no tape and no state file could give it back.
  if (typeof name !== 'string' || name === '' || /\p{Surrogate}/u.test(name)) {
    throw new TapeError(
      'BAD_ARGUMENT',
      `a name expected a non-empty string of whole characters, got ${valueText(name)}`,
    )
  }
  return name
}

markAsOurs(Variable)
