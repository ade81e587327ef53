/** `gradtape sql`: a SELECT on the views, as a table, CSV or JSON. */

import { once } from 'node:events'
import process from 'node:process'
import type { Command } from 'commander'
import { type Cell, runSql, type SqlResult } from '../../queries/sql.js'
import { answer, print, printError } from '../answer.js'
import { jsonText, toJson } from '../json.js'
import { examples, positiveNumber, wholeNumber, withJson } from '../options.js'
import { oneLine, table } from '../table.js'
import { visible } from '../terminal.js'

const TABLE_ROWS_MAX = 1_000
const BLOB_BYTES_SHOWN = 8

interface Options {
  timeout: number
  limit?: number
  csv?: boolean
  exact?: boolean
  json?: boolean
}

export function addSql(program: Command): void {
  withJson(program.command('sql'))
    .description('ask the views of a tape in SQL; reads only, in a process of its own (see gradtape schema)')
    .argument('<file>', 'the tape')
    .argument('<statement>', 'one SELECT, WITH, VALUES or EXPLAIN')
    .option(
      '--csv',
      "print CSV (RFC 4180); a text that a spreadsheet would take for a formula gets a ' before it",
    )
    .option('--exact', 'with --csv: every text as it is, for programs')
    .option('--timeout <seconds>', 'how long the query may take', positiveNumber, 10)
    .option(
      '--limit <rows>',
      `print no more rows than this (default: ${TABLE_ROWS_MAX} in a table, else all)`,
      wholeNumber(1),
    )
    .addHelpText(
      'after',
      `
While a query is read, a process that records into the tape cannot use its write-ahead log again, and the log grows. The query
ends with this command, however that ends.
${examples(
  'gradtape sql runs.tape "SELECT step, value FROM metric WHERE name = \'loss\' ORDER BY value LIMIT 5"',
  'gradtape sql runs.tape "SELECT * FROM gradient WHERE non_finite_count > 0" --csv > bad.csv',
)}`,
    )
    .action((file: string, statement: string, options: Options) =>
      answer(options, async () => {
        const result = await runSql(file, statement, { timeoutMs: options.timeout * 1_000 })
        const printed =
          options.json === true
            ? await printJson(result, options)
            : options.csv === true
              ? await printCsv(result, options)
              : await printTable(result, options)
        if (printed.cut) printError(`cut after ${printed.rows} rows; --limit prints more`)
        return null
      }),
    )
}

interface Printed {
  rows: number
  cut: boolean
}

async function printTable(
  { columns, rows }: SqlResult,
  { limit = TABLE_ROWS_MAX }: Options,
): Promise<Printed> {
  const lines: string[][] = []
  const words = columns.map(() => false)
  let cut = false
  for await (const row of rows) {
    if (lines.length === limit) {
      cut = true
      break
    }
    row.forEach((cell, i) => {
      if (typeof cell === 'string' || cell instanceof Uint8Array) words[i] = true
    })
    lines.push(row.map(tableCell))
  }
  print(
    table(
      columns.map((title, i) => ({ title: oneLine(title), align: words[i] === true ? 'left' : 'right' })),
      lines,
    ),
  )
  return { rows: lines.length, cut }
}

async function printCsv(result: SqlResult, { limit, exact }: Options): Promise<Printed> {
  const line = (cells: readonly (string | null)[]) => `${cells.map(quoted).join(',')}\r\n`
  const text = exact === true ? (cell: string) => cell : noFormula
  return printEach(result, limit, {
    head: line(result.columns.map(text)),
    row: (row) => line(row.map((cell) => (typeof cell === 'string' ? text(cell) : csvCell(cell)))),
    tail: () => '',
  })
}

async function printJson(result: SqlResult, { limit }: Options): Promise<Printed> {
  const keys = distinct(result.columns)
  return printEach(result, limit, {
    head: '[',
    row: (row, i) => {
      const fields = row.map(
        (cell, at) => `${jsonText(keys[at] ?? '')}: ${toJson(cell instanceof Uint8Array ? hex(cell) : cell)}`,
      )
      return `${i === 0 ? '\n' : ',\n'}  {${fields.join(', ')}}`
    },
    tail: (count) => (count === 0 ? ']\n' : '\n]\n'),
  })
}

interface Parts {
  head: string
  row: (row: readonly Cell[], index: number) => string
  tail: (count: number) => string
}

/** Prints row by row, no faster than they are taken. A failure halfway leaves what was printed before it. */
async function printEach({ rows }: SqlResult, limit: number | undefined, parts: Parts): Promise<Printed> {
  let text = parts.head
  let count = 0
  let cut = false
  for await (const row of rows) {
    if (count === limit) {
      cut = true
      break
    }
    text += parts.row(row, count++)
    if (text.length > 65_536) {
      await write(text)
      text = ''
    }
  }
  await write(text + parts.tail(count))
  return { rows: count, cut }
}

/** As it is: programs read this. On a terminal what could steer it is made visible. */
async function write(text: string): Promise<void> {
  const shown = process.stdout.isTTY === true ? visible(text.replaceAll('\r\n', '\n')) : text
  if (!process.stdout.write(shown)) await once(process.stdout, 'drain')
}

function tableCell(cell: Cell): string {
  if (cell === null) return 'NULL'
  if (typeof cell === 'string') return oneLine(cell)
  if (!(cell instanceof Uint8Array)) return numeral(cell)
  const shown = hex(cell.subarray(0, BLOB_BYTES_SHOWN))
  return cell.length <= BLOB_BYTES_SHOWN ? `x'${shown}'` : `x'${shown}…' (${cell.length} bytes)`
}

/** A null is an empty field, so that an empty text is a quoted one. */
function csvCell(cell: Exclude<Cell, string>): string | null {
  if (cell === null) return null
  return cell instanceof Uint8Array ? hex(cell) : numeral(cell)
}

/** Spreadsheets compute what begins like this, and a tape's texts are somebody else's. A number is no formula. */
function noFormula(text: string): string {
  if (!/^[\s\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20|%]|^[\t\r\n]/.test(text)) return text
  return /^[+-]?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text) ? text : `'${text}`
}

function quoted(field: string | null): string {
  if (field === null) return ''
  return field === '' || /[",\r\n]/.test(field) || /^\s|\s$/.test(field)
    ? `"${field.replaceAll('"', '""')}"`
    : field
}

function numeral(value: number | bigint): string {
  return Object.is(value, -0) ? '-0.0' : String(value)
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}

/** Keys of an object must differ: the second `a` becomes `a_2`. */
function distinct(columns: readonly string[]): string[] {
  const taken = new Set<string>()
  return columns.map((column) => {
    let key = column
    for (let i = 2; taken.has(key); i++) key = `${column}_${i}`
    taken.add(key)
    return key
  })
}
