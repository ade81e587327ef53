import { describe, expect, test } from 'vitest'
import { ndarray } from '../../src/array/make-array.js'
import type { NDArray } from '../../src/array/ndarray.js'
import { add, mul, neg, square, sub } from '../../src/functions/arithmetic.js'
import { exp } from '../../src/functions/exponential.js'
import { concat, split } from '../../src/functions/joining.js'
import { argmax } from '../../src/functions/ordering.js'
import { sum } from '../../src/functions/reductions.js'
import { grad } from '../../src/graph/backward.js'
import { Func } from '../../src/graph/func.js'
import { noGrad } from '../../src/graph/mode.js'
import { Variable } from '../../src/graph/variable.js'
import { openForTest, recordedTape } from '../tape/temporary-tape.js'

/** Quotient and remainder: two outputs. */
class SumAndDifference extends Func {
  override forward(a: NDArray, b: NDArray): NDArray[] {
    return [add(a, b).data, sub(a, b).data]
  }

  override backward(gs: Variable, gd: Variable): Variable[] {
    return [add(gs, gd), sub(gs, gd)]
  }
}

describe('backward', () => {
  test('adds the gradients of a variable that is used twice in one call, and in several', () => {
    const x = new Variable(3)
    mul(x, x).backward()
    expect(x.grad!.item()).toBe(6)
    x.clearGrad()
    const y = add(add(x, square(x)), mul(x, x))
    y.backward()
    expect(x.grad!.item()).toBe(13)
  })

  test('adds them in descending order of the calls that used it', () => {
    // 1e16 + 1 + 1 is 1e16 or 1e16 + 2, as the order has it.
    const x = new Variable(1)
    const [small1, small2, large] = [mul(x, 1), mul(x, 1), mul(x, 1e16)]
    add(add(small1, small2), large).backward()
    expect(x.grad!.item()).toBe(1e16)
    const z = new Variable(1)
    const large2 = mul(z, 1e16)
    const [small3, small4] = [mul(z, 1), mul(z, 1)]
    add(add(small3, small4), large2).backward()
    expect(z.grad!.item()).toBe(1e16 + 2)
  })

  test('takes each call once, after everything that used its outputs', () => {
    const x = new Variable(2)
    const a = square(x)
    const y = add(mul(a, 3), square(a)) // dy/da = 3 + 2a
    let visits = 0
    a.onGradient(() => void visits++)
    y.backward()
    expect(visits).toBe(1)
    expect(x.grad!.item()).toBe((3 + 2 * 4) * 4)
  })

  test('gives gradients to several inputs and from several outputs, zeros for an output nobody used', () => {
    const [a, b] = [new Variable([1, 2]), new Variable([3, 5])]
    const [s, d] = new SumAndDifference().applyAll(a, b)
    expect(d!.creator!.outputs[1]).toBe(d)
    sum(add(mul(s!, 10), mul(d!, 1))).backward()
    expect(a.grad!.data.toArray()).toEqual([11, 11])
    expect(b.grad!.data.toArray()).toEqual([9, 9])
    for (const v of [a, b]) v.clearGrad()
    const [, onlySecond] = new SumAndDifference().applyAll(a, b)
    sum(onlySecond!).backward()
    expect(a.grad!.data.toArray()).toEqual([1, 1])
    expect(b.grad!.data.toArray()).toEqual([-1, -1])
  })

  test('goes through split and concat', () => {
    const x = new Variable([1, 2, 3, 4])
    const [front, back] = split(x, 2)
    sum(mul(concat([back!, front!, back!]), [1, 2, 3, 4, 5, 6])).backward()
    expect(x.grad!.data.toArray()).toEqual([3, 4, 6, 8])
  })

  test('leaves gradients in leaves only, unless told to retain them', () => {
    const x = new Variable(3)
    const h = square(x)
    const y = square(h)
    y.backward()
    expect([y.grad, h.grad, x.grad!.item()]).toEqual([null, null, 108])
    x.clearGrad()
    y.backward({ retainGrad: true })
    expect([y.grad!.item(), h.grad!.item(), x.grad!.item()]).toEqual([1, 18, 108])
  })

  test('adds to the gradients of the passes before, until they are cleared', () => {
    const x = new Variable(3)
    square(x).backward()
    square(x).backward()
    expect(x.grad!.item()).toBe(12)
    x.clearGrad()
    expect(x.grad).toBe(null)
    square(x).backward()
    expect(x.grad!.item()).toBe(6)
  })

  test('keeps the gradients of many leaves apart, each used more than once', () => {
    const leaves = Array.from({ length: 30 }, (_, i) => new Variable(i))
    let y = mul(leaves[0]!, 0)
    for (const [i, leaf] of [...leaves, ...leaves].entries()) y = add(y, mul(leaf, i))
    y.backward()
    expect(leaves.map((leaf) => leaf.grad?.item())).toEqual(leaves.map((_, i) => 2 * i + 30))
  })

  test('begins with the gradient that was assigned to the root, and leaves it as it is', () => {
    const x = new Variable(3)
    const y = square(x)
    y.grad = 0.5
    y.backward()
    expect([x.grad!.item(), y.grad!.item()]).toEqual([3, 0.5])
    y.backward()
    expect([x.grad!.item(), y.grad!.item()]).toEqual([6, 0.5])
    y.clearGrad()
    y.backward()
    expect(x.grad!.item()).toBe(12)
  })

  test('begins with { gradient }, which wins over an assigned one', () => {
    const x = new Variable([1, 2])
    const y = square(x)
    y.grad = [100, 100]
    y.backward({ gradient: [1, 10] })
    expect(x.grad!.data.toArray()).toEqual([2, 40])
  })

  test('of a leaf gives it its seed', () => {
    const x = new Variable(3)
    x.backward()
    expect(x.grad!.item()).toBe(1)
  })

  test('needs a scalar root or a gradient', () => {
    const y = square(new Variable([1, 2]))
    expect(() => y.backward()).toThrow(
      'NOT_SCALAR: backward() needs a scalar root, got [2]; sum it, or pass { gradient }',
    )
    expect(() => y.backward({ gradient: [1, 2, 3] })).toThrow(
      /^SHAPE_MISMATCH: gradient of variable expected shape \[2\], got \[3\]/,
    )
    y.backward({ gradient: 1 })
    const one = square(new Variable([[3]]))
    one.backward()
    expect(one.creator!.input.grad!.data.toArray()).toEqual([[6]])
  })

  test('refuses a root that depends on nothing that requires a gradient', () => {
    const still = new Variable(1, { requiresGrad: false })
    expect(() => square(still).backward()).toThrow(/^NOT_DIFFERENTIABLE: /)
    expect(() => argmax(new Variable([1, 2])).backward()).toThrow(/^NOT_DIFFERENTIABLE: /)
  })

  test('gives constants no gradient', () => {
    const x = new Variable(2)
    const c = new Variable(5, { requiresGrad: false })
    mul(x, c).backward()
    expect([x.grad!.item(), c.grad]).toEqual([5, null])
  })

  test('uses the values of the moment of the call, though a variable was assigned since', () => {
    const w = new Variable(3, { name: 'w' })
    const y = mul(w, w)
    noGrad(() => {
      w.data = ndarray(100)
    })
    y.backward()
    expect(w.grad!.item()).toBe(6)
    expect(w.item()).toBe(100)
    expect(y.creator!.inputs[0]!.item()).toBe(3)
  })

  test('gives a variable that was assigned between two uses the sum of both gradients', () => {
    const w = new Variable(3)
    const first = square(w)
    w.data = ndarray(10)
    const second = square(w)
    add(first, second).backward()
    expect(w.grad!.item()).toBe(26)
  })

  test('walks a pass inside a pass, over the same calls too', () => {
    const x = new Variable(2)
    const shared = square(x)
    class Curious extends Func {
      override forward(a: NDArray): NDArray {
        return a
      }

      override backward(gy: Variable): Variable {
        const [inner] = grad([shared], [x])
        return mul(gy, inner!)
      }
    }
    const z = add(new Curious().apply(shared), mul(shared, 3))
    z.backward() // dz/dshared = 4 + 3
    expect(x.grad!.item()).toBe(7 * 4)
    shared.backward()
    expect(x.grad!.item()).toBe(7 * 4 + 4)
  })

  test('keeps the dtype of each variable', () => {
    const x = new Variable([1, 2], { dtype: 'float32' })
    sum(square(exp(x))).backward()
    expect(x.grad!.dtype).toBe('float32')
  })
})

describe('each gradient is a Variable of its own', () => {
  const changed = (v: Variable) => {
    v.data = ndarray(new Float64Array(v.size).fill(7), { shape: v.shape })
  }

  test.each([false, true])(
    'and so are those of a call that hands its own on (createGraph %s)',
    (createGraph) => {
      const [a, b] = [new Variable([1, 2]), new Variable([3, 4])]
      const seed = new Variable([5, 6])
      const y = add(a, b)
      y.backward({ gradient: seed, createGraph, retainGrad: true })
      const all = [a.grad!, b.grad!, y.grad!, seed]
      expect(new Set(all).size).toBe(4)
      for (const one of all) {
        changed(one)
        for (const other of all) expect(other.data.toArray()).toEqual(other === one ? [7, 7] : [5, 6])
        one.data = ndarray([5, 6])
      }
    },
  )

  test('neither a seed, nor the gradient that a root was assigned', () => {
    const x = new Variable(3)
    const given = new Variable(2)
    x.backward({ gradient: given })
    expect(x.grad).not.toBe(given)
    const y = add(x, 1)
    y.grad = given
    x.clearGrad()
    y.backward()
    expect(y.grad).toBe(given)
    changed(given)
    expect(x.grad!.item()).toBe(2)
  })

  test('nor what a hook or a backward gives and keeps', () => {
    const kept = new Variable(9, { requiresGrad: false })
    class Keeping extends Func {
      override forward(x: NDArray): NDArray {
        return x
      }
      override backward(): Variable {
        return kept
      }
    }
    const [x, z] = [new Variable(1), new Variable(1)]
    new Keeping().apply(x).backward()
    z.onGradient(() => kept)
    square(z).backward()
    changed(kept)
    expect([x.grad!.item(), z.grad!.item()]).toEqual([9, 9])
  })

  test('nor what grad() gives for two inputs, or for one that is named twice', () => {
    const [a, b] = [new Variable(1), new Variable(2)]
    const seed = new Variable(3)
    const found = grad([add(a, b)], [a, b, a], { gradients: [seed] })
    changed(found[0]!)
    expect([...found.slice(1).map((g) => g.item()), seed.item()]).toEqual([3, 3, 3])
  })

  test('assigned to a second variable it is copied', () => {
    const [a, b, c] = [new Variable(1), new Variable(2), new Variable(3)]
    const given = new Variable(4, { requiresGrad: false })
    a.grad = given
    b.grad = given
    c.grad = a.grad
    expect(a.grad).toBe(given)
    changed(a.grad)
    expect([b.grad!.item(), c.grad!.item()]).toEqual([4, 4])
  })

  test('on the tape too: assigned to, shared and used again, a replay is bit for bit the same', async () => {
    for (const createGraph of [false, true]) {
      const file = await recordedTape((run) => {
        const [a, b] = [new Variable(1, { name: 'a' }), new Variable(2, { name: 'b' })]
        for (let step = 0; step < 3; step++) {
          run.step()
          const seed = new Variable(3)
          add(add(a, b), mul(a, b)).backward({ gradient: seed, createGraph, retainGrad: true })
          noGrad(() => {
            a.grad!.data = mul(a.grad!, 2).data
            seed.data = ndarray(100)
            b.data = sub(b, mul(b.grad!, 0.1)).data
          })
          if (step === 1) b.grad = a.grad
          run.log({ gradient: mul(b.grad!, a.grad!) })
        }
      })
      const past = openForTest(file, { readonly: true })
      expect(past.run('test').replay()).toMatchObject({ verdict: 'bit-exact', divergence: null })
      expect(past.verify()).toMatchObject({ intact: true })
    }
  })
})

describe('a wrong backward is refused with its name', () => {
  const withBackward = (backward: (gy: Variable) => unknown, inputs = 1) => {
    class Wrong extends Func {
      override forward(a: NDArray): NDArray {
        return ndarray(a.toArray())
      }

      override backward(gy: Variable): Variable {
        return backward(gy) as Variable
      }
    }
    return new Wrong().apply(...Array.from({ length: inputs }, () => new Variable([1, 2])))
  }

  test('when it gives the wrong number of gradients', () => {
    expect(() => withBackward((gy) => [gy, gy]).backward({ gradient: 1 })).toThrow(
      "BAD_GRADIENT: wrong.backward expected one gradient per input, each of its input's shape; got 2 gradients for 1 input(s)",
    )
    expect(() => withBackward((gy) => gy, 2).backward({ gradient: 1 })).toThrow(
      /^BAD_GRADIENT: wrong\.backward .* one gradient for 2 inputs/,
    )
    expect(() => withBackward(() => undefined).backward({ gradient: 1 })).toThrow(
      /^BAD_GRADIENT: .*undefined for 1 input/,
    )
  })

  test('when it gives another shape', () => {
    expect(() => withBackward((gy) => sum(gy)).backward({ gradient: 1 })).toThrow(
      /^BAD_GRADIENT: .*shape \[\] for input 0 of shape \[2\]/,
    )
  })

  test('when it gives numbers or arrays in place of Variables', () => {
    expect(() => withBackward(() => 3).backward({ gradient: 1 })).toThrow(
      /^BAD_GRADIENT: .*number for 1 input/,
    )
    expect(() => withBackward(() => [3]).backward({ gradient: 1 })).toThrow(
      /^BAD_GRADIENT: .*a number for input 0; return Variables/,
    )
  })

  test('and the next pass over the same calls starts clean', () => {
    let broken = true
    const x = new Variable(3)
    const h = square(x)
    class Moody extends Func {
      override forward(a: NDArray): NDArray {
        return a
      }

      override backward(gy: Variable): Variable {
        if (broken) throw new Error('not today')
        return gy
      }
    }
    const y = add(new Moody().apply(h), new Moody().apply(h))
    expect(() => y.backward()).toThrow('not today')
    broken = false
    y.backward()
    expect(x.grad!.item()).toBe(12)
  })

  test('null means no gradient', () => {
    const y = withBackward(() => null)
    y.backward({ gradient: 1 })
    expect(y.creator!.input.grad).toBe(null)
    expect(neg(y).creator!.input).toBe(y)
  })
})
