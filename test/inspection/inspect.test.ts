/** `inspect`: what the commands show and gradient print, asked by a program, as data. */
import { describe, expect, test } from 'vitest'
import {
  constant,
  inspect,
  mul,
  noGrad,
  parameter,
  type Run,
  square,
  sub,
  sum,
  Variable,
} from '../../src/index.js'
import { codeOf } from '../array/thrown.js'
import { openForTest, recordedTape } from '../tape/temporary-tape.js'

/** Three steps of gradient descent on (w·x)², w = [1, 2]. */
function descend(run: Run): void {
  const w = new Variable([1, 2], { name: 'w' })
  for (let i = 0; i < 3; i++) {
    run.step()
    const y = mul(w, constant([3, 1], { name: 'x' }))
    y.name = 'y'
    const loss = sum(square(y))
    w.clearGrad()
    loss.backward()
    noGrad(() => {
      w.data = sub(w, mul(w.grad!, 0.01)).data
    })
    run.log({ loss })
  }
}

async function inspected(record = descend) {
  const tape = openForTest(await recordedTape(record), { readonly: true })
  return inspect(tape)
}

describe('inspect', () => {
  test('gives the newest run, a run by its id and a run by its name', async () => {
    const file = await recordedTape(descend)
    await recordedTape((run) => run.note('second'), {}, file)
    const tape = openForTest(file, { readonly: true })
    expect(inspect(tape).overview().run.id).toBe(2)
    expect(inspect(tape, 1).overview().run.id).toBe(1)
    expect(inspect(tape, '1').overview().run.id).toBe(1)
    expect(inspect(tape, 'test').overview().run.id).toBe(2)
    expect(codeOf(() => inspect(tape, 'nobody'))).toBe('RUN_NOT_FOUND')
  })

  test('says how a run went, what it logged and what it called', async () => {
    const { run, metrics, functions } = (await inspected()).overview()
    expect(run).toMatchObject({ name: 'test', status: 'finished', steps: 3, seed: 0, parent: null })
    expect(metrics).toMatchObject([{ name: 'loss', count: 3, first: 13, firstNonFiniteStep: null }])
    expect(functions.find(({ name }) => name === 'square')).toEqual({ name: 'square', calls: 3 })
  })

  test('gives the events of a step in order, all or the first few, with the summaries of gradients beside them', async () => {
    const inspection = await inspected()
    const { events, count, firstPosition, lastPosition, metrics } = inspection.step(2)
    expect(events).toHaveLength(count)
    expect(events.map(({ event }) => event.position)).toEqual(
      Array.from({ length: lastPosition - firstPosition + 1 }, (_, i) => firstPosition + i),
    )
    const computed = events.find(({ event }) => event.type === 'GradientComputed')
    expect(computed?.beside.gradient?.l2Norm).toBeGreaterThan(0)
    expect(metrics.map(({ name }) => name)).toEqual(['loss'])
    expect(inspection.step(2, { limit: 3 })).toMatchObject({ count, events: { length: 3 } })
    expect(codeOf(() => inspection.step(9))).toBe('STEP_NOT_FOUND')
  })

  test('says of a variable what it is, its value as a step read it, its assignments and its gradients', async () => {
    const inspection = await inspected()
    const w = inspection.variable('w', { step: 1 })
    expect(w).toMatchObject({ kind: 'variable', isOutput: false, step: 1, shape: [2], origin: 'captured' })
    expect(w.value?.array.toArray()).toEqual([1, 2])
    expect(w.assignments.map(({ step }) => step)).toEqual([1, 2, 3])
    expect(w.gradients).toHaveLength(1)
    expect(inspection.variable('w').gradients).toHaveLength(3)
    expect(inspection.variable('y', { step: 2 })).toMatchObject({ kind: 'output of mul', isOutput: true })
  })

  test('gives the creators as a list from the top, cut where it is too deep', async () => {
    const inspection = await inspected()
    const nodes = inspection.creators('loss', { step: 1 })
    expect(nodes.map(({ depth, label, call, below }) => [depth, label, call?.name ?? null, below])).toEqual([
      [0, 'loss', 'sum', 'creators'],
      [1, expect.stringMatching(/^#\d+$/), 'square', 'creators'],
      [2, 'y', 'mul', 'creators'],
      [3, 'w', null, 'leaf'],
      [3, 'x', null, 'leaf'],
    ])
    expect(nodes[0]).toMatchObject({ value: 13, isLast: true })
    expect(inspection.creators('loss', { step: 1, depth: 1 }).at(-1)).toMatchObject({
      depth: 1,
      below: 'cut',
    })
  })

  test('shows what a call reads twice once, and then that it stands above', async () => {
    const inspection = await inspected((run) => {
      const x = square(new Variable(3, { name: 'x' }))
      run.log({ y: mul(x, x) })
    })
    expect(inspection.creators('y').map(({ below }) => below)).toEqual([
      'creators',
      'creators',
      'leaf',
      'above',
    ])
  })

  test('computes gradients and says whether they are the recorded ones; null where none was recorded', async () => {
    const inspection = await inspected()
    const { step, gradients, root } = inspection.gradients({ of: 'loss', wrt: ['w', 'y'], step: 2 })
    expect([step, root.name]).toEqual([2, 'loss'])
    const [w, y] = gradients
    expect(w?.recorded).toMatchObject({ equal: true, difference: null })
    expect(w?.summary.l2Norm).toBeCloseTo(inspection.variable('w', { step: 2 }).gradients[0]?.l2Norm ?? 0, 12)
    expect(y?.gradient.shape).toEqual([2])
    // Nobody called backward from this one.
    const other = (
      await inspected((run) => run.log({ z: square(new Variable(3, { name: 'v' })) }))
    ).gradients({
      of: 'z',
      wrt: ['v'],
    })
    expect(other.gradients).toMatchObject([{ name: 'v', recorded: null }])
    expect(other.gradients[0]?.gradient.item()).toBe(6)
  })

  test('says which other parameters have the name that was asked for', async () => {
    const inspection = await inspected((run) => {
      const [a, b] = [parameter([1], { name: 'weight' }), parameter([2], { name: 'weight' })]
      const bias = parameter([3], { name: 'bias' })
      for (let i = 0; i < 2; i++) {
        run.step()
        const weight = constant([i], { name: 'weight' }) // of that name, too, and nothing that is trained
        sum(mul(mul(a, b), mul(bias, weight))).backward()
      }
    })
    const asked = inspection.variable('weight')
    expect(asked.others).toEqual([])
    const [first, second] = inspection.overview().parameters.filter(({ name }) => name === 'weight')
    expect(inspection.variable(first!.position).others).toEqual([second!.position])
    expect(inspection.variable(second!.position).others).toEqual([first!.position])
    expect(inspection.variable('bias').others).toEqual([])
  })
})
