/**
 * Gradient checkpointing: a piece of graph that keeps its inputs only and is computed again in backward.
 *
 * `checkpoint` runs the function once to learn which calls it makes, and records them as the attributes of one call. So
 * the tape has the program itself: the call can be rehydrated, replayed and differentiated where the closure is unknown.
 */
import type { NDArray } from '../array/ndarray.js'
import { TapeError } from '../errors.js'
import { grad } from './backward.js'
import type { CallLinks } from './call-links.js'
import { type Attributes, type AttributeValue, Func } from './func.js'
import { mode, unrecorded, withLinking } from './mode.js'
import type { Recorder } from './recorder.js'
import { createFunc, nameOfFunc, registerFunc } from './registry.js'
import { asVariable, type Operand, Variable } from './variable.js'

/** One call of a program. Variables are numbered: the inputs first, then each output as it is made. */
interface ProgramCall {
  readonly function: string
  readonly attributes: Attributes
  readonly inputs: readonly number[]
  readonly outputs: number
}

/**
 * Computes `fn(...inputs)` without keeping what lies between; backward computes it again. Variables that `fn` takes from
 * around it (parameters) get their gradients too.
 *
 * fn      from Variables to one Variable; it must make the same calls whenever it gets the same inputs
 * Throws  BAD_ARGUMENT when fn assigns to a variable or runs backward: that could not be computed again
 */
export function checkpoint(fn: (...inputs: Variable[]) => Variable, ...inputs: Operand[]): Variable {
  const given = inputs.map((input) => asVariable(input))
  const trace = new Trace(given)
  const { recorder, linking } = mode
  mode.recorder = trace
  mode.linking = false
  let output: Variable
  try {
    output = fn(...given)
  } finally {
    mode.recorder = recorder
    mode.linking = linking
  }
  const result = trace.numberOf(output)
  const call = new Checkpoint({
    program: trace.program as unknown as AttributeValue,
    inputs: trace.inputs.length,
    result,
  })
  call.computed = output.data
  return call.applyList(trace.inputs)[0]!
}

export class Checkpoint extends Func {
  /** @internal What the first run computed; the call takes it instead of computing it twice. */
  computed: NDArray | null = null
  private readonly program: readonly ProgramCall[]
  private readonly result: number

  constructor(attributes: Attributes) {
    super(attributes)
    this.program = checkedProgram(attributes)
    this.result = attributes.result as number
  }

  override forward(...xs: NDArray[]): NDArray {
    return this.forwardList(xs)
  }

  override forwardList(xs: readonly NDArray[]): NDArray {
    const { computed } = this
    this.computed = null
    if (computed !== null) return computed
    return unrecorded(() => this.run(xs.map((x) => new Variable(x, false, 'constant'))).data)
  }

  override backward(gy: Variable): (Variable | null)[] {
    const createGraph = mode.linking
    // Unless the gradients are to be differentiated, the graph that is made again ends at leaves: a pass over it must not
    // go on into what the inputs were computed from, which the pass outside of it does.
    const inputs = createGraph
      ? this.inputs
      : this.inputs.map(({ data, requiresGrad }) => new Variable(data, requiresGrad, 'variable'))
    const y = withLinking(true, () => this.run(inputs))
    const wanted = inputs.filter((input) => input.requiresGrad)
    const gradients = grad([y], wanted, { gradients: [gy], createGraph }).values()
    return inputs.map((input) => (input.requiresGrad ? gradients.next().value! : null))
  }

  private run(inputs: readonly Variable[]): Variable {
    const made: Variable[] = [...inputs]
    for (const call of this.program) {
      const func = createFunc(call.function, call.attributes)
      for (const output of func.applyList(call.inputs.map((number) => made[number]!))) made.push(output)
    }
    return made[this.result]!
  }
}

registerFunc(Checkpoint)

/** Takes calls down as a program instead of as events. */
class Trace implements Recorder {
  readonly finished = false
  readonly program: ProgramCall[] = []
  /** The given inputs, then what the function took from around it. */
  readonly inputs: Variable[]
  private readonly numbers = new Map<Variable, number>()
  /** Outputs in order; they are numbered after all inputs are known. */
  private readonly made = new Map<Variable, number>()

  constructor(given: readonly Variable[]) {
    this.inputs = [...new Set(given)]
    for (const [i, input] of this.inputs.entries()) this.numbers.set(input, i)
  }

  functionCalled({ func }: CallLinks): void {
    const inputs = Array.from({ length: func.inputCount }, (_, slot) =>
      this.numberAsInput(func.linkedInput(slot)),
    )
    for (let slot = 0; slot < func.outputCount; slot++) this.made.set(func.outputAt(slot), this.made.size)
    this.program.push({
      function: nameOfFunc(func),
      attributes: func.attributes,
      inputs,
      outputs: func.outputCount,
    })
  }

  /** The number of the function's result; fixes the numbering of everything. */
  numberOf(output: unknown): number {
    if (!(output instanceof Variable))
      throw new TapeError(
        'BAD_ARGUMENT',
        `checkpoint expected a function that returns a Variable, got ${typeof output}`,
      )
    const result = this.numberAsInput(output)
    const shift = (number: number) => (number < 0 ? this.inputs.length - 1 - number : number)
    for (const [i, call] of this.program.entries())
      this.program[i] = { ...call, inputs: call.inputs.map(shift) }
    return shift(result)
  }

  valueAssigned(): void {
    refuse('assigns to .data')
  }
  gradientAssigned(): void {
    refuse('assigns to .grad')
  }
  gradientCleared(): void {
    refuse('clears a gradient')
  }
  variableUnchained(): void {
    refuse('unchains a variable')
  }
  backwardStarted(): number {
    return refuse('runs backward')
  }
  gradientComputed(): void {}
  gradientReplaced(): void {}
  gradientHeld(): void {}
  backwardAborted(): void {}
  variableNamed(): void {}

  /** Inputs count from 0; what calls made counts from −1 down until the number of inputs is known. */
  private numberAsInput(variable: Variable): number {
    const made = this.made.get(variable)
    if (made !== undefined) return -1 - made
    let number = this.numbers.get(variable)
    if (number === undefined) {
      number = this.inputs.push(variable) - 1
      this.numbers.set(variable, number)
    }
    return number
  }
}

function refuse(what: string): never {
  throw new TapeError(
    'BAD_ARGUMENT',
    `checkpoint expected a function that only computes, but it ${what}; do that outside`,
  )
}

/** Throws BAD_ARGUMENT for attributes that describe no program; a tape from elsewhere may say anything. */
function checkedProgram(attributes: Attributes): ProgramCall[] {
  const { program, inputs, result } = attributes
  const isCount = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 0
  let known = isCount(inputs) ? inputs : -1
  const fine =
    known >= 0 &&
    Array.isArray(program) &&
    (program as unknown as ProgramCall[]).every((call) => {
      const right =
        typeof call === 'object' &&
        call !== null &&
        typeof call.function === 'string' &&
        typeof call.attributes === 'object' &&
        Array.isArray(call.inputs) &&
        call.inputs.every((number) => isCount(number) && number < known) &&
        isCount(call.outputs)
      known += right ? call.outputs : 0
      return right
    }) &&
    isCount(result) &&
    result < known
  if (!fine)
    throw new TapeError(
      'BAD_ARGUMENT',
      'checkpoint is made by checkpoint(fn, …inputs); these attributes describe no program',
    )
  return program as unknown as ProgramCall[]
}
