/**
 * Which functions keep the first axis, so that row i of what they make comes from row i of what they read, and which move its rows. So
 * an element of an array leads back to a row of the batch. A function that is not listed does not say, and then the row is unknown.
 */
import { ndarray } from '../array/make-array.js'
import { type Range, slice } from '../array/rearrange.js'
import type { FunctionCalled, Plain } from '../events/event.js'

type Shape = readonly number[]

/** Says which inputs keep the axis, given the shapes read and made. */
type Rule = (
  inputs: readonly Shape[],
  output: Shape,
  attributes: { readonly [key: string]: Plain },
) => number[]

/** Inputs that are broadcast to the output, and have its first axis in full. */
const BROADCAST: Rule = (inputs, output) =>
  inputs.flatMap((shape, i) => (shape.length === output.length && shape[0] === output[0] ? [i] : []))

const FIRST: Rule = (inputs, output) => (inputs[0]?.[0] === output[0] ? [0] : [])

/** Not along the first axis, which an attribute may name in several ways. */
const ALONG: Rule = (inputs, output, attributes) => {
  const { length } = inputs[0] ?? []
  const { axis = null } = attributes
  if (axis === null) return []
  const axes = (Array.isArray(axis) ? axis : [axis]) as number[]
  return axes.some((at) => (at < 0 ? at + length : at) === 0) ? [] : FIRST(inputs, output, attributes)
}

const JOINED: Rule = (inputs, output, attributes) =>
  ALONG(inputs, output, attributes).length === 0 ? [] : inputs.map((_, i) => i)

const MATRICES: Rule = (inputs, output, attributes) => {
  const [a = [], b = []] = inputs
  if (a.length === 2) return attributes.transposeA === true ? [] : FIRST(inputs, output, attributes)
  return [a, b].flatMap((shape, i) => (shape.length === output.length && shape[0] === output[0] ? [i] : []))
}

const ELEMENTWISE =
  'add sub mul div remainder neg square sqrt abs sign floor exp log expm1 log1p pow sin cos tan arcsin arccos arctan arctan2 sinh cosh tanh sigmoid silu mish elu hardtanh relu reluGradient leakyRelu erf gelu softplus cast clip dropout equal notEqual less lessEqual greater greaterEqual logicalAnd logicalOr logicalNot where maximum minimum largerShare'.split(
    ' ',
  )
const REDUCING =
  'sum mean max min var std norm logSumExp prod argmax argmin softmax logSoftmax cumsum cumprod cosineSimilarity topk sort roll flip'.split(
    ' ',
  )
const OF_FIRST_INPUT =
  'linear conv2d convTranspose2d maxPool2d averagePool2d layerNorm rmsNorm groupNorm batchNorm prelu rotary broadcastTo sumTo oneHot reshape squeeze embedding'.split(
    ' ',
  )

const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ...ELEMENTWISE.map((name): [string, Rule] => [name, BROADCAST]),
  ...REDUCING.map((name): [string, Rule] => [name, ALONG]),
  ...OF_FIRST_INPUT.map((name): [string, Rule] => [name, FIRST]),
  // Ids stand second in a table's look-up.
  ['embedding', (inputs, output) => (inputs[1]?.[0] === output[0] ? [1] : [])],
  ['matmul', MATRICES],
  ['scaledDotProductAttention', BROADCAST],
  ['concat', JOINED],
  ['stack', (inputs, output, attributes) => (attributes.axis === 0 ? [] : BROADCAST_ANY(inputs, output))],
  ['split', (inputs, output, attributes) => ALONG(inputs, output, attributes)],
  ['gather', (inputs, output, attributes) => JOINED(inputs, output, attributes)],
  [
    'take',
    (inputs, output, attributes) => ((attributes.axis ?? 0) === 0 ? [] : FIRST(inputs, output, attributes)),
  ],
  [
    'slice',
    (inputs, output, attributes) =>
      slicedRows(attributes, inputs[0] ?? []) === null ? FIRST(inputs, output, attributes) : [],
  ],
  ['pad', FIRST],
  ['einsum', SUBSCRIPTS],
  [
    'expandDims',
    (inputs, output, attributes) =>
      [attributes.axis].flat().includes(0) ? [] : FIRST(inputs, output, attributes),
  ],
  [
    'transpose',
    (inputs, output, attributes) =>
      (attributes.axes as Plain[] | undefined)?.[0] === 0 ? FIRST(inputs, output, attributes) : [],
  ],
])

/** `bij,bjk->bik`: the inputs whose first letter is the output's. */
function SUBSCRIPTS(
  inputs: readonly Shape[],
  output: Shape,
  { equation }: { readonly [key: string]: Plain },
): number[] {
  const [from = '', to = ''] = String(equation).replaceAll(' ', '').split('->')
  const letter = to[0]
  return letter === undefined || letter === '.'
    ? []
    : from.split(',').flatMap((own, i) => (own[0] === letter && inputs[i]?.[0] === output[0] ? [i] : []))
}

function BROADCAST_ANY(inputs: readonly Shape[], output: Shape): number[] {
  return inputs.flatMap((shape, i) => (shape[0] === output[0] ? [i] : []))
}

/** A row of an input. */
interface SourceRow {
  readonly input: number
  readonly row: number
}

/** Functions that move rows: which one of their input became row `row`. None where the axis is not moved, or where it cannot be said. */
const MOVED: ReadonlyMap<
  string,
  (call: FunctionCalled, inputs: readonly Shape[], row: number) => SourceRow[]
> = new Map([
  [
    'slice',
    ({ attributes }: FunctionCalled, [shape = []]: readonly Shape[], row: number) => {
      const rows = slicedRows(attributes, shape)
      return rows === null || row >= rows.length ? [] : [{ input: 0, row: rows[row]! }]
    },
  ],
  [
    'concat',
    ({ attributes }: FunctionCalled, inputs: readonly Shape[], row: number) => {
      if (!isFirstAxis(attributes.axis ?? 0, inputs[0] ?? [])) return []
      let start = 0
      for (const [input, shape] of inputs.entries()) {
        if (row < start + shape[0]!) return [{ input, row: row - start }]
        start += shape[0]!
      }
      return []
    },
  ],
  [
    'tile',
    ({ outputs }: FunctionCalled, [shape = []]: readonly Shape[], row: number) =>
      shape.length > 0 && shape.length === outputs[0]?.shape.length
        ? [{ input: 0, row: row % shape[0]! }]
        : [],
  ],
  [
    'flip',
    ({ attributes }: FunctionCalled, [shape = []]: readonly Shape[], row: number) => {
      const axes = [attributes.axis ?? shape.map((_, axis) => axis)].flat()
      return axes.some((axis) => isFirstAxis(axis, shape)) ? [{ input: 0, row: shape[0]! - 1 - row }] : []
    },
  ],
  [
    // [batch, time, …] read as [batch · time, …].
    'reshape',
    ({ outputs }: FunctionCalled, [shape = []]: readonly Shape[], row: number) => {
      const [from = 0, to = 0] = [shape[0], outputs[0]?.shape[0]]
      return from > 0 && to > from && to % from === 0
        ? [{ input: 0, row: Math.floor((row * from) / to) }]
        : []
    },
  ],
])

function isFirstAxis(axis: Plain, shape: Shape): boolean {
  return axis === 0 || axis === -shape.length
}

/** The rows of an array that a slice takes along the first axis; null where it takes them all in their order. */
export function slicedRows(
  attributes: { readonly [key: string]: Plain },
  [extent = 0]: Shape,
): ArrayLike<number> | null {
  const range = (attributes.ranges as unknown as (Range | null)[])[0] ?? null
  if (range === null) return null
  const { data } = slice(ndarray(Int32Array.from({ length: extent }, (_, row) => row)), [range])
  return data.length === extent && (extent < 2 || data[0] === 0) ? null : data
}

/** The rows of its inputs from which a call made row `row` of an output; none when the function does not say so. */
export function rowsFrom(
  call: FunctionCalled,
  inputShapes: readonly Shape[],
  slot: number,
  row: number,
): SourceRow[] {
  const output = call.outputs[slot]?.shape ?? []
  if (output.length === 0) return []
  const moved = MOVED.get(call.function)?.(call, inputShapes, row) ?? []
  if (moved.length > 0) return moved
  return (RULES.get(call.function)?.(inputShapes, output, call.attributes) ?? []).map((input) => ({
    input,
    row,
  }))
}
