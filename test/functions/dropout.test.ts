import { describe, expect, test } from 'vitest'
import { ndarray, ones } from '../../src/array/make-array.js'
import { normal, seedRandom } from '../../src/array/random.js'
import { add, mul } from '../../src/functions/arithmetic.js'
import { scaledDotProductAttention } from '../../src/functions/attention.js'
import { where } from '../../src/functions/comparison.js'
import { dropout } from '../../src/functions/dropout.js'
import { matmul } from '../../src/functions/products.js'
import { sum } from '../../src/functions/reductions.js'
import { softmax } from '../../src/functions/softmax.js'
import type { Attributes } from '../../src/graph/attributes.js'
import { grad } from '../../src/graph/backward.js'
import { createFunc } from '../../src/graph/registry.js'
import { Variable } from '../../src/graph/variable.js'
import { MultiHeadAttention } from '../../src/nn/attention.js'
import { TransformerEncoderLayer } from '../../src/nn/transformer.js'

const x = new Variable(ones([50, 40]))

describe('dropout', () => {
  test('zeroes a share p and divides the rest by 1 − p', () => {
    const y = dropout(x, { p: 0.25, seed: 1, counter: 0 }).data
    const dropped = y.data.filter((value) => value === 0).length
    expect(new Set(y.data)).toEqual(new Set([0, 1 / 0.75]))
    expect(Math.abs(dropped / y.size - 0.25)).toBeLessThan(0.03)
  })

  test('draws another mask at every call, and the same ones again after seedRandom', () => {
    seedRandom(7)
    const first = [dropout(x), dropout(x)].map(({ data }) => data.data.join())
    seedRandom(7)
    const again = [dropout(x), dropout(x)].map(({ data }) => data.data.join())
    expect(again).toEqual(first)
    expect(first[0]).not.toBe(first[1])
  })

  test('keeps seed and counter in its attributes, so that a replay drops the same elements', () => {
    seedRandom(9)
    dropout(x)
    const y = dropout(x, { p: 0.3 })
    expect(y.creator!.attributes).toEqual({ p: 0.3, seed: 9, counter: 1 })
    const replayed = createFunc(
      'dropout',
      JSON.parse(JSON.stringify(y.creator!.attributes)) as Attributes,
    ).apply(x)
    expect(replayed.data.data).toEqual(y.data.data)
  })

  test('gives its gradient the same mask, however often it is differentiated', () => {
    const y = dropout(x, { p: 0.5 })
    const [gx] = grad([sum(mul(y, y))], [x], { createGraph: true })
    expect(gx!.data.data).toEqual(mul(y, 4).data.data)
    const [second] = grad([sum(gx!)], [x])
    expect(second!.data.data).toEqual(mul(y, 4).data.data)
  })

  test('is the identity when not training or when p is 0, and draws nothing then', () => {
    seedRandom(3)
    expect(dropout(x, { training: false })).toBe(x)
    expect(dropout(x, { p: 0 })).toBe(x)
    expect(dropout(x).creator!.attributes.counter).toBe(0)
  })

  test('leaves nothing when p is 1', () => {
    expect(sum(dropout(x, { p: 1 })).item()).toBe(0)
  })
})

describe('dropout of the weights of attention', () => {
  const operands = () =>
    [
      [2, 3, 4],
      [2, 5, 4],
      [2, 5, 2],
    ].map((shape, i) => new Variable(normal(shape, { key: { seed: 5, counter: i } })))
  const key = { seed: 8, counter: 4 }

  test('is softmax, dropout and a product, in values, gradients and second derivatives', () => {
    const [q, k, v] = operands() as [Variable, Variable, Variable]
    const seen = ndarray([true, false, true, true, true])
    const fused = scaledDotProductAttention(q, k, v, { mask: seen, dropout: 0.4, ...key })
    const scores = where(seen, mul(matmul(q, k, { transposeB: true }), 0.5), -Infinity)
    const apart = matmul(dropout(softmax(scores), { p: 0.4, ...key }), v)
    const all = (y: Variable) => {
      const gradients = grad([sum(mul(y, y))], [q, k, v], { createGraph: true })
      const slope = gradients.map((one) => sum(mul(one, one))).reduce((a, b) => add(a, b))
      return [y, ...gradients, ...grad([slope], [q, k, v])]
    }
    const wanted = all(apart)
    for (const [i, made] of all(fused).entries())
      made.data.data.forEach((value, j) => {
        expect(value).toBeCloseTo(wanted[i]!.data.data[j]!, 10)
      })
  })

  test('draws at each call in training, and nothing otherwise', () => {
    const [q, k, v] = operands() as [Variable, Variable, Variable]
    seedRandom(2)
    const drawn = scaledDotProductAttention(q, k, v, { dropout: 0.5 })
    expect(drawn.creator!.attributes).toEqual({ causal: false, dropout: 0.5, seed: 2, counter: 0 })
    const still = scaledDotProductAttention(q, k, v, { dropout: 0.5, training: false })
    expect(still.creator!.attributes).toEqual({ causal: false })
    expect(dropout(x).creator!.attributes.counter).toBe(1)
    expect(() => scaledDotProductAttention(q, k, v, { dropout: 2 })).toThrow(/BAD_ARGUMENT.*0 to 1/)
    expect(() => scaledDotProductAttention(q, k, v, { dropout: 0.5, seed: 1 })).toThrow(
      /BAD_ARGUMENT.*together/,
    )
  })

  test('is at work in layers of transformers until eval()', () => {
    const layer = new TransformerEncoderLayer(4, 2, { feedForward: 4, dropout: 0.25 })
    const drops = (y: Variable) => {
      const found: unknown[] = []
      for (let call = y.creator; call !== null; call = call.input.creator)
        if (call.name === 'scaledDotProductAttention') found.push(call.attributes.dropout)
      return found
    }
    const [q] = operands() as [Variable]
    expect(drops(layer.selfAttn.forward(q))).toEqual([0.25])
    layer.eval()
    expect(drops(layer.selfAttn.forward(q))).toEqual([undefined])
    expect(new MultiHeadAttention(4, 2).dropout).toBe(0)
    expect(() => new MultiHeadAttention(4, 2, { dropout: -1 })).toThrow(/BAD_ARGUMENT.*dropout/)
  })
})
