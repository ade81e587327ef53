/**
 * What one backward pass has collected for the calls of a past run: a number a call where a gradient is one, and the walk
 * over them from the latest down. Where a call, what it read and its gradient are numbers, and nobody holds its output, the
 * walk goes through it by the rule of its function; any other call becomes an object while the pass asks it for its
 * gradients.
 */
import type { Kernel } from '../array/kernel.js'
import { float64Scalar, NDArray } from '../array/ndarray.js'
import { positionOf, type Ref, refOf } from '../events/event.js'
import type { CallLinks } from '../graph/call-links.js'
import type { PendingGradients } from '../graph/recorder.js'
import { Variable } from '../graph/variable.js'
import { GRAPH_PAGE, type GraphBlock, NODE, pageNumber, placeOnPage } from '../store/read/graph-blocks.js'
import type { HeldVariables } from './held-variables.js'
import type { PastCalls } from './past-calls.js'
import type { PastValues, ValuePage } from './past-values.js'

const [NOTHING, NUMBER, GRADIENT] = [0, 1, 2] as const

/** @internal What waits at the calls of one page. */
export class PendingPage {
  readonly states = new Uint8Array(GRAPH_PAGE)
  readonly numbers = new Float64Array(GRAPH_PAGE)
  readonly gradients: (Variable | null)[] = []
}

/** What the walk asks of the pass and of the past graph. */
interface PastPass {
  /** The call at a position as an object. */
  callAt(position: number): CallLinks
  leaf(ref: Ref): Variable
  /** Whether the run had frozen the leaf when it took these gradients. */
  isFrozen(ref: Ref): boolean
  /** The leaf in the place of what the run had cut from its creator by then; null for what it had not, or where nothing was. */
  readonly cutLeaf: ((ref: Ref) => Variable | null) | null
  add(a: Variable, b: Variable): Variable
  arrive(variable: Variable, gradient: Variable): void
}

export class PastGradients implements PendingGradients {
  private readonly calls: PastCalls
  private readonly values: PastValues
  private readonly held: HeldVariables
  private readonly pass: PastPass
  /** Whether sums may be of numbers: a pass that becomes a graph itself needs Variables. */
  private readonly asNumbers: boolean
  private readonly pages: (PendingPage | undefined)[] = []
  /** For outputs of a call other than the first. */
  private readonly others = new Map<Ref, Variable>()
  /** No gradient waits above. */
  private top = 0
  // Of the page that the walk is on: what is known there, and whether nobody holds a variable of it.
  private known: ValuePage | null = null
  private wanting: Uint8Array | null = null
  private noneHeld = false

  readonly kernel: Kernel | null

  constructor(
    calls: PastCalls,
    values: PastValues,
    held: HeldVariables,
    pass: PastPass,
    asNumbers: boolean,
    kernel: Kernel | null,
  ) {
    this.calls = calls
    this.values = values
    this.held = held
    this.pass = pass
    this.asNumbers = asNumbers
    this.kernel = kernel
  }

  cutLeaf(ref: Ref): Variable | null {
    return this.pass.cutLeaf === null ? null : this.pass.cutLeaf(ref)
  }

  isFrozen(ref: Ref): boolean {
    return this.pass.isFrozen(ref)
  }

  arrive(ref: Ref, gradient: Variable): void {
    const position = positionOf(ref)
    const at = placeOnPage(position)
    const page = this.pageOf(position)
    if (position > this.top) this.top = position
    if (position !== ref) {
      const before = this.others.get(ref)
      this.others.set(ref, before === undefined ? gradient : this.pass.add(before, gradient))
      // The call is to be visited, whether or not anything arrives for its first output.
      if (page.states[at] === NOTHING) page.states[at] = GRADIENT
      return
    }
    const array = gradient.data
    if (array.size === 1 && this.asNumbers && array.dtype === 'float64') {
      arriveNumber(page, at, array.buffer[array.offset]!)
      return
    }
    const before = page.gradients[at] ?? null
    page.gradients[at] = before === null ? gradient : this.pass.add(before, gradient)
    page.states[at] = GRADIENT
  }

  next(): CallLinks | null {
    for (let number = pageNumber(this.top); number >= 0; number--) {
      const page = this.pages[number]
      const call = page === undefined ? null : this.nextOn(page, number * GRAPH_PAGE)
      if (call !== null) return call
      this.top = number * GRAPH_PAGE
    }
    return null
  }

  /** The next call on a page that is to be an object; those before it are passed. */
  private nextOn(pending: PendingPage, first: number): CallLinks | null {
    const { states } = pending
    const { graph } = this.calls
    let block: GraphBlock | null = null
    this.known = this.values.pageOf(first)
    this.wanting = this.calls.wantingOf(first)
    this.noneHeld = !this.held.hasOnPage(first)
    for (let at = Math.min(this.top - first, GRAPH_PAGE - 1); at >= 0; at--) {
      if (states[at] === NOTHING) continue
      const position = first + at
      this.top = position
      if (block === null || position < block.first) block = graph.at(position)
      if (states[at] !== NUMBER || !this.passedAsNumber(pending, block, position))
        return this.taken(pending, at)
    }
    return null
  }

  /** Takes the gradient of a call through it by the rule of its function. False when that is not all numbers. */
  private passedAsNumber(pending: PendingPage, block: GraphBlock, position: number): boolean {
    const { values } = this
    const known = this.known!
    const { rule } = this.calls.kindAt(block, position)
    const count = block.inputCount(position)
    if (rule === null || count !== rule.operands || !this.asNumbers) return false
    if (!this.noneHeld && this.held.get(position) !== undefined) return false
    const inputsAt = block.inputsAt(position)
    const a = block.input(inputsAt, position)
    const b = count === 1 ? a : block.input(inputsAt + 1, position)
    const pageOfA = values.pageWith(a, known)
    const pageOfB = count === 1 ? pageOfA : values.pageWith(b, known)
    if (pageOfA === null || pageOfB === null || values.pageWith(position, known) === null) return false
    if (!this.isAsMade(a, known) || !this.isAsMade(b, known)) return false
    const at = placeOnPage(position)
    const first = pageOfA.numbers[placeOnPage(a)]!
    const second = pageOfB.numbers[placeOnPage(b)]!
    const y = known.numbers[at]!
    const gradient = pending.numbers[at]!
    pending.states[at] = NOTHING
    if (this.calls.inputRequiresGrad(a, position, known.first, this.wanting!))
      this.pushNumber(a, rule.backward(0, gradient, first, second, y), pending, block)
    if (count === 2 && this.calls.inputRequiresGrad(b, position, known.first, this.wanting!))
      this.pushNumber(b, rule.backward(1, gradient, first, second, y), pending, block)
    return true
  }

  /** Whether nobody gave what a call on the page reads another creator than it had, or none. */
  private isAsMade(ref: Ref, page: ValuePage): boolean {
    if (this.noneHeld && ref >= page.first) return true
    const held = this.held.get(ref)
    if (held === undefined) return true
    return held.knownLinks === (this.calls.graph.at(ref).kindOf(ref) === NODE.call ? undefined : null)
  }

  /** The gradient of what a call reads; the call is in `block` and on the page `pending`. */
  private pushNumber(ref: Ref, gradient: number, pending: PendingPage, block: GraphBlock): void {
    const itsBlock = ref >= block.first ? block : this.calls.graph.at(ref)
    if (itsBlock.kindOf(ref) === NODE.call)
      arriveNumber(ref >= this.known!.first ? pending : this.pageOf(ref), placeOnPage(ref), gradient)
    else this.pass.arrive(this.pass.leaf(ref), new Variable(float64Scalar(gradient), false, 'variable'))
  }

  private taken(page: PendingPage, at: number): CallLinks {
    const position = this.top
    const links = this.pass.callAt(position)
    links.pending = this.gradientAt(page, at)
    if (page.states[at] === GRADIENT) page.gradients[at] = null
    page.states[at] = NOTHING
    if (links.more !== null && links.more.outputs.length > 0)
      links.more.pending = links.more.outputs.map((_, i) => this.others.get(refOf(position, i + 1)) ?? null)
    return links
  }

  private gradientAt(page: PendingPage, at: number): Variable | null {
    if (page.states[at] !== NUMBER) return page.gradients[at] ?? null
    const { shape } = this.calls.outputOf(this.top)
    return new Variable(new NDArray('float64', shape, 1, page.numbers, at), false, 'variable')
  }

  private pageOf(position: number): PendingPage {
    const number = pageNumber(position)
    const known = this.pages[number]
    if (known !== undefined) return known
    const made = new PendingPage()
    this.pages[number] = made
    return made
  }
}

function arriveNumber(page: PendingPage, at: number, gradient: number): void {
  page.numbers[at] = page.states[at] === NUMBER ? page.numbers[at]! + gradient : gradient
  page.states[at] = NUMBER
}
