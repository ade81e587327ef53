/**
 * Memory that the training thread fills and the writing thread reads: the words of one batch, and a copy of its arrays.
 * It is shared and used again, so that handing a batch over allocates nothing. Knows nothing of which thread waits for which.
 *
 * Arrays stand in chunks, one record after another, each at a multiple of eight bytes:
 *   dtype code, size, elements     or     −1 − index, 0: the same array as the batch's array of that index
 *   SUMMARY_CODE, SUMMARY_SIZE, the numbers of the summary that stands for an array
 */
import { TapeError } from '../../errors.js'
import { BATCH_LIMITS, WORDS_MAX } from '../../events/batch-limits.js'
import { dtypeCode, ELEMENT_BYTES, type ElementArray, RECORDED_DTYPES } from '../../events/dtypes.js'
import type { RecordedArray } from '../../events/event.js'
import { SUMMARY_SIZE } from '../../events/record-layout.js'
import { SummarizedArray } from '../../events/summarized-array.js'
import { putSummary, type Summary, summaryFrom } from '../../events/summary.js'

/** Room for the event that ends a batch of WORDS_MAX words; a larger one takes another way. */
const WORDS = WORDS_MAX + 65_536
export const CHUNK_BYTES = BATCH_LIMITS.bytesMax + 2 ** 19
/** Chunks made for arrays that did not fit are kept for the next ones, up to this many bytes for each batch. */
const EXTRA_BYTES_MAX = 64 * 2 ** 20
const HEADER_BYTES = 16
/** Room for texts, in UTF-16 units, each text with its length before it. */
const TEXT_UNITS = 65_536
/** This many of the latest arrays are compared with a new one: a gradient often passes through several calls as it is. */
const LATEST = 8
/** Below this a loop is faster than `set`. */
const LOOP_MAX = 64

/** The shape of a summary that stands for an array; that of the array stands in the batch's texts. */
const FLAT: readonly number[] = [0]

/** In the place of a dtype's code. */
const SUMMARY_CODE = RECORDED_DTYPES.length

interface Chunk {
  readonly buffer: SharedArrayBuffer
  readonly headers: Float64Array
  /** A view of the whole chunk for each dtype code. */
  readonly views: readonly ElementArray[]
  used: number
}

let made = 0

export class SharedBatch {
  /** From 1 on, in this process. */
  readonly id = ++made
  readonly words = new Float64Array(new SharedArrayBuffer(WORDS * 8))
  /** First position of the batch, the step before it, the number of its first text. */
  readonly begun = new Float64Array(new SharedArrayBuffer(24))
  /** The first cell: how many words are whole events, as the training thread says while it fills them. */
  readonly published = new Int32Array(new SharedArrayBuffer(4))
  readonly texts = new Uint16Array(new SharedArrayBuffer(TEXT_UNITS * 2))
  private textsEnd = 0
  private readonly chunks: Chunk[] = [newChunk(CHUNK_BYTES)]
  private at = 0
  private count = 0
  private readonly latest: (RecordedArray | null)[] = new Array(LATEST).fill(null)

  /** Copies an array in, or the summary that stands for one. */
  add(value: RecordedArray): void {
    if (value instanceof SummarizedArray) {
      this.addSummary(value.summary)
      return
    }
    const index = this.count++
    const { latest } = this
    for (let back = 1; back <= LATEST && back <= index; back++) {
      if (latest[(index - back) % LATEST] === value) {
        latest[index % LATEST] = value
        const chunk = this.chunkFor(HEADER_BYTES)
        chunk.headers[chunk.used / 8] = -1 - (index - back)
        chunk.headers[chunk.used / 8 + 1] = 0
        chunk.used += HEADER_BYTES
        return
      }
    }
    latest[index % LATEST] = value
    const code = dtypeCode(value.dtype)
    const { size } = value
    const bytes = HEADER_BYTES + padded(size * ELEMENT_BYTES[code]!)
    const chunk = this.chunkFor(bytes)
    chunk.headers[chunk.used / 8] = code
    chunk.headers[chunk.used / 8 + 1] = size
    const view = chunk.views[code]!
    const to = (chunk.used + HEADER_BYTES) / ELEMENT_BYTES[code]!
    // A view of a piece of a slab would cost more than a few elements do.
    const { buffer = value.data, offset = 0 } = value
    if (size > LOOP_MAX) view.set(value.data, to)
    else if (view instanceof Float64Array && buffer instanceof Float64Array)
      copyWide(view, to, buffer, offset, size)
    else if (view instanceof Float32Array && buffer instanceof Float32Array)
      copyNarrow(view, to, buffer, offset, size)
    else view.set(value.data, to)
    chunk.used += bytes
  }

  private addSummary(summary: Summary): void {
    this.latest[this.count++ % LATEST] = null
    const chunk = this.chunkFor(HEADER_BYTES + SUMMARY_SIZE * 8)
    const at = chunk.used / 8
    const { headers } = chunk
    headers[at] = SUMMARY_CODE
    headers[at + 1] = SUMMARY_SIZE
    putSummary(summary, headers, at + 2)
    chunk.used += HEADER_BYTES + SUMMARY_SIZE * 8
  }

  /** Copies a text in; no when there is no more room. */
  addText(text: string): boolean {
    const { texts, textsEnd } = this
    const { length } = text
    if (textsEnd + 2 + length > TEXT_UNITS) return false
    texts[textsEnd] = length % 65_536
    texts[textsEnd + 1] = Math.floor(length / 65_536)
    for (let i = 0; i < length; i++) texts[textsEnd + 2 + i] = text.charCodeAt(i)
    this.textsEnd += 2 + length
    return true
  }

  /** All of it, as the other thread is told; a chunk that is still filled has no end. */
  memory(): SharedMemory {
    const { id, words, begun, published, texts } = this
    const { chunks, used } = this.arrays()
    return {
      id,
      words,
      begun,
      published,
      texts,
      chunks,
      used: [...used.slice(0, -1), Number.POSITIVE_INFINITY],
    }
  }

  /** How many chunks are in use. */
  get chunkCount(): number {
    return this.at + 1
  }

  /** Where the arrays are, for the other thread. */
  arrays(): ArraysAt {
    const inUse = this.chunks.slice(0, this.at + 1)
    return {
      count: this.count,
      chunks: inUse.map((chunk) => chunk.buffer),
      used: inUse.map((chunk) => chunk.used),
    }
  }

  /** Empties it for the next batch. */
  clear(): void {
    let extra = 0
    for (const [i, chunk] of this.chunks.entries()) {
      chunk.used = 0
      extra += i === 0 ? 0 : chunk.buffer.byteLength
    }
    if (extra > EXTRA_BYTES_MAX) this.chunks.length = 1
    this.at = 0
    this.count = 0
    this.forgetArrays()
    this.textsEnd = 0
    Atomics.store(this.published, 0, 0)
  }

  /** It is handed over: arrays that lived on with it would be old when it is filled again, and V8 collects old memory late. */
  forgetArrays(): void {
    this.latest.fill(null)
  }

  private chunkFor(bytes: number): Chunk {
    const chunk = this.chunks[this.at]!
    if (chunk.used + bytes <= chunk.buffer.byteLength) return chunk
    const next = this.chunks[++this.at]
    if (next !== undefined && next.buffer.byteLength >= bytes) return next
    const added = newChunk(Math.max(bytes, 2 ** 20))
    this.chunks[this.at] = added
    return added
  }
}

/**
 * Memory in which the training thread fills one batch after another. It says there where the batch begins and how much of it is
 * whole; the thread may take that, when nothing was added for a while.
 */
export interface SharedMemory {
  readonly id: number
  readonly words: Float64Array
  /** First position, step before it, number of the first text. */
  readonly begun: Float64Array
  readonly published: Int32Array
  readonly texts: Uint16Array
  /** Those in use when this was said. The last one has no end yet. */
  readonly chunks: readonly SharedArrayBuffer[]
  readonly used: readonly number[]
}

/** The arrays of a batch as a message names them. */
export interface ArraysAt {
  readonly count: number
  readonly chunks: readonly SharedArrayBuffer[]
  readonly used: readonly number[]
}

/** An array on shared memory. Most are read through `buffer`, and never get a view of their own. */
class HandedArray implements RecordedArray {
  readonly dtype: string
  readonly size: number
  readonly buffer: ElementArray
  readonly offset: number

  constructor(dtype: string, size: number, buffer: ElementArray, offset: number) {
    this.dtype = dtype
    this.size = size
    this.buffer = buffer
    this.offset = offset
  }

  /** Flat: its shape stands in the batch's texts. */
  get shape(): readonly number[] {
    return [this.size]
  }

  get data(): ElementArray {
    return this.buffer.subarray(this.offset, this.offset + this.size)
  }
}

/** The arrays that `SharedBatch.add` copied. */
export function arraysOf({ count, chunks, used }: ArraysAt): RecordedArray[] {
  const arrays = firstArraysOf({ count, chunks, used })
  if (arrays.length !== count)
    throw new TapeError('BAD_EVENT', `a batch of ${count} arrays arrived with ${arrays.length}`)
  return arrays
}

/** The first `count` texts that `SharedBatch.addText` copied. */
export function firstTextsOf(texts: Uint16Array, count: number): string[] {
  const found: string[] = []
  for (let at = 0; found.length < count; ) {
    const length = texts[at]! + 65_536 * texts[at + 1]!
    const units = texts.subarray(at + 2, at + 2 + length)
    let text = ''
    for (let i = 0; i < length; i += 4096) text += String.fromCharCode(...units.subarray(i, i + 4096))
    found.push(text)
    at += 2 + length
  }
  return found
}

/** The first `count` arrays, or as many as there are. */
export function firstArraysOf({ count, chunks, used }: ArraysAt): RecordedArray[] {
  const arrays: RecordedArray[] = []
  for (let i = 0; i < chunks.length; i++) {
    const views = viewsOf(chunks[i]!)
    const headers = views[0] as Float64Array
    const end = used[i]!
    for (let at = 0; at < end && arrays.length < count; ) {
      const code = headers[at / 8]!
      const size = headers[at / 8 + 1]!
      at += HEADER_BYTES
      if (code < 0) {
        arrays.push(arrays[-1 - code]!)
        continue
      }
      if (code === SUMMARY_CODE) {
        arrays.push(summarizedAt(headers, at / 8))
        at += size * 8
        continue
      }
      arrays.push(new HandedArray(RECORDED_DTYPES[code]!, size, views[code]!, at / ELEMENT_BYTES[code]!))
      at += padded(size * ELEMENT_BYTES[code]!)
    }
  }
  return arrays
}

// One loop for each kind of array: of one loop for all, V8 makes much code, which takes long to compile and longer to run.

function copyWide(to: Float64Array, at: number, from: Float64Array, first: number, size: number): void {
  for (let i = 0; i < size; i++) to[at + i] = from[first + i]!
}

function copyNarrow(to: Float32Array, at: number, from: Float32Array, first: number, size: number): void {
  for (let i = 0; i < size; i++) to[at + i] = from[first + i]!
}

function summarizedAt(numbers: Float64Array, at: number): SummarizedArray {
  const { l2Norm, mean, min, max, zeroCount, nonFiniteCount, nanCount } = summaryFrom((i) => numbers[at + i]!)
  const summary = { l2Norm, mean, min, max, zeroCount, nonFiniteCount, nanCount, hash: null }
  return new SummarizedArray('float64', FLAT, summary, 0)
}

function newChunk(bytes: number): Chunk {
  const buffer = new SharedArrayBuffer(padded(bytes))
  const views = viewsOf(buffer)
  return { buffer, headers: views[0] as Float64Array, views, used: 0 }
}

/** Views of a whole chunk, by dtype code. */
function viewsOf(buffer: SharedArrayBuffer): readonly ElementArray[] {
  const bytes = new Uint8Array(buffer)
  return [new Float64Array(buffer), new Float32Array(buffer), new Int32Array(buffer), bytes, bytes]
}

function padded(bytes: number): number {
  return Math.ceil(bytes / 8) * 8
}
