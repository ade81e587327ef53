import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { gateAboveZero } from '../../src/array/gates.js'
import { ndarray } from '../../src/array/make-array.js'
import { topk } from '../../src/array/sorting.js'

describe('topk', () => {
  test('gives the largest or smallest, best first, equal ones in the order of their indices', () => {
    const x = ndarray([3, 1, 3, 2])
    expect(topk(x, 3).map((one) => one.toArray())).toEqual([
      [3, 3, 2],
      [0, 2, 3],
    ])
    expect(topk(x, 2, 0, false).map((one) => one.toArray())).toEqual([
      [1, 2],
      [1, 3],
    ])
  })

  test('counts NaN as the largest', () => {
    expect(topk(ndarray([1, NaN, Infinity, NaN]), 3)[1].toArray()).toEqual([1, 3, 2])
    expect(topk(ndarray([1, NaN, -Infinity, NaN]), 3, 0, false)[1].toArray()).toEqual([2, 0, 1])
  })

  test('works along any axis and keeps the dtype', () => {
    const x = ndarray(Int32Array.of(1, 6, 5, 2, 3, 4), { shape: [3, 2] })
    const [values, indices] = topk(x, 1, 0)
    expect([values.dtype, indices.dtype]).toEqual(['int32', 'int32'])
    expect(values.toArray()).toEqual([[5, 6]])
    expect(indices.toArray()).toEqual([[1, 0]])
  })

  test('refuses a k that is not there', () => {
    expect(() => topk(ndarray([1, 2]), 3)).toThrow(/^BAD_ARGUMENT: topk expected k from 0 to 2/)
    expect(() => topk(ndarray(1), 0)).toThrow(/^BAD_AXIS/)
  })
})

test('gateAboveZero passes what stands where the other is above 0 or NaN', () => {
  const x = ndarray([-1, 0, 2, NaN, -0])
  expect(gateAboveZero(ndarray([1, NaN, Infinity, 4, 5]), x).toArray()).toEqual([0, 0, Infinity, 4, 0])
  expect(() => gateAboveZero(ndarray([1]), x)).toThrow(/^SHAPE_MISMATCH/)
})

const seed = Number(process.env.GRADTAPE_SEED ?? Date.now() % 1e9)
const element = fc.oneof(
  fc.constantFrom(Number.NaN, Infinity, -Infinity, 0, -0),
  fc.integer({ min: -3, max: 3 }),
)

/** NaN counts as the largest. */
function compare(a: number, b: number): number {
  if (a < b) return -1
  if (a > b) return 1
  return Number(Number.isNaN(a)) - Number(Number.isNaN(b))
}

test('the first k of any elements stand in order, equal ones in theirs, few or all of them', () => {
  const drawn = fc.tuple(fc.array(element, { maxLength: 40 }), fc.nat(40), fc.boolean())
  fc.assert(
    fc.property(drawn, ([list, most, largest]) => {
      const k = Math.min(most, list.length)
      const sign = largest ? -1 : 1
      const wanted = list
        .map((_, i) => i)
        .sort((i, j) => sign * compare(list[i]!, list[j]!) || i - j)
        .slice(0, k)
      const [values, indices] = topk(ndarray(Float64Array.from(list)), k, 0, largest)
      expect([...indices.data]).toEqual(wanted)
      expect([...values.data]).toEqual(wanted.map((i) => list[i]))
    }),
    { seed, numRuns: 300 },
  )
})
