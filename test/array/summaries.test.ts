/** What recorders keep of an array has the same bits whoever adds it up: each instruction set, WebAssembly, and the plain loops. */
import { afterAll, describe, expect, test } from 'vitest'
import { measuresOf, plainMeasures, summands } from '../../scripts/kernel-corpus.mjs'
import { distanceNatively, measuresNatively, sumsNatively } from '../../src/array/native/calls.js'
import { native } from '../../src/array/native/library.js'
import { staging } from '../../src/array/wasm/staging.js'
import { sumsStaged } from '../../src/array/wasm/summaries.js'
import { distanceOf, summaryOf, summaryOfSums } from '../../src/events/content.js'

/** Around the borders of chunks of 1024, of eight chunks, and of what is staged at once. */
const LENGTHS = [
  ...[0, 1, 2, 3, 7, 64, 101, 1023, 1024, 1025, 1100, 2047, 2048, 2049, 3077, 4095, 4096, 4099, 7169],
  ...[8191, 8192, 8193, 9216, 9300, 16_383, 16_385, 65_537],
]
const STRANGE = [null, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1.5e200]

const ways = native()?.library.ways ?? []
afterAll(() => {
  native()?.library.use(ways[0]!)
})

type Floats = Float64Array | Float32Array

/** Each pair of arrays, and what the plain loop says of them. */
function* cases(): Generator<
  [what: string, x: Floats, xo: number, y: Floats, yo: number, n: number, expected: number[]]
> {
  let seed = 0
  for (const Type of [Float64Array, Float32Array] as const) {
    for (const n of LENGTHS) {
      seed++
      const [xo, yo] = [seed % 5, (seed * 3) % 7]
      const strange = STRANGE[seed % 9] ?? null
      const x = drawn(Type, n + xo, seed, strange)
      const y = drawn(Type, n + yo, seed + 1000, null)
      // Another NaN than the usual one.
      if (strange !== null && Number.isNaN(strange))
        new Uint8Array(x.buffer).fill(0xff, xo * x.BYTES_PER_ELEMENT, (xo + 1) * x.BYTES_PER_ELEMENT)
      yield [`${n} ${Type.name} with ${strange}`, x, xo, y, yo, n, plainMeasures(x, xo, y, yo, n)]
    }
  }
}

function drawn(
  Type: typeof Float64Array | typeof Float32Array,
  n: number,
  seed: number,
  strange: number | null,
): Floats {
  return Type === Float64Array
    ? summands(Float64Array, n, seed, strange)
    : summands(Float32Array, n, seed, strange)
}

describe.each(ways)('%s', (way) => {
  test('sums an array up, measures how far it is from another, and does both at once, with the bits of the plain loop', () => {
    const code = native()!
    code.library.use(way)
    for (const [what, x, xo, y, yo, n, expected] of cases()) {
      const apart = distanceNatively(code, x, xo, y, yo, n)
      expect(measuresOf(sumsNatively(code, x, xo, n), apart), what).toStrictEqual(expected)
      const { sums, squaredDistance } = measuresNatively(code, x, xo, y, yo, n)
      expect(measuresOf(sums, squaredDistance), what).toStrictEqual(expected)
    }
  })
})

test('WebAssembly sums an array up with the bits of the plain loop', () => {
  for (const [what, x, xo, , , n, expected] of cases()) {
    expect(measuresOf(sumsStaged(staging()!, x, xo, n), 0).slice(0, -1), what).toStrictEqual(
      expected.slice(0, -1),
    )
  }
})

test('the loops of the recorder are the plain loop', () => {
  for (const [what, x, xo, y, yo, n, expected] of cases()) {
    const summary = summaryOf(x, xo, n)
    const [sum = 0, squares = 0, min = 0, max = 0, zeroCount = 0, apart = 0] = expected
    if (expected.length > 2 && n > 0)
      expect(summary, what).toStrictEqual(summaryOfSums({ sum, squares, min, max, zeroCount }, n))
    else if (n > 0) expect(summary.nonFiniteCount > 0 || summary.l2Norm! > 1e199, what).toBe(true)
    const as = (buffer: Floats, offset: number) => ({ size: n, data: buffer, buffer, offset }) as never
    if (expected.length > 2 && n > 0) expect(distanceOf(as(x, xo), as(y, yo)), what).toBe(Math.sqrt(apart))
  }
})
