/** What users do to the graph of a past run gives what it gives live: each test does the same to both. */
import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import '../../src/index.js'
import { ndarray } from '../../src/array/make-array.js'
import { type NDArray, scalar } from '../../src/array/ndarray.js'
import { add, mul, square } from '../../src/functions/arithmetic.js'
import { exp, tanh } from '../../src/functions/exponential.js'
import { split } from '../../src/functions/joining.js'
import { sum } from '../../src/functions/reductions.js'
import { grad } from '../../src/graph/backward.js'
import { Func } from '../../src/graph/func.js'
import { noGrad } from '../../src/graph/mode.js'
import { recompute } from '../../src/graph/recompute.js'
import { createFunc, namesWithNumberRule, registerFunc } from '../../src/graph/registry.js'
import { Variable } from '../../src/graph/variable.js'
import type { Capture } from '../../src/index.js'
import { openForTest, recordedTape } from './temporary-tape.js'

type Look = (name: string) => Variable
type Does = (look: Look) => unknown

/** x → h (used three times) → two halves of it → y; and z, which is y and h again. */
function graph(): Variable[] {
  const x = new Variable([0.5, -1, 2, 0.25], { name: 'x' })
  const w = new Variable([1.5, 2, -0.5, 3], { name: 'w' })
  const h = tanh(mul(x, w))
  h.name = 'h'
  const [left, right] = split(mul(h, h), 2)
  const s = sum(exp(mul(left!, right!)))
  s.name = 's'
  const y = mul(square(s), 0.5)
  y.name = 'y'
  const z = add(y, sum(h))
  z.name = 'z'
  return [x, w, h, s, y, z]
}

/** Everything kept, small arrays kept, and, after the budget of small arrays is spent, nothing kept that was computed. */
const recordings: { capture: Capture; spent: boolean }[] = [
  { capture: 'full', spent: false },
  { capture: 'replayable', spent: false },
  { capture: 'replayable', spent: true },
]

function spendBudget(): void {
  const x = new Variable(new Float64Array(64).fill(1))
  for (let i = 0; i < 200; i++) square(x)
}

/** Does the same to the graph live and to the graph of a file, and expects the same answer. */
async function expectAlike(does: Does, make: () => Variable[] = graph): Promise<void> {
  const variables = make()
  const live = does((name) => variables.find((variable) => variable.name === name)!)
  for (const { capture, spent } of recordings) {
    const record = () => {
      if (spent) spendBudget()
      make()
    }
    const file = await recordedTape(record, { capture })
    const past = openForTest(file, { readonly: true }).run('test')
    expect(does((name) => past.variable(name))).toEqual(live)
  }
}

const numbers = (variable: Variable | null) => variable && Array.from(variable.data.data)

describe('the graph of a past run, as the live one', () => {
  test('leaves gradients at leaves only, and adds to them when walked twice', () =>
    expectAlike((look) => {
      look('y').backward()
      look('z').backward()
      return ['x', 'w', 'h', 's', 'y'].map((name) => numbers(look(name).grad))
    }))

  test('keeps gradients of all variables with retainGrad', () =>
    expectAlike((look) => {
      look('z').backward({ retainGrad: true })
      return ['x', 'h', 's', 'z'].map((name) => numbers(look(name).grad))
    }))

  test('gives second derivatives', () =>
    expectAlike((look) => {
      look('z').backward({ createGraph: true })
      const first = look('x').grad!
      look('x').clearGrad()
      sum(first).backward()
      return [numbers(first), numbers(look('x').grad), numbers(look('w').grad)]
    }))

  test('gives gradients of variables in the middle', () =>
    expectAlike((look) => {
      const found = grad([look('z'), look('y')], [look('h'), look('s'), look('x')])
      return [...found.map(numbers), numbers(look('x').grad)]
    }))

  test('shows hooks the gradients, and takes what they make of them', () =>
    expectAlike((look) => {
      const seen: unknown[] = []
      look('h').onGradient((gradient) => mul(gradient, 2))
      look('s').onGradient((gradient) => void seen.push(numbers(gradient)))
      look('z').backward()
      return [seen, numbers(look('x').grad)]
    }))

  test('can be walked from a given gradient, and from one that was assigned', () =>
    expectAlike((look) => {
      look('h').backward({ gradient: new Variable([1, 2, 3, 4]) })
      look('s').grad = new Variable(7)
      look('s').backward()
      return [numbers(look('x').grad), numbers(look('s').grad)]
    }))

  test('can be cut, and grown on', () =>
    expectAlike((look) => {
      look('s').unchain()
      const more = mul(look('z'), look('h'))
      sum(more).backward()
      return [numbers(look('x').grad), numbers(look('s').grad), look('s').creator]
    }))

  test('can be given another creator', () =>
    expectAlike((look) => {
      const other = new Variable(3, { name: 'other' })
      const made = square(other)
      look('s').setCreator(made.creator!)
      look('y').backward()
      return [numbers(other.grad), numbers(look('x').grad)]
    }))

  test.each([
    ['before', false],
    ['after', true],
  ])('reads what it read, whatever is assigned %s the creators were looked at', (_, looked) =>
    expectAlike((look) => {
      if (looked) expect(look('y').creator!.inputs[0]!.creator!.inputs.length).toBe(1)
      look('x').data = ndarray([9, 9, 9, 9])
      look('s').data = scalar(100, 'float64')
      look('z').backward()
      return [numbers(look('x').grad), numbers(look('w').grad), numbers(look('x')), numbers(look('y'))]
    }),
  )

  test('can be walked by hand, over creators', () =>
    expectAlike((look) => {
      const names: string[] = []
      const follow = (variable: Variable): void => {
        if (variable.creator === null) return
        names.push(`${variable.creator.name}/${variable.creator.inputs.length}`)
        for (const input of variable.creator.inputs) follow(input)
      }
      follow(look('z'))
      look('z').backward()
      return [names, numbers(look('x').grad)]
    }))

  test('has passes inside of passes', () =>
    expectAlike(
      (look) => {
        look('y').backward()
        const first = numbers(look('x').grad)
        look('x').clearGrad()
        look('y').backward({ createGraph: true })
        return [first, numbers(look('x').grad)]
      },
      () => {
        const x = new Variable([0.5, 2], { name: 'x' })
        const h = mul(x, 3)
        const y = sum(recompute((a: Variable, b: Variable) => mul(exp(a), tanh(b)), square(h), h))
        y.name = 'y'
        return [x, y]
      },
    ))

  test('has calls that read one variable twice, and outputs that nobody read', () =>
    expectAlike(
      (look) => {
        const found = grad(look('y'), [look('h')])
        look('y').backward()
        return [numbers(found[0]!), numbers(look('x').grad)]
      },
      () => {
        const x = new Variable([1, 2, 3, 4], { name: 'x' })
        const h = split(square(x), 2)[1]!
        h.name = 'h'
        const y = sum(mul(h, h))
        y.name = 'y'
        return [x, h, y]
      },
    ))

  test('knows what noGrad made, however it is reached', () =>
    expectAlike(
      (look) => {
        look('y').backward()
        const h = look('y').creator!.inputs[0]!
        return [numbers(look('x').grad), numbers(h), h.creator, h.requiresGrad, numbers(h.grad)]
      },
      () => {
        const x = new Variable(3, { name: 'x' })
        const y = mul(
          noGrad(() => tanh(square(x))),
          x,
        )
        y.name = 'y'
        return [x, y]
      },
    ))

  test('is computed again from a function that gives plain numbers', () =>
    expectAlike(
      (look) => {
        look('y').backward()
        return [numbers(look('h')), numbers(look('x').grad)]
      },
      () => {
        const x = new Variable([1, 2], { name: 'x' })
        const h = new Total().apply(x)
        h.name = 'h'
        const y = square(h)
        y.name = 'y'
        return [x, h, y]
      },
    ))
})

test('a past graph that names a function nobody registered can be asked again when it is', async () => {
  class Late extends Func {
    override forward(x: NDArray): NDArray {
      return x.map((value) => value * 3)
    }
    override backward(gy: Variable): Variable {
      return mul(gy, 3)
    }
  }
  const file = await recordedTape(() => {
    const x = new Variable([1, 2], { name: 'x' })
    sum(square(mul(new Late().apply(square(x)), 2))).name = 'y'
  })
  const past = openForTest(file, { readonly: true }).run('test')
  expect(() => past.variable('y').requiresGrad).toThrow(/^UNREGISTERED_FUNC.*"late"/)
  expect(() => past.variable('y').backward()).toThrow(/^UNREGISTERED_FUNC/)
  registerFunc(Late)
  past.variable('y').backward()
  // y = Σ(2·3·x²)² = Σ36x⁴
  expect(numbers(past.variable('x').grad)).toEqual([144, 1152])
})

describe('a past graph of numbers', () => {
  const seed = Number(process.env.GRADTAPE_SEED ?? randomInt(2 ** 31))
  const call = fc.record({
    name: fc.constantFrom(...namesWithNumberRule().filter((name) => name !== 'pow'), 'maximum', 'sum'),
    a: fc.nat(),
    b: fc.nat(),
    /** Now and then a leaf is given a new value, or a vector comes between. */
    detour: fc.constantFrom('none', 'none', 'none', 'assign', 'vector', 'constant'),
  })

  test(`gives each leaf the gradient that the live one gives, to the bit (GRADTAPE_SEED=${seed})`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 80 }), async (calls) => {
        const make = () => {
          const leaves = [0.75, -1.5, 2].map((value, i) => new Variable(value, { name: `x${i}` }))
          const made = [...leaves]
          for (const { name, a, b, detour } of calls) {
            const left = made[a % made.length]!
            const right = detour === 'constant' ? 1.25 : made[b % made.length]!
            if (detour === 'assign') leaves[a % 3]!.data = scalar((b % 7) - 3, 'float64')
            if (detour === 'vector')
              made.push(sum(mul(left, new Variable([1, -2, 0.5], { requiresGrad: false }))))
            made.push(TWO.has(name) ? createFunc(name).apply(left, right) : createFunc(name).apply(left))
          }
          const y = [...leaves, ...made.slice(-5)].reduce((total, each) => add(total, each))
          y.name = 'y'
          return [...leaves, y]
        }
        const assigned = calls.some(({ detour }) => detour === 'assign')
        await expectAlike((look) => {
          look('y').backward()
          // Of a leaf that was assigned to, a file has a variable for each version.
          return [
            numbers(look('y')),
            ...(assigned ? [] : ['x0', 'x1', 'x2'].map((name) => numbers(look(name).grad))),
          ]
        }, make)
      }),
      { seed, numRuns: 16 },
    )
  }, 60_000)
})

const TWO = new Set(['add', 'sub', 'mul', 'div', 'maximum'])

/** As a user might write it: a number is an array too. */
class Total extends Func {
  override forward(x: NDArray): number {
    return Array.from(x.data).reduce((total, value) => total + value, 0)
  }

  override backward(gy: Variable): Variable {
    return mul(gy, new Variable(new Float64Array(this.input.size).fill(1), { requiresGrad: false }))
  }
}
registerFunc(Total)
