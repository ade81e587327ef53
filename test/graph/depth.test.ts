// Backward is a walk without recursion: depth and sharing cost calls, not stack and not doubling. The default stack.
import { describe, expect, test } from 'vitest'
import { add, mul } from '../../src/functions/arithmetic.js'
import { grad } from '../../src/graph/backward.js'
import { Variable } from '../../src/graph/variable.js'
import { openForTest, recordedTape } from '../tape/temporary-tape.js'

describe('backward goes', () => {
  test('through a chain of 1,000,000 calls', () => {
    const x = new Variable(1)
    let y = x
    for (let i = 0; i < 1_000_000; i++) y = mul(y, 1)
    y.backward()
    expect(x.grad!.item()).toBe(1)
  })

  test('through a ladder of 100,000 nodes that are each used twice, once each', () => {
    const x = new Variable(2 ** -1000)
    let y = x
    for (let i = 0; i < 100_000; i++) {
      y = add(y, y)
      if (i % 1000 === 999) y = mul(y, 2 ** -1000)
    }
    let visits = 0
    y.creator!.inputs[0]!.onGradient(() => void visits++)
    y.backward()
    expect(x.grad!.item()).toBe(1)
    expect(visits).toBe(1)
  })

  test('with createGraph through 20,000 calls, and back through what that made', () => {
    const x = new Variable(1)
    let y = mul(x, x)
    for (let i = 0; i < 20_000; i++) y = mul(y, 1)
    const [first] = grad([y], [x], { createGraph: true })
    const [second] = grad([first!], [x])
    expect([first!.item(), second!.item()]).toEqual([2, 2])
  })

  test('from a file through a chain of 200,000 calls and a ladder of 20,000', async () => {
    const file = await recordedTape((run) => {
      const x = new Variable(1, { name: 'x' })
      let y = x
      for (let i = 0; i < 200_000; i++) y = mul(y, 1)
      const u = new Variable(2 ** -1000, { name: 'u' })
      let v = u
      for (let i = 0; i < 20_000; i++) {
        v = add(v, v)
        if (i % 1000 === 999) v = mul(v, 2 ** -1000)
      }
      run.log({ y, v })
    })
    const past = openForTest(file, { readonly: true }).run('test')
    past.variable('y').backward()
    expect(past.variable('x').grad!.item()).toBe(1)
    past.variable('v').backward()
    expect(past.variable('u').grad!.item()).toBe(1)
  })
})
