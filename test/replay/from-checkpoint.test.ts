// Replays that begin at a checkpoint, of programs that carry more from step to step than their parameters.
import { expect, test } from 'vitest'
import { add, constant, parameter, split, square, sum } from '../../src/index.js'
import type { Run } from '../../src/tape/run.js'
import { openForTest, recordedTape } from '../tape/temporary-tape.js'

/** Small arrays are stored until they have taken 64 KiB. */
function useUpBudget(): void {
  split(constant(Array.from({ length: 128 * 64 }, (_, i) => i)), 128)
}

async function expectReplaysFromEveryStep(
  record: (run: Run) => void,
  from?: readonly number[],
): Promise<void> {
  const file = await recordedTape(
    (run) => {
      useUpBudget()
      record(run)
    },
    { checkpointEvery: 1 },
  )
  const past = openForTest(file, { readonly: true }).run('test')
  for (let step = 0; step <= past.stepCount; step++) {
    const report = past.replay({ from: step })
    expect(report, `from step ${step}`).toMatchObject({ verdict: 'bit-exact', divergence: null })
    if (from !== undefined) expect(report.from).toBe(from[step])
  }
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
