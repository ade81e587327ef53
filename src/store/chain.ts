/**
 * The hash chain: what a commit row's hash covers. The writer computes it when a batch is written, verification computes
 * it again from what the tables say; any edit in between makes them differ.
 */
import crypto from 'node:crypto'
import os from 'node:os'
import { TapeError } from '../errors.js'
import type { PackedBatch } from '../events/pack.js'

/** The hash before the first. */
export const GENESIS = Buffer.alloc(32)

if (os.endianness() !== 'LE') {
  throw new TapeError(
    'BAD_ARGUMENT',
    'gradtape needs a little-endian processor: its hashes cover the bytes of numbers as they stand in memory',
  )
}

/**
 * SHA-256 over the hash before, where the batch stands, the packed words of its events, its texts, and the hashes of its
 * larger values.
 */
export function chainHash(
  before: Buffer,
  runId: number,
  committedAt: string,
  batch: Pick<PackedBatch, 'firstPosition' | 'firstStep' | 'count' | 'words' | 'texts' | 'firstText'>,
  valueHashes: readonly Buffer[],
): Buffer {
  const place = Float64Array.of(
    runId,
    batch.firstPosition,
    batch.firstStep,
    batch.count,
    batch.firstText,
    batch.texts.length,
    valueHashes.length,
  )
  const hash = crypto.createHash('sha256')
  hash.update(before)
  hash.update(new Uint8Array(place.buffer))
  hash.update(committedAt)
  hash.update(new Uint8Array(batch.words.buffer, batch.words.byteOffset, batch.words.byteLength))
  hash.update(JSON.stringify(batch.texts))
  for (const valueHash of valueHashes) hash.update(valueHash)
  return hash.digest()
}
