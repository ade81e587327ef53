import { beforeAll, describe, expect, test } from 'vitest'
import { plainKernel } from '../../../src/array/plain-kernel.js'
import { portableKernel } from '../../../src/array/portable-kernel.js'
import type { UnaryOp } from '../../../src/array/primitives.js'
import { unaryStaged } from '../../../src/array/wasm/functions.js'
import { type Staging, staging } from '../../../src/array/wasm/staging.js'
import { Source, subjects } from '../math/corpus.js'
import { expectSameBits, firstDifference } from './same-bits.js'

/** Where something changes: thresholds of the functions, ends of the formats, values that are special. */
const EDGES = [
  ...[
    0,
    1,
    2,
    3,
    0.5,
    0.25,
    5e-324,
    1e-310,
    2.2250738585072014e-308,
    1.7976931348623157e308,
    1e300,
    NaN,
    Infinity,
  ],
  ...[0.5625, 0.875, 0.46875, 0.6629126073623883, 2, Math.SQRT2, 6, 19.1, 22, 39, 39.2, 40, 709.782712893384],
  ...[
    710,
    744.4400719213812,
    745.1332191019412,
    746,
    1048575.5,
    1048576,
    2 ** 53,
    2 ** 53 + 2,
    2 ** 54,
    2 ** 64,
  ],
  ...[2 ** 65, 2 ** -27, 2 ** -54, 1e22, 5.319372648326541e255, 1 - 2 ** -53, 1 + 2 ** -52, Math.SQRT1_2],
].flatMap((x) => [x, -x])

const OPERATIONS = [
  'exp',
  'expm1',
  'log',
  'log1p',
  'tanh',
  'sigmoid',
  'softplus',
  'erf',
  'gelu',
  'sin',
  'cos',
] as const

/** Fills x and y: pairs of edges first, then arguments of interest, bit patterns, and values of ordinary size. */
function fill(name: string, source: Source, x: Float64Array, y: Float64Array): void {
  const subject = subjects.find((one) => one.name === name)
  if (subject === undefined) throw new Error(`no arguments for ${name}`)
  const words = new Uint32Array(1)
  const any = new Float64Array(1)
  const anyWords = new Uint32Array(any.buffer)
  for (let i = 0; i < x.length; i++) {
    words[0] = source.word()
    const kind = words[0] % 8
    if (kind < 4) [x[i], y[i]] = subject.arguments(source) as [number, number]
    else if (kind < 6) {
      // Any 64 bits, infinities, NaN and subnormals included.
      anyWords[0] = source.word()
      anyWords[1] = source.word()
      x[i] = any[0]!
      y[i] = kind === 4 ? source.between(-4, 4) : source.anything()
    } else {
      x[i] = source.between(-10, 10)
      y[i] = kind === 6 ? Math.round(source.between(-5, 5)) : source.between(-5, 5)
    }
  }
  for (let i = 0; i < EDGES.length ** 2 && i < x.length; i++) {
    x[i] = EDGES[i % EDGES.length]!
    y[i] = EDGES[Math.floor(i / EDGES.length)]!
  }
}

let memory: Staging
beforeAll(() => {
  const found = staging()
  if (found === null)
    throw new Error('this runtime has no WebAssembly with SIMD; the other path is not tested')
  memory = found
})

describe('the vector functions give the bits of the scalar ones', () => {
  const points = 1_000_000

  test.each(OPERATIONS)('%s, at a million float64 and as many float32', (op) => {
    const source = new Source(op.length * 7919 + op.charCodeAt(0))
    const x = new Float64Array(points)
    fill(op, source, x, new Float64Array(points))
    const [got, expected] = [new Float64Array(points), new Float64Array(points)]
    portableKernel.unary(op, x, 0, got, 0, points)
    plainKernel.unary(op, x, 0, expected, 0, points)
    expectSameBits(got, expected, op)

    const narrow = Float32Array.from(x)
    const [got32, expected32] = [new Float32Array(points), new Float32Array(points)]
    portableKernel.unary(op, narrow, 0, got32, 0, points)
    plainKernel.unary(op, narrow, 0, expected32, 0, points)
    expectSameBits(got32, expected32, `${op} in float32`)
  })

  test.each([Float64Array, Float32Array])('pow, at half a million pairs of %o', (Floats) => {
    const pairs = points / 2
    const [x, y] = [new Float64Array(pairs), new Float64Array(pairs)]
    fill('pow', new Source(11), x, y)
    const [a, b] = [Floats.from(x), Floats.from(y)]
    const [got, expected] = [new Floats(pairs), new Floats(pairs)]
    portableKernel.binary('pow', 1, pairs, a, 0, 0, 1, b, 0, 0, 1, got, 0)
    plainKernel.binary('pow', 1, pairs, a, 0, 0, 1, b, 0, 0, 1, expected, 0)
    expectSameBits(got, expected, 'pow')
  })
})

test('pow takes one exponent or one base for all, in either dtype, and leaves other steps to the plain loop', () => {
  const x = Float64Array.from({ length: 20000 }, (_, i) => (i % 71) / 7 - 3)
  for (const [ar, ac, br, bc] of [
    [100, 1, 0, 0],
    [0, 0, 100, 1],
    [100, 1, 0, 1],
    [1, 200, 100, 1],
  ] as const) {
    for (const a of [x, Float32Array.from(x)]) {
      const [got, expected] = [a.slice(), a.slice()]
      portableKernel.binary('pow', 200, 100, a, 0, ar, ac, a, 0, br, bc, got, 0)
      plainKernel.binary('pow', 200, 100, a, 0, ar, ac, a, 0, br, bc, expected, 0)
      expectSameBits(got, expected, `pow with steps ${[ar, ac, br, bc]}`)
    }
  }
})

test('pieces, odd lengths and offsets touch no element but their own', () => {
  for (const Floats of [Float64Array, Float32Array]) {
    for (const count of [1, 2, 3, 31, 32, 33, 49, 2047, 8191, 8192, 8193, 17001]) {
      const x = new Floats(Array.from({ length: count + 9 }, (_, i) => (i % 40) - 20))
      const got = new Floats(count + 9).fill(7)
      unaryStaged(
        memory,
        Floats === Float64Array ? memory.run.exp64 : memory.run.exp32,
        'exp',
        x,
        5,
        got,
        3,
        count,
      )
      const expected = new Floats(count + 9).fill(7)
      plainKernel.unary('exp', x, 5, expected, 3, count)
      expectSameBits(got, expected, `exp of ${count}`)
    }
  }
})

test('results may take the place of their operand', () => {
  for (const op of ['tanh', 'sin', 'relu'] as const satisfies readonly UnaryOp[]) {
    const x = Float64Array.from({ length: 9100 }, (_, i) => (i - 4500) * 1000.5)
    const expected = new Float64Array(9100)
    plainKernel.unary(op, x, 0, expected, 0, 9100)
    portableKernel.unary(op, x, 0, x, 0, 9100)
    expectSameBits(x, expected, op)
  }
})

test('the comparison itself tells −0 from 0 and one ulp, and takes all NaN for one', () => {
  expect(firstDifference(Float64Array.of(0, -0), Float64Array.of(0, 0))).toBe(1)
  expect(firstDifference(Float64Array.of(1 + 2 ** -52), Float64Array.of(1))).toBe(0)
  const odd = new Float64Array(1)
  new Uint32Array(odd.buffer).set([5, 0xfff80000])
  expect(firstDifference(odd, Float64Array.of(NaN))).toBe(-1)
})
