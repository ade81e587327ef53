// A fork as a run of its own: beside the run it goes on from, which never changes; and changes inside a step.
import fs from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { toNpy } from '../../src/formats/npy.js'
import {
  type Capture,
  DataLoader,
  Dropout,
  type ForkOptions,
  Linear,
  ndarray,
  openTape,
  type PastRun,
  type Run,
  type RunOptions,
  relu,
  Sequential,
  SGD,
  seedRandom,
  softmaxCrossEntropy,
  TensorDataset,
  uniform,
  Variable,
} from '../../src/index.js'
import { gradtape, gradtapeJson, temporaryFolder } from '../cli/gradtape.js'

const folder = temporaryFolder()
const STEPS = 12
const AT = 6
const CAPTURES: [string, Capture][] = [
  ['full', 'full'],
  ['replayable', 'replayable'],
  ['mixed', { values: 'full', gradients: 'replayable', everySteps: 3 }],
]
const at = (name: string) => path.join(folder, `${name}.tape`)
const array = (value: number, shape: readonly number[]) =>
  ndarray(new Float64Array(shape.reduce((a, b) => a * b, 1)).fill(value), { shape })

const lossesOf = (run: PastRun) => run.metrics(['loss']).columns.get('loss') as number[]

/** Momentum and dropout, so that a fork which loses state or keys goes another way. */
function train(
  run: Run,
  inStep: (step: number, hidden: Variable, model: Sequential) => void = () => {},
): void {
  seedRandom(4)
  const model = new Sequential(new Linear(5, 6), relu, new Dropout(0.3), new Linear(6, 3))
  const optimizer = new SGD(model.parameters(), { lr: 0.1, momentum: 0.8 })
  const data = new TensorDataset(
    uniform([30, 5], { key: { seed: 2, counter: 0 } }),
    Int32Array.from({ length: 30 }, (_, i) => i % 3),
  )
  const loader = new DataLoader(data, { batchSize: 7, shuffle: true, seed: 6 })
  for (let step = 1; step <= STEPS; ) {
    for (const [x, t] of loader) {
      if (step > STEPS) break
      run.step()
      const hidden = model.forward(x as Variable)
      hidden.name = 'hidden'
      inStep(step, hidden, model)
      const loss = softmaxCrossEntropy(hidden, t as Variable)
      model.clearGrads()
      loss.backward()
      optimizer.step()
      run.log({ loss, number: step })
      step++
    }
  }
}

async function record(
  file: string,
  options: RunOptions,
  inStep?: Parameters<typeof train>[1],
): Promise<number[]> {
  const tape = openTape(file)
  const run = tape.startRun('net', { seed: 4, ...options })
  train(run, inStep)
  await run.finish()
  const losses = lossesOf(tape.run(run.id))
  tape.close()
  return losses
}

beforeAll(async () => {
  for (const [name, capture] of CAPTURES)
    await record(at(name), { capture, checkpointEvery: 4 } as RunOptions)
})

/** The fork, and the same recorded on a tape of the run and the fork. */
async function forked(name: string, options: ForkOptions) {
  const source = openTape(at(name), { readonly: true })
  const output = path.join(folder, `${name}-${Math.random()}.tape`)
  source.split([1], output)
  const tape = openTape(output)
  const past = source.run(1)
  const plain = past.fork(options).run()
  const recorded = await past.fork(options).record(tape)
  source.close()
  return { plain, recorded, tape, output }
}

describe.each(CAPTURES)('a fork of a run of capture %s', (name) => {
  test.each<[string, ForkOptions, readonly string[]]>([
    ['nothing changed', { step: 5 }, []],
    ['another rate', { step: AT, set: { 'optimizer.lr': 0.5 }, steps: 3 }, ['optimizer.lr=0.5']],
    ['a row less', { step: 2, dropRows: [3] }, ['without row 3']],
    ['another value inside', { step: AT, at: 'hidden', value: 0, steps: 2 }, ['hidden=0']],
    ['another gradient inside', { step: AT, at: 'hidden', gradient: 0 }, ['gradient of hidden=0']],
  ])('with %s is recorded as it was performed, says so, and replays', async (what, options, changes) => {
    const before = fs.readFileSync(at(name))
    const { plain, recorded, tape } = await forked(name, options)
    expect(recorded.metrics).toEqual(plain.metrics)
    expect(recorded.equal).toBe(what === 'nothing changed')
    const child = tape.run(recorded.run)
    expect(child.started.parent).toEqual({ run: recorded.parent, step: options.step, changes })
    expect(child.stepCount).toBe(plain.steps)
    expect(lossesOf(child)).toEqual(
      plain.metrics.filter(({ name }) => name === 'loss').map(({ child: value }) => value),
    )
    expect(child.replay().divergence).toBeNull()
    // The program's loader gives five batches an epoch; steps of the fork count from 1.
    const epochs = tape
      .query('SELECT epoch FROM step WHERE run_id = 2 ORDER BY step')
      .map(({ epoch }) => epoch)
    expect(epochs).toEqual(
      Array.from({ length: plain.steps }, (_, i) => Math.floor((options.step - 1 + i) / 5)),
    )
    expect(tape.runs().map(({ parent }) => parent)).toEqual([null, child.started.parent])
    expect(tape.query('SELECT parent_run_id AS run, parent_step AS step FROM run WHERE id = 2')).toEqual([
      { run: 1, step: options.step },
    ])
    expect(tape.verify()).toMatchObject({ intact: true })
    tape.close()
    // The run that was forked is what it was, to the byte, and nothing lies beside it.
    expect(fs.readFileSync(at(name)).equals(before)).toBe(true)
    expect(fs.existsSync(`${at(name)}-wal`)).toBe(false)
  })
})

describe('inside a step', () => {
  const hiddenIs = (step: number, hidden: Variable) => {
    if (step === AT) hidden.data = array(0.25, hidden.shape)
  }
  const lossesFrom = (report: { metrics: readonly { name: string; child: number }[] }) =>
    report.metrics.filter(({ name }) => name === 'loss').map(({ child }) => child)
  const fork = (name: string, options: ForkOptions) => {
    const tape = openTape(at(name), { readonly: true })
    const report = tape.run(1).fork(options).run()
    tape.close()
    return report
  }
  const positionOfHidden = () => {
    const tape = openTape(at('replayable'), { readonly: true })
    const { position } = tape.run(1).variable('hidden', { step: AT })
    tape.close()
    return position as number
  }

  test('a value that is replaced gives what the program gives that assigns it there', async () => {
    const losses = await record(at('value'), {}, hiddenIs)
    for (const at of ['hidden', positionOfHidden()])
      expect(lossesFrom(fork('replayable', { step: AT, at, value: 0.25 }))).toEqual(losses.slice(AT - 1))
    expect(
      lossesFrom(fork('replayable', { step: AT, set: { hidden: array(0.25, [7, 3]) } })).slice(0, 1),
    ).toEqual(losses.slice(AT - 1, AT))
  })

  test('a gradient that is replaced gives what the program gives whose hook does it', async () => {
    const ofHidden = await record(at('gradient'), {}, (step, hidden) => {
      if (step === AT) hidden.onGradient((g) => new Variable(array(0.01, g.shape), { requiresGrad: false }))
    })
    expect(lossesFrom(fork('full', { step: AT, at: 'hidden', gradient: 0.01 }))).toEqual(
      ofHidden.slice(AT - 1),
    )
    let away: (() => void) | null = null
    const ofWeight = await record(at('weight'), {}, (step, _, model) => {
      away?.()
      away = null
      const weight = model.namedParameters().get('layers.0.weight')!
      if (step === AT)
        away = weight.onGradient((g) => new Variable(array(0, g.shape), { requiresGrad: false }))
    })
    const name = 'layers.0.weight'
    expect(lossesFrom(fork('replayable', { step: AT, gradients: { [name]: 0 } }))).toEqual(
      ofWeight.slice(AT - 1),
    )
  })

  test.each<[string, object, RegExp]>([
    [
      'a position that the run does not have',
      { at: 999_999, value: 1 },
      /expected a position from 1 to \d+, got #999999/,
    ],
    [
      'a position outside of the step',
      { at: 30, value: 1, steps: 1 },
      /found nothing in steps 6 to 6 that #30 changes/,
    ],
    [
      'a name that nothing has',
      { at: 'hiden', value: 1 },
      /found nothing .* that hiden changes; variables have the names .*hidden/,
    ],
    ['neither value nor gradient', { at: 'hidden' }, /expected `value` or `gradient` beside `at`/],
    ['a value of nothing', { value: 1 }, /expected `at` beside/],
    [
      'another shape',
      { at: 'hidden', value: ndarray([1, 2, 3]) },
      /expected for hidden a number, '@step', or an array of float64 \[7, 3\], got one of float64 \[3\]/,
    ],
    [
      'another dtype',
      { at: 'hidden', value: ndarray(new Float32Array(21), { shape: [7, 3] }) },
      /got one of float32 \[7, 3\]/,
    ],
    ['a gradient that is no number', { at: 'hidden', gradient: 'x' }, /the gradient of hidden/],
    ['what is no name', { at: '', value: 1 }, /expected at to be a name or a position/],
    ['an unknown option', { att: 1 }, /att/],
  ])('%s is refused', (_, options, words) => {
    expect(() => fork('replayable', { step: AT, ...options } as ForkOptions)).toThrow(words)
    expect(() => fork('replayable', { step: AT, ...options } as ForkOptions)).toThrow(/^BAD_ARGUMENT/)
  })
})

test('a fork is recorded where its run is, and nowhere else; one that fails is a failed run', async () => {
  const source = openTape(at('replayable'), { readonly: true })
  const fork = source.run(1).fork({ step: AT, set: { nothing: 3 } })
  const empty = openTape(at('elsewhere'))
  await expect(fork.record(empty)).rejects.toThrow(
    /^BAD_ARGUMENT: record\(\) expected a tape that holds run "net"/,
  )
  expect(empty.runs()).toEqual([])
  empty.close()
  await expect(fork.record(source)).rejects.toThrow(/^TAPE_READONLY/)
  const output = at('failing')
  source.split([1], output)
  const tape = openTape(output)
  await expect(fork.record(tape, { name: 'in vain' })).rejects.toThrow(/^BAD_ARGUMENT/)
  expect(tape.runs()).toMatchObject([{ id: 1 }, { name: 'in vain', status: 'failed' }])
  // The process records nothing more into it.
  new Variable(1).mul(2)
  expect(tape.verify()).toMatchObject({ intact: true })
  tape.close()
  source.close()
})

test('a run of capture structure has nothing to go on from', async () => {
  await record(at('structure'), { capture: 'structure' })
  const tape = openTape(at('structure'), { readonly: true })
  expect(() => tape.run(1).fork({ step: 2 })).toThrow(/^VALUE_NOT_CAPTURED/)
  tape.close()
})

describe('gradtape fork', { timeout: 60_000 }, () => {
  test('writes a tape with both runs, which runs, show and sql tell of', async () => {
    const output = at('cli')
    const ended = await gradtape(
      'fork',
      `${at('replayable')}:net`,
      '--step',
      '6',
      '--set',
      'optimizer.lr=0.5',
      '-o',
      output,
      '--name',
      'faster',
    )
    expect(ended.stdout).toContain(`recorded as run 2 of ${output}, where run 1 is the run as it was`)
    expect(ended.status).toBe(1)
    const words = 'fork of run 1 at step 6: optimizer.lr=0.5'
    expect((await gradtape('runs', output)).stdout).toContain(`run 2: ${words}`)
    expect((await gradtape('show', output, '--run', 'faster')).stdout).toContain(words)
    const { runs } = await gradtapeJson<{ runs: object[] }>('runs', output)
    expect(runs[1]).toMatchObject({
      name: 'faster',
      parent: { run: 1, step: 6, changes: ['optimizer.lr=0.5'] },
    })
    expect((await gradtape('replay', output)).stdout).toMatch(/^faster, run 2: bit-exact/)
    expect((await gradtape('fork', output, '--step', '1', '-o', output)).stderr).toMatch(
      /^BAD_ARGUMENT: --output/,
    )
    expect((await gradtape('fork', at('full'), '--step', '1', '-o', output)).stderr).toMatch(
      /^BAD_ARGUMENT: expected no file/,
    )
  })

  test('takes values by name and position, from a step and from a file, and gradients', async () => {
    const file = path.join(folder, 'value.npy')
    fs.writeFileSync(file, toNpy(array(0.25, [7, 3])))
    const tape = openTape(at('replayable'), { readonly: true })
    const { position } = tape.run(1).variable('hidden', { step: AT })
    tape.close()
    const ask = async (...args: string[]) =>
      (
        await gradtapeJson<{ metrics: { child: number }[] }>(
          'fork',
          at('replayable'),
          '--step',
          String(AT),
          '--steps',
          '2',
          ...args,
        )
      ).metrics.map(({ child }) => child)
    const [byNumber, ...others] = await Promise.all([
      ask('--set', 'hidden=0.25'),
      ask('--set', `hidden=@${file}`),
      ask('--set', `${position}=0.25`),
      ask('--set', `v${position}=0.25`),
    ])
    for (const other of others) expect(other).toEqual(byNumber)
    expect(await ask('--grad', 'layers.0.weight=0')).not.toEqual(await ask())
    const nothing = at('nothing')
    const failed = await gradtape(
      'fork',
      at('replayable'),
      '--step',
      '6',
      '--set',
      'nothing=1',
      '-o',
      nothing,
    )
    expect(failed.stderr).toMatch(/^BAD_ARGUMENT: .*nothing changes; variables have the names/m)
    expect(fs.readdirSync(folder).filter((name) => name.startsWith('nothing'))).toEqual([])
    for (const bad of ['hidden', 'hidden=', '=3', 'hidden=abc', 'hidden=@no.npy'])
      expect((await gradtape('fork', at('replayable'), '--step', '6', '--set', bad)).status).toBe(1)
  })
})
