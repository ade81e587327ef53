import { describe, expect, test } from 'vitest'
import { ndarray } from '../../src/array/make-array.js'
import { add, mul, square, sub } from '../../src/functions/arithmetic.js'
import { exp, pow, sin, tanh } from '../../src/functions/exponential.js'
import { matmul } from '../../src/functions/products.js'
import { sum } from '../../src/functions/reductions.js'
import { grad } from '../../src/graph/backward.js'
import { checkGradients } from '../../src/graph/gradient-check.js'
import { noGrad } from '../../src/graph/mode.js'
import { hessian, hvp, jacobian, jvp, vjp } from '../../src/graph/transforms.js'
import { Variable } from '../../src/graph/variable.js'
import { floor } from '../../src/index.js'
import { newTapePath, openForTest } from '../tape/temporary-tape.js'

describe('grad()', () => {
  test('gives gradients in the order of the inputs and touches no .grad', () => {
    const [x, y] = [new Variable(2), new Variable(3)]
    const z = add(mul(x, y), square(y))
    const [gy, gx] = grad([z], [y, x])
    expect([gx!.item(), gy!.item()]).toEqual([3, 8])
    expect([x.grad, y.grad, z.grad]).toEqual([null, null, null])
  })

  test('gives zeros for an input the outputs do not depend on', () => {
    const [x, unused] = [new Variable(2), new Variable([1, 2])]
    const [gx, gu] = grad([square(x)], [x, unused])
    expect(gx!.item()).toBe(4)
    expect(gu!.data.toArray()).toEqual([0, 0])
  })

  test('sums over several outputs, each with its seed', () => {
    const x = new Variable([1, 2])
    const [g] = grad([square(x), mul(x, 3)], [x], {
      gradients: [
        [1, 1],
        [10, 100],
      ],
    })
    expect(g!.data.toArray()).toEqual([32, 304])
  })

  test('asks for intermediate variables, and for the output itself', () => {
    const x = new Variable(3)
    const h = square(x)
    const y = square(h)
    expect(grad([y], [h, y, x]).map((g) => g.item())).toEqual([18, 1, 108])
  })

  test('refuses what backward refuses', () => {
    expect(() => grad([square(new Variable([1, 2]))], [])).toThrow(/^NOT_SCALAR/)
  })
})

describe('the derivative of what does not depend on an input', () => {
  const x = () => new Variable([1, 2])
  const outputs: [string, (v: Variable) => Variable][] = [
    ['a constant', () => new Variable(3, { requiresGrad: false })],
    ['a function of nothing', () => square(new Variable(3, { requiresGrad: false }))],
    ['an unrelated variable', () => sum(square(new Variable([4, 5])))],
    ['something made inside noGrad', (v) => noGrad(() => sum(v))],
    ['something detached', (v) => sum(v).detach()],
    ['a step function', (v) => sum(floor(v))],
  ]

  test.each(outputs)('is zero for %s, in every transform', (_what, fn) => {
    const v = x()
    expect(grad(fn(v), v)[0]!.data.toArray()).toEqual([0, 0])
    expect(grad([fn(v), sum(v)], v)[0]!.data.toArray()).toEqual([1, 1])
    expect(grad(fn(v), v, { createGraph: true })[0]!.data.toArray()).toEqual([0, 0])
    expect(vjp(fn, v).gradients[0]!.data.toArray()).toEqual([0, 0])
    expect(jvp(fn, v, [1, 1]).tangent.item()).toBe(0)
    expect(jacobian(fn, v).data.toArray()).toEqual([0, 0])
    expect(hessian(fn, v).data.toArray()).toEqual([
      [0, 0],
      [0, 0],
    ])
    expect(hvp(fn, v, [1, 1]).product.data.toArray()).toEqual([0, 0])
  })

  test('passes checkGradients when it is really zero, and fails when the graph was cut', () => {
    expect(checkGradients(() => new Variable(3, { requiresGrad: false }), [[1, 2]]).passed).toBe(true)
    expect(checkGradients((v) => sum(floor(v)), [[1.5, 2.5]]).passed).toBe(true)
    expect(checkGradients((v) => sum(v).detach(), [[1, 2]], { throwOnFailure: false }).passed).toBe(false)
  })

  test('is refused for an input that can have none', () => {
    const v = new Variable(2)
    const inputs = [
      new Variable(3, { requiresGrad: false }),
      noGrad(() => mul(v, 3)),
      new Variable([1, 2], { dtype: 'int32' }),
      v.detach(),
    ]
    for (const input of inputs)
      expect(() => grad(mul(v, sum(input)), [v, input])).toThrow(
        /^NOT_DIFFERENTIABLE: grad by input 1 \(variable\) expected a variable that requires a gradient/,
      )
    expect(() => grad(square(v), [3 as unknown as Variable])).toThrow(
      /^NOT_DIFFERENTIABLE: grad expected Variables/,
    )
    const total = (v: Variable) => sum(v)
    const ids = new Variable([1, 2], { dtype: 'int32' })
    for (const transform of [vjp, jacobian, hessian] as ((f: typeof total, i: Variable) => unknown)[])
      expect(() => transform(total, ids)).toThrow(
        /^BAD_DTYPE: .* expected inputs of float64 or float32, got int32/,
      )
    expect(() => jvp(total, ids, ids)).toThrow(/^BAD_DTYPE/)
    expect(() => hvp(total, ids, ids)).toThrow(/^BAD_DTYPE/)
  })

  test('and backward() from it is refused, since no variable would get anything', () => {
    expect(() => square(new Variable(3, { requiresGrad: false })).backward()).toThrow(/^NOT_DIFFERENTIABLE/)
  })
})

describe('createGraph', () => {
  test('lets gradients be differentiated again, as often as wanted', () => {
    const x = new Variable(2)
    let derivative = pow(x, 5)
    const found: number[] = []
    for (let order = 1; order <= 6; order++) {
      derivative = grad([derivative], [x], { createGraph: true })[0]!
      found.push(derivative.item())
    }
    expect(found).toEqual([80, 160, 240, 240, 120, 0])
  })

  test('by backward(): x.grad is a graph whose backward adds the second derivative', () => {
    const x = new Variable(1.5)
    const y = sin(x)
    y.backward({ createGraph: true })
    const first = x.grad!
    expect(first.creator).not.toBe(null)
    x.clearGrad()
    first.backward()
    expect(x.grad!.item()).toBeCloseTo(-Math.sin(1.5), 12)
  })

  test('without it a gradient has no creator', () => {
    const x = new Variable(1.5)
    square(x).backward()
    expect(x.grad!.creator).toBe(null)
    expect(() => x.grad!.backward()).toThrow(/^NOT_DIFFERENTIABLE/)
  })

  test('agrees with differences for a gradient penalty', () => {
    const penalty = (w: Variable, x: Variable) => {
      const y = sum(tanh(matmul(x, w)))
      const [g] = grad([y], [x], { createGraph: true })
      return sum(square(g!))
    }
    expect(
      checkGradients(penalty, [
        [
          [0.3, -0.2],
          [0.5, 0.1],
        ],
        [
          [0.7, -1.1],
          [0.2, 0.4],
        ],
      ]).passed,
    ).toBe(true)
  })

  test('sees inputs that were assigned since with the value they had', () => {
    const w = new Variable(3)
    const y = mul(square(w), w)
    w.data = ndarray(100)
    const [first] = grad([y], [w], { createGraph: true })
    expect(first!.item()).toBe(27)
    const [second] = grad([first!], [w])
    expect(second!.item()).toBe(18)
  })

  test('of an assigned variable refuses to record, and says what to do', () => {
    const tape = openForTest(newTapePath())
    tape.startRun('test')
    const w = new Variable(3, { name: 'w' })
    const y = square(w)
    w.data = ndarray(100)
    expect(() => grad([y], [w], { createGraph: true })).toThrow(
      /^STALE_VERSION: w was assigned after the call/,
    )
    expect(() => grad([y], [w])).not.toThrow()
  })

  test('Newton finds the minimum of x⁴ − 2x² from 2, with second derivatives', () => {
    const x = new Variable(2)
    for (let i = 0; i < 8; i++) {
      const y = sub(pow(x, 4), mul(square(x), 2))
      const [first] = grad([y], [x], { createGraph: true })
      const [second] = grad([first!], [x])
      noGrad(() => {
        x.data = ndarray(x.item() - first!.item() / second!.item())
      })
    }
    expect(x.item()).toBe(1)
  })
})

describe('checkGradients', () => {
  test('passes a right backward', () => {
    const report = checkGradients(
      (x, y) => mul(exp(x), y),
      [
        [0.1, -2],
        [3, 4],
      ],
    )
    expect(report.passed).toBe(true)
    expect(report.worst.error).toBeLessThan(1e-7)
  })

  test('fails a wrong one, naming input, element and both numbers', () => {
    const wrong = (x: Variable) => {
      const y = square(x)
      y.creator!.backward = (gy) => mul(gy, 3)
      return y
    }
    expect(() => checkGradients(wrong, [[1, 4]])).toThrow(
      /^GRADIENT_CHECK_FAILED: input 0, element 1: backward says 4\.5, the central difference (11\.99|12)/,
    )
    expect(checkGradients(wrong, [[1, 4]], { throwOnFailure: false })).toMatchObject({
      passed: false,
      worst: { input: 0, element: 1 },
    })
  })

  test('fails a backward that gives NaN, or no gradient where there is one', () => {
    const nan = (x: Variable) => {
      const y = square(x)
      y.creator!.backward = (gy) => mul(gy, Number.NaN)
      return y
    }
    expect(() => checkGradients(nan, [[1, 4]])).toThrow(/^GRADIENT_CHECK_FAILED/)
    // NaN in the first element must not be forgotten over a right second one.
    const first = (x: Variable) => {
      const y = square(x)
      y.creator!.backward = (gy) => mul(mul(gy, mul(x, 2)), [Number.NaN, 1])
      return y
    }
    expect(() => checkGradients(first, [[1, 4]])).toThrow(
      /^GRADIENT_CHECK_FAILED: input 0, element 0: backward says NaN/,
    )
    const none = (x: Variable) => {
      const y = square(x)
      y.creator!.backward = () => null
      return y
    }
    expect(() => checkGradients(none, [[1, 4]])).toThrow(/^GRADIENT_CHECK_FAILED/)
  })

  test('is not recorded and leaves no gradient', () => {
    const tape = openForTest(newTapePath())
    const run = tape.startRun('test')
    const before = run.position
    const x = new Variable([1, 2])
    checkGradients((v) => square(v), [x])
    expect(run.position).toBe(before)
    expect(x.grad).toBe(null)
  })
})
