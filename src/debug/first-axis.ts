/**
 * Which functions keep the first axis: row i of what they make comes from row i of what they read. So an element of an array leads
 * back to a row of the batch. A function that is not listed does not say, and then the row is unknown.
 */
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
  'add sub mul div neg square sqrt abs sign floor exp log expm1 log1p pow sin cos tanh sigmoid relu reluGradient leakyRelu erf gelu softplus cast clip dropout equal notEqual less lessEqual greater greaterEqual logicalAnd logicalOr logicalNot where maximum minimum largerShare'.split(
    ' ',
  )
const REDUCING =
  'sum mean max min var std norm logSumExp prod argmax argmin softmax logSoftmax cumsum flip'.split(' ')
const OF_FIRST_INPUT =
  'linear conv2d convTranspose2d maxPool2d averagePool2d layerNorm batchNorm oneHot reshape squeeze embedding'.split(
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
  ['slice', FIRST],
  ['pad', FIRST],
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

function BROADCAST_ANY(inputs: readonly Shape[], output: Shape): number[] {
  return inputs.flatMap((shape, i) => (shape[0] === output[0] ? [i] : []))
}

/** The inputs of a call of which row i became row i of its output; none when the function does not say so. */
export function inputsThatKeepRows(
  call: FunctionCalled,
  inputShapes: readonly Shape[],
  slot: number,
): number[] {
  const output = call.outputs[slot]?.shape ?? []
  if (output.length === 0) return []
  return RULES.get(call.function)?.(inputShapes, output, call.attributes) ?? []
}
