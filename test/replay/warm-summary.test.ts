/** A summary that is computed where an array was made is, bit for bit, the one that anybody else computes of it. */
import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import '../../src/index.js'
import { ndarray } from '../../src/array/make-array.js'
import { NDArray } from '../../src/array/ndarray.js'
import { warmSums } from '../../src/array/warm-sums.js'
import { summaryOf, summaryOfSums } from '../../src/events/content.js'
import type { GradientComputed } from '../../src/events/event.js'
import { add, mul, square, sub } from '../../src/functions/arithmetic.js'
import { sum } from '../../src/functions/reductions.js'
import { parameter } from '../../src/graph/leaves.js'
import { noGrad } from '../../src/graph/mode.js'
import { openForTest, recordedTape } from '../tape/temporary-tape.js'

const SIZES = [
  1, 2, 63, 64, 65, 127, 1023, 1024, 1025, 2047, 2048, 2049, 3000, 4095, 4096, 4100, 5120, 16_384, 16_385,
  40_000, 100_352,
]
const NOT_FINITE = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
const seed = Number(process.env.GRADTAPE_SEED ?? randomInt(2 ** 31))

function warmSummary(x: NDArray): unknown {
  const sums = warmSums(x)
  return sums === null ? null : summaryOfSums(sums, x.size)
}

/** Numbers of all sizes, with zeros of both signs among them. */
function drawn(size: number, next: () => number, scale: number): Float64Array {
  return Float64Array.from({ length: size }, () => {
    const kind = next()
    if (kind < 0.05) return 0
    if (kind < 0.1) return -0
    return (next() - 0.5) * 10 ** (scale * (next() - 0.5))
  })
}

describe.each(['float64', 'float32'] as const)('the summary of %s', (dtype) => {
  test.each(SIZES)(`is the same for %i elements (GRADTAPE_SEED=${seed})`, (size) => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.constantFrom(0, 2, 30),
        fc.integer({ min: 0, max: 9 }),
        (draw, scale, offset) => {
          let state = draw >>> 0
          const next = () => {
            state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
            return state / 2 ** 32
          }
          const whole = ndarray(drawn(size + offset, next, scale), { dtype })
          const part = new NDArray(dtype, [size], size, whole.data, offset)
          expect(warmSummary(part)).toStrictEqual(summaryOf(part.data))
        },
      ),
      { seed, numRuns: 12 },
    )
  })

  test.each(NOT_FINITE)('is left to others where there is %d among its elements', (strange) => {
    const x = ndarray(new Float64Array(3000).fill(1), { dtype }).map((value, i) =>
      i === 1500 ? strange : value,
    )
    expect(warmSummary(x)).toBe(null)
  })

  test('is left to others where there are no elements, and where squares overflow', () => {
    expect(warmSummary(ndarray(new Float64Array(0), { dtype }))).toBe(null)
    if (dtype === 'float64') expect(warmSummary(ndarray(new Float64Array(100).fill(1e200)))).toBe(null)
  })
})

test('a run has the summaries of large gradients, whoever computed them, is proven, and replays', async () => {
  const summaries: unknown[] = []
  const file = await recordedTape((run) => {
    const w = parameter(new Float64Array(40_000).fill(0.5).map((x, i) => x + Math.sin(i)))
    const v = parameter([1, 2, 3])
    for (let i = 0; i < 4; i++) {
      run.step()
      w.clearGrad()
      v.clearGrad()
      add(sum(mul(square(w), 0.5)), sum(mul(square(w), sum(v)))).backward()
      for (const { grad } of [w, v]) summaries.push(summaryOf(grad!.data.data))
      // A batch more, so that from the second step on the writing thread writes.
      if (i === 0) for (let n = 0; n < 9_000; n++) square(v)
      run.flush()
      noGrad(() => {
        w.data = sub(w, mul(w.grad!, 0.1)).data
      })
    }
  })
  const past = openForTest(file, { readonly: true }).run('test')
  const recorded = [...past.events()]
    .filter((event) => event.type === 'GradientComputed' && event.shape[0] === 40_000)
    .map((event) => (event as GradientComputed).contributionSummary)
  const expected = summaries.filter((_, i) => i % 2 === 0)
  expect(recorded.map((summary) => ({ ...summary, hash: null }))).toEqual(
    expected.map((summary) => ({ ...(summary as object), hash: null })),
  )
  expect(recorded.map((summary) => summary?.hash === null)).toEqual([false, true, true, true])
  expect(past.verify().head).toMatch(/^[0-9a-f]{64}$/)
  expect(past.replay().verdict).toBe('bit-exact')
})

test('integers have none here', () => {
  expect(warmSummary(ndarray(new Int32Array(200)))).toBe(null)
})
