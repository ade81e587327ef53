import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { appendEvent, payloadOf } from '../../src/events/append.js'
import type { Payload, TapeEvent } from '../../src/events/event.js'
import { type PackedBatch, Packer } from '../../src/events/pack.js'
import { ScalarValue } from '../../src/events/scalar-value.js'
import { BatchUnpacker } from '../../src/events/unpack.js'
import { EVENT_TYPES, payload, payloads } from './arbitrary-event.js'
import { plainEvent } from './plain-event.js'

const FIRST: Payload = { type: 'NoteAdded', text: 'the first' }

/** The first event of a run of packing 2. */
const STARTED: Payload = {
  type: 'RunStarted',
  name: 'run',
  seed: 0,
  config: {},
  capture: 'replayable',
  kernel: 'k',
  engine: '1',
  node: '20',
  v8: '11',
  platform: 'linux-x64',
  host: 'h',
  pid: 1,
  startedAt: '2026-11-23T00:00:00.000Z',
  parent: null,
  packing: 2,
}

function call(inputs: readonly number[], value: number | null): Payload {
  const scalar = { dtype: 'float64', shape: [] }
  return {
    type: 'FunctionCalled',
    function: 'f',
    attributes: { k: 1 },
    inputs,
    outputs: [{ ...scalar, value: value === null ? null : new ScalarValue(value, 'float64', []) }],
    scope: '',
    linked: true,
  }
}

/** Batches of `size` events. */
function pack(list: readonly Payload[], size: number): PackedBatch[] {
  const packer = new Packer()
  const batches: PackedBatch[] = []
  const take = () => {
    const batch = packer.take()
    if (batch !== null) batches.push({ ...batch, words: batch.words.slice() })
  }
  for (const [i, each] of list.entries()) {
    appendEvent(packer, each)
    if (i % size === size - 1) take()
  }
  take()
  return batches
}

function unpack(batches: readonly PackedBatch[]): TapeEvent[] {
  const unpacker = new BatchUnpacker()
  return batches.flatMap((batch) => unpacker.events(batch))
}

describe('packing and unpacking', () => {
  test.each(EVENT_TYPES)('%s gives back what went in', (type) => {
    fc.assert(
      fc.property(payload(type, 2), (drawn) => {
        const [, event] = unpack(pack([FIRST, drawn], 8))
        expect(plainEvent(payloadOf(event!))).toStrictEqual(plainEvent(drawn))
        expect(event).toMatchObject({
          version: type === 'BackwardStarted' ? 2 : 1,
          position: 2,
          step: type === 'StepStarted' ? 1 : 0,
        })
      }),
      { numRuns: 60 },
    )
  })

  test('a run says how its calls are packed: in packing 2 one that keeps nothing is a word and its inputs', () => {
    const inputs = [[], [1], [1, 2], [2, 1, 2], [1, 2, 1, 2]]
    const lengths = (first: Payload) =>
      pack([first, FIRST, ...inputs.map((refs) => call(refs, null)), call([1], 7)], 1)
        .slice(2)
        .map(({ words }) => words.length)
    expect(lengths({ ...STARTED, packing: 1 })).toEqual([7, 8, 9, 10, 11, 8])
    expect(lengths(STARTED)).toEqual([1, 2, 3, 4, 11, 8])
    const list = [STARTED, FIRST, ...inputs.map((refs) => call(refs, null)), call([1], 7)]
    const events = unpack(pack(list, 3))
    expect(events.map((event) => plainEvent(payloadOf(event)))).toStrictEqual(list.map(plainEvent))
    expect(events.map(({ version }) => version)).toEqual([2, ...list.slice(1).map(() => 1)])
  })

  test.each([1, 2] as const)(
    'is the identity for any sequence in packing %i, however it is cut into batches',
    (packing) => {
      fc.assert(
        fc.property(payloads, fc.integer({ min: 1, max: 5 }), (drawn, size) => {
          const list = [
            { ...STARTED, packing },
            ...drawn.map((each) => (each.type === 'RunStarted' ? FIRST : each)),
          ] as Payload[]
          const events = unpack(pack(list, size))
          expect(events.map((event) => plainEvent(payloadOf(event)))).toStrictEqual(list.map(plainEvent))
          expect(events.map((event) => event.position)).toEqual(list.map((_, i) => i + 1))
          let step = 0
          for (const event of events) expect(event.step).toBe(event.type === 'StepStarted' ? ++step : step)
        }),
        { numRuns: 200 },
      )
    },
  )

  test('the same events in the same batches are the same bytes', () => {
    fc.assert(
      fc.property(payloads, fc.integer({ min: 1, max: 5 }), (drawn, size) => {
        const bytes = () =>
          pack([FIRST, ...drawn], size).map(({ words, texts, firstText }) => ({
            words: Buffer.from(words.buffer).toString('hex'),
            texts,
            firstText,
          }))
        expect(bytes()).toEqual(bytes())
      }),
      { numRuns: 100 },
    )
  })

  test('events are frozen through and through', () => {
    fc.assert(
      fc.property(payloads, (drawn) => {
        for (const event of unpack(pack([FIRST, ...drawn], 4))) expectFrozen(event)
      }),
      { numRuns: 50 },
    )
  })

  test('every NaN of one element is the same NaN', () => {
    const strange = new Float64Array(1)
    new Uint32Array(strange.buffer).set([12345, 0xfff80001])
    const words = (data: Float64Array) =>
      pack(
        [
          {
            type: 'LeafCreated',
            role: 'variable',
            requiresGrad: true,
            name: null,
            dtype: 'float64',
            shape: [],
            source: null,
            value: { dtype: 'float64', shape: [], size: 1, data },
            summary: null,
          },
        ],
        1,
      )[0]!.words
    expect(Buffer.from(words(strange).buffer)).toEqual(Buffer.from(words(Float64Array.of(Number.NaN)).buffer))
  })

  test('a run with more than 65,536 distinct texts begins its numbering anew, and reads back', () => {
    const list = Array.from(
      { length: 70_000 },
      (_, i): Payload => ({ type: 'MetricLogged', name: `metric ${i}`, value: i, variable: null }),
    )
    const batches = pack([...list, ...list.slice(0, 10)], 8192)
    expect(batches.filter((batch) => batch.firstText === 0).length).toBe(2)
    const events = unpack(batches)
    expect(events.length).toBe(70_010)
    expect(
      events.every((event, i) => event.type === 'MetricLogged' && event.name === `metric ${i % 70_000}`),
    ).toBe(true)
  })

  test('refuses a ref that is not an earlier position', () => {
    for (const variable of [2, 3, 1e9, 0, -1, Number.NaN]) {
      const packer = new Packer({ position: 1, step: 0 })
      const bad = () => appendEvent(packer, { type: 'GradientCleared', variable })
      expect(bad, String(variable)).toThrow(/^BAD_EVENT: event 2 refers to .*not an earlier position/)
    }
  })
})

function expectFrozen(value: unknown): void {
  if (typeof value !== 'object' || value === null || ('dtype' in value && 'data' in value)) return
  expect(Object.isFrozen(value)).toBe(true)
  for (const element of Object.values(value)) expectFrozen(element)
}
