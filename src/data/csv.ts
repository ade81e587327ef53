/**
 * Tables of text with typed columns. Knows quoted fields, as spreadsheets write them, and files packed by gzip.
 *
 * Source   RFC 4180; a byte order mark and lines that end in LF alone pass too.
 */
import { type DType, isDType } from '../array/dtype.js'
import { ndarray } from '../array/make-array.js'
import type { NDArray } from '../array/ndarray.js'
import { TapeError, valueText } from '../errors.js'
import { flagOf, refuse } from '../functions/attributes.js'
import { checkOptions } from '../options.js'
import { bytesOfFile } from './file-bytes.js'

/** What a column of a CSV file is read as: numbers of a dtype, or strings. */
export type ColumnType = DType | 'string'

export interface CsvOptions<C extends Readonly<Record<string, ColumnType>>> {
  /** The columns to read, by name, with their types; without a header the names go from left to right. */
  columns: C
  /** Whether the first line names the columns; then others may stand between, in any order. Default true. */
  header?: boolean | undefined
  /** What stands between fields. Default a comma. */
  delimiter?: string | undefined
}

/** A column as its type says: strings as a list, all others as an array [rows]. */
export type Columns<C extends Readonly<Record<string, ColumnType>>> = {
  -readonly [K in keyof C]: C[K] extends 'string' ? string[] : NDArray
}

/**
 * Reads the columns that are asked for: `csv('iris.csv', { columns: { width: 'float64', species: 'string' } })`.
 *
 * source   a path or URL of a file; a string with a line break is the text itself
 * bool     true, false, 1 and 0, in any case; an empty field is NaN in a floating column and refused in others
 * Throws   FILE_NOT_FOUND; BAD_FILE for a column that is missing, a line with more or fewer fields, or a quote left open;
 *          BAD_VALUE names the line and column of a field that is not of its type
 */
export function csv<const C extends Readonly<Record<string, ColumnType>>>(
  source: string | URL,
  options: CsvOptions<C>,
): Columns<C> {
  checkOptions(options, ['columns', 'header', 'delimiter'], 'csv')
  const { columns, delimiter = ',' } = options
  const types = checkedColumns(columns)
  if (typeof delimiter !== 'string' || delimiter.length !== 1 || '"\r\n'.includes(delimiter)) {
    refuse(`csv expected delimiter to be one character, got ${valueText(delimiter)}`)
  }
  const lines = linesOf(textOf(source), delimiter)
  const header = flagOf(options.header, true, 'header', 'csv') ? lines.shift() : undefined
  const names = header?.fields ?? types.map(([name]) => name)
  const places = types.map(([name]) => placeOf(name, names))
  for (const { fields, number } of lines) {
    if (fields.length !== names.length) {
      throw new TapeError(
        'BAD_FILE',
        `csv expected ${names.length} fields in line ${number}, got ${fields.length}`,
      )
    }
  }
  const made = types.map(([name, type], i) => {
    const at = places[i]!
    if (type === 'string') return [name, lines.map(({ fields }) => fields[at]!)] as const
    const values = lines.map(({ fields, number }) => numberIn(fields[at]!, type, name, number))
    return [name, ndarray(values, { dtype: type, shape: [values.length] })] as const
  })
  return Object.fromEntries(made) as Columns<C>
}

function checkedColumns(columns: unknown): [string, ColumnType][] {
  if (typeof columns !== 'object' || columns === null || Object.keys(columns).length === 0) {
    refuse(
      `csv expected columns with their types, { columns: { width: 'float64' } }, got ${valueText(columns)}`,
    )
  }
  const entries = Object.entries(columns as Record<string, unknown>)
  for (const [name, type] of entries) {
    if (type === 'string' || isDType(type)) continue
    throw new TapeError(
      'BAD_DTYPE',
      `csv expected column "${name}" to be a dtype or 'string', got ${valueText(type)}`,
    )
  }
  return entries as [string, ColumnType][]
}

function textOf(source: string | URL): string {
  if (typeof source !== 'string' && !(source instanceof URL))
    refuse(`csv expected a path or a text, got ${valueText(source)}`)
  if (typeof source === 'string' && /[\r\n]/.test(source)) return source.replace(/^\uFEFF/, '')
  return new TextDecoder().decode(bytesOfFile(source, 'csv')) // takes the byte order mark away
}

function placeOf(name: string, names: readonly string[]): number {
  const at = names.indexOf(name)
  if (at < 0)
    throw new TapeError(
      'BAD_FILE',
      `csv expected a column "${name}", got ${names.map((one) => `"${one}"`).join(', ')}`,
    )
  if (names.includes(name, at + 1))
    throw new TapeError('BAD_FILE', `csv expected one column "${name}", got more than one of that name`)
  return at
}

interface Line {
  readonly fields: string[]
  /** The line of the text where it begins, from 1. */
  readonly number: number
}

/** Splits at line breaks and delimiters outside quotes; empty lines are passed over. */
function linesOf(text: string, delimiter: string): Line[] {
  const lines: Line[] = []
  let fields: string[] = []
  let begin = 1
  let line = 1
  let at = 0
  while (at < text.length) {
    let field: string
    if (text[at] === '"') {
      const end = quoteEnd(text, at, line)
      field = text.slice(at + 1, end).replaceAll('""', '"')
      line += field.split('\n').length - 1
      at = end + 1
      const next = text[at]
      if (next !== undefined && next !== delimiter && next !== '\n' && next !== '\r') {
        throw new TapeError(
          'BAD_FILE',
          `csv expected a delimiter after the quoted field in line ${line}, got ${valueText(next)}`,
        )
      }
    } else {
      const start = at
      while (at < text.length && text[at] !== delimiter && text[at] !== '\n' && text[at] !== '\r') at++
      field = text.slice(start, at)
    }
    fields.push(field)
    if (text[at] === delimiter) {
      at++
      if (at < text.length && text[at] !== '\n' && text[at] !== '\r') continue
      fields.push('') // the line ends after a delimiter
    }
    if (text[at] === '\r' && text[at + 1] === '\n') at++
    at++
    if (fields.length > 1 || fields[0] !== '') lines.push({ fields, number: begin })
    fields = []
    begin = ++line
  }
  return lines
}

function quoteEnd(text: string, start: number, line: number): number {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 2)) {
    if (text[at + 1] !== '"') return at
  }
  throw new TapeError('BAD_FILE', `csv expected a closing quote for the field in line ${line}, found none`)
}

function numberIn(field: string, type: DType, column: string, line: number): number {
  const text = field.trim()
  const floating = type === 'float64' || type === 'float32'
  if (type === 'bool') {
    if (/^(true|1)$/i.test(text)) return 1
    if (/^(false|0)$/i.test(text)) return 0
  } else if (text === '') {
    if (floating) return Number.NaN
  } else if (floating && /^nan$/i.test(text)) {
    return Number.NaN
  } else if (floating && /^[+-]?inf(inity)?$/i.test(text)) {
    return text.startsWith('-') ? -Infinity : Infinity
  } else if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) {
    const value = Number(text)
    if (floating || fits(value, type)) return value
  }
  throw new TapeError(
    'BAD_VALUE',
    `csv expected ${type} in line ${line}, column "${column}", got ${valueText(field)}`,
  )
}

function fits(value: number, type: DType): boolean {
  return Number.isInteger(value) && (type === 'uint8' ? value >= 0 && value <= 255 : value === (value | 0))
}
