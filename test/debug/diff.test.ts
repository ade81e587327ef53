/** Two runs that should be equal, one difference planted: the first sentence names it. */
import { describe, expect, it } from 'vitest'
import {
  constant,
  DataLoader,
  diffRuns,
  Func,
  Linear,
  mean,
  mul,
  type NDArray,
  ndarray,
  openTape,
  parameter,
  type RunDiff,
  registerFunc,
  SGD,
  Square,
  square,
  TensorDataset,
  take,
  tanh,
  uniform,
  Variable,
} from '../../src/index.js'
import { temporaryFolder } from '../cli/gradtape.js'
import { type Change, record, written } from './pairs.js'

const folder = temporaryFolder()
let files = 0

async function diffOf(change: Change, other: Change = {}): Promise<RunDiff> {
  const tape = openTape(`${folder}/${++files}.tape`)
  const [a, b] = [await record(tape, other), await record(tape, change)]
  const diff = diffRuns(tape.run(a), tape.run(b))
  tape.close()
  return diff
}

/** What is planted, and what the first sentence must say. */
const PLANTED: readonly (readonly [string, Change, RegExp, Partial<RunDiff['first'] & object>])[] = [
  [
    'an edited row of the data',
    { row: 17 },
    /^step 0: data .*\[17, 2\], row 17\b/,
    { kind: 'data', rows: [17] },
  ],
  [
    'data in another dtype',
    { dtype: 'float32' },
    /^step 0: data .* float64 in run 1, float32 in run 2/,
    { kind: 'data' },
  ],
  [
    'another seed of the weights',
    { seed: 6 },
    /^step 0: the first value of first.weight/,
    { kind: 'parameter' },
  ],
  [
    'a larger first weight',
    { scale: 3 },
    /^step 0: the first value of last.weight .*/,
    { kind: 'parameter', variable: 'last.weight' },
  ],
  [
    'another order of rows',
    { order: 4 },
    /^step 1: the batch has other rows|^step 1: \d+ of the batch's 10 rows/,
    { kind: 'rows', step: 1 },
  ],
  [
    'two batches exchanged',
    { exchange: [7, 8], ordered: true },
    /^step 7: .*steps 7 and 8 are exchanged/,
    { kind: 'rows', step: 7 },
  ],
  [
    'two batches exchanged that were taken long before',
    { exchange: [7, 8], prefetch: true },
    /^step 7: .*rows/,
    { kind: 'rows', step: 7 },
  ],
  [
    'one rate',
    { rate: (step) => (step === 9 ? 2 : 0.2) },
    /^step 9: lr of sgdStep .* of first.weight is 0.2 in run 1, 2 in run 2/,
    { kind: 'attribute', step: 9, function: 'sgdStep' },
  ],
  [
    'weight decay',
    { decay: 0.01 },
    /^step 1: weightDecay of sgdStep .* is 0 in run 1, 0.01 in run 2/,
    { kind: 'attribute' },
  ],
  [
    'another dropout rate',
    { drop: 0.5 },
    /^step 1: p of dropout .* is 0.25 in run 1, 0.5 in run 2/,
    { kind: 'attribute', function: 'dropout' },
  ],
  [
    'a formula written out',
    { squash: written },
    /^step 1: sigmoid \(#\d+, pairs.ts:\d+\) of run 1 is neg, exp, add, div \(#\d+–#\d+, pairs.ts:\d+\) in run 2/,
    { kind: 'structure', step: 1, function: 'sigmoid' },
  ],
  ['another function', { squash: tanh }, /^step 1: sigmoid .* is tanh .* in run 2/, { kind: 'structure' }],
  [
    'an inserted layer',
    { inserted: true },
    /^step 1: linear \(#\d+, extra, pairs.ts:\d+\) is in run 2 only, after sigmoid/,
    { kind: 'structure', scope: 'extra' },
  ],
  [
    'the last batch dropped',
    { dropLast: true },
    /^step 5: the step of run 1 \(a batch of 4 rows: .*\) is missing in run 2; so are steps 10, 15, 20/,
    { kind: 'steps', step: 5 },
  ],
  [
    'an evaluation that drops too',
    { evaluateAt: 6 },
    /^step 6: linear, sigmoid, linear|^step 6: linear, sigmoid, dropout, linear, mean/,
    { kind: 'structure', step: 6 },
  ],
  [
    'numbers drawn from the same generator',
    { drawAt: 11 },
    /^step 11: counter of dropout/,
    { kind: 'attribute', step: 11 },
  ],
  [
    'an assignment from outside',
    { assignAt: 12 },
    /^step 12: an assignment from outside to last.bias .* is in run 2 only/,
    { kind: 'assignment', step: 12, variable: 'last.bias' },
  ],
  [
    'gradients that are not cleared',
    { keepGradientsAt: 4 },
    /^step 4: clearGrad of 4 variables \(.*first.weight.*\) are in run 1 only/,
    { kind: 'structure', step: 4 },
  ],
  [
    'a second backward pass',
    { twiceAt: 3 },
    /^step 3: a backward pass from .* is in run 2 only/,
    { kind: 'structure', step: 3 },
  ],
  [
    'a parameter that is not in the optimizer',
    { without: 'last.bias' },
    /^step 1: sgdStep .* of last.bias is in run 1 only/,
    { kind: 'structure', variable: 'last.bias' },
  ],
  [
    'another batch size',
    { batch: 5 },
    /^step 1: the batch has 10 rows in run 1, 5 in run 2/,
    { kind: 'rows', step: 1 },
  ],
  [
    'an earlier end',
    { steps: 13 },
    /^step 14: run 2 ended before it, after 13 steps; run 1 has 20/,
    { kind: 'steps', step: 14 },
  ],
]

describe('diff', () => {
  it.each(PLANTED)('names %s in its first sentence', async (_, change, pattern, first) => {
    const { ordered = false, prefetch = false } = change
    const diff = await diffOf(change, { ordered, prefetch })
    expect(diff.text).toMatch(pattern)
    expect(diff.first).toMatchObject(first)
    expect(diff.equal).toBe(false)
  })

  it('finds twins equal, whatever they were recorded with', async () => {
    expect(await diffOf({})).toMatchObject({
      equal: true,
      first: null,
      differences: [],
      said: [],
      text: expect.stringMatching(/^equal/),
    })
    const captures = await diffOf({ capture: 'full' }, { capture: 'structure' })
    expect(captures).toMatchObject({
      equal: true,
      said: [{ what: 'capture', values: ['structure', 'full'] }],
    })
    expect(captures.skipped).toHaveLength(1)
    expect((await diffOf({ capture: 'replayable' }, { capture: 'structure' })).text).toMatch(/^equal/)
  })

  it('finds twins equal on two tapes, and the difference too', async () => {
    const [a, b] = [openTape(`${folder}/a.tape`), openTape(`${folder}/b.tape`)]
    // Ids of texts and values differ between the two: the second tape has held something else before.
    const other = b.startRun('other')
    new Square().apply(written(new Square().apply(3 as never)))
    await other.finish()
    const [x, y, z] = [await record(a), await record(b), await record(b, { row: 30 })]
    expect(diffRuns(a.run(x), b.run(y))).toMatchObject({ equal: true, text: expect.stringMatching(/^equal/) })
    const diff = diffRuns(a.run(x), b.run(z), { names: ['good', 'bad'] })
    expect(diff.text).toMatch(/^step 0: data .*row 30/)
    a.close()
    b.close()
  })

  it('tells what is only said apart from what was computed', async () => {
    const diff = await diffOf({ config: { note: 3 } })
    expect(diff).toMatchObject({ equal: true, said: [{ what: 'config.note', values: ['not given', '3'] }] })
  })

  it('does not count further metrics as a difference', async () => {
    expect((await diffOf({ logs: true })).text).toMatch(/^equal/)
  })

  it('tells independent differences beside the first, and the structure not when asked so', async () => {
    const change: Change = { squash: written, rate: (step) => (step > 5 ? 0.1 : 0.2), order: 9 }
    const diff = await diffOf(change)
    expect(diff.differences.map(({ kind, step }) => `${kind} ${step}`)).toEqual([
      'rows 1',
      'structure 1',
      'attribute 6',
    ])
    const tape = openTape(`${folder}/${files}.tape`, { readonly: true })
    const without = diffRuns(tape.run(1), tape.run(2), { ignoreStructure: true })
    expect(without.differences.map(({ kind }) => kind)).toEqual(['rows', 'attribute'])
    tape.close()
  })

  it('measures how far the first other output is away, though no result shows it yet', async () => {
    const { values, first, growth } = await diffOf({ squash: written })
    expect(values).toMatchObject({ step: 1, function: 'sigmoid' })
    expect(values!.distance.ulps!).toBeLessThan(8)
    expect(first!.evidence.at(-1)).toMatch(/^first seen in a result: loss of step \d+/)
    expect(growth[0]!.metric).toBe('loss')
  })

  it('refuses options that it does not know, and a tolerance that is no share', async () => {
    const tape = openTape(`${folder}/refused.tape`)
    const id = await record(tape, { steps: 1 })
    const past = tape.run(id)
    expect(() => diffRuns(past, past, { tolerence: 1 } as never)).toThrow(/BAD_ARGUMENT.*tolerance/)
    for (const tolerance of [-1, 1, Number.NaN, '0.1'])
      expect(() => diffRuns(past, past, { tolerance } as never)).toThrow(/BAD_ARGUMENT/)
    tape.close()
  })
})

it('a run that ended earlier is compared step by step with the one that went on', async () => {
  const diff = await diffOf({ batch: 11, steps: 6, drawAt: 3 }, { batch: 11 })
  expect(diff.first).toMatchObject({ step: 3 })
  expect(diff.differences.find(({ kind }) => kind === 'steps')?.text).toMatch(
    /^step 7: run 2 ended before it, after 6 steps; run 1 has 16/,
  )
  expect(diff.differences.some(({ kind }) => kind === 'rows')).toBe(false)
})

/** Two runs of one program, of which the second is changed. */
async function diffOfLoops(loop: (isSecond: boolean) => void): Promise<RunDiff> {
  const tape = openTape(':memory:')
  for (const isSecond of [false, true]) {
    const run = tape.startRun('loop', { seed: 1 })
    loop(isSecond)
    await run.finish()
  }
  const diff = diffRuns(tape.run(1), tape.run(2))
  tape.close()
  return diff
}

it('a program without steps is compared, too', async () => {
  const diff = await diffOfLoops((isSecond) => {
    let x: Variable = constant([1, 2, 3])
    for (let i = 0; i < 3; i++) x = tanh(mul(x, isSecond && i === 1 ? 1.0000001 : 1))
  })
  expect(diff.text).toMatch(/^step 0: constant \[\] = 1\.0000001 \(#6\) is in run 2 only, after tanh/)
})

it('names the row of a label that differs', async () => {
  const diff = await diffOfLoops((isSecond) => {
    const labels = Int32Array.from({ length: 30 }, (_, i) => (isSecond && i === 21 ? 2 : i % 2))
    square(take(constant(ndarray(labels)), ndarray(Int32Array.of(1, 2))))
  })
  expect(diff.text).toMatch(
    /^step 0: data \[30\] .* differs in 1 of 30 elements, first at \[21\], row 21: 1 \| 2/,
  )
  expect(diff.first).toMatchObject({ kind: 'data', rows: [21] })
})

it('a batch that a loop passes over is one of other rows', async () => {
  const tape = openTape(':memory:')
  for (const isSecond of [false, true]) {
    const run = tape.startRun('loop', { seed: 1 })
    const set = new TensorDataset(uniform([60, 2], { key: { seed: 3, counter: 0 } }))
    const model = new Linear(2, 1)
    let count = 0
    for (const [x] of new DataLoader(set, { batchSize: 6 })) {
      if (++count === 5 && isSecond) continue
      run.step()
      run.log({ loss: mean(model.forward(x!)) })
    }
    await run.finish()
  }
  const { text, first } = diffRuns(tape.run(1), tape.run(2))
  expect(text).toMatch(/^step 5: the batch has other rows: 24, 25, .* in run 1, 30, 31, .* in run 2/)
  expect(first!.evidence.join()).toMatch(/run 2 takes rows 24, 25, .* \(take #\d+\), and no call reads them/)
  tape.close()
})

it("where nothing that was given differs, the function that is not gradtape's is named", async () => {
  let offset = 0
  class Shifted extends Func {
    override forward(x: NDArray) {
      return ndarray(
        x.data.map((value) => value + offset),
        { shape: x.shape },
      )
    }
    override backward(gy: Variable) {
      return gy
    }
  }
  registerFunc(Shifted)
  const tape = openTape(':memory:')
  for (offset of [0, 1e-9]) {
    const run = tape.startRun('own', { seed: 1 })
    run.step()
    run.log({ loss: mean(new Shifted().apply(constant([1, 2, 3])) as Variable) })
    await run.finish()
  }
  const { text, first } = diffRuns(tape.run(1), tape.run(2))
  expect(text).toMatch(
    /^step 1: shifted \(#\d+\) is not gradtape's, and nothing else can make what follows differ/,
  )
  expect(first).toMatchObject({ kind: 'value', function: 'shifted', step: 1 })
  tape.close()
})

it('gradients that differ in their sign, or of which one is not finite, are another result', async () => {
  let given: number | readonly number[] = 0
  class Given extends Func {
    override forward(x: NDArray) {
      return x
    }
    override backward() {
      return new Variable(given)
    }
  }
  registerFunc(Given)
  const { NaN: none, POSITIVE_INFINITY: infinite } = Number
  for (const [one, other, equal] of [
    [1, -1, false],
    [0, none, false],
    [infinite, -infinite, false],
    [[1, 2], [1, none], false],
    [[1, none], [2, none], false],
    [[1, 2], [-1, 2], false],
    [0, -0, true],
    [none, none, true],
    [[1, none], [1, none], true],
  ] as const) {
    const [tape, beside] = [openTape(':memory:'), openTape(':memory:')]
    for (const [to, what] of [
      [tape, one],
      [tape, other],
      [beside, other],
    ] as const) {
      given = what
      const run = to.startRun('given', { seed: 1, capture: 'full' })
      run.step()
      const y = new Given().apply(parameter(typeof what === 'number' ? 2 : [2, 3], { name: 'w' })) as Variable
      y.backward({ gradient: new Variable(typeof what === 'number' ? 1 : [1, 1]) })
      await run.finish()
    }
    expect([`${one} | ${other}`, diffRuns(tape.run(1), tape.run(2)).equal]).toEqual([
      `${one} | ${other}`,
      equal,
    ])
    expect(diffRuns(tape.run(1), beside.run(1)).equal).toBe(equal)
    tape.close()
    beside.close()
  }
})

it('a metric that is logged several times in a step, or without steps, is compared value by value', async () => {
  const tape = openTape(':memory:')
  const logged: readonly (readonly number[])[] = [
    [3, 1, 2],
    [3, 1, 2],
    [3, 9, 2],
    [3, 1],
  ]
  for (const hasSteps of [true, false])
    for (const values of logged) {
      const run = tape.startRun('often', { seed: 1 })
      for (let step = 1; step <= 2; step++) {
        if (hasSteps) run.step()
        for (const value of values) {
          run.log({ score: value })
          run.log({ other: -value })
        }
      }
      await run.finish()
    }
  for (const [first, step] of [
    [1, 1],
    [5, 0],
  ] as const) {
    expect(diffRuns(tape.run(first), tape.run(first + 1)).equal).toBe(true)
    const { first: found } = diffRuns(tape.run(first), tape.run(first + 2))
    expect(found).toMatchObject({ step, variable: 'score' })
    expect(found!.text).toMatch(/score differs \(1 \| 9\)/)
  }
  expect(diffRuns(tape.run(1), tape.run(4)).equal).toBe(true)
  tape.close()
})

it('names the call that reads a number which differs, and the seeds where first values differ', async () => {
  const scaled = await diffOfLoops((isSecond) => {
    square(mul(constant([1, 2, 3]), isSecond ? 0.25 : 0.5))
  })
  expect(scaled.text).toMatch(
    /^step 0: data \[\] \(#\d+, read by mul \(#\d+, diff\.test\.ts:\d+\)\) differs: 0\.5 \| 0\.25/,
  )
  const seeded = await diffOf({ seed: 6 })
  const said = seeded.said.some(({ what }) => what === 'seed')
  expect(/the seeds differ, too: \d+ \| \d+$/.test(seeded.text)).toBe(said)
})

it('what leads to a difference that comes late is computed once, where both runs have it', async () => {
  const tape = openTape(':memory:')
  for (const isSecond of [false, true]) {
    const run = tape.startRun('late', { seed: 1, checkpointEvery: 20 })
    const x = constant(uniform([8, 4], { key: { seed: 1, counter: 0 } }))
    const model = new Linear(4, 1)
    const optimizer = new SGD(model.parameters(), { lr: 0.1, momentum: 0.9 })
    for (let step = 1; step <= 40; step++) {
      run.step()
      if (isSecond && step === 38) optimizer.lr = 0.2
      const loss = mean(square(model.forward(x)))
      model.clearGrads()
      loss.backward()
      optimizer.step()
    }
    await run.finish()
  }
  const [a, b] = [tape.run(1), tape.run(2)]
  const again: readonly ReadonlySet<number>[] = [a, b].map(({ recording }) => {
    const steps = new Set<number>()
    recording.onRecompute = (_, step) => steps.add(step)
    return steps
  })
  const { values, first } = diffRuns(a, b)
  expect(first?.text).toMatch(/^step 38: lr of sgdStep/)
  expect(values).toMatchObject({ step: 38, function: 'sgdStep' })
  expect(values!.equalBefore).toBeGreaterThan(2)
  expect(again[0]!.size).toBeGreaterThan(3)
  expect([...again[1]!]).toEqual([38])
  tape.close()
})
