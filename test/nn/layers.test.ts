/** The layers against PyTorch's, value and gradients, and their mistakes. */
import { describe, expect, test } from 'vitest'
import { setDefaultDtype } from '../../src/array/dtype.js'
import { ndarray, zeros } from '../../src/array/make-array.js'
import { seedRandom } from '../../src/array/random.js'
import type { Shape } from '../../src/array/shape.js'
import { relu } from '../../src/functions/activations.js'
import { add, mul } from '../../src/functions/arithmetic.js'
import { sum } from '../../src/functions/reductions.js'
import { conv3d } from '../../src/functions/volume-convolution.js'
import '../../src/graph/backward.js'
import { constant } from '../../src/graph/leaves.js'
import { Variable } from '../../src/graph/variable.js'
import { MultiHeadAttention } from '../../src/nn/attention.js'
import { Conv1d, Conv2d, Conv3d } from '../../src/nn/convolution.js'
import { Dropout } from '../../src/nn/dropout.js'
import { Embedding } from '../../src/nn/embedding.js'
import { Linear } from '../../src/nn/linear.js'
import type { Module } from '../../src/nn/module.js'
import { BatchNorm, GroupNorm, InstanceNorm, LayerNorm, RMSNorm } from '../../src/nn/normalization.js'
import { GRU, LSTM, RNN } from '../../src/nn/recurrent.js'
import { MLP, Sequential } from '../../src/nn/sequential.js'
import { ConvTranspose2d } from '../../src/nn/transposed-convolution.js'
import { Congruential, fill, reference, relativeError } from './torch-reference.js'

interface LayerCase {
  readonly model: Module
  readonly call: (...xs: [Variable, Variable, Variable]) => Variable[]
  readonly inputs: readonly Shape[]
  readonly seed: number
}

function layerCases(): Record<string, LayerCase> {
  const rnn = new RNN(3, 4)
  const gru = new GRU(3, 4)
  const lstm = new LSTM(3, 4)
  const norm = new LayerNorm([4, 5])
  const transposed = new ConvTranspose2d(2, 3, 3, { stride: 2, padding: 1, extra: 1 })
  const conv = new Conv2d(2, 3, [3, 2], { stride: [2, 1], padding: 1 })
  const deep = { layers: 2, bidirectional: true }
  const [deepRnn, deepGru, deepLstm] = [new RNN(3, 4, deep), new GRU(3, 4, deep), new LSTM(3, 4, deep)]
  const grouped = new Conv2d(4, 6, [3, 2], { groups: 2, dilation: [2, 1], padding: 1 })
  const rows = new Conv1d(4, 6, 3, { groups: 2, dilation: 2, padding: 2, stride: 2 })
  const groups = new GroupNorm(2, 4)
  const attention = new MultiHeadAttention(6, 2)
  return {
    rnn: {
      model: rnn,
      call: (x, hidden) => Object.values(rnn.forward(x, { hidden })),
      inputs: [
        [2, 5, 3],
        [2, 4],
      ],
      seed: 20,
    },
    gru: {
      model: gru,
      call: (x, hidden) => Object.values(gru.forward(x, { hidden })),
      inputs: [
        [2, 5, 3],
        [2, 4],
      ],
      seed: 21,
    },
    lstm: {
      model: lstm,
      call: (x, hidden, cell) => Object.values(lstm.forward(x, { hidden, cell })),
      inputs: [
        [2, 5, 3],
        [2, 4],
        [2, 4],
      ],
      seed: 22,
    },
    layerNorm: { model: norm, call: (x) => [norm.forward(x)], inputs: [[3, 4, 5]], seed: 23 },
    convTranspose2d: {
      model: transposed,
      call: (x) => [transposed.forward(x)],
      inputs: [[2, 2, 4, 5]],
      seed: 24,
    },
    'deep rnn': {
      model: deepRnn,
      call: (x, hidden) => Object.values(deepRnn.forward(x, { hidden })),
      inputs: [
        [2, 5, 3],
        [4, 2, 4],
      ],
      seed: 26,
    },
    'deep gru': {
      model: deepGru,
      call: (x, hidden) => Object.values(deepGru.forward(x, { hidden })),
      inputs: [
        [2, 5, 3],
        [4, 2, 4],
      ],
      seed: 27,
    },
    'deep lstm': {
      model: deepLstm,
      call: (x, hidden, cell) => Object.values(deepLstm.forward(x, { hidden, cell })),
      inputs: [
        [2, 5, 3],
        [4, 2, 4],
        [4, 2, 4],
      ],
      seed: 28,
    },
    'grouped conv2d': {
      model: grouped,
      call: (x) => [grouped.forward(x)],
      inputs: [[2, 4, 7, 6]],
      seed: 29,
    },
    conv1d: { model: rows, call: (x) => [rows.forward(x)], inputs: [[2, 4, 9]], seed: 31 },
    groupNorm: { model: groups, call: (x) => [groups.forward(x)], inputs: [[2, 4, 3]], seed: 32 },
    conv2d: { model: conv, call: (x) => [conv.forward(x)], inputs: [[2, 2, 7, 6]], seed: 25 },
    attention: {
      model: attention,
      call: (q, k) => [attention.forward(q, k)],
      inputs: [
        [2, 4, 6],
        [2, 5, 6],
      ],
      seed: 30,
    },
  }
}

describe('against PyTorch', () => {
  test.each(Object.keys(reference.layers))('%s gives its outputs and its gradients', (name) => {
    const { model, call, inputs, seed } = layerCases()[name]!
    const wanted = reference.layers[name]!
    fill(model.parameters(), seed, 0.5)
    const xs = inputs.map((shape, i) => new Variable(new Congruential(seed + 100 + i).array(shape)))
    const outputs = call(...(xs as [Variable, Variable, Variable]))
    const weighted = outputs.map((y, i) => sum(mul(y, new Congruential(seed + 200 + i).array(y.shape))))
    weighted.reduce((a, b) => add(a, b)).backward()

    const gradients = model.parameters().map((parameter) => parameter.grad!.data.data)
    expect(outputs.length).toBe(wanted.outputs.length)
    expect(gradients.length).toBe(wanted.gradients.length)
    const errors = [
      ...outputs.map((y, i) => relativeError(y.data.data, wanted.outputs[i]!, 1e-3)),
      ...gradients.map((g, i) => relativeError(g, wanted.gradients[i]!, 1e-2)),
      ...xs.map((x, i) => relativeError(x.grad!.data.data, wanted.inputs[i]!, 1e-2)),
    ]
    expect(Math.max(...errors)).toBeLessThan(1e-11)
  })

  test('BatchNorm trains on three batches, keeps running statistics, and uses them after eval()', () => {
    const layer = new BatchNorm(3, { momentum: 0.2 })
    fill(layer.parameters(), 40, 0.5)
    const batch = (seed: number) => constant(new Congruential(seed).array([4, 3, 2, 2], 2))
    const outputs = [41, 42, 43].map((seed) => layer.forward(batch(seed)))
    layer.eval()
    outputs.push(layer.forward(batch(44)))
    const { outputs: wanted, mean, variance } = reference.batchNorm
    const errors = outputs.map((y, i) => relativeError(y.data.data, wanted[i]!, 1e-2))
    expect(Math.max(...errors)).toBeLessThan(1e-11)
    expect(relativeError(layer.runningMean.data.data, mean, 1e-2)).toBeLessThan(1e-12)
    expect(relativeError(layer.runningVariance.data.data, variance, 1e-2)).toBeLessThan(1e-12)
  })
})

describe('a layer', () => {
  test('begins the same from the same seed, within ±1/√inputs', () => {
    seedRandom(3)
    const a = new Linear(4, 200)
    seedRandom(3)
    const b = new Linear(4, 200)
    expect(a.weight.data.toArray()).toEqual(b.weight.data.toArray())
    const largest = Math.max(...a.weight.data.data.map(Math.abs))
    expect(largest).toBeLessThanOrEqual(0.5)
    expect(largest).toBeGreaterThan(0.49)
  })

  test('has parameters of the default dtype, or of the one it is told', () => {
    setDefaultDtype('float32')
    try {
      expect(new MLP([2, 3]).parameters().map(({ dtype }) => dtype)).toEqual(['float32', 'float32'])
    } finally {
      setDefaultDtype('float64')
    }
    expect(new LSTM(2, 3, { dtype: 'float32' }).forward(zeros([1, 2, 2], 'float32')).outputs.dtype).toBe(
      'float32',
    )
  })

  test('without a bias has none', () => {
    expect([...new Linear(2, 3, { bias: false }).namedParameters().keys()]).toEqual(['weight'])
    expect([...new Conv2d(2, 3, 1, { bias: false }).namedParameters().keys()]).toEqual(['weight'])
  })

  test('Embedding reads rows, and rows that were not read get no gradient', () => {
    const table = new Embedding(4, 2)
    sum(table.forward([1, 1, 3])).backward()
    expect(table.weight.grad!.data.toArray()).toEqual([
      [0, 0],
      [2, 2],
      [0, 0],
      [1, 1],
    ])
  })

  test('Embedding has zeros for padding, which no training changes', () => {
    const table = new Embedding(3, 2, { paddingIndex: 1 })
    expect((table.weight.data.toArray() as number[][])[1]).toEqual([0, 0])
    sum(table.forward([1, 1, 2])).backward()
    expect(table.weight.grad!.data.toArray()).toEqual([
      [0, 0],
      [0, 0],
      [1, 1],
    ])
    expect(() => new Embedding(3, 2, { paddingIndex: 3 })).toThrow(/^BAD_ARGUMENT/)
  })
  test('windows that cannot be are refused when the layer is made', () => {
    for (const key of ['stride', 'dilation', 'groups'])
      expect(() => new Conv1d(1, 1, 1, { [key]: 0 }), key).toThrow(/^BAD_ARGUMENT: Conv1d/)
    expect(() => new Conv1d(1, 1, 1, null as never)).toThrow(/^BAD_ARGUMENT: Conv1d/)
    expect(() => new Conv2d(1, 1, 1, { dilation: 0 })).toThrow(/^BAD_ARGUMENT: Conv2d/)
  })

  test('BatchNorm with the momentum null keeps the mean of all batches', () => {
    const layer = new BatchNorm(1, { momentum: null })
    for (const x of [
      [0, 2],
      [4, 8],
    ])
      layer.forward(constant(x.map((one) => [one])))
    expect(layer.runningMean.data.toArray()).toEqual([(1 + 6) / 2])
    expect(layer.runningVariance.data.toArray()).toEqual([(2 + 8) / 2])
    expect(Object.keys(layer.stateDict())).toContain('batches')
    expect(Object.keys(new BatchNorm(1).stateDict())).not.toContain('batches')
  })

  test('InstanceNorm and RMSNorm give rows of variance 1 and of mean square 1', () => {
    const x = new Congruential(3).array([2, 3, 5])
    const y = Array.from(new InstanceNorm(3, { eps: 0 }).forward(x).data.data.slice(0, 5))
    expect(y.reduce((a, b) => a + b * b, 0) / 5).toBeCloseTo(1, 12)
    const z = Array.from(new RMSNorm(5).forward(x).data.data.slice(5, 10))
    expect(z.reduce((a, b) => a + b * b, 0) / 5).toBeCloseTo(1, 12)
    expect(() => new GroupNorm(2, 3)).toThrow(/^BAD_ARGUMENT/)
  })

  test('Dropout drops in training and gives x itself after eval()', () => {
    const layer = new Dropout(0.5)
    const x = constant(ndarray(new Float64Array(1000).fill(1)))
    const dropped = [...layer.forward(x).data.data].filter((value) => value === 0).length
    expect(dropped).toBeGreaterThan(400)
    expect(dropped).toBeLessThan(600)
    expect(layer.eval().forward(x)).toBe(x)
  })

  test('LSTM goes on from a state: two halves of a sequence are the whole', () => {
    const lstm = new LSTM(2, 3)
    const x = new Congruential(1).array([2, 6, 2])
    const all = lstm.forward(x)
    const halves = [0, 3].map((start) =>
      constant((x.toArray() as number[][][]).map((row) => row.slice(start, start + 3))),
    )
    const first = lstm.forward(halves[0]!)
    const second = lstm.forward(halves[1]!, first)
    expect(second.hidden.data.toArray()).toEqual(all.hidden.data.toArray())
    expect(second.cell.data.toArray()).toEqual(all.cell.data.toArray())
  })

  test('attention that is causal does not see what comes later', () => {
    const attention = new MultiHeadAttention(4, 2, { causal: true })
    const x = new Congruential(1).array([1, 3, 4])
    const changed = x.map((value, i) => (i >= 8 ? -value : value))
    const [a, b] = [x, changed].map((input) => (attention.forward(input).data.toArray() as number[][][])[0]!)
    expect(b!.slice(0, 2)).toEqual(a!.slice(0, 2))
    expect(b![2]).not.toEqual(a![2])
  })

  test('Sequential chains modules and functions', () => {
    const [a, b] = [new Linear(2, 3), new Linear(3, 1)]
    const x = constant([[1, 2]])
    expect(new Sequential(a, relu, b).forward(x).item()).toBe(b.forward(relu(a.forward(x))).item())
  })
})

describe('a mistake gets an answer:', () => {
  const cases: [string, () => unknown, string][] = [
    [
      'a size that is none',
      () => new Linear(0, 3),
      'BAD_ARGUMENT: Linear expected inputs to be an integer of at least 1, got 0',
    ],
    [
      'an unknown option',
      () => new Conv2d(1, 2, 3, { strides: 2 } as object),
      'BAD_ARGUMENT: Conv2d does not know the option "strides"; did you mean "stride"?',
    ],
    [
      'a dtype that is not floating',
      () => new Linear(2, 2, { dtype: 'int32' as 'float32' }),
      "BAD_DTYPE: Linear expected dtype 'float64' or 'float32', got \"int32\"",
    ],
    [
      'heads that do not divide the width',
      () => new MultiHeadAttention(6, 4),
      'BAD_ARGUMENT: MultiHeadAttention expected a width that its heads divide, got width 6 and 4 heads',
    ],
    [
      'one size for an MLP',
      () => new MLP([3]),
      'BAD_ARGUMENT: MLP expected a list of at least two sizes, new MLP([64, 32, 10]), got [3]',
    ],
    ['p above 1', () => new Dropout(2), 'BAD_ARGUMENT: Dropout expected p from 0 to 1, got 2'],
    [
      'a momentum above 1',
      () => new BatchNorm(2, { momentum: 1.5 }),
      'BAD_ARGUMENT: BatchNorm expected momentum from 0 to 1, got 1.5',
    ],
    [
      'a batch of one row',
      () => new BatchNorm(2).forward(zeros([1, 2])),
      'BAD_SHAPE: batchNorm expected more than one value for each channel when training',
    ],
    ['an input of another width', () => new Linear(2, 3).forward(zeros([4, 5])), 'SHAPE_MISMATCH'],
    [
      'a sequence without features',
      () => new GRU(2, 3).forward(zeros([4, 2])),
      'SHAPE_MISMATCH: GRU expected x [n, times, 2] with at least one time, got [4, 2]',
    ],
    [
      'a state of another size',
      () => new RNN(2, 3).forward(zeros([4, 1, 2]), { hidden: zeros([4, 2]) }),
      'SHAPE_MISMATCH: RNN expected hidden [4, 3], got [4, 2]',
    ],
    [
      'attention to a matrix',
      () => new MultiHeadAttention(4, 2).forward(zeros([3, 4])),
      'SHAPE_MISMATCH: MultiHeadAttention expected [n, length, width], got [3, 4]',
    ],
    [
      'a layer that is none',
      () => new Sequential('relu' as never),
      'BAD_ARGUMENT: Sequential expected modules and functions, got "relu" as layer 0',
    ],
    [
      'a layer that gives no Variable',
      () => new Sequential(new LSTM(2, 3)).forward(zeros([1, 1, 2])),
      'BAD_VALUE: Sequential expected layer 0 (LSTM) to give a Variable',
    ],
    ['ids that are floats', () => new Embedding(3, 2).forward(ndarray([0.5])), 'BAD_DTYPE'],
  ]
  test.each(cases)('%s', (_name, act, message) => {
    expect(act).toThrow(message)
  })

  test('a BatchNorm that refused a batch has kept its running statistics', () => {
    const layer = new BatchNorm(2)
    expect(() => layer.forward(zeros([1, 2]))).toThrow('BAD_SHAPE')
    expect(layer.runningVariance.data.toArray()).toEqual([1, 1])
  })
})

describe('layers that learn no scale and no shift', () => {
  const affine = false
  test.each<[string, Module, Module, string[]]>([
    ['BatchNorm', new BatchNorm(3, { affine }), new BatchNorm(3), ['runningMean', 'runningVariance']],
    ['LayerNorm', new LayerNorm([3, 4], { affine }), new LayerNorm([3, 4]), []],
    ['GroupNorm', new GroupNorm(3, 3, { affine }), new GroupNorm(3, 3), []],
    ['InstanceNorm', new InstanceNorm(3, { affine }), new InstanceNorm(3), []],
    ['RMSNorm', new RMSNorm(4, { affine }), new RMSNorm(4), []],
  ])('%s has no parameters and computes as a new one that has', (_, layer, learning, state) => {
    expect(layer.parameters()).toEqual([])
    expect(Object.keys(layer.stateDict())).toEqual(state)
    const x = new Variable(new Congruential(5).array([2, 3, 4]))
    const forward = (module: Module) => (module.forward as (x: Variable) => Variable)(x).data.data
    expect(forward(layer)).toEqual(forward(learning))
  })
})

test('a recurrent layer drops between its layers in training, and nothing after the last', () => {
  seedRandom(3)
  const lstm = new LSTM(2, 4, { layers: 2, dropout: 0.5 })
  const x = new Variable(new Congruential(6).array([2, 3, 2]))
  const zerosIn = ({ outputs }: { outputs: Variable }) => outputs.data.data.filter((one) => one === 0).length
  const [one, other] = [lstm.forward(x), lstm.forward(x)]
  expect(one.outputs.data.data).not.toEqual(other.outputs.data.data)
  expect(zerosIn(one)).toBe(0)
  lstm.eval()
  const still = new LSTM(2, 4, { layers: 2 })
  still.loadStateDict(lstm.stateDict())
  expect(lstm.forward(x).outputs.data.data).toEqual(still.forward(x).outputs.data.data)
  expect(() => new GRU(2, 3, { dropout: 1.5 })).toThrow(/BAD_ARGUMENT.*dropout/)
})

test('Conv3d is conv3d with its own weights', () => {
  const layer = new Conv3d(4, 6, [1, 2, 2], { stride: [1, 2, 1], padding: 1, groups: 2 })
  const x = new Variable(new Congruential(7).array([2, 4, 3, 4, 3]))
  expect(layer.weight.shape).toEqual([6, 2, 1, 2, 2])
  const plain = conv3d(x, layer.weight, layer.bias!, { stride: [1, 2, 1], padding: 1, groups: 2 })
  expect(layer.forward(x).data.data).toEqual(plain.data.data)
  expect(() => new Conv3d(4, 6, [1, 2] as never)).toThrow(/BAD_ARGUMENT.*Conv3d expected kernel/)
  expect(() => new Conv3d(4, 6, 2, { groups: 3 })).toThrow(/BAD_ARGUMENT.*groups/)
})
