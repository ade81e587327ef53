/** What gradtape sql answers and refuses. */
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { openTape } from '../../src/index.js'
import { plainDatabase } from '../plain-database.js'
import { gradtape, started, temporaryFolder, writeTape } from './gradtape.js'

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
      /^SQL_FAILED: no such table: metrics; did you mean "metric"\? The views are tape, run, run_config, step/,
    )
    expect((await sql('SELECT m.vlaue FROM metric m')).stderr).toMatch(
      /^SQL_FAILED: no such column: m.vlaue; did you mean "value"\? metric has run_id, /,
    )
  })

  test('a syntax error is told in words of SQLite', async () => {
    expect((await sql('SELECT FROM WHERE')).stderr).toMatch(/^SQL_FAILED: near "FROM": syntax error/)
  })
})

describe('the process that runs the query', () => {
  /** Processes that this one started, by ps. */
  const childrenOf = (pid: number): number[] =>
    execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
      .split('\n')
      .map((line) => line.trim().split(/\s+/).map(Number))
      .filter(([, parent]) => parent === pid)
      .map(([child]) => child!)
  /** Whether it runs: one that has ended and was not fetched by anybody does not. */
  const isAlive = (pid: number) =>
    /^ *[^ Z]/.test(
      execFileSync('ps', ['-A', '-o', 'pid=,stat='], { encoding: 'utf8' })
        .split('\n')
        .find((line) => line.trim().startsWith(`${pid} `))
        ?.trim()
        .slice(`${pid}`.length) ?? '',
    )
  const until = async (what: () => boolean) => {
    for (let i = 0; i < 300 && !what(); i++) await new Promise((resolve) => setTimeout(resolve, 50))
    return what()
  }

  test.each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)(
    'ends with the command, though that dies of %s',
    async (signal) => {
      const { child, ended } = started(['sql', file, `${ENDLESS} SELECT count(*) FROM c`, '--timeout', '600'])
      expect(await until(() => childrenOf(child.pid!).length === 1)).toBe(true)
      const [running] = childrenOf(child.pid!)
      await new Promise((resolve) => setTimeout(resolve, 1_000)) // the query is under way
      child.kill(signal)
      await ended
      expect(await until(() => !isAlive(running!))).toBe(true)
    },
  )
})

describe('a text of a tape', () => {
  const odd = path.join(folder, 'odd.tape')
  const names = ['=HYPERLINK("http://x")', '@SUM(1)', '+1+1', '\u001b]0;owned\u0007\u009b31m', '\u202eevil']
  beforeAll(async () => {
    const tape = openTape(odd)
    for (const name of names) await tape.startRun(name).finish()
    tape.close()
  })
  const query = ['sql', odd, 'SELECT name FROM run ORDER BY id'] as const

  test('is no formula in CSV, unless it is asked for as it is', async () => {
    const { stdout } = await gradtape(...query, '--csv')
    expect(stdout.split('\r\n').slice(1, 4)).toEqual([`"'=HYPERLINK(""http://x"")"`, "'@SUM(1)", "'+1+1"])
    const exact = await gradtape(...query, '--csv', '--exact')
    expect(exact.stdout.split('\r\n').slice(1, 4)).toEqual(['"=HYPERLINK(""http://x"")"', '@SUM(1)', '+1+1'])
  })

  test('steers no terminal, in whatever is printed', async () => {
    for (const args of [
      query,
      ['runs', odd],
      ['verify', odd],
      ['show', odd, '--run', '4'],
      ['replay', odd, '4'],
    ]) {
      for (const json of [[], ['--json']]) {
        const { stdout, stderr } = await gradtape(...args, ...json)
        // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
        expect(stdout + stderr, args.join(' ')).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/)
        if (json.length > 0) expect(JSON.parse(stdout)).toBeTypeOf('object')
      }
    }
  })
})
