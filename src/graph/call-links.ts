/**
 * What one call read and made, and backward's notes on it. Every Func has the class of its function; its links are of
 * this one class, so the engine's loops meet one shape of object however many functions a program uses. Knows nothing
 * of what a function computes.
 */
import type { NDArray } from '../array/ndarray.js'
import { TapeError } from '../errors.js'
import type { Func } from './func.js'
import type { Owner } from './recorder.js'
import { keepSamples } from './samples.js'
import { Variable } from './variable.js'

export class CallLinks {
  readonly func: Func
  /** Orders calls for backward: the clock for live calls; below zero for calls read from a file; 0 before the call. */
  order = 0
  owner: Owner | null = null
  /** The position of this call's event in its owner. */
  ref = 0
  /** Dotted name of where the call was made; '' for nowhere in particular. */
  scope = ''
  /** The pass that is collecting gradients here, and what it has for the first output. */
  pass = 0
  pending: Variable | null = null
  // The first inputs and the arrays they held at the call, in fields: most calls have one or two.
  input0: Variable | null = null
  input1: Variable | null = null
  array0: NDArray | null = null
  array1: NDArray | null = null
  output0: Variable | null = null
  made0: NDArray | null = null
  more: MoreLinks | null = null

  /** `null` only for the sample. */
  constructor(func: Func | null) {
    this.func = func!
  }

  get used(): boolean {
    return this.order !== 0
  }

  forgetInputs(): void {
    if (this.input0 === null) return
    this.input0 = null
    this.input1 = null
    this.array0 = null
    this.array1 = null
    const { more } = this
    if (more === null) return
    more.input2 = null
    more.array2 = null
    more.inputs = NONE
    more.arrays = NONE
  }

  get inputCount(): number {
    const { more } = this
    if (more !== null && more.input2 !== null) return 3 + more.inputs.length
    return this.input1 !== null ? 2 : this.input0 !== null ? 1 : 0
  }

  get outputCount(): number {
    if (this.output0 === null) return 0
    return this.more === null ? 1 : 1 + this.more.outputs.length
  }

  /** Whether nothing but the first input can be one. */
  get hasOneInput(): boolean {
    return this.input1 === null && this.input0 !== null
  }

  /** The variable in `slot` itself, whatever value it has now: where a gradient goes. */
  linkedInput(slot: number): Variable {
    const variable = slot === 0 ? this.input0 : slot === 1 ? this.input1 : this.furtherInput(slot)
    return variable === null ? this.refuseSlot(slot) : variable
  }

  private furtherInput(slot: number): Variable | null {
    const { more } = this
    if (more === null) return null
    return slot === 2 ? more.input2 : (more.inputs[slot - 3] ?? null)
  }

  private refuseSlot(slot: number): never {
    throw new TapeError(
      'INDEX_OUT_OF_RANGE',
      `${this.func.name} has ${this.inputCount} inputs, asked for input ${slot}`,
    )
  }

  /** The input in `slot`, with the value it had at the call. */
  inputAt(slot: number): Variable {
    const variable = this.linkedInput(slot)
    const array = slot === 0 ? this.array0 : slot === 1 ? this.array1 : this.furtherArray(slot)
    return this.withValue(variable, array)
  }

  private withValue(variable: Variable, noted: NDArray | null): Variable {
    // A call of the past notes no arrays; its owner knows whether a value was assigned since.
    const array = noted ?? this.owner?.past?.formerValue(variable) ?? null
    return array === null || array === variable.loadedData ? variable : formerVersion(variable, array)
  }

  private furtherArray(slot: number): NDArray | null {
    return slot === 2 ? this.more!.array2 : this.more!.arrays[slot - 3]!
  }

  /** The variable in output `slot` itself, whatever value it has now. */
  outputAt(slot: number): Variable {
    return slot === 0 ? this.output0! : this.more!.outputs[slot - 1]!
  }

  /** The output in `slot`, with the value it had at the call. */
  outputWithValue(slot: number): Variable {
    const variable = this.outputAt(slot)
    return this.withValue(variable, slot === 0 ? this.made0 : this.more!.made[slot - 1]!)
  }

  /** Inputs with the values they have now. */
  setInputs(inputs: readonly Variable[]): void {
    this.input0 = inputs[0] ?? null
    this.input1 = inputs[1] ?? null
    this.array0 = inputs[0]?.noted ?? null
    this.array1 = inputs[1]?.noted ?? null
    if (inputs.length <= 2) return
    const more = this.withMore()
    more.input2 = inputs[2]!
    more.array2 = inputs[2]!.noted
    more.inputs = inputs.slice(3)
    more.arrays = more.inputs.map((variable) => variable.noted)
  }

  setOutputs(outputs: readonly Variable[], made: readonly (NDArray | null)[]): void {
    this.output0 = outputs[0]!
    this.made0 = made[0]!
    if (outputs.length <= 1) return
    const more = this.withMore()
    more.outputs = outputs.slice(1)
    more.made = made.slice(1)
  }

  // A call read from a file is linked to the versions of variables that it read, each of which has its own value: no
  // array is noted beside them.

  /** The next of the inputs of a call read from a file. */
  restoreInput(slot: number, variable: Variable): void {
    if (slot === 0) this.input0 = variable
    else if (slot === 1) this.input1 = variable
    else {
      const more = this.withMore()
      if (slot === 2) more.input2 = variable
      else {
        more.inputs = appended(more.inputs, variable)
        more.arrays = appended(more.arrays, null)
      }
    }
  }

  /** The next of the outputs of a call read from a file. */
  restoreOutput(slot: number, variable: Variable): void {
    if (slot === 0) this.output0 = variable
    else {
      const more = this.withMore()
      more.outputs = appended(more.outputs, variable)
      more.made = appended(more.made, null)
    }
  }

  /** This call made `variable` in `slot`, rather than the one that it made. */
  replaceOutput(slot: number, variable: Variable, array: NDArray | null): void {
    if (this.more !== null) this.more.standsFor = true
    if (slot === 0) {
      this.output0 = variable
      this.made0 = array ?? this.made0
      return
    }
    const more = this.more!
    more.outputs = more.outputs.map((output, i) => (i === slot - 1 ? variable : output))
    if (array !== null) more.made = more.made.map((made, i) => (i === slot - 1 ? array : made))
  }

  /** What the call made in `slot`, where it is noted. */
  madeAt(slot: number): NDArray | null {
    return slot === 0 ? this.made0 : (this.more?.made[slot - 1] ?? null)
  }

  withMore(): MoreLinks {
    this.more ??= new MoreLinks()
    return this.more
  }
}

const NONE: readonly never[] = Object.freeze([])

/** The list with one more at its end; only the empty one, which all calls share, is copied. */
function appended<T>(list: readonly T[], item: T): readonly T[] {
  if (list === NONE) return [item]
  ;(list as T[]).push(item)
  return list
}

/** What few calls have: inputs from the third on, outputs from the second on. */
export class MoreLinks {
  input2: Variable | null = null
  array2: NDArray | null = null
  /** From the fourth on. */
  inputs: readonly Variable[] = NONE
  arrays: readonly (NDArray | null)[] = NONE
  /** From the second on. */
  outputs: readonly Variable[] = NONE
  made: readonly (NDArray | null)[] = NONE
  /** What a pass has collected for each of them. */
  pending: (Variable | null)[] | null = null
  /** Set for a call that stands for other calls; a pass goes through those. */
  unfolding: Unfolding | null = null
  /** Whether some outputs are variables that another call made, for which this one was made again. */
  standsFor = false
}

/** A function whose call stands for other calls, which are made again when a pass needs them. */
export interface Unfolding {
  /**
   * Makes the calls, linked to what the call read. Gives for each output the variable at which its gradient goes on.
   *
   * lasting  they take the call's place in the graph for good, because this pass becomes a graph itself
   */
  unfold(call: CallLinks, lasting: boolean): readonly Variable[]
}

/**
 * Whether a gradient for `input`, which requires one, is not the call's to give, because the input was frozen when the call read it. A call
 * of a past run is linked to the version that it read, and its owner says what was frozen when the run took gradients.
 */
export function leftOut({ order }: CallLinks, input: Variable): boolean {
  return order > 0 && !input.requiredGradAt(order)
}

/** An input or output as it was at the call, when assigned since: a variable of its own, in the original's place. */
export function formerVersion(variable: Variable, array: NDArray): Variable {
  const former = new Variable(array, variable.requiresGrad, variable.role)
  former.links = variable.links
  former.slot = variable.slot
  former.versionOf = variable.versionOf ?? variable
  former.setNameQuietly(variable.name)
  return former
}

const sample = new CallLinks(null)
// Refs are small integers until a call of several outputs is recorded. A field that held something else from the start
// stays as it is then; else every object would get a box for its number.
sample.ref = null as never
keepSamples(sample, new MoreLinks())
