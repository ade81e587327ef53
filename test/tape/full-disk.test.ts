// A write that fails in the middle of a run. A real one: the operating system refuses to let the file grow (RLIMIT_FSIZE,
// whose signal Node ignores), and later is told to allow it again.
import { describe, expect, test } from 'vitest'
import '../../src/index.js'
import { runChild } from './child-process.js'
import { newTapePath, openForTest } from './temporary-tape.js'

/** Allows files of this many KiB. */
const limitTo = (kibibytes: number) => (command: string[]) => [
  'bash',
  '-c',
  `ulimit -S -f ${kibibytes}; exec "$@"`,
  'bash',
  ...command,
]

const RECORD = `
import { execFileSync } from 'node:child_process'
const makeRoom = () => execFileSync('prlimit', ['--pid', String(process.pid), '--fsize=unlimited:'])
const { Variable, square, sum } = gradtape
const attempt = (what, doing) => { try { doing(); return { what, code: null } } catch (error) { return { what, code: error.code, message: error.message } } }
const attemptAsync = async (what, doing) => { try { await doing(); return { what, code: null } } catch (error) { return { what, code: error.code, message: error.message } } }
const tape = gradtape.openTape(arg.file)
const run = tape.startRun('r', arg.options)
let flushed = 0
let calls = 0
let failed = null
while (failed === null && calls < 5000) {
  const got = attempt('call', () => { square(new Variable(Array.from({ length: 512 }, (_, i) => i + calls))); calls++ })
  if (got.code !== null) failed = got
  else if (calls % 10 === 0 && attempt('', () => run.flush()).code === null) flushed = run.position
}
`

describe.each([
  ['a second thread writes', { batch: { eventsMax: 16, bytesMax: 2 ** 20, ageMaxMs: 1e6 } }, 4000],
  // A commit writes whole pages, a hundred KiB or more of them, however small the event is.
  ['each event is written at once', { durability: 'strict' }, 12_000],
] as const)('when the disk is full in the middle of a run, and %s', (_, options, kibibytes) => {
  test('the next call, flush() and finish() throw WRITE_FAILED, and what was flushed is on the tape', async () => {
    const file = newTapePath()
    const { stdout, stderr } = await runChild(
      `${RECORD}
       const all = [failed, attempt('call', () => square(new Variable(1))), attempt('log', () => run.log({ loss: 1 })), attempt('step', () => run.step()),
         attempt('flush', () => run.flush()), await attemptAsync('finish', () => run.finish())]
       say(JSON.stringify({ all, calls, flushed }))
       process.kill(process.pid, 'SIGKILL')`,
      { file, options },
      limitTo(kibibytes),
    )
    expect(stderr).toBe('')
    const { all, calls, flushed } = JSON.parse(stdout)
    expect(calls).toBeGreaterThan(20)
    expect(flushed).toBeGreaterThan(20)
    for (const { what, code, message } of all) {
      expect(code, what).toBe('WRITE_FAILED')
      expect(message).toMatch(/^WRITE_FAILED: writing events \d+ to \d+ of run "r": /)
    }
    const tape = openForTest(file)
    expect(tape.verify()).toMatchObject({ intact: true, problem: null })
    expect(tape.runs()[0]).toMatchObject({ status: 'interrupted' })
    expect(tape.runs()[0]!.events).toBeGreaterThanOrEqual(flushed)
    expect(tape.run('r').replay().verdict).toBe('bit-exact')
  })

  test('after room is made flush() succeeds, the run goes on, and nothing is lost', async () => {
    const file = newTapePath()
    const { stdout, stderr } = await runChild(
      `${RECORD}
       const before = [failed, attempt('flush', () => run.flush())]
       const position = run.position
       makeRoom()
       const after = [attempt('flush', () => run.flush()), attempt('call', () => square(new Variable(7, { name: 'after' }))), await attemptAsync('finish', () => run.finish())]
       say(JSON.stringify({ before, after, position }))`,
      { file, options },
      limitTo(kibibytes),
    )
    expect(stderr).toBe('')
    const { before, after, position } = JSON.parse(stdout)
    for (const { what, code } of before) expect(code, what).toBe('WRITE_FAILED')
    for (const each of after) expect(each).toEqual({ what: each.what, code: null })
    const tape = openForTest(file, { readonly: true })
    expect(tape.verify()).toMatchObject({ intact: true, problem: null })
    expect(tape.runs()[0]).toMatchObject({ status: 'finished', events: position + 3 })
    expect(tape.run('r').variable('after').item()).toBe(7)
    expect(tape.run('r').replay()).toMatchObject({ verdict: 'bit-exact', events: position + 3 })
  })

  test('finish() may be called again after room is made', async () => {
    const file = newTapePath()
    const { stdout, stderr } = await runChild(
      `${RECORD}
       const first = await attemptAsync('finish', () => run.finish())
       makeRoom()
       const second = await attemptAsync('finish', () => run.finish())
       say(JSON.stringify([first.code, second.code, run.finished]))`,
      { file, options },
      limitTo(kibibytes),
    )
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual(['WRITE_FAILED', null, true])
    const tape = openForTest(file, { readonly: true })
    expect(tape.runs()[0]).toMatchObject({ status: 'finished' })
    expect(tape.verify().intact).toBe(true)
  })
})

describe('when the disk is full and', () => {
  test('a process ends without having noticed, it says so', async () => {
    const file = newTapePath()
    const { code, stderr } = await runChild(
      `const tape = gradtape.openTape(arg.file)
       const run = tape.startRun('r', { capture: 'full', batch: { eventsMax: 1e6, bytesMax: 2 ** 30, ageMaxMs: 1e6 } })
       for (let i = 0; i < 600; i++) gradtape.square(new gradtape.Variable(Array.from({ length: 512 }, (_, k) => i + k)))`,
      { file },
      limitTo(4000),
    )
    expect(code).not.toBe(0)
    expect(stderr).toContain('WRITE_FAILED')
    expect(openForTest(file).verify().intact).toBe(true)
  })

  test('a run that cannot be written is abandoned: the program goes on, and the tape says interrupted', async () => {
    for (const options of [
      { durability: 'strict' },
      { batch: { eventsMax: 16, bytesMax: 2 ** 20, ageMaxMs: 1e6 } },
    ]) {
      const file = newTapePath()
      const { code, stdout, stderr } = await runChild(
        `${RECORD}
         run.abandon()
         const after = [attempt('call', () => square(new Variable(1))), attempt('log', () => run.log({ loss: 1 })), await attemptAsync('finish', () => run.finish())]
         makeRoom()
         const next = tape.startRun('next')
         square(new Variable(3))
         await next.finish()
         tape.close()
         say(JSON.stringify(after.map((each) => each.code)))`,
        { file, options },
        limitTo(12_000),
      )
      expect([code, stderr]).toEqual([0, ''])
      expect(JSON.parse(stdout)).toEqual([null, 'RUN_FINISHED', 'RUN_FINISHED'])
      const tape = openForTest(file, { readonly: true })
      expect(tape.verify()).toMatchObject({ intact: true, problem: null })
      expect(tape.runs().map(({ name, status }) => [name, status])).toEqual([
        ['r', 'interrupted'],
        ['next', 'finished'],
      ])
    }
  })
})
