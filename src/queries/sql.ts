/**
 * Runs a user's SQL on a tape: in a process of its own that can be killed, so that no query runs longer than it may.
 * Knows how that process speaks (sql-child.ts), and nothing of what is asked.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { type ErrorCode, TapeError } from '../errors.js'
import { nearest } from '../nearest.js'
import { DRIVER_VARIABLE } from '../store/format/sqlite.js'
import { type ViewDoc, viewDocs } from './schema.js'
import { Views } from './views.js'

export type Cell = null | number | bigint | string | Uint8Array

export interface SqlResult {
  readonly columns: readonly string[]
  /** The rows as they come; leaving the loop early ends the query. */
  readonly rows: AsyncIterable<readonly Cell[]>
}

type Said =
  | { columns: string[] }
  | { end: true }
  | { error: { code: ErrorCode; message: string } }
  | (null | number | string | { i: string } | { r: string } | { b: string })[]

/** The file that the process runs. Throws SQL_FAILED where it is not: in a program bundled into one file. */
function childFile(): string {
  // A bundle in CommonJS has no import.meta.url.
  const base: string | undefined = import.meta.url
  const file = base === undefined ? null : fileURLToPath(new URL('./sql-child.js', import.meta.url))
  if (file !== null && fs.existsSync(file)) return file
  throw new TapeError(
    'SQL_FAILED',
    'a query runs in a process of its own, whose file (sql-child.js of this package) is not there; keep gradtape out of the bundle to ask in SQL',
  )
}

/**
 * The rows of one reading statement.
 *
 * timeoutMs   how long the caller may wait for the query in all; time the caller takes with the rows is not counted
 * Throws      SQL_TIMEOUT; SQL_FAILED with SQLite's words and, for an unknown name, the nearest one there is; what
 *             opening the tape throws
 */
export async function runSql(file: string, sql: string, options: { timeoutMs: number }): Promise<SqlResult> {
  const child = new Child(file, sql, options.timeoutMs)
  try {
    const head = await child.next()
    if (!('columns' in head))
      throw new TapeError('SQL_FAILED', 'the process that runs the query spoke out of turn')
    return { columns: head.columns, rows: rowsOf(child, file, sql) }
  } catch (error) {
    child.end()
    throw withHint(error, file, sql)
  }
}

async function* rowsOf(child: Child, file: string, sql: string): AsyncGenerator<Cell[], void, undefined> {
  try {
    for (;;) {
      const said = await child.next()
      if (!Array.isArray(said)) return
      yield said.map(toCell)
    }
  } catch (error) {
    throw withHint(error, file, sql)
  } finally {
    child.end()
  }
}

function toCell(cell: null | number | string | { i: string } | { r: string } | { b: string }): Cell {
  if (cell === null || typeof cell !== 'object') return cell
  if ('i' in cell) return BigInt(cell.i)
  if ('r' in cell) return Number(cell.r)
  return Buffer.from(cell.b, 'base64')
}

class Child {
  private readonly child: ChildProcess
  private readonly chunks: AsyncIterator<string>
  /** Lines that came and were not asked for yet, the next one last; and what has come of the line after them. */
  private lines: string[] = []
  private unfinished: string[] = []
  private readonly timeoutMs: number
  private leftMs: number
  private readonly killAtExit = () => this.end()

  constructor(file: string, sql: string, timeoutMs: number) {
    this.timeoutMs = timeoutMs
    this.leftMs = timeoutMs
    // No environment but for the choice of the driver: the query has no use for any of it.
    const driver = process.env[DRIVER_VARIABLE]
    this.child = spawn(process.execPath, ['--no-warnings', childFile()], {
      env: driver === undefined ? {} : { [DRIVER_VARIABLE]: driver },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    process.once('exit', this.killAtExit)
    const { stdin, stdout } = this.child
    if (stdin === null || stdout === null)
      throw new TapeError('SQL_FAILED', 'the process that runs the query has no pipes')
    stdin.on('error', () => {}) // a child that ended early says why by its silence; see next()
    // It stays open: when it closes, because this process has ended in whatever way, the query ends too.
    stdin.write(`${JSON.stringify({ path: path.resolve(file), sql })}\n`)
    this.chunks = stdout.setEncoding('utf8')[Symbol.asyncIterator]() as AsyncIterator<string>
  }

  /** What the child says next, waiting no longer than is left. */
  async next(): Promise<Said> {
    while (this.lines.length === 0) await this.receive()
    const said = JSON.parse(this.lines.pop() ?? '') as Said
    if ('error' in said) throw new TapeError(said.error.code, said.error.message)
    return said
  }

  /** Waits for the next chunk; only this is counted as time the query takes. */
  private async receive(): Promise<void> {
    const from = performance.now()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), this.leftMs)
    })
    const chunk = await Promise.race([this.chunks.next(), late]).finally(() => clearTimeout(timer))
    this.leftMs -= performance.now() - from
    if (chunk === 'late') {
      throw new TapeError(
        'SQL_TIMEOUT',
        `the query took longer than ${this.timeoutMs / 1_000} s and was stopped; narrow it (run_id, step, LIMIT) or give it more time`,
      )
    }
    if (chunk.done === true) {
      throw new TapeError(
        'SQL_FAILED',
        'the process that runs the query ended without an answer; it may have run out of memory',
      )
    }
    const [first = '', ...rest] = chunk.value.split('\n')
    this.unfinished.push(first)
    const next = rest.pop()
    if (next === undefined) return // still inside one long line
    this.lines = [this.unfinished.join(''), ...rest].reverse()
    this.unfinished = [next]
  }

  end(): void {
    process.removeListener('exit', this.killAtExit)
    this.child.stdout?.destroy()
    this.child.stdin?.destroy()
    this.child.kill('SIGKILL')
  }
}

function withHint(error: unknown, file: string, sql: string): unknown {
  if (!(error instanceof TapeError) || error.code !== 'SQL_FAILED') return error
  const explanation = error.message.slice(error.code.length + 2)
  if (!/^no such (table|column): /.test(explanation)) return error
  const views = new Views(file)
  try {
    return new TapeError('SQL_FAILED', `${explanation}${hintFor(explanation, sql, viewDocs(views))}`)
  } finally {
    views.close()
  }
}

/** What to say after SQLite's "no such table" or "no such column". */
export function hintFor(explanation: string, sql: string, docs: readonly ViewDoc[]): string {
  const [, what, missing = ''] = /^no such (table|column): (?:.*\.)?(.+)$/.exec(explanation) ?? []
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
  return `${near === null ? '' : `; did you mean "${near}"?`}${listed === '' ? '' : ` ${listed}`}`
}
