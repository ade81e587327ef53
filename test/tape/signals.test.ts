// A signal that asks a process to end: what its runs have is on the tape, and the process ends by that signal. Real processes, real
// signals; loops that never come back to the event loop, and programs that wait.
import fs from 'node:fs'
import os from 'node:os'
import process from 'node:process'
import { describe, expect, test } from 'vitest'
import '../../src/index.js'
import { type Child, startChild } from './child-process.js'
import { newTapePath, openForTest } from './temporary-tape.js'

/** Says how far it is before each step, so what it said last has happened. */
const RECORD = `
const tape = gradtape.openTape(arg.file, arg.tape)
const run = tape.startRun('r', arg.options)
const w = gradtape.parameter([1, 2, 3], { name: 'w' })
const step = () => { run.step(); gradtape.square(w); w.data = gradtape.mul(w, 0.999).data; say('at ' + run.position); for (const until = performance.now() + 1; performance.now() < until; ); }
`
const LOOP = `${RECORD}
const until = Date.now() + 60_000
while (Date.now() < until) step()
`
const WAIT = `${RECORD}
for (let i = 0; i < 100; i++) { step(); await new Promise((resolve) => setTimeout(resolve, 1)) }
say('waiting')
setInterval(() => {}, 1000)
`
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const told = ({ stdout }: Child) =>
  Math.max(0, ...[...stdout.matchAll(/^at (\d+)$/gm)].map(([, at]) => Number(at)))

/** Until its second thread is up, and hears signals; on a busy machine that may take a while. */
async function recordedForAWhile(child: Child): Promise<void> {
  await child.said('at ')
  if (process.platform === 'linux') while (!catches(child, 'SIGHUP')) await wait(10)
  else await wait(2000)
  await wait(100)
}

/** Nothing but that thread catches SIGHUP: Node itself does not. */
function catches(child: Child, signal: 'SIGHUP'): boolean {
  const status = fs.readFileSync(`/proc/${child.process.pid}/status`, 'latin1')
  const caught = BigInt(`0x${/^SigCgt:\s*(\w+)$/m.exec(status)![1]}`)
  return ((caught >> BigInt(os.constants.signals[signal] - 1)) & 1n) === 1n
}

function checkTape(file: string, position: number): void {
  const tape = openForTest(file, { readonly: true })
  expect(tape.verify()).toMatchObject({ intact: true, problem: null })
  const [run] = tape.runs()
  expect(run).toMatchObject({ status: 'interrupted' })
  expect(run!.events).toBeGreaterThanOrEqual(position)
  expect([...tape.run('r').events()].at(-1)).toMatchObject({ type: 'RunFinished', status: 'interrupted' })
  expect(tape.run('r').replay().verdict).toBe('bit-exact')
}

describe.runIf(process.platform !== 'win32')('a process that records and gets', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const)(
    '%s, in a loop and while it waits, loses nothing',
    async (signal) => {
      const kill = async (program: string) => {
        const file = newTapePath()
        const child = startChild(program, { file })
        if (program === WAIT) await child.said('waiting')
        await recordedForAWhile(child)
        child.process.kill(signal)
        const outcome = await child.ended
        expect([outcome.signal, outcome.stderr]).toEqual([signal, ''])
        checkTape(file, told(child))
      }
      await Promise.all([kill(LOOP), kill(WAIT)])
    },
  )

  test('SIGTERM while it computes and records nothing: it ends all the same, within seconds', async () => {
    const file = newTapePath()
    const child = startChild(
      `${RECORD}; const until = Date.now() + 800; while (Date.now() < until) step(); say('computing'); for (;;);`,
      { file },
    )
    await child.said('computing')
    const since = Date.now()
    child.process.kill('SIGTERM')
    expect((await child.ended).signal).toBe('SIGTERM')
    expect(Date.now() - since).toBeLessThan(10_000)
  })

  test('SIGTERM, which the program listens to itself: it decides', async () => {
    const file = newTapePath()
    const child = startChild(
      `${RECORD}
       let stop = false
       process.on('SIGTERM', () => { stop = true })
       while (!stop) { for (let i = 0; i < 50; i++) step(); await new Promise((resolve) => setImmediate(resolve)) }
       await run.finish()
       say('finished by itself')`,
      { file },
    )
    await recordedForAWhile(child)
    child.process.kill('SIGTERM')
    const outcome = await child.ended
    expect([outcome.code, outcome.signal, outcome.stderr]).toEqual([0, null, ''])
    expect(outcome.stdout).toContain('finished by itself')
    const tape = openForTest(file, { readonly: true })
    expect(tape.runs()[0]).toMatchObject({ status: 'finished' })
  })

  test('SIGUSR2, which the program listens to once: the first is its own, the second ends it and loses nothing', async () => {
    const file = newTapePath()
    const child = startChild(
      `${RECORD}
       process.once('SIGUSR2', () => { say('heard') })
       setInterval(() => { for (let i = 0; i < 20; i++) step() }, 1)`,
      { file },
    )
    await recordedForAWhile(child)
    child.process.kill('SIGUSR2')
    await child.said('heard')
    await wait(1200)
    expect(child.process.exitCode).toBe(null)
    child.process.kill('SIGUSR2')
    expect((await child.ended).signal).toBe('SIGUSR2')
    checkTape(file, told(child))
  })

  test('SIGINT with onSignal: default ends at once, and what is there is whole', async () => {
    const file = newTapePath()
    const child = startChild(LOOP, { file, tape: { onSignal: 'default' } })
    await child.said('at ')
    await wait(1000)
    child.process.kill('SIGINT')
    expect((await child.ended).signal).toBe('SIGINT')
    const tape = openForTest(file, { readonly: true })
    expect(tape.runs()[0]).toMatchObject({ status: 'interrupted' })
    expect(tape.verify()).toMatchObject({ intact: true })
  })

  test('SIGINT when its runs are over: the tape does not hold it up', async () => {
    const file = newTapePath()
    const child = startChild(
      `${RECORD}; const until = Date.now() + 1000; while (Date.now() < until) step(); await run.finish(); say('over'); for (;;);`,
      { file },
    )
    await child.said('over')
    await wait(300)
    const since = Date.now()
    child.process.kill('SIGINT')
    expect((await child.ended).signal).toBe('SIGINT')
    expect(Date.now() - since).toBeLessThan(1500)
  })
})
