// The one to read first: three calls, their graph, backward by hand and by the library, and the same from a closed file.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mul, sub } from '../src/functions/arithmetic.js'
import { softmaxCrossEntropy } from '../src/functions/losses.js'
import { linear } from '../src/functions/products.js'
import { noGrad } from '../src/graph/mode.js'
import { constant, Exp, openTape, parameter, Square, type TapeEvent, Variable } from '../src/index.js'
import { plainEvent } from './events/plain-event.js'
import { runChild } from './tape/child-process.js'
import { newTapePath, plainConnection } from './tape/temporary-tape.js'

const GRADIENT = 3.297442541400256

describe('a graph is made by calling', () => {
  const A = new Square()
  const B = new Exp()
  const C = new Square()
  const x = new Variable(0.5)
  const a = A.apply(x)
  const b = B.apply(a)
  const y = C.apply(b)

  test('every variable knows the call that made it, and every call what it read', () => {
    expect(y.creator === C).toBe(true)
    expect(y.creator!.input === b).toBe(true)
    expect(y.creator!.input.creator === B).toBe(true)
    expect(y.creator!.input.creator!.input === a).toBe(true)
    expect(y.creator!.input.creator!.input.creator === A).toBe(true)
    expect(y.creator!.input.creator!.input.creator!.input === x).toBe(true)
    expect(x.creator).toBe(null)
    expect(C.output === y && B.output === b && A.output === a).toBe(true)
  })

  test('backward by hand, call by call, gives the gradient exactly', () => {
    y.grad = new Variable(1.0)
    b.grad = C.backward(y.grad!)
    a.grad = B.backward(b.grad!)
    x.grad = A.backward(a.grad!)
    expect(x.grad!.item()).toBe(GRADIENT)
  })

  test('y.backward() after y.grad = 1.0 gives the same, to the last bit', () => {
    for (const variable of [x, a, b, y]) variable.clearGrad()
    y.grad = 1.0
    y.backward()
    expect(x.grad!.item()).toBe(GRADIENT)
    expect(y.grad!.item()).toBe(1)
  })
})

describe('the same graph, recorded', () => {
  let file: string
  const events: TapeEvent[] = []

  beforeAll(async () => {
    file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'gradtape-tour-')), 'tour.tape')
    const tape = openTape(file)
    const run = tape.startRun('tour')
    run.events$.subscribe((event) => events.push(event))
    const x = new Variable(0.5, { name: 'x' })
    const a = new Square().apply(x)
    const b = new Exp().apply(a)
    const y = new Square().apply(b)
    a.name = 'a'
    b.name = 'b'
    y.name = 'y'
    y.grad = 1.0
    y.backward()
    await run.finish()
    tape.close()
  })

  afterAll(() => fs.rmSync(path.dirname(file), { recursive: true }))

  test('each forward call was one event, with what it made', () => {
    const calls = events.filter((event) => event.type === 'FunctionCalled')
    expect(calls.map((call) => call.function)).toEqual(['square', 'exp', 'square'])
    expect(calls.map((call) => call.outputs[0]!.value!.data[0])).toEqual([
      0.25, 1.2840254166877414, 1.648721270700128,
    ])
    expect(events.every((event) => Object.isFrozen(event))).toBe(true)
  })

  test('the file gives back the events that were told live', () => {
    const tape = openTape(file, { readonly: true })
    const recorded: TapeEvent[] = []
    tape.run('tour').events$.subscribe((event) => recorded.push(event))
    expect(recorded.slice(1).map(plainEvent)).toEqual(events.map(plainEvent))
    expect(recorded.map((event) => event.position)).toEqual(recorded.map((_, i) => i + 1))
    tape.close()
  })

  test('the graph from the file is linked as the live one was', () => {
    const tape = openTape(file, { readonly: true })
    const past = tape.run('tour')
    const [x, a, b, y] = ['x', 'a', 'b', 'y'].map((name) => past.variable(name)) as [
      Variable,
      Variable,
      Variable,
      Variable,
    ]
    const [A, B, C] = [a.creator!, b.creator!, y.creator!]
    expect([A, B, C].map((call) => call.constructor)).toEqual([Square, Exp, Square])
    expect(y.creator === C).toBe(true)
    expect(y.creator!.input === b).toBe(true)
    expect(y.creator!.input.creator === B).toBe(true)
    expect(y.creator!.input.creator!.input === a).toBe(true)
    expect(y.creator!.input.creator!.input.creator === A).toBe(true)
    expect(y.creator!.input.creator!.input.creator!.input === x).toBe(true)
    expect(y.item()).toBe(1.648721270700128)
    y.grad = 1.0
    y.backward()
    expect(x.grad!.item()).toBe(GRADIENT)
    tape.close()
  })

  test('another process runs backward from the closed file', async () => {
    const { stdout, stderr } = await runChild(
      `const past = gradtape.openTape(arg.file, { readonly: true }).run('tour')
       const y = past.variable('y')
       y.backward()
       say(JSON.stringify({ gradient: past.variable('x').grad.item(), pid: process.pid }))`,
      { file },
    )
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual({ gradient: GRADIENT, pid: expect.any(Number) })
    expect(JSON.parse(stdout).pid).not.toBe(process.pid)
  })

  test('any SQLite tool reads the graph and its gradients from the views', () => {
    const db = plainConnection(file, { readonly: true })
    expect(db.prepare('SELECT function FROM call ORDER BY position').pluck().all()).toEqual([
      'square',
      'exp',
      'square',
    ])
    expect(db.prepare("SELECT value FROM gradient WHERE variable_name = 'x'").pluck().all()).toEqual([
      GRADIENT,
    ])
    const walk = `WITH RECURSIVE chain(position, depth) AS (
        SELECT position, 0 FROM variable WHERE name = 'y'
        UNION ALL
        SELECT input.variable_position, depth + 1 FROM chain
          JOIN edge output ON output.direction = 'output' AND output.variable_position = chain.position
          JOIN edge input ON input.direction = 'input' AND input.call_position = output.call_position)
      SELECT v.name FROM chain JOIN variable v USING (position) ORDER BY depth`
    expect(db.prepare(walk).pluck().all()).toEqual(['y', 'b', 'a', 'x'])
  })

  test('replay recomputes every event and finds the same bits; the hash chain is whole', () => {
    const tape = openTape(file, { readonly: true })
    expect(tape.run('tour').replay()).toMatchObject({
      verdict: 'bit-exact',
      divergence: null,
      events: events.length + 1,
    })
    expect(tape.verify()).toMatchObject({ intact: true, problem: null, events: events.length + 1 })
    tape.close()
  })
})

describe('training, recorded', () => {
  test('a step of long ago answers for the gradient nobody asked for', async () => {
    const file = newTapePath()
    const tape = openTape(file)
    const run = tape.startRun('train')
    const w = parameter(
      [
        [0.1, 0.2],
        [0.3, 0.4],
      ],
      { name: 'w' },
    )
    const b = parameter([0, 0], { name: 'b' })
    const live: { w: unknown; gradient: unknown; loss: number }[] = []
    for (let i = 0; i < 5; i++) {
      run.step()
      const loss = softmaxCrossEntropy(
        linear(
          constant([
            [1, 2],
            [3, i],
          ]),
          w,
          b,
        ),
        [0, 1],
      )
      for (const p of [w, b]) p.clearGrad()
      loss.backward()
      live.push({ w: w.data.toArray(), gradient: w.grad!.data.toArray(), loss: loss.item() })
      noGrad(() => {
        for (const p of [w, b]) p.data = sub(p, mul(p.grad!, 0.1)).data
      })
      run.log({ loss })
    }
    await run.finish()
    tape.close()

    const past = openTape(file, { readonly: true })
    for (let step = 1; step <= 5; step++) {
      const then = past.run('train')
      const loss = then.variable('loss', { step })
      expect(loss.item()).toBe(live[step - 1]!.loss)
      loss.backward()
      const weights = then.variable('w', { step })
      expect(weights.data.toArray()).toEqual(live[step - 1]!.w)
      expect(weights.grad!.data.toArray()).toEqual(live[step - 1]!.gradient)
    }
    expect(past.run('train').replay().verdict).toBe('bit-exact')
    past.close()
  })
})
