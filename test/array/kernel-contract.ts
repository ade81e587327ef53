/**
 * What every way to compute the portable kernels must pass: the bits of the plain loops, at drawn sizes, steps and places, for
 * numbers that are not ordinary too, and nothing written beside the result.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { plainKernel } from '../../src/array/plain-kernel.js'
import type { BinaryOp, CompareOp, Kernel, ReduceOp, SlopeOp, UnaryOp } from '../../src/array/primitives.js'
import { Source } from './math/corpus.js'
import { expectSameBits } from './wasm/same-bits.js'

const UNARY: readonly UnaryOp[] = [
  'neg',
  'square',
  'abs',
  'relu',
  'sign',
  'floor',
  'sqrt',
  'reciprocal',
  'exp',
  'exp2',
  'sin',
  'tan',
  'sinh',
  'cosh',
  'arcsin',
  'arccos',
  'arctan',
]
const BINARY: readonly BinaryOp[] = [
  ...(['add', 'sub', 'mul', 'div', 'maximum', 'minimum', 'pow', 'arctan2', 'remainder'] as const),
]
const COMPARE: readonly CompareOp[] = [
  ...(['equal', 'notEqual', 'less', 'lessEqual', 'greater', 'greaterEqual'] as const),
]
const SLOPES: readonly SlopeOp[] = ['relu', 'sigmoid', 'tanh']
const REDUCE: readonly ReduceOp[] = ['sum', 'prod', 'max', 'min']
const SPECIAL = [0, -0, NaN, Infinity, -Infinity, 5e-324, -1e-45, 3e38, 1e308, -2]

export type Type = typeof Float64Array | typeof Float32Array
type Floats = Float64Array | Float32Array

function numbers(Type: Type, length: number, seed: number): Floats {
  const source = new Source(seed)
  const out = new Type(length)
  for (let i = 0; i < length; i++) {
    const word = source.word()
    out[i] = word % 9 === 0 ? SPECIAL[(word >>> 8) % SPECIAL.length]! : source.between(-6, 6)
  }
  return out
}

/** Runs one call on the kernel and on the plain one, into arrays with a margin that nobody may touch. */
export function both(
  tested: Kernel,
  Type: Type,
  size: number,
  what: string,
  call: (kernel: Kernel, out: Floats, at: number) => void,
): void {
  const [got, expected] = [new Type(size + 10).fill(0.75), new Type(size + 10).fill(0.75)]
  call(tested, got, 5)
  call(plainKernel, expected, 5)
  expectSameBits(got, expected, what)
}

/** Sizes on both sides of every threshold and piece. */
const count = fc.oneof(
  fc.integer({ min: 0, max: 70 }),
  fc.integer({ min: 200, max: 600 }),
  fc.integer({ min: 8185, max: 8200 }),
  fc.integer({ min: 16000, max: 26000 }),
)
const seed = fc.nat()
const offset = fc.integer({ min: 0, max: 3 })
const block = fc.oneof(
  fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 })),
  fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 20000 })),
  fc.tuple(fc.integer({ min: 100, max: 900 }), fc.integer({ min: 1, max: 40 })),
)

export function describeWay(name: string, tested: Kernel): void {
  describe.each([Float64Array, Float32Array])(`${name} has the bits of the plain loops in %o`, (Type) => {
    const check = (property: fc.IProperty<never> | Parameters<typeof fc.assert>[0]) =>
      fc.assert(property, { numRuns: 100 })

    test('on functions of one operand', () => {
      check(
        fc.property(fc.constantFrom(...UNARY), count, offset, seed, (op, n, at, s) => {
          const x = numbers(Type, n + at, s)
          both(tested, Type, n, `${op} of ${n}`, (kernel, out, to) => kernel.unary(op, x, at, out, to, n))
        }),
      )
    })

    test('on functions of two operands, whatever is repeated', () => {
      const steps = fc.constantFrom('like', 'row', 'column', 'one', 'transposed')
      check(
        fc.property(
          fc.constantFrom(...BINARY),
          block,
          steps,
          steps,
          offset,
          seed,
          (op, [rows, columns], sa, sb, at, s) => {
            const x = numbers(Type, rows * columns + at, s)
            const y = numbers(Type, rows * columns + at, s + 1)
            const all = {
              like: [columns, 1],
              row: [0, 1],
              column: [1, 0],
              one: [0, 0],
              transposed: [1, rows],
            } as const
            const [[ar, ac], [br, bc]] = [all[sa], all[sb]]
            both(
              tested,
              Type,
              rows * columns,
              `${op} ${rows}×${columns}, ${sa} and ${sb}`,
              (kernel, out, to) => kernel.binary(op, rows, columns, x, at, ar, ac, y, at, br, bc, out, to),
            )
          },
        ),
      )
    })

    test('on comparisons, whatever is repeated', () => {
      const steps = fc.constantFrom('like', 'row', 'column', 'one', 'transposed')
      check(
        fc.property(
          ...([fc.constantFrom(...COMPARE), block, steps, steps, offset, seed] as const),
          (op, [rows, columns], sa, sb, at, s) => {
            const [x, y] = [numbers(Type, rows * columns + at, s), numbers(Type, rows * columns + at, s + 1)]
            // Some are equal.
            for (let i = 0; i < y.length; i += 3) y[i] = x[i]!
            const all = {
              ...({ like: [columns, 1], row: [0, 1], column: [1, 0], one: [0, 0] } as const),
              transposed: [1, rows],
            } as const
            const [[ar, ac], [br, bc]] = [all[sa], all[sb]]
            const on = (kernel: Kernel) => {
              const out = new Uint8Array(rows * columns + 10).fill(7)
              kernel.compare(op, rows, columns, x, at, ar, ac, y, at, br, bc, out, 5)
              return out
            }
            const [got, expected] = [on(tested), on(plainKernel)]
            const first = got.findIndex((byte, i) => byte !== expected[i])
            expect(first, `${op} ${rows}×${columns}, ${sa} and ${sb}`).toBe(-1)
          },
        ),
      )
    })

    test('on the slopes of activations', () => {
      check(
        fc.property(fc.constantFrom(...SLOPES), count, offset, seed, (op, n, at, s) => {
          const [g, x] = [numbers(Type, n + at, s), numbers(Type, n + at, s + 1)]
          both(tested, Type, n, `slope of ${op}, ${n}`, (kernel, out, to) =>
            kernel.slope(op, g, at, x, 0, out, to, n),
          )
        }),
      )
    })

    test('on bounds, whatever they are', () => {
      const bound = fc.constantFrom(...SPECIAL, 0.1, -0.3)
      check(
        fc.property(count, offset, bound, bound, seed, (n, at, least, most, s) => {
          const x = numbers(Type, n + at, s)
          both(tested, Type, n, `clip of ${n} to ${least}, ${most}`, (kernel, out, to) =>
            kernel.clip(x, at, least, most, out, to, n),
          )
        }),
      )
    })

    test('on reductions and softmax', () => {
      check(
        fc.property(fc.constantFrom(...REDUCE), block, offset, seed, (op, [rows, columns], at, s) => {
          const x = numbers(Type, rows * columns + at, s)
          both(tested, Type, rows, `${op} of rows ${rows}×${columns}`, (kernel, out, to) =>
            kernel.reduceRows(op, x, at, rows, columns, out, to),
          )
          both(tested, Type, columns, `${op} of columns ${rows}×${columns}`, (kernel, out, to) =>
            kernel.accumulateRows(op, x, at, rows, columns, out, to),
          )
          both(tested, Type, rows * columns, `softmax ${rows}×${columns}`, (kernel, out, to) =>
            kernel.softmaxRows(x, at, rows, columns, out, to),
          )
          both(tested, Type, rows * columns, `logSoftmax ${rows}×${columns}`, (kernel, out, to) =>
            kernel.logSoftmaxRows(x, at, rows, columns, out, to),
          )
        }),
      )
    })

    test('when the result takes the place of an operand', () => {
      for (const op of BINARY) {
        for (const [br, bc] of [
          [70, 1],
          [0, 1],
          [0, 0],
        ] as const) {
          const [got, expected] = [numbers(Type, 4900, 3), numbers(Type, 4900, 3)]
          const b = numbers(Type, 4900, 4)
          tested.binary(op, 70, 70, got, 0, 70, 1, b, 0, br, bc, got, 0)
          plainKernel.binary(op, 70, 70, expected, 0, 70, 1, b, 0, br, bc, expected, 0)
          expectSameBits(got, expected, `${op} into its first operand, steps ${br}, ${bc}`)
          const [got2, expected2] = [numbers(Type, 4900, 3), numbers(Type, 4900, 3)]
          tested.binary(op, 70, 70, b, 0, 70, 1, got2, 0, 70, 1, got2, 0)
          plainKernel.binary(op, 70, 70, b, 0, 70, 1, expected2, 0, 70, 1, expected2, 0)
          expectSameBits(got2, expected2, `${op} into its second operand`)
        }
      }
    })

    test('on steps of optimizers', () => {
      const adam = {
        beta1: 0.9,
        fresh1: 0.1,
        beta2: 0.99,
        fresh2: 0.01,
        size: 0.1,
        correction: 0.5,
        eps: 1e-8,
      }
      check(
        fc.property(count, offset, seed, (n, at, s) => {
          const [w, g, m, v] = [0, 1, 2, 3].map((i) => numbers(Type, n + at, s + i)) as [
            Floats,
            Floats,
            Floats,
            Floats,
          ]
          both(tested, Type, n, `sgdStep of ${n}`, (kernel, out, to) =>
            kernel.sgdStep(w, at, g, 0, out, to, n, 0.1, 0.5),
          )
          for (const nesterov of [false, true]) {
            for (const picked of [0, 1]) {
              both(tested, Type, n, `momentumStep of ${n}, result ${picked}`, (kernel, out, to) => {
                const [x, y] = [0, 1].map((i) => (i === picked ? out : new Type(n + to))) as [Floats, Floats]
                const numbers = { lr: 0.1, momentum: 0.9, fresh: 0.8, weightDecay: 0.01, nesterov }
                kernel.momentumStep(w, at, g, 0, v, at, x, to, y, to, n, numbers)
              })
            }
          }
          for (const picked of [0, 1, 2]) {
            both(tested, Type, n, `adamStep of ${n}, result ${picked}`, (kernel, out, to) => {
              const outs = [0, 1, 2].map((i) => (i === picked ? out : new Type(n + to)))
              const [x, y, z] = outs as [Floats, Floats, Floats]
              const numbers = { ...adam, decay: 0.01, keep: 0.9 }
              kernel.adamStep(w, at, g, 0, m, 0, v, at, x, to, y, to, z, to, n, numbers)
            })
          }
        }),
      )
    })

    test('on products, whatever is turned', () => {
      const side = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 60, max: 90 }))
      const deep = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 250, max: 530 }))
      check(
        fc.property(side, deep, side, fc.boolean(), fc.boolean(), offset, seed, (m, k, n, ta, tb, at, s) => {
          const [a, b] = [numbers(Type, m * k + at, s), numbers(Type, k * n + at, s + 1)]
          const [[ar, ac], [br, bc]] = [ta ? [1, m] : [k, 1], tb ? [1, k] : [n, 1]] as [number[], number[]]
          both(tested, Type, m * n, `product ${m}×${k}×${n}`, (kernel, out, to) =>
            kernel.matmul(m, k, n, a, at, ar!, ac!, b, at, br!, bc!, out, to),
          )
        }),
      )
    })
  })
}
