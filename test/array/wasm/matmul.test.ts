import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { plainKernel } from '../../../src/array/plain-kernel.js'
import { portableKernel } from '../../../src/array/portable-kernel.js'
import { matmulStaged } from '../../../src/array/wasm/matmul.js'
import { staging } from '../../../src/array/wasm/staging.js'
import { Source } from '../math/corpus.js'
import { expectSameBits } from './same-bits.js'

const TYPES = [Float64Array, Float32Array] as const
type Floats = Float64Array | Float32Array

const SPECIAL = [0, -0, NaN, Infinity, -Infinity, 5e-324, 1e-45, 3e38, -1e308]

/** Elements of very different sizes, so that any other order of additions shows. */
function elements(Type: (typeof TYPES)[number], length: number, source: Source, specials: boolean): Floats {
  const out = new Type(length)
  for (let i = 0; i < length; i++) {
    const word = source.word()
    out[i] = specials && word % 50 === 0 ? SPECIAL[word % SPECIAL.length]! : source.spread(-12, 12)
  }
  return out
}

/** The product in its definition: k ascends, one accumulator, product and sum rounded apart. */
function byDefinition(
  m: number,
  k: number,
  n: number,
  at: (i: number, t: number) => number,
  bt: (t: number, j: number) => number,
  Type: (typeof TYPES)[number],
): Floats {
  const round = Type === Float32Array ? Math.fround : (x: number) => x
  const out = new Type(m * n)
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0
      for (let t = 0; t < k; t++) sum = round(sum + round(at(i, t) * bt(t, j)))
      out[i * n + j] = sum
    }
  }
  return out
}

function compare(
  Type: (typeof TYPES)[number],
  [m, k, n]: readonly [number, number, number],
  [ta, tb]: readonly [boolean, boolean],
  { seed = 1, specials = false, offset = 0, pad = 0, defined = false, capacity = 0 } = {},
): void {
  const source = new Source(seed)
  const [aLine, bLine] = [(ta ? m : k) + pad, (tb ? k : n) + pad]
  const a = elements(Type, offset + (ta ? k : m) * aLine, source, specials)
  const b = elements(Type, offset + (tb ? n : k) * bLine, source, specials)
  const [ar, ac] = ta ? [1, aLine] : [aLine, 1]
  const [br, bc] = tb ? [1, bLine] : [bLine, 1]
  const [got, expected] = [new Type(m * n + 2).fill(7), new Type(m * n + 2).fill(7)]
  if (capacity > 0) {
    const memory = staging()
    if (memory === null) throw new Error('this runtime has no WebAssembly with SIMD')
    expect(matmulStaged(memory, m, k, n, a, offset, ar, ac, b, offset, br, bc, got, 1, capacity)).toBe(true)
  } else portableKernel.matmul(m, k, n, a, offset, ar, ac, b, offset, br, bc, got, 1)
  if (defined) {
    const at = (i: number, t: number) => a[offset + i * ar + t * ac]!
    const bt = (t: number, j: number) => b[offset + t * br + j * bc]!
    expected.set(byDefinition(m, k, n, at, bt, Type), 1)
  } else plainKernel.matmul(m, k, n, a, offset, ar, ac, b, offset, br, bc, expected, 1)
  expectSameBits(
    got,
    expected,
    `${Type.name} ${m}×${k}×${n} ${ta ? 'Aᵀ' : 'A'}·${tb ? 'Bᵀ' : 'B'}, seed ${seed}`,
  )
}

const TRANSPOSED = [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
] as const

describe.each(TYPES)('products of %o', (Type) => {
  test('have the bits of the triple loop at every edge of a tile', () => {
    for (const m of [1, 2, 3, 4, 5, 9]) {
      for (const n of [1, 3, 4, 5, 15, 16, 17, 33]) {
        for (const k of [1, 2, 3, 31, 130]) {
          for (const transposed of TRANSPOSED) compare(Type, [m, k, n], transposed, { defined: m < 4 })
        }
      }
    }
  })

  test('have the bits of the triple loop where blocks of k, rows and columns end', () => {
    for (const shape of [
      [127, 400, 5],
      [129, 401, 20],
      [5, 799, 257],
      [3, 801, 513],
      [32, 784, 128],
      [260, 7, 9],
    ] as const) {
      for (const transposed of TRANSPOSED) compare(Type, shape, transposed)
    }
  })

  test('treat NaN, infinities, signed zeros and subnormals as IEEE 754', () => {
    for (const transposed of TRANSPOSED)
      compare(Type, [33, 65, 34], transposed, { specials: true, defined: true })
  })

  test('may be pieces of larger matrices', () => {
    fc.assert(
      fc.property(
        fc.tuple(
          fc.integer({ min: 1, max: 40 }),
          fc.integer({ min: 1, max: 90 }),
          fc.integer({ min: 1, max: 40 }),
        ),
        fc.constantFrom(...TRANSPOSED),
        fc.record({
          seed: fc.nat(),
          offset: fc.nat({ max: 9 }),
          pad: fc.nat({ max: 3 }),
          specials: fc.boolean(),
        }),
        (shape, transposed, options) => compare(Type, shape, transposed, options),
      ),
      { numRuns: 60 },
    )
  })

  test('are cut into blocks when they exceed the staging memory, and that does not show', () => {
    for (const transposed of TRANSPOSED) {
      for (const shape of [
        [3, 1030, 1100],
        [2060, 5, 4],
        [4, 5, 2060],
        [3, 2100, 2],
      ] as const) {
        compare(Type, shape, transposed, { capacity: 50_000, pad: 1 })
      }
    }
  })
})

test('a product that truly exceeds the memory is right', () => {
  compare(Float64Array, [2, 2200, 2000], [false, true])
})

test('a product without depth is zero, and one with steps of neither a matrix nor its transpose is right too', () => {
  const out = new Float64Array(400).fill(7)
  portableKernel.matmul(20, 0, 20, out, 0, 0, 1, out, 0, 20, 1, out, 0)
  expect(out).toEqual(new Float64Array(400))
  const x = Float64Array.from({ length: 900 }, (_, i) => i)
  const [got, expected] = [new Float64Array(100), new Float64Array(100)]
  for (const [row, column] of [
    [0, 1],
    [60, 2],
    [2, 60],
    [0, 0],
  ] as const) {
    portableKernel.matmul(10, 10, 10, x, 0, row, column, x, 0, 10, 1, got, 0)
    plainKernel.matmul(10, 10, 10, x, 0, row, column, x, 0, 10, 1, expected, 0)
    expectSameBits(got, expected, `steps ${row}, ${column}`)
  }
})
