/** Walks the hash chain of a tape: recomputes every hash from what the tables say, so any edit is found. */

import { TapeError } from '../../errors.js'
import { bytesOf, hashOf } from '../../events/content.js'
import type { RecordedArray } from '../../events/event.js'
import { InlineArray } from '../../events/inline-array.js'
import { Packer } from '../../events/pack.js'
import { SummarizedArray } from '../../events/summarized-array.js'
import { checkCallback } from '../../options.js'
import { chainHash, GENESIS, materializedHash } from '../format/chain.js'
import type { Connection } from '../format/connection.js'
import { sqliteError } from '../format/database.js'
import { Digests } from '../format/digests.js'
import { Reader } from '../read/reader.js'
import { StoredArray } from '../read/stored-array.js'
import { TextReader } from '../read/text-reader.js'
import { BlockProof, Cuts } from './block-proof.js'
import { GradientProof } from './gradient-proof.js'
import { checkFile, checkNothingOutside } from './integrity.js'
import { LabelProof } from './label-proof.js'
import { NameProof } from './name-proof.js'
import { NamedValues } from './named-values.js'
import { packAgain } from './pack-again.js'
import { SiteProof } from './site-proof.js'
import { formFrom, TemplateProof } from './template-proof.js'
import { checkFacts, checkGenerated, checkMetrics, checkRunNames, checkTexts } from './text-proof.js'
import { noTexts } from './used-texts.js'
import { checkCheckpoints, checkValues, MaterializedProof } from './value-proof.js'

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

/** @internal Stands in the problem of a report that may be a mistake of ours as well. */
export const UNFORESEEN = 'in a way that no check foresees'

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
  checkCallback(onProgress, 'verify()')
  let failed: { readonly error: unknown } | null = null
  const tell = (events: number, total: number): void => {
    try {
      onProgress?.(events, total)
    } catch (error) {
      failed = { error }
      throw error
    }
  }
  try {
    db.transaction(() => {
      checkFile(db)
      walk(db, report, tell)
    })()
  } catch (thrown) {
    // Whoever is told is the caller's: what that throws says nothing of the tape.
    if (failed !== null) throw (failed as { readonly error: unknown }).error
    const error = sqliteError(thrown, 'reading the tape')
    if (error instanceof TapeError && (error.code === 'TAPE_CLOSED' || error.code === 'TAPE_BUSY'))
      throw error
    report.intact = false
    report.problem =
      error instanceof TapeError
        ? error.message
        : `TAPE_CORRUPT: reading the tape failed ${UNFORESEEN} (${String(error)}); please report this`
  }
  return report
}

/**
 * Every event is read, packed again and hashed again; and every row of every table is held to the one way in which what it
 * says is written, because views read the rows and not the events.
 */
function walk(db: Connection, report: VerifyReport, tell: VerifyProgress): void {
  // All of these are new, because they remember what may have been changed since.
  const reader = new Reader(db)
  const texts = new TextReader(db)
  const used = noTexts()
  const values = new NamedValues()
  const templates = new TemplateProof(db, texts, used)
  const gradients = new GradientProof(db, texts, used)
  const blocks = new BlockProof(db, templates, used, gradients, values, (form) =>
    formFrom(texts.arrayForm(form)),
  )
  const sites = new SiteProof(db, used)
  const names = new NameProof(db)
  const labels = new LabelProof(db, reader)
  const materialized = new MaterializedProof(db, texts, values)
  const cuts = new Map<number, Cuts>()
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
      if (commit.run_id !== packers.size)
        throw new TapeError(
          'TAPE_CORRUPT',
          `run ${commit.run_id} begins where run ${packers.size} was expected`,
        )
    }
    const where = `batch ${commit.id} (run ${commit.run_id}, events ${commit.first_position} to ${commit.first_position + commit.event_count - 1})`
    if (commit.id !== report.batches + 1)
      throw new TapeError('TAPE_CORRUPT', `${where} expected to be batch ${report.batches + 1}`)
    if (commit.event_count === 0) {
      const labelled = labels.batch(commit, before, packer.position > 0)
      if (labelled !== null) {
        before = labelled
        report.batches++
        report.head = labelled.toString('hex')
        continue
      }
      const rows = reader.materializedBy(commit.id, commit.run_id)
      const hash = materializedHash(before, commit.run_id, commit.committed_at, rows)
      if (rows.length === 0 || commit.first_position !== 0 || !hash.equals(commit.hash))
        throw new TapeError(
          'TAPE_CORRUPT',
          `batch ${commit.id} (values of run ${commit.run_id} that were computed again) does not have the hash it was written with: it, or what came before it, was changed`,
        )
      materialized.batch(commit.id, commit.run_id, packer.position)
      before = commit.hash
      report.batches++
      report.head = hash.toString('hex')
      continue
    }
    if (commit.first_position !== packer.position + 1) {
      throw new TapeError('TAPE_CORRUPT', `${where} expected to begin at position ${packer.position + 1}`)
    }
    const cutsOfRun = cuts.get(commit.run_id) ?? new Cuts()
    cuts.set(commit.run_id, cutsOfRun)
    const last = commit.first_position + commit.event_count - 1
    const batch = packAgain(reader, packer, commit.run_id, [commit.first_position, last], (event) => {
      if (event.step !== packer.step + (event.type === 'StepStarted' ? 1 : 0)) {
        throw new TapeError(
          'TAPE_CORRUPT',
          `event ${event.position} of run ${commit.run_id} says step ${event.step}, which does not follow from the steps before it`,
        )
      }
      if (event.type === 'RunStarted' && event.name !== reader.runName(commit.run_id)) {
        throw new TapeError(
          'TAPE_CORRUPT',
          `run ${commit.run_id} is listed under another name than it was started with ("${event.name}")`,
        )
      }
      cutsOfRun.add(event)
      gradients.add(event)
      names.add(event)
    })
    if (batch === null) throw new TapeError('TAPE_CORRUPT', `${where} is empty`)
    digests.clear()
    for (const value of batch.values) addDigest(digests, value)
    const hash = chainHash(before, commit.run_id, commit.committed_at, batch, digests)
    if (!hash.equals(commit.hash))
      throw new TapeError(
        'TAPE_CORRUPT',
        `${where} does not have the hash it was written with: it, or what came before it, was changed`,
      )
    sites.batch(commit.run_id, batch.firstPosition, packer.position)
    blocks.batch(commit.run_id, batch.firstPosition, packer.position, cutsOfRun)
    names.batch(commit.run_id)
    before = commit.hash
    report.batches++
    report.events += batch.count
    report.head = hash.toString('hex')
    tell(report.events, total)
  }
  templates.finish()
  gradients.finish()
  names.finish()
  materialized.finish()
  labels.finish()
  report.values = checkValues(db, values)
  checkTexts(db, used, texts)
  checkGenerated(db)
  checkFacts(db)
  checkCheckpoints(db)
  checkMetrics(db)
  checkRunNames(db)
  checkNothingOutside(db, new Map([...packers].map(([runId, packer]) => [runId, packer.position])))
}

/** @internal Adds what the hash chain covers of a larger value of a batch. */
export function addDigest(digests: Digests, value: RecordedArray): void {
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
