/**
 * A differentiable function; one instance is one call. A subclass writes `forward` on arrays and `backward` on
 * Variables; `apply` computes, links the outputs to this call, and tells the recorder.
 */

import { isFloating } from '../array/dtype.js'
import { NDArray } from '../array/ndarray.js'
import { markAsOurs } from '../copies.js'
import { TapeError } from '../errors.js'
import type { Attributes } from './attributes.js'
import { CallLinks, leftOut } from './call-links.js'
import { asArrays, type ForwardResult } from './forward-result.js'
import { nameOfFunc } from './func-names.js'
import { canBeMadeAgain } from './made-again.js'
import { mapping } from './mapped.js'
import { mode } from './mode.js'
import { keepSampleOf } from './samples.js'
import { asVariable, type Operand, OUTPUTS_MAX, Variable } from './variable.js'

/** What `backward` returns: a gradient for each input in order; null for an input that gets none. */
export type BackwardResult = Variable | null | readonly (Variable | null)[]

const NO_ATTRIBUTES: Attributes = Object.freeze({})

/**
 * A differentiable function; one instance is one call.
 *
 * A function of your own writes `forward` on arrays and `backward` on Variables:
 *
 *     class Twice extends Func {
 *       forward(x: NDArray) { return x.map((value) => 2 * value) }
 *       backward(gy: Variable) { return mul(gy, 2) }
 *     }
 *     const y = new Twice().apply(x)
 *
 * `registerFunc(Twice)` lets a tape that holds calls of it be read in another process.
 */
export abstract class Func {
  /** On the prototype until a call has some. */
  declare readonly attributes: Attributes
  /**
   * @internal What the call read and made. Before the call it stands on the prototype: undefined until the first call of the
   * class has been checked (`checkClass`), then null.
   */
  declare links: CallLinks | null | undefined

  /**
   * attributes  what the call needs to know besides its inputs; kept on the tape, and given to the constructor again
   *             when the call is made again from a tape. A subclass with arguments of its own passes them here: `super({ k })`.
   */
  constructor(attributes: Attributes = NO_ATTRIBUTES) {
    if (attributes !== NO_ATTRIBUTES) this.attributes = attributes
  }

  /** From the arrays of the inputs to the array (or, for several outputs, the list of arrays) of the output. */
  abstract forward(...xs: NDArray[]): ForwardResult | NDArray[]

  /**
   * From the gradient of each output to the gradient of each input. Written with functions on Variables, so that it
   * can be differentiated itself; `this.input` and `this.inputs` are what forward saw.
   */
  abstract backward(...gys: Variable[]): BackwardResult

  /** `forward` for a list of inputs. A function of any number of inputs overrides it: not every list fits on the call stack. */
  forwardList(xs: readonly NDArray[]): ForwardResult | NDArray[] {
    return this.forward(...xs)
  }

  /** `backward` for a list of gradients. A function of any number of outputs overrides it. */
  backwardList(gys: readonly Variable[]): BackwardResult {
    return this.backward(...gys)
  }

  /** @internal Whether the output in `slot` can require a gradient, where `differentiable` does not say all. */
  differentiableAt(_slot: number): boolean {
    return true
  }

  /** Whether outputs can require a gradient; false for argmax, comparisons and the like, whose outputs are constants. */
  get differentiable(): boolean {
    return true
  }

  /** The name this call is recorded under. */
  get name(): string {
    return nameOfFunc(this)
  }

  /** The 1-based position of this call in its run; null when it was not recorded. */
  get position(): number | null {
    const { links } = this
    return !links || links.owner === null ? null : links.ref
  }

  /** @internal Orders calls for backward; 0 before the call. */
  get order(): number {
    return this.links?.order ?? 0
  }

  /** @internal The position of its event in the run that recorded it. */
  get ref(): number {
    return this.links?.ref ?? 0
  }

  /** @internal */
  set ref(ref: number) {
    this.linksOf().ref = ref
  }

  /** @internal Dotted name of where the call was made. */
  get scope(): string {
    return this.links?.scope ?? ''
  }

  /** @internal */
  set scope(scope: string) {
    this.linksOf().scope = scope
  }

  /** What the call read, by slot. Inside backward an input that was assigned since appears with the value it had. */
  get inputs(): readonly Variable[] {
    return Array.from({ length: this.inputCount }, (_, slot) => this.inputAt(slot))
  }

  /** What the call made, by slot. Inside backward an output that was assigned since appears with the value it had. */
  get outputs(): readonly Variable[] {
    return Array.from({ length: this.outputCount }, (_, slot) => this.links!.outputWithValue(slot))
  }

  /** The only input, or the first. */
  get input(): Variable {
    return this.inputAt(0)
  }

  /** The only output, or the first. */
  get output(): Variable {
    const { links } = this
    if (!links || links.output0 === null)
      throw new TapeError('BAD_ARGUMENT', `${this.name} has no output yet; apply it first`)
    return links.outputWithValue(0)
  }

  /** @internal */
  get inputCount(): number {
    return this.links?.inputCount ?? 0
  }

  /** @internal */
  get outputCount(): number {
    return this.links?.outputCount ?? 0
  }

  /** The input in `slot`, with the value it had at the call. */
  inputAt(slot: number): Variable {
    return (this.links ?? new CallLinks(this)).inputAt(slot)
  }

  /** @internal The variable in `slot` itself, whatever value it has now: where a gradient goes. */
  linkedInput(slot: number): Variable {
    return (this.links ?? new CallLinks(this)).linkedInput(slot)
  }

  /** @internal The variable in output `slot` itself, whatever value it has now. */
  outputAt(slot: number): Variable {
    return this.links!.outputAt(slot)
  }

  /** Whether backward needs to compute the gradient of the input in `slot`; saves work for constants. */
  needsGradient(slot: number): boolean {
    const input = this.linkedInput(slot)
    return input.requiresGrad && !(input.gradSet && leftOut(this.linksOf(), input))
  }

  /**
   * Calls the function with its operands and gives its first output (`applyAll` gives all of them).
   *
   * Throws  FUNC_REUSED when this instance has been applied before: one instance is one call.
   */
  apply(...operands: Operand[]): Variable {
    if (operands.length === 1) return this.apply1(operands[0]!)
    if (operands.length === 2) return this.apply2(operands[0]!, operands[1]!)
    if (operands.length === 3) return this.apply3(operands[0]!, operands[1]!, operands[2]!)
    return this.applyList(operands)[0]!
  }

  /** Calls a function of several outputs. */
  applyAll(...operands: Operand[]): Variable[] {
    return this.applyList(operands)
  }

  /** As `applyAll`, for a list of any length: arguments would have to fit on the call stack. */
  applyList(operands: readonly Operand[]): Variable[] {
    const links = this.begin()
    const partner = operands.find((operand) => operand instanceof Variable) ?? null
    const inputs = operands.map((operand) => asVariable(operand, partner as Variable | null))
    for (const input of inputs) if (input.mapped !== null) return mapping.call(this, inputs)
    links.setInputs(inputs)
    const made = this.forwardList(inputs.map((input) => input.data))
    return this.finish(links, asArrays(this, made))
  }

  // `apply` for one, two and three operands, without a list of them: nearly all calls are these.

  /** @internal */
  apply1(operand: Operand): Variable {
    const links = this.begin()
    const x = operand instanceof Variable ? operand : asVariable(operand)
    const array = x.noted
    if (array === null) return mapping.call(this, [x])[0]!
    links.input0 = x
    links.array0 = array
    const made = this.forward(array)
    return made instanceof NDArray
      ? this.finish1(links, made, x.requiresGrad)
      : this.finish(links, asArrays(this, made))[0]!
  }

  /** @internal */
  apply2(left: Operand, right: Operand): Variable {
    const links = this.begin()
    const a = left instanceof Variable ? left : asVariable(left, right instanceof Variable ? right : null)
    const b = right instanceof Variable ? right : asVariable(right, a)
    const array0 = a.noted
    const array1 = b.noted
    if (array0 === null || array1 === null) return mapping.call(this, [a, b])[0]!
    links.input0 = a
    links.input1 = b
    links.array0 = array0
    links.array1 = array1
    const made = this.forward(array0, array1)
    return made instanceof NDArray
      ? this.finish1(links, made, a.requiresGrad || b.requiresGrad)
      : this.finish(links, asArrays(this, made))[0]!
  }

  /** @internal */
  apply3(first: Operand, second: Operand, third: Operand): Variable {
    const links = this.begin()
    const partner = first instanceof Variable ? first : second instanceof Variable ? second : asPartner(third)
    const a = asVariable(first, partner)
    const b = asVariable(second, partner)
    const c = asVariable(third, partner)
    const array0 = a.noted
    const array1 = b.noted
    const array2 = c.noted
    if (array0 === null || array1 === null || array2 === null) return mapping.call(this, [a, b, c])[0]!
    const more = links.withMore()
    links.input0 = a
    links.input1 = b
    more.input2 = c
    links.array0 = array0
    links.array1 = array1
    more.array2 = array2
    const made = this.forward(array0, array1, array2)
    return made instanceof NDArray
      ? this.finish1(links, made, a.requiresGrad || b.requiresGrad || c.requiresGrad)
      : this.finish(links, asArrays(this, made))[0]!
  }

  /** @internal Its links, which a Func that was not applied has when somebody calls it a creator by hand. */
  linksOf(): CallLinks {
    const links = this.links ?? new CallLinks(this)
    this.links = links
    return links
  }

  private begin(): CallLinks {
    const { links } = this
    if (links === undefined) this.checkClass()
    else if (links !== null) {
      if (links.used) this.refuseReuse()
      links.forgetInputs() // of a call whose forward threw
      return links
    }
    const fresh = new CallLinks(this)
    this.links = fresh
    return fresh
  }

  private finish1(links: CallLinks, array: NDArray, requiresGrad: boolean): Variable {
    const { linking } = mode
    const y = new Variable(
      array,
      linking &&
        requiresGrad &&
        (array.dtype === 'float64' || array.dtype === 'float32') &&
        this.differentiable,
      'variable',
    )
    if (linking) y.links = links
    links.output0 = y
    links.made0 = array
    this.end(links, linking)
    return y
  }

  private finish(links: CallLinks, arrays: readonly NDArray[]): Variable[] {
    if (arrays.length === 0)
      throw new TapeError('BAD_VALUE', `${this.name}.forward expected at least one output, got none`)
    if (arrays.length > OUTPUTS_MAX && mode.recorder !== null) this.refuseOutputs(arrays.length)
    let requiresGrad = false
    for (let slot = 0; slot < links.inputCount; slot++) requiresGrad ||= links.linkedInput(slot).requiresGrad
    requiresGrad &&= this.differentiable
    const { linking } = mode
    const outputs = arrays.map((array, slot) => {
      const wants = requiresGrad && isFloating(array.dtype) && this.differentiableAt(slot)
      const y = new Variable(array, linking && wants, 'variable')
      if (linking) y.links = links
      y.slot = slot
      return y
    })
    links.setOutputs(outputs, arrays)
    this.end(links, linking)
    return outputs
  }

  private end(links: CallLinks, linking: boolean): void {
    links.order = ++mode.clock
    links.scope = mode.scope
    if (mode.recorder !== null) mode.recorder.functionCalled(links, linking)
  }

  private refuseOutputs(count: number): never {
    throw new TapeError(
      'BAD_ARGUMENT',
      `a recorded call expected at most ${OUTPUTS_MAX} outputs, got ${count} of ${this.name}; make several calls, each of a part`,
    )
  }

  private refuseReuse(): never {
    throw new TapeError(
      'FUNC_REUSED',
      `this ${this.name} was applied before; one instance is one call, so make a new one: new ${this.constructor.name}(…).apply(…)`,
    )
  }

  /**
   * A class whose constructor takes arguments that are not on the tape could not be made again from it: said at its first
   * recorded call, before forward leaves anything in the instance. Of any other class one call is kept.
   */
  private checkClass(): void {
    const funcClass = this.constructor as new (attributes: Attributes) => Func
    if (canBeMadeAgain(this)) {
      keepSampleOf(this)
      return
    }
    if (mode.recorder === null) return
    throw new TapeError(
      'ATTRIBUTES_MISSING',
      `${funcClass.name}'s constructor takes ${funcClass.length} argument(s), but the call has no attributes, so the tape could not make it again; ` +
        `take one object and pass it on: constructor(attributes) { super(attributes) }`,
    )
  }
}

// Most calls have no attributes, and none is linked when it is made: so a new Func of most classes has no field to fill,
// and its first one is written when it is applied.
Object.assign(Func.prototype, { attributes: NO_ATTRIBUTES, links: undefined })
markAsOurs(Func)

function asPartner(operand: Operand): Variable | null {
  return operand instanceof Variable ? operand : null
}
