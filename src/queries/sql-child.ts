/**
 * The process in which a user's SQL runs: one read-only connection to one tape, one statement, rows to standard output.
 * better-sqlite3 cannot interrupt a query; whoever started this process can kill it.
 *
 * In, on standard input: { path, sql } and a line end, and then nothing for as long as somebody wants the answer: when
 * standard input ends, this process ends at once (sql-watch.ts). Out, one JSON document a line: { columns }, then an array a row, then
 * { end: true }; or, instead of any of these, { error: { code, message } }. Cells that JSON has no form for are
 * objects: { i } an integer beyond 2^53, { r } a real, { b } a blob in base64.
 */
import fs from 'node:fs'
import process from 'node:process'
import { Worker } from 'node:worker_threads'
import { TapeError } from '../errors.js'
import type { Connection } from '../store/format/connection.js'
import { openDatabase } from '../store/format/database.js'

const FLUSH_CHARS = 65_536
/** A query may use so much memory and no more: the machine is not its own. */
const HEAP_LIMIT_BYTES = 2 ** 30
/** What a reading statement begins with. A PRAGMA may act while it is being prepared, so this is asked before that. */
const READING = /^(?:EXPLAIN\s+(?:QUERY\s+PLAN\s+)?)?(?:SELECT|WITH|VALUES)\b/i

let waiting = ''

function say(document: unknown): void {
  waiting += `${JSON.stringify(document)}\n`
  if (waiting.length >= FLUSH_CHARS) flush()
}

/** Synchronous, so that a reader who is slow holds the query back. */
function flush(): void {
  const bytes = Buffer.from(waiting)
  waiting = ''
  for (let done = 0; done < bytes.length; ) {
    try {
      done += fs.writeSync(1, bytes, done)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }
}

function query({ path, sql }: { path: string; sql: string }): void {
  const text = withoutLeadingComments(sql)
  if (text === '') throw new TapeError('SQL_FAILED', 'expected a statement, got nothing')
  if (!READING.test(text)) {
    const word = /^\S{1,24}/.exec(text)?.[0] ?? ''
    throw new TapeError(
      'SQL_FAILED',
      `expected SELECT, WITH, VALUES or EXPLAIN, got ${JSON.stringify(word)}; a tape is only read here`,
    )
  }
  const db = openDatabase(path, { readonly: true })
  try {
    ask(db, sql)
  } finally {
    db.close()
  }
}

function ask(db: Connection, sql: string): void {
  db.pragma('query_only = ON')
  db.pragma(`hard_heap_limit = ${HEAP_LIMIT_BYTES}`)
  const statement = db.prepare(sql)
  if (!statement.reader || !statement.readonly)
    throw new TapeError('SQL_FAILED', 'expected a statement that only reads')
  statement.raw().safeIntegers()
  say({ columns: statement.columns().map((column) => column.name) })
  for (const row of statement.iterate() as IterableIterator<unknown[]>) say(row.map(toCell))
  say({ end: true })
}

function withoutLeadingComments(sql: string): string {
  return sql.replace(/^(?:\s+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?(?:\*\/|$))+/, '').trimEnd()
}

function toCell(value: unknown): unknown {
  if (typeof value === 'bigint')
    return Number.isSafeInteger(Number(value)) ? Number(value) : { i: String(value) }
  if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0)))
    return { r: Object.is(value, -0) ? '-0' : String(value) }
  if (value instanceof Uint8Array)
    return { b: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64') }
  return value
}

function toError(error: unknown): { code: string; message: string } {
  if (error instanceof TapeError)
    return { code: error.code, message: error.message.slice(error.code.length + 2) }
  const message = error instanceof Error ? error.message : String(error)
  if (/more than one statement/.test(message))
    return { code: 'SQL_FAILED', message: 'expected one statement, got more; run them one by one' }
  if (/no statements/.test(message))
    return { code: 'SQL_FAILED', message: 'expected a statement, got nothing' }
  if (/parameter/.test(message) && error instanceof RangeError)
    return {
      code: 'SQL_FAILED',
      message: 'the statement has a parameter (?, :name), and none can be given here; write the value',
    }
  return { code: 'SQL_FAILED', message }
}

/** The first line on standard input. */
function readLine(): string {
  const byte = Buffer.alloc(65_536)
  let line = ''
  for (;;) {
    try {
      const count = fs.readSync(0, byte, 0, byte.length, null)
      line += byte.toString('latin1', 0, count)
      if (count === 0 || line.endsWith('\n')) return Buffer.from(line, 'latin1').toString('utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }
}

try {
  const asked = JSON.parse(readLine()) as { path: string; sql: string }
  new Worker(new URL('./sql-watch.js', import.meta.url), { name: 'gradtape watch', execArgv: [], env: {} })
  query(asked)
} catch (error) {
  say({ error: toError(error) })
}
try {
  flush()
} catch {
  // nobody listens any more
}
// The thread that watches stands in a call that only ends with the process.
process.kill(process.pid, 'SIGKILL')
