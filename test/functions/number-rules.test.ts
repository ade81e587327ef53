/** Each rule for single numbers gives the bits that the function itself gives for arrays of one number. */
import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import '../../src/index.js'
import { scalar } from '../../src/array/ndarray.js'
import type { Attributes } from '../../src/graph/attributes.js'
import { grad } from '../../src/graph/backward.js'
import { createFunc, namesWithNumberRule, numberRuleOf } from '../../src/graph/registry.js'
import { Variable } from '../../src/graph/variable.js'

const EDGES = [
  0,
  -0,
  1,
  -1,
  2,
  0.5,
  -0.5,
  1e-300,
  -1e-300,
  5e-324,
  1e300,
  709.8,
  -745.2,
  1e22,
  Number.MAX_VALUE,
]
const NO_NUMBERS = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN]
const ATTRIBUTES: { readonly [name: string]: readonly Attributes[] } = {
  pow: [0, 1, 2, 3, -1, -2, 0.5, -0.5, 1.5, 10].map((exponent) => ({ exponent })),
}
const RUNS = 400

const number = fc.oneof(
  { weight: 3, arbitrary: fc.double({ min: -8, max: 8 }) },
  { weight: 1, arbitrary: fc.double() },
  { weight: 2, arbitrary: fc.constantFrom(...EDGES, ...NO_NUMBERS) },
)

describe('the rule for numbers of', () => {
  const seed = Number(process.env.GRADTAPE_SEED ?? randomInt(2 ** 31))

  test.each([...namesWithNumberRule()])(`%s (GRADTAPE_SEED=${seed})`, (name) => {
    for (const attributes of ATTRIBUTES[name] ?? [{}]) {
      const rule = numberRuleOf(name, attributes)!
      const check = (a: number, b: number, gy: number) => {
        const operands = rule.operands === 2 ? [a, b] : [a]
        const xs = operands.map((value) => new Variable(scalar(value, 'float64')))
        const y = createFunc(name, attributes).apply(...xs)
        const gradients = grad([y], xs, { gradients: [new Variable(scalar(gy, 'float64'))] })
        const call = `${name}(${operands.join(', ')}) ${JSON.stringify(attributes)} gy ${gy}`
        expect(rule.forward(a, b), call).toBe(y.item())
        gradients.forEach((gradient, slot) => {
          expect(rule.backward(slot, gy, a, b, y.item()), `${call} slot ${slot}`).toBe(gradient.item())
        })
      }
      for (const a of [...EDGES, ...NO_NUMBERS]) for (const gy of [1, -0, Number.NaN]) check(a, 3, gy)
      fc.assert(fc.property(number, number, number, check), { seed, numRuns: RUNS })
    }
  })

  test('none where the attributes say more than the rule knows', () => {
    expect(numberRuleOf('pow', {})).toBe(null)
    expect(numberRuleOf('mul', { anything: 1 })).toBe(null)
    expect(numberRuleOf('matmul', {})).toBe(null)
  })
})
