/** What materialize, replay --from and stats answer. */
import fs from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { plainDatabase } from '../plain-database.js'
import { withoutTriggers } from '../store/schema.js'
import { gradtape, gradtapeJson, lines, temporaryFolder, writeTape } from './gradtape.js'
import { recorder, writeDigits } from './tapes.js'

const folder = temporaryFolder()
const STEPS = 260
const original = path.join(folder, 'original.tape')
const structure = path.join(folder, 'structure.tape')

beforeAll(async () => {
  await writeDigits(original, STEPS, { checkpointEvery: 20 })
  await writeDigits(structure, 3, { capture: 'structure' })
})

/** A copy that a test may change. */
function copied(name: string): string {
  const file = path.join(folder, name)
  fs.copyFileSync(original, file)
  return file
}

describe('gradtape materialize', () => {
  test('writes what was not captured, says how much and how to look at it, and the SQL it names finds it', async () => {
    const file = copied('materialize.tape')
    const shown = await lines('materialize', file, '--steps', '201..203')
    expect(shown[0]).toMatch(/^digits, run 1, steps 201 to 203: \d+ values written, \S+ kB, in /)
    const sql = /^ {2}gradtape sql \S+ "(.*)"$/.exec(shown[2] ?? '')?.[1] ?? ''
    const rows = await gradtapeJson<{ step: number; variable_name: string; bytes: { $blob: string } }[]>(
      'sql',
      file,
      sql,
    )
    expect(new Set(rows.map(({ step }) => step))).toEqual(new Set([201, 202, 203]))
    expect(rows.find(({ variable_name }) => variable_name === 'layers.0.weight')?.bytes.$blob).toHaveLength(
      64 * 20 * 8 * 2,
    )
    expect(await gradtapeJson('verify', file)).toMatchObject({ intact: true })
    expect(await gradtapeJson('materialize', file, '--steps', '202')).toMatchObject({
      steps: { from: 202, to: 202 },
      values: 0,
      bytes: 0,
    })
    expect((await lines('materialize', file, '--steps', '201..203'))[0]).toMatch(/: nothing to write, /)
    const step = await lines('show', file, '--step', '202')
    expect(step).toContainEqual(
      expect.stringMatching(/relu\(#\d+\) → \[10, 20\] {2}\(materialized\)( {2}\S+:\d+:\d+)?$/),
    )
    expect(step).toContainEqual(expect.stringMatching(/gradient of layers.0.weight .* {2}\(materialized\)$/))
    expect(await lines('show', file, '--variable', 'layers.0.weight', '--step', '202')).toContain(
      '  not captured; materialized later, bit for bit',
    )
  })

  test('refuses a run that is still being recorded, and names its process', async () => {
    const file = copied('recording.tape')
    const child = await recorder(file)
    const { status, stderr } = await gradtape('materialize', file, '--steps', '1')
    expect(stderr).toMatch(
      new RegExp(
        `^RUN_RECORDING: run 2 \\("going on"\\) is still being recorded by process ${child.process.pid} `,
      ),
    )
    expect(status).toBe(1)
    expect((await gradtape('materialize', file, 'digits', '--steps', '3')).status).toBe(0)
    child.process.kill('SIGKILL')
    await child.ended
    expect((await gradtape('materialize', file, '--steps', '1')).stderr).toBe('')
  })

  test("refuses capture 'structure', steps there are not, and a tape that is not there", async () => {
    const refusals: [string[], RegExp][] = [
      [[structure, '--steps', '1'], /^VALUE_NOT_CAPTURED: .*'structure'/],
      [
        [original, '--steps', `${STEPS}..${STEPS + 1}`],
        /^STEP_NOT_FOUND: expected a step from 0 to 260, got 261/,
      ],
      [[original, '--steps', '300'], /^STEP_NOT_FOUND: /],
      [[path.join(folder, 'no.tape'), '--steps', '1'], /^TAPE_NOT_FOUND: /],
    ]
    for (const [args, words] of refusals) {
      const { status, stdout, stderr } = await gradtape('materialize', ...args)
      expect(stderr).toMatch(words)
      expect([status, stdout]).toEqual([1, ''])
    }
    expect(fs.existsSync(path.join(folder, 'no.tape'))).toBe(false)
  })

  test('writes nothing of a step that comes out otherwise than it was captured', async () => {
    const file = copied('forged.tape')
    const db = plainDatabase(file)
    // A learning rate that the run did not have: every gradient after it differs from its recorded summary.
    withoutTriggers(db, () =>
      db.exec(
        `UPDATE _text SET content = replace(content, '"lr":0.1', '"lr":0.2') WHERE content LIKE '%"lr":0.1%'`,
      ),
    )
    db.close()
    const { status, stderr } = await gradtape('materialize', file, '--steps', '2..4')
    expect(stderr).toMatch(
      /^REPLAY_DIVERGED: event \d+ \(\w+, step [1-4]\) of run "digits" came out differently/,
    )
    expect(status).toBe(1)
    expect(
      await gradtapeJson('sql', file, 'SELECT count(*) AS n FROM variable WHERE is_materialized'),
    ).toEqual([{ n: 0 }])
  })
})

describe('gradtape replay --from', () => {
  test('begins at the checkpoint before the step, and says at which', async () => {
    const args = ['replay', original, '--from', '245', '--to', '250']
    expect((await lines(...args))[0]).toBe(
      'digits, run 1, from the checkpoint at step 241 to step 250: bit-exact',
    )
    expect(await gradtapeJson(...(args as [string]))).toMatchObject({
      from: 241,
      to: 250,
      verdict: 'bit-exact',
    })
  })

  test('begins at the start when no checkpoint comes before, and refuses steps in the wrong order', async () => {
    expect((await lines('replay', original, '--from', '3', '--to', '4'))[0]).toBe(
      'digits, run 1, from the start (no later checkpoint suffices) to step 4: bit-exact',
    )
    const { status, stderr } = await gradtape('replay', original, '--from', '5', '--to', '4')
    expect([status, stderr]).toEqual([1, 'BAD_ARGUMENT: expected --from before --to, got 5 and 4\n'])
  })
})

interface Stats {
  fileBytes: number
  walBytes: number
  places: { place: string; bytes: number }[]
  tables: { name: string; bytes: number }[]
  runs: {
    name: string
    calls: number
    events: number
    rowBytes: number
    templateBytes: number
    valueBytes: number
    checkpointBytes: number
    materializedBytes: number
    bytesPerStep: number
  }[]
  largest: { bytes: number; named: number; what: string; by: string; step: number }[]
  values: { count: number; bytes: number; named: number; namedBytes: number; sharedByRuns: number }
  calls: { shown: number; stored: number; templates: number }
}

const sum = (list: readonly { bytes: number }[]) => list.reduce((total, { bytes }) => total + bytes, 0)

describe('gradtape stats', () => {
  test('accounts for every byte of the file, table by table as SQLite does', async () => {
    const stats = await gradtapeJson<Stats>('stats', original)
    expect(sum(stats.places)).toBe(stats.fileBytes)
    expect(sum(stats.tables)).toBe(stats.fileBytes)
    const db = plainDatabase(original, { readonly: true })
    const pages = db.prepare('SELECT name, pgsize AS bytes FROM dbstat WHERE aggregate = TRUE').all() as {
      name: string
      bytes: number
    }[]
    db.close()
    const contents = pages.filter(({ name }) => name === '_value' || name === '_chunk')
    const expected = new Map(
      pages.filter((page) => !contents.includes(page)).map(({ name, bytes }) => [name, bytes]),
    )
    expected.set('_value and _chunk', sum(contents)).set('free pages', 0)
    expect(new Map(stats.tables.map(({ name, bytes }) => [name, bytes]))).toEqual(expected)
    expect(stats.places.every(({ bytes }) => bytes >= 0)).toBe(true)
  })

  test('counts calls, events and contents as the views have them', async () => {
    const stats = await gradtapeJson<Stats>('stats', original)
    const count = async (sql: string) =>
      (await gradtapeJson<Record<string, number>[]>('sql', original, sql))[0]
    expect(await count('SELECT count(*) AS n FROM call')).toEqual({ n: stats.runs[0]?.calls })
    expect(await count('SELECT count(*) AS n FROM event')).toEqual({ n: stats.runs[0]?.events })
    expect(await count('SELECT count(byte_count) AS count, sum(byte_count) AS bytes FROM value')).toEqual({
      count: stats.values.count,
      bytes: stats.values.bytes,
    })
    expect(stats.calls.shown).toBe(stats.runs[0]?.calls)
    expect(stats.calls.stored).toBeLessThan(stats.calls.shown / 10)
    const [run] = stats.runs
    expect(run!.valueBytes + run!.checkpointBytes + run!.materializedBytes).toBe(stats.values.bytes)
    expect(run!.bytesPerStep).toBeGreaterThan(100)
    expect(run!.bytesPerStep).toBeLessThan(2_000)
  })

  test('names the largest values for what they are, and says which ones only checkpoints or replays brought', async () => {
    const file = copied('kinds.tape')
    await gradtape('materialize', file, '--steps', '30')
    const stats = await gradtapeJson<Stats>('stats', file, '--largest', '40')
    expect(stats.largest[0]).toMatchObject({ by: 'event', step: 0, named: 1 })
    expect(stats.largest[0]?.what).toMatch(/^constant .*\[297, 64\]$/)
    expect(stats.largest[0]?.bytes).toBe(297 * 64 * 8)
    const said = stats.largest.map(({ what }) => what)
    expect(said).toContain('parameter layers.0.weight [64, 20]')
    expect(said).toContain('checkpoint of layers.0.weight [64, 20]')
    expect(said).toContain('materialized: gradient of layers.0.weight [64, 20]')
    const [run] = stats.runs
    // The small ones of the first two were captured with their events.
    const checkpoints = (STEPS / 20 - 1) * (64 * 20 + 20 + 20 * 10 + 10) * 8
    expect(run!.checkpointBytes).toBeLessThanOrEqual(checkpoints)
    expect(run!.checkpointBytes).toBeGreaterThan(0.95 * checkpoints)
    expect(run!.materializedBytes).toBeGreaterThan(64 * 20 * 8)
    const text = (await lines('stats', file)).join('\n')
    for (const words of [/^gradients +\S+ kB +\d/m, /^materialized values +\S+ kB/m, /^stored once$/m])
      expect(text).toMatch(words)
  })

  test('counts a content for a run that alone names it, and says what several runs name', async () => {
    const file = copied('shared.tape')
    await writeDigits(file, 5)
    const { runs, values } = await gradtapeJson<Stats>('stats', file)
    expect(runs).toHaveLength(2)
    // The same data, the same first parameters and batches: what the second run alone names is little.
    expect(values.sharedByRuns).toBeGreaterThanOrEqual(297 * 65 * 8)
    expect(runs[1]!.valueBytes + runs[1]!.checkpointBytes).toBeLessThan(values.sharedByRuns / 10)
    const alone = runs.reduce((total, run) => total + run.valueBytes + run.checkpointBytes, 0)
    expect(alone + values.sharedByRuns).toBe(values.bytes)
    expect(values.namedBytes).toBeGreaterThanOrEqual(values.bytes + values.sharedByRuns)
    expect((await lines('stats', file)).join('\n')).toMatch(
      /^runs +\S+ kB of values are named by several runs$/m,
    )
  })

  test('answers for a tape without runs, and of one that is being written', async () => {
    const file = path.join(folder, 'growing.tape')
    await writeTape(file)
    const child = await recorder(file)
    const stats = await gradtapeJson<Stats>('stats', file)
    expect(stats.walBytes).toBeGreaterThan(0)
    expect(stats.runs.map(({ name }) => name)).toEqual(['chain', 'train', 'going on'])
    expect((await lines('stats', file))[0]).toMatch(/ in its WAL, /)
    child.process.kill('SIGKILL')
    const empty = path.join(folder, 'empty.tape')
    const { openTape } = await import('../../src/index.js')
    openTape(empty).close()
    expect(await gradtapeJson<Stats>('stats', empty)).toMatchObject({ runs: [], largest: [] })
    expect((await gradtape('stats', empty)).status).toBe(0)
  })
})
