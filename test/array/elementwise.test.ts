import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DTYPES } from '../../src/array/dtype.js'
import * as elementwise from '../../src/array/elementwise.js'
import { type ArrayLike, ndarray, zeros } from '../../src/array/make-array.js'
import { type NDArray, scalar } from '../../src/array/ndarray.js'
import { broadcastShapes, type Shape } from '../../src/array/shape.js'
import { codeOf, messageOf } from './thrown.js'

const { add, sub, mul, div, maximum, minimum, pow, clip, neg } = elementwise
const BINARY = { add, sub, mul, div, maximum, minimum, pow }
const UNARY = [
  'neg',
  'square',
  'exp',
  'log',
  'sqrt',
  'abs',
  'sin',
  'cos',
  'tanh',
  'sigmoid',
  'relu',
  'erf',
  'gelu',
  'softplus',
  'exp2',
  'expm1',
  'log1p',
  'sign',
  'reciprocal',
  'floor',
] as const
const unary = elementwise as unknown as Record<(typeof UNARY)[number], (x: NDArray) => NDArray>
const int32 = (values: ArrayLike): NDArray => ndarray(values, { dtype: 'int32' })

/** The plain meaning of broadcasting: every coordinate of the result, one by one. */
function naive(a: NDArray, b: NDArray, op: (x: number, y: number) => number): number[] {
  const shape = broadcastShapes(a.shape, b.shape, 'naive')
  const size = shape.reduce((product, e) => product * e, 1)
  const at = (x: NDArray, coordinates: number[]): number => {
    let place = 0
    x.shape.forEach((extent, i) => {
      place = place * extent + (extent === 1 ? 0 : coordinates[shape.length - x.ndim + i]!)
    })
    return x.data[place]!
  }
  return Array.from({ length: size }, (_, flat) => {
    const coordinates: number[] = []
    for (let axis = shape.length - 1, rest = flat; axis >= 0; axis--) {
      coordinates.unshift(rest % shape[axis]!)
      rest = Math.floor(rest / shape[axis]!)
    }
    return op(at(a, coordinates), at(b, coordinates))
  })
}

const ramp = (shape: Shape, start: number): NDArray => zeros(shape).map((_, i) => start + i * 1.25)

describe('two operands', () => {
  test('broadcast as the plain definition says, for any shapes that fit', () => {
    const shapes = fc
      .array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.constantFrom('both', 'a', 'b')), { maxLength: 5 })
      .chain((axes) => fc.tuple(fc.constant(axes), fc.integer({ min: 0, max: axes.length }), fc.boolean()))
    fc.assert(
      fc.property(shapes, ([axes, cut, cutA]) => {
        let [a, b] = [
          axes.map(([e, who]) => (who === 'b' ? 1 : e)),
          axes.map(([e, who]) => (who === 'a' ? 1 : e)),
        ]
        if (cutA) a = a.slice(cut)
        else b = b.slice(cut)
        const [x, y] = [ramp(a, 1), ramp(b, 100)]
        const got = sub(x, y)
        expect(got.shape).toEqual(broadcastShapes(a, b, 'test'))
        expect([...got.data]).toEqual(naive(x, y, (p, q) => p - q))
      }),
      { numRuns: 400 },
    )
  })

  test('name the operation, both shapes and the axis when they do not fit', () => {
    expect(messageOf(() => add(zeros([2, 3]), zeros([2, 4])))).toBe(
      'SHAPE_MISMATCH: add expected shapes that broadcast, got [2, 3] and [2, 4] (axis -1: 3 ≠ 4); ' +
        'extents must be equal or 1, counted from the last axis',
    )
    for (const op of Object.values(BINARY)) {
      expect(codeOf(() => op(zeros([2]), zeros([3])))).toBe('SHAPE_MISMATCH')
      expect(codeOf(() => op(zeros([0]), zeros([3])))).toBe('SHAPE_MISMATCH')
    }
  })

  test('give the same bits for two scalars, two rows and scalar with row', () => {
    const values = [0, -0, 1, -1, 0.1, 3, 1e300, 5e-324, Infinity, -Infinity, NaN, 2.5, -7]
    for (const [name, op] of Object.entries(BINARY)) {
      for (const x of values) {
        for (const y of values) {
          const one = op(scalar(x, 'float64'), scalar(y, 'float64'))
          expect(one.shape).toEqual([])
          const wanted = [one.item(), one.item()]
          expect([...op(ndarray([x, x]), ndarray([y, y])).data], `${name}(${x}, ${y})`).toEqual(wanted)
          expect([...op(ndarray([x, x]), scalar(y, 'float64')).data]).toEqual(wanted)
          expect([...op(scalar(x, 'float64'), ndarray([y, y])).data]).toEqual(wanted)
        }
      }
    }
  })

  test('run through empty arrays of every dtype', () => {
    for (const dtype of DTYPES) {
      for (const [name, op] of Object.entries(BINARY)) {
        if (dtype === 'bool' && name === 'sub') continue
        expect(op(zeros([0], dtype), zeros([0], dtype)).shape).toEqual([0])
        expect(op(zeros([3, 0], dtype), zeros([3, 1], dtype)).shape).toEqual([3, 0])
        expect(op(zeros([0], dtype), scalar(1, dtype)).shape).toEqual([0])
      }
    }
  })

  test('divide as IEEE says, and integers in float64', () => {
    expect(div(ndarray([1, -1, 0]), ndarray(0)).toArray()).toEqual([Infinity, -Infinity, NaN])
    expect(div(int32([7]), int32([2]))).toMatchObject({ dtype: 'float64' })
    expect(div(ndarray([true]), ndarray([true])).toArray()).toEqual([1])
  })

  test('wrap integers', () => {
    expect(add(int32([2147483647]), int32([1])).toArray()).toEqual([-2147483648])
    expect(mul(int32([123456789]), int32([987654321])).toArray()).toEqual([-67153019])
    expect(mul(ndarray(Uint8Array.of(200)), ndarray(Uint8Array.of(3))).toArray()).toEqual([88])
    expect(sub(ndarray(Uint8Array.of(1)), ndarray(Uint8Array.of(2))).toArray()).toEqual([255])
  })

  test('keep NaN in maximum and minimum', () => {
    expect(maximum(ndarray([NaN, 1, 2]), ndarray([1, NaN, 3])).toArray()).toEqual([NaN, NaN, 3])
    expect(minimum(ndarray([NaN, 1, 2]), ndarray([1, NaN, 3])).toArray()).toEqual([NaN, NaN, 2])
  })

  test('take bool as logic in add and mul, and refuse it where NumPy does', () => {
    const [t, f] = [ndarray([true, true]), ndarray([true, false])]
    expect(add(t, f).toArray()).toEqual([true, true])
    expect(mul(t, f).toArray()).toEqual([true, false])
    expect(messageOf(() => sub(t, f))).toContain('BAD_DTYPE: sub expected numbers, got bool and bool')
    expect(messageOf(() => neg(t))).toContain('use logicalNot')
  })

  test('raise integers to integers exactly, and refuse negative exponents', () => {
    expect(pow(int32([2, 3, -2, 7]), int32([10, 4, 3, 0])).toArray()).toEqual([1024, 81, -8, 1])
    expect(pow(int32([3]), int32([40])).toArray()).toEqual([Number(BigInt.asIntN(32, 3n ** 40n))])
    expect(pow(ndarray([true]), ndarray([true])).dtype).toBe('uint8')
    expect(messageOf(() => pow(int32([2]), int32([-1])))).toMatch(/^BAD_VALUE: pow .* got -1/)
  })

  test('round float32 once', () => {
    fc.assert(
      fc.property(fc.float(), fc.float(), (x, y) => {
        const [a, b] = [ndarray(Float32Array.of(x)), ndarray(Float32Array.of(y))]
        expect([...mul(a, b).data]).toEqual([Math.fround(x * y)])
        expect([...div(a, b).data]).toEqual([Math.fround(x / y)])
      }),
    )
  })
})

describe('one operand', () => {
  test('gives the same bits for a scalar and for a row, in both float dtypes', () => {
    const values = [0, -0, 0.5, -0.5, 1, -1, 3.7, -20, 1e-9, 700, Infinity, -Infinity, NaN]
    for (const op of UNARY) {
      for (const value of values) {
        const one = unary[op](scalar(value, 'float64')).item()
        expect([...unary[op](ndarray([value, value])).data], `${op}(${value})`).toEqual([one, one])
        const rounded = unary[op](scalar(Math.fround(value), 'float64')).item()
        expect([...unary[op](ndarray(Float32Array.of(value, value))).data]).toEqual([
          Math.fround(rounded),
          Math.fround(rounded),
        ])
      }
    }
  })

  test('runs through empty arrays, scalars and every dtype', () => {
    const whole = ['neg', 'square', 'abs', 'relu', 'sign', 'floor']
    for (const op of UNARY) {
      for (const dtype of DTYPES) {
        if (dtype === 'bool' && op === 'neg') continue
        const stays = whole.includes(op) || dtype === 'float32' || dtype === 'float64'
        expect(unary[op](zeros([0], dtype))).toMatchObject({ shape: [0], dtype: stays ? dtype : 'float64' })
        expect(unary[op](zeros([3, 0], dtype)).shape).toEqual([3, 0])
        expect(unary[op](scalar(1, dtype)).shape).toEqual([])
      }
    }
  })

  test('keeps integers where they stay integers', () => {
    expect(unary.abs(int32([-5])).toArray()).toEqual([5])
    expect(unary.relu(int32([-5, 5])).toArray()).toEqual([0, 5])
    expect(unary.square(int32([65536])).toArray()).toEqual([0])
    expect(unary.sqrt(int32([4])).toArray()).toEqual([2])
    expect(unary.reciprocal(int32([4])).toArray()).toEqual([0.25])
  })

  test('keeps NaN in relu and sign, and gives 0 for relu of -0', () => {
    expect(unary.relu(ndarray([NaN, -1, 2, -0])).toArray()).toEqual([NaN, 0, 2, 0])
    expect(unary.sign(ndarray([NaN, -3, 0, 3])).toArray()).toEqual([NaN, -1, 0, 1])
  })

  test('never changes its operand', () => {
    const x = ndarray([1, -2, 3])
    for (const op of UNARY) unary[op](x)
    for (const op of Object.values(BINARY)) op(x, x)
    clip(x, 0, 1)
    expect(x.toArray()).toEqual([1, -2, 3])
  })
})

describe('clip', () => {
  test('takes one bound or two, keeps NaN, and lets max win', () => {
    const x = ndarray([-5, 0, 5, NaN])
    expect(clip(x, -1, 1).toArray()).toEqual([-1, 0, 1, NaN])
    expect(clip(x, 0).toArray()).toEqual([0, 0, 5, NaN])
    expect(clip(x, undefined, 0).toArray()).toEqual([-5, 0, 0, NaN])
    expect(clip(x, 3, 1).toArray()).toEqual([1, 1, 1, NaN])
    expect(codeOf(() => clip(x))).toBe('BAD_ARGUMENT')
    expect(clip(zeros([0, 2]), 0, 1).shape).toEqual([0, 2])
  })

  test('keeps integers when the bounds allow', () => {
    expect(clip(int32([-5, 5]), -1, Infinity)).toMatchObject({ dtype: 'int32' })
    expect(clip(int32([-5, 5]), 0.5, 2)).toMatchObject({ dtype: 'float64' })
    expect(clip(ndarray(Uint8Array.of(5)), -9, -3).toArray()).toEqual([-3])
  })
})

test('the loops of float64 and float32 differ in nothing but the word', () => {
  const read = (name: string): string =>
    readFileSync(new URL(`../../src/array/${name}`, import.meta.url), 'utf8')
  expect(read('float32-loops.ts').replaceAll('Float32', 'Float64')).toBe(read('float64-loops.ts'))
})
