/** Large optimizers write over their own state; nobody who has seen it may notice. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { hashOf, numbers } from '../../scripts/kernel-corpus.mjs'
import type { TypedArray } from '../../src/array/dtype.js'
import { ndarray } from '../../src/array/make-array.js'
import { type NDArray, scalar } from '../../src/array/ndarray.js'
import { adamStep } from '../../src/array/optimizer-steps.js'
import { mul } from '../../src/functions/arithmetic.js'
import { sum } from '../../src/functions/reductions.js'
import { parameter } from '../../src/graph/leaves.js'
import type { Variable } from '../../src/graph/variable.js'
import { AdamW } from '../../src/optim/adam.js'
import type { Optimizer } from '../../src/optim/optimizer.js'
import { SGD } from '../../src/optim/sgd.js'
import { openTape } from '../../src/tape/open-tape.js'

const SIZE = 4100

/** Of many numbers: to compare them one by one takes a second. */
const bitsOf = (x: TypedArray): string => hashOf(x as Float64Array)

function made(kind: string): { w: Variable; optimizer: Optimizer<never>; step: (scale: number) => void } {
  const w = parameter(ndarray(new Float64Array(SIZE).map((_, i) => i / SIZE)), { name: 'w' })
  const optimizer = (kind === 'AdamW'
    ? new AdamW([w], { lr: 0.1 })
    : new SGD([w], { lr: 0.1, momentum: 0.9 })) as unknown as Optimizer<never>
  const step = (scale: number) => {
    w.clearGrad()
    sum(mul(mul(w, w), scale)).backward()
    optimizer.step()
  }
  return { w, optimizer, step }
}

/** The parameter's bits after each step of one that is watched all the time, and so never writes over anything. */
function watched(kind: string, scales: readonly number[]): string[] {
  const { w, optimizer, step } = made(kind)
  optimizer.stateOf(w)
  return scales.map((scale) => {
    step(scale)
    return bitsOf(w.data.data)
  })
}

const SCALES = [1, 2, 0.5, 3, 1]

test.each(['AdamW', 'SGD'])(
  '%s writes its new state where the old one stood, with the same weights',
  (kind) => {
    const { w, optimizer, step } = made(kind)
    const expected = watched(kind, SCALES)
    SCALES.forEach((scale, i) => {
      const kept = w.data
      const bits = bitsOf(kept.data)
      step(scale)
      expect(bitsOf(kept.data)).toBe(bits)
      expect(bitsOf(w.data.data)).toBe(expected[i])
    })
    const state = optimizer.stateDict()
    expect(Object.keys(state).some((name) => name.startsWith('w.'))).toBe(true)
  },
)

test('a step that may write over the state has the bits of one that may not', () => {
  const arrays = () =>
    [1, 2, 3, 4].map((seed) => ndarray(numbers(Float64Array, SIZE, seed, false).map(Math.abs)))
  const rule = { lr: 0.1, beta1: 0.9, beta2: 0.99, eps: 1e-8, weightDecay: 0.1, decoupled: true }
  const [w, g, m, v] = arrays() as [NDArray, NDArray, NDArray, NDArray]
  const fresh = adamStep(w, g, m, v, scalar(3, 'float64'), rule, false)
  const over = adamStep(w, g, m, v, scalar(3, 'float64'), rule, true)
  expect(over.map(({ data }) => bitsOf(data))).toEqual(fresh.map(({ data }) => bitsOf(data)))
  expect(over[1]!.buffer).toBe(m.buffer)
  expect(over[2]!.buffer).toBe(v.buffer)
  expect(fresh[1]!.buffer).not.toBe(m.buffer)
})

test.each(['AdamW', 'SGD'])('what %s gave as its state, or as a variable of it, stays as it was', (kind) => {
  const { w, optimizer, step } = made(kind)
  const expected = watched(kind, SCALES)
  step(1)
  step(2)
  const after = w.data
  const state = optimizer.stateDict()
  const copies = Object.values(state).map(({ data }) => bitsOf(data))
  step(0.5)
  const variables = [...optimizer.stateOf(w).values()]
  const arrays = variables.map((variable) => variable.data)
  const seen = arrays.map(({ data }) => bitsOf(data))
  step(3)
  step(1)
  expect(Object.values(state).map(({ data }) => bitsOf(data))).toEqual(copies)
  expect(arrays.map(({ data }) => bitsOf(data))).toEqual(seen)
  expect(bitsOf(w.data.data)).toBe(expected[4])
  const other = made(kind)
  other.w.data = after
  other.optimizer.loadStateDict(state)
  for (const scale of SCALES.slice(2)) other.step(scale)
  expect(bitsOf(other.w.data.data)).toBe(expected[4])
  expect(Object.values(state).map(({ data }) => bitsOf(data))).toEqual(copies)
})

test('what a run recorded replays, also when training went on before and after it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gradtape-overwritten-'))
  const tape = openTape(join(folder, 'a.tape'))
  try {
    const { step } = made('AdamW')
    step(1)
    step(2)
    const run = tape.startRun('middle')
    for (const scale of SCALES) {
      run.step()
      step(scale)
    }
    const finished = run.finish()
    step(3)
    step(1)
    await finished
    expect(tape.run('middle').replay().verdict).toBe('bit-exact')
  } finally {
    await tape.close()
    rmSync(folder, { recursive: true })
  }
})
