/** Edges of what PyTorch's users look for: matrices without an inverse, quantiles of odd numbers, indices, losses that are not reduced. */
import { describe, expect, test } from 'vitest'
import {
  allClose,
  binaryCrossEntropy,
  cdist,
  grad,
  indexAdd,
  isClose,
  lstsq,
  matmul,
  matrixNorm,
  matrixPower,
  meanSquaredError,
  median,
  meshgrid,
  ndarray,
  normalize,
  pinv,
  pixelShuffle,
  pixelUnshuffle,
  quantile,
  softmax,
  sum,
  unbind,
  Variable,
  vmap,
  zeros,
} from '../../src/index.js'
import { spread } from './case.js'

const valuesOf = (x: Variable): unknown => x.data.toArray()
const slopesOf = (f: (x: Variable) => Variable, at: number[][]): unknown => {
  const x = new Variable(at)
  return grad(sum(f(x)), x)[0]!.data.toArray()
}
const near = (x: Variable, expected: number[]) =>
  x.data.data.forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i]!, 12)
  })

describe('the pseudo-inverse', () => {
  test('of matrices without an inverse fulfils what makes it one', () => {
    for (const rows of [
      [
        [1, 2],
        [2, 4],
      ],
      [
        [1, 2, 3],
        [4, 5, 6],
        [7, 8, 9],
      ],
      [
        [0, 0],
        [0, 0],
      ],
    ]) {
      // biome-ignore format: matrices
      const x = new Variable(rows)
      const y = pinv(x)
      near(matmul(matmul(x, y), x), rows.flat())
      near(matmul(matmul(y, x), y), Array.from(y.data.data))
      const both = matmul(x, y)
      near(both, Array.from(both.transpose().data.data))
    }
  })
  test('takes values for 0 up to a share that can be said', () => {
    const x = [[1, 0], [0, 1e-3]] // biome-ignore format: a matrix
    near(pinv(x), [1, 0, 0, 1000])
    near(pinv(x, { rtol: 0.01 }), [1, 0, 0, 0])
  })
  test('of what is no number is none, and of nothing nothing', () => {
    expect(Array.from(pinv([[Number.NaN, 1]]).data.data)).toEqual([Number.NaN, Number.NaN])
    expect(pinv(zeros([0, 3])).shape).toEqual([3, 0])
  })
  test('gives least squares, of vectors and of columns', () => {
    const a = [[1, 0], [1, 1], [1, 2]] // biome-ignore format: a matrix
    near(lstsq(a, [1, 3, 5]), [1, 2])
    expect(lstsq(a, zeros([3, 4])).shape).toEqual([2, 4])
  })
})

describe('norms and powers of matrices', () => {
  const x = [[1, -2], [3, 4]] // biome-ignore format: a matrix
  test('of rows and columns', () => {
    expect([Infinity, -Infinity, 1, -1].map((ord) => matrixNorm(x, { ord }).item())).toEqual([7, 3, 6, 4])
  })
  test('have a gradient where all is 0', () => {
    expect(slopesOf((y) => matrixNorm(y), [[0, 0], [0, 0]])).toEqual([[0, 0], [0, 0]]) // biome-ignore format: matrices
  })
  test('of integers stay integers, and to the power of 0 they are 1', () => {
    const integers = ndarray([[1, 2], [3, 4]], { dtype: 'int32' }) // biome-ignore format: a matrix
    expect([matrixPower(integers, 3).dtype, valuesOf(matrixPower(integers, 3))]).toEqual([
      'int32',
      [[37, 54], [81, 118]], // biome-ignore format: a matrix
    ])
    expect(valuesOf(matrixPower(x, 0))).toEqual([[1, 0], [0, 1]]) // biome-ignore format: a matrix
  })
})

describe('quantiles', () => {
  test('are NaN where an element is, and infinite between infinities', () => {
    expect(valuesOf(quantile([[1, Number.NaN], [3, 4]], 0.5, { axis: 1 }))).toEqual([Number.NaN, 3.5]) // biome-ignore format: a matrix
    expect(valuesOf(quantile([Infinity, Infinity, 1], [0.5, 0.75]))).toEqual([Infinity, Infinity])
  })
  test('of several axes, of one number, and in the dtype of their elements', () => {
    expect(valuesOf(median([[1, 2], [3, 4]], { axis: [0, 1], keepdims: true }))).toEqual([[2.5]]) // biome-ignore format: a matrix
    expect(quantile(3, 0.1).item()).toBe(3)
    expect(quantile(ndarray([1, 2], { dtype: 'float32' }), 0.3).dtype).toBe('float32')
    expect(quantile(ndarray([1, 2], { dtype: 'int32' }), 0.5).item()).toBe(1.5)
  })
})

test('softmax over several axes does not overflow, and over one in a list is that of the axis', () => {
  expect(valuesOf(softmax([[1, 2], [-1000, 1000]], { axis: [0, 1] }))).toEqual([[0, 0], [0, 1]]) // biome-ignore format: matrices
  const x = spread([2, 3])
  expect(valuesOf(softmax(x, { axis: [0] }))).toEqual(valuesOf(softmax(x, { axis: 0 })))
})

test('losses of certain and wrong predictions are finite whatever the reduction, and so are their slopes', () => {
  for (const reduction of ['sum', 'none'] as const) {
    const p = new Variable([0, 1])
    const loss = sum(binaryCrossEntropy(p, [1, 0], { reduction }))
    expect(loss.item()).toBe(200)
    expect(grad(loss, p)[0]!.data.toArray()).toEqual([-1e12, 1e12])
  }
  expect(valuesOf(meanSquaredError([1, 2], [1.5, 1], { reduction: 'none' }))).toEqual([0.25, 1])
})

test('slices are added where indices meet, and from the end', () => {
  expect(valuesOf(indexAdd(zeros([3, 2]), [0, 0, -1], [[1, 2], [3, 4], [5, 6]]))).toEqual([[4, 6], [0, 0], [5, 6]]) // biome-ignore format: matrices
})

test('what is close is equal but for rounding, and infinities are equal to their like', () => {
  const a = [1, 1e10, 0, Infinity, Infinity, Number.NaN]
  const b = [1 + 1e-6, 1.0001e10, 1e-9, Infinity, -Infinity, Number.NaN]
  expect(valuesOf(isClose(a, b))).toEqual([true, false, true, true, false, false])
  expect(valuesOf(isClose(a, b, { rtol: 1e-3, atol: 0, equalNan: true }))).toEqual([
    true,
    true,
    false,
    true,
    false,
    true,
  ])
  expect([allClose([1, 2], [1, 2 + 1e-7]), allClose([1, 2], [1, 2.1]), allClose([], [])]).toEqual([
    true,
    false,
    true,
  ])
  expect(allClose(1, Infinity)).toBe(false)
  expect(isClose(new Variable([1]), [1]).requiresGrad).toBe(false)
  expect(() => isClose(1, 1, { rtol: -1 })).toThrow(/^BAD_ARGUMENT: isClose expected rtol of at least 0/)
  expect(() => isClose([1, 2], [1, 2, 3])).toThrow(/^SHAPE_MISMATCH/)
  expect(() => vmap((x) => allClose(x, x) as never)([1, 2])).toThrow(/^BAD_ARGUMENT/)
})

test('distances and lengths of 0 have a gradient', () => {
  expect(slopesOf((x) => cdist(x, x), [[1, 2]])).toEqual([[0, 0]])
  expect(valuesOf(normalize([[0, 0], [3, 4]]))).toEqual([[0, 0], [0.6, 0.8]]) // biome-ignore format: matrices
})

test('grids, slices and pixels are put together as they were taken apart', () => {
  expect(
    meshgrid([
      [1, 2],
      [3, 4, 5],
    ]).map(valuesOf),
  ).toEqual([
    // biome-ignore format: matrices
    [[1, 1, 1], [2, 2, 2]], // biome-ignore format: a matrix
    [[3, 4, 5], [3, 4, 5]], // biome-ignore format: a matrix
  ])
  expect(meshgrid([[1, 2], [3, 4, 5], [6]], { indexing: 'xy' }).map(({ shape }) => shape)).toEqual(
    Array.from({ length: 3 }, () => [3, 2, 1]),
  )
  expect(unbind([[1, 2], [3, 4]], { axis: -1 }).map(valuesOf)).toEqual([[1, 3], [2, 4]]) // biome-ignore format: matrices
  expect(unbind(zeros([0, 2]))).toEqual([])
  const x = spread([2, 8, 2, 3])
  expect(valuesOf(pixelUnshuffle(pixelShuffle(x, 2), 2))).toEqual(x.toArray())
})

describe('refused before anything is computed', () => {
  test.each<[string, () => unknown, RegExp]>([
    ['pinv of a vector', () => pinv([1, 2]), /^BAD_SHAPE: pinv expected matrices/],
    ['pinv, a share below 0', () => pinv([[1]], { rtol: -1 }), /^BAD_ARGUMENT: pinv expected rtol/],
    ['lstsq', () => lstsq([[1], [1]], [1, 2, 3]), /^SHAPE_MISMATCH: lstsq expected a/],
    [
      'matrixPower',
      () => matrixPower([[1]], 1.5),
      /^BAD_ARGUMENT: matrixPower expected n to be an integer, got 1.5/,
    ],
    [
      'matrixPower of a singular one',
      () =>
        matrixPower(
          [
            [1, 2],
            [2, 4],
          ],
          -1,
        ),
      /^BAD_VALUE/,
    ],
    ['matrixPower of a wide one', () => matrixPower([[1, 2]], 2), /^BAD_SHAPE: matrixPower expected square/],
    [
      'matrixNorm, order',
      () => matrixNorm([[1]], { ord: 3 }),
      /^BAD_ARGUMENT: matrixNorm expected ord 'fro'/,
    ],
    [
      'matrixNorm, axes',
      () => matrixNorm([[1]], { axis: [0, -2] }),
      /^BAD_AXIS: matrixNorm expected two different/,
    ],
    [
      'softmax, axes',
      () => softmax([[1, 2]], { axis: [0, -2] }),
      /^BAD_AXIS: softmax expected each axis once/,
    ],
    ['quantile of nothing', () => quantile([], 0.5), /^BAD_VALUE: quantile expected elements/],
    ['quantile, share', () => quantile([1], [0.5, 2]), /^BAD_ARGUMENT: quantile expected q from 0 to 1/],
    [
      'median, between',
      () => median([1], { interpolation: 'mean' as never }),
      /^BAD_ARGUMENT: median expected interpolation/,
    ],
    ['meshgrid', () => meshgrid([[[1]]]), /^BAD_SHAPE: meshgrid expected vectors/],
    ['unbind', () => unbind(3), /^BAD_AXIS: unbind/],
    [
      'indexAdd, shape',
      () => indexAdd(zeros([3, 2]), [1], [[1, 2, 3]]),
      /^SHAPE_MISMATCH: indexAdd expected values/,
    ],
    ['indexAdd, range', () => indexAdd(zeros([3]), [3], [1]), /^INDEX_OUT_OF_RANGE/],
    ['cdist', () => cdist([[1, 2]], [[1]]), /^SHAPE_MISMATCH: cdist expected vectors of one length/],
    ['pixelShuffle', () => pixelShuffle(zeros([3, 2, 2]), 2), /^BAD_SHAPE: pixelShuffle expected x/],
    [
      'meanSquaredError of pairs',
      () => meanSquaredError([[1], [2]], [1, 2], { reduction: 'sum' }),
      /^SHAPE_MISMATCH/,
    ],
    [
      'binaryCrossEntropy, weight',
      () => binaryCrossEntropy([0.5], [1], { weight: [1, 2] }),
      /^SHAPE_MISMATCH: binaryCrossEntropy expected a weight/,
    ],
  ])('%s', (_name, act, message) => {
    expect(act).toThrow(message)
  })
})
