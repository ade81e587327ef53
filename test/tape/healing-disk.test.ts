// A disk that is full for a moment. The operation that says so has happened in the program; so it must be on the tape, whatever
// operation it was, and wherever in its middle writing failed. Real processes: the operating system refuses to let files grow.
import { randomInt } from 'node:crypto'
import { expect, test } from 'vitest'
import '../../src/index.js'
import { runChild } from './child-process.js'
import { newTapePath, openForTest } from './temporary-tape.js'

/** Trainings of each kind, drawn anew in each run of the suite. */
const RUNS = Number(process.env.GRADTAPE_TRAININGS ?? 3)
const seed = Number(process.env.GRADTAPE_SEED ?? randomInt(2 ** 31))

/** Every kind of operation that leaves an event, drawn at random; each that throws is done all the same, and never again. */
const TRAIN = `
import { execFileSync } from 'node:child_process'
const { Adam, BatchNorm, Variable, constant, dropout, matmul, mean, mul, ndarray, noGrad, parameter, square, sub, sum, clipGradNorm, grad } = gradtape
let state = arg.seed >>> 0
const random = () => {
  state = (state + 0x6d2b79f5) >>> 0
  let t = Math.imul(state ^ (state >>> 15), state | 1)
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}
const limit = (bytes) => execFileSync('prlimit', ['--pid', String(process.pid), '--fsize=' + bytes + ':'])
const sizeOf = (file) => fs.existsSync(file) ? fs.statSync(file).size : 0
const wait = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
const tape = gradtape.openTape(arg.file)
const run = tape.startRun('r', arg.options)
const weights = ['a', 'b', 'c'].map((name) => parameter(Array.from({ length: 6 }, () => [random(), random(), random(), random(), random(), random()]), { name }))
const norm = new BatchNorm(6)
const optimizer = new Adam(weights, { lr: 0.01 })
const known = new Map()
for (const w of weights) known.set(w, w.name)
let h = null, loss = null, thrown = 0
const any = () => weights[Math.floor(random() * weights.length)]
const OPERATIONS = [
  () => run.step(),
  () => { h = matmul(constant(Array.from({ length: 4 }, () => Array.from({ length: 6 }, random))), any()) },
  () => { if (h !== null) h = norm.forward(h) },
  () => { if (h !== null) h = dropout(h, { p: 0.3 }) },
  () => { if (h !== null) loss = mean(square(sub(matmul(h, any()), 1))) },
  () => { if (loss !== null && loss.requiresGrad) { loss.backward(); if (random() < 0.7) { loss = null; h = null } } },
  () => { if (loss !== null && loss.requiresGrad) { const [g] = grad([loss], [weights[0]], { createGraph: true }); const second = sum(square(g)); if (second.requiresGrad) second.backward(); loss = null; h = null } },
  () => { if (weights.every((w) => w.grad !== null)) optimizer.step() },
  () => optimizer.clearGrads(),
  () => any().clearGrad(),
  () => { any().data = ndarray(Array.from({ length: 6 }, () => Array.from({ length: 6 }, random))) },
  () => { const w = any(); if (w.grad !== null) noGrad(() => { w.data = sub(w, mul(w.grad, 0.1)).data }) },
  () => { any().grad = new Variable(Array.from({ length: 6 }, () => Array.from({ length: 6 }, random))) },
  () => { any().name = 'n' + Math.floor(random() * 1000) },
  () => { if (h !== null && random() < 0.3) h.unchain() },
  () => { const held = weights.filter((w) => w.grad !== null); if (held.length > 0) clipGradNorm(held, 0.5) },
  () => run.log({ x: random(), y: random() }),
  () => run.note('remark ' + random()),
]
let full = false
for (let i = 0; i < arg.operations; i++) {
  if (!full && random() < 0.04) {
    limit(Math.max(sizeOf(arg.file), sizeOf(arg.file + '-wal')))
    full = true
  }
  if (random() < 0.1) wait(3) // so that the second thread fails in the middle of things
  try {
    OPERATIONS[Math.floor(random() * OPERATIONS.length)]()
  } catch (error) {
    if (error.code === 'STALE_VERSION') { loss = null; h = null; continue } // a second derivative through an old version
    if (error.code !== 'WRITE_FAILED') throw error
    thrown++
    if (random() < 0.6) { limit('unlimited'); full = false; run.flush() }
  }
}
limit('unlimited')
// A write that began before the disk had room again may fail only now; the flush after it has nothing in its way.
try { run.flush() } catch (error) { if (error.code !== 'WRITE_FAILED') throw error; run.flush() }
// The gradients that are held, as values: so the tape must know them, too.
for (const w of weights) if (w.grad !== null) noGrad(() => { w.data = mul(w.grad, 2).data })
await run.finish()
const bytes = (v) => [...v.data.data]
say(JSON.stringify({ thrown, random: random(), variables: [...weights, ...norm.buffers?.() ?? []].filter((v) => v instanceof Variable && v.position !== null).map((v) => ({ position: v.position, name: v.name, data: bytes(v) })) }))
tape.close()
`

test.each([
  ['a second thread writes', { batch: { eventsMax: 6, bytesMax: 2 ** 20, ageMaxMs: 5 } }],
  ['each event is written at once', { durability: 'strict' }],
])(
  '%s: trainings through a disk that is full for a moment are on the tape as they were',
  {
    timeout: 300_000,
  },
  async (_, options) => {
    process.stderr.write(`healing disk: GRADTAPE_SEED=${seed}\n`)
    let failures = 0
    for (let i = 0; i < RUNS; i++) {
      const file = newTapePath()
      const { stdout, stderr, code } = await runChild(TRAIN, {
        file,
        options,
        seed: seed + i,
        operations: 400,
      })
      expect([stderr, code], `seed ${seed + i}`).toEqual(['', 0])
      const { thrown, variables } = JSON.parse(stdout)
      failures += thrown
      const tape = openForTest(file, { readonly: true })
      expect(tape.verify(), `seed ${seed + i}`).toMatchObject({ intact: true, problem: null })
      const past = tape.run('r')
      expect(past.replay(), `seed ${seed + i}`).toMatchObject({ verdict: 'bit-exact', divergence: null })
      for (const { position, name, data } of variables) {
        const variable = past.variable(position)
        expect([variable.name, [...variable.data.data]], `seed ${seed + i}`).toEqual([name, data])
      }
    }
    expect(failures).toBeGreaterThan(RUNS)
  },
)
