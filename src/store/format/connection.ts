/**
 * What the rest of the store sees of SQLite: the little that this package uses, shaped like better-sqlite3, which is one of
 * the two drivers behind it (sqlite.ts says which one is loaded). Blobs come as Buffers; integers come as numbers unless
 * `safeIntegers` was said; errors carry SQLite's extended result code as a text (`SQLITE_BUSY_SNAPSHOT`) in `code`.
 */

/** What a statement that writes did. */
export interface Written {
  readonly changes: number
  readonly lastInsertRowid: number | bigint
}

/**
 * A prepared statement. Parameters are bound in order; one array stands for a list of them; a statement that numbers its
 * parameters (`?1`) takes one object with the numbers as keys.
 */
export interface Statement<P extends unknown[] = unknown[], R = unknown> {
  /** Whether it gives rows. */
  readonly reader: boolean
  /** Whether it changes nothing in the file. */
  readonly readonly: boolean
  run(...parameters: P): Written
  get(...parameters: P): R | undefined
  all(...parameters: P): R[]
  iterate(...parameters: P): IterableIterator<R>
  /** From now on a row is its first column. */
  pluck(): this
  /** From now on a row is an array. */
  raw(): this
  /** From now on integers are bigints. */
  safeIntegers(): this
  columns(): { readonly name: string }[]
}

/** Runs in a transaction; `immediate` takes the write lock at once. Inside another one it is a savepoint. */
export interface Transaction<R> {
  (): R
  immediate(): R
}

export interface Connection {
  readonly open: boolean
  readonly inTransaction: boolean
  prepare<P extends unknown[] = unknown[], R = unknown>(sql: string): Statement<P, R>
  exec(sql: string): this
  /** The rows of a pragma; with `simple` the first column of the first row. */
  pragma(sql: string, options?: { simple?: boolean }): unknown
  transaction<R>(fn: () => R): Transaction<R>
  /** Registers an aggregate function in SQL. Drivers of young runtimes have none. */
  aggregate?(name: string, options: AggregateOptions): unknown
  close(): this
}

/** As SQLite has it in a row, but for blobs. */
export type Cell = number | string | null

export interface AggregateOptions {
  /** Whether it takes any number of parameters. */
  readonly varargs: boolean
  /** Whether it can be called by a statement alone, and not by a view or a trigger. */
  readonly directOnly: boolean
  readonly start: number
  /** Returns the next total; undefined leaves it as it is, which costs less. */
  step(total: number, ...cells: (Cell | Uint8Array)[]): number | undefined
  result(total: number): unknown
}

export interface OpenOptions {
  readonly readonly: boolean
  /** How long a statement waits for a lock that another connection has. */
  readonly timeoutMs: number
}

/** One way to SQLite. */
export interface Driver {
  readonly name: 'better-sqlite3' | 'node:sqlite'
  /** Who brings the SQLite that it uses, and what to do for a newer one. */
  readonly update: string
  open(path: string, options: OpenOptions): Connection
  /**
   * Opens a file for reading as it stands, without locks and without files beside it: for one that nobody can write to.
   * What is in a write-ahead log beside it is not seen.
   */
  openUnchanging(path: string): Connection
}
