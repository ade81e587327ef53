/** Looks at a tape's private tables as they are, so that these tests hold for any schema. */
import type { Connection } from '../../src/store/format/connection.js'

export interface Column {
  name: string
  /** Whether it is part of the primary key. */
  key: boolean
}

/** The private tables, by name. */
export function privateTables(db: Connection): string[] {
  return db
    .prepare(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE '\\_%' ESCAPE '\\' ORDER BY name",
    )
    .pluck()
    .all() as string[]
}

/** The columns of a table that can be written. */
export function columns(db: Connection, table: string): Column[] {
  const rows = db.pragma(`table_xinfo(${table})`) as { name: string; pk: number; hidden: number }[]
  return rows.filter((row) => row.hidden === 0).map((row) => ({ name: row.name, key: row.pk > 0 }))
}

export type Row = Record<string, unknown>

export function rowsOf(db: Connection, table: string): Row[] {
  const keys = columns(db, table).filter((column) => column.key)
  const order = keys.length === 0 ? 'rowid' : keys.map((column) => column.name).join(', ')
  const written = columns(db, table)
    .map((column) => column.name)
    .join(', ')
  return db.prepare(`SELECT ${written} FROM ${table} ORDER BY ${order}`).safeIntegers().all() as Row[]
}

/** All rows of all private tables. */
export function contentOf(db: Connection): Record<string, Row[]> {
  return Object.fromEntries(privateTables(db).map((table) => [table, rowsOf(db, table)]))
}

/** `column = ?` for each key column, and the values that go with it. */
export function whereRow(db: Connection, table: string, row: Row): { sql: string; values: unknown[] } {
  const keys = columns(db, table).filter((column) => column.key)
  return {
    sql: keys.map((column) => `${column.name} IS ?`).join(' AND '),
    values: keys.map((column) => row[column.name]),
  }
}

/**
 * Runs `edit` with all triggers gone and puts them back just as they were: what a careful forger would do. In one transaction, because
 * each of the statements would otherwise wait for the disk.
 */
export function withoutTriggers(db: Connection, edit: () => void): void {
  const triggers = db.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").all() as {
    name: string
    sql: string
  }[]
  db.transaction(() => {
    for (const { name } of triggers) db.exec(`DROP TRIGGER ${name}`)
    edit()
    for (const { sql } of triggers) db.exec(sql)
  })()
}
