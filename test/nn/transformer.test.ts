/** Attention with places, groups and a cache; stacks of layers that generate. What PyTorch computes is in torch-state.test.ts. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  concat,
  constant,
  KeyValueCache,
  MultiHeadAttention,
  matmul,
  noGrad,
  normal,
  openTape,
  RNN,
  rotary,
  seedRandom,
  slice,
  stack,
  TransformerDecoder,
  TransformerEncoder,
  TransformerEncoderLayer,
  Variable,
} from '../../src/index.js'

const random = (shape: readonly number[], counter: number) =>
  new Variable(normal(shape, { key: { seed: 4, counter } }))

function expectSame(actual: Variable, expected: Variable): void {
  expect(actual.shape).toEqual(expected.shape)
  actual.data.data.forEach((value, i) => {
    expect(value).toBeCloseTo(expected.data.data[i]!, 12)
  })
}

describe('rotary positions', () => {
  test('make products depend on how far apart two places are', () => {
    const [q, k] = [random([1, 8], 1), random([1, 8], 2)]
    const product = (a: number, b: number) =>
      matmul(rotary(q, { offset: a }), rotary(k, { offset: b }), { transposeB: true }).item()
    expect(product(7, 3)).toBeCloseTo(product(104, 100), 12)
    expect(product(7, 3)).not.toBeCloseTo(product(7, 4), 3)
    expectSame(rotary(q), q)
  })

  test('turn halves as Llama does, and neighbours as GPT-J does', () => {
    const x = new Variable([
      [0, 0, 0, 0],
      [1, 2, 3, 4],
    ])
    const [c0, s0, c1, s1] = [Math.cos(1), Math.sin(1), Math.cos(0.01), Math.sin(0.01)]
    const halves = [1 * c0 - 3 * s0, 2 * c1 - 4 * s1, 3 * c0 + 1 * s0, 4 * c1 + 2 * s1]
    const pairs = [1 * c0 - 2 * s0, 2 * c0 + 1 * s0, 3 * c1 - 4 * s1, 4 * c1 + 3 * s1]
    expectSame(slice(rotary(x), [[1, 2]]), new Variable([halves]))
    expectSame(slice(rotary(x, { interleaved: true }), [[1, 2]]), new Variable([pairs]))
    expect(() => rotary([[1, 2, 3]])).toThrow(/BAD_SHAPE.*even/)
    expect(() => rotary([1, 2])).toThrow(/BAD_SHAPE/)
    expect(() => rotary(x, { base: 0 })).toThrow(/BAD_ARGUMENT.*base/)
  })
})

test('grouped queries are attention whose heads of keys and values are repeated', () => {
  seedRandom(1)
  const grouped = new MultiHeadAttention(8, 4, { keyValueHeads: 2 })
  const full = new MultiHeadAttention(8, 4)
  const repeated = (x: Variable) =>
    concat(
      [0, 0, 1, 1].map((head) =>
        slice(x, [...x.shape.slice(0, -1).map(() => null), [head * 2, head * 2 + 2]]),
      ),
      { axis: -1 },
    )
  for (const name of ['query', 'output'] as const) full[name].loadStateDict(grouped[name].stateDict())
  for (const name of ['key', 'value'] as const)
    full[name].loadStateDict({
      weight: repeated(grouped[name].weight).data,
      bias: repeated(grouped[name].bias!).data,
    })
  const x = random([2, 5, 8], 3)
  expectSame(grouped.forward(x), full.forward(x))
  const perHead = constant(normal([2, 4, 5, 5], { key: { seed: 1, counter: 1 } }))
  for (const mask of [perHead, slice(perHead, [null, [0, 1]]), slice(perHead, [[0, 1]])])
    expectSame(grouped.forward(x, x, x, { mask }), full.forward(x, x, x, { mask }))
  expect(() => new MultiHeadAttention(8, 4, { keyValueHeads: 3 })).toThrow(/divide its 4 heads/)
  expect(() => new MultiHeadAttention(6, 2, { rotary: true })).toThrow(/even width/)
})

describe('a text that is continued', () => {
  test('with a cache is what it is without, token by token and in pieces', () => {
    seedRandom(2)
    const model = new TransformerEncoder(8, 4, {
      layers: 2,
      feedForward: 16,
      causal: true,
      normFirst: true,
      norm: true,
      rotary: true,
      keyValueHeads: 2,
    }).eval()
    const x = random([2, 6, 8], 5)
    const whole = model.forward(x)
    noGrad(() => {
      for (const pieces of [[1, 1, 1, 1, 1, 1], [3, 2, 1], [6]]) {
        const caches = model.caches()
        let at = 0
        const parts = pieces.map((length) => {
          const part = model.forward(slice(x, [null, [at, at + length]]), { caches })
          at += length
          return part
        })
        expectSame(concat(parts, { axis: 1 }), whole)
        expect(caches.map(({ length }) => length)).toEqual([6, 6])
      }
    })
  })

  test('of a decoder reads the memory each time', () => {
    seedRandom(3)
    const model = new TransformerDecoder(8, 2, { layers: 2, feedForward: 16 }).eval()
    const [x, memory] = [random([1, 4, 8], 6), random([1, 3, 8], 7)]
    const caches = model.caches()
    const parts = [0, 1, 2, 3].map((at) => model.forward(slice(x, [null, [at, at + 1]]), memory, { caches }))
    expectSame(concat(parts, { axis: 1 }), model.forward(x, memory))
  })

  test('begins anew after clear, and refuses what would be wrong', () => {
    const cache = new KeyValueCache()
    const layer = new TransformerEncoderLayer(4, 1, { feedForward: 4, causal: true }).eval()
    const x = random([1, 2, 4], 8)
    const first = layer.forward(x, { cache })
    expect(cache.length).toBe(2)
    expect(() => layer.forward(x, { cache, mask: [[true, true]] })).toThrow(/no mask for a causal layer/)
    cache.clear()
    expectSame(layer.forward(x, { cache }), first)
    expect(() => layer.forward(x, { cache: {} as never })).toThrow(/KeyValueCache/)
    const model = new TransformerEncoder(4, 1, { layers: 2, feedForward: 4 })
    expect(() => model.forward(x, { caches: [cache] })).toThrow(/one KeyValueCache for each of 2/)
    expect(() => new TransformerEncoder(4, 1, { depth: 2 } as never)).toThrow(/depth/)
  })

  test('is on the tape like everything', async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gradtape-transformer-'))
    const tape = openTape(path.join(folder, 'generate.tape'))
    const run = tape.startRun('generate', { seed: 1 })
    const model = new TransformerEncoder(4, 2, { layers: 1, feedForward: 4, causal: true, rotary: true })
    const caches = model.caches()
    noGrad(() => {
      for (let i = 0; i < 3; i++) model.forward(random([1, 1, 4], 10 + i), { caches })
    })
    const y = model.forward(random([2, 3, 4], 9)) // trains: with dropout
    y.sum().backward()
    await run.finish()
    expect(tape.run('generate').replay().verdict).toBe('bit-exact')
    tape.close()
    fs.rmSync(folder, { recursive: true })
  })
})

test('rows of several lengths in a recurrent layer are those rows by themselves', () => {
  seedRandom(4)
  const rnn = new RNN(2, 3, { bidirectional: true, layers: 2 })
  const x = random([3, 4, 2], 11)
  const { outputs, hidden } = rnn.forward(x, { lengths: [4, 2, 0] })
  const alone = rnn.forward(
    slice(x, [
      [1, 2],
      [0, 2],
    ]),
  )
  expectSame(
    slice(outputs, [
      [1, 2],
      [0, 2],
    ]),
    alone.outputs,
  )
  expect(
    slice(outputs, [
      [1, 2],
      [2, 4],
    ]).data.data.every((value) => value === 0),
  ).toBe(true)
  expectSame(slice(hidden, [null, [1, 2]]), alone.hidden)
  expect(slice(hidden, [null, [2, 3]]).data.data.every((value) => value === 0)).toBe(true)
  expect(stack([outputs]).shape).toEqual([1, 3, 4, 6])
  for (const lengths of [[4, 2], [4, 2, 5], [1, 2, -1], 'four'])
    expect(() => rnn.forward(x, { lengths: lengths as never })).toThrow(
      /a length from 0 to 4 for each of 3 rows/,
    )
})
