/**
 * The views of a tape and what their columns mean, read from the file: SQLite keeps the text of CREATE VIEW with its
 * comments, so a tape documents itself.
 */
import { TapeError } from '../errors.js'
import { nearest } from '../nearest.js'
import type { Views } from './views.js'

interface ColumnDoc {
  name: string
  /** Empty when the text of the view has no comment for it. */
  doc: string
}

export interface ViewDoc {
  name: string
  doc: string
  columns: ColumnDoc[]
  /** The CREATE VIEW statement. */
  sql: string
}

/** What one asks first; a migration that makes a view anew puts it behind the others. */
const FIRST = ['tape', 'run', 'run_config', 'step', 'step_summary', 'epoch', 'tag', 'label']

/** The public views: those first, then the others in the order in which the migrations made them. */
export function viewDocs(views: Views): ViewDoc[] {
  return views
    .all<{ name: string; sql: string }>(
      "SELECT name, sql FROM sqlite_schema WHERE type = 'view' AND name NOT LIKE '\\_%' ESCAPE '\\' ORDER BY rowid",
    )
    .sort((a, b) => place(a.name) - place(b.name))
    .map(({ name, sql }) => {
      const { doc, columns } = commentsOf(sql)
      // The columns are those SQLite sees; the text only says what they mean.
      const names = views.all<{ name: string }>('SELECT name FROM pragma_table_info(?) ORDER BY cid', name)
      return {
        name,
        doc,
        columns: names.map((column) => ({ name: column.name, doc: columns.get(column.name) ?? '' })),
        sql,
      }
    })
}

function place(view: string): number {
  const at = FIRST.indexOf(view)
  return at < 0 ? FIRST.length : at
}

/** One view. Throws VIEW_NOT_FOUND with the nearest name. */
export function viewDoc(views: Views, name: string): ViewDoc {
  const docs = viewDocs(views)
  const found = docs.find((view) => view.name === name)
  if (found !== undefined) return found
  throw noSuchView(
    name,
    docs.map((view) => view.name),
  )
}

/** VIEW_NOT_FOUND, with the nearest of the names there are. */
export function noSuchView(name: string, names: readonly string[]): TapeError {
  const near = nearest(name, names)
  return new TapeError(
    'VIEW_NOT_FOUND',
    `the tape has no view "${name}"${near === null ? '.' : `; did you mean "${near}"?`} Its views are ${names.join(', ')}`,
  )
}

/**
 * The comments in a CREATE VIEW: of the view on its first line, of a column on the line that ends with its name.
 *
 *     CREATE VIEW name AS -- doc
 *     SELECT
 *       expression AS column, -- doc
 */
export function commentsOf(sql: string): { doc: string; columns: Map<string, string> } {
  const [head = '', ...lines] = sql.split('\n')
  const columns = new Map<string, string>()
  for (const line of lines) {
    if (/^FROM\b/.test(line)) break // later SELECTs of a UNION name no columns
    const found = /\bAS (\w+),?\s+--\s*(.*?)\s*$/.exec(line)
    if (found !== null) columns.set(found[1] ?? '', found[2] ?? '')
  }
  return { doc: /--\s*(.*?)\s*$/.exec(head)?.[1] ?? '', columns }
}
