/** An array in the file: its bytes are read, and checked for size, when somebody asks for `data`. */
import { TapeError } from '../../errors.js'
import { hashOf } from '../../events/content.js'
import type { ArraySummary, RecordedArray } from '../../events/event.js'
import type { Connection, Statement } from '../format/connection.js'
import { sqliteError } from '../format/database.js'
import { arrayFromBytes } from '../format/value.js'

export class StoredArray implements RecordedArray {
  readonly valueId: number
  readonly dtype: string
  readonly shape: readonly number[]
  private loaded: RecordedArray['data'] | null = null
  private readonly values: ValueRows

  constructor(values: ValueRows, valueId: number, dtype: string, shape: readonly number[]) {
    this.values = values
    this.valueId = valueId
    this.dtype = dtype
    this.shape = shape
  }

  get size(): number {
    return this.shape.reduce((product, extent) => product * extent, 1)
  }

  get hash(): Buffer {
    return this.values.hash(this.valueId)
  }

  /** Throws VALUE_NOT_CAPTURED when the tape has the hash only, TAPE_CORRUPT when the bytes do not fit or do not match it. */
  get data(): RecordedArray['data'] {
    if (this.loaded !== null) return this.loaded
    const { hash, dtype, bytes } = this.values.content(this.valueId)
    if (bytes === null)
      throw new TapeError(
        'VALUE_NOT_CAPTURED',
        `value ${this.valueId} is on the tape as a hash and a summary only`,
      )
    if (dtype !== this.dtype)
      throw new TapeError(
        'TAPE_CORRUPT',
        `value ${this.valueId} is ${dtype}, the event that names it says ${this.dtype}`,
      )
    if (!hashOf(dtype, bytes).equals(hash)) {
      throw new TapeError(
        'TAPE_CORRUPT',
        `the bytes of value ${this.valueId} were changed: they do not have the hash under which they were stored`,
      )
    }
    this.loaded = arrayFromBytes(dtype, this.size, bytes)
    return this.loaded
  }
}

interface SummaryRow {
  hash: Buffer
  l2_norm: number | null
  mean: number | null
  min: number | null
  max: number | null
  zero_count: number
  non_finite_count: number
  nan_count: number | null
}

function summaryOfRow(row: SummaryRow): ArraySummary {
  return {
    l2Norm: row.l2_norm,
    mean: row.mean,
    min: row.min,
    max: row.max,
    zeroCount: row.zero_count,
    nonFiniteCount: row.non_finite_count,
    nanCount: row.non_finite_count === 0 ? 0 : row.nan_count,
    hash: row.hash.toString('hex'),
  }
}

/** The rows of `_value`, by id. */
export class ValueRows {
  private readonly hashOf: Statement
  private readonly contentOf: Statement
  private readonly summaryOf: Statement
  private readonly chunksOf: Statement

  constructor(db: Connection) {
    this.hashOf = db.prepare('SELECT hash FROM _value WHERE id = ?')
    this.contentOf = db.prepare('SELECT hash, dtype, bytes FROM _value WHERE id = ?')
    this.summaryOf = db.prepare('SELECT * FROM _value WHERE id = ?')
    this.chunksOf = db.prepare('SELECT bytes FROM _chunk WHERE value_id = ? ORDER BY ordinal').pluck()
  }

  hash(id: number): Buffer {
    return (this.get(this.hashOf, id) as { hash: Buffer }).hash
  }

  content(id: number): { hash: Buffer; dtype: string; bytes: Buffer | null } {
    const row = this.get(this.contentOf, id) as { hash: Buffer; dtype: string; bytes: Buffer | null }
    return row.bytes === null ? { ...row, bytes: this.chunks(id) } : row
  }

  /** What is known of a value besides its bytes. */
  summary(id: number): ArraySummary {
    return summaryOfRow(this.get(this.summaryOf, id) as SummaryRow)
  }

  private chunks(id: number): Buffer | null {
    const chunks = this.chunksOf.all(id) as Buffer[]
    return chunks.length === 0 ? null : chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
  }

  private get(statement: Statement, id: number): unknown {
    try {
      const row = statement.get(id)
      if (row === undefined) throw new TapeError('TAPE_CORRUPT', `value ${id} is missing`)
      return row
    } catch (error) {
      throw sqliteError(error, `reading value ${id}`)
    }
  }
}
