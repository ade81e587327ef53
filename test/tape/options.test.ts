// An option that nobody reads is refused, and the one that was meant is named: the answer would be to another question.
import { describe, expect, test } from 'vitest'
import { mul, Variable } from '../../src/index.js'
import { openTape } from '../../src/tape/open-tape.js'
import { newTapePath, openForTest, recordedTape } from './temporary-tape.js'

describe('an option that is not known is refused', () => {
  test('by openTape and startRun, and no run begins', () => {
    expect(() => openTape(newTapePath(), { readOnyl: true } as never)).toThrow(
      /^BAD_ARGUMENT: openTape does not know the option "readOnyl"; did you mean "readonly"\?/,
    )
    expect(() => openTape(newTapePath(), { readonly: 1 } as never)).toThrow(
      /^BAD_ARGUMENT: openTape expected readonly/,
    )
    const tape = openForTest(newTapePath())
    for (const [options, advice] of [
      [{ conifg: {} }, 'did you mean "config"?'],
      [{ durabilty: 'strict' }, 'did you mean "durability"?'],
      [{ learningRateOfTheModel: 1 }, 'it knows capture, '],
    ] as const)
      expect(() => tape.startRun('r', options as never)).toThrow(advice)
    for (const batch of [
      null,
      [],
      { eventsMax: 1 },
      ...['x', '1', 1n, 0].map((eventsMax) => ({ eventsMax, bytesMax: 1, ageMaxMs: 1 })),
    ])
      expect(() => tape.startRun('r', { batch } as never)).toThrow(/^BAD_ARGUMENT: batch expected/)
    expect(() => tape.startRun('r', 'strict' as never)).toThrow(
      /^BAD_ARGUMENT: startRun expected its options as an object/,
    )
    expect(tape.runs()).toEqual([])
  })

  test('by variable, replay, events, materialize and step', async () => {
    const file = await recordedTape((run) => {
      expect(() => (run.step as (n: number) => number)(99)).toThrow(
        /^BAD_ARGUMENT: run.step\(\) takes no argument, got 99/,
      )
      for (let i = 1; i <= 3; i++) {
        run.step()
        run.log({ y: mul(new Variable(2), i) })
      }
      expect(run.currentStep).toBe(3)
    })
    const tape = openForTest(file)
    const past = tape.run('test')
    expect(() => past.variable('y', { stepp: 2 } as never)).toThrow(/did you mean "step"\?/)
    expect(() => past.variable('y', { step: '2' } as never)).toThrow(/^BAD_ARGUMENT/)
    expect(() => past.replay({ form: 2 } as never)).toThrow(/did you mean "from"\?/)
    expect(() => past.replay({ from: 3, to: 2 })).toThrow(
      /^BAD_ARGUMENT: replay\(\) expected steps in ascending order/,
    )
    expect(() => past.materialize(3, 2)).toThrow(/^BAD_ARGUMENT/)
    for (const [from, to] of [
      [0, 3],
      [5, 2],
      [1.5, 3],
      [1, 1e9],
      [Number.NaN, 2],
      ['1', 2],
    ] as [number, number][])
      expect(() => past.events(from, to)).toThrow(/^BAD_ARGUMENT: events\(\) expected positions from 1 to/)
    expect([...past.events(4, 3)]).toEqual([])
  })

  test.each(['', ' ', '\t\n', 'a\0b', 7, null])('and so is a path that names no file: %j', (path) => {
    expect(() => openTape(path as never)).toThrow(/^BAD_ARGUMENT: openTape expected a path/)
  })
})
