/**
 * Slots: what differs from one repetition of a graph to the next. Each is eight bytes, big-endian: a float64, or, where
 * no number can stand (the bits of a NaN that is not the canonical one), a tag and an id. A summary takes six; a small array
 * may stand in them itself.
 */
import { TapeError } from '../../errors.js'
import type { Summary } from '../../events/content.js'
import { SUMMARY_SLOTS, summaryFrom } from './value.js'

const TAG_HASHED = 0x7ffb
const TAG_VALUE = 0x7ffc
const TAG_TEXT = 0x7ffd
const TAG_NOTHING = 0x7ffe
const NAN_HIGH = 0x7ff80000

export class SlotBuffer {
  count = 0
  private memory = Buffer.alloc(1024)
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
    this.addTagged(TAG_VALUE, id)
  }

  /** The id of a row in `_value` of whose content hash and summary are kept. */
  addHashed(id: number): void {
    this.addTagged(TAG_HASHED, id)
  }

  /** Six slots. */
  addSummary(summary: Summary): void {
    const { l2Norm, mean, min, max, zeroCount, nonFiniteCount } = summary
    this.addNumber(l2Norm ?? Number.NaN)
    this.addNumber(mean ?? Number.NaN)
    this.addNumber(min ?? Number.NaN)
    this.addNumber(max ?? Number.NaN)
    this.addNumber(zeroCount)
    this.addNumber(nonFiniteCount)
  }

  /** One slot with the number of bytes, then the bytes, filled up to whole slots. Gives how many slots they take. */
  addInline(bytes: Buffer): number {
    const slots = inlineSlots(bytes.length)
    this.setPair(this.next(), 0, bytes.length)
    const at = this.count * 8
    for (let i = 1; i < slots; i++) this.setPair(this.next(), 0, 0)
    this.memory.set(bytes, at)
    return slots
  }

  /** The id of a row in `_text`. */
  addText(id: number): void {
    this.addTagged(TAG_TEXT, id)
  }

  /** A value that was not captured. */
  addNothing(): void {
    this.addTagged(TAG_NOTHING, 0)
  }

  /** A copy of the slots so far. */
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
      const larger = Buffer.alloc(this.memory.length * 2)
      larger.set(this.memory)
      this.memory = larger
      this.view = new DataView(larger.buffer, larger.byteOffset, larger.length)
    }
    return at
  }
}

function inlineSlots(bytes: number): number {
  return 1 + Math.ceil(bytes / 8)
}

const NO_SLOTS = new DataView(new ArrayBuffer(0))

/** Reads slots. Throws TAPE_CORRUPT when a template expects more than there are. */
export class SlotReader {
  private readonly bytes: Buffer | null
  private readonly view: DataView

  constructor(bytes: Buffer | null) {
    this.bytes = bytes
    this.view = bytes === null ? NO_SLOTS : new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  number(slot: number): number {
    return this.at(slot).getFloat64(slot * 8)
  }

  /** Whether a slot holds a number, and not something else. */
  isNumber(slot: number): boolean {
    const tag = this.at(slot).getUint16(slot * 8)
    return tag < TAG_HASHED || tag > TAG_NOTHING
  }

  /** 0 when the slot holds no value id. */
  valueId(slot: number): number {
    return this.tagged(slot, TAG_VALUE)
  }

  /** 0 when the slot holds no id of a value of which hash and summary are kept. */
  hashedId(slot: number): number {
    return this.tagged(slot, TAG_HASHED)
  }

  /** The summary in six slots. */
  summary(slot: number): Summary {
    return summaryFrom(Array.from({ length: SUMMARY_SLOTS }, (_, i) => this.number(slot + i)))
  }

  /** The bytes that begin at `slot`; at most `slots` of them hold them. */
  inline(slot: number, slots: number): Buffer {
    const head = this.at(slot)
    const count = head.getUint32(slot * 8 + 4)
    if (head.getUint32(slot * 8) !== 0 || inlineSlots(count) !== slots)
      throw new TapeError('TAPE_CORRUPT', `a block has ${count} bytes in ${slots} slots`)
    this.at(slot + slots - 1)
    return this.bytes!.subarray(slot * 8 + 8, slot * 8 + 8 + count)
  }

  /**
   * Every value that the slots name, and whether as one whose bytes are kept.
   *
   * inline  where arrays stand themselves: first slots and how many
   */
  *values(inline: ReadonlyMap<number, number>): Generator<{ id: number; withBytes: boolean }> {
    for (let slot = 0; slot < (this.bytes?.length ?? 0) / 8; slot++) {
      const skipped = inline.get(slot)
      if (skipped !== undefined) {
        slot += skipped - 1
        continue
      }
      const id = this.valueId(slot)
      if (id > 0) yield { id, withBytes: true }
      else if (this.hashedId(slot) > 0) yield { id: this.hashedId(slot), withBytes: false }
    }
  }

  textId(slot: number): number {
    return this.tagged(slot, TAG_TEXT)
  }

  isNothing(slot: number): boolean {
    return this.at(slot).getUint16(slot * 8) === TAG_NOTHING
  }

  private tagged(slot: number, tag: number): number {
    const view = this.at(slot)
    return view.getUint16(slot * 8) === tag
      ? view.getUint16(slot * 8 + 2) * 2 ** 32 + view.getUint32(slot * 8 + 4)
      : 0
  }

  private at(slot: number): DataView {
    if (this.view.byteLength < slot * 8 + 8) {
      throw new TapeError(
        'TAPE_CORRUPT',
        `a block has ${this.view.byteLength / 8} slots, its template expects more`,
      )
    }
    return this.view
  }
}
