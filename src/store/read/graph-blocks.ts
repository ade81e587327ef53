/**
 * The graph of a run as columns, a block of events at a time: which function a call is, what it reads, where its value is.
 * Blocks of one template share its columns, so reading a million calls of a loop makes a few hundred small objects. Knows
 * nothing of Variables.
 */
import { TapeError } from '../../errors.js'
import type { Plain, RecordedArray, Ref } from '../../events/event.js'
import type { LeafForm } from '../../events/forms.js'
import { textToPlain } from '../../events/plain.js'
import type { CellReader } from '../format/cells.js'
import type { Connection } from '../format/connection.js'
import { sqliteError } from '../format/database.js'
import { POSITION_MAX } from '../format/ids.js'
import { decodeRef } from '../format/template.js'
import { BlockReader, type ColumnBlock } from './block-reader.js'
import { isMadeBefore, TemplateColumns } from './template-columns.js'
import { type Signature, TextReader } from './text-reader.js'

export { NODE } from './template-columns.js'

/** Positions of a page. A position has 32 bits, so its page and its place there are cut out of them. */
const PAGE_BITS = 12
/** This many positions are read at once; what readers note of positions they may keep in pages of as many. */
export const GRAPH_PAGE = 1 << PAGE_BITS

/** The number of the page on which a position stands. */
export function pageNumber(position: number): number {
  return position >>> PAGE_BITS
}

/** The place of a position on its page. */
export function placeOnPage(position: number): number {
  return position & (GRAPH_PAGE - 1)
}

export class GraphBlocks {
  private readonly runId: number
  /** The blocks that have events on a page, in order. */
  private readonly pages: (readonly GraphBlock[] | undefined)[] = []
  private readonly blocks: BlockReader
  private readonly texts: TextReader
  /** The block asked for last: what many calls read, a constant or a weight, is asked for again and again. */
  private latest = NO_BLOCK

  constructor(blocks: BlockReader, texts: TextReader, runId: number) {
    this.runId = runId
    this.texts = texts
    this.blocks = blocks
  }

  static of(db: Connection, runId: number): GraphBlocks {
    const texts = new TextReader(db)
    return new GraphBlocks(new BlockReader(db, texts), texts, runId)
  }

  /** The block of the event at a position. Throws TAPE_CORRUPT. */
  at(position: number): GraphBlock {
    const { latest } = this
    return position >= latest.first && position < latest.end ? latest : this.find(position)
  }

  private find(position: number): GraphBlock {
    const blocks = this.pages[pageNumber(position)] ?? this.read(pageNumber(position))
    this.latest = lastFrom(blocks, position)
    return this.latest
  }

  signature(form: number): Signature {
    return this.texts.signature(form)
  }

  leafForm(form: number): LeafForm {
    return this.texts.leafForm(form)
  }

  /** Attributes of a call; the same object for the same text. */
  attributes(block: GraphBlock, position: number): Plain {
    const id = block.attributesOf(position)
    if (id !== 0) return this.texts.attributes(id)
    const text = block.cells.textId(block.cellOf(position) + block.cellCount(position) - 1)
    return textToPlain(this.texts.passing(text), `attributes of event ${position}`)
  }

  /** What is on the tape of an output of a call; null for nothing. */
  output(
    block: GraphBlock,
    position: number,
    slot: number,
    dtype: string,
    shape: readonly number[],
  ): RecordedArray | null {
    if (slot >= block.outputsTaken(position)) return null
    return this.blocks.content(block.cells, block.cellOf(position) + slot, { dtype, shape }).value
  }

  /** Whether the number that a call made is on the tape. */
  hasOutputNumber(block: GraphBlock, position: number): boolean {
    return block.outputsTaken(position) > 0 && block.cells.isNumber(block.cellOf(position))
  }

  outputNumber(block: GraphBlock, position: number): number {
    return block.cells.number(block.cellOf(position))
  }

  /** What is on the tape of a leaf; null for nothing. */
  leafValue(block: GraphBlock, position: number, form: LeafForm): RecordedArray | null {
    const { cells } = block
    return this.blocks.outside(cells, block.cellOf(position), block.cellCount(position), form).value
  }

  private read(number: number): readonly GraphBlock[] {
    const from = Math.max(1, number * GRAPH_PAGE)
    const to = Math.min((number + 1) * GRAPH_PAGE - 1, POSITION_MAX)
    // Most blocks that reach into a page are on one that was read before.
    const above = this.pages[number + 1]?.[0]
    const below = this.pages[number - 1]?.at(-1)
    const found: GraphBlock[] = []
    try {
      for (const block of this.blocks.blocksOfColumns(this.runId, from, to)) {
        const known = block.first === above?.first ? above : block.first === below?.first ? below : null
        const made = known ?? new GraphBlock(block)
        if (made.end > from) found.push(made)
      }
    } catch (error) {
      throw sqliteError(error, `reading events ${from} to ${to} of run ${this.runId}`)
    }
    if (found.length === 0) found.push(NO_BLOCK)
    this.pages[number] = found
    return found
  }
}

/** A block of which only the graph is wanted. Its columns are asked at `position - first`. */
export class GraphBlock {
  /** The position of its first event, and that after its last. */
  readonly first: number
  readonly end: number
  readonly columns: TemplateColumns
  readonly cells: CellReader
  private readonly base: number

  constructor({ first, template, base, cells }: ColumnBlock) {
    this.first = first
    this.end = first + template.kinds.length
    this.columns = template
    this.cells = cells
    this.base = base
    if (!template.readsOnlyBefore(first, base)) this.refuse()
  }

  /** What stands at a position, as in NODE. */
  kindOf(position: number): number {
    return this.columns.kinds[position - this.first] ?? 0
  }

  /** Signature of a call, form of a leaf. */
  formOf(position: number): number {
    return this.columns.forms[position - this.first]!
  }

  /** Id of a call's attributes; 0 where they differ from call to call. */
  attributesOf(position: number): number {
    return this.columns.attributes[position - this.first]!
  }

  /** How many inputs a call has. */
  inputCount(position: number): number {
    return this.columns.inputCounts[position - this.first]!
  }

  /** Where in the columns what a call reads begins; see `input`. */
  inputsAt(position: number): number {
    return this.columns.inputsAt[position - this.first]!
  }

  /** What the call at `position` reads: `at` from `inputsAt(position)` on. */
  input(at: number, position: number): Ref {
    const near = this.columns.near[at]!
    if (near > 0) return position - near
    return near < 0 ? -near : decodeRef(this.columns.inputs[at]!, position, this.base)
  }

  /** The first cell of what is kept of an event. */
  cellOf(position: number): number {
    return this.columns.cells[position - this.first]!
  }

  cellCount(position: number): number {
    return this.columns.taken[position - this.first]!
  }

  /** How many of a call's outputs have something on the tape. */
  outputsTaken(position: number): number {
    return this.cellCount(position) - (this.attributesOf(position) === 0 ? 1 : 0)
  }

  private refuse(): never {
    let position = this.first
    for (; position < this.end; position++) {
      const end = this.inputsAt(position) + this.inputCount(position)
      let at = this.inputsAt(position)
      while (at < end && isMadeBefore(this.input(at, position), position)) at++
      if (at < end) break
    }
    throw new TapeError('TAPE_CORRUPT', `event ${position} reads what was not made before it`)
  }
}

/** Stands where no event does. */
const NO_BLOCK: GraphBlock = new GraphBlock({
  first: 0,
  template: new TemplateColumns(0),
  base: 0,
  cells: null as never,
})

/** The last block that begins at or before a position. */
function lastFrom(blocks: readonly GraphBlock[], position: number): GraphBlock {
  let [low, high] = [0, blocks.length - 1]
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if (blocks[middle]!.first <= position) low = middle
    else high = middle - 1
  }
  return blocks[low]!
}
