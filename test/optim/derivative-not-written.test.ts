import { expect, test } from 'vitest'
import { argmax, grad, SGDStep, sum, TapeError, Variable } from '../../src/index.js'

test('a pass that needs a derivative nobody has written says so, instead of leaving a part of the gradient out', () => {
  const w = new Variable([1, 2])
  const g = new Variable([3, 4])
  const [updated] = new SGDStep({
    lr: 0.1,
    momentum: 0,
    dampening: 0,
    weightDecay: 0,
    nesterov: false,
  }).applyAll(w, g)
  expect(updated!.requiresGrad).toBe(true)
  expect(() => grad(sum(updated!), [w])).toThrow(/^NOT_IMPLEMENTED: sgdStep has a derivative/)
})

test('a function without a derivative ends the graph, and a root of it says so', () => {
  const root = argmax(new Variable([1, 3, 2]))
  expect(root.requiresGrad).toBe(false)
  expect(() => root.backward()).toThrow(TapeError)
})
