// For any program: what was computed live, what the tape says, what the file computes, and what replay computes are one.
import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import '../../src/index.js'
import type { TapeEvent } from '../../src/events/event.js'
import type { Variable } from '../../src/graph/variable.js'
import { openTape } from '../../src/tape/open-tape.js'
import type { PastRun } from '../../src/tape/past-run.js'
import { plainEvent } from '../events/plain-event.js'
import { newTapePath } from '../tape/temporary-tape.js'
import { type Instruction, type Pass, Program, program } from './random-program.js'

const PROGRAMS = Number(process.env.GRADTAPE_PROGRAMS ?? 36)

test(`${PROGRAMS} random programs: live = recorded = from the file = replayed`, {
  timeout: Math.max(240_000, PROGRAMS * 1_600),
}, () => {
  const seed = Number(process.env.GRADTAPE_SEED ?? randomInt(2 ** 31))
  process.stderr.write(`random programs: GRADTAPE_SEED=${seed}\n`)
  const seen = { passes: 0, fromFile: 0, gradients: 0, events: 0 }
  fc.assert(
    fc.property(program, fc.integer({ min: 3, max: 40 }), (instructions, eventsMax) => {
      const found = check(instructions, eventsMax)
      for (const key of Object.keys(seen) as (keyof typeof seen)[]) seen[key] += found[key]
    }),
    { numRuns: PROGRAMS, seed },
  )
  // The programs must have done what they are for.
  expect(seen.passes).toBeGreaterThan(PROGRAMS / 2)
  expect(seen.fromFile).toBeGreaterThan(PROGRAMS / 4)
  expect(seen.gradients).toBeGreaterThan(PROGRAMS)
})

function check(instructions: readonly Instruction[], eventsMax: number) {
  const file = newTapePath()
  const heard: TapeEvent[] = []
  const tape = openTape(file)
  const run = tape.startRun('program', {
    capture: 'full',
    batch: { eventsMax, bytesMax: 2 ** 20, ageMaxMs: 1e6 },
  })
  run.events$.subscribe((event) => heard.push(event))
  const live = new Program(tape, run)
  try {
    live.perform(instructions)
    run.end('finished', null)
  } finally {
    tape.close()
  }

  const past = openTape(file, { readonly: true })
  try {
    expect(past.verify()).toMatchObject({ intact: true, problem: null })
    const recorded = [...past.run('program').events()]
    expect(recorded.slice(1).map(plainEvent)).toEqual(heard.map(plainEvent))
    for (const { id } of past.runs())
      expect(past.run(id).replay(), `run ${id}`).toMatchObject({ verdict: 'bit-exact', divergence: null })
    expectRecorded(recorded, live.passes)
    // Whatever changed it last (a pass, an assignment, clipping, scaling in place): what the program holds is on the tape.
    // (A parameter that an inner run saw first has its position there.)
    const alone = instructions.every(({ op }) => op !== 'nested')
    for (const { position, grad } of alone ? live.heldGradients() : []) {
      const told = past.run('program').variable(position).grad
      expect(told && [...told.data.data], `grad of ${position}`).toEqual(grad)
    }
    let fromFile = 0
    for (const pass of live.passes) {
      expectFromFile(past.run('program'), pass)
      fromFile++
    }
    return {
      passes: live.passes.length,
      fromFile,
      events: recorded.length,
      gradients: live.passes.reduce((n, pass) => n + pass.given.size, 0),
    }
  } finally {
    past.close()
  }
}

/** The tape says of each pass just the gradients that the hooks saw, where they were watching. */
function expectRecorded(recorded: readonly TapeEvent[], passes: readonly Pass[]): void {
  const byPass = new Map<number, Map<string, number[]>>()
  const roots = new Map<number, number>()
  for (const event of recorded) {
    if (event.type === 'BackwardStarted' && event.targets === null) {
      byPass.set(event.position, new Map())
      roots.set(event.roots[0]!, event.position)
    } else if (event.type === 'GradientComputed') {
      byPass
        .get(event.pass)
        ?.set(`${event.variable % 2 ** 40}.${Math.floor(event.variable / 2 ** 40)}`, [
          ...event.contribution!.data,
        ])
    }
  }
  expect(byPass.size).toBe(passes.length)
  for (const { rootPosition, given } of passes) {
    const told = byPass.get(roots.get(rootPosition)!)!
    for (const [place, { data }] of given) expect(told.get(place), `gradient of ${place}`).toEqual(data)
  }
}

/** Backward from the file gives what the live pass gave. */
function expectFromFile(past: PastRun, pass: Pass): void {
  const root = past.variable(pass.rootPosition)
  root.backward({ retainGrad: true, ...(pass.seed === null ? {} : { gradient: pass.seed }) })
  const versions = new Map<string, Variable[]>()
  const ancestors = new Set([root])
  for (const v of ancestors) for (const input of v.creator?.inputs ?? []) ancestors.add(input)
  for (const v of ancestors) {
    if (v.grad === null) continue
    const place = `${v.position}.${v.slot}`
    versions.set(place, [...(versions.get(place) ?? []), v])
  }
  for (const [place, { data }] of pass.given) {
    const found = versions.get(place) ?? cutVersion(past, place)
    expect(found.length, `versions of ${place} with a gradient`).toBeGreaterThan(0)
    if (found.length === 1) expect([...found[0]!.grad!.data.data], `gradient of ${place}`).toEqual(data)
    // Assigned between two calls of one graph: each version has its share.
    else
      for (const [i, x] of data.entries())
        expect(found.reduce((total, v) => total + v.grad!.data.data[i]!, 0)).toBeCloseTo(x, 6)
  }
}

/** What was cut from its creator before the pass: the calls that read it are linked to what it was, and the cut version has the gradient. */
function cutVersion(past: PastRun, place: string): Variable[] {
  const [position, slot] = place.split('.').map(Number) as [number, number]
  const cut = past.variable(position + slot * 2 ** 40)
  return cut.heldGrad === null ? [] : [cut]
}
