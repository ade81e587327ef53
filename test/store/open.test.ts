/** Opening a tape while another process has its file. */
import { expect, test } from 'vitest'
import { startChild } from '../tape/child-process.js'
import { newTapePath, openForTest } from '../tape/temporary-tape.js'

test('a new file that another process is just making into a tape is waited for', async () => {
  const file = newTapePath()
  // SQLite does not wait where two might wait for each other: turning to WAL is refused at once while somebody reads.
  const child = startChild(
    `import Database from ${JSON.stringify(import.meta.resolve('better-sqlite3'))}
     const db = new Database(arg.file)
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
