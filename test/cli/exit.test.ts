/** Exit codes and errors: what is refused, in which words, and that a bug would not look like an answer. */
import fs from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { plainDatabase } from '../plain-database.js'
import { gradtape, gradtapeJson, gradtapeProcess, started, temporaryFolder, writeTape } from './gradtape.js'

const folder = temporaryFolder()
const file = path.join(folder, 'runs.tape')
const COMMANDS = [
  'runs',
  'show',
  'graph',
  'sql',
  'schema',
  'gradient',
  'replay',
  'verify',
  'materialize',
  'stats',
  'compact',
]
const MORE: Readonly<Record<string, string[]>> = { sql: ['SELECT 1'], materialize: ['--steps', '1'] }
const argumentsOf = (command: string, tape: string) => [command, tape, ...(MORE[command] ?? [])]

beforeAll(() => writeTape(file))

describe('wrong usage is exit code 2', () => {
  test.each([
    ['an unknown command', ['rnus', file], /unknown command 'rnus'[\s\S]*Did you mean runs/],
    ['an unknown option', ['runs', file, '--verbos'], /unknown option '--verbos'/],
    ['a missing argument', ['runs'], /missing required argument 'file'/],
    ['one argument too many', ['runs', file, 'more'], /too many arguments/],
    [
      'a step that is no number',
      ['show', file, '--step', 'two'],
      /--step <step>.*Expected a whole number from 0 on/,
    ],
    ['a format there is not', ['graph', file, '--format', 'png'], /--format/],
    [
      'a range of steps that is none',
      ['materialize', file, '--steps', '9..4'],
      /--steps <steps>.*400\.\.420/,
    ],
    ['steps to materialize left out', ['materialize', file], /required option '--steps <steps>'/],
    ['no command at all', [], /Usage: gradtape/],
  ])('%s', async (_, args, words) => {
    const { status, stdout, stderr } = await gradtape(...args)
    expect(stderr).toMatch(words)
    expect(stdout).toBe('')
    expect(status).toBe(2)
  })

  test('with --json it is also said in JSON', async () => {
    expect(await gradtapeJson('runs')).toMatchObject({ error: { code: 'USAGE' } })
  })
})

test('a process prints the same and ends with the same code', async () => {
  for (const args of [
    ['--version'],
    ['rnus', file],
    ['runs'],
    ['runs', '--json'],
    ['show', '--help'],
    ['show', file, '--json'],
    ['runs', path.join(folder, 'not there'), '--json'],
    ['sql', file, 'SELECT 1'],
    ['verify', file],
  ])
    expect([args, await gradtapeProcess(...args)]).toEqual([args, await gradtape(...args)])
})

describe('help', () => {
  test.each(COMMANDS)('%s has --help with an example, and exit code 0', async (command) => {
    const { status, stdout } = await gradtape(command, '--help')
    expect(stdout).toMatch(new RegExp(`^Usage: gradtape ${command} `))
    expect(stdout).toMatch(new RegExp(`Examples?:\n  \\$ gradtape ${command} `))
    expect(stdout).toContain('--json')
    expect(status).toBe(0)
  })

  test('--version prints the version of the package', async () => {
    const { version } = JSON.parse(
      fs.readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
    ) as { version: string }
    expect((await gradtape('--version')).stdout).toBe(`${version}\n`)
  })
})

describe('a file that is no tape is exit code 1', () => {
  const make: Record<string, (target: string) => void> = {
    TAPE_NOT_FOUND: () => {},
    NOT_A_TAPE: (target) => fs.writeFileSync(target, 'this is a text and by no means a database'),
    'NOT_A_TAPE (SQLite)': (target) => {
      const db = plainDatabase(target)
      db.exec('CREATE TABLE t (a)')
      db.close()
    },
    TAPE_TOO_NEW: (target) => {
      fs.copyFileSync(file, target)
      const db = plainDatabase(target)
      db.pragma('user_version = 999')
      db.close()
    },
  }

  test.each(COMMANDS.flatMap((command) => Object.keys(make).map((kind) => [command, kind] as const)))(
    '%s: %s',
    async (command, kind) => {
      const target = path.join(folder, `${command} ${kind}.tape`)
      make[kind]?.(target)
      const content = () => (fs.existsSync(target) ? fs.readFileSync(target).toString('base64') : null)
      const before = content()
      const { status, stdout, stderr } = await gradtape(...argumentsOf(command, target), '--json')
      const code = kind.split(' ')[0] ?? ''
      expect(stderr).toMatch(new RegExp(`^${code}: `))
      expect(JSON.parse(stdout)).toMatchObject({ error: { code, message: expect.stringContaining(code) } })
      expect(status).toBe(1)
      expect(content() === before).toBe(true)
    },
  )
})

describe('what a tape does not hold is exit code 1', () => {
  test.each([
    ['a run', ['show', file, '--run', 'trian'], /^RUN_NOT_FOUND: .*"train" \(2\)/],
    ['a run by id', ['replay', file, '77'], /^RUN_NOT_FOUND: /],
    ['a step', ['show', file, '--step', '4'], /^STEP_NOT_FOUND: expected a step from 0 to 3, got 4/],
    ['a step to replay to', ['replay', file, '--to', '9'], /^STEP_NOT_FOUND: /],
    ['a name', ['show', file, '--variable', 'fc2.weight'], /^VARIABLE_NOT_FOUND: .*"fc1.weight"/],
    ['a position', ['graph', file, '--of', '100000'], /^VARIABLE_NOT_FOUND: /],
    [
      'a position that is no variable',
      ['show', file, '--variable', '1'],
      /^VARIABLE_NOT_FOUND: .*RunStarted/,
    ],
    [
      'a logged variable',
      ['graph', file, '--step', '0'],
      /^VARIABLE_NOT_FOUND: .*logged no variable in step 0.*--of/,
    ],
    ['a view', ['schema', file, 'metrics'], /^VIEW_NOT_FOUND: .*did you mean "metric"/],
    [
      'a place to write to',
      ['graph', file, '--output', path.join(folder, 'no', 'such', 'folder.svg')],
      /^WRITE_FAILED: /,
    ],
  ])('%s', async (_, args, words) => {
    const { status, stdout, stderr } = await gradtape(...args)
    expect(stderr).toMatch(words)
    expect(stdout).toBe('')
    expect(status).toBe(1)
  })

  test('a tape without runs', async () => {
    const { openTape } = await import('../../src/index.js')
    const empty = path.join(folder, 'empty.tape')
    openTape(empty).close()
    expect((await gradtape('runs', empty)).stdout).toBe('no runs\n')
    const { status, stderr } = await gradtape('show', empty)
    expect([status, stderr]).toEqual([1, `RUN_NOT_FOUND: ${empty} holds no runs\n`])
  })
})

test('a failure that is none of the known ones is exit code 70, with the stack and a request to report it', async () => {
  // A module's process-wide mischief stands in for a bug of ours.
  const mischief = path.join(folder, 'mischief.mjs')
  fs.writeFileSync(mischief, "Array.prototype.flatMap = () => { throw new TypeError('flatMap is broken') }")
  const { status, stdout, stderr } = await gradtape('show', file, '--import', mischief, '--json')
  expect(stderr).toMatch(
    /TypeError: flatMap is broken\n {4}at [\s\S]*This is a bug in gradtape \S+\. Please report it/,
  )
  expect(JSON.parse(stdout)).toEqual({ error: { code: 'INTERNAL', message: 'flatMap is broken' } })
  expect(status).toBe(70)
})

test('a reader that stops listening ends the command quietly', async () => {
  const endless = 'WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c'
  const { child, ended } = started(['sql', file, endless, '--csv', '--timeout', '60'])
  child.stdout.once('data', () => child.stdout.destroy())
  const { status, stderr } = await ended
  expect([status, stderr]).toEqual([0, ''])
})

test('nothing is coloured that does not go to a terminal', async () => {
  for (const command of COMMANDS)
    expect((await gradtape(...argumentsOf(command, file))).stdout).not.toContain('\u001b')
})

test('what a tape contains cannot steer the terminal', async () => {
  const { openTape } = await import('../../src/index.js')
  const hostile = path.join(folder, 'hostile.tape')
  const tape = openTape(hostile)
  const run = tape.startRun('a\u001b]0;owned\u0007b')
  run.note('\u001b[2J')
  await run.finish()
  tape.close()
  for (const args of [
    ['runs', hostile],
    ['show', hostile],
    ['show', hostile, '--step', '0'],
    ['show', hostile, '--run', '\u001b[2J'],
  ]) {
    const { stdout, stderr } = await gradtape(...args)
    for (const control of ['\u001b', '\u0007']) expect(stdout + stderr).not.toContain(control)
  }
  expect((await gradtape('runs', hostile)).stdout).toContain('a\\x1b]0;owned\\x07b')
})
