/** A short program that makes events of every kind a program can make, so that no table of its tape stays empty. */
import { ndarray } from '../../src/array/make-array.js'
import { add, mul, square, sub } from '../../src/functions/arithmetic.js'
import { concat, split } from '../../src/functions/joining.js'
import { matmul } from '../../src/functions/products.js'
import { mean, sum } from '../../src/functions/reductions.js'
import { grad } from '../../src/graph/backward.js'
import { constant, parameter } from '../../src/graph/leaves.js'
import { noGrad } from '../../src/graph/mode.js'
import { Variable } from '../../src/graph/variable.js'
import type { Run, RunOptions } from '../../src/tape/run.js'
import { newTapePath, openForTest, recordedTape } from '../tape/temporary-tape.js'

export function recordEverything(run: Run, steps = 3): void {
  const w = parameter(
    [
      [0.5, -1],
      [2, 0.25],
    ],
    { name: 'w' },
  )
  const rate = new Variable(0.1)
  const wide = parameter(
    Array.from({ length: 100 }, (_, i) => Math.sin(i)),
    { name: 'wide' },
  )
  run.note('a remark')
  for (let i = 0; i < steps; i++) {
    run.step()
    wide.requiresGrad = true
    const x = constant([
      [1, i],
      [i * i, -1],
    ])
    const [left, right] = split(matmul(x, w), 2, { axis: 1 })
    const joined = run.scope('block', () => concat([right!, left!, right!, x], { axis: 1 }))
    const h = mean(square(joined))
    h.name = 'h'
    const loss = add(h, mul(rate, rate))
    w.clearGrad()
    rate.clearGrad()
    loss.grad = 2
    loss.backward({ retainGrad: i === 1 })
    sum(square(w)).backward()
    wide.clearGrad()
    mean(square(wide)).backward()
    if (i % 2 === 1) mean(wide).backward()
    const [g] = grad([sum(mul(square(w), w))], [w], { createGraph: true })
    noGrad(() => {
      w.data = sub(w, mul(add(w.grad!, g!), 0.01)).data
      rate.data = ndarray(rate.item() / 2)
      wide.data = sub(wide, wide.grad!).data
    })
    h.unchain()
    wide.requiresGrad = false
    run.log({ loss, learningRate: rate.item(), odd: i === 0 ? Number.NaN : -0 })
  }
}

/** A tape with rows in every private table: summaries, hashes, checkpoints, and values that were materialized later. */
export async function richTape(steps = 3, options: RunOptions = {}, file = newTapePath()): Promise<string> {
  await recordedTape((run) => recordEverything(run, steps), { checkpointEvery: 1, ...options }, file)
  const tape = openForTest(file)
  tape.run('test').materialize(1, 2)
  const { id } = tape.run('test')
  tape.tagRun(id, ['rich', 'of tests'])
  tape.close()
  return file
}
