/** Images changed at random: what each function does to known images, seeds, mistakes, and the tape. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { arange } from '../../src/array/make-array.js'
import {
  DataLoader,
  grad,
  ndarray,
  normalizeChannels,
  openTape,
  randomAffine,
  randomCrop,
  randomFlip,
  randomNoise,
  seedRandom,
  sum,
  TensorDataset,
  Variable,
} from '../../src/index.js'

const key = { seed: 4, counter: 2 }
/** Images whose pixels are all different. */
const images = (n: number, h = 3, w = 4) =>
  new Variable(ndarray(arange(1, n * 2 * h * w + 1), { shape: [n, 2, h, w] }))
const rowsOf = (x: Variable) =>
  Array.from({ length: x.shape[0]! }, (_, i) => [...x.slice([[i, i + 1]]).data.data])

describe('randomFlip', () => {
  test('mirrors about half of the images, as wholes', () => {
    const x = images(40)
    const [before, mirrored, after] = [x, x.flip(-1), randomFlip(x, key)].map(rowsOf)
    const flipped = after!.map((row, i) => {
      if (row.join() === before![i]!.join()) return false
      expect(row).toEqual(mirrored![i])
      return true
    })
    const count = flipped.filter(Boolean).length
    expect(count).toBeGreaterThan(8)
    expect(count).toBeLessThan(32)
    expect(rowsOf(randomFlip(x, key))).toEqual(after)
    expect(rowsOf(randomFlip(x, { ...key, p: 1, axis: 2 }))).toEqual(rowsOf(x.flip(2)))
    expect(rowsOf(randomFlip(x, { ...key, p: 0 }))).toEqual(before)
  })

  test('takes no image for another', () => {
    expect(() => randomFlip(images(4), { axis: 0 })).toThrow(/BAD_AXIS.*got 0/)
    expect(() => randomFlip(images(4), { axis: -4 })).toThrow(/BAD_AXIS.*got 0/)
    expect(() => randomFlip([1, 2, 3])).toThrow(/SHAPE_MISMATCH.*\[3\]/)
  })
})

describe('randomCrop', () => {
  test('cuts one size out of the image and the zeros around it, channels together', () => {
    const x = images(30)
    const y = randomCrop(x, { padding: 1, ...key })
    expect(y.shape).toEqual(x.shape)
    const places = new Set<string>()
    for (let i = 0; i < 30; i++) {
      const padded = x.slice([[i, i + 1]]).pad([
        [0, 0],
        [0, 0],
        [1, 1],
        [1, 1],
      ])
      const cuts = [0, 1, 2].flatMap((r) =>
        [0, 1, 2].map((q) => [
          `${r},${q}`,
          padded.slice([null, null, [r, r + 3], [q, q + 4]]).data.data.join(),
        ]),
      )
      const found = cuts.find(([, cut]) => cut === y.slice([[i, i + 1]]).data.data.join())
      expect(found, `image ${i}`).toBeDefined()
      places.add(found![0]!)
    }
    expect(places.size).toBeGreaterThan(5)
    expect(randomCrop(x, { size: [2, 3] }).shape).toEqual([30, 2, 2, 3])
    expect(grad([sum(randomCrop(x, key))], [x])[0]!.data.data.every((one) => one === 1)).toBe(true)
    expect(() => randomCrop(x, { size: 5 })).toThrow(/BAD_ARGUMENT.*at most \[3, 4\]/)
  })
})

describe('randomAffine', () => {
  test('that neither turns, moves nor scales is the image', () => {
    const x = images(3)
    expect(randomAffine(x, key).data.data).toEqual(x.data.data)
  })

  test('keeps the middle where it turns and scales, and the sum where it moves inside of zeros', () => {
    const x = images(2, 5, 5)
    const turned = randomAffine(x, { degrees: 180, scale: [0.5, 2], ...key })
    for (const at of [12, 37]) expect(turned.data.data[at]).toBeCloseTo(x.data.data[at]!, 9)
    const padded = x.pad([
      [0, 0],
      [0, 0],
      [3, 3],
      [3, 3],
    ])
    const moved = randomAffine(padded, { shift: 2, ...key })
    expect(sum(moved).item()).toBeCloseTo(sum(x).item(), 9)
    expect(moved.data.data).not.toEqual(padded.data.data)
    expect(() => randomAffine(x, { scale: [2, 1] })).toThrow(/BAD_ARGUMENT.*scale/)
    expect(() => randomAffine([1, 2])).toThrow(/SHAPE_MISMATCH/)
  })
})

test('randomNoise adds what was drawn, of the deviation that was said', () => {
  const x = new Variable(new Float64Array(4000))
  const deviation = randomNoise(x, { deviation: 0.5, ...key })
    .square()
    .mean()
    .sqrt()
    .item()
  expect(Math.abs(deviation - 0.5)).toBeLessThan(0.03)
})

test('normalizeChannels brings each channel to its mean and deviation', () => {
  const x = new Variable([
    [
      [1, 2],
      [3, 4],
    ],
  ])
  expect(normalizeChannels(x, { mean: [1, 2], deviation: [1, 2] }).data.toArray()).toEqual([
    [
      [0, 1],
      [0.5, 1],
    ],
  ])
  expect(normalizeChannels(x, { mean: 1 }).data.toArray()).toEqual([
    [
      [0, 1],
      [2, 3],
    ],
  ])
  expect(() => normalizeChannels(x, { mean: [1] })).toThrow(/SHAPE_MISMATCH.*2 channels/)
  expect(() => normalizeChannels(x, { deviation: [1, 0] })).toThrow(/BAD_ARGUMENT.*deviation/)
})

test('a run that changes its batches replays, and draws the same again with its seed; a data set can be changed once for all', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gradtape-augmented-'))
  const tape = openTape(path.join(folder, 'a.tape'))
  const dataset = new TensorDataset(images(8).data, ndarray(arange(8), { dtype: 'int32' }))
  const sums = async (name: string, seed: number) => {
    const run = tape.startRun(name, { seed })
    const seen: number[] = []
    for (const [x] of new DataLoader(dataset, { batchSize: 4, shuffle: true })) {
      run.step()
      const y = randomNoise(randomAffine(randomCrop(randomFlip(x), { padding: 1 }), { degrees: 10 }))
      seen.push(sum(y.square()).item())
    }
    await run.finish()
    return seen
  }
  const first = await sums('first', 7)
  expect(await sums('again', 7)).toEqual(first)
  expect(await sums('other', 8)).not.toEqual(first)
  expect(tape.run('first').replay().verdict).toBe('bit-exact')
  tape.close()
  fs.rmSync(folder, { recursive: true })
  const flipped = dataset.map((x, t) => [randomFlip(x, { p: 1, ...key }), t])
  expect(flipped.arrays[0].data.data).toEqual(images(8).flip(-1).data.data)
})

test('a loader changes its batches by a function of yours, each when it is its turn', () => {
  const dataset = new TensorDataset(images(8).data, ndarray(arange(8), { dtype: 'int32' }))
  const collate = (x: Variable, t: Variable): [Variable, Variable] => [randomFlip(x), t]
  const pixels = () => {
    seedRandom(3)
    return [...new DataLoader(dataset, { batchSize: 4, collate })].map(([x]) => [...x.data.data])
  }
  const first = pixels()
  expect(first.flat()).not.toEqual([...images(8).data.data])
  expect([...first.flat()].sort((a, b) => a - b)).toEqual([...images(8).data.data])
  expect(pixels()).toEqual(first)
  expect(() => new DataLoader(dataset, { collate: 3 as never })).toThrow(/BAD_ARGUMENT.*collate/)
  const short = new DataLoader(dataset, { collate: ((x: Variable) => [x]) as never })
  expect(() => [...short]).toThrow(/BAD_ARGUMENT.*collate to give 2 Variables/)
})

test('the order of a loader without a seed of its own follows from that of the run, and so does a sampler', () => {
  const dataset = new TensorDataset(ndarray(arange(20), { dtype: 'int32' }))
  const orderOf = (seed: number | null, own?: number) => {
    if (seed !== null) seedRandom(seed)
    const [batch] = [...new DataLoader(dataset, { batchSize: 20, shuffle: true, seed: own })]
    return [...batch![0].data.data].join()
  }
  expect(orderOf(5)).toBe(orderOf(9, 5))
  expect(orderOf(5)).not.toBe(orderOf(6))
  expect(orderOf(0)).toBe(orderOf(9, 0))
})
