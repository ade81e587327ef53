/** The questions across runs that the documents ask: on the tape, in PostgreSQL and over Parquet they have the same answers. */
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { pushTape } from '../../src/fleet/push.js'
import { mul, sub } from '../../src/functions/arithmetic.js'
import { sum } from '../../src/functions/reductions.js'
import { parameter } from '../../src/graph/leaves.js'
import { jobRequest } from '../../src/jobs/kinds.js'
import { JobQueue } from '../../src/jobs/queue.js'
import { runWorker } from '../../src/jobs/worker.js'
import { POSTGRES, PostgresServer } from '../fleet/postgres-server.js'
import { recordRun } from '../fleet/rich-tape.js'
import { newTapePath, openForTest, temporaryFolder } from '../tape/temporary-tape.js'

const PAGE = fs.readFileSync(fileURLToPath(new URL('../../docs/fleet.md', import.meta.url)), 'utf8')
const section = PAGE.slice(PAGE.indexOf('## Questions across runs')).split(/\n## /)[0] ?? ''
const QUESTIONS = [...section.matchAll(/```sql\n([^`]+)\n```/g)].map(([, sql]) => sql!)
const VIEWS = ['run', 'metric', 'gradient', 'step', 'note', 'checkpoint']

/** Cells that all three can be held to: whole numbers have many types, and sums of floats may be added in another order. */
const comparable = (rows: readonly Readonly<Record<string, unknown>>[]) =>
  rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, cell]) => {
        const number =
          typeof cell === 'bigint' || (typeof cell === 'string' && /^-?\d+$/.test(cell)) ? Number(cell) : cell
        return [name, typeof number === 'number' ? Number(number.toPrecision(12)) : number]
      }),
    ),
  )

/** Runs with names and numbers of all kinds, one that failed, one without gradients, and more steps than a chunk has. */
const manyRuns = async (): Promise<string> => {
  const file = newTapePath()
  const tape = openForTest(file)
  await recordRun(tape, 'one', 25)
  const two = tape.startRun('two')
  for (let i = 1; i <= 26; i++) {
    two.step()
    two.log({ loss: 100 / i, constant: i < 20 ? Number.NaN : i })
  }
  two.note('by hand')
  await two.finish()
  const long = tape.startRun('long ‮ "; DROP', { config: { lr: 0.5 } })
  for (let i = 0; i < 4200; i++) {
    long.step()
    long.log({ loss: i === 3 ? Number.NaN : 1 / (i + 1), 'π\0': -0 })
  }
  await long.finish()
  const failing = tape.startRun('failing')
  const w = parameter([1, 0, 2], { name: 'w' })
  for (let i = 0; i < 12; i++) {
    failing.step()
    w.clearGrad()
    sum(mul(w, w)).backward()
    w.data = sub(w, mul(w.grad!, i === 9 ? Number.NaN : 0.1)).data
  }
  failing.fail(new Error('no more'))
  tape.startRun('empty')
  tape.renameRun(3, 'longer \0')
  tape.tagRun('two', ['a', 'ü'])
  tape.close()
  return file
}

test('the questions of the documents have equal answers on SQLite, PostgreSQL and Parquet', async () => {
  expect(QUESTIONS.length).toBeGreaterThanOrEqual(8)
  const file = await manyRuns()
  const folder = temporaryFolder()
  const server = POSTGRES === null ? null : await PostgresServer.start()
  if (server !== null) onTestFinished(() => server.stop())
  const urls = [`pglite:${folder}/store`, ...(server === null ? [] : [server.url(await server.database())])]
  const tape = openForTest(file, { readonly: true })
  const local = (sql: string) => tape.query(sql)

  for (const url of urls) {
    await pushTape(file, url, { name: 'many' })
    const queue = await JobQueue.open(url)
    onTestFinished(() => queue.close())
    if (url === urls[0]) await queue.ask(jobRequest('seal', ['many'], { folder: `${folder}/sealed` }))
    expect((await runWorker(url, { once: true })).failed).toBe(0)
    await queue.query('SET search_path = gradtape, public')
    const marked = (rows: Record<string, unknown>[]) =>
      JSON.parse(JSON.stringify(comparable(rows)).replaceAll('\\u0000', '�').replaceAll('\\ud800', '�'))
    for (const sql of QUESTIONS) {
      const expected = marked(local(sql))
      expect(expected.length, sql).toBeGreaterThan(0)
      const order = (rows: unknown[]) => rows.map((row) => JSON.stringify(row)).sort()
      expect(order(marked(await queue.query(sql))), sql).toEqual(order(expected))
    }
    // Every row of every view, in the columns that both have.
    for (const view of VIEWS) {
      const columns = (
        await queue.query<{ name: string; type: string }>(
          `SELECT column_name AS name, data_type AS type FROM information_schema.columns WHERE table_schema = 'gradtape' AND table_name = $1 ORDER BY ordinal_position`,
          [view],
        )
      ).filter(({ name }) => !['id', 'run_id', 'tape', 'tape_run_id', 'parent_run_id'].includes(name))
      const list = columns.map(({ name }) => `x.${name}`).join(', ')
      const sql = (id: string) =>
        view === 'run'
          ? `SELECT ${list} FROM run x ORDER BY x.id`
          : `SELECT ${id} AS run, ${list} FROM ${view} x ORDER BY 1, x.position`
      const expected = marked(local(sql('x.run_id')))
      expect(marked(await queue.query(sql('x.run_id % 1000000'))), view).toEqual(expected)
      const types = new Map(
        local(`SELECT name, type FROM pragma_table_info('${view}')`).map(({ name, type }) => [name, type]),
      )
      // What a store does not have is only what the page says.
      const isSaid = (name: string) =>
        ['bytes', 'value_id', 'hash', 'block_id', 'is_materialized'].includes(name) ||
        /^accumulated_/.test(name)
      const known = new Set([...columns.map(({ name }) => name), 'id', 'run_id', 'parent_run_id'])
      expect([...types.keys()].filter((name) => !known.has(String(name)) && !isSaid(String(name)))).toEqual(
        [],
      )
      for (const { name, type } of columns) {
        const expectedType =
          { INTEGER: 'bigint', INT: 'bigint', REAL: 'double precision' }[String(types.get(name))] ?? 'text'
        expect([view, name, type]).toEqual([view, name, expectedType])
      }
    }
  }

  const { DuckDBInstance } = await import('@duckdb/node-api')
  const duck = await (await DuckDBInstance.create(':memory:')).connect()
  for (const view of VIEWS)
    await duck.run(
      `CREATE VIEW "${view}" AS SELECT * FROM read_parquet('${folder}/sealed/parquet/*/${view}.parquet', hive_partitioning = true)`,
    )
  for (const sql of QUESTIONS) {
    const rows = (await duck.runAndReadAll(sql)).getRowObjectsJS() as Record<string, unknown>[]
    const plain = (all: Readonly<Record<string, unknown>>[]) =>
      comparable(all)
        .map((row) => JSON.stringify(row).replaceAll('\\ud800', '�'))
        .sort()
    expect(plain(rows), sql).toEqual(plain(local(sql)))
  }
  duck.closeSync()
  expect(path.basename(fs.readdirSync(`${folder}/sealed/parquet`)[0]!)).toBe('tape=many')
}, 240_000)
