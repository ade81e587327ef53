import { describe, expect, test } from 'vitest'
import { mul, Square, square } from '../../src/functions/arithmetic.js'
import { Exp, exp } from '../../src/functions/exponential.js'
import { grad } from '../../src/graph/backward.js'
import { Variable } from '../../src/graph/variable.js'

describe('square ∘ exp ∘ square at 0.5', () => {
  test('has the gradient 3.297442541400256 exactly, by backward', () => {
    const x = new Variable(0.5)
    const y = square(exp(square(x)))
    y.backward()
    expect(y.item()).toBe(1.648721270700128)
    expect(x.grad!.item()).toBe(3.297442541400256)
  })

  test('has it too when the calls are chained by hand, from the last to the first', () => {
    const first = new Square()
    const second = new Exp()
    const third = new Square()
    const x = new Variable(0.5)
    const a = first.apply(x)
    const b = second.apply(a)
    const y = third.apply(b)
    y.grad = 1
    b.grad = third.backward(y.grad!)
    a.grad = second.backward(b.grad!)
    x.grad = first.backward(a.grad!)
    expect(x.grad!.item()).toBe(3.297442541400256)
  })

  test('has the second derivative (16x² + 4)·y', () => {
    const x = new Variable(0.5)
    const y = square(exp(square(x)))
    const [first] = grad([y], [x], { createGraph: true })
    const [second] = grad([first!], [x])
    expect(second!.item()).toBeCloseTo(8 * y.item(), 12)
    expect(mul(first!, 1).item()).toBe(3.297442541400256)
  })
})
