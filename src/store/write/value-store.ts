/** Stores array values by content: a value that the tape has already is not stored again. */
import { type ArrayCapture, CAPTURE_BYTES, CAPTURE_INLINE, CAPTURE_SUMMARY } from '../../events/capture.js'
import { bytesOf, hashOf, writtenSummary } from '../../events/content.js'
import type { RecordedArray } from '../../events/event.js'
import { SummarizedArray } from '../../events/summarized-array.js'
import type { Summary } from '../../events/summary.js'
import type { Connection, Statement } from '../format/connection.js'
import type { Digests } from '../format/digests.js'

/** Contents remembered, so that one that comes again is not looked up. */
const REMEMBERED_MAX = 16_384
/** Larger contents are kept in pieces of this size. */
export const CHUNK_BYTES = 16 * 2 ** 20

export interface StoredValue {
  /** The row of `_value`; 0 when only the summary is kept, which then stands with the event. */
  readonly id: number
  readonly summary: Summary | null
  /** Of the content; null where it is not known. */
  readonly hash: Buffer | null
  /** All bytes of an array that stands with its event; null for any other. */
  readonly inline: Buffer | null
}

interface KnownContent {
  readonly id: number
  hasBytes: boolean
  /** As its row says it: null where all elements are finite, and where a tape of before did not count. */
  readonly nanCount: number | null
}

export class ValueStore {
  private byHash = new Map<string, KnownContent>()
  /** Arrays never change, so the same array is the same content: no second hash. */
  private byArray = new WeakMap<RecordedArray, StoredValue>()
  private readonly find: Statement
  private readonly insert: Statement
  private readonly insertChunk: Statement

  constructor(db: Connection) {
    this.find = db.prepare(
      'SELECT id, bytes IS NOT NULL OR EXISTS (SELECT 1 FROM _chunk WHERE value_id = _value.id) AS hasBytes, nan_count AS nanCount FROM _value WHERE hash = ?',
    )
    this.insert = db.prepare(
      'INSERT INTO _value (hash, dtype, size, l2_norm, mean, min, max, zero_count, non_finite_count, nan_count, bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    )
    this.insertChunk = db.prepare('INSERT INTO _chunk (value_id, ordinal, bytes) VALUES (?, ?, ?)')
  }

  /** Keeps of the array what `capture` says, and adds what the hash chain covers of it. */
  store(value: RecordedArray, capture: ArrayCapture, digests: Digests): StoredValue {
    if (capture === CAPTURE_SUMMARY) {
      const summary = value instanceof SummarizedArray ? value.summary : this.summaryOf(value)
      digests.addSummary(summary)
      return { id: 0, summary, hash: null, inline: null }
    }
    if (capture === CAPTURE_INLINE) {
      const inline = bytesOf(value.data, true)
      digests.addInline(inline)
      return { id: 0, summary: null, hash: null, inline }
    }
    if (capture === CAPTURE_BYTES) {
      const stored = this.keepBytes(value)
      digests.addHash(stored.hash!)
      return stored
    }
    const stored = value instanceof SummarizedArray ? this.keepHashed(value) : this.keep(value, false)
    digests.addHashAndSummary(stored.hash!, stored.summary!)
    return stored
  }

  private summaryOf(value: RecordedArray): Summary {
    const { buffer = value.data, offset = 0, size } = value
    return writtenSummary(buffer, offset, size)
  }

  /** Keeps all of the array. */
  keepBytes(value: RecordedArray): StoredValue {
    let stored = this.byArray.get(value)
    if (stored === undefined) {
      stored = this.keep(value, true)
      this.byArray.set(value, stored)
    }
    return stored
  }

  /** After a rollback: rows made in the transaction are gone. */
  forgetIds(): void {
    this.byHash.clear()
    this.byArray = new WeakMap()
  }

  private keep(value: RecordedArray, withBytes: boolean): StoredValue {
    const { data, dtype } = value
    const summary = writtenSummary(data)
    const bytes = bytesOf(data, summary.nonFiniteCount > 0)
    const hash = hashOf(dtype, bytes)
    const key = hash.toString('latin1')
    let known = this.byHash.get(key) ?? this.found(hash)
    if (known === null) {
      const inRow = withBytes && bytes.length <= CHUNK_BYTES
      const row = [hash, dtype, data.length, ...summaryColumns(summary)]
      const id = Number(this.insert.run(...row, inRow ? bytes : null).lastInsertRowid)
      known = { id, hasBytes: inRow, nanCount: nanColumn(summary) }
    }
    if (withBytes && !known.hasBytes) {
      this.addBytes(known.id, bytes)
      known.hasBytes = true
    }
    if (this.byHash.size >= REMEMBERED_MAX) this.byHash.clear()
    this.byHash.set(key, known)
    return { id: known.id, summary: asInRow(summary, known), hash, inline: null }
  }

  /** Keeps hash and summary of an array whose bytes nobody has: what another tape held of it. */
  private keepHashed({ dtype, size, summary }: SummarizedArray): StoredValue {
    const hash = Buffer.from(summary.hash!, 'hex')
    const known = this.found(hash)
    if (known !== null) return { id: known.id, summary: asInRow(summary, known), hash, inline: null }
    const row = [hash, dtype, size, ...summaryColumns(summary), null]
    return { id: Number(this.insert.run(...row).lastInsertRowid), summary, hash, inline: null }
  }

  private found(hash: Buffer): KnownContent | null {
    const row = this.find.get(hash) as { id: number; hasBytes: number; nanCount: number | null } | undefined
    return row === undefined ? null : { ...row, hasBytes: row.hasBytes === 1 }
  }

  private addBytes(id: number, bytes: Buffer): void {
    for (let at = 0, ordinal = 0; at < bytes.length; at += CHUNK_BYTES, ordinal++)
      this.insertChunk.run(id, ordinal, bytes.subarray(at, at + CHUNK_BYTES))
  }
}

/** A summary as columns: norm, mean, extremes, counts. */
export function summaryColumns(summary: Summary): (number | null)[] {
  const { l2Norm, mean, min, max, zeroCount, nonFiniteCount } = summary
  return [l2Norm, mean, min, max, zeroCount, nonFiniteCount, nanColumn(summary)]
}

/** Where all elements are finite there is nothing to tell apart, and nothing is written. */
function nanColumn({ nonFiniteCount, nanCount }: Summary): number | null {
  return nonFiniteCount > 0 ? nanCount : null
}

/** The hash chain covers what the row says: one of a tape of before did not tell NaN and infinity apart. */
function asInRow(summary: Summary, { nanCount }: KnownContent): Summary {
  return summary.nonFiniteCount > 0 ? { ...summary, nanCount } : summary
}
