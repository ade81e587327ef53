/** Writes the end of a run that nobody records any more: its process was killed, on this machine or another. */
import { TapeError } from '../../errors.js'
import { Packer } from '../../events/pack.js'
import type { Connection } from '../format/connection.js'
import { sqliteError } from '../format/database.js'
import type { SameFile } from '../format/file-identity.js'
import { RunLock } from '../format/run-lock.js'
import { packAgain } from '../proof/pack-again.js'
import { Reader } from '../read/reader.js'
import { interruptedEnd } from '../write/interrupted-end.js'
import { Writer } from '../write/writer.js'

/**
 * Ends a run as `interrupted`. It reads the whole run before, because the end joins its numbering of texts.
 *
 * Throws  RUN_RECORDING while somebody records it; RUN_FINISHED when it has an end; TAPE_CORRUPT; WRITE_FAILED
 */
export function endInterrupted(
  db: Connection,
  file: SameFile,
  { id, name }: { id: number; name: string },
): void {
  const what = `run ${id} ("${name}") of ${file.path}`
  // Nobody else ends it meanwhile.
  const lock = RunLock.take(file.path, id)
  try {
    const end = interruptedEnd(db, id, textsOf(db, id))
    if (end === null) throw new TapeError('RUN_FINISHED', `${what} has an end already`)
    const before = { runId: id, repetitions: { current: 1, previous: 1 }, texts: [] }
    const failure = new Writer(db, file, name, before).write([end])
    if (failure !== null) throw failure
  } catch (error) {
    throw sqliteError(error, `ending ${what}`)
  } finally {
    lock.release()
  }
}

/** How many texts the run has numbered. */
function textsOf(db: Connection, id: number): number {
  const reader = new Reader(db)
  const packer = new Packer()
  const batches = db
    .prepare<[number], { first: number; count: number }>(
      'SELECT first_position AS first, event_count AS count FROM _commit WHERE run_id = ? AND event_count > 0 ORDER BY id',
    )
    .all(id)
  for (const { first, count } of batches) packAgain(reader, packer, id, [first, first + count - 1], () => {})
  return packer.texts.firstWaiting
}
