// A process that has as many files open as it may: what needs one more says so, and goes on when there is room. A real limit.
import process from 'node:process'
import { expect, test } from 'vitest'
import { runChild } from '../../tape/child-process.js'
import { newTapePath, openForTest, recordedTape } from '../../tape/temporary-tape.js'

const TRY = `
const handles = []
const leave = (count) => {
  try { for (;;) handles.push(fs.openSync('/dev/null')) } catch (error) { if (error.code !== 'EMFILE') throw error }
  for (let i = 0; i < count; i++) fs.closeSync(handles.pop())
}
const ways = {
  async record() {
    const tape = gradtape.openTape(arg.file)
    try { const run = tape.startRun('r'); run.step(); await run.finish() } finally { tape.close() }
  },
  async make() { gradtape.openTape(arg.fresh).close() },
  async read() { const tape = gradtape.openTape(arg.file, { readonly: true }); tape.runs(); tape.close() },
  async copy() {
    const tape = gradtape.openTape(arg.file, { readonly: true })
    try { tape.copy(arg.copy) } finally { tape.close(); fs.rmSync(arg.copy, { force: true }) }
  },
}
await ways.record() // whatever is loaded later is loaded now
const said = {}
for (const [name, way] of Object.entries(ways)) {
  said[name] = []
  for (let left = 0; left < 10; left++) {
    leave(left)
    try { await way(); said[name].push('ok') } catch (error) { said[name].push(error.code === undefined ? error.stack : error.message) }
    for (const handle of handles.splice(0)) fs.closeSync(handle)
  }
}
say(JSON.stringify(said))
`

test.skipIf(process.platform === 'win32')(
  'whatever of a tape needs one more file says TOO_MANY_FILES, and the tape stays whole',
  async () => {
    const file = await recordedTape((run) => run.note('before'))
    const paths = { file, fresh: newTapePath(), copy: newTapePath() }
    const { stdout, stderr } = await runChild(TRY, paths, (command) => [
      ...['sh', '-c', 'ulimit -n 400; exec "$@"', 'sh'],
      ...command,
    ])
    expect(stderr).toBe('')
    const said = JSON.parse(stdout) as Record<string, string[]>
    for (const [way, answers] of Object.entries(said)) {
      expect(answers[0], way).toMatch(/^TOO_MANY_FILES: .*ulimit -n/)
      for (const answer of answers) expect(answer, way).toMatch(/^(ok$|TOO_MANY_FILES: )/)
      expect(answers.at(-1), way).toBe('ok')
    }
    const tape = openForTest(file, { readonly: true })
    expect(tape.verify()).toMatchObject({ intact: true })
    expect(tape.runs().length).toBe(1 + 1 + said.record!.filter((answer) => answer === 'ok').length)
  },
)
