// Many processes are killed, each at a moment of its own, while a second thread writes what they record; what they leave
// is whole every time, and no more is missing than was promised.
import { randomInt } from 'node:crypto'
import { expect, test } from 'vitest'
import '../../src/index.js'
import { BATCHES_IN_FLIGHT } from '../../src/store/write/batch-channel.js'
import { openTape } from '../../src/tape/open-tape.js'
import { plainDatabase } from '../plain-database.js'
import { numbersFrom } from '../seeded-numbers.js'
import { type Child, startChild } from './child-process.js'
import { newTapePath } from './temporary-tape.js'

const KILLS = Number(process.env.GRADTAPE_KILLS ?? 12)
const LANES = 2
/** This many kills share one file, so that a recording also goes on from what a kill left. */
const KILLS_A_FILE = 4
const DELAY_MAX_MS = 80

/** Says where it is: `flushed` is on the disk, `position` has happened. The first word comes when the second thread writes. */
const RECORD = `
const { add, constant, matmul, mul, noGrad, parameter, square, sub, sum } = gradtape
const tape = gradtape.openTape(arg.file)
const run = tape.startRun('killed', arg.options)
const w = parameter(Array.from({ length: 24 }, (_, i) => Array.from({ length: 24 }, (_, j) => Math.sin(i * 24 + j))), { name: 'w' })
const turns = parameter([1, 2], { name: 'turns' })
const rate = constant(0.001)
let flushed = 0
let handedOver = false
const tell = () => say(JSON.stringify({ run: run.id, position: run.position, flushed, at: Date.now() }))
for (let i = 0; ; i++) {
  run.step()
  turns.requiresGrad = i % 2 === 0
  const loss = add(sum(square(matmul(constant(Array.from({ length: 2 }, (_, k) => new Array(24).fill(i + k))), w))), sum(square(turns)))
  w.clearGrad()
  loss.backward()
  noGrad(() => { w.data = sub(w, mul(w.grad, rate)).data })
  run.log({ loss })
  if (!handedOver && arg.handedOverAfter !== undefined) {
    handedOver = run.position > arg.handedOverAfter
    if (handedOver) { run.flush(); say('handed over') } else continue
  }
  if (i % 7 === 0 && !arg.neverFlush) { run.flush(); flushed = run.position }
  tell()
  if (arg.everyMs !== undefined || i % 5 === 0) await new Promise((resolve) => setTimeout(resolve, arg.everyMs ?? 1))
}
`

interface Told {
  run: number
  position: number
  flushed: number
  at: number
}

const seed = Number(process.env.GRADTAPE_SEED ?? randomInt(2 ** 31))
process.stderr.write(`kill test: GRADTAPE_SEED=${seed}\n`)

/** Kills the child so long after it first told where it is; gives all it told. */
async function killed(child: Child, afterMs: number): Promise<Told[]> {
  await child.said('position')
  await new Promise((resolve) => setTimeout(resolve, afterMs))
  child.process.kill('SIGKILL')
  const { signal, stderr } = await child.ended
  expect([stderr, signal]).toEqual(['', 'SIGKILL'])
  return child.stdout
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as Told)
}

test(`${KILLS} kills while a second thread writes leave a tape that opens, is whole, and replays bit for bit`, {
  timeout: 600_000,
}, async () => {
  let [events, lost] = [0, 0]
  const lane = async (number: number) => {
    const random = numbersFrom(seed + number)
    let file = newTapePath()
    let runs: Told[] = []
    for (let kill = number; kill < KILLS; kill += LANES) {
      const eventsMax = 1 + Math.floor(random() * 60)
      const options = { batch: { eventsMax, bytesMax: 2 ** 22, ageMaxMs: 50 } }
      const child = startChild(RECORD, { file, options, handedOverAfter: 2 * eventsMax })
      const told = (await killed(child, random() * DELAY_MAX_MS)).at(-1)!
      const where = `seed ${seed}, kill ${kill}`
      expect(child.stdout, where).toContain('handed over')
      runs.push(told)
      const left = eventsOnDisk(file, told, where)
      expect(told.position - left, where).toBeLessThanOrEqual(BATCHES_IN_FLIGHT * eventsMax)
      events += left
      lost = Math.max(lost, told.position - left)
      if (runs.length < KILLS_A_FILE && kill + LANES < KILLS) continue
      checkWhole(file, runs, where)
      file = newTapePath()
      runs = []
    }
  }
  await Promise.all(Array.from({ length: LANES }, (_, number) => lane(number)))
  process.stderr.write(`kill test: ${events} events in the files, at most ${lost} lost by one kill\n`)
  expect(events).toBeGreaterThan(KILLS * 10)
})

test('what happened longer ago than the longest wait is on the disk, though nobody flushed', async () => {
  const random = numbersFrom(seed)
  const ageMaxMs = 50
  for (let kill = 0; kill < 1 + KILLS / 20; kill++) {
    const file = newTapePath()
    const options = { batch: { eventsMax: 8192, bytesMax: 2 ** 22, ageMaxMs } }
    const child = startChild(RECORD, { file, options, handedOverAfter: 2048, everyMs: 5, neverFlush: true })
    const told = await killed(child, 2000 + random() * 300)
    const killedAt = told.at(-1)!.at
    // Twice the age at most in memory, and then the thread has to write it, on a machine that may have other work.
    const safe = told.findLast(({ at }) => at < killedAt - 2 * ageMaxMs - 1500)!
    const where = `seed ${seed}, kill ${kill}`
    expect(eventsOnDisk(file, told.at(-1)!, where), where).toBeGreaterThanOrEqual(safe.position)
    checkWhole(file, told.slice(-1), where)
  }
})

test("with durability 'strict' a kill loses nothing that a call returned from", async () => {
  const random = numbersFrom(seed)
  for (let kill = 0; kill < KILLS / 4; kill++) {
    const file = newTapePath()
    const child = startChild(RECORD, { file, options: { durability: 'strict' }, neverFlush: true })
    const told = (await killed(child, random() * DELAY_MAX_MS)).at(-1)!
    const where = `seed ${seed}, kill ${kill}`
    expect(eventsOnDisk(file, told, where), where).toBeGreaterThanOrEqual(told.position)
    checkWhole(file, [told], where)
  }
})

/** The number of events that a killed process left, at least those of which it was told that they are on the disk. */
function eventsOnDisk(file: string, told: Told, where: string): number {
  const tape = openTape(file, { readonly: true })
  try {
    const info = tape.runs().find((run) => run.id === told.run)!
    expect(info, where).toMatchObject({ name: 'killed', status: 'interrupted' })
    expect(info.events, where).toBeGreaterThanOrEqual(told.flushed)
    return info.events
  } finally {
    tape.close()
  }
}

/** Looks at all that processes left in a file, the last of them just killed. */
function checkWhole(file: string, runs: readonly Told[], where: string): void {
  const db = plainDatabase(file)
  expect(db.pragma('integrity_check', { simple: true }), where).toBe('ok')
  db.close()
  const tape = openTape(file, { readonly: true })
  try {
    expect(tape.verify(), where).toMatchObject({ intact: true, problem: null })
    const infos = tape.runs()
    expect(
      infos.map(({ id }) => id),
      where,
    ).toEqual(expect.arrayContaining(runs.map(({ run }) => run)))
    for (const { id, events } of infos) {
      let position = 0
      for (const event of tape.run(id).events())
        if (event.position !== ++position)
          expect.fail(`${where}: event ${event.position} after ${position - 1}`)
      expect(position, where).toBe(events)
      expect(tape.run(id).replay(), where).toMatchObject({ verdict: 'bit-exact', events, divergence: null })
    }
  } finally {
    tape.close()
  }
}
