/** Tapes of a test's own, in a folder that is gone when the test is over. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { onTestFinished } from 'vitest'
import type { Connection } from '../../src/store/format/connection.js'
import { openTape } from '../../src/tape/open-tape.js'
import type { Run, RunOptions } from '../../src/tape/run.js'
import type { Tape } from '../../src/tape/tape.js'
import { plainDatabase } from '../plain-database.js'

export function temporaryFolder(): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gradtape-test-'))
  // A process that was told to end may still be taking its files away from there.
  onTestFinished(() => fs.rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }))
  return folder
}

/** The path of a tape that is not there yet. */
export function newTapePath(): string {
  return path.join(temporaryFolder(), 'test.tape')
}

/** Opens a tape that is closed when the test is over, also when it fails: no run goes on into the next test. */
export function openForTest(file: string, options: { readonly?: boolean } = {}): Tape {
  const tape = openTape(file, options)
  onTestFinished(() => tape.close())
  return tape
}

/** Records one run, to its end, on a new tape and closes it; gives its path. */
export async function recordedTape(
  record: (run: Run) => void,
  options: RunOptions = {},
  file = newTapePath(),
): Promise<string> {
  const tape = openForTest(file)
  const run = tape.startRun('test', options)
  record(run)
  await run.finish()
  tape.close()
  return file
}

/** A connection as any SQLite tool would open it: default pragmas, nothing of gradtape. */
export function plainConnection(file: string, options: { readonly?: boolean } = {}): Connection {
  const db = plainDatabase(file, options)
  onTestFinished(() => {
    db.close()
  })
  return db
}
