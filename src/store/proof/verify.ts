/** Walks the hash chain of a tape: recomputes every hash from what the tables say, so any edit is found. */

import { TapeError } from '../../errors.js'
import { appendEvent, payloadOf } from '../../events/append.js'
import { bytesOf, hashOf } from '../../events/content.js'
import type { RecordedArray } from '../../events/event.js'
import { InlineArray } from '../../events/inline-array.js'
import { Packer } from '../../events/pack.js'
import { SummarizedArray } from '../../events/summarized-array.js'
import { chainHash, GENESIS, materializedHash } from '../format/chain.js'
import type { Connection } from '../format/connection.js'
import { sqliteError } from '../format/database.js'
import { Digests } from '../format/digests.js'
import { Reader } from '../read/reader.js'
import { StoredArray } from '../read/stored-array.js'
import { checkFile, checkNothingOutside, checkValues } from './integrity.js'

/** What walking the hash chain found. */
export interface VerifyReport {
  intact: boolean
  /** Batches, events and values that were checked. */
  batches: number
  events: number
  values: number
  /** The last hash of the chain. Kept elsewhere, it proves that nothing was cut off the end since. */
  head: string
  /** What is wrong first; null when intact. */
  problem: string | null
}

/** Told now and then how many events were checked, and how many there are. */
export type VerifyProgress = (events: number, total: number) => void

/**
 * @internal Looks at the file as of one moment, so that a tape may be recorded into meanwhile.
 *
 * Never throws for a damaged tape: the report says what is wrong. Throws TAPE_CLOSED and TAPE_BUSY, which say nothing of it.
 */
export function verifyChain(db: Connection, onProgress?: VerifyProgress): VerifyReport {
  const report: VerifyReport = {
    intact: true,
    batches: 0,
    events: 0,
    values: 0,
    head: GENESIS.toString('hex'),
    problem: null,
  }
  try {
    db.transaction(() => {
      checkFile(db)
      report.values = checkValues(db)
      walk(new Reader(db), report, onProgress) // a new one, because a reader remembers texts that may have been changed since
    })()
  } catch (thrown) {
    const error = sqliteError(thrown, 'reading the tape')
    if (!(error instanceof TapeError) || error.code === 'TAPE_CLOSED' || error.code === 'TAPE_BUSY')
      throw error
    report.intact = false
    report.problem = error.message
  }
  return report
}

function walk(reader: Reader, report: VerifyReport, onProgress?: VerifyProgress): void {
  const digests = new Digests()
  const packers = new Map<number, Packer>()
  let before: Buffer = GENESIS
  const commits = reader.commits()
  const total = commits.reduce((sum, commit) => sum + commit.event_count, 0)
  for (const commit of commits) {
    let packer = packers.get(commit.run_id)
    if (packer === undefined) {
      packer = new Packer()
      packers.set(commit.run_id, packer)
    }
    const where = `batch ${commit.id} (run ${commit.run_id}, events ${commit.first_position} to ${commit.first_position + commit.event_count - 1})`
    if (commit.id !== report.batches + 1)
      throw new TapeError('TAPE_CORRUPT', `${where} expected to be batch ${report.batches + 1}`)
    if (commit.event_count === 0) {
      const rows = reader.materializedBy(commit.id, commit.run_id)
      const hash = materializedHash(before, commit.run_id, commit.committed_at, rows)
      if (rows.length === 0 || commit.first_position !== 0 || !hash.equals(commit.hash))
        throw new TapeError(
          'TAPE_CORRUPT',
          `batch ${commit.id} (values of run ${commit.run_id} that were computed again) does not have the hash it was written with: it, or what came before it, was changed`,
        )
      before = commit.hash
      report.batches++
      report.head = hash.toString('hex')
      continue
    }
    if (commit.first_position !== packer.position + 1) {
      throw new TapeError('TAPE_CORRUPT', `${where} expected to begin at position ${packer.position + 1}`)
    }
    for (const event of reader.events(
      commit.run_id,
      commit.first_position,
      commit.first_position + commit.event_count - 1,
    )) {
      if (event.step !== packer.step + (event.type === 'StepStarted' ? 1 : 0)) {
        throw new TapeError(
          'TAPE_CORRUPT',
          `event ${event.position} of run ${commit.run_id} says step ${event.step}, the steps before it say otherwise`,
        )
      }
      if (event.type === 'RunStarted' && event.name !== reader.runName(commit.run_id)) {
        throw new TapeError(
          'TAPE_CORRUPT',
          `run ${commit.run_id} is listed under another name than it was started with ("${event.name}")`,
        )
      }
      appendEvent(packer, payloadOf(event), event.version)
    }
    const batch = packer.take()
    if (batch === null) throw new TapeError('TAPE_CORRUPT', `${where} is empty`)
    digests.clear()
    for (const value of batch.values) addDigest(digests, value)
    const hash = chainHash(before, commit.run_id, commit.committed_at, batch, digests)
    if (!hash.equals(commit.hash))
      throw new TapeError(
        'TAPE_CORRUPT',
        `${where} does not have the hash it was written with: it, or what came before it, was changed`,
      )
    before = commit.hash
    report.batches++
    report.events += batch.count
    report.head = hash.toString('hex')
    onProgress?.(report.events, total)
  }
  checkNothingOutside(reader.db, new Map([...packers].map(([runId, packer]) => [runId, packer.position])))
}

function addDigest(digests: Digests, value: RecordedArray): void {
  if (value instanceof InlineArray) digests.addInline(bytesOf(value.data, true))
  else if (value instanceof StoredArray) digests.addHash(value.hash)
  else if (value instanceof SummarizedArray) {
    const { hash } = value.summary
    if (hash === null) digests.addSummary(value.summary)
    else digests.addHashAndSummary(Buffer.from(hash, 'hex'), value.summary)
  }
  // One-element values stand in the words; an array that is not from the value table is a reader's mistake.
  else
    digests.addHash(
      hashOf(value.dtype, Buffer.from(value.data.buffer, value.data.byteOffset, value.data.byteLength)),
    )
}
