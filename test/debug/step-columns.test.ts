import fs from 'node:fs'
import os from 'node:os'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { align, pairsOf, type Sequence } from '../../src/debug/alignment.js'
import { StepColumns } from '../../src/debug/step-columns.js'

describe('columns of steps', () => {
  test('give back what was put in, though two pages of it are in memory', () => {
    const columns = new StepColumns(2)
    const [even, odd, mixed] = [columns.column(0), columns.column(100), columns.column(0)]
    const steps = 100_000
    const value = (step: number) => (step % 7 === 0 ? 2 ** 51 - step : step / 3)
    for (let step = 0; step < steps; step++) {
      even.push(5 + step * 21)
      odd.push(value(step))
      mixed.push(step < steps / 2 ? 9 : value(step))
    }
    let wrong = 0
    for (let step = 0; step < steps; step++) {
      if (even.of(step) !== 5 + step * 21) wrong++
      if (odd.of(step + 100) !== value(step)) wrong++
      if (mixed.of(step) !== (step < steps / 2 ? 9 : value(step))) wrong++
    }
    for (const step of [99_999, 3, 70_000, 12_345]) if (odd.of(step + 100) !== value(step)) wrong++
    expect(wrong).toBe(0)
    expect(odd.stepOf(value(77_777))).toBe(77_877)
    expect(odd.stepOf(-1)).toBe(-1)
    expect([odd.of(99), odd.of(steps + 100)]).toEqual([Number.NaN, Number.NaN])
    columns.close()
  })

  test('leave no file behind, and stay in memory where none can be made', () => {
    const before = process.env.TMPDIR
    process.env.TMPDIR = `${os.tmpdir()}/gradtape-there-is-no-such-folder`
    try {
      const columns = new StepColumns(1)
      const column = columns.column(0)
      for (let step = 0; step < 50_000; step++) column.push((step * 7919) % 1009)
      expect([0, 9_000, 49_999].map((step) => column.of(step))).toEqual(
        [0, 9_000, 49_999].map((step) => (step * 7919) % 1009),
      )
      columns.close()
      expect(fs.existsSync(process.env.TMPDIR)).toBe(false)
    } finally {
      if (before === undefined) delete process.env.TMPDIR
      else process.env.TMPDIR = before
    }
  })
})

describe('align', () => {
  const sequence = (numbers: readonly number[], from: number): Sequence => ({
    from,
    end: from + numbers.length,
    of: (index) => numbers[index - from]!,
  })
  const numbers = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 30 })

  test('names every index once, in order, and matches as many as there can be', () => {
    fc.assert(
      fc.property(numbers, numbers, fc.nat(5), (a, b, from) => {
        const stretches = align(sequence(a, from), sequence(b, from))
        const pairs = [...pairsOf(stretches)]
        const indices = (side: 0 | 1) => pairs.map((pair) => pair[side]).filter((index) => index >= 0)
        expect(indices(0)).toEqual(a.map((_, i) => from + i))
        expect(indices(1)).toEqual(b.map((_, i) => from + i))
        expect(stretches.every(({ count }) => count > 0)).toBe(true)
        const equal = pairs.filter(([i, j]) => i >= 0 && j >= 0 && a[i - from] === b[j - from]).length
        expect(equal).toBeGreaterThanOrEqual(longestCommon(a, b))
      }),
    )
  })

  test('a long run of equal numbers is one stretch', () => {
    const a = sequence(new Array(1000).fill(4), 3)
    expect(align(a, a)).toEqual([{ a: 3, b: 3, count: 1000 }])
    expect(align(a, { ...a, end: 900 })).toEqual([
      { a: 3, b: 3, count: 897 },
      { a: 900, b: -1, count: 103 },
    ])
  })
})

function longestCommon(a: readonly number[], b: readonly number[]): number {
  const lengths = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0))
  for (let i = 1; i <= a.length; i++)
    for (let j = 1; j <= b.length; j++)
      lengths[i]![j] =
        a[i - 1] === b[j - 1]
          ? lengths[i - 1]![j - 1]! + 1
          : Math.max(lengths[i - 1]![j]!, lengths[i]![j - 1]!)
  return lengths[a.length]![b.length]!
}
