/** Lists of any length: a list that became the arguments of one call would not fit on the call stack. */
import { expect, test } from 'vitest'
import { ndarray } from '../../src/array/make-array.js'
import { einsum } from '../../src/functions/einsum.js'
import { concat, split, stack } from '../../src/functions/joining.js'
import { sum } from '../../src/functions/reductions.js'
import '../../src/functions/methods.js'
import { grad } from '../../src/graph/backward.js'
import { constant, parameter } from '../../src/graph/leaves.js'
import { recompute } from '../../src/graph/recompute.js'
import { jacobian, vjp } from '../../src/graph/transforms.js'
import type { Variable } from '../../src/graph/variable.js'
import { Adam } from '../../src/optim/adam.js'
import { clipGradNorm } from '../../src/optim/clip-grad-norm.js'
import { newTapePath, openForTest } from '../tape/temporary-tape.js'

const LENGTH = 200_000

const parameters = (count: number): Variable[] => Array.from({ length: count }, () => parameter(1))

test('stack, split and concat take 200,000 operands, and give gradients of two orders', () => {
  const xs = parameters(LENGTH)
  sum(stack(xs)).backward()
  expect(xs[LENGTH - 1]!.grad!.item()).toBe(1)

  const x = parameter(ndarray(new Float32Array(LENGTH).fill(3)))
  const y = sum(concat(split(x, LENGTH)).square())
  const [gradient] = grad([y], [x], { createGraph: true })
  expect(gradient!.data.data[LENGTH - 1]).toBe(6)
  const [second] = grad([sum(gradient!)], [x])
  expect(second!.data.data[7]).toBe(2)

  const cuts = Array.from({ length: LENGTH - 1 }, (_, i) => i + 1)
  const parts = split(parameter(ndarray(Float64Array.from({ length: LENGTH }, (_, i) => i))), cuts)
  expect(parts).toHaveLength(LENGTH)
  expect(parts.every((part, i) => part.size === 1 && part.data.data[0] === i)).toBe(true)
})

test('einsum takes as many operands as an equation names', () => {
  const count = 3000
  const xs = parameters(count)
  const y = einsum(`${Array(count).fill('').join(',')}->`, ...xs)
  expect(y.item()).toBe(1)
})

test('a parameter list of 200,000 is clipped together, and a checkpoint captures that many', () => {
  const xs = parameters(LENGTH)
  for (const x of xs) x.grad = constant(1)
  expect(clipGradNorm(xs, 1).item()).toBeCloseTo(Math.sqrt(LENGTH), 9)
  expect(xs[LENGTH - 1]!.grad!.item()).toBeCloseTo(1 / Math.sqrt(LENGTH), 9)

  recompute((x) => sum(stack(xs)).add(x), parameter(1)).backward()
  expect(xs[0]!.grad!.item()).toBeCloseTo(1 + 1 / Math.sqrt(LENGTH), 9)
})

test('a step of 20,000 parameters takes as long as 10,000 steps of two', () => {
  const xs = parameters(20_000)
  for (const x of xs) x.grad = constant(1)
  const optimizer = new Adam(xs, { lr: 0.5 })
  optimizer.step()
  expect(xs.at(-1)!.item()).toBeCloseTo(0.5, 6)
  expect(Object.keys(optimizer.stateDict()).length).toBeGreaterThan(40_000)
})

test('more inputs than a function can be given are refused', () => {
  const xs = parameters(20_000)
  const first = (...all: Variable[]) => all[0]!
  for (const act of [() => jacobian(first, xs), () => vjp(first, xs), () => recompute(first, ...xs)])
    expect(act).toThrow(/^BAD_ARGUMENT: \w+ expected at most 16384 inputs/)
})

test('clipping in parts gives what clipping in one call gives, up to rounding', () => {
  const gradients = Array.from({ length: 9000 }, (_, i) => Math.sin(i))
  const clipped = (count: number) => {
    const xs = parameters(count)
    for (const [i, x] of xs.entries()) x.grad = constant(gradients[i]!)
    return [clipGradNorm(xs, 2).item(), xs[5]!.grad!.item()]
  }
  const norm = Math.hypot(...gradients)
  const [whole, fifth] = clipped(9000)
  expect(whole).toBeCloseTo(norm, 9)
  expect(fifth).toBeCloseTo((gradients[5]! * 2) / (norm + 1e-6), 12)
})

test('more outputs than a reference can count are recorded as several calls, and read again', async () => {
  const path = newTapePath()
  const tape = openForTest(path)
  const run = tape.startRun('many outputs')
  run.step()
  const x = parameter(ndarray(Float64Array.from({ length: 9000 }, (_, i) => i)), { name: 'x' })
  const y = sum(stack(split(x, 9000)).square())
  run.log({ y })
  await run.finish()
  tape.close()
  const past = openForTest(path, { readonly: true })
  const read = past.run('many outputs')
  read.variable('y', { step: 1 }).backward()
  const { grad: gradient } = read.variable('x', { step: 1 })
  expect(gradient!.data.data[8999]).toBe(2 * 8999)
})
