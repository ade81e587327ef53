/** What a tape knows of a loader's epochs, and of data sets by name. */
import { expect, test } from 'vitest'
import { ndarray } from '../../src/array/make-array.js'
import { DataLoader } from '../../src/data/data-loader.js'
import { TensorDataset } from '../../src/data/tensor-dataset.js'
import { mul } from '../../src/functions/arithmetic.js'
import { sum } from '../../src/functions/reductions.js'
import { parameter } from '../../src/graph/leaves.js'
import type { Run } from '../../src/tape/run.js'
import { newTapePath, openForTest, recordedTape } from '../tape/temporary-tape.js'

const faces = (rows = 10) => new TensorDataset(ndarray(Float64Array.from({ length: rows }, (_, i) => i)))

async function recorded(program: (run: Run) => void) {
  const file = await recordedTape(program)
  const tape = openForTest(file, { readonly: true })
  return {
    tape,
    epochs: tape.query('SELECT * FROM epoch ORDER BY position') as Record<string, unknown>[],
    ofSteps: (tape.query('SELECT epoch FROM step ORDER BY step') as { epoch: number | null }[]).map(
      ({ epoch }) => epoch,
    ),
  }
}

const evaluate = (test: Iterable<unknown>) => [...test].length

test('each step belongs to the epoch of the loop it stands in, and loops over a test set inside change nothing', async () => {
  const [train, rest] = faces()
    .named('faces')
    .split([6, 4], { parts: ['train', 'test'] })
  const { epochs, ofSteps } = await recorded((run) => {
    const w = parameter(1, { name: 'w' })
    run.step() // before any loop
    const loader = new DataLoader(train!, { batchSize: 2, shuffle: true, seed: 1 })
    for (let i = 0; i < 2; i++) {
      for (const [x] of loader) {
        run.step()
        mul(x, w)
        evaluate(new DataLoader(rest!, { batchSize: 4 }))
      }
    }
    run.step() // after the loop: of the epoch before it
  })
  expect(ofSteps).toEqual([null, 0, 0, 0, 1, 1, 1, 1])
  const common = {
    run_id: 1,
    first_batch: 0,
    batch_count: 3,
    batch_size: 2,
    data_set: 'faces',
    part: 'train',
  }
  expect(epochs).toMatchObject([
    { ...common, epoch: 0, first_step: 2, last_step: 4 },
    { ...common, epoch: 1, first_step: 5, last_step: 8 },
  ])
})

test('the data of an epoch is the array that its batches are taken from, with the name of the data set', async () => {
  const { tape, epochs } = await recorded((run) => {
    for (const [x] of new DataLoader(faces().named('faces'), { batchSize: 5 })) {
      run.step()
      run.log({ loss: sum(mul(x, x)) })
    }
  })
  const [{ data_position }] = epochs as [{ data_position: number }]
  expect(tape.query(`SELECT name, shape FROM leaf WHERE position = ${data_position}`)).toEqual([
    { name: 'faces[0]', shape: '[10]' },
  ])
  expect(
    tape.query('SELECT DISTINCT step, data_name, data_position FROM batch WHERE run_id = 1 ORDER BY step'),
  ).toEqual([
    { step: 1, data_name: 'faces[0]', data_position },
    { step: 2, data_name: 'faces[0]', data_position },
  ])
  expect(tape.verify().intact).toBe(true)
  expect(tape.run(1).replay().verdict).toBe('bit-exact')
})

test('a run that begins in the middle of an epoch says with which batch, and one that is left early begins the next one', async () => {
  const loader = new DataLoader(faces(), { batchSize: 2 })
  const { epochs } = await recorded((run) => {
    const batches = loader[Symbol.iterator]()
    batches.next()
    batches.next()
    run.step()
    batches.return()
    for (const _ of loader) {
      run.step()
      break
    }
    for (const _ of loader) run.step()
  })
  expect(
    epochs.map(({ epoch, first_step, last_step, first_batch }) => [
      epoch,
      first_step,
      last_step,
      first_batch,
    ]),
  ).toEqual([
    [0, 1, 1, 1],
    [1, 2, 2, 0],
    [2, 3, 7, 0],
  ])
})

test('resuming finds epoch and batch by what the run says, where epochs were left early', async () => {
  const loader = new DataLoader(faces(), { batchSize: 2 })
  const { tape } = await recorded((run) => {
    for (let i = 0; i < 3; i++)
      for (const [x] of loader) {
        run.step()
        run.log({ loss: sum(mul(x, x)) })
        if (i < 2 && run.currentStep % 2 === 0) break
      }
  })
  const place = (step: number) => {
    const { epoch, batch } = tape.run(1).fork({ step }).resume({ loader })
    return [epoch, batch, loader.epoch]
  }
  expect([1, 2, 3, 4, 5, 6, 9].map(place)).toEqual([
    [0, 0, 0],
    [0, 1, 0],
    [1, 0, 1],
    [1, 1, 1],
    [2, 0, 2],
    [2, 1, 2],
    [2, 4, 2],
  ])
})

test('names of data sets and parts are texts, and what is made of a data set keeps them', () => {
  const named = faces().named('faces', { part: 'train' })
  expect([named.slice(2), named.filter((row) => row > 3), named.map((x) => [mul(x, 2)])]).toMatchObject([
    { name: 'faces', part: 'train' },
    { name: 'faces', part: 'train' },
    { name: 'faces', part: 'train' },
  ])
  expect(named.arrays[0]!.name).toBe('faces.train[0]')
  expect(faces().slice(2)).toMatchObject({ name: null, part: null })
  expect(() => faces().named('')).toThrow(/^BAD_ARGUMENT: a name/)
  expect(() => faces().named('a', { part: '' })).toThrow(/^BAD_ARGUMENT: a name/)
  expect(() => faces().named('\ud800')).toThrow(/^BAD_ARGUMENT/)
  expect(() => faces().split([0.5, 0.5], { parts: ['train'] })).toThrow(/^BAD_ARGUMENT: .*2 names/)
})

test('two runs whose loops take turns each know their own epochs', async () => {
  const tape = openForTest(newTapePath())
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  const train = async (name: string, batchSize: number) => {
    const run = tape.startRun(name)
    run.step()
    await turn()
    for (let i = 0; i < 2; i++)
      for (const [x] of new DataLoader(faces().named(name), { batchSize })) {
        await turn()
        run.step()
        run.log({ loss: sum(mul(x, x)) })
        await turn()
      }
    await run.finish()
  }
  await Promise.all([train('slow', 2), train('quick', 5)])
  for (const { id, name } of tape.runs())
    expect(tape.query(`SELECT DISTINCT data_set, batch_size FROM epoch WHERE run_id = ${id}`)).toEqual([
      { data_set: name, batch_size: name === 'slow' ? 2 : 5 },
    ])
  expect(tape.verify().intact).toBe(true)
  tape.close()
})

test('iterators that are dropped in the middle take no room and no time, and the loop around them keeps its epoch', async () => {
  const outer = new DataLoader(faces().named('outer'), { batchSize: 2 })
  const { epochs } = await recorded((run) => {
    for (const _ of outer) {
      run.step()
      for (let i = 0; i < 2000; i++) new DataLoader(faces(4), { batchSize: 2 })[Symbol.iterator]().next()
    }
  })
  expect(epochs.map(({ data_set, first_step, last_step }) => [data_set, first_step, last_step])).toEqual([
    ['outer', 1, 5],
  ])
})

test('an epoch that is no count, and parts of a data set without a name, are refused', () => {
  const loader = new DataLoader(faces(), { batchSize: 2 })
  loader.epoch = -1
  expect(() => [...loader]).toThrow(/^BAD_ARGUMENT: .*epoch/)
  expect(() => faces().split([0.5, 0.5], { parts: ['a', 'b'] })).toThrow(/^BAD_ARGUMENT: .*named/)
})
