/**
 * Runs a user's SQL on a tape: in a process of its own that can be killed, so that no query runs longer than it may.
 * Knows how that process speaks (sql-child.ts), and nothing of what is asked.
 */
import path from 'node:path'
import { TapeError } from '../errors.js'
import { nearest } from '../nearest.js'
import { ROW_FUNCTIONS } from './functions/host.js'
import { type ViewDoc, viewDocs } from './schema.js'
import {
  type Question,
  type SentCell,
  type SentParameter,
  type SqlProcess,
  StatementError,
  sqlProcess,
} from './sql-process.js'
import { parametersOf, pointedAt } from './sql-text.js'
import { Views } from './views.js'

/** A cell of a result, as SQLite has it: a bigint is an INTEGER, a number is a REAL. */
export type Cell = null | number | bigint | string | Uint8Array

export interface SqlResult {
  readonly columns: readonly string[]
  /** The rows as they come; leaving the loop early ends the query. */
  readonly rows: AsyncIterable<readonly Cell[]>
}

export interface SqlQuestion {
  /** The tape. */
  readonly file: string
  readonly sql: string
  /** Further tapes, by the names that come before those of their views: `other.run`. */
  readonly attached?: ReadonlyMap<string, string>
  /** Values of the parameters by name (`:name`, `@name`, `$name`) or number (`?1`); plain question marks count from 1. */
  readonly parameters?: ReadonlyMap<string, Cell>
}

/**
 * The rows of one reading statement.
 *
 * timeoutMs   how long the caller may wait for the query in all; time the caller takes with the rows is not counted
 * signal      ends the query at once when it is aborted, also one that has given no row yet
 * Throws      SQL_TIMEOUT; SQL_FAILED with SQLite's words, the place in the statement and, for an unknown name, the nearest
 *             one there is; what opening a tape throws
 */
export async function runSql(
  question: SqlQuestion,
  { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal },
): Promise<SqlResult> {
  const { file, sql, attached = new Map(), parameters = new Map() } = question
  const child = sqlProcess()
  const stop = () => child.end()
  signal?.addEventListener('abort', stop, { once: true })
  const end = () => {
    signal?.removeEventListener('abort', stop)
    child.end()
  }
  const inWords = (error: unknown) => (signal?.aborted === true ? stopped() : explained(error, file, sql))
  try {
    signal?.throwIfAborted()
    const sent: Question = {
      path: path.resolve(file),
      attached: [...attached].map(([name, other]) => ({ name, path: path.resolve(other) })),
      sql,
      parameters: sentParameters(sql, parameters),
    }
    child.ask(sent, timeoutMs)
    const head = await child.next()
    if (!('columns' in head))
      throw new TapeError('SQL_FAILED', 'the process that runs the query spoke out of turn')
    return { columns: head.columns, rows: rowsOf(child, end, inWords) }
  } catch (error) {
    end()
    throw inWords(error)
  }
}

function stopped(): TapeError {
  return new TapeError('SQL_FAILED', 'the query was stopped: nobody wants its answer any more')
}

async function* rowsOf(
  child: SqlProcess,
  end: () => void,
  inWords: (error: unknown) => unknown,
): AsyncGenerator<Cell[], void, undefined> {
  try {
    for (;;) {
      const said = await child.next()
      if (!Array.isArray(said)) return
      yield said.map(toCell)
    }
  } catch (error) {
    throw inWords(error)
  } finally {
    end()
  }
}

function toCell(cell: SentCell): Cell {
  // The process writes a REAL that could be taken for an INTEGER as { r }.
  if (typeof cell === 'number') return Number.isInteger(cell) ? BigInt(cell) : cell
  if (cell === null || typeof cell === 'string') return cell
  if ('i' in cell) return BigInt(cell.i)
  if ('r' in cell) return Number(cell.r)
  return Buffer.from(cell.b, 'base64')
}

function toSent(value: Cell): SentParameter {
  if (typeof value === 'bigint') return { i: String(value) }
  if (typeof value === 'number') return { r: Object.is(value, -0) ? '-0' : String(value) }
  if (value instanceof Uint8Array)
    return { b: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64') }
  return value
}

/** Throws SQL_FAILED when a parameter has no value, or a value no parameter. */
function sentParameters(sql: string, given: ReadonlyMap<string, Cell>): Question['parameters'] {
  const wanted = parametersOf(sql)
  const plain = wanted.filter((name) => name === null).length
  if (plain > 0 && plain < wanted.length)
    throw new TapeError(
      'SQL_FAILED',
      'expected parameters of one kind, got ? beside others; give each a name',
    )
  const names = plain > 0 ? wanted.map((_, i) => String(i + 1)) : [...new Set(wanted as string[])]
  const kept = plain > 0 ? '?' : ':'
  const listed =
    names.length === 0
      ? 'the statement has no parameters'
      : `the statement has ${names.map((name) => (plain > 0 || /^\d/.test(name) ? `?${name}` : `:${name}`)).join(', ')}`
  for (const name of given.keys())
    if (!names.includes(name)) {
      const near = nearest(name, names)
      throw new TapeError(
        'SQL_FAILED',
        `a value is given for the parameter "${name}", and ${listed}${near === null ? '' : `; did you mean "${near}"?`}`,
      )
    }
  const values = names.map((name): [string, SentParameter] => {
    if (given.has(name)) return [name, toSent(given.get(name) ?? null)]
    throw new TapeError(
      'SQL_FAILED',
      `the parameter ${kept === '?' || /^\d/.test(name) ? `?${name}` : `:${name}`} has no value; give one (--param ${name}=VALUE)`,
    )
  })
  return kept === '?' ? values.map(([, value]) => value) : Object.fromEntries(values)
}

/** SQLite's words as an error for people: with what may have been meant, and a mark under the place. */
function explained(error: unknown, file: string, sql: string): unknown {
  if (!(error instanceof StatementError)) return error
  const { code, message, offset } = error
  const hint = code === 'SQL_FAILED' ? hintIn(file, message, sql) : ''
  if (offset === null) return new TapeError(code, `${message}${hint}`)
  const { line, column, excerpt } = pointedAt(sql, offset)
  const place = sql.includes('\n') ? `line ${line}, column ${column}` : `column ${column}`
  return new TapeError(code, `${message}${hint}\nat ${place}:\n${excerpt}`)
}

function hintIn(file: string, explanation: string, sql: string): string {
  if (!/^no such (table|column): /.test(explanation)) return ''
  const views = new Views(file)
  try {
    return hintFor(explanation, sql, viewDocs(views))
  } finally {
    views.close()
  }
}

/** What to say after SQLite's "no such table" or "no such column". */
export function hintFor(explanation: string, sql: string, docs: readonly ViewDoc[]): string {
  const [, what, missing = ''] = /^no such (table|column): (?:.*\.)?(.+)$/.exec(explanation) ?? []
  // A driver that can have no functions with rows (node:sqlite) takes them for tables that are not there.
  if (what === 'table' && ROW_FUNCTIONS.includes(missing))
    return `; ${missing} gives rows, and functions that do need better-sqlite3: npm install better-sqlite3`
  if (what === 'table') {
    const names = docs.map((view) => view.name)
    const near = nearest(missing, names)
    return `${near === null ? '' : `; did you mean "${near}"?`} The views are ${names.join(', ')}`
  }
  const words = new Set(sql.toLowerCase().match(/\w+/g) ?? [])
  const named = docs.filter((view) => words.has(view.name))
  const near = nearest(
    missing,
    named.flatMap((view) => view.columns.map((column) => column.name)),
  )
  const listed = named
    .map((view) => `${view.name} has ${view.columns.map((column) => column.name).join(', ')}`)
    .join('; ')
  return `${near === null ? '' : `; did you mean "${near}"?`}${listed === '' ? '' : `${near === null ? ';' : ''} ${listed}`}`
}
