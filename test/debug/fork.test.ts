/** What if: a run goes on from one of its steps, with something changed or with nothing. */
import { describe, expect, it } from 'vitest'
import {
  Adam,
  currentKernel,
  DataLoader,
  Dropout,
  Linear,
  matmul,
  ndarray,
  openTape,
  parameter,
  relu,
  Sequential,
  SGD,
  seedRandom,
  setKernel,
  softmaxCrossEntropy,
  type Tape,
  TensorDataset,
  uniform,
  Variable,
} from '../../src/index.js'
import { gradtape, gradtapeJson, temporaryFolder } from '../cli/gradtape.js'

const folder = temporaryFolder()
const STEPS = 18
let files = 0

interface Program {
  rateFrom?: number
  /** Null: the loader has none of its own. */
  loaderSeed?: number | null
  adam?: boolean
  steps?: number
}

function parts({ adam = true, loaderSeed = 6 }: Program) {
  const values = uniform([30, 5], { key: { seed: 2, counter: 0 } })
  const data = new TensorDataset(
    values,
    Int32Array.from({ length: 30 }, (_, i) => i % 3),
  )
  seedRandom(4)
  const model = new Sequential(new Linear(5, 6), relu, new Dropout(0.3), new Linear(6, 3))
  const parameters = model.parameters()
  const optimizer = adam
    ? new Adam(parameters, { lr: 0.01 })
    : new SGD(parameters, { lr: 0.1, momentum: 0.8 })
  const seed = loaderSeed ?? undefined
  return { model, optimizer, loader: new DataLoader(data, { batchSize: 7, shuffle: true, seed }) }
}

/** Trains from `step` on; gives the losses by step. */
function train(
  program: Program,
  made: ReturnType<typeof parts>,
  step: number,
  skip: number,
  begin: () => void,
  log: (loss: number, variable: unknown) => void,
): void {
  const { model, optimizer, loader } = made
  const last = program.steps ?? STEPS
  for (let left = skip; step <= last; left = 0) {
    let batch = 0
    for (const [x, t] of loader) {
      if (batch++ < left) continue
      if (step > last) break
      begin()
      if (program.rateFrom !== undefined && step >= program.rateFrom) optimizer.lr = 0.5
      const loss = softmaxCrossEntropy(model.forward(x), t)
      model.clearGrads()
      loss.backward()
      optimizer.step()
      log(loss.item(), loss)
      step++
    }
  }
}

async function record(tape: Tape, program: Program = {}): Promise<{ id: number; losses: number[] }> {
  const run = tape.startRun('net', { seed: 4, checkpointEvery: 5 })
  const losses: number[] = []
  train(
    program,
    parts(program),
    1,
    0,
    () => run.step(),
    (loss, variable) => {
      losses.push(loss)
      run.log({ loss: variable as never })
    },
  )
  await run.finish()
  return { id: run.id, losses }
}

const opened = () => openTape(`${folder}/${++files}.tape`)

describe('a fork', () => {
  it.each([true, false])('with nothing changed is the run, bit for bit (Adam: %s)', async (adam) => {
    const tape = opened()
    const { id, losses } = await record(tape, { adam })
    for (const step of [1, 2, 9, STEPS]) {
      const report = tape.run(id).fork({ step }).run()
      expect(report).toMatchObject({ equal: true, changes: [], steps: STEPS - step + 1 })
      expect(report.metrics.map(({ child }) => child)).toEqual(losses.slice(step - 1))
    }
    tape.close()
  })

  it.each([true, false])(
    'with another rate is the program that was run with it from there (Adam: %s)',
    async (adam) => {
      const tape = opened()
      const { id } = await record(tape, { adam })
      const other = await record(tape, { adam, rateFrom: 8 })
      const report = tape
        .run(id)
        .fork({ step: 8, set: { 'optimizer.lr': 0.5 } })
        .run()
      expect(report.equal).toBe(false)
      expect(report.metrics.map(({ child }) => child)).toEqual(other.losses.slice(7))
      const last = tape.run(other.id).at(STEPS)
      for (const [name, array] of report.state) expect([...array.data]).toEqual([...last.value(name).data])
      tape.close()
    },
  )

  it('gives a variable the value of another step, and leaves rows out', async () => {
    const tape = opened()
    const { id } = await record(tape)
    const past = tape.run(id)
    const back = past.fork({ step: 10, steps: 1, set: { 'layers.0.weight': '@3' } }).run()
    expect(back.changes).toEqual([{ what: 'layers.0.weight', count: 1 }])
    expect(back.metrics[0]!.child).not.toBe(back.metrics[0]!.parent)
    const row = past.at(11).rows[0]![0]!
    const without = past.fork({ step: 11, steps: 1, dropRows: [row] }).run()
    expect(without.changes).toEqual([{ what: 'dropRows', count: 1 }])
    expect(without.metrics[0]!.child).not.toBe(without.metrics[0]!.parent)
    tape.close()
  })

  it('refuses what it cannot do, and changes that meet nothing', async () => {
    const tape = opened()
    const { id } = await record(tape, { steps: 4 })
    const past = tape.run(id)
    for (const step of [0, 6, 1.5]) expect(() => past.fork({ step })).toThrow(/BAD_ARGUMENT/)
    expect(() => past.fork({ step: 2, set: { 'optimizer.rate': 1 } }).run()).toThrow(
      /found nothing.*optimizer.rate/,
    )
    expect(() => past.fork({ step: 2, set: { 'layers.0.weight': 'big' } }).run()).toThrow(
      /BAD_ARGUMENT.*'@step'/,
    )
    expect(() => past.fork({ step: 2, dropRows: [999] }).run()).toThrow(/found nothing.*dropRows/)
    expect(() => past.fork({ step: 5 }).run()).toThrow(/resume\(\)/)
    tape.close()
  })

  it.each([
    [true, 6],
    [false, 6],
    [true, null],
  ])(
    'hands its state to the program, which goes on bit for bit (Adam: %s, seed of the loader: %s)',
    async (adam, loaderSeed) => {
      const tape = opened()
      const { losses } = await record(tape, { adam, loaderSeed })
      const interrupted = await record(tape, { adam, loaderSeed, steps: 11 })
      for (const [id, step] of [
        [1, 7],
        [interrupted.id, 12],
      ] as const) {
        const made = parts({ adam, loaderSeed })
        const { model, optimizer, loader } = made
        seedRandom(99)
        const at = tape.run(id).fork({ step }).resume({ model, optimizer, loader })
        expect(at).toMatchObject({ step, epoch: Math.floor((step - 1) / 5), batch: (step - 1) % 5 })
        const gone: number[] = []
        train(
          { adam },
          made,
          step,
          at.batch!,
          () => undefined,
          (loss) => gone.push(loss),
        )
        expect(gone).toEqual(losses.slice(step - 1))
      }
      tape.close()
    },
  )

  it.each([
    ['of which each uses two batches, the first taken before it', true],
    ['of which each takes its two batches itself', false],
  ])('finds the place in the epoch among steps %s', async (_, isBefore) => {
    const tape = opened()
    const run = tape.startRun('added', { seed: 1 })
    const loader = new DataLoader(
      new TensorDataset(ndarray(new Float64Array(14).fill(1), { shape: [14, 1] })),
      {
        batchSize: 1,
      },
    )
    const w = parameter([[2]], { name: 'w' })
    const used: [epoch: number, batch: number][] = []
    const add = ([x]: readonly Variable[]) => matmul(x!, w).sum().backward()
    for (let epoch = 0; epoch < 2; epoch++) {
      const batches = loader[Symbol.iterator]()
      for (let batch = 0; batch < 14; batch += 2) {
        const first = isBefore ? batches.next().value! : null
        run.step()
        used.push([epoch, batch])
        w.clearGrad()
        add(first ?? batches.next().value!)
        add(batches.next().value!)
      }
      expect(batches.next().done).toBe(true)
    }
    await run.finish()
    const past = tape.run('added')
    for (const [i, [epoch, batch]] of used.entries()) {
      // Before the second step nothing was told of a loader whose batches were taken inside of steps.
      if (!isBefore && (i === 0 || batch === 0)) continue
      expect(past.fork({ step: i + 1 }).resume({ loader })).toMatchObject({ epoch, batch })
    }
    tape.close()
  })

  it('answers on the command line', async () => {
    const tape = opened()
    await record(tape)
    tape.close()
    const file = `${folder}/${files}.tape`
    expect(await gradtape('fork', file, '--step', '12')).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^the same, bit for bit, from step 12 in 7 steps/),
    })
    const changed = await gradtape('fork', file, '--step', '12', '--set', 'optimizer.lr=0.5')
    expect(changed).toMatchObject({
      status: 1,
      stdout: expect.stringMatching(/^step 13: loss is .* instead of .*optimizer.lr \(28 places\)/),
    })
    expect(await gradtapeJson('fork', file, '--step', '17', '--steps', '1')).toMatchObject({
      equal: true,
      metrics: [{ step: 17 }],
    })
    expect((await gradtape('fork', file, '--step', '12', '--set', 'lr')).status).toBe(1)
  })
})

it('a run whose capture keeps no bytes is refused, in words', async () => {
  const tape = openTape(`${folder}/structure.tape`)
  const run = tape.startRun('structure', { capture: 'structure' })
  run.step()
  const made = parts({ steps: 1 })
  train(
    { steps: 1 },
    made,
    1,
    0,
    () => {},
    () => {},
  )
  await run.finish()
  expect(() => tape.run('structure').fork({ step: 1 })).toThrow(/^VALUE_NOT_CAPTURED: .*keeps no bytes/)
  tape.close()
})

it('a run of an older kernel goes on with that kernel', async () => {
  setKernel('portable-1')
  const tape = openTape(`${folder}/older.tape`)
  try {
    const run = tape.startRun('older')
    const x = new Variable(
      ndarray(
        Float32Array.from({ length: 6000 }, (_, i) => Math.sin(i)),
        { shape: [3000, 2] },
      ),
      {
        requiresGrad: false,
      },
    )
    const layer = new Linear(2, 2, { dtype: 'float32' })
    const optimizer = new SGD(layer.parameters(), { lr: 0.01 })
    for (let step = 0; step < 4; step++) {
      run.step()
      const y = layer.forward(x)
      const loss = y.mul(y).sum()
      layer.clearGrads()
      loss.backward()
      optimizer.step()
      run.log({ loss })
    }
    await run.finish()
  } finally {
    setKernel('portable')
  }
  expect(tape.run('older').fork({ step: 2 }).run()).toMatchObject({ equal: true })
  expect(currentKernel().id).toBe('portable-2')
  tape.close()
})
