/**
 * How products, indices, losses, normalisation and images compute all examples of a `vmap` at once; the rest of `map-rules.ts`. Where the
 * weights of a convolution or of a normalisation differ from example to example, it is called once for each.
 */
import { isFloating } from '../array/dtype.js'
import { normalizeAxis, type Shape, sizeOf } from '../array/shape.js'
import { again, type MapCall, type MapOperand, setMapRewrite, setMapRule } from '../graph/map-calls.js'
import type { Variable } from '../graph/variable.js'
import { Prelu } from './activations.js'
import { add, div, mul, neg, square, sub } from './arithmetic.js'
import { ScaledDotProductAttention } from './attention.js'
import { RandomAffine } from './augmentation.js'
import { greater, where } from './comparison.js'
import { Conv2d, Conv2dWeights, ConvTranspose2d } from './convolution.js'
import { BinaryCrossEntropyWithLogits, CrossEntropy } from './cross-entropy.js'
import { CosineSimilarity, HingeLoss, HuberLoss, KlDivergence, L1Loss, SmoothL1Loss } from './distances.js'
import { Einsum } from './einsum.js'
import { Gather, gather, ScatterAdd } from './gathering.js'
import { GroupNorm, RmsNorm } from './group-normalization.js'
import { Embedding, OneHot, ScatterTake, scatterTake, Take, take } from './indexing.js'
import { pad, slice, stack } from './joining.js'
import { BinaryCrossEntropy, MeanSquaredError, SoftmaxCrossEntropy } from './losses.js'
import { countUp, lifted, repeated, withAttributes } from './map-rules.js'

import { BatchNorm, LayerNorm } from './normalization.js'
import {
  AveragePool2d,
  AveragePool2dScatter,
  MaxPool2d,
  MaxPool2dGather,
  MaxPool2dScatter,
} from './pooling.js'
import { Linear, MatMul, matmul } from './products.js'
import { mean, sum } from './reductions.js'
import { expandDims, reshape, transpose } from './shapes.js'
import { logSoftmax } from './softmax.js'
import { VolumeMaxima, VolumeMaximaGather, VolumeMaximaScatter } from './volume-maxima.js'

// Products

interface Transposed {
  readonly transposeA?: boolean
  readonly transposeB?: boolean
}

setMapRule(MatMul, ({ func, operands, rows }) => {
  const [a, b] = operands as [MapOperand, MapOperand]
  const { transposeA = false, transposeB = false } = func.attributes as Transposed
  if (a.shape.length === 0 || b.shape.length === 0) return null
  return [product(a, b, transposeA, transposeB, rows)]
})

/** The matrix products of examples. */
function product(a: MapOperand, b: MapOperand, tA: boolean, tB: boolean, rows: number): Variable {
  const rowA = a.shape.length === 1
  const columnB = b.shape.length === 1
  // A vector against one matrix: all examples are the rows of one product.
  if (a.isMapped && rowA && !b.isMapped && b.shape.length === 2)
    return matmul(a.whole, b.whole, { transposeB: tB })
  if (b.isMapped && columnB && !a.isMapped && a.shape.length === 2)
    return matmul(b.whole, a.whole, { transposeB: !tA })
  const left = rowA ? inShape(a, [1, a.shape[0]!], rows) : a
  const right = columnB ? inShape(b, [b.shape[0]!, 1], rows) : b
  const ndim = Math.max(left.shape.length, right.shape.length)
  const made = matmul(lifted(left, ndim), lifted(right, ndim), {
    transposeA: !rowA && tA,
    transposeB: !columnB && tB,
  })
  if (!rowA && !columnB) return made
  const { shape } = made
  const lead = shape.slice(0, -2)
  return reshape(made, [...lead, ...(rowA ? [] : [shape.at(-2)!]), ...(columnB ? [] : [shape.at(-1)!])])
}

function inShape({ whole, isMapped }: MapOperand, shape: Shape, rows: number): MapOperand {
  return { whole: reshape(whole, isMapped ? [rows, ...shape] : shape), isMapped, shape }
}

setMapRule(Linear, ({ func, operands, rows }) => {
  const [x, w, b] = operands as [MapOperand, MapOperand, MapOperand?]
  if (x.shape.length === 0 || w.shape.length !== 2) return null
  if (!w.isMapped && b?.isMapped !== true) return again(func).applyList(operands.map(({ whole }) => whole))
  const made = product(x, w, false, false, rows)
  return [b === undefined ? made : add(made, lifted(b, x.shape.length))]
})

setMapRule(Einsum, ({ func, operands, rows: _ }) => {
  const equation = (func.attributes.equation as string).replaceAll(' ', '')
  const [left, right] = equation.split('->') as [string, string?]
  const terms = left.split(',')
  const letter = [...'zyxwvutsrqponmlkjihgfedcbaZYXWVUTSRQPONMLKJIHGFEDCBA'].find(
    (one) => !equation.includes(one),
  )
  if (letter === undefined || terms.length !== operands.length) return null
  const letters = left.replace(/[^A-Za-z]/g, '')
  const once = [...letters].filter((one) => letters.indexOf(one) === letters.lastIndexOf(one)).sort()
  const output = right ?? `${left.includes('...') ? '...' : ''}${once.join('')}`
  const mapped = terms.map((term, i) => (operands[i]!.isMapped ? letter + term : term))
  return withAttributes(func, { equation: `${mapped.join(',')}->${letter}${output}` }).applyList(
    operands.map(({ whole }) => whole),
  )
})

// Each image of each example is drawn by itself.
setMapRule(RandomAffine, ({ func, operands: [x], rows }) => {
  const [n, ...image] = x!.shape
  if (image.length !== 3) return null
  const changed = again(func).applyList([reshape(x!.whole, [rows * n!, ...image])])[0]!
  return [reshape(changed, [rows, n!, ...image])]
})

setMapRule(ScaledDotProductAttention, ({ func, operands }) => {
  const ndim = Math.max(...operands.map(({ shape }) => shape.length))
  if (operands.slice(0, 3).some(({ shape }) => shape.length < 2)) return null
  return again(func).applyList(operands.map((operand) => lifted(operand, ndim)))
})

// Indices

setMapRule(Take, ({ func, operands, rows }) => {
  const [x, ids] = operands as [MapOperand, MapOperand]
  return [taken(x, ids, (func.attributes as { axis?: number }).axis ?? 0, rows)]
})

setMapRule(Embedding, ({ func, operands, rows }) => {
  const [w, ids] = operands as [MapOperand, MapOperand]
  if (!w.isMapped) return again(func).applyList([w.whole, ids.whole])
  return w.shape.length === 2 ? [taken(w, ids, 0, rows)] : null
})

function taken(x: MapOperand, ids: MapOperand, axis: number, rows: number): Variable {
  const at = normalizeAxis(axis, x.shape.length, 'take')
  if (!ids.isMapped) return take(x.whole, ids.whole, { axis: at + 1 })
  if (!x.isMapped) return toFront(take(x.whole, ids.whole, { axis: at }), at)
  // The examples of x below one another, and each index moved to its own.
  const n = x.shape[at]!
  const rest = x.shape.filter((_, i) => i !== at)
  const table = reshape(transpose(x.whole, [0, at + 1, ...others(x.shape.length, at)]), [rows * n, ...rest])
  const found = take(table, movedIndices(ids, n, rows))
  return inPlace(found, ids.shape.length, at)
}

/** Indices into a table in which each example has `n` places. They are checked, and those from the end counted, on the way. */
function movedIndices({ whole, shape }: MapOperand, n: number, rows: number): Variable {
  const inside = take(countUp(n), whole)
  const firsts = mul(countUp(rows), n)
  return add(inside, reshape(firsts, [rows, ...shape.map(() => 1)]))
}

function others(ndim: number, axis: number): number[] {
  return Array.from({ length: ndim }, (_, i) => i + 1).filter((i) => i !== axis + 1)
}

/** The axis `at`, in which the examples are, before all others. */
function toFront(x: Variable, at: number): Variable {
  return at === 0 ? x : transpose(x, [at, ...x.shape.map((_, i) => i).filter((i) => i !== at)])
}

/** From [rows, ids…, a…, b…] to [rows, a…, ids…, b…], a being `at` axes. */
function inPlace(x: Variable, ids: number, at: number): Variable {
  if (at === 0 || ids === 0) return x
  const axes = x.shape.map((_, i) => i)
  return transpose(x, [
    0,
    ...axes.slice(1 + ids, 1 + ids + at),
    ...axes.slice(1, 1 + ids),
    ...axes.slice(1 + ids + at),
  ])
}

setMapRule(ScatterTake, ({ func, operands, rows }) => {
  const [values, ids] = operands as [MapOperand, MapOperand]
  const { axis, size } = func.attributes as { axis: number; size: number }
  const at = normalizeAxis(axis, values.shape.length - ids.shape.length + 1, 'scatterTake')
  if (!ids.isMapped) return [scatterTake(values.whole, ids.whole, at + 1, size)]
  const whole = repeated(values, rows)
  const count = ids.shape.length
  // [rows, a…, ids…, b…] → [rows, ids…, a…, b…]: the rows of one table for all.
  const axes = whole.shape.map((_, i) => i)
  const order = [
    0,
    ...axes.slice(1 + at, 1 + at + count),
    ...axes.slice(1, 1 + at),
    ...axes.slice(1 + at + count),
  ]
  const table = scatterTake(transpose(whole, order), movedIndices(ids, size, rows), 0, rows * size)
  const apart = reshape(table, [rows, size, ...table.shape.slice(1)])
  return [inPlace(apart, 1, at)]
})

setMapRule(OneHot, ({ func, operands }) => again(func).applyList([operands[0]!.whole]))

for (const one of [Gather, ScatterAdd])
  setMapRule(one, ({ func, operands, rows }) => {
    const { axis = 0 } = func.attributes as { axis?: number }
    const moved = normalizeAxis(axis, operands[0]!.shape.length, func.name) + 1
    return withAttributes(func, { axis: moved }).applyList(operands.map((operand) => repeated(operand, rows)))
  })

// Losses: of each element, and then reduced as asked within each example.

function elementLoss({ func, operands, rows }: MapCall): Variable[] | null {
  const ndim = Math.max(...operands.map(({ shape }) => shape.length))
  const alike = operands.map((operand) =>
    lifted({ ...operand, whole: repeated(operand, rows), isMapped: true }, ndim),
  )
  const { reduction = 'mean' } = func.attributes as { reduction?: string }
  const losses = withAttributes(func, { ...func.attributes, reduction: 'none' }).applyList(alike)[0]!
  if (reduction === 'none') return [losses]
  if (reduction === 'batchMean' && losses.ndim < 2) return null
  const flat = reshape(losses, [rows, sizeOf(losses.shape.slice(1))])
  if (reduction === 'mean') return [mean(flat, { axis: 1 })]
  const total = sum(flat, { axis: 1 })
  return [reduction === 'batchMean' ? div(total, losses.shape[1]!) : total]
}

for (const one of [
  L1Loss,
  SmoothL1Loss,
  HuberLoss,
  HingeLoss,
  KlDivergence,
  BinaryCrossEntropy,
  BinaryCrossEntropyWithLogits,
])
  setMapRule(one, elementLoss)

setMapRewrite(MeanSquaredError, (_, [a, b]) => {
  const difference = sub(a!, b!)
  // Of shapes that pair every element with every other the function itself says what is wrong.
  const fits = [a!, b!].some(({ size, ndim }) => size === difference.size && ndim === difference.ndim)
  return fits && isFloating(difference.dtype) ? [mean(square(difference))] : null
})

setMapRewrite(SoftmaxCrossEntropy, (_, [x, labels]) => crossEntropyOf(x!, labels!))

setMapRewrite(CrossEntropy, (func, [x, labels]) => {
  const { labelSmoothing = 0, reduction = 'mean', ...rest } = func.attributes
  const isPlain = labelSmoothing === 0 && Object.values(rest).every((value) => value === undefined)
  return isPlain && reduction === 'mean' ? crossEntropyOf(x!, labels!) : null
})

/** The mean of −ln softmax(x) at the labels; null for labels that do not fit. */
function crossEntropyOf(x: Variable, labels: Variable): Variable[] | null {
  if (x.ndim === 0) return null
  const rows = x.shape.slice(0, -1)
  const alike = (shape: Shape) => labels.shape.join() === shape.join()
  const logs = logSoftmax(x)
  if (isFloating(labels.dtype))
    return alike(x.shape) ? [neg(div(sum(mul(logs, labels)), sizeOf(rows)))] : null
  return alike(rows) ? [neg(mean(gather(logs, expandDims(labels, -1), { axis: -1 })))] : null
}

setMapRule(CosineSimilarity, ({ func, operands }) => {
  const [a, b] = operands as [MapOperand, MapOperand]
  const ndim = Math.max(a.shape.length, b.shape.length)
  const { axis = -1 } = func.attributes as { axis?: number }
  const moved = normalizeAxis(axis, ndim, func.name) + 1
  return withAttributes(func, { ...func.attributes, axis: moved }).applyList([
    lifted(a, ndim),
    lifted(b, ndim),
  ])
})

// What has channels: a weight for each is brought to their axis.

setMapRewrite(Prelu, (_, [x, weight]) => {
  if (x!.ndim < 2 || weight!.ndim !== 1) return null
  const slope = reshape(weight!, [weight!.size, ...x!.shape.slice(2).map(() => 1)])
  return [where(greater(x!, 0), x!, mul(slope, x!))]
})

setMapRule(LayerNorm, ({ func, operands }) => {
  const [x, gamma, beta] = operands as [MapOperand, MapOperand, MapOperand]
  if (gamma.isMapped || beta.isMapped || gamma.shape.length > x.shape.length) return null
  return again(func).applyList([x.whole, gamma.whole, beta.whole])
})

setMapRule(RmsNorm, ({ func, operands }) => {
  const [x, gamma] = operands as [MapOperand, MapOperand]
  if (gamma.isMapped || gamma.shape.length > x.shape.length) return null
  return again(func).applyList([x.whole, gamma.whole])
})

setMapRule(BatchNorm, ({ func, operands, rows }) => {
  const [x, ...channelwise] = operands as [MapOperand, ...MapOperand[]]
  if (x.shape.length < 2 || !x.isMapped) return null
  const [n, channels, ...rest] = x.shape as [number, number, ...number[]]
  // The channels of all examples side by side: each has statistics of its own already.
  const axes = rest.map((_, i) => i + 3)
  const side = reshape(transpose(x.whole, [1, 0, 2, ...axes]), [n, rows * channels, ...rest])
  const made = again(func).applyList([
    side,
    ...channelwise.map((operand) => reshape(repeated(operand, rows), [rows * channels])),
  ])[0]!
  return [transpose(reshape(made, [n, rows, channels, ...rest]), [1, 0, 2, ...axes])]
})

/** Functions of images of which each is computed by itself: the examples are more images. */
function moreImages(mappable: number): (call: MapCall) => Variable[] | null {
  return ({ func, operands, rows }) => {
    const images = operands.slice(0, mappable)
    const weights = operands.slice(mappable)
    if (weights.some(({ isMapped }) => isMapped) || images.some(({ shape }) => shape.length < 2)) return null
    const given = images.map((operand) => {
      const [n, ...rest] = operand.shape as [number, ...number[]]
      return reshape(repeated(operand, rows), [rows * n, ...rest])
    })
    const outputs = again(func).applyList([...given, ...weights.map(({ whole }) => whole)])
    return outputs.map((one) => reshape(one, [rows, images[0]!.shape[0]!, ...one.shape.slice(1)]))
  }
}

for (const one of [Conv2d, ConvTranspose2d, GroupNorm, MaxPool2d, AveragePool2d, AveragePool2dScatter])
  setMapRule(one, moreImages(1))
setMapRule(VolumeMaxima, moreImages(1))
for (const one of [MaxPool2dScatter, MaxPool2dGather, VolumeMaximaScatter, VolumeMaximaGather])
  setMapRule(one, moreImages(2))

// What a place of the window saw, against the gradients: a batch of products for each place.
setMapRule(Conv2dWeights, ({ func, operands, rows }) => {
  const { kernel, stride, padding } = func.attributes as Record<
    'kernel' | 'stride' | 'padding',
    readonly [number, number]
  >
  const [x, gy] = operands as [MapOperand, MapOperand]
  const [n, channels] = x.shape as [number, number]
  const [, outs, high, wide] = gy.shape as [number, number, number, number]
  const around = padding.map((width) => [width, width] as const)
  const image = pad(repeated(x, rows), [[0, 0], [0, 0], [0, 0], ...around] as [number, number][])
  const inRows = (one: Variable, count: number) =>
    reshape(transpose(one, [0, 2, 1, 3, 4]), [rows, count, n * high * wide])
  const slopes = inRows(repeated(gy, rows), outs)
  const seen = (first: number, axis: 0 | 1, extent: number) =>
    [first, first + (extent - 1) * stride[axis] + 1, stride[axis]] as [number, number, number]
  const places: Variable[] = []
  for (let i = 0; i < kernel[0]; i++) {
    for (let j = 0; j < kernel[1]; j++) {
      const part = slice(image, [null, null, null, seen(i, 0, high), seen(j, 1, wide)])
      places.push(matmul(slopes, inRows(part, channels), { transposeB: true }))
    }
  }
  return [reshape(stack(places, { axis: -1 }), [rows, outs, channels, ...kernel])]
})
