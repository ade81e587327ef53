// What a run finds when it begins, and what happens in a run inside it, is on its tape too: each run replays by itself.
import { expect, test } from 'vitest'
import '../../src/index.js'
import { ndarray } from '../../src/array/make-array.js'
import { mul, square, sub } from '../../src/functions/arithmetic.js'
import { parameter } from '../../src/graph/leaves.js'
import { noGrad } from '../../src/graph/mode.js'
import type { Variable } from '../../src/graph/variable.js'
import { newTapePath, openForTest, recordedTape } from '../tape/temporary-tape.js'

function expectReplays(file: string): void {
  const tape = openForTest(file, { readonly: true })
  for (const { id, name } of tape.runs())
    expect(tape.run(id).replay(), name).toMatchObject({ verdict: 'bit-exact', divergence: null })
  expect(tape.verify()).toMatchObject({ intact: true, problem: null })
}

function trainOnce(w: Variable): void {
  const y = square(w)
  w.clearGrad()
  y.backward()
  noGrad(() => {
    w.data = sub(w, mul(w.grad!, 0.1)).data
  })
}

test('the same parameters are trained on in a second run', async () => {
  const file = newTapePath()
  const tape = openForTest(file)
  const w = parameter([1, 2, 3], { name: 'w' })
  w.grad = 0
  for (const name of ['first', 'second', 'third']) {
    const run = tape.startRun(name)
    for (let i = 0; i < 3; i++) {
      run.step()
      const y = square(w)
      w.clearGrad()
      y.backward({ gradient: 1 })
      noGrad(() => {
        w.data = sub(w, mul(w.grad!, 0.1)).data
      })
    }
    await run.finish()
  }
  expectReplays(file)
  const last = openForTest(file, { readonly: true }).run('third')
  expect(last.variable('w').data.toArray()).toEqual(w.data.toArray())
})

test('a gradient from before the run is added to, or cleared', async () => {
  for (const clear of [false, true]) {
    const w = parameter(3, { name: 'w' })
    square(w).backward()
    const file = await recordedTape(() => {
      const y = square(w)
      if (clear) w.clearGrad()
      y.backward()
    })
    expect(w.grad!.item()).toBe(clear ? 6 : 12)
    expectReplays(file)
  }
})

test('a run inside a run assigns, clears and computes gradients of what the outer one knows', async () => {
  const file = newTapePath()
  const tape = openForTest(file)
  const w = parameter(3, { name: 'w' })
  const outer = tape.startRun('outer')
  square(w).backward()
  const inner = tape.startRun('inner')
  square(w).backward() // adds to the gradient that the outer run computed
  const innermost = tape.startRun('innermost')
  trainOnce(w)
  w.data = ndarray(w.item() + 1)
  await inner.finish() // before the one inside it
  trainOnce(w)
  await innermost.finish()
  square(w).backward()
  w.name = 'renamed'
  await outer.finish()
  expectReplays(file)
  expect(openForTest(file, { readonly: true }).run('outer').variable('renamed').item()).toBe(w.item())
})

test('what was computed before the run is cut in it', async () => {
  const w = parameter([1, 2], { name: 'w' })
  const before = square(w)
  const file = await recordedTape(() => {
    square(before)
    before.unchain()
    square(before).sum().backward()
  })
  expectReplays(file)
})

test('a name that a metric of the outer run gave is taken away in the run inside it', async () => {
  const file = newTapePath()
  const tape = openForTest(file)
  const outer = tape.startRun('outer')
  const loss = square(parameter(3))
  const inner = tape.startRun('inner')
  square(loss)
  outer.log({ loss })
  loss.name = null
  await inner.finish()
  await outer.finish()
  expectReplays(file)
})
