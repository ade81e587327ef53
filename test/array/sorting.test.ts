import { describe, expect, test } from 'vitest'
import { gateAboveZero } from '../../src/array/gates.js'
import { ndarray } from '../../src/array/make-array.js'
import { topk } from '../../src/array/sorting.js'

describe('topk', () => {
  test('gives the largest or smallest, best first, equal ones in the order of their indices', () => {
    const x = ndarray([3, 1, 3, 2])
    expect(topk(x, 3).map((one) => one.toArray())).toEqual([
      [3, 3, 2],
      [0, 2, 3],
    ])
    expect(topk(x, 2, 0, false).map((one) => one.toArray())).toEqual([
      [1, 2],
      [1, 3],
    ])
  })

  test('counts NaN as the largest', () => {
    expect(topk(ndarray([1, NaN, Infinity, NaN]), 3)[1].toArray()).toEqual([1, 3, 2])
    expect(topk(ndarray([1, NaN, -Infinity, NaN]), 3, 0, false)[1].toArray()).toEqual([2, 0, 1])
  })

  test('works along any axis and keeps the dtype', () => {
    const x = ndarray(Int32Array.of(1, 6, 5, 2, 3, 4), { shape: [3, 2] })
    const [values, indices] = topk(x, 1, 0)
    expect([values.dtype, indices.dtype]).toEqual(['int32', 'int32'])
    expect(values.toArray()).toEqual([[5, 6]])
    expect(indices.toArray()).toEqual([[1, 0]])
  })

  test('refuses a k that is not there', () => {
    expect(() => topk(ndarray([1, 2]), 3)).toThrow(/^BAD_ARGUMENT: topk expected k from 0 to 2/)
    expect(() => topk(ndarray(1), 0)).toThrow(/^BAD_AXIS/)
  })
})

test('gateAboveZero passes what stands where the other is above 0 or NaN', () => {
  const x = ndarray([-1, 0, 2, NaN, -0])
  expect(gateAboveZero(ndarray([1, NaN, Infinity, 4, 5]), x).toArray()).toEqual([0, 0, Infinity, 4, 0])
  expect(() => gateAboveZero(ndarray([1]), x)).toThrow(/^SHAPE_MISMATCH/)
})
