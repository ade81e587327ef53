// The group `fleet`: many writers, one PostgreSQL server that is started for it; batches of a real tape beside rows that are
// inserted one an event.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import pg from 'pg'
import { trainings } from '../recording/subjects.js'
import { recorded } from '../temporary-tape.js'
import { OURS, type Sample, type Workload } from '../workload.js'
import { batchStore, type LoggedBatch, readBatches, type Store } from './internals.js'
import { POSTGRES, PostgresServer } from './postgres-server.js'

const ROWS = 'a row an event'
const WRITERS = [1, 8, 64]
/** Each sends little, and often: what a training step of a second leaves. */
const RECORDERS = 1_000
/** Rows of one event each are slow: this many events show it. */
const ROW_EVENTS = 4_000

export function fleetWorkloads(quick: boolean): Workload[] {
  const workload = (name: string, writers: number, recorders: number): Workload => ({
    name,
    once: true,
    run: () => (POSTGRES === null ? skipped() : measured(writers, recorders, quick)),
  })
  return [
    ...WRITERS.map((writers) =>
      workload(`fleet, ${writers} ${writers === 1 ? 'writer' : 'writers'}`, writers, writers),
    ),
    workload(`fleet, ${RECORDERS} recorders by 32 connections`, 32, RECORDERS),
  ]
}

function skipped(): Sample[] {
  process.stderr.write('bench: no PostgreSQL is installed here, so the fleet is not measured\n')
  return []
}

async function measured(writers: number, recorders: number, quick: boolean): Promise<Sample[]> {
  const server = await PostgresServer.start()
  try {
    let batches: LoggedBatch[] = []
    let store: Store | null = null
    const database = await server.database()
    const url = server.url(database)
    await recorded(
      (run) => {
        const step = trainings.digits(run)
        for (let i = 0; i < (quick ? 500 : 2_000); i++) step()
      },
      async ({ path }) => {
        store = await batchStore(url)
        batches = await readBatches(path, store)
      },
    )
    const together = recorders > writers ? 1 : 16
    if (recorders > writers) batches = batches.slice(0, quick ? 2 : 8)
    const events = batches.reduce((sum, { events: n }) => sum + n, 0)
    const stores = [
      store!,
      ...(await Promise.all(Array.from({ length: writers - 1 }, () => batchStore(url)))),
    ]
    const before = await cpuMs(server)
    const mine = process.cpuUsage()
    const from = performance.now()
    // Each writer has a tape of its own; as a recorder does, each sends what came together.
    await Promise.all(
      stores.map(async (each, w) => {
        let head = Buffer.alloc(0)
        for (let at = 0; at < batches.length; at += together) {
          const some = batches.slice(at, at + together)
          for (let r = w; r < recorders; r += writers) await each.append(`recorder-${r}`, some, head)
          head = Buffer.from(some.at(-1)!.hash)
        }
      }),
    )
    const elapsedMs = performance.now() - from
    const used = process.cpuUsage(mine)
    const clientMs = (used.user + used.system) / 1000
    const serverMs = (await cpuMs(server)) - before
    for (const each of stores) await each.close()
    const total = events * recorders
    const [size] = await server.sql(
      database,
      "SELECT pg_total_relation_size('gradtape.batch')::float8 AS bytes",
    )
    const sample = (who: string, measure: string, unit: Sample['unit'], value: number): Sample => ({
      who,
      measure,
      unit,
      value,
    })
    // Of a thousand that send little each, a batch is what costs.
    if (recorders > writers) {
      const sent = batches.length * recorders
      return [
        sample(OURS, "a batch, the server's processor", 'µs', (1000 * serverMs) / sent),
        sample(OURS, "a batch, the writers' processor", 'µs', (1000 * clientMs) / sent),
        sample(OURS, 'a batch of each', 'ms', elapsedMs / batches.length),
      ]
    }
    const ours = [
      sample(OURS, 'acknowledged', 'events/s', (1000 * total) / elapsedMs),
      sample(OURS, 'processor of the server', 'µs/event', (1000 * serverMs) / total),
      sample(OURS, 'processor of the writers', 'µs/event', (1000 * clientMs) / total),
      sample(OURS, 'in the database', 'bytes/event', Number(size!.bytes) / total),
    ]
    const rows = await rowWriters(server, writers)
    return [
      ...ours,
      sample(ROWS, 'acknowledged', 'events/s', rows.perSecond),
      sample(ROWS, 'processor of the server', 'µs/event', rows.serverUs),
      sample(ROWS, 'processor of the writers', 'µs/event', rows.clientUs),
      sample(ROWS, 'in the database', 'bytes/event', rows.bytes),
    ]
  } finally {
    await server.stop()
  }
}

/** What many begin with: a table of events, an INSERT for each, a transaction for each step. */
async function rowWriters(server: PostgresServer, writers: number) {
  const database = await server.database()
  await server.sql(
    database,
    'CREATE TABLE event (run int, position bigint, step int, kind text, name text, value float8, payload jsonb, PRIMARY KEY (run, position))',
  )
  const clients = await Promise.all(
    Array.from({ length: writers }, async () => {
      const client = new pg.Client({ connectionString: server.url(database) })
      await client.connect()
      return client
    }),
  )
  const each = Math.ceil(ROW_EVENTS / writers)
  const before = await cpuMs(server)
  const mine = process.cpuUsage()
  const from = performance.now()
  await Promise.all(
    clients.map(async (client, run) => {
      for (let position = 0; position < each; ) {
        await client.query('BEGIN')
        // As many as a step of that training has.
        for (let i = 0; i < 39 && position < each; i++, position++)
          await client.query({
            name: 'event',
            text: 'INSERT INTO event VALUES ($1, $2, $3, $4, $5, $6, $7)',
            values: [
              run,
              position,
              Math.floor(position / 39),
              'FunctionCalled',
              'matmul',
              0.5,
              '{"inputs":[1,2],"shape":[32,10]}',
            ],
          })
        await client.query('COMMIT')
      }
    }),
  )
  const elapsedMs = performance.now() - from
  const used = process.cpuUsage(mine)
  const serverMs = (await cpuMs(server)) - before
  await Promise.all(clients.map((client) => client.end()))
  const total = each * writers
  const [size] = await server.sql(database, "SELECT pg_total_relation_size('event')::float8 AS bytes")
  return {
    perSecond: (1000 * total) / elapsedMs,
    serverUs: (1000 * serverMs) / total,
    clientUs: (used.user + used.system) / total,
    bytes: Number(size!.bytes) / total,
  }
}

/** What the server's processes have used of a processor, those that ended included. */
async function cpuMs(server: PostgresServer): Promise<number> {
  // Those that have just ended are counted by their parent when it has noticed.
  await new Promise((resolve) => setTimeout(resolve, 500))
  if (process.platform !== 'linux') return Number.NaN
  const ticks = (pid: number): number => {
    const fields = readFileSync(join('/proc', String(pid), 'stat'), 'utf8')
      .split(') ')
      .at(-1)!
      .split(' ')
    // utime, stime, cutime, cstime
    return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
  }
  const children = readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, 'utf8').trim().split(' ')
  const alive = children.filter((pid) => pid !== '').reduce((sum, pid) => sum + ticks(Number(pid)), 0)
  return (ticks(server.pid) + alive) * 10
}
