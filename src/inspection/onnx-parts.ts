/**
 * What the rules of onnx-rules.ts are written with: a call, its inputs in the dtype of its result, and what several operators make.
 *
 * Source  onnx/docs/Operators.md
 */

import { blendWeights } from '../array/blend.js'
import type { DType } from '../array/dtype.js'
import { ndarray } from '../array/make-array.js'
import { broadcastShapes } from '../array/shape.js'
import type { OnnxAttribute } from '../formats/onnx.js'
import { Dropout } from '../functions/dropout.js'
import type { OnnxBuilder, OnnxOperand } from './onnx-builder.js'

/** A call of the run. Attributes are as the function was told them. */
export interface OnnxCall {
  readonly attributes: Readonly<Record<string, unknown>>
  readonly inputs: readonly OnnxOperand[]
  readonly outputs: readonly OnnxOperand[]
}

export interface Rule {
  /** The attributes that it knows: a call with another cannot be exported. */
  readonly knows: readonly string[]
  /** The value of each output; or why this call cannot be exported. */
  readonly write: (call: OnnxCall, g: OnnxBuilder) => string | readonly string[] | Refusal
}

export class Refusal {
  readonly why: string

  constructor(why: string) {
    this.why = why
  }
}

export const rule = (knows: readonly string[], write: Rule['write']): Rule => ({ knows, write })

export const input = (call: OnnxCall, i: number): OnnxOperand => call.inputs[i]!
export const output = (call: OnnxCall): OnnxOperand => call.outputs[0]!
export const isFloat = (dtype: DType): boolean => dtype === 'float64' || dtype === 'float32'

/** Input `i` in the dtype of the result, as every function here promotes. */
export const given = (call: OnnxCall, g: OnnxBuilder, i: number): string =>
  g.as(input(call, i), output(call).dtype)

export const number = (call: OnnxCall, key: string, otherwise: number): number =>
  typeof call.attributes[key] === 'number' ? (call.attributes[key] as number) : otherwise

export const pair = (call: OnnxCall, key: string): readonly [number, number] =>
  call.attributes[key] as readonly [number, number]

/** An operator of the same meaning, of one input. */
export const same = (operator: string): Rule => rule([], (call, g) => g.node(operator, [given(call, g, 0)]))

/** An operator of two inputs that broadcast. Runtimes have it for floats and int32. */
export const arithmetic = (operator: string): Rule =>
  rule([], (call, g) => {
    const { dtype } = output(call)
    if (!isFloat(dtype) && dtype !== 'int32') return new Refusal(`its result is ${dtype}`)
    return g.node(operator, [given(call, g, 0), given(call, g, 1)])
  })

export const comparison = (operator: string, negated = false): Rule =>
  rule([], (call, g) => {
    const dtype = call.inputs.some((one) => isFloat(one.dtype)) ? 'float32' : 'int32'
    const found = g.node(
      operator,
      call.inputs.map((one) => g.as(one, dtype)),
    )
    return negated ? g.node('Not', [found]) : found
  })

export const logical = (operator: string): Rule =>
  rule([], (call, g) =>
    g.node(
      operator,
      call.inputs.map((one) => g.as(one, 'bool')),
    ),
  )

/** The axes that `axis` names, from 0; all when it names none. */
export function axesOf(call: OnnxCall, ndim = input(call, 0).shape.length): number[] {
  const { axis } = call.attributes
  if (axis === undefined || axis === null) return Array.from({ length: ndim }, (_, i) => i)
  return (Array.isArray(axis) ? (axis as number[]) : [axis as number]).map((one) =>
    one < 0 ? one + ndim : one,
  )
}

export const axisOf = (call: OnnxCall, otherwise: number, ndim = input(call, 0).shape.length): number => {
  const axis = number(call, 'axis', otherwise)
  return axis < 0 ? axis + ndim : axis
}

export const keeps = (call: OnnxCall): number => (call.attributes.keepdims === true ? 1 : 0)

/** Sums over axes, which this operator alone takes as an input. */
export function sumOver(g: OnnxBuilder, name: string, axes: readonly number[], keepdims: number): string {
  if (axes.length === 0) return g.node('Identity', [name])
  return g.node('ReduceSum', [name, g.integers(axes)], { keepdims })
}

export function reduced(
  g: OnnxBuilder,
  operator: string,
  name: string,
  axes: readonly number[],
  keepdims: number,
): string {
  if (axes.length === 0) return g.node('Identity', [name])
  return g.node(operator, [name], { axes, keepdims })
}

export const reduction = (operator: string): Rule =>
  rule(['axis', 'keepdims'], (call, g) => reduced(g, operator, given(call, g, 0), axesOf(call), keeps(call)))

export const square = (g: OnnxBuilder, name: string): string => g.node('Mul', [name, name])

/** x minus its mean over axes, and the mean of the squares of that. */
export function centred(
  g: OnnxBuilder,
  x: string,
  axes: readonly number[],
): { parts: string; variance: string } {
  const parts = g.node('Sub', [x, reduced(g, 'ReduceMean', x, axes, 1)])
  return { parts, variance: reduced(g, 'ReduceMean', square(g, parts), axes, 1) }
}

export const scaledBy = (g: OnnxBuilder, parts: string, variance: string, eps: number): string =>
  g.node('Div', [parts, g.node('Sqrt', [g.node('Add', [variance, g.float(eps)])])])

/** Σ (x − mean)²/(n − ddof). */
export function spread(call: OnnxCall, g: OnnxBuilder): string {
  const axes = axesOf(call)
  const count = axes.reduce((product, axis) => product * input(call, 0).shape[axis]!, 1)
  const { parts } = centred(g, given(call, g, 0), axes)
  const sum = sumOver(g, square(g, parts), axes, keeps(call))
  return g.node('Div', [sum, g.float(count - number(call, 'ddof', 0))])
}

/** The extents with which one value a channel stands beside [n, c, …]. */
export const channelShape = (shape: readonly number[]): number[] =>
  shape.map((extent, axis) => (axis === 1 ? extent : 1))

/** `x` with its last two axes changed; a vector as it is. */
export function turned(g: OnnxBuilder, name: string, ndim: number): string {
  if (ndim < 2) return name
  const perm = Array.from({ length: ndim }, (_, i) => i)
  perm.push(...perm.splice(-2).reverse())
  return g.node('Transpose', [name], { perm })
}

export interface Part {
  readonly axis: number
  readonly start: number
  readonly stop: number
  readonly step: number
}

/** Beyond either end of any axis. */
export const FAR = 2 ** 31 - 1

export function sliced(g: OnnxBuilder, name: string, parts: readonly Part[]): string {
  if (parts.length === 0) return g.node('Identity', [name])
  const list = (key: keyof Part) => g.integers(parts.map((part) => part[key]))
  return g.node('Slice', [name, list('start'), list('stop'), list('axis'), list('step')])
}

export const window = (call: OnnxCall): Record<string, OnnxAttribute> => {
  const [ph, pw] = pair(call, 'padding')
  return { strides: pair(call, 'stride'), pads: [ph, pw, ph, pw] }
}

export const pooled = (operator: string, more: Record<string, OnnxAttribute> = {}): Rule =>
  rule(['kernel', 'stride', 'padding'], (call, g) =>
    g.node(operator, [given(call, g, 0)], { kernel_shape: pair(call, 'kernel'), ...window(call), ...more }),
  )

export const inputsGiven = (call: OnnxCall, g: OnnxBuilder): string[] =>
  call.inputs.map((_, i) => given(call, g, i))

/** Indices as operators take them. */
export const indices = (g: OnnxBuilder, operand: OnnxOperand): string => g.as(operand, 'int32')

export const toOutputShape = rule(['shape', 'axis'], (call, g) =>
  g.reshape(input(call, 0).name, output(call).shape),
)

export function attention(call: OnnxCall, g: OnnxBuilder): string {
  const [q, k, v] = [given(call, g, 0), given(call, g, 1), given(call, g, 2)] as const
  const width = input(call, 0).shape.at(-1)!
  const turnedKeys = turned(g, k, input(call, 1).shape.length)
  let scores = g.node('Mul', [g.node('MatMul', [q, turnedKeys]), g.float(1 / Math.sqrt(width))])
  const mask = call.inputs[3]
  if (mask !== undefined)
    scores = isFloat(mask.dtype)
      ? g.node('Add', [scores, g.as(mask, 'float32')])
      : g.node('Where', [g.as(mask, 'bool'), scores, g.float(-Infinity)])
  if (call.attributes.causal === true) {
    const [queries, keys] = [input(call, 0).shape.at(-2)!, input(call, 1).shape.at(-2)!]
    const hidden = Array.from({ length: queries * keys }, (_, i) =>
      i % keys > Math.floor(i / keys) ? -Infinity : 0,
    )
    scores = g.node('Add', [scores, g.floats(hidden, [queries, keys])])
  }
  const weights = g.node('Softmax', [scores], { axis: -1 })
  if (typeof call.attributes.dropout !== 'number') return g.node('MatMul', [weights, v])
  // One a weight: what the scores of all queries and keys have, and the mask.
  const [one, other] = [input(call, 0).shape, input(call, 1).shape]
  const scored = broadcastShapes(one.slice(0, -2), other.slice(0, -2), 'attention')
  const all = [...scored, one.at(-2)!, other.at(-2)!]
  const shape = mask === undefined ? all : broadcastShapes(all, mask.shape, 'attention')
  return g.node('MatMul', [g.node('Mul', [weights, dropMask(call, call.attributes.dropout, shape, g)]), v])
}

export function softmaxCrossEntropy(call: OnnxCall, g: OnnxBuilder): string {
  const { shape } = input(call, 0)
  const labels = input(call, 1)
  const logs = g.node('LogSoftmax', [given(call, g, 0)], { axis: -1 })
  const all = Array.from({ length: shape.length }, (_, i) => i)
  if (isFloat(labels.dtype)) {
    const total = sumOver(g, g.node('Mul', [logs, given(call, g, 1)]), all, 0)
    const rows = shape.slice(0, -1).reduce((product, extent) => product * extent, 1)
    return g.node('Div', [total, g.float(-rows)])
  }
  const places = g.reshape(indices(g, labels), [...labels.shape, 1])
  const picked = g.node('GatherElements', [logs, places], { axis: shape.length - 1 })
  return g.node('Neg', [reduced(g, 'ReduceMean', picked, all, 0)])
}

export function crossEntropy(call: OnnxCall, g: OnnxBuilder): string | Refusal {
  const labels = input(call, 1)
  if (isFloat(labels.dtype)) return new Refusal('its labels are shares of classes')
  if (number(call, 'labelSmoothing', 0) !== 0) return new Refusal('it smooths its labels')
  const classes = input(call, 0).shape.at(-1)!
  const rows = labels.shape.reduce((product, extent) => product * extent, 1)
  const { weight } = call.attributes
  const weights = Array.isArray(weight) ? [g.floats(weight as number[], [classes])] : []
  const reduction = String(call.attributes.reduction ?? 'mean')
  const loss = g.node(
    'SoftmaxCrossEntropyLoss',
    [g.reshape(given(call, g, 0), [rows, classes]), g.reshape(indices(g, labels), [rows]), ...weights],
    { ignore_index: number(call, 'ignoreIndex', -100), reduction },
  )
  return reduction === 'none' ? g.reshape(loss, output(call).shape) : loss
}

/** The mask that the call drew, as a constant: the graph drops what the step dropped. */
export function dropMask(call: OnnxCall, p: number, shape: readonly number[], g: OnnxBuilder): string {
  const size = shape.reduce((product, extent) => product * extent, 1)
  const { seed, counter } = call.attributes as { seed: number; counter: number }
  const ones = ndarray(new Float64Array(size).fill(1), { shape: [size] })
  const mask = new Dropout({ p, seed, counter }).forward(ones)
  return g.floats(Float32Array.from(mask.data), shape)
}

export const dropout = (call: OnnxCall, g: OnnxBuilder): string =>
  g.node('Mul', [given(call, g, 0), dropMask(call, number(call, 'p', 0), output(call).shape, g)])

/** The mean of each band of one of the last two axes: a product with what each band takes of each place. */
export function bandMeans(call: OnnxCall, g: OnnxBuilder): string | Refusal {
  const { shape } = input(call, 0)
  const axis = number(call, 'axis', -1)
  const size = number(call, 'size', 1)
  const from = shape.at(axis)!
  if (axis < -2) return new Refusal('ONNX has the bands of the last two axes only')
  const shares = new Float32Array(size * from)
  for (let i = 0; i < size; i++) {
    const [first, end] = [Math.floor((i * from) / size), Math.ceil(((i + 1) * from) / size)]
    for (let at = first; at < end; at++)
      shares[axis === -2 ? i * from + at : at * size + i] = 1 / (end - first)
  }
  const x = given(call, g, 0)
  return axis === -2
    ? g.node('MatMul', [g.floats(shares, [size, from]), x])
    : g.node('MatMul', [x, g.floats(shares, [from, size])])
}

/** Maxima of windows; of bands axis by axis, as the maximum of maxima is that of all. */
export function volumeMaxima(call: OnnxCall, g: OnnxBuilder): string {
  const { shape } = input(call, 0)
  const made = output(call).shape
  const x = given(call, g, 0)
  if (call.attributes.size === undefined) {
    const [kernel, stride, before] = ['kernel', 'stride', 'padding'].map(
      (key) => call.attributes[key],
    ) as number[][]
    // How far the last window reaches, whether the number of windows was rounded up or down.
    const after = before!.map((width, i) =>
      Math.max(0, (made[2 + i]! - 1) * stride![i]! + kernel![i]! - shape[2 + i]! - width),
    )
    return g.node('MaxPool', [x], { kernel_shape: kernel!, strides: stride!, pads: [...before!, ...after] })
  }
  return [2, 3, 4].reduce((name, axis) => {
    const [extent, count] = [shape[axis]!, made[axis]!]
    if (count === extent) return name
    const bands = Array.from({ length: count }, (_, i) => {
      const [start, stop] = [Math.floor((i * extent) / count), Math.ceil(((i + 1) * extent) / count)]
      return reduced(g, 'ReduceMax', sliced(g, name, [{ axis, start, stop, step: 1 }]), [axis], 1)
    })
    return count === 1 ? bands[0]! : g.node('Concat', bands, { axis })
  }, x)
}

/** Means of neighbours along an axis: a product with their weights, whose matrix is that of the last two axes. */
export function blend(call: OnnxCall, g: OnnxBuilder): string {
  const { shape } = input(call, 0)
  const axis = number(call, 'axis', -1)
  const [extent, count] = [number(call, 'from', 1), number(call, 'to', 1)]
  const weights = blendWeights({
    extent,
    count,
    step: number(call, 'step', 1),
    alignCorners: call.attributes.alignCorners === true,
  })
  const at = shape.length + axis
  const inner = shape.slice(at + 1).reduce((product, one) => product * one, 1)
  const rows = g.reshape(given(call, g, 0), [...shape.slice(0, at), extent, inner])
  return g.reshape(
    g.node('MatMul', [g.floats(Float32Array.from(weights), [count, extent]), rows]),
    output(call).shape,
  )
}
