import crypto from 'node:crypto'
import fs from 'node:fs'
import { describe, expect, test } from 'vitest'
import { square } from '../../../src/functions/arithmetic.js'
import { concat } from '../../../src/functions/joining.js'
import { constant } from '../../../src/graph/leaves.js'
import { Variable } from '../../../src/graph/variable.js'
import { MIGRATION_TEXTS } from '../../../src/store/format/migration-texts.js'
import { MIGRATIONS, migrate, SCHEMA_VERSION } from '../../../src/store/format/migrations.js'
import { AT_ONCE_OF } from '../../../src/store/format/schema-at-once.js'
import { sqlite } from '../../../src/store/format/sqlite.js'
import { openTape } from '../../../src/tape/open-tape.js'
import { newTapePath, openForTest, plainConnection, recordedTape } from '../../tape/temporary-tape.js'
import { recordEverything } from '../rich-run.js'

describe('the file of a tape', () => {
  test('says in its header what it is, is in no WAL mode once it is closed, and has large pages', async () => {
    const file = await recordedTape((run) => recordEverything(run))
    const db = plainConnection(file, { readonly: true })
    expect(db.pragma('application_id', { simple: true })).toBe(0x67726164)
    expect(fs.readFileSync(file).toString('latin1', 68, 72)).toBe('grad')
    expect(db.pragma('user_version', { simple: true })).toBe(SCHEMA_VERSION)
    expect(db.pragma('journal_mode', { simple: true })).toBe('delete')
    expect([8192, 16_384]).toContain(db.pragma('page_size', { simple: true }))
  })

  test('is written with every commit on the disk, foreign functions distrusted, and all triggers on', () => {
    // The connection itself is nobody's business but this test's.
    const { db } = openForTest(newTapePath()) as unknown as {
      db: { pragma(sql: string, options: { simple: true }): unknown }
    }
    const pragma = (name: string) => db.pragma(name, { simple: true })
    expect([
      pragma('synchronous'),
      pragma('trusted_schema'),
      pragma('recursive_triggers'),
      pragma('mmap_size'),
    ]).toEqual([2, 0, 1, 0])
  })

  test('notes each migration with the checksum of its text', async () => {
    const db = plainConnection(await recordedTape(() => {}), { readonly: true })
    const noted = db.prepare('SELECT version, name, checksum FROM _migration ORDER BY version').all() as {
      version: number
      checksum: string
    }[]
    expect(noted).toEqual(MIGRATIONS.map(({ version, name, checksum }) => ({ version, name, checksum })))
    const folder = new URL('../../../migrations/', import.meta.url)
    for (const { version, checksum } of noted) {
      const name = fs.readdirSync(folder).find((file) => Number(file.slice(0, 4)) === version)!
      expect(checksum).toBe(
        crypto
          .createHash('sha256')
          .update(fs.readFileSync(new URL(name, folder)))
          .digest('hex'),
      )
    }
    expect(MIGRATIONS.map((migration) => migration.version)).toEqual(MIGRATIONS.map((_, i) => i + 1))
  })

  test('has the schema and the rows that the migrations make one after the other, though it is made at once', () => {
    const made = (oneByOne: boolean) => {
      const db = sqlite().open(':memory:', { readonly: false, timeoutMs: 0 })
      migrate(db, 0x67726164, SCHEMA_VERSION, oneByOne)
      const schema = db.prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema').raw().all()
      const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all()
      const rows = tables.map((name) => {
        const found = db.prepare<[], object>(`SELECT * FROM "${name}"`).all()
        return [name, found.map((row) => ({ ...row, applied_at: null }))]
      })
      const version = db.pragma('user_version', { simple: true })
      db.close()
      return { version, schema: schema.map((row) => JSON.stringify(row)).sort(), rows: rows.sort() }
    }
    expect(made(false)).toEqual(made(true))
    expect(made(false).rows.flat(2).length).toBeGreaterThan(2000)
    const texts = JSON.stringify(MIGRATION_TEXTS.map(({ text }) => text()))
    const sha256 = (text: string) => crypto.createHash('sha256').update(text).digest('hex')
    expect(AT_ONCE_OF).toBe(sha256(texts))
    for (const { file, checksum, text } of MIGRATION_TEXTS) expect(checksum, file).toBe(sha256(text()))
  })

  test('stores a value once, however often it comes, also in another run', async () => {
    const file = newTapePath()
    const numbers = Array.from({ length: 100 }, (_, i) => i + 0.5)
    const record = () =>
      recordedTape(
        () => {
          for (let i = 0; i < 5; i++) concat([constant(numbers), constant([i])])
        },
        { capture: 'full' },
        file,
      )
    await record()
    const db = plainConnection(file, { readonly: true })
    const count = () => db.prepare('SELECT count(*) FROM value WHERE size = 100').pluck().get()
    expect(count()).toBe(1)
    await record()
    expect(count()).toBe(1)
    expect(db.prepare('SELECT count(*) FROM value WHERE size = 101').pluck().get()).toBe(5)
    expect(db.prepare('SELECT count(*), count(DISTINCT hash) FROM value').raw().get()).toEqual([6, 6])
  })

  test('does not take arrays of equal bytes and another dtype for one value', async () => {
    const file = await recordedTape(() => {
      concat([constant(new Float64Array(4))])
      concat([constant(new Float32Array(8))])
    })
    const db = plainConnection(file, { readonly: true })
    expect(db.prepare('SELECT dtype, size FROM value ORDER BY dtype').raw().all()).toEqual([
      ['float32', 8],
      ['float64', 4],
    ])
  })

  test('keeps NaN, −0, infinities and subnormal numbers, one by one and in arrays, and summarises them', async () => {
    const odd = [Number.NaN, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 5e-324, 1e308, 0]
    const many = Array.from({ length: 70 }, (_, i) => odd[i % odd.length]!)
    const file = await recordedTape(() => {
      for (const number of odd)
        square(new Variable(number, { name: `scalar ${Object.is(number, -0) ? '-0' : number}` }))
      square(new Variable(odd, { name: 'array' }))
      square(new Variable(many, { name: 'larger array' }))
      square(new Variable(odd, { name: 'single', dtype: 'float32' }))
    })
    const tape = openForTest(file, { readonly: true })
    const past = tape.run('test')
    for (const number of odd)
      expect(past.variable(`scalar ${Object.is(number, -0) ? '-0' : number}`).item()).toBe(number)
    expect([...past.variable('array').data.data]).toEqual(odd)
    expect([...past.variable('larger array').data.data]).toEqual(many)
    expect([...past.variable('single').data.data]).toEqual(odd.map(Math.fround))
    expect(past.replay().verdict).toBe('bit-exact')
    expect(tape.verify().intact).toBe(true)
    const db = plainConnection(file, { readonly: true })
    const bytes = Buffer.from(Float64Array.from(many).buffer)
    const small = db.prepare("SELECT bytes FROM variable WHERE name = 'array'").pluck().get()
    expect(small).toEqual(Buffer.from(Float64Array.from(odd).buffer))
    expect(
      db
        .prepare('SELECT l2_norm, mean, min, max, zero_count, non_finite_count FROM value WHERE bytes = ?')
        .raw()
        .get(bytes),
    ).toEqual([null, null, null, null, 20, 30])
    expect(
      db.prepare("SELECT value, non_finite FROM variable WHERE name = 'scalar NaN'").raw().get(),
    ).toEqual([null, 'NaN'])
  })

  test('keeps odd texts as they are: names, notes and config with quotes, zero bytes, emoji', async () => {
    const odd = ["it's", '"', '\\', 'a\0b', '🦉', '\u2028', '%s', '__proto__', '$number', 'null', ' ']
    const file = await recordedTape(
      (run) => {
        for (const text of odd) {
          run.note(text)
          run.log({ [text]: 1 })
          run.scope(text, () => square(new Variable(1, { name: text })))
        }
      },
      { config: Object.fromEntries(odd.map((text) => [text, { [text]: text }])) },
    )
    const tape = openForTest(file, { readonly: true })
    const past = tape.run('test')
    const events = [...past.events()]
    expect(events.filter((event) => event.type === 'NoteAdded').map((event) => event.text)).toEqual(odd)
    expect(events.filter((event) => event.type === 'MetricLogged').map((event) => event.name)).toEqual(odd)
    expect(events.filter((event) => event.type === 'LeafCreated').map((event) => event.name)).toEqual(odd)
    expect(events.filter((event) => event.type === 'FunctionCalled').map((event) => event.scope)).toEqual(odd)
    expect(Object.entries(past.started.config)).toEqual(odd.map((text) => [text, { [text]: text }]))
    for (const text of odd) expect(past.variable(text).item(), text).toBe(1)
    expect(tape.verify()).toMatchObject({ intact: true, problem: null })
    expect(past.replay().verdict).toBe('bit-exact')
  })

  test('refuses half a character as a name or a note, which SQLite would not keep', () => {
    const tape = openForTest(newTapePath())
    expect(() => tape.startRun('\ud800')).toThrow(/^BAD_ARGUMENT: startRun expected a name/)
    const run = tape.startRun('r')
    expect(() => run.log({ '\ud800': 1 })).toThrow(
      /^BAD_ARGUMENT: the name of a metric expected whole Unicode characters/,
    )
    expect(() => run.note('\ud800')).toThrow(/^BAD_ARGUMENT: the text of NoteAdded expected whole Unicode/)
    expect(() => square(new Variable(1, { name: '\ud800' }))).toThrow(
      /^BAD_ARGUMENT: a name expected a non-empty string of whole characters/,
    )
    run.end('finished', null)
    expect(tape.verify()).toMatchObject({ intact: true, problem: null })
  })

  test('may have a run of any name', () => {
    const tape = openTape(newTapePath())
    for (const name of ["it's", 'a\0b', '🦉', '1', ' ']) {
      tape.startRun(name).end('finished', null)
      expect(tape.run(name).name).toBe(name)
    }
    expect(tape.verify()).toMatchObject({ intact: true, problem: null })
    tape.close()
  })
})
