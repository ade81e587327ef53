/**
 * Recomputation: a piece of graph that keeps what it read and is made again when a pass comes to it, so that memory pays
 * for one piece at a time (others call this gradient checkpointing).
 *
 * `recompute` runs the function once and notes which calls it makes (`program-trace.ts`); the calls become the
 * attributes of one call. So the tape has the program itself: it can be made again, replayed and differentiated where the
 * closure is unknown. A pass makes the calls again in the order, and between the same variables, in which they stood, and
 * walks on through them: so hooks, sums and every bit are those of the same code without `recompute`.
 */
import type { NDArray } from '../array/ndarray.js'
import { TapeError } from '../errors.js'
import type { Attributes } from './attributes.js'
import { type CallLinks, formerVersion, type Unfolding } from './call-links.js'
import { runForward } from './forward-result.js'
import { Func } from './func.js'
import { mapping } from './mapped.js'
import { mode, withLinking } from './mode.js'
import { type Program, type ProgramCall, programOf } from './program.js'
import { Trace } from './program-trace.js'
import { createFunc, registerFunc } from './registry.js'
import { checkInputCount } from './transforms.js'
import { finished, refuseLaterWork } from './unfinished.js'
import { asVariable, type Operand, type Variable } from './variable.js'

/**
 * Computes `fn(...inputs)` without keeping what lies between; a pass computes it again. Values, gradients and derivatives of
 * gradients are those of `fn(...inputs)`, bit for bit. Variables that `fn` takes from around it get their gradients too.
 *
 * fn       gives one Variable or a list of them. It may use `noGrad`, `detach()`, random masks and layers with running
 *          statistics (these move once)
 * Returns  what fn returns; a result that fn was given comes back as it is
 * In vmap  it is fn(...inputs), and keeps what lies between
 * Throws   BAD_ARGUMENT when fn does what could not be done again: it runs a pass, hooks or unchains, changes a gradient, or
 *          assigns to a variable that requires a gradient; nothing has reached the graph or the tape then.
 *          BAD_ARGUMENT for an async fn.
 *          NOT_DIFFERENTIABLE in a pass that comes to a variable which fn made and did not return
 */
export function recompute<R extends Variable | readonly Variable[]>(
  fn: (...inputs: Variable[]) => R,
  ...inputs: Operand[]
): R {
  refuseLaterWork(fn, 'recompute')
  checkInputCount(inputs.length, 'recompute')
  const given = inputs.map((input) => asVariable(input))
  // A trace knows calls that can be made again; calls between the examples of a vmap cannot.
  if (mapping.depth > 0) return finished(fn(...given), 'recompute')
  const trace = new Trace(given)
  let isList = false
  const results = trace.run(() => {
    const made: unknown = finished(fn(...given), 'recompute')
    isList = Array.isArray(made)
    return isList ? (made as unknown[]) : [made]
  })
  const found = results.program === null ? [] : apply(trace, results.program, results.arrays)
  trace.settle(results, found)
  const answers = results.answers.map((answer) => (typeof answer === 'number' ? found[answer]! : answer))
  return (isList ? answers : answers[0]!) as R
}

function apply(trace: Trace, program: Program, arrays: readonly NDArray[]): Variable[] {
  const call = new Recompute(program as unknown as Attributes)
  call.computed = arrays
  return call.applyList(trace.inputs)
}

/** @deprecated Use `recompute`: a checkpoint is the state of a run. */
export const checkpoint = recompute

export class Recompute extends Func implements Unfolding {
  /** @internal What the first run computed; the call takes it instead of computing it twice. */
  computed: readonly NDArray[] | null = null
  private readonly program: Program
  /** How many orders the calls take, those of programs inside counted. */
  private readonly sizes: readonly number[]
  private readonly size: number
  private unfolded: readonly Variable[] | null = null
  /** By slot, results that the program cut off since from the call around this one: what read them here ends there, too. */
  private readonly cutOff = new Map<number, Variable>()

  constructor(attributes: Attributes) {
    super(attributes)
    this.program = programOf(attributes, 'recompute')
    this.sizes = this.program.program.map(sizeOf)
    this.size = this.sizes.reduce((sum, size) => sum + size, 0)
    this.linksOf().withMore().unfolding = this
  }

  override forward(...xs: NDArray[]): NDArray[] {
    return this.forwardList(xs)
  }

  override forwardList(xs: readonly NDArray[]): NDArray[] {
    const { computed } = this
    this.computed = null
    if (computed !== null) return [...computed]
    mode.clock += this.size // the orders that a pass gives to the calls
    const made = [...xs]
    for (const call of this.program.program) {
      const outputs = arraysOf(
        call,
        call.inputs.map((number) => made[number]!),
      )
      for (const output of outputs) made.push(output)
    }
    return this.program.results.map((number) => made[number]!)
  }

  override differentiableAt(slot: number): boolean {
    return this.program.wanting[slot]!
  }

  /** A pass never asks for it: it goes on through the calls themselves. */
  override backward(): never {
    throw new TapeError('NOT_IMPLEMENTED', 'recompute has no backward of its own; run a pass from its result')
  }

  unfold(links: CallLinks, lasting: boolean): readonly Variable[] {
    if (this.unfolded !== null) return this.unfolded
    const { program, results, wanting, inputs } = this.program
    const isLive = links.order > 0
    // In a past graph a call keeps its place, since others find it there by its position.
    const { standsFor } = links.withMore()
    let tookPlace = lasting && isLive
    const made: (Variable | null)[] = Array.from({ length: inputs }, (_, slot) => inputOf(links, slot))
    const ends: Variable[] = results.map((_, slot) => links.outputAt(slot))
    const slots = new Map(results.flatMap((number, slot) => (wanting[slot] ? [[number, slot] as const] : [])))
    const needed = this.needed()
    let order = links.order - this.size - 1
    for (const [i, call] of program.entries()) {
      order += this.sizes[i]!
      if (!needed[i]) {
        for (let k = 0; k < call.outputs; k++) made.push(null)
        continue
      }
      const func = createFunc(call.function, call.attributes)
      const operands = call.inputs.map((number) => made[number]!)
      const outputs = withLinking(call.linked !== false, () => func.applyList(operands))
      const again = func.linksOf()
      // In the place of the call that was made first: so the sums of gradients, and of their gradients, come in its order.
      if (isLive) again.order = order
      for (const [k, output] of outputs.entries()) {
        const slot: number | undefined = slots.get(made.length)
        if (slot === undefined) {
          made.push(output)
          continue
        }
        const result = ends[slot]!
        const array = links.madeAt(slot)
        const isAsMade = array === null || array === result.loadedData
        const isOwn = result.knownLinks === links
        let cut = this.cutOff.get(slot)
        if (!isOwn && !standsFor && result.knownLinks !== undefined) {
          // The program cut it off since, or gave it another creator: what read it is linked to it as it is now.
          cut = isAsMade ? result : formerVersion(result, array)
        }
        if (cut !== undefined) {
          if (func instanceof Recompute) func.cutOff.set(k, cut)
          made.push(cut)
          continue
        }
        // Hooks, `.grad` and the recorder know the variable that the program has.
        again.replaceOutput(k, result, array)
        const takesPlace = lasting && isLive && isOwn
        if (takesPlace) {
          result.links = again
          result.slot = k
        } else {
          ends[slot] = output
          tookPlace = false
        }
        made.push(takesPlace && isAsMade ? result : output)
      }
    }
    if (tookPlace) this.unfolded = ends
    return ends
  }

  /** Which calls lie behind results that want gradients. */
  private needed(): boolean[] {
    const { program, results, wanting, inputs } = this.program
    const wanted = new Set(results.filter((_, slot) => wanting[slot]))
    const needed = new Array<boolean>(program.length).fill(false)
    let first = inputs + program.reduce((sum, call) => sum + call.outputs, 0)
    for (let i = program.length - 1; i >= 0; i--) {
      const call = program[i]!
      first -= call.outputs
      for (let k = 0; k < call.outputs; k++) needed[i] ||= wanted.has(first + k)
      if (needed[i]) for (const number of call.inputs) wanted.add(number)
    }
    return needed
  }
}

/** What the call read, with the value of that moment. A constant of then is one, however often it was assigned since. */
function inputOf(links: CallLinks, slot: number): Variable {
  const input = links.inputAt(slot)
  return input.versionOf === null || input.requiresGrad ? input : input.detach()
}

function arraysOf(call: ProgramCall, xs: readonly NDArray[]): readonly NDArray[] {
  return runForward(createFunc(call.function, call.attributes), xs)
}

/** Calls outside of the graph are never walked, so they need no order. */
function sizeOf({ function: name, attributes, linked }: ProgramCall): number {
  if (linked === false) return 0
  if (name !== 'recompute') return 1
  return programOf(attributes, name).program.reduce((sum, call) => sum + sizeOf(call), 1)
}

registerFunc(Recompute, { name: 'recompute' })
