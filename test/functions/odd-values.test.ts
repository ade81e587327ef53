/** Where a plain formula gives NaN or another function than was meant, and PyTorch does not: values at the edges, lists of booleans. */
import { expect, test } from 'vitest'
import { HalfFourier, RealFourier } from '../../src/functions/fourier.js'
import {
  add,
  crossEntropy,
  ctcLoss,
  Embedding,
  FourierTransform,
  fft,
  grad,
  irfft,
  mul,
  ndarray,
  rfft,
  scaledDotProductAttention,
  softmaxCrossEntropy,
  sum,
  TransformerEncoderLayer,
  Variable,
  zeros,
} from '../../src/index.js'

const slopes = (y: Variable, x: Variable) => [...grad([sum(y)], [x])[0]!.data.data]

test('a list of booleans hides keys from queries, as an array of bools does', () => {
  const x = new Variable([
    [1, 2],
    [3, 4],
  ])
  const mask = [
    [true, false],
    [true, true],
  ]
  const listed = scaledDotProductAttention(x, x, x, { mask })
  expect(listed.data.data).toEqual(scaledDotProductAttention(x, x, x, { mask: ndarray(mask) }).data.data)
  expect([...listed.data.data].slice(0, 2)).toEqual([1, 2])
  const layer = new TransformerEncoderLayer(2, 1, { feedForward: 2, dropout: 0 })
  const batch = new Variable([
    [
      [1, 2],
      [3, 4],
    ],
  ])
  expect(layer.forward(batch, { mask }).data.data).toEqual(
    layer.forward(batch, { mask: ndarray(mask) }).data.data,
  )
})

test('elsewhere it counts as ones and zeros, with the dtype of its partner', () => {
  const x = new Variable([1, 2], { dtype: 'float32' })
  expect(add(x, [true, false]).data.toArray()).toEqual([2, 2])
  expect(mul([true, false], x).dtype).toBe('float32')
  const scores = new Variable([[1, 2]])
  for (const loss of [crossEntropy, softmaxCrossEntropy])
    expect(loss(scores, [[false, true]] as never).item()).toBe(loss(scores, [1]).item())
})

test('a mean over no row has the gradient 0, though it is NaN itself', () => {
  const x = new Variable([
    [1, 2],
    [3, 4],
  ])
  const loss = crossEntropy(x, [0, 0], { ignoreIndex: 0 })
  expect(loss.item()).toBe(Number.NaN)
  expect(slopes(loss, x)).toEqual([0, 0, 0, 0])
})

test('padding is counted from the end like ids are', () => {
  const table = new Embedding(3, 2, { paddingIndex: -1 })
  expect([...table.weight.data.data].slice(4)).toEqual([0, 0])
  const y = sum(table.forward([2, -1, 0, -3]))
  expect([...grad([y], [table.weight])[0]!.data.data]).toEqual([2, 2, 0, 0, 0, 0])
  expect(() => new Embedding(3, 2, { paddingIndex: -4 })).toThrow(/BAD_ARGUMENT.*paddingIndex/)
})

test('what does not fit a Fourier transform or CTC is refused, and what cannot be said has a loss without slope', () => {
  expect(() => fft([1, 2], [1, 2, 3])).toThrow(/SHAPE_MISMATCH.*\[2\] and \[3\]/)
  expect(() => fft(3)).toThrow(/BAD_AXIS/)
  expect(() => rfft([1, 2], { n: 0 })).toThrow(/BAD_ARGUMENT/)
  expect(() => irfft([1], [1])).toThrow(/BAD_SHAPE/)
  expect(() => new FourierTransform({ method: 'halves' as never })).toThrow(/BAD_ARGUMENT.*radices.*halves/)
  expect(() => new RealFourier().apply1(zeros([2, 0]))).toThrow(/SHAPE_MISMATCH.*\[2, 0\]/)
  expect(() => new HalfFourier({ n: 6 }).apply2(ndarray([1, 2]), ndarray([1, 2]))).toThrow(
    /SHAPE_MISMATCH.*4/,
  )
  expect(() => fft([1, 2], undefined, { norm: 'half' as never })).toThrow(/BAD_ARGUMENT.*ortho/)
  const x = new Variable([[[-1, -2]]])
  const labels = (...rows: number[][]) => rows
  const impossible = ctcLoss(x, labels([1, 1]))
  expect(impossible.item()).toBe(Infinity)
  expect(slopes(impossible, x)).toEqual([0, 0])
  expect(ctcLoss(x, labels([1, 1]), { zeroInfinity: true }).item()).toBe(0)
  expect(ctcLoss(x, labels([1])).item()).toBe(2)
  expect(() => ctcLoss(x, labels([2]))).toThrow(/INDEX_OUT_OF_RANGE.*row 0/)
  expect(() => ctcLoss(x, labels([0]))).toThrow(/INDEX_OUT_OF_RANGE.*blank/)
  expect(() => ctcLoss(x, [[0.5]])).toThrow(/BAD_DTYPE/)
  expect(() => ctcLoss(x, labels([1], [1]))).toThrow(/SHAPE_MISMATCH/)
})

test('integers and booleans count as the numbers that they are in a Fourier transform and in CTC', () => {
  const parts = [
    [4, 1, 0],
    [0, 1, 0],
  ]
  const [re, im] = parts.map((part) => ndarray(part, { dtype: 'int32' }))
  expect([...irfft(re!, im!).data.data]).toEqual([...irfft(parts[0]!, parts[1]!).data.data])
  expect([...irfft(ndarray([true, false]), ndarray([false, false])).data.data]).toEqual([0.5, 0.5])
  const logs = ndarray([[[-1, -2, -3]]], { dtype: 'int32' })
  expect(ctcLoss(logs, [[2]]).item()).toBe(3)
})
