/** Classes drawn by weight. */
import { describe, expect, test } from 'vitest'
import { multinomial, seedRandom, softmax, vmap, zeros } from '../../src/index.js'

describe('multinomial', () => {
  test('draws each class as often as its weight says', () => {
    const drawn = multinomial([1, 0, 3], {
      count: 40_000,
      replacement: true,
      key: { seed: 5, counter: 0 },
    }).data
    const share = (wanted: number) => drawn.filter((one) => one === wanted).length / drawn.length
    // Four standard deviations are 0.0087.
    expect(Math.abs(share(0) - 0.25)).toBeLessThan(0.0087)
    expect(share(1)).toBe(0)
  })
  test('without replacement draws each class once, likely ones first', () => {
    const rows = Array.from({ length: 4_000 }, () => [1, 2, 5])
    const drawn = multinomial(rows, { count: 3, key: { seed: 5, counter: 0 } })
    const lists = drawn.toArray() as number[][]
    for (const list of lists) expect([...list].sort()).toEqual([0, 1, 2])
    const first = (wanted: number) => lists.filter(([one]) => one === wanted).length / lists.length
    expect(Math.abs(first(2) - 5 / 8)).toBeLessThan(0.031)
    // 2 first and then 1: 5/8 · 2/3.
    const then = lists.filter(([a, b]) => a === 2 && b === 1).length / lists.length
    expect(Math.abs(then - 5 / 12)).toBeLessThan(0.032)
  })
  test('is the same for the same key or seed, and goes on from one call to the next', () => {
    const draw = () => multinomial(softmax([[1, 2, 3], [3, 2, 1]]), { count: 9, replacement: true }).toArray() // biome-ignore format: a matrix
    seedRandom(3)
    const [a, b] = [draw(), draw()]
    seedRandom(3)
    expect([draw(), draw()]).toEqual([a, b])
    expect(a).not.toEqual(b)
  })
  test('of no rows draws nothing', () => {
    expect(multinomial(zeros([0, 3]), { count: 2 }).shape).toEqual([0, 2])
  })
  test.each<[string, () => unknown, RegExp]>([
    ['a scalar', () => multinomial(1), /^BAD_SHAPE: multinomial expected weights/],
    [
      'no weight above 0',
      () =>
        multinomial([
          [1, 0],
          [0, 0],
        ]),
      /^BAD_VALUE: .*in row 1/,
    ],
    [
      'too few',
      () => multinomial([1, 0], { count: 2 }),
      /^BAD_VALUE: multinomial expected finite weights of at least 0, 2 of a row/,
    ],
    ['what is no number', () => multinomial([1, Number.NaN]), /^BAD_VALUE/],
    ['negative weights', () => multinomial([1, -1]), /^BAD_VALUE/],
    ['a key that is none', () => multinomial([1], { key: { seed: -1, counter: 0 } }), /^BAD_ARGUMENT/],
    [
      'inside vmap, where there are no numbers',
      () => vmap((x) => multinomial(x) as never)([[1, 2]]),
      /^BAD_ARGUMENT/,
    ],
  ])('%s is refused', (_name, act, message) => {
    expect(act).toThrow(message)
  })
})
