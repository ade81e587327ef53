// Replays that begin at a checkpoint, of programs that carry more from step to step than their parameters.
import { expect, test } from 'vitest'
import { add, constant, ndarray, parameter, SGD, split, square, sum } from '../../src/index.js'
import type { Run } from '../../src/tape/run.js'
import { openForTest, recordedTape } from '../tape/temporary-tape.js'

/** Small arrays are stored until they have taken 64 KiB. */
function useUpBudget(): void {
  split(constant(Array.from({ length: 128 * 64 }, (_, i) => i)), 128)
}

/** Under 'full' the tape has every value to compare with; under 'replayable' the replay must make the same without them. */
async function expectReplaysFromEveryStep(
  record: (run: Run) => void,
  from?: readonly number[],
): Promise<void> {
  const computed: { [capture: string]: number[][][] } = {}
  for (const capture of ['full', 'replayable'] as const) {
    const file = await recordedTape(
      (run) => {
        useUpBudget()
        record(run)
      },
      { checkpointEvery: 1, capture },
    )
    const past = openForTest(file, { readonly: true }).run('test')
    for (let step = 0; step <= past.stepCount; step++) {
      const values: number[][] = []
      const report = past.replay({
        from: step,
        onEvent: (got) => {
          if (got.type !== 'FunctionCalled' || got.step !== step) return
          for (const { value } of got.outputs) values.push([...value!.data])
        },
      })
      expect(report, `${capture} from step ${step}`).toMatchObject({ verdict: 'bit-exact', divergence: null })
      if (from !== undefined) expect(report.from).toBe(from[step])
      computed[capture] = [...(computed[capture] ?? []), values]
    }
  }
  expect(computed.replayable).toEqual(computed.full)
}

/** Makes the next checkpoint hold something. */
function assignSomething(): void {
  const w = parameter([1, 2], { name: 'w' })
  w.data = square(w).data
  held.push(w)
}
const held: unknown[] = []

test('a constant that a call made in an earlier step is cut from it', async () => {
  await expectReplaysFromEveryStep(
    (run) => {
      run.step()
      const y = add(constant([1, 2]), constant([3, 4]))
      assignSomething()
      run.step()
      y.unchain()
      sum(y)
    },
    [0, 0, 2],
  )
})

test('a name that a metric gave is taken away', async () => {
  await expectReplaysFromEveryStep((run) => {
    run.step()
    const loss = sum(square(constant([1, 2])))
    run.log({ loss })
    assignSomething()
    run.step()
    loss.name = null
    loss.name = 'loss'
  })
})

test('a gradient that was assigned to is read as what it became', async () => {
  await expectReplaysFromEveryStep(
    (run) => {
      const w = parameter([1, 2])
      run.step()
      sum(square(w)).backward()
      const gradient = w.grad!
      gradient.data = ndarray([5, 6])
      run.step()
      square(gradient)
    },
    [0, 0, 2],
  )
})

test('what was assigned to, and cut from its call after that, is read as what it became', async () => {
  await expectReplaysFromEveryStep(
    (run) => {
      run.step()
      const [c, d] = [constant([1, 2]), constant([3, 4])]
      const y = add(c, d)
      const twin = constant(y)
      y.data = ndarray([5, 6])
      y.unchain()
      const fromCut = square(y)
      run.step()
      square(twin)
      square(y)
      c.data = y.data
      square(fromCut)
    },
    [0, 0, 2],
  )
})

test('a gradient that was assigned to a constant is used and cleared in a later step', async () => {
  await expectReplaysFromEveryStep((run) => {
    const c = constant([1, 2])
    const d = constant([1, 2])
    run.step()
    square(c)
    square(d)
    c.grad = 3
    d.grad = square(constant([3, 4]))
    assignSomething()
    run.step()
    square(c.grad!)
    c.clearGrad()
    d.clearGrad()
  })
})

test('an array that a parameter had at the checkpoint is taken over by others', async () => {
  await expectReplaysFromEveryStep(
    (run) => {
      const [v, w] = [parameter([1, 2]), parameter([3, 4])]
      run.step()
      w.data = square(v).data
      sum(square(v)).backward()
      v.data = v.grad!.data
      run.step()
      square(w.detach())
      square(v.detach())
      v.data = w.data
      square(v)
    },
    [0, 0, 2],
  )
})

test('a checkpoint right after the first update has the velocity that it made, so a replay begins there', async () => {
  const w = parameter(
    Array.from({ length: 100 }, (_, i) => Math.sin(i)),
    { name: 'w' },
  )
  const optimizer = new SGD([w], { lr: 0.1, momentum: 0.9 })
  const path = await recordedTape(
    (run) => {
      for (let i = 0; i < 5; i++) {
        run.step()
        optimizer.clearGrads()
        sum(square(w)).backward()
        optimizer.step()
      }
    },
    { checkpointEvery: 1 },
  )
  const past = openForTest(path, { readonly: true }).run('test')
  for (const from of [2, 3, 4, 5]) expect(past.replay({ from })).toMatchObject({ verdict: 'bit-exact', from })
})
