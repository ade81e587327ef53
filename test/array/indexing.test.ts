import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { gather, oneHot, scatterAdd, scatterTake, take } from '../../src/array/indexing.js'
import { type ArrayLike, ndarray, zeros } from '../../src/array/make-array.js'
import { type NDArray, scalar } from '../../src/array/ndarray.js'
import type { Shape } from '../../src/array/shape.js'
import { codeOf, messageOf } from './thrown.js'

const int32 = (values: ArrayLike, shape?: Shape): NDArray =>
  ndarray(values, { dtype: 'int32', ...(shape ? { shape } : {}) })
const x = ndarray([
  [1, 2, 3],
  [4, 5, 6],
])

/** Σ a·b over equal shapes; the numbers are small integers, so it is exact. */
function dot(a: NDArray, b: NDArray): number {
  return [...a.data].reduce((total, value, i) => total + value * b.data[i]!, 0)
}

describe('take', () => {
  test('puts the axes of the indices in the place of the axis', () => {
    expect(take(x, int32([1, -2, 1])).toArray()).toEqual([
      [4, 5, 6],
      [1, 2, 3],
      [4, 5, 6],
    ])
    expect(take(x, int32(2), 1).toArray()).toEqual([3, 6])
    expect(take(x, int32([[0], [1]]), 1).shape).toEqual([2, 2, 1])
    expect(take(zeros([3, 50]), int32([0, 2])).shape).toEqual([2, 50])
    expect(take(x, ndarray(Uint8Array.of(1))).toArray()).toEqual([[4, 5, 6]])
  })

  test('takes empty indices and empty rows', () => {
    expect(take(x, int32([])).shape).toEqual([0, 3])
    expect(take(zeros([2, 0]), int32([1])).shape).toEqual([1, 0])
    expect(take(zeros([0, 2]), int32([])).shape).toEqual([0, 2])
  })

  test('refuses indices out of range, of a wrong dtype, and scalars', () => {
    expect(messageOf(() => take(x, int32([0, 2])))).toBe(
      'INDEX_OUT_OF_RANGE: take expected indices from -2 to 1, got 2 at element 1 of the indices',
    )
    expect(codeOf(() => take(x, int32([-3])))).toBe('INDEX_OUT_OF_RANGE')
    expect(messageOf(() => take(zeros([0]), int32([0])))).toContain('the axis is empty')
    expect(messageOf(() => take(x, ndarray([0])))).toContain("use astype('int32')")
    expect(codeOf(() => take(scalar(1, 'float64'), int32([0])))).toBe('BAD_AXIS')
  })

  test('has scatterTake as its transpose', () => {
    const cases = fc.record({
      shape: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }),
      axis: fc.nat(2),
      picks: fc.array(fc.nat(99), { maxLength: 6 }),
    })
    fc.assert(
      fc.property(cases, ({ shape, axis: any, picks }) => {
        const axis = any % shape.length
        const extent = shape[axis]!
        const indices = int32(picks.map((p) => (p % (2 * extent)) - extent))
        const source = zeros(shape).map((_, i) => i + 1)
        const taken = take(source, indices, axis)
        const gy = taken.map((_, i) => ((i * 5) % 7) + 1)
        const back = scatterTake(gy, indices, axis, extent)
        expect(back.shape).toEqual(shape)
        expect(dot(back, source)).toBe(dot(gy, taken))
      }),
    )
  })
})

test('scatterTake adds in the order of the indices, so the bits are fixed', () => {
  const gy = ndarray([1e16, 1, -1e16, 1])
  expect(scatterTake(gy, int32([0, 0, 0, 0]), 0, 2).toArray()).toEqual([1e16 + 1 - 1e16 + 1, 0])
  expect(codeOf(() => scatterTake(zeros([3]), int32([0, 1]), 0, 2))).toBe('SHAPE_MISMATCH')
  expect(codeOf(() => scatterTake(zeros([1]), int32([2]), 0, 2))).toBe('INDEX_OUT_OF_RANGE')
})

describe('gather', () => {
  test('reads one element for every index, as in PyTorch', () => {
    expect(
      gather(
        x,
        int32([
          [0, 0],
          [2, 1],
        ]),
        1,
      ).toArray(),
    ).toEqual([
      [1, 1],
      [6, 5],
    ])
    expect(gather(x, int32([[1, 0, 1]]), 0).toArray()).toEqual([[4, 2, 6]])
    expect(gather(x, int32([[-1], [0]]), -1).toArray()).toEqual([[3], [4]])
    expect(gather(x, int32([], [0, 3]), 0).shape).toEqual([0, 3])
  })

  test('has scatterAdd as its transpose', () => {
    const indices = int32([
      [0, 2, 0, 1],
      [1, 1, -1, 0],
    ])
    const source = zeros([2, 3]).map((_, i) => i + 1)
    const values = zeros([2, 4]).map((_, i) => ((i * 5) % 7) + 1)
    const back = scatterAdd([2, 3], indices, 1, values)
    expect(back.shape).toEqual([2, 3])
    expect(dot(back, source)).toBe(dot(values, gather(source, indices, 1)))
  })

  test('refuses indices that do not fit', () => {
    expect(codeOf(() => gather(x, int32([0]), 1))).toBe('SHAPE_MISMATCH')
    expect(codeOf(() => gather(x, int32([[0], [0], [0]]), 1))).toBe('SHAPE_MISMATCH')
    expect(codeOf(() => gather(x, int32([[3]]), 1))).toBe('INDEX_OUT_OF_RANGE')
    expect(codeOf(() => gather(x, ndarray([[0]]), 1))).toBe('BAD_DTYPE')
    expect(codeOf(() => scatterAdd([2, 3], int32([[0]]), 1, zeros([2, 1])))).toBe('SHAPE_MISMATCH')
  })
})

test('oneHot marks the class, and refuses classes that are none', () => {
  expect(oneHot(int32([[2], [0]]), 3, 'float32').toArray()).toEqual([[[0, 0, 1]], [[1, 0, 0]]])
  expect(oneHot(int32(1), 2).toArray()).toEqual([0, 1])
  expect(oneHot(int32([]), 2).shape).toEqual([0, 2])
  expect(messageOf(() => oneHot(int32([3]), 3))).toContain('oneHot expected indices from 0 to 2, got 3')
  expect(codeOf(() => oneHot(int32([-1]), 3))).toBe('INDEX_OUT_OF_RANGE')
  expect(codeOf(() => oneHot(int32([0]), 1.5))).toBe('BAD_ARGUMENT')
})
