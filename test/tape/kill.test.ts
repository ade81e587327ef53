// 100 processes are killed, each at a moment of its own, while they record; what they leave is whole every time.
import { randomInt } from 'node:crypto'
import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import '../../src/index.js'
import { openTape } from '../../src/tape/tape.js'
import { startChild } from './child-process.js'
import { newTapePath } from './temporary-tape.js'

const KILLS = 100
const LANES = 2
/** So many kills share one file, so that a recording also goes on from what a kill left. */
const KILLS_A_FILE = 5
const DELAY_MAX_MS = 250

const RECORD = `
const { constant, matmul, mul, noGrad, parameter, square, sub, sum } = gradtape
const tape = gradtape.openTape(arg.file)
const run = tape.startRun('killed', { batch: { eventsMax: arg.eventsMax, bytesMax: 2 ** 22, ageMaxMs: 50 } })
const w = parameter(Array.from({ length: 24 }, (_, i) => Array.from({ length: 24 }, (_, j) => Math.sin(i * 24 + j))), { name: 'w' })
const rate = constant(0.001)
say(JSON.stringify({ run: run.id, position: run.position }))
for (let i = 0; ; i++) {
  run.step()
  const loss = sum(square(matmul(constant(Array.from({ length: 2 }, (_, k) => new Array(24).fill(i + k))), w)))
  w.clearGrad()
  loss.backward()
  noGrad(() => { w.data = sub(w, mul(w.grad, rate)).data })
  run.log({ loss })
  if (i % 7 === 0) { run.flush(); say(JSON.stringify({ run: run.id, position: run.position })) }
  if (i % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
}
`

/** A small generator of random numbers, so that the printed seed gives the moments of the kills again. */
function numbersFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

test(`${KILLS} kills in the middle of recording leave a tape that opens, is whole, and replays bit for bit`, {
  timeout: 240_000,
}, async () => {
  const seed = Number(process.env.GRADTAPE_SEED ?? randomInt(2 ** 31))
  process.stderr.write(`kill test: GRADTAPE_SEED=${seed}\n`)
  let events = 0
  const lane = async (number: number) => {
    const random = numbersFrom(seed + number)
    let file = newTapePath()
    for (let kill = number; kill < KILLS; kill += LANES) {
      if (Math.floor(kill / LANES) % KILLS_A_FILE === 0) file = newTapePath()
      const child = startChild(RECORD, { file, eventsMax: 1 + Math.floor(random() * 60) })
      await child.said('position')
      await new Promise((resolve) => setTimeout(resolve, random() * DELAY_MAX_MS))
      child.process.kill('SIGKILL')
      expect((await child.ended).signal).toBe('SIGKILL')
      const told = child.stdout
        .trim()
        .split('\n')
        .filter((line) => line.endsWith('}'))
      events += check(file, JSON.parse(told.at(-1)!), `seed ${seed}, kill ${kill}`)
    }
  }
  await Promise.all(Array.from({ length: LANES }, (_, number) => lane(number)))
  expect(events).toBeGreaterThan(KILLS * 10)
})

/** Looks at what a killed process left, after the last position it was told was on the disk; gives the number of events. */
function check(file: string, flushed: { run: number; position: number }, where: string): number {
  const db = new Database(file)
  expect(db.pragma('integrity_check', { simple: true }), where).toBe('ok')
  db.close()
  const tape = openTape(file, { readonly: true })
  try {
    expect(tape.verify(), where).toMatchObject({ intact: true, problem: null })
    const info = tape.runs().find((run) => run.id === flushed.run)!
    expect(info, where).toMatchObject({ name: 'killed', status: 'interrupted' })
    expect(info.events, where).toBeGreaterThanOrEqual(flushed.position)
    const past = tape.run(flushed.run)
    let position = 0
    for (const event of past.events())
      if (event.position !== ++position)
        expect.fail(`${where}: event ${event.position} after ${position - 1}`)
    expect(position, where).toBe(info.events)
    expect(past.replay(), where).toMatchObject({ verdict: 'bit-exact', events: position, divergence: null })
    return position
  } finally {
    tape.close()
  }
}
