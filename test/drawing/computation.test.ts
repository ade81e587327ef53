/** The walk behind a variable, on live Variables. */
import { describe, expect, test } from 'vitest'
import { computationOf } from '../../src/drawing/computation.js'
import { pictureOf } from '../../src/drawing/picture.js'
import { add, Func, mul, type NDArray, square, Variable } from '../../src/index.js'

describe('computationOf', () => {
  test('finds each variable and call once, though they are shared', () => {
    const x = new Variable(2, { name: 'x' })
    const y = square(x)
    const z = add(mul(y, y), y)
    const { variables, calls } = computationOf(z)
    expect(variables[0]).toBe(z)
    expect(variables).toHaveLength(4)
    expect(calls.map((call) => call.name)).toEqual(['add', 'mul', 'square'])
  })

  test('walks a chain of 200,000 calls without recursion', () => {
    let x = new Variable(1)
    for (let i = 0; i < 200_000; i++) x = mul(x, 1)
    expect(computationOf(x).calls).toHaveLength(200_000)
  })

  test('shows every output of a call, also those that were not used', () => {
    class Halves extends Func {
      override forward(x: NDArray) {
        return [x.map((value) => value / 2), x.map((value) => value / 2)]
      }

      override backward(a: Variable) {
        return a
      }
    }
    const [first] = new Halves().applyAll(new Variable(4))
    const graph = pictureOf(computationOf(first as Variable), (variable) => [String(variable.item())])
    expect(graph.nodes.map(({ kind }) => kind)).toEqual(['variable', 'variable', 'variable', 'call'])
    expect(graph.edges).toEqual([
      { from: 'v1', to: 'f3' },
      { from: 'f3', to: 'v0' },
      { from: 'f3', to: 'v2' },
    ])
  })
})
