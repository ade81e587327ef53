/** Recording to a store: the tape is on this machine, and what the store acknowledged is there, whatever happens in between. */
import fs from 'node:fs'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ndarray } from '../../src/array/make-array.js'
import { pullTape } from '../../src/fleet/pull.js'
import { pushTape } from '../../src/fleet/push.js'
import { spoolPath } from '../../src/fleet/spool-push.js'
import { square } from '../../src/functions/arithmetic.js'
import { Variable } from '../../src/graph/variable.js'
import { openTape, type TapeOptions } from '../../src/tape/open-tape.js'
import type { Tape } from '../../src/tape/tape.js'
import { startChild } from '../tape/child-process.js'
import { openForTest, temporaryFolder } from '../tape/temporary-tape.js'
import { Network } from './network.js'
import { describeWithPostgres } from './postgres-server.js'
import { recordRun } from './rich-tape.js'

const opened = (url: string, options: TapeOptions): Tape => {
  const tape = openTape(url, options)
  onTestFinished(() => tape.close())
  return tape
}

const headOf = (file: string): string => {
  const tape = openForTest(file, { readonly: true })
  const { problem, head } = tape.verify()
  tape.close()
  expect(problem).toBe(null)
  return head
}

/** Warnings of this process from now on. */
const warnings = (): string[] => {
  const said: string[] = []
  const hear = (warning: Error & { code?: string }) => {
    if (warning.name === 'gradtape') said.push(`${warning.code}: ${warning.message}`)
  }
  process.on('warning', hear)
  onTestFinished(() => void process.off('warning', hear))
  return said
}

test('addresses that name no tape, and stores that are folders, are refused', () => {
  const spool = temporaryFolder()
  for (const url of [
    'postgres://h/db',
    'postgresql://h',
    'pglite:folder',
    'postgres://h/db/a/b',
    'postgres://h/db/..',
  ])
    expect(() => openTape(url, { spool }), url).toThrow(/^BAD_ARGUMENT/)
  expect(() => openTape('postgres://h/db/t', { spool, readonly: true })).toThrow(
    /^BAD_ARGUMENT: .*gradtape pull/,
  )
  expect(() => openTape('postgres://h/db/t', { spool: '' })).toThrow(/^BAD_ARGUMENT/)
  expect(() => openTape('postgres://h/db/t', { spool, drainMs: -1 })).toThrow(/^BAD_ARGUMENT/)
  expect(() => openTape(path.join(spool, 'a.tape'), { spool })).toThrow(/^BAD_ARGUMENT: .*spool/)
  expect(fs.readdirSync(spool)).toEqual([])
})

test('of two addresses no two have one spool, and of two ways to write one address both have the same', () => {
  const base = temporaryFolder()
  const at = (url: string) => spoolPath(url, base).spool
  const differing = [
    ...[
      'postgres://h/d/t',
      'postgres://u@h/d/t',
      'postgres://u_h/d/t',
      'postgres://u@h:1/d/t',
      'postgres://u@h/1_d/t',
    ],
    ...[
      'postgres:///d/t?host=/run/a',
      'postgres:///d/t?host=/run/b',
      'postgres://h/d/t?port=1',
      'postgres://h/D/t',
      'pglite:a_b#t',
    ],
    ...[
      'pglite:a/b#t',
      `postgres://${'x'.repeat(120)}a/d/t`,
      `postgres://y${'x'.repeat(119)}a/d/t`,
      'postgres://h/d/s',
    ],
  ]
  expect(new Set(differing.map(at)).size).toBe(differing.length)
  for (const [one, other] of [
    ['postgres://u:old@h/d/t', 'postgresql://u:new@h/d/t'],
    ['postgres://u@h/d/t', 'postgres://u@h/d/t?sslmode=verify-full&password=x'],
    ['postgres://h/d/t?host=a&port=1', 'postgres://h/d/t?sslmode=require&port=1&host=a'],
  ] as const)
    expect(at(one)).toBe(at(other))
  for (const url of differing) expect(path.basename(path.dirname(at(url))).length).toBeLessThan(120)
})

test('PGlite takes what is recorded, as a server does', async () => {
  const folder = temporaryFolder()
  const spool = temporaryFolder()
  const tape = opened(`pglite:${folder}/store#here`, { spool })
  await recordRun(tape, 'first', 12)
  const receipt = await tape.store!.settled(100_000)
  expect(receipt).toEqual(tape.store!.acknowledged)
  const { path: file } = tape
  const ended = tape.store!.ended
  tape.close()
  await ended
  const out = path.join(temporaryFolder(), 'back.tape')
  expect((await pullTape(`pglite:${folder}/store#here`, out)).head).toBe(receipt.head)
  expect(receipt.head).toBe(headOf(file))
}, 120_000)

describeWithPostgres('a tape at a PostgreSQL store', (server) => {
  test('is sent while it is recorded, and the spool is a tape like any other', async () => {
    const database = await server().database()
    const spool = temporaryFolder()
    const tape = opened(server().url(`${database}/gpu-7`), { spool })
    expect(path.relative(spool, tape.path)).toMatch(
      new RegExp(`^postgres_127\\.0\\.0\\.1_${server().port}_${database}_[0-9a-f]{8}[/\\\\]gpu-7\\.tape$`),
    )
    const run = tape.startRun('live')
    run.log({ loss: 1 })
    run.flush()
    const first = await tape.store!.settled(40_000)
    expect(first.batches).toBeGreaterThan(0)
    run.log({ loss: 2 })
    await run.finish()
    const last = await tape.store!.settled(40_000)
    expect(last.batches).toBeGreaterThan(first.batches)
    expect(tape.store).toMatchObject({ problem: null, name: 'gpu-7', acknowledged: last })
    tape.close()
    await tape.store!.ended
    const out = path.join(temporaryFolder(), 'back.tape')
    expect((await pullTape(server().url(database), out, { name: 'gpu-7' })).head).toBe(headOf(tape.path))
    expect(last.head).toBe(headOf(tape.path))
    expect(fs.readdirSync(path.dirname(tape.path)).sort()).toEqual(['gpu-7.tape', 'gpu-7.tape.receipt'])
    await expect(tape.store!.settled()).rejects.toThrow(/^STORE_FAILED: .*was closed/)
  })

  test('is recorded where there is no network at all, and sent by the next process', async () => {
    const database = await server().database()
    const spool = temporaryFolder()
    const network = await Network.to(server().port)
    onTestFinished(() => network.close())
    const url = server().url(`${database}/far`, 'postgres', network.port)
    network.cut()
    const tape = opened(url, { spool, drainMs: 0 })
    const started = performance.now()
    await recordRun(tape, 'alone', 30)
    expect(performance.now() - started).toBeLessThan(20_000)
    await expect.poll(() => tape.store!.problem?.code, { timeout: 10_000 }).toBe('STORE_FAILED')
    expect(tape.store!.acknowledged.batches).toBe(0)
    await expect(tape.store!.settled(300)).rejects.toThrow(
      /^STORE_FAILED: .*within 300 ms.*goes on being sent/,
    )
    tape.close()
    await tape.store!.ended
    network.mend()
    const again = opened(url, { spool })
    expect(again.path).toBe(tape.path)
    expect((await again.store!.settled(40_000)).head).toBe(headOf(again.path))
    expect(again.store!.problem).toBe(null)
  })

  test('goes on after the network was cut, was slow, and lost answers', async () => {
    const database = await server().database()
    const network = await Network.to(server().port)
    onTestFinished(() => network.close())
    const tape = opened(server().url(`${database}/far`, 'postgres', network.port), {
      spool: temporaryFolder(),
    })
    await recordRun(tape, 'whole', 5)
    await tape.store!.settled(40_000)
    // The database commits, and nobody hears of it.
    network.swallowAnswers()
    await recordRun(tape, 'unheard', 20)
    await new Promise((resolve) => setTimeout(resolve, 500))
    network.cut()
    await recordRun(tape, 'cut', 20)
    network.mend()
    network.delayMs = 30
    await recordRun(tape, 'slow', 20)
    const receipt = await tape.store!.settled(30_000)
    expect(receipt.head).toBe(headOf(tape.path))
    const [row] = await server().sql(
      database,
      'SELECT count(*)::int AS n, max(n) AS last FROM gradtape.batch',
    )
    expect(row).toEqual({ n: receipt.batches, last: receipt.batches })
  })

  test('with two writers of one name is one tape: the other is fenced, told, and keeps its work', async () => {
    const said = warnings()
    const database = await server().database()
    const url = server().url(`${database}/shared`)
    const first = opened(url, { spool: temporaryFolder() })
    await recordRun(first, 'first', 5)
    const receipt = await first.store!.settled(40_000)
    const second = opened(url, { spool: temporaryFolder() })
    await recordRun(second, 'second', 5)
    await expect(second.store!.settled(40_000)).rejects.toThrow(
      /^STORE_CONFLICT: .*another tape of that name/,
    )
    expect(second.store!.problem?.code).toBe('STORE_CONFLICT')
    await recordRun(second, 'goes on', 5)
    second.close()
    expect(said.join()).toContain(`What is recorded is kept on ${second.path}`)
    await recordRun(first, 'more', 5)
    expect((await first.store!.settled(40_000)).batches).toBeGreaterThan(receipt.batches)
    // Its work is not lost: under another name it goes.
    const saved = await pushTape(second.path, server().url(database), { name: 'saved' })
    expect(saved.stored.head).toBe(headOf(second.path))
  })

  test('notices a store that was set back, and sends again what it lost', async () => {
    const database = await server().database()
    const spool = temporaryFolder()
    const url = server().url(`${database}/t`)
    const tape = opened(url, { spool })
    await recordRun(tape, 'yesterday', 5)
    const yesterday = await tape.store!.settled(40_000)
    const backup = path.join(server().folder, `${database}.dump`)
    server().run(
      'pg_dump',
      '-Fc',
      '-h',
      '127.0.0.1',
      '-p',
      `${server().port}`,
      '-U',
      'postgres',
      '-f',
      backup,
      database,
    )
    await recordRun(tape, 'today', 5)
    const today = await tape.store!.settled(40_000)
    expect(today.batches).toBeGreaterThan(yesterday.batches)
    const said = warnings()
    // The recorder lives on while its store is replaced.
    await server().sql('postgres', `DROP DATABASE ${database} WITH (FORCE)`)
    await server().sql('postgres', `CREATE DATABASE ${database}`)
    server().run(
      'pg_restore',
      '-h',
      '127.0.0.1',
      '-p',
      `${server().port}`,
      '-U',
      'postgres',
      '-d',
      database,
      backup,
    )
    await recordRun(tape, 'tomorrow', 5)
    const after = await tape.store!.settled(30_000)
    expect(after.head).toBe(headOf(tape.path))
    expect(said.join()).toMatch(
      new RegExp(
        `had acknowledged ${today.batches} batches of "t".*has ${yesterday.batches} now: it was set back`,
      ),
    )
    const out = path.join(temporaryFolder(), 'back.tape')
    expect((await pullTape(url, out)).head).toBe(after.head)
  })

  test('goes on being recorded while the disk of the server is full, says so, and is sent when there is room', async () => {
    const tape = opened(server().url(`${await server().database()}/full`), { spool: temporaryFolder() })
    const noise = (n: number) => Float64Array.from({ length: n }, Math.random) // which no compression makes smaller
    const record = async (name: string, n: number) => {
      const run = tape.startRun(name, { capture: 'full' })
      square(new Variable(ndarray(noise(n))))
      await run.finish()
    }
    await record('before', 10)
    await tape.store!.settled(40_000)
    await server().limitFiles(2 ** 21)
    for (let i = 0; i < 4; i++) await record(`full ${i}`, 80_000)
    await expect
      .poll(() => tape.store!.problem?.message, { timeout: 40_000 })
      .toMatch(/^STORE_FAILED: .*could not extend file/)
    await server().limitFiles('unlimited')
    expect((await tape.store!.settled(40_000)).head).toBe(headOf(tape.path))
    expect(tape.store!.problem).toBe(null)
  })

  test('is sent for drainMs after it was closed, and no longer, though a server that took the connection says nothing', async () => {
    const network = await Network.to(server().port)
    onTestFinished(() => network.close())
    const url = server().url(`${await server().database()}/silent`, 'postgres', network.port)
    const tape = opened(url, { spool: temporaryFolder(), drainMs: 200 })
    await recordRun(tape, 'heard', 2)
    await tape.store!.settled(40_000)
    network.swallowAnswers()
    await recordRun(tape, 'unheard', 2)
    const unheard = tape.store!.settled().catch(String)
    tape.close()
    await tape.store!.ended // its answer would be waited for two minutes
    expect(await unheard).toMatch(/^TapeError: STORE_FAILED: not all of "silent" was acknowledged/)
    for (const wrong of [Number.NaN, -1, '5' as unknown as number])
      await expect(tape.store!.settled(wrong)).rejects.toThrow(
        /^BAD_ARGUMENT: settled\(\) expected milliseconds/,
      )
  })

  test('that was closed keeps its process until it is sent, though somebody has stopped waiting for it', async () => {
    const database = await server().database()
    const network = await Network.to(server().port)
    onTestFinished(() => network.close())
    network.delayMs = 60
    const spool = temporaryFolder()
    const child = startChild(
      `const tape = gradtape.openTape(arg.url, { spool: arg.spool })
       const run = tape.startRun('r')
       run.log({ loss: 1 })
       await run.finish()
       void tape.store.settled(50).catch((error) => say(error.code))
       tape.close()
       say(tape.path)`,
      { url: server().url(`${database}/slow`, 'postgres', network.port), spool },
    )
    const { stdout, stderr, code } = await child.ended
    expect([stderr, code]).toEqual(['', 0])
    const [file, said] = stdout.trim().split('\n')
    expect(said).toBe('STORE_FAILED')
    const out = path.join(temporaryFolder(), 'back.tape')
    expect((await pullTape(server().url(database), out, { name: 'slow' })).head).toBe(headOf(file!))
  })

  const kills = Number(process.env.GRADTAPE_FLEET_KILLS ?? 4)
  test(
    'loses nothing that was acknowledged when recorder and server are killed at random moments',
    async () => {
      const database = await server().database()
      const spool = temporaryFolder()
      const url = server().url(`${database}/hit`)
      let acknowledged = 0
      for (let i = 0; i < kills; i++) {
        const child = startChild(
          `const tape = gradtape.openTape(arg.url, { spool: arg.spool })
         const run = tape.startRun('r')
         const w = gradtape.parameter([1, 2, 3], { name: 'w' })
         say('up')
         setInterval(() => {
           for (let i = 0; i < 50; i++) { run.step(); w.mul(w); run.log({ i }) }
           run.flush()
           const { batches } = tape.store.acknowledged
           if (batches > 0) say('acknowledged ' + batches)
         }, 10)`,
          { url, spool },
        )
        await child.said('acknowledged')
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 700))
        if (i % 2 === 1) {
          await server().kill()
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 300))
          await server().up()
          await new Promise((resolve) => setTimeout(resolve, 200 + Math.random() * 800))
        }
        child.process.kill('SIGKILL')
        const { stdout, stderr } = await child.ended
        expect(stderr).toBe('')
        for (const [, n] of stdout.matchAll(/acknowledged (\d+)/g))
          acknowledged = Math.max(acknowledged, Number(n))
        const [row] = await server()
          .sql(database, `SELECT coalesce(max(n), 0) AS last, count(*)::int AS n FROM gradtape.batch`)
          .catch(() => [{ last: 0, n: 0 }])
        expect(row!.last).toBeGreaterThanOrEqual(acknowledged)
        expect(row!.n).toBe(row!.last)
      }
      expect(acknowledged).toBeGreaterThan(0)
      const tape = opened(url, { spool })
      const receipt = await tape.store!.settled(30_000)
      expect(receipt.head).toBe(headOf(tape.path))
      expect(receipt.batches).toBeGreaterThanOrEqual(acknowledged)
      const out = path.join(temporaryFolder(), 'back.tape')
      expect((await pullTape(url, out)).head).toBe(receipt.head)
    },
    120_000 + 30_000 * kills,
  )
})
