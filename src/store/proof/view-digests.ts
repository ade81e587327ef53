/** What every public view of a tape says, as hashes over its ordered rows, so that two files can be told equal. */
import crypto, { type Hash } from 'node:crypto'
import type { Connection } from '../format/connection.js'
import { sqliteError } from '../format/database.js'

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
    const digest = digestOf(db, name, Object.hasOwn(ORDER, name) ? ORDER[name]! : '1, 2', (rows) =>
      onProgress?.(before + rows),
    )
    before += digest.rows
    return digest
  })
}

/** Of each view, and of the hash chain: all that makes two tapes equal. */
export function tapeDigests(db: Connection, onProgress?: (rows: number) => void): ViewDigest[] {
  return [...viewDigests(db, onProgress), digestOf(db, '_commit', 'id')]
}

/** Of a table or view in the order of some of its columns. */
function digestOf(
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
/** A tag and eight bytes. */
const HEAD_BYTES = 9
/** Texts up to this many characters, all ASCII as most are, are written without asking for their bytes first. */
const SHORT_TEXT_MAX = 64

const [NULL, INTEGER, REAL, TEXT, BLOB] = [...'nirtb'].map((letter) => letter.charCodeAt(0)) as [
  number,
  number,
  number,
  number,
  number,
]

/** SHA-256 over cells as SQLite has them: a letter for the type, for texts and blobs the length, and the content. */
class CellHash {
  private readonly hash: Hash = crypto.createHash('sha256')
  private readonly bytes = new Uint8Array(CHUNK)
  private readonly view = new DataView(this.bytes.buffer)
  private at = 0

  add(cell: unknown): void {
    if (this.at + HEAD_BYTES + SHORT_TEXT_MAX > CHUNK) this.flush()
    const { bytes, view, at } = this
    if (cell === null) {
      bytes[at] = NULL
      this.at = at + 1
    } else if (typeof cell === 'bigint') {
      bytes[at] = INTEGER
      view.setBigInt64(at + 1, cell, true)
      this.at = at + HEAD_BYTES
    } else if (typeof cell === 'number') {
      bytes[at] = REAL
      view.setFloat64(at + 1, cell, true)
      this.at = at + HEAD_BYTES
    } else if (typeof cell === 'string') {
      if (!this.shortText(cell)) this.sized(TEXT, Buffer.from(cell))
    } else this.sized(BLOB, cell as Buffer)
  }

  hex(): string {
    this.flush()
    return this.hash.digest('hex')
  }

  /** As `sized`; false, and nothing added, for a text that is long or not ASCII. */
  private shortText(text: string): boolean {
    const { length } = text
    if (length > SHORT_TEXT_MAX) return false
    const { bytes } = this
    const from = this.at + HEAD_BYTES
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i)
      if (code > 0x7f) return false
      bytes[from + i] = code
    }
    this.head(TEXT, length)
    this.at = from + length
    return true
  }

  private sized(tag: number, content: Buffer): void {
    this.head(tag, content.length)
    this.at += HEAD_BYTES
    if (this.at + content.length > CHUNK) this.flush()
    if (content.length > CHUNK) this.hash.update(content)
    else {
      this.bytes.set(content, this.at)
      this.at += content.length
    }
  }

  private head(tag: number, length: number): void {
    this.bytes[this.at] = tag
    this.view.setFloat64(this.at + 1, length, true)
  }

  private flush(): void {
    this.hash.update(this.bytes.subarray(0, this.at))
    this.at = 0
  }
}
