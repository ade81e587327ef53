// Several processes and one tape: writers take turns by the batch, readers see whole batches.
import { expect, test } from 'vitest'
import '../../src/index.js'
import { openTape } from '../../src/tape/open-tape.js'
import { runChild, startChild } from './child-process.js'
import { newTapePath, openForTest } from './temporary-tape.js'

const RECORD = `
const { Variable, square, mul, sum } = gradtape
const tape = gradtape.openTape(arg.file)
const run = tape.startRun(arg.name, { batch: { eventsMax: arg.eventsMax, bytesMax: 2 ** 20, ageMaxMs: 20 } })
say('started')
const x = new Variable([1, 2, 3], { name: 'x' })
for (let i = 0; i < arg.steps; i++) {
  run.step()
  const loss = sum(square(mul(x, i)))
  x.clearGrad()
  loss.backward()
  run.log({ loss })
  if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
}
await run.finish()
`

test('three processes record into one tape at once; all runs verify and replay', async () => {
  const file = newTapePath()
  const names = ['a', 'b', 'c']
  const outcomes = await Promise.all(
    names.map((name, i) => runChild(RECORD, { file, name, steps: 200, eventsMax: 10 + 7 * i })),
  )
  expect(outcomes.map(({ code, stderr }) => [code, stderr])).toEqual(names.map(() => [0, '']))
  const tape = openForTest(file, { readonly: true })
  expect(
    tape
      .runs()
      .map((run) => run.name)
      .sort(),
  ).toEqual(names)
  expect(new Set(tape.runs().map((run) => run.events)).size).toBe(1)
  expect(tape.verify()).toMatchObject({ intact: true, problem: null })
  for (const name of names) {
    expect(tape.run(name).replay().verdict).toBe('bit-exact')
    const loss = tape.run(name).variable('loss', { step: 200 })
    expect(loss.item()).toBe(14 * 199 ** 2)
  }
})

test('a reader in another process sees whole batches, more of them as the run goes on', async () => {
  const file = newTapePath()
  const eventsMax = 25
  const child = startChild(RECORD, { file, name: 'live', steps: 400, eventsMax })
  await child.said('started')
  const reader = openTape(file, { readonly: true })
  const seen: number[] = []
  const statuses = new Set<string>()
  let ended = false
  void child.ended.then(() => (ended = true))
  while (!ended) {
    const past = reader.run('live')
    const events = [...past.events()]
    expect(events.length).toBe(past.lastPosition)
    expect(events.map((event) => event.position)).toEqual(events.map((_, i) => i + 1))
    expect(past.replay()).toMatchObject({ verdict: 'bit-exact', events: events.length })
    statuses.add(reader.runs()[0]!.status)
    seen.push(events.length)
    await new Promise((resolve) => setTimeout(resolve, 15))
  }
  expect((await child.ended).stderr).toBe('')
  expect(seen).toEqual([...seen].sort((a, b) => a - b))
  expect(new Set(seen).size).toBeGreaterThan(2)
  expect([...statuses]).toContain('recording')
  expect(reader.run('live').events(reader.run('live').lastPosition)).toBeDefined()
  expect(reader.runs()[0]).toMatchObject({ status: 'finished', steps: 400 })
  expect(reader.verify()).toMatchObject({ intact: true, problem: null })
  reader.close()
})

test('ten processes that open a new file at once make one tape of it', async () => {
  const file = newTapePath()
  const open = `gradtape.openTape(arg.file).startRun(arg.name).finish()`
  const outcomes = await Promise.all(
    Array.from({ length: 10 }, (_, i) => runChild(open, { file, name: `run ${i}` })),
  )
  expect(outcomes.map(({ code, stderr }) => [code, stderr])).toEqual(outcomes.map(() => [0, '']))
  const tape = openForTest(file)
  expect(tape.runs().length).toBe(10)
  expect(tape.verify().intact).toBe(true)
})

test('two tapes and two runs in one process do not mix', async () => {
  const [one, two] = [openForTest(newTapePath()), openForTest(newTapePath())]
  const { square } = await import('../../src/functions/arithmetic.js')
  const { Variable } = await import('../../src/graph/variable.js')
  const outer = one.startRun('outer')
  const x = new Variable(3, { name: 'x' })
  square(x)
  const inner = two.startRun('inner')
  square(x)
  await inner.finish()
  square(x)
  await outer.finish()
  const calls = (tape: typeof one, name: string) =>
    [...tape.run(name).events()].filter((event) => event.type === 'FunctionCalled').length
  expect([calls(one, 'outer'), calls(two, 'inner')]).toEqual([2, 1])
  for (const [tape, name] of [
    [one, 'outer'],
    [two, 'inner'],
  ] as const) {
    expect(tape.run(name).replay().verdict).toBe('bit-exact')
    expect(tape.verify().intact).toBe(true)
  }
})
