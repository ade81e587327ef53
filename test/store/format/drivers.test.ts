/** What connection.ts promises of a driver, asked of every one that this runtime can load; and how one is chosen. */
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { betterSqlite3 } from '../../../src/store/format/better-sqlite3-driver.js'
import type { Connection, Driver } from '../../../src/store/format/connection.js'
import { isAtLeast } from '../../../src/store/format/database.js'
import { type NodeSqlite, nodeSqlite } from '../../../src/store/format/node-sqlite-driver.js'
import { eachList, eachRow } from '../../../src/store/read/each-row.js'
import { startChild } from '../../tape/child-process.js'
import { temporaryFolder } from '../../tape/temporary-tape.js'

const drivers: Driver[] = []
const failures: unknown[] = []
for (const load of [
  () => betterSqlite3(createRequire(import.meta.url)('better-sqlite3')),
  () => nodeSqlite(process.getBuiltinModule('node:sqlite' as 'node:fs') as unknown as NodeSqlite),
]) {
  try {
    drivers.push(load())
  } catch (error) {
    failures.push(error)
  }
}

test('at least one driver can be loaded here', () => {
  expect(drivers.length, failures.map(String).join('\n')).toBeGreaterThan(0)
})

describe.each(drivers.map((driver) => [driver.name, driver] as const))('the driver %s', (_name, driver) => {
  function opened(file = ':memory:', readonly = false): Connection {
    const db = driver.open(file, { readonly, timeoutMs: 20 })
    onTestFinished(() => {
      db.close()
    })
    return db
  }

  function code(act: () => unknown): string {
    try {
      act()
    } catch (error) {
      return (error as { code?: string }).code ?? (error as Error).message
    }
    return 'no error'
  }

  test('gives rows as objects, arrays and single cells, with blobs as Buffers', () => {
    const db = opened()
    db.exec('CREATE TABLE t (a INTEGER, b TEXT, c BLOB, d REAL) STRICT')
    const insert = db.prepare('INSERT INTO t VALUES (?, ?, ?, ?)')
    expect(insert.reader).toBe(false)
    expect(insert.run(1, 'ä\u0000b', Buffer.from([0, 255]), Infinity)).toEqual({
      changes: 1,
      lastInsertRowid: 1,
    })
    expect(insert.run([2, null, new Uint8Array(0), -0])).toEqual({ changes: 1, lastInsertRowid: 2 })
    const rows = [
      { a: 1, b: 'ä\u0000b', c: Buffer.from([0, 255]), d: Infinity },
      { a: 2, b: null, c: Buffer.alloc(0), d: 0 },
    ]
    const select = 'SELECT * FROM t ORDER BY a'
    const lists = rows.map((row) => Object.values(row))
    expect(db.prepare(select).all()).toEqual(rows)
    expect(db.prepare(select).raw().all()).toEqual(lists)
    expect([...db.prepare(select).raw().iterate()]).toEqual(lists)
    expect(db.prepare(select).get()).toEqual(rows[0])
    expect(db.prepare('SELECT c FROM t WHERE a = ?').pluck().get(1)).toEqual(Buffer.from([0, 255]))
    expect(db.prepare('SELECT c FROM t WHERE a = ?').pluck().get(9)).toBeUndefined()
    expect(Buffer.isBuffer((db.prepare(select).get() as { c: unknown }).c)).toBe(true)
    expect(
      db
        .prepare(select)
        .columns()
        .map(({ name }) => name),
    ).toEqual(['a', 'b', 'c', 'd'])
  })

  test('binds numbers as reals, and takes numbered parameters more than once', () => {
    const db = opened()
    expect(db.prepare('SELECT typeof(?)').pluck().get(3)).toBe('real')
    expect(db.prepare('SELECT typeof(?)').pluck().get(3n)).toBe('integer')
    expect(db.prepare('SELECT ?1 + ?2 + ?1').pluck().get({ 1: 1, 2: 10 })).toBe(12)
  })

  test('keeps integers of 64 bits where it is told to', () => {
    const db = opened()
    const large = 2n ** 62n + 1n
    expect(db.prepare(`SELECT ${large}`).pluck().safeIntegers().get()).toBe(large)
    expect(db.prepare(`SELECT ${large}, 1.5, 'x'`).raw().safeIntegers().all()).toEqual([[large, 1.5, 'x']])
  })

  test('refuses what is not one statement, and knows which statements only read', () => {
    const db = opened()
    db.exec('CREATE TABLE t (a)')
    expect(() => db.prepare('SELECT 1; SELECT 2')).toThrow(/more than one statement/)
    expect(db.prepare('SELECT 1; -- and nothing else\n').pluck().get()).toBe(1)
    const readonly = (sql: string) => db.prepare(sql).readonly
    expect(readonly('SELECT * FROM t')).toBe(true)
    expect(readonly('WITH x AS (SELECT 1) SELECT * FROM x')).toBe(true)
    expect(readonly('/* why */ EXPLAIN QUERY PLAN SELECT * FROM t')).toBe(true)
    expect(readonly('explain INSERT INTO t VALUES (1)')).toBe(false)
    expect(readonly('INSERT INTO t VALUES (1)')).toBe(false)
    expect(readonly('DELETE FROM t RETURNING a')).toBe(false)
  })

  test('names errors by their result code', () => {
    const folder = temporaryFolder()
    const file = path.join(folder, 'a.db')
    const db = opened(file)
    db.exec('CREATE TABLE t (a INTEGER PRIMARY KEY) STRICT; INSERT INTO t VALUES (1)')
    expect(code(() => db.exec('SELECT * FROM missing'))).toBe('SQLITE_ERROR')
    expect(code(() => db.exec('INSERT INTO t VALUES (1)'))).toBe('SQLITE_CONSTRAINT_PRIMARYKEY')
    db.exec('BEGIN IMMEDIATE')
    expect(code(() => opened(file).exec('BEGIN IMMEDIATE'))).toBe('SQLITE_BUSY')
    db.exec('ROLLBACK')
    expect(code(() => opened(file, true).exec('INSERT INTO t VALUES (2)'))).toBe('SQLITE_READONLY')
    fs.writeFileSync(
      path.join(folder, 'b.db'),
      'no database, but long enough to be taken for one '.repeat(99),
    )
    expect(code(() => opened(path.join(folder, 'b.db')).pragma('user_version'))).toBe('SQLITE_NOTADB')
    db.close()
    expect(db.open).toBe(false)
    expect(code(() => db.prepare('SELECT 1'))).toBe('The database connection is not open')
    expect(db.inTransaction).toBe(false)
    expect(code(() => db.transaction(() => {})())).toBe('The database connection is not open')
    expect(code(() => db.pragma('user_version'))).toBe('The database connection is not open')
    expect(db.close()).toBe(db)
  })

  test('takes back a transaction that throws, and nests them', () => {
    const db = opened()
    db.exec('CREATE TABLE t (a)')
    const count = () => db.prepare('SELECT count(*) FROM t').pluck().get()
    const add = () => db.prepare('INSERT INTO t VALUES (1)').run()
    const failing = db.transaction(() => {
      add()
      throw new Error('no')
    })
    expect(() => failing()).toThrow('no')
    expect(() => failing.immediate()).toThrow('no')
    expect(count()).toBe(0)
    const outer = db.transaction(() => {
      add()
      expect(db.inTransaction).toBe(true)
      expect(() => failing()).toThrow('no')
      return 'done'
    })
    expect(outer()).toBe('done')
    expect(count()).toBe(1)
    expect(db.inTransaction).toBe(false)
  })

  test('ends a query that is left early', () => {
    const db = opened()
    const numbers =
      'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT i FROM n'
    for (const i of db.prepare(numbers).pluck().iterate()) if (i === 3) break
    db.exec('CREATE TABLE t (a)')
    expect(db.pragma('table_list')).not.toEqual([])
    expect(db.pragma('user_version', { simple: true })).toBe(0)
  })

  test('hands rows over one by one, in their order, with or without functions of ours', () => {
    const db = opened()
    db.exec(`CREATE TABLE t (a INTEGER PRIMARY KEY, b ANY, c REAL) STRICT;
      INSERT INTO t SELECT value, iif(value % 3 = 0, 'NaN', iif(value % 3 = 1, NULL, value / 2.0)), -0.5 FROM json_each('[1,2,3,4,5,6,7,8]')`)
    const bare = Object.create(db, { aggregate: { value: undefined } }) as Connection
    for (const host of [db, bare]) {
      const rows = eachRow(host, 'a, b, c', '(SELECT * FROM t WHERE a > ? ORDER BY a LIMIT 4)')
      for (const after of [0, 2, 7, 8]) {
        const taken: unknown[] = []
        rows((a, b, c) => taken.push([a, b, c]), after)
        expect(taken).toEqual(
          db.prepare('SELECT a, b, c FROM t WHERE a > ? ORDER BY a LIMIT 4').raw().all(after),
        )
      }
      // Whoever takes them may end it, and the connection goes on.
      expect(() =>
        rows((a) => {
          if (a === 3) throw new Error('enough')
        }, 0),
      ).toThrow('enough')
      let count = 0
      rows(() => count++, 5)
      expect(count).toBe(3)
      const lists: unknown[] = []
      eachList(
        host,
        "a, b, c, x'00ff', a, b",
        't WHERE a > ?',
      )((cells) => {
        lists.push(cells.map((cell) => (cell instanceof Uint8Array ? Buffer.from(cell) : cell)))
      }, 5)
      expect(lists).toEqual(db.prepare("SELECT a, b, c, x'00ff', a, b FROM t WHERE a > ?").raw().all(5))
    }
  })

  test('reads a file that ends in WAL mode, and leaves nothing beside it', () => {
    const file = path.join(temporaryFolder(), 'a.db')
    const db = opened(file)
    db.pragma('journal_mode = WAL')
    db.exec('CREATE TABLE t (a); INSERT INTO t VALUES (7)')
    db.close()
    const reader = driver.openUnchanging(file)
    expect(reader.prepare('SELECT a FROM t').pluck().get()).toBe(7)
    expect(code(() => reader.exec('INSERT INTO t VALUES (1)'))).toBe('SQLITE_READONLY')
    expect(fs.readdirSync(path.dirname(file))).toEqual(['a.db'])
    reader.close()
  })
})

describe('the choice of a driver', () => {
  const SQLITE = new URL('../../../dist/store/format/sqlite.js', import.meta.url).href
  const ask = `try { say((await import(arg.sqlite)).sqlite().name) } catch (error) { say(error.message) }`

  /** What a process says that has the built library in a folder of its own, with what `install` puts beside it. */
  async function said(install: (modules: string) => void, env: Record<string, string> = {}): Promise<string> {
    const folder = temporaryFolder()
    fs.cpSync(new URL('../../../dist', import.meta.url), path.join(folder, 'dist'), { recursive: true })
    fs.writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }')
    const modules = path.join(folder, 'node_modules')
    fs.mkdirSync(modules)
    const rxjs = fileURLToPath(new URL('../../../node_modules/rxjs', import.meta.url))
    fs.symlinkSync(rxjs, path.join(modules, 'rxjs'), 'junction')
    install(modules)
    const child = startChild(
      ask,
      { sqlite: pathToFileURL(path.join(folder, 'dist/store/format/sqlite.js')).href },
      (command) => ['env', ...Object.entries(env).map(([name, value]) => `${name}=${value}`), ...command],
    )
    const { stdout, stderr } = await child.ended
    expect(stderr).toBe('')
    return stdout
  }

  /** Puts a better-sqlite3 there that fails as the real one does. */
  const failing = (words: string, code: string) => (modules: string) => {
    fs.mkdirSync(path.join(modules, 'better-sqlite3'), { recursive: true })
    fs.writeFileSync(
      path.join(modules, 'better-sqlite3/index.js'),
      `module.exports = class { constructor() { throw Object.assign(new Error(${JSON.stringify(words)}), { code: ${JSON.stringify(code)} }) } }`,
    )
  }
  const hasNodeSqlite = drivers.some(({ name }) => name === 'node:sqlite')
  const otherAbi = failing(
    "The module 'x.node'\nwas compiled against a different Node.js version using\nNODE_MODULE_VERSION 93. This version of Node.js requires\nNODE_MODULE_VERSION 115. Please try re-compiling",
    'ERR_DLOPEN_FAILED',
  )
  const shim = (modules: string) => {
    fs.mkdirSync(path.join(modules, 'better-sqlite3'), { recursive: true })
    fs.writeFileSync(path.join(modules, 'better-sqlite3/index.js'), 'module.exports = class { close() {} }')
  }
  const notBuilt = failing('Could not locate the bindings file. Tried:\n → a\n → b', 'ERR')

  test.each([
    ['is not installed', () => {}, /better-sqlite3 is not installed.*npm install better-sqlite3/],
    ['is a shim of a bundler', shim, /better-sqlite3 cannot be loaded \(.*npm rebuild/],
    ['was not built', notBuilt, /compiled part is not there.*npm rebuild better-sqlite3/],
    [
      'was built for another Node',
      otherAbi,
      /module version is 93, this Node v[\d.]+ needs 115; npm rebuild/,
    ],
  ])('when better-sqlite3 %s, the other one is taken, or the remedy said', async (_what, install, words) => {
    const asked = await said(install, { GRADTAPE_SQLITE: 'better-sqlite3' })
    expect(asked).toMatch(/^SQLITE_UNAVAILABLE: /)
    expect(asked).toMatch(words)
    const free = await said(install, { GRADTAPE_SQLITE: '' })
    if (hasNodeSqlite) expect(free.trim()).toBe('node:sqlite')
    else {
      expect(free).toMatch(words)
      expect(free).toMatch(/brings no node:sqlite, which Node 22\.16 and later do/)
    }
  })

  test('an unknown one is refused', async () => {
    const child = startChild(ask, { sqlite: SQLITE }, (command) => [
      'env',
      'GRADTAPE_SQLITE=sqlite',
      ...command,
    ])
    expect((await child.ended).stdout).toMatch(
      /^BAD_ARGUMENT: .*GRADTAPE_SQLITE expected "better-sqlite3", "node"/,
    )
  })
})

test('versions are compared by number, not by letter', () => {
  expect(isAtLeast('3.51.3', '3.51.3')).toBe(true)
  expect(isAtLeast('3.100.0', '3.51.3')).toBe(true)
  expect(isAtLeast('3.51.2', '3.51.3')).toBe(false)
  expect(isAtLeast('3.51', '3.51.3')).toBe(false)
  expect(isAtLeast('4.0.0', '3.51.3')).toBe(true)
})
