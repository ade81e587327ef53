/**
 * A differentiable function; one instance is one call. A subclass writes `forward` on arrays and `backward` on
 * Variables; `apply` computes, links the outputs to this call, and tells the recorder.
 */

import { isFloating, type TypedArray } from '../array/dtype.js'
import { NDArray, type NestedArray, ndarray } from '../array/ndarray.js'
import { TapeError } from '../errors.js'
import { mode } from './mode.js'
import type { Home } from './recorder.js'
import { nameOfFunc } from './registry.js'
import { asVariable, type Operand, Variable } from './variable.js'

/** Plain data: what an attribute of a call can be, so that the tape can keep it. */
export type AttributeValue =
  | null
  | boolean
  | number
  | string
  | readonly AttributeValue[]
  | { readonly [key: string]: AttributeValue }
/** What a call was told besides its inputs (an axis, an exponent): plain data, kept on the tape. */
export type Attributes = { readonly [key: string]: AttributeValue | undefined }

/** What `forward` may return for one output; whatever is not an NDArray is made one. */
export type ForwardResult = NDArray | TypedArray | number | NestedArray
/** What `backward` returns: a gradient for each input in order; null for an input that gets none. */
export type BackwardResult = Variable | null | readonly (Variable | null)[]

const NO_ATTRIBUTES: Attributes = Object.freeze({})
const checkedClasses = new WeakSet<object>()

export abstract class Func {
  readonly attributes: Attributes
  /** @internal Orders calls for backward: the clock for live calls; below zero for calls read from a file. */
  order = 0
  /** @internal */
  home: Home | null = null
  /** @internal The position of this call's event in its home. */
  ref = 0
  /** @internal Dotted name of where the call was made; '' for nowhere in particular. */
  scope = ''
  /** @internal Backward's bookkeeping: the pass that is collecting gradients here, and what it has of each output. */
  pass = 0
  /** @internal */
  pending: Variable | null = null
  /** @internal */
  pendingRest: (Variable | null)[] | null = null
  // The first inputs and the arrays they held at the call, in fields: most calls have one or two.
  private input0: Variable | null = null
  private input1: Variable | null = null
  private array0: NDArray | null = null
  private array1: NDArray | null = null
  private inputsRest: { variables: Variable[]; arrays: (NDArray | null)[] } | null = null
  private output0: Variable | null = null
  private made0: NDArray | null = null
  private outputsRest: { variables: Variable[]; arrays: (NDArray | null)[] } | null = null

  /**
   * attributes  what the call needs to know besides its inputs; kept on the tape, and given to the constructor again
   *             when the call is rehydrated. A subclass with arguments of its own passes them here: `super({ k })`.
   */
  constructor(attributes: Attributes = NO_ATTRIBUTES) {
    this.attributes = attributes
  }

  /** From the arrays of the inputs to the array (or, for several outputs, the list of arrays) of the output. */
  abstract forward(...xs: NDArray[]): ForwardResult | NDArray[]

  /**
   * From the gradient of each output to the gradient of each input. Written with functions on Variables, so that it
   * can be differentiated itself; `this.input` and `this.inputs` are what forward saw.
   */
  abstract backward(...gys: Variable[]): BackwardResult

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
    return this.home === null ? null : this.ref
  }

  /** What the call read, by slot. Inside backward an input that was assigned since appears with the value it had. */
  get inputs(): readonly Variable[] {
    const { inputCount } = this
    return Array.from({ length: inputCount }, (_, slot) => this.inputAt(slot))
  }

  /** What the call made, by slot. Inside backward an output that was assigned since appears with the value it had. */
  get outputs(): readonly Variable[] {
    return Array.from({ length: this.outputCount }, (_, slot) => this.outputWithValue(slot))
  }

  get input(): Variable {
    return this.inputAt(0)
  }

  get output(): Variable {
    if (this.output0 === null)
      throw new TapeError('BAD_ARGUMENT', `${this.name} has no output yet; apply it first`)
    return this.outputWithValue(0)
  }

  /** @internal */
  get inputCount(): number {
    if (this.inputsRest !== null) return 2 + this.inputsRest.variables.length
    return this.input1 !== null ? 2 : this.input0 !== null ? 1 : 0
  }

  /** @internal */
  get outputCount(): number {
    return this.output0 === null ? 0 : 1 + (this.outputsRest?.variables.length ?? 0)
  }

  /** The input in `slot`, with the value it had at the call. */
  inputAt(slot: number): Variable {
    const variable = this.linkedInput(slot)
    const array = slot === 0 ? this.array0 : slot === 1 ? this.array1 : this.inputsRest!.arrays[slot - 2]!
    return array === null || array === variable.loadedData ? variable : this.formerVersion(variable, array)
  }

  /** @internal The variable in `slot` itself, whatever value it has now: where a gradient goes. */
  linkedInput(slot: number): Variable {
    const variable =
      slot === 0 ? this.input0 : slot === 1 ? this.input1 : (this.inputsRest?.variables[slot - 2] ?? null)
    if (variable === null) {
      throw new TapeError(
        'INDEX_OUT_OF_RANGE',
        `${this.name} has ${this.inputCount} inputs, asked for input ${slot}`,
      )
    }
    return variable
  }

  /** @internal The variable in output `slot` itself, whatever value it has now. */
  outputAt(slot: number): Variable {
    return slot === 0 ? this.output0! : this.outputsRest!.variables[slot - 1]!
  }

  private outputWithValue(slot: number): Variable {
    const variable = this.outputAt(slot)
    const array = slot === 0 ? this.made0 : this.outputsRest!.arrays[slot - 1]!
    return array === null || array === variable.loadedData ? variable : this.formerVersion(variable, array)
  }

  /** Whether backward needs to compute the gradient of the input in `slot`; saves work for constants. */
  needsGradient(slot: number): boolean {
    return this.linkedInput(slot).requiresGrad
  }

  /**
   * Calls the function with its operands and gives its first output (`applyAll` gives all of them).
   *
   * Throws  FUNC_REUSED when this instance has been applied before: one instance is one call.
   */
  apply(...operands: Operand[]): Variable {
    if (operands.length === 1) return this.apply1(operands[0]!)
    if (operands.length === 2) return this.apply2(operands[0]!, operands[1]!)
    return this.applyAll(...operands)[0]!
  }

  /** Calls a function of several outputs. */
  applyAll(...operands: Operand[]): Variable[] {
    this.checkUnused()
    const partner = operands.find((operand) => operand instanceof Variable) ?? null
    const inputs = operands.map((operand) => asVariable(operand, partner as Variable | null))
    this.setInputs(inputs, false)
    const made = this.forward(...inputs.map((input) => input.data))
    const outputs = isArrayList(made) ? made : [this.asArray(made)]
    return this.finish(outputs)
  }

  /** @internal `apply` for one operand. */
  apply1(operand: Operand): Variable {
    this.checkUnused()
    const x = operand instanceof Variable ? operand : asVariable(operand)
    this.input0 = x
    this.array0 = x.data
    const made = this.forward(x.data)
    if (made instanceof NDArray) return this.finish1(made, x.requiresGrad)
    return isArrayList(made) ? this.finish(made)[0]! : this.finish1(this.asArray(made), x.requiresGrad)
  }

  /** @internal `apply` for two operands. */
  apply2(left: Operand, right: Operand): Variable {
    this.checkUnused()
    const a = left instanceof Variable ? left : asVariable(left, right instanceof Variable ? right : null)
    const b = right instanceof Variable ? right : asVariable(right, a)
    this.input0 = a
    this.input1 = b
    this.array0 = a.data
    this.array1 = b.data
    const made = this.forward(a.data, b.data)
    if (made instanceof NDArray) return this.finish1(made, a.requiresGrad || b.requiresGrad)
    return isArrayList(made)
      ? this.finish(made)[0]!
      : this.finish1(this.asArray(made), a.requiresGrad || b.requiresGrad)
  }

  /**
   * @internal A call read from a file: linked as it was, without computing. Its variables are the versions it read.
   */
  restore(inputs: Variable[], outputs: Variable[], order: number, home: Home, ref: number): void {
    this.setInputs(inputs, true)
    this.output0 = outputs[0]!
    if (outputs.length > 1)
      this.outputsRest = { variables: outputs.slice(1), arrays: outputs.slice(1).map(() => null) }
    for (let slot = 0; slot < outputs.length; slot++) {
      outputs[slot]!.creator = this
      outputs[slot]!.slot = slot
    }
    this.order = order
    this.home = home
    this.ref = ref
  }

  private finish1(array: NDArray, requiresGrad: boolean): Variable {
    const linking = mode.linking
    const y = new Variable(
      array,
      linking &&
        requiresGrad &&
        this.differentiable &&
        (array.dtype === 'float64' || array.dtype === 'float32'),
      'variable',
    )
    if (linking) y.creator = this
    this.output0 = y
    this.made0 = array
    this.order = ++mode.clock
    this.scope = mode.scope
    if (mode.recorder !== null) mode.recorder.functionCalled(this, linking)
    return y
  }

  private finish(arrays: NDArray[]): Variable[] {
    if (arrays.length === 0)
      throw new TapeError('BAD_VALUE', `${this.name}.forward expected at least one output, got none`)
    let requiresGrad = false
    for (let slot = 0; slot < this.inputCount; slot++) requiresGrad ||= this.linkedInput(slot).requiresGrad
    requiresGrad &&= this.differentiable
    const linking = mode.linking
    const outputs = arrays.map((array, slot) => {
      const y = new Variable(array, linking && requiresGrad && isFloating(array.dtype), 'variable')
      if (linking) y.creator = this
      y.slot = slot
      return y
    })
    this.output0 = outputs[0]!
    this.made0 = arrays[0]!
    if (outputs.length > 1) this.outputsRest = { variables: outputs.slice(1), arrays: arrays.slice(1) }
    this.order = ++mode.clock
    this.scope = mode.scope
    if (mode.recorder !== null) mode.recorder.functionCalled(this, linking)
    return outputs
  }

  private setInputs(inputs: Variable[], restored: boolean): void {
    this.input0 = inputs[0] ?? null
    this.input1 = inputs[1] ?? null
    if (!restored) {
      this.array0 = inputs[0]?.data ?? null
      this.array1 = inputs[1]?.data ?? null
    }
    if (inputs.length > 2) {
      const variables = inputs.slice(2)
      this.inputsRest = { variables, arrays: variables.map((variable) => (restored ? null : variable.data)) }
    }
  }

  /** An input or output as it was at the call, when assigned since: a variable of its own, in the original's place. */
  private formerVersion(variable: Variable, array: NDArray): Variable {
    const former = new Variable(array, variable.requiresGrad, variable.role)
    former.creator = variable.creator
    former.slot = variable.slot
    former.versionOf = variable.versionOf ?? variable
    former.setNameQuietly(variable.name)
    return former
  }

  private checkUnused(): void {
    if (this.order !== 0 || this.input0 !== null) {
      throw new TapeError(
        'FUNC_REUSED',
        `this ${this.name} was applied before; one instance is one call, so make a new one: new ${this.constructor.name}(…).apply(…)`,
      )
    }
    if (mode.recorder !== null && !checkedClasses.has(this.constructor)) this.checkRemaking()
  }

  private asArray(made: ForwardResult): NDArray {
    if (made instanceof NDArray) return made
    if (typeof made === 'number' || Array.isArray(made) || ArrayBuffer.isView(made)) return ndarray(made)
    throw new TapeError(
      'BAD_VALUE',
      `${this.name}.forward expected to return an NDArray or a list of them, got ${made === null ? 'null' : typeof made}`,
    )
  }

  /**
   * A class whose constructor takes arguments that are not on the tape could not be made again from it: said at its first
   * recorded call, before forward leaves anything in the instance.
   */
  private checkRemaking(): void {
    const funcClass = this.constructor as new (attributes: Attributes) => Func
    if (
      funcClass.length > 0 &&
      Object.keys(this.attributes).length === 0 &&
      !this.equals(remade(funcClass))
    ) {
      throw new TapeError(
        'ATTRIBUTES_MISSING',
        `${funcClass.name}'s constructor takes ${funcClass.length} argument(s), but the call has no attributes, so the tape could not make it again; ` +
          `take one object and pass it on: constructor(attributes) { super(attributes) }`,
      )
    }
    checkedClasses.add(funcClass)
  }

  /** Whether the other has the same plain fields. */
  private equals(other: Func | null): boolean {
    if (other === null) return false
    const isPlain = (value: unknown) =>
      typeof value !== 'function' && (typeof value !== 'object' || value === null || Array.isArray(value))
    return Object.entries(this).every(([key, value]) => {
      const fresh = (other as unknown as Record<string, unknown>)[key]
      return (
        key === 'attributes' ||
        (!isPlain(value) && !isPlain(fresh)) ||
        JSON.stringify(value) === JSON.stringify(fresh)
      )
    })
  }
}

/** What a tape that holds no attributes would make; null when the class does not work without. */
function remade(funcClass: new (attributes: Attributes) => Func): Func | null {
  try {
    return new funcClass({})
  } catch {
    return null
  }
}

function isArrayList(made: ForwardResult | NDArray[]): made is NDArray[] {
  return Array.isArray(made) && made.length > 0 && made[0] instanceof NDArray
}
