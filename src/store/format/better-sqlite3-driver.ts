/** The driver that is used where nothing else is asked for: better-sqlite3, a compiled module with its own SQLite. */
import fs from 'node:fs'
import type Database from 'better-sqlite3'
import type { Connection, Driver, OpenOptions } from './connection.js'

/** Bytes 18 and 19 of a file say how it is to be written and read: 1 with a rollback journal, 2 with a write-ahead log. */
const WRITE_VERSION_AT = 18
const READ_VERSION_AT = 19

/** Throws what loading the compiled part throws: a constructor that loads is not enough, so one database is opened and asked. */
export function betterSqlite3(Sqlite: typeof Database): Driver {
  const first = new Sqlite(':memory:')
  first.prepare('SELECT 1').get()
  first.close()
  return {
    name: 'better-sqlite3',
    update: 'update better-sqlite3',
    open: (path: string, { readonly, timeoutMs }: OpenOptions): Connection =>
      new Sqlite(path, { readonly, timeout: timeoutMs }),
    openUnchanging: (path: string): Connection => {
      // It knows no URI file names, so `immutable` cannot be said: the file is read into memory, where no log can be.
      const bytes = fs.readFileSync(path)
      if (bytes.length > READ_VERSION_AT) bytes[WRITE_VERSION_AT] = bytes[READ_VERSION_AT] = 1
      return new Sqlite(bytes, { readonly: true })
    },
  }
}
