/** Pooling of rows and volumes, and windows that reach beyond: ties, what is no number, dtypes, and what is refused. PyTorch's values are in torch.test.ts. */
import { describe, expect, test } from 'vitest'
import {
  adaptiveMaxPool1d,
  adaptiveMaxPool3d,
  averagePool1d,
  averagePool2d,
  averagePool3d,
  grad,
  maxPool1d,
  maxPool2d,
  maxPool3d,
  ndarray,
  ones,
  sum,
  Variable,
  zeros,
} from '../../src/index.js'

const slopesOf = (f: (x: Variable) => Variable, shape: number[]): number[] => {
  const x = new Variable(zeros(shape))
  return Array.from(grad(sum(f(x)), x)[0]!.data.data)
}
const valuesOf = (x: Variable) => x.data.toArray()

describe('a maximum that is met more than once', () => {
  test('shares its gradient evenly among all places of a window, over depths too', () => {
    const slopes = slopesOf((x) => maxPool3d(x, { kernel: [2, 3, 2] }), [1, 1, 2, 3, 2])
    expect(slopes).toEqual(Array.from({ length: 12 }, () => 1 / 12))
  })
  test('adds what it gets of windows that overlap', () => {
    const slopes = slopesOf((x) => maxPool3d(x, { kernel: 2, stride: 1 }), [1, 1, 3, 2, 2])
    expect(slopes).toEqual([0.125, 0.25, 0.125].flatMap((slope) => [slope, slope, slope, slope]))
  })
  test('shares nothing with padding and with what is beyond', () => {
    const options = { kernel: 2, padding: 1, ceilMode: true }
    for (const [f, shape] of [
      [maxPool1d, [1, 1, 4]],
      [maxPool2d, [1, 1, 4, 3]],
      [maxPool3d, [1, 1, 3, 4, 3]],
    ] as const) {
      const x = new Variable(zeros([...shape]))
      const y = (f as typeof maxPool1d)(x, options)
      expect(grad(sum(y), x)[0]!.sum().item()).toBeCloseTo(y.size, 12)
    }
  })
  test('in windows of different size shares within each', () => {
    // Of five places in two windows both see the middle one.
    const third = 1 / 3
    const slopes = slopesOf((x) => adaptiveMaxPool1d(x, 2), [1, 1, 5])
    expect(slopes).toEqual([third, third, 2 * third, third, third])
    expect(slopesOf((x) => adaptiveMaxPool3d(x, [1, 1, 2]), [1, 1, 1, 1, 5])).toEqual(slopes)
  })
})

test('what is beyond never wins, whatever the dtype, and NaN wins', () => {
  const last = (values: number[], dtype: 'int32' | 'uint8' | 'float32') =>
    maxPool1d(ndarray([[values]], { dtype }), { kernel: 2, ceilMode: true })
  expect(valuesOf(last([1, 5, -3], 'int32'))).toEqual([[[5, -3]]])
  expect(valuesOf(last([1, 5, 3], 'uint8'))).toEqual([[[5, 3]]])
  expect(last([1, 5, 3], 'uint8').dtype).toBe('uint8')
  expect(last([1, 5, -3], 'float32').dtype).toBe('float32')
  expect(valuesOf(maxPool1d([[[-Infinity, -Infinity, NaN]]], { kernel: 2, ceilMode: true }))).toEqual([
    [[-Infinity, NaN]],
  ])
})

test('means of integers are float64, and what is beyond does not count', () => {
  const y = averagePool1d(ndarray([[[1, 5, 3]]], { dtype: 'int32' }), { kernel: 2, ceilMode: true })
  expect([y.dtype, valuesOf(y)]).toEqual(['float64', [[[3, 3]]]])
  expect(valuesOf(averagePool3d(ones([1, 1, 3, 3, 3]), { kernel: 2, ceilMode: true }))).toEqual(
    ones([1, 1, 2, 2, 2]).toArray(),
  )
})

test('options that are undefined are not said', () => {
  const image = ones([1, 1, 2, 2])
  const options = { kernel: 2, stride: undefined, padding: undefined, ceilMode: undefined }
  expect(maxPool2d(image, options).item()).toBe(1)
  expect(averagePool2d(image, { ...options, countPadding: undefined }).item()).toBe(1)
  expect(maxPool1d(ones([1, 1, 2]), options).item()).toBe(1)
  expect(averagePool3d(ones([1, 1, 2, 2, 2]), { ...options, countPadding: undefined }).item()).toBe(1)
})

test('no images at all are no results', () => {
  expect(maxPool3d(zeros([0, 1, 2, 2, 2]), { kernel: 2 }).shape).toEqual([0, 1, 1, 1, 1])
  expect(averagePool3d(zeros([0, 1, 3, 3, 3]), { kernel: 2, ceilMode: true }).shape).toEqual([0, 1, 2, 2, 2])
})

describe('refused before anything is computed', () => {
  test.each<[string, () => unknown, RegExp]>([
    [
      'a window that does not fit',
      () => maxPool1d([[[1, 2]]], { kernel: 3 }),
      /^BAD_SHAPE: maxPool1d expected a window/,
    ],
    [
      'a window that is too deep',
      () => averagePool3d(ones([1, 1, 2, 4, 4]), { kernel: 3 }),
      /^BAD_SHAPE: averagePool3d expected a window that fits/,
    ],
    [
      'rows of nothing',
      () => maxPool1d(zeros([1, 1, 0]), { kernel: 2, padding: 1 }),
      /^SHAPE_MISMATCH: maxPool1d/,
    ],
    [
      'volumes of nothing',
      () => adaptiveMaxPool3d(zeros([1, 1, 0, 2, 2]), 1),
      /^SHAPE_MISMATCH: adaptiveMaxPool3d/,
    ],
    [
      'images for rows',
      () => averagePool1d(ones([1, 1, 2, 2]), { kernel: 2 }),
      /^SHAPE_MISMATCH: averagePool1d/,
    ],
    [
      'padding of more than half',
      () => maxPool3d(ones([1, 1, 4, 4, 4]), { kernel: 2, padding: 2 }),
      /^BAD_ARGUMENT/,
    ],
    [
      'no kernel',
      () => maxPool3d(ones([1, 1, 2, 2, 2]), {} as never),
      /^BAD_ARGUMENT: maxPool3d expected kernel/,
    ],
    [
      'PyTorch’s name',
      () => maxPool1d([[[1, 2]]], { kernel: 2, ceil_mode: true } as never),
      /^BAD_ARGUMENT: maxPool1d does not know/,
    ],
    [
      'a string for a flag',
      () => maxPool2d(ones([1, 1, 2, 2]), { kernel: 2, ceilMode: 'yes' as never }),
      /ceilMode to be true or false/,
    ],
  ])('%s', (_name, act, message) => {
    expect(act).toThrow(message)
  })
})
