/**
 * The process in which a user's SQL runs: one read-only connection to a tape and those that were named beside it, one statement,
 * rows to standard output. better-sqlite3 cannot interrupt a query; whoever started this process can kill it.
 *
 * In, on standard input: a question (sql-process.ts) and a line end, and then nothing for as long as somebody wants the answer:
 * when standard input ends, this process ends at once (sql-watch.ts). Out, one JSON document a line: { begun }, { columns }, then an array a
 * row, then { end: true }; or, instead of any of these, { error: { code, message, offset } }. Cells that JSON has no form
 * for are objects: { i } an integer beyond 2^53, { r } a real that is not finite or has no fraction, { b } a blob in base64.
 */
import fs from 'node:fs'
import process from 'node:process'
import { Worker } from 'node:worker_threads'
import { TapeError } from '../errors.js'
import type { Connection } from '../store/format/connection.js'
import { openDatabase } from '../store/format/database.js'
import { checkReading } from '../store/read/reading-statement.js'
import { attachTapes } from './attach-tapes.js'
import { isFunctionHost } from './functions/host.js'
import { registerStoredFunctions } from './functions/stored-functions.js'
import type { Question, SentParameter } from './sql-process.js'
import { placeOf } from './sql-text.js'

const FLUSH_CHARS = 65_536
/** A query may use this much memory and no more: other programs need some, too. */
const HEAP_LIMIT_BYTES = 2 ** 30

/** This many rows are sent one by one: of a slow query that is stopped, the rows so far are wanted. */
const SAID_AT_ONCE_CHARS = 4_096
const FLUSH_MS = 20

let waiting = ''
let saidChars = 0
let saidAtMs = 0

function say(document: unknown): void {
  waiting += `${JSON.stringify(document)}\n`
  if (
    waiting.length >= FLUSH_CHARS ||
    saidChars < SAID_AT_ONCE_CHARS ||
    performance.now() - saidAtMs > FLUSH_MS
  )
    flush()
}

/** Synchronous, so that a slow reader holds the query back. */
function flush(): void {
  const bytes = Buffer.from(waiting)
  saidChars += waiting.length
  saidAtMs = performance.now()
  waiting = ''
  for (let done = 0; done < bytes.length; ) {
    try {
      done += fs.writeSync(1, bytes, done)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }
}

async function query(question: Question): Promise<void> {
  const { path, sql } = question
  checkReading(sql)
  // Only this function needs the engine, which takes longer to load than most questions to answer.
  const engine = /\bvalue_of\b/i.test(sql) ? await import('../index.js') : null
  const db = openDatabase(path, { readonly: true })
  try {
    ask(db, question, engine?.registerFunctions ?? registerStoredFunctions)
  } finally {
    db.close()
  }
}

function ask(
  db: Connection,
  { path, attached, sql, parameters }: Question,
  register: typeof registerStoredFunctions,
): void {
  db.pragma('query_only = ON')
  db.pragma(`hard_heap_limit = ${HEAP_LIMIT_BYTES}`)
  attachTapes(db, attached)
  if (isFunctionHost(db)) register(db, { path, isOnlyTape: attached.length === 0 })
  const checked = prepared(db, sql)
  if (!checked.reader || !checked.readonly)
    throw new TapeError('SQL_FAILED', 'expected a statement that only reads')
  // Asked for once more: whether it only reads is found out by a driver that then wants its parameters in a list.
  const statement = db.prepare(sql).raw().safeIntegers()
  say({ columns: statement.columns().map((column) => column.name) })
  const bound = Array.isArray(parameters)
    ? [parameters.map(toParameter)]
    : Object.keys(parameters).length === 0
      ? []
      : [Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, toParameter(value)]))]
  for (const row of statement.iterate(...bound) as IterableIterator<unknown[]>) say(row.map(toCell))
  say({ end: true })
}

/** Throws  an error with the place of the mistake */
function prepared(db: Connection, sql: string): ReturnType<Connection['prepare']> {
  const complaintOf = (text: string): string | null => {
    try {
      db.prepare(text)
      return null
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }
  try {
    return db.prepare(sql)
  } catch (error) {
    const { code, message } = toError(error)
    throw new Misplaced(code, message, placeOf(message, sql, complaintOf))
  }
}

class Misplaced extends Error {
  readonly code: string
  readonly offset: number | null

  constructor(code: string, message: string, offset: number | null) {
    super(message)
    this.code = code
    this.offset = offset
  }
}

function toParameter(value: SentParameter): unknown {
  if (value === null || typeof value !== 'object') return value
  if ('i' in value) return BigInt(value.i)
  if ('r' in value) return Number(value.r)
  return Buffer.from(value.b, 'base64')
}

function toCell(value: unknown): unknown {
  if (typeof value === 'bigint')
    return Number.isSafeInteger(Number(value)) ? Number(value) : { i: String(value) }
  if (typeof value === 'number' && (!Number.isFinite(value) || Number.isInteger(value)))
    return { r: Object.is(value, -0) ? '-0' : String(value) }
  if (value instanceof Uint8Array)
    return { b: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64') }
  return value
}

function toError(error: unknown): { code: string; message: string; offset?: number | null } {
  if (error instanceof Misplaced) return { code: error.code, message: error.message, offset: error.offset }
  if (error instanceof TapeError)
    return { code: error.code, message: error.message.slice(error.code.length + 2) }
  const message = error instanceof Error ? error.message : String(error)
  if (/more than one statement/.test(message))
    return { code: 'SQL_FAILED', message: 'expected one statement, got more; run them one by one' }
  if (/no statements/.test(message))
    return { code: 'SQL_FAILED', message: 'expected a statement, got nothing' }
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
  const asked = JSON.parse(readLine()) as Question
  say({ begun: true })
  new Worker(new URL('./sql-watch.js', import.meta.url), { name: 'gradtape watch', execArgv: [], env: {} })
  await query(asked)
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
