// What is asked of runs in which parameters were frozen on the way: why, diff, fork, resume, SQL, lines; and of tapes that say something else.
import fs from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  Adam,
  constant,
  diffRuns,
  Linear,
  Module,
  meanSquaredError,
  normal,
  openTape,
  type PastRun,
  type Run,
  type RunOptions,
  type Tape,
  tanh,
  type Variable,
} from '../../src/index.js'
import { gradtape, temporaryFolder } from '../cli/gradtape.js'
import { plainDatabase as plain } from '../plain-database.js'

const folder = temporaryFolder()
const file = `${folder}/runs.tape`
const STEPS = 40

class Net extends Module {
  first = new Linear(4, 6)
  middle = new Linear(6, 6)
  last = new Linear(6, 1)

  forward(x: Variable): Variable {
    return this.last.forward(tanh(this.middle.forward(tanh(this.first.forward(x)))))
  }
}

type Changes = Readonly<Record<number, (net: Net) => void>>

const x = constant(normal([16, 4], { key: { seed: 5, counter: 0 } }))
const t = constant(normal([16, 1], { key: { seed: 6, counter: 0 } }))
const state = new Net().stateDict()

/** Changes before step 1 under 0, of a step at its begin. */
function train(run: Run, changes: Changes, net: Net, optimizer: Adam, from = 1, to = STEPS): void {
  for (let step = from; step <= to; step++) {
    run.step()
    changes[step]?.(net)
    const loss = meanSquaredError(net.forward(x), t)
    net.clearGrads()
    loss.backward()
    optimizer.step()
    run.log({ loss })
  }
}

async function record(
  tape: Tape,
  name: string,
  changes: Changes,
  options: RunOptions = {},
): Promise<PastRun> {
  const net = new Net()
  net.loadStateDict(state)
  changes[0]?.(net)
  const optimizer = new Adam(net.parameters(), { lr: 0.01 })
  const run = tape.startRun(name, { seed: 1, ...options })
  train(run, changes, net, optimizer)
  await run.finish()
  return tape.run(name)
}

const AT_20: Changes = { 20: ({ first }) => first.freeze() }
const GRADUAL: Changes = {
  0: ({ first, middle }) => {
    first.freeze()
    middle.freeze()
  },
  15: ({ middle }) => middle.unfreeze(),
  30: ({ first }) => first.unfreeze(),
}

let tape: Tape
beforeAll(async () => {
  tape = openTape(file)
  await record(tape, 'plain', {})
  await record(tape, 'at 20', AT_20)
  await record(tape, 'at 25', { 25: ({ first }) => first.freeze() })
  await record(tape, 'gradual', GRADUAL, { checkpointEvery: 4 })
  await record(tape, 'from the start', { 0: ({ first }) => first.freeze() })
  const turns = Object.fromEntries(
    Array.from({ length: STEPS }, (_, i) => [
      i + 1,
      ({ first, last }: Net) => {
        first[i % 2 === 0 ? 'freeze' : 'unfreeze']()
        last[i % 2 === 0 ? 'unfreeze' : 'freeze']()
      },
    ]),
  )
  await record(tape, 'in turn', turns, { checkpointEvery: 3 })
  return () => tape.close()
})

describe('why', () => {
  test('says since which step, and where in the program, a parameter that stands still is frozen', async () => {
    const { findings } = tape.run('at 20').why()
    expect(findings).toHaveLength(1)
    const { level, kind, step, text, site, evidence, variable } = findings[0]!
    expect([level, kind, step, variable]).toEqual(['note', 'frozen', 20, 'first.weight'])
    expect(text).toMatch(
      /^step 20: first\.weight and first\.bias are frozen from here to the end, before linear \(#\d+, .*freezing\.test\.ts:\d+:\d+ in first\): they get no gradient and no update$/,
    )
    expect(site?.file).toContain('freezing.test.ts')
    expect(evidence[0]).toMatch(/requiresGrad = false \(#\d+\), 2 parameters/)
    const shown = await gradtape('why', `${file}:at 20`)
    expect(shown.status).toBe(0)
    expect(shown.stdout).toContain('first.weight and first.bias are frozen from here to the end')
  })

  test('takes nothing amiss that was frozen on purpose', () => {
    for (const name of ['plain', 'gradual', 'from the start', 'in turn'])
      expect(
        tape
          .run(name)
          .why()
          .findings.map(({ text }) => text),
        name,
      ).toEqual([])
  })
})

describe('diff', () => {
  const first = (a: string, b: string) => diffRuns(tape.run(a), tape.run(b)).first!.text

  test('of two runs that differ in when they froze a layer the first line names the freezing', () => {
    expect(first('at 20', 'at 25')).toBe(
      'step 20: freezing of 2 variables (first.weight, first.bias) is in run 2 only',
    )
    expect(first('plain', 'at 25')).toBe(
      'step 25: freezing of 2 variables (first.weight, first.bias) is in run 3 only',
    )
    expect(first('plain', 'from the start')).toMatch(
      /^step 1: first\.weight \[4, 6\] \(#\d+\) learns in run 1 and is frozen in run 5 when it is first used$/,
    )
  })

  test('of a run and its equal there is none', async () => {
    await record(tape, 'gradual again', GRADUAL, { checkpointEvery: 4 })
    expect(diffRuns(tape.run('gradual'), tape.run('gradual again')).equal).toBe(true)
  })
})

describe('fork and replay', () => {
  test('a replay that begins at a checkpoint knows what was frozen there', () => {
    for (const name of ['gradual', 'in turn'])
      for (const from of [2, 13, 15, 17, 29, 30, 31, 38]) {
        const report = tape.run(name).replay({ from })
        expect(report.verdict, `${name} from ${from}`).toBe('bit-exact')
        if (from > 12) expect(report.from, `${name} from ${from}`).toBeGreaterThan(4)
      }
  })

  test('the recorded steps are performed again from before, in and after the step of the change', () => {
    for (const name of ['at 20', 'gradual', 'in turn'])
      for (const step of [14, 15, 16, 19, 20, 21, 29, 30, 31])
        expect(tape.run(name).fork({ step, steps: 4 }).run().equal, `${name} at ${step}`).toBe(true)
  })

  test('a frozen weight can be set in a fork, and stays what it was set to', () => {
    const value = normal([4, 6])
    const report = tape
      .run('at 20')
      .fork({ step: 22, steps: 3, set: { 'first.weight': value } })
      .run()
    expect(report.state.get('first.weight')!.toArray()).toEqual(value.toArray())
    expect(report.equal).toBe(false)
  })

  test('a recorded fork has the freezing as an event, or the leaf as it was, and replays', async () => {
    for (const [step, events] of [
      [19, 2],
      [21, 0],
    ] as const) {
      const { equal, run } = await tape.run('at 20').fork({ step }).record(tape)
      expect(equal).toBe(true)
      const forked = tape.run(run)
      expect([...forked.events()].filter(({ type }) => type === 'RequiresGradSet')).toHaveLength(events)
      expect(forked.replay().verdict).toBe('bit-exact')
    }
  })

  test('a program that goes on gets its model frozen as it was, and ends with the same bits', async () => {
    for (const [step, learns] of [
      [10, [false, false, true]],
      [20, [false, true, true]],
      [35, [true, true, true]],
    ] as const) {
      const net = new Net()
      const optimizer = new Adam(net.parameters(), { lr: 0.01 })
      tape.run('gradual').fork({ step }).resume({ model: net, optimizer })
      expect([net.first, net.middle, net.last].map(({ weight }) => weight.requiresGrad)).toEqual(learns)
      const run = tape.startRun(`on from ${step}`, { seed: 1 })
      train(run, GRADUAL, net, optimizer, step)
      await run.finish()
      const ends = (of: string) => tape.run(of).metrics(['loss']).columns.get('loss')!.slice(-1)
      expect(ends(`on from ${step}`)).toEqual(ends('gradual'))
    }
  })
})

test('SQL says what was frozen in a step, and when each parameter was', () => {
  const rows = (sql: string) => plain(file, { readonly: true }).prepare(sql).raw().all() as unknown[][]
  expect(
    rows(
      `SELECT variable_name FROM freezing JOIN run ON run.id = run_id WHERE run.name = 'gradual'
       AND NOT is_grad_required AND step <= 20 AND (end_step IS NULL OR end_step > 20) ORDER BY 1`,
    ),
  ).toEqual([['first.bias'], ['first.weight']])
  expect(
    rows(
      `SELECT is_grad_required, step, end_step FROM freezing JOIN run ON run.id = run_id
       WHERE run.name = 'gradual' AND variable_name = 'middle.weight' ORDER BY position`,
    ),
  ).toEqual([
    [0, 1, 15],
    [1, 15, null],
  ])
  expect(
    rows(
      `SELECT type, detail, count(*) FROM event JOIN run ON run.id = run_id WHERE run.name = 'at 20' AND type = 'RequiresGradSet' GROUP BY 1, 2`,
    ),
  ).toEqual([['RequiresGradSet', '{"requiresGrad":false}', 2]])
})

test('the lines of a run, its events as JSON, and a moment of it say it', async () => {
  const shown = await gradtape('show', `${file}:at 20`, '--step', '20')
  expect(shown.stdout).toContain('first.weight frozen: it requires no gradient')
  const past = tape.run('at 20')
  const event = [...past.events()].find(({ type }) => type === 'RequiresGradSet')!
  expect(past.at({ position: event.position }).lastWrite('first.weight')!.event.type).toBe('ValueAssigned')
  const frozen = (step: number) =>
    past
      .at(step)
      .variables()
      .filter(({ isFrozen }) => isFrozen)
      .map(({ name }) => name)
  expect(frozen(19)).toEqual([])
  expect(frozen(20)).toEqual(['first.weight', 'first.bias'])
  const dumped = (await gradtape('dump', `${file}:at 20`)).stdout
  expect(dumped).toMatch(/RequiresGradSet {2}22 \d+ 0/)
})

describe('a tape', () => {
  test('whose freezing was turned over, moved or taken away is told from the one that was written', async () => {
    const edits = [
      "UPDATE _template SET freezes = replace(freezes, ',0,', ',1,') WHERE freezes <> '[]'",
      "UPDATE _template SET freezes = '[]' WHERE freezes <> '[]'",
      "UPDATE _template SET freezes = clears, clears = freezes WHERE freezes <> '[]'",
      "UPDATE _template SET freezes = replace(freezes, ',0,', ',2,') WHERE freezes <> '[]'",
      "DELETE FROM _mark WHERE kind = 'freezes'",
    ]
    for (const [i, sql] of edits.entries()) {
      const edited = `${folder}/edited-${i}.tape`
      fs.copyFileSync(closedCopy(), edited)
      edit(edited, sql)
      const verified = await gradtape('verify', edited)
      expect(verified.status, sql).toBe(1)
    }
  })

  test('that was edited and hashed anew does not replay', () => {
    const edited = `${folder}/lies.tape`
    fs.copyFileSync(closedCopy(), edited)
    edit(edited, "UPDATE _template SET freezes = replace(freezes, ',0,', ',1,') WHERE freezes <> '[]'")
    const again = openTape(edited, { readonly: true })
    expect(again.run('at 20').replay().verdict).toBe('diverged')
    again.close()
  })

  test('with a flag that is none, or a freezing of nothing, is refused as corrupt where it is read', () => {
    for (const sql of [
      "UPDATE _template SET freezes = replace(freezes, ',0,', ',7,') WHERE freezes <> '[]'",
      "UPDATE _template SET freezes = '[[0,0,0]]' WHERE freezes <> '[]'",
      "UPDATE _template SET freezes = '[[0,0]]' WHERE freezes <> '[]'",
      "UPDATE _template SET freezes = 'x' WHERE freezes <> '[]'",
    ]) {
      const edited = `${folder}/corrupt.tape`
      fs.copyFileSync(closedCopy(), edited)
      edit(edited, sql)
      const again = openTape(edited, { readonly: true })
      expect(() => [...again.run('at 20').events()], sql).toThrow('TAPE_CORRUPT')
      again.close()
      fs.rmSync(edited)
    }
  })

  test('that is copied, split, compacted or materialized says the same', async () => {
    const copies = ['copied', 'split'].map((name) => `${folder}/${name}.tape`)
    const source = closedCopy()
    const from = openTape(source, { readonly: true })
    from.split(['at 20', 'in turn'], copies[1]!)
    from.close()
    expect((await gradtape('copy', source, copies[0]!)).status).toBe(0)
    expect((await gradtape('compact', copies[0]!)).status).toBe(0)
    for (const copy of copies.slice(0, 2)) {
      const again = openTape(copy)
      for (const name of ['at 20', 'in turn']) {
        const past = again.run(name)
        past.materialize(19, 21)
        expect(past.replay().verdict).toBe('bit-exact')
        expect([...past.events()].map(({ type }) => type)).toEqual(
          [...tape.run(name).events()].map(({ type }) => type),
        )
      }
      expect((await again.verify()).intact).toBe(true)
      again.close()
    }
  })

  test("of capture 'structure' knows the freezing and keeps no bytes", async () => {
    const past = await record(tape, 'structure', AT_20, { capture: 'structure' })
    expect(past.variable('first.weight', { step: 19 }).requiresGrad).toBe(true)
    expect(past.variable('first.weight', { step: 20 }).requiresGrad).toBe(false)
    expect(past.why().findings.map(({ kind }) => kind)).toContain('frozen')
  })
})

/** The runs in a file that nobody holds open. */
function closedCopy(): string {
  const copy = `${folder}/closed.tape`
  if (!fs.existsSync(copy)) tape.split(['at 20', 'in turn'], copy)
  return copy
}

function edit(at: string, sql: string): void {
  const db = plain(at)
  const triggers = db
    .prepare(
      "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name IN ('_template', '_mark')",
    )
    .all() as { name: string; sql: string }[]
  for (const { name } of triggers) db.exec(`DROP TRIGGER ${name}`)
  db.exec(sql)
  for (const trigger of triggers) db.exec(trigger.sql)
  db.close()
}
