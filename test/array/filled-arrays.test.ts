/** Arrays that a rule fills, as people ask for them who come from NumPy and PyTorch. */
import { afterEach, describe, expect, test } from 'vitest'
import * as gradtape from '../../src/index.js'
import {
  arange,
  eye,
  full,
  linspace,
  type NDArray,
  ndarray,
  normal,
  ones,
  onesLike,
  seedRandom,
  setDefaultDtype,
  Variable,
  zeros,
  zerosLike,
} from '../../src/index.js'
import { codeOf, messageOf } from './thrown.js'

afterEach(() => setDefaultDtype('float64'))

const float32 = { dtype: 'float32' } as const
const int32 = { dtype: 'int32' } as const
const x = ndarray([[1, 2, 3]], float32)

const made: readonly [call: string, make: () => NDArray, dtype: string, values: unknown][] = [
  ['zeros(2)', () => zeros(2), 'float64', [0, 0]],
  ['zeros([])', () => zeros([]), 'float64', 0],
  ['zeros([2, 0])', () => zeros([2, 0]), 'float64', [[], []]],
  ['zeros([1, 2]) as int32', () => zeros([1, 2], int32), 'int32', [[0, 0]]],
  ['ones([2, 1])', () => ones([2, 1]), 'float64', [[1], [1]]],
  ['ones(1) as bool', () => ones(1, { dtype: 'bool' }), 'bool', [true]],
  ['full(2, 7.5)', () => full(2, 7.5), 'float64', [7.5, 7.5]],
  ['full(2, true)', () => full(2, true), 'bool', [true, true]],
  ['full(1, NaN)', () => full(1, NaN, float32), 'float32', [NaN]],
  ['zerosLike an array', () => zerosLike(x), 'float32', [[0, 0, 0]]],
  ['zerosLike a Variable', () => zerosLike(new Variable(x)), 'float32', [[0, 0, 0]]],
  ['onesLike, as another dtype', () => onesLike(x, int32), 'int32', [[1, 1, 1]]],
  ['arange(4)', () => arange(4), 'float64', [0, 1, 2, 3]],
  ['arange(0)', () => arange(0), 'float64', []],
  ['arange(2, 5)', () => arange(2, 5, int32), 'int32', [2, 3, 4]],
  ['arange(0, 1, 0.25)', () => arange(0, 1, 0.25), 'float64', [0, 0.25, 0.5, 0.75]],
  ['arange down', () => arange(3, 0, -2), 'float64', [3, 1]],
  ['linspace(0, 1, 5)', () => linspace(0, 1, 5), 'float64', [0, 0.25, 0.5, 0.75, 1]],
  ['linspace down', () => linspace(1, -1, 3, float32), 'float32', [1, 0, -1]],
  ['linspace of one and of none', () => linspace(3, 9, 1), 'float64', [3]],
  ['linspace of none', () => linspace(3, 9, 0), 'float64', []],
  [
    'eye(2)',
    () => eye(2),
    'float64',
    [
      [1, 0],
      [0, 1],
    ],
  ],
  ['eye(1, 3)', () => eye(1, 3, int32), 'int32', [[1, 0, 0]]],
]

test.each(made)('%s', (_, make, dtype, values) => {
  const array = make()
  expect([array.dtype, array.toArray()]).toEqual([dtype, values])
})

test('the last number of linspace is the bound itself, whatever steps come to', () => {
  for (let count = 2; count < 200; count++) {
    const { data } = linspace(-0.1, 0.7, count)
    expect([data[0], data[count - 1]]).toEqual([-0.1, 0.7])
    expect(data.findIndex((value, i) => i > 0 && !(value > data[i - 1]!))).toBe(-1)
  }
})

test('numbers have the default dtype, and what is like another has that one’s', () => {
  setDefaultDtype('float32')
  const all = [zeros(1), ones(1), full(1, 2), arange(1), linspace(0, 1, 2), eye(1)]
  expect(all.map(({ dtype }) => dtype)).toEqual(all.map(() => 'float32'))
  expect(zerosLike(ndarray([1], { dtype: 'float64' })).dtype).toBe('float64')
})

describe('what cannot be meant is refused:', () => {
  const of = gradtape as unknown as Record<string, (...given: unknown[]) => unknown>
  const wrong: readonly [name: string, given: readonly unknown[], code: string, says: RegExp][] = [
    ['zeros', [2, 3], 'BAD_ARGUMENT', /zeros expected its options as an object/],
    ['zeros', [[2], { type: 'int32' }], 'BAD_ARGUMENT', /did you mean "dtype"/],
    ['zeros', [[2], { dtype: 'int64' }], 'BAD_DTYPE', /int64/],
    ['zeros', [-1], 'BAD_SHAPE', /zeros/],
    ['zeros', [1.5], 'BAD_SHAPE', /zeros/],
    ['ones', ['2'], 'BAD_SHAPE', /expected a shape/],
    ['ones', [[2], 'float32'], 'BAD_ARGUMENT', /options/],
    ['full', [[2]], 'BAD_VALUE', /full expected a number or a boolean, got undefined/],
    ['full', [[2], 1.5, int32], 'BAD_VALUE', /int32 expected integers/],
    ['zerosLike', [[2, 3]], 'BAD_ARGUMENT', /zeros\(shape\) takes a shape/],
    ['onesLike', [null], 'BAD_ARGUMENT', /expected an NDArray or a Variable/],
    ['arange', [], 'BAD_ARGUMENT', /arange expected 1 to 3 numbers/],
    ['arange', [0, 1, 0], 'BAD_ARGUMENT', /step other than 0/],
    ['arange', [Infinity], 'BAD_ARGUMENT', /finite/],
    ['arange', [0, 1, 0.5, int32], 'BAD_VALUE', /int32/],
    ['arange', ['3'], 'BAD_ARGUMENT', /arange expected 1 to 3 numbers/],
    ['arange', [3, int32, int32], 'BAD_ARGUMENT', /and then options/],
    ['linspace', [0, 1], 'BAD_ARGUMENT', /how many numbers/],
    ['linspace', [0, NaN, 3], 'BAD_ARGUMENT', /finite bounds/],
    ['linspace', [0, 1, 2.5], 'BAD_ARGUMENT', /how many/],
    ['eye', [[2, 3]], 'BAD_ARGUMENT', /eye expected 1 to 2 numbers/],
    ['eye', [2, { columns: 3 }], 'BAD_ARGUMENT', /columns/],
    ['arange', [1e10], 'BAD_SHAPE', /arange expected at most 2\^32 elements/],
    ['arange', [0, 1, 1e-300], 'BAD_SHAPE', /arange/],
    ['arange', [3, null], 'BAD_ARGUMENT', /arange expected its options as an object/],
    ['linspace', [0, 1, 2 ** 40], 'BAD_SHAPE', /linspace expected at most 2\^32 elements/],
    ['eye', [-2], 'BAD_SHAPE', /eye/],
    ['eye', [1e6], 'BAD_SHAPE', /eye expected at most 2\^32 elements/],
  ]
  test.each(wrong)('%s(%j)', (name, given, code, says) => {
    const call = () => of[name]!(...given)
    expect(codeOf(call)).toBe(code)
    expect(messageOf(call)).toMatch(says)
  })
})

test('two axes are transformed one after another, as fftn does', () => {
  seedRandom(3)
  const given = normal([3, 4])
  const once = (first: number, second: number) =>
    gradtape.fft(...gradtape.fft(given, undefined, { axis: first }), { axis: second })
  const [re, im] = once(0, 1)
  const [others, imaginary] = once(1, 0)
  // Against the double sum.
  for (let k = 0; k < 3; k++)
    for (let l = 0; l < 4; l++) {
      let [real, unreal] = [0, 0]
      for (let i = 0; i < 3; i++)
        for (let j = 0; j < 4; j++) {
          const angle = -2 * Math.PI * ((i * k) / 3 + (j * l) / 4)
          real += given.data[i * 4 + j]! * Math.cos(angle)
          unreal += given.data[i * 4 + j]! * Math.sin(angle)
        }
      const at = k * 4 + l
      expect(
        [re.data.data[at], im.data.data[at]].map((v, i) => Math.abs(v! - [real, unreal][i]!) < 1e-12),
      ).toEqual([true, true])
      expect(
        Math.abs(others.data.data[at]! - real) + Math.abs(imaginary.data.data[at]! - unreal),
      ).toBeLessThan(1e-12)
    }
})
