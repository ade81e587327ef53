// A tape that is being recorded is read as of one moment: verify finds it intact, however often it is asked.
import { expect, test } from 'vitest'
import { openTape } from '../../../src/tape/open-tape.js'
import { startChild } from '../../tape/child-process.js'
import { newTapePath } from '../../tape/temporary-tape.js'

test('verify finds a tape intact while another process records into it', { timeout: 120_000 }, async () => {
  const file = newTapePath()
  const child = startChild(
    `const run = gradtape.openTape(arg).startRun('live'), w = gradtape.parameter(2, { name: 'w' })
    let said = false
    const go = () => {
      for (let k = 0; k < 100; k++) { run.step(); const y = w.mul(w); y.backward(); w.clearGrad(); run.log({ y }) }
      run.flush() // so that it is in the file soon, however slow the machine is
      if (!said) { said = true; say('recording') }
      setTimeout(go, 1)
    }
    go()`,
    file,
  )
  await child.said('recording')
  const events: number[] = []
  for (let i = 0; i < 6; i++) {
    const tape = openTape(file, { readonly: true })
    const report = tape.verify()
    tape.close()
    expect(report).toMatchObject({ intact: true, problem: null })
    events.push(report.events)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  expect(events.at(-1)).toBeGreaterThan(events[0]!) // it went on meanwhile
  child.process.kill('SIGKILL')
  await child.ended
})
