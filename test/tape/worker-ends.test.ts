// A run in a worker thread of a program, which the main thread ends without a word: no handler runs in it, and its second thread goes
// with it. What happened a moment before is in the file. Real processes.
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import '../../src/index.js'
import { DIST, runChild } from './child-process.js'
import { newTapePath, openForTest } from './temporary-tape.js'

/** How long what happened may be missing: far less is promised, but the machine may be busy. */
const MISSING_MAX_MS = 1_400

const RECORD = `
import { openTape, parameter } from ${JSON.stringify(pathToFileURL(`${DIST}index.js`).href)}
import { workerData } from 'node:worker_threads'
const { file, steps, pause } = workerData
const run = openTape(file).startRun('r')
const w = parameter(2, { name: 'w' })
const step = () => { run.step(); w.mul(w); Atomics.add(steps, 0, 1) }
const compute = (ms) => { for (const until = performance.now() + ms; performance.now() < until; ); }
if (pause === 'computes for long') { for (const until = performance.now() + 600; performance.now() < until; ) step(); for (;;); }
for (;;) { step(); if (pause === 'pauses now and then') compute(2) }
`

/** Samples how far the worker is, and at the end says how far it was a while ago. */
const WATCH = (end: string) => `
import { Worker } from 'node:worker_threads'
const steps = new Int32Array(new SharedArrayBuffer(4))
const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(arg.record)), { workerData: { ...arg, steps } })
const samples = []
const sample = setInterval(() => samples.push([performance.now(), Atomics.load(steps, 0)]), 20)
await new Promise((resolve) => { const timer = setInterval(() => { if (Atomics.load(steps, 0) > 0) { clearInterval(timer); resolve() } }, 10) })
await new Promise((resolve) => setTimeout(resolve, 2200))
const now = performance.now()
say(samples.findLast(([at]) => at < now - ${MISSING_MAX_MS})[1])
clearInterval(sample)
${end}
`

test.each([
  ['worker.terminate()', 'never pauses', 'await worker.terminate()'],
  ['worker.terminate()', 'computes for long', 'await worker.terminate()'],
  ['process.exit()', 'pauses now and then', 'process.exit(0)'],
])(
  '%s from the main thread leaves in the file what a worker that %s recorded a moment before',
  async (_, pause, end) => {
    const file = newTapePath()
    const { stdout, stderr } = await runChild(WATCH(end), { file, record: RECORD, pause })
    expect(stderr).toBe('')
    const before = Number(stdout)
    expect(before).toBeGreaterThan(10)
    const tape = openForTest(file, { readonly: true })
    const [run] = tape.runs()
    expect(run).toMatchObject({ status: 'interrupted' })
    expect(run!.steps).toBeGreaterThanOrEqual(before)
    expect(tape.verify()).toMatchObject({ intact: true, problem: null })
  },
)
