/** What PyTorch's numbers of well-behaved matrices do not show: condition, equal values, zeros, sizes, what is not finite. */
import { describe, expect, test } from 'vitest'
import { eigh as eighOf, qr as qrOf, svd as svdOf } from '../../src/array/decompositions.js'
import { full, ndarray } from '../../src/array/make-array.js'
import {
  add,
  eigh,
  grad,
  log,
  matmul,
  mul,
  norm,
  normal,
  qr,
  square,
  sub,
  sum,
  svd,
  transpose,
  Variable,
} from '../../src/index.js'

const random = (shape: readonly number[], counter: number) => normal(shape, { key: { seed: 3, counter } })
const sizeOf = (x: Variable) => norm(x).item()
const flipped = (x: Variable) => transpose(x)
const identity = (n: number) =>
  Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => Number(i === j)))
/** How far columns are from being orthonormal. */
const skewness = (q: Variable) => sizeOf(sub(matmul(q, q, { transposeA: true }), identity(q.shape[1]!)))

describe('any matrix', () => {
  for (const [m, n] of [
    [40, 40],
    [60, 7],
    [7, 60],
  ] as const) {
    test(`of ${m} × ${n} is put together again from its parts, whose columns are orthonormal`, () => {
      const x = new Variable(random([m, n], m))
      const [q, r] = qr(x)
      expect(sizeOf(sub(matmul(q, r), x))).toBeLessThan(1e-13 * sizeOf(x))
      expect(skewness(q)).toBeLessThan(1e-13)
      r.data.data.forEach((value, i) => {
        if (Math.floor(i / n) > i % n) expect(value).toBe(0)
      })
      const [u, s, vt] = svd(x)
      expect(sizeOf(sub(matmul(mul(u, s), vt), x))).toBeLessThan(1e-13 * sizeOf(x))
      expect(skewness(u) + skewness(flipped(vt))).toBeLessThan(1e-13)
      const values = Array.from(s.data.data)
      expect(values).toEqual([...values].sort((a, b) => b - a))
    })
  }

  test('of any scale keeps its digits', () => {
    for (const scale of [1e-300, 1e300]) {
      const x = random([5, 5], 1)
      const scaled = x.map((value) => value * scale)
      const [, plain] = svdOf(x)
      const [, s] = svdOf(scaled)
      s.data.forEach((value, i) => {
        expect(Math.abs(value / scale / plain.data[i]! - 1)).toBeLessThan(1e-13)
      })
      const [w] = eighOf(scaled)
      const [plainW] = eighOf(x)
      w.data.forEach((value, i) => {
        expect(Math.abs(value / scale / plainW.data[i]! - 1)).toBeLessThan(1e-12)
      })
      expect(skewness(new Variable(qrOf(scaled)[0]))).toBeLessThan(1e-14)
    }
  })

  test('that is ill-conditioned has small singular values to all their digits where its columns allow it', () => {
    // Columns that differ by 1e15 in length: what is computed of x·xᵀ would lose the small one.
    const x = ndarray([
      [1, 1e-15],
      [1, -1e-15],
    ])
    const [, s] = svdOf(x)
    expect(s.data[0]).toBeCloseTo(Math.SQRT2, 14)
    expect(s.data[1]! / (Math.SQRT2 * 1e-15)).toBeCloseTo(1, 13)
    const hilbert = new Variable(
      Array.from({ length: 8 }, (_, i) => Array.from({ length: 8 }, (_, j) => 1 / (i + j + 1))),
    )
    const [w, v] = eigh(hilbert)
    expect(sizeOf(sub(matmul(mul(v, w), v, { transposeB: true }), hilbert))).toBeLessThan(1e-14)
    // Its condition is 1.5257575e10.
    expect(w.data.data[7]! / w.data.data[0]! / 1.5257575538e10).toBeCloseTo(1, 5)
  })

  test('that holds what is not finite gives NaN, and an empty one is empty', () => {
    const [w, v] = eighOf(
      ndarray([
        [NaN, 1],
        [1, 2],
      ]),
    )
    expect([...w.data, ...v.data].every(Number.isNaN)).toBe(true)
    const [u, s, vt] = svdOf(ndarray([[Infinity, 1]]))
    expect([...u.data, ...s.data, ...vt.data].every(Number.isNaN)).toBe(true)
    expect(qrOf(full([0, 3], 0)).map(({ shape }) => shape)).toEqual([
      [0, 0],
      [0, 3],
    ])
    expect(svdOf(full([2, 0, 3], 0)).map(({ shape }) => shape)).toEqual([
      [2, 0, 0],
      [2, 0],
      [2, 0, 3],
    ])
    expect(() => qrOf(ndarray([1]))).toThrow(/^BAD_SHAPE/)
    expect(() => eighOf(ndarray([[1, 2]]))).toThrow(/^BAD_SHAPE/)
  })
})

describe('equal values and zeros', () => {
  test('have orthonormal vectors all the same', () => {
    const rank1 = new Variable([
      [1, 2, 3],
      [2, 4, 6],
      [3, 6, 9],
      [0, 0, 0],
    ])
    const [u, s, vt] = svd(rank1)
    expect(skewness(u) + skewness(flipped(vt))).toBeLessThan(1e-14)
    expect(s.data.data[1]! + s.data.data[2]!).toBeLessThan(1e-14)
    const [zeroU, zeroS, zeroVt] = svd(new Variable(full([3, 2], 0)))
    expect(Array.from(zeroS.data.data)).toEqual([0, 0])
    expect(skewness(zeroU) + skewness(flipped(zeroVt))).toBe(0)
    const [w, v] = eigh(new Variable(identity(4)))
    expect(Array.from(w.data.data)).toEqual([1, 1, 1, 1])
    expect(skewness(v)).toBe(0)
  })

  test('have right gradients of what does not depend on the choice of vectors, and none that is not finite', () => {
    // ln of a positive definite matrix: its trace is ln det, whose gradient is the inverse, whatever values are equal.
    const x = new Variable([
      [2, 0, 0],
      [0, 2, 0],
      [0, 0, 5],
    ])
    const [w, v] = eigh(x)
    const logarithm = matmul(mul(v, log(w)), v, { transposeB: true })
    const [gx] = grad(sum(mul(logarithm, identity(3))), x)
    expect(gx!.data.toArray()).toEqual([
      [0.5, 0, 0],
      [0, 0.5, 0],
      [0, 0, 0.2],
    ])
    const y = new Variable([
      [3, 0],
      [0, 3],
      [0, 0],
    ])
    const [, s] = svd(y)
    expect(grad(sum(square(s)), y)[0]!.data.toArray()).toEqual([
      [6, 0],
      [0, 6],
      [0, 0],
    ])
    for (const one of [
      x,
      y,
      new Variable(full([3, 3], 0)),
      new Variable([
        [1, 1],
        [1, 1],
      ]),
    ]) {
      const parts = svd(one)
      const total = parts.map((part) => sum(square(add(part, 1)))).reduce((a, b) => add(a, b))
      expect(grad(total, one)[0]!.data.data.every(Number.isFinite)).toBe(true)
    }
  })

  test('a QR of dependent columns has values, and its pass names what is wrong', () => {
    const x = new Variable([
      [1, 2],
      [2, 4],
    ])
    const [q, r] = qr(x)
    expect(sizeOf(sub(matmul(q, r), x))).toBeLessThan(1e-15)
    expect(Math.abs(r.data.data[3]!)).toBeLessThan(1e-15)
    const zeros = new Variable(full([2, 2], 0))
    expect(() => grad(sum(qr(zeros)[1]), zeros)).toThrow(/^BAD_VALUE.*singular/)
  })
})

test('float32 is computed in float64 and rounded once', () => {
  const x = random([4, 4], 9).astype('float32')
  const wide = svdOf(x.astype('float64'))
  svdOf(x).forEach((part, i) => {
    expect(part.dtype).toBe('float32')
    expect(Array.from(part.data)).toEqual(Array.from(wide[i]!.astype('float32').data))
  })
})
