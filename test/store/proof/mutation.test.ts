// Whatever is edited in the tables of a tape: either no public view says anything else, or verify() says that the tape was edited.
import { randomInt } from 'node:crypto'
import fs from 'node:fs'
import zlib from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Connection } from '../../../src/store/format/connection.js'
import { verifyChain } from '../../../src/store/proof/verify.js'
import { viewDigests } from '../../../src/store/proof/view-digests.js'
import { numbersFrom } from '../../seeded-numbers.js'
import { newTapePath, openForTest, plainConnection, recordedTape } from '../../tape/temporary-tape.js'
import { recordEverything, richTape } from '../rich-run.js'
import { columns, privateTables, type Row, rowsOf, whereRow } from '../schema.js'

/** Small batches, so that the chain has many links. */
const BATCH = { eventsMax: 20, bytesMax: 2 ** 25, ageMaxMs: 1e6 }

/**
 * How many edits are drawn for a cell, anew in each run of the suite; GRADTAPE_EDITS=all tries every one (it takes minutes). Of the rows
 * that are not the first of their table, one is looked at, with one edit a cell.
 */
const ALL = process.env.GRADTAPE_EDITS === 'all'
const EDITS = ALL ? Number.POSITIVE_INFINITY : 2

const seed = Number(process.env.GRADTAPE_SEED ?? randomInt(2 ** 31))
process.stderr.write(`edited cells: GRADTAPE_SEED=${seed}\n`)

/** Draws some of a list, the same ones for a seed. */
function drawn(seed: number): <T>(list: readonly T[], count: number) => T[] {
  const random = numbersFrom(seed)
  return (list, count) => {
    const rest = [...list]
    while (rest.length > count) rest.splice(Math.floor(random() * rest.length), 1)
    return rest
  }
}

const saysOf = (db: Connection) =>
  viewDigests(db).map(({ name, rows, sha256 }) => `${name} ${rows} ${sha256}`)

/** Other things that could stand in the place of a cell: near it, of another type, or nothing. */
function others(cell: unknown): unknown[] {
  const list: unknown[] = [
    null,
    0n,
    1n,
    -1n,
    2n ** 53n + 1n,
    0.5,
    -0,
    Number.POSITIVE_INFINITY,
    '',
    'x',
    'NaN',
    '-0',
    Buffer.of(1),
  ]
  if (typeof cell === 'bigint')
    list.push(cell + 1n, cell - 1n, cell + 2n ** 32n, Number(cell) + 0.5, String(cell))
  if (typeof cell === 'number')
    list.push(-cell, cell + 1, cell * (1 + 2 ** -50), BigInt(Math.trunc(cell) || 0))
  if (typeof cell === 'string') {
    list.push(`${cell} `, ` ${cell}`, `${cell}\0`, cell.replace(/\d+/, '$&.0'), cell.replace(/\d/, '7'))
    list.push(cell.replace('true', 'false'), cell.replace(']', ',0]'), cell.replace('[', '[[9,0,0,1,0],'))
    list.push(cell.toUpperCase(), cell.replace(/[}]$/, ',"extra":1}'), `${cell.slice(0, -1)}\ufffd`)
  }
  if (Buffer.isBuffer(cell)) {
    for (let at = 0; at < cell.length; at += Math.max(1, Math.floor(cell.length / 12))) {
      const flipped = Buffer.from(cell)
      flipped[at]! ^= 1 << (at % 8)
      list.push(flipped)
    }
    list.push(cell.subarray(1), Buffer.concat([cell, Buffer.alloc(8)]))
  }
  return list.filter((other) => !same(other, cell))
}

function same(a: unknown, b: unknown): boolean {
  return Buffer.isBuffer(a) && Buffer.isBuffer(b) ? a.equals(b) : Object.is(a, b)
}

const shown = (cell: unknown) =>
  Buffer.isBuffer(cell)
    ? `x'${cell.toString('hex').slice(0, 40)}'`
    : typeof cell === 'string'
      ? JSON.stringify(cell.slice(0, 60))
      : String(cell)

/** A tape, and every edit of it undone after it was looked at. */
class Edited {
  readonly unseen: string[] = []
  readonly unforeseen: string[] = []
  tried = 0
  private readonly db: Connection
  private readonly before: string[]
  private readonly triggers: { name: string; tbl_name: string; sql: string }[]

  constructor(file: string) {
    this.db = plainConnection(file)
    this.before = saysOf(this.db)
    this.triggers = this.db
      .prepare("SELECT name, tbl_name, sql FROM sqlite_schema WHERE type = 'trigger'")
      .all() as typeof this.triggers
  }

  /** As one who drops the triggers and puts them back; what SQLite itself refuses is no edit. */
  edit(what: string, table: string, edit: (db: Connection) => void): void {
    const { db } = this
    const mine = this.triggers.filter(({ tbl_name }) => tbl_name === table)
    db.exec('BEGIN')
    try {
      for (const { name } of mine) db.exec(`DROP TRIGGER ${name}`)
      try {
        edit(db)
      } catch (error) {
        const { code = 'no number that SQLite has' } = error as { code?: string }
        expect(code, what).toMatch(/^SQLITE_(CONSTRAINT|ERROR|MISMATCH|TOOBIG)|no number/)
        return
      }
      for (const { sql } of mine) db.exec(sql)
      this.tried++
      const report = verifyChain(db)
      if (/no check foresees/.test(report.problem ?? '')) this.unforeseen.push(`${what}: ${report.problem}`)
      if (!report.intact) return
      let after: string[] = ['the views cannot be read']
      try {
        after = saysOf(db)
      } catch {
        // then they say something else, too
      }
      if (after.join() !== this.before.join()) this.unseen.push(what)
    } finally {
      db.exec('ROLLBACK')
    }
  }

  put(table: string, row: Row, column: string, other: unknown): void {
    const { sql, values } = whereRow(this.db, table, row)
    this.edit(
      `${table}.${column} of ${values.map(shown)}: ${shown(row[column])} → ${shown(other)}`,
      table,
      (db) => db.prepare(`UPDATE ${table} SET ${column} = ? WHERE ${sql}`).run(other, ...values),
    )
  }

  remove(table: string, row: Row): void {
    const { sql, values } = whereRow(this.db, table, row)
    this.edit(`${table} without ${values.map(shown)}`, table, (db) =>
      db.prepare(`DELETE FROM ${table} WHERE ${sql}`).run(...values),
    )
  }

  add(table: string, row: Row): void {
    const names = Object.keys(row)
    this.edit(`${table} with ${Object.values(row).map(shown)}`, table, (db) =>
      db
        .prepare(`INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`)
        .run(...Object.values(row)),
    )
  }

  check(atLeast: number): void {
    expect(this.unseen).toEqual([])
    expect(this.unforeseen).toEqual([])
    expect(this.tried).toBeGreaterThan(atLeast)
    expect(verifyChain(this.db)).toMatchObject({ intact: true, problem: null })
  }
}

/** `first`: how many edits are drawn for a cell in the first row of its table. */
const tapes: [string, { first: number; made: () => Promise<string> }][] = [
  [
    'of this schema, with summaries, checkpoints and values computed again',
    {
      first: EDITS,
      made: async () => {
        const file = await richTape(2, { batch: BATCH })
        const capture = { values: 'full', gradients: 'structure' } as const
        return recordedTape((run) => recordEverything(run, 2), { batch: BATCH, capture }, file)
      },
    },
  ],
  [
    'of the first schema, migrated',
    {
      first: ALL ? EDITS : 1,
      made: async () => {
        const file = newTapePath()
        const fixture = new URL('../../fixtures/schema-1.tape.gz', import.meta.url)
        fs.writeFileSync(file, zlib.gunzipSync(fs.readFileSync(fixture)))
        openForTest(file).close()
        return file
      },
    },
  ],
]

describe.each(tapes)('a tape %s', (_, { first, made }) => {
  test('in which any cell is another', { timeout: 600_000 }, async () => {
    const file = await made()
    const db = plainConnection(file, { readonly: true })
    const edited = new Edited(file)
    const draw = drawn(seed)
    for (const table of privateTables(db)) {
      const rows = rowsOf(db, table)
      const later = [...new Set([rows[rows.length >> 1], rows.at(-1)])].filter((row) => row !== rows[0])
      for (const row of [rows[0], ...draw(later, ALL ? 2 : 1)]) {
        if (row === undefined) continue
        for (const { name } of columns(db, table)) {
          // What is not drawn is another time.
          for (const other of draw(others(row[name]), row === rows[0] ? first : 1))
            edited.put(table, row, name, other)
        }
      }
    }
    edited.check(60)
  })

  test('in which any row is missing, or stands there twice', { timeout: 300_000 }, async () => {
    const file = await made()
    const db = plainConnection(file, { readonly: true })
    const edited = new Edited(file)
    for (const table of privateTables(db)) {
      const rows = rowsOf(db, table)
      const last = rows.at(-1)
      if (last === undefined) continue
      for (const row of new Set([rows[0], rows[rows.length >> 1], last])) {
        // Of a chain, the end may be cut off: that is what the head is kept for.
        if (table !== '_commit' || row !== last) edited.remove(table, row!)
      }
      for (const { name, key } of columns(db, table)) {
        if (!key || typeof last[name] !== 'bigint') continue
        for (const by of [1n, 2n ** 32n, 2n ** 53n]) {
          const added = { ...last, [name]: last[name] + by }
          edited.add(table, added)
          if ('hash' in added) edited.add(table, { ...added, hash: Buffer.alloc(32, 7) })
          if ('content' in added) edited.add(table, { ...added, content: `${String(added.content)} ` })
        }
      }
    }
    edited.check(50)
  })

  test('in which any cells of one table changed places', { timeout: 300_000 }, async () => {
    const file = await made()
    const db = plainConnection(file, { readonly: true })
    const edited = new Edited(file)
    const filled = privateTables(db).filter((table) => rowsOf(db, table).length > 1)
    fc.assert(
      fc.property(fc.constantFrom(...filled), fc.nat(), fc.nat(), fc.nat(), (table, i, j, k) => {
        const rows = rowsOf(db, table)
        const [a, b] = [rows[i % rows.length]!, rows[j % rows.length]!]
        const names = columns(db, table)
        const { name } = names[k % names.length]!
        if (!same(a[name], b[name])) edited.put(table, a, name, b[name])
      }),
      { numRuns: ALL ? 200 : 80 },
    )
    edited.check(8)
  })
})
