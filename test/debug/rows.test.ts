// A batch belongs to the step that reads it first, also when the loop took it at the end of the step before.
import { expect, test } from 'vitest'
import * as g from '../../src/index.js'

test('rowsOf gives the rows of the batch that a step reads', async () => {
  const tape = g.openTape(':memory:')
  const run = tape.startRun('rows')
  const data = new g.TensorDataset(g.ndarray([[0], [1], [2], [3], [4], [5]]), g.ndarray([0, 1, 2, 3, 4, 5]))
  for (const [x, t] of new g.DataLoader(data, { batchSize: 2 })) {
    run.step()
    g.mean(g.sub(g.sum(x, { axis: 1 }), t))
  }
  await run.finish()
  const past = tape.run('rows')
  expect([1, 2, 3].map((step) => past.rowsOf(step).map(({ rows }) => rows))).toEqual([
    [
      [0, 1],
      [0, 1],
    ],
    [
      [2, 3],
      [2, 3],
    ],
    [
      [4, 5],
      [4, 5],
    ],
  ])
  expect(past.rowsOf(2).map(({ step }) => step)).toEqual([2, 2])
  // A moment gives each list of indices once, and not the batch that was taken for the next step.
  expect(past.at(2).rows).toEqual([[2, 3]])
  const read = past.at(1).next({ function: 'sum' })!
  expect(read.rows).toEqual([[2, 3]])
  expect(read.back()!.rows).toEqual([])
  expect(() => past.rowsOf(9)).toThrow(expect.objectContaining({ code: 'STEP_NOT_FOUND' }))
  tape.close()
})

test('why() answers on a run without steps, and refuses a kind that there is not', async () => {
  const tape = g.openTape(':memory:')
  await tape.startRun('empty').finish()
  expect(tape.run('empty').why().findings).toEqual([])
  expect(() => tape.run('empty').why({ only: ['nonsense'] })).toThrow(
    expect.objectContaining({ code: 'BAD_ARGUMENT' }),
  )
  tape.close()
})
