import { expect, test } from 'vitest'
import type { NDArray, Run, Tape } from '../../src/index.js'
import {
  exp,
  Func,
  mul,
  noGrad,
  parameter,
  registerFunc,
  square,
  sub,
  sum,
  Variable,
} from '../../src/index.js'
import { newTapePath, openForTest } from '../tape/temporary-tape.js'

class Grumpy extends Func {
  override forward(x: NDArray): NDArray {
    return x
  }
  override backward(): never {
    throw new Error('not today')
  }
}
registerFunc(Grumpy)

async function replayed(program: (run: Run) => void): Promise<ReturnType<ReturnType<Tape['run']>['replay']>> {
  const tape = openForTest(newTapePath())
  const run = tape.startRun('r')
  program(run)
  await run.finish()
  expect(tape.verify().problem).toBe(null)
  return tape.run('r').replay()
}

test('a pass that ended in an exception is repeated as far as it went', async () => {
  const report = await replayed(() => {
    const x = new Variable(0.5, { name: 'x' })
    const y = exp(mul(new Grumpy().apply(square(x)), 3))
    expect(() => y.backward()).toThrow('not today')
    expect(x.grad).toBe(null)
    square(x).backward()
  })
  expect(report.divergence).toBe(null)
})

test('a gradient that a hook changed is repeated without the hook', async () => {
  const report = await replayed((run) => {
    const w = parameter([1, 2, 3], { name: 'w' })
    w.onGradient((gradient) => noGrad(() => mul(gradient, 0.5)))
    for (let i = 0; i < 3; i++) {
      run.step()
      const h = square(w)
      h.onGradient((gradient) => (i === 1 ? mul(gradient, 2) : undefined))
      w.clearGrad()
      sum(h).backward()
      noGrad(() => {
        w.data = sub(w, mul(w.grad!, 0.1)).data
      })
    }
    expect(w.grad!.data.toArray()).not.toEqual([0, 0, 0])
  })
  expect(report.divergence).toBe(null)
})

test('a hook inside a pass with createGraph is repeated, its calls included', async () => {
  const report = await replayed(() => {
    const x = new Variable(0.7, { name: 'x' })
    const h = square(x)
    h.onGradient((gradient) => mul(gradient, 3))
    exp(h).backward({ createGraph: true })
    const g = x.grad!
    x.clearGrad()
    g.backward()
  })
  expect(report.divergence).toBe(null)
})

test('a pass that walks into calls from before the run leaves its gradients on the tape', async () => {
  const w = parameter([1, 2], { name: 'w' })
  const h = square(w)
  const report = await replayed((run) => {
    const loss = sum(mul(mul(h, w), 2))
    loss.backward()
    expect(w.grad!.data.toArray()).toEqual([6, 24])
    noGrad(() => {
      w.data = sub(w, mul(w.grad!, 0.1)).data
    })
    run.step()
    w.clearGrad()
    sum(square(w)).backward()
  })
  expect(report.divergence).toBe(null)
})
