// Several runs at once: which of them a call belongs to.
import { describe, expect, test } from 'vitest'
import { mode } from '../../src/graph/mode.js'
import { mul, parameter, SGD, square, sum, tanh, Variable } from '../../src/index.js'
import type { Run } from '../../src/tape/run.js'
import { newTapePath, openForTest } from './temporary-tape.js'

const pause = (ms = 0) => new Promise((resolve) => setTimeout(resolve, ms))

describe('two training loops that take turns at their awaits', () => {
  test.each([2, 5])('each have their own calls, %i of them', async (count) => {
    const tape = openForTest(newTapePath())
    const runs = Array.from({ length: count }, (_, i) => tape.startRun(`run ${i}`))
    const shared = parameter(1, { name: 'shared' })
    async function train(run: Run, k: number): Promise<void> {
      await pause(k)
      const w = parameter(k, { name: 'w' })
      for (let step = 1; step <= 4; step++) {
        run.step()
        const y = mul(w, step)
        await pause((k * step) % 3)
        const loss = square(y) // after an await, and still this run's
        await null
        loss.backward()
        w.data = mul(w, 0.5).data
        await pause()
        w.clearGrad()
        // Another run assigns to it between, and each run must know.
        mul(shared, k)
        shared.data = mul(shared, 1.5).data
        run.log({ loss })
      }
    }
    await Promise.all(runs.map((run, i) => train(run, i + 2)))
    for (const run of [...runs].reverse()) await run.finish()
    expect(mode.recorder).toBeNull()
    for (const [i] of runs.entries()) {
      const past = tape.run(`run ${i}`)
      const calls = [...past.events()].filter((event) => event.type === 'FunctionCalled')
      expect(calls.length).toBe(5 * 4)
      expect(past.variable('loss', { step: 2 }).item()).toBe((((i + 2) / 2) * 2) ** 2)
      expect(past.replay()).toMatchObject({ verdict: 'bit-exact' })
    }
  })

  test('and one of them ends before the other', async () => {
    const tape = openForTest(newTapePath())
    const [a, b] = [tape.startRun('a'), tape.startRun('b')]
    const x = new Variable(2)
    const loop = async (run: Run, steps: number) => {
      for (let i = 0; i < steps; i++) {
        run.step()
        await pause()
        square(x)
      }
      await run.finish()
    }
    await Promise.all([loop(a, 2), loop(b, 5)])
    const calls = (name: string) =>
      [...tape.run(name).events()].filter((e) => e.type === 'FunctionCalled').length
    expect([calls('a'), calls('b')]).toEqual([2, 5])
    expect(mode.recorder).toBeNull()
  })
})

test('a loop that is under way when another run begins goes on in its own', async () => {
  const tape = openForTest(newTapePath())
  const train = async (name: string, k: number) => {
    const run = tape.startRun(name)
    const w = parameter(k, { name })
    for (let step = 1; step <= 3; step++) {
      run.step()
      const y = mul(w, step)
      await pause(k)
      y.backward()
      w.clearGrad()
      run.log({ y })
    }
    await run.finish()
  }
  await Promise.all([train('a', 3), train('b', 1), train('c', 2)])
  expect(mode.recorder).toBeNull()
  for (const name of ['a', 'b', 'c']) {
    const kinds = [...tape.run(name).events()].map(({ type }) => type)
    expect(kinds.filter((kind) => kind === 'BackwardStarted')).toHaveLength(3)
    expect(tape.run(name).replay()).toMatchObject({ verdict: 'bit-exact' })
  }
})

test('of three runs that nest, the one around the innermost records when that is over', async () => {
  const tape = openForTest(newTapePath())
  const runs = ['a', 'b', 'c'].map((name) => tape.startRun(name))
  for (const run of runs.reverse()) {
    await pause()
    square(new Variable(2))
    await run.finish()
  }
  for (const name of ['a', 'b', 'c'])
    expect([...tape.run(name).events()].filter(({ type }) => type === 'FunctionCalled')).toHaveLength(1)
})

test('runs that nest: the innermost records, and the outer one when it is over', async () => {
  const tape = openForTest(newTapePath())
  const outer = tape.startRun('outer')
  outer.step()
  const x = new Variable(2)
  const inner = tape.startRun('inner')
  inner.step()
  square(x)
  outer.log({ between: 1 })
  square(x)
  await inner.finish()
  mul(x, 3)
  await outer.finish()
  const names = (run: string) =>
    [...tape.run(run).events()].flatMap((event) => (event.type === 'FunctionCalled' ? [event.function] : []))
  expect([names('outer'), names('inner')]).toEqual([['mul'], ['square', 'square']])
})

test('a run records the same whatever numbers this process has computed with before', async () => {
  const tape = openForTest(newTapePath())
  const events: string[][] = []
  for (const name of ['first', 'second']) {
    const run = tape.startRun(name, { capture: 'structure' })
    const w = parameter(1, { name: 'w' })
    // More numbers than are kept as constants, and one that returns.
    for (let i = 0; i < 2100; i++) {
      mul(w, i + 0.25)
      mul(w, 0.5)
    }
    await run.finish()
    events.push([...tape.run(name).events()].map(({ type }) => type))
  }
  expect(events[1]).toEqual(events[0])
})

test('a run hears of a gradient that a pass left which no run could record, and is replayed', async () => {
  const tape = openForTest(newTapePath())
  const outer = tape.startRun('outer')
  const w = parameter([1, 2, 3], { name: 'w' })
  const y = tanh(w)
  const inner = tape.startRun('inner')
  sum(y).backward() // walks on into a call that the inner run does not have
  await inner.finish()
  sum(mul(w, 5)).backward() // adds to what is there
  new SGD([w], { lr: 0.1 }).step()
  await outer.finish()
  for (const name of ['outer', 'inner'])
    expect(tape.run(name).replay()).toMatchObject({ verdict: 'bit-exact' })
})
