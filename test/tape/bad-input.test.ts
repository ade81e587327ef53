// Files and arguments that are wrong: one clear error each, and the file is left as it was.
import fs from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { describe, expect, test } from 'vitest'
import { square } from '../../src/functions/arithmetic.js'
import { Variable } from '../../src/graph/variable.js'
import { openTape } from '../../src/tape/open-tape.js'
import { plainDatabase } from '../plain-database.js'
import { newTapePath, openForTest, recordedTape, temporaryFolder } from './temporary-tape.js'

/** A SQLite file made by somebody else. */
function sqliteFile(sql: string): string {
  const file = newTapePath()
  const db = plainDatabase(file)
  db.exec(sql)
  db.close()
  return file
}

function textFile(content: string | Buffer): string {
  const file = newTapePath()
  fs.writeFileSync(file, content)
  return file
}

describe('a file that is no tape is refused and left as it was', () => {
  test.each([
    [
      'a text',
      () => textFile('epoch,loss\n1,0.5\n'),
      'NOT_A_TAPE',
      /expected a tape at .*, found a file that is not a SQLite database; it was not touched/,
    ],
    ['a text of three bytes', () => textFile('abc'), 'NOT_A_TAPE', /not a SQLite database/],
    [
      'a file that only begins like a database',
      () => textFile(Buffer.concat([Buffer.from('SQLite format 3\0'), Buffer.alloc(5000, 7)])),
      'NOT_A_TAPE',
      /not a SQLite database/,
    ],
    [
      "another program's database",
      () => sqliteFile('CREATE TABLE notes (x); INSERT INTO notes VALUES (1)'),
      'NOT_A_TAPE',
      /found another program's SQLite database \(application_id 0, 1 tables/,
    ],
    [
      'a database with an application of its own',
      () => sqliteFile('PRAGMA application_id = 1234'),
      'NOT_A_TAPE',
      /application_id 1234/,
    ],
    [
      'a database with a version and nothing else',
      () => sqliteFile('PRAGMA user_version = 3'),
      'NOT_A_TAPE',
      /another program's/,
    ],
  ])('%s', (_, make, code, words) => {
    const file = make()
    const before = fs.readFileSync(file)
    const files = fs.readdirSync(path.dirname(file))
    for (const readonly of [true, false]) {
      expect(() => openTape(file, { readonly })).toThrow(
        expect.objectContaining({ name: 'TapeError', code, message: expect.stringMatching(words) }),
      )
    }
    expect(fs.readFileSync(file).equals(before)).toBe(true)
    expect(fs.readdirSync(path.dirname(file))).toEqual(files)
  })

  test('a tape of a newer gradtape', async () => {
    const file = await recordedTape(() => {})
    const db = plainDatabase(file)
    db.pragma('user_version = 99')
    db.pragma('wal_checkpoint(TRUNCATE)')
    db.close()
    const before = fs.readFileSync(file)
    for (const readonly of [true, false]) {
      expect(() => openTape(file, { readonly })).toThrow(
        /^TAPE_TOO_NEW: .* has schema 99, this gradtape knows \d+; install a newer gradtape$/,
      )
    }
    expect(fs.readFileSync(file).equals(before)).toBe(true)
  })

  test('a folder', () => {
    const folder = temporaryFolder()
    for (const readonly of [true, false])
      expect(() => openTape(folder, { readonly })).toThrow(
        /^NOT_A_TAPE: expected a tape at .*, found a folder/,
      )
  })

  test('a tape that was cut short', async () => {
    const whole = fs.readFileSync(await recordedTape(() => void square(new Variable([1, 2]))))
    const file = textFile(whole.subarray(0, whole.length / 2))
    const before = fs.readFileSync(file)
    expect(() => openTape(file, { readonly: true }).verify()).not.toThrow(TypeError)
    let problem: string | null = null
    try {
      const tape = openTape(file, { readonly: true })
      problem = tape.verify().problem
      tape.close()
    } catch (error) {
      problem = (error as Error).message
    }
    expect(problem).toMatch(/^TAPE_CORRUPT: /)
    expect(fs.readFileSync(file).equals(before)).toBe(true)
  })
})

describe('a missing or empty file', () => {
  test('is not made to look at it', () => {
    const file = newTapePath()
    expect(() => openTape(file, { readonly: true })).toThrow(
      /^TAPE_NOT_FOUND: expected a tape at .*, found no file; check the path/,
    )
    expect(fs.existsSync(file)).toBe(false)
  })

  test('in a folder that is not there is said to be so', () => {
    const file = path.join(temporaryFolder(), 'nowhere', 'a.tape')
    expect(() => openTape(file)).toThrow(/^TAPE_NOT_FOUND: /)
    expect(() => openTape(file)).toThrow(/folder/)
  })

  test('that is empty becomes a tape when it is opened to write, and is no tape to look at', () => {
    const file = textFile('')
    expect(() => openTape(file, { readonly: true })).toThrow(/^(NOT_A_TAPE|TAPE_TOO_OLD): /)
    expect(fs.statSync(file).size).toBe(0)
    const tape = openForTest(file)
    expect(tape.runs()).toEqual([])
    expect(tape.verify().intact).toBe(true)
  })
})

test.skipIf(process.platform === 'win32')(
  'a path that no file can have, or that a driver would take for another',
  () => {
    const folder = temporaryFolder()
    const loop = path.join(folder, 'loop')
    fs.symlinkSync('loop', loop)
    expect(() => openTape(loop)).toThrow(/^TAPE_NOT_FOUND: looking for .*ELOOP/)
    fs.writeFileSync(path.join(folder, 'a.tape'), '')
    for (const readonly of [true, false])
      expect(() => openTape(path.join(folder, 'a.tape '), { readonly })).toThrow(
        /^BAD_ARGUMENT: expected a path without white space at its end/,
      )
    for (const readonly of [true, false])
      expect(() => openTape(`${folder}/runs/`, { readonly })).toThrow(
        /^BAD_ARGUMENT: expected the path of a file, got that of a folder/,
      )
    // There is room for the file itself, and not for what stands beside it.
    const tape = openForTest(path.join(folder, `${'x'.repeat(240)}.tape`))
    expect(() => tape.startRun('r')).toThrow(/^TAPE_NOT_FOUND: starting run "r": /)
    expect(fs.readdirSync(folder).sort().slice(0, 2)).toEqual(['a.tape', 'loop'])
  },
)

describe('arguments that are wrong', () => {
  test('to openTape', () => {
    expect(() => openTape('')).toThrow(/^BAD_ARGUMENT: openTape expected a path, got ""/)
    expect(() => openTape(7 as never)).toThrow(/^BAD_ARGUMENT: openTape expected a path, got 7/)
    expect(() => openTape(newTapePath(), { readOnly: true } as never)).toThrow(
      /^BAD_ARGUMENT: openTape does not know the option "readOnly"; did you mean "readonly"\?/,
    )
  })

  test('to startRun', () => {
    const tape = openForTest(newTapePath())
    expect(() => tape.startRun('')).toThrow(/^BAD_ARGUMENT: startRun expected a name, got ""/)
    expect(() => tape.startRun('r', { capture: 'some' as never })).toThrow(
      /^BAD_ARGUMENT: capture expected 'full', 'replayable', 'structure' or \{ values, gradients, everySteps, sites, assignments \}, got "some"/,
    )
    expect(() => tape.startRun('r', { seed: 1.5 })).toThrow(
      /^BAD_ARGUMENT: seed expected an integer from 0, got 1\.5/,
    )
    expect(() => tape.startRun('r', { config: { when: new Date() } as never })).toThrow(
      /^BAD_EVENT: .*config\.when expected plain data/,
    )
    // None of these left a run behind, on the tape or recording.
    expect(tape.runs()).toEqual([])
    expect(square(new Variable(1)).position).toBe(null)
  })

  test('to a run', () => {
    const run = openForTest(newTapePath()).startRun('r')
    const before = run.position
    expect(() => run.log({ loss: 'low' as never })).toThrow(
      /^BAD_ARGUMENT: run\.log expected numbers or Variables of one element, got string for "loss"/,
    )
    expect(() => run.log({ loss: null as never })).toThrow(/got null for "loss"/)
    expect(() => run.log({ loss: new Variable([1, 2]) })).toThrow(/^NOT_SCALAR/)
    expect(() => run.note(7 as never)).toThrow(/^BAD_ARGUMENT: run\.note expected a string, got number/)
    expect(run.position).toBe(before)
  })

  test('to look up what is not there', async () => {
    const file = await recordedTape((run) => {
      run.note('two')
      run.step()
      run.log({ loss: square(new Variable(3, { name: 'x' })) })
    })
    const tape = openForTest(file, { readonly: true })
    expect(() => tape.run('tset')).toThrow(/^RUN_NOT_FOUND: .* has no run "tset"; it has "test" \(1\)/)
    for (const id of [0, 2, -1, 1.5, Number.NaN])
      expect(() => tape.run(id), String(id)).toThrow(/^RUN_NOT_FOUND/)
    const past = tape.run('test')
    expect(() => past.variable('lsos')).toThrow(
      /^VARIABLE_NOT_FOUND: run "test" has no variable named "lsos"; it has ("loss", "x"|"x", "loss")$/,
    )
    expect(() => past.variable(2)).toThrow(
      /^VARIABLE_NOT_FOUND: position 2 of run "test" is NoteAdded, which makes no variable/,
    )
    for (const position of [0, 99, -1, 1.5, Number.NaN])
      expect(() => past.variable(position), String(position)).toThrow(
        /^VARIABLE_NOT_FOUND: run 1 has positions 1 to \d+, asked for/,
      )
    for (const step of [2, -1, 0.5, Number.NaN]) {
      expect(() => past.variable('loss', { step }), String(step)).toThrow(
        /^STEP_NOT_FOUND: expected a step from 0 to 1, got/,
      )
      expect(() => past.replay({ to: step })).toThrow(/^STEP_NOT_FOUND/)
    }
    expect(() => past.variable(5 + 2 ** 40)).toThrow(
      /^VARIABLE_NOT_FOUND: run "test" made no variable at position 5, output 1/,
    )
  })
})

describe('a tape or run that is over', () => {
  test('opened readonly starts no run', async () => {
    const tape = openForTest(await recordedTape(() => {}), { readonly: true })
    expect(() => tape.startRun('more')).toThrow(
      /^TAPE_READONLY: .* was opened with \{ readonly: true \}; open it without to record/,
    )
  })

  test('closed says so, whatever is asked', async () => {
    const tape = openForTest(newTapePath())
    await tape.startRun('r').finish()
    const past = tape.run('r')
    tape.close()
    tape.close()
    for (const ask of [() => tape.runs(), () => tape.run('r'), () => tape.verify(), () => tape.startRun('r')])
      expect(ask).toThrow(/^TAPE_CLOSED: .* was closed; open it again/)
    for (const ask of [
      () => past.variable('x'),
      () => past.replay(),
      () => [...past.events()],
      () => past.verify(),
      () => past.stepCount,
    ]) {
      expect(ask).toThrow(/^TAPE_CLOSED/)
    }
  })

  test('a finished run takes nothing more, and finishing it again changes nothing', async () => {
    const tape = openForTest(newTapePath())
    const run = tape.startRun('r')
    square(new Variable(1))
    await run.finish()
    const { position } = run
    for (const more of [() => run.step(), () => run.note('more'), () => run.log({ loss: 1 })])
      expect(more).toThrow(/^RUN_FINISHED: run "r" is finished and takes no more events; start another/)
    await run.finish()
    await run.fail(new Error('late'))
    run.flush()
    expect(run.position).toBe(position)
    expect(tape.runs()).toMatchObject([{ status: 'finished', error: null, events: position }])
    expect(square(new Variable(1)).position).toBe(null)
  })
})
