// What workers of a store do in a second: tapes verified and replayed, by one worker and by two, each a process of its own that has to
// bring the tapes first; and how long one waits for an answer about a thousand runs.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { openTape, pushTape, runWorker } from 'gradtape'
import pg from 'pg'
import { trainings } from '../recording/subjects.js'
import { inTemporaryFolder } from '../temporary-tape.js'
import { OURS, type Sample, type Workload } from '../workload.js'
import { POSTGRES, PostgresServer } from './postgres-server.js'

const WORKERS = [1, 2]
const TAPES = 4
const RUNS = 1_000
const STEPS_OF_A_RUN = 20
const ROWS = 'a row a value, with an index'
const COMMAND = join(fileURLToPath(import.meta.resolve('gradtape')), '..', 'cli', 'main.js')

/** The first question of docs/fleet.md: the lowest loss of each run. */
const QUESTION = `SELECT r.name, min(m.value) AS best, count(m.value) AS finite, count(m.non_finite) AS non_finite
FROM run r JOIN metric m ON m.run_id = r.id AND m.name = 'loss' GROUP BY r.id, r.name ORDER BY r.name`

export function workerWorkloads(quick: boolean): Workload[] {
  if (POSTGRES === null) return []
  return [
    {
      name: `fleet, ${TAPES} tapes by workers`,
      once: true,
      run: () => withServer((url) => ratesOfWorkers(url, quick)),
    },
    {
      name: `fleet, a question over ${RUNS} runs`,
      once: true,
      run: () => withServer((url, server, database) => questionOverRuns(url, server, database)),
    },
  ]
}

async function withServer(
  use: (url: string, server: PostgresServer, database: string) => Promise<Sample[]>,
): Promise<Sample[]> {
  const server = await PostgresServer.start()
  try {
    const database = await server.database()
    return await use(server.url(database), server, database)
  } finally {
    await server.stop()
  }
}

async function ratesOfWorkers(url: string, quick: boolean): Promise<Sample[]> {
  const names = Array.from({ length: TAPES }, (_, i) => `digits-${i}`)
  const events = await inTemporaryFolder(async (folder) => {
    const path = join(folder, 'digits.tape')
    const tape = openTape(path)
    const run = tape.startRun('digits')
    const step = trainings.digits(run)
    for (let i = 0; i < (quick ? 500 : 2_000); i++) step()
    await run.finish()
    const recorded = run.position
    tape.close()
    for (const name of names) await pushTape(path, url, { name })
    return recorded
  })
  const samples: Sample[] = []
  for (const kind of ['verify', 'replay'])
    for (const workers of WORKERS) {
      for (const name of names) await gradtape('fleet', url, kind, name)
      const from = performance.now()
      const reports = await Promise.all(
        Array.from({ length: workers }, () => gradtape('worker', url, '--kinds', kind, '--once', '--json')),
      )
      const elapsedMs = performance.now() - from
      const done = reports.reduce((sum, report) => sum + (JSON.parse(report) as { done: number }).done, 0)
      if (done !== TAPES)
        throw new Error(`${workers} workers did ${done} of ${TAPES} jobs: ${reports.join()}`)
      samples.push({
        who: OURS,
        measure: `${kind}, by ${workers} ${workers === 1 ? 'worker' : 'workers'}`,
        unit: 'events/s',
        value: (1000 * events * TAPES) / elapsedMs,
      })
    }
  return samples
}

async function gradtape(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [COMMAND, ...args], { maxBuffer: 2 ** 26 })
  return stdout
}

async function questionOverRuns(url: string, server: PostgresServer, database: string): Promise<Sample[]> {
  await inTemporaryFolder(async (folder) => {
    const path = join(folder, 'runs.tape')
    const tape = openTape(path)
    for (let i = 0; i < RUNS; i++) {
      const run = tape.startRun(`run ${i}`)
      for (let step = 1; step <= STEPS_OF_A_RUN; step++) {
        run.step()
        run.log({ loss: Math.exp(-step / 10) + (i % 7) / 100, lr: 0.1 })
      }
      await run.finish()
    }
    tape.close()
    await pushTape(path, url, { name: 'runs' })
  })
  await runWorker(url, { kinds: ['columns'], once: true })
  await server.sql(
    database,
    `CREATE TABLE plain_run AS SELECT id, name FROM gradtape.run;
     CREATE TABLE plain_metric AS SELECT run_id, name, step, value, non_finite FROM gradtape.metric;
     ALTER TABLE plain_run ADD PRIMARY KEY (id);
     CREATE INDEX ON plain_metric (name, run_id); ANALYZE`,
  )
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query('SET search_path = gradtape')
    const answered = async (sql: string) => {
      const from = performance.now()
      const { rows } = await client.query<{ best: number }>(sql)
      const elapsedMs = performance.now() - from
      if (rows.length !== RUNS) throw new Error(`expected ${RUNS} rows, got ${rows.length}`)
      return elapsedMs
    }
    const plain = QUESTION.replace('run r', 'public.plain_run r').replace('metric m', 'public.plain_metric m')
    return [
      { who: OURS, measure: 'the lowest loss of each', unit: 'ms', value: await answered(QUESTION) },
      { who: ROWS, measure: 'the lowest loss of each', unit: 'ms', value: await answered(plain) },
    ]
  } finally {
    await client.end()
  }
}
