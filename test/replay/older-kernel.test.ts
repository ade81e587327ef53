/**
 * A run names the kernel that computed it. Another portable kernel is chosen for it by itself, whatever computes now: for a replay,
 * for values that were not stored and for gradients from the file.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { currentKernel } from '../../src/array/kernel.js'
import { ndarray, openTape, parameter, setKernel, type Tape, Variable } from '../../src/index.js'
import { newTapePath } from '../tape/temporary-tape.js'

const ROWS = 3000
const folder = mkdtempSync(join(tmpdir(), 'gradtape-test-'))
const file = join(folder, 'kernels.tape')
let recorded: { loss: number; gradient: number[] }

const noise = (seed: number, length: number) =>
  Float32Array.from({ length }, (_, i) => Math.sin(seed + i * 12.9898) + 0.3)

/** Products of 3,000 terms and the sum of as many rows: in both the kernels differ. */
async function record(tape: Tape, name: string): Promise<{ loss: number; gradient: number[] }> {
  const run = tape.startRun(name)
  run.step()
  const x = new Variable(ndarray(noise(1, ROWS * 2), { shape: [ROWS, 2] }), { requiresGrad: false })
  const w = parameter(ndarray(noise(2, 4), { shape: [2, 2] }), { name: 'w' })
  const b = parameter(ndarray(noise(3, 2)), { name: 'b' })
  const h = x.matmul(w).add(b).tanh()
  const loss = h
    .mul(h)
    .sum({ axis: 0 })
    .mul(1 / ROWS)
    .sum()
  loss.backward()
  run.log({ loss })
  await run.finish()
  return { loss: loss.item(), gradient: [...w.grad!.data.data, ...b.grad!.data.data] }
}

beforeAll(async () => {
  const tape = openTape(file)
  setKernel('portable-1')
  recorded = await record(tape, 'older')
  setKernel('portable')
  await record(tape, 'newer')
  tape.close()
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('the two kernels differ on this program, so that the tests below can fail', async () => {
  const tape = openTape(newTapePath())
  const newer = await record(tape, 'newer')
  tape.close()
  expect(newer.gradient).not.toEqual(recorded.gradient)
  expect(newer.loss).not.toBe(recorded.loss)
})

test('a run of the first portable kernel replays bit for bit, and the kernel of today goes on afterwards', () => {
  const tape = openTape(file, { readonly: true })
  expect(tape.run('older').replay()).toMatchObject({ verdict: 'bit-exact', kernel: 'portable-1' })
  expect(currentKernel().id).toBe('portable-2')
  expect(tape.run('newer').replay()).toMatchObject({ verdict: 'bit-exact', kernel: 'portable-2' })
  tape.close()
})

test('its values and gradients from the file are those that it had', () => {
  const tape = openTape(file, { readonly: true })
  const past = tape.run('older')
  const loss = past.variable('loss', { step: 1 })
  expect(loss.item()).toBe(recorded.loss)
  loss.backward()
  const of = (name: string) => [...past.variable(name, { step: 1 }).grad!.data.data]
  expect([...of('w'), ...of('b')]).toEqual(recorded.gradient)
  expect(currentKernel().id).toBe('portable-2')
  tape.close()
})

test('they are so too while the older kernel computes, for a run of the newer', () => {
  setKernel('portable-1')
  const tape = openTape(file, { readonly: true })
  try {
    expect(tape.run('newer').replay().verdict).toBe('bit-exact')
    expect(currentKernel().id).toBe('portable-1')
  } finally {
    setKernel('portable')
    tape.close()
  }
})
