/** New tapes from others: copied live, split, pruned, merged, salvaged. Each verifies, and says of a run what the old one says. */
import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { diffRuns } from '../../../src/debug/diff-runs.js'
import type { TapeEvent } from '../../../src/events/event.js'
import { mul, sub } from '../../../src/functions/arithmetic.js'
import { sum } from '../../../src/functions/reductions.js'
import { Variable } from '../../../src/graph/variable.js'
import { inspect } from '../../../src/inspection/inspect.js'
import { mergeTapes, salvageTape } from '../../../src/store/manage/copy-runs.js'
import type { RunOptions } from '../../../src/tape/run.js'
import type { Tape } from '../../../src/tape/tape.js'
import { plainDatabase } from '../../plain-database.js'
import { startChild } from '../../tape/child-process.js'
import { newTapePath, openForTest, temporaryFolder } from '../../tape/temporary-tape.js'
import { withoutTriggers } from '../schema.js'

async function record(tape: Tape, name: string, steps: number, options: RunOptions = {}): Promise<void> {
  const run = tape.startRun(name, { seed: steps, ...options })
  const w = new Variable(
    Array.from({ length: 100 }, (_, i) => i / 7),
    { name: 'w' },
  )
  for (let i = 0; i < steps; i++) {
    run.step()
    const loss = sum(mul(w, w))
    w.clearGrad()
    loss.backward()
    run.log({ loss, constant: Number.NaN, minus: -0 })
    w.data = sub(w, mul(w.grad!, 0.01)).data
    if (i % 50 === 0) run.flush()
  }
  run.note(`end of ${name}`)
  await run.finish()
}

/** A tape of four runs, of several batches and captures each, two of them interleaved in the chain, with values computed again. */
async function richTape(file = newTapePath()): Promise<string> {
  const tape = openForTest(file)
  await record(tape, 'full', 120, { capture: 'full' })
  await record(tape, 'lean', 150)
  await record(tape, 'structure', 40, { capture: 'structure' })
  tape.run('lean').materialize(3, 5)
  await record(tape, 'mixed', 60, {
    capture: { values: 'structure', gradients: 'full', everySteps: 2 },
  })
  tape.close()
  return file
}

const output = () => path.join(temporaryFolder(), 'new.tape')
const eventsOf = (file: string, run: string): TapeEvent[] => [
  ...openForTest(file, { readonly: true }).run(run).events(),
]
/** Everything that the views say of a run, but for the ids that tapes number by themselves. */
const words = (events: readonly TapeEvent[]) =>
  events.map((event) =>
    JSON.stringify(event, (key, value) =>
      key === 'values' && typeof value === 'object' ? undefined : key === 'valueId' ? undefined : value,
    ),
  )

describe('a copy', () => {
  test('of a tape that another process is recording into verifies, and has the head of its moment', async () => {
    const file = newTapePath()
    const child = startChild(
      `const run = gradtape.openTape(arg.file).startRun('live')
       const w = gradtape.parameter(2, { name: 'w' })
       for (let i = 0; i < 3000; i++) { run.step(); w.mul(w) }
       run.flush()
       say('going')
       for (;;) { run.step(); w.mul(w) }`,
      { file },
    )
    await child.said('going')
    const out = output()
    const report = openForTest(file, { readonly: true }).copy(out)
    expect(report).toMatchObject({ intact: true, problem: null })
    child.process.kill('SIGKILL')
    await child.ended
    const copy = openForTest(out, { readonly: true })
    expect(copy.runs()[0]!.steps).toBeGreaterThanOrEqual(3000)
    expect(copy.verify().head).toBe(report.head)
    const commit = plainDatabase(file, { readonly: true })
      .prepare('SELECT count(*) FROM _commit WHERE hash = ?')
      .pluck()
      .get(Buffer.from(report.head, 'hex'))
    expect(commit).toBe(1)
    expect(fs.readdirSync(path.dirname(out))).toEqual(['new.tape'])
  })

  test('of what is no list of runs, or to what is no path, is refused before anything is written', async () => {
    const tape = openForTest(await richTape(), { readonly: true })
    const before = fs.readdirSync(path.dirname(tape.path))
    const wrong = (value: unknown) => value as never
    for (const no of [undefined, null, 5, '', ' ', {}, 'a\0b'].map(wrong)) {
      const makes = [
        () => tape.copy(no),
        () => tape.split([1], no),
        () => tape.prune([1], no),
        () => mergeTapes([tape.path], no),
        () => mergeTapes([no], output()),
        () => salvageTape(tape.path, no),
        () => salvageTape(no, output()),
      ]
      for (const make of makes)
        expect(make, String(make)).toThrow(/^BAD_ARGUMENT: \w+(\(\))? expected a path, got /)
    }
    for (const no of [undefined, 1, 'first', [], {}].map(wrong))
      for (const make of [
        () => tape.split(no, output()),
        () => tape.prune(no, output()),
        () => mergeTapes(no, output()),
      ])
        expect(make, String(make)).toThrow(/^BAD_ARGUMENT: \w+(\(\))? expected a list of (runs|tapes), got /)
    for (const no of [undefined, null, tape.path, {}].map(wrong)) {
      expect(() => diffRuns(tape.run(1), no)).toThrow(/^BAD_ARGUMENT: diffRuns expected two runs of tapes/)
      expect(() => inspect(no)).toThrow(/^BAD_ARGUMENT: inspect expected a tape/)
    }
    expect(fs.readdirSync(path.dirname(tape.path))).toEqual(before)
  })

  test('never takes the place of a file', async () => {
    const file = await richTape()
    const out = output()
    fs.writeFileSync(out, 'mine')
    const tape = openForTest(file, { readonly: true })
    for (const make of [
      () => tape.copy(out),
      () => tape.split([1], out),
      () => mergeTapes([file], out),
      () => salvageTape(file, out),
    ])
      expect(make).toThrow(/^BAD_ARGUMENT: expected no file at/)
    expect(fs.readFileSync(out, 'utf8')).toBe('mine')
  })
})

test('all runs of a tape under their numbers make the same chain, with the same head', async () => {
  const file = await richTape()
  const head = openForTest(file, { readonly: true }).verify().head
  const merged = mergeTapes([file], output())
  expect(merged.head).toBe(head)
  expect(merged.runs.map(({ id, name }) => [id, name])).toEqual([
    [1, 'full'],
    [2, 'lean'],
    [3, 'structure'],
    [4, 'mixed'],
  ])
})

test('split and prune keep events, values and times of each run, and number them anew; fingerprints say so', async () => {
  const file = await richTape()
  const tape = openForTest(file, { readonly: true })
  const whole = mergeTapes([file], output())
  const split = tape.split(['lean', 4], output())
  const pruned = tape.prune([1, 'structure'], output())
  expect(split.runs.map(({ id, from }) => [id, from.id])).toEqual([
    [1, 2],
    [2, 4],
  ])
  expect(pruned.head).toBe(split.head)
  expect(split.runs.map(({ fingerprint }) => fingerprint)).toEqual(
    whole.runs.filter(({ id }) => id === 2 || id === 4).map(({ fingerprint }) => fingerprint),
  )
  for (const name of ['lean', 'mixed'])
    expect(words(eventsOf(split.path, name))).toEqual(words(eventsOf(file, name)))
  const past = openForTest(split.path, { readonly: true }).run('lean')
  expect(past.replay().verdict).toBe('bit-exact')
  const materialized = (path: string) =>
    plainDatabase(path, { readonly: true })
      .prepare('SELECT count(*) FROM gradient WHERE is_materialized')
      .pluck()
      .get()
  expect(materialized(split.path)).toBe(materialized(file))
  expect(materialized(file)).toBeGreaterThan(0)
  expect(() => tape.split(['nobody'], output())).toThrow(/^RUN_NOT_FOUND/)
  expect(() => tape.prune([1, 2, 3, 4], output())).toThrow(/^BAD_ARGUMENT: every run/)
})

test('merge numbers the runs on from tape to tape, and changes nothing else of them', async () => {
  const [a, b] = [await richTape(), await richTape()]
  const merged = mergeTapes([a, b], output())
  expect(merged.runs.map(({ id, from }) => [id, from.id])).toEqual([
    [1, 1],
    [2, 2],
    [3, 3],
    [4, 4],
    [5, 1],
    [6, 2],
    [7, 3],
    [8, 4],
  ])
  const tape = openForTest(merged.path, { readonly: true })
  expect(tape.verify().intact).toBe(true)
  expect(tape.run(6).replay().verdict).toBe('bit-exact')
  expect(words([...tape.run(6).events()])).toEqual(words(eventsOf(b, 'lean')))
  expect(tape.split([6], output()).runs[0]!.fingerprint).toBe(merged.runs[5]!.fingerprint)
})

test('a damaged tape is not copied, and its whole batches are salvaged', async () => {
  const file = await richTape()
  const whole = words(eventsOf(file, 'lean'))
  const db = plainDatabase(file)
  const third = db
    .prepare('SELECT id, first_position AS first FROM _commit WHERE run_id = 2 ORDER BY id LIMIT 1 OFFSET 2')
    .get() as {
    id: number
    first: number
  }
  withoutTriggers(db, () =>
    db
      .prepare(
        'UPDATE _metric SET scalar = 7 WHERE id = (SELECT min(id) FROM _metric WHERE id >= (2 << 32) + ?)',
      )
      .run(third.first),
  )
  db.close()
  const tape = openForTest(file, { readonly: true })
  for (const make of [
    () => tape.copy(output()),
    () => mergeTapes([file], output()),
    () => tape.split([2], output()),
  ])
    expect(make).toThrow(/^TAPE_CORRUPT/)
  const out = output()
  const report = salvageTape(file, out)
  expect(report.runs.map(({ id, lost }) => [id, lost?.fromPosition ?? null])).toEqual([
    [1, null],
    [2, third.first],
    [3, null],
    [4, null],
  ])
  const salvaged = openForTest(out, { readonly: true })
  expect(salvaged.verify().intact).toBe(true)
  expect(salvaged.runs()[1]).toMatchObject({ name: 'lean', events: third.first - 1 })
  expect(words([...salvaged.run('lean').events()])).toEqual(whole.slice(0, third.first - 1))
})

test('a page that cannot be read costs the runs that it holds parts of, and no others', async () => {
  const file = await richTape()
  const db = plainDatabase(file)
  const root = db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = '_step'").pluck().get() as number
  const pageBytes = db.pragma('page_size', { simple: true }) as number
  db.close()
  const bytes = fs.readFileSync(file)
  bytes.fill(0xff, (root - 1) * pageBytes, (root - 1) * pageBytes + 64)
  fs.writeFileSync(file, bytes)
  const out = output()
  const { runs } = salvageTape(file, out)
  expect(runs.every(({ lost }) => lost !== null)).toBe(true)
  expect(openForTest(out, { readonly: true }).verify().intact).toBe(true)
})

test('of a file that was cut off the beginning is salvaged, or nothing is and it is said', async () => {
  const file = await richTape()
  const bytes = fs.readFileSync(file)
  for (const share of [0.6, 0.97]) {
    const cut = path.join(temporaryFolder(), 'cut.tape')
    fs.writeFileSync(cut, bytes.subarray(0, Math.floor(bytes.length * share)))
    const out = output()
    let runs: { lost: unknown; from: { path: string } }[] = []
    try {
      runs = salvageTape(cut, out).runs
    } catch (error) {
      expect((error as Error).message).toMatch(/^TAPE_CORRUPT: /)
      expect(fs.existsSync(out)).toBe(false)
    }
    if (fs.existsSync(out)) {
      expect(openForTest(out, { readonly: true }).verify().intact).toBe(true)
      expect(runs.some(({ lost }) => lost !== null)).toBe(true)
      expect(runs[0]!.from.path).toBe(cut)
    }
    expect(fs.readdirSync(path.dirname(out)).filter((name) => name !== 'new.tape')).toEqual([])
  }
})

test('a tape and a run are given back at the end of their block', async () => {
  const file = newTapePath()
  const tape = openForTest(file)
  const run = tape.startRun('r')
  run[Symbol.dispose]()
  expect(run.finished).toBe(true)
  await tape.startRun('s')[Symbol.asyncDispose]()
  tape[Symbol.dispose]()
  await tape[Symbol.asyncDispose]()
  expect(
    openForTest(file, { readonly: true })
      .runs()
      .map(({ status }) => status),
  ).toEqual(['interrupted', 'interrupted'])
})
