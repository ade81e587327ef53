/**
 * Which operators of ONNX, version 17, a function of the run becomes: one rule a function, which adds nodes and gives the name of what
 * they make. A function without a rule cannot be exported. Shapes are those of the recorded step.
 *
 * Source  onnx/docs/Operators.md
 */
import {
  arithmetic,
  attention,
  axesOf,
  axisOf,
  bandMeans,
  blend,
  centred,
  channelShape,
  comparison,
  crossEntropy,
  dropout,
  FAR,
  given,
  indices,
  input,
  inputsGiven,
  isFloat,
  keeps,
  logical,
  number,
  output,
  pair,
  pooled,
  Refusal,
  type Rule,
  reduced,
  reduction,
  rule,
  same,
  scaledBy,
  sliced,
  softmaxCrossEntropy,
  spread,
  square,
  sumOver,
  toOutputShape,
  turned,
  volumeMaxima,
  window,
} from './onnx-parts.js'

/** The rule of each function, by its registered name. */
export const ONNX_RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ...(
    [
      ['exp', 'Exp'],
      ['log', 'Log'],
      ['sqrt', 'Sqrt'],
      ['abs', 'Abs'],
      ['neg', 'Neg'],
      ['sin', 'Sin'],
      ['cos', 'Cos'],
      ['tan', 'Tan'],
      ['sinh', 'Sinh'],
      ['cosh', 'Cosh'],
      ['arcsin', 'Asin'],
      ['arccos', 'Acos'],
      ['arctan', 'Atan'],
      ['tanh', 'Tanh'],
      ['sigmoid', 'Sigmoid'],
      ['relu', 'Relu'],
      ['softplus', 'Softplus'],
      ['erf', 'Erf'],
      ['floor', 'Floor'],
      ['ceil', 'Ceil'],
      ['round', 'Round'],
      ['hardSwish', 'HardSwish'],
      ['sign', 'Sign'],
    ] as const
  ).map(([name, operator]) => [name, same(operator)] as const),
  ['add', arithmetic('Add')],
  ['sub', arithmetic('Sub')],
  ['mul', arithmetic('Mul')],
  ['div', arithmetic('Div')],
  ['maximum', arithmetic('Max')],
  ['minimum', arithmetic('Min')],
  ['equal', comparison('Equal')],
  ['notEqual', comparison('Equal', true)],
  ['less', comparison('Less')],
  ['lessEqual', comparison('LessOrEqual')],
  ['greater', comparison('Greater')],
  ['greaterEqual', comparison('GreaterOrEqual')],
  ['logicalAnd', logical('And')],
  ['logicalOr', logical('Or')],
  ['logicalNot', logical('Not')],
  [
    'where',
    rule([], (call, g) =>
      g.node('Where', [g.as(input(call, 0), 'bool'), given(call, g, 1), given(call, g, 2)]),
    ),
  ],
  ['square', rule([], (call, g) => square(g, given(call, g, 0)))],
  [
    'pow',
    rule(['exponent', 'method'], (call, g) =>
      g.node('Pow', [
        given(call, g, 0),
        call.inputs.length > 1
          ? given(call, g, 1)
          : isFloat(output(call).dtype)
            ? g.float(number(call, 'exponent', 1))
            : g.int32s([number(call, 'exponent', 1)], []),
      ]),
    ),
  ],
  ['expm1', rule([], (call, g) => g.node('Sub', [g.node('Exp', [given(call, g, 0)]), g.float(1)]))],
  ['exp2', rule([], (call, g) => g.node('Pow', [g.float(2), given(call, g, 0)]))],
  ['log1p', rule([], (call, g) => g.node('Log', [g.node('Add', [given(call, g, 0), g.float(1)])]))],
  [
    'silu',
    rule([], (call, g) => {
      const x = given(call, g, 0)
      return g.node('Mul', [x, g.node('Sigmoid', [x])])
    }),
  ],
  [
    'mish',
    rule([], (call, g) => {
      const x = given(call, g, 0)
      return g.node('Mul', [x, g.node('Tanh', [g.node('Softplus', [x])])])
    }),
  ],
  [
    // x·(1 + erf(x/√2))/2
    'gelu',
    rule([], (call, g) => {
      const x = given(call, g, 0)
      const erf = g.node('Erf', [g.node('Mul', [x, g.float(Math.SQRT1_2)])])
      return g.node('Mul', [g.node('Mul', [x, g.float(0.5)]), g.node('Add', [erf, g.float(1)])])
    }),
  ],
  [
    'trunc',
    rule([], (call, g) => {
      const x = given(call, g, 0)
      return g.node('Mul', [g.node('Sign', [x]), g.node('Floor', [g.node('Abs', [x])])])
    }),
  ],
  [
    'selu',
    rule([], (call, g) =>
      g.node('Selu', [given(call, g, 0)], {
        alpha: { float: 1.6732632423543772 },
        gamma: { float: 1.0507009873554805 },
      }),
    ),
  ],
  [
    'hardSigmoid',
    rule([], (call, g) => g.node('HardSigmoid', [given(call, g, 0)], { alpha: { float: 1 / 6 } })),
  ],
  [
    'leakyRelu',
    rule(['slope'], (call, g) =>
      g.node('LeakyRelu', [given(call, g, 0)], { alpha: { float: number(call, 'slope', 0.01) } }),
    ),
  ],
  [
    'elu',
    rule(['alpha'], (call, g) =>
      g.node('Elu', [given(call, g, 0)], { alpha: { float: number(call, 'alpha', 1) } }),
    ),
  ],
  ...(['clip', 'hardtanh'] as const).map(
    (name) =>
      [
        name,
        rule(['min', 'max'], (call, g) => {
          if (!isFloat(output(call).dtype)) return new Refusal(`its result is ${output(call).dtype}`)
          const bound = (key: string) =>
            typeof call.attributes[key] === 'number' ? g.float(call.attributes[key] as number) : ''
          return g.node('Clip', [given(call, g, 0), bound('min'), bound('max')])
        }),
      ] as const,
  ),
  ['sum', rule(['axis', 'keepdims'], (call, g) => sumOver(g, given(call, g, 0), axesOf(call), keeps(call)))],
  ['mean', reduction('ReduceMean')],
  ['max', reduction('ReduceMax')],
  ['min', reduction('ReduceMin')],
  ['prod', reduction('ReduceProd')],
  ['logSumExp', reduction('ReduceLogSumExp')],
  ['var', rule(['axis', 'keepdims', 'ddof'], spread)],
  ['std', rule(['axis', 'keepdims', 'ddof'], (call, g) => g.node('Sqrt', [spread(call, g)]))],
  [
    'norm',
    rule(['axis', 'keepdims', 'ord'], (call, g) => {
      const operator = { 1: 'ReduceL1', 2: 'ReduceL2' }[String(call.attributes.ord ?? 2)]
      if (operator === undefined) return new Refusal(`its order is ${String(call.attributes.ord)}`)
      return reduced(g, operator, given(call, g, 0), axesOf(call), keeps(call))
    }),
  ],
  ...(['argmax', 'argmin'] as const).map(
    (name) =>
      [
        name,
        rule(['axis', 'keepdims'], (call, g) => {
          const { shape, name: x } = input(call, 0)
          const isWhole = call.attributes.axis === undefined
          const size = shape.reduce((product, extent) => product * extent, 1)
          const found = g.node(
            name === 'argmax' ? 'ArgMax' : 'ArgMin',
            [isWhole ? g.reshape(x, [size]) : x],
            {
              axis: isWhole ? 0 : axisOf(call, 0),
              keepdims: isWhole ? 0 : keeps(call),
            },
          )
          const whole = g.cast(found, 'int32')
          return isWhole && keeps(call) === 1 ? g.reshape(whole, output(call).shape) : whole
        }),
      ] as const,
  ),
  ['reshape', toOutputShape],
  ['expandDims', toOutputShape],
  ['squeeze', toOutputShape],
  [
    'transpose',
    rule(['axes'], (call, g) => {
      const ndim = input(call, 0).shape.length
      const axes =
        (call.attributes.axes as number[] | undefined) ?? Array.from({ length: ndim }, (_, i) => ndim - 1 - i)
      return g.node('Transpose', [input(call, 0).name], {
        perm: axes.map((axis) => (axis < 0 ? axis + ndim : axis)),
      })
    }),
  ],
  [
    'broadcastTo',
    rule(['shape'], (call, g) => g.node('Expand', [input(call, 0).name, g.integers(output(call).shape)])),
  ],
  [
    'sumTo',
    rule(['shape'], (call, g) => {
      const from = input(call, 0).shape
      const to = output(call).shape
      const lead = from.length - to.length
      const axes = from.flatMap((extent, axis) => (axis < lead || extent !== to[axis - lead] ? [axis] : []))
      return g.reshape(sumOver(g, given(call, g, 0), axes, 1), to)
    }),
  ],
  [
    'flip',
    rule(['axis'], (call, g) =>
      sliced(
        g,
        input(call, 0).name,
        axesOf(call).map((axis) => ({ axis, start: -1, stop: -FAR, step: -1 })),
      ),
    ),
  ],
  [
    'slice',
    rule(['ranges'], (call, g) => {
      const ranges = call.attributes.ranges as readonly (readonly (number | null)[] | null)[]
      return sliced(
        g,
        input(call, 0).name,
        ranges.flatMap((range, axis) => {
          if (range === null) return []
          const step = range[2] ?? 1
          const [start, stop] = [range[0] ?? (step > 0 ? 0 : -1), range[1] ?? (step > 0 ? FAR : -FAR)]
          return [{ axis, start, stop, step }]
        }),
      )
    }),
  ],
  [
    'split',
    rule(['parts', 'axis'], (call, g) => {
      const axis = axisOf(call, 0)
      let start = 0
      return call.outputs.map(({ shape }) => {
        const stop = start + shape[axis]!
        const part = sliced(g, input(call, 0).name, [{ axis, start, stop, step: 1 }])
        start = stop
        return part
      })
    }),
  ],
  ['concat', rule(['axis'], (call, g) => g.node('Concat', inputsGiven(call, g), { axis: axisOf(call, 0) }))],
  [
    'stack',
    rule(['axis'], (call, g) => {
      const axis = axisOf(call, 0, output(call).shape.length)
      const parts = call.inputs.map((one, i) => g.reshape(given(call, g, i), one.shape.toSpliced(axis, 0, 1)))
      return g.node('Concat', parts, { axis })
    }),
  ],
  [
    'pad',
    rule(['widths', 'value'], (call, g) => {
      const widths = call.attributes.widths as readonly (readonly [number, number])[]
      const pads = [...widths.map(([before]) => before), ...widths.map(([, after]) => after)]
      return g.node('Pad', [given(call, g, 0), g.integers(pads), g.float(number(call, 'value', 0))])
    }),
  ],
  [
    'take',
    rule(['axis'], (call, g) =>
      g.node('Gather', [given(call, g, 0), indices(g, input(call, 1))], { axis: axisOf(call, 0) }),
    ),
  ],
  [
    'embedding',
    rule(['paddingIndex'], (call, g) =>
      g.node('Gather', [given(call, g, 0), indices(g, input(call, 1))], { axis: 0 }),
    ),
  ],
  [
    'gather',
    rule(['axis'], (call, g) =>
      g.node('GatherElements', [given(call, g, 0), indices(g, input(call, 1))], { axis: axisOf(call, 0) }),
    ),
  ],
  [
    'oneHot',
    rule(['classes', 'dtype'], (call, g) => {
      const classes = number(call, 'classes', 0)
      const each = g.reshape(indices(g, input(call, 0)), [...input(call, 0).shape, 1])
      const all = g.int32s(
        Array.from({ length: classes }, (_, i) => i),
        [classes],
      )
      const isIt = { name: g.node('Equal', [each, all]), dtype: 'bool' as const, shape: output(call).shape }
      return g.as(isIt, output(call).dtype)
    }),
  ],
  ['cast', rule(['dtype'], (call, g) => given(call, g, 0))],
  [
    'matmul',
    rule(['transposeA', 'transposeB'], (call, g) => {
      const side = (i: number, key: string) =>
        call.attributes[key] === true
          ? turned(g, given(call, g, i), input(call, i).shape.length)
          : given(call, g, i)
      return g.node('MatMul', [side(0, 'transposeA'), side(1, 'transposeB')])
    }),
  ],
  [
    'linear',
    rule([], (call, g) => {
      const [x, w, b] = inputsGiven(call, g)
      const product = g.node('MatMul', [x!, w!])
      return b === undefined ? product : g.node('Add', [product, b])
    }),
  ],
  [
    'einsum',
    rule(['equation'], (call, g) =>
      g.node('Einsum', inputsGiven(call, g), { equation: String(call.attributes.equation) }),
    ),
  ],
  [
    'softmax',
    rule(['axis'], (call, g) => g.node('Softmax', [given(call, g, 0)], { axis: axisOf(call, -1) })),
  ],
  [
    'logSoftmax',
    rule(['axis'], (call, g) => g.node('LogSoftmax', [given(call, g, 0)], { axis: axisOf(call, -1) })),
  ],
  ['softmaxCrossEntropy', rule([], softmaxCrossEntropy)],
  ['crossEntropy', rule(['ignoreIndex', 'labelSmoothing', 'reduction', 'weight'], crossEntropy)],
  [
    'meanSquaredError',
    rule([], (call, g) => {
      const difference = square(g, g.node('Sub', [given(call, g, 0), given(call, g, 1)]))
      return reduced(g, 'ReduceMean', difference, axesOf(call), 0)
    }),
  ],
  ['conv2d', rule(['stride', 'padding'], (call, g) => g.node('Conv', inputsGiven(call, g), window(call)))],
  [
    'convTranspose2d',
    rule(['stride', 'padding', 'extra'], (call, g) =>
      g.node('ConvTranspose', inputsGiven(call, g), { ...window(call), output_padding: pair(call, 'extra') }),
    ),
  ],
  ['maxPool2d', pooled('MaxPool')],
  ['averagePool2d', pooled('AveragePool', { count_include_pad: 1 })],
  [
    'diff',
    rule(['axis'], (call, g) => {
      const axis = axisOf(call, -1)
      const part = (start: number, stop: number) =>
        sliced(g, given(call, g, 0), [{ axis, start, stop, step: 1 }])
      return g.node('Sub', [part(1, FAR), part(0, -1)])
    }),
  ],
  [
    'diag',
    rule(['offset'], (call, g) => {
      if (number(call, 'offset', 0) !== 0) return new Refusal('ONNX has the main diagonal only')
      const { shape } = input(call, 0)
      const size = shape.at(-1)!
      const isOn = Array.from({ length: size * size }, (_, i) => Number(i % (size + 1) === 0))
      const mask = g.cast(g.floats(isOn, [size, size]), 'bool')
      return g.node('Where', [mask, g.reshape(given(call, g, 0), [...shape, 1]), g.float(0)])
    }),
  ],
  [
    'cross',
    rule(['axis'], (call, g) => {
      const axis = axisOf(call, -1)
      const part = (i: number, start: number) =>
        sliced(g, given(call, g, i), [{ axis, start, stop: start + 1, step: 1 }])
      const parts = [0, 1, 2].map((i) => {
        const [next, last] = [(i + 1) % 3, (i + 2) % 3]
        return g.node('Sub', [
          g.node('Mul', [part(0, next), part(1, last)]),
          g.node('Mul', [part(0, last), part(1, next)]),
        ])
      })
      return g.node('Concat', parts, { axis })
    }),
  ],
  ['volumeMaxima', rule(['kernel', 'stride', 'padding', 'ceilMode', 'size'], volumeMaxima)],
  ['blend', rule(['axis', 'from', 'to', 'step', 'alignCorners'], blend)],
  ['bandMeans', rule(['axis', 'size'], bandMeans)],
  [
    'layerNorm',
    rule(['eps'], (call, g) =>
      g.node('LayerNormalization', inputsGiven(call, g), {
        axis: -input(call, 1).shape.length,
        epsilon: { float: number(call, 'eps', 1e-5) },
      }),
    ),
  ],
  [
    'rmsNorm',
    rule(['eps'], (call, g) => {
      const [x, gamma] = inputsGiven(call, g)
      const ndim = input(call, 0).shape.length
      const axes = Array.from({ length: input(call, 1).shape.length }, (_, i) => ndim - 1 - i).reverse()
      const otherwise = input(call, 0).dtype === 'float32' ? 2 ** -23 : Number.EPSILON
      const power = reduced(g, 'ReduceMean', square(g, x!), axes, 1)
      return g.node('Mul', [scaledBy(g, x!, power, number(call, 'eps', otherwise)), gamma!])
    }),
  ],
  [
    'groupNorm',
    rule(['groups', 'eps'], (call, g) => {
      const { shape } = input(call, 0)
      const [x, gamma, beta] = inputsGiven(call, g)
      const groups = number(call, 'groups', 1)
      const rest = shape.slice(1).reduce((product, extent) => product * extent, 1) / groups
      const { parts, variance } = centred(g, g.reshape(x!, [shape[0]!, groups, rest]), [2])
      const xHat = g.reshape(scaledBy(g, parts, variance, number(call, 'eps', 1e-5)), shape)
      const channels = channelShape(shape)
      return g.node('Add', [g.node('Mul', [xHat, g.reshape(gamma!, channels)]), g.reshape(beta!, channels)])
    }),
  ],
  [
    'batchNorm',
    rule(['eps'], (call, g) => {
      const { shape } = input(call, 0)
      const inputs = inputsGiven(call, g)
      const eps = number(call, 'eps', 1e-5)
      if (inputs.length === 5) return g.node('BatchNormalization', inputs, { epsilon: { float: eps } })
      const [x, gamma, beta] = inputs
      const axes = shape.flatMap((_, axis) => (axis === 1 ? [] : [axis]))
      const { parts, variance } = centred(g, x!, axes)
      const xHat = scaledBy(g, parts, variance, eps)
      const channels = channelShape(shape)
      return g.node('Add', [g.node('Mul', [xHat, g.reshape(gamma!, channels)]), g.reshape(beta!, channels)])
    }),
  ],
  ['dropout', rule(['p', 'seed', 'counter'], dropout)],
  ['scaledDotProductAttention', rule(['causal', 'dropout', 'seed', 'counter'], attention)],
  [
    'cumsum',
    rule(['axis'], (call, g) => {
      const { shape } = input(call, 0)
      const isWhole = call.attributes.axis === undefined
      const size = shape.reduce((product, extent) => product * extent, 1)
      const x = isWhole ? g.reshape(given(call, g, 0), [size]) : given(call, g, 0)
      return g.node('CumSum', [x, g.integers([isWhole ? 0 : axisOf(call, 0)], [])])
    }),
  ],
])
