/** What gradient, replay and verify answer, and that a no is exit code 1. */
import fs from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { plainDatabase } from '../plain-database.js'
import {
  gradtape,
  gradtapeJson,
  gradtapeProcess,
  temporaryFolder,
  writeModule,
  writeTape,
  writeTapeOfOwnFunction,
} from './gradtape.js'

const folder = temporaryFolder()
const file = path.join(folder, 'runs.tape')
const own = path.join(folder, 'own.tape')
const right = path.join(folder, 'right.mjs')
const wrongForward = path.join(folder, 'wrong-forward.mjs')
const wrongBackward = path.join(folder, 'wrong-backward.mjs')

beforeAll(async () => {
  await writeTape(file)
  await writeTapeOfOwnFunction(own)
  writeModule(right, 2, 2)
  writeModule(wrongForward, 3, 2)
  writeModule(wrongBackward, 2, 3)
})

interface Gradients {
  step: number
  gradients: { name: string; values: number[]; recorded: { equal: boolean; difference: unknown } | null }[]
}

describe('gradtape gradient', () => {
  test('computes from the file what the run recorded, bit for bit, for every named parameter', async () => {
    for (const step of ['1', '2', '3']) {
      const found = await gradtapeJson<Gradients>('gradient', file, '--of', 'loss', '--step', step)
      expect(found.step).toBe(Number(step))
      expect(found.gradients.map(({ name, recorded }) => [name, recorded?.equal])).toEqual([
        ['fc1.weight', true],
        ['fc1.bias', true],
      ])
    }
  })

  test('says so in words, and takes several --wrt', async () => {
    const { status, stdout } = await gradtape(
      'gradient',
      file,
      '--of',
      'loss',
      '--wrt',
      'fc1.bias',
      '--wrt',
      'fc1.weight',
      '--step',
      '2',
    )
    expect(status).toBe(0)
    expect(stdout).toMatch(
      /^∂loss\/∂fc1.bias at step 2, float64 \[2\]\n[\s\S]*\n∂loss\/∂fc1.weight at step 2/,
    )
    expect(stdout.match(/equal to the recorded gradient \(#\d+\), bit for bit/g)).toHaveLength(2)
  })

  test('gives gradients that nobody asked for at the time, and says that there is nothing to compare', async () => {
    const chain = ['gradient', file, '--run', 'chain', '--of', 'y']
    const { gradients } = await gradtapeJson<Gradients>(...chain, '--wrt', 'x')
    expect(gradients[0]?.values[0]).toBeCloseTo(3.297442541400256, 14)
    const inner = await gradtapeJson<Gradients>('gradient', file, '--run', 'chain', '--of', '3', '--wrt', 'x')
    expect(inner.gradients[0]).toMatchObject({ values: [1], recorded: null })
  })

  test('answers no when the computed gradient is another', async () => {
    const ended = await gradtape('gradient', own, '--import', wrongBackward)
    expect(ended.stdout).toMatch(
      /differs from the recorded gradient \(#\d+\): element 0 is 3, recorded was 2/,
    )
    expect(ended.status).toBe(1)
    expect((await gradtape('gradient', own, '--import', right)).status).toBe(0)
  })

  test('says that a variable is not reached', async () => {
    const { status, stderr } = await gradtape('gradient', file, '--of', 'loss', '--step', '2', '--wrt', '2')
    expect(status).toBe(1)
    expect(stderr).toMatch(/^(NOT_DIFFERENTIABLE|VARIABLE_NOT_FOUND): /)
  })
})

describe('gradtape replay', () => {
  test('says bit-exact, with the number of events', async () => {
    const { status, stdout } = await gradtape('replay', file, 'train')
    expect(stdout).toMatch(/^train, run 2: bit-exact\n {2}\d+ events recomputed in .*, kernel \S+\n$/)
    expect(status).toBe(0)
  })

  test('takes the newest run when none is said, and stops after --to', async () => {
    const whole = await gradtapeJson<{ verdict: string; events: number }>('replay', file)
    const part = await gradtapeJson<{ verdict: string; events: number }>('replay', file, '2', '--to', '1')
    expect([whole.verdict, part.verdict]).toEqual(['bit-exact', 'bit-exact'])
    expect(part.events).toBeGreaterThan(0)
    expect(part.events).toBeLessThan(whole.events)
  })

  test('says where a run diverges: position, function, expected and got', async () => {
    const { status, stdout } = await gradtape('replay', own, '--import', wrongForward)
    expect(status).toBe(1)
    expect(stdout).toMatch(
      /^own, run 1: diverged\n {2}first difference at position \d+, step 1: twice\n {2}expected {2}6\n {2}got {7}9\n/,
    )
    const { divergence } = await gradtapeJson<{ divergence: unknown }>(
      'replay',
      own,
      '--import',
      wrongForward,
    )
    expect(divergence).toMatchObject({ function: 'twice', step: 1, expected: '6', got: '9' })
  })

  test('names a function it does not know; --import registers it', async () => {
    const { status, stderr } = await gradtapeProcess('replay', own)
    expect(status).toBe(1)
    expect(stderr).toMatch(/^UNREGISTERED_FUNC: .*twice/)
    expect((await gradtape('replay', own, '--import', right)).status).toBe(0)
  })
})

describe('gradtape verify', () => {
  test('says intact and prints the head of the chain', async () => {
    const { status, stdout } = await gradtape('verify', file)
    expect(stdout).toMatch(
      /: intact\n {2}\d+ batch(es)?, \d+ events and \d+ values? are as they were written\n {2}head [0-9a-f]{64}\n$/,
    )
    expect(status).toBe(0)
  })

  test('compares the head with --expect: the same, an earlier one, a foreign one', async () => {
    const copy = path.join(folder, 'growing.tape')
    await writeTape(copy)
    const { head } = await gradtapeJson<{ head: string }>('verify', copy)
    expect((await gradtape('verify', copy, '--expect', head)).status).toBe(0)
    await writeTape(copy)
    const grown = await gradtape('verify', copy, '--expect', head)
    expect(grown.status).toBe(1)
    expect(grown.stdout).toMatch(/grown: [0-9a-f]{64} is in the chain, and \d+ batch(es)? followed/)
    const foreign = await gradtape('verify', copy, '--expect', 'ab'.repeat(32))
    expect(foreign.status).toBe(1)
    expect(foreign.stdout).toMatch(/not as expected: (ab){32} is not in the chain/)
    expect((await gradtape('verify', copy, '--expect', 'abc')).status).toBe(2)
  })

  test('answers no for a tape that was changed', async () => {
    const changed = path.join(folder, 'changed.tape')
    await writeTape(changed)
    const db = plainDatabase(changed)
    db.exec('CREATE TABLE extra (a)')
    db.close()
    const { status, stdout } = await gradtape('verify', changed)
    expect(status).toBe(1)
    expect(stdout).toMatch(/: not intact\n {2}TAPE_CORRUPT: .*extra/)
    expect(await gradtapeJson('verify', changed)).toMatchObject({ intact: false, expected: null })
  })
})

describe('gradtape verify --recompute', () => {
  test('has a verdict for each run, and for one with TAPE:RUN', async () => {
    const { status, stdout } = await gradtape('verify', file, '--recompute')
    expect(stdout).toMatch(
      /: intact\n.*\n {2}head [0-9a-f]{64}\nrun 1, chain: bit-exact\n {2}(\d+) of \1 events and 0 of 0 steps computed again, kernel portable-2\n(.*\n)+run 2, train: bit-exact\n/,
    )
    expect(status).toBe(0)
    const { runs } = await gradtapeJson<{ runs: { run: { id: number }; verdict: string }[] }>(
      'verify',
      `${file}:train`,
      '--sample',
      '2',
      '--seed',
      '5',
    )
    expect(runs).toMatchObject([{ run: { id: 2, name: 'train' }, verdict: 'bit-exact', drawn: { seed: 5 } }])
  })

  test('says no for what diverges, and for what it cannot compute', async () => {
    const wrong = await gradtape('verify', own, '--recompute', '--import', wrongForward)
    expect(wrong.stdout).toMatch(
      /run 1, own: diverged\n {2}first difference at position \d+, step 1: twice.*\n {2}recorded {2}6\n {2}computed {2}9\n/,
    )
    expect(wrong.status).toBe(1)
    const unknown = await gradtapeProcess('verify', own, '--recompute')
    expect(unknown.stdout).toMatch(/run 1, own: not checked\n(.*\n)*.*not looked at: what twice compute: /)
    expect(unknown.status).toBe(1)
    expect((await gradtape('verify', own, '--recompute', '--import', right)).status).toBe(0)
  })

  test('refuses what is meant for it alone', async () => {
    for (const args of [
      ['--seed', '3'],
      ['--within', '2'],
      ['--run', '1'],
    ]) {
      const { status, stderr } = await gradtape('verify', file, ...args)
      expect([status, stderr.slice(0, 13)]).toEqual([1, 'BAD_ARGUMENT:'])
    }
    expect((await gradtape('verify', file, '--sample', '0')).status).toBe(2)
  })
})

describe('--import', () => {
  test('refuses a module that is not there, and one that throws', async () => {
    const missing = await gradtape('replay', own, '--import', './no-such-module.mjs')
    expect([missing.status, missing.stderr.slice(0, 14)]).toEqual([1, 'MODULE_FAILED:'])
    const throwing = path.join(folder, 'throwing.mjs')
    fs.writeFileSync(throwing, "throw new Error('not today')")
    const thrown = await gradtape('replay', own, '--import', throwing)
    expect(thrown.status).toBe(1)
    expect(thrown.stderr).toMatch(/^MODULE_FAILED: .*not today/)
  })

  test('notes when a module registered nothing', async () => {
    const idle = path.join(folder, 'idle.mjs')
    fs.writeFileSync(idle, 'export const nothing = true')
    const { stderr } = await gradtape('replay', own, '--import', idle)
    expect(stderr).toMatch(/^note: .* registered no function here/)
  })
})
