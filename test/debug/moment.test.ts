/** A moment of a run that ended: what was there, and the way forwards and backwards. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import process from 'node:process'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  add,
  constant,
  MLP,
  openTape,
  type PastRun,
  SGD,
  softmaxCrossEntropy,
  sub,
  type Tape,
} from '../../src/index.js'
import { gradtape, gradtapeJson, MAIN, temporaryFolder } from '../cli/gradtape.js'

const folder = temporaryFolder()
const file = `${folder}/run.tape`
const STEPS = 24
const BROKEN_AT = 15
let tape: Tape
let past: PastRun
/** What the program saw of the first weight at the end of each step, and of its gradient. */
const weights: number[][] = []
const gradients: number[][] = []

beforeAll(async () => {
  tape = openTape(file)
  const run = tape.startRun('net', { seed: 3, checkpointEvery: 4 })
  const model = new MLP([3, 4, 2])
  const optimizer = new SGD(model.parameters(), { lr: 0.1 })
  const weight = model.namedParameters().get('layers.0.weight')!
  weights.push([...weight.data.data])
  gradients.push([])
  for (let i = 1; i <= STEPS; i++) {
    run.step()
    const loss = softmaxCrossEntropy(
      model.forward(
        constant([
          [1, i % 3, -1],
          [0.5, 2, i % 2],
        ]),
      ),
      [0, 1],
    )
    model.clearGrads()
    loss.backward()
    if (i === BROKEN_AT) weight.data = sub(weight, add(weight, 40)).data
    optimizer.step()
    run.log({ loss })
    weights.push([...weight.data.data])
    gradients.push([...weight.grad!.data.data])
  }
  await run.finish()
  past = tape.run(run.id)
})

describe('a moment', () => {
  it('has the values and gradients that the program had at the end of each step', () => {
    for (const step of [1, 2, 7, 8, 15, 24]) {
      expect([...past.at(step).value('layers.0.weight').data]).toEqual(weights[step])
      expect([...past.at(step).grad('layers.0.weight')!.data]).toEqual(gradients[step])
    }
  })

  it('sees a variable change between one event and the next', () => {
    const before = past.at(5)
    const write = past.at(6).lastWrite('layers.0.weight')!
    expect(write.event).toMatchObject({ type: 'ValueAssigned', step: 6 })
    expect([...past.at({ position: write.position - 1 }).value('layers.0.weight').data]).toEqual([
      ...before.value('layers.0.weight').data,
    ])
    expect([...write.value('layers.0.weight').data]).toEqual(weights[6])
    expect(write.lastWrite('layers.0.weight')!.step).toBe(5)
  })

  it('goes forwards and backwards by function, scope, variable and a test of one’s own', () => {
    const linear = past.at(4).next({ function: 'linear', scope: 'layers' })!
    expect(linear).toMatchObject({ step: 5, event: { function: 'linear', scope: 'layers.0' } })
    expect(linear.back({ function: 'linear' })).toMatchObject({ step: 4, event: { scope: 'layers.1' } })
    expect(linear.next()!.position).toBe(linear.position + 1)
    expect(linear.back()!.position).toBe(linear.position - 1)
    expect(past.at(4).next({ variable: 'layers.1.bias' })!.event).toMatchObject({
      type: 'FunctionCalled',
      function: 'linear',
    })
    expect(
      past.at(1).next({ function: 'softmaxCrossEntropy', predicate: ({ step }) => step > 9 })!.step,
    ).toBe(10)
    expect(past.at({ position: past.lastPosition }).next()).toBeNull()
    expect(past.at({ position: 1 }).back()).toBeNull()
    expect(past.at(24).next({ function: 'tanh' })).toBeNull()
    expect(past.at(8).firstRead('layers.0.weight')).toMatchObject({ step: 9, event: { function: 'linear' } })
  })

  it('loads the state of a step into a model', () => {
    const model = past.at(11).model(new MLP([3, 4, 2]))
    expect([...model.namedParameters().get('layers.0.weight')!.data.data]).toEqual(weights[11])
    expect(() => past.at(11).model(new MLP([3, 4, 4, 2]))).toThrow(/VARIABLE_NOT_FOUND|STATE_MISMATCH/)
  })

  it('lists the variables by name, with where each was written', () => {
    const variables = past.at(2).variables()
    expect(variables.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['layers.0.weight', 'layers.1.bias', 'loss']),
    )
    const { writtenAt } = variables.find(({ name }) => name === 'layers.0.weight')!
    expect(past.at({ position: writtenAt }).event).toMatchObject({ type: 'ValueAssigned', step: 2 })
  })

  it('refuses what is no moment, and names that there are not', () => {
    expect(() => past.at(99)).toThrow(/STEP_NOT_FOUND/)
    for (const position of [0, 1.5, past.lastPosition + 1, Number.NaN])
      expect(() => past.at({ position })).toThrow(/BAD_ARGUMENT/)
    expect(() => past.at(1).value('nothing')).toThrow(/VARIABLE_NOT_FOUND.*layers.0.weight/)
    expect(() => past.at(1).next({ func: 'x' } as never)).toThrow(/BAD_ARGUMENT/)
  })
})

describe('probe', () => {
  it('gives what the program would have logged', () => {
    const norm = (values: readonly number[]) =>
      Math.sqrt(values.reduce((sum, value) => sum + value * value, 0))
    const { rows } = past.probe(
      ['norm(grad(loss, layers.0.weight))', 'norm(grad(layers.0.weight))', 'norm(layers.0.weight)'],
      { steps: [2, 9] },
    )
    expect(rows.map(({ step }) => step)).toEqual([2, 3, 4, 5, 6, 7, 8, 9])
    for (const { step, values } of rows) {
      expect(values[0]).toBeCloseTo(norm(gradients[step]!), 12)
      expect(values[1]).toBe(values[0])
      expect(values[2]).toBeCloseTo(norm(weights[step - 1]!), 12) // as the step's calls read it
    }
    const function_ = past.probe((moment) => moment.value('layers.0.weight').data[0]!, {
      steps: [3, 9],
      every: 3,
    })
    expect(function_.rows).toEqual([3, 6, 9].map((step) => ({ step, values: [weights[step]![0]] })))
  })

  it('reads calls by function and scope', () => {
    const { rows } = past.probe(['min(#relu)', 'size(#linear@layers.1)', 'div(mean(#linear:2), 2)'], {
      steps: [1, 2],
    })
    expect(rows[0]!.values[0]).toBeGreaterThanOrEqual(0)
    expect(rows[0]!.values[1]).toBe(4)
    expect(() => past.probe('max(#relu@layers.7)')).toThrow(/VARIABLE_NOT_FOUND.*no call of relu/)
  })

  it.each([
    ['norm(', /expected a name.*character 6/],
    ['norm(loss', /expected "," or "\)"/],
    ['norms(loss)', /did you mean "norm"/],
    ['norm(loss, loss)', /1 argument of norm, not 2/],
    ['constructor(loss)', /expected one of grad/],
    ['loss; process.exit()', /expected the end/],
    ['', /expected a name/],
    ['layers.0.weight', /reduce it/],
  ])('refuses %j with the place of the mistake', (expression, message) => {
    expect(() => past.probe(expression, { steps: [1, 1] })).toThrow(message)
  })
})

describe('bisect', () => {
  it('finds the first bad step, and says how many it looked at', () => {
    const found = past.bisect((moment) => Math.abs(moment.value('layers.0.weight').data[0]!) > 20)
    expect(found).toMatchObject({
      step: BROKEN_AT,
      monotone: true,
      text: expect.stringMatching(/^step 15: the first bad one; step 14 is good; \d+ of 24 steps/),
    })
    expect(found.looked.length).toBeLessThan(14)
  })

  it('says when bad does not stay bad, and when nothing is bad', () => {
    expect(past.bisect(({ step }) => step === 24 || step % 2 === 0, { seed: 1 })).toMatchObject({
      monotone: false,
      text: expect.stringMatching(/not monotone: step \d+ is (good|bad) \(seed 1\)/),
    })
    expect(past.bisect(() => false)).toMatchObject({
      step: null,
      text: expect.stringMatching(/^step 24 is good/),
    })
    expect(past.bisect(() => true, { from: 3, to: 9 })).toMatchObject({ step: 3 })
    expect(() => past.bisect(() => 1 as never)).toThrow(/BAD_ARGUMENT.*true for bad/)
    expect(() => past.bisect(() => true, { from: 9, to: 3 })).toThrow(/BAD_ARGUMENT/)
  })
})

describe('the command line', () => {
  it('walks by commands from a pipe, as text and as one document', async () => {
    const commands = 'w layers.0.weight\nb\np layers.0.bias\ng layers.0.bias\nn linear\nwhy\nnonsense\nq\n'
    const walk = (...more: string[]) =>
      spawnSync(process.execPath, [MAIN, 'at', file, '6', ...more], { input: commands, encoding: 'utf8' })
    const text = walk()
    expect(text.stdout).toMatch(
      /^step 6, #\d+: .*\nstep 6, #\d+: layers.0.weight set .*\nstep 6.*\nlayers.0.bias float64 \[4\]\n/,
    )
    expect(text).toMatchObject({ status: 1, stderr: expect.stringMatching(/BAD_ARGUMENT: expected n, b, s/) })
    const { answers } = JSON.parse(walk('--json').stdout)
    expect(answers).toHaveLength(8)
    expect(answers[3]).toMatchObject({ command: 'p layers.0.bias', shape: [4] })
    expect(answers[6]).toMatchObject({
      command: 'why',
      findings: expect.any(Array),
      looked: expect.any(String),
    })
    expect(answers[7]).toMatchObject({ command: 'nonsense', error: { code: 'BAD_ARGUMENT' } })
    const module = `${folder}/bad.mjs`
    writeFileSync(
      module,
      "export default (moment) => Math.abs(moment.value('layers.0.weight').data[0]) > 20\n",
    )
    expect(await gradtape('bisect', file, '--test', module)).toMatchObject({
      status: 1,
      stdout: expect.stringMatching(/^step 15: the first bad one/),
    })
    const probed = await gradtapeJson<{ rows: { values: number[] }[] }>(
      'probe',
      file,
      '--steps',
      '2..3',
      'norm(layers.0.weight)',
    )
    expect(probed.rows).toHaveLength(2)
    const csv = await gradtape('probe', file, '--steps', '2', 'div(norm(layers.0.weight), 2)', '--csv')
    expect(csv.stdout).toMatch(/^step,"div\(norm\(layers.0.weight\), 2\)"\n2,[\d.]+\n$/)
    expect((await gradtape('probe', file, 'norm(')).status).toBe(1)
  })
})
