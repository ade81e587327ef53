// A tape of before each gradient had a Variable of its own, with calls of the function `checkpoint`: it replays as it was recorded.
import fs from 'node:fs'
import zlib from 'node:zlib'
import { expect, test } from 'vitest'
import '../../src/index.js'
import { newTapePath, openForTest } from '../tape/temporary-tape.js'

const fixture = new URL('../fixtures/shared-gradients.tape.gz', import.meta.url)

test('shared gradients, seeds that became gradients, and checkpoints replay bit for bit and differentiate', () => {
  const file = newTapePath()
  fs.writeFileSync(file, zlib.gunzipSync(fs.readFileSync(fixture)))
  const tape = openForTest(file)
  expect(tape.verify()).toMatchObject({ intact: true, problem: null })
  const past = tape.run('old')
  const events = [...past.events()]
  // The tape holds what this is about.
  expect(events.some((e) => e.type === 'FunctionCalled' && e.function === 'checkpoint')).toBe(true)
  expect(events.filter((e) => e.type === 'GradientComputed' && e.gradient !== null).length).toBeGreaterThan(
    10,
  )
  expect(past.replay()).toMatchObject({ verdict: 'bit-exact', events: events.length, divergence: null })
  const w = past.variable('w', { step: 2 })
  w.clearGrad()
  past.variable('loss', { step: 2 }).backward()
  expect(w.grad!.shape).toEqual([2, 2])
})
