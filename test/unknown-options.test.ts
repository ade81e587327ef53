// What takes options refuses one that it does not know, whatever it is: a misspelled one would be answered as if nothing had been said.
// Held for each export whose signature has options, found by looking; and for those without, of which users of other libraries expect some.
import fs from 'node:fs'
import { describe, expect, test } from 'vitest'
import * as library from '../src/index.js'
import { newTapePath, openForTest, recordedTape } from './tape/temporary-tape.js'

const g = library as unknown as Record<string, (...args: unknown[]) => unknown>
const made = (name: string, ...args: unknown[]) =>
  Reflect.construct(g[name] as unknown as new (...args: unknown[]) => unknown, args)

const { ndarray, parameter, constant } = library
const x = parameter([
  [1, 2],
  [3, 5],
])
const v = parameter([1, 2])
const rows = ndarray([0, 1], { dtype: 'int32' })
const filled = (shape: number[]) =>
  parameter(ndarray(new Float64Array(shape.reduce((size, n) => size * n, 1)).fill(1), { shape }))
const image = filled([1, 1, 2, 2])
const sgd = () => new library.SGD([v], { lr: 1 })

/** Of each name, what stands before its options. */
const before: Record<string, readonly unknown[]> = {
  ...Object.fromEntries(
    'sum mean min max prod variance var std norm logSumExp softmax logSoftmax argmax argmin argsort sort diff tril triu elu hardtanh leakyRelu cumsum cumprod dropout rmsNorm rotary maxPool2d averagePool2d clip normalize median matrixNorm pinv unbind multinomial'
      .split(' ')
      .map((name) => [name, [x]]),
  ),
  ...Object.fromEntries(
    'cosineSimilarity huberLoss smoothL1Loss l1Loss klDivergence hingeLoss binaryCrossEntropyWithLogits meanSquaredError poissonNllLoss'
      .split(' ')
      .map((name) => [name, [v, v]]),
  ),
  rmsNorm: [x, undefined],
  layerNorm: [x, undefined, undefined],
  batchNorm: [x, v, v],
  groupNorm: [image, undefined, undefined],
  instanceNorm: [image, undefined, undefined],
  binaryCrossEntropy: [[0.5], [1]],
  gaussianNllLoss: [v, v, v],
  cdist: [x, x],
  isClose: [x, x],
  allClose: [x, x],
  lstsq: [x, x],
  quantile: [v, 0.5],
  meshgrid: [[v, v]],
  indexAdd: [v, rows, v],
  maxPool1d: [filled([1, 1, 2])],
  averagePool1d: [filled([1, 1, 2])],
  maxPool3d: [filled([1, 1, 2, 2, 2])],
  averagePool3d: [filled([1, 1, 2, 2, 2])],
  ...Object.fromEntries(
    'xavierUniform xavierNormal kaimingUniform kaimingNormal orthogonal'
      .split(' ')
      .map((name) => [name, [[2, 2]]]),
  ),
  maxPool2d: [image],
  averagePool2d: [image],
  interpolate: [image],
  celu: [x],
  nanToNum: [x],
  glu: [x],
  diag: [x],
  diagonal: [x],
  flatten: [x],
  countNonZero: [x],
  any: [x],
  all: [x],
  tensordot: [x, x],
  cross: [filled([3]), filled([3])],
  nllLoss: [x, rows],
  tripletMarginLoss: [x, x, x],
  marginRankingLoss: [v, v, v],
  convTranspose1d: [filled([1, 1, 2]), filled([1, 1, 1]), undefined],
  convTranspose3d: [filled([1, 1, 1, 1, 1]), filled([1, 1, 1, 1, 1]), undefined],
  gelu: [x],
  conv1d: [filled([1, 1, 2]), filled([1, 1, 1]), undefined],
  conv2d: [image, image, undefined],
  convTranspose2d: [image, image, undefined],
  conv3d: [filled([1, 1, 1, 1, 1]), filled([1, 1, 1, 1, 1]), undefined],
  cosineEmbeddingLoss: [x, x, constant([1, -1])],
  crossEntropy: [x, rows],
  softmaxCrossEntropy: [x, rows],
  scaledDotProductAttention: [x, x, x],
  bincount: [rows, undefined],
  histogram: [v],
  concat: [[v, v]],
  stack: [[v, v]],
  split: [v, 2],
  pad: [v, [[1, 1]]],
  roll: [v, 1],
  repeatInterleave: [v, 2],
  topk: [v, 1],
  take: [v, rows],
  gather: [v, rows],
  scatterAdd: [v, rows, v],
  embedding: [x, rows],
  oneHot: [rows],
  matmul: [x, x],
  ndarray: [1],
  zeros: [[1]],
  ones: [[1]],
  full: [[1], 1],
  zerosLike: [ndarray([1])],
  onesLike: [ndarray([1])],
  linspace: [0, 1, 2],
  uniform: [[1]],
  normal: [[1]],
  permutation: [2],
  constant: [1],
  parameter: [1],
  backward: [v.sum()],
  grad: [[v.sum()], [v]],
  vjp: [(y: unknown) => y, v, [1, 1]],
  jvp: [(y: unknown) => y, v, [1, 1]],
  jacobian: [(y: unknown) => y, v],
  hessian: [library.sum, v],
  hvp: [library.sum, v, [1, 1]],
  vmap: [(y: unknown) => y],
  checkGradients: [library.sum, [v]],
  registerFunc: [library.Square],
  ctcLoss: [[[[0, 0]]], ndarray([[1]], { dtype: 'int32' })],
  fft: [v, undefined],
  ifft: [v, undefined],
  irfft: [v, v],
  rfft: [v],
  fourierTransform: [v, v],
  normalizeChannels: [image],
  randomAffine: [image],
  randomCrop: [image],
  randomFlip: [image],
  randomNoise: [image],
  nextTokens: [rows],
  csv: ['nowhere.csv'],
  digits: [],
  spiral: [],
  loadState: ['nowhere.npz'],
  loadTorchState: [new library.Linear(1, 1), {}],
  plotGraph: [v.sum()],
  openTape: ['nowhere/a.tape'],
  registerFunctions: [{}],
  pushTape: ['nowhere.tape', 'nowhere'],
  pullTape: ['nowhere', 'nowhere.tape'],
  runWorker: ['pglite:nowhere'],
  allDetectors: [],
}
/** The same of classes. */
const beforeNew: Record<string, () => readonly unknown[]> = {
  ...Object.fromEntries(
    'Adam AdamW NAdam RAdam Lion LBFGS AdaDelta AdaGrad RMSProp SGD ExponentialMovingAverage'
      .split(' ')
      .map((name) => [name, () => [[v]]]),
  ),
  ...Object.fromEntries(
    'ConstantLR CosineAnnealingLR CosineAnnealingWarmRestarts CyclicLR ExponentialLR PolynomialLR LinearWarmupLR MultiStepLR OneCycleLR SequentialLR StepLR ReduceLROnPlateau'
      .split(' ')
      .map((name) => [name, () => [sgd()]]),
  ),
  ...Object.fromEntries(
    'Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d'
      .split(' ')
      .map((name) => [name, () => [1, 1, 1]]),
  ),
  ...Object.fromEntries('GRU LSTM RNN Linear Embedding'.split(' ').map((name) => [name, () => [1, 1]])),
  ...Object.fromEntries(
    'BatchNorm InstanceNorm LayerNorm RMSNorm'.split(' ').map((name) => [name, () => [1]]),
  ),
  GroupNorm: () => [1, 2],
  MLP: () => [[1, 1]],
  MultiHeadAttention: () => [2, 1],
  TransformerEncoderLayer: () => [2, 1],
  TransformerDecoderLayer: () => [2, 1],
  TransformerEncoder: () => [2, 1],
  TransformerDecoder: () => [2, 1],
  DataLoader: () => [new library.TensorDataset(v.data)],
  WeightedSampler: () => [[1, 2]],
  Variable: () => [1],
  CharacterTokens: () => ['abc'],
}

/** Where users of other libraries expect options, and there are none. */
const WITHOUT: Record<string, readonly unknown[]> = {
  ...Object.fromEntries(
    'relu sigmoid silu mish softplus trace unique qr svd inv'.split(' ').map((name) => [name, [x]]),
  ),
  eigh: [ndarray([[1]])],
  cholesky: [ndarray([[1]])],
  div: [v, v],
  matrixPower: [x, 2],
  clipGradValue: [[v], 1],
  loadArray: ['nowhere.npy'],
  saveState: ['nowhere/a.npz', {}],
}

/** Not called by users, or with options of another kind. */
const OTHERS = ['TapeError', 'Optimizer', 'diffRuns']

function parametersOf(value: unknown): string {
  const source = String(value)
  if (!source.startsWith('class')) return source.slice(0, source.indexOf('{\n'))
  return /\bconstructor\(([^)]*)\)/.exec(source)?.[1] ?? ''
}

const UNKNOWN = { unknwon: 1 }

describe('an unknown option is refused', () => {
  const names = Object.entries(library)
    .filter(([, value]) => typeof value === 'function' && /\boptions\b/.test(parametersOf(value)))
    .map(([name]) => name)

  test('by everything that takes options, and there is nothing else that does', () => {
    const known = [...Object.keys(before), ...Object.keys(beforeNew), ...OTHERS]
    expect(names.filter((name) => !known.includes(name))).toEqual([])
    expect(names.length).toBeGreaterThan(120)
  })

  test.each(Object.keys(before))('%s', async (name) => {
    const refused = /^BAD_ARGUMENT: .*does not know the option "unknwon"/
    await expect(async () => g[name]!(...before[name]!, UNKNOWN)).rejects.toThrow(refused)
    // Nor is it something else than options.
    await expect(async () => g[name]!(...before[name]!, null)).rejects.toThrow(library.TapeError)
  })

  test.each(Object.keys(beforeNew))('new %s', (name) => {
    expect(() => made(name, ...beforeNew[name]!(), UNKNOWN)).toThrow(
      /^BAD_ARGUMENT: .*does not know the option "unknwon"/,
    )
  })

  test.each(Object.keys(WITHOUT))('%s, which takes none', (name) => {
    expect(() => g[name]!(...WITHOUT[name]!, UNKNOWN)).toThrow(
      /^BAD_ARGUMENT: \w+ takes no options, got \{"unknwon":1\}/,
    )
    expect(() => g[name]!(...WITHOUT[name]!, Object.create(null))).toThrow(/takes no options/)
    // As `xs.map(relu)` calls it.
    expect(() => g[name]!(...WITHOUT[name]!, 0, [])).not.toThrow(/takes no options/)
  })

  test('layers and schedules that take none', () => {
    const layer = new library.Linear(1, 1)
    const strict = [layer.stateDict(), { strict: false }] as unknown as [library.StateDict]
    expect(() => layer.loadStateDict(...strict)).toThrow(/^BAD_ARGUMENT: loadStateDict takes no options/)
    expect(() => made('LambdaLR', sgd(), () => 1, UNKNOWN)).toThrow(
      /^BAD_ARGUMENT: LambdaLR takes no options/,
    )
  })
})

describe('who is told of progress', () => {
  test('is a function', async () => {
    const file = await recordedTape((run) => run.step())
    const tape = openForTest(file)
    const past = tape.run('test')
    const other = newTapePath()
    for (const told of [{}, 5, null] as unknown as (() => void)[])
      for (const act of [
        () => tape.verify(told),
        () => past.verify(told),
        () => tape.copy(other, told),
        () => tape.split(['test'], other, told),
        () => library.mergeTapes([file], other, told),
        () => library.salvageTape(file, other, told),
        () => past.materialize(1, 1, told),
        () => past.replay({ probe: told }),
        () => past.replay({ onEvent: told }),
        () => past.recompute({ onProgress: told }),
      ])
        expect(act).toThrow(/^BAD_ARGUMENT: .* expected a function, got/)
    expect(fs.existsSync(other)).toBe(false)
  })

  test('and what that throws is thrown, and says nothing of the tape', async () => {
    const file = await recordedTape((run) => run.step())
    const tape = openForTest(file)
    const told = () => {
      throw new Error('enough')
    }
    const past = tape.run('test')
    for (const act of [
      () => tape.verify(told),
      () => tape.copy(newTapePath(), told),
      () => tape.split(['test'], newTapePath(), told),
      () => library.salvageTape(file, newTapePath(), told),
      () => past.replay({ onEvent: told }),
    ])
      expect(act).toThrow(/^enough$/)
    expect(tape.verify()).toMatchObject({ intact: true })
  })
})
