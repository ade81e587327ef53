import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import {
  add,
  checkpoint,
  dropout,
  exp,
  Func,
  grad,
  matmul,
  mul,
  type NDArray,
  openTape,
  parameter,
  registerFunc,
  sum,
  tanh,
  Variable,
} from '../../src/index.js'

const makeX = () =>
  new Variable(
    [
      [0.1, -0.4],
      [0.7, 0.2],
    ],
    { name: 'x' },
  )
const makeW = () =>
  parameter(
    [
      [0.3, 0.9],
      [-0.5, 0.1],
    ],
    { name: 'w' },
  )

test('checkpoint gives the value and the gradients of what it wraps, parameters from around it included', () => {
  const [x, w, x2, w2] = [makeX(), makeW(), makeX(), makeW()]
  const block = (weight: Variable) => (v: Variable) => tanh(matmul(tanh(matmul(v, weight)), weight))
  const kept = sum(exp(block(w)(x)))
  const recomputed = sum(exp(checkpoint(block(w2), x2)))
  kept.backward()
  recomputed.backward()
  expect(recomputed.item()).toBe(kept.item())
  expect(x2.grad!.data.toArray()).toEqual(x.grad!.data.toArray())
  expect(w2.grad!.data.toArray()).toEqual(w.grad!.data.toArray())
})

test('between its inputs and its output a checkpoint keeps one call', () => {
  const x = makeX()
  const y = checkpoint((v) => tanh(mul(tanh(v), 2)), x)
  expect(y.creator!.name).toBe('checkpoint')
  expect(y.creator!.inputs[0]).toBe(x)
})

test('a pass goes through each of a row of checkpoints once, and not on below from inside of one', () => {
  let passes = 0
  class Counted extends Func {
    override forward(v: NDArray): NDArray {
      return v.map((value) => value * 1.5)
    }
    override backward(gy: Variable): Variable {
      passes++
      return mul(gy, 1.5)
    }
  }
  registerFunc(Counted)
  const x = makeX()
  let y: Variable = x
  for (let i = 0; i < 6; i++) y = checkpoint((v: Variable) => new Counted().apply(v), y)
  sum(y).backward()
  expect(passes).toBe(6)
  expect(x.grad!.data.data[0]).toBe(1.5 ** 6)
})

test('gradients through a checkpoint can be differentiated again', () => {
  const cube = (v: Variable) => mul(mul(v, v), v)
  const x = new Variable(2)
  const [first] = grad([checkpoint(cube, x)], [x], { createGraph: true })
  expect(first!.item()).toBe(12)
  expect(grad([first!], [x])[0]!.item()).toBe(12)
})

test('a checkpoint with dropout draws the same mask when it computes again', () => {
  const x = new Variable(new Float64Array(64).fill(1))
  const y = checkpoint((v) => dropout(v, { p: 0.5 }), x)
  sum(y).backward()
  expect(x.grad!.data.toArray()).toEqual(y.data.toArray())
})

test('a checkpoint is on the tape as its program: the file can be differentiated and replayed without the closure', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gradtape-checkpoint-'))
  const file = path.join(folder, 'c.tape')
  const tape = openTape(file)
  const run = tape.startRun('c')
  const [x, w] = [makeX(), makeW()]
  const loss = sum(checkpoint((v) => tanh(add(matmul(v, w), 1)), x))
  loss.backward()
  run.log({ loss })
  await run.finish()
  tape.close()
  const past = openTape(file, { readonly: true }).run('c')
  past.variable('loss').backward()
  expect(past.variable('w').grad!.data.toArray()).toEqual(w.grad!.data.toArray())
  expect(past.replay().verdict).toBe('bit-exact')
  fs.rmSync(folder, { recursive: true })
})

test('a function that does more than compute is refused', () => {
  const w = makeW()
  const x = makeX()
  expect(() =>
    checkpoint((v) => {
      w.data = v.data
      return tanh(v)
    }, x),
  ).toThrow(/BAD_ARGUMENT: checkpoint expected a function that only computes, but it assigns to .data/)
  expect(() => checkpoint(() => 3 as unknown as Variable, x)).toThrow(
    /expected a function that returns a Variable, got number/,
  )
})
