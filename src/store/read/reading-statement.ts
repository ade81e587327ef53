/** Which statements are taken from outside: those that only read. */
import { TapeError } from '../../errors.js'
import type { Connection } from '../format/connection.js'

/** What a reading statement begins with. A PRAGMA may act while it is being prepared, so this is asked before that. */
const READING = /^(?:EXPLAIN\s+(?:QUERY\s+PLAN\s+)?)?(?:SELECT|WITH|VALUES)\b/i
const BEFORE = /^(?:\s+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?(?:\*\/|$))+/

/** Throws SQL_FAILED unless it begins like a statement that reads. */
export function checkReading(sql: string): void {
  const text = sql.replace(BEFORE, '').trimEnd()
  if (text === '' || text === ';') throw new TapeError('SQL_FAILED', 'expected a statement, got nothing')
  if (READING.test(text)) return
  const word = /^\S{1,24}/.exec(text)?.[0] ?? ''
  throw new TapeError(
    'SQL_FAILED',
    `expected SELECT, WITH, VALUES or EXPLAIN, got ${JSON.stringify(word)}; a tape is only read here`,
  )
}

/** What a parameter may be. */
export type SqlValue = null | number | bigint | string | Uint8Array
/** A row by the names of its columns. Integers beyond 2^53 are bigints. */
export type SqlRow = { [column: string]: SqlValue }
/** Values of `:name` by name, or of `?` in order. */
export type SqlParameters = readonly SqlValue[] | { readonly [name: string]: SqlValue }

/** All rows of a reading statement. Throws SQL_FAILED in SQLite's words. */
export function readRows(db: Connection, sql: string, parameters: SqlParameters): SqlRow[] {
  checkReading(sql)
  try {
    const checked = db.prepare(sql)
    if (!checked.reader || !checked.readonly)
      throw new TapeError('SQL_FAILED', 'expected a statement that only reads')
    // Asked for once more: whether it only reads is found out by a driver that then wants its parameters in a list.
    const statement = db.prepare(sql).raw().safeIntegers()
    const names = statement.columns().map(({ name }) => name)
    const isNone = Array.isArray(parameters) ? parameters.length === 0 : Object.keys(parameters).length === 0
    const rows = statement.all(...(isNone ? [] : [parameters])) as SqlValue[][]
    return rows.map((row) => Object.fromEntries(row.map((cell, i) => [names[i] ?? '', shortened(cell)])))
  } catch (error) {
    if (error instanceof TapeError) throw error
    throw new TapeError('SQL_FAILED', error instanceof Error ? error.message : String(error), {
      cause: error,
    })
  }
}

function shortened(cell: SqlValue): SqlValue {
  return typeof cell === 'bigint' && Number.isSafeInteger(Number(cell)) ? Number(cell) : cell
}
