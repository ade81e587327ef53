// What was not stored is computed again from a checkpoint: once, also for somebody who asks for one step after the other.
import { describe, expect, test } from 'vitest'
import {
  Func,
  type NDArray,
  ndarray,
  parameter,
  registerFunc,
  SGD,
  square,
  sum,
  type Variable,
} from '../../src/index.js'
import type { PastRun } from '../../src/tape/past-run.js'
import { openForTest, recordedTape } from '../tape/temporary-tape.js'

const STEPS = 90

/** Trains, and gives the weights that each step's calls read. */
async function trained(through: (w: Variable) => Variable = (w) => w) {
  const weights: number[][] = []
  const file = await recordedTape((run) => {
    const w = parameter(ndarray(Array.from({ length: 100 }, (_, i) => 1 + i)), { name: 'w' })
    const optimizer = new SGD([w], { lr: 0.01 })
    for (let step = 1; step <= STEPS; step++) {
      run.step()
      weights.push([...w.data.data] as number[])
      const loss = sum(square(through(w)))
      w.clearGrad()
      loss.backward()
      optimizer.step()
      run.log({ loss })
    }
  })
  const past = openForTest(file, { readonly: true }).run('test')
  let computed = 0
  past.onRecompute = () => {
    computed++
  }
  return { past, file, weights, computed: () => computed }
}

function weightsOf(past: PastRun, step: number): number[] {
  return [...past.variable('w', { step }).data.data] as number[]
}

describe('values that were not stored', () => {
  const orders = {
    'first to last': (i: number) => i + 1,
    'last to first': (i: number) => STEPS - i,
  }
  test.each(Object.entries(orders))(
    'asked from %s are computed a few times each, and not once for each step behind them',
    async (_, order) => {
      const { past, weights, computed } = await trained()
      for (let i = 0; i < STEPS; i++) expect(weightsOf(past, order(i))).toEqual(weights[order(i) - 1])
      // Each from the only state that is on the tape, the first, they would be STEPS / 2 times as many as the run has.
      expect(computed()).toBeGreaterThan(past.lastPosition)
      expect(computed()).toBeLessThan(12 * past.lastPosition)
    },
  )

  test('asked in any order are those that the run had', async () => {
    const { past, weights } = await trained()
    for (let i = 0; i < STEPS; i += 3) {
      const step = ((i * 37) % STEPS) + 1
      // Now and then the one behind it, too: then more than one is computed at once.
      for (const each of [step, Math.min(STEPS, step + 1), Math.max(1, step - 1)])
        expect(weightsOf(past, each)).toEqual(weights[each - 1])
    }
  })

  test('of a step that comes out differently are refused, and those of the steps before it are not', async () => {
    let factor = 0.5
    class Fickle extends Func {
      forward(x: NDArray): NDArray {
        return ndarray(x.data.map((each) => (x.data[0]! < 0.2 ? each * factor : each)))
      }
      backward(gy: Variable): Variable {
        return gy
      }
    }
    registerFunc(Fickle)
    const { past, file } = await trained((w) => new Fickle().apply(w))
    factor = 0.25
    const outcome = (from: PastRun, step: number) => {
      try {
        return weightsOf(from, step)
      } catch (error) {
        return (error as { code: string }).code
      }
    }
    const seen = new Set<string>()
    for (let step = 1; step <= STEPS; step++) {
      const got = outcome(past, step)
      if (step % 10 !== 0 && Math.abs(step - 82) > 3) continue
      // Asked for alone, and by nobody before.
      const alone = outcome(openForTest(file, { readonly: true }).run('test'), step)
      expect(got, `step ${step}`).toEqual(alone)
      seen.add(typeof alone === 'string' ? alone : 'a value')
    }
    expect([...seen]).toEqual(['a value', 'REPLAY_DIVERGED'])
  })
})
