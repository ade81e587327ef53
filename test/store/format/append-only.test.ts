// From a connection that knows nothing of gradtape, with SQLite's defaults: nothing on a tape can be changed.
import { describe, expect, test } from 'vitest'
import { newTapePath, openForTest, plainConnection } from '../../tape/temporary-tape.js'
import { richTape } from '../rich-run.js'
import { columns, contentOf, privateTables, type Row, rowsOf, whereRow } from '../schema.js'

describe('a tape is append-only', () => {
  test('no row of any private table can be updated, deleted, replaced or inserted again', async () => {
    const db = plainConnection(await richTape(12))
    expect(db.pragma('recursive_triggers', { simple: true })).toBe(0)
    const before = contentOf(db)
    const got: string[] = []
    const attempt = (what: string, sql: string, ...values: unknown[]) => {
      try {
        const { changes } = db.prepare(sql).run(...values)
        if (changes > 0) got.push(what)
      } catch (error) {
        expect((error as { code: string }).code, what).toMatch(/^SQLITE_(CONSTRAINT|ERROR)/)
      }
    }
    for (const table of privateTables(db)) {
      const rows = rowsOf(db, table)
      const names = columns(db, table).map((column) => column.name)
      for (const row of new Set([rows[0], rows.at(-1)])) {
        if (row === undefined) continue
        const { sql: where, values: key } = whereRow(db, table, row)
        const cells = names.map((name) => row[name])
        const places = names.map(() => '?').join(', ')
        attempt(`DELETE ${table}`, `DELETE FROM ${table} WHERE ${where}`, ...key)
        for (const name of names) {
          attempt(`UPDATE ${table}.${name}`, `UPDATE ${table} SET ${name} = ${name} WHERE ${where}`, ...key)
          attempt(
            `UPDATE OR REPLACE ${table}.${name}`,
            `UPDATE OR REPLACE ${table} SET ${name} = ? WHERE ${where}`,
            row[name],
            ...key,
          )
        }
        for (const verb of ['INSERT', 'INSERT OR REPLACE', 'REPLACE', 'INSERT OR IGNORE']) {
          attempt(
            `${verb} ${table}`,
            `${verb} INTO ${table} (${names.join(', ')}) VALUES (${places})`,
            ...cells,
          )
        }
        attempt(
          `UPSERT ${table}`,
          `INSERT INTO ${table} (${names.join(', ')}) VALUES (${places}) ON CONFLICT DO UPDATE SET ${names[0]} = excluded.${names[0]}`,
          ...cells,
        )
      }
    }
    expect(got).toEqual([])
    expect(contentOf(db)).toEqual(before)
  })

  test('a new row that takes the place of an old one by another unique column is refused', async () => {
    const db = plainConnection(await richTape(12))
    const before = contentOf(db)
    for (const table of privateTables(db)) {
      const [row] = rowsOf(db, table)
      if (row === undefined) continue
      const written = columns(db, table)
      const integerKeys = written.filter((column) => column.key && typeof row[column.name] === 'bigint')
      if (integerKeys.length === 0) continue
      const cells = written.map((column) =>
        column.name === integerKeys.at(-1)!.name
          ? (row[column.name] as bigint) + 1_000_000n
          : row[column.name],
      )
      db.exec('SAVEPOINT attempt')
      try {
        db.prepare(
          `INSERT OR REPLACE INTO ${table} (${written.map((column) => column.name).join(', ')}) VALUES (${cells.map(() => '?').join(', ')})`,
        ).run(...cells)
      } catch (error) {
        expect((error as { code: string }).code, table).toMatch(/^SQLITE_CONSTRAINT/)
      }
      const now = new Set(rowsOf(db, table).map(asText))
      expect(
        before[table]!.filter((old) => !now.has(asText(old))),
        table,
      ).toEqual([])
      db.exec('ROLLBACK TO attempt')
    }
  })

  test('the program that makes these rows leaves no private table empty, so that all of them were tried', async () => {
    const db = plainConnection(await richTape(12))
    expect(privateTables(db).filter((table) => rowsOf(db, table).length === 0)).toEqual([])
  })

  test('the views cannot be written to', async () => {
    const db = plainConnection(await richTape())
    const views = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'view'").pluck().all() as string[]
    expect(views.length).toBeGreaterThan(8)
    for (const view of views) expect(() => db.prepare(`DELETE FROM ${view}`).run()).toThrow(/cannot modify/)
  })

  test('and still records after all that', async () => {
    const file = newTapePath()
    await richTape(3, {}, file)
    await richTape(3, {}, file)
    const tape = openForTest(file, { readonly: true })
    expect(tape.runs().map((run) => run.status)).toEqual(['finished', 'finished'])
    expect(tape.verify()).toMatchObject({ intact: true, problem: null })
  })
})

function asText(row: Row): string {
  return JSON.stringify(
    Object.values(row).map((cell) =>
      Buffer.isBuffer(cell) ? cell.toString('hex') : `${typeof cell} ${String(cell)}`,
    ),
  )
}
