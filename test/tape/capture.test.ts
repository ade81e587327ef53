// What each capture level stores, and that what it does not store is still there.
import { describe, expect, test } from 'vitest'
import { DataLoader } from '../../src/data/data-loader.js'
import { digits } from '../../src/data/digits.js'
import type { ArraySummary, TapeEvent } from '../../src/events/event.js'
import { softmaxCrossEntropy } from '../../src/functions/losses.js'
import { MLP } from '../../src/nn/sequential.js'
import { Adam } from '../../src/optim/adam.js'
import type { Run, RunOptions } from '../../src/tape/run.js'
import { openForTest, plainConnection, recordedTape } from './temporary-tape.js'

const STEPS = 130

/** Trains on digits; gives, by step, the parameters that the step read and the gradients it left. */
function train(run: Run, steps = STEPS) {
  const model = new MLP([64, 20, 10])
  const optimizer = new Adam(model.parameters(), { lr: 0.01 })
  const loader = new DataLoader(digits({ part: 'test' }), { batchSize: 10, shuffle: true, seed: 1 })
  const seen: { loss: number; weights: Float64Array[]; gradients: Float64Array[] }[] = []
  while (seen.length < steps) {
    for (const [x, t] of loader) {
      if (seen.length === steps) break
      run.step()
      const weights = model.parameters().map(({ data }) => data.data as Float64Array)
      const loss = softmaxCrossEntropy(model.forward(x), t)
      model.clearGrads()
      loss.backward()
      optimizer.step()
      run.log({ loss })
      const gradients = model.parameters().map(({ grad }) => grad!.data.data as Float64Array)
      seen.push({ loss: loss.item(), weights, gradients })
    }
  }
  return seen
}

async function trained(options: RunOptions, steps?: number) {
  let seen: ReturnType<typeof train> = []
  const file = await recordedTape(
    (run) => {
      seen = train(run, steps)
    },
    { seed: 1, ...options },
  )
  return { file, seen }
}

const NAMES = ['layers.0.weight', 'layers.0.bias', 'layers.1.weight', 'layers.1.bias']
const sizeOf = (file: string) =>
  plainConnection(file, { readonly: true })
    .prepare('SELECT sum(length(bytes)) FROM value')
    .pluck()
    .get() as number

describe('the default capture', () => {
  test('keeps of a training run a small part of its bytes, and gives back every bit of what it did not keep', async () => {
    const { file, seen } = await trained({})
    const full = await trained({ capture: 'full' })
    expect(sizeOf(full.file)).toBeGreaterThan(10 * sizeOf(file))
    const past = openForTest(file, { readonly: true }).run('test')
    for (const step of [1, 17, 64, STEPS]) {
      const { loss, weights, gradients } = seen[step - 1]!
      expect(past.variable('loss', { step }).item()).toBe(loss)
      NAMES.forEach((name, i) => {
        const parameter = past.variable(name, { step })
        expect(parameter.data.data, `${name}, step ${step}`).toEqual(weights[i])
        expect(parameter.grad!.data.data, `gradient of ${name}, step ${step}`).toEqual(gradients[i])
      })
    }
  })

  test('and a backward pass from the file leaves those gradients, not their double', async () => {
    const { file, seen } = await trained({}, 20)
    const past = openForTest(file, { readonly: true }).run('test')
    past.variable('loss', { step: 12 }).backward()
    NAMES.forEach((name, i) => {
      expect(past.variable(name, { step: 12 }).grad!.data.data).toEqual(seen[11]!.gradients[i])
    })
  })

  test('replays bit for bit, from the start and from every checkpoint', async () => {
    const { file } = await trained({ checkpointEvery: 10 })
    const past = openForTest(file, { readonly: true }).run('test')
    expect(past.replay()).toMatchObject({ verdict: 'bit-exact', from: 0, events: past.lastPosition })
    for (let step = 11; step <= STEPS; step += 10) {
      const report = past.replay({ from: step })
      expect(report).toMatchObject({ verdict: 'bit-exact', from: step })
      expect(report.events).toBeLessThan(past.lastPosition)
    }
    expect(past.replay({ from: 35, to: 37 })).toMatchObject({ verdict: 'bit-exact', from: 31 })
    expect(past.replay({ from: 5, to: 6 })).toMatchObject({ verdict: 'bit-exact', from: 0 })
  })

  test('takes checkpoints by itself when a run goes on for long, two runs of one program at the same steps', async () => {
    const checkpoints = async () => {
      const { file } = await trained({}, 2500)
      return plainConnection(file, { readonly: true })
        .prepare('SELECT position, step, variable_count, byte_count FROM checkpoint')
        .all() as Record<string, number>[]
    }
    const taken = await checkpoints()
    expect(taken.length).toBeGreaterThan(0)
    expect(taken[0]!.variable_count).toBeGreaterThanOrEqual(4)
    expect(taken[0]!.byte_count).toBeGreaterThan(1510 * 8)
    expect(await checkpoints()).toEqual(taken)
  })

  test('shows the summary of every gradient of a parameter, at every level the same', async () => {
    const summaries = async (options: RunOptions) => {
      const { file } = await trained(options, 25)
      return plainConnection(file, { readonly: true })
        .prepare(
          `SELECT step, variable_name, l2_norm, mean, min, max, zero_count, non_finite_count FROM gradient
           WHERE held <> 'none' ORDER BY step, variable_name`,
        )
        .all()
    }
    const full = await summaries({ capture: 'full' })
    expect(full).toHaveLength(100)
    expect(await summaries({})).toEqual(full)
    expect(await summaries({ capture: 'structure' })).toEqual(full)
    expect(await summaries({ capture: { gradients: 'full', everySteps: 7 } })).toEqual(full)
  })

  test('keeps the hash of a larger gradient in steps 0, 1 and every hundredth', async () => {
    const { file } = await trained({}, 101)
    const hashed = plainConnection(file, { readonly: true })
      .prepare(
        "SELECT DISTINCT step FROM gradient WHERE hash IS NOT NULL AND variable_name = 'layers.0.weight'",
      )
      .pluck()
      .all()
    expect(hashed).toEqual([1, 100])
  })

  test('gives live listeners the same events as the file', async () => {
    const heard: TapeEvent[] = []
    const file = await recordedTape(
      (run) => {
        run.events$.subscribe((event) => heard.push(event))
        train(run, 3)
      },
      { seed: 1 },
    )
    const recorded = [...openForTest(file, { readonly: true }).run('test').events()].slice(1)
    expect(heard.map(summaryOfEvent)).toEqual(recorded.map(summaryOfEvent))
    expect(
      recorded.some((event) => event.type === 'GradientComputed' && event.contributionSummary !== null),
    ).toBe(true)
  })
})

function summaryOfEvent(event: TapeEvent): [string, number, ArraySummary | null, boolean] {
  if (event.type !== 'GradientComputed') return [event.type, event.position, null, false]
  return [event.type, event.position, event.contributionSummary, event.contribution === null]
}

describe("capture 'structure'", () => {
  test('keeps no bytes of any array and no number of a leaf, but the graph, summaries and hashes', async () => {
    const { file } = await trained({ capture: 'structure' }, 5)
    const db = plainConnection(file, { readonly: true })
    expect(db.prepare('SELECT count(*) FROM value WHERE bytes IS NOT NULL').pluck().get()).toBe(0)
    expect(db.prepare('SELECT count(*) FROM value WHERE hash IS NOT NULL').pluck().get()).toBeGreaterThan(20)
    expect(db.prepare('SELECT count(*) FROM variable WHERE value IS NOT NULL').pluck().get()).toBe(0)
    expect(db.prepare('SELECT count(*) FROM call').pluck().get()).toBeGreaterThan(30)
    expect(db.prepare('SELECT count(*) FROM checkpoint').pluck().get()).toBe(0)
    expect(openForTest(file, { readonly: true }).verify()).toMatchObject({ intact: true, problem: null })
  })

  test('says that it cannot be replayed, and which value it does not have', async () => {
    const { file } = await trained({ capture: 'structure' }, 2)
    const past = openForTest(file, { readonly: true }).run('test')
    expect(() => past.replay()).toThrow(/^VALUE_NOT_CAPTURED: .*'structure'/)
    expect(() => past.variable('layers.0.weight', { step: 1 }).data).toThrow(/^VALUE_NOT_CAPTURED/)
  })
})

describe('a mix of captures', () => {
  test('stores everything in one step of several', async () => {
    const { file, seen } = await trained(
      { capture: { values: 'full', gradients: 'full', everySteps: 5 } },
      12,
    )
    const past = openForTest(file, { readonly: true }).run('test')
    const complete = (step: number) =>
      [...past.events()].every(
        (event) =>
          event.step !== step ||
          event.type !== 'FunctionCalled' ||
          event.outputs.every(({ value }) => value !== null),
      )
    expect([1, 4, 5, 6, 10, 11].map(complete)).toEqual([false, false, true, false, true, false])
    expect(past.replay()).toMatchObject({ verdict: 'bit-exact' })
    expect(past.variable('layers.0.weight', { step: 7 }).grad!.data.data).toEqual(seen[6]!.gradients[0])
  })

  test('is refused when it says what there is not', async () => {
    const start = (capture: unknown) => () => recordedTape(() => {}, { capture: capture as 'full' })
    await expect(start({ values: 'some' })()).rejects.toThrow(/^BAD_ARGUMENT: capture expected values of/)
    await expect(start({ everySteps: 0 })()).rejects.toThrow(/^BAD_ARGUMENT: capture expected everySteps/)
    await expect(start({ every: 2 })()).rejects.toThrow(/^BAD_ARGUMENT: capture expected the keys/)
  })
})

describe('materialize', () => {
  test('writes what was not captured, marked so, where SQL finds it, and the tape is still proven', async () => {
    const { file, seen } = await trained({ checkpointEvery: 20 }, 60)
    const tape = openForTest(file)
    const past = tape.run('test')
    const before = past.lastPosition
    const report = past.materialize(41, 44)
    expect(report.values).toBeGreaterThan(4 * 10)
    expect(past.materialize(42, 43)).toMatchObject({ values: 0 })
    const db = plainConnection(file, { readonly: true })
    const bytes = db
      .prepare(
        `SELECT v.bytes FROM gradient g JOIN value v ON v.id = g.value_id
         WHERE g.step = 43 AND g.variable_name = 'layers.0.weight' AND g.is_materialized`,
      )
      .pluck()
      .all() as Buffer[]
    expect(bytes).toHaveLength(1)
    expect(new Float64Array(new Uint8Array(bytes[0]!).buffer)).toEqual(seen[42]!.gradients[0])
    const missing = db.prepare(
      "SELECT count(*) FROM variable WHERE role = 'output' AND step BETWEEN 41 AND 44 AND value IS NULL AND value_id IS NULL",
    )
    expect(missing.pluck().get()).toBe(0)
    expect(tape.verify()).toMatchObject({ intact: true, problem: null })
    expect(tape.run('test').lastPosition).toBe(before)
    expect(tape.run('test').replay({ from: 41 })).toMatchObject({ verdict: 'bit-exact', from: 41 })
  })

  test('is refused on a tape opened to look only', async () => {
    const { file } = await trained({}, 3)
    expect(() => openForTest(file, { readonly: true }).run('test').materialize(1)).toThrow(/^TAPE_READONLY/)
  })
})
