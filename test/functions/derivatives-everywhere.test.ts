/** What forward accepts, backward differentiates: places that are easily forgotten. The drawn contract looks for others. */
import { expect, test } from 'vitest'
import { type ArrayLike, ndarray } from '../../src/array/make-array.js'
import { scaledDotProductAttention } from '../../src/functions/attention.js'
import { conv1d, conv2d } from '../../src/functions/convolution.js'
import { einsum } from '../../src/functions/einsum.js'
import { scatterAdd } from '../../src/functions/gathering.js'
import { concat, pad, split } from '../../src/functions/joining.js'
import { binaryCrossEntropy, meanSquaredError } from '../../src/functions/losses.js'
import { averagePool2d, maxPool2d } from '../../src/functions/pooling.js'
import { linear, matmul } from '../../src/functions/products.js'
import { sum } from '../../src/functions/reductions.js'
import { cumprod, cumsum, prod } from '../../src/functions/running.js'
import { norm } from '../../src/functions/statistics.js'
import '../../src/functions/methods.js'
import { grad } from '../../src/graph/backward.js'
import { checkGradients } from '../../src/graph/gradient-check.js'
import { constant, parameter } from '../../src/graph/leaves.js'
import type { Variable } from '../../src/graph/variable.js'
import { RMSProp } from '../../src/optim/adaptive.js'

const values = (x: Variable): unknown => x.data.toArray()

/** The diagonal and all else of the second derivative, summed over rows: the gradient of the sum of the gradient. */
function second(call: (x: Variable) => Variable, at: ArrayLike): unknown {
  const x = parameter(at)
  const [gradient] = grad([call(x)], [x], { createGraph: true })
  return values(grad([sum(gradient!)], [x])[0]!)
}

test('einsum gives both gradients where one operand stretches along a subscript that is summed', () => {
  const x = parameter([[1], [2]])
  const w = parameter([
    [1, 2],
    [3, 4],
    [5, 6],
  ])
  expect(grad([sum(einsum('ij,jk->ik', x, w))], [x, w]).map(values)).toEqual([
    [[21], [21]],
    [
      [3, 3],
      [3, 3],
      [3, 3],
    ],
  ])
  const empty = parameter(ndarray([], { shape: [1, 0] }))
  expect(grad([sum(einsum('ii->', empty))], [empty])[0]!.shape).toEqual([1, 0])
})

test('split at indices that go back adds the gradients of parts that overlap, and gives 0 to gaps', () => {
  const x = parameter([1, 2, 3, 4, 5])
  const [a, b, c] = split(x, [3, 1]) as [Variable, Variable, Variable]
  expect([a, b, c].map(values)).toEqual([[1, 2, 3], [], [2, 3, 4, 5]])
  expect(values(grad([sum(concat([a, c.mul(10)]))], [x])[0]!)).toEqual([1, 11, 11, 10, 10])
  const [head, tail] = split(x, [-2]) as [Variable, Variable]
  expect([head, tail].map(values)).toEqual([
    [1, 2, 3],
    [4, 5],
  ])
})

test('products of three and more axes have gradients when an axis is empty', () => {
  const x = parameter(ndarray([], { shape: [2, 3, 0] }))
  const w = parameter(ndarray([], { shape: [0, 4] }))
  for (const product of [matmul, linear]) {
    const y = product(x, w)
    expect(y.shape).toEqual([2, 3, 4])
    expect(grad([sum(y)], [x, w]).map(({ shape }) => shape)).toEqual([
      [2, 3, 0],
      [0, 4],
    ])
  }
})

test('an image without rows or columns is refused, though padding would make windows of it', () => {
  const empty = (...shape: number[]) => parameter(ndarray([], { shape }))
  const kernel = parameter([
    [
      [
        [1, 1],
        [1, 1],
      ],
    ],
  ])
  for (const act of [
    () => conv2d(empty(1, 1, 0, 3), kernel, undefined, { padding: 1 }),
    () => conv1d(empty(1, 1, 0), parameter([[[1, 1]]]), undefined, { padding: 1 }),
    () => maxPool2d(empty(1, 1, 3, 0), { kernel: 2, padding: 1 }),
    () => averagePool2d(empty(1, 1, 0, 3), { kernel: 2, padding: 1 }),
  ])
    expect(act).toThrow(/^BAD_SHAPE: \w+ expected rows and columns, got an extent of 0/)
  // Without images there is nothing to refuse.
  expect(grad([sum(conv2d(empty(0, 1, 3, 3), kernel))], [kernel])[0]!.shape).toEqual([1, 1, 2, 2])
})

test('the second derivative of a norm is finite beside an element that is 0', () => {
  for (const ord of [1.25, 1.5, 2, 2.5, 3]) {
    const found = second((x) => norm(x, { ord }), [0, 3, -4]) as number[]
    expect(found.every(Number.isFinite), `ord ${ord}: ${found}`).toBe(true)
    const without = second((x) => norm(x, { ord }), [3, -4]) as number[]
    for (const [i, value] of without.entries()) expect(found[i + 1]).toBeCloseTo(value, 12)
  }
})

test('a product of 100,000 factors, one of them 0, has derivatives of two orders in a moment', () => {
  const n = 100_000
  const factors = new Float64Array(n).fill(1)
  factors[7] = 0
  const x = parameter(ndarray(factors))
  const [gradient] = grad([prod(x)], [x], { createGraph: true })
  expect(gradient!.data.data[7]).toBe(1)
  expect(gradient!.data.data.filter((value) => value !== 0).length).toBe(1)
  // ∂²/∂x₇∂xⱼ is the product of all others, 1, for each j.
  const [curvature] = grad([sum(gradient!)], [x])
  expect(curvature!.data.data[7]).toBe(n - 1)
  expect(curvature!.data.data[8]).toBe(1)
})

test('running products of 50,000 factors, two of them 0, have derivatives of two orders in a moment', () => {
  const n = 50_000
  const factors = new Float64Array(n).fill(1)
  factors[7] = 0
  factors[n - 5] = 0
  const x = parameter(ndarray(factors))
  const [gradient] = grad([sum(cumprod(x))], [x], { createGraph: true })
  // A factor before the first 0 changes what stands from it to that; the 0 itself what stands up to the second.
  expect([...gradient!.data.data.slice(0, 9)]).toEqual([7, 6, 5, 4, 3, 2, 1, n - 12, 0])
  const [curvature] = grad([sum(gradient!)], [x])
  expect(curvature!.data.data.every(Number.isFinite)).toBe(true)
  // ∂²/∂x₀∂xⱼ: the products from j to the first 0, and, of that 0, to the second.
  expect(curvature!.data.data[0]).toBe(6 + 5 + 4 + 3 + 2 + 1 + (n - 12))
})

test('of running products with zeros, in any place and along any axis, derivatives agree with differences', () => {
  const long = Array.from({ length: 300 }, (_, i) => (i === 290 || i === 20 ? 0 : 1 + (i % 3) / 100))
  for (const at of [[0], [2, 0], [0, 3, 2], [2, 0, 3, 0, 4], [0, 0, 1], long])
    for (const shape of [[at.length], [1, at.length, 1]]) {
      const x = parameter(ndarray(at, { shape }))
      const call = (y: Variable) => sum(cumprod(y, { axis: shape.length === 1 ? 0 : -2 }).mul(1.5))
      expect(checkGradients(call, [x]).passed, `${at}`).toBe(true)
      const slope = (y: Variable) => sum(grad([call(y)], [y], { createGraph: true })[0]!.square())
      expect(checkGradients(slope, [x]).passed, `${at}`).toBe(true)
    }
})

test('of a product the third derivative is right too, with zeros and without', () => {
  for (const at of [
    [2, 3, 5, 7],
    [2, 0, 5, 7],
    [0, 0, 5, 7],
  ]) {
    const x = parameter(at)
    const others = (...out: number[]) => at.reduce((y, value, i) => (out.includes(i) ? y : y * value), 1)
    const [first] = grad([prod(x)], [x], { createGraph: true })
    const slopes = values(first!) as number[]
    for (const [i, value] of slopes.entries()) expect(value).toBeCloseTo(others(i), 8)
    const weights = [1, 10, 100, 1000]
    const [next] = grad([sum(first!.mul(weights))], [x], { createGraph: true })
    const pairs = at.map((_, j) => weights.reduce((y, w, i) => (i === j ? y : y + w * others(i, j)), 0))
    const curvature = values(next!) as number[]
    for (const [j, value] of pairs.entries()) expect(curvature[j]).toBeCloseTo(value, 8)
    const [third] = grad([sum(next!)], [x])
    const triples = at.map((_, k) =>
      [0, 1, 2, 3].reduce(
        (y, i) =>
          y +
          [0, 1, 2, 3].reduce(
            (z, j) => (i === j || i === k || j === k ? z : z + weights[i]! * others(i, j, k)),
            0,
          ),
        0,
      ),
    )
    const found = values(third!) as number[]
    for (const [k, value] of triples.entries()) expect(found[k]).toBeCloseTo(value, 8)
  }
})

test('a query that sees no key, and that nobody uses, leaves the gradients of keys and values alone', () => {
  const operands = () => [
    parameter([
      [1, 2],
      [0.5, -1],
    ]),
    parameter([
      [1, 0],
      [0, 1],
    ]),
    parameter([
      [3, 4],
      [5, 6],
    ]),
  ]
  for (const mask of [
    ndarray([
      [true, true],
      [false, false],
    ]),
    ndarray([
      [0, 0],
      [-Infinity, -Infinity],
    ]),
  ]) {
    const [q, k, v] = operands() as [Variable, Variable, Variable]
    const y = scaledDotProductAttention(q, k, v, { mask })
    expect(y.data.data.slice(2).every(Number.isNaN)).toBe(true)
    const used = y.slice([[0, 1]])
    const gradients = grad([sum(used.square())], [q, k, v], { createGraph: true })
    const [q1, k1, v1] = operands() as [Variable, Variable, Variable]
    const alone = scaledDotProductAttention(q1.slice([[0, 1]]), k1, v1)
    const expected = grad([sum(alone.square())], [q1, k1, v1])
    for (const [i, gradient] of gradients.entries()) expect(values(gradient)).toEqual(values(expected[i]!))
    const again = grad([sum(concat(gradients.map((one) => one.reshape([-1]))).square())], [q, k, v])
    for (const one of again) expect(one.data.data.every(Number.isFinite)).toBe(true)
    // Who uses the row is told.
    expect(
      grad([sum(scaledDotProductAttention(q, k, v, { mask }))], [k])[0]!.data.data.some(Number.isNaN),
    ).toBe(true)
  }
})

test('scatterAdd adds in the dtype in which the target and the values meet, and of bools takes the logical or', () => {
  const indices = ndarray([0, 0], { dtype: 'int32' })
  const bytes = ndarray([200, 100], { dtype: 'uint8' })
  expect(values(scatterAdd(ndarray([0, 0]), indices, bytes))).toEqual([300, 0])
  const bools = scatterAdd(ndarray([false, true]), indices, ndarray([true, true]))
  expect([bools.dtype, values(bools)]).toEqual(['bool', [true, true]])
  expect([...bools.data.data]).toEqual([1, 1])
})

test('a value that the dtype of x cannot hold is no padding', () => {
  for (const [dtype, value] of [
    ['uint8', 300],
    ['uint8', -1],
    ['int32', 0.5],
    ['int32', 2 ** 31],
  ] as const) {
    expect(() => pad(ndarray([1], { dtype }), [[1, 0]], { value })).toThrow(/^BAD_VALUE: /)
  }
  expect(values(pad(ndarray([1], { dtype: 'uint8' }), [[1, 0]], { value: 255 }))).toEqual([255, 1])
})

test('losses of bytes do not wrap', () => {
  const [a, b] = [ndarray([3, 200], { dtype: 'uint8' }), ndarray([5, 0], { dtype: 'uint8' })]
  expect(meanSquaredError(a, b).item()).toBe((4 + 40_000) / 2)
  const p = ndarray([1, 0], { dtype: 'uint8' })
  expect(binaryCrossEntropy(p, ndarray([1, 0], { dtype: 'uint8' })).item()).toBeCloseTo(0, 15)
  expect(einsum('i,i,i->', a, a, ndarray([0.5, 0.5])).item()).toBe((9 + 40_000) / 2)
})

test('a running sum of a scalar is a row of one, as in NumPy', () => {
  const x = parameter(3)
  const y = cumsum(x, { axis: 0 })
  expect(values(y)).toEqual([3])
  expect(grad([sum(y)], [x])[0]!.shape).toEqual([])
  expect(() => cumsum(x, { axis: 1 })).toThrow(/^BAD_AXIS: /)
})

test('a centered RMSProp whose gradient never changes stays finite', () => {
  const w = parameter([0])
  const optimizer = new RMSProp([w], { lr: 0.01, centered: true })
  for (let i = 0; i < 4000; i++) {
    w.grad = constant([0.1])
    optimizer.step()
  }
  expect(Number.isFinite(w.data.data[0])).toBe(true)
})
