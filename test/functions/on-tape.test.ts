/** Every function through a file: recorded, closed, read again. What a tape gives back must have the bits of the live run. */
import { expect, test } from 'vitest'
import type { NDArray } from '../../src/array/ndarray.js'
import { grad } from '../../src/graph/backward.js'
import { createFunc } from '../../src/graph/registry.js'
import { Variable } from '../../src/graph/variable.js'
import { openForTest, recordedTape } from '../tape/temporary-tape.js'
import { functions } from './all-functions.js'
import type { Case } from './case.js'
import { cases } from './cases.js'

const all: readonly (readonly [name: string, one: Case])[] = Object.entries(cases).flatMap(([name, list]) =>
  list.map((one) => [name, one] as const),
)

function total(y: Variable): Variable {
  return functions.sum!(functions.square!(y)) as Variable
}

/** Named leaves of a case's operands, and the sum of squares of its first output that has a gradient; null without one. */
function lossOf(name: string, one: Case): { xs: Variable[]; loss: Variable | null } {
  const xs = one.inputs.map((input, i) => new Variable(input, { name: `x${i}` }))
  const output = createFunc(name, one.attributes)
    .applyAll(...xs)
    .find(({ requiresGrad }) => requiresGrad)
  return { xs, loss: output === undefined ? null : total(output) }
}

function bits(array: NDArray): string {
  return `${array.dtype} [${array.shape.join(', ')}] ${Buffer.from(array.data.slice().buffer).toString('hex')}`
}

test('every function, its gradients and the gradients of these replay bit for bit', async () => {
  const file = await recordedTape(
    (run) => {
      for (const [name, one] of all) {
        run.step()
        const { xs, loss } = lossOf(name, one)
        if (loss === null) continue
        const wanted = xs.filter(({ requiresGrad }) => requiresGrad)
        const slopes = grad([loss], wanted, { createGraph: true }).map(
          (gradient) => functions.sum!(gradient) as Variable,
        )
        const slope = slopes.reduce((a, b) => functions.add!(a, b) as Variable)
        run.log({ loss, slope })
        if (slope.requiresGrad) slope.backward()
      }
    },
    { capture: 'full' },
  )
  const report = openForTest(file, { readonly: true }).run('test').replay()
  expect(report.divergence).toBeNull()
  expect(report.verdict).toBe('bit-exact')
  expect(report.events).toBeGreaterThan(20 * all.length)
}, 180_000)

test('every function read from a file gives the gradients that the live one gave', async () => {
  const live: (readonly string[])[] = []
  const file = await recordedTape((run) => {
    for (const [name, one] of all) {
      run.step()
      const { xs, loss } = lossOf(name, one)
      if (loss !== null) {
        run.log({ loss })
        loss.backward()
      }
      live.push(xs.map(({ grad: gradient }) => (gradient === null ? 'none' : bits(gradient.data))))
    }
  })
  const past = openForTest(file, { readonly: true }).run('test')
  let compared = 0
  all.forEach(([name], i) => {
    const step = i + 1
    const expected = live[i]!
    if (expected.every((one) => one === 'none')) return
    past.variable('loss', { step }).backward()
    expected.forEach((wanted, slot) => {
      const { grad: gradient } = past.variable(`x${slot}`, { step })
      expect(gradient === null ? 'none' : bits(gradient.data), `${name}, step ${step}, input ${slot}`).toBe(
        wanted,
      )
      compared++
    })
  })
  expect(compared).toBeGreaterThan(all.length)
}, 180_000)
