/** Data sets and loaders: batches, orders, and what they are on a tape. */
import { describe, expect, test } from 'vitest'
import '../../src/functions/methods.js'
import '../../src/graph/backward.js'
import { arange, ndarray, zeros } from '../../src/array/make-array.js'
import { DataLoader } from '../../src/data/data-loader.js'
import { TensorDataset } from '../../src/data/tensor-dataset.js'
import { WeightedSampler } from '../../src/data/weighted-sampler.js'
import type { TapeEvent } from '../../src/events/event.js'
import { newTapePath, openForTest, recordedTape } from '../tape/temporary-tape.js'

const tenRows = () =>
  new TensorDataset(ndarray(arange(20), { shape: [10, 2] }), arange(10, undefined, 1, 'int32'))

const rowsIn = (loader: Iterable<readonly { data: { data: ArrayLike<number> } }[]>) =>
  [...loader].map(([, t]) => Array.from(t!.data.data))

describe('a data set', () => {
  test('gives the rows that are asked for, of every array', () => {
    const [x, t] = tenRows().take([3, 0])
    expect(x.data.toArray()).toEqual([
      [6, 7],
      [0, 1],
    ])
    expect(t.data.toArray()).toEqual([3, 0])
    expect([x.requiresGrad, t.dtype]).toEqual([false, 'int32'])
  })

  test('is cut as a list is', () => {
    const values = (start: number, stop?: number) => tenRows().slice(start, stop).arrays[1].data.toArray()
    expect(values(7)).toEqual([7, 8, 9])
    expect(values(-2)).toEqual([8, 9])
    expect(values(1, -6)).toEqual([1, 2, 3])
    expect(values(5, 2)).toEqual([])
    expect(tenRows().slice(2, 3).arrays[0].data.toArray()).toEqual([[4, 5]])
  })

  test('of arrays that are not equally long, without rows, or of none is refused', () => {
    expect(() => new TensorDataset(zeros([3, 2]), zeros([4]))).toThrow(
      'SHAPE_MISMATCH: TensorDataset expected arrays with the same number of rows, got [3, 2] and [4]',
    )
    expect(() => new TensorDataset(1)).toThrow(
      'SHAPE_MISMATCH: TensorDataset expected arrays with rows, got a scalar',
    )
    expect(() => new TensorDataset()).toThrow(
      'BAD_ARGUMENT: TensorDataset expected at least one array, got none',
    )
    expect(() => tenRows().take([10])).toThrow('INDEX_OUT_OF_RANGE')
    expect(() => tenRows().take(ndarray([0.5]))).toThrow('BAD_DTYPE')
  })
})

describe('a loader', () => {
  test('gives the rows in order, the last batch smaller or left out', () => {
    const loader = new DataLoader(tenRows(), { batchSize: 4 })
    expect(loader.length).toBe(3)
    expect(rowsIn(loader)).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9],
    ])
    const even = new DataLoader(tenRows(), { batchSize: 4, dropLast: true })
    expect(even.length).toBe(2)
    expect(rowsIn(even)).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
    ])
  })

  test('shuffles each epoch anew, each row once, and the same from the same seed', () => {
    const make = (seed: number) => new DataLoader(tenRows(), { batchSize: 3, shuffle: true, seed })
    const [a, b] = [make(1), make(1)]
    const epochs = [rowsIn(a), rowsIn(a)]
    expect(epochs[0]).not.toEqual(epochs[1])
    for (const epoch of epochs)
      expect(epoch.flat().sort((x, y) => x - y)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect([rowsIn(b), rowsIn(b)]).toEqual(epochs)
    expect(rowsIn(make(2))).not.toEqual(epochs[0])
  })

  test('goes on at an epoch, whatever was broken off before', () => {
    const make = () => new DataLoader(tenRows(), { batchSize: 3, shuffle: true, seed: 1 })
    const [a, b] = [make(), make()]
    for (const _ of a) break
    const second = rowsIn(a)
    b.epoch = 1
    expect(rowsIn(b)).toEqual(second)
    expect(a.epoch).toBe(2)
  })

  test('gives x and t of one row together', () => {
    for (const [x, t] of new DataLoader(tenRows(), { batchSize: 3, shuffle: true })) {
      const labels = [...t.data.data]
      expect(x.data.toArray()).toEqual(labels.map((label) => [2 * label, 2 * label + 1]))
    }
  })

  const mistakes: [string, () => unknown, string][] = [
    [
      'arrays',
      () => new DataLoader([zeros([3])] as never),
      'BAD_ARGUMENT: DataLoader expected a TensorDataset, got ',
    ],
    [
      'a batch size of 0',
      () => new DataLoader(tenRows(), { batchSize: 0 }),
      'BAD_ARGUMENT: DataLoader expected batchSize to be an integer of at least 1, got 0',
    ],
    [
      'a seed without shuffle',
      () => new DataLoader(tenRows(), { seed: 1 }),
      'BAD_ARGUMENT: DataLoader expected a seed only with { shuffle: true }',
    ],
    [
      'no rows',
      () => new DataLoader(new TensorDataset(zeros([0, 2]))),
      'BAD_ARGUMENT: DataLoader expected data for at least one batch, got 0 rows',
    ],
    [
      'a batch that is never full',
      () => new DataLoader(tenRows(), { batchSize: 11, dropLast: true }),
      'got 10 rows for batches of 11; use smaller ones, or do not drop the last',
    ],
    [
      'a misspelt option',
      () => new DataLoader(tenRows(), { batchsize: 2 } as object),
      'BAD_ARGUMENT: DataLoader does not know the option "batchsize"; did you mean "batchSize"?',
    ],
  ]
  test.each(mistakes)('given %s says so', (_name, act, message) => {
    expect(act).toThrow(message)
  })
})

test('on a tape a data set stands once, and a batch costs its indices', async () => {
  const path = newTapePath()
  const leaves: Extract<TapeEvent, { type: 'LeafCreated' }>[] = []
  const calls: string[] = []
  await recordedTape(
    (run) => {
      run.events$.subscribe((event) => {
        if (event.type === 'LeafCreated') leaves.push(event)
        if (event.type === 'FunctionCalled') calls.push(event.function)
      })
      const loader = new DataLoader(tenRows(), { batchSize: 5, shuffle: true, seed: 3 })
      for (let epoch = 0; epoch < 2; epoch++) for (const _ of loader) run.step()
    },
    {},
    path,
  )
  expect(calls).toEqual(Array.from({ length: 8 }, () => 'take'))
  const shapes = leaves.map(({ dtype, shape }) => `${dtype} ${shape.join('×')}`)
  expect(shapes).toEqual(['float64 10×2', 'int32 5', 'int32 10', 'int32 5', 'int32 5', 'int32 5'])
  expect(openForTest(path, { readonly: true }).run('test').replay().verdict).toBe('bit-exact')
})

describe('parts, changes and draws', () => {
  const labels = (dataset: { arrays: readonly { data: { data: ArrayLike<number> } }[] }) =>
    Array.from(dataset.arrays[1]!.data.data)

  test('a split by seed gives each row to one part, the same ones again', () => {
    const [train, held] = tenRows().split([0.7, 0.3], { seed: 4 })
    expect([train!.length, held!.length]).toEqual([7, 3])
    expect([...labels(train!), ...labels(held!)].sort((a, b) => a - b)).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
    ])
    expect(labels(tenRows().split([0.7, 0.3], { seed: 4 })[0]!)).toEqual(labels(train!))
    expect(labels(tenRows().split([7, 3], { seed: 5 })[0]!)).not.toEqual(labels(train!))
    expect(() => tenRows().split([0.7, 0.2])).toThrow(/^BAD_ARGUMENT/)
  })

  test('filter keeps rows, map changes whole arrays', () => {
    expect(labels(tenRows().filter((row) => row % 4 === 1))).toEqual([1, 5, 9])
    const halves = tenRows().map((x, t) => [x.mul(0.5), t])
    expect(halves.take([3])[0]!.data.toArray()).toEqual([[3, 3.5]])
    expect(halves.arrays[0]!.requiresGrad).toBe(false)
  })

  test('a weighted sampler draws by weight, anew each epoch, the same from the same seed', () => {
    const weights = Array.from({ length: 10 }, (_, i) => (i === 2 ? 9 : i === 5 ? 1 : 0))
    const sampler = new WeightedSampler(weights, { count: 1000, seed: 3 })
    const drawn = Array.from(sampler.order(0).data)
    expect(new Set(drawn)).toEqual(new Set([2, 5]))
    expect(Math.abs(drawn.filter((row) => row === 2).length - 900)).toBeLessThan(40)
    expect(Array.from(sampler.order(0).data)).toEqual(drawn)
    expect(Array.from(sampler.order(1).data)).not.toEqual(drawn)
    const loader = new DataLoader(tenRows(), { batchSize: 400, sampler })
    expect(rowsIn(loader).map(({ length }) => length)).toEqual([400, 400, 200])
    expect(loader.length).toBe(3)
  })

  test('without replacement a row comes once, and more than there are is refused', () => {
    const sampler = new WeightedSampler([1, 2, 0, 4], { replacement: false, count: 3 })
    expect(Array.from(sampler.order(0).data).sort()).toEqual([0, 1, 3])
    expect(() => new WeightedSampler([1, 0], { replacement: false })).toThrow(/^BAD_ARGUMENT/)
    for (const none of [[0, 0], null, 5])
      expect(() => new WeightedSampler(none as number[])).toThrow(/^BAD_ARGUMENT/)
    expect(() => new DataLoader(tenRows(), { sampler })).toThrow(/^BAD_ARGUMENT/)
  })
})
