import { describe, expect, test } from 'vitest'
import { grad } from '../../src/graph/backward.js'
import { hessian, hvp, jacobian, jvp, vjp } from '../../src/graph/transforms.js'
import { Variable } from '../../src/graph/variable.js'
import { exp, matmul, mul, pow, sin, square, sum, tanh } from '../../src/index.js'

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
      /NOT_SCALAR: hessian and hvp need a scalar function, got an output of shape \[2\]; sum it/,
    )
  })
})
