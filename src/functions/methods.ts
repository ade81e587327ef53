/**
 * The functions as methods of Variable: `x.mul(w).add(b)` is `add(mul(x, w), b)`. Every function whose first operand is the
 * variable at work is here; importing this file is what adds them.
 */
import { type Operand, Variable } from '../graph/variable.js'
import {
  elu,
  erf,
  gelu,
  hardtanh,
  leakyRelu,
  mish,
  prelu,
  relu,
  sigmoid,
  silu,
  softplus,
} from './activations.js'
import { abs, add, div, floor, mod, mul, neg, remainder, sign, sqrt, square, sub } from './arithmetic.js'
import { diff, outer, repeat, repeatInterleave, roll, tile, trace, tril, triu } from './arranging.js'
import { scaledDotProductAttention } from './attention.js'
import { normalizeChannels, randomAffine, randomCrop, randomFlip, randomNoise } from './augmentation.js'
import { clip, maximum, minimum } from './bounds.js'
import { cast } from './casting.js'
import { arccos, arcsin, arctan, arctan2, cosh, sinh, tan } from './circular.js'
import { allClose, isClose } from './closeness.js'
import {
  equal,
  greater,
  greaterEqual,
  less,
  lessEqual,
  logicalAnd,
  logicalNot,
  logicalOr,
  notEqual,
  where,
} from './comparison.js'
import { conv1d, conv2d, convTranspose2d } from './convolution.js'
import { bincount, histogram, unique } from './counting.js'
import { binaryCrossEntropyWithLogits, crossEntropy } from './cross-entropy.js'
import { ctcLoss } from './ctc.js'
import { eigh, qr, svd } from './decompositions.js'
import { cross, diag, diagonal, flatten, kron, moveAxis, swapAxes, tensordot } from './diagonals.js'
import {
  cosineEmbeddingLoss,
  cosineSimilarity,
  hingeLoss,
  huberLoss,
  klDivergence,
  l1Loss,
  smoothL1Loss,
} from './distances.js'
import { dropout } from './dropout.js'
import { cos, exp, exp2, expm1, log, log1p, pow, sin, tanh } from './exponential.js'
import { fft, fourierTransform, ifft, irfft, rfft } from './fourier.js'
import { gather, indexAdd, scatterAdd } from './gathering.js'
import { groupNorm, instanceNorm, rmsNorm } from './group-normalization.js'
import { embedding, oneHot, take } from './indexing.js'
import { interpolate } from './interpolation.js'
import { pad, slice, split } from './joining.js'
import { gaussianNllLoss, poissonNllLoss } from './likelihood-losses.js'
import { cholesky, det, inv, slogdet, solve } from './linear-algebra.js'
import { arccosh, arcsinh, arctanh, log2, log10, logAddExp } from './logarithms.js'
import { binaryCrossEntropy, meanSquaredError, softmaxCrossEntropy } from './losses.js'
import { marginRankingLoss, nllLoss, tripletMarginLoss } from './margin-losses.js'
import { lstsq, matrixNorm, matrixPower, pinv } from './matrices.js'
import { celu, glu, hardSigmoid, hardSwish, logSigmoid, relu6, selu, softsign } from './more-activations.js'
import { batchNorm, layerNorm } from './normalization.js'
import { argmax, argmin, argsort, sort, topk } from './ordering.js'
import { adaptiveAveragePool2d, adaptiveMaxPool2d, averagePool2d, maxPool2d } from './pooling.js'
import { linear, matmul } from './products.js'
import { median, quantile } from './quantiles.js'
import { pixelShuffle, pixelUnshuffle, unbind } from './rearranging.js'
import { max, mean, min, sum } from './reductions.js'
import { rotary } from './rotary.js'
import { all, any, ceil, countNonZero, isInfinite, isNan, nanToNum, round, trunc } from './rounding.js'
import { cumprod, cumsum, prod } from './running.js'
import { broadcastTo, expandDims, flip, reshape, squeeze, sumTo, transpose } from './shapes.js'
import { logSoftmax, softmax } from './softmax.js'
import { logSumExp, norm, std, variance } from './statistics.js'
import { convTranspose1d, convTranspose3d } from './transposed-convolution.js'
import { cdist, normalize } from './vectors.js'
import { conv3d } from './volume-convolution.js'
import {
  adaptiveAveragePool1d,
  adaptiveAveragePool3d,
  adaptiveMaxPool1d,
  adaptiveMaxPool3d,
  averagePool1d,
  averagePool3d,
  maxPool1d,
  maxPool3d,
} from './window-pooling.js'

const functions = {
  allClose,
  isClose,
  adaptiveAveragePool1d,
  adaptiveAveragePool3d,
  adaptiveMaxPool1d,
  adaptiveMaxPool3d,
  averagePool1d,
  averagePool3d,
  cdist,
  gaussianNllLoss,
  indexAdd,
  lstsq,
  matrixNorm,
  matrixPower,
  maxPool1d,
  maxPool3d,
  median,
  normalize,
  pinv,
  pixelShuffle,
  pixelUnshuffle,
  poissonNllLoss,
  quantile,
  unbind,
  all,
  any,
  arccosh,
  arcsinh,
  arctanh,
  ceil,
  celu,
  convTranspose1d,
  convTranspose3d,
  countNonZero,
  cross,
  diag,
  diagonal,
  exp2,
  flatten,
  glu,
  hardSigmoid,
  hardSwish,
  isInfinite,
  isNan,
  kron,
  log2,
  log10,
  logAddExp,
  logSigmoid,
  marginRankingLoss,
  moveAxis,
  nanToNum,
  nllLoss,
  relu6,
  round,
  selu,
  softsign,
  swapAxes,
  tensordot,
  tripletMarginLoss,
  trunc,
  ctcLoss,
  fft,
  fourierTransform,
  ifft,
  irfft,
  normalizeChannels,
  randomAffine,
  randomCrop,
  randomFlip,
  randomNoise,
  rfft,
  interpolate,
  conv3d,
  rotary,
  svd,
  qr,
  eigh,
  abs,
  adaptiveAveragePool2d,
  adaptiveMaxPool2d,
  add,
  arccos,
  arcsin,
  arctan,
  arctan2,
  argmax,
  argmin,
  argsort,
  averagePool2d,
  batchNorm,
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  bincount,
  broadcastTo,
  cast,
  cholesky,
  clip,
  conv1d,
  conv2d,
  convTranspose2d,
  cos,
  cosh,
  cosineEmbeddingLoss,
  cosineSimilarity,
  crossEntropy,
  cumprod,
  cumsum,
  det,
  diff,
  div,
  dropout,
  elu,
  embedding,
  equal,
  erf,
  exp,
  expandDims,
  expm1,
  flip,
  floor,
  gather,
  gelu,
  greater,
  greaterEqual,
  groupNorm,
  hardtanh,
  hingeLoss,
  histogram,
  huberLoss,
  instanceNorm,
  inv,
  klDivergence,
  l1Loss,
  layerNorm,
  leakyRelu,
  less,
  lessEqual,
  linear,
  log,
  log1p,
  logicalAnd,
  logicalNot,
  logicalOr,
  logSoftmax,
  logSumExp,
  matmul,
  max,
  maximum,
  maxPool2d,
  mean,
  meanSquaredError,
  min,
  minimum,
  mish,
  mod,
  mul,
  neg,
  norm,
  notEqual,
  oneHot,
  outer,
  pad,
  pow,
  prelu,
  prod,
  relu,
  remainder,
  repeat,
  repeatInterleave,
  reshape,
  rmsNorm,
  roll,
  scaledDotProductAttention,
  scatterAdd,
  sigmoid,
  sign,
  silu,
  sin,
  sinh,
  slice,
  slogdet,
  smoothL1Loss,
  softmax,
  softmaxCrossEntropy,
  softplus,
  solve,
  sort,
  split,
  sqrt,
  square,
  squeeze,
  std,
  sub,
  sum,
  sumTo,
  take,
  tan,
  tanh,
  tile,
  topk,
  trace,
  transpose,
  tril,
  triu,
  unique,
  var: variance,
  variance,
  where,
}

type Functions = typeof functions
type WithoutFirst<F> = F extends (x: Operand, ...rest: infer Rest) => infer Result
  ? (...rest: Rest) => Result
  : never

/** The methods that functions add to Variable. */
type Methods = { [Name in keyof Functions]: WithoutFirst<Functions[Name]> }

declare module '../graph/variable.js' {
  interface Variable extends Methods {
    /** The axes reversed: the transpose of a matrix. */
    readonly T: Variable
  }
}

type AnyFunction = (x: Variable, a?: unknown, b?: unknown, c?: unknown, d?: unknown) => unknown

for (const [name, call] of Object.entries(functions) as unknown as [string, AnyFunction][]) {
  Object.defineProperty(Variable.prototype, name, {
    value: function (this: Variable, a?: unknown, b?: unknown, c?: unknown, d?: unknown): unknown {
      return call(this, a, b, c, d)
    },
    writable: true,
    configurable: true,
  })
}

Object.defineProperty(Variable.prototype, 'T', {
  get(this: Variable): Variable {
    return transpose(this)
  },
  configurable: true,
})
