// Whatever a program passes to a run is refused before anything of it is written, or is read back as it was: a file that was
// written without an error is intact, and what was recorded before a refusal is there.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { TapeError } from '../../src/errors.js'
import type { TapeEvent } from '../../src/events/event.js'
import { square } from '../../src/functions/arithmetic.js'
import type { Attributes } from '../../src/graph/attributes.js'
import { Func } from '../../src/graph/func.js'
import { registerFunc } from '../../src/graph/registry.js'
import { Variable } from '../../src/graph/variable.js'
import type { NDArray } from '../../src/index.js'
import type { Run, RunOptions } from '../../src/tape/run.js'
import { HOSTILE_NAMES } from '../hostile-names.js'
import { newTapePath, openForTest } from './temporary-tape.js'

class AnyAttributes extends Func {
  constructor(attributes: Attributes) {
    super(attributes)
  }

  forward(x: NDArray): NDArray {
    return x
  }

  override backward(gy: Variable): Variable {
    return gy
  }
}
registerFunc(AnyAttributes, { name: 'anyAttributes' })

/** Texts with halves of surrogate pairs among them. */
const halves = fc
  .array(fc.integer({ min: 0xd7fe, max: 0xe001 }), { minLength: 1, maxLength: 3 })
  .map((units) => String.fromCharCode(...units))
const text = fc.oneof(fc.constantFrom(...HOSTILE_NAMES, '', '\ud800', '\udc00\ud800'), halves, fc.string())
const awkward = fc.constantFrom(
  undefined,
  null,
  5,
  -0,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  2 ** 60,
  1e300,
  10n,
  Symbol('s'),
  [],
  [1],
  // biome-ignore lint/suspicious/noSparseArray: a program may pass one
  [1, , 2],
  {},
  Object.create(null),
  new Date(0),
  new Map([[1, 2]]),
  () => 1,
  Buffer.from('abc'),
)
const anything = fc.oneof(
  { arbitrary: text, weight: 3 },
  awkward,
  fc.dictionary(text, fc.oneof(text, awkward), { maxKeys: 3, noNullPrototype: true }),
  fc.array(fc.oneof(text, awkward), { maxLength: 3 }),
  fc.anything({ withNullPrototype: true, withSparseArray: true, withDate: true, withBigInt: true }),
)

/** What a program does in a run; given anything, it may throw. */
const ACTS: Record<string, (run: Run, x: never) => void> = {
  note: (run, x) => run.note(x),
  'log it': (run, x) => run.log(x),
  'log by its name': (run, x) => run.log({ [String(x)]: 1 }),
  'log by a good name, and it': (run, x) => run.log({ fine: 1, loss: x }),
  'log a variable by its name': (run, x) => run.log({ [String(x)]: square(new Variable(2)) }),
  scope: (run, x) => void run.scope(x, () => square(new Variable(3))),
  'name a leaf': (_, x) => void square(new Variable(4, { name: x })),
  'name a result': (_, x) => {
    square(new Variable(5)).name = x
  },
  'give a function attributes': (_, x) => void new AnyAttributes(x).apply(new Variable(6)),
  'give a function a named attribute': (_, x) => void new AnyAttributes({ named: x }).apply(new Variable(7)),
}
const act = fc.tuple(fc.constantFrom(...Object.keys(ACTS)), anything)

/** Whether `attempt` went through; what it throws must say that the program is to blame. */
function done(attempt: () => void): boolean {
  try {
    attempt()
    return true
  } catch (error) {
    // `String(x)` above throws for some, which is no doing of ours.
    if (error instanceof TypeError && /primitive|Symbol/.test(error.message)) return false
    expect(error).toBeInstanceOf(TapeError)
    expect((error as TapeError).code).toMatch(
      /^(BAD_ARGUMENT|BAD_EVENT|NOT_SCALAR|BAD_DTYPE|ATTRIBUTES_MISSING)$/,
    )
    return false
  }
}

test('anything that a program passes is refused, or comes back as it was from an intact file', {
  timeout: 240_000,
}, () => {
  let wentThrough = 0
  let refused = 0
  fc.assert(
    fc.property(fc.array(act, { maxLength: 12 }), anything, anything, (acts, config, reason) => {
      const file = newTapePath()
      const tape = openForTest(file)
      const live: TapeEvent[] = []
      const options = { config } as unknown as RunOptions
      let run!: Run
      const started = done(() => {
        run = tape.startRun('anything', options)
      })
      if (!started) {
        refused++
        run = tape.startRun('anything')
      }
      run.events$.subscribe((event) => live.push(event))
      for (const [what, x] of acts) {
        const before = run.position
        if (done(() => ACTS[what]!(run, x as never))) wentThrough++
        else {
          refused++
          // Operands may have come in; of what was refused there is nothing.
          for (const event of live.slice(live.length - (run.position - before)))
            expect(['LeafCreated', 'FunctionCalled']).toContain(event.type)
        }
        run.note('after it')
      }
      run.fail(reason)
      expect(run.finished).toBe(true)
      const report = tape.verify()
      expect([report.problem, report.intact]).toEqual([null, true])
      const past = tape.run('anything')
      expect([...past.events(2)]).toEqual(live)
      expect(live.filter((event) => event.type === 'NoteAdded' && event.text === 'after it')).toHaveLength(
        acts.length,
      )
      expect(past.replay().verdict).toBe('bit-exact')
      tape.close()
    }),
    { numRuns: 60 },
  )
  // Both happen; or this would hold of a run that takes nothing at all.
  expect(wentThrough).toBeGreaterThan(40)
  expect(refused).toBeGreaterThan(40)
})

test('a run by any name is refused before it is written, or found by that name', () => {
  const tape = openForTest(newTapePath())
  fc.assert(
    fc.property(anything, (name) => {
      const before = tape.runs().length
      if (!done(() => tape.startRun(name as string).end('finished', null))) {
        expect(tape.runs()).toHaveLength(before)
        return
      }
      expect(tape.run(name as string).name).toBe(name)
    }),
    { numRuns: 40 },
  )
  expect(tape.verify()).toMatchObject({ intact: true, problem: null })
})

test('a refused attribute leaves no text behind that belongs to no event', () => {
  const tape = openForTest(newTapePath())
  const run = tape.startRun('refused')
  const bad = { callback: () => 1 } as unknown as Attributes
  expect(() => new AnyAttributes(bad).apply(new Variable(1))).toThrow(/^BAD_EVENT: attributes\.callback/)
  run.note('between')
  new AnyAttributes({ k: 1 }).apply(new Variable(1))
  run.end('finished', null)
  expect(tape.verify()).toMatchObject({ intact: true, problem: null })
})
