/** What compact answers, and whom it refuses. */
import fs from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { plainDatabase } from '../plain-database.js'
import { withoutTriggers } from '../store/schema.js'
import { startChild } from '../tape/child-process.js'
import { gradtape, gradtapeJson, lines, temporaryFolder } from './gradtape.js'
import { recorder, writeDigits } from './tapes.js'

const folder = temporaryFolder()
const original = path.join(folder, 'original.tape')

beforeAll(() => writeDigits(original, 100, { checkpointEvery: 20 }))

/** A copy that a test may change. */
function copied(name: string): string {
  const file = path.join(folder, name)
  fs.copyFileSync(original, file)
  return file
}

describe('gradtape compact', () => {
  test('makes the file smaller and says that every view is equal', async () => {
    const file = copied('compact.tape')
    const { head } = await gradtapeJson<{ head: string }>('verify', file)
    const before = fs.statSync(file).size
    const shown = await lines('compact', file)
    expect(shown[0]).toMatch(/compact.tape: \S+ [kM]B before, \S+ [kM]B after \(−[\d.]+ %\)$/)
    expect(shown[1]).toMatch(/^ {2}equal: all \d+ views, [\d,]+ rows, by their hashes$/)
    expect(shown[2]).toBe(`  intact: ${shown[2]?.split(': ')[1]}`)
    expect(shown[2]).toContain(`head ${head}`)
    expect(fs.statSync(file).size).toBeLessThan(before)
    expect(fs.readdirSync(folder).filter((name) => name.startsWith('compact.tape'))).toEqual(['compact.tape'])
    expect(await gradtapeJson('verify', file, '--expect', head)).toMatchObject({ intact: true })
    expect(await gradtapeJson('replay', file, '--from', '90')).toMatchObject({
      verdict: 'bit-exact',
      from: 81,
    })
    await writeDigits(file, 2)
    expect(await gradtapeJson('verify', file)).toMatchObject({ intact: true })
  })

  test('leaves a tape as it is when there is nothing to gain, and with --output in any case', async () => {
    const file = copied('twice.tape')
    await gradtape('compact', file)
    const bytes = fs.readFileSync(file)
    expect(await gradtapeJson('compact', file)).toMatchObject({ written: false, views: [] })
    expect((await lines('compact', file))[0]).toMatch(/ as small as it gets; it was left as it is$/)
    const output = path.join(folder, 'other.tape')
    expect(await gradtapeJson('compact', file, '--output', output)).toMatchObject({ written: true })
    expect(contentOf(file)).toEqual(contentOf(output))
    expect(bytes.equals(fs.readFileSync(file)) || contentOf(file).length > 0).toBe(true)
    const { status, stderr } = await gradtape('compact', file, '--output', output)
    expect([status, stderr]).toEqual([
      1,
      `BAD_ARGUMENT: expected no file at ${output}, found one; name another or remove it\n`,
    ])
  })

  test('refuses while a process records, and while another has the tape open', async () => {
    const file = copied('busy.tape')
    const child = await recorder(file)
    const refused = await gradtape('compact', file)
    expect([refused.status, refused.stderr]).toEqual([
      1,
      `RUN_RECORDING: run 2 ("going on") is being recorded by process ${child.process.pid}; compact the tape when it has ended\n`,
    ])
    child.process.kill('SIGKILL')
    await child.ended
    for (const options of [{}, { readonly: true }]) {
      const other = startChild(
        `const tape = gradtape.openTape(arg.file, arg.options); tape.runs(); say('open'); setInterval(() => tape, 1000)`,
        { file, options },
      )
      await other.said('open')
      const { status, stderr } = await gradtape('compact', file)
      expect(stderr).toMatch(/^TAPE_BUSY: .*busy.tape is open elsewhere/)
      expect(status).toBe(1)
      other.process.kill('SIGKILL')
      await other.ended
    }
    expect((await gradtape('compact', file)).status).toBe(0)
    expect(await gradtapeJson('verify', file)).toMatchObject({ intact: true })
  })

  test('leaves a tape alone that is not intact', async () => {
    const file = copied('changed.tape')
    const db = plainDatabase(file)
    withoutTriggers(db, () => db.exec("UPDATE _run SET name = 'better'"))
    db.close()
    const { status, stderr } = await gradtape('compact', file)
    expect(stderr).toMatch(
      /TAPE_CORRUPT: .*changed.tape is not intact, and was left as it is: run 1 is listed under another name/,
    )
    expect(status).toBe(1)
    expect(fs.readdirSync(folder).filter((name) => name.startsWith('changed.tape'))).toEqual(['changed.tape'])
  })
})

/** All rows of all private tables, for files whose bytes may differ. */
function contentOf(file: string): unknown[] {
  const db = plainDatabase(file, { readonly: true })
  try {
    const tables = db
      .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
      .pluck()
      .all() as string[]
    return tables.map((table) => [table, db.prepare(`SELECT * FROM ${table} ORDER BY 1, 2`).raw().all()])
  } finally {
    db.close()
  }
}
