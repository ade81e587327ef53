/**
 * The process in which a user's SQL runs, as the asking side sees it: started, asked once, killed. Loads little, so that
 * a command can start it before it loads anything else.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import fs from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { type ErrorCode, TapeError } from '../errors.js'
import { TIMER_MAX_MS } from '../options.js'

/** A parameter as it is sent: JSON has no form for the objects' kinds. */
export type SentParameter = null | number | string | { i: string } | { r: string } | { b: string }

/** What the process is asked, once. */
export interface Question {
  readonly path: string
  /** Further tapes, by the name that their views have in the query. */
  readonly attached: readonly { readonly name: string; readonly path: string }[]
  readonly sql: string
  /** Values of named and numbered parameters; a list for plain question marks. */
  readonly parameters: { readonly [name: string]: SentParameter } | readonly SentParameter[]
}

export type SentCell = SentParameter

/** What the process says, a line each: first that it has begun. */
export type Said =
  | { begun: true }
  | { columns: string[] }
  | { end: true }
  | { error: { code: ErrorCode; message: string; offset?: number } }
  | SentCell[]

/** How long the process may take to start, besides the time of the query. */
const START_MS = 30_000

/** Says which driver is wanted; the only thing of the environment that a query gets. Named in store/format/sqlite.ts. */
const DRIVER_VARIABLE = 'GRADTAPE_SQLITE'

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

/** SQLite's refusal of a statement, with the place in it. */
export class StatementError extends Error {
  readonly code: ErrorCode
  readonly offset: number | null

  constructor(code: ErrorCode, message: string, offset: number | null) {
    super(message)
    this.code = code
    this.offset = offset
  }
}

/** One that was started before there was a question. */
let early: SqlProcess | null = null

/** Starts a process whose question comes later: it loads while its caller does. */
export function startEarly(): void {
  early ??= new SqlProcess()
}

/** Ends a process that was started early when no question came. */
export function endUnasked(): void {
  early?.end()
  early = null
}

/** The process for one question. */
export function sqlProcess(): SqlProcess {
  const taken = early ?? new SqlProcess()
  early = null
  return taken
}

export class SqlProcess {
  private readonly child: ChildProcess
  private readonly chunks: AsyncIterator<string>
  /** Lines that came and were not asked for yet, the next one last; and what has come of the line after them. */
  private lines: string[] = []
  private unfinished: string[] = []
  private timeoutMs = 0
  private leftMs = 0
  private hasBegun = false
  private readonly killAtExit = () => this.end()

  constructor() {
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
    this.chunks = stdout.setEncoding('utf8')[Symbol.asyncIterator]() as AsyncIterator<string>
  }

  /** Asks; may be done once. `timeoutMs` is how long the answers may be waited for in all, once the process has begun. */
  ask(question: Question, timeoutMs: number): void {
    this.timeoutMs = timeoutMs
    this.leftMs = timeoutMs
    // The pipe stays open: when it closes, because this process has ended in whatever way, the query ends too.
    this.child.stdin?.write(`${JSON.stringify(question)}\n`)
  }

  /** What it says next, waiting no longer than is left. */
  async next(): Promise<Exclude<Said, { error: unknown } | { begun: true }>> {
    while (this.lines.length === 0) await this.receive()
    const said = JSON.parse(this.lines.pop() ?? '') as Said
    if ('begun' in said) {
      this.hasBegun = true
      return this.next()
    }
    if (!('error' in said)) return said
    const { code, message, offset } = said.error
    throw new StatementError(code, message, offset ?? null)
  }

  /**
   * Waits for the next chunk; only this is counted as time the query takes, and not what a busy machine needs to start the process,
   * which has a time of its own.
   */
  private async receive(): Promise<void> {
    const from = performance.now()
    const waitMs = this.hasBegun ? this.leftMs : this.leftMs + START_MS
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), Math.min(waitMs, TIMER_MAX_MS))
    })
    const chunk = await Promise.race([this.chunks.next(), late]).finally(() => clearTimeout(timer))
    if (this.hasBegun) this.leftMs -= performance.now() - from
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
