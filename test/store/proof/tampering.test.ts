// Whatever is changed in a tape after it was written, verify() finds it and says where; it never throws.
import fs from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { TapeError } from '../../../src/errors.js'
import type { Connection } from '../../../src/store/format/connection.js'
import type { VerifyReport } from '../../../src/store/proof/verify.js'
import { openTape } from '../../../src/tape/open-tape.js'
import { plainDatabase } from '../../plain-database.js'
import { newTapePath, openForTest, plainConnection } from '../../tape/temporary-tape.js'
import { richTape } from '../rich-run.js'
import { columns, contentOf, privateTables, type Row, rowsOf, whereRow, withoutTriggers } from '../schema.js'

/** Small batches, so that the chain has many links. */
const BATCH = { eventsMax: 20, bytesMax: 2 ** 25, ageMaxMs: 1e6 }

/** Recorded once; each test spoils a copy. */
let recorded: Buffer | null = null
let file: string
beforeEach(async () => {
  file = newTapePath()
  if (recorded === null) {
    await richTape(3, { batch: BATCH }, file)
    await richTape(3, { batch: BATCH }, file)
    expect(verify(file)).toMatchObject({ intact: true, problem: null })
    recorded = fs.readFileSync(file)
  } else fs.writeFileSync(file, recorded)
})

function verify(path: string): VerifyReport {
  const tape = openTape(path, { readonly: true })
  try {
    return tape.verify()
  } finally {
    tape.close()
  }
}

/** Values near `cell` that are not it. */
function others(cell: unknown): unknown[] {
  if (cell === null) return [1, 'x']
  if (typeof cell === 'bigint') return [cell + 1n, cell - 1n]
  if (typeof cell === 'number') return [cell === 0 ? 1 : cell * 2, cell === 0 ? -1 : -cell]
  if (typeof cell === 'string')
    return [`${cell} `, cell.replace(/[0-9a-z]/, (c) => (c === '1' ? '2' : '1'))].filter(
      (other) => other !== cell,
    )
  const flipped = Buffer.from(cell as Buffer)
  if (flipped.length > 0) flipped[flipped.length - 1]! ^= 1
  return [flipped]
}

describe('verify() finds', () => {
  test('every changed cell of every private table', { timeout: 300_000 }, () => {
    const db = plainConnection(file)
    const unseen: string[] = []
    const vague: string[] = []
    let tried = 0
    for (const table of privateTables(db)) {
      const rows = rowsOf(db, table)
      for (const row of new Set([rows[0]!, rows[rows.length >> 1]!])) {
        for (const { name } of columns(db, table)) {
          if (table === '_migration' && name === 'applied_at') continue // when a schema was brought up to date is no part of any run
          // Of the second row one other value each: mutation.test.ts draws many more.
          for (const other of others(row[name]).slice(0, row === rows[0] ? 2 : 1)) {
            const put = (value: unknown, at: Row) => {
              const { sql, values } = whereRow(db, table, at)
              withoutTriggers(db, () =>
                db.prepare(`UPDATE ${table} SET ${name} = ? WHERE ${sql}`).run(value, ...values),
              )
            }
            try {
              put(other, row)
            } catch (error) {
              expect((error as { code: string }).code).toMatch(/^SQLITE_(CONSTRAINT|ERROR)/)
              continue // a CHECK, NOT NULL or STRICT column says no by itself
            }
            tried++
            const report = verify(file)
            const what = `${table}.${name} from ${String(row[name])} to ${String(other)}`
            if (report.intact) unseen.push(what)
            else if (!/^TAPE_CORRUPT: .*(\d|_power_of_two)/.test(report.problem ?? ''))
              vague.push(`${what}: ${report.problem}`)
            put(row[name], { ...row, [name]: other })
          }
        }
      }
    }
    expect(unseen).toEqual([])
    expect(vague).toEqual([])
    expect(tried).toBeGreaterThan(80)
    expect(verify(file).intact).toBe(true)
  })

  test('every deleted row', () => {
    const db = plainConnection(file)
    const unseen: string[] = []
    for (const table of privateTables(db)) {
      const rows = rowsOf(db, table)
      for (const row of new Set([rows[0]!, rows[rows.length >> 1]!])) {
        if (table === '_commit' && row === rows.at(-1)) continue
        const { sql, values } = whereRow(db, table, row)
        withoutTriggers(db, () => db.prepare(`DELETE FROM ${table} WHERE ${sql}`).run(...values))
        if (verify(file).intact) unseen.push(`${table} ${JSON.stringify(values.map(String))}`)
        insert(db, table, row)
      }
    }
    expect(unseen).toEqual([])
    expect(verify(file).intact).toBe(true)
  })

  test('every inserted row', () => {
    const db = plainConnection(file)
    const unseen: string[] = []
    for (const table of privateTables(db)) {
      const last = rowsOf(db, table).at(-1)!
      const key = columns(db, table).find(
        (column) => column.key && typeof last[column.name] === 'bigint',
      )!.name
      for (const by of [1n, 1000n]) {
        const added: Row = { ...last, [key]: (last[key] as bigint) + by }
        // Columns that must be unique get another content of the same kind.
        for (const [name, cell] of Object.entries(added)) {
          if (name === 'content')
            added[name] = (cell as string).replace(/(\w)"/, '$1x"').concat(cell === '{}' ? ' ' : '')
          if (name === 'hash') added[name] = Buffer.alloc(32, 7)
        }
        try {
          insert(db, table, added)
        } catch (error) {
          expect((error as { code: string }).code).toMatch(/^SQLITE_CONSTRAINT/)
          continue
        }
        if (verify(file).intact) unseen.push(`${table} ${by}`)
        const { sql, values } = whereRow(db, table, added)
        withoutTriggers(db, () => db.prepare(`DELETE FROM ${table} WHERE ${sql}`).run(...values))
      }
    }
    expect(unseen).toEqual([])
    expect(verify(file).intact).toBe(true)
  })

  test('two batches that changed places', () => {
    const db = plainConnection(file)
    const [, second, third] = rowsOf(db, '_commit')
    withoutTriggers(db, () => {
      db.prepare('UPDATE _commit SET id = -1 WHERE id = ?').run(second!.id)
      db.prepare('UPDATE _commit SET id = ? WHERE id = ?').run(second!.id, third!.id)
      db.prepare('UPDATE _commit SET id = ? WHERE id = -1').run(third!.id)
    })
    expect(verify(file)).toMatchObject({
      intact: false,
      problem: expect.stringMatching(
        /^TAPE_CORRUPT: batch 2 \(run 1, events \d+ to \d+\) expected to begin at/,
      ),
    })
  })

  test('a run that got another name, in the list or in its first event', () => {
    const db = plainConnection(file)
    withoutTriggers(db, () => db.exec("UPDATE _run SET name = 'better' WHERE id = 2"))
    expect(verify(file).problem).toMatch(
      /^TAPE_CORRUPT: run 2 is listed under another name than it was started with \("test"\)/,
    )
  })

  test('a flipped byte of a value in the raw file, and reading that value says so too', () => {
    const needle = Buffer.from(Float64Array.from({ length: 100 }, (_, i) => Math.sin(i)).buffer)
    const bytes = fs.readFileSync(file)
    const at = bytes.indexOf(needle)
    expect(at).toBeGreaterThan(0)
    bytes[at + 8]! ^= 1
    fs.writeFileSync(file, bytes)
    expect(verify(file)).toMatchObject({
      intact: false,
      problem: expect.stringMatching(/^TAPE_CORRUPT: value \d+: its content was changed/),
    })
    const tape = openForTest(file, { readonly: true })
    expect(() => tape.run(1).variable('wide', { step: 1 }).data).toThrow(
      /^TAPE_CORRUPT: the bytes of value \d+ were changed/,
    )
  })

  test.each([
    [
      'a view that shows something else',
      'DROP VIEW metric; CREATE VIEW metric AS SELECT 1 AS run_id',
      /^TAPE_CORRUPT: the view metric is not as gradtape makes it/,
    ],
    ['a view that is gone', 'DROP VIEW metric', /^TAPE_CORRUPT: the view metric is missing/],
    [
      'a trigger that is gone',
      'DROP TRIGGER _commit_no_delete',
      /^TAPE_CORRUPT: the trigger _commit_no_delete is missing/,
    ],
    [
      'a trigger that was added',
      'CREATE TRIGGER mine AFTER INSERT ON _commit BEGIN SELECT 1; END',
      /^TAPE_CORRUPT: the schema has a trigger mine/,
    ],
    ['a table that was added', 'CREATE TABLE mine (x)', /^TAPE_CORRUPT: the schema has a table mine/],
    [
      'an index that was added',
      'CREATE INDEX mine ON _commit (hash)',
      /^TAPE_CORRUPT: the schema has a index mine/,
    ],
  ])('%s', (_, sql, problem) => {
    plainConnection(file).exec(sql)
    expect(verify(file)).toMatchObject({ intact: false, problem: expect.stringMatching(problem) })
  })

  test('what was changed while the tape is open, though it was read before', () => {
    const tape = openForTest(file, { readonly: true })
    expect(tape.verify().intact).toBe(true)
    const db = plainConnection(file)
    withoutTriggers(db, () => db.exec("UPDATE _text SET content = 'forged' WHERE content = 'learningRate'"))
    expect(tape.verify().intact).toBe(false)
  })

  test('nothing in a tape whose end was cut off cleanly, but its head is another', () => {
    const { head, batches } = verify(file)
    const db = plainConnection(file)
    const last = rowsOf(db, '_commit').at(-1)!
    withoutTriggers(db, () => {
      db.prepare('DELETE FROM _commit WHERE id = ?').run(last.id)
      const from = ((last.run_id as bigint) << 32n) + (last.first_position as bigint)
      for (const table of privateTables(db)) {
        const names = columns(db, table).map((column) => column.name)
        if (names.includes('step') || table === '_step')
          db.prepare(`DELETE FROM ${table} WHERE id >= ?`).run(from)
        if (names.includes('call_id')) db.prepare(`DELETE FROM ${table} WHERE call_id >= ?`).run(from)
      }
    })
    const report = verify(file)
    expect(report.head).not.toBe(head)
    expect(report.batches === batches - 1 || !report.intact).toBe(true)
  })
})

describe('a byte flipped anywhere in the file', () => {
  test('is found, or changes nothing that the tape says; it never ends in an error that is none of ours', () => {
    const whole = fs.readFileSync(file)
    const before = contentOf(plainConnection(file, { readonly: true }))
    const copy = newTapePath()
    let found = 0
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 7 }), (at, bit) => {
        const bytes = Buffer.from(whole)
        bytes[at]! ^= 1 << bit
        fs.writeFileSync(copy, bytes)
        let intact = false
        try {
          intact = verify(copy).intact
        } catch (error) {
          expect(error).toBeInstanceOf(TapeError)
        } finally {
          for (const suffix of ['-wal', '-shm']) fs.rmSync(copy + suffix, { force: true })
        }
        if (!intact) {
          found++
          return
        }
        const db = plainDatabase(copy, { readonly: true })
        try {
          // First the quick comparison: the other one can say where they differ.
          const after = contentOf(db)
          if (!isDeepStrictEqual(after, before)) expect(after).toEqual(before)
        } finally {
          db.close()
        }
      }),
      { numRuns: 120 },
    )
    expect(found).toBeGreaterThan(10)
    onTestFinished(() => fs.rmSync(copy, { force: true }))
  })
})

function insert(db: Connection, table: string, row: Row): void {
  const names = Object.keys(row)
  withoutTriggers(db, () =>
    db
      .prepare(`INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`)
      .run(...Object.values(row)),
  )
}
