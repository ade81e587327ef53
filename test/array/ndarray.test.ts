import { describe, expect, test } from 'vitest'
import { getDefaultDtype, setDefaultDtype } from '../../src/array/dtype.js'
import { arange, eye, full, ndarray, ones, onesLike, zeros, zerosLike } from '../../src/array/make-array.js'
import { allocate, NDArray, scalar } from '../../src/array/ndarray.js'
import type { NestedArray } from '../../src/array/nested.js'
import { codeOf, messageOf } from './thrown.js'

describe('ndarray', () => {
  test('takes nested arrays with their shape, numbers as the default dtype', () => {
    const x = ndarray([
      [1, 2, 3],
      [4, 5, 6],
    ])
    expect([x.dtype, x.shape, x.size, x.ndim]).toEqual(['float64', [2, 3], 6, 2])
    expect(x.toArray()).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ])
  })

  test('makes bool of booleans alone, and numbers of booleans among numbers', () => {
    expect(ndarray([true, false]).toArray()).toEqual([true, false])
    expect(ndarray([true, 2]).dtype).toBe('float64')
    expect(ndarray(true).toArray()).toBe(true)
    expect(ndarray([]).dtype).toBe('float64')
  })

  test('keeps the dtype of typed arrays and copies them', () => {
    const source = Float32Array.of(1, 2)
    const x = ndarray(source)
    source[0] = 9
    expect([x.dtype, x.toArray()]).toEqual(['float32', [1, 2]])
    expect(ndarray(Int32Array.of(-1)).dtype).toBe('int32')
    expect(ndarray(Uint8Array.of(1)).dtype).toBe('uint8')
    expect(ndarray(Uint8ClampedArray.of(1)).dtype).toBe('uint8')
    expect(ndarray([Float64Array.of(1, 2), Float64Array.of(3, 4)]).shape).toEqual([2, 2])
  })

  test('copies nested arrays and shapes, so later changes of either do not show', () => {
    const rows = [[1, 2]]
    const shape = [2, 1]
    const x = ndarray(rows, { shape })
    rows[0]![0] = 9
    shape[0] = 7
    expect([x.shape, x.toArray()]).toEqual([
      [2, 1],
      [[1], [2]],
    ])
  })

  test('returns an NDArray without options as it is, and never shares its identity with options', () => {
    const x = ndarray([1, 2])
    expect(ndarray(x)).toBe(x)
    expect(ndarray(x, { shape: [2, 1] }).shape).toEqual([2, 1])
    expect(ndarray(x, { dtype: 'int32' }).dtype).toBe('int32')
  })

  test('fills one extent of -1', () => {
    expect(ndarray([1, 2, 3, 4], { shape: [2, -1] }).shape).toEqual([2, 2])
    expect(ndarray([], { shape: [-1, 3] }).shape).toEqual([0, 3])
    expect(messageOf(() => ndarray([1, 2, 3], { shape: [2, -1] }))).toContain('BAD_SHAPE')
    expect(codeOf(() => ndarray([1, 2], { shape: [-1, -1] }))).toBe('BAD_SHAPE')
    expect(codeOf(() => ndarray([1, 2], { shape: [3] }))).toBe('BAD_SHAPE')
    expect(codeOf(() => ndarray([1, 2], { shape: [-2, -1] }))).toBe('BAD_SHAPE')
  })

  test('refuses arrays that lie deeper in each other than arrays have axes, or in themselves', () => {
    let deep: NestedArray = [1]
    for (let i = 0; i < 100_000; i++) deep = [deep]
    const itself: NestedArray[] = []
    itself.push(itself)
    for (const nested of [deep, itself]) expect(codeOf(() => ndarray(nested))).toBe('BAD_SHAPE')
    expect(codeOf(() => ndarray([1], { shape: new Array(65).fill(1) }))).toBe('BAD_SHAPE')
    expect(ndarray([1], { shape: new Array(64).fill(1) }).ndim).toBe(64)
  })

  test('names the path of a ragged row', () => {
    expect(
      messageOf(() =>
        ndarray([
          [1, 2, 3, 4],
          [1, 2, 3, 4],
          [1, 2, 3],
        ]),
      ),
    ).toBe(
      'RAGGED_INPUT: ndarray expected rows of equal length, got ragged ones: row 2 has 3 elements, row 0 has 4',
    )
    expect(
      messageOf(() =>
        ndarray([
          [[1], [2]],
          [[1], [2, 3]],
        ]),
      ),
    ).toContain('row [1][1] has 2 elements, row [0][0] has 1')
    expect(messageOf(() => ndarray([[1, 2], 3]))).toContain('got a number at [1]')
    expect(messageOf(() => ndarray([1, [2]]))).toContain('got an array at [1]')
    expect(codeOf(() => ndarray([[], [1]]))).toBe('RAGGED_INPUT')
  })

  test('refuses what is no number, and says where it stands', () => {
    expect(messageOf(() => ndarray([[1, '2' as never]]))).toBe(
      'BAD_VALUE: ndarray expected numbers or booleans, got the string "2" at [0][1]',
    )
    for (const bad of [null, undefined, 'x', {}, 5n, () => 1]) {
      expect(codeOf(() => ndarray(bad as never))).toBe('BAD_VALUE')
      expect(codeOf(() => ndarray([1, bad as never]))).toBe('BAD_VALUE')
    }
  })

  test('refuses typed arrays of other kinds with advice', () => {
    expect(messageOf(() => ndarray(new BigInt64Array(1) as never))).toContain('Float64Array.from(x, Number)')
    expect(messageOf(() => ndarray(new Int16Array(1) as never))).toContain(
      'got a Int16Array; convert it with',
    )
    expect(codeOf(() => ndarray(new DataView(new ArrayBuffer(8)) as never))).toBe('BAD_DTYPE')
    expect(codeOf(() => ndarray([1], { dtype: 'float16' as never }))).toBe('BAD_DTYPE')
  })

  test('refuses values that an integer dtype cannot hold', () => {
    expect(messageOf(() => ndarray([1, 2.5], { dtype: 'int32' }))).toMatch(
      /^BAD_VALUE: int32 expected .* got 2\.5 at element 1/,
    )
    for (const value of [256, -1, NaN, 0.5]) {
      expect(codeOf(() => ndarray(value, { dtype: 'uint8' }))).toBe('BAD_VALUE')
      expect(codeOf(() => full([2], value, 'uint8'))).toBe('BAD_VALUE')
    }
    expect(codeOf(() => ndarray(2 ** 31, { dtype: 'int32' }))).toBe('BAD_VALUE')
    expect(ndarray([0, 2, NaN], { dtype: 'bool' }).toArray()).toEqual([false, true, true])
  })

  test('follows the default dtype', () => {
    setDefaultDtype('float32')
    try {
      expect([getDefaultDtype(), ndarray(0.1).item(), zeros([1]).dtype]).toEqual([
        'float32',
        Math.fround(0.1),
        'float32',
      ])
    } finally {
      setDefaultDtype('float64')
    }
    expect(codeOf(() => setDefaultDtype('int32' as never))).toBe('BAD_DTYPE')
  })
})

describe('an array', () => {
  test('gives its only element and refuses to choose among several', () => {
    expect(scalar(3, 'int32').item()).toBe(3)
    expect(ndarray([[7]]).item()).toBe(7)
    expect(messageOf(() => ndarray([1, 2]).item())).toMatch(/^NOT_SCALAR: item\(\) expected .* got \[2\]/)
    expect(codeOf(() => zeros([0]).item())).toBe('NOT_SCALAR')
  })

  test('shows exactly its own elements as data, also when it shares a slab', () => {
    const x = ndarray([1, 2, 3])
    const y = ndarray([4, 5, 6])
    expect(x.buffer).toBe(y.buffer)
    expect([[...x.data], [...y.data]]).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ])
    const large = zeros([5000])
    expect(large.data).toBe(large.buffer)
  })

  test('maps to the same shape and dtype', () => {
    const x = ndarray([[1, 2]]).map((v, i) => v * 10 + i)
    expect(x.toArray()).toEqual([[10, 21]])
    expect(
      ndarray([true, false])
        .map((v) => v + 1)
        .toArray(),
    ).toEqual([true, true])
  })

  test.each(['int32', 'uint8'] as const)(
    'refuses what a map makes that is no %s, rather than to wrap it',
    (dtype) => {
      const x = ndarray([1, 2], { dtype })
      expect(x.map((v) => v * 100).toArray()).toEqual([100, 200])
      for (const other of [0.5, 2 ** 31, -(2 ** 31) - 1, Number.NaN])
        expect(() => x.map(() => other)).toThrow(new RegExp(`^BAD_VALUE: ${dtype} expected integers`))
    },
  )

  test('converts dtypes: truncation, wrapping, truth', () => {
    const x = ndarray([-1.7, 2.9, 300, NaN, 0])
    expect(x.astype('int32').toArray()).toEqual([-1, 2, 300, 0, 0])
    expect(x.astype('uint8').toArray()).toEqual([255, 2, 44, 0, 0])
    expect(x.astype('bool').toArray()).toEqual([true, true, true, true, false])
    expect(x.astype('float64')).toBe(x)
    expect(ndarray([true]).astype('float32').toArray()).toEqual([1])
    expect(codeOf(() => x.astype('int64' as never))).toBe('BAD_DTYPE')
  })

  test('is made without provenance', () => {
    expect([scalar(1, 'float64').recordedBy, scalar(1, 'float64').recordedAs]).toEqual([null, 0])
  })
})

describe('memory', () => {
  test('is zero when allocated, for every dtype, through many slabs', () => {
    for (const dtype of ['float64', 'float32', 'int32', 'uint8', 'bool'] as const) {
      for (let i = 0; i < 5000; i++) {
        const x = allocate(dtype, [i % 140])
        expect(x.data.length).toBe(i % 140)
        if (x.data.some((v) => v !== 0)) expect.fail('an allocation was not zero')
        x.data.fill(1)
      }
    }
  })

  test('never gives one element to two arrays', () => {
    const arrays = Array.from({ length: 3000 }, (_, i) => full([(i * 7) % 131], i))
    arrays.forEach((x, i) => {
      if (x.data.some((v) => v !== i)) expect.fail(`array ${i} was overwritten`)
    })
  })
})

describe('filled arrays', () => {
  test('have the shape and dtype asked for', () => {
    expect(zeros([2, 2]).toArray()).toEqual([
      [0, 0],
      [0, 0],
    ])
    expect(ones([2], 'int32').toArray()).toEqual([1, 1])
    expect(full([2], true).toArray()).toEqual([true, true])
    expect(zerosLike(ones([2], 'uint8'))).toMatchObject({ dtype: 'uint8', shape: [2] })
    expect(onesLike(zeros([3], 'bool')).toArray()).toEqual([true, true, true])
    expect(eye(2, 3, 'int32').toArray()).toEqual([
      [1, 0, 0],
      [0, 1, 0],
    ])
    expect(zeros([]).item()).toBe(0)
    expect(zeros([0, 3]).toArray()).toEqual([])
    expect(zeros([2, 0]).toArray()).toEqual([[], []])
  })

  test('count with arange as with a range of NumPy', () => {
    expect(arange(3).toArray()).toEqual([0, 1, 2])
    expect(arange(1, 2, 0.25).toArray()).toEqual([1, 1.25, 1.5, 1.75])
    expect(arange(3, 0).toArray()).toEqual([])
    expect(arange(3, 0, -2, 'int32').toArray()).toEqual([3, 1])
    expect(codeOf(() => arange(0, 3, 0))).toBe('BAD_ARGUMENT')
    expect(codeOf(() => arange(Infinity))).toBe('BAD_ARGUMENT')
  })

  test('refuse shapes that are none', () => {
    for (const shape of [[-1], [1.5], [NaN], 3, [2 ** 40]])
      expect(codeOf(() => zeros(shape as never))).toBe('BAD_SHAPE')
  })
})

test('an NDArray is constructed over a buffer without copying', () => {
  const buffer = Float64Array.of(9, 1, 2)
  const x = new NDArray('float64', [2], 2, buffer, 1)
  expect(x.toArray()).toEqual([1, 2])
})

test('an array of many axes is printed, though six elements of each axis are hundreds of thousands', () => {
  expect(zeros(Array(7).fill(7)).toString().split('0.').length - 1).toBe(6 ** 7)
})
