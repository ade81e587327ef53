// The file of a tape is deleted, renamed, replaced or emptied while a run records: it is said, nothing is lost that the program
// still has, and no other file is written to. Real processes.
import fs from 'node:fs'
import { describe, expect, test } from 'vitest'
import '../../src/index.js'
import { openTape } from '../../src/tape/open-tape.js'
import { runChild } from './child-process.js'
import { newTapePath, openForTest, recordedTape } from './temporary-tape.js'

const RECORD = `
import { execFileSync } from 'node:child_process'
const tape = gradtape.openTape(arg.file)
const run = tape.startRun('r', arg.options)
const w = gradtape.parameter(1, { name: 'w' })
const steps = (count) => { for (let i = 0; i < count; i++) { run.step(); gradtape.mul(w, w) } }
const attempt = async (doing) => { try { await doing(); return 'ok' } catch (error) { return error.code } }
steps(3000)
run.flush()
`

describe.each([
  ['the training thread writes', {}],
  ['a second thread writes', { batch: { eventsMax: 64, bytesMax: 2 ** 20, ageMaxMs: 1e6 } }],
  ['each event is written at once', { durability: 'strict' }],
])('while %s', (_, options) => {
  const steps = 'durability' in options ? 50 : 2000
  test.each([
    ['deleted', 'fs.unlinkSync(arg.file)'],
    [
      'deleted with its WAL',
      `for (const end of ['', '-wal', '-shm']) fs.rmSync(arg.file + end, { force: true })`,
    ],
    ['renamed', `fs.renameSync(arg.file, arg.file + '.moved')`],
    ['replaced by another tape', 'fs.renameSync(arg.other, arg.file)'],
    ['replaced by a text', `fs.rmSync(arg.file); fs.writeFileSync(arg.file, 'mine')`],
    ['emptied', 'fs.truncateSync(arg.file)'],
    ['overwritten by another tape', `execFileSync('cp', [arg.other, arg.file])`],
    ...('batch' in options
      ? [
          ['overwritten by a text', `execFileSync('cp', [arg.text, arg.file])`],
          ['overwritten by what it was', `execFileSync('cp', [arg.before, arg.file])`],
        ]
      : []),
  ])(
    'the file is %s: the next call that needs it says so, and no other file is touched',
    async (what, doing) => {
      const file = await recordedTape((run) => run.note('of before'))
      const other = await recordedTape((run) => run.note('of the other'))
      const before = `${file}.before`
      fs.copyFileSync(file, before)
      using tape = openTape(file)
      await tape.startRun('since').finish()
      tape.close()
      const text = `${file}.text`
      fs.writeFileSync(text, 'mine')
      const { stdout, stderr } = await runChild(
        `${RECORD.replace('3000', String(steps))}
       ${doing}
       const said = [await attempt(() => steps(${steps})), await attempt(() => run.flush()), await attempt(() => run.finish())]
       run.abandon()
       tape.close()
       say(JSON.stringify(said))`,
        { file, other, before, text, options },
      )
      expect(stderr).toBe('')
      const said = JSON.parse(stdout)
      expect(said.slice(1)).toEqual(['TAPE_NOT_FOUND', 'TAPE_NOT_FOUND'])
      expect(['ok', 'TAPE_NOT_FOUND']).toContain(said[0])
      const content = { 'another tape': other, 'what it was': before }[what.replace('overwritten by ', '')]
      if (content !== undefined) expect(fs.readFileSync(file).equals(fs.readFileSync(content))).toBe(true)
      if (what === 'emptied') expect(fs.readFileSync(file).length).toBe(0)
      if (/^overwritten|^emptied/.test(what))
        for (const end of ['-wal', '-shm', '-journal']) expect(fs.existsSync(file + end), end).toBe(false)
      if (what.endsWith('by a text')) expect(fs.readFileSync(file, 'utf8')).toBe('mine')
      if (what === 'replaced by another tape') {
        const tape = openForTest(file, { readonly: true })
        expect(tape.runs().map(({ name, events }) => [name, events])).toEqual([['test', 3]])
        expect(tape.verify()).toMatchObject({ intact: true, problem: null })
      }
      if (what === 'renamed') {
        const tape = openForTest(`${file}.moved`, { readonly: true })
        expect(tape.verify()).toMatchObject({ intact: true, problem: null })
        expect(tape.run('r').stepCount).toBeGreaterThanOrEqual(steps)
      }
    },
  )

  test('the file is away for a while: flush() goes on when it is back, and nothing is lost', async () => {
    const file = newTapePath()
    const { stdout, stderr } = await runChild(
      `${RECORD.replace('3000', String(steps))}
       fs.renameSync(arg.file, arg.file + '.away')
       const said = [await attempt(() => steps(${steps})), await attempt(() => run.flush())]
       fs.renameSync(arg.file + '.away', arg.file)
       said.push(await attempt(() => run.flush()), await attempt(() => steps(10)), await attempt(() => run.finish()))
       say(JSON.stringify({ said, steps: run.currentStep, position: run.position }))`,
      { file, options },
    )
    expect(stderr).toBe('')
    const { said, steps: count, position } = JSON.parse(stdout)
    expect(said.slice(1)).toEqual(['TAPE_NOT_FOUND', 'ok', 'ok', 'ok'])
    const tape = openForTest(file, { readonly: true })
    expect(tape.verify()).toMatchObject({ intact: true, problem: null })
    expect(tape.runs()[0]).toMatchObject({ status: 'finished', steps: count, events: position })
    expect(tape.run('r').replay().verdict).toBe('bit-exact')
  })
})
