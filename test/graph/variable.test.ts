import { describe, expect, test } from 'vitest'
import { ndarray } from '../../src/array/make-array.js'
import { add, mul, square } from '../../src/functions/arithmetic.js'
import { sum } from '../../src/functions/reductions.js'
import '../../src/graph/backward.js'
import { constant, parameter } from '../../src/graph/leaves.js'
import { noGrad } from '../../src/graph/mode.js'
import { Variable } from '../../src/graph/variable.js'

describe('a variable', () => {
  test('wants a gradient unless told otherwise, or made of integers', () => {
    expect(new Variable(1).requiresGrad).toBe(true)
    expect(new Variable(1, { requiresGrad: false }).requiresGrad).toBe(false)
    expect(new Variable([1, 2], { dtype: 'int32' }).requiresGrad).toBe(false)
    expect(constant(1).requiresGrad).toBe(false)
    expect(parameter(1).requiresGrad).toBe(true)
  })

  test('of integers refuses to require a gradient', () => {
    expect(() => new Variable([1], { dtype: 'int32', requiresGrad: true })).toThrow(
      /^BAD_DTYPE: only float64 and float32/,
    )
    expect(() => parameter([1], { dtype: 'int32' })).toThrow(
      /^BAD_DTYPE: a parameter expected float64 or float32, got int32/,
    )
  })

  test('is not made of a variable', () => {
    const x = new Variable(1)
    expect(() => new Variable(x as never)).toThrow(/^BAD_ARGUMENT: .*use it as it is, or take \.detach\(\)/)
  })

  test('refuses a name that is none', () => {
    expect(() => new Variable(1, { name: '' })).toThrow(/^BAD_ARGUMENT: a name expected a non-empty string/)
    expect(() => {
      new Variable(1).name = 7 as never
    }).toThrow(/^BAD_ARGUMENT: a name expected/)
  })

  test('keeps its shape and dtype when it is assigned to', () => {
    const x = new Variable([1, 2], { name: 'x' })
    expect(() => {
      x.data = ndarray([1, 2, 3])
    }).toThrow(/^SHAPE_MISMATCH: x\.data expected shape \[2\], got \[3\]/)
    expect(() => {
      x.data = ndarray([1, 2], { dtype: 'float32' })
    }).toThrow(/^BAD_DTYPE: x\.data expected float64, got float32/)
    expect(x.data.toArray()).toEqual([1, 2])
  })

  test('takes a gradient of its shape only; a number fills it', () => {
    const x = new Variable([1, 2], { name: 'x' })
    expect(() => {
      x.grad = [1, 2, 3]
    }).toThrow(/^SHAPE_MISMATCH: grad of x expected shape \[2\], got \[3\]/)
    x.grad = 2
    expect(x.grad!.data.toArray()).toEqual([2, 2])
    x.grad = null
    expect(x.grad).toBe(null)
  })

  test('detached is a constant with the same array', () => {
    const x = new Variable(3)
    const y = square(x)
    const z = y.detach()
    expect(z.data).toBe(y.data)
    expect(z.creator).toBe(null)
    expect(z.requiresGrad).toBe(false)
    const w = mul(z, x)
    w.backward()
    expect(x.grad!.item()).toBe(9)
  })

  test('unchained, ends the walk of backward and keeps the gradient itself', () => {
    const x = new Variable(3)
    const h = square(x)
    const y = square(h)
    h.unchain()
    y.backward()
    expect(h.creator).toBe(null)
    expect(h.grad!.item()).toBe(18)
    expect(x.grad).toBe(null)
  })

  test('made inside noGrad has no creator and needs no gradient', () => {
    const x = new Variable(3)
    const y = noGrad(() => square(x))
    expect(y.creator).toBe(null)
    expect(y.requiresGrad).toBe(false)
    expect(() => y.backward()).toThrow(/^NOT_DIFFERENTIABLE: backward from variable/)
    expect(square(x).creator).not.toBe(null)
  })

  test('noGrad ends also when what runs in it throws', () => {
    const x = new Variable(3)
    expect(() =>
      noGrad(() => {
        throw new Error('stop')
      }),
    ).toThrow('stop')
    expect(square(x).creator).not.toBe(null)
  })

  test('assigned as a constant leaves other constants of the same number alone', () => {
    const seven = add(new Variable(0), 7).creator!.inputs[1]!
    seven.data = ndarray(8)
    expect(add(new Variable(0), 7).item()).toBe(7)
    const minusZero = mul(new Variable(1), -0)
    expect(Object.is(minusZero.item(), -0)).toBe(true)
    expect(Object.is(mul(new Variable(1), 0).item(), 0)).toBe(true)
  })

  test('has no position before a run has seen it', () => {
    expect(new Variable(1).position).toBe(null)
    expect(square(new Variable(1)).creator!.position).toBe(null)
  })
})

describe('hooks on gradients', () => {
  test('see the complete gradient of a leaf once, and replace it by what they return', () => {
    const x = new Variable(3)
    const seen: number[] = []
    x.onGradient((gradient) => {
      seen.push(gradient.item())
      return new Variable(gradient.item() / 2)
    })
    const y = add(square(x), mul(x, 4))
    y.backward()
    expect(seen).toEqual([10])
    expect(x.grad!.item()).toBe(5)
  })

  test('on an intermediate variable change what goes on', () => {
    const x = new Variable(3)
    const h = square(x)
    h.onGradient(() => new Variable(1))
    mul(h, 100).backward()
    expect(x.grad!.item()).toBe(6)
  })

  test('run in the order in which they were given, and can be taken away', () => {
    const x = new Variable(1)
    const calls: string[] = []
    const away = x.onGradient(() => void calls.push('first'))
    x.onGradient(() => void calls.push('second'))
    square(x).backward()
    away()
    square(x).backward()
    expect(calls).toEqual(['first', 'second', 'second'])
    expect(x.grad!.item()).toBe(4)
  })

  test('that throw leave the graph usable', () => {
    const x = new Variable(3)
    const y = sum(square(x))
    const away = y.creator!.input.onGradient(() => {
      throw new Error('stop')
    })
    expect(() => y.backward()).toThrow('stop')
    expect(x.grad).toBe(null)
    away()
    y.backward()
    expect(x.grad!.item()).toBe(6)
  })
})

test('a number given as a gradient is a Variable of its own, whatever the process did with that number before', () => {
  const [a, b] = [new Variable(1), new Variable(1)]
  a.grad = 2
  b.grad = 2
  expect(a.grad).not.toBe(b.grad)
  const operand = mul(a, 2).creator!.inputs[1]!
  expect(a.grad).not.toBe(operand)
  a.grad!.data = ndarray(5)
  expect([b.grad!.item(), operand.item()]).toEqual([2, 2])
})
