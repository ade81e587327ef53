/** Ties, kinks, NaN and infinities: where the contract's differences cannot look. */
import { describe, expect, test } from 'vitest'
import { gelu, leakyRelu, relu, sigmoid } from '../../src/functions/activations.js'
import { abs, mul, sqrt } from '../../src/functions/arithmetic.js'
import { clip, maximum, minimum } from '../../src/functions/bounds.js'
import { cast } from '../../src/functions/casting.js'
import { where } from '../../src/functions/comparison.js'
import { exp, pow, tanh } from '../../src/functions/exponential.js'
import { take } from '../../src/functions/indexing.js'
import { concat, stack } from '../../src/functions/joining.js'
import { binaryCrossEntropy, softmaxCrossEntropy } from '../../src/functions/losses.js'
import { argmax, topk } from '../../src/functions/ordering.js'
import { maxPool2d } from '../../src/functions/pooling.js'
import { max, min, sum } from '../../src/functions/reductions.js'
import { prod } from '../../src/functions/running.js'
import { broadcastTo, reshape, sumTo, transpose } from '../../src/functions/shapes.js'
import { logSoftmax, softmax } from '../../src/functions/softmax.js'
import { norm, std } from '../../src/functions/statistics.js'
import '../../src/functions/methods.js'
import { type ArrayLike, ndarray } from '../../src/array/make-array.js'
import { grad } from '../../src/graph/backward.js'
import { noGrad } from '../../src/graph/mode.js'
import { Variable } from '../../src/graph/variable.js'

function slopes(call: (...xs: Variable[]) => Variable, ...values: ArrayLike[]): unknown[] {
  const xs = values.map((value) => new Variable(value))
  return grad([sum(call(...xs))], xs).map(({ data }) => data.toArray())
}

describe('where two are equal', () => {
  test('maximum and minimum give half of the gradient to each', () => {
    expect(slopes(maximum, [1, 2, 3], [1, 1, 4])).toEqual([
      [0.5, 1, 0],
      [0.5, 0, 1],
    ])
    expect(slopes(minimum, [1, 2, 3], [1, 1, 4])).toEqual([
      [0.5, 0, 1],
      [0.5, 1, 0],
    ])
  })

  test('max and min share the gradient evenly', () => {
    const x = [
      [3, 3, 1],
      [2, 2, 2],
    ]
    expect(slopes((v) => max(v), x)).toEqual([
      [
        [0.5, 0.5, 0],
        [0, 0, 0],
      ],
    ])
    const [shares] = slopes((v) => max(v, { axis: 1 }), x) as number[][][]
    expect(shares![0]).toEqual([0.5, 0.5, 0])
    for (const share of shares![1]!) expect(share).toBeCloseTo(1 / 3, 15)
    expect(slopes((v) => min(v, { axis: 0, keepdims: true }), [[1], [1]])).toEqual([[[0.5], [0.5]]])
  })

  test('maxPool2d shares the gradient of a window evenly', () => {
    const x = ndarray([1, 5, 5, 2], { shape: [1, 1, 2, 2] })
    expect(slopes((v) => maxPool2d(v, { kernel: 2 }), x)).toEqual([
      [
        [
          [
            [0, 0.5],
            [0.5, 0],
          ],
        ],
      ],
    ])
  })

  test('topk takes the first, and its gradient goes there', () => {
    const x = new Variable([2, 7, 7, 1])
    const [values, indices] = topk(x, 2)
    expect(values.data.toArray()).toEqual([7, 7])
    expect(indices.data.toArray()).toEqual([1, 2])
    expect(indices.requiresGrad).toBe(false)
    expect(slopes((v) => topk(v, 1)[0], [2, 7, 7, 1])).toEqual([[0, 1, 0, 0]])
  })
})

describe('at a kink', () => {
  test('relu, leakyRelu and abs have slope 0, slope and 0 at 0; clip passes at its bounds', () => {
    expect(slopes(relu, [-1, 0, 2])).toEqual([[0, 0, 1]])
    expect(slopes((v) => leakyRelu(v, { slope: 0.5 }), [-1, 0, 2])).toEqual([[0.5, 0.5, 1]])
    expect(slopes(abs, [-1, 0, 2])).toEqual([[-1, 0, 1]])
    expect(slopes((v) => clip(v, { min: -1, max: 1 }), [-2, -1, 0, 1, 2])).toEqual([[0, 1, 1, 1, 0]])
  })

  test('a bound of infinity is none', () => {
    expect(clip(new Variable(3), { min: -Infinity, max: 2 }).creator!.attributes).toEqual({ max: 2 })
  })

  test('std and norm have slope 0 where they are 0', () => {
    expect(slopes((v) => std(v), [2, 2])).toEqual([[0, 0]])
    expect(slopes((v) => norm(v), [0, 0])).toEqual([[0, 0]])
    expect(slopes((v) => norm(v, { ord: 3 }), [0, 0])).toEqual([[0, 0]])
  })

  test('pow has the slopes of its formula at 0', () => {
    expect(slopes((v) => pow(v, 0), [0, 2])).toEqual([[0, 0]])
    expect(slopes((v) => pow(v, 1), [0, 2])).toEqual([[1, 1]])
    expect(slopes((v) => pow(v, 2), [0, 2])).toEqual([[0, 4]])
    expect(slopes((x, e) => pow(x, e), [0, 0], [2, 0])).toEqual([
      [0, 0],
      [0, 0],
    ])
  })

  test('prod with zeros has the products of the others as slopes, to the second order', () => {
    expect(slopes((v) => prod(v), [2, 0, 3])).toEqual([[0, 6, 0]])
    expect(slopes((v) => prod(v), [2, 0, 0])).toEqual([[0, 0, 0]])
    const x = new Variable([2, 0, 0])
    const [first] = grad([prod(x)], [x], { createGraph: true })
    expect(grad([sum(first!)], [x])[0]!.data.toArray()).toEqual([0, 2, 2])
  })
})

describe('a NaN is passed on and not hidden', () => {
  test('by maximum, minimum, max, min, relu and maxPool2d, forward and backward', () => {
    expect(slopes(maximum, [NaN, 1], [0, NaN])).toEqual([
      [1, 1],
      [1, 1],
    ])
    expect(slopes(minimum, [NaN], [0])).toEqual([[1], [1]])
    expect(max(new Variable([1, NaN, 3])).item()).toBeNaN()
    expect(slopes((v) => max(v), [1, NaN, 3])).toEqual([[0, 1, 0]])
    expect(slopes((v) => min(v), [1, NaN, NaN])).toEqual([[0, 0.5, 0.5]])
    expect(relu(new Variable(NaN)).item()).toBeNaN()
    expect(slopes(relu, [NaN, 1])).toEqual([[1, 1]])
    const x = ndarray([1, NaN, 5, 2], { shape: [1, 1, 2, 2] })
    expect(maxPool2d(x, { kernel: 2 }).item()).toBeNaN()
    expect(slopes((v) => reshape(maxPool2d(v, { kernel: 2 }), []), x)).toEqual([
      [
        [
          [
            [0, 1],
            [0, 0],
          ],
        ],
      ],
    ])
  })

  test('argmax says where the NaN is', () => {
    expect(argmax(new Variable([1, NaN, 3])).item()).toBe(1)
  })
})

describe('an infinite gradient', () => {
  test('makes no NaN of the operand that was not chosen', () => {
    const a = new Variable([1, 5])
    const b = new Variable([2, 2])
    const seed = ndarray([Infinity, Infinity])
    const [ga, gb] = grad([maximum(a, b)], [a, b], { gradients: [seed] })
    expect(ga!.data.toArray()).toEqual([0, Infinity])
    expect(gb!.data.toArray()).toEqual([Infinity, 0])
    const c = new Variable([-1, 1])
    expect(grad([relu(c)], [c], { gradients: [seed] })[0]!.data.toArray()).toEqual([0, Infinity])
    expect(grad([where([true, false], c, 0)], [c], { gradients: [seed] })[0]!.data.toArray()).toEqual([
      Infinity,
      0,
    ])
  })
})

describe('entries of ±1000', () => {
  test('leave softmax, logSoftmax and softmaxCrossEntropy exact', () => {
    const x = [
      [1000, -1000, 0],
      [-1000, -1000, -1000],
    ]
    expect(softmax(x).data.toArray()).toEqual([
      [1, 0, 0],
      [1 / 3, 1 / 3, 1 / 3],
    ])
    expect(logSoftmax(x).data.toArray()).toEqual([
      [0, -2000, -1000],
      [-Math.log(3), -Math.log(3), -Math.log(3)],
    ])
    expect(softmaxCrossEntropy(x, [1, 0]).item()).toBeCloseTo((2000 + Math.log(3)) / 2, 12)
    const [gradient] = slopes((v) => softmaxCrossEntropy(v, [1, 0]), x) as number[][][]
    expect(gradient![0]).toEqual([0.5, -0.5, 0])
  })

  test('leave gelu and its slope exact, far from 0 on either side', () => {
    expect(gelu(new Variable([-1000, 1000])).data.toArray()).toEqual([-0, 1000])
    const [low, high] = slopes(gelu, [-1000, 1000])[0] as number[]
    expect(low).toBeCloseTo(0, 300)
    expect(high).toBe(1)
  })
})

test('binaryCrossEntropy of certain and wrong predictions is 100 and its slope finite', () => {
  expect(binaryCrossEntropy([0, 1], [1, 0]).item()).toBe(100)
  const [gp, gt] = slopes((p, t) => binaryCrossEntropy(p!, t!), [0, 1], [1, 0]) as number[][]
  expect(gp).toEqual([-1e12 / 2, 1e12 / 2])
  expect(gt).toEqual([50, -50])
})

test('softmaxCrossEntropy with probabilities is that with labels where they are certain', () => {
  const x = new Variable([
    [0.2, -1, 3],
    [1, 0.5, 0.1],
  ])
  const sure = [
    [0, 0, 1],
    [1, 0, 0],
  ]
  expect(softmaxCrossEntropy(x, sure).item()).toBeCloseTo(softmaxCrossEntropy(x, [2, 0]).item(), 14)
})

test('softmaxCrossEntropy takes labels of every integer dtype and plain lists alike', () => {
  const x = [
    [0.2, -1, 3],
    [1, 0.5, 0.1],
  ]
  const losses = [
    softmaxCrossEntropy(x, [2, 0]),
    softmaxCrossEntropy(x, new Uint8Array([2, 0])),
    softmaxCrossEntropy(x, Int32Array.of(2, 0)),
    softmaxCrossEntropy(x, new Variable(Int32Array.of(2, 0))),
  ].map((loss) => loss.item())
  expect(new Set(losses).size).toBe(1)
})

describe('a function with nothing to do', () => {
  test('gives its operand itself and is no call', () => {
    const x = new Variable([[1, 2]])
    expect(sumTo(x, [1, 2])).toBe(x)
    expect(broadcastTo(x, [1, 2])).toBe(x)
    expect(reshape(x, [1, 2])).toBe(x)
    expect(cast(x, 'float64')).toBe(x)
  })
})

describe('operands', () => {
  test('may be numbers, nested lists, typed arrays and NDArrays; numbers take the floating dtype of their partner', () => {
    const half = new Variable([1, 2], { dtype: 'float32' })
    expect(half.add(1).dtype).toBe('float32')
    expect(half.mul([2, 3]).dtype).toBe('float32')
    expect(half.add(ndarray([1, 2])).dtype).toBe('float64')
    expect(where([true, false], half, 0).dtype).toBe('float32')
    expect(where(half, 0, half).dtype).toBe('float32')
    expect(maximum(half, 1.5).data.toArray()).toEqual([1.5, 2])
    expect(sum([1, 2, 3]).item()).toBe(6)
    expect(exp(new Float64Array([0])).data.toArray()).toEqual([1])
  })

  test('get a gradient in their own dtype and shape', () => {
    const half = new Variable([[1], [2]], { dtype: 'float32' })
    const double = new Variable([1, 2, 3])
    const [gHalf, gDouble] = grad([sum(half.mul(double))], [half, double])
    expect([gHalf!.dtype, gHalf!.shape]).toEqual(['float32', [2, 1]])
    expect([gDouble!.dtype, gDouble!.shape]).toEqual(['float64', [3]])
  })

  test('that are constants get none, and no work is done for them', () => {
    const x = new Variable([1, 2])
    const y = x.mul(3)
    expect(y.creator!.backward(new Variable([1, 1]))).toEqual([expect.any(Variable), null])
  })
})

test('x.T is the transpose, and methods chain', () => {
  const x = new Variable([
    [1, 2, 3],
    [4, 5, 6],
  ])
  expect(x.T.data.toArray()).toEqual(transpose(x).data.toArray())
  expect(x.mul(2).add(1).sum({ axis: 0 }).data.toArray()).toEqual([12, 16, 20])
})

test('functions inside noGrad have no creator and compute the same', () => {
  const x = new Variable(4)
  const y = noGrad(() => sqrt(x))
  expect([y.item(), y.creator, y.requiresGrad]).toEqual([2, null, false])
})

test.each(['float64', 'float32'] as const)(
  'softmaxCrossEntropy has one gradient in %s, bit for bit, whether a graph of it is wanted or not',
  (dtype) => {
    const values = Float64Array.from({ length: 33 * 10 }, (_, i) => Math.sin(i * i) * 9)
    const x = new Variable(ndarray(values, { shape: [33, 10], dtype }))
    const loss = softmaxCrossEntropy(
      x,
      Array.from({ length: 33 }, (_, i) => (i * 7) % 10),
    )
    const [plain] = grad(loss, x, { gradients: [0.3] })
    const [linked] = grad(loss, x, { gradients: [0.3], createGraph: true })
    expect(linked?.creator?.name).toBe('mul')
    expect(plain?.creator).toBeNull()
    expect(plain?.data.data).toEqual(linked?.data.data)
  },
)

test.each(['float64', 'float32'] as const)(
  'sigmoid and tanh have one gradient in %s, bit for bit, whether a graph of it is wanted or not',
  (dtype) => {
    const values = [
      0,
      -0,
      NaN,
      Infinity,
      -Infinity,
      5e-324,
      ...Array.from({ length: 300 }, (_, i) => i / 9 - 17),
    ]
    const x = new Variable(ndarray(values, { dtype }))
    const gradients = [new Variable(ndarray(values, { dtype }).map((_, i) => Math.cos(i)))]
    for (const f of [sigmoid, tanh]) {
      const [plain] = grad(f(x), x, { gradients })
      const [linked] = grad(f(x), x, { gradients, createGraph: true })
      expect([plain?.creator, linked?.creator?.name]).toEqual([null, 'mul'])
      expect(plain?.data.data).toEqual(linked?.data.data)
    }
  },
)

describe.each([0, 1, -1])('any number of operands along axis %i', (axis) => {
  const count = 50_000
  const xs = Array.from({ length: count }, (_, i) => new Variable([[i, -i]]))

  test.each([
    ['stacked', stack],
    ['concatenated', concat],
  ] as const)('can be %s', (_, join) => {
    const y = join(xs, { axis })
    const few = join(xs.slice(0, 3), { axis })
    // The extent that grew, and where each operand's numbers are.
    expect(y.shape).toEqual(few.shape.map((extent) => (extent % 3 === 0 ? (extent / 3) * count : extent)))
    const along = few.shape.findIndex((extent) => extent % 3 === 0)
    const last = take(y, [y.shape[along]! - 1], { axis: along })
    expect(Array.from(last.data.data).map(Math.abs)).toContain(count - 1)
    sum(mul(y, 2)).backward()
    expect(xs.at(-1)!.grad!.data.toArray()).toEqual([[2, 2]])
    for (const x of xs) x.clearGrad()
  })
})
