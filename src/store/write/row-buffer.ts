/** Collects rows for one table and inserts them many to a statement, which is what makes SQLite fast. */
import type { Connection, Statement } from '../format/connection.js'

/** Rows of one statement; what is left at the end of a batch goes by the smaller ones. */
const ROWS_MAX = 64
const ROWS_FEW = 8

export type Cell = number | string | Buffer | null

export class RowBuffer {
  private readonly cells: Cell[]
  private used = 0
  private readonly width: number
  private readonly many: Statement
  private readonly few: Statement
  private readonly one: Statement

  constructor(db: Connection, table: string, columns: readonly string[]) {
    this.width = columns.length
    this.cells = new Array<Cell>(ROWS_MAX * columns.length).fill(null)
    const row = `(${columns.map(() => '?').join(', ')})`
    const insert = `INSERT INTO ${table} (${columns.join(', ')}) VALUES `
    this.many = db.prepare(insert + Array(ROWS_MAX).fill(row).join(', '))
    this.few = db.prepare(insert + Array(ROWS_FEW).fill(row).join(', '))
    this.one = db.prepare(insert + row)
  }

  /** The next cell of the row being filled. */
  add(cell: Cell): void {
    this.cells[this.used++] = cell
  }

  /** Ends a row of which all cells were added. */
  endRow(): void {
    if (this.used === this.cells.length) {
      this.used = 0
      this.many.run(this.cells)
    }
  }

  /** Inserts what is left. */
  finish(): void {
    const { used, width } = this
    this.used = 0
    let at = 0
    for (const step = width * ROWS_FEW; at + step <= used; at += step)
      this.few.run(this.cells.slice(at, at + step))
    for (; at < used; at += width) this.one.run(this.cells.slice(at, at + width))
  }

  /** Forgets rows of a batch that failed. */
  discard(): void {
    this.used = 0
  }
}
