/**
 * The functions as methods of Variable: `x.mul(w).add(b)` is `add(mul(x, w), b)`. Every function whose first operand is the
 * variable at work is here; importing this file is what adds them.
 */
import { type Operand, Variable } from '../graph/variable.js'
import { erf, gelu, leakyRelu, relu, sigmoid, softplus } from './activations.js'
import { abs, add, div, floor, mul, neg, sign, sqrt, square, sub } from './arithmetic.js'
import { scaledDotProductAttention } from './attention.js'
import { clip, maximum, minimum } from './bounds.js'
import { cast } from './casting.js'
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
import { conv2d, convTranspose2d } from './convolution.js'
import { dropout } from './dropout.js'
import { cos, exp, expm1, log, log1p, pow, sin, tanh } from './exponential.js'
import { gather, scatterAdd } from './gathering.js'
import { embedding, oneHot, take } from './indexing.js'
import { pad, slice, split } from './joining.js'
import { binaryCrossEntropy, meanSquaredError, softmaxCrossEntropy } from './losses.js'
import { batchNorm, layerNorm } from './normalization.js'
import { argmax, argmin, topk } from './ordering.js'
import { averagePool2d, maxPool2d } from './pooling.js'
import { linear, matmul } from './products.js'
import { max, mean, min, sum } from './reductions.js'
import { cumsum, prod } from './running.js'
import { broadcastTo, expandDims, flip, reshape, squeeze, sumTo, transpose } from './shapes.js'
import { logSoftmax, softmax } from './softmax.js'
import { logSumExp, norm, std, variance } from './statistics.js'

const functions = {
  abs,
  add,
  argmax,
  argmin,
  averagePool2d,
  batchNorm,
  binaryCrossEntropy,
  broadcastTo,
  cast,
  clip,
  conv2d,
  convTranspose2d,
  cos,
  cumsum,
  div,
  dropout,
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
  mul,
  neg,
  norm,
  notEqual,
  oneHot,
  pad,
  pow,
  prod,
  relu,
  reshape,
  scaledDotProductAttention,
  scatterAdd,
  sigmoid,
  sign,
  sin,
  slice,
  softmax,
  softmaxCrossEntropy,
  softplus,
  split,
  sqrt,
  square,
  squeeze,
  std,
  sub,
  sum,
  sumTo,
  take,
  tanh,
  topk,
  transpose,
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
