import { describe, test } from 'vitest'
import { plainKernel } from '../../../src/array/plain-kernel.js'
import { portableKernel } from '../../../src/array/portable-kernel.js'
import { Source } from '../math/corpus.js'
import { expectSameBits } from './same-bits.js'

describe.each([Float64Array, Float32Array])('sums of %o', (Floats) => {
  const source = new Source(31)
  const values = new Floats(Array.from({ length: 300_000 }, () => source.spread(-20, 20)))

  test('along rows are pairwise in the plain order, whatever the length', () => {
    const lengths = [
      0, 1, 7, 8, 9, 127, 128, 129, 511, 512, 513, 1000, 2047, 2048, 2049, 2056, 4097, 8191, 8192, 8193, 8200,
      16_390, 100_003, 299_990,
    ]
    for (const n of lengths) {
      const rows = Math.max(1, Math.min(5, Math.floor(299_990 / Math.max(n, 1))))
      const [got, expected] = [new Floats(rows + 2).fill(0.25), new Floats(rows + 2).fill(0.25)]
      portableKernel.reduceRows('sum', values, 7, rows, n, got, 1)
      plainKernel.reduceRows('sum', values, 7, rows, n, expected, 1)
      expectSameBits(got, expected, `${rows} rows of ${n}`)
    }
  })

  test('of rows upon rows are taken row by row', () => {
    for (const [rows, n] of [
      [3, 8],
      [32, 128],
      [64, 9],
      [700, 10],
      [1001, 257],
      [100, 2500],
      [4, 70_001],
    ] as const) {
      const [got, expected] = [new Floats(n + 2).fill(0.25), new Floats(n + 2).fill(0.25)]
      portableKernel.accumulateRows('sum', values, 3, rows, n, got, 1)
      plainKernel.accumulateRows('sum', values, 3, rows, n, expected, 1)
      expectSameBits(got, expected, `${rows} rows of ${n}`)
    }
  })

  test('keep NaN, infinities and the sign of zero', () => {
    for (const special of [NaN, Infinity, -Infinity, -0]) {
      const x = new Floats(3000).fill(-0)
      x[1234] = special
      const [got, expected] = [new Floats(1).fill(-0), new Floats(1).fill(-0)]
      portableKernel.reduceRows('sum', x, 0, 1, 3000, got, 0)
      plainKernel.reduceRows('sum', x, 0, 1, 3000, expected, 0)
      expectSameBits(got, expected, `a sum with ${special}`)
    }
  })
})
