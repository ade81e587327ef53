/** Rows of a query as they are printed: which forms there are, and how each writes a cell. NULL, '' and 'NULL' differ in all of them. */
import { once } from 'node:events'
import process from 'node:process'
import { TapeError } from '../errors.js'
import { csvLine, noFormula } from '../formats/csv-text.js'
import type { Cell, SqlResult } from '../queries/sql.js'
import { print } from './answer.js'
import { jsonText } from './json.js'
import { oneLine, table } from './table.js'
import { visible } from './terminal.js'

/** Forms that are texts. */
export const TEXT_FORMATS = ['table', 'line', 'csv', 'tsv', 'ndjson', 'json', 'markdown'] as const
export const FORMATS = [...TEXT_FORMATS, 'parquet'] as const
export type Format = (typeof FORMATS)[number]

/** Forms for people: they are made in memory, so they have a limit of their own. */
const BUFFERED_ROWS_MAX = 1_000
const BLOB_BYTES_SHOWN = 8

interface Printing {
  readonly format: Format
  /** No more rows than this. */
  readonly limit?: number | undefined
  /** CSV and TSV: every text as it is, though a spreadsheet may take it for a formula. */
  readonly exact?: boolean | undefined
  /** Whether the rows are a plan of SQLite's, which is printed as a tree. */
  readonly isPlan?: boolean | undefined
}

export interface Printed {
  readonly rows: number
  /** Whether there were more rows than the limit. */
  readonly cut: boolean
  /** What ended the rows early, when some were printed: the document is whole all the same. */
  readonly failure: unknown
}

/** Throws  what taking the rows throws, when there was none before it */
export function printRows(result: SqlResult, printing: Printing): Promise<Printed> {
  switch (printing.format) {
    case 'table':
    case 'line':
    case 'markdown':
      return printBuffered(result, printing)
    case 'csv':
      return printEach(result, printing, csv(printing.exact === true))
    case 'tsv':
      return printEach(result, printing, tsv(printing.exact === true))
    case 'json':
      return printEach(result, printing, json)
    case 'ndjson':
      return printEach(result, printing, ndjson)
    case 'parquet':
      return printParquet(result, printing)
  }
}

/** Throws BAD_ARGUMENT for bytes on a terminal; before anything is asked. */
export function checkFormat(format: Format): void {
  if (format === 'parquet' && process.stdout.isTTY === true)
    throw new TapeError(
      'BAD_ARGUMENT',
      'parquet is bytes, which a terminal cannot show; send them to a file: > rows.parquet',
    )
}

interface Taken extends Printed {
  readonly cells: readonly (readonly Cell[])[]
}

async function take({ rows }: SqlResult, limit: number): Promise<Taken> {
  const cells: (readonly Cell[])[] = []
  const printed = await handOver(rows, limit, (row) => {
    cells.push(row)
  })
  return { cells, ...printed }
}

/** Hands rows over, `limit` at most. What fails behind a first row is told beside those before it. */
async function handOver(
  rows: SqlResult['rows'],
  limit: number | undefined,
  take: (row: readonly Cell[], index: number) => Promise<void> | void,
): Promise<Printed> {
  let count = 0
  try {
    for await (const row of rows) {
      if (count === limit) return { rows: count, cut: true, failure: null }
      const taking = take(row, count++)
      if (taking !== undefined) await taking
    }
    return { rows: count, cut: false, failure: null }
  } catch (failure) {
    if (count === 0) throw failure
    return { rows: count, cut: false, failure }
  }
}

async function printBuffered(result: SqlResult, printing: Printing): Promise<Printed> {
  const { columns } = result
  const { cells, ...printed } = await take(result, printing.limit ?? BUFFERED_ROWS_MAX)
  if (printing.isPlan === true && printing.format === 'table') print(planText(cells))
  else if (printing.format === 'markdown') print(markdownText(columns, cells))
  else if (printing.format === 'line') print(lineText(columns, cells))
  else print(tableText(columns, cells, process.stdout.isTTY === true ? process.stdout.columns : null))
  return printed
}

/** A table, as wide as it must be; where that is more than `width`, a line for each cell. */
function tableText(columns: readonly string[], rows: readonly (readonly Cell[])[], width: number | null) {
  const text = table(
    columns.map((title, i) => ({ title: oneLine(title), align: holdsNumbers(rows, i) ? 'right' : 'left' })),
    rows.map((row) => row.map(shown)),
  )
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours take no room
  const widest = Math.max(...text.split('\n').map((line) => [...line.replace(/\u001b[^;]*;/g, '')].length))
  return width === null || widest <= width || rows.length === 0 ? text : lineText(columns, rows)
}

function holdsNumbers(rows: readonly (readonly Cell[])[], column: number): boolean {
  return !rows.some((row) => typeof row[column] === 'string' || row[column] instanceof Uint8Array)
}

function lineText(columns: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const width = columns.reduce((most, title) => Math.max(most, [...oneLine(title)].length), 0)
  return rows
    .map((row) =>
      row
        .map((cell, i) => {
          const title = oneLine(columns[i] ?? '')
          return `${' '.repeat(width - [...title].length)}${title} = ${shown(cell)}`
        })
        .join('\n'),
    )
    .join('\n\n')
}

/** EXPLAIN QUERY PLAN: each line under the one that it is a part of. */
function planText(rows: readonly (readonly Cell[])[]): string {
  const children = new Map<string, { id: string; text: string }[]>()
  for (const [id, parent, , detail] of rows) {
    const under = children.get(String(parent)) ?? []
    under.push({ id: String(id), text: oneLine(String(detail)) })
    children.set(String(parent), under)
  }
  const lines: string[] = ['QUERY PLAN']
  const waiting = [...(children.get('0') ?? [])]
    .reverse()
    .map((node, i) => ({ node, lead: '', last: i === 0 }))
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    lines.push(`${next.lead}${next.last ? '└─ ' : '├─ '}${next.node.text}`)
    const lead = `${next.lead}${next.last ? '   ' : '│  '}`
    const below = [...(children.get(next.node.id) ?? [])].reverse()
    waiting.push(...below.map((node, i) => ({ node, lead, last: i === 0 })))
  }
  return lines.join('\n')
}

/** A cell for people. A text that could be taken for NULL, for nothing or for bytes stands in quotes, as SQL writes it. */
function shown(cell: Cell): string {
  if (cell === null) return 'NULL'
  if (typeof cell === 'string')
    return /^(?:|null|x?'.*)$/is.test(cell) ? `'${oneLine(cell).replaceAll("'", "''")}'` : oneLine(cell)
  if (!(cell instanceof Uint8Array)) return numeral(cell)
  const bytes = hex(cell.subarray(0, BLOB_BYTES_SHOWN))
  return cell.length <= BLOB_BYTES_SHOWN ? `x'${bytes}'` : `x'${bytes}…' (${cell.length} bytes)`
}

/** A table of Markdown. */
export function markdownText(columns: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const cell = (value: Cell) =>
    value === null ? '*NULL*' : typeof value === 'string' ? inMarkdown(value) : shown(value)
  return [
    line(columns.map(inMarkdown)),
    `|${columns.map((_, i) => (holdsNumbers(rows, i) ? '--:' : '---')).join('|')}|`,
    ...rows.map((row) => line(row.map(cell))),
  ].join('\n')
}

/** What Markdown would take for a mark is a plain character; an underline inside of a word is one anyway. */
function inMarkdown(text: string): string {
  return text
    .replace(/[\\`*<>[\]|~&#]|(?<!\w)_|_(?!\w)/g, '\\$&')
    .replaceAll('\r', '')
    .replaceAll('\n', '<br>')
    .replaceAll('\t', ' ')
}

async function printParquet({ columns, rows }: SqlResult, { limit }: Printing): Promise<Printed> {
  const { ParquetRows } = await import('./parquet-rows.js')
  const waiting = new ParquetRows(distinct(columns))
  try {
    const printed = await handOver(rows, limit, (row) => waiting.add(row))
    for (const piece of waiting.bytes(plain)) await writeAll(piece)
    return printed
  } finally {
    waiting.close()
  }
}

interface Parts {
  readonly head: (columns: readonly string[]) => string
  readonly row: (row: readonly Cell[], index: number, keys: readonly string[]) => string
  readonly tail: (count: number) => string
}

/** Prints row by row, no faster than they are taken. */
async function printEach({ columns, rows }: SqlResult, { limit }: Printing, parts: Parts): Promise<Printed> {
  const keys = distinct(columns)
  let text = parts.head(columns)
  const printed = await handOver(rows, limit, (row, index) => {
    text += parts.row(row, index, keys)
    if (text.length <= 65_536) return
    const full = text
    text = ''
    return write(full)
  })
  await write(text + parts.tail(printed.rows))
  return printed
}

/** As it is: programs read this. On a terminal what could steer it is made visible. */
async function write(text: string): Promise<void> {
  await writeAll(process.stdout.isTTY === true ? visible(text.replaceAll('\r\n', '\n')) : text)
}

async function writeAll(part: string | Uint8Array): Promise<void> {
  if (!process.stdout.write(part)) await once(process.stdout, 'drain')
}

/** RFC 4180. A null is an empty field, and an empty text a quoted one. A field has no type, so 2.0 is written 2, as it was before. */
function csv(exact: boolean): Parts {
  const text = exact ? (cell: string) => cell : noFormula
  return {
    head: (columns) => csvLine(columns.map((name) => text(name))),
    row: (row) =>
      csvLine(
        row.map((cell) =>
          typeof cell === 'string' ? text(cell) : (plain(cell)?.replace(/\.0$/, '') ?? null),
        ),
      ),
    tail: () => '',
  }
}

/**
 * As PostgreSQL's COPY reads it: a null is \N; tabs, line ends and backslashes in a text are escaped. A spreadsheet takes quotes at the
 * start of a text for its own.
 */
function tsv(exact: boolean): Parts {
  const text = (cell: string) =>
    (exact ? cell : noFormula(cell, true))
      .replaceAll('\\', '\\\\')
      .replaceAll('\t', '\\t')
      .replaceAll('\n', '\\n')
      .replaceAll('\r', '\\r')
  const line = (cells: readonly string[]) => `${cells.join('\t')}\n`
  return {
    head: (columns) => line(columns.map(text)),
    row: (row) => line(row.map((cell) => (typeof cell === 'string' ? text(cell) : (plain(cell) ?? '\\N')))),
    tail: () => '',
  }
}

const fields = (row: readonly Cell[], keys: readonly string[]) =>
  `{${row.map((cell, at) => `${jsonText(keys[at] ?? '')}: ${jsonCell(cell)}`).join(', ')}}`

const json: Parts = {
  head: () => '[',
  row: (row, i, keys) => `${i === 0 ? '\n' : ',\n'}  ${fields(row, keys)}`,
  tail: (count) => (count === 0 ? ']\n' : '\n]\n'),
}

const ndjson: Parts = {
  head: () => '',
  row: (row, _, keys) => `${fields(row, keys)}\n`,
  tail: () => '',
}

/** What JSON has no form for is an object, so that it is not taken for a text. */
function jsonCell(cell: Cell): string {
  if (cell === null) return 'null'
  if (typeof cell === 'string') return jsonText(cell)
  if (cell instanceof Uint8Array) return `{"$blob": "${hex(cell)}"}`
  return typeof cell === 'bigint' || Number.isFinite(cell) ? numeral(cell) : `{"$number": "${cell}"}`
}

function plain(cell: Exclude<Cell, string>): string | null {
  if (cell === null) return null
  return cell instanceof Uint8Array ? hex(cell) : numeral(cell)
}

/** A REAL keeps its point: 1.0 is no INTEGER. */
function numeral(value: number | bigint): string {
  if (Object.is(value, -0)) return '-0.0'
  const text = String(value)
  return typeof value === 'number' && /^-?\d+$/.test(text) ? `${text}.0` : text
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
