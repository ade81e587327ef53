/** Workers of a store: what they are asked they answer, and a job of one that was killed is another's within seconds. */
import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { pullTape, pullTapes } from '../../src/fleet/pull.js'
import { pushTape } from '../../src/fleet/push.js'
import { fleetReport } from '../../src/jobs/fleet-report.js'
import { jobRequest } from '../../src/jobs/kinds.js'
import { JobQueue } from '../../src/jobs/queue.js'
import { runWorker } from '../../src/jobs/worker.js'
import { gradtape, writeModule, writeTapeOfOwnFunction } from '../cli/gradtape.js'
import { describeWithPostgres } from '../fleet/postgres-server.js'
import { recordRun } from '../fleet/rich-tape.js'
import { KEYS, S3Server } from '../fleet/s3-server.js'
import { startChild } from '../tape/child-process.js'
import { newTapePath, openForTest, temporaryFolder } from '../tape/temporary-tape.js'

const twoRuns = async (): Promise<string> => {
  const file = newTapePath()
  const tape = openForTest(file)
  await recordRun(tape, 'one', 20)
  await recordRun(tape, 'two', 21)
  tape.close()
  return file
}

const queueOf = async (url: string): Promise<JobQueue> => {
  const queue = await JobQueue.open(url)
  onTestFinished(() => queue.close())
  return queue
}

describe('a request', () => {
  test('that makes no sense is refused', () => {
    for (const [kind, subjects, options] of [
      ['guess', ['a'], {}],
      ['verify', [], {}],
      ['verify', ['a', 'b'], {}],
      ['diff', ['a'], {}],
      ['verify', ['../a'], {}],
      ['verify', ['a'], { from: 1 }],
      ['replay', ['a'], { from: 3, to: 2 }],
      ['seal', ['a'], {}],
      ['why', ['a'], { folder: '/x' }],
    ] as const)
      expect(() => jobRequest(kind, subjects, options), JSON.stringify([kind, subjects])).toThrow(
        /^BAD_ARGUMENT/,
      )
    expect(jobRequest('diff', ['a:2', 'b:a name: with colons'])).toMatchObject({
      ...{ tape: 'a', run: '2' },
      other: { tape: 'b', run: 'a name: with colons' },
    })
  })

  test('to a folder is refused, since a folder has no jobs', async () => {
    await expect(JobQueue.open(temporaryFolder())).rejects.toThrow(
      /^BAD_ARGUMENT: expected a store with a database/,
    )
    await expect(fleetReport(temporaryFolder())).rejects.toThrow(/^BAD_ARGUMENT/)
    await expect(runWorker('pglite:x', { jobs: 0 })).rejects.toThrow(/^BAD_ARGUMENT/)
    await expect(runWorker('pglite:x', { kinds: ['guess' as 'why'] })).rejects.toThrow(/^BAD_ARGUMENT/)
  })
})

test('workers verify, replay, explain, compare, write columns and seal, on PGlite too', async () => {
  const file = await twoRuns()
  const folder = temporaryFolder()
  const url = `pglite:${folder}/store`
  const queue = await queueOf(url)
  const pushed = await pushTape(file, url, { name: 'a' })
  const asked = [
    await queue.ask(jobRequest('verify', ['a'])),
    await queue.ask(jobRequest('replay', ['a:1'])),
    await queue.ask(jobRequest('replay', ['a:two'], { from: 0, to: 5 })),
    await queue.ask(jobRequest('why', ['a'])),
    await queue.ask(jobRequest('diff', ['a:1', 'a:2'])),
    await queue.ask(jobRequest('replay', ['a:none'])),
  ]
  // What waits already does not wait twice.
  expect(await queue.ask(jobRequest('verify', ['a']))).toBe(asked[0])
  const report = await runWorker(url, { once: true })
  expect(report).toEqual({ done: 6, failed: 1 }) // the columns came of themselves; a run that is not there is not looked for again
  const jobs = new Map((await queue.jobs()).map((job) => [job.id, job]))
  const resultOf = (i: number) => jobs.get(asked[i]!)?.result
  expect(resultOf(0)).toMatchObject({
    verdict: 'intact',
    isBad: false,
    details: { head: pushed.stored.head },
  })
  expect(resultOf(1)).toMatchObject({ verdict: 'bit-exact', run: 1, isBad: false })
  expect(resultOf(2)).toMatchObject({ verdict: 'bit-exact', run: 2, toStep: 5 })
  expect(resultOf(3)).toMatchObject({ run: 2, isBad: true })
  expect(resultOf(4)).toMatchObject({ isBad: true })
  expect(jobs.get(asked[5]!)).toMatchObject({
    state: 'failed',
    error: expect.stringMatching(/^RUN_NOT_FOUND/),
  })
  // What the database refuses comes in our words, and the connection goes on.
  await expect(queue.query('SELECT 1/0')).rejects.toThrow(/^STORE_FAILED: pglite:.*division by zero/)

  // By the name of a run that one tape has, and all tapes of the store.
  const byRun = path.join(temporaryFolder(), 'by-run.tape')
  expect(await pullTape(url, byRun, { name: 'two' })).toMatchObject({ name: 'a', head: pushed.stored.head })
  const many = temporaryFolder()
  expect(await pullTapes(url, many)).toEqual([path.join(many, 'a.tape')])

  // Sealed: the folder has the batches, the database the head; what comes later goes on, and all of it can be pulled.
  const sealed = await queue.ask(jobRequest('seal', ['a'], { folder: `${folder}/sealed` }))
  await runWorker(url, { once: true })
  expect((await queue.jobs({ ids: [sealed] }))[0]?.result?.verdict).toBe('sealed')
  expect(await queue.query('SELECT count(*)::int AS n FROM gradtape.batch')).toEqual([{ n: 0 }])
  const tape = openForTest(file)
  await recordRun(tape, 'later', 5)
  tape.close()
  const more = await pushTape(file, url, { name: 'a' })
  expect(more.batches).toBe(more.stored.batches - pushed.stored.batches)
  const out = path.join(temporaryFolder(), 'back.tape')
  expect((await pullTape(url, out, { name: 'a' })).head).toBe(more.stored.head)
  // To another folder than before: refused once, and nothing is written there.
  const elsewhere = await queue.ask(jobRequest('seal', ['a'], { folder: `${folder}/elsewhere` }))
  expect(await runWorker(url, { kinds: ['seal'], once: true })).toEqual({ done: 0, failed: 1 })
  expect((await queue.jobs({ ids: [elsewhere] }))[0]).toMatchObject({
    ...{ state: 'failed', retries: 0 },
    error: expect.stringMatching(/^BAD_ARGUMENT: .*sealed in .*sealed already/),
  })
  expect(fs.existsSync(`${folder}/elsewhere`)).toBe(false)
  // Again, with what is new; and a folder that was changed is not trusted.
  await queue.ask(jobRequest('seal', ['a'], { folder: `${folder}/sealed` }))
  expect(await runWorker(url, { once: true })).toEqual({ done: 2, failed: 0 }) // and the columns of what is new
  const standing = await fleetReport(url)
  expect(standing.tapes).toMatchObject([
    { name: 'a', batches: more.stored.batches, sealed: more.stored.batches, head: more.stored.head },
  ])
  expect(standing.runs.map(({ name, status }) => [name, status])).toEqual([
    ['one', 'finished'],
    ['two', 'finished'],
    ['later', 'finished'],
  ])
  expect(standing.verdicts.map(({ kind }) => kind)).toEqual(
    expect.arrayContaining(['verify', 'replay', 'why', 'diff', 'seal']),
  )
  expect(standing.bytes.database).toBeGreaterThan(1e6)
  // A store of an older gradtape: whoever opens it brings it up to date, and columns are written with what they lacked.
  for (const sql of [
    'DROP VIEW gradtape.gradient',
    'ALTER TABLE gradtape.gradient_column DROP COLUMN nan_counts',
    'CREATE VIEW gradtape.gradient AS SELECT 1 AS run_id',
    'DROP VIEW gradtape.run',
    'ALTER TABLE gradtape.run_row DROP COLUMN first_name, DROP COLUMN tags',
    'CREATE VIEW gradtape.run AS SELECT 1 AS id',
    'DELETE FROM gradtape.migration WHERE n > 2',
  ])
    await queue.query(sql)
  expect(await runWorker(url, { kinds: ['columns'], once: true })).toEqual({ done: 1, failed: 0 })
  const [counted] = await queue.query<{ all: number; known: number }>(
    'SELECT count(*)::int AS all, count(nan_count)::int AS known FROM gradtape.gradient',
  )
  expect(counted!.all).toBeGreaterThan(0)
  expect(counted!.known).toBe(counted!.all)
  expect(await queue.query('SELECT DISTINCT tags FROM gradtape.run')).toEqual([{ tags: '[]' }])
  // To a bucket: the batches, the arrays they name, and the views as Parquet.
  const bucket = await S3Server.start()
  try {
    for (const [name, value] of Object.entries(KEYS)) vi.stubEnv(name, value)
    await pushTape(file, url, { name: 'b' })
    await queue.ask(jobRequest('seal', ['b'], { folder: bucket.url('archive') }))
    expect(await runWorker(url, { kinds: ['seal'], once: true })).toEqual({ done: 1, failed: 0 })
    expect([...bucket.objects.keys()].filter((key) => key.startsWith('archive/parquet/')).sort()).toEqual(
      ['checkpoint', 'gradient', 'metric', 'note', 'run', 'step'].map(
        (view) => `archive/parquet/tape=b/${view}.parquet`,
      ),
    )
    for (const from of [url, bucket.url('archive')]) {
      const again = path.join(temporaryFolder(), 'again.tape')
      expect((await pullTape(from, again, { name: 'b' })).head).toBe(more.stored.head)
    }
  } finally {
    vi.unstubAllEnvs()
    await bucket.stop()
  }
}, 240_000)

describeWithPostgres('with a server', (server) => {
  const kills = Number(process.env.GRADTAPE_FLEET_KILLS ?? 2)
  test(
    'the job of a worker that was killed is taken again within seconds, and nothing of it counts twice',
    async () => {
      const url = server().url(await server().database())
      await pushTape(await twoRuns(), url, { name: 'a' })
      const queue = await queueOf(url)
      for (let i = 0; i < kills; i++) {
        const id = await queue.ask(jobRequest('columns', ['a']))
        const child = startChild(
          `void gradtape.runWorker(arg.url, { follow: false })
         say('up')`,
          { url },
        )
        await child.said('up')
        const stateIs = (state: string) =>
          expect
            .poll(async () => (await queue.jobs({ ids: [id] }))[0]?.state, { interval: 5, timeout: 60_000 })
            .toBe(state)
        await stateIs('active')
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 200))
        child.process.kill('SIGKILL')
        await child.ended
        const [killed] = await queue.jobs({ ids: [id] })
        const died = Date.now()
        const stop = new AbortController()
        const ended: string[] = []
        const worker = runWorker(url, {
          follow: false,
          signal: stop.signal,
          onJob: (job) => ended.push(job.id),
        })
        if (killed?.state === 'active') {
          // Silent for six seconds, seen within one: a busy machine may take longer.
          await expect
            .poll(async () => (await queue.jobs({ ids: [id] }))[0]?.retries, {
              interval: 50,
              timeout: 40_000,
            })
            .toBe(1)
          expect(Date.now() - died).toBeLessThan(25_000)
        }
        await stateIs('completed')
        stop.abort()
        await worker
        // It may have been done just before it was killed.
        if (killed?.state === 'active') expect(ended).toEqual([id])
      }
      const [row] = await server().sql(
        queue.address.place.split('/').at(-1)!,
        'SELECT (SELECT count(*)::int FROM gradtape.metric) AS metrics, (SELECT count(*)::int FROM gradtape.step) AS steps',
      )
      expect(row).toEqual({ metrics: 4 * 41, steps: 41 })
    },
    120_000 + 60_000 * kills,
  )

  test('whose clock was set back by a day does what it was asked for before, and follows tapes', async () => {
    const url = server().url(await server().database())
    await pushTape(await twoRuns(), url, { name: 'a' })
    const queue = await queueOf(url)
    const [waiting, begun] = [
      await queue.ask(jobRequest('why', ['a'])),
      await queue.ask(jobRequest('verify', ['a'])),
    ]
    expect((await queue.take(['verify']))?.id).toBe(begun) // by somebody who dies then
    await queue.query(
      "UPDATE gradtape_jobs.job SET start_after = start_after + interval '1 day', started_on = started_on + interval '1 day'",
    )
    await queue.query(
      "UPDATE gradtape.tape SET appended_at = appended_at + interval '1 day', created_at = created_at + interval '1 day'",
    )
    const ended: string[] = []
    expect(await runWorker(url, { once: true, onJob: ({ request }) => ended.push(request.kind) })).toEqual({
      done: 2,
      failed: 0,
    })
    expect(ended.sort()).toEqual(['columns', 'why'])
    const [{ silent }] = (await queue.query(
      'SELECT started_on <= now() AS silent FROM gradtape_jobs.job WHERE id = $1::text::uuid',
      [begun],
    )) as [{ silent: boolean }]
    expect(silent).toBe(true) // and taken for dead seconds later, as any other
    expect((await queue.jobs({ ids: [waiting] }))[0]?.state).toBe('completed')
  })

  test('by the command line, and by roles: a worker works, a reader looks, a recorder may neither', async () => {
    const database = await server().database()
    const owner = server().url(database)
    await pushTape(await twoRuns(), owner, { name: 'a' })
    expect((await fleetReport(owner)).tapes.length).toBe(1) // sets the jobs up
    const roles = ['worker', 'reader', 'recorder'].map((role) => `${role}_${database}`)
    for (const role of roles)
      await server().sql(database, `CREATE ROLE ${role} LOGIN IN ROLE gradtape_${role.split('_')[0]}`)
    const [worker, reader, recorder] = roles.map((role) => server().url(database, role))
    const asking = await gradtape('fleet', worker!, 'verify', 'a', '--json')
    expect(asking.status).toBe(0)
    expect(JSON.parse(asking.stdout)).toMatchObject({ request: { kind: 'verify', tape: 'a' } })
    expect((await gradtape('fleet', worker!, 'why', 'nobody')).stderr).toMatch(/^TAPE_NOT_FOUND/)
    expect((await gradtape('fleet', worker!, 'guess', 'a')).stderr).toMatch(/^BAD_ARGUMENT/)
    const working = await gradtape('worker', worker!, '--once')
    expect(working.stdout).toMatch(/^(columns a: written.*\n|verify a: intact.*\n){2}2 jobs done\n$/)
    const looking = await gradtape('fleet', reader!)
    expect(looking).toMatchObject({ status: 0, stderr: '' })
    expect(looking.stdout).toMatch(/a:1 +one +finished +20/)
    expect(looking.stdout).toMatch(/a +verify +intact/)
    expect(JSON.parse((await gradtape('fleet', reader!, '--json')).stdout).jobs.verify.completed).toBe(1)
    expect((await gradtape('worker', reader!, '--once')).stderr).toMatch(/^STORE_FAILED/)
    // Runs that call functions of a user: by workers that have them.
    const [own, twice] = [newTapePath(), path.join(temporaryFolder(), 'twice.mjs')]
    await writeTapeOfOwnFunction(own)
    writeModule(twice, 2, 2)
    await pushTape(own, owner, { name: 'own' })
    const queue = await queueOf(owner)
    await queue.ask(jobRequest('replay', ['own']))
    const lacking = await gradtape('worker', worker!, '--once', '--kinds', 'replay')
    expect(lacking).toMatchObject({
      status: 1,
      stdout: expect.stringMatching(/^replay own: UNREGISTERED_FUNC/),
    })
    const missing = await gradtape('worker', worker!, '--once', '--import', './none.mjs')
    expect(missing.stderr).toMatch(/^MODULE_FAILED: --import \.\/none\.mjs/)
    await queue.ask(jobRequest('replay', ['own']))
    const having = await gradtape('worker', worker!, '--once', '--kinds', 'replay', '--import', twice)
    expect(having).toMatchObject({
      status: 0,
      stderr: '',
      stdout: expect.stringMatching(/^replay own: bit-exact/),
    })
    const refused = await gradtape('fleet', recorder!)
    expect(refused.status).toBe(1)
    expect(refused.stderr).toMatch(/^STORE_FAILED: .*GRANT/)
  }, 120_000)
})
