/** What every public view of a tape says, as hashes over its ordered rows, so that two files can be told equal. */
import crypto, { type Hash } from 'node:crypto'
import { type Connection, sqliteError } from './database.js'

export interface ViewDigest {
  name: string
  rows: number
  /** SHA-256 over the rows in order, each cell with its type. */
  sha256: string
}

/** What puts the rows of each view in one order only. */
const ORDER: Readonly<Record<string, string>> = {
  run: 'id',
  step: 'run_id, step',
  variable: 'run_id, position, slot',
  call: 'run_id, position',
  edge: 'run_id, call_position, direction, slot',
  gradient: 'run_id, position',
  value: 'id',
  metric: 'run_id, position',
  checkpoint: 'run_id, position',
  note: 'run_id, position',
  event: 'run_id, position',
  block: 'id',
}
const PROGRESS_EVERY = 4096

/** Of each view, in the order of their names. `onProgress` is told now and then how many rows were read in all. */
export function viewDigests(db: Connection, onProgress?: (rows: number) => void): ViewDigest[] {
  const names = db
    .prepare(
      "SELECT name FROM sqlite_schema WHERE type = 'view' AND name NOT LIKE '\\_%' ESCAPE '\\' ORDER BY name",
    )
    .pluck()
    .all() as string[]
  let before = 0
  return names.map((name) => {
    const digest = digestOf(db, name, ORDER[name] ?? '1, 2', (rows) => onProgress?.(before + rows))
    before += digest.rows
    return digest
  })
}

/** Of a table or view in the order of some of its columns. */
export function digestOf(
  db: Connection,
  name: string,
  order: string,
  onProgress?: (rows: number) => void,
): ViewDigest {
  const cells = new CellHash()
  let rows = 0
  try {
    // Integers as bigint: otherwise 1 and 1.0 would be the same.
    const statement = db.prepare(`SELECT * FROM ${name} ORDER BY ${order}`).raw().safeIntegers()
    for (const row of statement.iterate() as IterableIterator<unknown[]>) {
      for (const cell of row) cells.add(cell)
      if (++rows % PROGRESS_EVERY === 0) onProgress?.(rows)
    }
  } catch (error) {
    throw sqliteError(error, `reading ${name}`)
  }
  return { name, rows, sha256: cells.hex() }
}

const CHUNK = 65_536
/** No fixed-size cell is longer: a tag and eight bytes. */
const CELL_BYTES_MAX = 9

/** SHA-256 over cells as SQLite has them: a letter for the type, for texts and blobs the length, and the content. */
class CellHash {
  private readonly hash: Hash = crypto.createHash('sha256')
  private readonly buffer = Buffer.allocUnsafe(CHUNK)
  private at = 0

  add(cell: unknown): void {
    if (this.at + CELL_BYTES_MAX > CHUNK) this.flush()
    const { buffer } = this
    if (cell === null)
      buffer[this.at++] = 0x6e // n
    else if (typeof cell === 'bigint')
      this.fixed(0x69, () => buffer.writeBigInt64LE(cell, this.at)) // i
    else if (typeof cell === 'number')
      this.fixed(0x72, () => buffer.writeDoubleLE(cell, this.at)) // r
    else if (typeof cell === 'string')
      this.sized(0x74, Buffer.from(cell)) // t
    else this.sized(0x62, cell as Buffer) // b
  }

  hex(): string {
    this.flush()
    return this.hash.digest('hex')
  }

  private fixed(tag: number, write: () => void): void {
    this.buffer[this.at++] = tag
    write()
    this.at += 8
  }

  private sized(tag: number, bytes: Buffer): void {
    this.fixed(tag, () => this.buffer.writeDoubleLE(bytes.length, this.at))
    if (this.at + bytes.length > CHUNK) this.flush()
    if (bytes.length > CHUNK) this.hash.update(bytes)
    else {
      bytes.copy(this.buffer, this.at)
      this.at += bytes.length
    }
  }

  private flush(): void {
    this.hash.update(this.buffer.subarray(0, this.at))
    this.at = 0
  }
}
