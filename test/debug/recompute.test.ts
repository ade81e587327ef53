// Computing runs again: the verdict, down to the element, and what was not looked at. A forger who writes every hash anew is found here.

import fs from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { currentKernel, useKernel } from '../../src/array/kernel.js'
import { portableKernel } from '../../src/array/portable-kernel.js'
import { hashOf, summarized } from '../../src/events/content.js'
import type { FunctionCalled } from '../../src/events/event.js'
import {
  Func,
  mul,
  type NDArray,
  ndarray,
  openTape,
  parameter,
  type RunOptions,
  type RunProof,
  registerFunc,
  square,
  sum,
  type Variable,
} from '../../src/index.js'
import { temporaryFolder } from '../cli/gradtape.js'
import { trainOnDigits, writeDigits } from '../cli/tapes.js'
import { forge } from '../store/forge.js'

const folder = temporaryFolder()
const at = (name: string) => path.join(folder, `${name}.tape`)
const STEPS = 14
const EVERY = { checkpointEvery: 4 } as RunOptions

beforeAll(async () => {
  await writeDigits(at('full'), STEPS, { capture: 'full', ...EVERY })
  await writeDigits(at('replayable'), STEPS, { capture: 'replayable', ...EVERY })
})

function copyOf(name: string, as: string): string {
  fs.copyFileSync(at(name), at(as))
  return at(as)
}

function proofOf(file: string, options = {}): RunProof {
  const tape = openTape(file, { readonly: true })
  try {
    expect(tape.verify()).toMatchObject({ intact: true })
    return tape.run(1).recompute(options)
  } finally {
    tape.close()
  }
}

describe('a run as it was', () => {
  test.each(['full', 'replayable'])('of capture %s is bit-exact, with all its steps and events', (name) => {
    const proof = proofOf(at(name))
    expect(proof).toMatchObject({
      verdict: 'bit-exact',
      steps: STEPS,
      stepsTotal: STEPS,
      drawn: null,
      distance: null,
      divergence: null,
      kernel: { recorded: 'portable-2', used: 'portable-2' },
    })
    expect(proof.events).toBe(proof.eventsTotal)
    // What nobody kept is said; with capture 'full' there is nothing to say.
    if (name === 'full') expect(proof.skipped).toEqual([])
    else expect(proof.skipped).toMatchObject([{ what: expect.stringMatching(/^\d+ arrays themselves$/) }])
  })

  test('with drawn steps: the same seed draws the same, and what was not drawn is said', () => {
    const proof = proofOf(at('replayable'), { sample: 2, seed: 7 })
    expect(proof).toMatchObject({ verdict: 'bit-exact', drawn: { seed: 7 } })
    const { steps } = proof.drawn!
    expect(new Set(steps).size).toBe(2)
    expect(proof.events).toBeLessThan(proof.eventsTotal)
    expect(proof.skipped[0]).toMatchObject({
      what: `${STEPS - proof.steps} of ${STEPS} steps`,
      why: '2 were drawn, with seed 7',
    })
    expect(proofOf(at('replayable'), { sample: 2, seed: 7 }).drawn).toEqual(proof.drawn)
    const others = [1, 2, 3, 4].map((seed) => proofOf(at('replayable'), { sample: 2, seed }).drawn!.steps)
    expect(new Set([steps, ...others].map(String)).size).toBeGreaterThan(1)
    expect(proofOf(at('replayable'), { sample: 1000 })).toMatchObject({ steps: STEPS, verdict: 'bit-exact' })
  })

  test('tells how far it is, from nothing to all', () => {
    const told: [number, number][] = []
    const tape = openTape(at('full'), { readonly: true })
    tape.recompute({ onProgress: (events, total) => told.push([events, total]) })
    tape.close()
    for (const [events, total] of told) expect(events).toBeLessThanOrEqual(total)
  })

  test('of capture structure cannot be checked, and an empty one can', async () => {
    const file = at('structure')
    await writeDigits(file, 2, { capture: 'structure' })
    const proof = proofOf(file)
    expect(proof).toMatchObject({ verdict: 'not-checked', events: 0, kernel: { used: null } })
    expect(proof.skipped[0]!.why).toContain('keeps no bytes')
    const tape = openTape(at('empty'))
    await tape.startRun('empty').finish()
    expect(tape.recompute()).toMatchObject([{ verdict: 'bit-exact', events: 2, steps: 0 }])
    tape.close()
  })

  test.each([
    { sample: 0 },
    { sample: 1.5 },
    { sample: '3' },
    { seed: -1 },
    { seed: 2 ** 32 },
    { within: -1 },
    { within: Number.NaN },
    { smaple: 3 },
  ])('refuses %j', (options) => {
    const tape = openTape(at('full'), { readonly: true })
    expect(() => tape.recompute(options as object)).toThrow(/^BAD_ARGUMENT/)
    expect(() => tape.run(1).recompute(options as object)).toThrow(/^BAD_ARGUMENT/)
    tape.close()
  })
})

describe('a tape whose hashes were all written anew', () => {
  test('with another value: position, step, function and element are named', () => {
    const file = copyOf('full', 'value')
    const tape = openTape(file, { readonly: true })
    const call = [...tape.run(1).events()].find(
      (event): event is FunctionCalled =>
        event.type === 'FunctionCalled' && event.function === 'relu' && event.step === 9,
    )!
    const { dtype, shape, value } = call.outputs[0]!
    const site = tape.run(1).siteOf(call.position)
    const before = Float64Array.from(value!.data)
    tape.close()
    const index = 3 * shape[1]! + 5
    const after = before.with(index, before[index]! + 1e-9)
    const array = { dtype, shape, size: after.length, data: after }
    const bytesOf = (data: Float64Array) => Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    forge(file, (db) => {
      const { l2Norm, mean, min, max, zeroCount, nonFiniteCount } = summarized(array, false)
      const { changes } = db
        .prepare(
          'UPDATE _value SET bytes = ?, hash = ?, l2_norm = ?, mean = ?, min = ?, max = ?, zero_count = ?, non_finite_count = ? WHERE hash = ?',
        )
        .run(
          bytesOf(after),
          hashOf(dtype, bytesOf(after)),
          ...[l2Norm, mean, min, max, zeroCount, nonFiniteCount],
          hashOf(dtype, bytesOf(before)),
        )
      expect(changes).toBe(1)
    })
    expect(proofOf(file)).toMatchObject({
      verdict: 'diverged',
      divergence: { position: call.position, step: 9, function: 'relu', part: 0, element: [3, 5], site },
    })
  })

  test.each([
    ['a logged loss', 'UPDATE _metric SET scalar = scalar * (1 - 1e-9) WHERE step = 11', 11, 'MetricLogged'],
    [
      'the norm of a gradient',
      `UPDATE _gradient SET l2_norm = l2_norm * 1.5 WHERE id = (SELECT max(id) FROM _gradient WHERE kept IN (3, 4)
       AND id < (SELECT id FROM _step WHERE step = 13))`,
      12,
      'GradientComputed',
    ],
    [
      'a learning rate',
      `UPDATE _text SET content = replace(content, '0.1', '0.2') WHERE content LIKE '%0.1%' AND content LIKE '%lr%'`,
      1,
      null,
    ],
  ])('with %s of another number', (_, sql, step, what) => {
    const file = copyOf('replayable', `sql-${step}`)
    forge(file, (db) => expect(db.prepare(sql).run().changes).toBeGreaterThan(0))
    const { verdict, divergence } = proofOf(file)
    expect(verdict).toBe('diverged')
    if (what !== null) expect(divergence).toMatchObject({ step, what })
    expect(divergence!.expected).not.toBe(divergence!.got)
  })

  test('a drawn step finds what was changed in it, and only then', () => {
    const file = copyOf('replayable', 'drawn')
    forge(file, (db) => db.prepare('UPDATE _metric SET scalar = 2.5 WHERE step = 11').run())
    // Checkpoints stand in steps 4, 8 and 12: step 11 is computed when it is drawn, and not on the way to another.
    const seen = new Set<boolean>()
    for (let seed = 0; seed < 6; seed++) {
      const { verdict, drawn } = proofOf(file, { sample: 5, seed })
      const isDrawn = drawn!.steps.includes(11)
      expect([seed, verdict]).toEqual([seed, isDrawn ? 'diverged' : 'bit-exact'])
      seen.add(isDrawn)
    }
    expect([...seen].sort()).toEqual([false, true])
  })

  test('with a value that was computed again after the run, in the place of another', () => {
    const file = copyOf('replayable', 'materialized')
    const tape = openTape(file)
    expect(tape.run(1).materialize(3, 4).values).toBeGreaterThan(0)
    tape.close()
    expect(proofOf(file).verdict).toBe('bit-exact')
    let changed = 0
    forge(file, (db) => {
      const rows = db
        .prepare(
          'SELECT m.id, m.value_id FROM _materialized m JOIN _value v ON v.id = m.value_id WHERE v.size = 200 ORDER BY m.id',
        )
        .all() as { id: number; value_id: number }[]
      const [a, b] = [rows[0]!, rows.find(({ value_id }) => value_id !== rows[0]!.value_id)!]
      // Their contents change places, so that values still stand in the order of their first use.
      const put = db.prepare('UPDATE _value SET id = ? WHERE id = ?')
      put.run(-1, a.value_id)
      put.run(a.value_id, b.value_id)
      put.run(b.value_id, -1)
      changed = a.id % 2 ** 32
    })
    expect(proofOf(file)).toMatchObject({ verdict: 'diverged', divergence: { position: changed } })
  })
})

describe('a run of a kernel that is not here', () => {
  /** Adds up products from the back, as another machine's library might. */
  const backwards = {
    ...portableKernel,
    id: 'blas-1+portable-1 reversed',
    matmul: ((...given) => {
      const [m, k, n, a, ao, ar, ac, b, bo, br, bc, out, oo] = given
      for (let i = 0; i < m; i++)
        for (let j = 0; j < n; j++) {
          let total = 0
          for (let p = k - 1; p >= 0; p--) total += a[ao + i * ar + p * ac]! * b[bo + p * br + j * bc]!
          out[oo + i * n + j] = total
        }
    }) as typeof portableKernel.matmul,
  }

  beforeAll(async () => {
    const before = useKernel(backwards)
    await writeDigits(at('foreign'), STEPS, EVERY)
    useKernel(before)
  })

  test('is within some ulp of another kernel, and both are named', () => {
    const proof = proofOf(at('foreign'))
    expect(proof).toMatchObject({
      verdict: 'within-ulp',
      steps: STEPS,
      kernel: { recorded: backwards.id, used: 'portable-1' },
      divergence: null,
    })
    expect(proof.distance!.ulps).toBeGreaterThan(0)
    expect(proof.distance!.ulps).toBeLessThan(2 ** 16)
    expect(currentKernel().id).toBe('portable-2')
    expect(proofOf(at('foreign'), { sample: 3, seed: 1 }).verdict).toBe('within-ulp')
  })

  test('is bit-exact where that kernel computes', () => {
    const before = useKernel(backwards)
    expect(proofOf(at('foreign'))).toMatchObject({ verdict: 'bit-exact', kernel: { used: backwards.id } })
    useKernel(before)
  })

  test('diverges beyond the ulps that are allowed, and when a number was changed by more than rounding', () => {
    expect(proofOf(at('foreign'), { within: 0.001 }).verdict).toBe('diverged')
    const file = copyOf('foreign', 'foreign-changed')
    forge(file, (db) => db.prepare('UPDATE _metric SET scalar = scalar * 1.001 WHERE step = 13').run())
    expect(proofOf(file)).toMatchObject({
      verdict: 'diverged',
      divergence: { step: 13, what: 'MetricLogged' },
    })
  })
})

describe('a function of the user', () => {
  let calls = 0
  class Unsteady extends Func {
    override forward(x: NDArray) {
      calls++
      return x.map((value) => value + calls)
    }
    override backward(gy: Variable) {
      return gy
    }
  }

  test('that gives another result each time is blamed, and nothing is claimed of the tape', async () => {
    registerFunc(Unsteady)
    const tape = openTape(at('unsteady'))
    const run = tape.startRun('unsteady')
    const w = parameter([1, 2, 3], { name: 'w' })
    for (let i = 0; i < 3; i++) {
      run.step()
      const loss = sum(square(new Unsteady().apply(mul(w, 2))))
      w.clearGrad()
      loss.backward()
      w.data = ndarray([i, 2, 3])
      run.log({ loss })
    }
    await run.finish()
    const [proof] = tape.recompute()
    tape.close()
    expect(proof).toMatchObject({ verdict: 'not-checked' })
    expect(proof!.skipped.map(({ why }) => why).join()).toMatch(
      /unsteady.* another result for the same inputs/,
    )
  })
})

test('a run that is still recorded is proven as far as it is written', () => {
  const tape = openTape(at('open'))
  const run = tape.startRun('open', { seed: 1 })
  trainOnDigits(run, 3)
  run.flush()
  const [proof] = tape.recompute()
  expect(proof).toMatchObject({ verdict: 'bit-exact', steps: 3 })
  tape.close()
})
