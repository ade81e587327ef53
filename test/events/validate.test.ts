import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { TapeEvent } from '../../src/events/event.js'
import { frozenEvent } from '../../src/events/validate.js'
import { EVENT_TYPES, payload } from './arbitrary-event.js'

const stand = { version: 1, position: 5, step: 0 }

describe('an event from a file', () => {
  test.each(EVENT_TYPES)(
    'of type %s passes when it is well formed, and names each field that is missing or of another type',
    (type) => {
      fc.assert(
        fc.property(payload(type, 5), (drawn) => {
          expect(frozenEvent({ ...drawn, ...stand } as TapeEvent)).toStrictEqual({ ...drawn, ...stand })
          for (const field of Object.keys(drawn).filter((key) => key !== 'type')) {
            const without = { ...drawn, ...stand, [field]: undefined } as TapeEvent
            expect(() => frozenEvent(without)).toThrow(
              `TAPE_CORRUPT: event 5 (${type}) has a bad ${field}: undefined`,
            )
            if (field === 'capture') continue // any plain data
            const strange = { ...drawn, ...stand, [field]: 1n } as unknown as TapeEvent
            expect(() => frozenEvent(strange)).toThrow(`TAPE_CORRUPT: event 5 (${type}) has a bad ${field}`)
          }
        }),
        { numRuns: 20 },
      )
    },
  )

  test.each([
    ['a ref to itself', { type: 'GradientCleared', variable: 5 }, 'variable: 5'],
    ['a ref to what comes later', { type: 'GradientCleared', variable: 6 }, 'variable: 6'],
    ['a ref to nothing', { type: 'GradientCleared', variable: 0 }, 'variable: 0'],
    ['a ref that is no whole number', { type: 'GradientCleared', variable: 1.5 }, 'variable: 1.5'],
    ['a slot of position 0', { type: 'GradientCleared', variable: 2 ** 40 }, 'variable: 1099511627776'],
    [
      'a status of its own',
      { type: 'RunFinished', status: 'great', error: null, elapsedMs: 1 },
      'status: "great"',
    ],
    [
      'a dtype that no array has',
      { type: 'ValueAssigned', variable: 1, source: null, value: null, dtype: 'float16', shape: [] },
      'dtype: "float16"',
    ],
    [
      'a shape with a negative extent',
      { type: 'ValueAssigned', variable: 1, source: null, value: null, dtype: 'float64', shape: [-1] },
      'shape: [-1]',
    ],
    [
      'inputs that are no list',
      {
        type: 'FunctionCalled',
        function: 'f',
        attributes: {},
        inputs: {},
        outputs: [],
        scope: '',
        linked: true,
      },
      'inputs: {}',
    ],
    [
      'attributes that are a list',
      {
        type: 'FunctionCalled',
        function: 'f',
        attributes: [],
        inputs: [],
        outputs: [],
        scope: '',
        linked: true,
      },
      'attributes: []',
    ],
  ])('with %s is refused', (_, bad, told) => {
    expect(() => frozenEvent({ ...bad, ...stand } as unknown as TapeEvent)).toThrow(
      `TAPE_CORRUPT: event 5 (${bad.type}) has a bad ${told}`,
    )
  })

  test('of a type or version that is not known is refused', () => {
    expect(() => frozenEvent({ type: 'Sneezed', ...stand } as unknown as TapeEvent)).toThrow(
      'TAPE_CORRUPT: event 5 has the unknown type "Sneezed"',
    )
    for (const type of ['constructor', '__proto__', 'toString']) {
      expect(() => frozenEvent({ type, ...stand } as unknown as TapeEvent)).toThrow(
        /^TAPE_CORRUPT: event 5 has the unknown type/,
      )
    }
    expect(() => frozenEvent({ type: 'NoteAdded', text: '', ...stand, version: 2 })).toThrow(
      /^TAPE_TOO_NEW: event 5 is NoteAdded version 2; this gradtape reads version 1/,
    )
  })

  test('must stand somewhere', () => {
    for (const place of [{ position: 0 }, { position: 1.5 }, { step: -1 }, { step: Number.NaN }]) {
      expect(() => frozenEvent({ type: 'NoteAdded', text: '', ...stand, ...place })).toThrow(
        /^TAPE_CORRUPT: NoteAdded stands at position/,
      )
    }
  })
})
