/**
 * What the hash chain covers of the arrays of a batch, one after the other: the hash of an array's content, or its summary,
 * or both, or the array itself, whatever is kept of it. Written by the thousand, so it is one growing buffer.
 */
import { grown } from '../../events/grown.js'
import { SUMMARY_SIZE } from '../../events/record-layout.js'
import { type Summary, summaryNumbers } from '../../events/summary.js'

export class Digests {
  count = 0
  private used = 0
  private memory: Buffer = Buffer.alloc(4096)
  private view = new DataView(this.memory.buffer, this.memory.byteOffset)

  clear(): void {
    this.count = 0
    this.used = 0
  }

  /** All of them; overwritten after `clear`. */
  get bytes(): Buffer {
    return this.memory.subarray(0, this.used)
  }

  /** The hash of an array's content, of which the bytes are kept. */
  addHash(hash: Uint8Array): void {
    this.count++
    this.append(hash)
  }

  addHashAndSummary(hash: Uint8Array, summary: Summary): void {
    this.addHash(hash)
    this.appendSummary(summary)
  }

  addSummary(summary: Summary): void {
    this.count++
    this.appendSummary(summary)
  }

  /** All bytes of an array that stands with its event. */
  addInline(bytes: Uint8Array): void {
    this.addHash(bytes)
  }

  private append(bytes: Uint8Array): void {
    this.room(bytes.length)
    this.memory.set(bytes, this.used)
    this.used += bytes.length
  }

  /** Little-endian float64, NaN for null. */
  private appendSummary(summary: Summary): void {
    this.room(8 * SUMMARY_SIZE)
    const numbers = summaryNumbers(summary)
    for (let i = 0; i < SUMMARY_SIZE; i++, this.used += 8) {
      const number = numbers[i]!
      if (number === number) this.view.setFloat64(this.used, number, true)
      else {
        // Engines may store any NaN for NaN; these are the bits of the canonical one.
        this.view.setUint32(this.used, 0, true)
        this.view.setUint32(this.used + 4, 0x7ff80000, true)
      }
    }
  }

  private room(bytes: number): void {
    if (this.used + bytes <= this.memory.length) return
    this.memory = grown(this.memory, this.used + bytes)
    this.view = new DataView(this.memory.buffer, this.memory.byteOffset)
  }
}
