/**
 * Cells: what differs from one repetition of a graph to the next. A block has a row of them, in the column `slots`. Each is eight
 * bytes, big-endian: a float64, or, where no number can stand (the bits of a NaN that is not the canonical one), a tag and an id.
 * A summary takes six; a small array may stand in them itself.
 */
import { TapeError } from '../../errors.js'
import { grown } from '../../events/grown.js'
import { SUMMARY_SIZE } from '../../events/record-layout.js'
import { type Summary, summaryFrom, summaryNumbers } from '../../events/summary.js'

/** The first two bytes of a cell that holds no number. */
export const TAG = { hashed: 0x7ffb, value: 0x7ffc, text: 0x7ffd, nothing: 0x7ffe } as const
const NAN_HIGH = 0x7ff80000

export class CellBuffer {
  count = 0
  private memory: Buffer = Buffer.alloc(1024)
  private view = new DataView(this.memory.buffer, this.memory.byteOffset, this.memory.length)

  clear(): void {
    this.count = 0
  }

  addNumber(value: number): void {
    const at = this.next()
    if (value === value) this.view.setFloat64(at, value)
    else this.setPair(at, NAN_HIGH, 0)
  }

  /** The id of a row in `_value`. */
  addValue(id: number): void {
    this.addTagged(TAG.value, id)
  }

  /** The id of a row in `_value`, of whose content only hash and summary are kept. */
  addHashed(id: number): void {
    this.addTagged(TAG.hashed, id)
  }

  /** Six cells. */
  addSummary(summary: Summary): void {
    const numbers = summaryNumbers(summary)
    for (let i = 0; i < SUMMARY_SIZE; i++) this.addNumber(numbers[i]!)
  }

  /** @internal One cell with the number of bytes, then the bytes, filled up to whole cells. Gives how many cells they take. */
  addInline(bytes: Buffer): number {
    const cells = inlineCells(bytes.length)
    this.setPair(this.next(), 0, bytes.length)
    const at = this.count * 8
    for (let i = 1; i < cells; i++) this.setPair(this.next(), 0, 0)
    this.memory.set(bytes, at)
    return cells
  }

  /** The id of a row in `_text`. */
  addText(id: number): void {
    this.addTagged(TAG.text, id)
  }

  /** A value that was not captured. */
  addNothing(): void {
    this.addTagged(TAG.nothing, 0)
  }

  /** @internal A copy of the cells so far. */
  bytes(): Buffer {
    const bytes = Buffer.allocUnsafe(this.count * 8)
    this.memory.copy(bytes, 0, 0, bytes.length)
    return bytes
  }

  private addTagged(tag: number, id: number): void {
    this.setPair(this.next(), tag * 65_536 + Math.floor(id / 2 ** 32), id % 2 ** 32)
  }

  private setPair(at: number, high: number, low: number): void {
    this.view.setUint32(at, high)
    this.view.setUint32(at + 4, low)
  }

  private next(): number {
    const at = this.count++ * 8
    if (at + 8 > this.memory.length) {
      this.memory = grown(this.memory, at + 8)
      this.view = new DataView(this.memory.buffer, this.memory.byteOffset, this.memory.length)
    }
    return at
  }
}

/** The id in a tagged cell, from its two halves. */
export function idInCell(high: number, low: number): number {
  return (high & 0xffff) * 2 ** 32 + low
}

/** How many cells an array of this many bytes takes. */
export function inlineCells(bytes: number): number {
  return 1 + Math.ceil(bytes / 8)
}

const NO_CELLS = new DataView(new ArrayBuffer(0))

/** What a cell holds by itself. Whether its number is one, or the bytes of an array, only its template knows. */
export interface CellContent {
  readonly holds: 'number' | 'value' | 'hashed value' | 'text' | 'nothing'
  /** The number, or the id of the row that the cell names; null for nothing. */
  readonly value: number | null
}

/** Reads cells. Throws TAPE_CORRUPT when a template expects more than there are. */
export class CellReader {
  private readonly bytes: Buffer | null
  private readonly view: DataView
  /** Where the cells of the block stand, in bytes. */
  private from = 0
  private to: number

  /** @internal */
  constructor(bytes: Buffer | null) {
    this.bytes = bytes
    this.view = bytes === null ? NO_CELLS : new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.to = this.view.byteLength
  }

  /** @internal From now on the cells are those between these bytes, of a page with the cells of many blocks. */
  seek(from: number, to: number): void {
    this.from = from
    this.to = to
  }

  number(cell: number): number {
    return this.at(cell).getFloat64(this.from + cell * 8)
  }

  describe(cell: number): CellContent {
    if (this.isNumber(cell)) return { holds: 'number', value: this.number(cell) }
    if (this.valueId(cell) > 0) return { holds: 'value', value: this.valueId(cell) }
    if (this.hashedId(cell) > 0) return { holds: 'hashed value', value: this.hashedId(cell) }
    if (this.textId(cell) > 0) return { holds: 'text', value: this.textId(cell) }
    return { holds: 'nothing', value: null }
  }

  /** Whether a cell holds a number, and not something else. */
  isNumber(cell: number): boolean {
    const tag = this.at(cell).getUint16(this.from + cell * 8)
    return tag < TAG.hashed || tag > TAG.nothing
  }

  /** 0 when the cell holds no value id. */
  valueId(cell: number): number {
    return this.tagged(cell, TAG.value)
  }

  /** 0 when the cell holds no id of a value of which hash and summary are kept. */
  hashedId(cell: number): number {
    return this.tagged(cell, TAG.hashed)
  }

  /** The summary in six cells. */
  summary(cell: number): Summary {
    return summaryFrom((i) => this.number(cell + i))
  }

  /** @internal The bytes that begin at `cell`; at most `cells` of them hold them. */
  inline(cell: number, cells: number): Buffer {
    const head = this.at(cell)
    const at = this.from + cell * 8
    const count = head.getUint32(at + 4)
    if (head.getUint32(at) !== 0 || inlineCells(count) !== cells)
      throw new TapeError('TAPE_CORRUPT', `a block has ${count} bytes in ${cells} cells`)
    this.at(cell + cells - 1)
    return this.bytes!.subarray(at + 8, at + 8 + count)
  }

  /**
   * Every value that the cells name, the cell that does, and whether as a value whose bytes are kept.
   *
   * inline  where arrays stand themselves: first cells and how many
   */
  *values(inline: ReadonlyMap<number, number>): Generator<{ id: number; withBytes: boolean; cell: number }> {
    for (let cell = 0; cell < (this.to - this.from) / 8; cell++) {
      const skipped = inline.get(cell)
      if (skipped !== undefined) {
        cell += skipped - 1
        continue
      }
      const id = this.valueId(cell)
      if (id > 0) yield { id, withBytes: true, cell }
      else if (this.hashedId(cell) > 0) yield { id: this.hashedId(cell), withBytes: false, cell }
    }
  }

  textId(cell: number): number {
    return this.tagged(cell, TAG.text)
  }

  isNothing(cell: number): boolean {
    return this.at(cell).getUint16(this.from + cell * 8) === TAG.nothing
  }

  private tagged(cell: number, tag: number): number {
    const view = this.at(cell)
    const at = this.from + cell * 8
    return view.getUint16(at) === tag ? idInCell(view.getUint32(at), view.getUint32(at + 4)) : 0
  }

  private at(cell: number): DataView {
    if (!(cell >= 0 && Number.isInteger(cell) && this.to - this.from >= cell * 8 + 8)) {
      throw new TapeError(
        'TAPE_CORRUPT',
        `a block has ${(this.to - this.from) / 8} cells, its template expects more`,
      )
    }
    return this.view
  }
}
