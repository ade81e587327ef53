/** A tape with some of everything that a batch can hold. */
import { add, mul, sub } from '../../src/functions/arithmetic.js'
import { take } from '../../src/functions/indexing.js'
import { sum } from '../../src/functions/reductions.js'
import { constant } from '../../src/graph/leaves.js'
import { Variable } from '../../src/graph/variable.js'
import { openTape } from '../../src/tape/open-tape.js'
import type { RunOptions } from '../../src/tape/run.js'
import type { Tape } from '../../src/tape/tape.js'
import { newTapePath } from '../tape/temporary-tape.js'

export async function recordRun(
  tape: Tape,
  name: string,
  steps: number,
  options: RunOptions = {},
): Promise<void> {
  const run = tape.startRun(name, { seed: steps, ...options })
  const w = new Variable(
    Array.from({ length: 100 }, (_, i) => i / 7),
    { name: 'w' },
  )
  for (let i = 0; i < steps; i++) {
    run.step()
    const rows = take(w, constant([i % 100, (7 * i) % 100, 3], { dtype: 'int32' }))
    const loss = add(sum(mul(w, w)), sum(rows))
    w.clearGrad()
    loss.backward()
    run.log({ loss, constant: Number.NaN, minus: -0, 'schön\u202e': Infinity })
    w.data = sub(w, mul(w.grad!, 0.01)).data
    if (i % 20 === 0) run.flush()
  }
  run.note(`end of ${name}`)
  await run.finish()
}

/** Four runs of several captures, and values that were computed again, among them NaN and numbers alone. */
export async function richTape(file = newTapePath()): Promise<string> {
  using tape = openTape(file)
  await recordRun(tape, 'full', 50, { capture: 'full' })
  await recordRun(tape, 'lean', 60)
  await recordRun(tape, 'structure', 25, { capture: 'structure' })
  tape.run('lean').materialize(3, 5)
  await recordRun(tape, 'mixed', 30, { capture: { values: 'structure', gradients: 'full', everySteps: 2 } })
  tape.renameRun('mixed', 'mixed \u202e"')
  tape.tagRun('full', ['kept', 'ü'])
  tape.untagRun('full', ['kept'])
  return file
}
