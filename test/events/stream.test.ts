import { describe, expect, test, vi } from 'vitest'
import type { TapeEvent } from '../../src/events/event.js'
import type { PackedBatch } from '../../src/events/pack.js'
import { EventStream } from '../../src/events/stream.js'
import { square } from '../../src/functions/arithmetic.js'
import { Variable } from '../../src/graph/variable.js'
import { newTapePath, openForTest } from '../tape/temporary-tape.js'

const LIMITS = { eventsMax: 3, bytesMax: 1000, ageMaxMs: 50 }

function stream(limits = LIMITS): { stream: EventStream; counts: number[] } {
  const made = new EventStream(limits)
  const counts: number[] = []
  made.batches$.subscribe((batch: PackedBatch) => counts.push(batch.count))
  return { stream: made, counts }
}

describe('a stream of events', () => {
  test('hands over a batch when it is full, and the rest on flush and on completion', () => {
    const { stream: events, counts } = stream()
    for (let i = 0; i < 4; i++) events.append({ type: 'NoteAdded', text: String(i) })
    expect(counts).toEqual([3])
    events.flush()
    events.flush()
    expect(counts).toEqual([3, 1])
    events.append({ type: 'NoteAdded', text: 'last' })
    events.complete()
    expect(counts).toEqual([3, 1, 1])
  })

  test('waits for no timer where a batch may become as old as it likes', async () => {
    const { stream: events, counts } = stream({ ...LIMITS, ageMaxMs: Number.POSITIVE_INFINITY })
    events.append({ type: 'NoteAdded', text: 'first' })
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(counts).toEqual([])
    events.complete()
    expect(counts).toEqual([1])
  })

  test('packs steps, metrics and passes to the same words and batches, with an object for them and without', () => {
    const packed = (fill: (stream: EventStream) => number[]) => {
      const made = new EventStream({ ...LIMITS, eventsMax: 7 })
      const batches: unknown[] = []
      made.batches$.subscribe(({ words, ...batch }) => batches.push({ ...batch, words: [...words] }))
      const positions = fill(made)
      made.complete()
      return { batches, positions, step: made.step }
    }
    const pass = {
      type: 'BackwardStarted',
      roots: [2],
      gradients: [null],
      targets: null,
      createGraph: false,
      retainGrad: true,
    } as const
    const leaf = {
      ...({
        type: 'LeafCreated',
        role: 'variable',
        requiresGrad: true,
        name: null,
        dtype: 'float64',
      } as const),
      ...{ shape: [], source: null, value: null, summary: null },
    }
    const steps = Array.from({ length: 10 }, (_, i) => i)
    const withObjects = packed((events) => {
      const first = [events.append({ type: 'NoteAdded', text: 'first' }), events.append(leaf)]
      const others = steps.flatMap((i) => [
        events.append({ type: 'StepStarted', elapsedMs: i }),
        events.append(pass),
        events.append({ type: 'MetricLogged', name: 'loss', value: -i, variable: i % 2 ? 2 : null }),
      ])
      return [...first, ...others]
    })
    const without = packed((events) => {
      const first = [events.append({ type: 'NoteAdded', text: 'first' }), events.append(leaf)]
      const others = steps.flatMap((i) => [
        events.stepStarted(i),
        events.backwardStarted(pass),
        events.metricLogged('loss', -i, i % 2 ? 2 : null),
      ])
      return [...first, ...others]
    })
    expect(without).toEqual(withObjects)
    expect(without.batches.length).toBeGreaterThan(3)
  })

  test('hands over large arrays early', () => {
    const { stream: events, counts } = stream({ ...LIMITS, eventsMax: 1000 })
    const value = { dtype: 'float64', shape: [100], size: 100, data: new Float64Array(100) }
    for (let i = 0; i < 4; i++)
      events.append({
        type: 'LeafCreated',
        role: 'variable',
        requiresGrad: true,
        name: null,
        dtype: 'float64',
        shape: [100],
        source: null,
        value,
        summary: null,
      })
    expect(counts).toEqual([2, 2])
  })

  test('hands over what has waited too long, though nothing more happens', async () => {
    const { stream: events, counts } = stream()
    events.append({ type: 'NoteAdded', text: 'alone' })
    expect(counts).toEqual([])
    await vi.waitFor(() => expect(counts).toEqual([1]), { timeout: 2000 })
  })

  test('tells whoever listens, from then on, in order', () => {
    const { stream: events } = stream()
    const [early, late]: [TapeEvent[], TapeEvent[]] = [[], []]
    events.events$.subscribe((event) => early.push(event))
    events.append({ type: 'NoteAdded', text: 'a' })
    events.events$.subscribe((event) => late.push(event))
    events.append({ type: 'StepStarted', elapsedMs: 1 })
    events.append({ type: 'NoteAdded', text: 'b' })
    expect(early.map(({ position, step }) => [position, step])).toEqual([
      [1, 0],
      [2, 1],
      [3, 1],
    ])
    expect(late.map((event) => event.position)).toEqual([2, 3])
    expect(late[0]).toBe(early[1])
  })

  test('completes for its listeners', () => {
    const { stream: events } = stream()
    const complete = vi.fn()
    events.events$.subscribe({ complete })
    events.complete()
    expect(complete).toHaveBeenCalledOnce()
  })
})

describe('the events of a live run', () => {
  test('each call is exactly one event, before the call returns', () => {
    const run = openForTest(newTapePath()).startRun('test')
    const heard: TapeEvent[] = []
    run.events$.subscribe((event) => heard.push(event))
    const x = new Variable(3)
    square(x) // the leaf is adopted with its first call
    expect(heard.map((event) => event.type)).toEqual(['LeafCreated', 'FunctionCalled'])
    for (let i = 0; i < 10_000; i++) {
      const before = heard.length
      const y = square(x)
      if (
        heard.length !== before + 1 ||
        heard[before]!.type !== 'FunctionCalled' ||
        heard[before]!.position !== y.position
      ) {
        expect.fail(`call ${i} made ${heard.length - before} events`)
      }
    }
    expect(run.position).toBe(heard.length + 1)
  })

  test('are frozen', () => {
    const run = openForTest(newTapePath()).startRun('test', { config: { deep: { list: [1] } } })
    const heard: TapeEvent[] = []
    run.events$.subscribe((event) => heard.push(event))
    square(new Variable([1, 2])).backward({ gradient: 1 })
    for (const event of heard) {
      expect(Object.isFrozen(event)).toBe(true)
      expect(() => {
        ;(event as { position: number }).position = 0
      }).toThrow(TypeError)
    }
  })

  test('may be answered by more events: a listener that notes something', () => {
    const run = openForTest(newTapePath()).startRun('test')
    const heard: string[] = []
    run.events$.subscribe((event) => {
      if (event.type === 'FunctionCalled') run.note(`saw ${event.position}`)
    })
    run.events$.subscribe((event) => heard.push(`${event.position} ${event.type}`))
    const y = square(new Variable(3))
    const z = square(y)
    expect([y.position, z.position]).toEqual([3, 5])
    expect(heard.sort()).toEqual([
      '2 LeafCreated',
      '3 FunctionCalled',
      '4 NoteAdded',
      '5 FunctionCalled',
      '6 NoteAdded',
    ])
  })

  test('have NaN, −0 and infinities as they were', () => {
    const run = openForTest(newTapePath()).startRun('test')
    const heard: TapeEvent[] = []
    run.events$.subscribe((event) => heard.push(event))
    const odd = [Number.NaN, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
    for (const number of odd) square(new Variable(number))
    square(new Variable(odd))
    const leaves = heard
      .filter((event) => event.type === 'LeafCreated')
      .map((event) => [...event.value!.data])
    expect(leaves).toEqual([...odd.map((number) => [number]), odd])
  })
})
