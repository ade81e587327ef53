// A failure that nobody foresaw is the tape's where that is damaged, and a bug of ours where it is not.
import fs from 'node:fs'
import { expect, test } from 'vitest'
import { TapeError } from '../../src/errors.js'
import '../../src/index.js'
import { damageBehind } from '../../src/inspection/damage.js'
import { plainConnection, recordedTape } from '../tape/temporary-tape.js'

test('what is behind a failure while a tape is read', async () => {
  const file = await recordedTape((run) => {
    run.step()
    run.log({ loss: 1 })
  })
  const failure = new TypeError('no such thing')
  expect(damageBehind(failure, [])).toBe(failure)
  expect(damageBehind(failure, [file, '/nowhere/a.tape'])).toBe(failure)
  const ours = new TapeError('RUN_NOT_FOUND', 'none')
  expect(damageBehind(ours, [file])).toBe(ours)
  const bytes = fs.readFileSync(file)

  const db = plainConnection(file)
  for (const name of ['_metric_no_update', '_metric_no_delete']) db.exec(`DROP TRIGGER ${name}`)
  db.exec('UPDATE _metric SET scalar = 2.0')
  db.close()
  fs.writeFileSync(`${file}.cut`, bytes.subarray(0, bytes.length / 2))
  for (const [damaged, what] of [
    [file, /^TAPE_CORRUPT: .* is damaged: /],
    [`${file}.cut`, /^TAPE_CORRUPT: /],
  ] as const) {
    const behind = damageBehind(failure, [damaged]) as TapeError
    expect(behind.message).toMatch(what)
    expect(behind.cause).toBe(failure)
  }
})
