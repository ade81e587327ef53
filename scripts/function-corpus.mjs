// What every kernel of one id must agree on, one level above kernel-corpus.mjs: each registered function over a fixed corpus, its
// outputs and its gradients, hashed. Imports no engine: the caller hands one in, so that it runs in any Node, in a browser, on
// sources and on the built library.
import { hashOf, numbers, words } from './kernel-corpus.mjs'

const UNARY = [
  ...'neg square sqrt abs sign floor exp expm1 log log1p sin cos tanh sigmoid relu erf gelu softplus logicalNot'
    .split(' ')
    .map((name) => [name, {}]),
  ...[2.5, 3, 2, 0.5, -1].map((exponent) => ['pow', { exponent }]),
  ...[2, 3, 0.5, -0.5, -1, -2].map((exponent) => ['pow', { exponent, method: 'products' }]),
  ...['float64', 'float32', 'int32', 'bool'].map((dtype) => ['cast', { dtype }]),
  ['leakyRelu', { slope: 0.2 }],
  ...'silu mish tan sinh cosh arcsin arccos arctan'.split(' ').map((name) => [name, {}]),
  ['elu', { alpha: 0.7 }],
  ...'ceil trunc round selu hardSigmoid hardSwish exp2'.split(' ').map((name) => [name, {}]),
  ['hardtanh', { min: -0.5, max: 2 }],
  ['clip', { min: -0.5, max: 2 }],
  ['clip', { min: 0.25 }],
  ['dropout', { p: 0.4, seed: 3, counter: 7 }],
]
const BINARY =
  'add sub mul div maximum minimum pow equal notEqual less lessEqual greater greaterEqual logicalAnd logicalOr'.split(
    ' ',
  )
const REDUCE = [
  ...'sum mean max min prod var std logSumExp'.split(' ').map((name) => [name, {}]),
  ...[1, 2, 3].map((ord) => ['norm', { ord }]),
]
/** Beyond slabs, thresholds and the pieces in which WebAssembly works. */
const LARGE = 8209

const sizeOf = (shape) => shape.reduce((size, extent) => size * extent, 1)

/** [function, attributes, operands] each; an operand is a shape and what makes its values from a seed. */
function* casesOf(Type, special) {
  const f = (...shape) => ({ valuesFrom: (seed) => numbers(Type, sizeOf(shape), seed, special), shape })
  /** Numbers from 0 to 1. */
  const share = (...shape) => ({
    valuesFrom: (seed) => {
      const word = words(seed)
      return new Type(sizeOf(shape)).map(() => word() / 4294967296)
    },
    shape,
  })
  const integers = (below, ...shape) => ({
    valuesFrom: (seed) => {
      const word = words(seed)
      return new Int32Array(sizeOf(shape)).map(() => word() % below)
    },
    shape,
  })
  const bools = (...shape) => ({ ...integers(2, ...shape), dtype: 'bool' })

  // element by element
  for (const [name, attributes] of UNARY) {
    for (const shape of [[0], [], [33], [LARGE]]) yield [name, attributes, [f(...shape)]]
  }
  for (const name of BINARY) {
    for (const shape of [[0], [1], [33], [LARGE]]) yield [name, {}, [f(...shape), f(...shape)]]
    yield [name, {}, [f(40, 33), f(33)]]
    yield [name, {}, [f(40, 32), f(32)]]
    yield [name, {}, [f(40, 1), f(40, 33)]]
    yield [name, {}, [f(7, 1, 5), f(4, 1)]]
    yield [name, {}, [f(), f(45, 33)]]
  }
  for (const shape of [[1], [33], [LARGE]]) {
    yield ['reluGradient', {}, [f(...shape), f(...shape)]]
    yield ['largerShare', {}, [f(...shape), f(...shape), f(...shape)]]
    yield ['where', {}, [bools(...shape), f(...shape), f(...shape)]]
  }
  yield ['where', {}, [bools(33), f(40, 1), f()]]

  for (const shape of [[0], [33], [LARGE]]) {
    for (const name of ['remainder', 'arctan2']) yield [name, {}, [f(...shape), f(...shape)]]
  }
  for (const name of ['remainder', 'arctan2']) yield [name, {}, [f(7, 1, 5), f(4, 1)]]
  yield ['prelu', {}, [f(5, 33), f(33)]]
  yield ['prelu', {}, [f(5, 33), f(1)]]

  // reductions
  for (const [name, own] of REDUCE) {
    for (const n of name === 'prod' ? [1, 33, 300] : [1, 33, 1000, LARGE]) yield [name, own, [f(n)]]
    for (const axis of [0, 1]) yield [name, { ...own, axis, keepdims: axis === 1 }, [f(37, 41)]]
    yield [name, { ...own, axis: 0 }, [f(32, 128)]]
    yield [name, { ...own, axis: 1 }, [f(9, 600)]]
    yield [name, { ...own, axis: [0, 2] }, [f(5, 16, 7)]]
  }
  for (const shape of [[7], [3, 33], [2, 300], [0]]) yield ['prodOthers', {}, [f(...shape)]]
  for (const name of ['sum', 'prod']) yield [name, { axis: 0 }, [f(0, 3)]]
  for (const attributes of [{}, { axis: 0 }, { axis: 1 }]) {
    for (const name of ['cumsum', 'argmax', 'argmin']) yield [name, attributes, [f(37, 41)]]
    if (!special) yield ['topk', { k: 3, ...attributes, largest: attributes.axis !== 0 }, [f(37, 41)]]
  }
  for (const axis of [-1, 0]) {
    for (const shape of [
      [1, 1],
      [32, 10],
      [5, 33],
      [3, 1000],
      [0, 3],
      [4, 6, 5],
    ]) {
      if (axis === 0 && shape[0] === 0) continue
      yield ['softmax', { axis }, [f(...shape)]]
      yield ['logSoftmax', { axis }, [f(...shape)]]
    }
  }

  for (const ord of ['inf', '-inf', 0, 0.5, -2]) {
    yield ['norm', { ord }, [f(300)]]
    yield ['norm', { ord, axis: 1, keepdims: true }, [f(37, 41)]]
  }
  for (const attributes of [{}, { axis: 0 }, { axis: 1 }]) yield ['cumprod', attributes, [f(7, 9)]]
  if (!special) {
    yield ['sort', { axis: 0 }, [f(37, 41)]]
    yield ['sort', { descending: true }, [f(5, 300)]]
    yield ['histogram', { bins: 7 }, [f(300)]]
    yield ['unique', {}, [integers(20, 33)]]
  }
  yield ['histogram', { bins: 5, min: -1, max: 2 }, [f(300)]]
  yield ['bincount', { minLength: 12 }, [integers(10, 33)]]
  yield ['bincount', {}, [integers(10, 33), f(33)]]

  // shapes, joining, indices
  yield ['tile', { repeats: [2, 1, 3] }, [f(3, 5)]]
  yield ['roll', { shifts: [3, -5], axis: [0, 1] }, [f(33, 40)]]
  for (const axis of [0, 1, 2]) yield ['diff', { axis }, [f(5, 7, 6)]]
  yield ['diff', { axis: -1 }, [f(31, 70)]]
  for (const offset of [0, 2, -3]) yield ['diag', { offset }, [f(2, 5)]]
  yield ['cross', { axis: -1 }, [f(9, 3), f(9, 3)]]
  yield ['cross', { axis: 0 }, [f(3, 4, 2), f(3, 4, 2)]]
  for (const ord of [1, 2]) {
    yield ['cdist', { ord }, [f(5, 3), f(7, 3)]]
    yield ['cdist', { ord }, [f(2, 9, 70), f(2, 13, 70)]]
  }
  yield ['placesInOrder', { places: [0, 4, 5, 32] }, [f(3, 33)]]
  yield ['placesInOrder', { places: [1200, 1201] }, [f(2403)]]
  yield ['roll', { shifts: [7] }, [f(3, 5)]]
  yield ['triu', { diagonal: 1 }, [f(2, 9, 7)]]
  yield ['tril', { diagonal: -1 }, [f(2, 9, 7)]]
  yield ['reshape', { shape: [-1, 33] }, [f(3, 11, 40)]]
  yield ['transpose', {}, [f(33, 40)]]
  yield ['transpose', { axes: [1, 2, 0] }, [f(9, 10, 100)]]
  yield ['broadcastTo', { shape: [5, 33, 40] }, [f(33, 1)]]
  yield ['sumTo', { shape: [33, 1] }, [f(5, 33, 40)]]
  yield ['sumTo', { shape: [128] }, [f(32, 128)]]
  yield ['expandDims', { axis: 1 }, [f(33, 4)]]
  yield ['squeeze', { axis: [1] }, [f(33, 1, 4)]]
  yield ['flip', { axis: [0] }, [f(33, 40)]]
  yield ['concat', { axis: 1 }, [f(33, 40), f(33, 1), f(33, 0)]]
  yield ['stack', { axis: 1 }, [f(33, 40), f(33, 40)]]
  yield ['split', { parts: [1, 4], axis: 1 }, [f(33, 40)]]
  yield [
    'slice',
    {
      ranges: [
        [1, 30, 3],
        [null, null, -2],
      ],
    },
    [f(33, 40)],
  ]
  yield [
    'scatterSlice',
    {
      ranges: [
        [1, 30, 3],
        [null, null, -2],
      ],
      shape: [33, 40],
    },
    [f(10, 20)],
  ]
  yield [
    'pad',
    {
      widths: [
        [1, 0],
        [2, 3],
      ],
      value: 0.5,
    },
    [f(33, 40)],
  ]
  yield ['take', { axis: 0 }, [f(50, 40), integers(50, 6, 7)]]
  yield ['take', { axis: 1 }, [f(33, 40), integers(40, 90)]]
  yield ['scatterTake', { axis: 0, size: 20 }, [f(60, 33), integers(20, 60)]]
  yield ['embedding', {}, [f(50, 32), integers(50, 8, 16)]]
  yield ['oneHot', { classes: 10, dtype: Type === Float64Array ? 'float64' : 'float32' }, [integers(10, 33)]]
  yield ['gather', { axis: 1 }, [f(33, 40), integers(40, 33, 9)]]
  yield ['scatterAdd', { axis: 0 }, [f(33, 9), integers(33, 70, 9), f(70, 9)]]

  // products
  for (const [m, k, n] of [
    [1, 1, 1],
    [3, 0, 2],
    [7, 5, 3],
    [32, 65, 10],
    [50, 64, 33],
    [5, 801, 17],
  ]) {
    yield ['matmul', {}, [f(m, k), f(k, n)]]
    yield ['linear', {}, [f(m, k), f(k, n), f(n)]]
  }
  yield ['matmul', { transposeA: true }, [f(65, 32), f(65, 10)]]
  yield ['matmul', { transposeB: true }, [f(32, 65), f(10, 65)]]
  yield ['matmul', { transposeA: true, transposeB: true }, [f(65, 32), f(10, 65)]]
  yield ['matmul', {}, [f(3, 1, 9, 16), f(4, 16, 5)]]
  yield ['matmul', {}, [f(40), f(40)]]
  yield ['linear', {}, [f(4, 9, 33), f(33, 16)]]
  for (const [equation, ...shapes] of [
    ['ij,jk->ik', [32, 65], [65, 10]],
    ['bij,bjk', [3, 9, 16], [3, 16, 5]],
    ['ii->i', [33, 33]],
    ['ij->j', [37, 41]],
    ['i,j,k->kji', [9], [10], [11]],
    ['ij,ij->i', [40, 33], [1, 33]],
  ]) {
    yield ['einsum', { equation }, shapes.map((shape) => f(...shape))]
  }

  const dominant = (...shape) => {
    const n = shape.at(-1)
    const valuesFrom = (seed) => {
      const word = words(seed)
      return new Type(sizeOf(shape)).map(
        (_, i) => word() / 4294967296 + (Math.floor(i / n) % n === i % n ? n : 0),
      )
    }
    return { valuesFrom, shape }
  }
  if (!special) {
    for (const name of ['inv', 'det', 'slogdet', 'cholesky']) yield [name, {}, [dominant(3, 5, 5)]]
    yield ['solve', {}, [dominant(3, 5, 5), f(5, 2)]]
    for (const shape of [
      [2, 5, 5],
      [6, 3],
      [3, 6],
    ]) {
      yield ['qr', {}, [f(...shape)]]
      yield ['svd', {}, [f(...shape)]]
      yield ['pinv', shape.length === 3 ? { rtol: 0.05 } : {}, [f(...shape)]]
      yield ['svd', { method: 'triangle' }, [f(...shape)]]
    }
    yield ['svd', { method: 'triangle' }, [f(19, 11)]]
    yield ['svd', { method: 'triangle' }, [f(40, 40)]]
    yield ['eigh', {}, [f(2, 6, 6)]]
    yield ['eigh', { method: 'tridiagonal' }, [f(2, 6, 6)]]
    yield ['eigh', { method: 'tridiagonal' }, [f(37, 37)]]
    for (const name of ['cholesky', 'inv']) yield [name, {}, [dominant(37, 37)]]
  }
  yield ['embedding', { paddingIndex: 3 }, [f(50, 4), integers(50, 8, 16)]]
  yield ['rotary', {}, [f(2, 3, 17, 8)]]
  yield ['randomAffine', { degrees: 20, shift: 2, scale: [0.9, 1.1], seed: 3, counter: 7 }, [f(3, 2, 9, 8)]]
  yield ['randomNoise', { deviation: 0.3, seed: 3, counter: 7 }, [f(7, 9)]]
  for (const n of [1, 8, 15, 64]) yield ['fourierTransform', { inverse: n === 8 }, [f(3, n), f(3, n)]]
  for (const n of [1, 2, 8, 15, 60, 64, 77, 100, 101, 512]) {
    yield ['fourierTransform', { inverse: n % 3 === 0, method: 'radices' }, [f(3, n), f(3, n)]]
    yield ['realFourier', {}, [f(9, n)]]
    const m = Math.floor(n / 2) + 1
    yield ['halfFourier', { n }, [f(9, m), f(9, m)]]
  }
  yield ['rotary', { base: 500, offset: 1000, interleaved: true }, [f(5, 6)]]

  // losses
  for (const [rows, classes] of [
    [1, 1],
    [7, 5],
    [32, 10],
    [50, 10],
    [33, 301],
  ]) {
    yield ['softmaxCrossEntropy', {}, [f(rows, classes), integers(classes, rows)]]
    yield ['softmaxCrossEntropy', {}, [f(rows, classes), share(rows, classes)]]
    yield ['meanSquaredError', {}, [f(rows, classes), f(rows, classes)]]
    yield ['binaryCrossEntropy', {}, [share(rows, classes), share(rows, classes)]]
    for (const reduction of ['sum', 'none'])
      yield ['binaryCrossEntropy', { reduction }, [share(rows, classes), share(rows, classes)]]
    const weight = Array.from({ length: classes }, (_, i) => 0.5 + (i % 3))
    yield ['crossEntropy', {}, [f(rows, classes), integers(classes, rows)]]
    yield [
      'crossEntropy',
      { labelSmoothing: 0.1, ignoreIndex: 0, reduction: 'sum', weight },
      [f(rows, classes), integers(classes, rows)],
    ]
    yield [
      'crossEntropy',
      { reduction: 'none', labelSmoothing: 0.2 },
      [f(rows, classes), share(rows, classes)],
    ]
    yield ['binaryCrossEntropyWithLogits', { posWeight: 1.5 }, [f(rows, classes), share(rows, classes)]]
    yield ['klDivergence', { reduction: 'batchMean' }, [f(rows, classes), share(rows, classes)]]
    yield ['klDivergence', { logTarget: true }, [f(rows, classes), f(rows, classes)]]
    for (const name of ['l1Loss', 'smoothL1Loss', 'huberLoss', 'hingeLoss'])
      yield [name, {}, [f(rows, classes), f(rows, classes)]]
    yield ['smoothL1Loss', { beta: 0.3, reduction: 'none' }, [f(rows, classes), f(classes)]]
    yield ['huberLoss', { delta: 0.3, reduction: 'sum' }, [f(rows, classes), f(classes)]]
    yield ['cosineSimilarity', {}, [f(rows, classes), f(rows, classes)]]
  }

  // images
  const pooled = { kernel: [2, 2], stride: [1, 2], padding: [1, 0] }
  for (const [n, h, w] of [
    [0, 5, 4],
    [2, 9, 8],
    [3, 28, 28],
  ]) {
    yield ['conv2d', {}, [f(n, 2, h, w), f(3, 2, 3, 3), f(3)]]
    yield ['conv2d', { stride: 2, padding: [1, 2] }, [f(n, 2, h, w), f(3, 2, 2, 3)]]
    yield ['convTranspose2d', { stride: [2, 1], padding: 1 }, [f(n, 3, h, w), f(3, 2, 3, 2), f(2)]]
    yield ['maxPool2d', { kernel: 2 }, [f(n, 2, h, w)]]
    yield ['maxPool2d', pooled, [f(n, 2, h, w)]]
    yield ['averagePool2d', { kernel: 2 }, [f(n, 2, h, w)]]
    yield ['averagePool2d', pooled, [f(n, 2, h, w)]]
  }
  yield ['conv2dWeights', { kernel: [2, 3], stride: [2, 1], padding: [0, 0] }, [f(2, 2, 5, 4), f(2, 3, 2, 2)]]
  yield ['maxPool2dScatter', pooled, [f(2, 2, 6, 2), f(2, 2, 5, 4)]]
  for (const windows of [
    { size: [2, 3, 5] },
    { kernel: [2, 3, 2], stride: [1, 2, 2], padding: [1, 1, 0], ceilMode: true },
  ]) {
    const made = 'size' in windows ? [2, 3, 5] : [4, 3, 4]
    yield ['volumeMaxima', windows, [f(2, 2, 3, 4, 7)]]
    yield ['volumeMaximaScatter', windows, [f(2, 2, ...made), f(2, 2, 3, 4, 7)]]
    yield ['volumeMaximaGather', windows, [f(2, 2, 3, 4, 7), f(2, 2, 3, 4, 7)]]
  }
  yield ['maxPool2dGather', pooled, [f(2, 2, 5, 4), f(2, 2, 5, 4)]]
  yield ['averagePool2dScatter', { ...pooled, size: [5, 4] }, [f(2, 2, 6, 2)]]
  for (const [axis, size] of [
    [-2, 3],
    [-1, 4],
    [-1, 13],
  ]) {
    const blended = { axis, from: axis === -1 ? 11 : 40, to: 20 + size, step: 0.43, alignCorners: size === 7 }
    yield ['blend', blended, [f(3, 40, 11)]]
    yield ['blendScatter', blended, [axis === -1 ? f(3, 40, 20 + size) : f(3, 20 + size, 11)]]
    yield ['bandMeans', { axis, size }, [f(3, 40, 11)]]
    yield ['bandMeansScatter', { axis, size: size + 20 }, [f(3, 7, 5)]]
  }

  // normalisation and attention
  for (const [rows, columns] of [
    [1, 3],
    [7, 33],
    [32, 128],
  ]) {
    yield ['layerNorm', {}, [f(rows, columns), f(columns), f(columns)]]
    if (rows > 1) yield ['batchNorm', {}, [f(rows, columns), f(columns), f(columns)]]
    yield ['rmsNorm', {}, [f(rows, columns), f(columns)]]
    yield ['groupNorm', { groups: 2 }, [f(rows, 4, columns), f(4), f(4)]]
    yield ['batchNorm', { eps: 0.1 }, [f(rows, columns), f(columns), f(columns), f(columns), share(columns)]]
  }
  yield ['batchNorm', {}, [f(4, 3, 6, 5), f(3), f(3)]]
  for (const [length, width] of [
    [3, 2],
    [17, 16],
  ]) {
    const operands = () => [f(2, length, width), f(2, length, width), f(2, length, width)]
    yield ['scaledDotProductAttention', {}, operands()]
    yield ['scaledDotProductAttention', { causal: true }, operands()]
    yield ['scaledDotProductAttention', { causal: true, dropout: 0.3, seed: 3, counter: 7 }, operands()]
  }

  // steps of optimizers, which have no gradient
  const c = (shape) => ({ ...f(...shape), requiresGrad: false })
  const magnitudes = (shape) => {
    const operand = c(shape)
    const valuesFrom = (seed) => operand.valuesFrom(seed).map((value) => (value < 0 ? -value : value))
    return { ...operand, valuesFrom }
  }
  const count = () => ({ valuesFrom: () => Type.of(7), shape: [], requiresGrad: false })
  for (const shape of [[0], [33], [LARGE]]) {
    for (const [momentum, dampening, weightDecay, nesterov] of [
      [0, 0, 0.01, false],
      [0.9, 0.1, 0, false],
      [0.9, 0, 0.01, true],
    ]) {
      const rule = { lr: 0.1, momentum, dampening, weightDecay, nesterov }
      yield ['sgdStep', rule, [c(shape), c(shape)]]
      if (momentum !== 0) yield ['sgdStep', rule, [c(shape), c(shape), c(shape)]]
    }
    for (const decoupled of [false, true]) {
      const rule = { lr: 0.01, beta1: 0.9, beta2: 0.99, eps: 1e-8, weightDecay: 0.01, decoupled }
      yield ['adamStep', rule, [c(shape), c(shape), c(shape), magnitudes(shape), count()]]
    }
    const plain = { lr: 0.01, beta1: 0.9, beta2: 0.99, eps: 1e-8, weightDecay: 0.01 }
    yield [
      'amsGradStep',
      { ...plain, decoupled: false },
      [c(shape), c(shape), c(shape), magnitudes(shape), magnitudes(shape), count()],
    ]
    yield [
      'nAdamStep',
      { ...plain, momentumDecay: 0.004 },
      [
        c(shape),
        c(shape),
        c(shape),
        magnitudes(shape),
        { ...count(), valuesFrom: () => Type.of(0.5) },
        count(),
      ],
    ]
    yield ['rAdamStep', plain, [c(shape), c(shape), c(shape), magnitudes(shape), count()]]
    yield [
      'rAdamStep',
      { ...plain, decoupled: true },
      [c(shape), c(shape), c(shape), magnitudes(shape), count()],
    ]
    yield [
      'lionStep',
      { lr: 0.01, beta1: 0.9, beta2: 0.99, weightDecay: 0.01 },
      [c(shape), c(shape), c(shape)],
    ]
    const adaptive = [c(shape), c(shape), magnitudes(shape)]
    yield ['adaGradStep', { lr: 0.1, lrDecay: 0.1, eps: 1e-8, weightDecay: 0.01 }, [...adaptive, count()]]
    yield [
      'adaDeltaStep',
      { lr: 1, rho: 0.9, eps: 1e-6, weightDecay: 0.01 },
      [...adaptive, magnitudes(shape)],
    ]
    for (const [momentum, centered] of [
      [0, false],
      [0.9, true],
    ]) {
      const rule = { lr: 0.1, alpha: 0.9, eps: 1e-8, momentum, centered, weightDecay: 0.01 }
      yield ['rmsPropStep', rule, centered ? [...adaptive, c(shape), c(shape)] : adaptive]
    }
    yield ['clipGradNorm', { maxNorm: 0.5 }, [c(shape), c([3])]]
    yield ['lbfgsDirection', {}, [c(shape), count(), c(shape), c(shape), c(shape), c(shape)]]
  }
}

/**
 * Hashes by name, of the outputs and then of the gradients of the floating operands. `engine` has createFunc, grad, ndarray and
 * Variable of the library; it computes with whatever kernel is in place.
 */
export function functionHashes({ createFunc, grad, ndarray, Variable }) {
  const hashes = {}
  for (const Type of [Float64Array, Float32Array]) {
    for (const special of [false, true]) {
      for (const [name, attributes, operands] of casesOf(Type, special)) {
        const shapes = operands.map(({ shape }) => `[${shape}]`).join(' ')
        const settings = JSON.stringify(attributes).replaceAll('"', '')
        const kind = `${Type === Float64Array ? 'float64' : 'float32'}${special ? ' special' : ''}`
        const key = `${name} ${settings} ${shapes} ${kind}`
        if (key in hashes) throw new Error(`two cases are called ${key}`)
        // Seeds follow from the case alone, so that a new case changes no other.
        let seed = seedOf(key)
        const xs = operands.map(({ valuesFrom, shape, dtype, requiresGrad }) => {
          const array = ndarray(valuesFrom(seed++), { shape })
          return new Variable(dtype === undefined ? array : array.astype(dtype), { requiresGrad })
        })
        const ys = createFunc(name, attributes).applyAll(...xs)
        const found = [ys.map((y) => hashOf(y.data.data)).join(' ')]
        const roots = ys.filter((y) => y.requiresGrad)
        const leaves = xs.filter((x) => x.requiresGrad)
        if (roots.length > 0 && leaves.length > 0) {
          const gradients = roots.map((y) =>
            ndarray(numbers(y.data.data.constructor, y.size, seed++, special), { shape: y.shape }),
          )
          found.push(
            grad(roots, leaves, { gradients })
              .map((gradient) => hashOf(gradient.data.data))
              .join(' '),
          )
        }
        hashes[key] = found.join(' | ')
      }
    }
  }
  return hashes
}

/** 32 bits over the letters of a case's name. */
function seedOf(key) {
  return Number.parseInt(hashOf(new TextEncoder().encode(key)).slice(0, 8), 16)
}

/** What has to be imported of the library, below src/ or dist/, and what of it an engine is made of. */
export async function loadEngine(load) {
  const parts = [
    'array/kernel',
    'array/make-array',
    'array/ndarray',
    'array/plain-kernel',
    'array/portable-kernel',
    'array/wasm/staging',
    'functions/einsum',
    'functions/methods',
    'graph/backward',
    'graph/leaves',
    'graph/registry',
    'graph/variable',
    'optim/adam',
    'optim/adam-variants',
    'optim/adaptive',
    'optim/clip-grad-norm',
    'optim/sgd',
  ]
  return Object.assign({}, ...(await Promise.all(parts.map(load))))
}

/** Made by the graph itself, which gives on what it is given: nothing of it is computed. */
const OF_THE_GRAPH = new Set(['standIn'])

/** The registered functions that none of the hashes is of. */
export function uncovered(registered, hashes) {
  const covered = new Set(Object.keys(hashes).map((key) => key.slice(0, key.indexOf(' '))))
  return registered.filter((name) => !covered.has(name) && !OF_THE_GRAPH.has(name))
}
