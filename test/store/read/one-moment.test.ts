// Many small reads in one transaction, which lets others in now and then.
import { execFile } from 'node:child_process'
import fs from 'node:fs'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { square, Variable } from '../../../src/index.js'
import { asOfOneMoment, letOthersIn } from '../../../src/store/read/one-moment.js'
import { openForTest, recordedTape } from '../../tape/temporary-tape.js'

const record = () => recordedTape((run) => run.log({ y: square(new Variable(3, { name: 'x' })) }))

test('another process begins and ends a run on a closed tape while somebody reads it for seconds', async () => {
  const file = await record()
  const db = openForTest(file, { readonly: true }).connection
  const count = db.prepare('SELECT count(*) AS n FROM run')
  const runs = () => (count.get() as { n: number }).n
  const index = pathToFileURL(`${process.cwd()}/dist/index.js`).href
  const program = `
    import { openTape } from ${JSON.stringify(index)}
    const tape = openTape(${JSON.stringify(file)})
    await tape.startRun('beside').finish()
    tape.close()`
  const began = performance.now()
  let ended: unknown = null
  asOfOneMoment(db, () => {
    execFile(process.execPath, ['--input-type=module', '-e', program], (error) => {
      ended = error ?? 'well'
    })
    // It goes on until the other run is seen: the wait of whoever writes is 30 seconds long.
    while (runs() === 1 && performance.now() - began < 25_000) letOthersIn(db)
    expect(runs()).toBe(2)
    expect(db.inTransaction).toBe(true)
  })
  expect(db.inTransaction).toBe(false)
  await expect.poll(() => ended, { timeout: 10_000 }).toBe('well')
})

test('within one moment what is read stays as it is', async () => {
  const file = await record()
  const writer = openForTest(file)
  const db = openForTest(file, { readonly: true }).connection
  const count = db.prepare('SELECT count(*) AS n FROM run')
  await asOfOneMoment(db, () => {
    expect(count.get()).toEqual({ n: 1 })
    const run = writer.startRun('later')
    run.note('a batch')
    run.flush()
    const finished = run.finish()
    expect(count.get()).toEqual({ n: 1 })
    return finished
  })
  expect(count.get()).toEqual({ n: 2 })
})

test('what fails inside leaves no transaction behind, and one inside another is a part of it', async () => {
  const db = openForTest(await record(), { readonly: true }).connection
  expect(() =>
    asOfOneMoment(db, () => {
      throw new Error('asked wrongly')
    }),
  ).toThrow('asked wrongly')
  expect(db.inTransaction).toBe(false)
  const inner = asOfOneMoment(db, () => {
    const answer = asOfOneMoment(db, () => db.inTransaction)
    expect(db.inTransaction).toBe(true)
    return answer
  })
  expect(inner).toBe(true)
  expect(db.inTransaction).toBe(false)
})

test('while rows are read one by one, the moment lasts', async () => {
  const db = openForTest(await record(), { readonly: true }).connection
  const seen = asOfOneMoment(db, () => {
    const found: unknown[] = []
    const until = performance.now() + 150
    for (const row of db.prepare('SELECT position FROM event').iterate()) {
      while (performance.now() < until);
      letOthersIn(db)
      found.push(row)
    }
    return found
  })
  expect(seen.length).toBeGreaterThan(3)
  expect(db.inTransaction).toBe(false)
})

test('of a damaged file the tape is told of, whatever SQLite says', async () => {
  const file = await record()
  const tape = openForTest(file, { readonly: true })
  const past = tape.run('test')
  const bytes = fs.readFileSync(file)
  fs.writeFileSync(file, bytes.fill(0xff, 2 * bytes.readUInt16BE(16)))
  expect(() => past.variable('y')).toThrow(/^(TAPE_CORRUPT|VARIABLE_NOT_FOUND)/)
  expect(() =>
    asOfOneMoment(tape.connection, () => tape.connection.prepare('SELECT * FROM _text').all()),
  ).toThrow('TAPE_CORRUPT')
  expect(tape.connection.inTransaction).toBe(false)
})
