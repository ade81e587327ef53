/** What gradtape export writes, read by what others wrote: hyparquet, TensorBoard's own bytes, JSON. */
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import Database from 'better-sqlite3'
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet'
import { beforeAll, describe, expect, test } from 'vitest'
import { crc32c, fileVersion, scalarRecord } from '../../src/formats/tensorboard.js'
import { loadState, openTape } from '../../src/index.js'
import { gradtape, gradtapeJson, MAIN, temporaryFolder } from '../cli/gradtape.js'
import { recordCookbook, type Seen } from '../queries/cookbook-program.js'

const folder = temporaryFolder()
const file = path.join(folder, 'runs.tape')
const out = (name: string) => path.join(folder, name)
let live: Seen[]
let db: Database.Database

beforeAll(async () => {
  live = await recordCookbook(file)
  db = new Database(file, { readonly: true })
}, 60_000)

/** A cell as Parquet gives it: whole numbers as bigints. */
const alike = (cell: unknown) => (cell instanceof Uint8Array ? Buffer.from(cell).toString('hex') : cell)

describe('parquet', () => {
  test('has every view with every row and cell, read by hyparquet', async () => {
    const { files } = await gradtapeJson<{ files: { view: string; file: string; rows: number }[] }>(
      'export',
      file,
      '--to',
      'parquet',
      '-o',
      out('parquet'),
    )
    const names = db
      .prepare("SELECT name FROM sqlite_schema WHERE type = 'view' AND name NOT LIKE '\\_%' ESCAPE '\\'")
      .pluck()
      .all() as string[]
    expect(files.map(({ view }) => view).sort()).toEqual(
      names.filter((name) => !['variable', 'edge'].includes(name)).sort(),
    )
    for (const { view, file: written, rows } of files) {
      const found = await parquetReadObjects({ file: await asyncBufferFromFile(written), utf8: false })
      const columns = Object.keys(found[0] ?? {})
      expect(found, view).toHaveLength(rows)
      if (rows === 0) continue
      const types = new Map(
        db.prepare('SELECT name, type FROM pragma_table_info(?)').raw().all(view) as [string, string][],
      )
      expect(columns, view).toEqual(
        [...types.keys()].filter((name) => name !== 'bytes' || ['leaf', 'value', 'chunk'].includes(view)),
      )
      const expected = db
        .prepare(`SELECT ${columns.map((name) => `"${name}"`).join(', ')} FROM "${view}"`)
        .safeIntegers()
        .raw()
        .all() as unknown[][]
      for (const [i, row] of expected.entries())
        for (const [k, name] of columns.entries()) {
          const type = types.get(name)
          const cell = row[k]
          const wanted =
            cell === null || type?.startsWith('INT') || cell instanceof Uint8Array
              ? cell
              : type === 'REAL'
                ? Number(cell)
                : String(cell)
          expect(alike(found[i]?.[name] ?? null), `${view}.${name} of row ${i}`).toEqual(alike(wanted))
        }
    }
  })

  test('of one run and one view has its rows alone', async () => {
    const { files } = await gradtapeJson<{ files: { file: string; rows: number }[] }>(
      ...['export', file, '--to', 'parquet', '--views', 'metric', '--run', 'diverged', '-o', out('one')],
    )
    const [only] = files
    const rows = await parquetReadObjects({ file: await asyncBufferFromFile(only?.file ?? '') })
    expect(rows.map(({ value, non_finite }) => value ?? non_finite)).toEqual([
      98,
      'Infinity',
      'Infinity',
      'NaN',
      'NaN',
    ])
    expect(fs.readdirSync(out('one'))).toEqual(['metric.parquet'])
  })
})

test('CSV has a file a view; NULL is empty, an empty text is quoted', async () => {
  await gradtape('export', file, '--to', 'csv', '--views', 'note,run_config', '--run', '3', '-o', out('csv'))
  expect(fs.readFileSync(out('csv/note.csv'), 'utf8')).toMatch(
    /^run_id,position,step,text\r\n3,\d+,5,the learning rate was a slip\r\n$/,
  )
  expect(fs.readFileSync(out('csv/run_config.csv'), 'utf8')).toContain('3,optimizer.kind,sgd,text\r\n')
})

test.each(['npz', 'safetensors'])(
  '%s has the parameters that a step computed with, and its gradients',
  async (format) => {
    const target = out(`step.${format}`)
    await gradtape('export', file, '--to', format, '--run', '2', '--step', '5', '--gradients', '-o', target)
    const state = loadState(target)
    for (const [name, versions] of live[1]!.weights) {
      expect([...state[name]!.data]).toEqual(versions[4])
      expect([...state[`grad/${name}`]!.data]).toEqual(live[1]!.gradients.get(name)?.[4])
    }
  },
)

describe('tensorboard', () => {
  // Written by tensorboard 2.21's RecordWriter and its protocol buffers.
  const GOLDEN =
    '1800000000000000a37f4b220900002040fc54d9411a0d627261696e2e4576656e743a322b3531101a00000000000000129bd82d0900006040fc54d94110012a0d0a0b0a046c6f7373150000403f51f227831a00000000000000129bd82d090000a040fc54d94110022a0d0a0b0a046c6f7373150000c07fbf12a998200000000000000029eda950090000208bfc54d94110ac022a120a100a09c39c62756e672fceb115caf249f1fd5f8fad'

  test('records are byte for byte what TensorBoard itself writes', () => {
    const begun = 1_700_000_000.5
    const scalars = [
      { step: 1, tag: 'loss', value: 0.75 },
      { step: 2, tag: 'loss', value: Number.NaN },
      { step: 300, tag: 'Übung/α', value: -1e30 },
    ]
    const bytes = [
      fileVersion(begun),
      ...scalars.map((scalar) => scalarRecord({ wallTime: begun + scalar.step, ...scalar })),
    ]
    expect(Buffer.concat(bytes).toString('hex')).toBe(GOLDEN)
  })

  test('the sum is CRC-32C, as RFC 3720 has it', () => {
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa)
    expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43)
  })

  test('a run is one event file with a scalar for each metric', async () => {
    const answer = await gradtapeJson<{ file: string; scalars: number }>(
      ...['export', file, '--to', 'tensorboard', '--run', '1', '-o', out('logs')],
    )
    expect(answer.scalars).toBe(12 + 12 + 4)
    expect(fs.readFileSync(answer.file).includes('accuracy')).toBe(true)
    expect(path.basename(answer.file)).toMatch(/^events\.out\.tfevents\.\d{10}\.gradtape\.1$/)
  })
})

test('a trace is one JSON document with a slice a step and a counter a metric', async () => {
  await gradtape('export', file, '--to', 'trace', '--run', '1', '-o', out('trace.json'))
  const { traceEvents } = JSON.parse(fs.readFileSync(out('trace.json'), 'utf8')) as {
    traceEvents: { ph: string; name: string; ts?: number; dur?: number; args: Record<string, number> }[]
  }
  const slices = traceEvents.filter(({ ph }) => ph === 'X')
  expect(slices.map(({ name }) => name)).toEqual(live[0]!.loss.map((_, i) => `step ${i + 1}`))
  expect(slices.every(({ ts, dur }) => (ts ?? -1) >= 0 && (dur ?? -1) >= 0)).toBe(true)
  const losses = traceEvents.filter(({ ph, name }) => ph === 'C' && name === 'loss')
  expect(losses.map(({ args }) => args.value)).toEqual(live[0]!.loss)
  expect(traceEvents.filter(({ name }) => name === 'checkpoint')).toHaveLength(1)
})

describe('what cannot be', () => {
  test.each([
    [
      'a view that is not there',
      ['--to', 'csv', '--views', 'metrics', '-o', out('x')],
      /^VIEW_NOT_FOUND: the tape has no view "metrics"; did you mean "metric"\?/,
    ],
    ['a step beyond the run', ['--to', 'npz', '--step', '99', '-o', out('x.npz')], /^STEP_NOT_FOUND: /],
    [
      'an option of another format',
      ['--to', 'trace', '--step', '1', '-o', out('x.json')],
      /^BAD_ARGUMENT: --step is for npz, safetensors and onnx/,
    ],
    [
      'the tape itself as output',
      ['--to', 'trace', '-o', file],
      /^BAD_ARGUMENT: --output expected a file that is no part of the tape/,
    ],
    [
      'a file where a folder should be',
      ['--to', 'csv', '-o', path.join(file, 'x')],
      /^WRITE_FAILED: writing /,
    ],
  ])('%s is refused', async (_, options, words) => {
    const before = fs.readFileSync(file)
    const { status, stderr } = await gradtape('export', file, ...options)
    expect([status, words.test(stderr)], stderr).toEqual([1, true])
    expect(fs.readFileSync(file).equals(before)).toBe(true)
  })

  // As much as fits into one block of a file: what a full disk does to a write, which is a part of it at first.
  const small = (...options: string[]) =>
    spawnSync(
      'sh',
      ['-c', 'ulimit -f 1; exec "$0" "$@"', process.execPath, MAIN, 'export', file, ...options],
      {
        encoding: 'utf8',
      },
    )
  const KINDS = ['parquet', 'csv', 'npz', 'safetensors', 'tensorboard', 'trace'] as const
  const isFolder = (kind: string) => ['parquet', 'csv', 'tensorboard'].includes(kind)

  test.each(KINDS)('%s on a disk that is full says so, leaves nothing, and keeps an older file', (kind) => {
    const run = ['--to', kind, '--run', '2']
    const target = isFolder(kind) ? out(`full-${kind}`) : path.join(out(`full-${kind}`), `a.${kind}`)
    fs.mkdirSync(out(`full-${kind}`))
    const { status, stderr } = small(...run, '-o', target)
    expect([status, stderr], stderr).toEqual([
      1,
      expect.stringMatching(/^WRITE_FAILED: .*(EFBIG|file too large)/m),
    ])
    expect(fs.readdirSync(out(`full-${kind}`)).filter((name) => /unfinished|tmp/.test(name))).toEqual([])
  })

  test.each(KINDS)(
    '%s of a tape that is damaged says so, and leaves no file that is not whole',
    async (kind) => {
      const damaged = out('damaged.tape')
      const bytes = fs.readFileSync(file)
      // The pages of the schema stay; of what comes after, every second page is noise.
      for (let at = 40 * 4096; at < bytes.length; at += 8192)
        bytes.fill(0xa5, at, Math.min(at + 4096, bytes.length))
      fs.writeFileSync(damaged, bytes)
      const target = isFolder(kind) ? out(`damaged-${kind}`) : out(`damaged.${kind}`)
      const { status, stderr } = await gradtape('export', damaged, '--to', kind, '--run', '2', '-o', target)
      expect([status, stderr], stderr).toEqual([1, expect.stringMatching(/^TAPE_CORRUPT: /)])
      const left = fs.readdirSync(isFolder(kind) && fs.existsSync(target) ? target : path.dirname(target))
      expect(left.filter((name) => /unfinished|\.tmp$/.test(name))).toEqual([])
    },
  )

  test.each(KINDS)('%s into what may not be a file is refused, and nothing is left', async (kind) => {
    const place = out(`taken-${kind}`)
    const taken = path.join(place, isFolder(kind) ? 'x' : `x.${kind}`)
    fs.mkdirSync(place)
    if (isFolder(kind)) fs.writeFileSync(taken, 'mine')
    else fs.mkdirSync(taken)
    const { status, stderr } = await gradtape('export', file, '--to', kind, '-o', taken)
    expect([status, stderr], stderr).toEqual([1, expect.stringMatching(/^WRITE_FAILED: /)])
    expect(fs.readdirSync(place)).toEqual([path.basename(taken)])
  })
})

describe('for a program', () => {
  test('metrics stand side by side by step, and a query gives rows', async () => {
    const tape = openTape(file, { readonly: true })
    const { steps, columns } = tape.run(1).metrics(['accuracy', 'loss'])
    expect(steps).toEqual(live[0]!.loss.map((_, i) => i + 1))
    expect(columns.get('loss')).toEqual(live[0]!.loss)
    expect(columns.get('accuracy')?.filter((value) => value !== null)).toEqual(live[0]!.accuracy)
    expect(columns.get('accuracy')?.[0]).toBeNull()
    expect([...tape.run(1).metrics().columns.keys()]).toEqual(['loss', 'epoch', 'accuracy'])
    expect(tape.run(3).metrics().columns.get('loss')?.at(-1)).toBeNaN()
    expect(() => tape.run(1).metrics(['los'])).toThrow(
      'the run logged no metric "los"; did you mean "loss"? It logged loss, epoch, accuracy',
    )
    expect(tape.query('SELECT id, name FROM run WHERE id > :least', { least: 2 })).toEqual([
      { id: 3, name: 'diverged' },
    ])
    expect(tape.query("SELECT ? AS a, ? AS b, x'00ff' AS c", [2n ** 60n, null])).toEqual([
      { a: 2n ** 60n, b: null, c: Buffer.from([0, 255]) },
    ])
    for (const [sql, words] of [
      ['DELETE FROM _run', 'expected SELECT, WITH, VALUES or EXPLAIN, got "DELETE"'],
      ["WITH a AS (SELECT 1) INSERT INTO _text (content) SELECT 'x' FROM a RETURNING id", 'only reads'],
      ['SELECT * FROM nobody', 'no such table: nobody'],
      ['', 'got nothing'],
    ] as const)
      expect(() => tape.query(sql)).toThrow(words)
    tape.close()
    expect(() => tape.query('SELECT 1')).toThrow('TAPE_CLOSED')
  })

  test('the same on the command line', async () => {
    const { stdout } = await gradtape('metrics', file, 'epoch', 'accuracy', '--run', '2', '--csv')
    expect(stdout.split('\r\n').slice(0, 4)).toEqual([
      'step,epoch,accuracy',
      '1,1,',
      '2,1,',
      `3,1,${live[1]!.accuracy[0]}`,
    ])
  })
})
