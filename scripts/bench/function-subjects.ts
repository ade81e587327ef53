// The functions that are measured, each with operands for a number of elements.
import * as gradtape from 'gradtape'
import { type Module, matmul, type NDArray, type Variable } from 'gradtape'
import {
  dominant,
  images,
  indices,
  invertible,
  matrix,
  normalized,
  numbers,
  places,
  row,
  rows,
  side,
} from './function-operands.js'

export interface Subject {
  /** Made for a number of elements; square matrices have as many. */
  readonly operands: (size: number) => readonly NDArray[]
  readonly apply: (...xs: Variable[]) => Variable
  /** The size from which, and up to which, there is such a call or it takes no more than a moment. */
  readonly least?: number
  readonly most?: number
  /** Whose parameters get gradients, too. */
  readonly layer?: () => Module
}

type Apply = Subject['apply']

function named(
  names: string,
  operands: Subject['operands'],
  limits: Pick<Subject, 'least' | 'most'> = {},
): Record<string, Subject> {
  const functions = gradtape as unknown as Record<string, Apply>
  return Object.fromEntries(
    names.split(' ').map((name) => {
      const apply = functions[name]
      if (apply === undefined) throw new Error(`gradtape has no function ${name}`)
      return [name, { ...limits, operands, apply: (...xs: Variable[]) => apply(...xs) }]
    }),
  )
}

export const SUBJECTS: Record<string, Subject> = {
  ...named('neg abs sign floor square sqrt exp expm1 log log1p sin cos tanh', row),
  ...named('relu leakyRelu sigmoid softplus gelu erf sum mean max min prod std norm logSumExp argmax', row),
  ...named('ceil round trunc isNan isInfinite nanToNum arcsinh arctanh exp2 log2 log10 argmin median', row),
  ...named('celu hardSigmoid hardSwish logSigmoid relu6 selu softsign variance all any countNonZero', row),
  ...named('add sub mul div maximum minimum pow less meanSquaredError', rows),
  ...named('softmax logSoftmax transpose', matrix),
  ...named('tan sinh cosh arcsin arccos arctan silu mish elu hardtanh logicalNot', row),
  ...named('arctan2 remainder l1Loss smoothL1Loss huberLoss hingeLoss equal logicalAnd', rows),
  ...named('greater greaterEqual lessEqual logicalOr notEqual isClose logAddExp', rows),
  ...named('tril triu trace flip argsort cumprod', matrix),
  klDivergence: {
    operands: rows,
    apply: (x, t) => gradtape.klDivergence(x as Variable, (t as Variable).data),
  },
  binaryCrossEntropyWithLogits: {
    operands: rows,
    apply: (x, t) => gradtape.binaryCrossEntropyWithLogits(x as Variable, (t as Variable).data),
  },
  cosineSimilarity: {
    operands: (size) => [numbers(1, side(size), side(size)), numbers(2, side(size), side(size))],
    apply: (a, b) => gradtape.cosineSimilarity(a as Variable, b as Variable),
  },
  sort: { operands: matrix, apply: (x) => gradtape.sort(x as Variable)[0] },
  topk: {
    operands: matrix,
    apply: (x) => gradtape.topk(x as Variable, Math.min(5, (x as Variable).shape[1]!))[0],
  },
  roll: { operands: matrix, apply: (x) => gradtape.roll(x as Variable, 3, { axis: 1 }) },
  tile: { operands: matrix, apply: (x) => gradtape.tile(x as Variable, [2, 2]) },
  diff: { operands: matrix, apply: (x) => gradtape.diff(x as Variable), least: 100 },
  pad: {
    operands: matrix,
    apply: (x) =>
      gradtape.pad(x as Variable, [
        [1, 1],
        [1, 1],
      ]),
  },
  stack: { operands: rows, apply: (a, b) => gradtape.stack([a as Variable, b as Variable]) },
  broadcastTo: {
    operands: (size) => [numbers(1, side(size))],
    apply: (x) => gradtape.broadcastTo(x as Variable, [(x as Variable).size, (x as Variable).size]),
  },
  outer: {
    operands: (size) => [numbers(1, side(size)), numbers(2, side(size))],
    apply: (a, b) => gradtape.outer(a as Variable, b as Variable),
  },
  gather: {
    operands: (size) => [numbers(1, side(size), side(size)), places(size)],
    apply: (x, i) => gradtape.gather(x as Variable, i as Variable, { axis: 1 }),
  },
  scatterAdd: {
    operands: (size) => [
      numbers(1, side(size), side(size)),
      places(size),
      numbers(2, side(size), side(size)),
    ],
    apply: (x, i, v) => gradtape.scatterAdd(x as Variable, i as Variable, v as Variable, { axis: 1 }),
  },
  embedding: {
    operands: (size) => [numbers(1, side(size), side(size)), indices(side(size), side(size))],
    apply: (w, i) => gradtape.embedding(w as Variable, i as Variable),
  },
  crossEntropy: {
    operands: (size) => [numbers(1, side(size), side(size)), indices(side(size), side(size))],
    apply: (x, i) => gradtape.crossEntropy(x as Variable, i as Variable, { labelSmoothing: 0.1 }),
  },
  einsum: {
    operands: (size) => [numbers(1, side(size), side(size)), numbers(2, side(size), side(size))],
    apply: (a, b) => gradtape.einsum('ij,kj->ik', a as Variable, b as Variable),
    most: 10_000,
  },
  // Square matrices of a million elements are taken apart for seconds.
  ...named('inv det cholesky', invertible, { most: 10_000 }),
  qr: { operands: invertible, apply: (x) => gradtape.qr(x as Variable)[0], most: 10_000 },
  svd: { operands: invertible, apply: (x) => gradtape.svd(x as Variable)[1], most: 10_000 },
  eigh: { operands: invertible, apply: (x) => gradtape.eigh(x as Variable)[0], most: 10_000 },
  solve: {
    operands: (size) => [dominant(side(size)), numbers(2, side(size), 1)],
    apply: (a, b) => gradtape.solve(a as Variable, b as Variable),
    most: 10_000,
  },
  rmsNorm: {
    operands: (size) => normalized(size).slice(0, 2),
    apply: (x, gamma) => gradtape.rmsNorm(x as Variable, gamma as Variable),
  },
  groupNorm: {
    operands: (size) => [images(size), numbers(2, 4), numbers(3, 4)],
    apply: (x, gamma, beta) =>
      gradtape.groupNorm(x as Variable, gamma as Variable, beta as Variable, { groups: 2 }),
    least: 100,
  },
  prelu: {
    operands: (size) => [numbers(1, side(size), side(size)), numbers(2, side(size))],
    apply: (x, w) => gradtape.prelu(gradtape.sub(x as Variable, 0.5), w as Variable),
  },
  scaledDotProductAttention: {
    operands: (size) => [1, 2, 3].map((seed) => numbers(seed, side(size), side(size))),
    apply: (q, k, v) =>
      gradtape.scaledDotProductAttention(q as Variable, k as Variable, v as Variable, { causal: true }),
    most: 10_000,
  },
  conv1d: {
    operands: (size) => [numbers(1, 4, 4, size / 16), numbers(2, 8, 4, 3)],
    apply: (x, w) => gradtape.conv1d(x as Variable, w as Variable, undefined, { padding: 1 }),
    least: 100,
    most: 10_000,
  },
  conv3d: {
    operands: () => [numbers(1, 1, 4, 13, 14, 14), numbers(2, 8, 4, 3, 3, 3)],
    apply: (x, w) => gradtape.conv3d(x as Variable, w as Variable, undefined, { padding: 1 }),
    least: 10_000,
    most: 10_000,
  },
  convTranspose2d: {
    operands: (size) => [images(size), numbers(2, 4, 8, 3, 3)],
    apply: (x, w) => gradtape.convTranspose2d(x as Variable, w as Variable, undefined, { padding: 1 }),
    least: 100,
  },
  adaptiveAveragePool2d: {
    operands: (size) => [images(size)],
    apply: (x) => gradtape.adaptiveAveragePool2d(x as Variable, 3),
    least: 100,
  },
  interpolate: {
    operands: (size) => [images(size)],
    apply: (x) => gradtape.interpolate(x as Variable, { scale: 2, mode: 'bilinear' }),
    least: 100,
    most: 10_000,
  },
  // PyTorch differentiates it by the predictions alone.
  binaryCrossEntropy: {
    operands: rows,
    apply: (p, t) => gradtape.binaryCrossEntropy(p as Variable, (t as Variable).data),
  },
  clip: { operands: row, apply: (x) => gradtape.clip(x as Variable, { min: 0.3, max: 0.6 }) },
  cumsum: { operands: row, apply: (x) => gradtape.cumsum(x as Variable, { axis: 0 }) },
  where: {
    operands: rows,
    apply: (a, b) =>
      gradtape.where(gradtape.less(a as Variable, b as Variable), a as Variable, b as Variable),
  },
  'sum of rows': { operands: matrix, apply: (x) => gradtape.sum(x as Variable, { axis: 1 }) },
  'sum of columns': { operands: matrix, apply: (x) => gradtape.sum(x as Variable, { axis: 0 }) },
  'max of rows': { operands: matrix, apply: (x) => gradtape.max(x as Variable, { axis: 1 }) },
  'add a row': {
    operands: (size) => [numbers(1, side(size), side(size)), numbers(2, side(size))],
    apply: (a, b) => gradtape.add(a as Variable, b as Variable),
  },
  'mul a column': {
    operands: (size) => [numbers(1, side(size), side(size)), numbers(2, side(size), 1)],
    apply: (a, b) => gradtape.mul(a as Variable, b as Variable),
  },
  concat: { operands: rows, apply: (a, b) => gradtape.concat([a as Variable, b as Variable]) },
  slice: {
    operands: matrix,
    apply: (x) => gradtape.slice(x as Variable, [null, [null, null, 2]]),
  },
  take: {
    operands: (size) => [numbers(1, side(size), side(size)), indices(side(size), side(size))],
    apply: (x, i) => gradtape.take(x as Variable, i as Variable),
  },
  softmaxCrossEntropy: {
    operands: (size) => [numbers(1, side(size), side(size)), indices(side(size), side(size))],
    apply: (x, i) => gradtape.softmaxCrossEntropy(x as Variable, i as Variable),
  },
  ...named('layerNorm', normalized),
  ...named('batchNorm', normalized, { least: 100 }),
  dropout: {
    operands: row,
    apply: (x) => gradtape.dropout(x as Variable, { p: 0.5, seed: 1, counter: 1 }),
  },
  matmul: {
    operands: (size) => [numbers(1, side(size), side(size)), numbers(2, side(size), side(size))],
    apply: (a, b) => matmul(a as Variable, b as Variable),
    most: 10_000,
  },
  linear: {
    operands: (size) => [numbers(1, side(size), side(size)), numbers(2, side(size), 10), numbers(3, 10)],
    apply: (x, w, b) => gradtape.linear(x as Variable, w as Variable, b as Variable),
  },
  conv2d: {
    operands: (size) => [images(size), numbers(2, 8, 4, 3, 3)],
    apply: (x, w) => gradtape.conv2d(x as Variable, w as Variable, undefined, { padding: 1 }),
    least: 100,
  },
  maxPool2d: {
    operands: (size) => [images(size)],
    apply: (x) => gradtape.maxPool2d(x as Variable, { kernel: 2 }),
    least: 100,
  },
  averagePool2d: {
    operands: (size) => [images(size)],
    apply: (x) => gradtape.averagePool2d(x as Variable, { kernel: 2 }),
    least: 100,
  },
  maxPool1d: {
    operands: (size) => [numbers(1, 4, 4, size / 16)],
    apply: (x) => gradtape.maxPool1d(x as Variable, { kernel: 2 }),
    least: 10_000,
    most: 10_000,
  },
  maxPool3d: {
    operands: () => [numbers(1, 1, 4, 13, 14, 14)],
    apply: (x) => gradtape.maxPool3d(x as Variable, { kernel: 2 }),
    least: 10_000,
    most: 10_000,
  },
  averagePool3d: {
    operands: () => [numbers(1, 1, 4, 13, 14, 14)],
    apply: (x) => gradtape.averagePool3d(x as Variable, { kernel: 2 }),
    least: 10_000,
    most: 10_000,
  },
  normalize: { operands: matrix, apply: (x) => gradtape.normalize(x as Variable) },
  quantile: { operands: matrix, apply: (x) => gradtape.quantile(x as Variable, 0.3, { axis: 1 }) },
  cdist: {
    operands: (size) => [numbers(1, side(size), 8), numbers(2, side(size), 8)],
    apply: (a, b) => gradtape.cdist(a as Variable, b as Variable),
  },
  indexAdd: {
    operands: (size) => [
      numbers(1, side(size), side(size)),
      indices(side(size), side(size)),
      numbers(2, side(size), side(size)),
    ],
    apply: (x, i, v) => gradtape.indexAdd(x as Variable, i as Variable, v as Variable),
  },
  pinv: { operands: invertible, apply: (x) => gradtape.pinv(x as Variable), most: 10_000 },
}
