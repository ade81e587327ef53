/**
 * The shell of `gradtape sql` on a terminal: statements over several lines up to a semicolon, words completed from the views of the
 * tape, a history that lasts. What a statement answers is printed by who gives `ask`.
 */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { TapeError } from '../errors.js'
import { nearest } from '../nearest.js'
import type { ViewDoc } from '../queries/schema.js'
import { isWhole, withoutLeadingComments } from '../queries/sql-text.js'
import { printError, reportFailure } from './answer.js'
import { type Format, TEXT_FORMATS } from './rows.js'
import { writeLine } from './terminal.js'

const HISTORY_MAX = 1_000
const IS_NAME = /^\w+$/

/** Words that statements are made of, beside the names of the tape. */
const WORDS = (
  'SELECT FROM WHERE GROUP BY ORDER HAVING LIMIT OFFSET JOIN LEFT ON USING AS AND OR NOT IN IS NULL LIKE BETWEEN EXISTS CASE WHEN THEN ELSE END ' +
  'WITH RECURSIVE UNION ALL DISTINCT ASC DESC OVER PARTITION VALUES EXPLAIN QUERY PLAN CAST count( sum( avg( min( max( total( round( coalesce( json_extract( ' +
  'tensor_norm( tensor_get( tensor_text( tensor_slice( tensor_dot( tensor_cosine( tensor_distance( tensor_quantile( tensor_elements( tensor_axis( ' +
  'tensor_histogram( corr( stddev( ema( call_at( ancestors( descendants( value_of('
).split(' ')

const COMMANDS = {
  '.views': 'the views of the tape; .views NAME: its columns',
  '.format': `how rows are printed: ${TEXT_FORMATS.join(', ')}`,
  '.limit': 'print no more rows than this',
  '.help': 'this',
  '.quit': 'leave, as Ctrl-D does',
} as const

/** How the next statement is printed. */
export interface ShellSettings {
  format: Format
  limit: number | undefined
}

/** From lines to statements; knows no terminal. */
export class SqlShell {
  readonly settings: ShellSettings
  private readonly views: readonly ViewDoc[]
  private readonly ask: (sql: string, settings: ShellSettings) => Promise<void>
  private waiting: string[] = []

  constructor(
    views: readonly ViewDoc[],
    settings: ShellSettings,
    ask: (sql: string, settings: ShellSettings) => Promise<void>,
  ) {
    // Names come from a file: what could steer the terminal is not offered.
    this.views = views
      .filter(({ name }) => IS_NAME.test(name))
      .map((view) => ({ ...view, columns: view.columns.filter(({ name }) => IS_NAME.test(name)) }))
    this.settings = settings
    this.ask = ask
  }

  /** Whether a statement has begun and not ended. */
  get isInStatement(): boolean {
    return this.waiting.length > 0
  }

  /** Forgets the statement that has begun. */
  drop(): void {
    this.waiting = []
  }

  /**
   * Takes a line; no when it says to leave. What a statement or a command fails with is told by who called.
   *
   * Throws  what asking throws; BAD_ARGUMENT for a command that there is not
   */
  async take(line: string): Promise<boolean> {
    if (!this.isInStatement && line.trim() === '') return true
    if (!this.isInStatement && line.trimStart().startsWith('.')) return this.command(line.trim())
    this.waiting.push(line)
    const sql = this.waiting.join('\n')
    if (withoutLeadingComments(sql) === '') {
      this.waiting = [] // a comment alone begins no statement
      return true
    }
    if (!isWhole(sql)) return true
    this.waiting = []
    await this.ask(sql, this.settings)
    return true
  }

  /** What the last word of a line may become, and that word, as node:readline wants it. */
  complete(line: string): [string[], string] {
    const [word = ''] = /[\w.]*$/.exec(line) ?? []
    const list = this.wordsFor(line, word)
    const starting = list.filter((one) => one.toLowerCase().startsWith(word.toLowerCase()))
    return [[...new Set(starting)], word]
  }

  private wordsFor(line: string, word: string): readonly string[] {
    const names = this.views.map((view) => view.name)
    if (!this.isInStatement && /^\s*\.\w*$/.test(line)) return Object.keys(COMMANDS)
    if (/^\s*\.views\s/.test(line)) return names
    if (/^\s*\.format\s/.test(line)) return TEXT_FORMATS
    const text = [...this.waiting, line].join('\n')
    const dotted = /(\w+)\.\w*$/.exec(line)
    if (dotted !== null) return this.columnsOf(text, dotted[1]!).map((column) => `${dotted[1]}.${column}`)
    if (/\b(?:from|join)\s+\w*$/i.test(line)) return names
    if (word === '') return []
    const said = new Set(text.toLowerCase().match(/\w+/g) ?? [])
    const columns = this.views
      .filter((view) => said.has(view.name))
      .flatMap((view) => view.columns.map((column) => column.name))
    return [...columns, ...names, ...WORDS]
  }

  /** The columns of what a name or alias in the statement stands for; of all views where nothing says. */
  private columnsOf(text: string, alias: string): readonly string[] {
    const named = new RegExp(`\\b(\\w+)\\s+(?:AS\\s+)?${alias}\\b`, 'gi')
    const views = new Set([
      alias.toLowerCase(),
      ...[...text.matchAll(named)].map(([, view]) => view!.toLowerCase()),
    ])
    const found = this.views.filter((view) => views.has(view.name))
    return (found.length > 0 ? found : this.views).flatMap((view) =>
      view.columns.map((column) => column.name),
    )
  }

  private command(line: string): boolean {
    const [word = '', argument] = line.replace(/;$/, '').split(/\s+/)
    switch (word) {
      case '.quit':
      case '.exit':
        return false
      case '.help':
        for (const [name, what] of Object.entries(COMMANDS)) writeLine(`${name.padEnd(8)} ${what}`)
        writeLine(
          'A statement ends with a semicolon; Tab completes; Ctrl-C drops a statement, or stops the one that runs.',
        )
        return true
      case '.views':
        this.tellViews(argument)
        return true
      case '.format':
        this.settings.format = this.formatFrom(argument)
        return true
      case '.limit':
        if (argument === undefined || !/^[1-9]\d*$/.test(argument))
          throw new TapeError(
            'BAD_ARGUMENT',
            `.limit expected a number of rows from 1, got ${argument ?? 'nothing'}`,
          )
        this.settings.limit = Number(argument)
        return true
      default: {
        const near = nearest(word, Object.keys(COMMANDS))
        throw new TapeError(
          'BAD_ARGUMENT',
          `there is no command ${word}${near === null ? '' : `; did you mean ${near}?`} .help names all`,
        )
      }
    }
  }

  private formatFrom(argument: string | undefined): Format {
    const found = TEXT_FORMATS.find((format) => format === argument)
    if (found !== undefined) return found
    throw new TapeError(
      'BAD_ARGUMENT',
      `.format expected ${TEXT_FORMATS.join(', ')}; got ${argument ?? 'nothing'}`,
    )
  }

  private tellViews(name: string | undefined): void {
    if (name === undefined) {
      for (const { name: view, doc } of this.views) writeLine(`${view.padEnd(18)} ${doc}`)
      return
    }
    const found = this.views.find((view) => view.name === name)
    if (found === undefined) throw new TapeError('BAD_ARGUMENT', `there is no view ${name}; .views names all`)
    for (const column of found.columns) writeLine(`${column.name.padEnd(24)} ${column.doc}`)
  }
}

/**
 * Reads lines from the terminal until it is left. Ctrl-C drops the statement that is being typed, or stops the one that runs; Ctrl-D
 * leaves when what was typed before it is answered.
 *
 * run  asks a statement and prints what it answers; `signal` stops it
 */
export async function runShell(
  views: readonly ViewDoc[],
  settings: ShellSettings,
  run: (sql: string, settings: ShellSettings, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  /** Of what is being answered: there from the moment on when Enter is pressed, so that a Ctrl-C right after it means this. */
  let stop: AbortController | null = null
  const shell = new SqlShell(views, settings, (sql, now) => run(sql, now, (stop as AbortController).signal))
  const file = historyFile()
  const lines = createInterface({
    input: process.stdin,
    output: process.stdout,
    terminal: true,
    completer: (line: string) => shell.complete(line),
    history: readHistory(file),
    historySize: HISTORY_MAX,
    removeHistoryDuplicates: true,
  })
  let history: readonly string[] = []
  lines.on('history', (all: string[]) => {
    history = [...all]
  })
  const prompt = () => {
    lines.setPrompt(shell.isInStatement ? '   ...> ' : 'gradtape> ')
    lines.prompt()
  }

  const typed: string[] = []
  let isLeft = false
  let answering = Promise.resolve()
  const answerTyped = async () => {
    for (let line = typed.shift(); line !== undefined && !isLeft; line = typed.shift()) {
      stop = new AbortController()
      try {
        isLeft = !(await shell.take(line))
      } catch (error) {
        reportFailure(error, false)
      }
    }
    stop = null
    if (isLeft) lines.close()
    else if (!isClosed) prompt()
  }
  let isClosed = false
  const closed = new Promise<void>((resolve) => lines.once('close', resolve))
  lines.on('line', (line) => {
    typed.push(line)
    if (stop !== null) return
    stop = new AbortController()
    answering = answerTyped()
  })
  lines.on('SIGINT', () => {
    if (stop !== null) {
      typed.length = 0
      stop.abort()
      return
    }
    shell.drop()
    process.stdout.write('\n')
    lines.write(null, { ctrl: true, name: 'e' })
    lines.write(null, { ctrl: true, name: 'u' })
    prompt()
  })

  writeLine('A statement ends with a semicolon; .views names the views, .help the rest.')
  prompt()
  await closed
  isClosed = true
  if (!isLeft) process.stdout.write('\n')
  await answering
  process.exitCode = 0 // mistakes were told when they were made
  writeHistory(file, history)
}

function historyFile(): string {
  const state = process.env.XDG_STATE_HOME || path.join(os.homedir(), '.local', 'state')
  return path.join(state, 'gradtape', 'sql-history')
}

/** The latest first. None where there is no file yet. */
function readHistory(file: string): string[] {
  try {
    return fs
      .readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .reverse()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      printError(`the history cannot be read: ${(error as Error).message}`)
    return []
  }
}

/** For its owner alone: statements may name what nobody else shall read. */
function writeHistory(file: string, history: readonly string[]): void {
  if (history.length === 0) return
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
    fs.writeFileSync(file, `${[...history].reverse().join('\n')}\n`, { mode: 0o600 })
  } catch (error) {
    printError(`the history cannot be kept: ${(error as Error).message}`)
  }
}
