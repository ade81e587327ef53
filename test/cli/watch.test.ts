/** `gradtape watch`: beside a program that records, and on a run that ended. */
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { expect, test } from 'vitest'
import { DIST, gradtape, gradtapeJson, started, temporaryFolder } from './gradtape.js'

const folder = temporaryFolder()

/** Records 400 steps in two seconds and a half; a metric of step 30 is NaN. */
const PROGRAM = `
import { openTape, parameter, sum, square, SGD } from ${JSON.stringify(DIST)}
const tape = openTape(process.argv[2])
const run = tape.startRun('slow')
const w = parameter([1, 2], { name: 'w' })
const optimizer = new SGD([w], { lr: 0.01 })
for (let i = 1; i <= Number(process.argv[3]); i++) {
  run.step()
  const loss = sum(square(w))
  w.clearGrad()
  loss.backward()
  optimizer.step()
  run.log({ loss, other: i === 30 && process.argv[4] === 'bad' ? NaN : i })
  if (i % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 60))
}
await run.finish()
tape.close()
`
const program = path.join(folder, 'program.mjs')
fs.writeFileSync(program, PROGRAM)

function record(file: string, steps: number, how: string): Promise<number | null> {
  const child = spawn(process.execPath, [program, file, String(steps), how], { stdio: 'inherit' })
  return new Promise((resolve) => child.on('exit', resolve))
}

test('tells while the run is recorded, and ends with it', async () => {
  const file = path.join(folder, 'live.tape')
  const recorded = record(file, 400, 'bad')
  while (!fs.existsSync(file)) await new Promise((resolve) => setTimeout(resolve, 20))
  let beside = await gradtape('watch', file, '--once')
  while (beside.stderr.includes('holds no runs')) beside = await gradtape('watch', file, '--once')
  const { ended } = started(['watch', file, '--every', '50', '--only', 'nonFinite'])
  expect(await recorded).toBe(0)
  const { status, stdout } = await ended
  expect(stdout).toMatch(
    /^step 30: other is NaN \(#\d+\)\nwatched 400 steps of run "slow", which is finished: 1 finding/,
  )
  expect(status).toBe(1)

  const document = await gradtapeJson('watch', file)
  expect(document).toMatchObject({ run: { id: 1, status: 'finished' }, steps: 400 })
  expect(document.findings).toMatchObject([{ kind: 'non-finite', step: 30, variable: 'other', value: 'NaN' }])
  const lines = await gradtape('watch', file, '--ndjson')
  expect(lines.status).toBe(1)
  expect(JSON.parse(lines.stdout)).toMatchObject({ kind: 'non-finite', step: 30 })
})

test('finds nothing in a run in which there is nothing, and refuses detectors that there are not', async () => {
  const file = path.join(folder, 'fine.tape')
  expect(await record(file, 40, 'fine')).toBe(0)
  expect(await gradtape('watch', `${file}:slow`)).toMatchObject({
    status: 0,
    stdout: 'watched 40 steps of run "slow", which is finished: nothing found\n',
  })
  expect(await gradtape('watch', file, '--only', 'spikes')).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/BAD_ARGUMENT: watch expected detectors of .*nonFinite/),
  })
  expect((await gradtape('watch', file, '--every', 'soon')).status).toBe(2)
})
