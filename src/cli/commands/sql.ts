/** `gradtape sql`: a SELECT on the views of one tape or several, in many forms; without a statement, a shell. */
import process from 'node:process'
import { type Command, Option } from 'commander'
import { TapeError } from '../../errors.js'
import { viewDocs } from '../../queries/schema.js'
import { runSql, type SqlQuestion } from '../../queries/sql.js'
import { parametersOf, withoutLeadingComments } from '../../queries/sql-text.js'
import { Views } from '../../queries/views.js'
import { answer, printError, reportFailure } from '../answer.js'
import { collected, examples, positiveNumber, wholeNumber, withJson } from '../options.js'
import { checkFormat, FORMATS, type Format, printRows } from '../rows.js'
import { PARAMETER_RULE, pairsOf, parametersFrom, statementFrom } from '../sql-arguments.js'

/** What is the same for every command that prints rows. */
export interface RowOptions {
  timeout: number
  limit?: number
  csv?: boolean
  format?: Format
  exact?: boolean
  json?: boolean
}

interface SqlOptions extends RowOptions {
  file?: string
  param: string[]
  attach: string[]
}

export function withRows(command: Command): Command {
  return withPrinted(command).option('--timeout <seconds>', 'how long the query may take', positiveNumber, 10)
}

/** How rows are printed. */
export function withPrinted(command: Command): Command {
  return withJson(command)
    .addOption(
      new Option('--format <format>', 'how the rows are printed').choices(FORMATS).conflicts(['csv', 'json']),
    )
    .addOption(
      new Option(
        '--csv',
        "print CSV (RFC 4180); a text that a spreadsheet would take for a formula gets a ' before it",
      ).conflicts('json'),
    )
    .option('--exact', 'with CSV and TSV: every text as it is, for programs')
    .option(
      '--limit <rows>',
      'print no more rows than this (default: 1000 in forms for people, else all)',
      wholeNumber(1),
    )
}

export function formatOf(options: { json?: boolean; csv?: boolean; format?: Format }): Format {
  return options.json === true ? 'json' : options.csv === true ? 'csv' : (options.format ?? 'table')
}

export function addSql(program: Command): void {
  withRows(program.command('sql'))
    .description('ask the views of a tape in SQL; reads only, in a process of its own (see gradtape schema)')
    .argument('<file>', 'the tape')
    .argument(
      '[statement]',
      'one SELECT, WITH, VALUES or EXPLAIN; - for standard input; none on a terminal: a shell',
    )
    .option('--file <file>', 'take the statement from a file')
    .option('--param <name=value>', 'value of :name in the statement; may be repeated', collected, [])
    .option(
      '--attach <name=file>',
      'a further tape, whose views are name.run and so on; may be repeated',
      collected,
      [],
    )
    .addHelpText(
      'after',
      `
${PARAMETER_RULE}
In JSON an infinity is {"$number": "Infinity"}, and bytes are {"$blob": "00ff"}. Parquet is written when all rows are there,
for until then they wait in a temporary file. When the time is over while rows are printed, what is
printed is a whole document of the rows so far; standard error says so, and the exit code is 1.
While a query is read, a process that records into the tape cannot use its write-ahead log again, and the log grows. The query
ends with this command, however that ends.
${examples(
  'gradtape sql runs.tape "SELECT step, value FROM metric WHERE name = \'loss\' ORDER BY value LIMIT 5"',
  'gradtape sql runs.tape "SELECT * FROM gradient WHERE non_finite_count > 0" --csv > bad.csv',
  'gradtape sql runs.tape --file curve.sql --param run=1 --param name=loss --format ndjson',
  'gradtape sql runs.tape "SELECT * FROM gradient WHERE step > 100" --format parquet > gradients.parquet',
  'echo "SELECT count(*) FROM call" | gradtape sql runs.tape -',
  'gradtape sql a.tape --attach b=b.tape "SELECT x.step, x.value, y.value FROM metric x JOIN b.metric y USING (step, name)"',
)}`,
    )
    .action((file: string, given: string | undefined, options: SqlOptions) => {
      const asked = { ...options, json: formatOf(options) === 'json' }
      return answer(asked, async () => {
        const statement = await statementFrom(given, options.file)
        const attached = pairsOf('--attach', options.attach)
        if (statement === null) {
          if (asked.json || process.stdout.isTTY !== true)
            throw new TapeError(
              'SQL_FAILED',
              'expected a statement; give one, or - to read it from standard input',
            )
          await shellOn(file, attached, asked)
          return null
        }
        await printQuestion(
          { file, sql: statement, attached, parameters: parametersFrom(options.param) },
          asked,
        )
        return null
      })
    })
}

/** Statements from the terminal, until it is left. */
async function shellOn(file: string, attached: Map<string, string>, options: SqlOptions): Promise<void> {
  const { runShell } = await import('../sql-shell.js')
  const tape = new Views(file)
  const views = viewDocs(tape)
  tape.close()
  const parameters = parametersFrom(options.param)
  const settings = { format: formatOf(options), limit: options.limit }
  await runShell(views, settings, (sql, { format, limit }, signal) => {
    const named = new Set(parametersOf(sql))
    const given = new Map([...parameters].filter(([name]) => named.has(name)))
    const { timeout, exact } = options
    const printed = {
      ...{ timeout, format },
      ...(exact === undefined ? {} : { exact }),
      ...(limit === undefined ? {} : { limit }),
    }
    return printQuestion({ file, sql, attached, parameters: given }, printed, signal)
  })
}

/** `signal` stops the query. Throws  what asking throws */
export async function printQuestion(
  question: SqlQuestion,
  options: RowOptions,
  signal?: AbortSignal,
): Promise<void> {
  const format = formatOf(options)
  checkFormat(format)
  const result = await runSql(question, {
    timeoutMs: options.timeout * 1_000,
    ...(signal === undefined ? {} : { signal }),
  })
  const { limit, exact } = options
  const isPlan = /^EXPLAIN\s+QUERY\s+PLAN\b/i.test(withoutLeadingComments(question.sql))
  const printed = await printRows(result, { format, limit, exact, isPlan })
  if (printed.cut)
    printError(`cut after ${printed.rows} ${printed.rows === 1 ? 'row' : 'rows'}; --limit prints more`)
  if (printed.failure !== null) {
    printError(`only ${printed.rows} ${printed.rows === 1 ? 'row is' : 'rows are'} printed:`)
    reportFailure(printed.failure, false)
  }
}
