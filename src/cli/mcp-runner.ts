/**
 * Answers calls of tools. A command runs in a process of its own: so it answers what the command answers, several are answered at once,
 * and one that takes too long is killed.
 */
import { spawn } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { TapeError } from '../errors.js'
import { isObject } from './json-rpc.js'
import { checkedArguments, option, Tapes, TOOLS, type Tool } from './mcp-tools.js'

/** The result of a tool as the protocol has it. */
interface ToolResult {
  readonly content: readonly [{ readonly type: 'text'; readonly text: string }]
  readonly isError: boolean
}

/** What a command answered. */
interface Answer {
  readonly text: string
  /** Lines that it said beside it. */
  readonly notes: readonly string[]
  readonly isError: boolean
}

const TEXT_MAX = 2 ** 20
const AT_ONCE_MAX = 4
const MAIN = fileURLToPath(new URL('./main.js', import.meta.url))

/** Answers one call of a tool. What it cannot do stands in the result, for the agent to read; it throws nothing. */
export class ToolRunner {
  private readonly tapes: Tapes
  private readonly imports: readonly string[]
  private running = 0
  private readonly waiting: (() => void)[] = []

  /** `imports` are the modules that the user named; an agent cannot name any. */
  constructor(files: readonly string[], imports: readonly string[] = []) {
    this.tapes = new Tapes(files)
    this.imports = imports.flatMap((module) => option('import', module))
  }

  async call(name: string, given: unknown, signal: AbortSignal): Promise<ToolResult> {
    const tool = TOOLS[name]!
    try {
      const args = checkedArguments(tool, name, given)
      if (name === 'runs' && args.tape === undefined) return await this.allRuns(tool, signal)
      const [command = name, ...rest] = tool.command(args, this.tapes)
      const imports = tool.computes === true ? this.imports : []
      const { text, notes, isError } = await this.inTurn([command, ...imports, ...rest], signal)
      return result([text, ...notes].join('\n'), isError)
    } catch (error) {
      if (!(error instanceof TapeError)) throw error
      return result(error.message, true)
    }
  }

  private async allRuns(tool: Tool, signal: AbortSignal): Promise<ToolResult> {
    const parts: string[] = []
    const told: string[] = []
    let isError = false
    for (const tape of this.tapes.all) {
      const {
        text,
        notes,
        isError: isRefused,
      } = await this.inTurn(tool.command({ tape }, this.tapes), signal)
      isError ||= isRefused
      told.push(...notes)
      parts.push(
        `{"tape": ${JSON.stringify(tape)}, ${isRefused ? `"error": ${JSON.stringify(text)}}` : text.trim().slice(1)}`,
      )
    }
    return result([`{"tapes": [\n${parts.join(',\n')}\n]}`, ...told].join('\n'), isError)
  }

  /** Some at once; the others wait. */
  private async inTurn(command: readonly string[], signal: AbortSignal): Promise<Answer> {
    if (this.running >= AT_ONCE_MAX) await new Promise<void>((resolve) => this.waiting.push(resolve))
    this.running++
    try {
      return signal.aborted ? failed('cancelled') : await run(command, signal)
    } finally {
      this.running--
      this.waiting.shift()?.()
    }
  }
}

function result(text: string, isError: boolean): ToolResult {
  return { content: [{ type: 'text', text }], isError }
}

function failed(text: string): Answer {
  return { text, notes: [], isError: true }
}

/** Runs a command to its end. */
function run(command: readonly string[], signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...process.execArgv, MAIN, ...command], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let out = ''
    let told = ''
    let isTooLong = false
    const stop = () => child.kill('SIGKILL')
    signal.addEventListener('abort', stop, { once: true })
    process.once('exit', stop)
    child.stdout.setEncoding('utf8').on('data', (piece: string) => {
      out += piece
      if (out.length <= TEXT_MAX) return
      isTooLong = true
      stop()
    })
    child.stderr.setEncoding('utf8').on('data', (piece: string) => {
      told = (told + piece).slice(-10_000)
    })
    const end = (answer: Answer) => {
      signal.removeEventListener('abort', stop)
      process.off('exit', stop)
      resolve(answer)
    }
    child.on('error', (error) => end(failed(`INTERNAL: ${error.message}`)))
    child.on('close', (status) => {
      if (isTooLong)
        end(
          failed(
            `BAD_ARGUMENT: the answer is longer than ${TEXT_MAX} characters; ask for less (limit, step, fewer columns)`,
          ),
        )
      else if (signal.aborted) end(failed('cancelled'))
      // An answer of "no" (something was found) is an answer.
      else if ((status === 0 || status === 1) && out !== '') end(answerOf(out.trimEnd(), told))
      else
        end(
          failed(
            told === '' ? `INTERNAL: the command ended with ${status} and said nothing` : told.trimEnd(),
          ),
        )
    })
  })
}

function answerOf(out: string, told: string): Answer {
  const answer = parsed(out)
  const error = isObject(answer) ? answer.error : null
  if (isObject(error) && typeof error.message === 'string') return failed(error.message)
  // What a command says beside its answer: that rows were cut, why no more came, that a tape lacks its log.
  const notes = told.split('\n').filter((line) => /^(cut after|only \d|note: |[A-Z_]+: )/.test(line))
  return { text: out, notes, isError: false }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
