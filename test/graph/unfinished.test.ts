import { afterEach, describe, expect, test } from 'vitest'
import { mode, noGrad } from '../../src/graph/mode.js'
import {
  checkGradients,
  hessian,
  hvp,
  jacobian,
  jvp,
  Linear,
  Module,
  recompute,
  square,
  Variable,
  vjp,
} from '../../src/index.js'
import { newTapePath, openForTest } from '../tape/temporary-tape.js'

/** Functions that return before their work is done. */
const later: [string, () => unknown, RegExp][] = [
  ['an async function', async () => square(1), /got an async function/],
  ['a function that returns a promise', () => Promise.resolve(1), /got a promise/],
  // biome-ignore lint/suspicious/noThenProperty: what is like a promise is refused like one
  ['a function that returns something with then', () => ({ then() {} }), /got a promise/],
  [
    'a generator function',
    function* () {
      yield square(1)
    },
    /got a generator function/,
  ],
  [
    'an async generator function',
    async function* () {
      yield square(1)
    },
    /got an async generator function/,
  ],
  ['a function that returns a generator', () => (function* () {})(), /got a generator;/],
  ['a function that returns an async generator', () => (async function* () {})(), /got an async iterator/],
]

describe('work that comes later is refused, and the mode is put back', () => {
  const before = { ...mode }
  afterEach(() => {
    expect(mode.linking).toBe(before.linking)
    expect(mode.scope).toBe(before.scope)
  })

  test.each(later)('by noGrad and the transforms: %s', (_what, fn, got) => {
    const v = new Variable(2)
    const refused = (call: () => unknown) => {
      expect(call).toThrow(/^BAD_ARGUMENT/)
      expect(call).toThrow(got)
      expect(square(v).requiresGrad).toBe(true)
    }
    const differentiable = fn as () => Variable
    refused(() => noGrad(fn))
    refused(() => recompute(differentiable, v))
    refused(() => vjp(differentiable, v))
    refused(() => jvp(differentiable, v, 1))
    refused(() => jacobian(differentiable, v))
    refused(() => hessian(differentiable, v))
    refused(() => hvp(differentiable, v, 1))
    refused(() => checkGradients(differentiable, [1]))
  })

  test.each(later)('by run.scope: %s', async (_what, fn, got) => {
    const run = openForTest(newTapePath()).startRun('test')
    expect(() => run.scope('here', fn)).toThrow(got)
    const y = square(new Variable(1))
    expect(y.creator!.scope).toBe('')
    await run.finish()
  })

  test.each(later)('by the forward of a module: %s', (_what, fn) => {
    class Late extends Module {
      readonly inner = new Linear(1, 1)
      override forward(): unknown {
        return fn()
      }
    }
    expect(() => new Late().forward()).toThrow(/^BAD_ARGUMENT: Late\.forward/)
  })

  test('nothing of an async function has run by then', () => {
    let ran = false
    expect(() =>
      noGrad(async () => {
        ran = true
      }),
    ).toThrow(/^BAD_ARGUMENT/)
    expect(ran).toBe(false)
  })

  test('what is done when it returns is not refused', () => {
    expect(noGrad(() => [1, 2])).toEqual([1, 2])
    expect(noGrad(() => null)).toBe(null)
    expect(noGrad(() => new Map([[1, 2]]).get(1))).toBe(2)
    expect([...noGrad(() => new Set([3]).values())]).toEqual([3])
  })
})
