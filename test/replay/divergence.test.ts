// A replay that does not come to the same bits says where: the first event that differs, what was expected, what came.
import { describe, expect, test } from 'vitest'
import '../../src/index.js'
import { ndarray } from '../../src/array/make-array.js'
import type { FunctionCalled, RecordedArray, RunStarted, TapeEvent } from '../../src/events/event.js'
import { mul, square } from '../../src/functions/arithmetic.js'
import { exp } from '../../src/functions/exponential.js'
import { sum } from '../../src/functions/reductions.js'
import { parameter } from '../../src/graph/leaves.js'
import { noGrad } from '../../src/graph/mode.js'
import { Variable } from '../../src/graph/variable.js'
import { replay } from '../../src/replay/replay.js'
import type { Run } from '../../src/tape/run.js'
import { runChild } from '../tape/child-process.js'
import { newTapePath, openForTest, recordedTape } from '../tape/temporary-tape.js'

function recordSteps(run: Run): void {
  const w = parameter([1, 2, 3], { name: 'w' })
  for (let i = 0; i < 3; i++) {
    run.step()
    const loss = sum(square(mul(w, i + 1)))
    loss.name = 'loss'
    w.clearGrad()
    loss.backward()
    noGrad(() => {
      w.data = ndarray([i, i, i])
    })
    run.log({ loss })
  }
}

async function eventsOf(record: (run: Run) => void): Promise<TapeEvent[]> {
  return [
    ...openForTest(await recordedTape(record, { capture: 'full' }), { readonly: true })
      .run('test')
      .events(),
  ]
}

/** Replays events as if they were a tape. */
function replayOf(events: readonly TapeEvent[]) {
  return replay({
    started: events[0] as RunStarted,
    events,
    first: 1,
    step: 0,
    lastUses: new Float64Array(events.length).fill(Number.POSITIVE_INFINITY),
    before: null,
  })
}

const array = (data: number[]): RecordedArray => ({
  dtype: 'float64',
  shape: data.length === 1 ? [] : [data.length],
  size: data.length,
  data: Float64Array.from(data),
})

describe('replay', () => {
  test('of events as they were is bit-exact', async () => {
    const events = await eventsOf(recordSteps)
    expect(replayOf(events)).toMatchObject({ verdict: 'bit-exact', events: events.length, divergence: null })
  })

  test('finds a recorded value that was altered, with position, step, function, and both numbers', async () => {
    const events = await eventsOf(recordSteps)
    const at = events.findIndex(
      (event) => event.type === 'FunctionCalled' && event.function === 'square' && event.step === 2,
    )
    const call = events[at] as FunctionCalled
    const data = [...call.outputs[0]!.value!.data]
    data[1]! += 2 ** -50
    events[at] = { ...call, outputs: [{ ...call.outputs[0]!, value: array(data) }] }
    expect(replayOf(events)).toMatchObject({
      verdict: 'diverged',
      events: at,
      divergence: {
        position: call.position,
        step: 2,
        what: 'square',
        function: 'square',
        expected: `element 1: ${data[1]}`,
        got: `element 1: ${data[1]! - 2 ** -50}`,
      },
    })
  })

  test.each([
    'FunctionCalled',
    'GradientComputed',
    'StepStarted',
    'ValueAssigned',
    'GradientCleared',
    'VariableNamed',
    'BackwardStarted',
  ] as const)('finds that a %s is missing', async (type) => {
    const events = await eventsOf(recordSteps)
    const at = events.findIndex((event) => event.type === type)
    expect(at).toBeGreaterThan(0)
    const rest = [...events.slice(0, at), ...events.slice(at + 1)]
    let found: unknown
    try {
      found = replayOf(rest)
    } catch (error) {
      found = error
    }
    // Either it sees the difference, or that something refers to what is not there.
    if (found instanceof Error) expect(found.message).toMatch(/^TAPE_CORRUPT: event \d+/)
    else expect(found).toMatchObject({ verdict: 'diverged' })
  })

  test.each([
    [
      'a gradient',
      (event: TapeEvent) =>
        event.type === 'GradientComputed' && {
          ...event,
          contribution: array([...event.contribution!.data].map((x) => x + 1)),
        },
    ],
    [
      'what is held of a gradient',
      (event: TapeEvent) =>
        event.type === 'GradientComputed' &&
        event.held === 'contribution' && { ...event, held: 'nothing' as const },
    ],
    [
      'the variable a gradient is for',
      (event: TapeEvent) =>
        event.type === 'GradientComputed' && event.variable > 3 && { ...event, variable: event.variable - 1 },
    ],
    [
      'the inputs of a call',
      (event: TapeEvent) =>
        event.type === 'FunctionCalled' &&
        event.function === 'mul' && { ...event, inputs: [event.inputs[0]!, event.inputs[0]!] },
    ],
    [
      'the function of a call',
      (event: TapeEvent) =>
        event.type === 'FunctionCalled' && event.function === 'square' && { ...event, function: 'exp' },
    ],
    [
      'a shape',
      (event: TapeEvent) =>
        event.type === 'FunctionCalled' &&
        event.function === 'sum' && { ...event, outputs: [{ ...event.outputs[0]!, shape: [1] }] },
    ],
    [
      'an assigned value',
      (event: TapeEvent) => event.type === 'ValueAssigned' && { ...event, value: array([7, 7, 7]) },
    ],
    [
      'a leaf',
      (event: TapeEvent) =>
        event.type === 'LeafCreated' && event.name === 'w' && { ...event, value: array([1, 2, 4]) },
    ],
    [
      'a logged value',
      (event: TapeEvent) => event.type === 'MetricLogged' && { ...event, value: event.value + 1 },
    ],
  ])('finds that %s is another', async (_, alter) => {
    const events = await eventsOf(recordSteps)
    const at = events.findIndex((event) => alter(event) !== false)
    expect(at).toBeGreaterThan(0)
    events[at] = alter(events[at]!) as TapeEvent
    const report = replayOf(events)
    expect(report.verdict).toBe('diverged')
    expect(report.divergence!.position).toBeGreaterThanOrEqual(events[at]!.position)
    expect(report.divergence!.expected).not.toBe(report.divergence!.got)
  })

  test('tells −0 from 0, and takes NaN for NaN', async () => {
    const events = await eventsOf(() => {
      mul(new Variable(-1), 0)
      mul(new Variable(Number.NaN), 0)
    })
    expect(replayOf(events).verdict).toBe('bit-exact')
    const at = events.findIndex((event) => event.type === 'FunctionCalled')
    const call = events[at] as FunctionCalled
    expect(call.outputs[0]!.value!.data[0]).toBe(-0)
    events[at] = { ...call, outputs: [{ ...call.outputs[0]!, value: array([0]) }] }
    expect(replayOf(events)).toMatchObject({
      verdict: 'diverged',
      divergence: { position: call.position, expected: '0' },
    })
  })

  test('may stop after a step, and leaves the mode as it was', async () => {
    const past = openForTest(await recordedTape(recordSteps), { readonly: true }).run('test')
    const whole = past.replay().events
    const counts = [0, 1, 2, 3].map((to) => past.replay({ to }).events)
    expect(counts).toEqual([...counts].sort((a, b) => a - b))
    expect(counts[3]).toBe(whole)
    expect(counts[1]).toBe([...past.events()].filter((event) => event.step <= 1).length)
    const x = new Variable(2)
    expect(square(x).creator).not.toBe(null)
    expect(x.position).toBe(null)
  })

  test('inside a run is not recorded by it', async () => {
    const file = await recordedTape(recordSteps)
    const run = openForTest(newTapePath()).startRun('other')
    const before = run.position
    expect(openForTest(file, { readonly: true }).run('test').replay().verdict).toBe('bit-exact')
    expect(run.position).toBe(before)
    expect(square(new Variable(1)).position).toBe(before + 2)
  })

  test('shows each call to a probe', async () => {
    const past = openForTest(await recordedTape(recordSteps), { readonly: true }).run('test')
    const sums: [number, number][] = []
    past.replay({
      probe: ({ function: name, step, outputs }) => name === 'sum' && sums.push([step, outputs[0]!.item()]),
    })
    expect(sums).toEqual([
      [1, 14],
      [2, 0],
      [3, 27],
    ])
  })

  test('of a run that another kernel computed is refused', async () => {
    const events = await eventsOf(() => {})
    const [started, ...rest] = events
    expect(() => replayOf([{ ...started, kernel: 'abacus-1' } as TapeEvent, ...rest])).toThrow(
      /^KERNEL_MISMATCH: the run was computed by kernel "abacus-1", this process has/,
    )
  })
})

describe('a function whose implementation changed', () => {
  const DEFINE = `
    class Curve extends gradtape.Func {
      constructor(attributes) { super(attributes) }
      forward(x) { return x.map((value) => value * value + (arg.forward ?? 0)) }
      backward(gy) { return gradtape.mul(gy, gradtape.mul(this.input, 2 + (arg.backward ?? 0))) }
    }
    gradtape.registerFunc(Curve)
  `
  const RECORD = `${DEFINE}
    const run = gradtape.openTape(arg.file).startRun('r', { capture: 'full' })
    const x = new gradtape.Variable(3, { name: 'x' })
    run.step()
    gradtape.square(new Curve({ k: 1 }).apply(gradtape.square(x))).backward()
    await run.finish()`
  const REPLAY = `${DEFINE}; say(JSON.stringify(gradtape.openTape(arg.file, { readonly: true }).run('r').replay()))`

  test('is named as the first call that differs, by another process', async () => {
    const file = newTapePath()
    expect(await runChild(RECORD, { file })).toMatchObject({ code: 0, stderr: '' })
    const same = JSON.parse((await runChild(REPLAY, { file })).stdout)
    expect(same).toMatchObject({ verdict: 'bit-exact', divergence: null })
    const forward = JSON.parse((await runChild(REPLAY, { file, forward: 1 })).stdout)
    expect(forward).toMatchObject({
      verdict: 'diverged',
      divergence: { position: 5, step: 1, function: 'curve', what: 'curve', expected: '81', got: '82' },
    })
    const backward = JSON.parse((await runChild(REPLAY, { file, backward: 1 })).stdout)
    expect(backward).toMatchObject({
      verdict: 'diverged',
      divergence: { step: 1, what: 'GradientComputed', expected: '2916', got: '4374' },
    })
    expect(same.events).toBeGreaterThan(forward.events)
  })

  test('that throws now is a divergence with its error', async () => {
    const events = await eventsOf(() => void exp(new Variable([1, 2])))
    const at = events.findIndex((event) => event.type === 'FunctionCalled')
    events[at] = {
      ...(events[at] as FunctionCalled),
      function: 'reshape',
      inputs: [2],
      attributes: { shape: [5] },
    }
    expect(replayOf(events)).toMatchObject({
      verdict: 'diverged',
      divergence: { position: at + 1, got: expect.stringMatching(/^an error: [A-Z_]+: /) },
    })
  })
})
