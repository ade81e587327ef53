/** Functions that are made of others, and what the contract does not say of the newer ones: edges, and answers known by hand. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ndarray } from '../../src/array/make-array.js'
import { cosh, sinh } from '../../src/array/math/hyperbolic.js'
import { arccos, arcsin, arctan, arctan2 } from '../../src/array/math/inverse-circular.js'
import { tan } from '../../src/array/math/trigonometry.js'
import {
  adaptiveAveragePool2d,
  adaptiveMaxPool2d,
  argsort,
  averagePool2d,
  binaryCrossEntropyWithLogits,
  bincount,
  checkGradients,
  cholesky,
  conv1d,
  conv2d,
  conv3d,
  cosineEmbeddingLoss,
  crossEntropy,
  cumprod,
  det,
  diff,
  embedding,
  grad,
  histogram,
  instanceNorm,
  interpolate,
  inv,
  klDivergence,
  mod,
  norm,
  outer,
  repeat,
  repeatInterleave,
  slogdet,
  softmaxCrossEntropy,
  solve,
  sort,
  sum,
  tile,
  trace,
  unique,
  Variable,
} from '../../src/index.js'
import { spread } from './case.js'

const slope = (f: (x: Variable) => Variable, at: number[]): unknown => {
  const x = new Variable(at)
  return grad(sum(f(x)), [x])[0]!.data.toArray()
}

describe('made of others', () => {
  const m = new Variable([
    [1, 2, 4],
    [8, 16, 32],
  ])
  test('diff takes the differences of neighbours, as often as asked', () => {
    expect(diff(m).data.toArray()).toEqual([
      [1, 2],
      [8, 16],
    ])
    expect(diff(m, { n: 2 }).data.toArray()).toEqual([[1], [8]])
    expect(diff(m, { axis: 0 }).data.toArray()).toEqual([[7, 14, 28]])
    expect(diff(m, { n: 5 }).shape).toEqual([2, 0])
    expect(checkGradients((x) => diff(x, { n: 2 }), [spread([2, 4])]).worst.error).toBeLessThan(1e-7)
  })
  test('outer, trace, repeat and repeatInterleave are as in PyTorch, with gradients', () => {
    expect(outer([1, 2], [3, 4, 5]).data.toArray()).toEqual([
      [3, 4, 5],
      [6, 8, 10],
    ])
    expect(trace(m).item()).toBe(17)
    expect(repeat([1, 2], [2, 2]).data.toArray()).toEqual([
      [1, 2, 1, 2],
      [1, 2, 1, 2],
    ])
    expect(() => repeat(m, 2)).toThrow(/^BAD_ARGUMENT/)
    expect(tile(m, 2).shape).toEqual([2, 6])
    expect(repeatInterleave([1, 2], 2).data.toArray()).toEqual([1, 1, 2, 2])
    expect(repeatInterleave(m, [0, 2], { axis: 0 }).data.toArray()).toEqual([
      [8, 16, 32],
      [8, 16, 32],
    ])
    expect(() => repeatInterleave(m, [1], { axis: 0 })).toThrow(/^BAD_ARGUMENT/)
    expect(() => outer(m, m)).toThrow(/^BAD_SHAPE/)
    expect(() => trace([1])).toThrow(/^BAD_SHAPE/)
    checkGradients((a, b) => outer(a!, b!), [spread([2]), spread([3])])
    checkGradients((x) => trace(x), [spread([2, 3])])
    checkGradients((x) => repeatInterleave(x, [2, 0, 1], { axis: 1 }), [spread([2, 3])])
  })
  test('mod has the sign of what it is divided by, also for integers, which are not divided by 0', () => {
    expect(mod([-7, 7], [3, -3]).data.toArray()).toEqual([2, -2])
    expect(mod(ndarray([-7], { dtype: 'int32' }), ndarray([3], { dtype: 'int32' })).data.toArray()).toEqual([
      2,
    ])
    expect(() => mod(ndarray([1], { dtype: 'int32' }), ndarray([0], { dtype: 'int32' }))).toThrow(
      /^BAD_VALUE/,
    )
  })
  test('instanceNorm gives every channel of every row the mean 0 and the variance 1', () => {
    const y = instanceNorm(spread([2, 3, 5]), [1, 1, 1], [0, 0, 0]).data
    for (let row = 0; row < 6; row++) {
      const part = Array.from(y.data.slice(row * 5, row * 5 + 5))
      expect(part.reduce((a, b) => a + b) / 5).toBeCloseTo(0, 12)
      expect(part.reduce((a, b) => a + b * b, 0) / 5).toBeCloseTo(1, 3)
    }
    expect(() => instanceNorm(spread([2, 3]), [1, 1, 1], [0, 0, 0])).toThrow(/^BAD_SHAPE/)
  })
})

describe('windows', () => {
  const image = ndarray([1, 2, 3, 4, 5, 6, 7, 8, 9], { shape: [1, 1, 3, 3] })
  test('averagePool2d without padding in its count divides by what of the window is image', () => {
    const options = { kernel: 2, stride: 2, padding: 1 }
    const y = averagePool2d(image, { ...options, countPadding: false })
    expect(Array.from(y.data.data)).toEqual([1, 2.5, 5.5, 7])
    expect(averagePool2d(image, { ...options, countPadding: true }).data.toArray()).toEqual(
      averagePool2d(image, options).data.toArray(),
    )
  })
  test('adaptive pooling divides an image of any size into that many windows, with gradients', () => {
    expect(Array.from(adaptiveMaxPool2d(image, 2).data.data)).toEqual([5, 6, 8, 9])
    const bands = adaptiveAveragePool2d(image, [1, 3]).data.data
    for (const [i, value] of [4, 5, 6].entries()) expect(bands[i]).toBeCloseTo(value, 14)
    expect(Array.from(adaptiveAveragePool2d(image, 2).data.data)).toEqual([3, 4, 6, 7])
    checkGradients((x) => adaptiveAveragePool2d(x, [2, 3]), [spread([1, 2, 4, 5])])
    checkGradients((x) => adaptiveMaxPool2d(x, [2, 3]), [spread([1, 2, 4, 5])])
    expect(adaptiveAveragePool2d(image.astype('float32'), 2).dtype).toBe('float32')
  })
  test('what is infinite or NaN in an image is in the means of its own windows alone', () => {
    const odd = ndarray([Infinity, 2, 3, 4, 5, 6, 7, 8, NaN], { shape: [1, 1, 3, 3] })
    expect(Array.from(adaptiveAveragePool2d(odd, 2).data.data)).toEqual([Infinity, 4, 6, NaN])
    expect(Array.from(adaptiveAveragePool2d(odd, 3).data.data)).toEqual(Array.from(odd.data))
  })
  test('groups and dilation are refused where they do not fit', () => {
    expect(() => conv2d(spread([1, 3, 4, 4]), spread([2, 1, 2, 2]), undefined, { groups: 2 })).toThrow(
      /^SHAPE_MISMATCH/,
    )
    expect(() => conv2d(image, spread([1, 1, 2, 2]), undefined, { dilation: 0 })).toThrow(/^BAD_ARGUMENT/)
    expect(() => conv1d(image, spread([1, 1, 2]))).toThrow(/^SHAPE_MISMATCH/)
    const pair = [spread([1, 4, 4, 4]), spread([4, 2, 2, 2])] as const
    expect(() => conv2d(...pair, [1, 2], { groups: 2 })).toThrow(/^SHAPE_MISMATCH: conv2d expected b \[4\]/)
    expect(() => conv2d(...pair, undefined, null as never)).toThrow(/^BAD_ARGUMENT/)
    expect(() => embedding(spread([2, 3]), [0], { paddingIndex: 2 })).toThrow(
      /^INDEX_OUT_OF_RANGE.*from -2 to 1/,
    )
  })
})

describe('linear algebra', () => {
  test('a singular matrix has the determinant 0 with its cofactors as slopes, and neither inverse nor solution', () => {
    const m = [
      [1, 2],
      [2, 4],
    ]
    const x = new Variable(m)
    const y = det(x)
    expect(y.item()).toBe(0)
    expect(grad(y, [x])[0]!.data.toArray()).toEqual([
      [4, -2],
      [-2, 1],
    ])
    expect(slogdet(m).map((one) => one.item())).toEqual([0, -Infinity])
    expect(() => inv(m)).toThrow(/^BAD_VALUE.*singular/)
    expect(() => solve(m, [1, 2])).toThrow(/^BAD_VALUE.*singular/)
    expect(() => cholesky(m.map((row) => row.map((one) => -one)))).toThrow(/^BAD_VALUE.*positive definite/)
    expect(() => inv([[1, 2]])).toThrow(/^BAD_SHAPE/)
  })
  test('a matrix whose determinant is too small for a number is not a singular one', () => {
    const tiny = new Variable(
      Array.from({ length: 40 }, (_, i) => Array.from({ length: 40 }, (_, j) => (i === j ? 1e-9 : 0))),
    )
    const y = det(tiny)
    expect(y.item()).toBe(0)
    // By cofactors that would be 1,600 determinants.
    const [gx] = grad(y, [tiny])
    expect(gx!.creator).toBeNull()
    expect(gx!.data.data.every((value) => value === 0)).toBe(true)
  })
  test('an ill-conditioned system is solved to what its condition allows', () => {
    // Hilbert's matrix of 8 has the condition 1.5e10, so five digits are certain.
    const hilbert = Array.from({ length: 8 }, (_, i) => Array.from({ length: 8 }, (_, j) => 1 / (i + j + 1)))
    const ones = hilbert.map((row) => row.reduce((a, b) => a + b, 0))
    for (const value of solve(hilbert, ones).data.data) expect(Math.abs(value - 1)).toBeLessThan(1e-5)
    const l = cholesky(hilbert)
    const back = l.matmul(l, { transposeB: true }).data.data
    hilbert.flat().forEach((value, i) => {
      expect(Math.abs(back[i]! - value)).toBeLessThan(1e-15)
    })
  })
  test('rows are exchanged where a pivot is 0', () => {
    const m = [
      [0, 1],
      [2, 0],
    ]
    expect(solve(m, [3, 4]).data.toArray()).toEqual([2, 3])
    expect(det(m).item()).toBe(-2)
  })
})

describe('images in another size, and volumes', () => {
  const image = [
    [1, 2],
    [3, 4],
  ]
  test('have what lies in each place, or a mean of what is around it', () => {
    expect(interpolate(image, { scale: 2 }).data.toArray()).toEqual([
      [1, 1, 2, 2],
      [1, 1, 2, 2],
      [3, 3, 4, 4],
      [3, 3, 4, 4],
    ])
    expect(interpolate(image, { size: [1, 3], mode: 'bilinear', alignCorners: true }).data.toArray()).toEqual(
      [[1, 1.5, 2]],
    )
    expect(interpolate(image, { size: 2, mode: 'bilinear' }).data.toArray()).toEqual(image)
  })
  test('refuse what does not fit', () => {
    expect(() => interpolate(image, {})).toThrow(/^BAD_ARGUMENT.*either size or scale/)
    expect(() => interpolate(image, { size: 0 })).toThrow(/^BAD_ARGUMENT.*size/)
    expect(() => interpolate(image, { scale: 0.1 })).toThrow(/^BAD_ARGUMENT.*leaves a pixel/)
    expect(() => interpolate(image, { size: 2, mode: 'cubic' as never })).toThrow(/^BAD_ARGUMENT.*mode/)
    expect(() => interpolate(image, { size: 2, alignCorners: true })).toThrow(/^BAD_ARGUMENT.*bilinear/)
    expect(() => interpolate([1, 2], { size: 2 })).toThrow(/^BAD_SHAPE/)
    const volume = new Variable(Array(8).fill(1)).reshape([1, 1, 2, 2, 2])
    expect(conv3d(volume, volume).item()).toBe(8)
    expect(() => conv3d(image, volume)).toThrow(/^SHAPE_MISMATCH/)
    expect(() => conv3d(volume, new Variable(Array(3).fill(1)).reshape([1, 1, 3, 1, 1]))).toThrow(
      /^BAD_SHAPE.*fits/,
    )
    expect(() => conv3d(volume, volume, undefined, { stride: [1, 2] as never })).toThrow(
      /^BAD_ARGUMENT.*stride/,
    )
    expect(() => conv3d(volume, volume, { stride: 1 } as never)).toThrow(/bias/)
  })
})

describe('losses', () => {
  test('the gradient of binaryCrossEntropyWithLogits is right where the sigmoid is 1', () => {
    const f = (t: number) => (x: Variable) => binaryCrossEntropyWithLogits(x, [t])
    expect(slope(f(0), [40])).toEqual([1])
    const [tiny] = slope(f(1), [40]) as number[]
    expect(Math.abs(tiny! / -4.248354255291589e-18 - 1)).toBeLessThan(1e-14)
    expect(slope(f(0), [1000])).toEqual([1])
    expect(slope(f(1), [-1000])).toEqual([-1])
    expect(binaryCrossEntropyWithLogits([40], [0]).item()).toBe(40)
  })
  test('cosineEmbeddingLoss is 1 − cos for pairs alike and what is above the margin for others', () => {
    const a = [
      [1, 0],
      [1, 0],
    ]
    const b = [
      [0, 1],
      [1, 1],
    ]
    const losses = cosineEmbeddingLoss(a, b, [1, -1], { margin: 0.5, reduction: 'none' }).data.data
    expect(losses[0]).toBeCloseTo(1, 10)
    expect(losses[1]).toBeCloseTo(Math.SQRT1_2 - 0.5, 10)
    expect(() => cosineEmbeddingLoss(a, b, [1, 0])).toThrow(/^BAD_VALUE/)
    expect(() => cosineEmbeddingLoss(a, b, [1])).toThrow(/^SHAPE_MISMATCH/)
    checkGradients((x, y) => cosineEmbeddingLoss(x!, y!, [1, -1]), [spread([2, 3]), spread([2, 3], 1)])
  })
  test('softmaxCrossEntropy with options is crossEntropy, and without them the mean that it was', () => {
    const x = spread([3, 4])
    const labels = [2, 0, 3]
    expect(softmaxCrossEntropy(x, labels).item()).toBeCloseTo(crossEntropy(x, labels).item(), 14)
    expect(softmaxCrossEntropy(x, labels).creator!.name).toBe('softmaxCrossEntropy')
    expect(softmaxCrossEntropy(x, labels, { reduction: 'sum' }).item()).toBeCloseTo(
      3 * crossEntropy(x, labels).item(),
      13,
    )
  })
  test('rows with the label to ignore have neither loss nor gradient', () => {
    const x = new Variable(spread([2, 3]))
    const loss = crossEntropy(x, [1, -100])
    const [gx] = grad(loss, [x])
    expect(Array.from(gx!.data.data.slice(3))).toEqual([0, 0, 0])
    const masked = new Variable([
      [-Infinity, -Infinity],
      [NaN, 1],
      [0, 0],
    ])
    const [slopes] = grad(crossEntropy(masked, [-100, -100, 1]), [masked])
    expect(Array.from(slopes!.data.data)).toEqual([0, 0, 0, 0, 0.5, -0.5])
    expect(crossEntropy(spread([1, 3]), [-100]).item()).toBeNaN()
    expect(crossEntropy(spread([2, 0]), [-100, -100], { reduction: 'none' }).data.toArray()).toEqual([0, 0])
    expect(() => crossEntropy(x, [1, 3])).toThrow(/INDEX_OUT_OF_RANGE.*row 1/)
    expect(() => crossEntropy(x, [1, 0], { weight: [1, 2] })).toThrow(/^BAD_ARGUMENT/)
    expect(() => crossEntropy(x, [1, 0], { labelSmoothing: 2 })).toThrow(/^BAD_ARGUMENT/)
    expect(() => crossEntropy(x, [1, 0], { reduction: 'avg' as never })).toThrow(/^BAD_ARGUMENT/)
  })
  test('a class that no label has may be impossible: its logarithm of 0 does not count', () => {
    expect(crossEntropy([[0, -Infinity]], [0]).item()).toBe(0)
  })
  test('klDivergence of a target of 0 is 0', () => {
    expect(klDivergence([-1, -2], [0, 1], { reduction: 'none' }).data.toArray()).toEqual([0, 2])
    expect(slope((t) => klDivergence([-1, -2], t, { reduction: 'sum' }), [0, 1])).toEqual([0, 3])
  })
})

describe('edges', () => {
  test('norms of order ∞ share their gradient among equal elements; order 0 counts; a norm of 0 has the gradient 0', () => {
    expect(slope((x) => norm(x, { ord: Infinity }), [3, -3, 1])).toEqual([0.5, -0.5, 0])
    expect(norm([0, 2, NaN], { ord: 0 }).item()).toBe(2)
    expect(slope((x) => norm(x, { ord: 0.5 }), [0, 0])).toEqual([0, 0])
    expect(norm([0, 2], { ord: -1 }).item()).toBe(0)
    expect(norm([1, 2], { ord: -Infinity }).creator!.attributes.ord).toBe('-inf')
  })
  test('cumprod with zeros has the products of the others as slopes', () => {
    expect(slope((x) => cumprod(x), [2, 0, 3])).toEqual([1, 8, 0])
  })
  test('sort keeps equal elements in order and puts NaN last', () => {
    const [values, indices] = sort([2, NaN, 1, 2])
    expect(values.data.toArray()).toEqual([1, 2, 2, NaN])
    expect(indices.data.toArray()).toEqual([2, 0, 3, 1])
    expect(argsort([3, 1, 2], { descending: true }).data.toArray()).toEqual([0, 2, 1])
    expect(() => sort(1)).toThrow(/^BAD_AXIS/)
  })
  test('unique, bincount and histogram count', () => {
    const [values, inverse, counts] = unique([2, NaN, 1, 2, NaN])
    expect(values.data.toArray()).toEqual([1, 2, NaN])
    expect(inverse.data.toArray()).toEqual([1, 2, 0, 1, 2])
    expect(counts.data.toArray()).toEqual([1, 2, 2])
    expect(bincount([0, 2, 2], [0.5, 1, 2]).data.toArray()).toEqual([0.5, 0, 3])
    expect(() => bincount([-1])).toThrow(/^INDEX_OUT_OF_RANGE/)
    const [inBins, edges] = histogram([0, 1, 1, 2, 5, NaN], { bins: 2, min: 0, max: 2 })
    expect(inBins.data.toArray()).toEqual([1, 3])
    expect(edges.data.toArray()).toEqual([0, 1, 2])
    expect(() => histogram([1, Infinity])).toThrow(/^BAD_VALUE/)
    expect(histogram([3, 3]).map(({ data }) => data.data.length)).toEqual([10, 11])
  })
  test('a histogram counts every finite number, however large or near to each other they are', () => {
    const counts = (x: number[]) => histogram(x, { bins: 2 })[0].data.toArray()
    expect(counts([-1.7e308, -1, 1, 1.7e308])).toEqual([2, 2])
    expect(counts([1e20, 1e20])).toEqual([0, 2])
    expect(counts([1, 1 + 2 ** -51])).toEqual([1, 1])
  })
  test('more elements than an array can have are refused by a code', () => {
    for (const call of [
      () => histogram([1], { bins: 1e10 }),
      () => repeatInterleave(1, 1e12),
      () => bincount([1], undefined, { minLength: 1e10 }),
    ])
      expect(call).toThrow(/^BAD_SHAPE.*2\^32/)
  })
})

describe('our own elementary functions', () => {
  // The engine's own differ from each other in the last bits, so they are near and no more.
  const near = (found: number, expected: number) =>
    Object.is(found, expected) ||
    (Number.isNaN(found) && Number.isNaN(expected)) ||
    Math.abs(found - expected) <= 1.2e-15 * Math.abs(expected)
  const number = fc.double({ noNaN: false })
  const inside = fc.double({ min: -1, max: 1 })
  test.each([
    ['sinh', sinh, Math.sinh, number],
    ['cosh', cosh, Math.cosh, number],
    ['tan', tan, Math.tan, fc.double({ min: -100, max: 100 })],
    ['arctan', arctan, Math.atan, number],
    ['arcsin', arcsin, Math.asin, inside],
    ['arccos', arccos, Math.acos, inside],
  ] as const)('%s is right to a few units in the last place', (_, ours, theirs, points) => {
    fc.assert(fc.property(points, (x) => near(ours(x), theirs(x))))
    for (const x of [0, -0, 1, -1, 5e-324, -Infinity, Infinity, NaN, 2, -2])
      if (ours !== tan || Math.abs(x) < 3) expect(near(ours(x), theirs(x)), `of ${x}`).toBe(true)
  })
  test('arctan2 is right in all quadrants and at all edges', () => {
    const edges = [0, -0, 1, -1, Infinity, -Infinity, NaN, 1e-300]
    for (const y of edges)
      for (const x of edges) expect(near(arctan2(y, x), Math.atan2(y, x)), `${y}, ${x}`).toBe(true)
    fc.assert(
      fc.property(fc.double({ min: -1e9, max: 1e9 }), fc.double({ min: -1e9, max: 1e9 }), (y, x) =>
        near(arctan2(y, x), Math.atan2(y, x)),
      ),
    )
  })
})
