/** The thread that makes digests of a file; see digest-thread.ts. */
import { workerData } from 'node:worker_threads'
import { TapeError } from '../../errors.js'
import { openDatabase } from '../format/database.js'
import { DIGESTING, type DigestAnswer, type DigestData } from './digest-thread.js'
import { tapeDigests } from './view-digests.js'

const { path, port, control } = workerData as DigestData

port.postMessage(answer())
Atomics.store(control, DIGESTING.done, 1)
Atomics.notify(control, DIGESTING.done)

function answer(): DigestAnswer {
  try {
    const db = openDatabase(path, { readonly: true, olderSchema: true })
    try {
      return { digests: tapeDigests(db, onProgress) }
    } finally {
      db.close()
    }
  } catch (error) {
    if (error instanceof TapeError)
      return { code: error.code, explanation: error.message.slice(error.code.length + 2) }
    return {
      code: 'WRITE_FAILED',
      explanation: error instanceof Error ? (error.stack ?? error.message) : String(error),
    }
  }
}

function onProgress(rows: number): void {
  Atomics.store(control, DIGESTING.thousandsOfRows, rows / 1000)
  if (Atomics.load(control, DIGESTING.stop) !== 0)
    throw new TapeError('WRITE_FAILED', `reading ${path}: nobody wants to know any more`)
}
