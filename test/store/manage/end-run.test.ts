// The end of a run whose process is gone, written later: by a program, and by `gradtape end`. Real processes that are killed.
import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { expect, test } from 'vitest'
import '../../../src/index.js'
import { DIST, startChild } from '../../tape/child-process.js'
import { newTapePath, openForTest } from '../../tape/temporary-tape.js'

const RECORD = `
const tape = gradtape.openTape(arg.file)
await tape.startRun('whole').finish()
const run = tape.startRun('killed')
const w = gradtape.parameter([1, 2], { name: 'w' })
for (let i = 0; i < 40; i++) { run.step(); gradtape.square(w).sum().backward(); w.clearGrad(); run.log({ ['m' + i]: i }) }
run.flush()
say('recorded')
setInterval(() => {}, 1000)
`
const cli = (...words: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [`${DIST}cli/main.js`, 'end', ...words], {
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

async function killed(): Promise<string> {
  const file = newTapePath()
  const child = startChild(RECORD, { file })
  await child.said('recorded')
  // While it records, nobody ends it.
  expect(cli(`${file}:killed`, '--interrupted')).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/RUN_RECORDING/),
  })
  const tape = openForTest(file)
  expect(() => tape.interruptRun('killed')).toThrow(/^RUN_RECORDING/)
  tape.close()
  child.process.kill('SIGKILL')
  await child.ended
  return file
}

test('a killed run is ended by a program, once, and everything before it stays as it was', async () => {
  const file = await killed()
  const tape = openForTest(file)
  const before = tape.verify()
  const events = [...tape.run('killed').events()]
  expect(tape.interruptRun('killed')).toMatchObject({
    id: 2,
    status: 'interrupted',
    steps: 40,
    events: events.length + 1,
    error: null,
  })
  expect(tape.query('SELECT status FROM run ORDER BY id')).toEqual([
    { status: 'finished' },
    { status: 'interrupted' },
  ])
  expect(tape.verify()).toMatchObject({
    intact: true,
    batches: before.batches + 1,
    events: before.events + 1,
  })
  const after = [...tape.run('killed').events()]
  expect(after.slice(0, -1)).toEqual(events)
  expect(after.at(-1)).toMatchObject({ type: 'RunFinished', status: 'interrupted', step: 40 })
  expect(tape.run('killed').replay().verdict).toBe('bit-exact')
  expect(() => tape.interruptRun('killed')).toThrow(/^RUN_FINISHED/)
  expect(() => tape.interruptRun('whole')).toThrow(/^RUN_FINISHED/)
  expect(() => tape.interruptRun('other')).toThrow(/^RUN_NOT_FOUND/)
  tape.close()
  expect(() => openForTest(file, { readonly: true }).interruptRun('killed')).toThrow(/^TAPE_READONLY/)
})

test('a run that this program records itself, or that is in memory, is not ended so', async () => {
  const tape = openForTest(newTapePath())
  const run = tape.startRun('mine')
  expect(() => tape.interruptRun('mine')).toThrow(/^RUN_RECORDING/)
  await run.finish()
  const memory = openForTest(':memory:')
  memory.startRun('mine')
  expect(() => memory.interruptRun('mine')).toThrow(/^TAPE_READONLY/)
})

test('gradtape end: the newest run when not said; refuses what has an end, and does nothing unless told which end', async () => {
  const file = await killed()
  expect(cli(file)).toMatchObject({ status: 2 })
  const told = cli(file, '--interrupted', '--json')
  expect(told).toMatchObject({ status: 0, stderr: '' })
  expect(JSON.parse(told.stdout)).toMatchObject({
    file,
    run: { id: 2, name: 'killed', status: 'interrupted', steps: 40 },
  })
  expect(cli(file, '--interrupted')).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/RUN_FINISHED/),
  })
  expect(cli(`${file}:3`, '--interrupted')).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/RUN_NOT_FOUND/),
  })
  expect(cli(`${file}-none`, '--interrupted')).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/TAPE_NOT_FOUND/),
  })
  expect(cli('--help').stdout).toContain('gradtape end runs.tape:digits --interrupted')
  const tape = openForTest(file, { readonly: true })
  expect(tape.verify()).toMatchObject({ intact: true })
})

test('what is said of one run is what the list of all says of it, however it stands', async () => {
  const file = await killed()
  const tape = openForTest(file)
  tape.renameRun(1, 'first')
  tape.tagRun(1, ['best'])
  const going = tape.startRun('going', { parent: { run: 1, step: 0, changes: [] } })
  const failed = tape.startRun('failed')
  await failed.fail(new Error('no'))
  const all = tape.runs()
  expect(all.map(({ name, status }) => [name, status])).toEqual([
    ['first', 'finished'],
    ['killed', 'interrupted'],
    ['going', 'recording'],
    ['failed', 'failed'],
  ])
  const told = () => tape.runs().map(({ id }) => tape.runInfo(id))
  // Time goes on for a run that is recorded.
  const still = (infos: typeof all) =>
    infos.map((info) => ({ ...info, elapsedMs: info.status === 'recording' ? 0 : info.elapsedMs }))
  expect(still(told())).toEqual(still(all))
  expect(() => tape.runInfo(5)).toThrow(/^RUN_NOT_FOUND/)
  await going.finish()
  expect(told()).toEqual(tape.runs())
  tape.close()
})
