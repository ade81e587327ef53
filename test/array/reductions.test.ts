import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DTYPES } from '../../src/array/dtype.js'
import { arange, ndarray, ones, zeros } from '../../src/array/make-array.js'
import { type NDArray, scalar } from '../../src/array/ndarray.js'
import { broadcastTo } from '../../src/array/rearrange.js'
import {
  all,
  any,
  argmax,
  argmin,
  cumsum,
  logSumExp,
  max,
  mean,
  min,
  prod,
  sum,
  sumTo,
} from '../../src/array/reductions.js'
import { codeOf, messageOf } from './thrown.js'

const cube = arange(24).map((v) => ((v * 7) % 11) - 4)

/** x reduced over the axes, by visiting every element. */
function naive(
  x: NDArray,
  axes: readonly number[],
  start: number,
  op: (a: number, b: number) => number,
): number[] {
  const kept = x.shape.map((e, i) => (axes.includes(i) ? 1 : e))
  const out = new Array<number>(kept.reduce((p, e) => p * e, 1)).fill(start)
  x.data.forEach((value, flat) => {
    let place = 0
    let rest = flat
    let step = 1
    for (let axis = x.ndim - 1; axis >= 0; axis--) {
      if (!axes.includes(axis)) {
        place += (rest % x.shape[axis]!) * step
        step *= x.shape[axis]!
      }
      rest = Math.floor(rest / x.shape[axis]!)
    }
    out[place] = op(out[place]!, value)
  })
  return out
}

describe('reductions', () => {
  test('visit every element once, for any shape and any axes', () => {
    const cases = fc
      .array(fc.integer({ min: 0, max: 4 }), { maxLength: 5 })
      .chain((shape) => fc.tuple(fc.constant(shape), fc.subarray(shape.map((_, i) => i)), fc.boolean()))
    fc.assert(
      fc.property(cases, ([shape, axis, keepdims]) => {
        const x = zeros(shape).map((_, i) => ((i * 7) % 11) - 4)
        const got = sum(x, { axis, keepdims })
        expect(got.shape).toEqual(
          keepdims
            ? shape.map((e, i) => (axis.includes(i) ? 1 : e))
            : shape.filter((_, i) => !axis.includes(i)),
        )
        expect([...got.data]).toEqual(naive(x, axis, 0, (a, b) => a + b))
        expect([...prod(x, { axis }).data]).toEqual(naive(x, axis, 1, (a, b) => a * b).map((v) => v))
        if (!axis.some((i) => shape[i] === 0)) {
          expect([...max(x, { axis }).data]).toEqual(naive(x, axis, -Infinity, Math.max))
          expect([...min(x, { axis }).data]).toEqual(naive(x, axis, Infinity, Math.min))
        }
      }),
      { numRuns: 400 },
    )
  })

  test('sum integers and bools exactly into int32, and refuse what does not fit', () => {
    expect(sum(ndarray([true, true, false]))).toMatchObject({ dtype: 'int32' })
    expect(sum(ndarray(Uint8Array.of(200, 200))).item()).toBe(400)
    expect(messageOf(() => sum(ndarray(Int32Array.of(2 ** 30, 2 ** 30))))).toBe(
      "BAD_VALUE: sum expected a result that fits int32, got 2147483648; convert the operand with astype('float64')",
    )
    expect(codeOf(() => prod(ndarray(Int32Array.of(65536, 65536))))).toBe('BAD_VALUE')
    expect(codeOf(() => cumsum(ndarray(Int32Array.of(2 ** 30, 2 ** 30))))).toBe('BAD_VALUE')
    expect(mean(ndarray(Int32Array.of(1, 2)))).toMatchObject({ dtype: 'float64' })
    expect(max(ndarray(Uint8Array.of(3, 7)))).toMatchObject({ dtype: 'uint8' })
    expect(max(ndarray([true, false])).toArray()).toBe(true)
  })

  test('add float32 in float32', () => {
    const x = ndarray(Float32Array.of(16777216, 1, 1))
    expect(sum(x).item()).toBe(16777216)
    expect(sum(x.astype('float64')).item()).toBe(16777218)
    expect(sum(x).dtype).toBe('float32')
  })

  test('of nothing are 0, 1, NaN, false and true, and extremes refuse', () => {
    const nothing = zeros([0])
    expect([sum(nothing), prod(nothing), mean(nothing)].map((x) => x.item())).toEqual([0, 1, NaN])
    expect([any(nothing).toArray(), all(nothing).toArray()]).toEqual([false, true])
    expect(messageOf(() => max(zeros([0, 3]), { axis: 0 }))).toContain('max expected at least one element')
    expect(codeOf(() => min(nothing))).toBe('BAD_VALUE')
    expect(codeOf(() => argmax(nothing))).toBe('BAD_VALUE')
    expect(codeOf(() => argmin(zeros([3, 0]), { axis: 1 }))).toBe('BAD_VALUE')
    expect(max(zeros([3, 0]), { axis: 0 }).shape).toEqual([0])
    expect(argmax(zeros([3, 0]), { axis: 0 }).shape).toEqual([0])
    expect(cumsum(nothing).shape).toEqual([0])
    expect(sum(zeros([3, 0]), { axis: 1 }).toArray()).toEqual([0, 0, 0])
  })

  test('take scalars and every dtype', () => {
    for (const dtype of DTYPES) {
      for (const op of [sum, prod, max, min, mean, any, all, argmax, argmin, cumsum]) {
        const out = (op as (x: NDArray) => NDArray)(scalar(1, dtype))
        expect(out.size).toBe(1)
        expect(out.item()).toBe(op === argmax || op === argmin ? 0 : 1)
      }
      expect(sumTo(ones([2, 2], dtype), []).item()).toBe(4)
    }
    expect(codeOf(() => sum(scalar(1, 'float64'), { axis: 0 }))).toBe('BAD_AXIS')
  })

  test('keep NaN in extremes, wherever it stands', () => {
    for (const row of [
      [NaN, 1, 2],
      [1, NaN, 2],
      [1, 2, NaN],
    ]) {
      expect([max(ndarray(row)).item(), min(ndarray(row)).item()]).toEqual([NaN, NaN])
      expect(argmax(ndarray(row)).item()).toBe(row.findIndex(Number.isNaN))
      expect(max(ndarray([row, row]), { axis: 0 }).toArray()).toEqual(row)
    }
  })

  test('return new arrays even where nothing is reduced', () => {
    const x = ndarray([1, 2])
    for (const out of [sum(x, { axis: [] }), sumTo(x, [2]), max(x, { axis: [] })]) {
      expect(out).not.toBe(x)
      expect(out.toArray()).toEqual([1, 2])
    }
  })
})

describe('sumTo', () => {
  test('is the transpose of broadcasting', () => {
    const x = ndarray(cube.data, { shape: [2, 3, 4] })
    for (const shape of [[], [1], [4], [3, 1], [1, 4], [2, 1, 1], [2, 3, 4], [1, 3, 4], [1, 1, 1]]) {
      const v = zeros(shape).map((_, i) => i + 1)
      // ⟨broadcast v, x⟩ = ⟨v, sumTo x⟩, in integers and therefore exact.
      const wide = broadcastTo(v, x.shape)
      const left = [...wide.data].reduce((total, value, i) => total + value * x.data[i]!, 0)
      const narrow = sumTo(x, shape)
      expect(narrow.shape).toEqual(shape)
      expect([...narrow.data].reduce((total, value, i) => total + value * v.data[i]!, 0)).toBe(left)
    }
  })

  test('refuses shapes that do not stretch', () => {
    for (const shape of [[2], [3, 4], [1, 2, 3], [3, 1]])
      expect(codeOf(() => sumTo(zeros([2, 3]), shape))).toBe('SHAPE_MISMATCH')
  })
})

describe('logSumExp', () => {
  test('does not overflow and knows infinities', () => {
    expect(logSumExp(ndarray([1000, 1000])).item()).toBe(1000 + Math.LN2)
    expect(logSumExp(ndarray([-1000, -1000])).item()).toBe(-1000 + Math.LN2)
    expect(logSumExp(ndarray([-Infinity, -Infinity])).item()).toBe(-Infinity)
    expect(logSumExp(ndarray([Infinity, 1])).item()).toBe(Infinity)
    expect(logSumExp(ndarray([NaN, 1])).item()).toBe(NaN)
    expect(logSumExp(ndarray([-Infinity, 3])).item()).toBe(3)
  })

  test('reduces over axes, with or without keeping them', () => {
    const x = zeros([2, 3])
    expect(logSumExp(x, { axis: 1 }).shape).toEqual([2])
    expect(logSumExp(x, { axis: 1, keepdims: true }).shape).toEqual([2, 1])
    expect(logSumExp(x, { axis: -1 }).data[0]).toBeCloseTo(Math.log(3), 15)
    expect(codeOf(() => logSumExp(zeros([0])))).toBe('BAD_VALUE')
  })
})
