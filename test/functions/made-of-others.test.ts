/** Edges of functions that are made of others: far values, what is no number, and what is refused. PyTorch's values are in torch.test.ts. */
import { describe, expect, test } from 'vitest'
import {
  adaptiveAveragePool2d,
  all,
  any,
  arccosh,
  arcsinh,
  arctanh,
  Conv1d,
  Conv2d,
  Conv3d,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
  celu,
  concat,
  conv1d,
  conv2d,
  convTranspose2d,
  convTranspose3d,
  countNonZero,
  cross,
  diag,
  diagonal,
  exp2,
  flatten,
  gelu,
  glu,
  grad,
  interpolate,
  isInfinite,
  isNan,
  kron,
  loadTorchState,
  logAddExp,
  logSigmoid,
  mean,
  moveAxis,
  nanToNum,
  nllLoss,
  ones,
  pad,
  round,
  slice,
  sum,
  swapAxes,
  tensordot,
  trunc,
  Variable,
  zeros,
} from '../../src/index.js'
import { spread } from './case.js'

const valuesOf = (x: Variable): unknown => x.data.toArray()
const slopes = (f: (x: Variable) => Variable, at: number[]): unknown => {
  const x = new Variable(at)
  return grad(sum(f(x)), x)[0]!.data.toArray()
}

describe('inverse hyperbolic functions', () => {
  test('keep the digits of small numbers and do not overflow on large ones', () => {
    const [tiny, large, below, huge] = valuesOf(arcsinh([1e-12, 1e10, -1e10, 1e300])) as number[]
    expect(tiny).toBeCloseTo(1e-12, 25)
    expect(large).toBeCloseTo(23.7189981105004, 13)
    expect(below).toBe(-large!)
    expect(huge).toBeCloseTo(691.4686750787736, 10)
    expect((valuesOf(arccosh([1, 1e300])) as number[])[1]).toBeCloseTo(691.4686750787736, 10)
    expect(valuesOf(arctanh([-1, 0, 1]))).toEqual([-Infinity, 0, Infinity])
  })
  test('have a slope at 0, and none outside of where they are', () => {
    expect(slopes(arcsinh, [0])).toEqual([1])
    expect(slopes(arctanh, [0])).toEqual([1])
    expect(valuesOf(arccosh([0.5, -3]))).toEqual([Number.NaN, Number.NaN])
  })
})

test('powers of 2 are exact, sums of exponentials do not overflow', () => {
  expect(valuesOf(exp2([-2, 0, 10]))).toEqual([0.25, 1, 1024])
  expect(valuesOf(logAddExp([1000, -Infinity], [1000, -Infinity]))).toEqual([1000 + Math.LN2, -Infinity])
  expect(valuesOf(logSigmoid([-800, 800]))).toEqual([-800, -0])
})

test('rounding meets halves at the even integer, and leaves what is not finite', () => {
  expect(valuesOf(round([0.5, 1.5, 2.5, -0.5, -1.5, 0.49999999999999994, Infinity]))).toEqual([
    0,
    2,
    2,
    -0,
    -2,
    0,
    Infinity,
  ])
  expect(valuesOf(trunc([-1.7, 1.7, Number.NaN]))).toEqual([-1, 1, Number.NaN])
  expect(round([0.5]).requiresGrad).toBe(false)
})

test('what is no number is found and replaced, and passes no gradient', () => {
  const odd = [Number.NaN, Infinity, -Infinity, 4]
  expect(valuesOf(isNan(odd))).toEqual([true, false, false, false])
  expect(valuesOf(isInfinite(odd))).toEqual([false, true, true, false])
  expect(valuesOf(nanToNum(odd, { nan: 1, positive: 2, negative: 3 }))).toEqual([1, 2, 3, 4])
  expect(valuesOf(nanToNum(odd))).toEqual([0, Number.MAX_VALUE, -Number.MAX_VALUE, 4])
  expect(slopes(nanToNum, odd)).toEqual([0, 0, 0, 1])
})

test('any, all and their count are those of no elements, too', () => {
  expect([any(zeros([0])).item(), all(zeros([0])).item(), countNonZero(zeros([0])).item()]).toEqual([0, 1, 0])
  expect(valuesOf(any([[0, Number.NaN], [0, 0]], { axis: 1 }))).toEqual([true, false]) // biome-ignore format: a matrix
})

test('gelu as a callback takes no index for its options', () => {
  expect([1, 2].map(gelu).map((y) => y.item())).toEqual([gelu(1).item(), gelu(2).item()])
  expect(() => gelu(1, { approximate: 'sigmoid' as never })).toThrow(/^BAD_ARGUMENT: gelu expected/)
})

describe('refused before anything is computed', () => {
  const image = ones([1, 2, 3, 3])
  test.each<[string, () => unknown, RegExp]>([
    ['celu', () => celu(1, { alpha: 0 }), /^BAD_ARGUMENT: celu expected alpha above 0/],
    ['glu', () => glu([1, 2, 3]), /^BAD_SHAPE: glu expected an even extent/],
    ['diag', () => diag(1), /^BAD_SHAPE: diag expected vectors/],
    ['diagonal', () => diagonal([1, 2]), /^BAD_SHAPE: diagonal expected matrices/],
    ['swapAxes', () => swapAxes([1, 2], 0, 1), /^BAD_AXIS: swapAxes expected an axis/],
    ['moveAxis', () => moveAxis(image, [0, 0], [1, 2]), /^BAD_ARGUMENT: moveAxis expected/],
    ['flatten', () => flatten(image, { from: 2, to: 1 }), /^BAD_ARGUMENT: flatten expected from/],
    [
      'tensordot, extents',
      () => tensordot([[1, 2]], [[1, 2]], { axes: 1 }),
      /^SHAPE_MISMATCH: tensordot expected axes/,
    ],
    [
      'tensordot, axes',
      () => tensordot([1], [1], { axes: 2 }),
      /^BAD_ARGUMENT: tensordot expected at most 1/,
    ],
    ['cross', () => cross([1, 2], [1, 2]), /^SHAPE_MISMATCH: cross expected three elements/],
    ['pad, mode', () => pad([1], [[0, 0]], { mode: 'edge' as never }), /^BAD_ARGUMENT: pad expected mode/],
    ['pad, too far', () => pad([1, 2], [[2, 0]], { mode: 'reflect' }), /^BAD_SHAPE: pad expected at most 1/],
    [
      'pad, value',
      () => pad([1], [[1, 0]], { mode: 'circular', value: 1 }),
      /^BAD_ARGUMENT: pad expected a value/,
    ],
    [
      'pad, axes',
      () => pad(image, [[1, 0]], { mode: 'replicate' }),
      /^BAD_ARGUMENT: pad expected one \[before/,
    ],
    [
      'interpolate, mode',
      () => interpolate(image, { size: 2, mode: 'cubic' as never }),
      /^BAD_ARGUMENT: interpolate expected mode/,
    ],
    [
      'interpolate, sizes',
      () => interpolate(image, { size: [2, 2, 2], mode: 'bicubic' }),
      /^BAD_ARGUMENT: interpolate expected size/,
    ],
    [
      'interpolate, corners',
      () => interpolate(image, { size: 2, mode: 'area', alignCorners: true }),
      /^BAD_ARGUMENT: interpolate expected alignCorners/,
    ],
    [
      'convTranspose2d, groups',
      () => convTranspose2d(image, ones([2, 1, 1, 1]), undefined, { groups: 3 }),
      /^SHAPE_MISMATCH: convTranspose2d of 3 groups/,
    ],
    [
      'convTranspose3d, nothing left',
      () => convTranspose3d(ones([1, 1, 1, 1, 1]), ones([1, 1, 1, 1, 1]), undefined, { padding: [1, 0, 0] }),
      /^BAD_SHAPE: convTranspose3d expected/,
    ],
    [
      'conv1d, same size with a stride',
      () => conv1d(ones([1, 1, 3]), ones([1, 1, 2]), undefined, { padding: 'same', stride: 2 }),
      /^BAD_ARGUMENT: conv2d expected a stride of 1/,
    ],
    [
      'Conv3d, same size with a stride',
      () => new Conv3d(1, 1, 2, { padding: 'same', stride: 2 }),
      /^BAD_ARGUMENT: Conv3d expected a stride of 1/,
    ],
    [
      'conv2d, no images',
      () => conv2d([[1]], ones([1, 1, 1, 1]), undefined, { padding: 'same' }),
      /^SHAPE_MISMATCH: conv2d/,
    ],
    ['nllLoss, labels', () => nllLoss([[1, 2]], [2]), /^INDEX_OUT_OF_RANGE/],
    ['nllLoss, shapes', () => nllLoss([[1, 2]], [0, 1]), /^SHAPE_MISMATCH: nllLoss expected/],
    [
      'nllLoss, weights',
      () => nllLoss([[1, 2]], [0], { weight: [1] }),
      /^BAD_ARGUMENT: nllLoss expected a weight/,
    ],
  ])('%s', (_, call, expected) => {
    expect(call).toThrow(expected)
  })
})

test('adaptive averages have the bits of the means of their parts, and of their gradients', () => {
  // As it was made of: bands of rows, each cut out, averaged and joined again, and of these bands of columns. Longer bands are added up by the kernel.
  const bands = (x: Variable, axis: 2 | 3, count: number): Variable => {
    const extent = x.shape[axis]!
    const whole = new Array<null>(axis).fill(null)
    const part = (i: number) =>
      [Math.floor((i * extent) / count), Math.ceil(((i + 1) * extent) / count)] as const
    return concat(
      Array.from({ length: count }, (_, i) => mean(slice(x, [...whole, part(i)]), { axis, keepdims: true })),
      { axis },
    )
  }
  for (const [h, w, rows, columns] of [
    [5, 7, 3, 2],
    [7, 1, 2, 1],
    [1, 5, 1, 4],
    [3, 40, 2, 3],
    [1100, 3, 2, 2],
  ] as const)
    for (const dtype of ['float64', 'float32'] as const) {
      const x = new Variable(spread([2, 1, h, w], h).astype(dtype))
      const size = [rows, columns] as const
      const made = adaptiveAveragePool2d(x, size)
      const parts = bands(bands(x, 2, rows), 3, columns)
      const seed = spread([2, 1, rows, columns], 2).astype(dtype)
      const slopesOf = (y: Variable) => grad(y, x, { gradients: [seed] })[0]!.data.data
      expect(made.data.data, `${h} × ${w}`).toEqual(parts.data.data)
      expect(slopesOf(made), `${h} × ${w}`).toEqual(slopesOf(parts))
    }
})

test('Kronecker products and diagonals go through empty and single arrays', () => {
  expect(kron(2, [1, 2]).shape).toEqual([2])
  expect(kron(zeros([0, 2]), [[1]]).shape).toEqual([0, 2])
  expect(diag(zeros([0])).shape).toEqual([0, 0])
  expect(diagonal(ones([2, 3]), { offset: 5 }).shape).toEqual([0])
})

test('a row that does not count may be infinite', () => {
  const x = new Variable([[-1, -2], [-Infinity, Number.NaN]]) // biome-ignore format: a matrix
  const loss = nllLoss(x, [1, -100])
  expect(loss.item()).toBe(2)
  expect(grad(loss, x)[0]!.data.toArray()).toEqual([
    [0, -1],
    [0, 0],
  ])
})

test('layers of convolutions keep the size where asked', () => {
  expect(new Conv1d(2, 3, 4, { padding: 'same', dilation: 2 }).forward(ones([1, 2, 5])).shape).toEqual([
    1, 3, 5,
  ])
  expect(new Conv2d(2, 4, [2, 5], { padding: 'same', groups: 2 }).forward(ones([1, 2, 5, 4])).shape).toEqual([
    1, 4, 5, 4,
  ])
  expect(new Conv3d(2, 3, [1, 2, 3], { padding: 'same' }).forward(ones([1, 2, 2, 3, 4])).shape).toEqual([
    1, 3, 2, 3, 4,
  ])
})

describe('layers of transposed convolutions', () => {
  const layers = [
    new ConvTranspose1d(4, 6, 3, { stride: 2, groups: 2, dilation: 2, padding: 1, extra: 1 }),
    new ConvTranspose2d(4, 6, [3, 2], { stride: 2, groups: 2, dilation: 2, padding: 1, extra: 1 }),
    new ConvTranspose3d(4, 6, [2, 3, 1], { stride: 2, groups: 2, dilation: 2, padding: 1, extra: 1 }),
  ]
  test.each(layers.map((layer) => [layer.constructor.name, layer] as const))('%s', (_, layer) => {
    const axes = layer.weight.ndim - 2
    expect(layer.weight.shape.slice(0, 2)).toEqual([4, 3])
    const x = ones([2, 4, ...new Array<number>(axes).fill(4)])
    const extents = layer.weight.shape.slice(2).map((kernel) => 3 * 2 - 2 + 2 * (kernel - 1) + 1 + 1)
    expect(layer.forward(x).shape).toEqual([2, 6, ...extents])
    // PyTorch's weights lie the same way.
    const state = Object.fromEntries([...layer.namedParameters()].map(([name, { data }]) => [name, data]))
    expect(loadTorchState(layer, state).loaded.map(({ transposed }) => transposed)).toEqual([false, false])
  })
})
