/** einsum against the definition: a loop over every value of every subscript. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { einsum, readSubscripts } from '../../src/array/einsum.js'
import { ndarray } from '../../src/array/make-array.js'
import type { NDArray } from '../../src/array/ndarray.js'
import { type Shape, sizeOf } from '../../src/array/shape.js'

function integers(shape: Shape, seed: number): NDArray {
  return ndarray(
    Float64Array.from({ length: sizeOf(shape) }, (_, i) => ((i * 7919 + seed * 104729) % 19) - 9),
    { shape },
  )
}

function naive(
  inputs: readonly string[],
  output: string,
  extents: Record<string, number>,
  xs: readonly NDArray[],
): number[] {
  const names = [...new Set([...output, ...inputs.join('')])]
  const out = new Array<number>(sizeOf([...output].map((name) => extents[name]!))).fill(0)
  const place = (term: string, shape: Shape, index: Record<string, number>) =>
    [...term].reduce((flat, name, axis) => flat * shape[axis]! + (shape[axis] === 1 ? 0 : index[name]!), 0)
  const visit = (depth: number, index: Record<string, number>): void => {
    const name = names[depth]
    if (name === undefined) {
      const product = xs.reduce((value, x, i) => value * x.data[place(inputs[i]!, x.shape, index)]!, 1)
      out[
        place(
          output,
          [...output].map((one) => extents[one]!),
          index,
        )
      ]! += product
      return
    }
    for (let i = 0; i < extents[name]!; i++) visit(depth + 1, { ...index, [name]: i })
  }
  visit(0, {})
  return out
}

describe('einsum', () => {
  test('is the sum over every subscript of the product, for any equation', () => {
    const term = fc.array(fc.constantFrom(...'abcd'), { maxLength: 4 }).map((letters) => letters.join(''))
    const setting = fc.record({
      terms: fc.array(term, { minLength: 1, maxLength: 3 }),
      extents: fc.record({
        a: fc.integer({ min: 0, max: 3 }),
        b: fc.constant(2),
        c: fc.constant(3),
        d: fc.constant(1),
      }),
      order: fc.shuffledSubarray([...'abcd']),
      stretched: fc.boolean(),
      seed: fc.integer({ min: 0, max: 1000 }),
    })
    fc.assert(
      fc.property(setting, ({ terms, extents, order, stretched, seed }) => {
        const output = order.filter((name) => terms.join('').includes(name)).join('')
        // With `stretched` the second operand has extent 1 for c, as long as another has it whole.
        const one = stretched && terms.length > 1 && terms.some((names, i) => i !== 1 && names.includes('c'))
        const xs = terms.map((names, i) =>
          integers(
            [...names].map((name) => (one && i === 1 && name === 'c' ? 1 : extents[name as 'a'])),
            seed + i,
          ),
        )
        const found = einsum(`${terms.join(',')}->${output}`, xs)
        expect(found.shape).toEqual([...output].map((name) => extents[name as 'a']))
        expect([...found.data].map((value) => value + 0)).toEqual(
          naive(terms, output, extents, xs).map((value) => value + 0),
        )
      }),
      { numRuns: 200 },
    )
  })

  test('gives a new array even when there is nothing to do', () => {
    const x = integers([2, 3], 1)
    const y = einsum('ij->ij', [x])
    expect(y).not.toBe(x)
    expect(y.data).toEqual(x.data)
  })

  test("without '->' has the subscripts that occur once, in alphabetical order, after those of the ellipsis", () => {
    expect(readSubscripts('ba', [[2, 3]]).output).toEqual(['a', 'b'])
    expect(
      readSubscripts('ij,jk', [
        [2, 3],
        [3, 4],
      ]).output,
    ).toEqual(['i', 'k'])
    expect(readSubscripts('...ij', [[5, 2, 3]]).output).toEqual(['.0', 'i', 'j'])
    expect(readSubscripts('ii', [[2, 2]]).output).toEqual([])
  })

  test('broadcasts what the ellipsis stands for', () => {
    const y = einsum('i...,...->...i', [integers([2, 1, 3], 1), integers([4, 1], 2)])
    expect(y.shape).toEqual([4, 3, 2])
  })
})
