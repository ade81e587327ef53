/**
 * Whether native code gives the bits of the plain loops on this machine: a few numbers of each kind through each function, summed up
 * bit for bit. It takes a few milliseconds, once a thread, before native code computes anything that anybody sees.
 */
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

/** What is tried, on ordinary arrays from their beginnings unless said. Native code has it, and the plain loops in their test. */
export interface Tried {
  unary(op: UnaryOp, x: Floats, out: Floats): void
  /** 3 × 49, of which `y` has one row. */
  binary(op: BinaryOp, x: Floats, y: Floats, out: Floats): void
  slope(op: (typeof SLOPES)[number], gy: Floats, x: Floats, out: Floats): void
  compare(op: CompareOp, x: Floats, y: Floats, out: Uint8Array): void
  clip(x: Floats, least: number, most: number, out: Floats): void
  reduceRows(op: ReduceOp, x: Floats, from: number, rows: number, columns: number, out: Floats): void
  accumulateRows(
    op: ReduceOp,
    x: Floats,
    from: number,
    rows: number,
    columns: number,
    out: Floats,
    to: number,
  ): void
  softmaxRows(isLog: boolean, x: Floats, rows: number, columns: number, out: Floats): void
  /** 7 × 13 by 13 × 11, with the steps from row to row and from column to column. */
  matmul(x: Floats, xr: number, xc: number, y: Floats, yr: number, yc: number, out: Floats): void
  sgdStep(w: Floats, g: Floats, out: Floats, lr: number, weightDecay: number): void
  momentumStep(w: Floats, g: Floats, v: Floats, outW: Floats, outV: Floats, numbers: MomentumNumbers): void
  adamStep(arrays: readonly Floats[], numbers: AdamNumbers): void
  sums(x: Floats): Sums
  /** The square of how far the arrays are apart, and the same with the sums of `x`. */
  distance(x: Floats, y: Floats): number
  measures(x: Floats, y: Floats): { readonly sums: Sums; readonly squaredDistance: number }
}

/**
 * The bits of all that the plain loops give, as `bitsOf` sums them up. The loops themselves would run here uncompiled, which took
 * most of the test's time, and would be compiled for it; so a test holds these to them.
 */
export const HASHES = { Float64Array: -1773030743, Float32Array: -1998855574 } as const

/** Whether all results of native code are those of the plain loops. */
export function agrees(native: Native): boolean {
  try {
    const tried = triedNatively(native)
    return [Float64Array, Float32Array].every(
      (Type) =>
        bitsOf(tried, Type) === HASHES[Type.name as keyof typeof HASHES] &&
        agreesAtOnce(native, Type, (count, seed) => numbers(Type, seed, count)),
    )
  } catch {
    return false
  }
}

function triedNatively(native: Native): Tried {
  const n = COUNT
  return {
    unary: (op, x, out) => calls.unaryNatively(native, calls.unaryNumber(op)!, x, 0, out, 0, n),
    binary: (op, x, y, out) => calls.binaryNatively(native, op, 3, 49, x, 0, 49, 1, y, 0, 0, 1, out, 0),
    slope: (op, gy, x, out) =>
      calls.binaryNatively(native, `${op}Slope`, 1, n, gy, 0, n, 1, x, 0, n, 1, out, 0),
    compare: (op, x, y, out) => calls.compareNatively(native, op, 3, 49, x, 0, 49, 1, y, 0, 0, 1, out, 0),
    clip: (x, least, most, out) => calls.clipNatively(native, x, 0, least, most, out, 0, n),
    reduceRows: (op, x, from, rows, columns, out) =>
      calls.rowsNatively(native, false, op, x, from, rows, columns, out, 0),
    accumulateRows: (op, x, from, rows, columns, out, to) =>
      calls.rowsNatively(native, true, op, x, from, rows, columns, out, to),
    softmaxRows: (isLog, x, rows, columns, out) =>
      calls.softmaxNatively(native, isLog, x, 0, rows, columns, out, 0),
    matmul: (x, xr, xc, y, yr, yc, out) =>
      calls.matmulNatively(native, 7, 13, 11, x, 0, xr, xc, y, 0, yr, yc, out, 0),
    sgdStep: (w, g, out, lr, weightDecay) =>
      calls.sgdNatively(native, w, 0, g, 0, out, 0, n, lr, weightDecay),
    momentumStep: (w, g, v, outW, outV, given) =>
      calls.momentumNatively(native, w, 0, g, 0, v, 0, outW, 0, outV, 0, n, given),
    adamStep: ([w, g, m, v, outW, outM, outV], given) =>
      calls.adamNatively(native, w!, 0, g!, 0, m!, 0, v!, 0, outW!, 0, outM!, 0, outV!, 0, n, given),
    sums: (x) => calls.sumsNatively(native, x, 0, x.length),
    distance: (x, y) => calls.distanceNatively(native, x, 0, y, 0, x.length),
    measures: (x, y) => calls.measuresNatively(native, x, 0, y, 0, x.length),
  }
}

/** A hash of the bits of all results, NaN counting as one value. */
export function bitsOf(tried: Tried, Type: Type): number {
  const [x, y, z] = [numbers(Type, 1), numbers(Type, 2), numbers(Type, 3)]
  const [a, b, c] = [1, 2, 3].map(() => new Type(COUNT) as Floats) as [Floats, Floats, Floats]
  const words = new Map([a, b, c].map((out) => [out, new Int32Array(out.buffer)]))
  let hash = 0x811c9dc5
  const mix = (word: number) => {
    hash = Math.imul(hash ^ word, 0x01000193)
    hash ^= hash >>> 15
  }
  const note = (out: Floats) => {
    const bits = words.get(out)!
    const each = bits.length / COUNT
    for (let i = 0; i < COUNT; i++) {
      if (out[i] !== out[i]) mix(1)
      else for (let j = i * each; j < (i + 1) * each; j++) mix(bits[j]!)
    }
    out.fill(0)
  }
  const noteNumbers = (...found: number[]) => {
    const bits = new Int32Array(Float64Array.from(found).buffer)
    for (let i = 0; i < bits.length; i++) mix(bits[i]!)
  }
  for (const op of UNARY) {
    tried.unary(op, x, a)
    note(a)
  }
  for (const op of BINARY) {
    tried.binary(op, x, y, a)
    note(a)
  }
  for (const op of SLOPES) {
    tried.slope(op, x, y, a)
    note(a)
  }
  const is = new Uint8Array(COUNT)
  for (const op of COMPARE) {
    tried.compare(op, x, y, is)
    for (let i = 0; i < COUNT; i++) mix(is[i]!)
  }
  tried.clip(x, -0.5, 2, a)
  note(a)
  // Ordinary numbers, as one NaN would hide what a sum does; from the seventeenth on there are no odd ones.
  const from = ODD.length
  for (const op of REDUCE) {
    for (const [rows, columns] of [
      [1, COUNT - from],
      [13, 10],
    ] as const) {
      a.fill(1)
      tried.reduceRows(op, x, from, rows, columns, a)
      tried.accumulateRows(op, x, from, rows, columns, a, COUNT - columns)
      note(a)
    }
  }
  for (const isLog of [false, true]) {
    tried.softmaxRows(isLog, x, 7, 21, a)
    note(a)
  }
  // Plain, and each operand turned.
  for (const [xr, xc, yr, yc] of [
    [13, 1, 11, 1],
    [1, 7, 11, 1],
    [13, 1, 1, 13],
  ] as const) {
    tried.matmul(y, xr, xc, z, yr, yc, a)
    note(a)
  }
  tried.sgdStep(x, y, a, 0.1, 0.01)
  note(a)
  tried.momentumStep(x, y, z, a, b, MOMENTUM)
  for (const out of [a, b]) note(out)
  tried.adamStep([x, y, z, x, a, b, c], ADAM)
  for (const out of [a, b, c]) note(out)
  // What recorders keep of arrays: of a chunk, which goes beside others, and of some of the next, which do not.
  const [p, q] = [numbers(Type, 2, 1024 + 35), numbers(Type, 3, 1024 + 35)]
  const { sums, squaredDistance } = tried.measures(p, q)
  for (const found of [tried.sums(p), sums])
    noteNumbers(found.sum, found.squares, found.min, found.max, found.zeroCount)
  noteNumbers(tried.distance(p, q), squaredDistance)
  return hash
}

const SIZES = [1, 4, 30, 0.001] as const

/** Numbers of many sizes from one recurrence, the odd ones first in the first array. */
function numbers(Type: Type, seed: number, count = COUNT): Floats {
  const out = new Type(count)
  let state = seed
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    const unit = state / 4294967296 - 0.5
    out[i] = seed === 1 && i < ODD.length ? ODD[i]! : unit * SIZES[(state >>> 9) & 3]!
  }
  return out
}
