// More of the measured functions: those with operands of their own, and calls along other axes, with other settings and of layers.
import * as gradtape from 'gradtape'
import { ndarray, type Variable } from 'gradtape'
import { dominant, images, indices, matrix, numbers, places, row, rows, side } from './function-operands.js'
import type { Subject } from './function-subjects.js'

type Limits = Pick<Subject, 'least' | 'most' | 'layer'>
const FROM_100: Limits = { least: 100 }
/** Where operands have one size, or larger ones would take seconds. */
const AT_10_000: Limits = { least: 10_000, most: 10_000 }

function subject(
  operands: Subject['operands'],
  apply: (a: Variable, b: Variable, c: Variable) => unknown,
  limits: Limits = {},
): Subject {
  return { operands, apply: apply as Subject['apply'], ...limits }
}

const two = (size: number) => [numbers(1, side(size), side(size)), numbers(2, side(size), side(size))]
const three = (size: number) => [...two(size), numbers(3, side(size), side(size))]
/** Rows of four channels, four examples. */
const lines = (size: number) => [numbers(1, 4, 4, size / 16)]
const volumes = () => [numbers(1, 1, 4, 13, 14, 14)]
const picture = (size: number) => [images(size)]
const above1 = (size: number) => [ndarray(numbers(1, size).data.map((value) => value + 1))]
const signs = (size: number) => ndarray(numbers(3, size).data.map((value) => (value < 0.5 ? -1 : 1)))
const labelled = (size: number) => [numbers(1, side(size), side(size)), indices(side(size), side(size))]
const sequences = () => [numbers(1, 10, 20, 50)]

const lstm = memo(() => new gradtape.LSTM(50, 32, { dtype: 'float64' }))
const gru = memo(() => new gradtape.GRU(50, 32, { dtype: 'float64' }))
const rnn = memo(() => new gradtape.RNN(50, 32, { dtype: 'float64' }))
const attention = memo(() => new gradtape.MultiHeadAttention(64, 4, { dtype: 'float64' }))

/** Made when it is first measured. */
function memo<T>(make: () => T): () => T {
  let made: T | undefined
  return () => {
    made ??= make()
    return made
  }
}

export const VARIANTS: Record<string, Subject> = {
  // Functions.
  repeat: subject(matrix, (x) => gradtape.repeat(x, [2, 2])),
  repeatInterleave: subject(matrix, (x) => gradtape.repeatInterleave(x, 2, { axis: 1 })),
  cast: subject(row, (x) => gradtape.cast(x, 'float32')),
  allClose: subject(rows, (a, b) => gradtape.allClose(a, b)),
  arccosh: subject(above1, (x) => gradtape.arccosh(x)),
  bincount: subject(
    (size) => [indices(100, size)],
    (x) => gradtape.bincount(x, undefined, { minLength: 100 }),
  ),
  histogram: subject(row, (x) => gradtape.histogram(x, { bins: 50, min: 0, max: 1 })[0]),
  unique: subject(
    (size) => [indices(100, size)],
    (x) => gradtape.unique(x)[0],
  ),
  ctcLoss: subject(
    () => [
      numbers(1, 8, 25, 50),
      ndarray(
        indices(49, 64).data.map((i) => i + 1),
        { shape: [8, 8], dtype: 'int32' },
      ),
    ],
    (x, t) => gradtape.ctcLoss(x, t),
    AT_10_000,
  ),
  cross: subject(
    (size) => [numbers(1, Math.ceil(size / 3), 3), numbers(2, Math.ceil(size / 3), 3)],
    (a, b) => gradtape.cross(a, b),
  ),
  diag: subject(
    (size) => [numbers(1, side(size))],
    (x) => gradtape.diag(x),
  ),
  diagonal: subject(matrix, (x) => gradtape.diagonal(x)),
  flatten: subject(matrix, (x) => gradtape.flatten(x)),
  reshape: subject(matrix, (x) => gradtape.reshape(x, [1, -1])),
  expandDims: subject(matrix, (x) => gradtape.expandDims(x, 1)),
  squeeze: subject(
    (size) => [numbers(1, side(size), 1, side(size))],
    (x) => gradtape.squeeze(x, 1),
  ),
  sumTo: subject(matrix, (x) => gradtape.sumTo(x, [x.shape[1]!])),
  kron: subject(
    (size) => [
      numbers(1, side(side(size)), side(side(size))),
      numbers(2, side(side(size)), side(side(size))),
    ],
    (a, b) => gradtape.kron(a, b),
  ),
  moveAxis: subject(picture, (x) => gradtape.moveAxis(x, 1, 3), FROM_100),
  swapAxes: subject(picture, (x) => gradtape.swapAxes(x, 1, 2), FROM_100),
  tensordot: subject(two, (a, b) => gradtape.tensordot(a, b, { axes: 1 }), { most: 10_000 }),
  instanceNorm: subject(
    (size) => [images(size), numbers(2, 4), numbers(3, 4)],
    (x, gamma, beta) => gradtape.instanceNorm(x, gamma, beta),
    FROM_100,
  ),
  oneHot: subject(
    (size) => [indices(10, size / 10)],
    (x) => gradtape.oneHot(x, { classes: 10 }),
    FROM_100,
  ),
  split: subject(matrix, (x) => gradtape.split(x, 2, { axis: 1 })[0], FROM_100),
  unbind: subject(matrix, (x) => gradtape.unbind(x)[0], { most: 10_000 }),
  meshgrid: subject(
    (size) => [numbers(1, side(size)), numbers(2, side(size))],
    (a, b) => gradtape.meshgrid([a, b])[0],
  ),
  pixelShuffle: subject(picture, (x) => gradtape.pixelShuffle(x, 2), FROM_100),
  pixelUnshuffle: subject(picture, (x) => gradtape.pixelUnshuffle(x, 2), { least: 10_000 }),
  glu: subject(matrix, (x) => gradtape.glu(x), FROM_100),
  slogdet: subject(
    (size) => [dominant(side(size))],
    (x) => gradtape.slogdet(x)[1],
    { most: 10_000 },
  ),
  lstsq: subject(
    (size) => [dominant(side(size)), numbers(2, side(size), 1)],
    (a, b) => gradtape.lstsq(a, b),
    { most: 10_000 },
  ),
  matrixNorm: subject(matrix, (x) => gradtape.matrixNorm(x)),
  matrixPower: subject(matrix, (x) => gradtape.matrixPower(x, 3), { most: 10_000 }),
  fft: subject(matrix, (x) => gradtape.fft(x)[0]),
  ifft: subject(two, (re, im) => gradtape.ifft(re, im)[0]),
  rfft: subject(matrix, (x) => gradtape.rfft(x)[0]),
  irfft: subject(two, (re, im) => gradtape.irfft(re, im), { least: 100 }),
  convTranspose1d: subject(
    (size) => [...lines(size), numbers(2, 4, 8, 3)],
    (x, w) => gradtape.convTranspose1d(x, w, undefined, { padding: 1 }),
    FROM_100,
  ),
  convTranspose3d: subject(
    () => [...volumes(), numbers(2, 4, 8, 3, 3, 3)],
    (x, w) => gradtape.convTranspose3d(x, w, undefined, { padding: 1 }),
    AT_10_000,
  ),
  averagePool1d: subject(lines, (x) => gradtape.averagePool1d(x, { kernel: 2 }), { least: 10_000 }),
  adaptiveAveragePool1d: subject(lines, (x) => gradtape.adaptiveAveragePool1d(x, 7), { least: 10_000 }),
  adaptiveAveragePool3d: subject(volumes, (x) => gradtape.adaptiveAveragePool3d(x, 3), AT_10_000),
  adaptiveMaxPool1d: subject(lines, (x) => gradtape.adaptiveMaxPool1d(x, 7), { least: 10_000 }),
  adaptiveMaxPool2d: subject(picture, (x) => gradtape.adaptiveMaxPool2d(x, 3), FROM_100),
  adaptiveMaxPool3d: subject(volumes, (x) => gradtape.adaptiveMaxPool3d(x, 3), AT_10_000),

  // Losses.
  nllLoss: subject(labelled, (x, t) => gradtape.nllLoss(x, t)),
  gaussianNllLoss: subject(
    (size) => [...rows(size), numbers(3, size)],
    (x, t, v) => gradtape.gaussianNllLoss(x, t, v),
  ),
  poissonNllLoss: subject(rows, (x, t) => gradtape.poissonNllLoss(x, t)),
  marginRankingLoss: subject(
    (size) => [...rows(size), signs(size)],
    (a, b, t) => gradtape.marginRankingLoss(a, b, t.data),
  ),
  tripletMarginLoss: subject(three, (a, p, n) => gradtape.tripletMarginLoss(a, p, n)),
  cosineEmbeddingLoss: subject(
    (size) => [...two(size), signs(side(size))],
    (a, b, t) => gradtape.cosineEmbeddingLoss(a, b, t.data),
  ),
  'meanSquaredError of each': subject(rows, (a, b) => gradtape.meanSquaredError(a, b, { reduction: 'none' })),
  'crossEntropy with weights': subject(
    (size) => [...labelled(size), numbers(2, side(size))],
    (x, t, w) => gradtape.crossEntropy(x, t, { weight: w.data }),
  ),
  'binaryCrossEntropyWithLogits with weights': subject(rows, (x, t) =>
    gradtape.binaryCrossEntropyWithLogits(x, t.data, { posWeight: 2 }),
  ),
  'klDivergence of logarithms': subject(rows, (x, t) =>
    gradtape.klDivergence(x, t.data, { logTarget: true }),
  ),

  // Other axes.
  'sum of images': subject(picture, (x) => gradtape.sum(x, { axis: [0, 2, 3] }), FROM_100),
  'mean of columns': subject(matrix, (x) => gradtape.mean(x, { axis: 0 })),
  'max of columns': subject(matrix, (x) => gradtape.max(x, { axis: 0 })),
  'prod of rows': subject(matrix, (x) => gradtape.prod(x, { axis: 1 })),
  'prod of columns': subject(matrix, (x) => gradtape.prod(x, { axis: 0 })),
  'std of rows': subject(matrix, (x) => gradtape.std(x, { axis: 1 })),
  'variance of columns': subject(matrix, (x) => gradtape.variance(x, { axis: 0 })),
  'norm of rows': subject(matrix, (x) => gradtape.norm(x, { axis: 1 })),
  'norm of order 1': subject(row, (x) => gradtape.norm(x, { ord: 1 })),
  'norm of order 3': subject(row, (x) => gradtape.norm(x, { ord: 3 })),
  'logSumExp of rows': subject(matrix, (x) => gradtape.logSumExp(x, { axis: 1 })),
  'argmax of rows': subject(matrix, (x) => gradtape.argmax(x, { axis: 1 })),
  'argmax of columns': subject(matrix, (x) => gradtape.argmax(x, { axis: 0 })),
  'median of rows': subject(matrix, (x) => gradtape.median(x, { axis: 1 })),
  'any of rows': subject(matrix, (x) => gradtape.any(x, { axis: 1 })),
  'softmax of columns': subject(matrix, (x) => gradtape.softmax(x, { axis: 0 })),
  'logSoftmax of columns': subject(matrix, (x) => gradtape.logSoftmax(x, { axis: 0 })),
  'cumsum of rows': subject(matrix, (x) => gradtape.cumsum(x, { axis: 1 })),
  'cumsum of columns': subject(matrix, (x) => gradtape.cumsum(x, { axis: 0 })),
  'cumprod of rows': subject(matrix, (x) => gradtape.cumprod(x, { axis: 1 })),
  'cumprod of columns': subject(matrix, (x) => gradtape.cumprod(x, { axis: 0 })),
  'sort of a row': subject(row, (x) => gradtape.sort(x)[0]),
  'sort of columns': subject(matrix, (x) => gradtape.sort(x, { axis: 0 })[0]),
  'topk of a row': subject(row, (x) => gradtape.topk(x, 5)[0], FROM_100),
  'flip of rows': subject(matrix, (x) => gradtape.flip(x, 1)),
  'roll of columns': subject(matrix, (x) => gradtape.roll(x, 3, { axis: 0 })),
  'diff of columns': subject(matrix, (x) => gradtape.diff(x, { axis: 0 }), FROM_100),
  'gather of columns': subject(
    (size) => [numbers(1, side(size), side(size)), places(size)],
    (x, i) => gradtape.gather(x, i, { axis: 0 }),
  ),
  'scatterAdd of columns': subject(
    (size) => [numbers(1, side(size), side(size)), places(size), numbers(2, side(size), side(size))],
    (x, i, v) => gradtape.scatterAdd(x, i, v, { axis: 0 }),
  ),
  'take of columns': subject(labelled, (x, i) => gradtape.take(x, i, { axis: 1 })),
  'indexAdd of columns': subject(
    (size) => [...labelled(size), numbers(2, side(size), side(size))],
    (x, i, v) => gradtape.indexAdd(x, i, v, { axis: 1 }),
  ),
  'slice of rows': subject(matrix, (x) => gradtape.slice(x, [[1, null]]), FROM_100),
  'slice of columns': subject(matrix, (x) => gradtape.slice(x, [null, [1, null]]), FROM_100),
  'concat of columns': subject(two, (a, b) => gradtape.concat([a, b], { axis: 1 })),
  'stack of last axis': subject(two, (a, b) => gradtape.stack([a, b], { axis: 2 })),
  'transpose of images': subject(picture, (x) => gradtape.transpose(x, [0, 2, 3, 1]), FROM_100),
  'broadcastTo of a column': subject(
    (size) => [numbers(1, side(size), 1)],
    (x) => gradtape.broadcastTo(x, [x.size, x.size]),
  ),

  // Other settings.
  'add a number': subject(row, (x) => gradtape.add(x, 2)),
  'mul a number': subject(row, (x) => gradtape.mul(x, 2)),
  'div by a number': subject(row, (x) => gradtape.div(x, 2)),
  'pow 3': subject(row, (x) => gradtape.pow(x, 3)),
  'pow one half': subject(row, (x) => gradtape.pow(x, 0.5)),
  'where of a mask': subject(
    (size) => [...rows(size), numbers(3, size)],
    (a, b, m) => gradtape.where(gradtape.less(m.data, 0.5), a, b),
  ),
  'where of a number': subject(row, (x) => gradtape.where(gradtape.less(x, 0.5), x, 0)),
  'add of channels': subject(
    (size) => [images(size), numbers(2, 4, 1, 1)],
    (a, b) => gradtape.add(a, b),
    FROM_100,
  ),
  'mul of channels': subject(
    (size) => [images(size), numbers(2, 4, 1, 1)],
    (a, b) => gradtape.mul(a, b),
    FROM_100,
  ),
  'pad reflect': subject(
    picture,
    (x) =>
      gradtape.pad(
        x,
        [
          [0, 0],
          [0, 0],
          [1, 1],
          [1, 1],
        ],
        { mode: 'reflect' },
      ),
    FROM_100,
  ),
  'pad replicate': subject(
    picture,
    (x) =>
      gradtape.pad(
        x,
        [
          [0, 0],
          [0, 0],
          [1, 1],
          [1, 1],
        ],
        { mode: 'replicate' },
      ),
    FROM_100,
  ),
  'pad circular': subject(
    picture,
    (x) =>
      gradtape.pad(
        x,
        [
          [0, 0],
          [0, 0],
          [1, 1],
          [1, 1],
        ],
        { mode: 'circular' },
      ),
    FROM_100,
  ),
  'matmul of many': subject(
    (size) => [numbers(1, size / 100, 10, 10), numbers(2, size / 100, 10, 10)],
    (a, b) => gradtape.matmul(a, b),
    FROM_100,
  ),
  'matmul of a vector': subject(
    (size) => [numbers(1, side(size), side(size)), numbers(2, side(size))],
    (a, b) => gradtape.matmul(a, b),
  ),
  'einsum of many': subject(
    (size) => [numbers(1, size / 100, 10, 10), numbers(2, size / 100, 10, 10)],
    (a, b) => gradtape.einsum('bij,bjk->bik', a, b),
    FROM_100,
  ),
  'einsum of a diagonal': subject(matrix, (x) => gradtape.einsum('ii->i', x)),
  'solve for a matrix': subject(
    (size) => [dominant(side(size)), numbers(2, side(size), side(size))],
    (a, b) => gradtape.solve(a, b),
    { most: 10_000 },
  ),
  'eigh with vectors': subject(
    (size) => [dominant(side(size))],
    (x) => gradtape.eigh(x)[1],
    { most: 10_000 },
  ),
  'svd with vectors': subject(
    (size) => [dominant(side(size))],
    (x) => gradtape.svd(x)[0],
    { most: 10_000 },
  ),
  'matrixNorm nuc': subject(
    (size) => [dominant(side(size))],
    (x) => gradtape.matrixNorm(x, { ord: 'nuc' }),
    {
      most: 10_000,
    },
  ),
  'cdist of order 1': subject(
    (size) => [numbers(1, side(size), 8), numbers(2, side(size), 8)],
    (a, b) => gradtape.cdist(a, b, { ord: 1 }),
  ),
  'batchNorm of images': subject(
    (size) => [images(size), numbers(2, 4), numbers(3, 4)],
    (x, gamma, beta) => gradtape.batchNorm(x, gamma, beta),
    FROM_100,
  ),
  'scaledDotProductAttention of all': subject(
    three,
    (q, k, v) => gradtape.scaledDotProductAttention(q, k, v),
    { most: 10_000 },
  ),
  'maxPool2d overlapping': subject(
    picture,
    (x) => gradtape.maxPool2d(x, { kernel: 3, stride: 2, padding: 1 }),
    FROM_100,
  ),
  'averagePool2d overlapping': subject(
    picture,
    (x) => gradtape.averagePool2d(x, { kernel: 3, stride: 2, padding: 1 }),
    FROM_100,
  ),
  'averagePool2d without padding': subject(
    picture,
    (x) => gradtape.averagePool2d(x, { kernel: 3, stride: 2, padding: 1, countPadding: false }),
    FROM_100,
  ),
  'maxPool3d overlapping': subject(
    volumes,
    (x) => gradtape.maxPool3d(x, { kernel: 3, stride: 2, padding: 1 }),
    AT_10_000,
  ),
  'averagePool3d overlapping': subject(
    volumes,
    (x) => gradtape.averagePool3d(x, { kernel: 3, stride: 2, padding: 1 }),
    AT_10_000,
  ),
  'adaptiveAveragePool2d evenly': subject(picture, (x) => gradtape.adaptiveAveragePool2d(x, 5), {
    least: 10_000,
    most: 10_000,
  }),
  'conv2d in steps': subject(
    (size) => [images(size), numbers(2, 8, 4, 3, 3)],
    (x, w) => gradtape.conv2d(x, w, undefined, { padding: 1, stride: 2 }),
    FROM_100,
  ),
  'conv2d of each channel': subject(
    (size) => [images(size), numbers(2, 4, 1, 3, 3)],
    (x, w) => gradtape.conv2d(x, w, undefined, { padding: 1, groups: 4 }),
    FROM_100,
  ),
  'conv2d dilated': subject(
    (size) => [images(size), numbers(2, 8, 4, 3, 3)],
    (x, w) => gradtape.conv2d(x, w, undefined, { padding: 2, dilation: 2 }),
    FROM_100,
  ),
  'conv2d of one pixel': subject(
    (size) => [images(size), numbers(2, 8, 4, 1, 1)],
    (x, w) => gradtape.conv2d(x, w),
    FROM_100,
  ),
  'convTranspose2d in steps': subject(
    (size) => [images(size), numbers(2, 4, 8, 2, 2)],
    (x, w) => gradtape.convTranspose2d(x, w, undefined, { stride: 2 }),
    FROM_100,
  ),
  'interpolate nearest': subject(picture, (x) => gradtape.interpolate(x, { scale: 2 }), {
    least: 100,
    most: 10_000,
  }),
  'interpolate nearestExact': subject(
    picture,
    (x) => gradtape.interpolate(x, { scale: 2, mode: 'nearestExact' }),
    {
      least: 100,
      most: 10_000,
    },
  ),
  'interpolate bicubic': subject(picture, (x) => gradtape.interpolate(x, { scale: 2, mode: 'bicubic' }), {
    least: 100,
    most: 10_000,
  }),
  'interpolate area': subject(picture, (x) => gradtape.interpolate(x, { size: 20, mode: 'area' }), AT_10_000),
  'interpolate to half': subject(
    picture,
    (x) => gradtape.interpolate(x, { scale: 0.5, mode: 'bilinear' }),
    AT_10_000,
  ),
  'interpolate aligned': subject(
    picture,
    (x) => gradtape.interpolate(x, { scale: 2, mode: 'bilinear', alignCorners: true }),
    AT_10_000,
  ),
  'interpolate linear': subject(
    lines,
    (x) => gradtape.interpolate(x, { scale: 2, mode: 'linear' }),
    AT_10_000,
  ),
  'interpolate trilinear': subject(
    volumes,
    (x) => gradtape.interpolate(x, { scale: 2, mode: 'trilinear' }),
    AT_10_000,
  ),

  // Layers; their parameters get gradients, too.
  LSTM: subject(sequences, (x) => lstm().forward(x).outputs, { ...AT_10_000, layer: lstm }),
  GRU: subject(sequences, (x) => gru().forward(x).outputs, { ...AT_10_000, layer: gru }),
  RNN: subject(sequences, (x) => rnn().forward(x).outputs, { ...AT_10_000, layer: rnn }),
  MultiHeadAttention: subject(
    () => [numbers(1, 8, 20, 64)],
    (x) => attention().forward(x, x, x),
    { ...AT_10_000, layer: attention },
  ),
}
