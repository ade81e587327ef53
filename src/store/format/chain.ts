/**
 * The hash chain: what a commit row's hash covers. The writer computes it when a batch is written, verification computes
 * it again from what the tables say; any edit in between makes them differ.
 */
import crypto from 'node:crypto'
import os from 'node:os'
import { TapeError } from '../../errors.js'
import type { PackedBatch } from '../../events/pack.js'
import type { Digests } from './digests.js'

/** The hash before the first. */
export const GENESIS = Buffer.alloc(32)

if (os.endianness() !== 'LE') {
  throw new TapeError(
    'BAD_ARGUMENT',
    'gradtape needs a little-endian processor: its hashes cover the bytes of numbers as they stand in memory',
  )
}

/** A value that was computed again after the run. */
export interface MaterializedRow {
  /** run × 2³² + position of the event that made it. */
  readonly id: number
  readonly part: number
  /** Of the value's content; null for one element. */
  readonly hash: string | null
  readonly scalar: number | string | null
}

/** The hash of a commit that holds no events, but values that were computed again. */
export function materializedHash(
  before: Buffer,
  runId: number,
  committedAt: string,
  rows: readonly MaterializedRow[],
): Buffer {
  return chained(before, materializedPayload(runId, committedAt, rows))
}

/** A change of a run's name or tags. */
export interface LabelChange {
  readonly kind: 'named' | 'tagged' | 'untagged'
  readonly text: string
}

/** What the hash of a commit that holds labels covers besides the hash before. Its first word keeps it apart from one of values. */
export function labelsPayload(runId: number, committedAt: string, changes: readonly LabelChange[]): Buffer {
  const list = changes.map(({ kind, text }) => [kind, text])
  return Buffer.from(JSON.stringify(['labels', runId, committedAt, list]))
}

/** SHA-256 over the hash before and a payload, given in one part or several. */
export function chained(before: Buffer, ...payload: readonly Uint8Array[]): Buffer {
  const hash = crypto.createHash('sha256').update(before)
  for (const part of payload) hash.update(part)
  return hash.digest()
}

/** What that hash covers besides the hash before. */
export function materializedPayload(
  runId: number,
  committedAt: string,
  rows: readonly MaterializedRow[],
): Buffer {
  // JSON has no infinities and would make both of them null.
  const exact = (scalar: number | string | null) =>
    scalar === Infinity || scalar === -Infinity ? String(scalar) : scalar
  const list = rows.map(({ id, part, hash, scalar }) => [id, part, hash, exact(scalar)])
  return Buffer.from(JSON.stringify([runId, committedAt, list]))
}

/**
 * SHA-256 over the hash before, where the batch stands, the packed words of its events, its texts, and the digests of
 * its larger values.
 */
export function chainHash(
  before: Buffer,
  runId: number,
  committedAt: string,
  batch: Pick<PackedBatch, 'firstPosition' | 'firstStep' | 'count' | 'words' | 'texts' | 'firstText'>,
  digests: Digests,
): Buffer {
  return chained(before, ...payloadParts(runId, committedAt, batch, digests))
}

/** What that hash covers besides the hash before: place, time, packed words, texts, digests. */
export function payloadParts(
  runId: number,
  committedAt: string,
  batch: Pick<PackedBatch, 'firstPosition' | 'firstStep' | 'count' | 'words' | 'texts' | 'firstText'>,
  digests: Digests,
): Uint8Array[] {
  const place = Float64Array.of(
    runId,
    batch.firstPosition,
    batch.firstStep,
    batch.count,
    batch.firstText,
    batch.texts.length,
    digests.count,
  )
  return [
    new Uint8Array(place.buffer),
    Buffer.from(committedAt),
    new Uint8Array(batch.words.buffer, batch.words.byteOffset, batch.words.byteLength),
    Buffer.from(JSON.stringify(batch.texts)),
    digests.bytes,
  ]
}
