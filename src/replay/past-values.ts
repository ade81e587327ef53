/**
 * What the calls of a past run made, as columns: taken from the tape, or computed again by the forward functions alone. One
 * kernel gives one result, so these are the bits that the run had.
 */
import { allocate, NDArray } from '../array/ndarray.js'
import { TapeError } from '../errors.js'
import { REF_SLOT_UNIT, type Ref } from '../events/event.js'
import { runForward } from '../graph/func.js'
import { unrecorded } from '../graph/mode.js'
import { GRAPH_PAGE, type GraphPage, pageNumber, placeOnPage, positionOf } from '../store/graph-pages.js'
import { type CallKind, type CallOutputForm, type PastCalls, slotOf } from './past-calls.js'
import { toNDArray } from './recorded-array.js'

const [UNKNOWN, NUMBER, ARRAY] = [0, 1, 2] as const

/** What calls of one page made, by place: numbers where it is one, else arrays. Of outputs other than the first, see `others`. */
class ValuePage {
  readonly states = new Uint8Array(GRAPH_PAGE)
  readonly numbers = new Float64Array(GRAPH_PAGE)
  readonly arrays: NDArray[] = []
}

export class PastValues {
  private readonly calls: PastCalls
  /** The array that a call at some position reads under a ref. */
  private readonly read: (ref: Ref, at: number) => NDArray
  /** Of calls that are linked to nothing, and so cannot be computed from their inputs alone. */
  private readonly inHindsight: (ref: Ref) => NDArray
  private readonly pages: (ValuePage | undefined)[] = []
  private readonly others = new Map<Ref, NDArray>()
  /** Told before anything is computed. */
  private readonly beforeComputing: () => void

  constructor(
    calls: PastCalls,
    read: (ref: Ref, at: number) => NDArray,
    inHindsight: (ref: Ref) => NDArray,
    beforeComputing: () => void,
  ) {
    this.calls = calls
    this.read = read
    this.inHindsight = inHindsight
    this.beforeComputing = beforeComputing
  }

  /** The array that the call behind `ref` made. */
  at(ref: Ref): NDArray {
    return this.known(ref) ?? this.find(ref)
  }

  /** The same if it was asked for before or computed on the way; else null. */
  known(ref: Ref): NDArray | null {
    const position = positionOf(ref)
    if (position !== ref) return this.others.get(ref) ?? null
    const page = this.pages[pageNumber(position)]
    if (page === undefined) return null
    const at = placeOnPage(position)
    switch (page.states[at]) {
      case NUMBER: {
        const { dtype, shape } = this.calls.outputOf(ref)
        if (dtype === 'float64') return new NDArray('float64', shape, 1, page.numbers, at)
        const array = allocate(dtype, shape, 1)
        array.buffer[array.offset] = page.numbers[at]!
        return array
      }
      case ARRAY:
        return page.arrays[at]!
      default:
        return null
    }
  }

  private find(ref: Ref): NDArray {
    const position = positionOf(ref)
    const page = this.calls.pageOf(position)
    const at = position - page.first
    if (this.take(page, at)) return this.known(ref) ?? this.missing(ref)
    if (!this.calls.kindAt(page, at).linked) return this.inHindsight(ref)
    this.compute(position)
    return this.known(ref) ?? this.missing(ref)
  }

  /** Takes what the tape has of the call at a place. False when it does not have all. */
  private take(page: GraphPage, at: number): boolean {
    const { outputs } = this.calls.kindAt(page, at)
    const taken = page.outputsTaken(at)
    if (taken === 0) return false
    let whole = true
    for (let slot = 0; slot < outputs.length; slot++) {
      const { dtype, shape } = outputs[slot]!
      const value = slot < taken ? this.calls.pages.output(page, at, slot, dtype, shape) : null
      if (value === null) whole = false
      else this.keep(page.first + at, slot, outputs[slot]!, toNDArray(value))
    }
    return whole
  }

  /** Computes the call at `position`, after all that it reads and is not known either. */
  private compute(position: number): void {
    this.beforeComputing()
    unrecorded(() => {
      this.calls.inOrder(
        position,
        (page, at) => this.isOpen(page, at),
        (page, at) => {
          const kind = this.calls.kindAt(page, at)
          const made = runForward(kind.make(), this.arraysRead(page, at))
          if (made.length !== kind.outputs.length) this.refuse(page.first + at, kind, made.length)
          for (let slot = 0; slot < made.length; slot++)
            this.keep(page.first + at, slot, kind.outputs[slot]!, made[slot]!)
        },
      )
    })
  }

  private isOpen(page: GraphPage, at: number): boolean {
    const values = this.pageOf(page.first)
    if (values.states[at] !== UNKNOWN) return false
    return this.calls.kindAt(page, at).linked && !this.take(page, at)
  }

  private arraysRead(page: GraphPage, at: number): NDArray[] {
    const { inputs } = page
    const from = page.inputsAt[at]!
    const count = page.inputCounts[at]!
    const position = page.first + at
    if (count === 1) return [this.read(inputs[from]!, position)]
    if (count === 2) return [this.read(inputs[from]!, position), this.read(inputs[from + 1]!, position)]
    const arrays: NDArray[] = []
    for (let i = 0; i < count; i++) arrays.push(this.read(inputs[from + i]!, position))
    return arrays
  }

  private keep(position: number, slot: number, form: CallOutputForm, array: NDArray): void {
    const page = this.pageOf(position)
    const at = placeOnPage(position)
    if (slot > 0) {
      this.others.set(position + slot * REF_SLOT_UNIT, array)
      return
    }
    if (form.size === 1) {
      page.numbers[at] = array.buffer[array.offset]!
      page.states[at] = NUMBER
    } else {
      page.arrays[at] = array
      page.states[at] = ARRAY
    }
  }

  private pageOf(position: number): ValuePage {
    const number = pageNumber(position)
    const known = this.pages[number]
    if (known !== undefined) return known
    const made = new ValuePage()
    this.pages[number] = made
    return made
  }

  private missing(ref: Ref): never {
    throw new TapeError('TAPE_CORRUPT', `event ${positionOf(ref)} made no output ${slotOf(ref)}`)
  }

  private refuse(position: number, { name, outputs }: CallKind, got: number): never {
    throw new TapeError(
      'TAPE_CORRUPT',
      `event ${position} calls "${name}", which made ${outputs.length} output(s) then and ${got} now; register the function that the run used`,
    )
  }
}
