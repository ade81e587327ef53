// A batch belongs to the step that reads it first, also when the loop took it at the end of the step before.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { rowsBehind } from '../../src/debug/rows.js'
import { RunView } from '../../src/debug/run-view.js'
import { refOf } from '../../src/events/event.js'
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

test('indices that two takes are given as one array are the rows of both', async () => {
  const tape = g.openTape(':memory:')
  const run = tape.startRun('pairs')
  const [x, t] = [g.constant(g.ndarray([[0], [1], [2], [3]])), g.constant(g.ndarray([0, 1, 2, 3]))]
  for (let i = 0; i < 3; i++) {
    run.step()
    const rows = g.ndarray(Int32Array.of(i, i + 1))
    g.sub(g.sum(g.take(x, rows), { axis: 1 }), g.take(t, rows))
  }
  await run.finish()
  expect(
    tape
      .run('pairs')
      .rowsOf(2)
      .map(({ rows }) => rows),
  ).toEqual([
    [1, 2],
    [1, 2],
  ])
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

/** A function of a program's own, which says nothing of rows. */
class Same extends g.Func {
  override forward(x: g.NDArray) {
    return x
  }
  override backward(gy: g.Variable) {
    return gy
  }
}

/** One that makes each row of all of them. */
class Centred extends g.Func {
  override forward(x: g.NDArray) {
    return g.ndarray(
      Float64Array.from(x.data, (value) => value - x.data[0]!),
      { shape: x.shape },
    )
  }
  override backward(gy: g.Variable) {
    return gy
  }
}

test('a function that makes a row of all rows leads to none', async () => {
  g.registerFunc(Centred)
  const tape = g.openTape(':memory:')
  const run = tape.startRun('centred')
  const data = g.constant(g.ndarray([[1], [2], [4], [8]]))
  const y = new Centred().apply(g.take(data, g.ndarray(Int32Array.of(3, 1)), { axis: 0 })) as g.Variable
  await run.finish()
  expect(rowsBehind(new RunView(tape.run('centred').recording), refOf(y.position!, 0), 1)).toEqual([])
  tape.close()
})

test('an element leads back to its row through slices, flips, joins and reshapes, and to no other row', async () => {
  g.registerFunc(Same)
  const rows = 24
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.tuple(
          fc.constantFrom('slice', 'flip', 'concat', 'reshape', 'mul', 'tile', 'take', 'einsum', 'own'),
          fc.nat(7),
          fc.constantFrom(1, 2, -1),
        ),
        {
          minLength: 1,
          maxLength: 6,
        },
      ),
      fc.boolean(),
      async (moves, isTaken) => {
        const tape = g.openTape(':memory:')
        const run = tape.startRun('moved')
        const data = g.constant(
          g.ndarray(
            Float64Array.from({ length: rows * 4 }, (_, i) => Math.floor(i / 4)),
            { shape: [rows, 4] },
          ),
        )
        run.step()
        let x = isTaken
          ? g.take(data, g.ndarray(Int32Array.from({ length: 12 }, (_, i) => (i * 7) % rows)), { axis: 0 })
          : g.slice(data, [[3, 20, 1]])
        for (const [move, start, step] of moves) {
          const count = x.shape[0]!
          if (move === 'slice' && count > start + 1)
            x = g.slice(x, [step > 0 ? [start, null, step] : [null, null, -1], null])
          if (move === 'flip') x = g.flip(x, 0)
          if (move === 'concat' && x.shape[1] === 4)
            x = g.concat([x, g.slice(data, [[start, start + 2, 1]])], { axis: 0 })
          if (move === 'reshape' && x.shape[1]! > 1) x = g.reshape(x, [count * 2, x.shape[1]! / 2])
          if (move === 'mul') x = g.mul(x, 1)
          if (move === 'tile' && count < 60) x = g.tile(x, [2, 1])
          if (move === 'take')
            x = g.take(x, g.ndarray(Int32Array.from({ length: 9 }, (_, i) => (i * 5 + start) % count)), {
              axis: 0,
            })
          if (move === 'einsum') x = g.einsum('ij,j->ij', x, g.ndarray(new Float64Array(x.shape[1]!).fill(1)))
          if (move === 'own') x = new Same().apply(x) as g.Variable
        }
        const values = x.data.toArray() as number[][]
        await run.finish()
        const view = new RunView(tape.run('moved').recording)
        const ref = refOf(x.position!, 0)
        for (const [place, [row]] of values.slice(0, 12).entries())
          expect(rowsBehind(view, ref, place).map(({ row }) => row)).toEqual([row])
        tape.close()
      },
    ),
    { numRuns: 30 },
  )
})
