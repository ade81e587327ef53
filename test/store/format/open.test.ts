/** Opening a tape while another process has its file. */
import fs from 'node:fs'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { expect, test, vi } from 'vitest'
import { APPLICATION_ID, sqliteError } from '../../../src/store/format/database.js'
import { migrate } from '../../../src/store/format/migrations.js'
import { sqlite } from '../../../src/store/format/sqlite.js'
import { plainDatabase } from '../../plain-database.js'
import { DIST, startChild } from '../../tape/child-process.js'
import { newTapePath, openForTest } from '../../tape/temporary-tape.js'

test('a new file that another process is just making into a tape is waited for', async () => {
  const file = newTapePath()
  // SQLite does not wait where two might wait for each other: turning to WAL is refused at once while somebody reads.
  const child = startChild(
    `const { sqlite } = await import(${JSON.stringify(new URL('store/format/sqlite.js', pathToFileURL(DIST)).href)})
     const db = sqlite().open(arg.file, { readonly: false, timeoutMs: 0 })
     db.exec('BEGIN IMMEDIATE')
     say('locked')
     setTimeout(() => { db.exec('ROLLBACK'); db.close() }, 1000)`,
    { file },
  )
  await child.said('locked')
  const startedAt = performance.now()
  const tape = openForTest(file)
  expect(performance.now() - startedAt).toBeGreaterThan(200)
  expect(tape.runs()).toEqual([])
  expect((await child.ended).stderr).toBe('')
})

test('where there is no room any more, who does not record is not told to flush', () => {
  const db = plainDatabase(newTapePath())
  db.exec('CREATE TABLE x (b)')
  db.pragma('max_page_count = 4')
  let full: unknown = null
  try {
    db.exec('INSERT INTO x VALUES (zeroblob(1000000))')
  } catch (error) {
    full = error
  }
  db.close()
  expect(String(sqliteError(full, 'writing copy.tape'))).toBe(
    'TapeError: WRITE_FAILED: writing copy.tape: the disk is full; make room and try again',
  )
})

test('a file that becomes a tape while it is being looked at is a tape, not a stranger', () => {
  const file = newTapePath()
  const driver = sqlite()
  const open = driver.open.bind(driver)
  let made = 0
  // Another connection makes the tape after the first thing that opening has read, as another process might.
  const between = vi.spyOn(driver, 'open').mockImplementation((path, options) => {
    const db = open(path, options)
    const pragma = db.pragma.bind(db)
    db.pragma = (...args) => {
      const answer = pragma(...args)
      if (made++ > 0) return answer
      const other = open(file, { readonly: false, timeoutMs: 0 })
      try {
        migrate(other, APPLICATION_ID)
      } catch (error) {
        expect((error as { code: string }).code).toBe('SQLITE_BUSY')
      } finally {
        other.close()
      }
      return answer
    }
    return db
  })
  try {
    expect(openForTest(file).runs()).toEqual([])
  } finally {
    between.mockRestore()
  }
  expect(made).toBeGreaterThan(1)
})

test.runIf(fs.existsSync('/proc/locks'))(
  'opening a tape again in one process leaves the lock of the first connection, which tells other processes that it is there',
  () => {
    const file = newTapePath()
    openForTest(file).runs()
    const locks = () =>
      fs
        .readFileSync('/proc/locks', 'utf8')
        .split('\n')
        .filter((line) => line.includes(` ${process.pid} `) && line.includes(`:${fs.statSync(file).ino} `))
        .length
    expect(locks()).toBe(1)
    openForTest(file, { readonly: true }).runs()
    expect(locks()).toBe(1)
  },
)
