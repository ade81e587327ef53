/**
 * Numbered migrations, applied in order, each in a transaction and noted with the checksum of its text, so that a tape
 * says by which words its schema came about.
 */
import type { Connection } from './connection.js'
import { countNaN } from './count-nan.js'
import { MIGRATION_TEXTS } from './migration-texts.js'
import { moveGradients } from './move-gradients.js'
import { schemaAtOnce } from './schema-at-once.js'

export interface Migration {
  version: number
  name: string
  readonly sql: string
  readonly checksum: string
}

/** What a migration does besides its SQL, after it, in the same transaction. */
const BESIDES: Readonly<Record<number, (db: Connection) => void>> = { 3: moveGradients, 5: countNaN }

/** The migrations this gradtape brings, in order. */
export const MIGRATIONS: readonly Migration[] = MIGRATION_TEXTS.map(({ file, checksum, text }) => ({
  version: Number(file.slice(0, 4)),
  name: file.slice(5, -4),
  checksum,
  // 460 kB in all, and most processes never ask: packed they are deflated.
  get sql() {
    return text()
  },
}))

export const SCHEMA_VERSION = MIGRATIONS.at(-1)?.version ?? 0

const CREATE_LEDGER = `CREATE TABLE IF NOT EXISTS _migration (
  version INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  checksum TEXT NOT NULL,
  applied_at TEXT NOT NULL
) STRICT;
CREATE TRIGGER IF NOT EXISTS _migration_no_update BEFORE UPDATE ON _migration BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER IF NOT EXISTS _migration_no_delete BEFORE DELETE ON _migration BEGIN SELECT raise(ABORT, 'a tape is append-only'); END;
CREATE TRIGGER IF NOT EXISTS _migration_no_replace BEFORE INSERT ON _migration
  WHEN EXISTS (SELECT 1 FROM _migration WHERE version = NEW.version) BEGIN SELECT raise(ABORT, 'a tape is append-only'); END`

/**
 * Brings the database to the newest schema, or to an older one when said. Several processes may try at once: one does it, the others see it
 * done. What is empty gets the newest schema at once, which is the same and takes a third of the time; the list names all migrations.
 *
 * oneByOne  whether to run them all the same
 */
export function migrate(
  db: Connection,
  applicationId: number,
  to: number = SCHEMA_VERSION,
  oneByOne = false,
): void {
  db.transaction(() => {
    const from = db.pragma('user_version', { simple: true }) as number
    const { n: objects } = db.prepare<[], { n: number }>('SELECT count(*) AS n FROM sqlite_schema').get()!
    const isAtOnce = from === 0 && objects === 0 && to === SCHEMA_VERSION && !oneByOne
    db.exec(CREATE_LEDGER)
    if (isAtOnce) db.exec(schemaAtOnce())
    const note = db.prepare(
      'INSERT INTO _migration (version, name, checksum, applied_at) VALUES (?, ?, ?, ?)',
    )
    for (const migration of MIGRATIONS) {
      if (migration.version <= from || migration.version > to) continue
      if (!isAtOnce) {
        db.exec(migration.sql)
        BESIDES[migration.version]?.(db)
      }
      note.run(migration.version, migration.name, migration.checksum, new Date().toISOString())
    }
    if (from < to) db.pragma(`user_version = ${to}`)
    db.pragma(`application_id = ${applicationId}`)
  }).immediate()
}
