// The gradient from the file is the gradient, however the program changed it.
import { expect, test } from 'vitest'
import {
  clipGradNorm,
  constant,
  mul,
  ndarray,
  noGrad,
  parameter,
  square,
  sum,
  type Variable,
} from '../../src/index.js'
import type { Run } from '../../src/tape/run.js'
import { openForTest, recordedTape } from '../tape/temporary-tape.js'

async function pastOf(record: (run: Run) => void) {
  return openForTest(await recordedTape(record), { readonly: true }).run('test')
}

/** y = x²·x at 3, where x² is cut off at some moment. */
function cut(when: 'before the call' | 'before the pass' | 'after the pass' | 'without a pass') {
  return pastOf((run) => {
    const x = parameter(3, { name: 'x' })
    const h = square(x)
    if (when === 'before the call') h.unchain()
    const y = mul(h, x)
    if (when === 'before the pass') h.unchain()
    if (when !== 'without a pass') y.backward()
    if (when === 'after the pass' || when === 'without a pass') h.unchain()
    h.name = 'h'
    run.log({ y })
  })
}

test.each([
  ['before the call', 9],
  ['before the pass', 9],
  ['after the pass', 27],
  ['without a pass', 27],
] as const)('a graph that was cut %s gives %d', async (when, slope) => {
  const past = await cut(when)
  const x = past.variable('x')
  x.clearGrad()
  past.variable('y').backward()
  expect(x.grad!.item()).toBe(slope)
  if (slope === 9) expect(past.variable('h').grad!.item()).toBe(3)
})

test('truncated backpropagation: each step’s loss sees the graph of its own pass', async () => {
  const live: number[] = []
  const past = await pastOf((run) => {
    const w = parameter(1.5, { name: 'w' })
    let h = constant(0.5) as Variable
    for (let i = 0; i < 4; i++) {
      run.step()
      h = mul(square(h), w)
      const loss = mul(h, h)
      w.clearGrad()
      loss.backward()
      run.log({ loss })
      live.push(w.grad!.item())
      if (i % 2 === 1) h.unchain()
    }
  })
  for (let step = 1; step <= 4; step++) {
    const w = past.variable('w', { step })
    w.clearGrad()
    past.variable('loss', { step }).backward()
    expect(w.grad!.item()).toBe(live[step - 1])
  }
})

const changes: [string, (w: Variable) => void, number[] | null][] = [
  ['nothing', () => {}, [6, 8]],
  ['clipping', (w) => void clipGradNorm([w], 5), [6 * (5 / (10 + 1e-6)), 8 * (5 / (10 + 1e-6))]],
  ['an assignment', (w) => (w.grad = [1, 2]), [1, 2]],
  ['scaling', (w) => (w.grad = noGrad(() => mul(w.grad!, 0.5))), [3, 4]],
  ['scaling in place', (w) => noGrad(() => (w.grad!.data = mul(w.grad!, 0.5).data)), [3, 4]],
  [
    'an assignment in place, twice',
    (w) => {
      w.grad!.data = ndarray([7, 7])
      w.grad!.data = ndarray([9, 9])
    },
    [9, 9],
  ],
  ['a second pass', (w) => square(w).backward({ gradient: 1 }), [12, 16]],
  [
    'a second pass over a clipped one',
    (w) => {
      w.grad = [1, 1]
      square(w).backward({ gradient: 1 })
    },
    [7, 9],
  ],
]

test.each(changes)('what an optimizer would have used, after %s', async (_what, change, expected) => {
  let live: unknown = null
  const past = await pastOf((run) => {
    const w = parameter([3, 4], { name: 'w' })
    run.step()
    square(w).backward({ gradient: 1 })
    change(w)
    live = w.grad!.data.toArray()
    noGrad(() => {
      w.data = mul(w.grad!, 2).data
    })
    w.clearGrad()
    run.step()
  })
  expect(live).toEqual(expected!.map((v) => expect.closeTo(v, 12)))
  expect(past.variable('w', { step: 1 }).grad!.data.toArray()).toEqual(live)
  expect(past.variable('w').grad!.data.toArray()).toEqual(live)
  expect(past.replay().verdict).toBe('bit-exact')
})

test('backward() from the file refuses a pass in which a hook replaced a gradient, until the variable has its hook again', async () => {
  let live: unknown = null
  const past = await pastOf((run) => {
    const x = parameter([2, 3], { name: 'x' })
    run.step()
    const h = square(x)
    h.name = 'h'
    h.onGradient((gradient) => mul(gradient, 10))
    const loss = mul(h, 3)
    run.log({ loss: sum(loss) })
    run.log({ plain: sum(square(x)) })
    loss.name = 'triple'
    loss.backward({ gradient: 1 })
    live = x.grad!.data.toArray()
  })
  expect(live).toEqual([120, 180])
  const x = past.variable('x', { step: 1 })
  expect(x.grad!.data.toArray()).toEqual(live)
  x.clearGrad()
  expect(() => past.variable('triple', { step: 1 }).backward({ gradient: 1 })).toThrow(
    /^NOT_DIFFERENTIABLE: in the pass at position \d+ of run "test" a hook replaced the gradient of the variable at position \d+/,
  )
  // Nobody hooked what this one passes.
  past.variable('plain', { step: 1 }).backward()
  expect(x.grad!.data.toArray()).toEqual([4, 6])
  x.clearGrad()
  past.variable('h', { step: 1 }).onGradient((gradient) => mul(gradient, 10))
  past.variable('triple', { step: 1 }).backward({ gradient: 1 })
  expect(x.grad!.data.toArray()).toEqual(live)
  expect(past.replay().verdict).toBe('bit-exact')
})
