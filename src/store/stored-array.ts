/** An array in the file: its bytes are read, and checked for size, when somebody asks for `data`. */
import { TapeError } from '../errors.js'
import type { RecordedArray } from '../events/event.js'
import { type Connection, type Statement, sqliteError } from './database.js'
import { arrayFromBytes, hashOf } from './value.js'

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

/** The rows of `_value`, by id. */
export class ValueRows {
  private readonly hashOf: Statement
  private readonly contentOf: Statement

  constructor(db: Connection) {
    this.hashOf = db.prepare('SELECT hash FROM _value WHERE id = ?')
    this.contentOf = db.prepare('SELECT hash, dtype, bytes FROM _value WHERE id = ?')
  }

  hash(id: number): Buffer {
    return (this.get(this.hashOf, id) as { hash: Buffer }).hash
  }

  content(id: number): { hash: Buffer; dtype: string; bytes: Buffer | null } {
    return this.get(this.contentOf, id) as { hash: Buffer; dtype: string; bytes: Buffer | null }
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
