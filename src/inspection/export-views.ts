/** The views of a tape as files that other programs read: one Parquet or CSV file a view. */
import fs from 'node:fs'
import path from 'node:path'
import { csvLine } from '../formats/csv-text.js'
import { type ParquetColumn, ParquetFile, type ParquetType } from '../formats/parquet.js'
import { noSuchView, viewDocs } from '../queries/schema.js'
import type { Views } from '../queries/views.js'
import { wholeFile } from './whole-file.js'

interface ExportOptions {
  readonly format: 'parquet' | 'csv'
  /** Of this run alone, in the views that have one. */
  readonly run?: number | undefined
  /** Which views; by default all but `variable` and `edge`, whose rows stand in leaf, output, call_input and call_output. */
  readonly views?: readonly string[] | undefined
  /** Told how many rows of a view are written. */
  readonly onProgress?: ((view: string, rows: number) => void) | undefined
}

interface ExportedView {
  readonly view: string
  readonly file: string
  readonly rows: number
}

/** Their rows stand in other views. */
const UNITED = new Set(['variable', 'edge'])
/** Views where the bytes of arrays are; others name a value there by `value_id`. */
const WITH_BYTES = new Set(['leaf', 'value', 'chunk'])
const GROUP_ROWS = 50_000
const GROUP_BYTES = 64 * 2 ** 20
const CSV_CHARS = 2 ** 20

const TYPES: Readonly<Record<string, ParquetType>> = {
  INTEGER: 'INT64',
  INT: 'INT64', // what SQLite calls the type of an expression
  REAL: 'DOUBLE',
}

/**
 * Writes the views into a folder, which is made; a file that is there is replaced when the new one is whole.
 *
 * Throws  VIEW_NOT_FOUND; WRITE_FAILED; TAPE_CORRUPT
 */
export function exportViews(views: Views, folder: string, options: ExportOptions): ExportedView[] {
  const names = viewDocs(views).map(({ name }) => name)
  const wanted = new Set(options.views ?? names.filter((name) => !UNITED.has(name)))
  for (const name of wanted) if (!names.includes(name)) throw noSuchView(name, names)
  return [...wanted].map((view) => {
    const file = path.join(folder, `${view}.${options.format}`)
    const rows = wholeFile(file, (unfinished) => writeView(views, view, unfinished, options))
    return { view, file, rows }
  })
}

function writeView(views: Views, view: string, file: string, options: ExportOptions): number {
  const columns = views
    .all<{ name: string; type: string }>('SELECT name, type FROM pragma_table_info(?) ORDER BY cid', view)
    .filter(({ name }) => name !== 'bytes' || WITH_BYTES.has(view))
    // SQLite calls a column BLOB that may hold anything.
    .map(({ name, type }) => ({ name, type: name === 'bytes' ? 'BYTE_ARRAY' : (TYPES[type] ?? 'STRING') }))
  const ofRun = options.run !== undefined && columns.some(({ name }) => name === 'run_id')
  const isRun = options.run !== undefined && view === 'run'
  const sink = options.format === 'parquet' ? parquetSink(file, columns) : csvSink(file, columns)
  let count = 0
  views.eachOf(
    view,
    columns.map(({ name }) => name),
    ofRun ? { run_id: options.run } : isRun ? { id: options.run } : {},
    (row) => {
      sink.add(row)
      if (++count % 10_000 === 0) options.onProgress?.(view, count)
    },
  )
  sink.finish()
  return count
}

interface Sink {
  add(row: readonly unknown[]): void
  finish(): void
}

function parquetSink(path: string, columns: readonly ParquetColumn[]): Sink {
  const file = new ParquetFile(path, columns)
  let values = columns.map((): unknown[] => [])
  let rows = 0
  let bytes = 0
  const flush = () => {
    file.add(values)
    values = columns.map(() => [])
    rows = 0
    bytes = 0
  }
  const convert = columns.map(({ type }) => CONVERSIONS[type])
  return {
    add(row) {
      for (let i = 0; i < columns.length; i++) {
        const cell = row[i]
        values[i]?.push(cell === null ? null : convert[i]?.(cell))
        if (cell instanceof Uint8Array) bytes += cell.length
      }
      if (++rows >= GROUP_ROWS || bytes >= GROUP_BYTES) flush()
    },
    finish() {
      if (rows > 0) flush()
      file.finish()
    },
  }
}

/** What a column's type makes of a cell; a view's columns hold what their type says, and `run_config.value` anything. */
const CONVERSIONS: Readonly<Record<ParquetType, (cell: unknown) => unknown>> = {
  INT64: (cell) => BigInt(cell as number),
  DOUBLE: Number,
  STRING: String,
  BYTE_ARRAY: (cell) => cell,
}

function csvSink(path: string, columns: readonly ParquetColumn[]): Sink {
  let text = csvLine(columns.map(({ name }) => name))
  const flush = () => {
    fs.appendFileSync(path, text)
    text = ''
  }
  return {
    add(row) {
      text += csvLine(row.map((cell) => field(cell)))
      if (text.length > CSV_CHARS) flush()
    },
    finish: flush,
  }
}

function field(cell: unknown): string | null {
  if (cell === null) return null
  if (cell instanceof Uint8Array)
    return Buffer.from(cell.buffer, cell.byteOffset, cell.byteLength).toString('hex')
  return Object.is(cell, -0) ? '-0.0' : String(cell)
}
