/**
 * Rows of a query as a Parquet file. Its columns have types, which cells have and the columns of a result have not: so all rows wait,
 * those for which there is no room in a file without a name, until it is known what stands in each column.
 */
import fs from 'node:fs'
import os from 'node:os'
import { deserialize, serialize } from 'node:v8'
import { UnnamedFile } from '../debug/unnamed-file.js'
import { type ParquetType, parquetBytes } from '../formats/parquet.js'
import { writing } from '../inspection/whole-file.js'
import type { Cell } from '../queries/sql.js'

/** A group of rows in memory. */
const GROUP_ROWS = 50_000
const GROUP_BYTES = 64 * 2 ** 20

export class ParquetRows {
  private readonly names: readonly string[]
  private readonly kinds: readonly Set<ParquetType>[]
  /** The rows that do not wait in the file: for each column its cells. */
  private columns: Cell[][]
  private rows = 0
  private bytesKept = 0
  private file: UnnamedFile | null = null
  /** Of the groups in the file. */
  private readonly sizes: number[] = []

  constructor(names: readonly string[]) {
    this.names = names
    this.kinds = names.map(() => new Set())
    this.columns = names.map(() => [])
  }

  /** Throws WRITE_FAILED where no file can be written. */
  add(row: readonly Cell[]): void {
    for (let i = 0; i < this.columns.length; i++) {
      const cell = row[i] ?? null
      this.columns[i]!.push(cell)
      if (cell === null) continue
      this.kinds[i]!.add(kindOf(cell))
      if (typeof cell === 'string' || cell instanceof Uint8Array) this.bytesKept += cell.length
    }
    if (++this.rows >= GROUP_ROWS || this.bytesKept >= GROUP_BYTES) this.setAside()
  }

  /**
   * The file, piece by piece. Cells of several kinds in one column become texts.
   *
   * textOf  a cell that is no text, as one
   */
  bytes(textOf: (cell: Exclude<Cell, null | string>) => string | null): Generator<Uint8Array> {
    const converted = this.kinds.map((kinds) => typeOf(kinds, textOf))
    const columns = this.names.map((name, i) => ({ name, type: converted[i]!.type }))
    const groups = function* (cells: Iterable<readonly Cell[][]>) {
      for (const group of cells)
        yield group.map((column, i) =>
          column.map((cell) => (cell === null ? null : converted[i]!.convert(cell))),
        )
    }
    return parquetBytes(columns, groups(this.groups()))
  }

  close(): void {
    this.file?.close()
    this.file = null
  }

  private *groups(): Generator<Cell[][]> {
    let at = 0
    for (const size of this.sizes) {
      const bytes = Buffer.alloc(size)
      for (let read = 0; read < size; )
        read += fs.readSync(this.file!.fd, bytes, read, size - read, at + read)
      at += size
      yield deserialize(bytes) as Cell[][]
    }
    if (this.rows > 0) yield this.columns
  }

  private setAside(): void {
    const bytes = serialize(this.columns)
    writing(os.tmpdir(), () => {
      this.file ??= new UnnamedFile()
      const { fd } = this.file
      for (let written = 0; written < bytes.length; ) written += fs.writeSync(fd, bytes, written)
    })
    this.sizes.push(bytes.length)
    this.columns = this.names.map(() => [])
    this.rows = 0
    this.bytesKept = 0
  }
}

function kindOf(cell: Exclude<Cell, null>): ParquetType {
  if (typeof cell === 'bigint') return 'INT64'
  if (typeof cell === 'number') return 'DOUBLE'
  return typeof cell === 'string' ? 'STRING' : 'BYTE_ARRAY'
}

interface Typed {
  readonly type: ParquetType
  readonly convert: (cell: Exclude<Cell, null>) => unknown
}

function typeOf(
  kinds: ReadonlySet<ParquetType>,
  textOf: (cell: Exclude<Cell, null | string>) => string | null,
): Typed {
  const [first, ...others] = kinds
  const asIs = (cell: Cell) => cell
  if (first !== undefined && others.length === 0) return { type: first, convert: asIs }
  if (kinds.size === 2 && kinds.has('INT64') && kinds.has('DOUBLE'))
    return { type: 'DOUBLE', convert: Number }
  return { type: 'STRING', convert: (cell) => (typeof cell === 'string' ? cell : textOf(cell)) }
}
