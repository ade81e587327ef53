// A run in a worker thread of a program, which the main thread ends without a word: no handler runs in it. The thread that writes
// belongs to the main thread then, and loses nothing of what the worker recorded. Real processes.
import fs from 'node:fs'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import '../../src/index.js'
import { DIST, runChild } from './child-process.js'
import { newTapePath, openForTest } from './temporary-tape.js'

const GRADTAPE = JSON.stringify(pathToFileURL(`${DIST}index.js`).href)

const RECORD = `
import { openTape, parameter } from ${GRADTAPE}
import { workerData } from 'node:worker_threads'
const { file, steps, way } = workerData
const run = openTape(file).startRun('r')
const w = parameter([1, 2, 3], { name: 'w' })
const step = () => {
  run.step()
  w.clearGrad()
  w.mul(w).sum().backward()
  run.log({ ['metric ' + (Atomics.load(steps, 0) % 70)]: 1 })
  Atomics.add(steps, 0, 1)
}
const compute = (ms) => { for (const until = performance.now() + ms; performance.now() < until; ); }
for (const until = performance.now() + 60; performance.now() < until; ) step()
run.flush() // its second thread is up from here on
Atomics.store(steps, 1, 1)
if (way === 'computes for long') for (let i = 0; i < 300; i++) step()
if (way === 'computes for long') for (;;);
if (way === 'waits') { for (let i = 0; i < 300; i++) step(); setInterval(() => {}, 1000) }
else for (let i = 1; ; i++) {
  step()
  if (way === 'pauses now and then') compute(2)
  if (way === 'comes back to its event loop' && i % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
}
`

/** Says how many steps the worker had made when it was ended, or when the process began to end. */
const MAIN = (end: string) => `
import { Worker } from 'node:worker_threads'
const steps = new Int32Array(new SharedArrayBuffer(8))
const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(arg.record)), { workerData: { ...arg, steps } })
const exited = new Promise((resolve) => worker.on('exit', resolve)) // it may be over before somebody waits for it
await new Promise((resolve) => { const timer = setInterval(() => { if (Atomics.load(steps, 1) > 0) { clearInterval(timer); resolve() } }, 10) })
await new Promise((resolve) => setTimeout(resolve, 50 + 400 * Math.random()))
const told = () => say(Atomics.load(steps, 0))
${end}
`

test.each([
  ['worker.terminate()', 'never pauses', 'await worker.terminate(); told()'],
  ['worker.terminate()', 'waits', 'await worker.terminate(); told()'],
  ['worker.terminate()', 'computes for long', 'await worker.terminate(); told()'],
  ['process.exit()', 'pauses now and then', 'told(); process.exit(0)'],
  ['process.exit()', 'comes back to its event loop', 'told(); process.exit(0)'],
  ['process.exit()', 'computes for long', 'told(); process.exit(0)'],
])('%s from the main thread loses nothing of what a worker that %s recorded', async (_, way, end) => {
  const file = newTapePath()
  const { stdout, stderr } = await runChild(MAIN(end), { file, record: RECORD, way })
  expect(stderr).toBe('')
  const steps = Number(stdout)
  expect(steps).toBeGreaterThan(0)
  const tape = openForTest(file, { readonly: true })
  const [run] = tape.runs()
  expect(run).toMatchObject({ status: 'interrupted' })
  expect(run!.steps).toBeGreaterThanOrEqual(steps)
  expect(run!.elapsedMs).toBeGreaterThan(60)
  expect(tape.verify()).toMatchObject({ intact: true, problem: null })
  const past = tape.run('r')
  expect([...past.events(past.lastPosition)]).toMatchObject([{ type: 'RunFinished', status: 'interrupted' }])
})

test('the main thread sees at once what a terminated worker has left, and the run can be told from a live one', async () => {
  const file = newTapePath()
  const { stdout, stderr } = await runChild(
    MAIN(`
      const tape = gradtape.openTape(arg.file, { readonly: true })
      const live = tape.runs()[0].status
      await worker.terminate()
      const [run] = tape.runs()
      say(JSON.stringify([live, run.status, run.steps >= Atomics.load(steps, 0)]))
      tape.close()`),
    { file, record: RECORD, way: 'never pauses' },
  )
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toEqual(['recording', 'interrupted', true])
  expect(fs.readdirSync(file.slice(0, file.lastIndexOf('/')))).toEqual(['test.tape'])
})

test('from flush() on nothing is lost, however short the run was until then', async () => {
  const file = newTapePath()
  const record = RECORD.replace('performance.now() + 60', 'performance.now()').replace(
    'run.flush()',
    'step(); run.flush()',
  )
  // It waits when it has recorded all; a busy machine may take a while until then.
  const whole = 'while (Atomics.load(steps, 0) < 301) await new Promise((resolve) => setTimeout(resolve, 5))'
  const { stdout } = await runChild(MAIN(`${whole}; await worker.terminate(); told()`), {
    ...{ file, record, way: 'waits' },
  })
  const [run] = openForTest(file, { readonly: true }).runs()
  expect(run).toMatchObject({ status: 'interrupted', steps: Number(stdout) })
  expect(run!.steps).toBe(301)
})

test('where the main thread cannot be asked, the worker has a second thread of its own', async () => {
  const file = newTapePath()
  const withoutInspector = `
import inspector from 'node:inspector'
inspector.Session.prototype.connectToMainThread = () => { throw new Error('no inspector here') }
${RECORD.slice(0, RECORD.indexOf("if (way === 'computes for long')"))}
for (let i = 0; i < 300; i++) step()
await run.finish()
`
  const { stdout, stderr } = await runChild(MAIN(`await exited; told()`), {
    file,
    record: withoutInspector,
    way: '',
  })
  expect(stderr).toBe('')
  const tape = openForTest(file, { readonly: true })
  expect(tape.runs()).toMatchObject([{ status: 'finished', steps: Number(stdout) }])
})
