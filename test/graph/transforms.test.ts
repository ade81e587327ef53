import { describe, expect, test } from 'vitest'
import { grad } from '../../src/graph/backward.js'
import { checkGradients } from '../../src/graph/gradient-check.js'
import { noGrad } from '../../src/graph/mode.js'
import { hessian, hvp, jacobian, jvp, vjp } from '../../src/graph/transforms.js'
import { Variable } from '../../src/graph/variable.js'
import { exp, matmul, mul, ndarray, pow, sin, square, sum, tanh } from '../../src/index.js'
import { openForTest, recordedTape } from '../tape/temporary-tape.js'

const near = (got: Variable, want: number[] | number, digits = 12) => {
  const list = typeof want === 'number' ? [want] : want
  expect(got.size).toBe(list.length)
  for (const [i, w] of list.entries()) expect(got.data.data[i]).toBeCloseTo(w, digits)
}

describe('functional transforms', () => {
  test('vjp pulls a vector back through the function', () => {
    const { value, gradients } = vjp((x) => square(x), [1, 2, 3], [1, 10, 100])
    near(value, [1, 4, 9])
    near(gradients[0]!, [2, 40, 600])
  })

  test('jvp pushes a direction forward, also through functions that are linear or do not depend on the input', () => {
    const { value, tangent } = jvp((x) => mul(sin(x), x), [0.3, -0.7], [1, 2])
    near(value, [Math.sin(0.3) * 0.3, Math.sin(-0.7) * -0.7])
    near(tangent, [Math.cos(0.3) * 0.3 + Math.sin(0.3), 2 * (Math.cos(0.7) * -0.7 + Math.sin(-0.7))])
    near(jvp((x) => mul(x, 3), [1, 2], [5, 7]).tangent, [15, 21])
    near(jvp((_x) => new Variable([4]), [1, 2], [5, 7]).tangent, [0])
  })

  test('jvp agrees with jacobian times direction for several inputs', () => {
    const w = new Variable([
      [0.1, -0.2, 0.3],
      [0.5, 0.4, -0.6],
    ])
    const x = new Variable([
      [1, 2],
      [3, -1],
    ])
    const fn = (a: Variable, b: Variable) => tanh(matmul(a, b))
    const [dx, dw] = [
      new Variable([
        [0.1, 0.2],
        [-0.3, 0.4],
      ]),
      new Variable([
        [1, 0, -1],
        [2, 1, 0],
      ]),
    ]
    const [jx, jw] = jacobian(fn, [x, w]) as [Variable, Variable]
    expect(jx.shape).toEqual([2, 3, 2, 2])
    expect(jw.shape).toEqual([2, 3, 2, 3])
    const { tangent } = jvp(fn, [x, w], [dx, dw])
    for (let i = 0; i < 6; i++) {
      let want = 0
      for (let j = 0; j < 4; j++) want += jx.data.data[i * 4 + j]! * dx.data.data[j]!
      for (let j = 0; j < 6; j++) want += jw.data.data[i * 6 + j]! * dw.data.data[j]!
      expect(tangent.data.data[i]).toBeCloseTo(want, 12)
    }
  })

  test('jacobian of an elementwise function is diagonal, and of an empty or constant one has the right shape', () => {
    near(
      jacobian((x) => exp(x), [0, 1]),
      [1, 0, 0, Math.E],
      12,
    )
    expect(jacobian((x) => exp(x), new Float64Array(0)).shape).toEqual([0, 0])
    near(
      jacobian((_x) => new Variable([1, 2], { requiresGrad: false }), [3]),
      [0, 0],
    )
  })

  test('hessian of a cubic and hvp agree with the closed form', () => {
    const cubic = (x: Variable) => sum(pow(x, 3))
    near(hessian(cubic, [1, 2]), [6, 0, 0, 12])
    near(hvp(cubic, [1, 2], [10, 100]).product, [60, 1200])
    near(hvp((x) => sum(mul(x, 2)), [1, 2], [1, 1]).product, [0, 0])
  })

  test('what createGraph made can be differentiated again', () => {
    const x = new Variable([0.5, -1.5])
    const { tangent } = jvp((v) => pow(v, 4), x, [1, 1], { createGraph: true })
    near(grad([sum(tangent)], [x])[0]!, [12 * 0.25, 12 * 2.25])
  })

  test('a vector function has no hessian, and says what to do', () => {
    expect(() => hessian((x) => square(x), [1, 2])).toThrow(
      /NOT_SCALAR: hessian needs a scalar function, got an output of shape \[2\]; sum it/,
    )
  })
})

describe('each input of a transform is a variable of its own', () => {
  test('when inputs are related, or one variable is given twice', () => {
    const x = new Variable(3)
    const product = (a: Variable, b: Variable) => mul(a, square(b))
    expect(jacobian(product, [x, x]).map((d) => d.item())).toEqual([9, 18])
    expect(vjp(product, [x, x]).gradients.map((d) => d.item())).toEqual([9, 18])
    expect(jvp(product, [x, x], [new Variable(1), new Variable(0)]).tangent.item()).toBe(9)
    const h = square(x)
    expect(jacobian((a, b) => mul(a, b), [h, x]).map((d) => d.item())).toEqual([3, 9])
    expect(vjp((a, b) => mul(a, b), [x, h]).gradients.map((d) => d.item())).toEqual([9, 3])
  })

  test('so what the function takes from around it counts as constant, though it hangs on an input', () => {
    const x = new Variable(3)
    const h = square(x)
    expect(jacobian((v) => mul(v, h), x).item()).toBe(9)
    expect(jacobian((v) => mul(v, x), x).item()).toBe(3)
    expect(jvp((v) => mul(v, h), x, 1).tangent.item()).toBe(9)
    expect(hessian((v) => mul(square(v), x), x).item()).toBe(6)
    expect(hvp((v) => mul(square(v), h), x, 1).product.item()).toBe(18)
    expect(jacobian(() => h, x).item()).toBe(0)
  })

  test('but with createGraph the result can be differentiated on by all of it', () => {
    const x = new Variable(3)
    const h = square(x)
    // d/dv [v·h] = h = x², and so 2x outside.
    const slope = jacobian((v) => mul(v, h), x, { createGraph: true })
    expect(grad(slope, x)[0]!.item()).toBe(6)
    // d/dv [v²·x] = 2vx at v = x: outside, 4x.
    const other = vjp((v) => mul(square(v), x), x, undefined, { createGraph: true })
    expect(grad(other.gradients[0]!, x)[0]!.item()).toBe(12)
    // The value hangs on the inputs too.
    expect(grad(other.value, x)[0]!.item()).toBe(27)
  })

  test('transforms nest: an inner one takes the variable of an outer one from around it', () => {
    const third = jacobian(
      (a) =>
        jacobian((b) => jacobian((c) => mul(mul(a, b), pow(c, 3)), b, { createGraph: true }), a, {
          createGraph: true,
        }),
      new Variable(2),
    )
    // c: 3abc² at c = b: 3ab³; b: 9ab² at b = a: 9a³; a: 27a².
    expect(third.item()).toBe(108)
  })

  test('hooks of what lies outside are left alone, and those inside the function run once', () => {
    const x = new Variable(3)
    const w = new Variable(5)
    const h = square(x)
    let outside = 0
    let inside = 0
    for (const v of [x, w, h]) v.onGradient(() => void outside++)
    const fn = (v: Variable) => {
      const y = mul(mul(v, h), w)
      y.onGradient(() => void inside++)
      return y
    }
    expect(vjp(fn, x).gradients[0]!.item()).toBe(45)
    expect([inside, outside]).toEqual([1, 0])
    jvp(fn, x, 1)
    hessian(fn, x)
    checkGradients(fn, [x])
    expect(outside).toBe(0)
  })

  test('values are those of the moment, whatever is assigned to the inputs meanwhile or since', () => {
    const x = new Variable(3)
    const { gradients, value } = vjp(
      (v) => {
        x.data = ndarray(100)
        return square(v)
      },
      x,
      undefined,
      { createGraph: true },
    )
    expect([value.item(), gradients[0]!.item()]).toEqual([9, 6])
    expect(grad(gradients[0]!, x)[0]!.item()).toBe(2)
    expect(jacobian((v) => mul(v, x), new Variable(1)).item()).toBe(100)
  })

  test('gives zeros through a variable that the function assigns to, and the version that calls read', () => {
    const { gradients } = vjp((v) => {
      const y = square(v)
      v.data = ndarray(50)
      return y
    }, 3)
    expect(gradients[0]!.item()).toBe(6)
  })

  test('inside noGrad the derivatives are the same, and nothing hangs on the inputs', () => {
    const x = new Variable(3)
    const { gradients } = noGrad(() => vjp((v) => square(v), x, undefined, { createGraph: true }))
    expect(gradients[0]!.item()).toBe(6)
    expect(grad(gradients[0]!, x)[0]!.item()).toBe(0)
  })

  test('they are recorded, replay to the bit, and are differentiated from the file', async () => {
    const file = await recordedTape((run) => {
      const x = new Variable(3, { name: 'x' })
      const [slope] = jacobian((a, b) => mul(a, square(b)), [x, square(x)], { createGraph: true })
      run.log({ slope: slope! })
      hessian((v) => pow(v, 4), x)
      jvp((v) => pow(v, 4), x, 1)
      slope!.backward()
      expect(x.grad!.item()).toBe(108)
    })
    const past = openForTest(file, { readonly: true }).run('test')
    expect(past.replay()).toMatchObject({ verdict: 'bit-exact', divergence: null })
    past.variable('x').clearGrad()
    past.variable('slope').backward()
    expect(past.variable('x').grad!.item()).toBe(108)
  })
})
