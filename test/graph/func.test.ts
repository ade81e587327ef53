import { describe, expect, test } from 'vitest'
import type { NDArray } from '../../src/array/ndarray.js'
import { mul, Square, square } from '../../src/functions/arithmetic.js'
import { Func } from '../../src/graph/func.js'
import '../../src/graph/backward.js'
import { createFunc, recreateFunc, registerFunc } from '../../src/graph/registry.js'
import { Variable } from '../../src/graph/variable.js'
import { newTapePath, openForTest, recordedTape } from '../tape/temporary-tape.js'

class Scale extends Func {
  readonly by: number

  constructor(attributes: { by: number }) {
    super(attributes)
    this.by = attributes.by
  }

  override forward(x: NDArray): NDArray {
    return x.map((value) => value * this.by)
  }

  override backward(gy: Variable): Variable {
    return mul(gy, this.by)
  }
}

/** Takes its argument bare, so that a tape could not make it again. */
class Forgetful extends Func {
  constructor(private readonly by: number) {
    super()
  }

  override forward(x: NDArray): NDArray {
    return x.map((value) => value * this.by)
  }

  override backward(gy: Variable): Variable {
    return mul(gy, this.by)
  }
}

/** Keeps other attributes than it is given. */
class Renaming extends Func {
  constructor(attributes: { factor: number }) {
    super({ by: attributes.factor })
  }

  override forward(x: NDArray): NDArray {
    return x.map((value) => value * (this.attributes.by as number))
  }

  override backward(gy: Variable): Variable {
    return mul(gy, this.attributes.by as number)
  }
}

describe('a function', () => {
  test('is one call: applying it again is refused', () => {
    const A = new Square()
    const y = A.apply(3)
    expect(() => A.apply(4)).toThrow(
      /^FUNC_REUSED: this square was applied before; one instance is one call.*new Square/,
    )
    expect(y.item()).toBe(9)
    expect(A.input.item()).toBe(3)
  })

  test('whose forward threw made no call, and can be applied, with other operands too', () => {
    let broken = true
    class Failing extends Func {
      override forward(...xs: NDArray[]): NDArray {
        if (broken) throw new Error('no')
        return xs[0]!
      }

      override backward(gy: Variable): Variable {
        return gy
      }
    }
    const func = new Failing()
    expect(() => func.apply(1, 2, 3, 4, 5)).toThrow('no')
    broken = false
    const x = new Variable(6)
    const y = func.apply(x)
    expect(func.inputs).toEqual([x])
    y.backward()
    expect(x.grad!.item()).toBe(1)
    expect(() => func.apply(7)).toThrow(/^FUNC_REUSED/)
  })

  test('may return a number, nested arrays or a typed array from forward, and nothing else', () => {
    const returning = (value: unknown) => {
      class Returning extends Func {
        override forward(): NDArray {
          return value as NDArray
        }

        override backward(gy: Variable): Variable {
          return gy
        }
      }
      return new Returning().apply(1)
    }
    expect(returning(3).data.toArray()).toBe(3)
    expect(returning([[1, 2]]).shape).toEqual([1, 2])
    expect(returning(Float32Array.of(1, 2)).dtype).toBe('float32')
    expect(() => returning(null)).toThrow(
      /^BAD_VALUE: returning\.forward expected to return an NDArray or a list of them, got null/,
    )
    expect(() => returning('3')).toThrow(/^BAD_VALUE: /)
    expect(() => returning(undefined)).toThrow(/^BAD_VALUE: /)
  })

  test('of a user works without registration, in memory and while recording', async () => {
    const x = new Variable(2)
    const y = square(new Scale({ by: 3 }).apply(x))
    y.backward()
    expect(x.grad!.item()).toBe(36)
    await recordedTape(() => void new Scale({ by: 3 }).apply(x))
  })

  test('of a user is made again with its attributes once it is registered, and named when it is not', async () => {
    const file = await recordedTape((run) => {
      const x = new Variable(2, { name: 'x' })
      run.log({ y: square(new Scale({ by: 3 }).apply(x)) })
    })
    const past = openForTest(file, { readonly: true }).run('test')
    expect(() => past.variable('y')).toThrow(
      /^UNREGISTERED_FUNC: event 3 of run "test" calls "scale": .*registerFunc/,
    )
    expect(() => past.replay()).toThrow(/^UNREGISTERED_FUNC: .*"scale"/)
    registerFunc(Scale)
    const y = past.variable('y')
    const scale = y.creator!.input.creator!
    expect(scale).toBeInstanceOf(Scale)
    expect((scale as Scale).by).toBe(3)
    y.backward()
    expect(past.variable('x').grad!.item()).toBe(36)
    expect(past.replay().verdict).toBe('bit-exact')
  })

  test('whose arguments the tape would not know is refused at its first recorded call', () => {
    const tape = openForTest(newTapePath())
    const run = tape.startRun('test')
    const before = run.position
    expect(() => new Forgetful(3).apply(1)).toThrow(
      /^ATTRIBUTES_MISSING: Forgetful's constructor takes 1 argument\(s\), but the call has no attributes/,
    )
    expect(run.position).toBe(before)
  })

  test('that keeps other attributes than it is made from is refused when a tape is read', () => {
    registerFunc(Renaming)
    expect(() => recreateFunc('renaming', { by: 3 })).toThrow(
      /^ATTRIBUTES_MISSING: "renaming" made from \{"by":3\} has the attributes/,
    )
  })
})

describe('the registry', () => {
  test('keeps a name for its first class, and proposes another', () => {
    const Impostor = { Square: class Square extends Scale {} }.Square
    expect(() => registerFunc(Impostor)).toThrow(
      /^FUNC_NAME_TAKEN: registerFunc\(Square\) wants the name "square".*\{ name: 'mySquare' \}/,
    )
    registerFunc(Impostor, { name: 'mySquare' })
    expect(createFunc('mySquare', { by: 2 })).toBeInstanceOf(Impostor)
    expect(createFunc('square')).toBeInstanceOf(Square)
    expect(registerFunc(Square)).toBe(Square)
  })

  test('answers a misspelled name with the nearest', () => {
    expect(() => createFunc('sqare')).toThrow(
      /^UNREGISTERED_FUNC: "sqare" is not a registered function; did you mean "square"\?/,
    )
    expect(() => createFunc('zzzzzzzzzzzzzz')).not.toThrow(/did you mean/)
    for (const name of ['__proto__', 'constructor', 'toString'])
      expect(() => createFunc(name)).toThrow(/^UNREGISTERED_FUNC/)
  })
})
