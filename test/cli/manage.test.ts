/** What split, prune, merge, salvage and copy answer, and whom they refuse before anything is written. Real processes. */
import fs from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { openTape, parameter, square } from '../../src/index.js'
import { gradtape, gradtapeJson, temporaryFolder } from './gradtape.js'

interface Made {
  head: string
  runs: {
    id: number
    name: string
    events: number
    fingerprint: string
    lost: { why: string } | null
    from: { id: number }
  }[]
}

const folder = temporaryFolder()
const at = (name: string) => path.join(folder, name)
const three = at('three.tape')
const other = at('other.tape')
let made = 0
const fresh = () => at(`made-${++made}.tape`)

async function record(file: string, names: readonly string[]): Promise<void> {
  const tape = openTape(file)
  for (const name of names) {
    const run = tape.startRun(name)
    const w = parameter([1, 2, 3], { name: 'w' })
    for (let i = 0; i < 5; i++) {
      run.step()
      run.log({ loss: square(w).sum() })
    }
    await run.finish()
  }
  tape.close()
}

beforeAll(async () => {
  await record(three, ['first', 'second', '2026'])
  await record(other, ['elsewhere'])
})

const namesIn = async (file: string) =>
  (await gradtapeJson<{ runs: { id: number; name: string }[] }>('runs', file)).runs.map(({ id, name }) => [
    id,
    name,
  ])

/** The commands that make a new tape, as they are called with the tape `from` and the new one. */
const COMMANDS: readonly [string, (from: string, to: string) => string[]][] = [
  ['split', (from, to) => ['split', from, '--run', 'first', '-o', to]],
  ['prune', (from, to) => ['prune', from, '--drop-runs', 'first', '-o', to]],
  ['merge', (from, to) => ['merge', from, other, '-o', to]],
  ['salvage', (from, to) => ['salvage', from, '-o', to]],
  ['copy', (from, to) => ['copy', from, to]],
]

describe.each(COMMANDS)('gradtape %s', (command, words) => {
  test('makes a tape that verifies, and leaves the old one as it is', async () => {
    const before = fs.readFileSync(three)
    const [json, text] = [fresh(), fresh()]
    const [{ head }, told] = await Promise.all([
      gradtapeJson<Made>(...words(three, json)),
      gradtape(...words(three, text)),
    ])
    expect(told).toMatchObject({ status: 0, stdout: expect.stringMatching(`head ${head}\n$`) })
    for (const file of [json, text]) {
      const tape = openTape(file, { readonly: true })
      expect(tape.verify()).toMatchObject({ intact: true, head })
      tape.close()
    }
    expect(fs.readFileSync(three).equals(before)).toBe(true)
    expect(fs.readdirSync(folder).filter((name) => name.includes('.tape-'))).toEqual([])
  })

  test('refuses a place where a file is, a tape that is not there, and what is no tape, before anything is written', async () => {
    const text = at(`text-${command}.tape`)
    const to = fresh()
    fs.writeFileSync(text, 'no tape')
    const refused = await Promise.all([
      gradtape(...words(three, text)),
      gradtape(...words(at('none.tape'), to)),
      gradtape(...words(text, to)),
    ])
    expect(refused.map(({ status, stdout, stderr }) => [status, stdout, stderr.split(':')[0]])).toEqual([
      [1, '', 'BAD_ARGUMENT'],
      [1, '', 'TAPE_NOT_FOUND'],
      [1, '', 'NOT_A_TAPE'],
    ])
    expect([fs.readFileSync(text, 'utf8'), fs.existsSync(to)]).toEqual(['no tape', false])
  })

  test('--help has an example; nothing to go on is wrong usage', async () => {
    const [help, bare] = await Promise.all([gradtape(command, '--help'), gradtape(command)])
    expect(help).toMatchObject({ status: 0, stderr: '' })
    expect(help.stdout).toContain(`$ gradtape ${command} `)
    expect(bare).toMatchObject({ status: 2, stdout: '' })
  })
})

test('split takes runs by number and name, in commas or again; prune leaves the others; merge takes them in order', async () => {
  const [some, rest, all] = [fresh(), fresh(), fresh()]
  await gradtape('split', three, '--run', 'second,1', '-o', some)
  expect(await namesIn(some)).toEqual([
    [1, 'first'],
    [2, 'second'],
  ])
  await gradtape('prune', three, '--drop-runs', '1', '--drop-runs', 'second', '-o', rest)
  expect(await namesIn(rest)).toEqual([[1, '2026']])
  const { runs } = await gradtapeJson<Made>('merge', rest, some, other, '-o', all)
  expect(runs.map(({ id, name }) => [id, name])).toEqual([
    [1, '2026'],
    [2, 'first'],
    [3, 'second'],
    [4, 'elsewhere'],
  ])
  // Digits that are no number of a run are a name.
  const named = await gradtapeJson<Made>('split', three, '--run', '2026', '-o', fresh())
  expect(named.runs.map(({ name }) => name)).toEqual(['2026'])
  const before = await gradtapeJson<Made>('split', three, '--run', '1', '-o', fresh())
  expect(runs[1]!.fingerprint).toBe(before.runs[0]!.fingerprint)
})

test('merge opens all tapes before it copies the first', async () => {
  const to = fresh()
  const { status, stderr } = await gradtape('merge', three, at('none.tape'), '-o', to)
  expect([status, fs.existsSync(to)]).toEqual([1, false])
  expect(stderr).toMatch(/^TAPE_NOT_FOUND/) // and nothing of progress before it
})

test('split and prune refuse a run that there is not, and prune to drop all, before anything is written', async () => {
  const to = fresh()
  expect(await gradtape('split', three, '--run', 'fist', '-o', to)).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/^RUN_NOT_FOUND/),
  })
  expect(await gradtape('prune', three, '--drop-runs', '9', '-o', to)).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/^RUN_NOT_FOUND/),
  })
  expect(await gradtape('prune', three, '--drop-runs', '1,2,3', '-o', to)).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/^BAD_ARGUMENT/),
  })
  expect(fs.existsSync(to)).toBe(false)
})

test('salvage of a damaged tape brings back what is whole, says what is lost, and ends with 1', async () => {
  const broken = at('broken.tape')
  const bytes = fs.readFileSync(three)
  const name = bytes.lastIndexOf('"name":"second"')
  expect(name).toBeGreaterThan(0)
  bytes.write('"name":"sEcond"', name)
  fs.writeFileSync(broken, bytes)
  const to = fresh()
  const { status, stdout } = await gradtape('salvage', broken, '-o', to)
  expect(status).toBe(1)
  expect(stdout).toMatch(/^run 2: nothing of it is whole; TAPE_CORRUPT/m)
  expect(await gradtapeJson('verify', to)).toMatchObject({ intact: true })
  expect((await namesIn(to)).map(([, one]) => one)).toContain('first')
})
