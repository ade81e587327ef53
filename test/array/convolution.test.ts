/** Convolutions and pooling against the plainest loops, over random sizes; and that the adjoints are adjoint. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { convolve, convolveTransposed, convolveWeights, type Pair } from '../../src/array/convolution.js'
import { ndarray } from '../../src/array/make-array.js'
import type { NDArray } from '../../src/array/ndarray.js'
import {
  averagePool,
  averagePoolScatter,
  maxPool,
  maxPoolGather,
  maxPoolScatter,
} from '../../src/array/pooling.js'
import { type Shape, sizeOf } from '../../src/array/shape.js'

/** Small integers, so that sums in any order are equal. */
function integers(shape: Shape, seed: number): NDArray {
  return ndarray(
    Float64Array.from({ length: sizeOf(shape) }, (_, i) => ((i * 7919 + seed * 104729) % 19) - 9),
    { shape },
  )
}

function at(x: NDArray, ...index: number[]): number {
  let flat = 0
  for (let axis = 0; axis < x.ndim; axis++) {
    if (index[axis]! < 0 || index[axis]! >= x.shape[axis]!) return 0
    flat = flat * x.shape[axis]! + index[axis]!
  }
  return x.data[flat]!
}

function dot(a: NDArray, b: NDArray): number {
  expect(a.shape).toEqual(b.shape)
  return Array.from(a.data).reduce((sum, value, i) => sum + value * b.data[i]!, 0)
}

/** Calls `visit` with every index of a shape. */
function everywhere(shape: Shape, visit: (...index: number[]) => void, index: number[] = []): void {
  if (index.length === shape.length) visit(...index)
  else for (let i = 0; i < shape[index.length]!; i++) everywhere(shape, visit, [...index, i])
}

const small = (least: number, most: number) => fc.integer({ min: least, max: most })
const setting = fc
  .record({
    n: small(0, 3),
    channels: small(1, 3),
    outs: small(1, 3),
    rows: small(1, 6),
    columns: small(1, 6),
    kernel: fc.tuple(small(1, 3), small(1, 3)),
    stride: fc.tuple(small(1, 3), small(1, 3)),
    padding: fc.tuple(small(0, 2), small(0, 2)),
    seed: small(0, 1000),
  })
  .filter((s) => s.rows + 2 * s.padding[0] >= s.kernel[0] && s.columns + 2 * s.padding[1] >= s.kernel[1])

describe('convolve', () => {
  test('is the sum over channels and window, for every size, stride and padding', () => {
    fc.assert(
      fc.property(setting, ({ n, channels, outs, rows, columns, kernel, stride, padding, seed }) => {
        const x = integers([n, channels, rows, columns], seed)
        const w = integers([outs, channels, ...kernel], seed + 1)
        const y = convolve(x, w, { stride, padding })
        everywhere(y.shape, (i, o, r, s) => {
          let sum = 0
          everywhere([channels, ...kernel], (c, p, q) => {
            sum +=
              at(x, i!, c!, r! * stride[0] + p! - padding[0], s! * stride[1] + q! - padding[1]) *
              at(w, o!, c!, p!, q!)
          })
          expect(at(y, i!, o!, r!, s!)).toBe(sum)
        })
      }),
      { numRuns: 60 },
    )
  })

  test('has convolveTransposed and convolveWeights as adjoints', () => {
    fc.assert(
      fc.property(setting, ({ n, channels, outs, rows, columns, kernel, stride, padding, seed }) => {
        const x = integers([n, channels, rows, columns], seed)
        const w = integers([outs, channels, ...kernel], seed + 1)
        const y = convolve(x, w, { stride, padding })
        const v = integers(y.shape, seed + 2)
        const extra: Pair = [
          (rows + 2 * padding[0] - kernel[0]) % stride[0],
          (columns + 2 * padding[1] - kernel[1]) % stride[1],
        ]
        expect(dot(convolveTransposed(v, w, { stride, padding }, extra), x)).toBe(dot(v, y))
        expect(dot(convolveWeights(x, v, kernel, { stride, padding }), w)).toBe(dot(v, y))
      }),
      { numRuns: 60 },
    )
  })

  test('computes float32 in float32 and integers in float64', () => {
    const x = integers([1, 1, 3, 3], 1)
    const w = integers([1, 1, 2, 2], 2)
    const plain = { stride: [1, 1], padding: [0, 0] } as const
    expect(convolve(x.astype('float32'), w.astype('float32'), plain).dtype).toBe('float32')
    expect(convolve(x.astype('int32'), w.astype('int32'), plain).dtype).toBe('float64')
  })
})

describe('pooling', () => {
  const pooling = setting.filter((s) => s.padding[0] * 2 <= s.kernel[0] && s.padding[1] * 2 <= s.kernel[1])

  test('takes the maximum and the mean of every window', () => {
    fc.assert(
      fc.property(pooling, ({ n, channels, rows, columns, kernel, stride, padding, seed }) => {
        const x = integers([n, channels, rows, columns], seed)
        const most = maxPool(x, { kernel, stride, padding })
        const mean = averagePool(x, { kernel, stride, padding })
        everywhere(most.shape, (i, c, r, s) => {
          const inside: number[] = []
          everywhere(kernel, (p, q) => {
            const y = r! * stride[0] + p! - padding[0]
            const z = s! * stride[1] + q! - padding[1]
            if (y >= 0 && y < rows && z >= 0 && z < columns) inside.push(at(x, i!, c!, y, z))
          })
          expect(at(most, i!, c!, r!, s!)).toBe(Math.max(...inside))
          expect(at(mean, i!, c!, r!, s!)).toBe(inside.reduce((a, b) => a + b, 0) / (kernel[0] * kernel[1]))
        })
      }),
      { numRuns: 60 },
    )
  })

  test('has scatters that are the adjoints of reading', () => {
    fc.assert(
      fc.property(pooling, ({ n, channels, rows, columns, kernel, stride, padding, seed }) => {
        const options = { kernel, stride, padding }
        const x = integers([n, channels, rows, columns], seed)
        const g = integers(x.shape, seed + 1)
        const v = integers(maxPool(x, options).shape, seed + 2)
        expect(maxPoolGather(x, x, options).data.map(Math.round)).toEqual(maxPool(x, options).data)
        expect(dot(maxPoolScatter(v, x, options), g)).toBeCloseTo(dot(v, maxPoolGather(g, x, options)), 9)
        expect(dot(averagePoolScatter(v, options, [rows, columns]), g)).toBeCloseTo(
          dot(v, averagePool(g, options)),
          9,
        )
      }),
      { numRuns: 60 },
    )
  })
})
