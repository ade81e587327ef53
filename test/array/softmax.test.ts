import { describe, expect, test } from 'vitest'
import { div, exp, log, mul, sub } from '../../src/array/elementwise.js'
import { oneHot } from '../../src/array/indexing.js'
import { ndarray, zeros } from '../../src/array/make-array.js'
import { type NDArray, scalar } from '../../src/array/ndarray.js'
import { transpose } from '../../src/array/rearrange.js'
import { max, sum } from '../../src/array/reductions.js'
import { crossEntropyGradient, logSoftmax, softmax } from '../../src/array/softmax.js'
import { codeOf } from './thrown.js'

const logits = zeros([6, 150]).map((_, i) => ((i * 7919) % 1009) / 97 - 5)

describe('softmax and logSoftmax', () => {
  test('have the bits of their parts, in both float dtypes', () => {
    for (const dtype of ['float64', 'float32'] as const) {
      const x = logits.astype(dtype)
      const along = { axis: -1, keepdims: true }
      const shifted = sub(x, max(x, along))
      const exps = exp(shifted)
      const total = sum(exps, along)
      expect([...softmax(x).data]).toEqual([...div(exps, total).data])
      expect([...logSoftmax(x).data]).toEqual([...sub(shifted, log(total)).data])
      expect(softmax(x).dtype).toBe(dtype)
    }
  })

  test('run along any axis', () => {
    const swapped = transpose(logits)
    for (const op of [softmax, logSoftmax]) {
      expect(op(swapped, 0).toArray()).toEqual(transpose(op(logits, 1)).toArray())
      expect(op(zeros([2, 3, 4]), 1).data[0]).toBeCloseTo(op === softmax ? 1 / 3 : -Math.log(3), 15)
    }
  })

  test('stay finite at ±1000 and give 0 to entries of -Infinity', () => {
    expect(softmax(ndarray([1000, -1000, 1000])).toArray()).toEqual([0.5, 0, 0.5])
    expect(logSoftmax(ndarray([1000, -1000])).toArray()).toEqual([0, -2000])
    expect(softmax(ndarray([-Infinity, 0, 0])).toArray()).toEqual([0, 0.5, 0.5])
    expect(logSoftmax(ndarray([-Infinity, 0])).toArray()).toEqual([-Infinity, 0])
    const nothing = (x: NDArray): boolean => x.data.every((v) => Number.isNaN(v))
    expect(nothing(softmax(ndarray([-Infinity, -Infinity])))).toBe(true)
    expect(nothing(softmax(ndarray([NaN, 1])))).toBe(true)
  })

  test('take integers as float64, empty arrays, and refuse scalars and bools', () => {
    for (const op of [softmax, logSoftmax]) {
      expect(op(zeros([2], 'int32')).dtype).toBe('float64')
      expect(op(zeros([0])).shape).toEqual([0])
      expect(op(zeros([3, 0])).shape).toEqual([3, 0])
      expect(op(zeros([0, 3])).shape).toEqual([0, 3])
      expect(op(zeros([0, 3]), 0).shape).toEqual([0, 3])
      expect(codeOf(() => op(scalar(1, 'float64')))).toBe('BAD_AXIS')
      expect(codeOf(() => op(zeros([2], 'bool')))).toBe('BAD_DTYPE')
    }
  })
})

test('crossEntropyGradient is (softmax − oneHot)·share, and refuses what is no class', () => {
  const x = ndarray([
    [0.2, -1, 3],
    [1, 0.5, -0.25],
  ])
  const labels = ndarray([2, 0], { dtype: 'int32' })
  const hot = oneHot(labels, 3)
  const steps = mul(sub(softmax(x), hot), ndarray(0.5))
  expect(crossEntropyGradient(x, labels, ndarray(0.5)).toArray()).toEqual(steps.toArray())
  const wrong = ndarray([0, 3], { dtype: 'int32' })
  expect(() => crossEntropyGradient(x, wrong, ndarray(1))).toThrow(/^INDEX_OUT_OF_RANGE: .* got 3 in row 1/)
})
