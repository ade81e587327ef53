// Names and tags that a run is given after it began: rows of their own in the chain, by programs and by `gradtape rename` and `tag`.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { expect, test } from 'vitest'
import { mergeTapes, newSealKey } from '../../../src/index.js'
import { openTape } from '../../../src/tape/open-tape.js'
import type { Tape } from '../../../src/tape/tape.js'
import { DIST, startChild } from '../../tape/child-process.js'
import { newTapePath, openForTest, plainConnection, temporaryFolder } from '../../tape/temporary-tape.js'

async function threeRuns(file = newTapePath()): Promise<Tape> {
  const tape = openForTest(file)
  for (const name of ['a', 'b', 'c']) {
    const run = tape.startRun(name)
    run.step()
    run.log({ loss: 1 })
    await run.finish()
  }
  return tape
}

const said = (tape: Tape) => tape.runs().map(({ name, tags }) => [name, ...tags])

test('a run is found by its new name and by its tags; what it recorded is as it was', async () => {
  const tape = await threeRuns()
  const events = [...tape.run('a').events()]
  const before = tape.verify()
  expect(tape.renameRun('a', 'Ä "1"; --\u202e')).toMatchObject({ id: 1, name: 'Ä "1"; --\u202e', tags: [] })
  expect(tape.tagRun(1, ['z', 'best lr', 'z'])).toMatchObject({ tags: ['best lr', 'z'] })
  tape.tagRun('b', ['z'])
  expect(tape.runs({ tags: ['z'] }).map(({ id }) => id)).toEqual([1, 2])
  expect(tape.runs({ tags: ['z', 'best lr'] }).map(({ id }) => id)).toEqual([1])
  expect(tape.runs({ tags: ['none'] })).toEqual([])
  expect(tape.untagRun(2, ['z', 'never'])).toMatchObject({ tags: [] })
  expect(tape.tagRun(2, ['z'])).toMatchObject({ tags: ['z'] })

  expect(tape.run('Ä "1"; --\u202e')).toMatchObject({ id: 1, name: 'Ä "1"; --\u202e' })
  expect([...tape.run(1).events()]).toEqual(events)
  expect(() => tape.run('a')).toThrow(/^RUN_NOT_FOUND: .* run 1, which was called so, is called "Ä/)
  // Another run may have the name that one had.
  tape.renameRun('c', 'a')
  expect(tape.run('a').id).toBe(3)
  expect(tape.query('SELECT id, name, first_name, tags FROM run')).toEqual([
    { id: 1, name: 'Ä "1"; --\u202e', first_name: 'a', tags: '["best lr","z"]' },
    { id: 2, name: 'b', first_name: 'b', tags: '["z"]' },
    { id: 3, name: 'a', first_name: 'c', tags: '[]' },
  ])
  expect(tape.query('SELECT run_id, name FROM tag ORDER BY 1, 2')).toEqual([
    { run_id: 1, name: 'best lr' },
    { run_id: 1, name: 'z' },
    { run_id: 2, name: 'z' },
  ])
  expect(tape.query('SELECT kind, text FROM label WHERE run_id = 2 ORDER BY id')).toEqual([
    { kind: 'tagged', text: 'z' },
    { kind: 'untagged', text: 'z' },
    { kind: 'tagged', text: 'z' },
  ])
  const after = tape.verify()
  expect(after).toMatchObject({ intact: true, batches: before.batches + 6, events: before.events })
  // What is so already is not written again.
  tape.renameRun(3, 'a')
  tape.tagRun(2, ['z'])
  tape.untagRun(2, ['never'])
  expect(tape.verify().head).toBe(after.head)
})

test('what makes no sense is refused, and nothing is written', async () => {
  const tape = await threeRuns()
  const { head } = tape.verify()
  for (const name of ['', '\ud800', 5, null, undefined])
    expect(() => tape.renameRun(1, name as string)).toThrow(/^BAD_ARGUMENT: renameRun expected a name/)
  for (const tags of [[], [''], [' x'], ['x\n'], ['\udc00'], [1], 'x', null, undefined, { 0: 'x' }])
    for (const act of [tape.tagRun, tape.untagRun])
      expect(() => act.call(tape, 1, tags as string[]), JSON.stringify(tags)).toThrow(/^BAD_ARGUMENT/)
  expect(() => tape.renameRun('none', 'x')).toThrow(/^RUN_NOT_FOUND/)
  expect(() => tape.runs({ tag: 'x' } as object)).toThrow(/^BAD_ARGUMENT/)
  expect(() => tape.runs({ tags: 'x' as unknown as string[] })).toThrow(/^BAD_ARGUMENT/)
  const reading = openForTest(tape.path, { readonly: true })
  expect(() => reading.renameRun(1, 'x')).toThrow(/^TAPE_READONLY/)
  expect(tape.verify().head).toBe(head)
})

test('a label that was changed, taken away or added is found, and so is one under another run', async () => {
  const tape = await threeRuns()
  tape.renameRun(1, 'x')
  tape.tagRun(2, ['t', 'u'])
  tape.close()
  const whole = fs.readFileSync(tape.path)
  for (const [edit, problem] of [
    [
      "UPDATE _label SET text = 'y' WHERE id = 1",
      /batch \d+ \(name and tags of run 1\) does not have the hash/,
    ],
    ["UPDATE _label SET kind = 'untagged' WHERE id = 2", /name and tags of run 2/],
    ['UPDATE _label SET run_id = 3 WHERE id = 3', /holds a label of run 3/],
    ['DELETE FROM _label WHERE id = 1', /./],
    ['DELETE FROM _label WHERE id = 3', /name and tags of run 2/],
    [
      "INSERT INTO _label (commit_id, run_id, kind, text) VALUES (1, 1, 'tagged', 'v')",
      /_label holds 4 rows/,
    ],
    [
      "INSERT INTO _label (commit_id, run_id, kind, text) VALUES (99, 1, 'tagged', 'v')",
      /_label holds 4 rows/,
    ],
    ["UPDATE _label SET text = CAST(x'ff' AS TEXT) WHERE id = 1", /./],
  ] as const) {
    fs.writeFileSync(tape.path, whole)
    const db = plainConnection(tape.path)
    const triggers = db
      .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = '_label'")
      .all() as { name: string; sql: string }[]
    for (const { name } of triggers) db.exec(`DROP TRIGGER ${name}`)
    db.exec(edit)
    for (const { sql } of triggers) db.exec(sql)
    db.close()
    using edited = openTape(tape.path, { readonly: true })
    expect(edited.verify(), edit).toMatchObject({ intact: false, problem: expect.stringMatching(problem) })
  }
})

test('copies, parts and sums of tapes have the names and tags, and seals of before hold', async () => {
  const tape = await threeRuns()
  const key = newSealKey()
  tape.seal(key.privateKey)
  tape.renameRun('a', 'first')
  tape.tagRun('b', ['t'])
  tape.renameRun('b', 'second')
  expect(tape.checkSeal(key.publicKey)).toMatchObject({ batchesSince: 3 })
  const out = (name: string) => path.join(temporaryFolder(), name)
  const file = tape.path
  tape.copy(out('copy'))
  const split = tape.split(['second', 'first'], out('split'))
  expect(split.runs.map(({ name }) => name)).toEqual(['first', 'second'])
  const pruned = tape.prune(['first'], out('pruned'))
  const merged = mergeTapes([file, split.path], out('merged'))
  // A fingerprint is of what a run recorded.
  expect(merged.runs[3]!.fingerprint).toBe(split.runs[0]!.fingerprint)
  const opened = (path: string) => openForTest(path, { readonly: true })
  expect(said(opened(split.path))).toEqual([['first'], ['second', 't']])
  expect(said(opened(pruned.path))).toEqual([['second', 't'], ['c']])
  expect(said(opened(merged.path))).toEqual([['first'], ['second', 't'], ['c'], ['first'], ['second', 't']])
  expect(opened(merged.path).verify()).toMatchObject({ intact: true })
})

const RECORD = `
const tape = gradtape.openTape(arg.file)
const run = tape.startRun('fresh')
const w = gradtape.parameter([1, 2], { name: 'w' })
const some = (count) => { for (let i = 0; i < count; i++) { run.step(); gradtape.square(w).sum().backward(); w.clearGrad(); run.log({ m: i }) } }
some(40)
run.flush()
say('recording')
while (!fs.existsSync(arg.file + '.go')) await new Promise((done) => setTimeout(done, 5))
some(40)
await run.finish()
say('done')
tape.close()
`

test('a run that another process records is renamed and tagged meanwhile, and goes on', async () => {
  const file = newTapePath()
  const child = startChild(RECORD, { file })
  await child.said('recording')
  const cli = (...words: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [`${DIST}cli/main.js`, ...words], {
      encoding: 'utf8',
    })
    return { status, stdout, stderr }
  }
  expect(cli('rename', `${file}:fresh`, 'live')).toMatchObject({
    status: 0,
    stdout: 'run 1 (fresh) is called live\n',
  })
  expect(cli('tag', `${file}:live`, 'a', 'b c', '--json')).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/"status": "recording"/),
  })
  fs.writeFileSync(`${file}.go`, '')
  await child.said('done')
  await child.ended
  expect(cli('tag', file, 'a', '--remove')).toMatchObject({ status: 0, stdout: 'run 1 (live) has b c\n' })
  expect(cli('runs', file, '--tag', 'b c').stdout).toMatch(/live .* b c\n$/)
  const tape = openForTest(file, { readonly: true })
  expect(tape.verify()).toMatchObject({ intact: true })
  expect(tape.run('live').replay()).toMatchObject({ verdict: 'bit-exact' })
  expect(tape.runs()).toMatchObject([{ name: 'live', status: 'finished', steps: 80 }])
})
