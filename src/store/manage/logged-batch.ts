/**
 * One batch of a tape as it travels from one to another, and what its payload says. For each batch sha256(hash before ‖ payload) = hash, which
 * anybody can check that knows nothing of gradtape.
 *
 * A payload names larger arrays by the SHA-256 of their content; the contents travel beside the batches, each once.
 */
import { TapeError } from '../../errors.js'
import {
  type ArrayCapture,
  CAPTURE_BYTES,
  CAPTURE_HASH,
  CAPTURE_INLINE,
  CAPTURE_SUMMARY,
} from '../../events/capture.js'
import { dtypeCode, ELEMENT_BYTES, RECORDED_DTYPES } from '../../events/dtypes.js'
import { SUMMARY_SIZE } from '../../events/record-layout.js'
import type { MaterializedRow } from '../format/chain.js'

/** One batch, as it travels. */
export interface LoggedBatch {
  /** Its number in the tape, from 1 without gaps. */
  readonly n: number
  /** SHA-256 over the hash before and the payload. */
  readonly hash: Buffer
  readonly payload: Buffer
  /** Events of a run, values that were computed again after it, or changes of its name and tags. */
  readonly kind: 'events' | 'values' | 'labels'
  /** When it was written, as the payload has it. */
  readonly committedAt: string
  /** The run's name, where the run begins in this batch; else null. */
  readonly runName: string | null
  /** Bytes of the packed events and of the texts in the payload; 0 and 0 for others. */
  readonly wordsBytes: number
  readonly textsBytes: number
  /** Of each array that the payload covers: what is kept of it, its dtype's code and its size, one after the other. */
  readonly arrays: readonly number[]
}

/** An array whose content a batch names by its hash. */
export interface NamedContent {
  readonly hash: Buffer
  readonly dtype: string
  readonly size: number
}

export const HASH_BYTES = 32
const SUMMARY_BYTES = 8 * SUMMARY_SIZE
/** A Float64Array of: run, first position, first step, events, first text, texts, digests. */
const PLACE_BYTES = 56

/** The contents that a batch names, each once. Throws TAPE_CORRUPT for a batch that is none. */
export function contentsOf(batch: LoggedBatch): NamedContent[] {
  const found = new Map<string, NamedContent>()
  const note = (hash: Buffer, dtype: string, size: number) =>
    found.set(hash.toString('hex'), { hash, dtype, size })
  if (batch.kind === 'labels') return []
  if (batch.kind === 'values') {
    rowsOf(batch).named.forEach(({ hash }, i) => {
      const { dtype, size } = arrayAt(batch, i)
      note(Buffer.from(hash!, 'hex'), dtype, size)
    })
  } else {
    eachDigest(batch, (kept, dtype, size, digest) => {
      if (kept === CAPTURE_BYTES) note(digest, dtype, size)
    })
  }
  return [...found.values()]
}

/** What is kept of array `i` of a batch, its dtype and its size. Throws TAPE_CORRUPT. */
export function arrayAt(batch: LoggedBatch, i: number): { kept: ArrayCapture; dtype: string; size: number } {
  const [kept, code, size] = batch.arrays.slice(3 * i, 3 * i + 3)
  const dtype = code === undefined ? undefined : RECORDED_DTYPES[code]
  if (dtype === undefined || size === undefined || !Number.isSafeInteger(size) || size < 0)
    throw new TapeError('TAPE_CORRUPT', `batch ${batch.n} does not say what its array ${i} is`)
  return { kept: kept as ArrayCapture, dtype, size }
}

function digestBytes(kept: ArrayCapture, dtype: string, size: number): number {
  switch (kept) {
    case CAPTURE_BYTES:
      return HASH_BYTES
    case CAPTURE_SUMMARY:
      return SUMMARY_BYTES
    case CAPTURE_HASH:
      return HASH_BYTES + SUMMARY_BYTES
    case CAPTURE_INLINE:
      return size * ELEMENT_BYTES[dtypeCode(dtype)]!
    default:
      throw new TapeError(
        'TAPE_CORRUPT',
        `a batch keeps an array in a way that does not exist (${String(kept)})`,
      )
  }
}

type EachDigest = (kept: ArrayCapture, dtype: string, size: number, digest: Buffer) => void

/** Tells of each array that the payload covers, in order. Throws TAPE_CORRUPT for a payload that does not fit them. */
export function eachDigest(batch: LoggedBatch, each: EachDigest): void {
  const { digests, place } = partsOf(batch)
  let at = 0
  for (let i = 0; i < place[6]!; i++) {
    const { kept, dtype, size } = arrayAt(batch, i)
    const end = at + digestBytes(kept, dtype, size)
    if (end > digests.length)
      throw new TapeError('TAPE_CORRUPT', `the payload of batch ${batch.n} ends before its arrays do`)
    each(kept, dtype, size, digests.subarray(at, end))
    at = end
  }
  if (at !== digests.length || batch.arrays.length !== 3 * place[6]!)
    throw new TapeError(
      'TAPE_CORRUPT',
      `the payload of batch ${batch.n} does not fit the arrays that it names`,
    )
}

interface Parts {
  readonly place: Float64Array
  readonly words: Float64Array
  readonly texts: string[]
  readonly digests: Buffer
}

/** The parts of a payload of events. Throws TAPE_CORRUPT. */
export function partsOf(batch: LoggedBatch): Parts {
  const { payload, committedAt, wordsBytes, textsBytes } = batch
  const at = PLACE_BYTES + Buffer.byteLength(committedAt)
  const textsAt = at + wordsBytes
  const digestsAt = textsAt + textsBytes
  const fits =
    digestsAt <= payload.length &&
    wordsBytes >= 0 &&
    wordsBytes % 8 === 0 &&
    textsBytes >= 2 &&
    payload.toString('utf8', PLACE_BYTES, at) === committedAt
  if (!fits)
    throw new TapeError('TAPE_CORRUPT', `the payload of batch ${batch.n} does not have the parts it says`)
  return {
    place: floats(payload.subarray(0, PLACE_BYTES)),
    words: floats(payload.subarray(at, textsAt)),
    texts: JSON.parse(payload.toString('utf8', textsAt, digestsAt)) as string[],
    digests: payload.subarray(digestsAt),
  }
}

/** A copy, since a payload may stand anywhere in memory. */
function floats(bytes: Buffer): Float64Array {
  return new Float64Array(
    bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer,
  )
}

/** The rows of a batch of values that were computed again. */
export function rowsOf(batch: LoggedBatch): {
  run: number
  rows: MaterializedRow[]
  named: MaterializedRow[]
} {
  const [run, at, list] = JSON.parse(batch.payload.toString('utf8')) as [number, string, unknown[][]]
  if (at !== batch.committedAt)
    throw new TapeError('TAPE_CORRUPT', `batch ${batch.n} says two times (${at} and ${batch.committedAt})`)
  const rows = list.map(([id, part, hash, scalar]): MaterializedRow => {
    const number = scalar === 'Infinity' || scalar === '-Infinity' ? Number(scalar) : scalar
    return {
      id: id as number,
      part: part as number,
      hash: hash as string | null,
      scalar: number as number | string | null,
    }
  })
  return { run, rows, named: rows.filter(({ hash }) => hash !== null) }
}
