import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  add,
  BatchNorm,
  checkpoint,
  constant,
  dropout,
  exp,
  Func,
  floor,
  grad,
  matmul,
  mul,
  type NDArray,
  ndarray,
  noGrad,
  openTape,
  parameter,
  randomState,
  recompute,
  registerFunc,
  seedRandom,
  setRandomState,
  sum,
  tanh,
  uniform,
  Variable,
} from '../../src/index.js'
import { openForTest, recordedTape } from '../tape/temporary-tape.js'

const makeX = () =>
  new Variable(
    [
      [0.1, -0.4],
      [0.7, 0.2],
    ],
    { name: 'x' },
  )
const makeW = () =>
  parameter(
    [
      [0.3, 0.9],
      [-0.5, 0.1],
    ],
    { name: 'w' },
  )

test('recompute gives the value and the gradients of what it wraps, parameters from around it included', () => {
  const [x, w, x2, w2] = [makeX(), makeW(), makeX(), makeW()]
  const block = (weight: Variable) => (v: Variable) => tanh(matmul(tanh(matmul(v, weight)), weight))
  const kept = sum(exp(block(w)(x)))
  const recomputed = sum(exp(recompute(block(w2), x2)))
  kept.backward()
  recomputed.backward()
  expect(recomputed.item()).toBe(kept.item())
  expect(x2.grad!.data.toArray()).toEqual(x.grad!.data.toArray())
  expect(w2.grad!.data.toArray()).toEqual(w.grad!.data.toArray())
})

test('between its inputs and its output a recomputed piece keeps one call', () => {
  const x = makeX()
  const y = recompute((v) => tanh(mul(tanh(v), 2)), x)
  expect(y.creator!.name).toBe('recompute')
  expect(y.creator!.inputs[0]).toBe(x)
})

test('a pass goes through each of a row of recomputed pieces once, and not on below from inside of one', () => {
  let passes = 0
  class Counted extends Func {
    override forward(v: NDArray): NDArray {
      return v.map((value) => value * 1.5)
    }
    override backward(gy: Variable): Variable {
      passes++
      return mul(gy, 1.5)
    }
  }
  registerFunc(Counted)
  const x = makeX()
  let y: Variable = x
  for (let i = 0; i < 6; i++) y = recompute((v: Variable) => new Counted().apply(v), y)
  sum(y).backward()
  expect(passes).toBe(6)
  expect(x.grad!.data.data[0]).toBe(1.5 ** 6)
})

test('gradients through recompute can be differentiated again', () => {
  const cube = (v: Variable) => mul(mul(v, v), v)
  const x = new Variable(2)
  const [first] = grad([recompute(cube, x)], [x], { createGraph: true })
  expect(first!.item()).toBe(12)
  expect(grad([first!], [x])[0]!.item()).toBe(12)
})

test('a recomputed piece with dropout draws the same mask when it computes again', () => {
  const x = new Variable(new Float64Array(64).fill(1))
  const y = recompute((v) => dropout(v, { p: 0.5 }), x)
  sum(y).backward()
  expect(x.grad!.data.toArray()).toEqual(y.data.toArray())
})

test('a recomputed piece is on the tape as its program: the file can be differentiated and replayed without the closure', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gradtape-recompute-'))
  const file = path.join(folder, 'c.tape')
  const tape = openTape(file)
  const run = tape.startRun('c')
  const [x, w] = [makeX(), makeW()]
  const loss = sum(recompute((v) => tanh(add(matmul(v, w), 1)), x))
  loss.backward()
  run.log({ loss })
  await run.finish()
  tape.close()
  const past = openTape(file, { readonly: true }).run('c')
  past.variable('loss').backward()
  expect(past.variable('w').grad!.data.toArray()).toEqual(w.grad!.data.toArray())
  expect(past.replay().verdict).toBe('bit-exact')
  fs.rmSync(folder, { recursive: true })
})

describe('what could not be done again is refused, and nothing has happened', () => {
  const refusals: [string, (v: Variable, w: Variable) => Variable, RegExp][] = [
    [
      'an assignment to a parameter',
      (v, w) => {
        w.data = v.data
        return tanh(v)
      },
      /it assigns to \.data of w, which requires a gradient; do that outside/,
    ],
    [
      'an assignment to what it made',
      (v) => {
        const h = tanh(v)
        h.data = v.data
        return exp(h)
      },
      /it assigns to \.data of variable, which it made/,
    ],
    [
      'a cut',
      (v) => {
        const h = exp(v)
        h.unchain()
        return mul(v, h)
      },
      /it unchains a variable; use detach\(\)/,
    ],
    [
      'a hook on what it made',
      (v) => {
        const h = exp(v)
        h.onGradient((g) => mul(g, 10))
        return mul(v, h)
      },
      /it hooks a variable that it made/,
    ],
    [
      'a pass',
      (v) => {
        sum(exp(v)).backward()
        return exp(v)
      },
      /it runs backward/,
    ],
    ['a derivative', (v) => grad(sum(exp(v)), v)[0]!, /it runs backward/],
    [
      'a gradient that is assigned',
      (v) => {
        v.grad = 1
        return exp(v)
      },
      /it assigns to \.grad/,
    ],
    ['a number', () => 3 as unknown as Variable, /returns a Variable, or a list of them, got number/],
    ['a list with a null in it', (v) => [exp(v), null] as unknown as Variable, /list of them, got null/],
  ]

  test.each(refusals)('%s', async (_what, fn, message) => {
    const file = await recordedTape((run) => {
      const x = exp(makeX())
      const w = makeW()
      const before = run.position
      expect(() => recompute((v) => fn(v, w), x)).toThrow(message)
      expect(() => recompute((v) => fn(v, w), x)).toThrow(/^BAD_ARGUMENT: recompute/)
      expect(run.position).toBe(before)
      expect(w.data.toArray()).toEqual(makeW().data.toArray())
      expect(x.creator).not.toBe(null)
    })
    expect(openForTest(file, { readonly: true }).run('test').replay().verdict).toBe('bit-exact')
  })

  test('calls of functions that would not be made again as they were', () => {
    class Nameless extends Func {
      forward(x: NDArray): NDArray {
        return x.map((value) => 2 * value)
      }

      override backward(gy: Variable): Variable {
        return mul(gy, 2)
      }
    }
    class Tuned extends Nameless {
      factor = 1

      override backward(gy: Variable): Variable {
        return mul(gy, this.factor)
      }
    }
    class Drawn extends Nameless {
      override forward(x: NDArray): NDArray {
        return x.map((value) => value + uniform([]).item())
      }
    }
    registerFunc(Tuned)
    registerFunc(Drawn)
    const tuned = (): Func => Object.assign(new Tuned(), { factor: 3 })
    const before = randomState()
    for (const [make, refused] of [
      [
        () => new Nameless(),
        /^UNREGISTERED_FUNC: .*"nameless" is not registered; call registerFunc\(Nameless\) first/,
      ],
      [tuned, /^BAD_ARGUMENT: .* a "tuned" made again from its attributes computes something else/],
    ] as const) {
      const x = makeX()
      expect(() => recompute((v) => make().apply(v), x)).toThrow(refused)
      expect(x.grad).toBe(null)
      registerFunc(Nameless)
    }
    expect(() => recompute((v) => new Drawn().apply(v), makeX())).toThrow(/^BAD_ARGUMENT/)
    setRandomState(before)
    const plain = new Nameless().apply(makeX())
    const again = recompute((v) => new Nameless().apply(v), makeX())
    expect(again.data.toArray()).toEqual(plain.data.toArray())
  })

  test('a variable that the function kept for itself: a pass that comes to it says what to do', () => {
    const x = makeX()
    let kept: Variable | null = null
    const y = recompute((v) => {
      kept = exp(v)
      return tanh(kept)
    }, x)
    expect(kept!.data.toArray()).toEqual(exp(x).data.toArray())
    expect(() => sum(mul(y, kept!)).backward()).toThrow(
      /^NOT_DIFFERENTIABLE: a variable that was made inside recompute is used outside of it/,
    )
  })
})

test('the result wants a gradient where that of the function does, and may be one that the function was given', () => {
  const x = new Variable([1.5, -2])
  expect(recompute((v) => floor(v), x).requiresGrad).toBe(false)
  expect(recompute(() => constant([5]), x).requiresGrad).toBe(false)
  expect(recompute((v) => exp(v).detach(), x).requiresGrad).toBe(false)
  expect(noGrad(() => recompute((v) => exp(v), x)).requiresGrad).toBe(false)
  expect(recompute((v) => v, x)).toBe(x)
  const [same, steps, slope, again] = recompute((v) => {
    const e = exp(v)
    return [v, floor(v), e, e]
  }, x)
  expect(same).toBe(x)
  expect([steps!.requiresGrad, slope!.requiresGrad]).toEqual([false, true])
  expect(again).toBe(slope)
  sum(add(add(steps!, slope!), again!)).backward()
  expect(x.grad!.data.toArray()).toEqual(mul(exp(x), 2).data.toArray())
})

test('batch normalisation moves its running statistics once, as without', () => {
  const trained = (wrap: boolean) => {
    seedRandom(5)
    const norm = new BatchNorm(2)
    const x = new Variable([
      [1, 2],
      [3, -4],
      [0.5, 9],
    ])
    for (let i = 0; i < 3; i++) {
      const block = (v: Variable) => tanh(norm.forward(v))
      sum(wrap ? recompute(block, x) : block(x)).backward()
    }
    return [norm.runningMean, norm.runningVariance, norm.weight.grad!, x.grad!].map((v) => [...v.data.data])
  }
  expect(trained(true)).toEqual(trained(false))
})

test('what a function assigned before it threw stays assigned, on the tape too', async () => {
  const file = await recordedTape((run) => {
    const state = constant([1, 2], { name: 'state' })
    const x = new Variable([1, 2])
    run.log({ first: sum(mul(x, state)) })
    expect(() =>
      recompute((v) => {
        state.data = exp(v).data
        throw new Error('later')
      }, x),
    ).toThrow('later')
    run.log({ second: sum(mul(x, state)) })
    expect(state.data.toArray()).toEqual(exp(x).data.toArray())
  })
  expect(openForTest(file, { readonly: true }).run('test').replay()).toMatchObject({ verdict: 'bit-exact' })
})

test('a graph that was cut or hooked outside, after the piece, is as it would be without', () => {
  const slopes = (wrap: boolean, change: (h: Variable, seen: number[]) => void) => {
    const x = new Variable(0.7)
    const fn = (v: Variable) => {
      const h = exp(v)
      return [h, mul(h, v)]
    }
    const [h, y] = wrap ? recompute(fn, x) : fn(x)
    const seen: number[] = []
    change(h!, seen)
    add(mul(h!, 3), y!).backward({ retainGrad: true })
    return [x.grad?.item(), h!.grad?.item(), y!.grad?.item(), ...seen]
  }
  const changes: ((h: Variable, seen: number[]) => void)[] = [
    (h) => h.unchain(),
    (h, seen) => void h.onGradient((g) => void seen.push(g.item())),
    (h) => void h.onGradient((g) => mul(g, 10)),
    (h) => {
      h.data = ndarray(100)
    },
  ]
  for (const change of changes) expect(slopes(true, change)).toEqual(slopes(false, change))
})

test('the old name still works', () => {
  expect(checkpoint).toBe(recompute)
})
