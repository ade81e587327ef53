/**
 * What the suites of DeZero, HIPS autograd and jax-js ask by names that gradtape does not have: each said with functions that it has,
 * compared with plain numbers, and its first and second derivatives with differences. Somebody who looks for such a name finds here how to say it.
 */
import { describe, expect, test } from 'vitest'
import * as g from '../../src/index.js'
import { checkGradients, grad, Variable } from '../../src/index.js'

type Call = (...xs: Variable[]) => Variable
type Nested = number | readonly Nested[]

const flat = (x: Nested): number[] => (typeof x === 'number' ? [x] : x.flatMap(flat))
/** Numbers between 0.3 and 1.7 in no order, and no two alike. */
const numbers = (count: number, seed: number) =>
  Array.from({ length: count }, (_, i) => 0.3 + ((i * 0.6180339887 + seed * 0.2360679775) % 1) * 1.4)
const matrix = (rows: number, columns: number, seed = 1): number[][] =>
  Array.from({ length: rows }, (_, i) => numbers(columns, seed + 3 * i))

function weighted(y: Variable): Variable {
  return g.sum(g.mul(y, g.reshape(g.constant(numbers(y.size, 7)), y.shape)))
}

/** The value, and its first and second derivatives by differences. */
function holds(call: Call, inputs: readonly Nested[], expected: Nested): void {
  const xs = inputs.map((value) => new Variable(value as never))
  const got = Array.from(call(...xs).data.data as Float64Array)
  const wanted = flat(expected)
  expect(got.length).toBe(wanted.length)
  got.forEach((value, i) => {
    expect(Math.abs(value - wanted[i]!) / Math.max(1, Math.abs(wanted[i]!)), `element ${i}`).toBeLessThan(
      1e-12,
    )
  })
  checkGradients(call, xs)
  const slopes: Call = (...at) => {
    const gradients = grad([weighted(call(...at))], at, { createGraph: true })
    return gradients.map(weighted).reduce((a, b) => g.add(a, b))
  }
  checkGradients(slopes, xs, { tolerance: 2e-6 })
}

const [v, w] = [numbers(4, 1), numbers(4, 2)] as [number[], number[]]
const unit = v.map((x) => x / 2)
const each = (f: (x: number) => number, of = v) => of.map(f)
const both = (f: (x: number, y: number) => number) => v.map((x, i) => f(x, w[i]!))
const LN2 = Math.LN2

const elementwise: readonly [name: string, call: Call, inputs: readonly Nested[], value: Nested][] = [
  ['hypot', (x, y) => g.sqrt(g.add(g.square(x), g.square(y))), [v, w], both(Math.hypot)],
  ['exp2', (x) => g.pow(2, x), [v], each((x) => 2 ** x)],
  ['log2', (x) => g.div(g.log(x), LN2), [v], each(Math.log2)],
  ['log10', (x) => g.div(g.log(x), Math.LN10), [v], each(Math.log10)],
  ['arcsinh', (x) => g.log(g.add(x, g.sqrt(g.add(g.square(x), 1)))), [v], each(Math.asinh)],
  [
    'arccosh',
    (x) => g.log(g.add(x, g.sqrt(g.sub(g.square(x), 1)))),
    [v.map((x) => x + 1)],
    each((x) => Math.acosh(x + 1)),
  ],
  ['arctanh', (x) => g.mul(g.log(g.div(g.add(x, 1), g.sub(1, x))), 0.5), [unit], each(Math.atanh, unit)],
  ['degrees', (x) => g.mul(x, 180 / Math.PI), [v], each((x) => (x * 180) / Math.PI)],
  ['reciprocal', (x) => g.div(1, x), [v], each((x) => 1 / x)],
  [
    'sinc',
    (x) => g.div(g.sin(g.mul(x, Math.PI)), g.mul(x, Math.PI)),
    [v],
    each((x) => Math.sin(Math.PI * x) / (Math.PI * x)),
  ],
  [
    'logaddexp',
    (x, y) => g.logSumExp(g.stack([x, y]), { axis: 0 }),
    [v, w],
    both((x, y) => Math.log(Math.exp(x) + Math.exp(y))),
  ],
  [
    'logaddexp2',
    (x, y) => g.div(g.logSumExp(g.mul(g.stack([x, y]), LN2), { axis: 0 }), LN2),
    [v, w],
    both((x, y) => Math.log2(2 ** x + 2 ** y)),
  ],
  [
    'softsign',
    (x) => g.div(x, g.add(g.abs(x), 1)),
    [v.map((x) => x - 1)],
    each((x) => (x - 1) / (1 + Math.abs(x - 1))),
  ],
  ['logit', (x) => g.sub(g.log(x), g.log(g.sub(1, x))), [unit], each((x) => Math.log(x / (1 - x)), unit)],
  ['log1mexp', (x) => g.log(g.neg(g.sub(g.exp(g.neg(x)), 1))), [v], each((x) => Math.log(1 - Math.exp(-x)))],
  ['float power', (x, y) => g.pow(x, y), [v, w], both((x, y) => x ** y)],
  [
    'divmod',
    (x, y) => g.add(g.mul(g.floor(g.div(x, y)), 10), g.remainder(x, y)),
    [
      [5.5, 7.2],
      [2, 3],
    ],
    [21.5, 21.2],
  ],
  ['fmax of three', (x, y) => g.maximum(g.maximum(x, y), 1), [v, w], both((x, y) => Math.max(x, y, 1))],
  ['nan to num', (x) => g.where(g.equal(x, x), x, 0), [v], v],
  [
    'select',
    (x) => g.where(g.less(x, 0.6), g.square(x), g.where(g.less(x, 1.2), g.neg(x), 2)),
    [v],
    each((x) => (x < 0.6 ? x * x : x < 1.2 ? -x : 2)),
  ],
]

const [m, n] = [matrix(2, 3), matrix(2, 3, 2)]
const at = (x: readonly number[][], i: number, j: number) => x[i]![j]!
const table = (rows: number, columns: number, f: (i: number, j: number) => number) =>
  Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (_, j) => f(i, j)))

const shapes: readonly [name: string, call: Call, inputs: readonly Nested[], value: Nested][] = [
  ['flipud', (x) => g.flip(x, 0), [m], [m[1]!, m[0]!]],
  ['fliplr', (x) => g.flip(x, 1), [m], m.map((row) => row.toReversed?.() ?? [...row].reverse())],
  ['rot90', (x) => g.flip(g.transpose(x), 0), [m], table(3, 2, (i, j) => at(m, j, 2 - i))],
  ['ravel', (x) => g.reshape(x, [-1]), [m], flat(m)],
  [
    'moveaxis',
    (x) => g.transpose(x, [1, 2, 0]),
    [[m, n]],
    m.map((row, i) => row.map((value, j) => [value, at(n, i, j)])),
  ],
  ['swapaxes', (x) => g.transpose(x, [2, 1, 0]), [[m]], table(3, 2, (i, j) => at(m, j, i))],
  ['atleast 2d', (x) => g.expandDims(x, 0), [v], [v]],
  ['vstack', (x, y) => g.concat([x, y]), [m, n], [...m, ...n]],
  ['hstack', (x, y) => g.concat([x, y], { axis: 1 }), [m, n], m.map((row, i) => [...row, ...n[i]!])],
  ['column stack', (x, y) => g.stack([x, y], { axis: 1 }), [v, w], v.map((x, i) => [x, w[i]!])],
  ['array split', (x) => g.sum(g.split(x, [1, 3])[1]!, { keepdims: true }), [v], [v[1]! + v[2]!]],
  ['append', (x, y) => g.concat([g.reshape(x, [-1]), y]), [m, v], [...flat(m), ...v]],
  [
    'kron',
    (x, y) => g.reshape(g.einsum('ij,kl->ikjl', x, y), [4, 9]),
    [m, n],
    table(4, 9, (i, j) => at(m, i >> 1, Math.floor(j / 3)) * at(n, i & 1, j % 3)),
  ],
  [
    'tensordot over two axes',
    (x, y) => g.einsum('ij,ij->', x, y),
    [m, n],
    flat(m).reduce((sum, x, i) => sum + x * flat(n)[i]!, 0),
  ],
  [
    'inner',
    (x, y) => g.matmul(x, y, { transposeB: true }),
    [m, n],
    table(2, 2, (i, j) => m[i]!.reduce((sum, x, k) => sum + x * at(n, j, k), 0)),
  ],
  [
    'cross',
    (x, y) => g.sub(g.mul(g.roll(x, -1), g.roll(y, -2)), g.mul(g.roll(x, -2), g.roll(y, -1))),
    [m[0]!, n[0]!],
    [0, 1, 2].map(
      (i) => at(m, 0, (i + 1) % 3) * at(n, 0, (i + 2) % 3) - at(m, 0, (i + 2) % 3) * at(n, 0, (i + 1) % 3),
    ),
  ],
  [
    'diag of a row',
    (x) => g.mul(g.expandDims(x, 1), g.eye(4)),
    [v],
    table(4, 4, (i, j) => (i === j ? v[i]! : 0)),
  ],
  ['diagonal', (x) => g.einsum('ii->i', x), [matrix(3, 3)], [0, 1, 2].map((i) => at(matrix(3, 3), i, i))],
  [
    'index by lists',
    (x) =>
      g.gather(
        x,
        [
          [2, 0],
          [1, 1],
        ],
        { axis: 1 },
      ),
    [m],
    [
      [at(m, 0, 2), at(m, 0, 0)],
      [at(m, 1, 1), at(m, 1, 1)],
    ],
  ],
  [
    'index mixed',
    (x) =>
      g.take(
        g.slice(x, [
          [0, 2],
          [1, null],
        ]),
        [1, 1, 0],
        { axis: 1 },
      ),
    [m],
    m.map((row) => [row[2]!, row[2]!, row[1]!]),
  ],
  [
    'msort',
    (x) => g.sort(x, { axis: 0 })[0],
    [m],
    table(2, 3, (i, j) => [at(m, 0, j), at(m, 1, j)].sort((a, b) => a - b)[i]!),
  ],
  [
    'trapezoid',
    (x) => g.sum(g.mul(g.add(g.slice(x, [[1, null]]), g.slice(x, [[0, -1]])), 0.5)),
    [v],
    (v[0]! + v[3]!) / 2 + v[1]! + v[2]!,
  ],
  ['vander', (x) => g.stack([g.pow(x, 2), x, g.pow(x, 0)], { axis: 1 }), [v], v.map((x) => [x * x, x, 1])],
  [
    'polyval',
    (p, x) => g.add(g.mul(g.add(g.mul(g.take(p, 0), x), g.take(p, 1)), x), g.take(p, 2)),
    [[2, -1, 3], v],
    each((x) => 2 * x * x - x + 3),
  ],
  [
    'average with weights',
    (x, y) => g.div(g.sum(g.mul(x, y)), g.sum(y)),
    [v, w],
    both((x, y) => x * y).reduce((a, b) => a + b) / w.reduce((a, b) => a + b),
  ],
  [
    'cov',
    (x) => {
      const c = g.sub(x, g.mean(x, { axis: 1, keepdims: true }))
      return g.div(g.matmul(c, c, { transposeB: true }), 2)
    },
    [m],
    covariance(m),
  ],
  [
    'meshgrid',
    (x, y) => g.add(g.broadcastTo(x, [4, 4]), g.broadcastTo(g.expandDims(y, 1), [4, 4])),
    [v, w],
    table(4, 4, (i, j) => v[j]! + w[i]!),
  ],
  [
    'convolve',
    (x, k) =>
      g.reshape(
        g.conv1d(g.reshape(x, [1, 1, 4]), g.reshape(g.flip(k), [1, 1, 2]), undefined, { padding: 1 }),
        [5],
      ),
    [v, [2, -1]],
    [0, 1, 2, 3, 4].map((i) => 2 * (v[i] ?? 0) - (v[i - 1] ?? 0)),
  ],
  ['fftshift', (x) => g.roll(x, 2), [v], [v[2]!, v[3]!, v[0]!, v[1]!]],
  [
    'ifftn after fftn',
    (x) =>
      g.ifft(...g.ifft(...g.fft(...g.fft(x, undefined, { axis: 0 }), { axis: 1 }), { axis: 0 }), {
        axis: 1,
      })[0],
    [m],
    m,
  ],
  [
    'power spectrum of two axes',
    (x) => {
      const [re, im] = g.fft(...g.rfft(x), { axis: 0 })
      return g.sum(g.add(g.square(re), g.square(im)))
    },
    [matrix(2, 2)],
    flat(matrix(2, 2)).reduce((sum, x) => sum + 4 * x * x, 0),
  ],
]

function covariance(x: readonly number[][]): number[][] {
  const centred = x.map((row) => row.map((value) => value - row.reduce((a, b) => a + b) / row.length))
  return table(
    x.length,
    x.length,
    (i, j) => centred[i]!.reduce((sum, value, k) => sum + value * centred[j]![k]!, 0) / (x[0]!.length - 1),
  )
}

const a = table(3, 3, (i, j) => (i === j ? 3 + i : 0.2 * (i + j) * (i > j ? 1 : -1)))
const symmetric = table(3, 3, (i, j) => (i === j ? 2 + i : 0.3))
const tall = matrix(3, 2)
/** Products of small matrices in plain numbers. */
const times = (x: readonly number[][], y: readonly number[][]) =>
  table(x.length, y[0]!.length, (i, j) => x[i]!.reduce((sum, value, k) => sum + value * at(y, k, j), 0))

const algebra: readonly [name: string, call: Call, inputs: readonly Nested[], value: Nested][] = [
  [
    'pinv of a tall matrix, times it',
    (x) => g.matmul(g.matmul(g.inv(g.matmul(x, x, { transposeA: true })), x, { transposeB: true }), x),
    [tall],
    [
      [1, 0],
      [0, 1],
    ],
  ],
  [
    'lstsq',
    (x, y) => g.solve(g.matmul(x, x, { transposeA: true }), g.matmul(x, y, { transposeA: true })),
    [tall, times(tall, [[2], [-1]])],
    [[2], [-1]],
  ],
  ['matrix power', (x) => g.matmul(g.matmul(x, x), x), [a], times(times(a, a), a)],
  ['Frobenius norm', (x) => g.norm(x), [m], Math.hypot(...flat(m))],
  ['nuclear norm of a symmetric positive matrix', (x) => g.sum(g.svd(x)[1]), [symmetric], 2 + 3 + 4],
  [
    'spectral norm',
    (x) => g.max(g.svd(x)[1]),
    [
      [
        [3, 0],
        [0, 5],
      ],
    ],
    5,
  ],
  [
    'matrix norm 1',
    (x) => g.max(g.sum(g.abs(x), { axis: 0 })),
    [m],
    Math.max(...[0, 1, 2].map((j) => at(m, 0, j) + at(m, 1, j))),
  ],
  ['eigenvalues, added up', (x) => g.sum(g.mul(g.eigh(x)[0], 1)), [symmetric], 9],
  [
    'triangular solve',
    (x, y) => g.solve(g.tril(x), y),
    [
      a,
      times(
        table(3, 3, (i, j) => (i >= j ? at(a, i, j) : 0)),
        [[1], [2], [3]],
      ),
    ],
    [[1], [2], [3]],
  ],
  [
    'product of Cholesky factors',
    (x) => {
      const l = g.cholesky(x)
      return g.matmul(l, l, { transposeB: true })
    },
    [symmetric],
    symmetric,
  ],
  [
    'det of a product',
    (x) => g.det(g.matmul(x, x)),
    [
      [
        [2, 1],
        [0, 3],
      ],
    ],
    36,
  ],
]

describe.each([
  ['elementwise', elementwise],
  ['shapes', shapes],
  ['linear algebra', algebra],
] as const)('%s:', (_, rows) => {
  test.each(rows)('%s', (_name, call, inputs, value) => holds(call, inputs, value))
})

describe('of graphs:', () => {
  const slope =
    (f: Call) =>
    (x: Variable): Variable =>
      grad([f(x)], [x], { createGraph: true })[0]!

  test('third and fourth derivatives', () => {
    const x = new Variable(0.7)
    const f = slope(slope(slope((y) => g.sin(y))))
    expect(f(x).item()).toBeCloseTo(-Math.cos(0.7), 14)
    expect(slope(f)(x).item()).toBeCloseTo(Math.sin(0.7), 14)
  })

  test('a value that goes two ways, and a derivative taken inside of another', () => {
    checkGradients((x) => g.sin(g.add(g.sin(x), g.sin(x))), [0.4])
    checkGradients(
      (x) => {
        const inner = new Variable(2)
        return g.mul(x, grad([g.mul(x, g.square(inner))], [inner], { createGraph: true })[0]!)
      },
      [0.9],
    )
  })

  test('a constant and the identity', () => {
    const x = new Variable(2)
    expect(grad([g.add(g.constant(1), 0)], [x]).map((y) => y.item())).toEqual([0])
    expect(slope((y) => g.add(y, 0))(x).item()).toBe(1)
  })

  test('a product with a Gauss and Newton matrix: forward through the function, then back', () => {
    const f: Call = (x) => g.stack([g.sin(g.take(x, 0)), g.mul(g.take(x, 0), g.take(x, 1))])
    const [point, direction] = [
      [0.3, 0.8],
      [1, -2],
    ]
    const rows = g.jacobian(f, point).data.toArray() as number[][]
    const through = rows.map((row) => row[0]! * direction[0]! + row[1]! * direction[1]!)
    const { tangent } = g.jvp(f, point, direction)
    expect(Array.from(tangent.data.data)).toEqual(through.map((value) => expect.closeTo(value, 14)))
    const back = [0, 1].map((j) => rows.reduce((sum, row, i) => sum + row[j]! * through[i]!, 0))
    const x = new Variable(point)
    const [gx] = grad([f(x)], [x], { gradients: [tangent] })
    expect(Array.from(gx!.data.data)).toEqual(back.map((value) => expect.closeTo(value, 14)))
  })

  test('a hessian of mixed terms is symmetric, and hvp is its product', () => {
    const f: Call = (x) => g.sum(g.mul(g.square(x), g.roll(x, 1)))
    const h = g.hessian(f, v).data.toArray() as number[][]
    for (let i = 0; i < 4; i++) for (let j = 0; j < 4; j++) expect(h[i]![j]).toBeCloseTo(h[j]![i]!, 14)
    const product = h.map((row) => row.reduce((sum, value, j) => sum + value * w[j]!, 0))
    expect(Array.from(g.hvp(f, v, w).product.data.data)).toEqual(
      product.map((value) => expect.closeTo(value, 12)),
    )
  })
})
