/** `vmap` as users meet it: axes, gradients inside and outside, nesting, what is refused, and the tape. That every function fits is in `functions/vmap-contract`. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  add,
  BatchNorm,
  Conv2d,
  checkGradients,
  constant,
  dropout,
  Func,
  grad,
  hessian,
  hvp,
  jacobian,
  jvp,
  Linear,
  Module,
  matmul,
  maxPool2d,
  mul,
  ndarray,
  noGrad,
  normal,
  openTape,
  recompute,
  relu,
  reshape,
  seedRandom,
  sin,
  softmaxCrossEntropy,
  square,
  stack,
  sum,
  take,
  tanh,
  Variable,
  vjp,
  vmap,
  where,
} from '../../src/index.js'

const random = (shape: readonly number[], counter: number) => normal(shape, { key: { seed: 5, counter } })
const X = random([4, 3], 1)

function expectSame(actual: Variable, expected: Variable): void {
  expect(actual.shape).toEqual(expected.shape)
  const [a, b] = [actual.data.data, expected.data.data]
  for (let i = 0; i < a.length; i++) expect(a[i]).toBeCloseTo(b[i]!, 12)
}

const rowsOf = (x: Variable) => Array.from({ length: x.shape[0]! }, (_, i) => take(x, i))

describe('axes', () => {
  test('lie first unless said, in inputs and in outputs, and may be counted from the end', () => {
    const x = new Variable(random([2, 3, 4], 2))
    const f = (row: Variable) => mul(row, 2)
    expect(vmap(f)(x).data.toArray()).toEqual(mul(x, 2).data.toArray())
    expect(vmap(f, { inAxes: -1, outAxes: 1 })(x).shape).toEqual([2, 4, 3])
    expect(vmap(f, { inAxes: 1, outAxes: 1 })(x).data.toArray()).toEqual(mul(x, 2).data.toArray())
    expect(vmap(f, { inAxes: 2, outAxes: -1 })(x).data.toArray()).toEqual(mul(x, 2).data.toArray())
  })

  test('null says that an input is the same for all, and an output that is the same is repeated', () => {
    const w = new Variable(random([3, 2], 3))
    const f = (x: Variable, v: Variable) => [matmul(x, v), v] as const
    const [y, same] = vmap(f, { inAxes: [0, null], outAxes: [1, 0] })(X, w)
    expect(y!.shape).toEqual([2, 4])
    expect(same!.shape).toEqual([4, 3, 2])
  })

  test('are refused where they do not fit', () => {
    const f = (x: Variable) => x
    expect(() => vmap(f)(1)).toThrow(/BAD_AXIS.*null in inAxes/)
    expect(() => vmap(f, { inAxes: 2 })(X)).toThrow(/BAD_AXIS/)
    expect(() => vmap(f, { outAxes: 2 })(X)).toThrow(/BAD_AXIS/)
    expect(() => vmap(f, { inAxes: null })(X)).toThrow(/at least one input/)
    expect(() => vmap((a: Variable, b: Variable) => add(a, b))(X, random([3, 3], 1))).toThrow(
      /SHAPE_MISMATCH.*4, 3/,
    )
    expect(() => vmap(f, { inAxes: [0, 0] })(X)).toThrow(/an axis in inAxes for each of 1 inputs/)
    expect(() => vmap(f, { inAxis: 0 } as never)).toThrow(/inAxis/)
  })
})

describe('gradients', () => {
  test('taken inside are those of each example, by inputs and by what is around the function', () => {
    const w = new Variable(random([3, 2], 4))
    const loss = (x: Variable) => sum(square(tanh(matmul(x, w))))
    const [byX, byW] = vmap((x: Variable) => grad(loss(x), [x, w]))(X)
    const looped = rowsOf(new Variable(X)).map((x) => grad(loss(x), [x, w]))
    expectSame(byX!, stack(looped.map(([gx]) => gx!)))
    expectSame(byW!, stack(looped.map(([, gw]) => gw!)))
    expect(w.grad).toBeNull()
  })

  test('reach what a captured variable was made from', () => {
    const v = new Variable(random([3], 5))
    const w = square(v)
    const inside = vmap((x: Variable) => grad(sum(mul(sin(mul(x, w)), x)), v)[0]!)(X)
    const looped = rowsOf(new Variable(X)).map((x) => grad(sum(mul(sin(mul(x, w)), x)), v)[0]!)
    expectSame(inside, stack(looped))
  })

  test('of gradients, Jacobians, Hessians and products with them are those of each example', () => {
    const f = (x: Variable) => sum(mul(sin(x), square(x)))
    const g = (x: Variable) => mul(sin(x), take(x, [1, 2, 0]))
    const rows = rowsOf(new Variable(X))
    expectSame(vmap((x: Variable) => hessian(f, x))(X), stack(rows.map((x) => hessian(f, x))))
    expectSame(vmap((x: Variable) => jacobian(g, x))(X), stack(rows.map((x) => jacobian(g, x))))
    expectSame(
      vmap((x: Variable) => hvp(f, x, [1, 2, 3]).product)(X),
      stack(rows.map((x) => hvp(f, x, [1, 2, 3]).product)),
    )
    expectSame(
      vmap((x: Variable) => jvp(g, x, [1, 0, 2]).tangent)(X),
      stack(rows.map((x) => jvp(g, x, [1, 0, 2]).tangent)),
    )
    expectSame(
      vmap((x: Variable, v: Variable) => vjp(g, x, v).gradients[0]!)(X, X),
      stack(rows.map((x) => vjp(g, x, x).gradients[0]!)),
    )
  })

  test('from outside go through vmap, also through gradients taken inside with createGraph', () => {
    const w = new Variable(random([3], 6))
    const f = vmap((x: Variable) => grad(sum(sin(mul(x, w))), x, { createGraph: true })[0]!)
    const looped = stack(
      rowsOf(new Variable(X)).map((x) => grad(sum(sin(mul(x, w))), x, { createGraph: true })[0]!),
    )
    expectSame(grad(sum(square(f(X))), w)[0]!, grad(sum(square(looped)), w)[0]!)
    expect(vmap((x: Variable) => grad(sum(sin(mul(x, w))), x)[0]!)(X).requiresGrad).toBe(false)
    expect(
      checkGradients((x) => vmap((row: Variable) => mul(tanh(row), w))(x), [new Variable(X)]).passed,
    ).toBe(true)
    expectSame(
      jacobian((x) => vmap((row: Variable) => square(row))(x), X),
      jacobian((x) => square(x), X),
    )
    const points = new Variable(X)
    expectSame(
      jvp((x) => vmap((row: Variable) => square(row))(x), points, X).tangent,
      jvp((x) => square(x), points, X).tangent,
    )
  })

  test('follow constants, noGrad and detach as outside', () => {
    expect(() => vmap((x: Variable) => grad(sum(x), x)[0]!)(constant(X))).toThrow(/NOT_DIFFERENTIABLE/)
    const x = new Variable(X)
    expect(vmap((row: Variable) => noGrad(() => square(row)))(x).requiresGrad).toBe(false)
    expect(noGrad(() => vmap((row: Variable) => square(row))(x)).requiresGrad).toBe(false)
    expectSame(
      noGrad(() => vmap((row: Variable) => hessian((v) => sum(sin(v)), row))(x)).detach(),
      vmap((row: Variable) => hessian((v) => sum(sin(v)), row))(x),
    )
    const through = vmap((row: Variable) => grad(sum(mul(row.detach(), row)), row)[0]!)(x)
    expectSame(through, x)
  })

  test('of a convolutional network are those of each image, in one call a function', async () => {
    class Net extends Module {
      conv = new Conv2d(1, 2, 3, { padding: 1 })
      fc = new Linear(8, 3)
      override forward(x: Variable): Variable {
        const pooled = maxPool2d(relu(this.conv.forward(reshape(x, [1, 1, 4, 4]))), { kernel: 2 })
        return this.fc.forward(reshape(pooled, [8]))
      }
    }
    seedRandom(1)
    const net = new Net()
    const [x, t] = [new Variable(random([5, 16], 7)), constant([0, 2, 1, 1, 0], { dtype: 'int32' })]
    const f = (one: Variable, label: Variable) =>
      grad(softmaxCrossEntropy(net.forward(one), label), net.parameters())
    const tape = openTape(':memory:')
    const run = tape.startRun('calls')
    let calls = 0
    const counting = run.events$.subscribe(({ type }) => {
      if (type === 'FunctionCalled') calls++
    })
    const all = vmap(f)(x, t)
    counting.unsubscribe()
    await run.finish()
    tape.close()
    expect(calls).toBeLessThan(140)
    const looped = rowsOf(x).map((one, i) => f(one, take(t, i)))
    for (const [k, gradient] of all.entries()) expectSame(gradient, stack(looped.map((row) => row[k]!)))
  })
})

test('vmaps nest, each with its own axis', () => {
  const a = new Variable(random([2, 3], 8))
  const b = new Variable(random([4, 3], 9))
  const pairs = vmap((x: Variable) => vmap((y: Variable) => sum(mul(x, y)))(b))(a)
  expectSame(pairs, matmul(a, b, { transposeB: true }))
  const turned = vmap((x: Variable) => vmap((y: Variable) => sum(mul(x, y)))(b), { outAxes: 1 })(a)
  expectSame(turned, matmul(b, a, { transposeB: true }))
  const slopes = vmap((x: Variable) => vmap((y: Variable) => grad(sum(sin(mul(x, y))), x)[0]!)(b))(a)
  const looped = rowsOf(a).map((x) => stack(rowsOf(b).map((y) => grad(sum(sin(mul(x, y))), x)[0]!)))
  expectSame(slopes, stack(looped))
})

test('where chooses in the place of a branch', () => {
  const y = vmap((x: Variable) => where(sum(x).greater(0), square(x), x.neg()))(X)
  expectSame(y, stack(rowsOf(new Variable(X)).map((x) => (sum(x).item() > 0 ? square(x) : x.neg()))))
})

test('no examples are an empty result', () => {
  expect(vmap((x: Variable) => grad(sum(sin(x)), x)[0]!)(ndarray([], { shape: [0, 3] })).shape).toEqual([
    0, 3,
  ])
})

test('a function of the user is called once for each example, with its derivatives', () => {
  class Cube extends Func {
    override forward(x: import('../../src/index.js').NDArray) {
      return x.map((value) => value ** 3)
    }
    override backward(gy: Variable) {
      return mul(gy, mul(square(this.input), 3))
    }
  }
  const cube = (x: Variable) => sum(new Cube().apply(x))
  expectSame(
    vmap((x: Variable) => hessian(cube, x))(X),
    stack(rowsOf(new Variable(X)).map((x) => hessian(cube, x))),
  )
})

test('dropout draws a mask for each example, and one for what is the same for all', () => {
  const ones = new Variable(ndarray(new Float64Array(200).fill(1), { shape: [4, 50] }))
  const key = { p: 0.5, seed: 1, counter: 1 }
  const rows = rowsOf(vmap((x: Variable) => dropout(x, key))(ones)).map((row) =>
    JSON.stringify(row.data.toArray()),
  )
  expect(new Set(rows).size).toBe(4)
  const same = vmap((_: Variable) => dropout(take(ones, 0), key))(X)
  expect(new Set(rowsOf(same).map((row) => JSON.stringify(row.data.toArray()))).size).toBe(1)
})

describe('what is refused', () => {
  test('the numbers of an example, in any way', () => {
    const x = new Variable(X)
    for (const ask of [
      (row: Variable) => mul(row, row.item()),
      (row: Variable) => new Variable(row.data),
      (row: Variable) => {
        row.data = X
        return row
      },
      (row: Variable) => {
        x.data = stack([row]).data
        return row
      },
    ])
      expect(() => vmap(ask)(x)).toThrow(/inside vmap/)
    let told = ''
    vmap((row: Variable) => {
      told = row.toString()
      return row
    })(x)
    expect(told).toBe('variable(one of 4 examples, float64 [3])')
  })

  test('backward(), statistics that would be assigned, work that comes later, and what is no Variable', () => {
    const pass = (x: Variable) => {
      sum(x).backward()
      return x
    }
    expect(() => vmap(pass)(X)).toThrow(/inside vmap backward/)
    const norm = new BatchNorm(3)
    const batches = new Variable(random([2, 5, 3], 1))
    expect(() => vmap((x: Variable) => norm.forward(x))(batches)).toThrow(/inside vmap/)
    norm.eval()
    expect(vmap((x: Variable) => norm.forward(x))(batches).shape).toEqual([2, 5, 3])
    expect(() => vmap((async (x: Variable) => x) as never)).toThrow(/async/)
    expect(() => vmap((() => 3) as never)(X)).toThrow(/returns a Variable/)
  })

  test('an example that was kept until later', () => {
    let kept: Variable | null = null
    vmap((x: Variable) => {
      kept = x
      return x
    })(X)
    expect(() => square(kept!)).toThrow(/vmap that is over/)
  })

  test('mistakes of the function, in its own words', () => {
    expect(() => vmap((x: Variable) => matmul(x, [[1, 2]]))(X)).toThrow(/SHAPE_MISMATCH: matmul.*\[3\]/)
    expect(() => vmap((x: Variable) => reshape(x, [2]))(X)).toThrow(/BAD_SHAPE.*of 3 elements/)
    expect(() => vmap((x: Variable) => sum(x, { axis: 1 }))(X)).toThrow(/BAD_AXIS/)
    expect(() => vmap((i: Variable) => take([1, 2], i))(constant([0, 2], { dtype: 'int32' }))).toThrow(
      /INDEX_OUT_OF_RANGE/,
    )
  })
})

test('recompute and vmap go together, either inside the other', () => {
  const x = new Variable(X)
  const f = (row: Variable) => sum(sin(square(row)))
  const plain = grad(sum(vmap(f)(x)), x)[0]!
  expectSame(grad(sum(recompute((whole: Variable) => vmap(f)(whole), x)), x)[0]!, plain)
  expectSame(grad(sum(vmap((row: Variable) => recompute(f, row))(x)), x)[0]!, plain)
})

describe('on a tape', () => {
  let folder: string
  beforeAll(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gradtape-vmap-'))
  })
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

  test('what vmap computed replays bit for bit, and answers later what nobody asked, with the same bits', async () => {
    const file = path.join(folder, 'vmap.tape')
    const tape = openTape(file)
    const run = tape.startRun('vmap')
    const x = new Variable(X, { name: 'x' })
    const w = new Variable(random([3, 2], 10), { name: 'w' })
    const t = constant([0, 1, 1, 0], { dtype: 'int32' })
    run.step()
    const losses = vmap((row: Variable, label: Variable) => softmaxCrossEntropy(tanh(matmul(row, w)), label))(
      x,
      t,
    )
    const slopes = vmap(
      (row: Variable, label: Variable) => grad(softmaxCrossEntropy(tanh(matmul(row, w)), label), w)[0]!,
    )(x, t)
    const total = add(sum(losses), sum(square(slopes)))
    run.log({ losses: sum(losses), total })
    const live = grad(sum(losses), w)[0]!
    await run.finish()
    tape.close()
    const past = openTape(file, { readonly: true })
    const again = past.run('vmap')
    expect(again.replay().verdict).toBe('bit-exact')
    const loss = again.variable('losses')
    loss.backward()
    expect(again.variable('w').grad!.data.toArray()).toEqual(live.data.toArray())
    // A debugger's question to a closed run: the gradient of each row, by weights as they were.
    const pastX = again.variable('x')
    const pastW = again.variable('w')
    const rows = vmap(
      (row: Variable, label: Variable) =>
        grad(softmaxCrossEntropy(tanh(matmul(row, pastW)), label), pastW)[0]!,
    )(pastX, t)
    expect(rows.data.toArray()).toEqual(slopes.data.toArray())
    past.close()
  })
})
