/** Seals a tape, and holds it to its seals: between the runs of a tape and store/proof/seal.ts, which knows signatures. */
import { TapeError } from '../errors.js'
import type { Connection } from '../store/format/connection.js'
import {
  addSeal,
  brokenChain,
  checkEachKey,
  checkSeals,
  readSeals,
  type SealReport,
  type SealStatement,
  signedSeal,
} from '../store/proof/seal.js'
import type { VerifyReport } from '../store/proof/verify.js'
import { Reader } from '../store/read/reader.js'
import { ENGINE_VERSION } from './version.js'

/** A run of the tape, as `tape.runs()` tells of it. */
interface Ended {
  readonly id: number
  readonly name: string
  readonly status: string
  readonly events: number
}

/** Throws  BAD_KEY, RUN_RECORDING, TAPE_CORRUPT, BAD_ARGUMENT, BAD_FILE, WRITE_FAILED */
export function sealTape(
  path: string,
  db: Connection,
  runs: readonly Ended[],
  verified: VerifyReport,
  privateKey: string,
): SealStatement {
  checkIsFile(path)
  const recording = runs.find(({ status }) => status === 'recording')
  if (recording !== undefined)
    throw new TapeError(
      'RUN_RECORDING',
      `run ${recording.id} "${recording.name}" of ${path} is still being recorded; seal the tape when it has ended`,
    )
  if (!verified.intact)
    throw new TapeError('TAPE_CORRUPT', `${path} does not verify, so it is not sealed: ${verified.problem}`)
  const commits = new Reader(db).commits().slice(0, verified.batches)
  if (commits.length === 0)
    throw new TapeError('BAD_ARGUMENT', `expected a tape with a run in it to seal, ${path} holds none`)
  const statement: SealStatement = {
    sealedAt: new Date().toISOString(),
    engine: ENGINE_VERSION,
    batches: commits.length,
    first: commits[0]!.hash.toString('hex'),
    head: verified.head,
    runs: runs.flatMap(({ id, name, status, events }) => {
      const at = commits.findLastIndex((commit) => commit.run_id === id)
      if (at < 0) return []
      return [{ id, name, status, events, batch: at + 1, hash: commits[at]!.hash.toString('hex') }]
    }),
  }
  addSeal(path, signedSeal(statement, privateKey))
  return statement
}

/** Throws  BAD_KEY, FILE_NOT_FOUND when the seals cannot be read */
export function sealReport(
  path: string,
  db: Connection,
  verified: VerifyReport,
  publicKey: string,
): SealReport {
  checkIsFile(path)
  if (!verified.intact) return brokenChain(publicKey, verified.problem)
  return checkSeals(readSeals(path), new Reader(db).commits().slice(0, verified.batches), publicKey)
}

/** What the keys that sealed the tape come to; none for a tape in memory, or one whose chain is broken. */
export function sealsByKey(
  path: string,
  db: Connection,
  verified: VerifyReport,
): ReturnType<typeof checkEachKey> {
  if (path === ':memory:' || !verified.intact) return []
  return checkEachKey(readSeals(path), new Reader(db).commits().slice(0, verified.batches))
}

function checkIsFile(path: string): void {
  if (path === ':memory:')
    throw new TapeError('BAD_ARGUMENT', 'a tape in memory has no place for a seal; record to a file')
}
