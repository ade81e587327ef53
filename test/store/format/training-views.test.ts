// What training is about, in SQL: which rows a step used, with which settings it went on, and what became of the parameters.
import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import {
  Adam,
  constant,
  DataLoader,
  Linear,
  mean,
  mul,
  normal,
  openTape,
  sub,
  TensorDataset,
} from '../../../src/index.js'
import { plainDatabase } from '../../plain-database.js'
import { newTapePath } from '../../tape/temporary-tape.js'
import { PYTHON_VIEW_LINES, viewLines } from './view-cells.js'

interface Recorded {
  file: string
  /** The rows that each step's batch had, as the program knows them. */
  rows: number[][]
}

/** Rows are numbered in the data itself, so the program knows which it got. `early`: the batch is taken before its step begins. */
async function recorded(
  batchSize: number,
  early: boolean,
  capture: 'full' | 'replayable',
): Promise<Recorded> {
  const file = newTapePath()
  const tape = openTape(file)
  // Small batches: a block ends anywhere, also between the two calls that take the rows of one batch.
  const run = tape.startRun('train', {
    seed: 1,
    capture,
    batch: { eventsMax: 150, bytesMax: 2 ** 20, ageMaxMs: 1_000 },
  })
  const count = 100
  const inputs = Array.from({ length: count }, (_, i) => [i, 1, 2])
  const dataset = new TensorDataset(constant(inputs, { name: 'inputs' }), normal([count, 2]))
  const layer = new Linear(3, 2)
  const optimizer = new Adam([...layer.parameters()], { lr: 0.01 })
  const loader = new DataLoader(dataset, { batchSize, shuffle: true, seed: 3 })
  const rows: number[][] = []
  const step = (x: (typeof dataset)['arrays'][0], t: (typeof dataset)['arrays'][1]) => {
    rows.push((x.data.toArray() as number[][]).map(([row]) => row!))
    const difference = sub(layer.forward(x), t)
    mean(mul(difference, difference)).backward()
    optimizer.step()
    for (const parameter of layer.parameters()) parameter.clearGrad()
  }
  if (early)
    for (const [x, t] of loader) {
      run.step()
      step(x, t)
    }
  else {
    const batches = loader[Symbol.iterator]()
    for (let i = 0; i < loader.length; i++) {
      run.step()
      const [x, t] = batches.next().value as (typeof dataset)['arrays']
      step(x, t)
    }
  }
  await run.finish()
  tape.close()
  return { file, rows }
}

describe.each([
  ['taken before the step begins, as a loop over the loader does', 30, true, 'replayable'],
  ['taken in the step', 30, false, 'replayable'],
  ['of many rows, whose indices are a value of their own', 70, true, 'full'],
  ['of one row, whose index is a number', 1, true, 'replayable'],
] as const)('of batches %s', (_, batchSize, early, capture) => {
  test('the view batch names the rows in order, under the step that used them', async () => {
    const { file, rows } = await recorded(batchSize, early, capture)
    const db = plainDatabase(file, { readonly: true })
    const found = db
      .prepare('SELECT step, taken_step, place, data_row FROM batch ORDER BY position, place')
      .all() as { step: number; taken_step: number; place: number; data_row: number }[]
    for (const [i, wanted] of rows.entries()) {
      const ofStep = found.filter(({ step }) => step === i + 1)
      expect(ofStep.map(({ data_row }) => data_row)).toEqual(wanted)
      expect(ofStep.map(({ place }) => place)).toEqual(wanted.map((_, place) => place))
      for (const { taken_step } of ofStep) expect(taken_step).toBe(early ? i : i + 1)
    }
    expect(found).toHaveLength(rows.flat().length)
    expect(db.prepare('SELECT DISTINCT data_name FROM batch').pluck().all()).toEqual(['inputs'])
    const settings = db
      .prepare(
        'SELECT DISTINCT function, variable_name, lr, momentum, weight_decay FROM optimizer_step ORDER BY 2',
      )
      .raw()
      .all()
    expect(settings).toEqual([
      ['adamStep', 'bias', 0.01, null, 0],
      ['adamStep', 'weight', 0.01, null, 0],
    ])
    const versions = db
      .prepare(
        "SELECT count(*) AS n, count(l2_norm) AS known FROM parameter_version WHERE variable_name = 'weight'",
      )
      .get()
    expect(versions).toMatchObject({ n: rows.length })
    if (capture === 'full') expect(versions).toMatchObject({ known: rows.length })
    db.close()
  })
})

test('the norm of a version is that of the value which the next step reads', async () => {
  const { file } = await recorded(30, true, 'full')
  const tape = openTape(file, { readonly: true })
  const db = plainDatabase(file, { readonly: true })
  for (const step of [1, 2, 3]) {
    const { l2_norm } = db
      .prepare("SELECT l2_norm FROM parameter_version WHERE step = ? AND variable_name = 'weight'")
      .get(step) as { l2_norm: number }
    const weight = tape.run(1).variable('weight', { step: step + 1 })
    const values = (weight.data.toArray() as number[][]).flat()
    expect(l2_norm).toBeCloseTo(Math.hypot(...values), 12)
  }
  db.close()
  tape.close()
})

test('Python reads every cell of every view as this process does', async ({ skip }) => {
  const { file } = await recorded(30, true, 'full')
  let said: string
  try {
    said = execFileSync('python3', ['-c', PYTHON_VIEW_LINES, file], { encoding: 'utf8' })
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOENT') throw error
    skip('there is no python3 here')
    return
  }
  const db = plainDatabase(file, { readonly: true })
  const lines = viewLines(db)
  db.close()
  expect(lines.length).toBeGreaterThan(30)
  expect(said.trim().split('\n')).toEqual(lines)
})
