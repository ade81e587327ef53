// Whether a run is still being recorded: a lock says it, not the number of a process, which another process may have by now.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import '../../src/index.js'
import { DIST, runChild, startChild } from './child-process.js'
import { newTapePath, openForTest, temporaryFolder } from './temporary-tape.js'

const RECORD = `
const tape = gradtape.openTape(arg.file)
const run = tape.startRun('r')
run.step()
run.flush()
say('recording')
setInterval(() => {}, 1000)
`
const statusOf = (file: string) => {
  const tape = openForTest(file, { readonly: true })
  const { status } = tape.runs()[0]!
  tape.close()
  return status
}
const besides = (file: string) =>
  fs.readdirSync(path.dirname(file)).filter((name) => name.includes('-recording-'))

describe('a run without an end', () => {
  test('is recording while its process lives, and interrupted when that was killed', async () => {
    const file = newTapePath()
    const child = startChild(RECORD, { file })
    await child.said('recording')
    expect(statusOf(file)).toBe('recording')
    const link = path.join(temporaryFolder(), 'link.tape')
    fs.symlinkSync(file, link)
    expect(statusOf(link)).toBe('recording')
    child.process.kill('SIGKILL')
    await child.ended
    expect(statusOf(file)).toBe('interrupted')
    expect(besides(file)).toHaveLength(1)
    openForTest(file).close() // who may write tidies up
    expect(besides(file)).toEqual([])
    expect(statusOf(file)).toBe('interrupted')
  })

  test('is interrupted at once in a copy, where nobody records', async () => {
    const [file, copy] = [newTapePath(), newTapePath()]
    const tape = openForTest(file)
    const run = tape.startRun('r')
    fs.copyFileSync(file, copy)
    fs.copyFileSync(`${file}-wal`, `${copy}-wal`)
    expect([statusOf(file), statusOf(copy)]).toEqual(['recording', 'interrupted'])
    await run.finish()
    expect(besides(file)).toEqual([])
  })

  test('is interrupted when its thread was terminated, though the process lives', async () => {
    const file = newTapePath()
    const worker = new Worker(
      `const { parentPort, workerData } = require('node:worker_threads')
       import(workerData.library).then(({ openTape }) => { const run = openTape(workerData.file).startRun('r'); run.step(); run.flush(); parentPort.postMessage('recording'); setInterval(() => {}, 1000) })`,
      { eval: true, workerData: { file, library: new URL('index.js', `file://${DIST}`).href } },
    )
    await new Promise((resolve) => worker.once('message', resolve))
    expect(statusOf(file)).toBe('recording')
    await worker.terminate()
    expect(statusOf(file)).toBe('interrupted')
  })

  const namespaces = (() => {
    try {
      execFileSync('unshare', ['--pid', '--fork', 'true'], { stdio: 'ignore' })
      return true
    } catch {
      return false
    }
  })()
  test.runIf(namespaces)(
    'is interrupted though another process has its number: a container began anew',
    async () => {
      const file = newTapePath()
      const child = startChild(
        RECORD.replace("say('recording')", "say('recording ' + process.pid)"),
        { file },
        (command) => ['unshare', '--pid', '--fork', '--kill-child=SIGKILL', ...command],
      )
      await child.said('recording 1\n')
      expect(statusOf(file)).toBe('recording')
      child.process.kill('SIGKILL')
      await child.ended
      process.kill(1, 0) // there is such a process here
      expect(statusOf(file)).toBe('interrupted')
    },
  )

  test('lets compact do its work when it is interrupted', async () => {
    const file = newTapePath()
    await runChild(`${RECORD}; process.kill(process.pid, 'SIGKILL')`, { file })
    const said = execFileSync(process.execPath, [path.join(DIST, 'cli/main.js'), 'compact', file], {
      encoding: 'utf8',
    })
    expect(said).not.toMatch(/RUN_RECORDING/)
  })
})
