// A tape whose first pages are damaged, the header of the file and the schema: its rows are there, and salvage brings them back.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { openTape, parameter, salvageTape, square } from '../../../src/index.js'
import { newTapePath, openForTest, recordedTape } from '../../tape/temporary-tape.js'

const PAGE = 16_384
let whole: Buffer

beforeAll(async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gradtape-test-'))
  const tape = openTape(`${folder}/a.tape`)
  for (const name of ['first', 'second']) {
    const run = tape.startRun(name)
    const w = parameter(
      Float64Array.from({ length: 200 }, (_, i) => i),
      { name: 'w' },
    )
    for (let i = 0; i < 40; i++) {
      run.step()
      w.clearGrad()
      square(w).sum().backward()
      run.log({ i })
    }
    await run.finish()
  }
  tape.close()
  whole = fs.readFileSync(`${folder}/a.tape`)
  fs.rmSync(folder, { recursive: true })
})

function damaged(change: (bytes: Buffer) => void): string {
  const file = newTapePath()
  const bytes = Buffer.from(whole)
  change(bytes)
  fs.writeFileSync(file, bytes)
  return file
}

describe('salvage of a tape', () => {
  test.each<[string, (bytes: Buffer) => void]>([
    ['whose header is zeros', (bytes) => bytes.fill(0, 0, 100)],
    ['whose first page is zeros', (bytes) => bytes.fill(0, 0, PAGE)],
    ['whose first page is another text', (bytes) => bytes.fill('x', 0, PAGE)],
    ['whose second page, of the schema, is zeros', (bytes) => bytes.fill(0, PAGE, 2 * PAGE)],
  ])('%s brings back all runs, which verify', (_, change) => {
    const file = damaged(change)
    const before = fs.readFileSync(file)
    const output = newTapePath()
    const report = salvageTape(file, output)
    expect(report.runs.map(({ name, lost, from }) => [name, lost, from.path])).toEqual([
      ['first', null, file],
      ['second', null, file],
    ])
    const tape = openForTest(output, { readonly: true })
    expect(tape.verify()).toMatchObject({ intact: true, head: report.head })
    expect(tape.run('second').replay().verdict).toBe('bit-exact')
    expect(fs.readFileSync(file).equals(before)).toBe(true)
    expect(fs.readdirSync(file.slice(0, file.lastIndexOf('/')))).toEqual(['test.tape'])
  })

  test('whose tables are gone as well says what of each run is lost', () => {
    const { runs } = salvageTape(
      damaged((bytes) => bytes.fill(255, 0, 5 * PAGE)),
      newTapePath(),
    )
    for (const run of runs) expect(run.lost?.why).toMatch(/^TAPE_CORRUPT: /)
  })

  test('that is none is refused as before: a text, zeros, another program’s database, and nothing is left behind', async () => {
    const output = newTapePath()
    const folder = output.slice(0, output.lastIndexOf('/'))
    const text = damaged((bytes) => bytes.fill('hello '))
    const zeros = damaged((bytes) => bytes.fill(0))
    const foreign = await recordedTape((run) => run.note('x'))
    const bytes = fs.readFileSync(foreign)
    bytes.writeInt32BE(7, 68) // its application id
    fs.writeFileSync(foreign, bytes)
    for (const file of [text, zeros, foreign]) {
      expect(() => salvageTape(file, output)).toThrow(/^NOT_A_TAPE/)
      expect(fs.readdirSync(folder)).toEqual([])
    }
  })
})
