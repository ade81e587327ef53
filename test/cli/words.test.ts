/** Numbers, JSON, tables and curves as they are printed. */
import { describe, expect, test } from 'vitest'
import { toJson } from '../../src/cli/json.js'
import { harmless } from '../../src/cli/paint.js'
import { table } from '../../src/cli/table.js'
import { countText, durationText, sparkline } from '../../src/cli/words.js'
import { numberText } from '../../src/inspection/number-text.js'

describe('toJson', () => {
  test('agrees with JSON.parse for plain data', () => {
    const data = { a: [1, 2.5, null], b: { c: 'x"y', d: [] }, e: [{ f: true }, [1]], g: {} }
    expect(JSON.parse(toJson(data))).toEqual(data)
  })

  test('loses neither −0 nor big integers, and names what is not finite', () => {
    expect(toJson([-0, 2n ** 60n, Number.NaN, Number.NEGATIVE_INFINITY])).toBe(
      '[-0.0, 1152921504606846976, "NaN", "-Infinity"]',
    )
    expect(Object.is((JSON.parse(toJson([-0])) as number[])[0], -0)).toBe(true)
  })

  test('leaves out fields that are undefined', () => {
    expect(toJson({ a: undefined, b: 1 })).toBe('{\n  "b": 1\n}')
  })
})

test('a table is as wide as its widest cell, in characters', () => {
  expect(
    table(
      [{ title: 'name' }, { title: 'n', align: 'right' }],
      [
        ['𝛼β', '12'],
        ['longer', '3'],
      ],
    ),
  ).toBe('name     n\n𝛼β      12\nlonger   3')
})

test.each([
  [0.1 + 0.2, '0.3'],
  [-0, '-0'],
  [1e-12, '1e-12'],
  [1234567, '1234567'],
  [Number.NaN, 'NaN'],
  [Number.NEGATIVE_INFINITY, '-∞'],
  [null, '–'],
])('numberText(%s) is %s', (value, text) => expect(numberText(value)).toBe(text))

test('times and counts are readable', () => {
  expect([
    durationText(3.21),
    durationText(999),
    durationText(1_500),
    durationText(61_000),
    durationText(3_723_000),
    durationText(null),
  ]).toEqual(['3.2 ms', '999 ms', '1.50 s', '1 min 1 s', '1 h 2 min', '–'])
  expect([countText(999), countText(1_234_567)]).toEqual(['999', '1,234,567'])
})

test('a curve shows its extremes, a flat one the lowest level, and what is not finite as ×', () => {
  expect(sparkline([0, 1, 2, 7])).toBe('▁▂▃█')
  expect(sparkline([3, 3])).toBe('▁▁')
  expect(sparkline([1, Number.NaN, 2])).toBe('▁×█')
  expect(sparkline([Number.NaN])).toBe('×')
  expect(sparkline([])).toBe('')
})

test('control characters are made visible, line ends and our own colours stay', () => {
  expect(harmless('a\u001b[1mb\u001b[22m\n\u001b[2J\u0007\u009b')).toBe(
    'a\u001b[1mb\u001b[22m\n\\x1b[2J\\x07\\x9b',
  )
})
