/** Rows that are taken from rows: each element in the order of its rows, whichever kernel computes it. */
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { numbers } from '../../scripts/kernel-corpus.mjs'
import { eigh, qr, svd } from '../../src/array/decompositions.js'
import { plainKernel2, portableKernel2, useKernel } from '../../src/array/kernel.js'
import { cholesky, inv, solve } from '../../src/array/linear-algebra.js'
import { eye, ndarray } from '../../src/array/make-array.js'
import { native } from '../../src/array/native/library.js'
import type { NDArray } from '../../src/array/ndarray.js'
import { foldRows, takeOuter } from '../../src/array/row-updates.js'
import { expectSameBits } from './wasm/same-bits.js'

const before = useKernel(portableKernel2)
const ways = native()?.library.ways ?? []
afterAll(() => {
  native()?.library.use(ways[0]!)
  useKernel(before)
})

/** What a computation gives in plain loops, and by each way of native code. */
function eachWay(compute: () => Float64Array[], what: string): Float64Array[] {
  useKernel(plainKernel2)
  const expected = compute()
  useKernel(portableKernel2)
  for (const way of ways) {
    native()!.library.use(way)
    compute().forEach((got, i) => {
      expectSameBits(got, expected[i]!, `${what}, ${way}, part ${i}`)
    })
  }
  return expected
}

const extent = fc.integer({ min: 0, max: 70 })
const runs = { numRuns: 40 }

test('a row gets plus or less each row of a block, one after another', () => {
  fc.assert(
    fc.property(extent, extent, fc.boolean(), fc.boolean(), fc.nat(), (rows, columns, isMinus, odd, seed) => {
      const [s, u, a] = [90, 400, 6000].map((size, i) => numbers(Float64Array, size, seed + i, odd)) as [
        ...Float64Array[],
      ] as [Float64Array, Float64Array, Float64Array]
      const [got] = eachWay(() => {
        const to = s.slice()
        foldRows(isMinus, to, 2, u, 3, 5, a, 7, 80, rows, columns)
        return [to]
      }, `fold of ${rows}×${columns}`)
      const expected = s.slice()
      for (let c = 0; c < columns; c++)
        for (let r = 0; r < rows; r++) {
          const product = u[3 + 5 * r]! * a[7 + 80 * r + c]!
          expected[2 + c] = isMinus ? expected[2 + c]! - product : expected[2 + c]! + product
        }
      expectSameBits(got!, expected, `fold of ${rows}×${columns} against its definition`)
    }),
    runs,
  )
})

test('a block loses the product of a column and a row', () => {
  fc.assert(
    fc.property(extent, extent, fc.boolean(), fc.nat(), (rows, columns, odd, seed) => {
      const [a, u, v] = [6000, 400, 90].map((size, i) => numbers(Float64Array, size, seed + i, odd)) as [
        ...Float64Array[],
      ] as [Float64Array, Float64Array, Float64Array]
      const [got] = eachWay(() => {
        const to = a.slice()
        takeOuter(to, 7, 80, u, 3, 5, v, 2, rows, columns)
        return [to]
      }, `outer of ${rows}×${columns}`)
      const expected = a.slice()
      for (let r = 0; r < rows; r++)
        for (let c = 0; c < columns; c++) {
          const at = 7 + 80 * r + c
          expected[at] = expected[at]! - u[3 + 5 * r]! * v[2 + c]!
        }
      expectSameBits(got!, expected, `outer of ${rows}×${columns} against its definition`)
    }),
    runs,
  )
})

describe('factors have the same bits by each way:', () => {
  const matrix = (rows: number, columns: number, seed: number, diagonal = 0): NDArray => {
    const values = numbers(Float64Array, rows * columns, seed, false)
    for (let i = 0; i < Math.min(rows, columns); i++) values[i * columns + i]! += diagonal
    return ndarray(values, { shape: [rows, columns] })
  }
  const bits = (...arrays: readonly NDArray[]) => arrays.map(({ data }) => data as Float64Array)

  test.each([1, 2, 13, 40])('of %i rows', (n) => {
    const [x, wide, b] = [matrix(n, n, 1, 40), matrix(n, n + 5, 2), matrix(n, 3, 3)]
    eachWay(() => bits(...qr(x), ...qr(wide), inv(x), solve(x, b)), `factors of ${n}`)
    const positive = ndarray(
      Float64Array.from({ length: n * n }, (_, i) =>
        i % (n + 1) === 0 ? n + 1 : 1 / (1 + (i % n) + Math.floor(i / n)),
      ),
      { shape: [n, n] },
    )
    const [l] = eachWay(() => bits(cholesky(positive)), `cholesky of ${n}`)
    for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) expect(l![i * n + j]).toBe(0)
    // A matrix of one rank less than it has rows, and of equal values too.
    const poor = ndarray(x.data.map((value, i) => (i % n === 0 ? 0 : value)) as Float64Array, {
      shape: [n, n],
    })
    for (const [ofEigh, ofSvd] of [
      ['jacobi', 'jacobi'],
      ['tridiagonal', 'triangle'],
    ] as const) {
      const all = () => [
        ...eigh(x, ofEigh),
        ...eigh(eye(n), ofEigh),
        ...[wide, b, x, poor].flatMap((one) => svd(one, ofSvd)),
      ]
      expect(all().every(({ data }) => data.every(Number.isFinite))).toBe(true)
      eachWay(() => bits(...all()), `values of ${n}, ${ofEigh}, ${ofSvd}`)
    }
  })
})
