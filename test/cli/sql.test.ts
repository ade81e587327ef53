/** What gradtape sql answers and refuses. */
import fs from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { plainDatabase } from '../plain-database.js'
import { gradtape, temporaryFolder, writeTape } from './gradtape.js'

const folder = temporaryFolder()
const file = path.join(folder, 'runs.tape')
const sql = (statement: string, ...options: string[]) => gradtape('sql', file, statement, ...options)
const ENDLESS = 'WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)'
const ODD = `SELECT 1 AS n, 'a,"b"' AS quoted, 'x' || char(10) || 'y' AS two, '' AS empty, NULL AS missing,
  x'00ff' AS bytes, 9007199254740993 AS big, 0.1 AS real, 9e999 AS infinite, 'NaN' AS nan`

beforeAll(() => writeTape(file))

describe('formats', () => {
  test('a table aligns numbers to the right and words to the left', async () => {
    const { stdout, status } = await sql(
      "SELECT step, name FROM metric WHERE name = 'loss' AND run_id = 2 ORDER BY step",
    )
    expect(stdout).toBe('step  name\n   1  loss\n   2  loss\n   3  loss\n')
    expect(status).toBe(0)
  })

  test('a table keeps a cell on one line and abbreviates blobs', async () => {
    const { stdout } = await sql(`${ODD}, zeroblob(100) AS long`)
    const [, row] = stdout.split('\n')
    expect(row?.split(/ {2,}/).map((cell) => cell.trim())).toEqual([
      '1',
      'a,"b"',
      'x\\ny',
      'NULL',
      "x'00ff'",
      '9007199254740993',
      '0.1',
      'Infinity',
      'NaN',
      "x'0000000000000000…' (100 bytes)",
    ])
  })

  test('CSV follows RFC 4180; an empty text is quoted, a null is empty', async () => {
    expect((await sql(ODD, '--csv')).stdout).toBe(
      'n,quoted,two,empty,missing,bytes,big,real,infinite,nan\r\n1,"a,""b""","x\ny","",,00ff,9007199254740993,0.1,Infinity,NaN\r\n',
    )
  })

  test('JSON is a list of objects; blobs are hex, big integers exact', async () => {
    const { stdout } = await sql(ODD, '--json')
    expect(stdout).toContain('"big": 9007199254740993,')
    expect(JSON.parse(stdout.replace('9007199254740993', '0'))).toEqual([
      {
        n: 1,
        quoted: 'a,"b"',
        two: 'x\ny',
        empty: '',
        missing: null,
        bytes: '00ff',
        big: 0,
        real: 0.1,
        infinite: 'Infinity',
        nan: 'NaN',
      },
    ])
    expect((await sql('SELECT 1 WHERE 0', '--json')).stdout).toBe('[]\n')
  })

  test('columns of one name stay apart in JSON', async () => {
    expect(JSON.parse((await sql('SELECT 1 AS a, 2 AS a, 3 AS a_2', '--json')).stdout)).toEqual([
      { a: 1, a_2: 2, a_2_2: 3 },
    ])
  })

  test('a table is cut after 1000 rows, and says so; JSON and CSV are not, unless told', async () => {
    const many = `${ENDLESS} SELECT x FROM c LIMIT 1500`
    const table = await sql(many)
    expect(table.stdout.trimEnd().split('\n')).toHaveLength(1_001)
    expect(table.stderr).toBe('cut after 1000 rows; --limit prints more\n')
    expect((await sql(many, '--limit', '2000')).stdout.trimEnd().split('\n')).toHaveLength(1_501)
    expect(JSON.parse((await sql(many, '--json')).stdout)).toHaveLength(1_500)
    expect((await sql(many, '--csv', '--limit', '2')).stdout).toBe('x\r\n1\r\n2\r\n')
  })

  test('rows of an endless query are printed as they come', async () => {
    expect((await sql(`${ENDLESS} SELECT x FROM c`, '--limit', '3')).stdout).toBe('x\n1\n2\n3\n')
  })
})

describe('limits', () => {
  test('a query that takes too long is stopped', async () => {
    const from = performance.now()
    const { status, stderr, stdout } = await sql(
      `${ENDLESS} SELECT count(*) FROM c`,
      '--timeout',
      '0.5',
      '--json',
    )
    expect(stderr).toMatch(/^SQL_TIMEOUT: the query took longer than 0.5 s and was stopped/)
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'SQL_TIMEOUT' } })
    expect(status).toBe(1)
    expect(performance.now() - from).toBeLessThan(10_000)
  })

  test.each([
    ['INSERT', "INSERT INTO note (text) VALUES ('x')"],
    ['a hidden INSERT', 'WITH a AS (SELECT 1) INSERT INTO _text (content) SELECT 1 FROM a RETURNING id'],
    ['DELETE', 'DELETE FROM _run'],
    ['DROP', 'DROP VIEW run'],
    ['CREATE TEMP', 'CREATE TEMP TABLE t (a)'],
    ['PRAGMA', 'PRAGMA user_version'],
    ['EXPLAIN PRAGMA', 'EXPLAIN PRAGMA user_version = 3'],
    ['VACUUM INTO', `VACUUM INTO '${path.join(folder, 'copy.tape')}'`],
    ['BEGIN', 'BEGIN IMMEDIATE'],
    ['load_extension', "SELECT load_extension('x')"],
    ['two statements', 'SELECT 1; DELETE FROM _run'],
    ['nothing', ' -- nothing\n'],
    ['a parameter', 'SELECT ?'],
  ])('%s is refused, and the tape stays as it was', async (_, statement) => {
    const before = fs.readFileSync(file)
    const { status, stderr, stdout } = await sql(statement)
    expect(stderr).toMatch(/^SQL_FAILED: /)
    expect([status, stdout]).toEqual([1, ''])
    expect(fs.readFileSync(file).equals(before)).toBe(true)
    expect(fs.existsSync(path.join(folder, 'copy.tape'))).toBe(false)
  })

  test('ATTACH cannot reach another file, however it is dressed', async () => {
    const other = path.join(folder, 'secret.db')
    const db = plainDatabase(other)
    db.exec("CREATE TABLE secret AS SELECT 'hidden' AS word")
    db.close()
    const attempts = [
      `ATTACH '${other}' AS other`,
      `/* */ -- SELECT\nATTACH '${other}' AS other`,
      `SELECT 1; ATTACH '${other}' AS other`,
      `EXPLAIN ATTACH '${other}' AS other`,
      `SELECT sqlite_attach('${other}', 'other', '')`,
    ]
    for (const attempt of attempts) {
      const { status, stderr, stdout } = await sql(attempt)
      expect(stderr).toMatch(/^SQL_FAILED: /)
      expect([status, stdout]).toEqual([1, ''])
    }
    expect((await sql('SELECT word FROM other.secret')).stderr).toMatch(/no such table/)
  })

  test('the process that runs the query knows no environment', async () => {
    expect(
      (await sql("SELECT name FROM pragma_function_list WHERE name LIKE '%env%' OR name LIKE '%file%'"))
        .stdout,
    ).toBe('name\n')
  })

  test('several statements are refused in plain words', async () => {
    expect((await sql('SELECT 1; SELECT 2')).stderr).toBe(
      'SQL_FAILED: expected one statement, got more; run them one by one\n',
    )
    expect((await sql('SELECT 1; -- that is all')).stdout).toBe('1\n1\n')
  })
})

describe('mistakes', () => {
  test('an unknown view or column comes with the nearest one', async () => {
    expect((await sql('SELECT * FROM metrics')).stderr).toMatch(
      /^SQL_FAILED: no such table: metrics; did you mean "metric"\? The views are run, step/,
    )
    expect((await sql('SELECT m.vlaue FROM metric m')).stderr).toMatch(
      /^SQL_FAILED: no such column: m.vlaue; did you mean "value"\? metric has run_id, /,
    )
  })

  test('a syntax error is told in words of SQLite', async () => {
    expect((await sql('SELECT FROM WHERE')).stderr).toMatch(/^SQL_FAILED: near "FROM": syntax error/)
  })
})
