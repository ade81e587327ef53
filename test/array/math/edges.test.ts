import { describe, expect, test } from 'vitest'
import { erf, gelu } from '../../../src/array/math/erf.js'
import { exp, exp2, expm1 } from '../../../src/array/math/exp.js'
import { log, log1p } from '../../../src/array/math/log.js'
import { pow } from '../../../src/array/math/pow.js'
import { sigmoid, softplus } from '../../../src/array/math/sigmoid.js'
import { tanh } from '../../../src/array/math/tanh.js'
import { cos, sin } from '../../../src/array/math/trigonometry.js'

const LEAST = 2 ** -1074
const NORMAL = 2 ** -1022
const MOST = Number.MAX_VALUE

/** Arguments and the exact results, compared with `Object.is`. */
const tables: [string, (x: number) => number, [x: number, y: number][]][] = [
  [
    'exp',
    exp,
    [
      [0, 1],
      [-0, 1],
      [LEAST, 1],
      [-LEAST, 1],
      [-Infinity, 0],
      [Infinity, Infinity],
      [709.782712893384, 1.7976931348622732e308],
      [709.7827128933841, Infinity],
      [710, Infinity],
      [MOST, Infinity],
      [-745.1332191019411, LEAST],
      [-745.1332191019412, 0],
      [-746, 0],
      [-MOST, 0],
    ],
  ],
  [
    'exp2',
    exp2,
    [
      [0, 1],
      [-0, 1],
      [LEAST, 1],
      [-LEAST, 1],
      [10, 1024],
      [-1021, 2 * NORMAL],
      [-1022, NORMAL],
      [1023, 2 ** 1023],
      [-1074, LEAST],
      [-1074.9999999, LEAST],
      [-1075, 0],
      [-1076, 0],
      [-Infinity, 0],
      [-MOST, 0],
      [1023.9999999999999, 1.7976931348621742e308],
      [1024, Infinity],
      [1025, Infinity],
      [MOST, Infinity],
      [Infinity, Infinity],
      [NaN, NaN],
    ],
  ],
  [
    'expm1',
    expm1,
    [
      [0, 0],
      [-0, -0],
      [LEAST, LEAST],
      [-LEAST, -LEAST],
      [NORMAL, NORMAL],
      [-Infinity, -1],
      [-38, -1],
      [-40, -1],
      [-MOST, -1],
      [709.7827128933841, Infinity],
      [Infinity, Infinity],
    ],
  ],
  [
    'log',
    log,
    [
      [1, 0],
      [0, -Infinity],
      [-0, -Infinity],
      [-LEAST, NaN],
      [-1, NaN],
      [-Infinity, NaN],
      [Infinity, Infinity],
      [LEAST, -744.4400719213812],
      [NORMAL, -708.3964185322641],
      [NORMAL - LEAST, -708.3964185322641],
      [MOST, 709.782712893384],
      [2, Math.LN2],
    ],
  ],
  [
    'log1p',
    log1p,
    [
      [0, 0],
      [-0, -0],
      [LEAST, LEAST],
      [-LEAST, -LEAST],
      [-1, -Infinity],
      [-1 - 2 ** -52, NaN],
      [-Infinity, NaN],
      [Infinity, Infinity],
      [MOST, 709.782712893384],
      [1, Math.LN2],
    ],
  ],
  [
    'tanh',
    tanh,
    [
      [0, 0],
      [-0, -0],
      [LEAST, LEAST],
      [-LEAST, -LEAST],
      [20, 1],
      [-20, -1],
      [MOST, 1],
      [Infinity, 1],
      [-Infinity, -1],
    ],
  ],
  [
    'sigmoid',
    sigmoid,
    [
      [0, 0.5],
      [-0, 0.5],
      [40, 1],
      [-745.1332191019411, LEAST],
      [-745.1332191019412, 0],
      [MOST, 1],
      [-MOST, 0],
      [Infinity, 1],
      [-Infinity, 0],
    ],
  ],
  [
    'softplus',
    softplus,
    [
      [0, Math.LN2],
      [40, 40],
      [MOST, MOST],
      [-745.1332191019411, LEAST],
      [-746, 0],
      [-MOST, 0],
      [Infinity, Infinity],
      [-Infinity, 0],
    ],
  ],
  [
    'erf',
    erf,
    [
      [0, 0],
      [-0, -0],
      [LEAST, LEAST],
      [6, 1],
      [-6, -1],
      [MOST, 1],
      [Infinity, 1],
      [-Infinity, -1],
    ],
  ],
  [
    'gelu',
    gelu,
    [
      [0, 0],
      [-0, -0],
      [2 ** -1073, LEAST],
      [-(2 ** -1073), -LEAST],
      [10, 10],
      [-39.5, -0],
      [MOST, MOST],
      [-MOST, -0],
      [Infinity, Infinity],
      [-Infinity, -0],
    ],
  ],
  [
    'sin',
    sin,
    [
      [0, 0],
      [-0, -0],
      [LEAST, LEAST],
      [-LEAST, -LEAST],
      [Infinity, NaN],
      [-Infinity, NaN],
      [Math.PI, 1.2246467991473532e-16],
      [1e22, -0.8522008497671888],
    ],
  ],
  [
    'cos',
    cos,
    [
      [0, 1],
      [-0, 1],
      [LEAST, 1],
      [Infinity, NaN],
      [-Infinity, NaN],
      [Math.PI / 2, 6.123233995736766e-17],
      // The float64 that comes nearest to a multiple of π/2.
      [5.319372648326541e255, -4.6871659242546277e-19],
    ],
  ],
]

for (const [name, of, rows] of tables) {
  describe(name, () => {
    test('gives NaN for NaN', () => {
      expect(of(NaN)).toBe(NaN)
    })
    for (const [x, y] of rows) {
      test(`gives ${Object.is(y, -0) ? '-0' : y} for ${Object.is(x, -0) ? '-0' : x}`, () => {
        expect(of(x)).toBe(y)
      })
    }
  })
}

test('tanh, erf and sin are odd, cos is even, bit for bit', () => {
  for (let x = 2 ** -40; x < 2 ** 40; x *= 1.37) {
    expect(tanh(-x)).toBe(-tanh(x))
    expect(erf(-x)).toBe(-erf(x))
    expect(sin(-x)).toBe(-sin(x))
    expect(cos(-x)).toBe(cos(x))
  }
})

describe('pow', () => {
  const interesting = [
    0,
    LEAST,
    NORMAL,
    0.5,
    1 - 2 ** -53,
    1,
    1 + 2 ** -52,
    1.5,
    2,
    3,
    4,
    1e9,
    2 ** 53 - 1,
    2 ** 53,
    2 ** 60,
    1e300,
  ]
  const all = [...interesting, MOST, Infinity].flatMap((x) => [x, -x])

  test('gives 1 for an exponent of zero and for a base of one, NaN included', () => {
    for (const x of [...all, NaN]) {
      expect(pow(x, 0)).toBe(1)
      expect(pow(x, -0)).toBe(1)
      expect(pow(1, x)).toBe(1)
    }
    expect(pow(NaN, 1)).toBe(NaN)
    expect(pow(2, NaN)).toBe(NaN)
    expect(pow(-1, NaN)).toBe(NaN)
  })

  test('gives 1 for minus one to an infinite power', () => {
    expect(pow(-1, Infinity)).toBe(1)
    expect(pow(-1, -Infinity)).toBe(1)
  })

  test('gives the base for an exponent of one', () => {
    for (const x of all) expect(pow(x, 1)).toBe(x)
  })

  test('agrees with the engine wherever the result is a special one', () => {
    for (const x of all) {
      for (const y of all) {
        // JavaScript differs from IEEE 754 here on purpose.
        if ((x === 1 || x === -1) && Math.abs(y) === Infinity) continue
        const theirs = x ** y
        const special =
          theirs !== theirs || theirs === 0 || Math.abs(theirs) === Infinity || Math.abs(theirs) === 1
        if (special) expect(pow(x, y), `${x} ** ${y}`).toBe(theirs)
      }
    }
  })

  test('gives every power of two exactly, down to the least subnormal number', () => {
    let expected = 2 ** -1074
    for (let n = -1074; n < 1024; n++) {
      expect(pow(2, n)).toBe(expected)
      expect(pow(-0.5, -n)).toBe(n % 2 === 0 ? expected : -expected)
      expected *= 2
    }
    expect(pow(2, 1024)).toBe(Infinity)
    expect(pow(2, -1075)).toBe(0)
  })

  test('is exact where the result is a whole number that float64 holds', () => {
    for (let base = 2; base < 200; base++) {
      let exact = BigInt(base)
      for (let n = 1; exact < 2n ** 53n; n++) {
        expect(pow(base, n)).toBe(Number(exact))
        expect(pow(-base, n)).toBe(n % 2 === 0 ? Number(exact) : -Number(exact))
        exact *= BigInt(base)
      }
      expect(pow(base * base, 0.5)).toBe(base)
    }
  })

  test('crosses the thresholds of overflow and underflow where they are', () => {
    expect(pow(MOST, 1 + 2 ** -52)).toBe(Infinity)
    expect(pow(1 + 2 ** -52, 2 ** 62)).toBe(Infinity)
    expect(pow(1 - 2 ** -53, 2 ** 63)).toBe(0)
    expect(pow(1 + 2 ** -52, MOST)).toBe(Infinity)
    expect(pow(1 + 2 ** -52, -MOST)).toBe(0)
    expect(pow(1 + 2 ** -52, LEAST)).toBe(1)
  })
})
