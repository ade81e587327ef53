/**
 * What one backward pass has collected for the calls of a past run: a number a call where a gradient is one, and the walk
 * over them from the latest down. A call is an object only while the pass asks it for its gradients.
 */
import { NDArray } from '../array/ndarray.js'
import type { Ref } from '../events/event.js'
import type { CallLinks } from '../graph/call-links.js'
import type { PendingGradients } from '../graph/recorder.js'
import { Variable } from '../graph/variable.js'
import { GRAPH_PAGE, pageNumber, placeOnPage, positionOf } from '../store/graph-pages.js'
import type { PastCalls } from './past-calls.js'

const [NOTHING, NUMBER, GRADIENT] = [0, 1, 2] as const

class PendingPage {
  readonly states = new Uint8Array(GRAPH_PAGE)
  readonly numbers = new Float64Array(GRAPH_PAGE)
  readonly gradients: (Variable | null)[] = []
}

export class PastGradients implements PendingGradients {
  private readonly calls: PastCalls
  private readonly callAt: (position: number) => CallLinks
  private readonly add: (a: Variable, b: Variable) => Variable
  /** Whether sums may be of numbers: a pass that becomes a graph itself needs Variables. */
  private readonly asNumbers: boolean
  private readonly pages: (PendingPage | undefined)[] = []
  /** For outputs of a call other than the first. */
  private readonly others = new Map<Ref, Variable>()
  /** No gradient waits above. */
  private top = 0

  constructor(
    calls: PastCalls,
    callAt: (position: number) => CallLinks,
    add: (a: Variable, b: Variable) => Variable,
    asNumbers: boolean,
  ) {
    this.calls = calls
    this.callAt = callAt
    this.add = add
    this.asNumbers = asNumbers
  }

  arrive(ref: Ref, gradient: Variable): void {
    const position = positionOf(ref)
    const at = placeOnPage(position)
    const page = this.pageOf(position)
    if (position > this.top) this.top = position
    if (position !== ref) {
      const before = this.others.get(ref)
      this.others.set(ref, before === undefined ? gradient : this.add(before, gradient))
      // The call is to be visited, whether or not anything arrives for its first output.
      if (page.states[at] === NOTHING) page.states[at] = GRADIENT
      return
    }
    const array = gradient.data
    if (array.size === 1 && this.asNumbers && array.dtype === 'float64') {
      const number = array.buffer[array.offset]!
      page.numbers[at] = page.states[at] === NUMBER ? page.numbers[at]! + number : number
      page.states[at] = NUMBER
      return
    }
    const before = page.gradients[at] ?? null
    page.gradients[at] = before === null ? gradient : this.add(before, gradient)
    page.states[at] = GRADIENT
  }

  next(): CallLinks | null {
    for (let number = pageNumber(this.top); number >= 0; number--) {
      const page = this.pages[number]
      const first = number * GRAPH_PAGE
      if (page !== undefined) {
        const { states } = page
        for (let at = Math.min(this.top - first, GRAPH_PAGE - 1); at >= 0; at--) {
          if (states[at] === NOTHING) continue
          this.top = first + at
          return this.taken(page, at)
        }
      }
      this.top = first
    }
    return null
  }

  private taken(page: PendingPage, at: number): CallLinks {
    const position = this.top
    const links = this.callAt(position)
    links.pending = this.gradientAt(page, at)
    if (page.states[at] === GRADIENT) page.gradients[at] = null
    page.states[at] = NOTHING
    if (links.more !== null && links.more.outputs.length > 0)
      links.more.pending = links.more.outputs.map((output) => this.others.get(output.ref) ?? null)
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
