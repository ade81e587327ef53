// However a process ends, what happened up to its last event is on the tape. Real processes.
import { describe, expect, test } from 'vitest'
import '../../src/index.js'
import { runChild } from './child-process.js'
import { newTapePath, openForTest } from './temporary-tape.js'

const RECORD = `
const tape = gradtape.openTape(arg.file)
const run = tape.startRun('r', arg.options)
const x = new gradtape.Variable(0.5, { name: 'x' })
for (let i = 0; i < 100; i++) { run.step(); run.log({ loss: gradtape.square(x) }) }
run.note('the last')
`

describe.each([
  ['while the training thread writes', {}],
  ['while a second thread writes', { batch: { eventsMax: 32, bytesMax: 2 ** 20, ageMaxMs: 1e6 } }],
])('%s, everything up to the last event is on the tape when a process', (_, options) => {
  /** Ends such a process as `end` says and gives what its tape holds. */
  async function endedBy(end: string) {
    const file = newTapePath()
    const outcome = await runChild(RECORD + end, { file, options })
    const tape = openForTest(file, { readonly: true })
    const past = tape.run('r')
    const events = [...past.events()]
    expect(tape.verify()).toMatchObject({ intact: true, problem: null })
    expect(past.replay().verdict).toBe('bit-exact')
    return { outcome, info: tape.runs()[0]!, events, tape }
  }

  test('comes to its natural end without finish(): interrupted', async () => {
    const { outcome, info, events } = await endedBy('')
    expect(outcome).toMatchObject({ code: 0, stderr: '' })
    expect(info).toMatchObject({ status: 'interrupted', error: null, steps: 100 })
    expect(events.at(-2)).toMatchObject({ type: 'NoteAdded', text: 'the last' })
    expect(events.at(-1)).toMatchObject({ type: 'RunFinished', status: 'interrupted' })
  })

  test('finishes: finished', async () => {
    const { outcome, info } = await endedBy('await run.finish()')
    expect(outcome).toMatchObject({ code: 0, stderr: '' })
    expect(info).toMatchObject({ status: 'finished', error: null, steps: 100 })
  })

  test('finishes without waiting for it', async () => {
    const { info } = await endedBy('run.finish()')
    expect(info).toMatchObject({ status: 'finished', steps: 100 })
  })

  test('calls process.exit in the middle: interrupted', async () => {
    const { outcome, info, events } = await endedBy('process.exit(3)')
    expect(outcome).toMatchObject({ code: 3, stderr: '' })
    expect(info).toMatchObject({ status: 'interrupted', steps: 100 })
    expect(events.at(-2)).toMatchObject({ type: 'NoteAdded', text: 'the last' })
  })

  test('throws what nobody catches: failed, with the error', async () => {
    const { outcome, info } = await endedBy(`throw new RangeError('out of luck')`)
    expect(outcome.code).toBe(1)
    expect(outcome.stderr).toContain('out of luck')
    expect(info).toMatchObject({ status: 'failed', error: 'RangeError: out of luck', steps: 100 })
  })

  test('throws later, from a timer', async () => {
    const { info, events } = await endedBy(
      `setTimeout(() => { gradtape.square(x); throw new Error('later') }, 20)`,
    )
    expect(info).toMatchObject({ status: 'failed', error: 'Error: later' })
    expect(events.at(-2)).toMatchObject({ type: 'FunctionCalled' })
  })

  test('throws something that is no error', async () => {
    const { info } = await endedBy(`setTimeout(() => { throw undefined }, 1)`)
    expect(info.status).toBe('failed')
    expect((await endedBy(`setTimeout(() => { throw 'text' }, 1)`)).info).toMatchObject({
      status: 'failed',
      error: 'text',
    })
  })

  test('leaves a rejection unhandled: failed', async () => {
    const { outcome, info } = await endedBy(
      `Promise.reject(new TypeError('lost')); await new Promise((r) => setTimeout(r, 1000))`,
    )
    expect(outcome.code).toBe(1)
    expect(info).toMatchObject({ status: 'failed', error: 'TypeError: lost' })
  })

  test('fails by its own word', async () => {
    const { info } = await endedBy(`await run.fail(new Error('loss is NaN'))`)
    expect(info).toMatchObject({ status: 'failed', error: 'Error: loss is NaN' })
  })

  test('closes the tape under an open run: interrupted', async () => {
    const { info } = await endedBy('tape.close()')
    expect(info.status).toBe('interrupted')
  })

  test('has runs inside runs open: each gets its end', async () => {
    const { tape } = await endedBy(
      `const inner = tape.startRun('inner'); gradtape.square(x); process.exit(0)`,
    )
    expect(tape.runs().map(({ name, status }) => [name, status])).toEqual([
      ['r', 'interrupted'],
      ['inner', 'interrupted'],
    ])
  })

  test('changes its folder while it records', async () => {
    const { info } = await endedBy(`process.chdir('/'); gradtape.square(x)`)
    expect(info.status).toBe('interrupted')
  })

  test('is told to end by SIGTERM or SIGINT: whole batches stay, and the run counts as interrupted', async () => {
    for (const signal of ['SIGTERM', 'SIGINT']) {
      const file = newTapePath()
      const outcome = await runChild(
        `${RECORD}; run.flush(); process.kill(process.pid, '${signal}'); setInterval(() => {}, 1000)`,
        { file, options },
      )
      expect(outcome.signal).toBe(signal)
      const tape = openForTest(file, { readonly: true })
      expect(tape.runs()[0]).toMatchObject({ status: 'interrupted', steps: 100 })
      expect(tape.verify().intact).toBe(true)
    }
  })
})

test('a run whose process lives is recording', async () => {
  const tape = openForTest(newTapePath())
  tape.startRun('r')
  expect(tape.runs()[0]!.status).toBe('recording')
})
