/**
 * The public views of a tape, for reading: one read-only connection. Knows their names no more than its callers do;
 * what can be asked of them stands in the files beside this one.
 */
import type { Connection } from '../store/format/connection.js'
import { openDatabase, sqliteError } from '../store/format/database.js'
import { eachList } from '../store/read/each-row.js'

export type Parameter = null | number | string

export class Views {
  /** @internal For `Lookup`, which finds names and steps without scanning. */
  readonly db: Connection
  private readonly path: string

  /**
   * open     a connection that the caller has on the tape already, and goes on to own
   * Throws   TAPE_NOT_FOUND, NOT_A_TAPE, TAPE_TOO_NEW, TAPE_TOO_OLD, TAPE_CORRUPT
   */
  constructor(path: string, open?: Connection) {
    this.path = path
    this.db = open ?? openDatabase(path, { readonly: true })
  }

  /** All rows of a query, as objects of the type the caller names. */
  all<R>(sql: string, ...parameters: readonly Parameter[]): R[] {
    return [...this.each<R>(sql, ...parameters)]
  }

  first<R>(sql: string, ...parameters: readonly Parameter[]): R | null {
    for (const row of this.each<R>(sql, ...parameters)) return row
    return null
  }

  /** The rows one after the other, for results that need not be in memory at once. */
  *each<R>(sql: string, ...parameters: readonly Parameter[]): Generator<R, void, undefined> {
    try {
      yield* this.db.prepare(sql).iterate(...parameters) as IterableIterator<R>
    } catch (error) {
      throw sqliteError(error, `reading ${this.path}`)
    }
  }

  /** The same as lists of cells, in the order of the columns. */
  *eachList(sql: string, ...parameters: readonly Parameter[]): Generator<unknown[], void, undefined> {
    try {
      yield* this.db
        .prepare(sql)
        .raw()
        .iterate(...parameters) as IterableIterator<unknown[]>
    } catch (error) {
      throw sqliteError(error, `reading ${this.path}`)
    }
  }

  /**
   * Hands over the rows of a view, which takes half the time of `eachList`. Nothing is asked of these views meanwhile.
   *
   * where  columns and what is in them
   */
  eachOf(
    view: string,
    columns: readonly string[],
    where: Readonly<Record<string, Parameter | undefined>>,
    take: (cells: readonly unknown[]) => void,
  ): void {
    const conditions = Object.keys(where).map((column) => `"${column}" = ?`)
    const from = `"${view}"${conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`}`
    try {
      eachList(
        this.db,
        columns.map((column) => `"${column}"`).join(', '),
        from,
      )(take, ...Object.values(where))
    } catch (error) {
      throw sqliteError(error, `reading ${this.path}`)
    }
  }

  close(): void {
    this.db.close()
  }
}

/** A number of a view from its two columns: what is not finite is NULL there, and a word beside it. Null where there is no number. */
export function toNumberOrNull(value: number | null, nonFinite: string | null): number | null {
  return nonFinite === null ? value : Number(nonFinite)
}
