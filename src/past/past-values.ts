/**
 * What the calls of a past run made, as columns: taken from the tape, or computed again by the forward functions alone. One
 * kernel gives one result, so these are the bits that the run had.
 */
import { type Kernel, useKernel } from '../array/kernel.js'
import { allocate, NDArray } from '../array/ndarray.js'
import { SCALAR as SCALAR_SHAPE } from '../array/shape.js'
import { TapeError } from '../errors.js'
import { isPosition, positionOf, type Ref, refOf, slotOf } from '../events/event.js'
import { runForward } from '../graph/forward-result.js'
import { unrecorded } from '../graph/mode.js'
import type { NumberRule } from '../graph/number-rule.js'
import { toNDArray } from '../recorder/recorded-array.js'
import { GRAPH_PAGE, type GraphBlock, NODE, pageNumber, placeOnPage } from '../store/read/graph-blocks.js'
import type { VersionLookup } from '../store/read/version-lookup.js'
import { type AncestorVisitor, visitAncestors } from './ancestors.js'
import {
  type CallKind,
  type CallOutputForm,
  isScalar,
  type PastCalls,
  type ResolvedListener,
} from './past-calls.js'

/** What is known at a place: a float64 without axes, another single number, an array. */
const [UNKNOWN, SCALAR, NUMBER, ARRAY] = [0, 1, 2, 3] as const

/**
 * What calls of one page made, by place: numbers where it is one, else arrays. Of outputs other than the first, see `others`.
 * Leaves that are scalars are there too.
 */
export class ValuePage {
  /** The position of its first place. */
  readonly first: number
  readonly states = new Uint8Array(GRAPH_PAGE)
  readonly numbers = new Float64Array(GRAPH_PAGE)
  readonly arrays: NDArray[] = []

  constructor(first: number) {
    this.first = first
  }
}

type Versions = Pick<VersionLookup, 'none' | 'isVersioned'>

export class PastValues implements AncestorVisitor, ResolvedListener {
  private readonly calls: PastCalls
  /** The array that a call at some position reads under a ref. */
  private readonly read: (ref: Ref, at: number) => NDArray
  /** Of calls that are linked to nothing, and so cannot be computed from their inputs alone. */
  private readonly inHindsight: (ref: Ref) => NDArray
  private readonly pages: (ValuePage | undefined)[] = []
  private readonly others = new Map<Ref, NDArray>()
  /** The kernel that computes as the run did. Throws KERNEL_MISMATCH where there is none. */
  private readonly kernel: () => Kernel
  private readonly versions: Versions
  private fits: boolean | null = null
  /** Whether what calls read under a ref is everywhere what was made there. */
  private noVersions: boolean | null = null

  constructor(
    calls: PastCalls,
    read: (ref: Ref, at: number) => NDArray,
    inHindsight: (ref: Ref) => NDArray,
    kernel: () => Kernel,
    versions: Versions,
  ) {
    this.calls = calls
    this.read = read
    this.inHindsight = inHindsight
    this.kernel = kernel
    this.versions = versions
    calls.listener = this
  }

  /** @internal A walk over the calls passes: numbers are computed on the way. */
  resolved(block: GraphBlock, position: number, kind: CallKind): void {
    if (kind.rule !== null && block.outputsTaken(position) === 0)
      this.computeInPassing(block, position, kind.rule)
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
      case SCALAR:
        return new NDArray('float64', SCALAR_SHAPE, 1, page.numbers, at)
      case NUMBER: {
        const { dtype, shape } = this.calls.outputOf(ref)
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

  /**
   * The page on which the number stands that is always under `ref`, taken from the tape or computed where it must be; null
   * where it is no float64 without axes. `values` is the page of the call which reads it.
   */
  pageWith(ref: Ref, values: ValuePage): ValuePage | null {
    if (!isPosition(ref) || !this.hasOneVersion(ref)) return null
    // Most refs are to the same page.
    const itsValues = ref >= values.first ? values : this.pageOf(ref)
    return itsValues.states[placeOnPage(ref)] === SCALAR || this.takeNumber(ref) ? itsValues : null
  }

  /** What is known of the page of a position. */
  pageOf(position: number): ValuePage {
    const number = pageNumber(position)
    const known = this.pages[number]
    if (known !== undefined) return known
    const made = new ValuePage(number * GRAPH_PAGE)
    this.pages[number] = made
    return made
  }

  private hasOneVersion(ref: Ref): boolean {
    return this.noVersions === true || this.isUnversioned(ref)
  }

  private isUnversioned(ref: Ref): boolean {
    this.noVersions ??= this.versions.none
    return !this.versions.isVersioned(ref)
  }

  /** Takes a number from the tape, or computes it, if it is one. */
  private takeNumber(ref: Ref): boolean {
    if (this.takeStoredNumber(ref)) return true
    const { graph } = this.calls
    const block = graph.at(ref)
    const kind = block.kindOf(ref)
    if (kind === NODE.leaf) {
      if (!isScalar(graph.leafForm(block.formOf(ref)))) return false
      this.keepNumber(ref, this.read(ref, ref).item())
      return true
    }
    if (kind !== NODE.call || !isScalar(this.calls.kindAt(block, ref).outputs[0]!)) return false
    const array = this.at(ref)
    // What is computed in hindsight is not kept here.
    if (this.pageOf(ref).states[placeOnPage(ref)] === UNKNOWN) this.keepNumber(ref, array.item())
    return true
  }

  /** The same of numbers that the tape has at hand. */
  private takeStoredNumber(ref: Ref): boolean {
    const { graph } = this.calls
    const block = graph.at(ref)
    const kind = block.kindOf(ref)
    if (kind === NODE.leaf) {
      const form = graph.leafForm(block.formOf(ref))
      const stored = isScalar(form) ? graph.leafValue(block, ref, form) : null
      if (stored === null) return false
      this.keepNumber(ref, toNDArray(stored).item())
      return true
    }
    if (kind !== NODE.call || !this.calls.kindAt(block, ref).makesNumber) return false
    if (!graph.hasOutputNumber(block, ref)) return false
    this.keepNumber(ref, graph.outputNumber(block, ref))
    return true
  }

  /** Computes a number whose operands are at hand, so that whoever asks for it later needs no walk of its own. */
  private computeInPassing(block: GraphBlock, position: number, rule: NumberRule): void {
    const values = this.pageOf(position)
    const at = placeOnPage(position)
    const count = block.inputCount(position)
    if (values.states[at] !== UNKNOWN || count !== rule.operands || !this.kernelFits()) return
    const inputsAt = block.inputsAt(position)
    const a = block.input(inputsAt, position)
    const b = count === 1 ? a : block.input(inputsAt + 1, position)
    const pageOfA = this.pageAtHand(a, values)
    const pageOfB = count === 1 ? pageOfA : this.pageAtHand(b, values)
    if (pageOfA === null || pageOfB === null) return
    values.numbers[at] = rule.forward(pageOfA.numbers[placeOnPage(a)]!, pageOfB.numbers[placeOnPage(b)]!)
    values.states[at] = SCALAR
  }

  /** As `pageWith`, without computing anything. */
  private pageAtHand(ref: Ref, values: ValuePage): ValuePage | null {
    if (!isPosition(ref) || !this.hasOneVersion(ref)) return null
    const itsValues = ref >= values.first ? values : this.pageOf(ref)
    return itsValues.states[placeOnPage(ref)] === SCALAR || this.takeStoredNumber(ref) ? itsValues : null
  }

  private kernelFits(): boolean {
    return this.fits ?? this.lookAtKernel()
  }

  private lookAtKernel(): boolean {
    try {
      this.kernel()
      this.fits = true
    } catch {
      // Whoever asks for a value hears of it.
      this.fits = false
    }
    return this.fits
  }

  private find(ref: Ref): NDArray {
    const position = positionOf(ref)
    const block = this.calls.graph.at(position)
    if (this.take(block, position)) return this.known(ref) ?? this.missing(ref)
    if (!this.calls.kindAt(block, position).linked) return this.inHindsight(ref)
    this.compute(position)
    return this.known(ref) ?? this.missing(ref)
  }

  /** Takes what the tape has of a call. False when it does not have all. */
  private take(block: GraphBlock, position: number): boolean {
    const { outputs } = this.calls.kindAt(block, position)
    const taken = block.outputsTaken(position)
    if (taken === 0) return false
    let whole = true
    for (let slot = 0; slot < outputs.length; slot++) {
      const { dtype, shape } = outputs[slot]!
      const value = slot < taken ? this.calls.graph.output(block, position, slot, dtype, shape) : null
      if (value === null) whole = false
      else this.keep(position, slot, outputs[slot]!, toNDArray(value))
    }
    return whole
  }

  /** Computes the call at `position`, after all that it reads and is not known either. */
  private compute(position: number): void {
    const before = useKernel(this.kernel())
    try {
      unrecorded(() => visitAncestors(this.calls.graph, position, this))
    } finally {
      useKernel(before)
    }
  }

  /** @internal Of a walk that computes. */
  opens(block: GraphBlock, position: number): boolean {
    if (this.isKnown(position)) return false
    return this.calls.kindAt(block, position).linked && !this.take(block, position)
  }

  /** @internal */
  visit(block: GraphBlock, position: number): void {
    const kind = this.calls.kindAt(block, position)
    if (kind.rule !== null) {
      // Where what it reads are numbers, they are at hand by now.
      this.computeInPassing(block, position, kind.rule)
      if (this.isKnown(position)) return
    }
    const made = runForward(kind.make(), this.arraysRead(block, position))
    if (made.length !== kind.outputs.length) this.refuse(position, kind, made.length)
    for (let slot = 0; slot < made.length; slot++) this.keep(position, slot, kind.outputs[slot]!, made[slot]!)
  }

  private isKnown(position: number): boolean {
    return this.pageOf(position).states[placeOnPage(position)] !== UNKNOWN
  }

  private arraysRead(block: GraphBlock, position: number): NDArray[] {
    const from = block.inputsAt(position)
    const count = block.inputCount(position)
    const arrays: NDArray[] = []
    for (let i = from; i < from + count; i++) arrays.push(this.read(block.input(i, position), position))
    return arrays
  }

  private keepNumber(position: number, number: number): void {
    const page = this.pageOf(position)
    const at = placeOnPage(position)
    page.numbers[at] = number
    page.states[at] = SCALAR
  }

  private keep(position: number, slot: number, form: CallOutputForm, array: NDArray): void {
    const page = this.pageOf(position)
    const at = placeOnPage(position)
    if (slot > 0) {
      this.others.set(refOf(position, slot), array)
      return
    }
    if (form.size === 1) {
      page.numbers[at] = array.buffer[array.offset]!
      page.states[at] = isScalar(form) ? SCALAR : NUMBER
    } else {
      page.arrays[at] = array
      page.states[at] = ARRAY
    }
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
