// run.watch: detectors at work while a run is recorded; what is found is a note, a call, or the end of the run.
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { map, throwError } from 'rxjs'
import { afterAll, expect, test } from 'vitest'
import { findingOfNote } from '../../src/detectors/finding-note.js'
import * as g from '../../src/index.js'

const folder = mkdtempSync(join(tmpdir(), 'watch-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Small steps; the loss of step `spike` is a thousandfold, of step `nan` NaN. */
function loop(run: g.Run, steps: number, at: { spike?: number; nan?: number } = {}): void {
  const w = g.parameter([1, 2, 3], { name: 'w' })
  const optimizer = new g.SGD([w], { lr: 1e-4 })
  for (let i = 1; i <= steps; i++) {
    const step = run.step()
    const loss = g.sum(g.square(w)).mul(step === at.spike ? 1000 : 1)
    w.clearGrad()
    loss.backward()
    optimizer.step()
    run.log({ loss, note: step === at.nan ? Number.NaN : step })
  }
}

test('what is found by the thread that writes is a note on the tape, and the same as afterwards', async () => {
  const tape = g.openTape(join(folder, 'notes.tape'))
  const run = tape.startRun('notes')
  const watch = run.watch([g.nonFinite(), g.lossSpike()])
  loop(run, 1200, { spike: 300, nan: 1199 })
  await run.finish()
  const past = tape.run('notes')
  expect(watch.findings.map(({ kind, step }) => [kind, step])).toEqual([
    ['loss-spike', 300],
    ['non-finite', 1199],
  ])
  expect(past.watch([g.nonFinite(), g.lossSpike()])).toEqual(watch.findings)
  const notes = tape.query('SELECT step, text FROM note ORDER BY position')
  expect(notes.map(({ text }) => findingOfNote(String(text)))).toEqual(watch.findings)
  // A spike is told at the latest when the run ends; NaN before the next step.
  expect(notes[1]).toMatchObject({ step: 1199 })
  expect(past.replay().verdict).toBe('bit-exact')
  expect(tape.verify().intact).toBe(true)
  tape.close()
})

test('a run is followed from a step on, or from where the recent steps begin', async () => {
  const tape = g.openTape(':memory:')
  const run = tape.startRun('late')
  loop(run, 60, { spike: 20, nan: 50 })
  await run.finish()
  const past = tape.run('late')
  const found = async (from?: number | 'recent') => {
    const steps: number[] = []
    let first = 0
    const options = {
      onLook: (_: number, at: number) => (first = at),
      ...(from === undefined ? {} : { from }),
    }
    for await (const { step } of past.follow([g.nonFinite(), g.lossSpike()], options)) steps.push(step!)
    return { steps, first }
  }
  expect(await found()).toEqual({ steps: [20, 50], first: 1 })
  expect(await found('recent')).toEqual({ steps: [20, 50], first: 1 })
  expect(await found(30)).toEqual({ steps: [50], first: 30 })
  expect(await found(51)).toEqual({ steps: [], first: 51 })
  await expect(found(61)).rejects.toThrow(/STEP_NOT_FOUND/)
  await expect(found(1.5)).rejects.toThrow(/STEP_NOT_FOUND/)
  tape.close()
})

test('a run is stopped by a finding: the next step throws RUN_STOPPED, and each one after it', async () => {
  const tape = g.openTape(join(folder, 'stop.tape'))
  const run = tape.startRun('stop')
  run.watch([g.nonFinite()], { on: 'stop' })
  expect(() => loop(run, 100, { nan: 40 })).toThrow(/^RUN_STOPPED: .*non-finite.*step 40: note is NaN/)
  expect(() => run.step()).toThrow(/^RUN_STOPPED/)
  await run.fail('stopped')
  expect(tape.runs()[0]).toMatchObject({ steps: 40, status: 'failed' })
  tape.close()
})

test('a function is told at the next step, and what it throws comes out there', async () => {
  const tape = g.openTape(':memory:')
  const run = tape.startRun('told')
  const told: string[] = []
  run.watch([g.nonFinite()], {
    on: ({ text }) => {
      told.push(text)
      if (told.length === 2) throw new Error('enough')
    },
  })
  loop(run, 5, { nan: 5 })
  expect(told).toEqual([])
  run.step()
  expect(told).toEqual(['step 5: note is NaN (#57)'])
  run.log({ other: Number.POSITIVE_INFINITY })
  await expect(run.finish()).rejects.toThrow('enough')
  await run.finish()
  expect(tape.query('SELECT * FROM note')).toEqual([])
  tape.close()
})

test('a detector of your own sees every event, and one that throws ends alone', async () => {
  const tape = g.openTape(':memory:')
  const run = tape.startRun('own')
  const found = { kind: 'mine', level: 'note', text: 'step 1: mine' } as g.Finding
  const own: g.OwnDetector = (events$) => events$.pipe(map(({ position }) => ({ ...found, position })))
  const failing: g.OwnDetector = () => throwError(() => new Error('mine failed'))
  const watch = run.watch([own, failing])
  loop(run, 1)
  const { position } = run
  await run.finish()
  expect(watch.findings.length).toBeGreaterThanOrEqual(position - 1)
  expect(watch.findings[0]).toMatchObject({ kind: 'watch-ended', text: expect.stringMatching(/mine failed/) })
  tape.close()
})

test('what is no detector, and an option that there is not, is refused', () => {
  const tape = g.openTape(':memory:')
  const run = tape.startRun('bad')
  expect(() => run.watch(['nonFinite'] as never)).toThrow(
    /BAD_ARGUMENT: run.watch\(\) expected a list of detectors/,
  )
  expect(() => run.watch([g.nonFinite()], { on: 'print' as never })).toThrow(/'note', 'stop' or a function/)
  expect(() => g.plateau({ steps: 0 })).toThrow(/plateau\(\) expected steps to be a number above 0, got 0/)
  expect(() => g.lossSpike({ metrics: 'loss' } as never)).toThrow(/did you mean "metric"/)
  expect(() => tape.run('bad').watch([() => 1] as never)).toThrow(
    /BAD_ARGUMENT: watch\(\) expected a list of detectors/,
  )
  tape.close()
})

test('an update that moves a weight by many times its norm is told, the same live and on history; a bias through 0 is not', async () => {
  const tape = g.openTape(':memory:')
  const run = tape.startRun('ratio')
  const watch = run.watch([g.updateRatio()])
  const w = g.parameter([[1, 2]], { name: 'w' })
  const b = g.parameter([1e-9], { name: 'b' })
  for (let i = 1; i <= 40; i++) {
    run.step()
    const rate = i === 20 ? 30 : i > 25 ? 1e-10 : 0.01
    g.noGrad(() => {
      w.data = g.sub(w, g.mul(w, rate)).data
      b.data = g.add(b, i % 2 === 0 ? 1 : -1).data
    })
  }
  await run.finish()
  const past = tape.run('ratio')
  expect(watch.findings.map(({ level, step, text }) => [level, step, text])).toEqual([
    ['symptom', 20, expect.stringMatching(/^step 20: an update moves w by 30 times its norm \(#\d+\)$/)],
    ['note', 26, expect.stringMatching(/^step 26: updates move w by less than 1e-8 of its norm .*10 steps/)],
  ])
  expect(past.watch([g.updateRatio()])).toEqual(watch.findings)
  expect(past.watch([g.updateRatio({ large: 40, steps: 100 })])).toEqual([])
  tape.close()
})

test('in a worker thread the same is found, and is on the tape', async () => {
  const file = join(folder, 'worker.tape')
  const library = new URL('../../dist/index.js', import.meta.url).href
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads')
     import(workerData.library).then(async (g) => {
       const tape = g.openTape(workerData.file)
       const run = tape.startRun('worker')
       const watch = run.watch([g.nonFinite(), g.lossSpike()])
       for (let i = 1; i <= 40; i++) { run.step(); run.log({ loss: i === 30 ? 1000 : 1 + (i % 3) / 10, other: i === 39 ? NaN : 1 }) }
       await run.finish()
       tape.close()
       parentPort.postMessage(watch.findings)
     })`,
    { eval: true, workerData: { file, library } },
  )
  const [findings] = (await once(worker, 'message')) as [g.Finding[]]
  expect(findings.map(({ kind, step }) => [kind, step])).toEqual([
    ['loss-spike', 30],
    ['non-finite', 39],
  ])
  const tape = g.openTape(file, { readonly: true })
  expect(tape.run('worker').watch([g.nonFinite(), g.lossSpike()])).toEqual(findings)
  expect(
    tape.query('SELECT text FROM note ORDER BY position').map(({ text }) => findingOfNote(String(text))),
  ).toEqual(findings)
  tape.close()
})
