// The read model of a training, held to a plain count of the same events: whatever names a tape gives, however it is cut.
import fc from 'fast-check'
import { Subject } from 'rxjs'
import { describe, expect, test } from 'vitest'
import type { TapeEvent } from '../../src/events/event.js'
import { fold, fold$, foldBatch } from '../../src/projections/fold.js'
import { training } from '../../src/projections/training.js'
import { hostileName } from '../hostile-names.js'

const fact = (position: number, step: number) => ({ version: 1, position, step })

function called(name: string, position: number): TapeEvent {
  return {
    type: 'FunctionCalled',
    ...fact(position, 0),
    function: name,
    attributes: {},
    inputs: [],
    outputs: [],
    scope: '',
    linked: true,
  }
}

function logged(name: string, value: number, position: number, step = 0): TapeEvent {
  return { type: 'MetricLogged', ...fact(position, step), name, value, variable: null }
}

/** What is drawn: calls and metrics of awkward names. */
const events = fc
  .array(fc.tuple(hostileName, fc.option(fc.double())), { maxLength: 40 })
  .map((drawn) =>
    drawn.map(([name, value], i) => (value === null ? called(name, i + 1) : logged(name, value, i + 1))),
  )

const prototypes = () => [Object.prototype, Array.prototype].map((one) => Reflect.ownKeys(one).length)

describe('training', () => {
  test('counts calls and metrics by name as a Map does, whatever the names are', () => {
    const before = prototypes()
    fc.assert(
      fc.property(events, fc.integer({ min: 1, max: 7 }), (all, size) => {
        const calls = new Map<string, number>()
        const values = new Map<string, number[]>()
        for (const event of all) {
          if (event.type === 'FunctionCalled') calls.set(event.function, (calls.get(event.function) ?? 0) + 1)
          if (event.type === 'MetricLogged')
            values.set(event.name, [...(values.get(event.name) ?? []), event.value])
        }
        let state = training.initial
        for (let from = 0; from < all.length; from += size)
          state = foldBatch(training, state, all.slice(from, from + size))
        expect(new Map(Object.entries(state.callsByFunction))).toEqual(calls)
        const curves = new Map(
          Object.entries(state.metrics).map(([name, { points }]) => [name, points.map(([, value]) => value)]),
        )
        expect(curves).toEqual(values)
        for (const [name, { count, first, last }] of Object.entries(state.metrics)) {
          const given = values.get(name)!
          expect([count, first, last]).toEqual([given.length, given[0], given.at(-1)])
        }
        expect(fold(training, all)).toEqual(state)
      }),
    )
    expect(prototypes()).toEqual(before)
    expect(({} as { count?: unknown }).count).toBeUndefined()
    expect(training.initial.metrics).toEqual({})
  })

  test('says how a run stands: its name, step, calls, time and end', () => {
    const state = fold(training, [
      {
        type: 'RunStarted',
        ...fact(1, 0),
        name: 'digits',
        seed: 1,
        config: {},
        capture: 'full',
        kernel: 'k',
        engine: '0',
        node: '20',
        v8: '11',
        platform: 'linux-x64',
        host: 'h',
        pid: 1,
        startedAt: '2026-11-23T00:00:00.000Z',
        parent: null,
      },
      { type: 'StepStarted', ...fact(2, 1), elapsedMs: 5 },
      called('square', 3),
      { type: 'RunFinished', ...fact(4, 1), status: 'failed', error: 'Error: no', elapsedMs: 9 },
    ])
    expect(state).toMatchObject({
      name: 'digits',
      kernel: 'k',
      startedAt: '2026-11-23T00:00:00.000Z',
      status: 'failed',
      error: 'Error: no',
      step: 1,
      events: 4,
      calls: 1,
      elapsedMs: 9,
      eventsByType: { RunStarted: 1, StepStarted: 1, FunctionCalled: 1, RunFinished: 1 },
    })
  })

  test('keeps a curve of any length in a bounded number of points, evenly spaced, and its extremes', () => {
    const count = 10_000
    const state = fold(
      training,
      Array.from({ length: count }, (_, i) => logged('loss', Math.abs(i - 7_000), i + 1, i)),
    )
    const { points, stride, min, max, first, last } = state.metrics.loss!
    expect([min, max, first, last]).toEqual([0, 7_000, 7_000, 2_999])
    expect(points.length).toBeLessThanOrEqual(1024)
    expect(points.length).toBeGreaterThan(512)
    for (const [i, [step, value]] of points.entries())
      expect([step, value]).toEqual([i * stride, Math.abs(i * stride - 7_000)])
  })
})

describe('a fold', () => {
  test('leaves the state it was given untouched, and freezes the new one', () => {
    const before = fold(training, [called('add', 1)])
    const after = foldBatch(training, before, [called('add', 2), logged('loss', 1, 3)])
    expect([before.calls, after.calls]).toEqual([1, 2])
    expect(before.metrics).toEqual({})
    expect(() => {
      after.metrics.loss!.count = 5
    }).toThrow(TypeError)
    expect(foldBatch(training, after, [])).toBe(after)
  })

  test('of a stream gives a state after each batch, when a step begins, and at the end', () => {
    const source = new Subject<TapeEvent>()
    const seen: number[] = []
    let ended = false
    fold$(training, source, 3).subscribe({
      next: (state) => seen.push(state.events),
      complete: () => (ended = true),
    })
    for (let i = 1; i <= 4; i++) source.next(called('add', i))
    source.next({ type: 'StepStarted', ...fact(5, 1), elapsedMs: 1 })
    source.next(called('add', 6))
    expect(seen).toEqual([3, 5])
    source.complete()
    expect([seen, ended]).toEqual([[3, 5, 6], true])
  })

  test('of a stream passes an error on', () => {
    const source = new Subject<TapeEvent>()
    let said: unknown = null
    fold$(training, source).subscribe({ error: (error) => (said = error) })
    const error = new Error('the tape ends')
    source.error(error)
    expect(said).toBe(error)
  })
})
