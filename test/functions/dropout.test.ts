import { describe, expect, test } from 'vitest'
import { ones } from '../../src/array/make-array.js'
import { seedRandom } from '../../src/array/random.js'
import { mul } from '../../src/functions/arithmetic.js'
import { dropout } from '../../src/functions/dropout.js'
import { sum } from '../../src/functions/reductions.js'
import type { Attributes } from '../../src/graph/attributes.js'
import { grad } from '../../src/graph/backward.js'
import { createFunc } from '../../src/graph/registry.js'
import { Variable } from '../../src/graph/variable.js'

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
