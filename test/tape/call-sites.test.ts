// Where in the user's code a call was made is on the tape: of a real program, in a process of its own, whose lines are known.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { openTape } from '../../src/index.js'
import { CallSites } from '../../src/recorder/call-sites.js'
import { plainDatabase } from '../plain-database.js'
import { DIST } from './child-process.js'
import { temporaryFolder } from './temporary-tape.js'

const PROGRAM = [
  `import { add, constant, mean, mul, openTape, parameter, sub } from '${DIST}/index.js'`,
  'const tape = openTape(process.argv[2])',
  "const run = tape.startRun('sited', JSON.parse(process.argv[3] ?? '{}'))",
  "const w = parameter([1, 2], { name: 'w' })",
  'class Net {',
  '  forward(x) {',
  '    return mul(x, w)',
  '  }',
  '}',
  'const net = new Net()',
  'const lossOf = (y) => mean(mul(y, y))',
  'add(w, 1)',
  'for (let step = 1; step <= 205; step++) {',
  '  run.step()',
  '  const y = net.forward(constant([step, 3]))',
  '  const loss = lossOf(step > 150 ? sub(y, 1) : y)',
  '  loss.backward()',
  '  if (step % 50 === 0) mean(add(w, 2))',
  '  w.clearGrad()',
  '}',
  'await run.finish()',
  'tape.close()',
].join('\n')

interface CallRow {
  position: number
  step: number
  function: string
  site: string | null
}

function query<T>(file: string, sql: string): T[] {
  const db = plainDatabase(file, { readonly: true })
  try {
    return db.prepare<[], T>(sql).all()
  } finally {
    db.close()
  }
}

describe('of a program that was recorded', () => {
  let files: string[] = []
  let calls: CallRow[] = []
  let folder = ''

  beforeAll(() => {
    folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'gradtape-test-')))
    fs.writeFileSync(path.join(folder, 'train.mjs'), PROGRAM)
    files = [{}, {}, { capture: { sites: false } }].map((option, i) => {
      execFileSync(process.execPath, ['train.mjs', `${i}.tape`, JSON.stringify(option)], { cwd: folder })
      return path.join(folder, `${i}.tape`)
    })
    calls = query<CallRow>(files[0]!, 'SELECT position, step, function, site FROM call ORDER BY position')
    return () => fs.rmSync(folder, { recursive: true, force: true })
  })

  /** What the program says, without knowing how sites are taken: the line of each call by its function, in a step. */
  const wanted = (step: number): string[] => {
    if (step === 0) return ['add 12']
    const middle = step > 150 ? ['sub 16'] : []
    const extra = step % 50 === 0 ? ['add 18', 'mean 18'] : []
    return ['mul 7', ...middle, 'mul 11', 'mean 11', ...extra]
  }

  test('every call of every step has the line that made it, though few were looked at', () => {
    const tape = openTape(files[0]!, { readonly: true })
    const past = tape.run(1)
    for (let step = 0; step <= 205; step++) {
      const ofStep = calls.filter((call) => call.step === step)
      const have = ofStep.map((call) => `${call.function} ${past.siteOf(call.position)?.line}`)
      expect(have, `step ${step}`).toEqual(wanted(step))
    }
    const mul = past.siteOf(calls.find((call) => call.step === 77)!.position)
    expect(mul).toEqual({ file: 'train.mjs', line: 7, column: 12, function: 'Net.forward' })
    const add = past.siteOf(calls[0]!.position)
    expect(add).toEqual({ file: 'train.mjs', line: 12, column: 1, function: null })
    expect(past.siteOf(1)).toBeNull()
    expect(() => past.siteOf(past.lastPosition + 1)).toThrow(/VARIABLE_NOT_FOUND/)
    tape.close()
    const looked = query(files[0]!, 'SELECT 1 FROM call_site').length
    expect(looked).toBeGreaterThan(15)
    expect(looked).toBeLessThan(60)
  })

  test('the views say it, and where they say anything it is right', () => {
    const step = new Map<number, string[]>()
    for (const call of calls) {
      const line = call.site === null ? null : `${call.function} ${call.site.split(':')[1]}`
      step.set(call.step, [...(step.get(call.step) ?? []), line ?? '?'])
    }
    for (const [number, have] of step)
      for (const [i, said] of have.entries()) if (said !== '?') expect(said).toBe(wanted(number)[i])
    expect(calls.filter(({ site }) => site === null).length).toBeLessThan(calls.length / 20)
    const rows = query<{ file: string; line: number; caller: string }>(
      files[0]!,
      "SELECT DISTINCT file, line, caller FROM call_site WHERE function = 'mean' AND line = 11",
    )
    expect(rows).toEqual([{ file: 'train.mjs', line: 11, caller: 'lossOf' }])
    const templates = query<{ site: string }>(
      files[0]!,
      "SELECT DISTINCT site FROM template_call WHERE function = 'sub' AND site IS NOT NULL",
    )
    expect(templates).toEqual([{ site: 'train.mjs:16:36' }])
  })

  test('two recordings have the same events and the same sites; without sites the events are still the same', () => {
    const [first, second, without] = files.map((file) => {
      const tape = openTape(file, { readonly: true })
      const events = [...tape.run(1).events()].map((event) =>
        event.type === 'StepStarted' || event.type === 'RunStarted' || event.type === 'RunFinished'
          ? { type: event.type, position: event.position }
          : event,
      )
      const said = JSON.stringify(events, (_, value) =>
        typeof value === 'object' && value !== null && 'data' in value ? [...value.data] : value,
      )
      const verified = tape.verify()
      tape.close()
      expect(verified).toMatchObject({ intact: true, problem: null })
      return said
    })
    expect(second).toBe(first)
    expect(without).toBe(first)
    const sites = 'SELECT position, file, line, column_number, caller FROM call_site'
    expect(query(files[1]!, sites)).toEqual(query(files[0]!, sites))
    expect(query(files[2]!, sites)).toEqual([])
    expect(query(files[2]!, 'SELECT DISTINCT site FROM call')).toEqual([{ site: null }])
  })

  test('it is replayed bit for bit, and a run that was copied to another tape keeps its sites', () => {
    const tape = openTape(files[0]!, { readonly: true })
    expect(tape.run(1).replay()).toMatchObject({ verdict: 'bit-exact' })
    const target = path.join(folder, 'split.tape')
    tape.split([1], target)
    tape.close()
    const sites = 'SELECT position, file, line, column_number, caller FROM call_site'
    expect(query(target, sites)).toEqual(query(files[0]!, sites))
  })

  test.each([
    [
      'another site',
      'UPDATE _call_site SET site_id = site_id % 3 + 1 WHERE id = (SELECT max(id) FROM _call_site)',
    ],
    ['another line', `UPDATE _site SET content = replace(content, ',11,', ',13,') WHERE line = 11`],
    ['a site that is gone', 'DELETE FROM _call_site WHERE id = (SELECT min(id) FROM _call_site)'],
    [
      'a site that is new',
      'INSERT INTO _call_site SELECT max(id) + 4, 1, 1, 1 FROM _call_site WHERE id < (SELECT max(id) FROM _block WHERE step = 50)',
    ],
    ['another place', 'UPDATE _call_site SET place = place + 1 WHERE id = (SELECT max(id) FROM _call_site)'],
    [
      'another template',
      'UPDATE _call_site SET template_id = template_id - 1 WHERE id = (SELECT max(id) FROM _call_site)',
    ],
    ['a site of no call', 'INSERT INTO _site (content) VALUES (\'["x.mjs",1,1,null]\')'],
    ['what is no site', `UPDATE _site SET content = '["x.mjs",0,1,null]' WHERE id = 1`],
  ])('verify finds %s', (_, change) => {
    const file = path.join(folder, 'changed.tape')
    fs.copyFileSync(files[0]!, file)
    const db = plainDatabase(file)
    const triggers = db
      .prepare<[], { name: string; sql: string }>(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name IN ('_site', '_call_site')",
      )
      .all()
    for (const { name } of triggers) db.exec(`DROP TRIGGER ${name}`)
    db.exec(change)
    for (const { sql } of triggers) db.exec(sql)
    db.close()
    const tape = openTape(file, { readonly: true })
    expect(tape.verify().intact).toBe(false)
    tape.close()
    fs.rmSync(file)
  })
})

describe('source maps', () => {
  const map = { version: 3, sources: ['train.ts'], names: [], mappings: 'AAAA;AAAA;AAAA;AASA;AAAA;AAAA' }
  const code = [
    `import { mean, openTape, parameter } from '${DIST}/index.js'`,
    "const tape = openTape('a.tape')",
    "const run = tape.startRun('mapped')",
    'mean(parameter([1, 2]))',
    'await run.finish()',
    'tape.close()',
  ].join('\n')
  const inline = (of: object) =>
    `data:application/json;base64,${Buffer.from(JSON.stringify(of)).toString('base64')}`

  /** The site of the call, in a program whose last line names `url` as its map. */
  function siteOf(url: string, files: Readonly<Record<string, string>>, flags: readonly string[] = []) {
    const folder = temporaryFolder()
    fs.mkdirSync(path.join(folder, 'out'))
    fs.writeFileSync(path.join(folder, 'out', 'train.mjs'), `${code}\n//# sourceMappingURL=${url}`)
    for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(folder, name), text)
    execFileSync(process.execPath, [...flags, 'out/train.mjs'], { cwd: folder })
    return query(path.join(folder, 'a.tape'), 'SELECT file, line FROM call_site')
  }

  test('a map beside the compiled file is followed, as the compiler of TypeScript writes it', () => {
    const beside = { ...map, sources: ['../train.ts'], sourceRoot: '' }
    const files = { 'out/train.mjs.map': JSON.stringify(beside), 'train.ts': '//' }
    expect(siteOf('train.mjs.map', files)).toEqual([{ file: 'train.ts', line: 10 }])
  })

  test('one inside of the file that has its sources is followed, as bundlers write it; with flags of Node as without', () => {
    const whole = { ...map, sources: ['../src/train.ts'], sourcesContent: ['//'] }
    expect(siteOf(inline(whole), {})).toEqual([{ file: 'src/train.ts', line: 10 }])
    expect(siteOf(inline(whole), {}, ['--enable-source-maps'])).toEqual([{ file: 'src/train.ts', line: 10 }])
  })

  test('where a map is missing, is none or names files that are not there, the compiled place is told', () => {
    const compiled = [{ file: 'out/train.mjs', line: 4 }]
    expect(siteOf('gone.map', {})).toEqual(compiled)
    expect(siteOf('bad.map', { 'out/bad.map': '{"version":3,"mappings":7' })).toEqual(compiled)
    expect(siteOf(inline(map), {})).toEqual(compiled)
  })
})

describe('which calls are looked at', () => {
  /** How many calls of each step were looked at, given the kinds of each step's calls. */
  const looked = (steps: readonly (readonly number[])[], first = 1): number[] => {
    const sites = new CallSites(() => 'x')
    return steps.map((kinds, i) => kinds.filter((kind) => sites.of(first + i, kind) !== null).length)
  }

  test('all of the first three steps and of every hundredth, and none between that repeat', () => {
    const counts = looked(Array.from({ length: 300 }, () => [1, 2, 3]))
    expect(counts.flatMap((count, i) => (count === 0 ? [] : [[i + 1, count]]))).toEqual([
      [1, 3],
      [2, 3],
      [3, 3],
      [100, 3],
      [200, 3],
      [300, 3],
    ])
  })

  test('from a call on that is new at its place, to the end of the step after; what came before is not new', () => {
    const usual = [1, 2, 3]
    const steps = Array.from({ length: 40 }, (_, i) => (i === 9 || i === 19 ? [1, 4, 3] : usual))
    const counts = looked(steps)
    expect(counts[9]).toBe(2)
    expect(counts[10]).toBe(3)
    expect(counts.slice(11)).toEqual(Array(29).fill(0))
  })

  test('a limited number, of a graph that never repeats and of a loop without steps', () => {
    const kinds = Array.from({ length: 200_000 }, (_, i) => i % 977)
    const [count = 0] = looked([kinds])
    expect(count).toBeLessThan(5000)
    const [outside = 0] = looked([kinds], 0)
    expect(outside).toBeLessThan(800)
    expect(outside).toBeGreaterThan(100)
  })
})

test('what is no capture of sites is refused', () => {
  const tape = openTape(':memory:')
  expect(() => tape.startRun('a', { capture: { sites: 1 } as never })).toThrow(
    /BAD_ARGUMENT.*sites of true or false/,
  )
  tape.close()
})
