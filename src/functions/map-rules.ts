/**
 * How functions compute all examples of a `vmap` at once: by one call of the same function on arrays with the examples along their
 * first axis. Axes move up by one, operands of fewer axes get some of extent 1, and what is the same for all examples is repeated
 * only where the function does not broadcast. A function that is not here is called once for each example.
 */
import { ndarray } from '../array/make-array.js'
import { normalizeAxes, normalizeAxis, type Shape, sizeOf } from '../array/shape.js'
import type { Attributes } from '../graph/attributes.js'
import type { Func } from '../graph/func.js'
import { again, type MapCall, type MapOperand, type MapRule, setMapRule } from '../graph/map-calls.js'
import { StandIn } from '../graph/stand-in.js'
import { Variable } from '../graph/variable.js'
import * as activations from './activations.js'
import * as arithmetic from './arithmetic.js'
import { Diff, Roll, Tile, Tril, Triu } from './arranging.js'
import type { Axis } from './attributes.js'
import { RandomNoise } from './augmentation.js'
import { BandMeans, BandMeansScatter } from './bands.js'
import { Blend, BlendScatter } from './blending.js'
import { Clip, LargerShare, Maximum, Minimum } from './bounds.js'
import { Cast } from './casting.js'
import * as circular from './circular.js'
import * as comparison from './comparison.js'
import { Eigh, Qr, Svd } from './decompositions.js'
import { Cross, Diag } from './diagonals.js'
import { Dropout } from './dropout.js'
import * as exponential from './exponential.js'
import { FourierTransform, HalfFourier, RealFourier } from './fourier.js'
import { Concat, Pad, ScatterSlice, Slice, Split, Stack } from './joining.js'
import { Cholesky, Det, Inv, Slogdet, Solve } from './linear-algebra.js'
import { Pinv } from './matrices.js'
import { HardSigmoid, HardSwish, Selu } from './more-activations.js'
import { ArgMax, ArgMin, PlacesInOrder, Sort, Topk } from './ordering.js'
import * as reductions from './reductions.js'
import { Rotary } from './rotary.js'
import { CumProd, CumSum, Prod, ProdOthers } from './running.js'
import * as shapes from './shapes.js'
import { LogSoftmax, Softmax } from './softmax.js'
import { LogSumExp, Norm, Std, Var } from './statistics.js'
import { Cdist } from './vectors.js'

/** Another call of the same function with other attributes. */
export function withAttributes(func: Func, attributes: Attributes): Func {
  return new (func.constructor as new (attributes: object) => Func)(attributes)
}

/** Its examples with this many axes each: new ones, of extent 1, come before the others. */
export function lifted({ whole, isMapped, shape }: MapOperand, ndim: number): Variable {
  if (!isMapped || shape.length >= ndim) return whole
  return shapes.reshape(whole, [whole.shape[0]!, ...new Array<number>(ndim - shape.length).fill(1), ...shape])
}

/** Its examples along the first axis, also where all are the same. */
export function repeated({ whole, isMapped, shape }: MapOperand, rows: number): Variable {
  return isMapped ? whole : shapes.broadcastTo(whole, [rows, ...shape])
}

/** Operands that broadcast: all with as many axes. */
function elementwise({ func, operands }: MapCall): Variable[] {
  const ndim = Math.max(...operands.map(({ shape }) => shape.length))
  return again(func).applyList(operands.map((operand) => lifted(operand, ndim)))
}

/** Operands of one shape, which do not broadcast. */
function inOneShape({ func, operands, rows }: MapCall): Variable[] {
  return again(func).applyList(operands.map((operand) => repeated(operand, rows)))
}

/** One operand, of whose last axes each example is made: leading axes are a batch already. */
const overLastAxes =
  (least: number): MapRule =>
  ({ func, operands }) =>
    operands[0]!.shape.length < least ? null : again(func).applyList([operands[0]!.whole])

/** Functions along one axis, the last unless said. */
function alongAxis({ func, operands }: MapCall): Variable[] {
  const [x] = operands
  const { axis = -1 } = func.attributes as { axis?: number }
  const moved = normalizeAxis(axis, x!.shape.length, func.name) + 1
  return withAttributes(func, { ...func.attributes, axis: moved }).applyList([x!.whole])
}

/** As `alongAxis`; of all elements as one row unless an axis is said. */
function alongAxisOrAll(call: MapCall): Variable[] {
  const [x] = call.operands
  const { func, rows } = call
  if (func.attributes.axis !== undefined) return alongAxis(call)
  const flat = shapes.reshape(x!.whole, [rows, sizeOf(x!.shape)])
  return withAttributes(func, { ...func.attributes, axis: 1 }).applyList([flat])
}

/** Reductions over axes, all unless said. */
function reduction({ func, operands, rows }: MapCall): Variable[] {
  const [x] = operands
  const { axis } = func.attributes as { axis?: Axis }
  const ndim = x!.shape.length
  const axes = normalizeAxes(axis, ndim, func.name)
  // What of a number is reduced is itself, as one element.
  if (ndim === 0)
    return withAttributes(func, { ...func.attributes, axis: 1, keepdims: false }).applyList([
      shapes.reshape(x!.whole, [rows, 1]),
    ])
  return withAttributes(func, { ...func.attributes, axis: axes.map((one) => one + 1) }).applyList([x!.whole])
}

/** argmax and argmin: along one axis, or of all elements as one row. */
function extreme({ func, operands, rows }: MapCall): Variable[] {
  const [x] = operands
  const { axis, keepdims = false } = func.attributes as { axis?: number; keepdims?: boolean }
  const ndim = x!.shape.length
  if (axis !== undefined && axis !== null) {
    const moved = normalizeAxis(axis, ndim, func.name) + 1
    return withAttributes(func, { ...func.attributes, axis: moved }).applyList([x!.whole])
  }
  const flat = shapes.reshape(x!.whole, [rows, sizeOf(x!.shape)])
  const found = withAttributes(func, { ...func.attributes, axis: 1, keepdims: false }).applyList([flat])
  return keepdims
    ? found.map((one) => shapes.reshape(one, [rows, ...new Array<number>(ndim).fill(1)]))
    : found
}

/** Operands along an axis that all have, or that is new (`more` of them). */
const joining =
  (more: number): MapRule =>
  ({ func, operands, rows }) => {
    const { axis = 0 } = func.attributes as { axis?: number }
    const moved = normalizeAxis(axis, operands[0]!.shape.length + more, func.name) + 1
    return withAttributes(func, { ...func.attributes, axis: moved }).applyList(
      operands.map((operand) => repeated(operand, rows)),
    )
  }

/** The shape with -1 replaced; null where it does not fit, which the function itself says best. */
function resolved(shape: Shape, size: number): Shape | null {
  const known = shape.reduce((product, extent) => (extent === -1 ? product : product * extent), 1)
  const open = shape.filter((extent) => extent === -1).length
  if (open === 0) return known === size ? shape : null
  if (open > 1 || known === 0 || size % known !== 0) return null
  return shape.map((extent) => (extent === -1 ? size / known : extent))
}

function all(rule: MapRule, ...classes: readonly (abstract new (...args: never[]) => Func)[]): void {
  for (const one of classes) setMapRule(one, rule)
}

const { Abs, Add, Ceil, Div, Floor, Mul, Neg, Remainder, Round, Sign, Sqrt, Square, Sub, Trunc } = arithmetic
all(elementwise, Abs, Add, Ceil, Div, Floor, Mul, Neg, Remainder, Round, Sign, Sqrt, Square, Sub, Trunc)
all(elementwise, HardSigmoid, HardSwish, Selu)
const { Elu, Erf, Gelu, Hardtanh, LeakyRelu, Mish, Relu, ReluGradient, Sigmoid, Silu, Softplus } = activations
all(elementwise, Elu, Erf, Gelu, Hardtanh, LeakyRelu, Mish, Relu, Sigmoid, Silu, Softplus)
all(inOneShape, ReluGradient)
const { Arccos, Arcsin, Arctan, Arctan2, Cosh, Sinh, Tan } = circular
all(elementwise, Arccos, Arcsin, Arctan, Arctan2, Cosh, Sinh, Tan)
const { Cos, Exp, Exp2, Expm1, Log, Log1p, Pow, Sin, Tanh } = exponential
all(elementwise, Cos, Exp, Exp2, Expm1, Log, Log1p, Pow, Sin, Tanh)
const { Equal, Greater, GreaterEqual, Less, LessEqual, LogicalAnd, LogicalNot, LogicalOr, NotEqual, Where } =
  comparison
all(elementwise, Equal, Greater, GreaterEqual, Less, LessEqual, LogicalAnd, LogicalNot, LogicalOr, NotEqual)
all(elementwise, Where, Clip, LargerShare, Maximum, Minimum, Cast, StandIn)
// One mask for all examples together is one for each.
all(elementwise, Dropout, RandomNoise)

all(
  reduction,
  reductions.Sum,
  reductions.Mean,
  reductions.Max,
  reductions.Min,
  Prod,
  Norm,
  Std,
  Var,
  LogSumExp,
)
all(extreme, ArgMax, ArgMin)
all(alongAxis, Softmax, LogSoftmax, Sort, Topk)
all(alongAxisOrAll, CumSum, CumProd)
all(overLastAxes(1), ProdOthers, BandMeans, BandMeansScatter, Blend, BlendScatter, PlacesInOrder)
setMapRule(Cdist, ({ func, operands, rows }) =>
  again(func).applyList(operands.map((operand) => repeated(operand, rows))),
)
all(overLastAxes(2), Tril, Triu, Cholesky, Det, Inv, Slogdet, Qr, Eigh, Svd, Pinv, Rotary)
all(inOneShape, FourierTransform, RealFourier, HalfFourier)
all(joining(0), Concat)
all(joining(1), Stack)

setMapRule(Solve, ({ func, operands }) => {
  const [a, b] = operands
  const ndim = Math.max(a!.shape.length, b!.shape.length)
  if (Math.min(a!.shape.length, b!.shape.length) < 2) return null
  return again(func).applyList([lifted(a!, ndim), lifted(b!, ndim)])
})

setMapRule(Split, ({ func, operands }) => {
  const { axis = 0, parts } = func.attributes as { axis?: number; parts: number | readonly number[] }
  const moved = normalizeAxis(axis, operands[0]!.shape.length, func.name) + 1
  return withAttributes(func, { parts, axis: moved }).applyList([operands[0]!.whole])
})

setMapRule(shapes.Reshape, ({ func, operands, rows }) => {
  const [x] = operands
  const shape = resolved(func.attributes.shape as Shape, sizeOf(x!.shape))
  return shape === null ? null : [shapes.reshape(x!.whole, [rows, ...shape])]
})

setMapRule(shapes.Transpose, ({ func, operands }) => {
  const [x] = operands
  const ndim = x!.shape.length
  const { axes } = func.attributes as { axes?: readonly number[] }
  const order =
    axes === undefined
      ? x!.shape.map((_, axis) => ndim - 1 - axis)
      : axes.map((axis) => normalizeAxis(axis, ndim, 'transpose'))
  if (order.length !== ndim) return null
  return [shapes.transpose(x!.whole, [0, ...order.map((axis) => axis + 1)])]
})

setMapRule(shapes.BroadcastTo, ({ func, operands, rows }) => {
  const shape = func.attributes.shape as Shape
  const [x] = operands
  if (shape.length < x!.shape.length) return null
  return [shapes.broadcastTo(lifted(x!, shape.length), [rows, ...shape])]
})

setMapRule(shapes.SumTo, ({ func, operands, rows }) => {
  const shape = func.attributes.shape as Shape
  const [x] = operands
  const missing = x!.shape.length - shape.length
  if (missing < 0) return null
  const summed = shapes.sumTo(x!.whole, [rows, ...new Array<number>(missing).fill(1), ...shape])
  return [shapes.reshape(summed, [rows, ...shape])]
})

setMapRule(shapes.ExpandDims, ({ func, operands }) => {
  const [x] = operands
  const axis = normalizeAxis(func.attributes.axis as number, x!.shape.length + 1, 'expandDims')
  return [shapes.expandDims(x!.whole, axis + 1)]
})

setMapRule(shapes.Squeeze, ({ func, operands, rows }) => {
  const [x] = operands
  const { axis } = func.attributes as { axis?: Axis }
  const gone =
    axis === undefined
      ? x!.shape.flatMap((extent, at) => (extent === 1 ? [at] : []))
      : normalizeAxes(axis, x!.shape.length, 'squeeze')
  if (gone.some((at) => x!.shape[at] !== 1)) return null
  return [shapes.reshape(x!.whole, [rows, ...x!.shape.filter((_, at) => !gone.includes(at))])]
})

setMapRule(shapes.Flip, ({ func, operands }) => {
  const [x] = operands
  const axes = normalizeAxes((func.attributes as { axis?: Axis }).axis, x!.shape.length, 'flip')
  return [
    shapes.flip(
      x!.whole,
      axes.map((axis) => axis + 1),
    ),
  ]
})

setMapRule(Diff, alongAxis)
setMapRule(Diag, overLastAxes(1))
setMapRule(Cross, ({ func, operands, rows }) => {
  const { axis = -1 } = func.attributes as { axis?: number }
  const moved = normalizeAxis(axis, operands[0]!.shape.length, 'cross') + 1
  return withAttributes(func, { axis: moved }).applyList(operands.map((operand) => repeated(operand, rows)))
})
setMapRule(Roll, ({ func, operands, rows }) => {
  const [x] = operands
  const { shifts, axis } = func.attributes as { shifts: readonly number[]; axis?: Axis }
  if (axis === undefined) {
    const flat = shapes.reshape(x!.whole, [rows, sizeOf(x!.shape)])
    const rolled = withAttributes(func, { shifts, axis: [1] }).applyList([flat])[0]!
    return [shapes.reshape(rolled, [rows, ...x!.shape])]
  }
  const axes = (typeof axis === 'number' ? [axis] : axis).map(
    (one) => normalizeAxis(one, x!.shape.length, 'roll') + 1,
  )
  return withAttributes(func, { shifts, axis: axes }).applyList([x!.whole])
})

setMapRule(Tile, ({ func, operands }) => {
  const repeats = func.attributes.repeats as readonly number[]
  const ndim = Math.max(repeats.length, operands[0]!.shape.length)
  const padded = [...new Array<number>(ndim - repeats.length).fill(1), ...repeats]
  return withAttributes(func, { repeats: [1, ...padded] }).applyList([lifted(operands[0]!, ndim)])
})

setMapRule(Slice, ({ func, operands }) => {
  const ranges = func.attributes.ranges as readonly (readonly (number | null)[] | null)[]
  if (ranges.length > operands[0]!.shape.length) return null
  return withAttributes(func, { ranges: [null, ...ranges] }).applyList([operands[0]!.whole])
})

setMapRule(ScatterSlice, ({ func, operands, rows }) => {
  const { ranges, shape } = func.attributes as { ranges: readonly (readonly number[] | null)[]; shape: Shape }
  return withAttributes(func, { ranges: [null, ...ranges], shape: [rows, ...shape] }).applyList([
    operands[0]!.whole,
  ])
})

setMapRule(Pad, ({ func, operands }) => {
  const { widths, ...rest } = func.attributes as { widths: readonly (readonly [number, number])[] }
  if (widths.length !== operands[0]!.shape.length) return null
  return withAttributes(func, { ...rest, widths: [[0, 0], ...widths] }).applyList([operands[0]!.whole])
})

/** The numbers from 0 up, as indices. */
export function countUp(n: number): Variable {
  return new Variable(ndarray(Int32Array.from({ length: n }, (_, i) => i)), false, 'constant')
}
