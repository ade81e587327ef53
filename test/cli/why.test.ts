/** What `gradtape why` promises beside its findings: how a run ended, exit codes, runs by hostile names, functions it does not know. */
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { beforeAll, describe, expect, test } from 'vitest'
import { openTape } from '../../src/index.js'
import {
  DIST,
  gradtape,
  gradtapeJson,
  gradtapeProcess,
  temporaryFolder,
  writeModule,
  writeTapeOfOwnFunction,
} from './gradtape.js'

const folder = temporaryFolder()
const file = path.join(folder, 'runs.tape')
const own = path.join(folder, 'own.tape')
const HOSTILE = ['co:lon:', '3:', '"; DROP TABLE _block; --']

beforeAll(async () => {
  const tape = openTape(file)
  for (const name of ['plain', ...HOSTILE]) {
    const run = tape.startRun(name)
    run.step()
    run.log({ loss: 1 })
    await run.finish()
  }
  const failing = tape.startRun('fails')
  failing.step()
  failing.step()
  failing.fail(new Error('no space left'))
  await tape.startRun('empty').finish()
  tape.close()
  await writeTapeOfOwnFunction(own)
})

const why = (...args: string[]) => gradtape('why', ...args)

describe('gradtape why', () => {
  test('says that a run failed, in which step and why, and that this is not nothing', async () => {
    const { status, stdout } = await why(`${file}:fails`)
    expect(stdout).toMatch(/^step 2: the run failed here: .*no space left\n/)
    expect(status).toBe(1)
    const { findings } = await gradtapeJson<{ findings: object[] }>('why', file, '--run', 'fails')
    expect(findings).toEqual([expect.objectContaining({ kind: 'run-failed', level: 'symptom', step: 2 })])
  })

  test('tells a run without an end as a note: while it is recorded, and when its process was killed', async () => {
    const live = path.join(folder, 'live.tape')
    const program = path.join(folder, 'live.mjs')
    fs.writeFileSync(
      program,
      `import { openTape } from ${JSON.stringify(DIST)}
const run = openTape(${JSON.stringify(live)}).startRun('live')
run.step()
run.flush()
console.log('written')
setInterval(() => {}, 1000)`,
    )
    const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] })
    const ended = new Promise((resolve) => child.once('exit', resolve))
    try {
      await new Promise((resolve) => child.stdout.once('data', resolve))
      const recording = await why(live)
      expect(recording.stdout).toMatch(
        /^nothing found in run "live" but 1 note\nnote +step 1: the run has no end/,
      )
      expect(recording.status).toBe(0)
    } finally {
      child.kill('SIGKILL')
      await ended
    }
    expect(await why(live)).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/its process was killed/),
    })
  })

  test.each(HOSTILE)('finds the run %j after the colon of the file', async (name) => {
    const { status, stdout, stderr } = await why(`${file}:${name}`)
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout.split('\n')[0]).toBe(`nothing found in run "${name}"`)
  })

  test('a file that has a colon in its name, with and without a run', async () => {
    const colon = path.join(folder, 'a:b.tape')
    fs.copyFileSync(file, colon)
    for (const argument of [`${colon}:plain`, `${colon}:1`])
      expect((await why(argument)).stdout).toMatch(/^nothing found in run "plain"/)
    expect((await why(colon)).stdout).toMatch(/^nothing found in run "empty"/)
  })

  test.each([
    [[`${file}:none`], 1, /^RUN_NOT_FOUND: .*"none"/],
    [[path.join(folder, 'none.tape:1')], 1, /^TAPE_NOT_FOUND/],
    [[file, '--run', 'plain', '--step', '2'], 1, /^STEP_NOT_FOUND: expected a step from 0 to 1, got 2/],
    [[file, '--run', 'empty', '--step', '1'], 1, /^STEP_NOT_FOUND/],
    [[file, '--run', 'plain', '--metric', 'los'], 1, /^BAD_ARGUMENT: .*"plain" logged \(loss\), got "los"/],
    [[file, '--only', 'loss-spike,nonsense'], 1, /^BAD_ARGUMENT: .*got "nonsense"/],
    [[`${file}:plain`, '--run', 'empty'], 1, /^BAD_ARGUMENT/],
    [[file, '--step', '-1'], 2, /--step/],
    [[], 2, /missing required argument/],
  ] as const)('refuses %j with the exit code %i', async (args, code, message) => {
    const { status, stdout, stderr } = await why(...args)
    expect(stderr).toMatch(message)
    expect([status, stdout]).toEqual([code, ''])
  })

  test('says which functions it does not know, and looks at them with --import', async () => {
    const without = await gradtapeProcess('why', own)
    expect(without.stdout).toMatch(/not looked at: .*twice .*--import/)
    const right = path.join(folder, 'right.mjs')
    writeModule(right, 2, 2)
    const loaded = await why(own, '--import', right)
    expect([loaded.status, loaded.stdout]).toEqual([0, expect.not.stringMatching(/--import/)])
    const other = path.join(folder, 'other.mjs')
    writeModule(other, 3, 2)
    const { status, stdout } = await why(own, '--import', other)
    expect(stdout).toMatch(/^step 1: twice \(#\d+.*\) gives another result for the same inputs/)
    expect(status).toBe(1)
  })
})
