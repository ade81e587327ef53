/** What functions say when they are used wrongly: the code, what was expected, what came, what to do. */
import { describe, expect, test } from 'vitest'
import { ndarray, zeros } from '../../src/array/make-array.js'
import { backward } from '../../src/graph/backward.js'
import { createFunc } from '../../src/graph/registry.js'
import { Variable } from '../../src/graph/variable.js'
import { functions as f } from './all-functions.js'

function says(call: () => unknown, ...parts: string[]): void {
  let message = 'nothing was thrown'
  try {
    call()
  } catch (error) {
    message = (error as Error).message
  }
  for (const part of parts) expect(message).toContain(part)
}

const x = new Variable([
  [1, 2, 3],
  [4, 5, 6],
])

describe('options', () => {
  test('that are misspelled are named, with the right spelling', () => {
    says(
      () => f.sum!(x, { keepDims: true }),
      'BAD_ARGUMENT: sum does not know the option "keepDims"',
      'did you mean "keepdims"?',
    )
    says(() => f.mean!(x, { dim: 0 }), 'it knows axis, keepdims')
    says(() => f.dropout!(x, { rate: 0.5 }), '"rate"', 'it knows p, training, seed, counter')
  })

  test('given bare instead of in an object are told of the object', () => {
    says(() => f.sum!(x, 0), 'BAD_ARGUMENT: sum expected its options as an object, { axis, keepdims }, got 0')
    says(() => f.clip!(x, 0, 1), 'clip expected its options as an object, { min, max }, got 0')
    says(() => f.softmax!(x, 1), '{ axis }')
  })

  test('of the wrong kind or range are refused', () => {
    says(
      () => f.sum!(x, { axis: 1.5 }),
      'BAD_AXIS',
      'sum expected axis to be an integer or a list of integers, got 1.5',
    )
    says(() => f.sum!(x, { axis: 2 }), 'BAD_AXIS', 'an axis from -2 to 1, got 2')
    says(() => f.sum!(x, { keepdims: 1 }), 'BAD_ARGUMENT', 'keepdims to be true or false, got 1')
    says(() => f.clip!(x, {}), 'clip expected { min }, { max } or both, got neither')
    says(() => f.clip!(x, { min: Number.NaN }), 'min to be a finite number, got NaN')
    says(() => f.leakyRelu!(x, { slope: 'steep' }), 'slope to be a finite number, got "steep"')
    says(() => f.norm!(x, { ord: NaN }), 'ord to be a finite number, got NaN')
    says(() => f.dropout!(x, { p: 1.5 }), 'p from 0 to 1, got 1.5')
    says(() => f.dropout!(x, { seed: 1 }), 'seed and counter together')
    says(() => f.oneHot!([1], {}), 'classes to be an integer of at least 0, got undefined')
    says(() => f.cast!(x, 'float16'), 'BAD_DTYPE', 'got "float16"')
    says(() => f.topk!(x, 4), 'BAD_ARGUMENT', 'k from 0 to 3', 'got 4')
    says(() => f.layerNorm!(x, [1, 1, 1], [0, 0, 0], { eps: -1 }), 'eps of at least 0, got -1')
  })

  test('of a pow on a tape must say its exponent once', () => {
    says(() => createFunc('pow').apply(x), 'pow expected its exponent as an attribute', 'got neither')
    says(() => createFunc('pow', { exponent: 2 }).apply(x, x), 'got both')
  })
})

describe('shapes', () => {
  test('that do not fit are printed, with what was expected', () => {
    says(() => f.add!(x, [1, 2]), 'SHAPE_MISMATCH: add expected shapes that broadcast, got [2, 3] and [2]')
    says(
      () => f.matmul!(x, x),
      'SHAPE_MISMATCH: matmul expected inner axes to agree, got [2, 3] · [2, 3] (3 ≠ 2)',
    )
    says(() => f.reshape!(x, [4]), 'BAD_SHAPE', '[4]')
    says(() => f.reshape!(x, [2.5]), 'BAD_SHAPE', '(a list of integers of at least -1), got [2.5]')
    says(() => f.reshape!(x, 6), 'BAD_SHAPE', 'got 6')
    says(() => f.transpose!(x, [0, 0]), 'BAD_AXIS')
    says(() => f.transpose!(x, 'T'), 'BAD_AXIS', 'got "T"')
    says(
      () => f.embedding!([1, 2], [0]),
      'SHAPE_MISMATCH: embedding expected a table w [count, width], got [2]',
    )
    says(() => f.layerNorm!(x, [1, 1], [0, 0]), 'SHAPE_MISMATCH', 'x [2, 3], gamma [2], beta [2]')
    says(() => f.batchNorm!(x, [1, 1], [0, 0]), 'SHAPE_MISMATCH', 'x [2, 3] and [2], [2]')
    says(
      () => f.scaledDotProductAttention!(x, x, [[1]]),
      'SHAPE_MISMATCH: scaledDotProductAttention expected q [..., queries, d], k [..., keys, d], v [..., keys, e], got [2, 3], [2, 3], [1, 1]',
    )
  })

  test('of a loss that would pair every element with every other are refused', () => {
    says(
      () => f.meanSquaredError!([[1], [2]], [1, 2]),
      'SHAPE_MISMATCH: meanSquaredError expected two of one shape, got [2, 1] and [2]',
      'reshape one of them',
    )
    says(() => f.binaryCrossEntropy!([[0.1], [0.2]], [1, 0]), 'SHAPE_MISMATCH: binaryCrossEntropy')
  })

  test('of images must have four axes, and windows must fit them', () => {
    const image = zeros([1, 2, 4, 4])
    says(
      () => f.conv2d!(x, x),
      'SHAPE_MISMATCH: conv2d expected x [n, channels, rows, columns]',
      'got [2, 3] and [2, 3]',
    )
    says(() => f.conv2d!(image, zeros([1, 3, 2, 2])), 'SHAPE_MISMATCH', '[1, 2, 4, 4] and [1, 3, 2, 2]')
    says(
      () => f.conv2d!(image, zeros([1, 2, 5, 2])),
      'BAD_SHAPE',
      '5 on 4 with padding 0',
      'use a smaller kernel or more padding',
    )
    says(
      () => f.conv2d!(image, zeros([3, 2, 2, 2]), [1, 2]),
      'SHAPE_MISMATCH: conv2d expected b [3], got [2]',
    )
    says(
      () => f.conv2d!(image, zeros([3, 2, 2, 2]), undefined, { stride: 0 }),
      'stride to be an integer of at least 1',
    )
    says(
      () => f.convTranspose2d!(image, zeros([2, 1, 1, 1]), undefined, { padding: 2 }),
      'BAD_SHAPE',
      'use less padding',
    )
    says(
      () => f.convTranspose2d!(image, zeros([2, 1, 2, 2]), undefined, { extra: 1 }),
      'extra to be below the stride [1, 1]',
    )
    says(() => f.maxPool2d!(image, { kernel: 5 }), 'BAD_SHAPE')
    says(
      () => f.maxPool2d!(image, { kernel: 2, padding: 2 }),
      'BAD_ARGUMENT',
      'padding of at most half the kernel',
    )
    says(
      () => f.maxPool2d!(image, {}),
      'kernel to be an integer of at least 1, or [rows, columns], got undefined',
    )
    says(
      () => f.averagePool2d!(x, { kernel: 1 }),
      'SHAPE_MISMATCH: averagePool2d expected x [n, channels, rows, columns], got [2, 3]',
    )
  })

  test('a training batch of one row has no variance', () => {
    says(
      () => f.batchNorm!([[1, 2]], [1, 1], [0, 0]),
      'BAD_SHAPE: batchNorm expected more than one value for each channel when training, got x [1, 2]',
      'use a larger batch',
      '{ training: false }',
    )
    says(() => f.batchNorm!(x, [1, 1, 1], [0, 0, 0], { training: false }), '{ runningMean, runningVariance }')
  })
})

describe('labels and indices', () => {
  test('must be integers, and the error says how to make them', () => {
    const floats = new Variable([0, 1])
    says(
      () => f.softmaxCrossEntropy!(x, floats),
      'BAD_DTYPE: softmaxCrossEntropy: labels expected int32 or uint8, got float64',
      "ndarray(values, { dtype: 'int32' })",
    )
    says(() => f.take!(x, floats), 'BAD_DTYPE: take: indices expected int32 or uint8, got float64')
    says(() => f.embedding!(x, floats), 'BAD_DTYPE')
    says(() => f.gather!(x, floats), 'BAD_DTYPE')
    says(() => f.oneHot!(floats, { classes: 2 }), 'BAD_DTYPE')
    says(() => f.take!(x, [0.5]), 'BAD_VALUE')
  })

  test('out of range name the row, the label and the number of classes', () => {
    says(
      () => f.softmaxCrossEntropy!(x, [0, 3]),
      'INDEX_OUT_OF_RANGE: softmaxCrossEntropy expected labels from 0 to 2 (3 classes), got 3 in row 1',
    )
    says(() => f.softmaxCrossEntropy!(x, [-1, 0]), 'got -1 in row 0')
    says(() => f.take!(x, [2]), 'INDEX_OUT_OF_RANGE', '2')
  })

  test('must be as many as there are rows', () => {
    says(
      () => f.softmaxCrossEntropy!(x, [0]),
      'SHAPE_MISMATCH: softmaxCrossEntropy expected labels [2], got x [2, 3] and labels [1]',
    )
    says(
      () => f.softmaxCrossEntropy!(x, ndarray([[0], [1]], { dtype: 'int32' })),
      'expected labels [2]',
      'labels [2, 1]',
    )
  })
})

test('binaryCrossEntropy refuses what is no probability, and says what makes one', () => {
  says(
    () => f.binaryCrossEntropy!([0.5, 1.5], [1, 0]),
    'BAD_VALUE: binaryCrossEntropy expected probabilities from 0 to 1, got 1.5 at element 1; apply sigmoid first',
  )
  expect(f.binaryCrossEntropy!([Number.NaN], [1])).toBeInstanceOf(Variable)
})

describe('lists', () => {
  test('of operands are lists', () => {
    says(
      () => f.concat!(x, x),
      'BAD_ARGUMENT: concat expected a list of operands, concat([a, b], { axis }), got a Variable',
    )
    says(() => f.stack!([]), 'stack expected at least one operand, got none')
    says(() => f.concat!([x, [[1]]]), 'SHAPE_MISMATCH')
    says(() => f.slice!(x, [[0, 1, 0]]), 'BAD_ARGUMENT')
    says(() => f.slice!(x, [1]), 'for axis 0, got 1')
    says(() => f.split!(x, 4), 'SHAPE_MISMATCH')
    says(() => f.pad!(x, [1, 1]), 'one [before, after] of integers')
  })
})

test('einsum says what is wrong with an equation', () => {
  says(
    () => f.einsum!('ij,jk->ik', x),
    'BAD_ARGUMENT: einsum "ij,jk->ik" expected one group of subscripts for each of 1 operand(s)',
  )
  says(() => f.einsum!('ijk->i', x), '"ijk" to name the 2 axes of its operand')
  says(() => f.einsum!('ij->k', x), 'every subscript of the result among the operands, but "k" is not')
  says(() => f.einsum!('ij->ii', x), 'each subscript of the result once, but "i" is twice')
  says(() => f.einsum!('ij,ij->i', x, [[1, 2]]), 'SHAPE_MISMATCH', 'one extent for "j", got 3 and 2')
  says(() => f.einsum!('i1->i', x), "such as 'ij,jk->ik'")
  says(() => f.einsum!('i'), 'at least one operand')
})

test('a function that is not differentiable ends the graph, and backward from it says so', () => {
  const place = f.argmax!(x) as Variable
  expect(place.requiresGrad).toBe(false)
  says(() => backward(place), 'NOT_DIFFERENTIABLE', 'by a function that is not differentiable')
  const step = f.floor!(x) as Variable
  expect([step.dtype, step.requiresGrad]).toEqual(['float64', false])
  says(
    () => step.creator!.backward(step),
    'NOT_DIFFERENTIABLE: floor has no gradient, because its derivative is 0 wherever it exists',
  )
  // What comes after it has a gradient of its own inputs only.
  const y = f.sum!(f.mul!(x, f.sign!(x))) as Variable
  backward(y)
  expect(x.grad!.data.toArray()).toEqual([
    [1, 1, 1],
    [1, 1, 1],
  ])
  x.clearGrad()
})

test('options in the place of a bias are named as the mistake that they are', () => {
  const x = ndarray([1], { shape: [1, 1, 1, 1] })
  for (const name of ['conv2d', 'convTranspose2d']) {
    expect(() => f[name]!(x, x, { stride: 1 })).toThrow(
      new RegExp(
        `^BAD_ARGUMENT: ${name} expected b, the bias, .* ${name}\\(x, w, undefined, \\{ stride \\}\\)`,
      ),
    )
  }
})
