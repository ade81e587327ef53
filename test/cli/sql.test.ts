/** What gradtape sql answers and refuses. */
import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { parquetMetadata, parquetReadObjects } from 'hyparquet'
import { beforeAll, describe, expect, test } from 'vitest'
import { TEXT_FORMATS } from '../../src/cli/rows.js'
import { openTape } from '../../src/index.js'
import { plainDatabase } from '../plain-database.js'
import { gradtape, gradtapeProcess, MAIN, started, temporaryFolder, writeTape } from './gradtape.js'

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
      "''",
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

  test('JSON is a list of objects; bytes and infinities are no texts, big integers exact', async () => {
    const { stdout } = await sql(ODD, '--json')
    expect(stdout).toContain('"big": 9007199254740993,')
    expect(JSON.parse(stdout.replace('9007199254740993', '0'))).toEqual([
      {
        n: 1,
        quoted: 'a,"b"',
        two: 'x\ny',
        empty: '',
        missing: null,
        bytes: { $blob: '00ff' },
        big: 0,
        real: 0.1,
        infinite: { $number: 'Infinity' },
        nan: 'NaN',
      },
    ])
    expect((await sql('SELECT 1 WHERE 0', '--json')).stdout).toBe('[]\n')
  })

  test('newline-delimited JSON is one object a line; TSV escapes as COPY does; Markdown is a table; lines are name = value', async () => {
    const odd =
      "SELECT 1 AS n, 2.0 AS real, 'a|b' || char(9) || 'c' || char(10) || '\\' AS text, NULL AS missing"
    expect((await sql(odd, '--format', 'ndjson')).stdout).toBe(
      '{"n": 1, "real": 2.0, "text": "a|b\\tc\\n\\\\", "missing": null}\n',
    )
    expect((await sql(odd, '--format', 'tsv')).stdout).toBe(
      'n\treal\ttext\tmissing\n1\t2.0\ta|b\\tc\\n\\\\\t\\N\n',
    )
    expect((await sql(odd, '--format', 'markdown')).stdout).toBe(
      '| n | real | text | missing |\n|--:|--:|---|--:|\n| 1 | 2.0 | a\\|b c<br>\\\\ | *NULL* |\n',
    )
    expect((await sql(odd, '--format', 'line')).stdout).toBe(
      '      n = 1\n   real = 2.0\n   text = a|b\\tc\\n\\\nmissing = NULL\n',
    )
  })

  test.each(TEXT_FORMATS)(
    '%s tells NULL, an empty text and the text NULL apart, and 1 from 1.0 where it knows types',
    async (format) => {
      const { stdout } = await sql(
        "VALUES (7, NULL), (7, ''), (7, 'NULL'), (7, '\\N'), (7, '*NULL*'), (7, 1), (7, 1.0)",
        '--format',
        format,
      )
      const rows = stdout
        .split(format === 'line' ? '\n\n' : '\n')
        .map((line) => line.trim().replace(/,$/, ''))
        .filter((line) => line.includes('7'))
      expect(rows).toHaveLength(7)
      expect(new Set(rows).size).toBe(format === 'csv' ? 6 : 7)
    },
  )

  test('Parquet has a type for each column by what stands in it, and is a whole file when the time is over', async () => {
    const read = (statement: string, ...options: string[]) => {
      const { stdout, status } = spawnSync(process.execPath, [
        ...[MAIN, 'sql', file, statement, '--format', 'parquet'],
        ...options,
      ])
      const bytes = Uint8Array.from(stdout).buffer
      const types = parquetMetadata(bytes).schema.slice(1)
      return {
        bytes,
        status,
        types: types.map(({ name, type, converted_type }) => [name, converted_type ?? type]),
      }
    }
    const odd = read(
      `SELECT *, 7 AS a, 8 AS a FROM (SELECT 9007199254740993 AS i, 1 AS f, 'a' AS t, x'00ff' AS b, NULL AS n, 1 AS m
       UNION ALL SELECT NULL, 0.5, '', x'', NULL, 'x' UNION ALL SELECT -9223372036854775808, 9e999, NULL, NULL, NULL, x'01')`,
    )
    expect([odd.status, ...odd.types]).toEqual([
      0,
      ...[
        ['i', 'INT64'],
        ['f', 'DOUBLE'],
        ['t', 'UTF8'],
        ['b', 'BYTE_ARRAY'],
        ['n', 'UTF8'],
        ['m', 'UTF8'],
      ],
      ...[
        ['a', 'INT64'],
        ['a_2', 'INT64'],
      ],
    ])
    expect(await parquetReadObjects({ file: odd.bytes, utf8: false })).toEqual([
      { i: 9007199254740993n, f: 1, t: 'a', b: Uint8Array.of(0, 255), n: null, m: '1', a: 7n, a_2: 8n },
      { i: null, f: 0.5, t: '', b: Uint8Array.of(), n: null, m: 'x', a: 7n, a_2: 8n },
      { i: -(2n ** 63n), f: Number.POSITIVE_INFINITY, t: null, b: null, n: null, m: '01', a: 7n, a_2: 8n },
    ])
    const cut = read(`${ENDLESS} SELECT x FROM c WHERE x < 4 OR x < 0`, '--timeout', '1')
    expect([cut.status, await parquetReadObjects({ file: cut.bytes })]).toEqual([
      1,
      [{ x: 1n }, { x: 2n }, { x: 3n }],
    ])
    const none = read('SELECT 1 AS x WHERE false')
    expect([none.status, none.types, await parquetReadObjects({ file: none.bytes })]).toEqual([
      0,
      [['x', 'UTF8']],
      [],
    ])
  })

  test('a plan is a tree', async () => {
    const { stdout } = await sql('EXPLAIN QUERY PLAN SELECT 1 UNION ALL SELECT 2')
    expect(stdout.split('\n')).toEqual([
      'QUERY PLAN',
      '└─ COMPOUND QUERY',
      '   ├─ LEFT-MOST SUBQUERY',
      '   │  └─ SCAN CONSTANT ROW',
      '   └─ UNION ALL',
      '      └─ SCAN CONSTANT ROW',
      '',
    ])
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
    ['a parameter without a value', 'SELECT ?'],
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

describe('the time limit, when rows were printed before it', () => {
  const slow = `${ENDLESS} SELECT x FROM c WHERE x < 4 OR x < 0`
  test('leaves a whole document in every format; standard error and the exit code say so', async () => {
    const said = async (format: string) => {
      const { status, stdout, stderr } = await gradtapeProcess(
        'sql',
        file,
        slow,
        '--format',
        format,
        '--timeout',
        '2',
      )
      expect(stderr, format).toMatch(
        /^only 3 rows are printed:\nSQL_TIMEOUT: the query took longer than 2 s and was stopped/,
      )
      expect(status, format).toBe(1)
      if (format === 'json') expect(JSON.parse(stdout)).toEqual([{ x: 1 }, { x: 2 }, { x: 3 }])
      else expect(stdout.match(/[123]/g), format).toEqual(['1', '2', '3'])
    }
    await Promise.all(['json', 'ndjson', 'csv', 'table'].map(said))
  })
})

describe('where a statement comes from', () => {
  test('standard input, a file, or the argument; not two of them', async () => {
    const query = path.join(folder, 'names.sql')
    fs.writeFileSync(query, '\ufeff-- the runs\nSELECT name FROM run\nWHERE id = :run;\n')
    expect((await gradtape('sql', file, '--file', query, '--param', 'run=2')).stdout).toBe('name\ntrain\n')
    const piped = execFileSync(process.execPath, [MAIN, 'sql', file, '-', '--csv'], {
      input: 'SELECT count(*) AS n FROM run',
      encoding: 'utf8',
    })
    expect(piped).toBe('n\r\n2\r\n')
    const unasked = execFileSync(process.execPath, [MAIN, 'sql', file, '--csv'], {
      input: 'SELECT 1 AS n',
      encoding: 'utf8',
    })
    expect(unasked).toBe('n\r\n1\r\n')
    const both = await sql('SELECT 1', '--file', query)
    expect([both.status, both.stderr]).toEqual([
      1,
      'BAD_ARGUMENT: expected one statement, got one as an argument and one as --file\n',
    ])
    expect((await gradtape('sql', file, '--file', path.join(folder, 'none.sql'))).stderr).toMatch(
      /^FILE_NOT_FOUND: /,
    )
    expect((await gradtape('sql', file)).stderr).toBe('SQL_FAILED: expected a statement, got nothing\n')
  })
})

describe('parameters', () => {
  test('are numbers, NULL, bytes and texts, by how they are written', async () => {
    const given = {
      a: '30',
      b: '-1.50',
      c: '1e3',
      d: 'null',
      e: "'30'",
      f: "x'00ff'",
      g: '',
      h: "it's = ok",
      i: '9223372036854775807',
      j: "''''",
    }
    const names = Object.keys(given)
    const { stdout } = await sql(
      `SELECT ${names.map((name) => `typeof(:${name}) AS t${name}, :${name} AS ${name}`).join(', ')}`,
      ...Object.entries(given).flatMap(([name, value]) => ['--param', `${name}=${value}`]),
      '--format',
      'tsv',
    )
    expect(stdout.split('\n')[1]?.split('\t')).toEqual([
      'integer',
      '30',
      'real',
      '-1.5',
      'real',
      '1000.0',
      'null',
      '\\N',
      'text',
      '30',
      'blob',
      '00ff',
      'text',
      '',
      'text',
      "it's = ok",
      'integer',
      '9223372036854775807',
      'text',
      "'",
    ])
  })

  test('have numbers where the statement has no names for them', async () => {
    expect((await sql('SELECT ? AS a, ? AS b', '--param', '1=x', '--param', '2=y', '--csv')).stdout).toBe(
      'a,b\r\nx,y\r\n',
    )
    expect(
      (
        await sql(
          'SELECT ?2 AS a, ?1 AS b, $c AS c, @d AS d',
          '--param',
          '1=x',
          '--param',
          '2=y',
          '--param',
          'c=1',
          '--param',
          'd=2',
          '--csv',
        )
      ).stdout,
    ).toBe('a,b,c,d\r\ny,x,1,2\r\n')
  })

  test.each([
    ['is missing', 'SELECT :step', [], 'the parameter :step has no value; give one (--param step=VALUE)'],
    [
      'is misspelled',
      'SELECT :step',
      ['--param', 'stap=1'],
      'a value is given for the parameter "stap", and the statement has :step; did you mean "step"?',
    ],
    [
      'stands in a text',
      "SELECT ':step'",
      ['--param', 'step=1'],
      'a value is given for the parameter "step", and the statement has no parameters',
    ],
    [
      'is of two kinds',
      'SELECT ?, :a',
      [],
      'expected parameters of one kind, got ? beside others; give each a name',
    ],
  ])('are refused where one %s', async (_, statement, options, words) => {
    const { status, stderr } = await sql(statement, ...options)
    expect([status, stderr]).toEqual([1, `SQL_FAILED: ${words}\n`])
  })
})

describe('a second tape', () => {
  const other = path.join(folder, 'other.tape')
  beforeAll(async () => {
    const tape = openTape(other)
    await tape.startRun('elsewhere').finish()
    tape.close()
  })

  test('is asked in the same query, read-only', async () => {
    const { stdout } = await sql(
      'SELECT a.name AS here, b.name AS there, (SELECT count(*) FROM b.event) AS events FROM run a JOIN b.run b WHERE a.id = 1',
      '--attach',
      `b=${other}`,
      '--csv',
    )
    expect(stdout).toBe('here,there,events\r\nchain,elsewhere,2\r\n')
    expect(fs.readdirSync(folder).filter((name) => name.startsWith('other'))).toEqual(['other.tape'])
  })

  test('is a tape that was checked, under a name of its own', async () => {
    const plain = path.join(folder, 'plain.db')
    const db = plainDatabase(plain)
    db.exec("CREATE TABLE secret AS SELECT 'hidden' AS word")
    db.close()
    const tampered = path.join(folder, 'tampered.tape')
    fs.copyFileSync(other, tampered)
    const open = plainDatabase(tampered)
    open.exec('CREATE VIEW mine AS SELECT 1')
    open.close()
    for (const [attach, words] of [
      [`b=${plain}`, /^NOT_A_TAPE: /],
      [`b=${tampered}`, /^TAPE_CORRUPT: the schema has a view mine that gradtape does not make/],
      [`b=${path.join(folder, 'none.tape')}`, /^TAPE_NOT_FOUND: /],
      [`main=${other}`, /^BAD_ARGUMENT: expected a name of letters/],
      [`b" AS c; --=${other}`, /^BAD_ARGUMENT: expected a name of letters/],
      [other, /^BAD_ARGUMENT: --attach expected NAME=VALUE/],
    ] as const) {
      const { status, stdout, stderr } = await sql('SELECT 1', '--attach', attach)
      expect([status, stdout]).toEqual([1, ''])
      expect(stderr).toMatch(words)
    }
    expect(fs.existsSync(path.join(folder, 'none.tape'))).toBe(false)
  })

  test('makes the id of a value mean nothing, and that is said', async () => {
    const { stderr } = await sql('SELECT tensor_norm(1)', '--attach', `b=${other}`)
    expect(stderr).toMatch(/expected bytes and dtype: with several tapes an id does not say of which/)
  })
})

test('the functions on arrays can be called', async () => {
  const { stdout } = await sql(
    "SELECT e.i, e.j, e.value FROM gradient g JOIN tensor_elements(g.bytes, g.dtype, g.shape) e WHERE variable_name = 'fc1.weight' AND step = 1 AND i = 0",
    '--json',
  )
  expect(JSON.parse(stdout)).toMatchObject([
    { i: 0, j: 0 },
    { i: 0, j: 1 },
  ])
})

describe('mistakes', () => {
  test.each([
    ['SELECT FROM WHERE', 'near "FROM": syntax error', 'column 8', '  SELECT FROM WHERE\n         ^'],
    [
      "SELECT 'from' FROM run\nWHERE name = 'FROM' FROM x",
      'near "FROM": syntax error',
      'line 2, column 21',
      "  WHERE name = 'FROM' FROM x\n                      ^",
    ],
    [
      'SELECT count(* FROM run',
      'near "FROM": syntax error',
      'column 16',
      '  SELECT count(* FROM run\n                 ^',
    ],
    ['SELECT 1 +', 'incomplete input', 'column 11', '  SELECT 1 +\n            ^'],
    ["SELECT 'abc", 'unrecognized token: "\'abc"', 'column 8', "  SELECT 'abc\n         ^"],
    ['SELECT foo(1)', 'no such function: foo', 'column 8', '  SELECT foo(1)\n         ^'],
  ])('%s is marked where it is wrong', async (statement, words, place, mark) => {
    expect((await sql(statement)).stderr).toBe(`SQL_FAILED: ${words}\nat ${place}:\n${mark}\n`)
  })

  test('an unknown view or column comes with the nearest one', async () => {
    expect((await sql('SELECT * FROM metrics')).stderr).toMatch(
      /^SQL_FAILED: no such table: metrics; did you mean "metric"\? The views are tape, run, run_config, (?:\w+, )*step, /,
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

test.runIf(fs.existsSync('/dev/full'))('an answer that does not fit on the disk is told in words', () => {
  for (const args of [
    ['sql', file, 'SELECT * FROM call', '--csv'],
    ['query', 'curve', file],
    ['metrics', file, '--json'],
    ['runs', file],
  ]) {
    const { status, stderr } = spawnSync(
      'sh',
      ['-c', 'exec "$0" "$@" > /dev/full', process.execPath, MAIN, ...args],
      {
        encoding: 'utf8',
      },
    )
    expect([status, stderr], args.join(' ')).toEqual([
      1,
      expect.stringMatching(/^WRITE_FAILED: .*ENOSPC.*\n$/),
    ])
  }
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
    const quotes = await gradtape(
      'sql',
      odd,
      `SELECT '"=1+1"' AS a, 'it''s' AS b, '"so"' AS c`,
      '--format',
      'tsv',
    )
    expect(quotes.stdout).toBe(`a\tb\tc\n'"=1+1"\tit's\t"so"\n`)
    const exact = await gradtape(...query, '--csv', '--exact')
    expect(exact.stdout.split('\r\n').slice(1, 4)).toEqual(['"=HYPERLINK(""http://x"")"', '@SUM(1)', '+1+1'])
  })

  test('steers no terminal, in whatever is printed', async () => {
    for (const args of [
      ['runs', odd, '--\u001b[2J\u202e'],
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
