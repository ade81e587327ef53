/**
 * The tools that a coding agent may use on tapes, and what each takes. Each is a command of `gradtape` with --json. All of them only read,
 * and only the tapes that were named when the server was started. Knows nothing of how a command is run (mcp-runner.ts).
 */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { TapeError, valueText } from '../errors.js'
import { nearest } from '../nearest.js'
import { isObject } from './json-rpc.js'

/** What an argument of a tool may be. */
interface Argument {
  readonly type: 'string' | 'integer' | 'boolean' | 'strings' | 'values'
  readonly description: string
  readonly required?: true
}

type Given = Readonly<Record<string, unknown>>

export interface Tool {
  readonly description: string
  readonly arguments: Readonly<Record<string, Argument>>
  /** Whether it may call functions of the user, for which modules are loaded. */
  readonly computes?: true
  /** The command and its arguments, for `gradtape`. */
  readonly command: (given: Given, tapes: Tapes) => string[]
}

const TAPE: Argument = {
  type: 'string',
  description:
    'The tape, by its path or file name as tool "runs" tells it. May be left out when there is one.',
}
const RUN: Argument = { type: 'string', description: 'Id or name of the run. Default: the newest.' }
const STEP: Argument = {
  type: 'integer',
  description: 'The step, counted from 1; 0 is what precedes the first.',
}
const LIMIT_ROWS = 200

export const TOOLS: Readonly<Record<string, Tool>> = {
  runs: {
    description:
      'The recorded training runs of a tape: id, name, status, steps, start, duration, error. Without "tape": of all tapes that are open here.',
    arguments: { tape: TAPE },
    command: (given, tapes) => ['runs', '--json', '--', tapes.path(given.tape)],
  },
  why: {
    computes: true,
    description:
      'Finds what went wrong in a run, and where: step, function, element, rows of the data set, place in the code. Causes stand first; "skipped" says what was not looked at. Ask this first when a run diverged, went NaN or does not learn.',
    arguments: {
      tape: TAPE,
      run: RUN,
      metric: { type: 'string', description: 'The metric that training makes smaller. Default: loss.' },
      only: {
        type: 'strings',
        description: 'Only these kinds of findings, for example loss-spike, settings, precision.',
      },
      step: { ...STEP, description: 'The step in which lost digits (kind precision) are looked for.' },
    },
    command: (given, tapes) => [
      'why',
      '--json',
      ...option('run', given.run),
      ...option('metric', given.metric),
      ...option(
        'only',
        Array.isArray(given.only) && given.only.length > 0 ? given.only.join(',') : undefined,
      ),
      ...option('step', given.step),
      '--',
      tapes.path(given.tape),
    ],
  },
  diff: {
    computes: true,
    description:
      'In what two runs differ: the first difference that somebody made (data, first value, setting, call, order of rows), before those that follow from it.',
    arguments: {
      tape: { ...TAPE, description: 'The tape of the first run. May be left out when there is one.' },
      run: { ...RUN, description: 'Id or name of the first run.', required: true },
      other_tape: { ...TAPE, description: 'The tape of the second run. Default: the same.' },
      other_run: { ...RUN, description: 'Id or name of the second run.', required: true },
      ignore_structure: {
        type: 'boolean',
        description: 'Compare data, first values, settings, rows and results only.',
      },
      resume: {
        type: 'boolean',
        description:
          'Compare the end of the first run with the beginning of the second, which goes on from it.',
      },
    },
    command: (given, tapes) => [
      'diff',
      '--json',
      ...(given.ignore_structure === true ? ['--ignore-structure'] : []),
      ...(given.resume === true ? ['--resume'] : []),
      '--',
      tapes.side(given.tape, given.run as string),
      tapes.side(given.other_tape ?? given.tape, given.other_run as string),
    ],
  },
  show: {
    computes: true,
    description:
      'A run in one page (settings, metrics, parameters, functions); with "step" the events of that step in order; with "variable" its value, versions, gradients and how it came about.',
    arguments: {
      tape: TAPE,
      run: RUN,
      step: STEP,
      variable: { type: 'string', description: 'Name or position of a variable.' },
      limit: { type: 'integer', description: `How many events of a step are told. Default: ${LIMIT_ROWS}.` },
    },
    command: (given, tapes) => [
      'show',
      '--json',
      ...option('run', given.run),
      ...option('step', given.step),
      ...option('variable', given.variable),
      ...option('limit', given.limit ?? LIMIT_ROWS),
      '--',
      tapes.path(given.tape),
    ],
  },
  gradient: {
    computes: true,
    description:
      'Gradients of a recorded variable with respect to others, computed from the tape, also those that nobody asked for at the time; each is compared with what the run recorded.',
    arguments: {
      tape: TAPE,
      run: RUN,
      of: {
        type: 'string',
        description: 'What is differentiated: name or position of a variable of one element. Default: loss.',
      },
      wrt: {
        type: 'strings',
        description: 'With respect to these variables, by name or position. Default: every named parameter.',
      },
      step: STEP,
    },
    command: (given, tapes) => [
      'gradient',
      '--json',
      ...option('run', given.run),
      ...option('of', given.of),
      ...((given.wrt as string[] | undefined) ?? []).flatMap((name) => option('wrt', name)),
      ...option('step', given.step),
      '--',
      tapes.path(given.tape),
    ],
  },
  schema: {
    description: 'The views that "sql" can ask, with a word on each column.',
    arguments: { tape: TAPE },
    command: (given, tapes) => ['schema', '--json', '--', tapes.path(given.tape)],
  },
  sql: {
    description: `One SELECT (SQLite) on the views of a tape, read-only, for at most 10 s. Rows come as objects, at most ${LIMIT_ROWS} unless "limit" says otherwise. Ask "schema" for the views; "query" has ready questions.`,
    arguments: {
      tape: TAPE,
      sql: { type: 'string', description: 'One SELECT, WITH, VALUES or EXPLAIN.', required: true },
      parameters: { type: 'values', description: 'Values of :name in the statement.' },
      limit: { type: 'integer', description: 'At most this many rows.' },
    },
    command: (given, tapes) => [
      'sql',
      '--json',
      ...parameters(given.parameters),
      ...option('limit', given.limit ?? LIMIT_ROWS),
      '--',
      tapes.path(given.tape),
      given.sql as string,
    ],
  },
  query: {
    description:
      'A question of the cookbook by its name, for example gradient-norms, best-step, dead-units. Without "name": all questions with their parameters.',
    arguments: {
      tape: TAPE,
      run: RUN,
      name: { type: 'string', description: 'The name of the question. Left out: the list of all.' },
      parameters: { type: 'values', description: 'Values of its parameters.' },
      limit: { type: 'integer', description: 'At most this many rows.' },
    },
    command: (given, tapes) =>
      given.name === undefined
        ? ['query', '--list', '--json']
        : [
            'query',
            '--json',
            ...option('run', given.run),
            ...parameters(given.parameters),
            ...option('limit', given.limit ?? LIMIT_ROWS),
            '--',
            given.name as string,
            tapes.path(given.tape),
          ],
  },
}

/** One argument, so that no value is taken for another option. */
export function option(name: string, value: unknown): string[] {
  return value === undefined ? [] : [`--${name}=${String(value)}`]
}

/** A text is quoted as `--param` has it, so that it stays a text when it looks like a number. */
function parameters(given: unknown): string[] {
  return Object.entries((given ?? {}) as Given).map(
    ([name, value]) =>
      `--param=${name}=${value === null ? 'null' : typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(Number(value))}`,
  )
}

/** The tools as the protocol lists them. */
export function toolList(): object[] {
  return Object.entries(TOOLS).map(([name, { description, arguments: args }]) => ({
    name,
    description,
    inputSchema: {
      type: 'object',
      properties: Object.fromEntries(
        Object.entries(args).map(([key, argument]) => [key, schemaOf(argument)]),
      ),
      required: Object.entries(args).flatMap(([key, { required }]) => (required === true ? [key] : [])),
      additionalProperties: false,
    },
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  }))
}

function schemaOf({ type, description }: Argument): object {
  if (type === 'strings') return { type: 'array', items: { type: 'string' }, description }
  if (type === 'values')
    return {
      type: 'object',
      additionalProperties: { type: ['string', 'number', 'boolean', 'null'] },
      description,
    }
  return { type, description, ...(type === 'integer' ? { minimum: 0 } : {}) }
}

export function isTool(name: unknown): name is string {
  return typeof name === 'string' && Object.hasOwn(TOOLS, name)
}

/** The tapes that may be asked, and no others. */
export class Tapes {
  private readonly files: readonly string[]

  constructor(files: readonly string[]) {
    this.files = files.map((file) => path.resolve(file))
  }

  get all(): readonly string[] {
    return this.files
  }

  /** Throws  BAD_ARGUMENT for any other file, and for none when there are several */
  path(name: unknown): string {
    if (name === undefined && this.files.length === 1) return this.files[0]!
    const found = this.files.filter((file) => file === name || path.basename(file) === name)
    if (found.length === 1) return found[0]!
    throw new TapeError(
      'BAD_ARGUMENT',
      `expected "tape" to be one of ${this.files.join(', ')}, got ${valueText(name)}`,
    )
  }

  /** A run on one side of a diff. Throws  BAD_ARGUMENT where the two together are the name of another file */
  side(name: unknown, run: string): string {
    const both = `${this.path(name)}:${run}`
    if (existsSync(both))
      throw new TapeError(
        'BAD_ARGUMENT',
        `expected a run, got ${valueText(run)}, with which the name of the tape is that of another file; name the run by its id`,
      )
    return both
  }
}

/** The arguments as they were given. Throws  BAD_ARGUMENT */
export function checkedArguments(tool: Tool, name: string, given: unknown): Given {
  if (given !== undefined && !isObject(given))
    throw new TapeError('BAD_ARGUMENT', `${name} expected an object of arguments, got ${valueText(given)}`)
  const args = given ?? {}
  const known = Object.keys(tool.arguments)
  for (const [key, value] of Object.entries(args)) {
    const argument = Object.hasOwn(tool.arguments, key) ? tool.arguments[key] : undefined
    if (argument === undefined) {
      const near = nearest(key, known)
      throw new TapeError(
        'BAD_ARGUMENT',
        `${name} has no argument ${valueText(key)}; ${near === null ? 'it takes' : `did you mean "${near}"? It takes`} ${known.join(', ')}`,
      )
    }
    if (!isOfType(argument, value))
      throw new TapeError(
        'BAD_ARGUMENT',
        `${name} expected "${key}" to be ${WORDS[argument.type]}, got ${valueText(value)}`,
      )
  }
  for (const [key, { required }] of Object.entries(tool.arguments))
    if (required === true && args[key] === undefined)
      throw new TapeError('BAD_ARGUMENT', `${name} expected "${key}", got nothing`)
  return args
}

const WORDS: Readonly<Record<Argument['type'], string>> = {
  string: 'a text',
  integer: 'a whole number from 0',
  boolean: 'true or false',
  strings: 'a list of texts',
  values: 'an object of texts, numbers, true, false and null',
}

function isOfType({ type }: Argument, value: unknown): boolean {
  // No command line takes a NUL.
  const isText = (one: unknown) => typeof one === 'string' && !one.includes('\0')
  if (type === 'string') return isText(value)
  if (type === 'integer') return Number.isSafeInteger(value) && (value as number) >= 0
  if (type === 'boolean') return typeof value === 'boolean'
  if (type === 'strings') return Array.isArray(value) && value.every(isText)
  return (
    isObject(value) &&
    Object.entries(value).every(
      ([key, one]) =>
        /^\w+$/.test(key) &&
        (one === null || isText(one) || typeof one === 'number' || typeof one === 'boolean'),
    )
  )
}
