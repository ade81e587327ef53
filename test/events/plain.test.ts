import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ownToText, plainToText, textToPlain } from '../../src/events/plain.js'
import { plain } from './arbitrary-event.js'

describe('plain data as text', () => {
  test('comes back as it was, NaN, infinities and −0 included', () => {
    fc.assert(
      fc.property(plain, (value) => {
        expect(textToPlain(plainToText(value, 'value'), 'value')).toStrictEqual(value)
      }),
      { numRuns: 1000 },
    )
  })

  test('does not take an object for the number it looks like', () => {
    for (const value of [
      { $number: 'NaN' },
      { $number: 3 },
      { $$number: 'NaN' },
      { $number: { $number: '1' } },
    ]) {
      expect(textToPlain(plainToText(value, 'value'), 'value')).toStrictEqual(value)
    }
  })

  test('is the same text for an object that was just made', () => {
    const values = fc.oneof(plain, fc.constantFrom(-0, Number.NaN, undefined, 1))
    const keys = fc.oneof(fc.string(), fc.constantFrom('$number', '$$number', 'toJSON', '__proto__'))
    fc.assert(
      fc.property(fc.array(fc.tuple(keys, values), { maxLength: 3 }), (entries) => {
        const made = Object.fromEntries(entries)
        expect(ownToText(made, 'value')).toBe(plainToText(made, 'value'))
      }),
      { numRuns: 1000 },
    )
  })

  test('leaves out what is undefined in an object, and refuses it in a list', () => {
    expect(plainToText({ a: undefined, b: 1 }, 'config')).toBe('{"b":1}')
    expect(() => plainToText([undefined], 'config')).toThrow('BAD_EVENT: config[0] expected plain data')
  })

  test.each([
    ['a function', () => 0, 'a function'],
    ['a date', new Date(0), 'a Date'],
    ['a map', new Map(), 'a Map'],
    ['a typed array', new Float64Array(1), 'a Float64Array'],
    ['a bigint', 1n, 'a bigint'],
    ['a symbol', Symbol('s'), 'a symbol'],
  ])('refuses %s and says where it stands', (_, value, got) => {
    expect(() => plainToText({ list: [1, { deep: value }] }, 'config')).toThrow(
      `BAD_EVENT: config.list[1].deep expected plain data (numbers, strings, booleans, null, arrays, objects), got ${got}`,
    )
  })

  test('refuses what refers to itself', () => {
    const loop: Record<string, unknown> = {}
    loop.self = loop
    expect(() => plainToText(loop, 'config')).toThrow(
      /^BAD_EVENT: config\.self.* is nested deeper than 64 levels, or refers to itself/,
    )
  })

  test('reports a text from a file that is no JSON', () => {
    expect(() => textToPlain('{"a":', 'attributes of event 3')).toThrow(
      'TAPE_CORRUPT: attributes of event 3 expected JSON, got "{\\"a\\":"',
    )
  })
})
