import { describe, expect, test } from 'vitest'
import {
  equal,
  greater,
  greaterEqual,
  less,
  lessEqual,
  logicalAnd,
  logicalNot,
  logicalOr,
  notEqual,
  where,
} from '../../src/array/comparison.js'
import { DTYPES } from '../../src/array/dtype.js'
import { ndarray, zeros } from '../../src/array/make-array.js'
import { scalar } from '../../src/array/ndarray.js'
import { codeOf } from './thrown.js'

const OPS = { equal, notEqual, less, lessEqual, greater, greaterEqual }

describe('comparisons', () => {
  test('agree with the operators of JavaScript, NaN and -0 included', () => {
    const values = [0, -0, 1, -1, NaN, Infinity, -Infinity]
    const wanted = {
      equal: (x: number, y: number) => x === y,
      notEqual: (x: number, y: number) => x !== y,
      less: (x: number, y: number) => x < y,
      lessEqual: (x: number, y: number) => x <= y,
      greater: (x: number, y: number) => x > y,
      greaterEqual: (x: number, y: number) => x >= y,
    }
    for (const [name, op] of Object.entries(OPS)) {
      const table = op(ndarray(values, { shape: [7, 1] }), ndarray(values))
      expect(table).toMatchObject({ dtype: 'bool', shape: [7, 7] })
      expect(table.toArray(), name).toEqual(
        values.map((x) => values.map((y) => wanted[name as keyof typeof wanted](x, y))),
      )
    }
  })

  test('take every dtype, scalars and empty arrays, and refuse shapes that do not fit', () => {
    for (const op of Object.values(OPS)) {
      for (const dtype of DTYPES) {
        expect(op(scalar(1, dtype), scalar(1, dtype))).toMatchObject({ dtype: 'bool', shape: [] })
        expect(op(zeros([3, 0], dtype), zeros([0], dtype)).shape).toEqual([3, 0])
      }
      expect(codeOf(() => op(zeros([2]), zeros([3])))).toBe('SHAPE_MISMATCH')
    }
    expect(less(ndarray([1], { dtype: 'int32' }), ndarray([1.5])).toArray()).toEqual([true])
  })
})

test('logic takes numbers by whether they are 0', () => {
  const [x, y] = [ndarray([0, 0, 2, NaN]), ndarray([0, 3, 0, -1])]
  expect(logicalAnd(x, y).toArray()).toEqual([false, false, false, true])
  expect(logicalOr(x, y).toArray()).toEqual([false, true, true, true])
  expect(logicalNot(x).toArray()).toEqual([true, true, false, false])
  expect(logicalNot(zeros([0])).shape).toEqual([0])
})

describe('where', () => {
  test('chooses by the condition and broadcasts all three', () => {
    const condition = ndarray([true, false])
    const out = where(condition, ndarray([[1], [2]]), scalar(9, 'float64'))
    expect(out.toArray()).toEqual([
      [1, 9],
      [2, 9],
    ])
    expect(where(scalar(0, 'float64'), condition, ndarray([5], { dtype: 'int32' }))).toMatchObject({
      dtype: 'int32',
    })
    expect(where(zeros([0]), zeros([1]), zeros([3, 1])).shape).toEqual([3, 0])
    expect(where(scalar(1, 'bool'), scalar(2, 'float64'), scalar(3, 'float64')).item()).toBe(2)
  })

  test('refuses shapes that do not fit', () => {
    expect(codeOf(() => where(zeros([2]), zeros([3]), zeros([3])))).toBe('SHAPE_MISMATCH')
    expect(codeOf(() => where(zeros([2]), zeros([2]), zeros([3])))).toBe('SHAPE_MISMATCH')
  })
})
