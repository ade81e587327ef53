// A program that computes for long and records nothing meanwhile: what it has recorded is in the file within a moment, though it
// never hands it over. Real processes, killed by SIGKILL.
import process from 'node:process'
import { describe, expect, test } from 'vitest'
import '../../src/index.js'
import { openTape } from '../../src/tape/open-tape.js'
import { runChild, startChild } from './child-process.js'
import { newTapePath, openForTest } from './temporary-tape.js'

/** Small and large arrays, texts that pass, gradients: all that stands beside the words of an event. */
const RECORD = `
const { Adam, constant, dropout, matmul, mean, parameter, square, sub } = gradtape
const tape = gradtape.openTape(arg.file)
const run = tape.startRun('r', arg.options)
const w = parameter(Array.from({ length: 20 }, (_, i) => Array.from({ length: 20 }, (_, j) => Math.sin(i * 20 + j))), { name: 'w' })
const optimizer = new Adam([w], { lr: 0.01 })
const step = (i) => {
  run.step()
  const x = constant(Array.from({ length: 8 }, (_, k) => new Array(20).fill(i + k)))
  const loss = mean(square(sub(dropout(matmul(x, w), { p: 0.2 }), 1)))
  w.clearGrad(); loss.backward(); optimizer.step()
  run.note('remark ' + i); run.log({ loss })
}
const compute = (ms) => { for (const until = performance.now() + ms; performance.now() < until; ); }
// Nobody but the second thread catches SIGHUP.
const isUp = () => process.platform !== 'linux' || (BigInt('0x' + /^SigCgt:\\s*(\\w+)$/m.exec(fs.readFileSync('/proc/self/status', 'latin1'))[1]) & 1n) === 1n
let i = 0
for (const until = performance.now() + arg.recordMs; performance.now() < until || i < 30; ) { step(i++); compute(1) }
`

/** What anybody who looks finds in the file, while it is recorded. */
function eventsIn(file: string): number {
  const tape = openTape(file, { readonly: true })
  try {
    return tape.runs()[0]!.events
  } finally {
    tape.close()
  }
}

describe.each([
  ['of its default size', {}],
  ['large', { capture: 'full', batch: { eventsMax: 1e6, bytesMax: 2 ** 30, ageMaxMs: 1e6 } }],
])('a batch %s', (_, options) => {
  test('is taken by the second thread when the program stands still', async () => {
    const file = newTapePath()
    const child = startChild(`${RECORD}; say('at ' + run.position); for (;;);`, {
      file,
      options,
      recordMs: 800,
    })
    await child.said('at ')
    const events = Number(/at (\d+)/.exec(child.stdout)![1])
    // Far less than this is promised; the machine may be busy.
    for (const until = performance.now() + 5000; performance.now() < until && eventsIn(file) < events; )
      await new Promise((resolve) => setTimeout(resolve, 50))
    child.process.kill('SIGKILL')
    expect((await child.ended).signal).toBe('SIGKILL')
    const tape = openForTest(file, { readonly: true })
    expect(tape.verify()).toMatchObject({ intact: true, problem: null })
    expect(tape.runs()[0]).toMatchObject({
      status: 'interrupted',
      events,
    })
    expect(tape.run('r').replay({ to: 20 }).verdict).toBe('bit-exact')
  })

  test('is taken in parts while the program stands still now and then, and the tape is whole', async () => {
    const file = newTapePath()
    const { stdout, stderr } = await runChild(
      `${RECORD}
       for (let k = 0; k < 4; k++) { for (let n = 0; n < 3 + 11 * k; n++) step(i++); compute(350) }
       await run.finish()
       tape.close()
       say(run.position)`,
      { file, options, recordMs: 600 },
    )
    expect(stderr).toBe('')
    const tape = openForTest(file, { readonly: true })
    expect(tape.verify()).toMatchObject({ intact: true, problem: null })
    expect(tape.runs()[0]).toMatchObject({ status: 'finished', events: Number(stdout) })
    expect(tape.run('r').replay()).toMatchObject({ verdict: 'bit-exact', divergence: null })
  })

  test.runIf(process.platform !== 'win32')(
    'and a second thread that dies after it took a part is followed by another',
    async () => {
      const file = newTapePath()
      const { stdout, stderr } = await runChild(
        `import threadModule from 'node:worker_threads'
       import { syncBuiltinESMExports } from 'node:module'
       const threads = []
       threadModule.Worker = class extends threadModule.Worker { constructor(...args) { super(...args); threads.push(this) } }
       syncBuiltinESMExports()
       ${RECORD}
       while (!isUp()) compute(50)
       compute(600)
       void threads[0].terminate()
       for (let n = 0; n < 50; n++) try { step(i++); compute(10) } catch (error) { if (error.code !== 'WRITE_FAILED') throw error; run.flush() }
       compute(400)
       for (let n = 0; n < 20; n++) try { step(i++) } catch (error) { if (error.code !== 'WRITE_FAILED') throw error; run.flush() }
       try { await run.finish() } catch { await run.finish() }
       tape.close()
       say(run.position + ' ' + threads.length)`,
        { file, options, recordMs: 800 },
      )
      expect(stderr).toBe('')
      const [events, threads] = stdout.trim().split(' ').map(Number)
      expect(threads).toBe(2)
      const tape = openForTest(file, { readonly: true })
      expect(tape.verify()).toMatchObject({ intact: true, problem: null })
      expect(tape.runs()[0]).toMatchObject({ status: 'finished', events })
      expect(tape.run('r').replay()).toMatchObject({ verdict: 'bit-exact', divergence: null })
    },
  )
})

test('while all memory is in flight and the disk is slow, nothing is written twice', async () => {
  const file = newTapePath()
  const { stdout, stderr } = await runChild(
    `import Database from ${JSON.stringify(import.meta.resolve('better-sqlite3'))}
     ${RECORD}
     const lock = new Database(arg.file, { timeout: 10_000 })
     for (let k = 0; k < 5; k++) {
       for (let n = 0; n < 40; n++) step(i++)
       lock.exec('BEGIN IMMEDIATE'); compute(250); lock.exec('ROLLBACK')
       compute(120)
     }
     lock.close()
     await run.finish()
     tape.close()
     say(run.position)`,
    { file, options: { batch: { eventsMax: 16, bytesMax: 2 ** 20, ageMaxMs: 1e6 } }, recordMs: 300 },
  )
  expect(stderr).toBe('')
  const tape = openForTest(file, { readonly: true })
  expect(tape.verify()).toMatchObject({ intact: true, problem: null })
  expect(tape.runs()[0]).toMatchObject({ status: 'finished', events: Number(stdout) })
  expect(tape.run('r').replay()).toMatchObject({ verdict: 'bit-exact', divergence: null })
})
