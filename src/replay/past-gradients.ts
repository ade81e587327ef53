/**
 * What one backward pass has collected for the calls of a past run: a number a call where a gradient is one, and the walk
 * over them from the latest down. Where a call, what it read and its gradient are numbers, and nobody holds its output, the
 * walk goes through it by the rule of its function; any other call becomes an object while the pass asks it for its
 * gradients.
 */
import { float64Scalar, NDArray } from '../array/ndarray.js'
import { positionOf, REF_SLOT_UNIT, type Ref } from '../events/event.js'
import type { CallLinks } from '../graph/call-links.js'
import type { PendingGradients } from '../graph/recorder.js'
import { Variable } from '../graph/variable.js'
import { GRAPH_PAGE, NODE, pageNumber, placeOnPage } from '../store/graph-pages.js'
import type { PastCalls } from './past-calls.js'
import type { PastValues } from './past-values.js'

const [NOTHING, NUMBER, GRADIENT] = [0, 1, 2] as const

class PendingPage {
  readonly states = new Uint8Array(GRAPH_PAGE)
  readonly numbers = new Float64Array(GRAPH_PAGE)
  readonly gradients: (Variable | null)[] = []
}

/** What the walk asks of the pass and of the past graph. */
export interface PastPass {
  /** The call at a position as an object. */
  callAt(position: number): CallLinks
  /** The variable that somebody holds under a ref. */
  held(ref: Ref): Variable | undefined
  leaf(ref: Ref): Variable
  add(a: Variable, b: Variable): Variable
  arrive(variable: Variable, gradient: Variable): void
}

export class PastGradients implements PendingGradients {
  private readonly calls: PastCalls
  private readonly values: PastValues
  private readonly pass: PastPass
  /** Whether sums may be of numbers: a pass that becomes a graph itself needs Variables. */
  private readonly asNumbers: boolean
  private readonly pages: (PendingPage | undefined)[] = []
  /** For outputs of a call other than the first. */
  private readonly others = new Map<Ref, Variable>()
  /** No gradient waits above. */
  private top = 0

  constructor(calls: PastCalls, values: PastValues, pass: PastPass, asNumbers: boolean) {
    this.calls = calls
    this.values = values
    this.pass = pass
    this.asNumbers = asNumbers
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
  private nextOn(page: PendingPage, first: number): CallLinks | null {
    const { states } = page
    for (let at = Math.min(this.top - first, GRAPH_PAGE - 1); at >= 0; at--) {
      if (states[at] === NOTHING) continue
      this.top = first + at
      if (states[at] !== NUMBER || !this.passedAsNumber(page, at)) return this.taken(page, at)
    }
    return null
  }

  /** Takes the gradient at a place through its call by the rule of its function. False when that is not all numbers. */
  private passedAsNumber(pending: PendingPage, at: number): boolean {
    const position = this.top
    const { values } = this
    const page = this.calls.pageOf(position)
    const { rule } = this.calls.kindAt(page, at)
    const inputsAt = page.inputsAt[at]!
    const count = page.inputCounts[at]!
    if (rule === null || count !== rule.operands || !this.asNumbers) return false
    if (this.pass.held(position) !== undefined) return false
    const known = values.pageOf(position)
    const first = values.numberRead(page.inputs[inputsAt]!, page, known)
    const second = count === 1 ? first : values.numberRead(page.inputs[inputsAt + 1]!, page, known)
    const y = values.numberRead(position, page, known)
    if (first === null || second === null || y === null) return false
    for (let slot = 0; slot < count; slot++) if (!this.isAsMade(page.inputs[inputsAt + slot]!)) return false
    const gradient = pending.numbers[at]!
    pending.states[at] = NOTHING
    const wanting = this.calls.wantingOf(position)
    for (let slot = 0; slot < count; slot++) {
      const ref = page.inputs[inputsAt + slot]!
      if (this.calls.inputRequiresGrad(ref, page, wanting))
        this.pushNumber(ref, rule.backward(slot, gradient, first, second, y))
    }
    return true
  }

  /** Whether nobody gave a call's input another creator than it had, or none. */
  private isAsMade(ref: Ref): boolean {
    const held = this.pass.held(ref)
    if (held === undefined) return true
    const { kinds } = this.calls.pageOf(ref)
    return held.knownLinks === (kinds[placeOnPage(ref)] === NODE.call ? undefined : null)
  }

  private pushNumber(ref: Ref, gradient: number): void {
    const page = this.calls.pageOf(ref)
    if (page.kinds[placeOnPage(ref)] === NODE.call) arriveNumber(this.pageOf(ref), placeOnPage(ref), gradient)
    else this.pass.arrive(this.pass.leaf(ref), new Variable(float64Scalar(gradient), false, 'variable'))
  }

  private taken(page: PendingPage, at: number): CallLinks {
    const position = this.top
    const links = this.pass.callAt(position)
    links.pending = this.gradientAt(page, at)
    if (page.states[at] === GRADIENT) page.gradients[at] = null
    page.states[at] = NOTHING
    if (links.more !== null && links.more.outputs.length > 0)
      links.more.pending = links.more.outputs.map(
        (_, i) => this.others.get(position + (i + 1) * REF_SLOT_UNIT) ?? null,
      )
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
