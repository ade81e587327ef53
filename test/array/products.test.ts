import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DTYPES } from '../../src/array/dtype.js'
import { add } from '../../src/array/elementwise.js'
import { ndarray, zeros } from '../../src/array/make-array.js'
import { type NDArray, scalar } from '../../src/array/ndarray.js'
import { linear, matmul } from '../../src/array/products.js'
import { transpose } from '../../src/array/rearrange.js'
import { codeOf, messageOf } from './thrown.js'

/** Irregular values whose products and sums round. */
function rough(shape: number[], seed: number, dtype: 'float64' | 'float32'): NDArray {
  let state = seed
  return zeros(shape)
    .map(() => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return state / 2 ** 31 - 1 + state / 2 ** 53
    })
    .astype(dtype)
}

/** The plain triple loop: its bits are the promise. */
function tripleLoop(a: NDArray, b: NDArray): number[] {
  const [m, k] = a.shape as [number, number]
  const n = b.shape[1]!
  const round = a.dtype === 'float32' ? Math.fround : (v: number) => v
  const out: number[] = []
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let total = 0
      for (let t = 0; t < k; t++) total = round(total + round(a.data[i * k + t]! * b.data[t * n + j]!))
      out.push(total)
    }
  }
  return out
}

describe('matmul', () => {
  test('has the bits of the plain triple loop, transposed or not, in both float dtypes', () => {
    const extent = fc.integer({ min: 0, max: 13 })
    fc.assert(
      fc.property(
        extent,
        extent,
        extent,
        fc.nat(),
        fc.constantFrom('float64' as const, 'float32' as const),
        (m, k, n, seed, dtype) => {
          const [a, b] = [rough([m, k], seed, dtype), rough([k, n], seed + 1, dtype)]
          const expected = tripleLoop(a, b)
          expect([...matmul(a, b).data]).toEqual(expected)
          expect([...matmul(transpose(a), b, { transposeA: true }).data]).toEqual(expected)
          expect([...matmul(a, transpose(b), { transposeB: true }).data]).toEqual(expected)
          expect([
            ...matmul(transpose(a), transpose(b), { transposeA: true, transposeB: true }).data,
          ]).toEqual(expected)
        },
      ),
      { numRuns: 300 },
    )
  })

  test('has them for larger matrices, and for a row alone as within many', () => {
    for (const dtype of ['float64', 'float32'] as const) {
      const [a, b] = [rough([67, 131], 1, dtype), rough([131, 49], 2, dtype)]
      const whole = matmul(a, b)
      expect([...whole.data]).toEqual(tripleLoop(a, b))
      const row = ndarray(a.data.slice(66 * 131))
      expect([...matmul(row, b).data]).toEqual([...whole.data.slice(66 * 49)])
    }
  })

  test('multiplies batches one by one, also transposed and broadcast', () => {
    const [a, b] = [rough([2, 1, 3, 4], 1, 'float64'), rough([3, 5, 4], 2, 'float64')]
    const out = matmul(a, b, { transposeB: true })
    expect(out.shape).toEqual([2, 3, 3, 5])
    for (let i = 0; i < 2; i++) {
      for (let j = 0; j < 3; j++) {
        const left = ndarray(a.data.slice(i * 12, i * 12 + 12), { shape: [3, 4] })
        const right = ndarray(b.data.slice(j * 20, j * 20 + 20), { shape: [5, 4] })
        const at = (i * 3 + j) * 15
        expect([...out.data.slice(at, at + 15)]).toEqual([...matmul(left, transpose(right)).data])
      }
    }
    const c = rough([2, 4, 3], 3, 'float64')
    const flat = matmul(c, rough([4, 2], 4, 'float64'), { transposeA: true })
    expect(flat.shape).toEqual([2, 3, 2])
  })

  test('gives zeros where the inner axis is empty, and empty results for empty outer axes', () => {
    for (const dtype of DTYPES) {
      expect(matmul(zeros([2, 0], dtype), zeros([0, 3], dtype))).toMatchObject({ dtype, shape: [2, 3] })
      expect([...matmul(zeros([2, 0], dtype), zeros([0, 3], dtype)).data]).toEqual([0, 0, 0, 0, 0, 0])
      expect(matmul(zeros([0, 2], dtype), zeros([2, 3], dtype)).shape).toEqual([0, 3])
      expect(matmul(zeros([0, 2, 2], dtype), zeros([1, 2, 3], dtype)).shape).toEqual([0, 2, 3])
      expect(matmul(zeros([0], dtype), zeros([0], dtype)).item()).toBe(0)
    }
  })

  test('lets a NaN or infinity through, also against zeros', () => {
    expect(matmul(ndarray([[0, 1]]), ndarray([[Infinity], [1]])).toArray()).toEqual([[NaN]])
  })

  test('names both shapes and the extents that differ', () => {
    expect(messageOf(() => matmul(zeros([2, 3]), zeros([4, 5])))).toBe(
      'SHAPE_MISMATCH: matmul expected inner axes to agree, got [2, 3] · [4, 5] (3 ≠ 4)',
    )
    expect(messageOf(() => matmul(zeros([2, 3]), zeros([3, 5]), { transposeB: true }))).toContain(
      '[2, 3] · [3, 5]ᵀ (3 ≠ 5)',
    )
    expect(messageOf(() => matmul(scalar(1, 'float64'), zeros([2])))).toContain('use mul for scalars')
    expect(codeOf(() => matmul(zeros([2, 2, 3]), zeros([3, 3, 2])))).toBe('SHAPE_MISMATCH')
  })
})

describe('linear', () => {
  test('has the bits of matmul and then add', () => {
    for (const dtype of ['float64', 'float32'] as const) {
      for (const lead of [[], [7], [2, 7], [0]]) {
        const [x, w, b] = [rough([...lead, 5], 1, dtype), rough([5, 6], 2, dtype), rough([6], 3, dtype)]
        const [got, expected] = [linear(x, w, b), add(matmul(x, w), b)]
        expect([got.dtype, got.shape, [...got.data]]).toEqual([dtype, expected.shape, [...expected.data]])
      }
    }
  })

  test('promotes, does without a bias, and takes empty outputs', () => {
    expect(linear(zeros([2, 3], 'float32'), zeros([3, 4], 'float32'), zeros([4], 'float64')).dtype).toBe(
      'float64',
    )
    expect(linear(zeros([2, 3]), zeros([3, 4])).shape).toEqual([2, 4])
    expect(linear(zeros([2, 3]), zeros([3, 0]), zeros([0])).shape).toEqual([2, 0])
  })

  test('refuses weights and biases of other shapes', () => {
    expect(messageOf(() => linear(zeros([2, 3]), zeros([3, 4]), zeros([3])))).toContain(
      'b [4] for w [3, 4], got [3]',
    )
    expect(codeOf(() => linear(zeros([2, 3]), zeros([3])))).toBe('SHAPE_MISMATCH')
    expect(codeOf(() => linear(zeros([2, 3]), zeros([4, 3]), zeros([3])))).toBe('SHAPE_MISMATCH')
  })
})
