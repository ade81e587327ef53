/**
 * Draws calls of every function: operands of rank 0 to 4 with empty axes and extents of 1, axes counted from either end, repeated
 * and negative indices, cuts and steps that go back. What is drawn is plain data and knows no engine.
 */
import type { Random } from './random.js'

export type Shape = readonly number[]
export type DrawnDtype = 'float64' | 'float32' | 'int32' | 'uint8' | 'bool'

export interface DrawnArray {
  readonly shape: Shape
  readonly values: readonly number[]
  readonly dtype: DrawnDtype
  /** A value is computed with, and takes part in the dtype of the result; indices, conditions and labels do not. */
  readonly role: 'value' | 'other'
}

export interface DrawnCall {
  readonly name: string
  readonly inputs: readonly DrawnArray[]
  /** The function form: the operands as one list or one by one, and what follows them. */
  readonly args: readonly unknown[]
  readonly asList?: boolean
  /** What comes before the operands. */
  readonly before?: readonly unknown[]
  /** Whether differences can be taken at these values: no kink or tie is near. */
  readonly smooth: boolean
  /** Whether the function takes integers in place of floats at all. */
  readonly integers: boolean
}

/** Extents that find mistakes: nothing, one, and little more. */
function extent(random: Random): number {
  return random.pick([0, 1, 1, 2, 2, 3, 3, 4])
}

export function drawShape(random: Random, least = 0, most = 4): number[] {
  return Array.from({ length: random.integer(least, most) }, () => extent(random))
}

function sizeOf(shape: Shape): number {
  return shape.reduce((size, one) => size * one, 1)
}

/** Distinct values in ±(0.1, 1.1), in random order; distances keep away from ties and from 0. */
function values(random: Random, shape: Shape): DrawnArray {
  const size = sizeOf(shape)
  const step = 1 / Math.max(1, size)
  const sizes = Array.from({ length: size }, (_, i) => 0.1 + step * (i + 0.2 + 0.5 * random.unit()))
  const signed = sizes.map((one) => (random.oneIn(2) ? one : -one))
  return { shape, values: random.shuffled(signed), dtype: 'float64', role: 'value' }
}

function mapped(array: DrawnArray, f: (value: number) => number): DrawnArray {
  return { ...array, values: array.values.map(f) }
}

/** Distinct values in (0.1, 1.1). */
function positive(random: Random, shape: Shape): DrawnArray {
  return mapped(values(random, shape), Math.abs)
}

/** Values in (0.15, 0.85). */
function share(random: Random, shape: Shape): DrawnArray {
  return mapped(positive(random, shape), (value) => 0.08 + value * 0.7)
}

/** Zeros, ones and equal values among others. */
function rough(random: Random, shape: Shape): DrawnArray {
  return mapped(values(random, shape), (value) => (random.oneIn(3) ? random.pick([0, 0, 1, -1, 0.5]) : value))
}

function integersFrom(random: Random, shape: Shape, least: number, most: number): DrawnArray {
  const list = Array.from({ length: sizeOf(shape) }, () => random.integer(least, most))
  return { shape, values: list, dtype: least < 0 ? 'int32' : random.pick(['int32', 'uint8']), role: 'other' }
}

function bools(random: Random, shape: Shape): DrawnArray {
  const list = Array.from({ length: sizeOf(shape) }, () => random.integer(0, 1))
  return { shape, values: list, dtype: 'bool', role: 'other' }
}

/** An axis of `ndim`, from either end. */
function axisOf(random: Random, ndim: number): number {
  const axis = random.integer(0, Math.max(0, ndim - 1))
  return random.oneIn(2) ? axis : axis - ndim
}

/** No axis, one, or several. */
function axesOption(random: Random, ndim: number): { axis?: number | number[] } {
  if (ndim === 0 || random.oneIn(3)) return {}
  if (random.oneIn(2)) return { axis: axisOf(random, ndim) }
  const axes = random.shuffled(Array.from({ length: ndim }, (_, axis) => axis))
  return {
    axis: axes.slice(0, random.integer(0, ndim)).map((axis) => (random.oneIn(2) ? axis : axis - ndim)),
  }
}

/** A shape that stretches to `shape`. */
function narrower(random: Random, shape: Shape): number[] {
  const lead = random.integer(0, shape.length)
  return shape.slice(lead).map((one) => (random.oneIn(3) ? 1 : one))
}

/** Several shapes that broadcast together. */
function together(random: Random, count: number): number[][] {
  const whole = drawShape(random)
  const list = Array.from({ length: count }, () => narrower(random, whole))
  list[random.integer(0, count - 1)] = [...whole]
  return list
}

type Draw = (random: Random) => Omit<DrawnCall, 'name' | 'smooth' | 'integers'> & {
  smooth?: boolean
  integers?: boolean
}

function unary(make: typeof values, args: (random: Random) => readonly unknown[] = () => []): Draw {
  return (random) => ({ inputs: [make(random, drawShape(random))], args: args(random) })
}

function binary(left: typeof values, right: typeof values = left): Draw {
  return (random) => {
    const [a, b] = together(random, 2) as [number[], number[]]
    const [x, y] = [left(random, a), right(random, b)]
    // Where an element of one operand is nearly that of the other, differences would be taken across a tie.
    const meets = (by: number) =>
      x.values.some((one) => y.values.some((other) => Math.abs(one + by - other) < 1e-4))
    let by = 1e-4
    while (meets(by) && by < 0.05) by += 2.3e-4
    return { inputs: [mapped(x, (value) => value + by), y], args: [] }
  }
}

function reduction(
  make: typeof values,
  more: (random: Random) => object = () => ({}),
  extents: 'any' | 'some' = 'any',
): Draw {
  return (random) => {
    const shape = drawShape(random).map((one) => (extents === 'some' ? Math.max(1, one) : one))
    const options = {
      ...axesOption(random, shape.length),
      ...(random.oneIn(2) ? { keepdims: random.oneIn(2) } : {}),
      ...more(random),
    }
    const isRough = random.oneIn(3)
    return { inputs: [(isRough ? rough : make)(random, shape)], args: [options], smooth: !isRough }
  }
}

function predicate(): Draw {
  return (random) => {
    const [a, b] = together(random, 2) as [number[], number[]]
    return { inputs: [rough(random, a), rough(random, b)], args: [], smooth: false }
  }
}

/** Images [n, c, h, w]; n may be 0. */
function image(random: Random, channels: number, least = 1): number[] {
  return [random.integer(0, 2), channels, random.integer(least, 5), random.integer(least, 5)]
}

function pairOf(random: Random, least: number, most: number): number | [number, number] {
  return random.oneIn(2)
    ? random.integer(least, most)
    : [random.integer(least, most), random.integer(least, most)]
}

function convolution(transposed: boolean): Draw {
  return (random) => {
    const [channels, outs] = [random.integer(1, 2), random.integer(1, 3)]
    const x = image(random, channels)
    const w = [
      ...(transposed ? [channels, outs] : [outs, channels]),
      random.integer(1, 3),
      random.integer(1, 3),
    ]
    const stride = pairOf(random, 1, 3)
    const options: Record<string, unknown> = { stride, padding: pairOf(random, 0, 1) }
    if (transposed && random.oneIn(2)) options.extra = 0
    const inputs = [values(random, x), values(random, w)]
    if (random.oneIn(2)) return { inputs: [...inputs, values(random, [outs])], args: [options] }
    return { inputs, args: [undefined, options] }
  }
}

function pool(): Draw {
  return (random) => {
    const options = {
      kernel: pairOf(random, 1, 3),
      stride: pairOf(random, 1, 2),
      padding: pairOf(random, 0, 1),
    }
    return { inputs: [values(random, image(random, random.integer(1, 2)))], args: [options] }
  }
}

function equation(random: Random): { text: string; shapes: number[][] } {
  const letters = ['i', 'j', 'k', 'l', 'm'].slice(0, random.integer(1, 5))
  const extents = new Map(letters.map((letter) => [letter, extent(random)]))
  const dots = random.oneIn(4) ? drawShape(random, 0, 2) : null
  const terms: string[] = []
  const shapes: number[][] = []
  for (let i = random.integer(1, 3); i > 0; i--) {
    const names = Array.from({ length: random.integer(0, 3) }, () => random.pick(letters))
    // An extent of 1 stretches; a repeated subscript may do so on one of its axes.
    const shape = names.map((name) => (random.oneIn(4) ? 1 : extents.get(name)!))
    const withDots = dots !== null && random.oneIn(2)
    terms.push(withDots ? `...${names.join('')}` : names.join(''))
    shapes.push(withDots ? [...narrower(random, dots), ...shape] : shape)
  }
  const used = [...new Set(terms.join('').replaceAll('.', ''))]
  const kept = random.shuffled(used).slice(0, random.integer(0, used.length)).join('')
  const hasDots = terms.some((term) => term.startsWith('...'))
  const right = random.oneIn(5) ? '' : `->${hasDots && !random.oneIn(4) ? '...' : ''}${kept}`
  return { text: terms.join(',') + right, shapes }
}

function bound(random: Random, size: number): number | null {
  return random.oneIn(4) ? null : random.integer(-size - 1, size + 1)
}

function matrices(random: Random): DrawnCall['inputs'] {
  const [m, k, n] = [extent(random), extent(random), extent(random)]
  const [a, b] = together(random, 2).map((shape) => shape.slice(-2)) as [number[], number[]]
  const left = random.oneIn(5) ? [k] : [...a, m, k]
  const right = random.oneIn(5) ? [k] : [...b, k, n]
  return [values(random, left), values(random, right)]
}

/** Square matrices whose diagonal outweighs the rest. */
function dominant(random: Random): DrawnArray {
  const n = random.integer(1, 4)
  const drawn = values(random, [...drawShape(random, 0, 2), n, n])
  return {
    ...drawn,
    values: drawn.values.map((value, i) => value / 5 + (Math.floor(i / n) % n === i % n ? 2 : 0)),
  }
}

/**
 * Matrices whose eigenvalues and singular values lie apart: where two of them nearly meet, derivatives are so large that differences
 * cannot tell them.
 */
function apart(random: Random, m: number, n: number): DrawnArray {
  const drawn = values(random, [...drawShape(random, 0, 1), m, n])
  return {
    ...drawn,
    values: drawn.values.map((value, i) => {
      const [row, column] = [Math.floor(i / n) % m, i % n]
      return value / 20 + (row === column ? row + 1 : 0)
    }),
  }
}

/** A loss of two operands, of which one may have to be repeated. */
/** A number near `value` that is apart from all of these by more than a step of differences. */
function apartFrom(others: readonly number[], value: number): number {
  const moved = others.some((other) => Math.abs(other - value) < 1e-3) ? value + 2.5e-3 : value
  return moved === value ? value : apartFrom(others, moved)
}

function loss(more: (random: Random) => object = () => ({}), targets: typeof values = values): Draw {
  return (random) => {
    const shape = drawShape(random).map((one) => Math.max(1, one))
    const x = values(random, random.oneIn(2) ? shape : narrower(random, shape))
    const t = mapped(targets(random, shape), (value) => apartFrom(x.values, value + 1e-3))
    return { inputs: [x, t], args: [{ ...more(random), reduction: random.pick(['mean', 'sum', 'none']) }] }
  }
}

const DRAWS: Readonly<Record<string, Draw>> = {
  abs: unary(values),
  neg: unary(values),
  square: unary(values),
  sqrt: unary(positive),
  sign: unary(values),
  floor: unary(values),
  ceil: unary(values),
  trunc: unary(values),
  round: unary(values),
  exp: unary(values),
  exp2: unary(values),
  expm1: unary(values),
  log: unary(positive),
  log1p: unary(share),
  sin: unary(values),
  cos: unary(values),
  tanh: unary(values),
  sigmoid: unary(values),
  relu: unary(values),
  leakyRelu: unary(values, (random) => [{ slope: random.pick([0.01, 0.5, -1]) }]),
  silu: unary(values),
  selu: unary(values),
  hardSigmoid: unary(values),
  hardSwish: unary(values),
  mish: unary(values),
  elu: unary(values, (random) => [{ alpha: random.pick([1, 0.5, 2]) }]),
  hardtanh: unary(values, (random) => [random.pick([{}, { min: -0.05, max: 0.05 }])]),
  prelu: (random) => {
    const shape = drawShape(random)
    const weight = random.pick([[], [1], shape.length > 1 ? [shape[1]!] : [1]])
    return { inputs: [values(random, shape), share(random, weight)], args: [] }
  },
  tan: unary(values),
  sinh: unary(values),
  cosh: unary(values),
  arcsin: unary(share),
  arccos: unary(share),
  arctan: unary(values),
  arctan2: binary(values, positive),
  remainder: (random) => ({ ...binary(rough, positive)(random), smooth: false, integers: false }),
  erf: unary(values),
  gelu: unary(values),
  softplus: unary(values),
  clip: unary(values, (random) => [random.pick([{ min: 0.05 }, { max: -0.05 }, { min: -0.05, max: 0.05 }])]),
  pow: (random) =>
    random.oneIn(2)
      ? { inputs: [positive(random, drawShape(random))], args: [random.pick([-1, 0, 0.5, 1, 2, 3, 2.5])] }
      : binary(positive, values)(random),
  add: binary(values),
  sub: binary(values),
  mul: binary(values),
  div: binary(values, positive),
  maximum: binary(values),
  minimum: binary(values),
  equal: predicate(),
  notEqual: predicate(),
  less: predicate(),
  lessEqual: predicate(),
  greater: predicate(),
  greaterEqual: predicate(),
  logicalAnd: predicate(),
  logicalOr: predicate(),
  logicalNot: unary(rough),
  where: (random) => {
    const [c, a, b] = together(random, 3) as [number[], number[], number[]]
    return { inputs: [bools(random, c), values(random, a), values(random, b)], args: [] }
  },

  sum: reduction(values),
  mean: reduction(values),
  max: reduction(values, undefined, 'some'),
  min: reduction(values, undefined, 'some'),
  prod: reduction(values),
  var: reduction(values, (random) => (random.oneIn(3) ? { ddof: 1 } : {})),
  std: reduction(values, (random) => (random.oneIn(3) ? { ddof: 1 } : {}), 'some'),
  norm: reduction(
    values,
    (random) => ({ ord: random.pick([1, 1.25, 1.5, 2, 2.5, 3, 0, 0.5, -1, 'inf', '-inf']) }),
    'some',
  ),
  logSumExp: reduction(values, undefined, 'some'),
  cumsum: (random) => {
    const shape = drawShape(random)
    const options = random.oneIn(3) ? {} : { axis: axisOf(random, Math.max(1, shape.length)) }
    return { inputs: [values(random, shape)], args: [options] }
  },
  argmax: (random) => {
    const shape = drawShape(random, 1)
    return { inputs: [rough(random, shape)], args: [{ axis: axisOf(random, shape.length) }], smooth: false }
  },
  topk: (random) => {
    const shape = drawShape(random, 1)
    const axis = axisOf(random, shape.length)
    const k = random.integer(0, shape.at(axis)!)
    return { inputs: [values(random, shape)], args: [k, { axis, largest: random.oneIn(2) }] }
  },
  cumprod: (random) => {
    const shape = drawShape(random)
    const options = random.oneIn(3) ? {} : { axis: axisOf(random, Math.max(1, shape.length)) }
    const isRough = random.oneIn(3)
    return { inputs: [(isRough ? rough : values)(random, shape)], args: [options] }
  },
  sort: (random) => {
    const shape = drawShape(random, 1)
    return {
      inputs: [values(random, shape)],
      args: [{ axis: axisOf(random, shape.length), descending: random.oneIn(2) }],
    }
  },
  unique: unary(rough),
  bincount: (random) => {
    const n = extent(random)
    const x = integersFrom(random, [n], 0, 3)
    if (random.oneIn(2)) return { inputs: [x], args: [undefined, { minLength: random.integer(0, 5) }] }
    return { inputs: [x, values(random, [n])], args: [], integers: false }
  },
  histogram: unary(values, (random) => [
    { bins: random.integer(1, 4), ...(random.oneIn(2) ? { min: -0.5, max: 1 } : {}) },
  ]),
  softmax: (random) => {
    const shape = drawShape(random, 1)
    return { inputs: [values(random, shape)], args: [{ axis: axisOf(random, shape.length) }] }
  },
  logSoftmax: (random) => {
    const shape = drawShape(random, 1)
    return { inputs: [values(random, shape)], args: [{ axis: axisOf(random, shape.length) }] }
  },

  reshape: (random) => {
    const shape = drawShape(random)
    const to = random.shuffled([...shape, ...(random.oneIn(2) ? [1] : [])])
    if (to.length > 0 && sizeOf(shape) > 0 && random.oneIn(2)) to[random.integer(0, to.length - 1)] = -1
    return { inputs: [values(random, shape)], args: [to] }
  },
  tile: (random) => {
    const repeats = Array.from({ length: random.integer(0, 3) }, () => random.integer(0, 2))
    return { inputs: [values(random, drawShape(random))], args: [repeats] }
  },
  diff: (random) => {
    const shape = drawShape(random, 1)
    return {
      inputs: [values(random, shape)],
      args: [{ n: random.pick([0, 1, 2]), axis: random.pick([-1, 0]) }],
    }
  },
  diag: (random) => ({
    inputs: [values(random, drawShape(random, 1))],
    args: [{ offset: random.pick([0, 1, -2]) }],
  }),
  cdist: (random) => {
    const [m, n, d] = [random.integer(0, 4), random.integer(0, 4), random.integer(1, 4)]
    const lead = drawShape(random, 0, 2)
    const a = values(random, [...lead, m, d])
    const b = values(random, [...(random.oneIn(2) ? lead : []), n, d])
    return { inputs: [a, b], args: [{ ord: random.pick([1, 2, 3]) }] }
  },
  cross: (random) => {
    const shape = [...drawShape(random), 3]
    return { inputs: [values(random, shape), values(random, random.oneIn(2) ? shape : [3])], args: [] }
  },
  roll: (random) => {
    const shape = drawShape(random)
    const shift = random.integer(-5, 5)
    if (shape.length === 0 || random.oneIn(2)) return { inputs: [values(random, shape)], args: [shift] }
    return { inputs: [values(random, shape)], args: [[shift], { axis: [axisOf(random, shape.length)] }] }
  },
  triu: (random) => ({
    inputs: [values(random, drawShape(random, 2))],
    args: [{ diagonal: random.integer(-2, 2) }],
  }),
  tril: (random) => ({
    inputs: [values(random, drawShape(random, 2))],
    args: [{ diagonal: random.integer(-2, 2) }],
  }),
  transpose: (random) => {
    const shape = drawShape(random)
    const axes = random.shuffled(shape.map((_, axis) => (random.oneIn(2) ? axis : axis - shape.length)))
    return { inputs: [values(random, shape)], args: random.oneIn(3) ? [] : [axes] }
  },
  broadcastTo: (random) => {
    const shape = drawShape(random)
    return { inputs: [values(random, narrower(random, shape))], args: [shape] }
  },
  sumTo: (random) => {
    const shape = drawShape(random)
    return { inputs: [values(random, shape)], args: [narrower(random, shape)] }
  },
  expandDims: (random) => {
    const shape = drawShape(random)
    return { inputs: [values(random, shape)], args: [axisOf(random, shape.length + 1)] }
  },
  squeeze: unary(values),
  flip: (random) => {
    const shape = drawShape(random)
    const { axis } = axesOption(random, shape.length)
    return { inputs: [values(random, shape)], args: axis === undefined ? [] : [axis] }
  },
  cast: unary(values, (random) => [random.pick(['float64', 'float64', 'int32', 'bool'])]),

  concat: (random) => {
    const shape = drawShape(random, 1)
    const axis = axisOf(random, shape.length)
    const at = axis < 0 ? axis + shape.length : axis
    const inputs = Array.from({ length: random.integer(1, 5) }, () =>
      values(
        random,
        shape.map((one, i) => (i === at ? extent(random) : one)),
      ),
    )
    return { inputs, args: [{ axis }], asList: true }
  },
  stack: (random) => {
    const shape = drawShape(random, 0, 3)
    const inputs = Array.from({ length: random.integer(1, 5) }, () => values(random, shape))
    return { inputs, args: [{ axis: axisOf(random, shape.length + 1) }], asList: true }
  },
  split: (random) => {
    const shape = drawShape(random, 1)
    const axis = axisOf(random, shape.length)
    const size = shape.at(axis)!
    const cuts = Array.from({ length: random.integer(0, 3) }, () => random.integer(-size - 1, size + 1))
    const parts = random.oneIn(3) ? random.pick([1, Math.max(1, size), 2]) : cuts
    return { inputs: [values(random, shape)], args: [parts, { axis }] }
  },
  slice: (random) => {
    const shape = drawShape(random)
    const ranges = shape
      .slice(0, random.integer(0, shape.length))
      .map((size) =>
        random.oneIn(3)
          ? null
          : [bound(random, size), bound(random, size), random.pick([null, 1, 2, -1, -2, -3])],
      )
    return { inputs: [values(random, shape)], args: [ranges] }
  },
  pad: (random) => {
    const shape = drawShape(random)
    const widths = shape.map(() => [random.integer(0, 2), random.integer(0, 2)])
    return { inputs: [values(random, shape)], args: [widths, ...(random.oneIn(2) ? [{ value: 1 }] : [])] }
  },

  take: (random) => {
    const shape = drawShape(random, 1)
    const axis = axisOf(random, shape.length)
    const size = shape.at(axis)!
    const indices = size === 0 ? [0] : drawShape(random, 0, 2)
    return {
      inputs: [values(random, shape), integersFrom(random, indices, -size, Math.max(0, size - 1))],
      args: [{ axis }],
    }
  },
  gather: (random) => {
    const shape = drawShape(random, 1)
    const axis = axisOf(random, shape.length)
    const at = axis < 0 ? axis + shape.length : axis
    const size = shape[at]!
    const indices = shape.map((one, i) =>
      i === at ? (size === 0 ? 0 : extent(random)) : random.integer(0, one),
    )
    return {
      inputs: [values(random, shape), integersFrom(random, indices, -size, Math.max(0, size - 1))],
      args: [{ axis }],
    }
  },
  scatterAdd: (random) => {
    const shape = drawShape(random, 1)
    const axis = axisOf(random, shape.length)
    const at = axis < 0 ? axis + shape.length : axis
    const size = shape[at]!
    const indices = shape.map((one, i) =>
      i === at ? (size === 0 ? 0 : extent(random)) : random.integer(0, one),
    )
    return {
      inputs: [
        values(random, shape),
        integersFrom(random, indices, -size, Math.max(0, size - 1)),
        values(random, indices),
      ],
      args: [{ axis }],
    }
  },
  embedding: (random) => {
    const [count, width] = [random.integer(1, 4), extent(random)]
    const ids = integersFrom(random, drawShape(random, 0, 3), -count, count - 1)
    return { inputs: [values(random, [count, width]), ids], args: [] }
  },
  oneHot: (random) => {
    const classes = random.integer(1, 4)
    const indices = integersFrom(random, drawShape(random, 0, 3), 0, classes - 1)
    return { inputs: [indices], args: [{ classes }] }
  },

  inv: (random) => ({ inputs: [dominant(random)], args: [], integers: false }),
  det: (random) => ({ inputs: [dominant(random)], args: [], integers: false }),
  slogdet: (random) => ({ inputs: [dominant(random)], args: [], integers: false }),
  randomAffine: (random) => ({
    inputs: [values(random, [extent(random), extent(random), extent(random), extent(random)])],
    args: [{ degrees: 40, shift: random.integer(0, 2), seed: 3, counter: random.integer(0, 9) }],
    integers: false,
  }),
  fourierTransform: (random) => {
    const shape = [...drawShape(random, 0, 2), random.integer(1, 12)]
    return {
      inputs: [values(random, shape), values(random, shape)],
      args: [{ inverse: random.oneIn(2) }],
      integers: false,
    }
  },
  rotary: (random) => ({
    inputs: [values(random, [...drawShape(random, 0, 2), extent(random), 2 * random.integer(0, 3)])],
    args: [{ offset: random.integer(0, 5), interleaved: random.integer(0, 1) === 1 }],
    integers: false,
  }),
  qr: (random) => ({
    inputs: [values(random, [...drawShape(random, 0, 1), extent(random), extent(random)])],
    args: [],
    integers: false,
  }),
  eigh: (random) => {
    const n = extent(random)
    return { inputs: [apart(random, n, n)], args: [], integers: false }
  },
  svd: (random) => ({
    inputs: [apart(random, extent(random), extent(random))],
    args: [],
    integers: false,
  }),
  pinv: (random) => ({
    inputs: [apart(random, extent(random), extent(random))],
    args: [],
    integers: false,
  }),
  cholesky: (random) => ({ inputs: [dominant(random)], args: [], integers: false }),
  solve: (random) => {
    const a = dominant(random)
    return { inputs: [a, values(random, [a.shape.at(-1)!, extent(random)])], args: [], integers: false }
  },
  matmul: (random) => ({ inputs: matrices(random), args: [] }),
  linear: (random) => {
    const [k, n] = [extent(random), extent(random)]
    const inputs = [values(random, [...drawShape(random, 0, 3), k]), values(random, [k, n])]
    return { inputs: random.oneIn(2) ? inputs : [...inputs, values(random, [n])], args: [] }
  },
  einsum: (random) => {
    const { text, shapes } = equation(random)
    return { inputs: shapes.map((shape) => values(random, shape)), args: [], before: [text] }
  },

  softmaxCrossEntropy: (random) => {
    const lead = drawShape(random, 1, 3).map((one) => Math.max(1, one))
    const classes = random.integer(1, 4)
    const x = values(random, [...lead, classes])
    if (random.oneIn(2)) return { inputs: [x, integersFrom(random, lead, 0, classes - 1)], args: [] }
    return { inputs: [x, share(random, [...lead, classes])], args: [], integers: false }
  },
  crossEntropy: (random) => {
    const lead = drawShape(random, 1, 3).map((one) => Math.max(1, one))
    const classes = random.integer(1, 4)
    const x = values(random, [...lead, classes])
    const options = {
      labelSmoothing: random.pick([0, 0.1]),
      reduction: random.pick(['mean', 'sum', 'none']),
      ...(random.oneIn(2) ? { weight: Array.from({ length: classes }, () => 0.2 + random.unit()) } : {}),
    }
    if (random.oneIn(2)) return { inputs: [x, integersFrom(random, lead, 0, classes - 1)], args: [options] }
    return { inputs: [x, share(random, [...lead, classes])], args: [options], integers: false }
  },
  binaryCrossEntropyWithLogits: loss((random) => ({ posWeight: random.pick([1, 2.5]) }), share),
  l1Loss: loss(),
  smoothL1Loss: loss((random) => ({ beta: random.pick([0, 3]) })),
  huberLoss: loss(() => ({ delta: 3 })),
  hingeLoss: loss(() => ({ margin: 2 })),
  klDivergence: loss((random) => ({ logTarget: random.oneIn(2) }), share),
  cosineSimilarity: (random) => {
    const shape = drawShape(random, 1).map((one) => Math.max(1, one))
    return {
      inputs: [values(random, shape), values(random, shape)],
      args: [{ axis: axisOf(random, shape.length) }],
    }
  },
  meanSquaredError: (random) => {
    const shape = drawShape(random).map((one) => Math.max(1, one))
    const pair = [values(random, shape), values(random, random.oneIn(2) ? shape : narrower(random, shape))]
    return { inputs: random.shuffled(pair), args: [] }
  },
  binaryCrossEntropy: (random) => {
    const shape = drawShape(random).map((one) => Math.max(1, one))
    const reduction = random.pick(['mean', 'sum', 'none'])
    return { inputs: [share(random, shape), share(random, shape)], args: [{ reduction }] }
  },

  conv2d: convolution(false),
  convTranspose2d: convolution(true),
  maxPool2d: pool(),
  averagePool2d: pool(),

  layerNorm: (random) => {
    const shape = drawShape(random, 1)
    const last = shape.slice(-random.integer(1, shape.length))
    return {
      inputs: [values(random, shape), values(random, last), values(random, last)],
      args: [{ eps: 0.1 }],
    }
  },
  groupNorm: (random) => {
    const groups = random.integer(1, 2)
    const channels = groups * random.integer(1, 2)
    const shape = [extent(random), channels, random.integer(2, 3), ...drawShape(random, 0, 1)]
    const inputs = [values(random, shape), values(random, [channels]), values(random, [channels])]
    return { inputs, args: [{ groups, eps: 0.1 }] }
  },
  rmsNorm: (random) => {
    const shape = drawShape(random, 1)
    const last = shape.slice(-random.integer(1, shape.length))
    return { inputs: [values(random, shape), values(random, last)], args: [{ eps: 0.1 }] }
  },
  batchNorm: (random) => {
    const shape = [random.integer(2, 4), extent(random), ...drawShape(random, 0, 2)]
    const channels = [shape[1]!]
    const inputs = [values(random, shape), values(random, channels), values(random, channels)]
    return { inputs, args: [{ eps: 0.1 }] }
  },
  scaledDotProductAttention: (random) => {
    const lead = drawShape(random, 0, 2)
    const [queries, keys, d, e] = [extent(random), random.integer(1, 3), random.integer(1, 3), extent(random)]
    const heads = () => narrower(random, lead)
    const inputs = [
      values(random, [...lead, queries, d]),
      values(random, [...heads(), keys, d]),
      values(random, [...heads(), keys, e]),
    ]
    const drop = random.oneIn(3) ? { dropout: 0.4, seed: 3, counter: random.integer(0, 9) } : {}
    return { inputs, args: [{ causal: random.oneIn(2), ...drop }] }
  },
}

/** The names of the functions that are drawn. */
export const drawnNames: readonly string[] = Object.keys(DRAWS)

const NO_INTEGERS = new Set(['softmax', 'logSoftmax', 'sub', 'neg'])

export function drawCall(name: string, random: Random): DrawnCall {
  const { smooth, integers, ...drawn } = DRAWS[name]!(random)
  return { name, smooth: smooth ?? true, integers: integers ?? !NO_INTEGERS.has(name), ...drawn }
}

/** The call as a line to read. */
export function describeCall(call: DrawnCall): string {
  const operands = call.inputs.map(({ shape, dtype }) => `${dtype} [${shape.join(', ')}]`).join(', ')
  const more = [...(call.before ?? []), ...call.args].map((arg) => JSON.stringify(arg)).join(', ')
  return `${call.name}(${operands}${more === '' ? '' : `; ${more}`})`
}

const WIDTHS: readonly DrawnDtype[] = ['float64', 'float32', 'int32', 'uint8', 'bool']

/** The same call with other dtypes: integers are made of values times 3. */
export function withDtypes(call: DrawnCall, random: Random): DrawnCall {
  const choices = call.integers ? WIDTHS : WIDTHS.slice(0, 2)
  return {
    ...call,
    inputs: call.inputs.map((input) => {
      if (input.role !== 'value') return input
      const dtype = random.pick(choices)
      return { ...input, dtype, values: input.values.map((value) => fitting(value, dtype)) }
    }),
  }
}

function fitting(value: number, dtype: DrawnDtype): number {
  if (dtype === 'float64') return value
  if (dtype === 'float32') return Math.fround(value)
  if (dtype === 'int32') return Math.round(value * 3)
  return dtype === 'uint8' ? Math.round(Math.abs(value) * 3) : Number(value > 0)
}
