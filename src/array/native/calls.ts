/**
 * The calls into native code: the numbers of a call are written where code/addon.cpp reads them, then the arrays are given. Whoever
 * calls has seen to it that all arrays are of one floating type.
 */
import type { GateOp, PlaceOp } from '../fused-primitives.js'
import type {
  AdamNumbers,
  BinaryOp,
  CompareOp,
  MomentumNumbers,
  ReduceOp,
  SlopeOp,
  UnaryOp,
} from '../primitives.js'
import type { Sums } from '../wasm/summaries.js'
import type { Native } from './addon.js'

type Floats = Float64Array | Float32Array

/** What an array sums up to, and the squares of how far it is from another. */
export interface Measures {
  readonly sums: Sums
  readonly squaredDistance: number
}

/** The numbers of operations in code/elementwise.hpp and code/reductions.hpp. */
export const UNARY: { readonly [op in UnaryOp]?: number } = {
  neg: 0,
  square: 1,
  abs: 2,
  relu: 3,
  sqrt: 4,
  reciprocal: 5,
  exp: 6,
  log: 7,
  sin: 8,
  cos: 9,
  tanh: 10,
  sigmoid: 11,
  erf: 12,
  gelu: 13,
  softplus: 14,
  expm1: 15,
  log1p: 16,
  sign: 17,
  floor: 18,
  tan: 19,
  sinh: 20,
  cosh: 21,
  arcsin: 22,
  arccos: 23,
  arctan: 24,
  ceil: 25,
  trunc: 26,
  round: 27,
  cube: 28,
  exp2: 29,
}
export const BINARY: { readonly [op in BinaryOp | `${SlopeOp}Slope`]: number } = {
  add: 0,
  sub: 1,
  mul: 2,
  div: 3,
  maximum: 4,
  minimum: 5,
  pow: 6,
  reluSlope: 7,
  sigmoidSlope: 8,
  tanhSlope: 9,
  arctan2: 10,
  remainder: 11,
}
/** `a > b` is asked for as `b < a`, `a ≥ b` as `b ≤ a`. */
export const COMPARE = { equal: 0, notEqual: 1, less: 2, lessEqual: 3 } as const
export const GATE: { readonly [op in GateOp]: number } = {
  leaky: 0,
  elu: 1,
  eluSlope: 2,
  within: 3,
  between: 4,
  selu: 5,
  seluSlope: 6,
  hardSigmoid: 7,
  hardSwish: 8,
  hardSwishSlope: 9,
  smoothL1: 10,
  huber: 11,
}
export const PLACES: { readonly [op in PlaceOp]: number } = {
  gather: 0,
  scatterAdd: 1,
  take: 2,
  scatterTake: 3,
}
export const REDUCE: { readonly [op in ReduceOp]: number } = { sum: 0, prod: 1, max: 2, min: 3 }

/** The number of an operation with one operand, or undefined when native code does not have it. */
export function unaryNumber(op: UnaryOp): number | undefined {
  return UNARY[op]
}

/** out[i] = op(x[i]); sines and cosines of |x| ≥ 2^20 are wrong, and the caller's to replace. */
export function unaryNatively(
  { library, numbers }: Native,
  op: number,
  x: Floats,
  xo: number,
  out: Floats,
  oo: number,
  n: number,
): void {
  numbers[0] = op
  numbers[1] = xo
  numbers[2] = oo
  numbers[3] = n
  library.unary(x, out)
}

/** Arguments as `Kernel.binary`. */
export function binaryNatively(
  { library, numbers }: Native,
  op: BinaryOp | `${SlopeOp}Slope`,
  rows: number,
  columns: number,
  a: Floats,
  ao: number,
  ar: number,
  ac: number,
  b: Floats,
  bo: number,
  br: number,
  bc: number,
  out: Floats,
  oo: number,
): void {
  numbers[0] = BINARY[op]
  numbers[1] = rows
  numbers[2] = columns
  numbers[3] = ao
  numbers[4] = ar
  numbers[5] = ac
  numbers[6] = bo
  numbers[7] = br
  numbers[8] = bc
  numbers[9] = oo
  library.binary(a, b, out)
}

/** Arguments as `Kernel.compare`. */
export function compareNatively(
  { library, numbers }: Native,
  op: CompareOp,
  rows: number,
  columns: number,
  a: Floats,
  ao: number,
  ar: number,
  ac: number,
  b: Floats,
  bo: number,
  br: number,
  bc: number,
  out: Uint8Array,
  oo: number,
): void {
  const isTurned = op === 'greater' || op === 'greaterEqual'
  const direct = op === 'greater' ? 'less' : op === 'greaterEqual' ? 'lessEqual' : op
  numbers[0] = COMPARE[direct]
  numbers[1] = rows
  numbers[2] = columns
  numbers[3] = isTurned ? bo : ao
  numbers[4] = isTurned ? br : ar
  numbers[5] = isTurned ? bc : ac
  numbers[6] = isTurned ? ao : bo
  numbers[7] = isTurned ? ar : br
  numbers[8] = isTurned ? ac : bc
  numbers[9] = oo
  if (isTurned) library.compare(b, a, out)
  else library.compare(a, b, out)
}

/** Arguments as `Kernel.clip`. */
export function clipNatively(
  { library, numbers }: Native,
  x: Floats,
  xo: number,
  least: number,
  most: number,
  out: Floats,
  oo: number,
  n: number,
): void {
  numbers[0] = xo
  numbers[1] = oo
  numbers[2] = n
  numbers[3] = least
  numbers[4] = most
  library.clip(x, out)
}

/** Arguments as `Kernel.matmul`. */
export function matmulNatively(
  { library, numbers }: Native,
  m: number,
  k: number,
  n: number,
  a: Floats,
  ao: number,
  ar: number,
  ac: number,
  b: Floats,
  bo: number,
  br: number,
  bc: number,
  out: Floats,
  oo: number,
): void {
  numbers[0] = m
  numbers[1] = k
  numbers[2] = n
  numbers[3] = ao
  numbers[4] = ar
  numbers[5] = ac
  numbers[6] = bo
  numbers[7] = br
  numbers[8] = bc
  numbers[9] = oo
  library.matmul(a, b, out)
}

/** Arguments as `Kernel.reduceRows` and `accumulateRows`. */
export function rowsNatively(
  { library, numbers }: Native,
  isInto: boolean,
  op: ReduceOp,
  x: Floats,
  xo: number,
  rows: number,
  columns: number,
  out: Floats,
  oo: number,
): void {
  numbers[0] = REDUCE[op]
  numbers[1] = xo
  numbers[2] = rows
  numbers[3] = columns
  numbers[4] = oo
  if (isInto) library.accumulateRows(x, out)
  else library.reduceRows(x, out)
}

/** Arguments as `Kernel.softmaxRows` and `logSoftmaxRows`. */
export function softmaxNatively(
  { library, numbers }: Native,
  isLog: boolean,
  x: Floats,
  xo: number,
  rows: number,
  columns: number,
  out: Floats,
  oo: number,
): void {
  numbers[0] = isLog ? 1 : 0
  numbers[1] = xo
  numbers[2] = rows
  numbers[3] = columns
  numbers[4] = oo
  library.softmaxRows(x, out)
}

/** Arguments as `Kernel.sgdStep`. */
export function sgdNatively(
  { library, numbers }: Native,
  w: Floats,
  wo: number,
  g: Floats,
  go: number,
  out: Floats,
  oo: number,
  n: number,
  lr: number,
  weightDecay: number,
): void {
  numbers[0] = wo
  numbers[1] = go
  numbers[2] = oo
  numbers[3] = n
  numbers[4] = lr
  numbers[5] = weightDecay
  library.sgdStep(w, g, out)
}

/** Arguments as `Kernel.momentumStep`. */
export function momentumNatively(
  { library, numbers }: Native,
  w: Floats,
  wo: number,
  g: Floats,
  go: number,
  v: Floats,
  vo: number,
  outW: Floats,
  outWo: number,
  outV: Floats,
  outVo: number,
  n: number,
  { lr, momentum, fresh, weightDecay, nesterov }: MomentumNumbers,
): void {
  numbers[0] = wo
  numbers[1] = go
  numbers[2] = vo
  numbers[3] = outWo
  numbers[4] = outVo
  numbers[5] = n
  numbers[6] = lr
  numbers[7] = momentum
  numbers[8] = fresh
  numbers[9] = weightDecay
  numbers[10] = nesterov ? 1 : 0
  library.momentumStep(w, g, v, outW, outV)
}

/** Arguments as `Kernel.adamStep`. */
export function adamNatively(
  { library, numbers }: Native,
  w: Floats,
  wo: number,
  g: Floats,
  go: number,
  m: Floats,
  mo: number,
  v: Floats,
  vo: number,
  outW: Floats,
  outWo: number,
  outM: Floats,
  outMo: number,
  outV: Floats,
  outVo: number,
  n: number,
  { beta1, fresh1, beta2, fresh2, decay, keep, size, correction, eps }: AdamNumbers,
): void {
  numbers[0] = wo
  numbers[1] = go
  numbers[2] = mo
  numbers[3] = vo
  numbers[4] = outWo
  numbers[5] = outMo
  numbers[6] = outVo
  numbers[7] = n
  numbers[8] = beta1
  numbers[9] = fresh1
  numbers[10] = beta2
  numbers[11] = fresh2
  numbers[12] = decay
  numbers[13] = keep
  numbers[14] = size
  numbers[15] = correction
  numbers[16] = eps
  library.adamStep(w, g, m, v, outW, outM, outV)
}

/** Of `count` elements; where the squares are not finite, the rest is not to be relied on. */
export function sumsNatively({ library, numbers }: Native, x: Floats, at: number, count: number): Sums {
  numbers[0] = at
  numbers[1] = count
  library.summarize(x)
  return sumsIn(numbers)
}

/** The sum of the squares of x[i] − y[i], in the order of `distanceOf` in `src/events/content.ts`. */
export function distanceNatively(
  native: Native,
  x: Floats,
  xo: number,
  y: Floats,
  yo: number,
  count: number,
): number {
  writePair(native.numbers, xo, yo, count)
  native.library.distance(x, y)
  return native.numbers[0]!
}

/** `sumsNatively` of x and its `distanceNatively` from y, in one pass. */
export function measuresNatively(
  native: Native,
  x: Floats,
  xo: number,
  y: Floats,
  yo: number,
  count: number,
): Measures {
  writePair(native.numbers, xo, yo, count)
  native.library.measure(x, y)
  return { sums: sumsIn(native.numbers), squaredDistance: native.numbers[5]! }
}

function writePair(numbers: Float64Array, xo: number, yo: number, count: number): void {
  numbers[0] = xo
  numbers[1] = yo
  numbers[2] = count
}

function sumsIn(numbers: Float64Array): Sums {
  return {
    sum: numbers[0]!,
    squares: numbers[1]!,
    min: numbers[2]!,
    max: numbers[3]!,
    zeroCount: numbers[4]!,
  }
}
