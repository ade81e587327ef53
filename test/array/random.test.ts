import { createHash } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import type { NDArray } from '../../src/array/ndarray.js'
import {
  nextRandomKey,
  normal,
  permutation,
  philox,
  randomState,
  randomWords,
  seedRandom,
  setRandomState,
  uniform,
} from '../../src/array/random.js'

function block(counter: [number, number, number, number], key: [number, number]): string[] {
  const out = new Uint32Array(4)
  philox(...counter, ...key, out, 0)
  return Array.from(out, (word) => word.toString(16).padStart(8, '0'))
}

function hash(x: NDArray): string {
  return createHash('sha256').update(x.data.slice()).digest('hex').slice(0, 16)
}

function moments(x: NDArray): { mean: number; variance: number } {
  const mean = Array.from(x.data).reduce((a, b) => a + b, 0) / x.size
  return { mean, variance: Array.from(x.data).reduce((a, b) => a + (b - mean) ** 2, 0) / x.size }
}

afterEach(() => seedRandom(0))

describe('Philox4x32-10', () => {
  test("gives the known answers of its authors' test vectors", () => {
    const all = 0xffffffff
    expect(block([0, 0, 0, 0], [0, 0])).toEqual(['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8'])
    expect(block([all, all, all, all], [all, all])).toEqual(['408f276d', '41c83b0e', 'a20bc7c6', '6d5451fd'])
    expect(block([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0])).toEqual([
      'd16cfe09',
      '94fdcceb',
      '5001e420',
      '24126ea1',
    ])
  })
})

describe('randomWords', () => {
  test('depend on seed and counter alone, and a longer draw begins like a shorter one', () => {
    const key = { seed: 2 ** 40 + 5, counter: 2 ** 35 + 1 }
    const words = randomWords(key, 10)
    expect(words.length).toBe(10)
    expect(randomWords(key, 3)).toEqual(words.subarray(0, 3))
    expect(randomWords({ ...key, counter: key.counter + 1 }, 10)).not.toEqual(words)
    expect(randomWords({ ...key, seed: 5 }, 10)).not.toEqual(words)
    expect(randomWords({ ...key, counter: 1 }, 10)).not.toEqual(words)
    expect(randomWords(key, 0).length).toBe(0)
  })

  test('refuse seeds and counters that are no integers from 0 to 2^53 − 1', () => {
    expect(() => randomWords({ seed: -1, counter: 0 }, 1)).toThrow(/^BAD_ARGUMENT: .* got -1/)
    expect(() => randomWords({ seed: 0, counter: 0.5 }, 1)).toThrow(/^BAD_ARGUMENT: .* got 0.5/)
    expect(() => seedRandom(2 ** 53)).toThrow(/^BAD_ARGUMENT/)
  })
})

describe('the default generator', () => {
  test('counts draws from its seed, and can be put back', () => {
    seedRandom(5)
    expect([nextRandomKey(), nextRandomKey()]).toEqual([
      { seed: 5, counter: 0 },
      { seed: 5, counter: 1 },
    ])
    const before = randomState()
    const drawn = uniform([4]).data
    setRandomState(before)
    expect(uniform([4]).data).toEqual(drawn)
    expect(() => setRandomState({ seed: 1, counter: -1 })).toThrow(/^BAD_ARGUMENT/)
  })
})

describe('draws', () => {
  const key = { seed: 42, counter: 3 }

  test('have the bits that they had when this was written, on every machine', () => {
    expect(hash(uniform([1000], { key }))).toBe('c47429c1c9770f17')
    expect(hash(uniform([1000], { key, dtype: 'float32' }))).toBe('6117418ae04120f5')
    expect(hash(normal([1001], { key }))).toBe('d85bdbb8c0e9a00c')
    expect(hash(permutation(1000, { key }))).toBe('148478f60651ea1d')
  })

  test('of uniform lie in [least, most) and have its mean and variance', () => {
    for (const dtype of ['float64', 'float32'] as const) {
      const x = uniform([20000], { least: -1, most: 3, key, dtype })
      expect(x.dtype).toBe(dtype)
      expect(x.data.every((value) => value >= -1 && value < 3)).toBe(true)
      const { mean, variance } = moments(x)
      expect(Math.abs(mean - 1)).toBeLessThan(0.03)
      expect(Math.abs(variance - 16 / 12)).toBeLessThan(0.03)
    }
  })

  test('of normal have their mean, variance and share beyond two deviations', () => {
    const x = normal([20000], { mean: 2, deviation: 3, key })
    const { mean, variance } = moments(x)
    expect(Math.abs(mean - 2)).toBeLessThan(0.08)
    expect(Math.abs(variance - 9)).toBeLessThan(0.3)
    const beyond = x.data.filter((value) => Math.abs(value - 2) > 6).length / x.size
    expect(Math.abs(beyond - 0.0455)).toBeLessThan(0.006)
  })

  test('of permutation hold every integer once', () => {
    const x = permutation(257, { key })
    expect(x.dtype).toBe('int32')
    expect([...x.data].sort((a, b) => a - b)).toEqual(Array.from({ length: 257 }, (_, i) => i))
    expect([...x.data]).not.toEqual([...x.data].sort((a, b) => a - b))
    expect(permutation(0, { key }).shape).toEqual([0])
    expect([...permutation(1, { key }).data]).toEqual([0])
  })

  test('of permutation favour no place', () => {
    const firsts = new Array<number>(4).fill(0)
    for (let counter = 0; counter < 4000; counter++)
      firsts[permutation(4, { key: { seed: 1, counter } }).data[0]!]!++
    for (const count of firsts) expect(Math.abs(count - 1000)).toBeLessThan(120)
  })

  test('of other dtypes and sizes are refused', () => {
    expect(() => uniform([2], { dtype: 'int32' })).toThrow(/^BAD_DTYPE/)
    expect(() => normal([-1])).toThrow(/^BAD_SHAPE/)
    expect(() => permutation(-1)).toThrow(/^BAD_ARGUMENT/)
  })
})
