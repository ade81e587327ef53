/**
 * The driver for where better-sqlite3 cannot be had (no compiler, Deno, a bundle without native modules): the SQLite that
 * the runtime brings as `node:sqlite`. It gives rows, errors and transactions the shapes that connection.ts promises.
 */
import { pathToFileURL } from 'node:url'
import type { Connection, Driver, OpenOptions, Statement, Transaction, Written } from './connection.js'

// What is used of node:sqlite. The types of Node 20, which is the oldest one supported, do not know it.
interface InnerStatement {
  readonly sourceSQL: string
  run(...parameters: unknown[]): Written
  get(...parameters: unknown[]): unknown
  all(...parameters: unknown[]): unknown[]
  iterate(...parameters: unknown[]): IterableIterator<unknown>
  columns(): { name: string }[]
  setReadBigInts(enabled: boolean): void
  setReturnArrays(enabled: boolean): void
}
interface InnerDatabase {
  readonly isOpen: boolean
  readonly isTransaction: boolean
  prepare(sql: string): InnerStatement
  exec(sql: string): void
  close(): void
  function(name: string, options: object, fn: (...parameters: never[]) => unknown): void
  aggregate(name: string, options: object): void
}
export interface NodeSqlite {
  readonly DatabaseSync: new (path: string, options: { readOnly: boolean; timeout?: number }) => InnerDatabase
}

/** Throws what is missing, when this runtime's node:sqlite is too young. */
export function nodeSqlite({ DatabaseSync }: NodeSqlite): Driver {
  const probe = new DatabaseSync(':memory:', { readOnly: false })
  const statement = probe.prepare('SELECT 1')
  if (typeof statement.setReturnArrays !== 'function' || typeof statement.columns !== 'function')
    throw new Error('its node:sqlite cannot give rows as arrays, which Node 22.16 and later can')
  probe.close()
  const open = (path: string, { readonly, timeoutMs }: OpenOptions): Connection => {
    const inner = translated(() => new DatabaseSync(path, { readOnly: readonly, timeout: timeoutMs }))
    return new NodeConnection(inner)
  }
  return {
    name: 'node:sqlite',
    update: 'update the runtime (node, deno), or install better-sqlite3',
    open,
    openUnchanging: (path) =>
      open(`${pathToFileURL(path).href}?immutable=1`, { readonly: true, timeoutMs: 0 }),
  }
}

class NodeConnection implements Connection {
  private readonly inner: InnerDatabase

  constructor(inner: InnerDatabase) {
    this.inner = inner
  }

  get open(): boolean {
    return this.inner.isOpen
  }

  get inTransaction(): boolean {
    return this.open && this.inner.isTransaction
  }

  prepare<P extends unknown[] = unknown[], R = unknown>(sql: string): Statement<P, R> {
    return new NodeStatement<P, R>(
      translated(() => this.inner.prepare(sql)),
      this.inner,
      sql,
    )
  }

  exec(sql: string): this {
    translated(() => this.inner.exec(sql))
    return this
  }

  pragma(sql: string, options: { simple?: boolean } = {}): unknown {
    const rows = this.prepare<[], Record<string, unknown>>(`PRAGMA ${sql}`).all()
    return options.simple === true ? Object.values(rows[0] ?? {})[0] : rows
  }

  transaction<R>(fn: () => R): Transaction<R> {
    const run = (begin: string) => (): R => {
      const [first, last, undo] = this.inTransaction
        ? ['SAVEPOINT inner_part', 'RELEASE inner_part', 'ROLLBACK TO inner_part; RELEASE inner_part']
        : [begin, 'COMMIT', 'ROLLBACK']
      this.exec(first)
      try {
        const result = fn()
        this.exec(last)
        return result
      } catch (error) {
        if (this.inTransaction) this.exec(undo) // some failures end it by themselves
        throw error
      }
    }
    return Object.assign(run('BEGIN'), { immediate: run('BEGIN IMMEDIATE') })
  }

  function(name: string, options: object, fn: (...parameters: never[]) => unknown): this {
    this.inner.function(name, options, fn)
    return this
  }

  aggregate(name: string, options: object): this {
    this.inner.aggregate(name, options)
    return this
  }

  close(): this {
    if (this.open) translated(() => this.inner.close())
    return this
  }
}

class NodeStatement<P extends unknown[], R> implements Statement<P, R> {
  private readonly inner: InnerStatement
  private readonly db: InnerDatabase
  private readonly sql: string
  private plucks = false
  private raws = false
  private isReader: boolean | null = null
  /** How many parameters it has; null while nobody has asked. */
  private parameterCount: number | null = null

  constructor(inner: InnerStatement, db: InnerDatabase, sql: string) {
    this.inner = inner
    this.db = db
    this.sql = sql
    // What follows the first statement would be left out without a word.
    if (withoutComments(sql.slice(inner.sourceSQL.length)) !== '')
      throw new RangeError('The supplied SQL string contains more than one statement')
  }

  get reader(): boolean {
    this.isReader ??= this.inner.columns().length > 0
    return this.isReader
  }

  /** SQLite's own answer cannot be asked for, so this looks at the program that the statement compiles to. */
  get readonly(): boolean {
    // To explain a statement counts as what the statement does, for SQLite too.
    const explained = withoutComments(this.sql).replace(/^explain(?:\s+query\s+plan)?\b/i, '')
    const program = translated(() => this.db.prepare(`EXPLAIN ${explained}`).all()) as {
      opcode: string
      p1: number
      p2: number
    }[]
    this.parameterCount = program.reduce(
      (count, { opcode, p1 }) => (opcode === 'Variable' ? Math.max(count, p1) : count),
      0,
    )
    return !program.some(
      ({ opcode, p2 }) => (opcode === 'Transaction' && p2 !== 0) || WRITING_OPCODES.has(opcode),
    )
  }

  run(...parameters: P): Written {
    return translated(() => this.inner.run(...this.bound(parameters)))
  }

  get(...parameters: P): R | undefined {
    const row = translated(() => this.inner.get(...this.bound(parameters)))
    return row === undefined ? undefined : this.row(row)
  }

  all(...parameters: P): R[] {
    const rows = translated(() => this.inner.all(...this.bound(parameters)))
    for (let i = 0; i < rows.length; i++) rows[i] = this.row(rows[i])
    return rows as R[]
  }

  *iterate(...parameters: P): IterableIterator<R> {
    const rows = translated(() => this.inner.iterate(...this.bound(parameters)))
    try {
      for (;;) {
        const next = translated(() => rows.next())
        if (next.done === true) return
        yield this.row(next.value)
      }
    } finally {
      rows.return?.()
    }
  }

  pluck(): this {
    this.plucks = true
    this.inner.setReturnArrays(true)
    return this
  }

  raw(): this {
    this.raws = true
    this.inner.setReturnArrays(true)
    return this
  }

  safeIntegers(): this {
    this.inner.setReadBigInts(true)
    return this
  }

  columns(): { readonly name: string }[] {
    return this.inner.columns()
  }

  private bound(parameters: readonly unknown[]): readonly unknown[] {
    const [first] = parameters
    const list = parameters.length === 1 && Array.isArray(first) ? (first as unknown[]) : parameters
    if (this.parameterCount !== null && list.length < this.parameterCount)
      throw new RangeError('Too few parameter values were provided')
    if (list.length !== 1 || !isPlain(first)) return list
    return [
      Object.fromEntries(
        Object.entries(first).map(([key, value]) => [/^\d/.test(key) ? `?${key}` : key, value]),
      ),
    ]
  }

  private row(row: unknown): R {
    if (this.plucks) return asBuffer((row as unknown[])[0]) as R
    if (this.raws) {
      const cells = row as unknown[]
      for (let i = 0; i < cells.length; i++) if (cells[i] instanceof Uint8Array) cells[i] = asBuffer(cells[i])
      return row as R
    }
    const cells = row as Record<string, unknown>
    for (const name in cells) if (cells[name] instanceof Uint8Array) cells[name] = asBuffer(cells[name])
    return row as R
  }
}

/** Instructions of SQLite's machine that change the file or the connection without a writing transaction. */
const WRITING_OPCODES = new Set([
  'JournalMode',
  'Vacuum',
  'IncrVacuum',
  'Checkpoint',
  'AutoCommit',
  'Savepoint',
])

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)
}

function asBuffer(cell: unknown): unknown {
  return cell instanceof Uint8Array ? Buffer.from(cell.buffer, cell.byteOffset, cell.byteLength) : cell
}

function withoutComments(sql: string): string {
  return sql.replace(/^(?:\s+|;|--[^\n]*(?:\n|$)|\/\*[\s\S]*?(?:\*\/|$))+/, '')
}

/** An error of SQLite, with its result code by name as better-sqlite3 gives it. */
class NodeSqliteError extends Error {
  override readonly name = 'SqliteError'
  readonly code: string

  constructor(message: string, code: string, cause: unknown) {
    super(message, { cause })
    this.code = code
  }
}

function translated<T>(act: () => T): T {
  try {
    return act()
  } catch (error) {
    throw translation(error)
  }
}

function translation(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const { code, errcode } = error as { code?: unknown; errcode?: unknown }
  if (typeof errcode === 'number') return new NodeSqliteError(error.message, nameOf(errcode), error)
  if (code === 'ERR_INVALID_STATE')
    return new TypeError('The database connection is not open', { cause: error })
  // better-sqlite3 rounds such integers. Ours are all below 2^53, so the file does not say what we wrote.
  if (code === 'ERR_OUT_OF_RANGE') return new NodeSqliteError(error.message, 'SQLITE_CORRUPT', error)
  return error
}

/** Primary result codes, by number. */
const PRIMARY: Readonly<Record<number, string>> = {
  1: 'ERROR',
  2: 'INTERNAL',
  3: 'PERM',
  4: 'ABORT',
  5: 'BUSY',
  6: 'LOCKED',
  7: 'NOMEM',
  8: 'READONLY',
  9: 'INTERRUPT',
  10: 'IOERR',
  11: 'CORRUPT',
  12: 'NOTFOUND',
  13: 'FULL',
  14: 'CANTOPEN',
  15: 'PROTOCOL',
  16: 'EMPTY',
  17: 'SCHEMA',
  18: 'TOOBIG',
  19: 'CONSTRAINT',
  20: 'MISMATCH',
  21: 'MISUSE',
  22: 'NOLFS',
  23: 'AUTH',
  24: 'FORMAT',
  25: 'RANGE',
  26: 'NOTADB',
}

/** Extended ones that programs, or this package, tell apart; all others are named by their primary one. */
const EXTENDED: Readonly<Record<number, string>> = {
  261: 'BUSY_RECOVERY',
  517: 'BUSY_SNAPSHOT',
  773: 'BUSY_TIMEOUT',
  264: 'READONLY_RECOVERY',
  520: 'READONLY_CANTLOCK',
  776: 'READONLY_ROLLBACK',
  1032: 'READONLY_DBMOVED',
  1288: 'READONLY_CANTINIT',
  1544: 'READONLY_DIRECTORY',
  267: 'CORRUPT_VTAB',
  523: 'CORRUPT_SEQUENCE',
  779: 'CORRUPT_INDEX',
  270: 'CANTOPEN_NOTEMPDIR',
  526: 'CANTOPEN_ISDIR',
  1555: 'CONSTRAINT_PRIMARYKEY',
  1811: 'CONSTRAINT_TRIGGER',
  2067: 'CONSTRAINT_UNIQUE',
  275: 'CONSTRAINT_CHECK',
  1299: 'CONSTRAINT_NOTNULL',
  3091: 'CONSTRAINT_DATATYPE',
}

function nameOf(resultCode: number): string {
  return `SQLITE_${EXTENDED[resultCode] ?? PRIMARY[resultCode & 255] ?? `UNKNOWN_${resultCode}`}`
}
