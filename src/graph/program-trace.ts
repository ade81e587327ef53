/**
 * Records the calls of a function as a program instead of as events. What else the function does is done after it where that
 * is possible, and refused where it is not.
 */
import type { NDArray } from '../array/ndarray.js'
import { randomState, setRandomState } from '../array/random.js'
import { TapeError } from '../errors.js'
import { CallLinks } from './call-links.js'
import { runForward } from './forward-result.js'
import { Func } from './func.js'
import { nameOfFunc } from './func-names.js'
import { sameSettings } from './made-again.js'
import { mode } from './mode.js'
import type { Program, ProgramCall } from './program.js'
import type { Recorder } from './recorder.js'
import { isOwnFunc, isRegistered, recreateFunc } from './registry.js'
import { Variable } from './variable.js'

/** What a traced function gives. */
interface TraceResults {
  /** Null when it made no call whose result is needed. */
  readonly program: Program | null
  /** What each output of the program holds. */
  readonly arrays: readonly NDArray[]
  /** For each result of the function: the output of the program that it is, or a variable that the function was given. */
  readonly answers: readonly (number | Variable)[]
  /** The names that the function gave to outputs. */
  readonly names: readonly (string | null)[]
  /** What variables from around the function are assigned: an output of the program, or an array from outside. */
  readonly assigned: ReadonlyMap<Variable, number | NDArray>
}

export class Trace implements Recorder {
  readonly finished = false
  readonly loader = null
  readonly past = null
  readonly leavesGradients = false
  /** The given inputs, then what the function took from around it. */
  readonly inputs: Variable[]
  private readonly calls: ProgramCall[] = []
  private readonly numbers = new Map<Variable, number>()
  /** What the calls made, in order. Counted from −1 down until the number of inputs is known. */
  private readonly made: Variable[] = []
  private readonly places = new Map<Variable, number>()
  private readonly placesOfArrays = new Map<NDArray, number>()
  private readonly traced: CallLinks[] = []
  /** The first value of each variable from around the function that was assigned to. */
  private readonly before = new Map<Variable, NDArray>()
  private readonly renamed = new Set<Variable>()
  /** Whether the function is in a graph; where it switches that off, its calls are so too when they are made again. */
  private readonly linking = mode.linking

  constructor(given: readonly Variable[]) {
    this.inputs = [...new Set(given)]
    for (const [i, input] of this.inputs.entries()) this.numbers.set(input, i)
  }

  /** Runs the function; what it gives becomes outputs of a program. Afterwards its calls are no longer part of a graph. */
  run(fn: () => readonly unknown[]): TraceResults {
    const { recorder } = mode
    mode.recorder = this
    let results: TraceResults | null = null
    try {
      results = this.resultsOf(fn())
      return results
    } finally {
      mode.recorder = recorder
      // What the function assigned before it threw stays, as it would without the trace.
      if (results === null && recorder !== null)
        for (const [variable, before] of this.before) recorder.valueAssigned(variable, before)
      this.forgetGraph()
    }
  }

  functionCalled(links: CallLinks, linked: boolean): void {
    const { func } = links
    const name = nameOfFunc(func)
    if (!isOwnFunc(name)) checkMadeAgain(links, name)
    const inputs = Array.from({ length: links.inputCount }, (_, slot) =>
      this.numberAsInput(links.linkedInput(slot)),
    )
    for (let slot = 0; slot < links.outputCount; slot++) this.take(links.outputAt(slot))
    this.traced.push(links)
    this.calls.push({
      function: name,
      attributes: func.attributes,
      inputs,
      outputs: links.outputCount,
      ...(this.linking && !linked ? { linked: false } : {}),
    })
  }

  private resultsOf(returned: readonly unknown[]): TraceResults {
    const results: number[] = []
    const outputs: Variable[] = []
    const output = (variable: Variable): number => {
      const number = this.places.get(variable)!
      const known = results.indexOf(number)
      if (known >= 0) return known
      outputs.push(variable)
      return results.push(number) - 1
    }
    const answers = returned.map((variable) => {
      if (!(variable instanceof Variable)) this.refuseResult(variable)
      return this.places.has(variable) ? output(variable) : variable
    })
    const assigned = new Map<Variable, number | NDArray>()
    for (const variable of this.before.keys()) {
      const { data } = variable
      const place = this.placesOfArrays.get(data)
      assigned.set(variable, place === undefined ? data : output(this.made[-1 - place]!))
    }
    const wanting = outputs.map(({ requiresGrad }) => requiresGrad)
    const names = outputs.map(({ name }) => name)
    const arrays = outputs.map(({ data }) => data)
    if (outputs.length === 0) return { program: null, arrays, answers, names, assigned }
    const shift = (number: number) => (number < 0 ? this.inputs.length - 1 - number : number)
    const program = {
      program: this.calls.map((call) => ({ ...call, inputs: call.inputs.map(shift) })),
      inputs: this.inputs.length,
      results: results.map(shift),
      wanting,
    }
    // The call is to read what the function read; what it assigned is assigned after it.
    for (const [variable, before] of this.before) variable.keepLoaded(before)
    return { program, arrays, answers, names, assigned }
  }

  /** Does after the call what the function did besides calling: assignments and names. */
  settle({ assigned, names }: TraceResults, outputs: readonly Variable[]): void {
    for (const [variable, value] of assigned) {
      const before = this.before.get(variable)!
      variable.keepLoaded(before)
      variable.data = typeof value === 'number' ? outputs[value]!.data : value
    }
    for (const variable of this.renamed) mode.recorder?.variableNamed(variable)
    for (const [i, name] of names.entries()) if (name !== null) outputs[i]!.name = name
  }

  valueAssigned(variable: Variable, before: NDArray): void {
    if (this.places.has(variable) || variable.requiresGrad) {
      variable.keepLoaded(before)
      refuse(
        `assigns to .data of ${variable.describe()}, ${this.places.has(variable) ? 'which it made' : 'which requires a gradient'}`,
      )
    }
    if (!this.before.has(variable)) this.before.set(variable, before)
  }

  variableNamed(variable: Variable): void {
    if (!this.places.has(variable)) this.renamed.add(variable)
  }

  hookAdded(variable: Variable): void {
    if (this.places.has(variable))
      refuse('hooks a variable that it made, whose gradient a tape could not repeat')
  }

  requiresGradChanging(variable: Variable): void {
    refuse(`sets requiresGrad of ${variable.describe()}`)
  }
  requiresGradSet(): void {}
  gradientAssigned(): void {
    refuse('assigns to .grad')
  }
  gradientCleared(variable: Variable, gradient: Variable, wasAssigned: boolean): void {
    if (wasAssigned) variable.holdAssignedGrad(gradient)
    else variable.holdGrad(gradient)
    refuse('clears a gradient')
  }
  variableUnchained(variable: Variable, call: CallLinks | undefined): void {
    if (call === undefined) variable.linkLater()
    else variable.links = call
    refuse('unchains a variable; use detach()')
  }
  backwardStarted(): number {
    return refuse('runs backward')
  }
  gradientComputed(): boolean {
    return true
  }
  gradientReplaced(): void {}
  gradientHeld(): void {}
  backwardAborted(): void {}

  /** Notes what a call made. */
  private take(variable: Variable): number {
    const place = -1 - this.made.length
    this.made.push(variable)
    this.places.set(variable, place)
    // Of functions that give their input back, the array is known already.
    if (!this.placesOfArrays.has(variable.data)) this.placesOfArrays.set(variable.data, place)
    return place
  }

  private numberAsInput(variable: Variable): number {
    const made = this.places.get(variable)
    if (made !== undefined) return made
    const place = this.placeOfConstant(variable)
    if (place !== null) return this.detached(place)
    if (this.before.has(variable) && variable.data !== this.before.get(variable))
      return this.numberOfOuter(new Variable(variable.data, false, 'constant'))
    return this.numberOfOuter(variable)
  }

  /** The number of a variable from around the function. */
  private numberOfOuter(variable: Variable): number {
    let number = this.numbers.get(variable)
    if (number === undefined) {
      number = this.inputs.push(variable) - 1
      this.numbers.set(variable, number)
    }
    return number
  }

  /** Where a constant's value was made, if it is one of the function's own: detached, or assigned. */
  private placeOfConstant(variable: Variable): number | null {
    if (variable.requiresGrad || variable.knownLinks !== null) return null
    if (this.numbers.has(variable) && !this.before.has(variable)) return null
    return this.placesOfArrays.get(variable.data) ?? null
  }

  /** The number of a constant with the value made at `place`. */
  private detached(place: number): number {
    const source = this.made[-1 - place]!
    if (!source.requiresGrad) return place
    this.calls.push({ function: 'standIn', attributes: {}, inputs: [place], outputs: 1, linked: false })
    const number = -1 - this.made.length
    this.made.push(new Variable(source.data, false, 'constant'))
    return number
  }

  /** Takes the calls apart: nobody should hold what they made, or differentiate through it. */
  private forgetGraph(): void {
    for (const variable of this.made) {
      if (variable.knownLinks === null) continue
      variable.links = variable.requiresGrad ? forgotten() : null
      variable.slot = 0
    }
    for (const links of this.traced) links.forgetInputs()
  }

  private refuseResult(result: unknown): never {
    throw new TapeError(
      'BAD_ARGUMENT',
      `recompute expected a function that returns a Variable, or a list of them, got ${result === null ? 'null' : typeof result}`,
    )
  }
}

/**
 * A function of the user's is made again by its name and its attributes: it must be registered, and compute the same then. What
 * it keeps elsewhere, in fields that were set from outside, would be lost without a word.
 */
function checkMadeAgain(links: CallLinks, name: string): void {
  const { func } = links
  if (!isRegistered(func.constructor))
    throw new TapeError(
      'UNREGISTERED_FUNC',
      `recompute makes calls again by the names of their functions, and "${name}" is not registered; call registerFunc(${func.constructor.name}) first`,
    )
  const again = recreateFunc(name, func.attributes)
  const arrays = Array.from({ length: links.inputCount }, (_, slot) => links.linkedInput(slot).data)
  const before = randomState()
  const made = runForward(again, arrays)
  setRandomState(before)
  const isSame = made.every((array, slot) => sameBits(array, links.outputAt(slot).data))
  if (isSame && sameSettings(func, again)) return
  throw new TapeError(
    'BAD_ARGUMENT',
    `recompute expected functions that can be made again, and a "${name}" made again from its attributes computes something else; ` +
      'what it is made with belongs into them: constructor(attributes) { super(attributes) }',
  )
}

function sameBits(a: NDArray, b: NDArray): boolean {
  return (
    a.dtype === b.dtype &&
    a.shape.length === b.shape.length &&
    a.shape.every((extent, axis) => extent === b.shape[axis]) &&
    a.data.every((value, i) => Object.is(value, b.data[i]))
  )
}

function refuse(what: string): never {
  throw new TapeError(
    'BAD_ARGUMENT',
    `recompute expected a function that can be run again, but it ${what}; do that outside`,
  )
}

/** In the place of the call that made a variable which a traced function kept for itself. */
class Forgotten extends Func {
  override forward(): never {
    return refuseForgotten()
  }

  override backward(): never {
    return refuseForgotten()
  }
}

function refuseForgotten(): never {
  throw new TapeError(
    'NOT_DIFFERENTIABLE',
    'a variable that was made inside recompute is used outside of it, and what lies behind it was not kept; ' +
      'return it from the function that recompute runs',
  )
}

function forgotten(): CallLinks {
  const links = new CallLinks(new Forgotten())
  links.order = ++mode.clock
  return links
}
