/** Stores array values by content: a value that the tape has already is not stored again. */
import type { RecordedArray } from '../events/event.js'
import type { Connection, Statement } from './database.js'
import { bytesOf, hashOf, summaryOf } from './value.js'

/** Contents remembered, so that one that comes again is not looked up. */
const REMEMBERED_MAX = 16_384

export interface StoredValue {
  readonly id: number
  readonly hash: Buffer
}

export class ValueStore {
  private byHash = new Map<string, StoredValue>()
  /** Arrays never change, so the same array is the same content: no second hash. */
  private byArray = new WeakMap<RecordedArray, StoredValue>()
  private readonly find: Statement
  private readonly insert: Statement

  constructor(db: Connection) {
    this.find = db.prepare('SELECT id FROM _value WHERE hash = ?')
    this.insert = db.prepare(
      'INSERT INTO _value (hash, dtype, size, l2_norm, mean, min, max, zero_count, non_finite_count, bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    )
  }

  /** The row that holds the value; made at first sight. */
  idOf(value: RecordedArray): StoredValue {
    let stored = this.byArray.get(value)
    if (stored !== undefined) return stored
    stored = this.store(value)
    this.byArray.set(value, stored)
    return stored
  }

  /** After a rollback: rows made in the transaction are gone. */
  forgetIds(): void {
    this.byHash.clear()
    this.byArray = new WeakMap()
  }

  private store(value: RecordedArray): StoredValue {
    const { data, dtype } = value
    const summary = summaryOf(data)
    const bytes = bytesOf(data, summary.nonFiniteCount > 0)
    const hash = hashOf(dtype, bytes)
    const key = hash.toString('latin1')
    const known = this.byHash.get(key)
    if (known !== undefined) return known
    const found = this.find.get(hash) as { id: number } | undefined
    const id =
      found?.id ??
      Number(
        this.insert.run(
          hash,
          dtype,
          data.length,
          summary.l2Norm,
          summary.mean,
          summary.min,
          summary.max,
          summary.zeroCount,
          summary.nonFiniteCount,
          bytes,
        ).lastInsertRowid,
      )
    const stored = { id, hash }
    if (this.byHash.size >= REMEMBERED_MAX) this.byHash.clear()
    this.byHash.set(key, stored)
    return stored
  }
}
