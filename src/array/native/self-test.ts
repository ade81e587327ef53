/**
 * Whether native code gives the bits of the plain loops on this machine: a few numbers of each kind through each function, compared
 * bit for bit. It takes some milliseconds, most of them to compile the loops, once a thread, before native code computes anything that anybody sees.
 */
import { plainKernel } from '../plain-kernel.js'
import type { AdamNumbers, BinaryOp, CompareOp, MomentumNumbers, ReduceOp, UnaryOp } from '../primitives.js'
import type { Sums } from '../wasm/summaries.js'
import type { Native } from './addon.js'
import * as calls from './calls.js'
import { agreesAtOnce } from './fused-self-test.js'

type Floats = Float64Array | Float32Array
type Type = Float64ArrayConstructor | Float32ArrayConstructor

/** All that native code knows. */
const UNARY = Object.keys(calls.UNARY) as UnaryOp[]
const SLOPES = ['relu', 'sigmoid', 'tanh'] as const
const BINARY = Object.keys(calls.BINARY).filter((op) => !op.endsWith('Slope')) as BinaryOp[]
const COMPARE = Object.keys(calls.COMPARE) as CompareOp[]
const REDUCE = Object.keys(calls.REDUCE) as ReduceOp[]

/** Odd ones, then ordinary ones; no sine of any needs another reduction of its argument. */
const ODD = [
  0,
  -0,
  NaN,
  Infinity,
  -Infinity,
  1,
  -1,
  5e-324,
  1e-310,
  1e-40,
  709.9,
  -745.3,
  39.1,
  0.5625,
  1e5,
  -26.7,
]
/** No multiple of any vector's lanes, and more than one block of a pairwise sum. */
const COUNT = 147

const MOMENTUM: MomentumNumbers = { lr: 0.1, momentum: 0.9, fresh: 0.95, weightDecay: 0.01, nesterov: true }
const ADAM: AdamNumbers = {
  beta1: 0.9,
  fresh1: 0.1,
  beta2: 0.999,
  fresh2: 0.001,
  decay: 0.01,
  keep: 0.99,
  size: 0.01,
  correction: 0.03,
  eps: 1e-8,
}

/** Whether all results of native code are those of the plain loops. */
export function agrees(native: Native): boolean {
  try {
    return agreesIn(native, Float64Array) && agreesIn(native, Float32Array)
  } catch {
    return false
  }
}

function agreesIn(native: Native, Type: Type): boolean {
  const n = COUNT
  const make = () => new Type(n) as Floats
  const [x, y, z] = [numbers(Type, 1), numbers(Type, 2), numbers(Type, 3)]
  const [a, b, c, d, e, f] = [make(), make(), make(), make(), make(), make()]
  for (const op of UNARY) {
    plainKernel.unary(op, x, 0, a, 0, n)
    calls.unaryNatively(native, calls.unaryNumber(op)!, x, 0, b, 0, n)
    if (!equal(a, b)) return false
  }
  for (const op of BINARY) {
    plainKernel.binary(op, 3, 49, x, 0, 49, 1, y, 0, 0, 1, a, 0)
    calls.binaryNatively(native, op, 3, 49, x, 0, 49, 1, y, 0, 0, 1, b, 0)
    if (!equal(a, b)) return false
  }
  for (const op of SLOPES) {
    plainKernel.slope(op, x, 0, y, 0, a, 0, n)
    calls.binaryNatively(native, `${op}Slope`, 1, n, x, 0, n, 1, y, 0, n, 1, b, 0)
    if (!equal(a, b)) return false
  }
  const [is, was] = [new Uint8Array(n), new Uint8Array(n)]
  for (const op of COMPARE) {
    plainKernel.compare(op, 3, 49, x, 0, 49, 1, y, 0, 0, 1, is, 0)
    calls.compareNatively(native, op, 3, 49, x, 0, 49, 1, y, 0, 0, 1, was, 0)
    for (let i = 0; i < n; i++) if (is[i] !== was[i]) return false
  }
  plainKernel.clip(x, 0, -0.5, 2, a, 0, n)
  calls.clipNatively(native, x, 0, -0.5, 2, b, 0, n)
  if (!equal(a, b)) return false
  // Ordinary numbers, as one NaN would hide what a sum does; from the seventeenth on there are no odd ones.
  const from = ODD.length
  for (const op of REDUCE) {
    for (const [rows, columns] of [
      [1, n - from],
      [13, 10],
    ] as const) {
      a.fill(1)
      b.fill(1)
      plainKernel.reduceRows(op, x, from, rows, columns, a, 0)
      calls.rowsNatively(native, false, op, x, from, rows, columns, b, 0)
      plainKernel.accumulateRows(op, x, from, rows, columns, a, n - columns)
      calls.rowsNatively(native, true, op, x, from, rows, columns, b, n - columns)
      if (!equal(a, b)) return false
    }
  }
  for (const isLog of [false, true]) {
    const plain = isLog ? plainKernel.logSoftmaxRows : plainKernel.softmaxRows
    plain(x, 0, 7, 21, a, 0)
    calls.softmaxNatively(native, isLog, x, 0, 7, 21, b, 0)
    if (!equal(a, b)) return false
  }
  // 7 × 13 by 13 × 11, and each operand turned.
  for (const [ar, ac, br, bc] of [
    [13, 1, 11, 1],
    [1, 7, 11, 1],
    [13, 1, 1, 13],
  ] as const) {
    plainKernel.matmul(7, 13, 11, y, 0, ar, ac, z, 0, br, bc, a, 0)
    calls.matmulNatively(native, 7, 13, 11, y, 0, ar, ac, z, 0, br, bc, b, 0)
    if (!equal(a, b)) return false
  }
  plainKernel.sgdStep(x, 0, y, 0, a, 0, n, 0.1, 0.01)
  calls.sgdNatively(native, x, 0, y, 0, b, 0, n, 0.1, 0.01)
  if (!equal(a, b)) return false
  plainKernel.momentumStep(x, 0, y, 0, z, 0, a, 0, c, 0, n, MOMENTUM)
  calls.momentumNatively(native, x, 0, y, 0, z, 0, b, 0, d, 0, n, MOMENTUM)
  if (!equal(a, b) || !equal(c, d)) return false
  plainKernel.adamStep(x, 0, y, 0, z, 0, x, 0, a, 0, c, 0, e, 0, n, ADAM)
  calls.adamNatively(native, x, 0, y, 0, z, 0, x, 0, b, 0, d, 0, f, 0, n, ADAM)
  if (!equal(a, b) || !equal(c, d) || !equal(e, f)) return false
  return agreesInSums(native, Type) && agreesAtOnce(native, Type, (count, seed) => numbers(Type, seed, count))
}

/** What recorders keep of arrays: of a chunk, which goes beside others, and of some of the next, which do not. */
function agreesInSums(native: Native, Type: Type): boolean {
  const n = 1024 + 35
  const [y, z] = [numbers(Type, 2, n), numbers(Type, 3, n)]
  let [sum, squares, distance] = [0, 0, 0]
  for (const [from, to] of [
    [0, 1024],
    [1024, n],
  ] as const) {
    let [s, q, d0, d1, d2, d3] = [0, 0, 0, 0, 0, 0]
    for (let i = from; i < to; i++) {
      s += y[i]!
      q += y[i]! * y[i]!
    }
    for (let i = from; i < to; i++) {
      const d = y[i]! - z[i]!
      const place = i < n - (n % 4) ? i % 4 : 0
      if (place === 0) d0 += d * d
      else if (place === 1) d1 += d * d
      else if (place === 2) d2 += d * d
      else d3 += d * d
    }
    sum += s
    squares += q
    distance += d0 + d1 + (d2 + d3)
  }
  const [min, max] = [Math.min(...y), Math.max(...y)]
  const isRight = (sums: Sums, apart: number) =>
    Object.is(sums.sum, sum) &&
    Object.is(sums.squares, squares) &&
    sums.min === min &&
    sums.max === max &&
    sums.zeroCount === 0 &&
    Object.is(apart, distance)
  const both = calls.measuresNatively(native, y, 0, z, 0, n)
  return (
    isRight(calls.sumsNatively(native, y, 0, n), calls.distanceNatively(native, y, 0, z, 0, n)) &&
    isRight(both.sums, both.squaredDistance)
  )
}

/** Numbers of many sizes from one recurrence, the odd ones first in the first array. */
function numbers(Type: Type, seed: number, count = COUNT): Floats {
  const out = new Type(count)
  let state = seed
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    const unit = state / 4294967296 - 0.5
    out[i] = seed === 1 && i < ODD.length ? ODD[i]! : unit * [1, 4, 30, 0.001][(state >>> 9) & 3]!
  }
  return out
}

/** The same bits, NaN counting as one value. */
function equal(a: Floats, b: Floats): boolean {
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false
  return true
}
