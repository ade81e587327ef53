/** `diffRuns(…, { resume: true })`: whether a second run goes on where the first ended. A right resume is quiet; each thing left out is named. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  Adam,
  constant,
  DataLoader,
  diffRuns,
  dropout,
  MLP,
  openTape,
  type RunDiff,
  randomState,
  seedRandom,
  setRandomState,
  softmaxCrossEntropy,
  type Tape,
  TensorDataset,
} from '../../src/index.js'
import { gradtape, temporaryFolder } from '../cli/gradtape.js'

const folder = temporaryFolder()
const ROWS = 24

interface State {
  readonly id: number
  readonly model: ReturnType<MLP['stateDict']>
  readonly optimizer: ReturnType<Adam['stateDict']>
  readonly random: ReturnType<typeof randomState>
}

interface How {
  from?: State
  steps?: number
  shuffle?: boolean
  /** Batches that are passed over before the first step. */
  pass?: number
  freshModel?: boolean
  freshOptimizer?: boolean
  freshRandom?: boolean
  hidden?: number
  capture?: 'replayable' | 'structure'
}

async function train(tape: Tape, how: How = {}): Promise<State> {
  const { from, steps = 4, shuffle = true, pass = 0, hidden = 4, capture = 'replayable' } = how
  const run = tape.startRun('net', { seed: 5, capture })
  seedRandom(5)
  const inputs = constant(Array.from({ length: ROWS }, (_, i) => [i / 10, ((i * 7) % 5) / 5, 1]))
  const data = new TensorDataset(
    inputs,
    Int32Array.from({ length: ROWS }, (_, i) => i % 2),
  )
  const model = new MLP([3, hidden, 2])
  const optimizer = new Adam(model.parameters(), { lr: 0.1 })
  const loader = new DataLoader(data, { batchSize: 4, ...(shuffle ? { shuffle, seed: 3 } : {}) })
  if (from !== undefined) {
    if (how.freshModel !== true) model.loadStateDict(from.model)
    if (how.freshOptimizer !== true) optimizer.loadStateDict(from.optimizer)
    if (how.freshRandom !== true) setRandomState(from.random)
  }
  let [passed, step] = [0, 0]
  while (step < steps)
    for (const [input, labels] of loader) {
      if (passed++ < pass) continue
      if (step === steps) break
      step = run.step()
      const loss = softmaxCrossEntropy(dropout(model.forward(input!), { p: 0.2 }), labels!)
      model.clearGrads()
      loss.backward()
      optimizer.step()
      run.log({ loss })
    }
  const state = {
    id: run.id,
    model: model.stateDict(),
    optimizer: optimizer.stateDict(),
    random: randomState(),
  }
  await run.finish()
  return state
}

let [one, two]: Tape[] = []
let before: State

beforeAll(async () => {
  one = openTape(`${folder}/before.tape`)
  two = openTape(`${folder}/after.tape`)
  before = await train(one)
})
afterAll(() => {
  one!.close()
  two!.close()
})

/** The run before, against one that goes on from it, on another tape unless said otherwise. */
async function resumed(how: How, tape: Tape = two!): Promise<RunDiff> {
  const { id } = await train(tape, { from: before, pass: 4, ...how })
  return diffRuns(one!.run(before.id), tape.run(id), { resume: true, names: ['before', 'after'] })
}

describe('diff with resume', () => {
  it('is quiet about a run that goes on as it should, on another tape and on the same', async () => {
    for (const tape of [two!, one!]) {
      const diff = await resumed({}, tape)
      expect(diff).toMatchObject({ equal: true, first: null, differences: [] })
      expect(diff.text).toBe('equal: after goes on where before ended, in 16 variables')
      expect(diff.skipped.map(({ what }) => what)).toEqual(['the place in the data'])
    }
  })

  it('names an optimizer that begins anew, and not the parameters', async () => {
    const { text, differences, same } = await resumed({ freshOptimizer: true })
    expect(text).toMatch(
      /^step 0: optimizer\.layers\.0\.weight\.m of after does not go on from before .* began as 0$/,
    )
    expect(differences).toHaveLength(12)
    expect(
      differences.every(({ kind, variable }) => kind === 'state' && /^optimizer\./.test(variable!)),
    ).toBe(true)
    expect(same).toEqual([expect.stringMatching(/^4 variables/)])
  })

  it('names parameters that were not loaded', async () => {
    const { first } = await resumed({ freshModel: true })
    expect(first).toMatchObject({ kind: 'state', variable: 'layers.0.weight' })
  })

  it('names a layer of another size, and one that is missing', async () => {
    const { differences } = await resumed({ freshModel: true, freshOptimizer: true, hidden: 6 })
    expect(differences[0]!.text).toBe('step 0: layers.0.weight ends as [3, 4] and begins as [3, 6]')
  })

  it('names random numbers that begin again', async () => {
    const { text, differences } = await resumed({ freshRandom: true })
    expect(differences).toHaveLength(1)
    expect(text).toMatch(
      /^step 1: the random numbers of after begin again: dropout \(#\d+\) draws from counter 4, before had come to 8$/,
    )
  })

  it('names rows that begin again, but not ones that a loader has passed over', async () => {
    const { first, differences } = await resumed({ pass: 0 })
    expect(differences).toHaveLength(1)
    expect(first).toMatchObject({ kind: 'rows', step: 1 })
    expect(first!.text).toMatch(/the order begins again$/)
    expect(first!.rows).toEqual(one!.run(before.id).rowsOf(1)[0]!.rows)
  })

  it('is quiet about rows in order that begin again after the last of them', async () => {
    const whole = await train(one!, { shuffle: false, steps: 6 })
    const next = await train(two!, { shuffle: false, from: whole })
    expect(diffRuns(one!.run(whole.id), two!.run(next.id), { resume: true }).differences).toEqual([])
    const part = await train(one!, { shuffle: false, steps: 4 })
    const early = await train(two!, { shuffle: false, from: part })
    expect(
      diffRuns(one!.run(part.id), two!.run(early.id), { resume: true }).differences.map(({ kind }) => kind),
    ).toEqual(['rows'])
  })

  it('says what a capture without bytes leaves open', async () => {
    const { differences, skipped } = await resumed({ capture: 'structure' })
    expect(differences.map(({ kind }) => kind)).toEqual([])
    expect(skipped.map(({ what }) => what)).toContain('the first value of layers.0.weight')
  })

  it('answers for runs without steps', async () => {
    const empty = one!.startRun('empty')
    await empty.finish()
    const diff = diffRuns(one!.run(empty.id), one!.run(empty.id), { resume: true })
    expect(diff).toMatchObject({ equal: true })
    expect(diff.skipped.map(({ what }) => what)).toContain('the state')
  })

  it('is told on the command line with the exit code 1', async () => {
    const { id } = await train(two!, { from: before, pass: 4, freshOptimizer: true })
    const [a, b] = [`${folder}/before.tape:${before.id}`, `${folder}/after.tape:${id}`]
    const { status, stdout } = await gradtape('diff', a, b, '--resume')
    expect(stdout).toMatch(
      /^step 0: optimizer\.layers\.0\.weight\.m of after\.tape does not go on from before\.tape/,
    )
    expect(status).toBe(1)
  })
})
