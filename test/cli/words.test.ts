/** Numbers, JSON, tables and curves as they are printed. */
import { describe, expect, test } from 'vitest'
import { toJson } from '../../src/cli/json.js'
import { table } from '../../src/cli/table.js'
import { coloured, visible } from '../../src/cli/terminal.js'
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

test('a cell of a table that is longer than anybody reads is abbreviated', () => {
  const text = table(
    [{ title: 'name' }, { title: 'n' }],
    [
      ['🦉'.repeat(1e6), '1'],
      ['b', '2'],
    ],
  )
  expect(text).toMatch(/^name +n\n(🦉){149}… +1\nb +2$/u)
})

test('what could steer a terminal is made visible, line ends, tabs and our own colours stay', () => {
  expect(visible('a\tb\n\u001b[2J\u0007\u009b\u001b[31m')).toBe('a\tb\n\\x1b[2J\\x07\\x9b\\x1b[31m')
  expect(visible('\u202eevil\u2066\u2028')).toBe('\\u{202e}evil\\u{2066}\\u{2028}')
  expect(visible('👩\u200d🔬 é ok')).toBe('👩\u200d🔬 é ok')
  expect(visible(coloured('bold', 'x\u001b[1m'))).toBe('\u001b[1mx\\x1b[1m\u001b[22m')
})

test('JSON is JSON, and shows what could steer a terminal as escapes', () => {
  const odd = Array.from({ length: 0x2070 }, (_, i) => String.fromCharCode(i)).join('')
  const text = toJson({ [odd]: odd })
  expect(JSON.parse(text)).toEqual({ [odd]: odd })
  expect(visible(text)).toBe(text)
})
