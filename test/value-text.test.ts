/** How errors quote what came: by one function for all rooms, whatever it is that came. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { TapeError, valueText } from '../src/errors.js'
import { checkOptions } from '../src/options.js'

test.each([
  [undefined, 'undefined'],
  [null, 'null'],
  [Number.NaN, 'NaN'],
  [-Infinity, '-Infinity'],
  [-0, '-0'],
  ['a "b"', '"a \\"b\\""'],
  [5n, '5n'],
  [Symbol('s'), 'Symbol(s)'],
  [() => 1, 'a function'],
  [[1, Number.NaN, [undefined, null]], '[1,NaN,[undefined,null]]'],
  [{ axis: [0], keepdims: true, count: 2n }, '{"axis":[0],"keepdims":true,"count":2n}'],
  [new Map(), 'an object (Map)'],
  [new Float32Array(2), 'an object (Float32Array)'],
  [Object.create(null), '{}'],
])('a value is quoted as %s is written', (value, text) => {
  expect(valueText(value)).toBe(text)
})

test('no value runs code of its own, makes an endless text, or hides the error behind another', () => {
  const endless: unknown[] = []
  endless.push(endless, { endless })
  const hostile = [
    endless,
    new Proxy({}, { getPrototypeOf: () => fail(), ownKeys: () => fail() }),
    { toJSON: fail, toString: fail },
    {
      get trap() {
        return fail()
      },
    },
    new Array(2 ** 31),
    'x'.repeat(1_000),
  ]
  for (const value of hostile) {
    const from = performance.now()
    expect(valueText(value).length).toBeLessThanOrEqual(80)
    expect(performance.now() - from).toBeLessThan(1_000)
  }
  fc.assert(
    fc.property(fc.anything({ withBigInt: true, withNullPrototype: true, withTypedArray: true }), (value) => {
      const text = valueText(value)
      expect(text).not.toBe('')
      expect(text.length).toBeLessThanOrEqual(80)
    }),
  )
})

function fail(): never {
  throw new Error('this belongs to the program')
}

test('an option that was inherited and that nobody knows is refused too, with the one that was meant', () => {
  const options: unknown = Object.create({ keepdim: true })
  expect(() => checkOptions(options, ['axis', 'keepdims'], 'sum')).toThrow(
    new TapeError('BAD_ARGUMENT', 'sum does not know the option "keepdim"; did you mean "keepdims"?'),
  )
  expect(() => checkOptions({ axis: 1 }, [], 'relu')).toThrow(/; it knows none$/)
})
