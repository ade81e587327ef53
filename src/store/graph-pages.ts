/**
 * The graph of a run as columns, a page of positions at a time: which function a call is, what it reads, where its value
 * is. Reading a million calls makes a few hundred objects. Knows nothing of Variables.
 */
import { TapeError } from '../errors.js'
import { type Plain, positionOf, type RecordedArray, type Ref } from '../events/event.js'
import { textToPlain } from '../events/plain.js'
import { RUN_UNIT } from './block-cutter.js'
import { BlockReader, type ColumnBlock } from './block-reader.js'
import { type Connection, sqliteError } from './database.js'
import { decodeRef } from './template.js'
import { NODE } from './template-columns.js'
import { type LeafForm, type Signature, TextReader } from './text-reader.js'

export { NODE } from './template-columns.js'

/** Positions of a page. A position has 32 bits, so its page and its place there are cut out of them. */
const PAGE_BITS = 12
export const GRAPH_PAGE = 1 << PAGE_BITS

/** The number of the page on which a position stands. */
export function pageNumber(position: number): number {
  return position >>> PAGE_BITS
}

/** The place of a position on its page. */
export function placeOnPage(position: number): number {
  return position & (GRAPH_PAGE - 1)
}

export class GraphPages {
  readonly runId: number
  private readonly pages: (GraphPage | undefined)[] = []
  private readonly blocks: BlockReader
  private readonly texts: TextReader

  constructor(db: Connection, runId: number) {
    this.runId = runId
    this.texts = new TextReader(db)
    this.blocks = new BlockReader(db, this.texts)
  }

  /** The page with this number. Throws TAPE_CORRUPT. */
  page(number: number): GraphPage {
    return this.pages[number] ?? this.read(number)
  }

  signature(form: number): Signature {
    return this.texts.signature(form)
  }

  leafForm(form: number): LeafForm {
    return this.texts.leafForm(form)
  }

  /** Attributes of a call at a place of a page; the same object for the same text. */
  attributes(page: GraphPage, at: number): Plain {
    const id = page.attributes[at]!
    if (id !== 0) return this.texts.attributes(id)
    const text = page.block(at).slots.textId(page.slots[at]! + page.taken[at]! - 1)
    return textToPlain(this.texts.passing(text), `attributes of event ${page.first + at}`)
  }

  /** What is on the tape of an output of the call at a place; null for nothing. */
  output(
    page: GraphPage,
    at: number,
    slot: number,
    dtype: string,
    shape: readonly number[],
  ): RecordedArray | null {
    if (slot >= page.outputsTaken(at)) return null
    return this.blocks.content(page.block(at).slots, page.slots[at]! + slot, dtype, shape).value
  }

  /** The number in the slot of the call at a place that has one output of one element; undefined when none is there. */
  outputNumber(page: GraphPage, at: number): number | undefined {
    return page.outputsTaken(at) === 0 ? undefined : page.block(at).slots.numberIfAny(page.slots[at]!)
  }

  /** What is on the tape of the leaf at a place; null for nothing. */
  leafValue(page: GraphPage, at: number, { dtype, shape }: LeafForm): RecordedArray | null {
    return this.blocks.outside(page.block(at).slots, page.slots[at]!, page.taken[at]!, dtype, shape).value
  }

  private read(number: number): GraphPage {
    const page = new GraphPage(number * GRAPH_PAGE)
    const first = Math.max(1, page.first)
    const last = Math.min(page.first + GRAPH_PAGE, RUN_UNIT) - 1
    try {
      for (const block of this.blocks.blocksOfColumns(this.runId, first, last)) page.add(block)
    } catch (error) {
      throw sqliteError(error, `reading events ${first} to ${last} of run ${this.runId}`)
    }
    this.pages[number] = page
    return page
  }
}

export class GraphPage {
  /** The position of place 0. */
  readonly first: number
  /** What stands at each place, as in NODE. */
  readonly kinds = new Uint8Array(GRAPH_PAGE)
  /** Signature of a call, form of a leaf. */
  readonly forms = new Int32Array(GRAPH_PAGE)
  /** Id of a call's attributes; 0 where they differ from call to call. */
  readonly attributes = new Int32Array(GRAPH_PAGE)
  readonly slots = new Int32Array(GRAPH_PAGE)
  readonly taken = new Int32Array(GRAPH_PAGE)
  /** What the call at a place reads: `inputs[inputsAt[at]]` and on. */
  readonly inputsAt = new Int32Array(GRAPH_PAGE)
  readonly inputCounts = new Int32Array(GRAPH_PAGE)
  inputs = new Float64Array(GRAPH_PAGE * 2)
  private inputCount = 0
  private readonly blockOf = new Uint16Array(GRAPH_PAGE)
  private readonly blocks: ColumnBlock[] = []

  constructor(first: number) {
    this.first = first
  }

  block(at: number): ColumnBlock {
    return this.blocks[this.blockOf[at]!]!
  }

  /** How many of a call's outputs have something on the tape. */
  outputsTaken(at: number): number {
    return this.taken[at]! - (this.attributes[at] === 0 ? 1 : 0)
  }

  /** @internal Copies what of the block stands on this page. */
  add(block: ColumnBlock): void {
    const { template, first } = block
    const from = Math.max(0, this.first - first)
    const to = Math.min(template.kinds.length, this.first + GRAPH_PAGE - first)
    if (to <= from) return
    const at = first + from - this.first
    this.kinds.set(template.kinds.subarray(from, to), at)
    this.forms.set(template.forms.subarray(from, to), at)
    this.attributes.set(template.attributes.subarray(from, to), at)
    this.slots.set(template.slots.subarray(from, to), at)
    this.taken.set(template.taken.subarray(from, to), at)
    this.inputCounts.set(template.inputCounts.subarray(from, to), at)
    this.blockOf.fill(this.blocks.length, at, at + to - from)
    this.blocks.push(block)
    this.addInputs(block, from, to)
  }

  private addInputs({ template, first, base }: ColumnBlock, from: number, to: number): void {
    this.makeRoom(template.inputCountBetween(from, to))
    const { inputs, inputsAt } = this
    let next = this.inputCount
    for (let offset = from; offset < to; offset++) {
      if (template.kinds[offset] !== NODE.call) continue
      const position = first + offset
      inputsAt[position - this.first] = next
      let encodedAt = template.inputsAt[offset]!
      for (let left = template.inputCounts[offset]!; left > 0; left--) {
        const ref = refOf(template.inputs[encodedAt++]!, position, base)
        if (!(ref > 0 && positionOf(ref) < position))
          throw new TapeError('TAPE_CORRUPT', `event ${position} reads what was not made before it`)
        inputs[next++] = ref
      }
    }
    this.inputCount = next
  }

  private makeRoom(count: number): void {
    if (this.inputCount + count <= this.inputs.length) return
    const larger = new Float64Array(Math.max(this.inputs.length * 2, this.inputCount + count))
    larger.set(this.inputs)
    this.inputs = larger
  }
}

/** As `decodeRef`; the two forms that nearly all references have come first. */
function refOf(encoded: number, own: number, base: number): Ref {
  const whole = encoded | 0
  if (whole === encoded) return whole < 0 ? -whole : own - whole
  return decodeRef(encoded, own, base)
}
