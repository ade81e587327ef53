// A run in a worker thread of a program, which the main thread ends without a word: no handler runs in it, and its second thread goes
// with it. What happened a moment before is in the file. Real processes.
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import '../../src/index.js'
import { DIST, runChild } from './child-process.js'
import { newTapePath, openForTest } from './temporary-tape.js'

/** How long what happened may be missing: far less is promised, but the machine may be busy. */
const MISSING_MAX_MS = 1_000

const RECORD = `
import { openTape, parameter } from ${JSON.stringify(pathToFileURL(`${DIST}index.js`).href)}
import { workerData } from 'node:worker_threads'
const { file, steps, pause } = workerData
const run = openTape(file).startRun('r')
const w = parameter(2, { name: 'w' })
const step = () => { run.step(); w.mul(w); Atomics.add(steps, 0, 1) }
const compute = (ms) => { for (const until = performance.now() + ms; performance.now() < until; ); }
if (pause === 'at the end') { for (const until = performance.now() + 600; performance.now() < until; ) step(); for (;;); }
for (;;) { step(); if (pause === 'between') compute(2) }
`

/** Samples how far the worker is, and at the end says how far it was a while ago. */
const WATCH = (end: string) => `
import { Worker } from 'node:worker_threads'
const steps = new Int32Array(new SharedArrayBuffer(4))
const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(arg.record)), { workerData: { ...arg, steps } })
const samples = []
const sample = setInterval(() => samples.push([performance.now(), Atomics.load(steps, 0)]), 20)
await new Promise((resolve) => { const timer = setInterval(() => { if (Atomics.load(steps, 0) > 0) { clearInterval(timer); resolve() } }, 10) })
await new Promise((resolve) => setTimeout(resolve, 1800))
const now = performance.now()
say(samples.findLast(([at]) => at < now - ${MISSING_MAX_MS})[1])
clearInterval(sample)
${end}
`

describe.each([
  ['worker.terminate()', 'await worker.terminate()'],
  ['process.exit()', 'process.exit(0)'],
])('%s from the main thread leaves in the file what a worker recorded a moment before', (_, end) => {
  test('without a pause, with pauses, and computing for long at the end', async () => {
    const files = ['never', 'between', 'at the end'].map((pause) => ({ pause, file: newTapePath() }))
    const outcomes = files.map((arg) => runChild(WATCH(end), { ...arg, record: RECORD }))
    for (const [i, { pause, file }] of files.entries()) {
      const { stdout, stderr } = await outcomes[i]!
      expect([pause, stderr]).toEqual([pause, ''])
      const before = Number(stdout)
      expect(before).toBeGreaterThan(10)
      const tape = openForTest(file, { readonly: true })
      const [run] = tape.runs()
      expect(run).toMatchObject({ status: 'interrupted' })
      expect(run!.steps).toBeGreaterThanOrEqual(before)
      expect(tape.verify()).toMatchObject({ intact: true, problem: null })
    }
  })
})
