/** Further tapes beside the one that a connection has, for reading: `other.run` is the view `run` of the tape attached as other. */
import { TapeError } from '../errors.js'
import type { Connection } from '../store/format/connection.js'
import { openDatabase } from '../store/format/database.js'

/** Names that SQLite takes for its own. */
const TAKEN = new Set(['main', 'temp'])
/** SQLite's own limit. */
const ATTACHED_MAX = 10

/**
 * Attaches tapes, each checked as any tape that is opened; from then on the connection reads all of them as of one moment.
 *
 * Throws  BAD_ARGUMENT for a name, what opening a tape throws, TAPE_BUSY when one is migrated at this moment
 */
export function attachTapes(db: Connection, tapes: readonly { name: string; path: string }[]): void {
  if (tapes.length > ATTACHED_MAX)
    throw new TapeError('BAD_ARGUMENT', `expected at most ${ATTACHED_MAX} further tapes, got ${tapes.length}`)
  const names = new Set<string>()
  for (const { name } of tapes) {
    const key = name.toLowerCase()
    if (!/^[a-z_]\w*$/.test(key) || TAKEN.has(key))
      throw new TapeError(
        'BAD_ARGUMENT',
        `expected a name of letters, digits and _ for a further tape, and neither main nor temp; got "${name}"`,
      )
    if (names.has(key))
      throw new TapeError('BAD_ARGUMENT', `two tapes are attached as "${name}"; give each its own name`)
    names.add(key)
  }
  const checked = tapes.map(({ name, path }) => attach(db, name, path))
  if (checked.length === 0) return
  db.exec('BEGIN')
  for (const { name, path, schema } of checked) {
    // What was checked was seen by another connection: it is the same as of now, or it is not read.
    if (schemaOf(db, name) !== schema)
      throw new TapeError('TAPE_BUSY', `${path} was changed while it was opened; try again`)
  }
}

function attach(db: Connection, name: string, path: string) {
  const own = openDatabase(path, { readonly: true })
  try {
    const schema = schemaOf(own, 'main')
    // A connection that only reads attaches for reading only.
    db.prepare(`ATTACH ? AS "${name}"`).run(path)
    schemaOf(db, name) // a tape in WAL mode is attached anywhere, and refused when it is first read
    return { name, path, schema }
  } catch (error) {
    const { code } = error as { code?: unknown }
    if (typeof code !== 'string' || !/^SQLITE_(CANTOPEN|READONLY)/.test(code)) throw error
    throw new TapeError(
      'TAPE_READONLY',
      `${path} cannot be read beside another tape: it is in WAL mode, in a folder that cannot be written to; copy it with \`gradtape copy\``,
      { cause: error },
    )
  } finally {
    own.close()
  }
}

function schemaOf(db: Connection, name: string): string {
  const rows = db.prepare(
    `SELECT type, name, tbl_name, rootpage, sql FROM "${name}".sqlite_schema ORDER BY rowid`,
  )
  const identity = ['application_id', 'user_version'].map((pragma) =>
    db.pragma(`"${name}".${pragma}`, { simple: true }),
  )
  return JSON.stringify([identity, rows.raw().all()])
}
