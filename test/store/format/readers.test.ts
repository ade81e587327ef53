// A tape is a SQLite database like any other: programs that know nothing of gradtape read every cell of every view as we do.
import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import initSqlJs from 'sql.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { noGrad, openTape, parameter, type Run, square, sub, sum } from '../../../src/index.js'
import { plainDatabase } from '../../plain-database.js'
import { recordEverything } from '../rich-run.js'
import { cellText, PYTHON_VIEW_LINES, viewLine, viewLines } from './view-cells.js'

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gradtape-readers-'))
const file = path.join(folder, 'readers.tape')
let views: { name: string; sql: string; columns: string[] }[]
/** By view: how many rows, and a hash over all cells. */
let ours: string[]

const NORMS_CONFIG = {
  ...{ nan: Number.NaN, list: [Number.NEGATIVE_INFINITY], zero: -0, text: 'NaN' },
  own: { $number: 'NaN', other: 1 },
}

/** Twelve parameters of all sizes: the squares of some are more than a number can be. */
function recordNorms(run: Run): void {
  const parameters = Array.from({ length: 12 }, (_, i) =>
    parameter([Math.sin(i + 1), 1 / (i + 3)], { name: `p${i}` }),
  )
  for (const scale of [1, 1, 1e200, 1e-150]) {
    run.step()
    for (const [i, one] of parameters.entries()) {
      one.clearGrad()
      sum(square(one)).backward(scale === 1 ? {} : { gradient: scale })
      const { grad } = one
      if (grad !== null) one.data = noGrad(() => sub(one, grad)).data
      one.data = noGrad(() => sub(one, one)).data
      one.data = parameter([Math.sin(i + scale), 1 / 7]).data
    }
  }
  run.end('finished', null)
}

beforeAll(() => {
  const tape = openTape(file)
  for (const [capture, steps] of [
    ['full', 3],
    ['structure', 1],
  ] as const) {
    const run = tape.startRun(`rich ${capture}`, {
      capture,
      checkpointEvery: 2,
      config: { lr: Number.NaN, a: [1] },
    })
    recordEverything(run, steps)
    run.log({ bad: Number.NaN, large: Number.NEGATIVE_INFINITY, small: 5e-324, zero: -0 })
    run.end('finished', null)
  }
  recordNorms(tape.startRun('norms', { config: NORMS_CONFIG }))
  tape.renameRun(1, 'renamed \u202e')
  tape.tagRun(2, ['a', 'ü'])
  tape.close()
  const db = plainDatabase(file, { readonly: true })
  const named = db.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'view' ORDER BY name").all() as {
    name: string
    sql: string
  }[]
  views = named.map(({ name, sql }) => ({
    name,
    sql,
    columns: (db.pragma(`table_info(${name})`) as { name: string }[]).map((column) => column.name),
  }))
  ours = viewLines(db)
  db.close()
}, 60_000)
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

test('nearly every view has rows to compare', () => {
  expect(views.length).toBeGreaterThan(30)
  expect(ours.filter((text) => / 0 /.test(text)).map((text) => text.split(' ')[0])).toEqual([
    ...['batch', 'chunk', 'epoch', 'module_mode', 'optimizer_step', 'random_draw'],
  ])
})

const has = (program: string, args: string[]) => spawnSync(program, args).status === 0

/** A test that needs a program which is not everywhere; where it is missing, the test's name says so. */
function testWith(needed: string, isHere: boolean, title: string, body: () => void): void {
  test.skipIf(!isHere)(isHere ? title : `${title} (skipped: no ${needed} here)`, body)
}

describe('every cell of every view is the same in', () => {
  testWith('python3', has('python3', ['-c', 'import sqlite3']), "Python's sqlite3", () => {
    const said = execFileSync('python3', ['-c', PYTHON_VIEW_LINES, file], { encoding: 'utf8' })
    expect(said.trim().split('\n')).toEqual(ours)
  })

  const hasShell = has('sqlite3', [':memory:', 'SELECT hex(ieee754_to_blob(1.5))'])
  testWith('sqlite3 with ieee754_to_blob', hasShell, 'the sqlite3 shell', () => {
    const script = views.map(({ name, columns }) => {
      const cells = columns.map(
        (column) =>
          `CASE typeof("${column}") WHEN 'real' THEN 'r' || lower(hex(ieee754_to_blob("${column}"))) WHEN 'integer' THEN 'i' || "${column}" WHEN 'text' THEN 't' || "${column}" WHEN 'blob' THEN 'b' || lower(hex("${column}")) ELSE 'n' END`,
      )
      return `SELECT '${name}', hex(${cells.join(" || '|' || ")}) FROM "${name}";`
    })
    const said = execFileSync('sqlite3', ['-readonly', file], {
      input: script.join('\n'),
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
    })
    const rows = new Map(views.map(({ name }) => [name, [] as string[][]]))
    for (const text of said.trim().split('\n')) {
      const [name, hex] = text.split('|') as [string, string]
      rows.get(name)!.push([Buffer.from(hex, 'hex').toString('utf8')])
    }
    expect(views.map(({ name }) => viewLine(name, rows.get(name)!))).toEqual(ours)
  })

  test('sql.js, which has the file in memory, as browsers do', async () => {
    // Its types do not know the option, without which it brings functions of its own and warns of each.
    const { Database } = await initSqlJs({ useOldExtensionFunctions: false } as object)
    const db = new Database(fs.readFileSync(file))
    const found = views.map(({ name, columns }) => {
      // An INTEGER and a REAL are both numbers there: their types are asked for.
      const statement = db.prepare(
        `SELECT ${columns.map((column) => `"${column}", typeof("${column}")`).join(', ')} FROM "${name}"`,
      )
      const rows: string[][] = []
      while (statement.step()) {
        // Its types do not know the second parameter, without which large integers lose digits.
        const read = statement as unknown as { get(values: null, options: object): unknown[] }
        const row = read.get(null, { useBigInt: true })
        rows.push(
          columns.map((_, i) => {
            const [value, type] = [row[2 * i], row[2 * i + 1]]
            return cellText(type === 'integer' ? BigInt(value as bigint) : value)
          }),
        )
      }
      statement.free()
      return viewLine(name, rows)
    })
    db.close()
    expect(found).toEqual(ours)
  })

  const nodeSqlite = process.getBuiltinModule?.('node:sqlite' as 'node:fs') as unknown as
    | NodeSqlite
    | undefined
  testWith('node:sqlite, which Node 22 has,', nodeSqlite !== undefined, 'node:sqlite', () => {
    const db = new nodeSqlite!.DatabaseSync(file, { readOnly: true })
    const found = views.map(({ name, columns }) => {
      const statement = db.prepare(`SELECT * FROM "${name}"`)
      statement.setReadBigInts(true)
      const rows = statement.all() as Record<string, unknown>[]
      return viewLine(
        name,
        rows.map((row) => columns.map((column) => cellText(row[column]))),
      )
    })
    db.close()
    expect(found).toEqual(ours)
  })
})

/** What is used of node:sqlite, which Node 20 has not. */
interface NodeSqlite {
  DatabaseSync: new (
    file: string,
    options: { readOnly: boolean },
  ) => {
    prepare(sql: string): { setReadBigInts(on: boolean): void; all(): unknown[] }
    close(): void
  }
}

const NUMPY = [
  'import sqlite3, sys, hashlib, json, numpy as np',
  'db = sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True)',
  'kinds = dict(float64="<f8", float32="<f4", int32="<i4", uint8="u1", bool="?")',
  'count = 0',
  'for dtype, size, bytes, hash, zeros, low, high in db.execute("SELECT dtype, size, bytes, hash, zero_count, min, max FROM value WHERE bytes IS NOT NULL"):',
  '    a = np.frombuffer(bytes, kinds[dtype])',
  '    assert a.size == size and (a == 0).sum() == zeros',
  '    assert hashlib.sha256(dtype.encode() + b"\\0" + bytes).hexdigest() == hash',
  '    assert low is None or (a.min() == low and a.max() == high)',
  '    count += 1',
  'for view in ("leaf", "output", "gradient"):',
  '    for dtype, shape, bytes in db.execute(f"SELECT dtype, shape, bytes FROM {view} WHERE bytes IS NOT NULL"):',
  '        np.frombuffer(bytes, kinds[dtype]).reshape(json.loads(shape))',
  '        count += 1',
  'print(count)',
].join('\n')

const hasNumPy = has('python3', ['-c', 'import numpy'])
testWith('NumPy', hasNumPy, 'NumPy decodes every array, and they have their hashes', () => {
  const said = execFileSync('python3', ['-c', NUMPY, file], { encoding: 'utf8' })
  expect(Number(said)).toBeGreaterThan(100)
})

test("DuckDB's parser takes the CREATE VIEW of each", async () => {
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  for (const { name, sql } of views) {
    const { count } = await connection.extractStatements(sql)
    expect(count, name).toBe(1)
  }
  await expect(connection.extractStatements('CREATE VIEW x AS SELECT FROM JOIN')).rejects.toThrow()
  connection.closeSync()
})

test('every column of every view has a type, and so has what stands in it; no number is infinite', () => {
  const db = plainDatabase(file, { readonly: true })
  const KINDS: Readonly<Record<string, string>> = {
    INTEGER: 'integer',
    INT: 'integer',
    REAL: 'real',
    TEXT: 'text',
  }
  for (const { name } of views) {
    const columns = (db.pragma(`table_info(${name})`) as { name: string; type: string }[])
      // Whatever the program gave.
      .filter((column) => name !== 'run_config' || column.name !== 'value')
      .map((column) => ({ ...column, kind: column.name === 'bytes' ? 'blob' : KINDS[column.type] }))
    expect(
      columns.filter(({ kind }) => kind === undefined),
      name,
    ).toEqual([])
    const wrong = columns.map(
      ({ name: column, kind }) =>
        `count(*) FILTER (WHERE typeof("${column}") NOT IN ('null', '${kind}') OR typeof("${column}") = 'real' AND abs("${column}") > 1.7976931348623157e308) AS "${column}"`,
    )
    const counts = db.prepare(`SELECT ${wrong.join(', ')} FROM ${name}`).get() as Record<string, number>
    expect(
      Object.entries(counts).filter(([, count]) => count > 0),
      name,
    ).toEqual([])
  }
  db.close()
})

test('the norms of a step are those of all its parts, also where their squares overflow', () => {
  const db = plainDatabase(file, { readonly: true })
  const run = db.prepare("SELECT id FROM run WHERE name = 'norms'").get() as { id: number }
  const summaries = db
    .prepare('SELECT step, gradient_norm, update_norm, parameter_norm FROM step_summary WHERE run_id = ?')
    .all(run.id) as Record<string, number>[]
  expect(summaries).toHaveLength(4)
  const all = (sql: string, step: number) =>
    Math.hypot(...(db.prepare(sql).raw().all(run.id, step) as number[][]).map(([norm]) => norm ?? 0))
  for (const { step = 0, ...norms } of summaries) {
    const expected = {
      gradient_norm: all(
        "SELECT l2_norm FROM gradient WHERE run_id = ? AND step = ? AND held <> 'none'",
        step,
      ),
      update_norm: all('SELECT update_norm FROM parameter_version WHERE run_id = ? AND step = ?', step),
      parameter_norm: all(
        'SELECT l2_norm, max(position) FROM parameter_version WHERE run_id = ? AND step = ? GROUP BY variable_position',
        step,
      ),
    }
    for (const [name, norm] of Object.entries(norms)) {
      const want = expected[name as keyof typeof expected]
      expect(want, `${name} of step ${step}`).toBeGreaterThan(0)
      expect(Math.abs(norm / want - 1), `${name} of step ${step}: ${norm} and ${want}`).toBeLessThan(1e-14)
    }
  }
  db.close()
})

test('a number of a config that JSON has not stands under its own path, apart from a text', () => {
  const db = plainDatabase(file, { readonly: true })
  const rows = db
    .prepare(
      "SELECT path, value, type FROM run_config JOIN run r ON r.id = run_id WHERE r.name = 'norms' ORDER BY path",
    )
    .raw()
    .all()
  expect(rows).toEqual([
    ['list[0]', '-Infinity', 'real'],
    ['nan', 'NaN', 'real'],
    ['own."$number"', 'NaN', 'text'],
    ['own.other', 1, 'integer'],
    ['text', 'NaN', 'text'],
    ['zero', -0, 'real'],
  ])
  db.close()
})
