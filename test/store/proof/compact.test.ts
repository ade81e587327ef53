// Compaction changes the file and nothing that it says; whatever interrupts it leaves the tape as it was.
import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { TapeError } from '../../../src/errors.js'
import type { Connection } from '../../../src/store/format/connection.js'
import { compactFile } from '../../../src/store/proof/compact.js'
import { verifyChain } from '../../../src/store/proof/verify.js'
import { viewDigests } from '../../../src/store/proof/view-digests.js'
import { MAIN } from '../../cli/gradtape.js'
import { trainOnDigits } from '../../cli/tapes.js'
import { runChild, startChild } from '../../tape/child-process.js'
import { newTapePath, openForTest, plainConnection, recordedTape } from '../../tape/temporary-tape.js'
import { richTape } from '../rich-run.js'
import { contentOf, withoutTriggers } from '../schema.js'

const prove = (copy: Connection) => expect(verifyChain(copy)).toMatchObject({ intact: true })
const nextTo = (file: string) => fs.readdirSync(path.dirname(file)).filter((name) => name !== 'child.mjs')

function isIntact(file: string): boolean {
  const tape = openForTest(file, { readonly: true })
  const { intact } = tape.verify()
  tape.close()
  return intact
}

function digestsOf(file: string) {
  const db = plainConnection(file, { readonly: true })
  const digests = viewDigests(db)
  db.close()
  return digests
}

describe('compactFile', () => {
  test('keeps every row of every table, and the tape goes on being written to', async () => {
    const file = await richTape()
    const db = plainConnection(file, { readonly: true })
    const before = contentOf(db)
    db.close()
    const size = fs.statSync(file).size
    fs.chmodSync(file, 0o640)
    const report = compactFile(file, { prove })
    expect(report).toMatchObject({
      written: true,
      path: fs.realpathSync(file),
      bytesAfter: fs.statSync(file).size,
    })
    expect(report.bytesAfter).toBeLessThan(size)
    expect(fs.statSync(file).mode & 0o777).toBe(0o640)
    expect(nextTo(file)).toEqual(['test.tape'])
    const after = plainConnection(file, { readonly: true })
    expect(contentOf(after)).toEqual(before)
    expect(after.pragma('journal_mode', { simple: true })).toBe('delete')
    after.close()
    await richTape(2, {}, file)
    expect(isIntact(file)).toBe(true)
  })

  test('compares all public views, in an order that is given by their keys', async () => {
    const file = await richTape()
    const { views } = compactFile(file, { prove })
    const db = plainConnection(file, { readonly: true })
    const names = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY name").pluck().all()
    expect(views.map(({ name }) => name)).toEqual(names)
    for (const { name, rows } of views)
      expect(db.prepare(`SELECT count(*) FROM ${name}`).pluck().get(), name).toBe(rows)
  })

  test('takes in what still stands in the WAL, and follows a link to the tape', async () => {
    const file = newTapePath()
    const { signal } = await runChild(
      `const run = gradtape.openTape(arg).startRun('killed')
      for (let i = 0; i < 2000; i++) { run.step(); run.log({ i }) }
      run.flush(); process.kill(process.pid, 'SIGKILL')`,
      file,
    )
    expect(signal).toBe('SIGKILL')
    const wal = fs.statSync(`${file}-wal`).size
    expect(wal).toBeGreaterThan(0)
    const link = path.join(path.dirname(file), 'link.tape')
    fs.symlinkSync(file, link)
    const report = compactFile(link, { prove })
    expect(report.bytesBefore).toBeGreaterThan(wal)
    expect(fs.lstatSync(link).isSymbolicLink()).toBe(true)
    expect(nextTo(file).sort()).toEqual(['link.tape', 'test.tape'])
    const [run] = openForTest(file, { readonly: true }).runs()
    expect(run).toMatchObject({ name: 'killed', steps: 2000, status: 'interrupted' })
  })

  test('leaves the tape as it was when the proof fails, and no copy behind', async () => {
    const file = await richTape()
    const before = digestsOf(file)
    const { size, ino } = fs.statSync(file)
    const no = () => {
      throw new TapeError('TAPE_CORRUPT', 'no')
    }
    expect(() => compactFile(file, { prove: no })).toThrow(/^TAPE_CORRUPT: no/)
    expect(fs.statSync(file)).toMatchObject({ size, ino })
    expect(nextTo(file)).toEqual(['test.tape'])
    expect(digestsOf(file)).toEqual(before)
    await richTape(2, {}, file)
    expect(isIntact(file)).toBe(true)
  })

  test('is refused while this process or another has the tape open, though it opened it twice', async () => {
    const file = await recordedTape((run) => run.note('one'))
    const tape = openForTest(file)
    openForTest(file, { readonly: true }).close()
    expect(() => compactFile(file, { prove })).toThrow(/^TAPE_BUSY/)
    tape.close()
    const other = startChild(
      `const tape = gradtape.openTape(arg), run = tape.startRun('second'); run.flush()
      gradtape.openTape(arg, { readonly: true }).close(); say('open'); setInterval(() => run, 1000)`,
      file,
    )
    await other.said('open')
    expect(() => compactFile(file, { prove })).toThrow(/^TAPE_BUSY/)
    other.process.kill('SIGKILL')
    await other.ended
    expect(compactFile(file, { prove }).written).toBe(true)
  })

  test('keeps everybody out until it is done; who waited meanwhile opens the file that took the place', async () => {
    const file = await recordedTape((run) => trainOnDigits(run, 30))
    const waiting = startChild(
      `fs.writeSync(1, 'waiting\\n')
      const run = gradtape.openTape(arg).startRun('late'); run.note('late'); await run.finish(); say('written')`,
      file,
    )
    compactFile(file, {
      prove: (copy) => {
        // Long enough for the other process to start, open the file, and meet the lock.
        const until = performance.now() + 2_000
        while (performance.now() < until) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50)
        prove(copy)
      },
    })
    expect(await waiting.ended).toMatchObject({ stdout: 'waiting\nwritten\n', stderr: '', code: 0 })
    expect(
      openForTest(file, { readonly: true })
        .runs()
        .map(({ name }) => name),
    ).toEqual(['test', 'late'])
    expect(isIntact(file)).toBe(true)
  })

  test('killed in the middle leaves the tape whole; the next one removes the copy that was cut short', async () => {
    const file = await recordedTape((run) => trainOnDigits(run, 400))
    const before = digestsOf(file)
    const { ino } = fs.statSync(file)
    const copy = `${fs.realpathSync(file)}.compacting`
    const child = startChild(
      `const { spawn } = await import('node:child_process')
      const compact = spawn(process.execPath, [arg.main, 'compact', arg.file])
      const look = setInterval(() => {
        if (!fs.existsSync(arg.copy)) return
        clearInterval(look); compact.kill('SIGKILL'); compact.on('close', (_, signal) => { say(signal); process.exit() })
      }, 2)`,
      { main: MAIN, file, copy },
    )
    expect((await child.ended).stdout).toBe('SIGKILL\n')
    expect(fs.existsSync(copy)).toBe(true)
    expect(fs.statSync(file).ino).toBe(ino)
    expect(digestsOf(file)).toEqual(before)
    expect(isIntact(file)).toBe(true)
    expect(compactFile(file, { prove })).toMatchObject({ written: true, views: before })
    expect(nextTo(file)).toEqual(['test.tape'])
    expect(digestsOf(file)).toEqual(before)
  })

  test('refuses an output that is there, or that would be taken for a copy cut short', async () => {
    const file = await recordedTape((run) => run.note('one'))
    expect(() => compactFile(file, { prove, output: file })).toThrow(/^BAD_ARGUMENT: expected no file at/)
    expect(() => compactFile(file, { prove, output: `${file}.compacting` })).toThrow(/^BAD_ARGUMENT/)
    expect(() => compactFile(file, { prove, output: path.join(file, '..', 'no', 'where') })).toThrow(
      TapeError,
    )
    expect(nextTo(file).filter((name) => !/-(wal|shm)$/.test(name))).toEqual(['test.tape'])
  })
})

describe('viewDigests', () => {
  test.each([
    [
      'a metric',
      "UPDATE _metric SET scalar = scalar + 1e-15 WHERE rowid = (SELECT max(rowid) FROM _metric WHERE typeof(scalar) = 'real')",
      'metric',
    ],
    [
      'one byte of a value',
      "UPDATE _value SET bytes = CAST(x'00' || substr(bytes, 2) AS BLOB) WHERE id = (SELECT max(id) FROM _value WHERE substr(bytes, 1, 1) <> x'00')",
      'value',
    ],
  ])('tells files apart that differ in %s', async (_, sql, view) => {
    const file = await richTape()
    const before = digestsOf(file)
    const db = plainConnection(file)
    withoutTriggers(db, () => db.exec(sql))
    db.close()
    const changed = digestsOf(file).filter(({ sha256 }, i) => sha256 !== before[i]?.sha256)
    expect(changed.map(({ name }) => name)).toEqual([view])
  })

  test('tells 1 from 1.0, an empty text from null, and a text from a blob of its bytes', () => {
    const digest = (cell: string) => {
      const db = plainConnection(':memory:')
      db.exec(`CREATE VIEW v AS SELECT ${cell} AS a, 2 AS b`)
      return viewDigests(db)[0]?.sha256
    }
    const cells = ['1', '1.0', '-0.0', '0.0', "''", 'NULL', "'a'", "x'61'", "x''", '9e999', "'9e999'"]
    expect(new Set(cells.map(digest)).size).toBe(cells.length)
    expect(digest('1')).toBe(digest('2 - 1'))
  })
})
