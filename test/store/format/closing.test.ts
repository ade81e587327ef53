/** A closed tape is one file: what stands beside it while it is open, goes away, and what happens to copies and readers. */
import { execFileSync, spawnSync } from 'node:child_process'
import crypto from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import zlib from 'node:zlib'
import { expect, test, vi } from 'vitest'
import { mul } from '../../../src/functions/arithmetic.js'
import { Variable } from '../../../src/graph/variable.js'
import { openDatabase } from '../../../src/store/format/database.js'
import { logState } from '../../../src/store/format/write-ahead-log.js'
import type { Run } from '../../../src/tape/run.js'
import { startChild } from '../../tape/child-process.js'
import { newTapePath, openForTest, recordedTape, temporaryFolder } from '../../tape/temporary-tape.js'

const beside = (file: string) => fs.readdirSync(path.dirname(file)).sort()
const hash = (file: string) => crypto.createHash('sha256').update(fs.readFileSync(file)).digest('hex')
/** Bytes 18 and 19 of the header: 1 for a rollback journal, 2 for WAL mode. Only for files that nobody has open. */
const versions = (file: string) => [...fs.readFileSync(file).subarray(18, 20)]

function steps(run: Run, count = 3): void {
  const w = new Variable(2, { name: 'w' })
  for (let i = 0; i < count; i++) {
    run.step()
    run.log({ loss: mul(w, w) })
  }
}

/** Records in a process of its own until its input says more; the tape is open all the while. */
const RECORD = `
const tape = gradtape.openTape(arg.file)
const run = tape.startRun('child')
const w = gradtape.parameter(2, { name: 'w' })
for (let i = 0; i < arg.steps; i++) { run.step(); run.log({ loss: w.mul(w) }) }
run.flush()
say('flushed')
if (arg.next === 'finish') await run.finish()
if (arg.next === 'close') { await run.finish(); tape.close() }
say('done')
if (arg.next !== 'exit') setInterval(() => {}, 1000)
`

test.each([
  ['on the training thread', 3],
  ['on the second thread', 20_000],
])('a tape recorded %s and closed is one file, out of WAL mode', async (_where, count) => {
  const file = await recordedTape((run) => steps(run, count))
  expect(beside(file)).toEqual(['test.tape'])
  expect(versions(file)).toEqual([1, 1])
})

test('a program that ends without closing its tape leaves one file as well', async () => {
  const file = newTapePath()
  const child = startChild(RECORD, { file, steps: 20_000, next: 'exit' })
  expect(await child.ended).toMatchObject({ code: 0, stderr: '' })
  expect(beside(file)).toEqual(['test.tape'])
  expect(versions(file)).toEqual([1, 1])
  expect(openForTest(file, { readonly: true }).runs()).toMatchObject([
    { status: 'interrupted', steps: 20_000 },
  ])
})

test('after the last run has ended the file alone is the whole tape, though it is still open', async () => {
  const file = newTapePath()
  const child = startChild(RECORD, { file, steps: 20_000, next: 'finish' })
  await child.said('done')
  const copy = path.join(temporaryFolder(), 'copy.tape')
  fs.copyFileSync(file, copy)
  const tape = openForTest(copy, { readonly: true })
  expect(tape.runs()).toMatchObject([{ status: 'finished', steps: 20_000 }])
  expect(tape.verify().intact).toBe(true)
  tape.close()
  expect(beside(copy)).toEqual(['copy.tape'])
})

test('a copy whose log was left behind is told as such, for reading and for writing, and not touched', () => {
  const file = newTapePath()
  // As an older gradtape made a tape: WAL mode first, so that all of it is in the log.
  const live = openDatabase(newTapePath(), { readonly: false })
  const old = path.join(temporaryFolder(), 'old.db')
  live.prepare('VACUUM INTO ?').run(old)
  live.close()
  const header = fs.readFileSync(old).subarray(0, 100)
  header.fill(2, 18, 20)
  header.fill(0, 60, 64) // user_version
  header.fill(0, 68, 72) // application_id
  const empty = Buffer.alloc(header.readUInt16BE(16))
  header.copy(empty)
  empty.writeUInt32BE(1, 28) // pages
  empty.writeUInt32BE(0, 40) // schema cookie
  empty[100] = 13 // an empty leaf: the schema of nothing
  empty.writeUInt16BE(empty.length % 65_536, 105)
  fs.writeFileSync(file, empty)
  const before = hash(file)
  for (const readonly of [true, false]) {
    expect(() => openForTest(file, { readonly })).toThrow(/^TAPE_INCOMPLETE: .*test\.tape-wal beside it/)
    expect(hash(file)).toBe(before)
    expect(beside(file)).toEqual(['test.tape'])
  }
})

test('an empty file is no tape to read, and becomes one when it is written to', () => {
  const file = newTapePath()
  fs.writeFileSync(file, '')
  expect(() => openForTest(file, { readonly: true })).toThrow(/^NOT_A_TAPE: .*holds nothing yet/)
  const tape = openForTest(file)
  expect(tape.runs()).toEqual([])
  tape.close()
  expect(openForTest(file, { readonly: true }).runs()).toEqual([])
})

test('a tape that a killed process left is read with its log, which the reader leaves as it is; a writer takes it in', async () => {
  const file = newTapePath()
  const child = startChild(RECORD, { file, steps: 300, next: 'wait' })
  await child.said('flushed')
  child.process.kill('SIGKILL')
  await child.ended
  const before = [hash(file), hash(`${file}-wal`)]
  const reader = openForTest(file, { readonly: true })
  expect(reader.runs()).toMatchObject([{ steps: 300 }])
  reader.close()
  expect([hash(file), hash(`${file}-wal`)]).toEqual(before)
  openForTest(file).close()
  expect(beside(file)).toEqual(['test.tape'])
  expect(openForTest(file, { readonly: true }).runs()).toMatchObject([{ steps: 300 }])
})

test('who closes last leaves one file: a writer beside a reader, and two processes that write', async () => {
  const file = newTapePath()
  const child = startChild(RECORD, { file, steps: 300, next: 'close' })
  await child.said('flushed')
  const tape = openForTest(file)
  const reader = openForTest(file, { readonly: true })
  await child.said('done')
  const run = tape.startRun('here')
  steps(run)
  await run.finish()
  tape.close()
  expect(reader.runs()).toMatchObject([{ steps: 300 }, { steps: 3 }])
  expect(reader.verify().intact).toBe(true)
  reader.close()
  // The child says that it is done before its process has ended, so on a busy machine it may be the one who closes last.
  await vi.waitFor(() => expect([beside(file), versions(file)]).toEqual([['test.tape'], [1, 1]]), 10_000)
})

test.each([
  ['an open tape with an empty log', 'empty'],
  ['a tape that is being recorded', 'filled'],
  ['a closed tape to which somebody writes afterwards', 'none'],
])('the last reader of %s leaves one file, out of WAL mode', async (_what, log) => {
  const file = await recordedTape((run) => steps(run))
  const early = log === 'none' ? null : openForTest(file)
  const begun = log === 'filled' ? early!.startRun('begun') : null
  begun?.flush()
  expect(logState(file)).toBe(log)
  const reader = openForTest(file, { readonly: true })
  expect(reader.runs()).toHaveLength(begun === null ? 1 : 2)
  const writer = early ?? openForTest(file)
  const run = begun ?? writer.startRun('begun')
  steps(run)
  await run.finish()
  expect(reader.runs()).toMatchObject([{ steps: 3 }, { steps: 3 }])
  writer.close()
  reader.close()
  expect(beside(file)).toEqual(['test.tape'])
  expect(versions(file)).toEqual([1, 1])
})

test('a reader of a tape that an older gradtape closed in WAL mode leaves nothing beside it, and the file as it was', () => {
  const file = newTapePath()
  fs.writeFileSync(
    file,
    zlib.gunzipSync(fs.readFileSync(new URL('../../fixtures/schema-1.tape.gz', import.meta.url))),
  )
  const bytes = fs.readFileSync(file)
  bytes.fill(2, 18, 20)
  fs.writeFileSync(file, bytes)
  const before = hash(file)
  expect(() => openForTest(file, { readonly: true })).toThrow(/^TAPE_TOO_OLD/)
  const db = openDatabase(file, { readonly: true, olderSchema: true })
  expect(db.prepare('SELECT count(*) FROM run').pluck().get()).toBeGreaterThan(0)
  db.close()
  expect(beside(file)).toEqual(['test.tape'])
  expect(hash(file)).toBe(before)
})

/** Reads a tape as somebody who may not write where it is: another user when this is root. */
function readAsStranger(file: string): unknown {
  const program = path.join(path.dirname(file), '..', `reader-${path.basename(path.dirname(file))}.mjs`)
  fs.writeFileSync(
    program,
    `const { openTape } = await import(${JSON.stringify(new URL('../../../dist/index.js', import.meta.url).href)})
     const tape = openTape(process.argv[2], { readonly: true })
     console.log(JSON.stringify({ runs: tape.runs().map(({ steps }) => steps), intact: tape.verify().intact }))
     tape.close()`,
  )
  try {
    return JSON.parse(
      asStranger(file, (who) =>
        execFileSync(process.execPath, [program, file], { ...who, encoding: 'utf8' }),
      ),
    )
  } finally {
    fs.rmSync(program)
  }
}

function asStranger<T>(file: string, act: (who: { uid?: number; gid?: number }) => T): T {
  fs.chmodSync(file, 0o444)
  fs.chmodSync(path.dirname(file), 0o555)
  try {
    return act(process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {})
  } finally {
    fs.chmodSync(path.dirname(file), 0o755)
  }
}

const CLI = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url))

test.runIf(process.platform !== 'win32')(
  'a closed tape is read from a folder without write permission; one in WAL mode too, when its log is empty',
  async () => {
    const file = await recordedTape((run) => steps(run))
    expect(readAsStranger(file)).toEqual({ runs: [3], intact: true })
    const bytes = fs.readFileSync(file)
    fs.chmodSync(file, 0o644)
    bytes.fill(2, 18, 20)
    fs.writeFileSync(file, bytes)
    expect(readAsStranger(file)).toEqual({ runs: [3], intact: true })
    const asked = [CLI, 'sql', file, 'SELECT count(*) FROM b.run', '--attach', `b=${file}`]
    const { stderr } = asStranger(file, (who) =>
      spawnSync(process.execPath, asked, { ...who, encoding: 'utf8' }),
    )
    expect(stderr).toMatch(/^TAPE_READONLY: .* cannot be read beside another tape: it is in WAL mode/)
    expect(beside(file)).toEqual(['test.tape'])
  },
)

test.runIf(process.platform !== 'win32')(
  'where a log stands beside a tape in such a folder, the reader says what to do',
  async () => {
    const file = newTapePath()
    const child = startChild(RECORD, { file, steps: 300, next: 'wait' })
    await child.said('flushed')
    child.process.kill('SIGKILL')
    await child.ended
    fs.rmSync(`${file}-shm`)
    expect(() => readAsStranger(file)).toThrow(/TAPE_READONLY: .*copy both to a folder that you may write to/)
  },
)
