/** How weights may begin: by their variances and bounds, which PyTorch documents. */
import { describe, expect, test } from 'vitest'
import {
  kaimingNormal,
  kaimingUniform,
  Linear,
  matmul,
  type NDArray,
  orthogonal,
  type Shape,
  seedRandom,
  xavierNormal,
  xavierUniform,
} from '../../src/index.js'

const key = { seed: 1, counter: 0 }
const deviationOf = (array: NDArray) => {
  const values = Array.from(array.data)
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  return Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length)
}
const most = ({ data }: NDArray) => Math.max(...data.map(Math.abs))

// Inputs and outputs of a linear layer; of a convolution, times the window.
const linear: Shape = [200, 100]
const window: Shape = [40, 30, 3, 3]

describe('the deviation is what the number of inputs and outputs asks for', () => {
  test.each<[string, (shape: Shape) => NDArray, Shape, number]>([
    ['xavierUniform', (s) => xavierUniform(s, { key }), linear, Math.sqrt(2 / 300)],
    ['xavierNormal, windows', (s) => xavierNormal(s, { key, gain: 2 }), window, 2 * Math.sqrt(2 / (70 * 9))],
    ['kaimingUniform', (s) => kaimingUniform(s, { key }), linear, Math.sqrt(2 / 200)],
    ['kaimingNormal, back', (s) => kaimingNormal(s, { key, mode: 'fanOut' }), linear, Math.sqrt(2 / 100)],
    ['kaimingNormal, windows', (s) => kaimingNormal(s, { key }), window, Math.sqrt(2 / 270)],
    ['kaimingUniform, slope', (s) => kaimingUniform(s, { key, slope: 2 }), window, Math.sqrt(2 / 5 / 270)],
  ])('%s', (name, make, shape, deviation) => {
    const made = make(shape)
    expect(made.shape).toEqual(shape)
    expect(Math.abs(deviationOf(made) / deviation - 1)).toBeLessThan(0.03)
    if (name.includes('Uniform')) expect(most(made)).toBeLessThanOrEqual(Math.sqrt(3) * deviation)
    if (name.includes('Uniform')) expect(most(made)).toBeGreaterThan(1.7 * deviation)
  })
})

test.each<Shape>([
  [3, 5],
  [5, 3],
  [4, 4],
  [2, 3, 2, 2],
])('orthogonal of [%i, %i, …] has vectors at right angles', (...shape) => {
  // biome-ignore format: shapes
  const made = orthogonal(shape, { key, gain: 3 })
  expect(made.shape).toEqual(shape)
  const [rows, columns] = [shape[0]!, shape.slice(1).reduce((a, b) => a * b)]
  const flat = made.astype('float64')
  const matrix = Array.from({ length: rows }, (_, i) =>
    Array.from(flat.data.slice(i * columns, (i + 1) * columns)),
  )
  const product = matmul(matrix, matrix, rows <= columns ? { transposeB: true } : { transposeA: true })
  const n = Math.min(rows, columns)
  product.data.data.forEach((value, i) => {
    expect(value).toBeCloseTo(i % (n + 1) === 0 ? 9 : 0, 12)
  })
})

test('a layer takes what was drawn, in its dtype, and a seed says it again', () => {
  const layer = new Linear(3, 2, { dtype: 'float32' })
  seedRandom(4)
  layer.weight.data = kaimingNormal(layer.weight.shape, { dtype: 'float32' })
  const first = layer.weight.data.toArray()
  seedRandom(4)
  expect(kaimingNormal([3, 2], { dtype: 'float32' }).toArray()).toEqual(first)
})

test.each<[string, () => unknown, RegExp]>([
  ['a bias', () => xavierUniform([3]), /^BAD_SHAPE: xavierUniform expected the shape of weights/],
  [
    'a mode of another name',
    () => kaimingNormal([2, 2], { mode: 'fan_in' as never }),
    /^BAD_ARGUMENT: kaimingNormal expected mode/,
  ],
  ['integers', () => orthogonal([2, 2], { dtype: 'int32' as never }), /^BAD_DTYPE: orthogonal/],
])('%s is refused', (_name, act, message) => {
  expect(act).toThrow(message)
})
