import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DTYPES } from '../../src/array/dtype.js'
import { arange, ndarray, ones, zeros } from '../../src/array/make-array.js'
import { type NDArray, scalar } from '../../src/array/ndarray.js'
import {
  broadcastTo,
  concat,
  expandDims,
  flip,
  pad,
  reshape,
  scatterSlice,
  slice,
  split,
  squeeze,
  stack,
  transpose,
} from '../../src/array/rearrange.js'
import { codeOf, messageOf } from './thrown.js'

const x23 = ndarray([
  [1, 2, 3],
  [4, 5, 6],
])

describe('reshape', () => {
  test('shares memory and fills one -1', () => {
    const y = reshape(x23, [3, -1])
    expect(y.toArray()).toEqual([
      [1, 2],
      [3, 4],
      [5, 6],
    ])
    expect(y.buffer).toBe(x23.buffer)
    expect(reshape(zeros([0, 3]), [3, 0]).shape).toEqual([3, 0])
    expect(reshape(scalar(1, 'float64'), [1, 1]).shape).toEqual([1, 1])
    expect(reshape(ndarray([[5]]), []).item()).toBe(5)
  })

  test('says what does not fit', () => {
    expect(messageOf(() => reshape(x23, [4, 2]))).toBe(
      'BAD_SHAPE: reshape expected a shape of 6 elements, got [4, 2] (8 elements)',
    )
    expect(codeOf(() => reshape(x23, [4, -1]))).toBe('BAD_SHAPE')
    expect(codeOf(() => reshape(x23, [0, -1]))).toBe('BAD_SHAPE')
  })

  test('does not follow later changes of the shape that was passed', () => {
    const shape = [3, 2]
    const y = reshape(x23, shape)
    shape[0] = 9
    expect(y.shape).toEqual([3, 2])
  })
})

describe('transpose', () => {
  test('twice is the array itself, for any order of axes', () => {
    const cases = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 5 }).chain((shape) =>
      fc.tuple(
        fc.constant(shape),
        fc.shuffledSubarray(
          shape.map((_, i) => i),
          { minLength: shape.length },
        ),
      ),
    )
    fc.assert(
      fc.property(cases, fc.constantFrom(...DTYPES), ([shape, order], dtype) => {
        const x = zeros(shape, dtype).map((_, i) => i % 200)
        const y = transpose(x, order)
        expect(y.shape).toEqual(order.map((axis) => shape[axis]))
        const back = transpose(
          y,
          order.map((_, i) => order.indexOf(i)),
        )
        expect([back.shape, [...back.data]]).toEqual([x.shape, [...x.data]])
      }),
    )
  })

  test('refuses orders that are none', () => {
    for (const axes of [[0], [0, 0], [0, 2], [0, 1, 2]])
      expect(codeOf(() => transpose(x23, axes))).toBe('BAD_AXIS')
  })

  test('copies large matrices right, in every dtype', () => {
    for (const dtype of DTYPES) {
      const x = arange(0, 70 * 45, 1, 'float64')
        .map((v) => v % 251)
        .astype(dtype)
      const y = transpose(reshape(x, [70, 45]))
      for (let i = 0; i < 45; i++)
        for (let j = 0; j < 70; j++) expect(y.data[i * 70 + j]).toBe(x.data[j * 45 + i])
    }
  })
})

test('broadcastTo repeats, and refuses what does not stretch', () => {
  expect(broadcastTo(ndarray([[1], [2]]), [2, 2, 2]).toArray()).toEqual([
    [
      [1, 1],
      [2, 2],
    ],
    [
      [1, 1],
      [2, 2],
    ],
  ])
  expect(broadcastTo(scalar(3, 'int32'), [2]).toArray()).toEqual([3, 3])
  expect(broadcastTo(zeros([1, 0]), [3, 0]).shape).toEqual([3, 0])
  expect(broadcastTo(zeros([1]), [0]).shape).toEqual([0])
  for (const shape of [[3], [2], [], [3, 3], [1, 3]])
    expect(codeOf(() => broadcastTo(x23, shape))).toBe('SHAPE_MISMATCH')
})

test('expandDims and squeeze are inverse, and refuse axes that cannot be', () => {
  expect(expandDims(x23, -1).shape).toEqual([2, 3, 1])
  expect(expandDims(scalar(1, 'bool'), 0).shape).toEqual([1])
  expect(squeeze(expandDims(x23, 1), 1).shape).toEqual([2, 3])
  expect(squeeze(zeros([1, 2, 1])).shape).toEqual([2])
  expect(squeeze(zeros([1, 1]), [0, -1]).shape).toEqual([])
  expect(codeOf(() => squeeze(x23, 0))).toBe('BAD_AXIS')
  expect(codeOf(() => expandDims(x23, 4))).toBe('BAD_AXIS')
})

test('flip turns the order of an axis around', () => {
  expect(flip(x23, 1).toArray()).toEqual([
    [3, 2, 1],
    [6, 5, 4],
  ])
  expect(flip(x23).toArray()).toEqual([
    [6, 5, 4],
    [3, 2, 1],
  ])
  expect(flip(zeros([0, 2])).shape).toEqual([0, 2])
  expect(flip(scalar(1, 'float64')).item()).toBe(1)
})

describe('joining', () => {
  test('promotes, keeps the order, and takes empty parts', () => {
    const out = concat([ndarray([1], { dtype: 'int32' }), ndarray([2.5]), zeros([0])])
    expect([out.dtype, out.toArray()]).toEqual(['float64', [1, 2.5]])
    expect(concat([x23, x23], -1).shape).toEqual([2, 6])
    expect(concat([ones([2, 40]), zeros([2, 40])], 1).toArray()).toEqual([
      [...new Array(40).fill(1), ...new Array(40).fill(0)],
      [...new Array(40).fill(1), ...new Array(40).fill(0)],
    ])
    expect(stack([scalar(1, 'float64'), scalar(2, 'float64')]).toArray()).toEqual([1, 2])
  })

  test('refuses what does not fit', () => {
    expect(messageOf(() => concat([zeros([2, 3]), zeros([2, 3]), zeros([3, 3])], 1))).toBe(
      'SHAPE_MISMATCH: concat expected shapes that agree but for axis 1, got [2, 3] and, as array 2, [3, 3]',
    )
    expect(codeOf(() => concat([]))).toBe('BAD_ARGUMENT')
    expect(codeOf(() => stack([]))).toBe('BAD_ARGUMENT')
    expect(codeOf(() => stack([zeros([2]), zeros([3])]))).toBe('SHAPE_MISMATCH')
    expect(codeOf(() => concat([scalar(1, 'float64')]))).toBe('BAD_AXIS')
  })

  test('is undone by split', () => {
    const parts = split(x23, [1], 1)
    expect(parts.map((p) => p.shape)).toEqual([
      [2, 1],
      [2, 2],
    ])
    expect(concat(parts, 1).toArray()).toEqual(x23.toArray())
    expect(messageOf(() => split(x23, 2, 1))).toContain('divides axis 1 of [2, 3], got 2')
    expect(codeOf(() => split(x23, 0))).toBe('SHAPE_MISMATCH')
  })
})

describe('pad', () => {
  test('surrounds with a value and is undone by slice', () => {
    const y = pad(
      x23,
      [
        [1, 0],
        [0, 2],
      ],
      9,
    )
    expect(y.toArray()).toEqual([
      [9, 9, 9, 9, 9],
      [1, 2, 3, 9, 9],
      [4, 5, 6, 9, 9],
    ])
    expect(slice(y, [[1], [0, 3]]).toArray()).toEqual(x23.toArray())
    expect(pad(zeros([0]), [[1, 1]]).toArray()).toEqual([0, 0])
    expect(pad(scalar(1, 'float64'), []).item()).toBe(1)
  })

  test('refuses widths that do not match the axes', () => {
    expect(codeOf(() => pad(x23, [[1, 1]]))).toBe('BAD_ARGUMENT')
    expect(
      codeOf(() =>
        pad(x23, [
          [1, -1],
          [0, 0],
        ]),
      ),
    ).toBe('BAD_ARGUMENT')
  })
})

describe('slice', () => {
  test('shares memory when the part lies in one piece', () => {
    const x = zeros([100, 3])
    expect(slice(x, [[10, 20]]).buffer).toBe(x.buffer)
    expect(
      slice(x, [
        [10, 20],
        [0, 1],
      ]).buffer,
    ).not.toBe(x.buffer)
  })

  test('takes scalars and empty arrays', () => {
    expect(slice(scalar(4, 'float64'), []).item()).toBe(4)
    expect(slice(zeros([0, 3]), [[null, null, -1]]).shape).toEqual([0, 3])
  })

  test('refuses a step of 0, fractions and too many ranges', () => {
    expect(messageOf(() => slice(x23, [[0, 1, 0]]))).toContain('the step not 0, got [0,1,0] for axis 0')
    expect(codeOf(() => slice(x23, [[0.5]]))).toBe('BAD_ARGUMENT')
    expect(codeOf(() => slice(x23, [null, null, null]))).toBe('BAD_ARGUMENT')
  })

  test('has scatterSlice as its transpose, for any ranges', () => {
    const bound = fc.option(fc.integer({ min: -7, max: 7 }))
    const step = fc.option(fc.integer({ min: -3, max: 3 }).filter((s) => s !== 0))
    fc.assert(
      fc.property(fc.array(fc.tuple(bound, bound, step), { minLength: 1, maxLength: 2 }), (ranges) => {
        const x = arange(20).map((v) => v + 1)
        const m = reshape(x, [4, 5])
        const part = slice(m, ranges)
        const back = scatterSlice(part, ranges, [4, 5])
        const chosen = new Set(part.data)
        expect([...back.data]).toEqual([...x.data].map((v) => (chosen.has(v) ? v : 0)))
      }),
    )
    expect(codeOf(() => scatterSlice(zeros([3]), [[0, 2]], [5]))).toBe('SHAPE_MISMATCH')
  })
})

test('everything returned is a new array object, also where nothing moves', () => {
  const x = ndarray([[1, 2]])
  const same: NDArray[] = [
    reshape(x, [1, 2]),
    transpose(x, [0, 1]),
    broadcastTo(x, [1, 2]),
    squeeze(x, []),
    flip(x, []),
    concat([x]),
    pad(x, [
      [0, 0],
      [0, 0],
    ]),
    slice(x, []),
    scatterSlice(x, [], [1, 2]),
  ]
  for (const y of same) {
    expect(y).not.toBe(x)
    expect(y.toArray()).toEqual([[1, 2]])
  }
})
