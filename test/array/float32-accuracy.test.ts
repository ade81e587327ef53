/**
 * float32 sums of many numbers: along each axis and in products they are added by halves, so that no digit is lost. What the first
 * portable kernel gives, which adds products and columns one number after another, shows that the tests can fail.
 */
import { expect, test } from 'vitest'
import { useKernel } from '../../src/array/kernel.js'
import { ndarray } from '../../src/array/make-array.js'
import { portableKernel } from '../../src/array/portable-kernel.js'
import { conv2d } from '../../src/functions/convolution.js'
import { einsum } from '../../src/functions/einsum.js'
import { linear, matmul } from '../../src/functions/products.js'
import { mean, sum } from '../../src/functions/reductions.js'
import { variance } from '../../src/functions/statistics.js'
import '../../src/functions/methods.js'
import { grad } from '../../src/graph/backward.js'
import { constant, parameter } from '../../src/graph/leaves.js'

const LENGTH = 1_000_000
const BOUND = 1e-6

/** Float32 numbers from 0 to 1. */
const numbers = new Float32Array(LENGTH)
let state = 12345
for (let i = 0; i < LENGTH; i++) {
  state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
  numbers[i] = state / 0x7fffffff
}
const exactSum = numbers.reduce((total, value) => total + value, 0)
const exactSquares = numbers.reduce((total, value) => total + value * value, 0)

const vector = constant(ndarray(numbers))
const column = constant(ndarray(numbers, { shape: [LENGTH, 1] }))
const pairs = constant(
  ndarray(
    Float32Array.from({ length: 2 * LENGTH }, (_, i) => numbers[i >> 1]!),
    { shape: [LENGTH, 2] },
  ),
)

function near(got: number, exact: number): void {
  expect(Math.abs(got - exact) / Math.abs(exact)).toBeLessThan(BOUND)
}

test('a sum along a last axis is right', () => {
  near(sum(vector).item(), exactSum)
})

test('a dot product is right', () => {
  near(matmul(vector, vector).item(), exactSquares)
})

test('a dot product of the first portable kernel is off by more than a thousandth of a percent', () => {
  const before = useKernel(portableKernel)
  try {
    expect(Math.abs(matmul(vector, vector).item() / exactSquares - 1)).toBeGreaterThan(1e-5)
  } finally {
    useKernel(before)
  }
})

test('einsum of two vectors is right', () => {
  near(einsum('i,i->', vector, vector).item(), exactSquares)
})

test('a mean along a leading axis is right', () => {
  near(mean(pairs, { axis: 0 }).data.data[0]!, exactSum / LENGTH)
})

test('a variance along a leading axis is right beside a large mean', () => {
  const shifted = Float32Array.from({ length: 2 * LENGTH }, (_, i) => 1000 + numbers[i >> 1]!)
  const exactMean = shifted.reduce((total, value) => total + value, 0) / shifted.length
  const exact = shifted.reduce((total, value) => total + (value - exactMean) ** 2, 0) / shifted.length
  near(variance(constant(ndarray(shifted, { shape: [LENGTH, 2] })), { axis: 0 }).data.data[0]!, exact)
})

test('the gradients of weights and bias of many rows are right', () => {
  const [w, b] = [
    parameter(ndarray(new Float32Array([1, 1]), { shape: [1, 2] })),
    parameter(ndarray(new Float32Array(2))),
  ]
  const y = linear(column, w, b).mul(pairs)
  const [gw, gb] = grad([sum(y)], [w, b])
  near(gb!.data.data[0]!, exactSum)
  near(gw!.data.data[0]!, exactSquares)
})

test('the gradient of a window over a large image is right', () => {
  const image = constant(ndarray(numbers, { shape: [1, 1, 1000, 1000] }))
  const w = parameter(ndarray(new Float32Array([1]), { shape: [1, 1, 1, 1] }))
  const [gw] = grad([sum(conv2d(image, w))], [w])
  near(gw!.item(), exactSum)
})

test('sums over a leading and a last axis at once are right, as for the bias of images', () => {
  const x = constant(ndarray(numbers, { shape: [250_000, 2, 2] }))
  const both = sum(x, { axis: [0, 2] }).data.data
  for (const channel of [0, 1]) {
    const exact = numbers.reduce((total, value, i) => (((i >> 1) & 1) === channel ? total + value : total), 0)
    near(both[channel]!, exact)
  }
})

test('the gradient of a window over many images is right', () => {
  const images = constant(ndarray(numbers.subarray(0, 200_000), { shape: [200_000, 1, 1, 1] }))
  const w = parameter(ndarray(new Float32Array([1]), { shape: [1, 1, 1, 1] }))
  const [gw] = grad([sum(conv2d(images, w))], [w])
  near(
    gw!.item(),
    numbers.subarray(0, 200_000).reduce((total, value) => total + value, 0),
  )
})
