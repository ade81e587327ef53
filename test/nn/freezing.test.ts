/** Freezing: what passes, optimizers, runs and replay make of parameters that do not learn. */
import { expect, test } from 'vitest'
import '../../src/functions/methods.js'
import { relu } from '../../src/functions/activations.js'
import { meanSquaredError } from '../../src/functions/losses.js'
import { constant, parameter } from '../../src/graph/leaves.js'
import { Variable } from '../../src/graph/variable.js'
import { Linear } from '../../src/nn/linear.js'
import { Module } from '../../src/nn/module.js'
import { Sequential } from '../../src/nn/sequential.js'
import { Adam } from '../../src/optim/adam.js'
import { SGD } from '../../src/optim/sgd.js'
import { newTapePath, openForTest } from '../tape/temporary-tape.js'

const x = [
  [1, 2],
  [3, -1],
  [0.5, 0.25],
]
const t = [[1], [0], [2]]

function trained(model: Sequential, optimizer: Adam | SGD, steps: number, step = () => {}): void {
  for (let i = 0; i < steps; i++) {
    step()
    const loss = meanSquaredError(model.forward(constant(x)) as Variable, t)
    optimizer.clearGrads()
    loss.backward()
    optimizer.step()
  }
}

test('a frozen layer keeps its values, gets no gradient, and the optimizer that holds it trains the others', () => {
  const first = new Linear(2, 3)
  const last = new Linear(3, 1)
  const model = new Sequential(first, relu, last)
  first.freeze()
  expect(model.parameters({ trainable: true })).toEqual(last.parameters())
  expect(model.parameters({ trainable: false })).toEqual(first.parameters())
  expect(model.parameters()).toHaveLength(4)
  const before = model.parameters().map(({ data }) => data)
  const optimizer = new Adam(model.parameters(), { lr: 0.1, weightDecay: 0.1 })
  trained(model, optimizer, 3)
  const after = model.parameters().map(({ data }) => data)
  expect(after.map((data, i) => data === before[i])).toEqual([true, true, false, false])
  expect(first.parameters().map(({ grad }) => grad)).toEqual([null, null])
  expect(optimizer.stateOf(first.parameters()[0]!).size).toBe(0)

  first.unfreeze()
  trained(model, optimizer, 1)
  expect(first.parameters()[0]!.data).not.toBe(before[0])
})

test('freezing forgets the gradient, so that no step uses it', () => {
  const w = parameter([1, 2], { name: 'w' })
  w.mul(w).sum().backward()
  w.requiresGrad = false
  expect(w.grad).toBeNull()
  expect(() => new SGD([w], { lr: 1 }).step()).toThrow('not all are frozen')
  expect(w.mul(2).requiresGrad).toBe(false)
})

test('a tape knows what was frozen: it replays bit for bit and gives the gradients of the others from the file', async () => {
  const path = newTapePath()
  const tape = openForTest(path)
  const first = new Linear(2, 3)
  const model = new Sequential(first, relu, new Linear(3, 1))
  const optimizer = new Adam(model.parameters(), { lr: 0.1 })
  const record = async (name: string): Promise<void> => {
    const run = tape.startRun(name)
    trained(model, optimizer, 4, () => run.step())
    await run.finish()
  }
  await record('all')
  first.freeze()
  await record('last layer')
  const gradient = model.parameters()[2]!.grad!.data.toArray()
  first.unfreeze()
  await record('all again')
  await tape.close()

  const past = openForTest(path, { readonly: true })
  for (const [name, learns] of [
    ['all', true],
    ['last layer', false],
    ['all again', true],
  ] as const) {
    const run = past.run(name)
    expect(run.replay().verdict, name).toBe('bit-exact')
    expect(run.variable('layers.0.weight', { step: 3 }).requiresGrad, name).toBe(learns)
    expect(run.variable('layers.2.weight', { step: 3 }).requiresGrad, name).toBe(true)
  }
  expect(past.run('last layer').variable('layers.2.weight', { step: 4 }).grad!.data.toArray()).toEqual(
    gradient,
  )
  expect(past.run('last layer').variable('layers.0.weight', { step: 4 }).grad).toBeNull()
  expect(() => {
    past.run('all').variable('layers.0.weight', { step: 1 }).requiresGrad = false
  }).toThrow('belongs to a recorded run')
})

test('a model is frozen whole or not at all', async () => {
  const tape = openForTest(newTapePath())
  const model = new Sequential(new Linear(1, 1), new Linear(1, 1))
  const run = tape.startRun('open')
  model.forward([[1]] as never)
  model.freeze()
  expect(model.parameters({ trainable: true })).toHaveLength(0)
  await run.finish()
  const past = tape.run('open')
  const stands = past.variable('layers.0.weight')
  class Past extends Module {
    learns = new Linear(1, 1)
    past = stands
    forward(input: Variable): Variable {
      return this.learns.forward(input)
    }
  }
  const other = new Past()
  other.learns.freeze()
  expect(() => other.unfreeze()).toThrow('belongs to a recorded run')
  expect(other.learns.parameters({ trainable: true })).toHaveLength(0)
  await tape.close()
})

test('what cannot be frozen or let learn says why', () => {
  const w = parameter([1], { name: 'w' })
  const set = (v: Variable, to: unknown) => () => {
    v.requiresGrad = to as boolean
  }
  expect(set(w, 'no')).toThrow('w.requiresGrad expected true or false, got "no"')
  expect(set(w.mul(2), false)).toThrow('expected a leaf, but mul made it')
  expect(set(constant([1]), true)).toThrow('of a constant stays false')
  expect(set(new Variable(Int32Array.of(1)), true)).toThrow('BAD_DTYPE')
  expect(() => new Linear(1, 1).parameters({ trainable: 1 as never })).toThrow(
    'trainable to be true or false',
  )
  expect(() => new Linear(1, 1).parameters({ train: true } as never)).toThrow('train')
})
