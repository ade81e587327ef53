/**
 * The order of sums that docs/kernels.md states for `portable-2`, written here once more in the plainest way and compared
 * with what the kernel gives, plain and with WebAssembly.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { numbers } from '../../scripts/kernel-corpus.mjs'
import { convolveWeights } from '../../src/array/convolution.js'
import { type Kernel, plainKernel2, portableKernel2, useKernel } from '../../src/array/kernel.js'
import { ndarray } from '../../src/array/make-array.js'
import { sum } from '../../src/array/reductions.js'

type Floats = Float64Array | Float32Array

const SEED = 20_261_129
const BOTH: readonly Kernel[] = [plainKernel2, portableKernel2]

/** terms(0) + … + terms(count − 1): one after another up to `most`, else two halves, the first of a multiple of `step`. */
function byHalves(
  round: (x: number) => number,
  from: number,
  count: number,
  most: number,
  step: number,
  term: (i: number) => number,
): number {
  if (count <= most) {
    let total = 0
    for (let i = from; i < from + count; i++) total = round(total + term(i))
    return total
  }
  const half = Math.floor(count / 2 / step) * step
  return round(
    byHalves(round, from, half, most, step, term) +
      byHalves(round, from + half, count - half, most, step, term),
  )
}

const rounding = (x: Floats) => (x instanceof Float32Array ? Math.fround : (value: number) => value)
type Maker = new (length: number) => Floats
const floats = fc.constantFrom<Maker>(Float64Array, Float32Array)

function on<T>(kernel: Kernel, compute: () => T): T {
  const before = useKernel(kernel)
  try {
    return compute()
  } finally {
    useKernel(before)
  }
}

test('a product adds blocks of at most 1024 terms by halves', () => {
  fc.assert(
    fc.property(
      floats,
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 0, max: 6000 }),
      fc.integer({ min: 1, max: 5 }),
      fc.boolean(),
      (Type, m, k, n, turned) => {
        const [a, b] = [numbers(Type, m * k, 1, false), numbers(Type, k * n, 2, false)]
        const [ar, ac] = turned ? [1, m] : [k, 1]
        const round = rounding(a)
        const expected = new Type(m * n)
        for (let i = 0; i < m; i++) {
          for (let j = 0; j < n; j++) {
            const term = (t: number) => round(a[i * ar + t * ac]! * b[t * n + j]!)
            expected[i * n + j] = byHalves(round, 0, k, 1024, 512, term)
          }
        }
        for (const kernel of BOTH) {
          const out = new Type(m * n).fill(7)
          kernel.matmul(m, k, n, a, 0, ar, ac, b, 0, n, 1, out, 0)
          expect(out).toEqual(expected)
        }
      },
    ),
    { seed: SEED, numRuns: 60 },
  )
})

test('a product of many rows is cut into tiles, and no bit depends on it', () => {
  const [m, k, n] = [300, 1100, 500]
  const [a, b] = [numbers(Float32Array, m * k, 1, true), numbers(Float32Array, k * n, 2, true)]
  const whole = new Float32Array(m * n)
  portableKernel2.matmul(m, k, n, a, 0, k, 1, b, 0, n, 1, whole, 0)
  const row = new Float32Array(n)
  for (const i of [0, 1, 261, 262, 299]) {
    plainKernel2.matmul(1, k, n, a, i * k, k, 1, b, 0, n, 1, row, 0)
    expect(whole.slice(i * n, (i + 1) * n)).toEqual(row)
  }
})

test('rows are summed in blocks of at most 512, added by halves', () => {
  fc.assert(
    fc.property(
      floats,
      fc.integer({ min: 2, max: 4000 }),
      fc.integer({ min: 2, max: 20 }),
      (Type, rows, columns) => {
        const x = numbers(Type, rows * columns, 3, false)
        const round = rounding(x)
        const expected = Array.from({ length: columns }, (_, c) =>
          byHalves(round, 0, rows, 512, 256, (r) => x[r * columns + c]!),
        )
        const array = ndarray(x, { shape: [rows, columns] })
        for (const kernel of BOTH) {
          expect(on(kernel, () => sum(array, { axis: 0 })).toArray()).toEqual(expected)
        }
      },
    ),
    { seed: SEED, numRuns: 60 },
  )
})

test('parts with a summed axis inside are added one after another up to 128, more by halves', () => {
  const [parts, channels, inside] = [301, 3, 5]
  const x = numbers(Float32Array, parts * channels * inside, 4, false)
  const row = (i: number, c: number) => {
    let total = 0
    for (let t = 0; t < inside; t++) total = Math.fround(total + x[(i * channels + c) * inside + t]!)
    return total
  }
  const expected = Array.from({ length: channels }, (_, c) =>
    byHalves(Math.fround, 0, parts, 128, 8, (i) => row(i, c)),
  )
  const array = ndarray(x, { shape: [parts, channels, inside] })
  for (const kernel of BOTH) {
    expect(on(kernel, () => sum(array, { axis: [0, 2] })).toArray()).toEqual(expected)
  }
})

test('the weights of a window are summed over images the same way', () => {
  const images = 300
  const x = numbers(Float32Array, images * 2, 5, false)
  const gy = numbers(Float32Array, images * 2, 6, false)
  const image = (i: number) =>
    Math.fround(Math.fround(x[2 * i]! * gy[2 * i]!) + Math.fround(x[2 * i + 1]! * gy[2 * i + 1]!))
  const expected = byHalves(Math.fround, 0, images, 128, 8, image)
  for (const kernel of BOTH) {
    const got = on(kernel, () =>
      convolveWeights(
        ndarray(x, { shape: [images, 1, 1, 2] }),
        ndarray(gy, { shape: [images, 1, 1, 2] }),
        [1, 1],
        { stride: [1, 1], padding: [0, 0] },
      ),
    )
    expect(got.item()).toBe(expected)
  }
})

test('integers are exact whatever their number, and wrap in products as before', () => {
  const ones = ndarray(new Int32Array(3000).fill(1), { shape: [1500, 2] })
  expect(sum(ones, { axis: 0 }).toArray()).toEqual([1500, 1500])
  const [a, out] = [new Int32Array(2000).fill(2 ** 20), new Int32Array(1)]
  for (const kernel of BOTH) {
    kernel.matmul(1, 2000, 1, a, 0, 2000, 1, a, 0, 1, 1, out, 0)
    expect(out[0]).toBe(0)
  }
})
