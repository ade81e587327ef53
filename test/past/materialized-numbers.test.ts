// Single numbers that were computed again: they stand in the rows themselves, and the proof covers them.
import { expect, test } from 'vitest'
import { add, constant, log, mul, split } from '../../src/index.js'
import type { Run } from '../../src/tape/run.js'
import { openForTest, plainConnection, recordedTape } from '../tape/temporary-tape.js'

/** Small arrays are stored until they have taken 64 KiB. */
function useUpBudget(): void {
  split(constant(Array.from({ length: 128 * 64 }, (_, i) => i)), 128)
}

async function materialized(record: (run: Run) => void): Promise<string> {
  const file = await recordedTape((run) => {
    useUpBudget()
    run.step()
    record(run)
  })
  const tape = openForTest(file)
  expect(tape.run('test').materialize(1).values).toBeGreaterThan(0)
  tape.close()
  return file
}

test('numbers that are materialized leave the tape proven, whatever numbers they are', async () => {
  const file = await materialized(() => {
    const zero = constant(0)
    add(zero, 1.5)
    mul(zero, -1)
    log(zero)
    log(constant(-1))
  })
  const tape = openForTest(file, { readonly: true })
  expect(tape.verify()).toMatchObject({ intact: true, problem: null })
  const numbers = plainConnection(file, { readonly: true })
    .prepare(
      'SELECT value, non_finite FROM output WHERE step = 1 AND is_materialized ORDER BY position, slot',
    )
    .raw()
    .all()
  expect(numbers).toEqual([
    [1.5, null],
    [-0, null],
    [null, '-Infinity'],
    [null, 'NaN'],
  ])
})

test('a materialized infinity of the other sign is seen', async () => {
  const file = await materialized(() => {
    log(constant(0))
  })
  const db = plainConnection(file)
  db.exec('DROP TRIGGER _materialized_no_update')
  expect(db.prepare('UPDATE _materialized SET scalar = -scalar WHERE scalar < 0').run().changes).toBe(1)
  db.exec(
    "CREATE TRIGGER _materialized_no_update BEFORE UPDATE ON _materialized BEGIN SELECT raise(ABORT, 'a tape is append-only'); END",
  )
  db.close()
  const report = openForTest(file, { readonly: true }).verify()
  expect(report).toMatchObject({ intact: false })
  expect(report.problem).toMatch(/values of run 1 that were computed again/)
})
