// Where no second thread can be started the training thread writes the whole run, and no end is written before what it ends.
// Real processes, under a permission model, with modules that fail in threads, and out of file handles.
import fs from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { expect, test } from 'vitest'
import '../../src/index.js'
import { runChild } from './child-process.js'
import { newTapePath, openForTest, temporaryFolder } from './temporary-tape.js'

const STEPS = 20_000
const RECORD = `
const tape = gradtape.openTape(arg.file)
const run = tape.startRun('r')
const w = gradtape.parameter([1, 2, 3], { name: 'w' })
if (arg.takeHandles) {
  const taken = []
  for (;;) try { taken.push(fs.openSync(process.execPath)) } catch { break }
  for (const each of taken.slice(0, 4)) fs.closeSync(each) // for SQLite's own; a thread needs more
}
for (let i = 0; i < ${STEPS}; i++) { run.step(); gradtape.mul(w, i); if (i % 1000 === 0) w.data = gradtape.mul(w, 0.5).data }
run.note('last')
await run.finish()
say(run.position)
`

async function checkRecorded(wrap: (command: string[]) => string[], more: object = {}): Promise<void> {
  const file = newTapePath()
  const { stdout, stderr, code } = await runChild(RECORD, { file, ...more }, wrap)
  expect([stderr.replace(/^.*Warning: .*\n|^\(Use `node.*\n/gm, ''), code]).toEqual(['', 0])
  const tape = openForTest(file, { readonly: true })
  expect(tape.verify()).toMatchObject({ intact: true, problem: null })
  expect(tape.runs()[0]).toMatchObject({ status: 'finished', steps: STEPS, events: Number(stdout) })
  expect(tape.run('r').replay({ to: 100 }).verdict).toBe('bit-exact')
}

const inserted =
  (...words: string[]) =>
  ([node, ...rest]: string[]) => [node!, ...words, ...rest]

test('under the permission model, which allows no threads', async () => {
  const flag =
    Number(process.versions.node.split('.')[0]) >= 23 ? '--permission' : '--experimental-permission'
  await checkRecorded(inserted(flag, '--allow-fs-read=*', '--allow-fs-write=*', '--allow-addons'))
})

test.each(['--import', 'NODE_OPTIONS'])(
  'where a module that %s loads first fails in threads',
  async (how) => {
    const module = path.join(temporaryFolder(), 'first.mjs')
    fs.writeFileSync(
      module,
      `import { isMainThread } from 'node:worker_threads'; if (!isMainThread) throw new Error('not in a thread')`,
    )
    await checkRecorded(
      how === '--import'
        ? inserted('--import', module)
        : (command) => ['env', `NODE_OPTIONS=--import ${module}`, ...command],
    )
  },
)

test('where no file handle is left for a thread: it is not waited for without end', {
  timeout: 120_000,
}, async () => {
  await checkRecorded((command) => ['bash', '-c', 'ulimit -n 400; exec "$@"', 'bash', ...command], {
    takeHandles: true,
  })
})
