/** What PyTorch's numbers of well-behaved matrices do not show: condition, equal values, zeros, sizes, what is not finite. */
import { describe, expect, test } from 'vitest'
import { eigh as eighOf, qr as qrOf, svd as svdOf } from '../../src/array/decompositions.js'
import { full, ndarray } from '../../src/array/make-array.js'
import {
  add,
  Eigh,
  eigh,
  grad,
  log,
  matmul,
  mul,
  norm,
  normal,
  qr,
  Svd,
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

const methods = [
  ['jacobi', 'jacobi'],
  ['tridiagonal', 'triangle'],
] as const

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

  test.each(methods)('of any scale keeps its digits, by %s and %s', (ofEigh, ofSvd) => {
    for (const scale of [1e-300, 1e300]) {
      const x = random([9, 9], 1)
      const scaled = x.map((value) => value * scale)
      const [, plain] = svdOf(x, ofSvd)
      const [, s] = svdOf(scaled, ofSvd)
      s.data.forEach((value, i) => {
        expect(Math.abs(value / scale / plain.data[i]! - 1)).toBeLessThan(1e-13)
      })
      const [w] = eighOf(scaled, ofEigh)
      const [plainW] = eighOf(x, ofEigh)
      w.data.forEach((value, i) => {
        expect(Math.abs(value / scale / plainW.data[i]! - 1)).toBeLessThan(1e-12)
      })
      expect(skewness(new Variable(qrOf(scaled)[0]))).toBeLessThan(1e-14)
    }
  })

  test('has the same values by each method', () => {
    for (const [m, n] of [
      [1, 1],
      [2, 2],
      [17, 17],
      [30, 8],
      [8, 30],
    ] as const) {
      const x = random([m, n], m + 2 * n)
      const [values, others] = methods.map(([, ofSvd]) => svdOf(x, ofSvd)[1].data)
      values!.forEach((value, i) => {
        expect(Math.abs(others![i]! - value)).toBeLessThan(1e-14 * values![0]! + 1e-15)
      })
      if (m !== n) continue
      const [ofJacobi, ofTridiagonal] = methods.map(([ofEigh]) => eighOf(x, ofEigh))
      const most = Math.max(...ofJacobi![0].data.map(Math.abs))
      ofJacobi![0].data.forEach((value, i) => {
        expect(Math.abs(ofTridiagonal![0].data[i]! - value)).toBeLessThan(1e-14 * most)
      })
      // The vectors too: their signs are chosen alike.
      ofJacobi![1].data.forEach((value, i) => {
        expect(Math.abs(ofTridiagonal![1].data[i]! - value)).toBeLessThan(1e-11)
      })
    }
  })

  test('that is graded or split has parts as exact as its largest', () => {
    // Elements from 1 to 1e-200 down the diagonal, and zeros that split the tridiagonal matrix.
    const n = 12
    const graded = ndarray(
      Float64Array.from(
        { length: n * n },
        (_, at) => 10 ** (-(200 / n) * Math.max(Math.floor(at / n), at % n)),
      ),
      { shape: [n, n] },
    )
    const split = ndarray(
      Float64Array.from({ length: n * n }, (_, at) => {
        const [row, column] = [Math.floor(at / n), at % n]
        return Math.floor(row / 3) === Math.floor(column / 3) ? 1 + (row === column ? row : 0) : 0
      }),
      { shape: [n, n] },
    )
    for (const x of [
      graded,
      split,
      ndarray([
        [0, 1],
        [1, 0],
      ]),
      ndarray([
        [0, 1e-310],
        [1e-310, 0],
      ]),
    ]) {
      const [w, v] = eighOf(x, 'tridiagonal').map((part) => new Variable(part)) as [Variable, Variable]
      expect(sizeOf(sub(matmul(mul(v, w), v, { transposeB: true }), x))).toBeLessThanOrEqual(
        1e-14 * sizeOf(new Variable(x)),
      )
      expect(skewness(v)).toBeLessThan(1e-14)
      const [u, s, vt] = svdOf(x, 'triangle').map((part) => new Variable(part)) as [
        Variable,
        Variable,
        Variable,
      ]
      expect(skewness(u) + skewness(flipped(vt))).toBeLessThan(1e-14)
      expect(sizeOf(sub(matmul(mul(u, s), vt), x))).toBeLessThanOrEqual(1e-14 * sizeOf(new Variable(x)))
    }
    const [, s, vt] = svdOf(
      ndarray([
        [1, 0, 0],
        [0, 1e-200, 0],
        [0, 0, 1e-290],
      ]),
      'triangle',
    )
    expect(Array.from(s.data)).toEqual([1, 1e-200, 1e-290])
    expect(Array.from(vt.data, Math.abs)).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 1])
  })

  test.each(methods)(
    'that is ill-conditioned has small singular values to all their digits where its columns allow it, by %s and %s',
    (_, ofSvd) => {
      // Columns that differ by 1e15 in length: what is computed of x·xᵀ would lose the small one.
      const x = ndarray([
        [1, 1e-15],
        [1, -1e-15],
      ])
      const [, s] = svdOf(x, ofSvd)
      expect(s.data[0]).toBeCloseTo(Math.SQRT2, 14)
      expect(s.data[1]! / (Math.SQRT2 * 1e-15)).toBeCloseTo(1, 13)
      // Many columns, each of another size: the values are those of columns at right angles, as of a matrix that is so but for its columns' sizes.
      const [q] = qrOf(random([20, 12], 5))
      const sizes = Float64Array.from({ length: 12 }, (__, i) => 10 ** (-3 * ((7 * i) % 12)))
      const many = q.map((value, at) => value * sizes[at % 12]!)
      const sorted = [...sizes].sort((a, b) => b - a)
      svdOf(many, ofSvd)[1].data.forEach((value, i) => {
        expect(Math.abs(value / sorted[i]! - 1)).toBeLessThan(1e-14)
      })
      const hilbert = new Variable(
        Array.from({ length: 8 }, (_, i) => Array.from({ length: 8 }, (_, j) => 1 / (i + j + 1))),
      )
      const [w, v] = eigh(hilbert)
      expect(sizeOf(sub(matmul(mul(v, w), v, { transposeB: true }), hilbert))).toBeLessThan(1e-14)
      // Its condition is 1.5257575e10.
      expect(w.data.data[7]! / w.data.data[0]! / 1.5257575538e10).toBeCloseTo(1, 5)
    },
  )

  test.each(methods)(
    'that holds what is not finite gives NaN, and an empty one is empty, by %s and %s',
    (ofEigh, ofSvd) => {
      const [w, v] = eighOf(
        ndarray([
          [NaN, 1],
          [1, 2],
        ]),
        ofEigh,
      )
      expect([...w.data, ...v.data].every(Number.isNaN)).toBe(true)
      const [u, s, vt] = svdOf(ndarray([[Infinity, 1]]), ofSvd)
      expect([...u.data, ...s.data, ...vt.data].every(Number.isNaN)).toBe(true)
      expect(qrOf(full([0, 3], 0)).map(({ shape }) => shape)).toEqual([
        [0, 0],
        [0, 3],
      ])
      expect(svdOf(full([2, 0, 3], 0), ofSvd).map(({ shape }) => shape)).toEqual([
        [2, 0, 0],
        [2, 0],
        [2, 0, 3],
      ])
      expect(eighOf(full([0, 0], 0), ofEigh).map(({ shape }) => shape)).toEqual([[0], [0, 0]])
      expect(() => qrOf(ndarray([1]))).toThrow(/^BAD_SHAPE/)
      expect(() => eighOf(ndarray([[1, 2]]))).toThrow(/^BAD_SHAPE/)
    },
  )
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

test.each(methods)('float32 is computed in float64 and rounded once, by %s and %s', (_, ofSvd) => {
  const x = random([4, 4], 9).astype('float32')
  const wide = svdOf(x.astype('float64'), ofSvd)
  svdOf(x, ofSvd).forEach((part, i) => {
    expect(part.dtype).toBe('float32')
    expect(Array.from(part.data)).toEqual(Array.from(wide[i]!.astype('float32').data))
  })
})

test('a recorded call without a method is by Jacobi, as tapes of before there was another have it; the methods are named, and others refused', () => {
  const x = random([6, 6], 2)
  const [old, now] = [new Svd().applyAll(x), svd(x)]
  expect(Array.from(old[1]!.data.data)).toEqual(Array.from(svdOf(x, 'jacobi')[1].data))
  expect(Array.from(now[1].data.data)).toEqual(Array.from(svdOf(x, 'triangle')[1].data))
  expect(Array.from(new Eigh().applyAll(x)[0]!.data.data)).toEqual(Array.from(eighOf(x, 'jacobi')[0].data))
  expect(now[1].creator!.attributes).toEqual({ method: 'triangle' })
  expect(eigh(x)[0].creator!.attributes).toEqual({ method: 'tridiagonal' })
  expect(() => new Eigh({ method: 'triangle' as never })).toThrow(
    "BAD_ARGUMENT: eigh expected method 'jacobi' or 'tridiagonal', got \"triangle\"",
  )
})
