/** Where two runs of one file begin alike, nobody looks inside: the answer is the same as that for two files, where everybody must. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  add,
  DataLoader,
  diffRuns,
  dropout,
  mul,
  openTape,
  parameter,
  type Run,
  type RunDiff,
  relu,
  SGD,
  square,
  sum,
  type Tape,
  TensorDataset,
  uniform,
} from '../../src/index.js'

interface Program {
  /** Events of a batch on its way to the file, so that steps are cut elsewhere. */
  batch: number
  steps: number
  /** What this run does otherwise, and from which step on. */
  odd: 'nothing' | 'number' | 'once' | 'rows' | 'log' | 'name' | 'late name' | 'call' | 'note' | 'drawn'
  at: number
}

const WHAT = [
  'nothing',
  'number',
  'once',
  'rows',
  'log',
  'name',
  'late name',
  'call',
  'note',
  'drawn',
] as const

async function record(tape: Tape, { batch, steps, odd, at }: Program): Promise<void> {
  const run: Run = tape.startRun('loop', {
    seed: 3,
    batch: { eventsMax: batch, bytesMax: 1e7, ageMaxMs: 1e6 },
  })
  const w = parameter([1, 2], { name: 'w' })
  const x = uniform([12, 2], { least: 0, most: 1, key: { seed: 1, counter: 0 } })
  const optimizer = new SGD([w], { lr: 0.01 })
  const data = new TensorDataset(x)
  let left = [...new DataLoader(data, { batchSize: 4, shuffle: true, seed: 2 })]
  for (let step = 1; step <= steps; step++) {
    const [rows] = (left.shift() ?? []) as [ReturnType<typeof uniform>?]
    if (left.length === 0)
      left = [
        ...new DataLoader(data, {
          batchSize: 4,
          shuffle: true,
          seed: odd === 'rows' && step >= at ? 7 : step,
        }),
      ]
    run.step()
    const isOdd = step >= at
    if (odd === 'drawn' && step === at) uniform([3])
    let h = mul(rows ?? x, w)
    h = dropout(h, { p: 0.25 })
    if (odd === 'name' && step === at) h.name = 'h'
    if (odd === 'call' && step === at) h = relu(h)
    const loss = sum(
      square(add(h, odd === 'number' && isOdd ? step / 4 : odd === 'once' && step === at ? 9 : step / 2)),
    )
    optimizer.clearGrads()
    loss.backward()
    optimizer.step()
    if (odd === 'note' && step === at) run.note('here')
    run.log(odd === 'log' && step === at ? { loss, more: 1 } : { loss })
    if (odd === 'late name' && step === at) w.name = 'weights'
  }
  await run.finish()
}

async function bothWays(a: Program, b: Program): Promise<[together: RunDiff, apart: RunDiff]> {
  const [one, two, other] = [0, 1, 2].map(() => openTape(':memory:')) as [Tape, Tape, Tape]
  for (const [tape, program] of [
    [one, a],
    [one, b],
    [two, a],
    [other, b],
  ] as const)
    await record(tape, program)
  const names = ['A', 'B'] as const
  const answers = [
    diffRuns(one.run(1), one.run(2), { names }),
    diffRuns(two.run(1), other.run(1), { names }),
  ] as [RunDiff, RunDiff]
  for (const tape of [one, two, other]) tape.close()
  return answers
}

const program = fc.record({
  batch: fc.constantFrom(7, 23, 40, 65_536),
  steps: fc.integer({ min: 6, max: 9 }),
  odd: fc.constantFrom(...WHAT),
  at: fc.integer({ min: 1, max: 9 }),
})

describe('two runs of one file', () => {
  test('differ as they do in two files, however their steps are cut into blocks', async () => {
    await fc.assert(
      fc.asyncProperty(program, program, async (a, b) => {
        const [together, apart] = await bothWays(a, b)
        expect(together).toEqual(apart)
      }),
      { numRuns: 5 },
    )
  })

  test.each(['nothing', 'once', 'rows', 'late name', 'call', 'note'] as const)(
    'are compared to the end where one has: %s',
    async (odd) => {
      const [together, apart] = await bothWays(
        { batch: 31, steps: 8, odd: 'nothing', at: 1 },
        { batch: 65_536, steps: 8, odd, at: 5 },
      )
      expect(together).toEqual(apart)
      expect(together.equal).toBe(odd === 'nothing' || odd === 'note')
    },
  )
})
