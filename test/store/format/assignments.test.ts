// What an assignment changed: the numbers in the rows are those of the live program, at every capture, and nobody edits one unseen.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  Adam,
  type Capture,
  constant,
  Linear,
  mean,
  mul,
  ndarray,
  openTape,
  parameter,
  square,
} from '../../../src/index.js'
import type { Connection } from '../../../src/store/format/connection.js'
import { verifyChain } from '../../../src/store/proof/verify.js'
import { plainDatabase } from '../../plain-database.js'
import { newTapePath, plainConnection } from '../../tape/temporary-tape.js'
import { withoutTriggers } from '../schema.js'

interface Recorded {
  file: string
  db: Connection
  /** By step and parameter: the elements before and after. */
  seen: { step: number; name: string; before: number[]; after: number[] }[]
}

const STEPS = 4
/** Larger than what is summed up on the other thread. */
const LARGE = 40_000

function recorded(capture: Capture, file: string): Recorded {
  const tape = openTape(file)
  const run = tape.startRun('train', { seed: 1, capture })
  const layer = new Linear(3, 2)
  const scale = parameter(2, { name: 'scale' })
  const large = parameter(
    Array.from({ length: LARGE }, (_, i) => Math.cos(i)),
    { name: 'large' },
  )
  const parameters = [...layer.parameters(), scale, large]
  const optimizer = new Adam(parameters, { lr: 0.1 })
  const seen: Recorded['seen'] = []
  const elements = () => parameters.map(({ data }) => [...data.data] as number[])
  for (let step = 1; step <= STEPS; step++) {
    run.step()
    for (const one of parameters) one.clearGrad()
    const x = constant([
      [1, 2, 3],
      [4, 5, 6],
    ])
    const loss = mean(mul(square(layer.forward(x)), scale)).add(mean(square(large)))
    loss.backward()
    const before = elements()
    optimizer.step()
    elements().forEach((after, i) => {
      seen.push({ step, name: parameters[i]!.name!, before: before[i]!, after })
    })
  }
  run.step()
  const [weight] = parameters
  weight!.data = ndarray([
    [1, Number.NaN],
    [Number.POSITIVE_INFINITY, 4],
    [0, 6],
  ])
  weight!.data = ndarray([
    [3, 0],
    [0, 4],
    [0, 0],
  ])
  run.end('finished', null)
  tape.close()
  return { file, seen, db: plainDatabase(file) }
}

const norm = (values: readonly number[]) => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0))
const difference = (a: readonly number[], b: readonly number[]) => a.map((x, i) => x - b[i]!)

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gradtape-assignments-'))
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

describe.each(['replayable', 'full', 'structure'] as const)('at capture %s', (capture) => {
  let tape: Recorded
  beforeAll(() => {
    tape = recorded(capture, path.join(folder, `${capture}.tape`))
  })
  afterAll(() => tape.db.close())

  test('parameter_version has norms, extremes and updates of every step', () => {
    const rows = tape.db
      .prepare(`SELECT * FROM parameter_version WHERE step <= ${STEPS} ORDER BY position`)
      .all() as Record<string, number>[]
    expect(rows).toHaveLength(tape.seen.length)
    for (const [i, { step, name, before, after }] of tape.seen.entries()) {
      const row = rows[i]!
      expect(row).toMatchObject({ step, variable_name: name })
      if (capture === 'structure' && after.length === 1) {
        expect(row).toMatchObject({ l2_norm: null, min: null, zero_count: null, update_norm: null })
        continue
      }
      expect(row).toMatchObject({ min: Math.min(...after), max: Math.max(...after), nan_count: 0 })
      expect(row.l2_norm).toBeCloseTo(norm(after), 9)
      expect(row.update_norm! / norm(difference(after, before))).toBeCloseTo(1, 9)
      expect(row.update_ratio).toBeCloseTo(row.update_norm! / norm(after), 9)
    }
    const { count } = tape.db.prepare('SELECT count(*) AS count FROM parameter_version').get() as {
      count: number
    }
    expect(count).toBe(tape.seen.length + 2)
  })

  test('NaN and infinity are counted apart, and what came from outside is measured, too', () => {
    const rows = tape.db
      .prepare(
        `SELECT l2_norm, zero_count, non_finite_count, nan_count, infinite_count, update_norm, source_position FROM assignment WHERE step > ${STEPS} ORDER BY position`,
      )
      .all()
    expect(rows).toEqual([
      {
        ...{ l2_norm: null, zero_count: 1, non_finite_count: 2, nan_count: 1, infinite_count: 1 },
        ...{ update_norm: null, source_position: null },
      },
      {
        ...{ l2_norm: 5, zero_count: 4, non_finite_count: 0, nan_count: 0, infinite_count: 0 },
        ...{ update_norm: null, source_position: null },
      },
    ])
  })

  test('step_summary has the norm of all parameters and of the whole update', () => {
    const rows = tape.db
      .prepare(`SELECT step, parameter_norm, update_norm FROM step_summary WHERE step <= ${STEPS}`)
      .all() as { step: number; parameter_norm: number; update_norm: number }[]
    for (const { step, parameter_norm, update_norm } of rows) {
      const all = tape.seen.filter(
        (one) => one.step === step && (capture !== 'structure' || one.after.length > 1),
      )
      expect(parameter_norm).toBeCloseTo(norm(all.map(({ after }) => norm(after))), 8)
      expect(update_norm).toBeCloseTo(
        norm(all.map(({ after, before }) => norm(difference(after, before)))),
        8,
      )
    }
    expect(rows).toHaveLength(STEPS)
  })

  test('a replay comes to the same numbers, and verify holds each of them', () => {
    const past = openTape(tape.file, { readonly: true })
    if (capture !== 'structure')
      expect(past.run(1).replay()).toMatchObject({ verdict: 'bit-exact', divergence: null })
    expect(past.verify()).toMatchObject({ intact: true, problem: null })
    past.close()
    const columns = ['l2_norm', 'mean', 'min', 'max', 'zero_count', 'update_norm', 'nan_count', 'variable_id']
    const ids = tape.db.prepare('SELECT id FROM _assignment ORDER BY id').pluck().all() as number[]
    for (const [i, column] of columns.entries()) {
      const id = ids[i % ids.length]
      const was = tape.db.prepare(`SELECT ${column} FROM _assignment WHERE id = ?`).pluck().get(id)
      const set = (value: unknown) =>
        withoutTriggers(tape.db, () => {
          tape.db.prepare(`UPDATE _assignment SET ${column} = ? WHERE id = ?`).run(value, id)
        })
      set(column === 'nan_count' ? 1 : Number(was ?? 0) + 1)
      expect(verifyChain(tape.db).intact, column).toBe(false)
      set(was)
    }
    withoutTriggers(tape.db, () => {
      tape.db.exec('CREATE TEMP TABLE kept AS SELECT * FROM _assignment')
      tape.db.exec('DELETE FROM _assignment WHERE id = (SELECT max(id) FROM _assignment)')
    })
    expect(verifyChain(tape.db).intact).toBe(false)
    withoutTriggers(tape.db, () => {
      tape.db.exec('DELETE FROM _assignment; INSERT INTO _assignment SELECT * FROM kept; DROP TABLE kept')
    })
    expect(verifyChain(tape.db)).toMatchObject({ intact: true })
  })
})

test.each([
  [undefined, 4],
  [false, 0],
  [true, 4],
  ['all', 16],
] as const)('assignments: %s measures %i variables', (assignments, measured) => {
  const { db } = recorded(assignments === undefined ? {} : { assignments }, newTapePath())
  const { count } = db.prepare('SELECT count(DISTINCT variable_id) AS count FROM _assignment').get() as {
    count: number
  }
  expect(count).toBe(measured)
  expect(db.prepare('SELECT count(*) FROM parameter_version').pluck().get()).toBe(4 * STEPS + 2)
  expect(verifyChain(db)).toMatchObject({ intact: true, problem: null })
  db.close()
})

test('a variable is found by its name in whatever way it got it', () => {
  const file = newTapePath()
  const tape = openTape(file)
  const run = tape.startRun('names', { seed: 1 })
  const w = parameter([1, 2], { name: 'w' })
  for (let step = 1; step <= 3; step++) {
    run.step()
    const hidden = mul(w, step)
    const loss = mean(square(hidden))
    if (step === 2) hidden.name = 'hidden'
    run.log({ loss })
  }
  run.end('finished', null)
  tape.close()
  const db = plainConnection(file)
  const found = (view: string, name: string) =>
    db.prepare(`SELECT step FROM ${view} WHERE name = ? ORDER BY position`).pluck().all(name)
  for (const view of ['variable', 'output']) {
    expect(found(view, 'loss')).toEqual([1, 2, 3])
    expect(found(view, 'hidden')).toEqual([2])
    expect(found(view, 'no')).toEqual([])
  }
  expect(found('leaf', 'w')).toEqual([1])
  for (const [name, count] of [
    ['loss', 1],
    ['w', 1],
  ] as const)
    expect(
      db.prepare('SELECT count(*) FROM _name WHERE name = ?').pluck().get(name),
      name,
    ).toBeGreaterThanOrEqual(count)
  withoutTriggers(db, () => db.exec("UPDATE _name SET name = 'x' WHERE name = 'w'"))
  expect(verifyChain(db).problem).toMatch(/_name lists/)
  withoutTriggers(db, () => db.exec("DELETE FROM _name WHERE name = 'x'"))
  expect(verifyChain(db).problem).toMatch(/_name lists/)
  db.close()
})
