/** Batches one after the other as bytes, deflated: how a folder keeps them. */
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { TapeError } from '../errors.js'
import type { LoggedBatch } from '../store/manage/logged-batch.js'

/** A batch without its bytes. */
interface Header {
  n: number
  hash: string
  kind: LoggedBatch['kind']
  committedAt: string
  runName: string | null
  wordsBytes: number
  textsBytes: number
  arrays: readonly number[]
  payloadBytes: number
}

const LENGTH_BYTES = 4

/** What one must know of a batch to read its payload, as JSON. */
export function headerBytes({ hash, payload, ...rest }: LoggedBatch): Buffer {
  return Buffer.from(
    JSON.stringify({ ...rest, hash: hash.toString('hex'), payloadBytes: payload.length } satisfies Header),
  )
}

/** The way back. Throws TAPE_CORRUPT, naming `where`, for bytes that say nothing of the kind. */
export function headerFrom(bytes: Buffer, where: string): Omit<LoggedBatch, 'hash' | 'payload'> {
  try {
    const { hash: _, payloadBytes: __, ...rest } = parsedHeader(bytes)
    return rest
  } catch (error) {
    throw new TapeError('TAPE_CORRUPT', `${where} cannot be read (${(error as Error).message})`, {
      cause: error,
    })
  }
}

export function toFrames(batches: readonly LoggedBatch[]): Buffer {
  const parts = batches.flatMap((batch) => {
    const header = headerBytes(batch)
    const length = Buffer.alloc(LENGTH_BYTES)
    length.writeUInt32LE(header.length)
    return [length, header, batch.payload]
  })
  return deflateRawSync(Buffer.concat(parts), { level: 6 })
}

/** Throws TAPE_CORRUPT, naming `where`, for bytes that are no batches. */
export function fromFrames(bytes: Buffer, where: string): LoggedBatch[] {
  try {
    const all = inflateRawSync(bytes)
    const batches: LoggedBatch[] = []
    for (let at = 0; at < all.length; ) {
      const headerAt = at + LENGTH_BYTES
      const payloadAt = headerAt + all.readUInt32LE(at)
      const { hash, payloadBytes, ...rest } = parsedHeader(all.subarray(headerAt, payloadAt))
      at = payloadAt + payloadBytes
      if (!(at >= payloadAt && at <= all.length)) throw new Error('it ends early')
      batches.push({ ...rest, hash: Buffer.from(hash, 'hex'), payload: all.subarray(payloadAt, at) })
    }
    if (batches.length === 0) throw new Error('it is empty')
    return batches
  } catch (error) {
    throw new TapeError(
      'TAPE_CORRUPT',
      `${where} holds no batches that can be read (${(error as Error).message})`,
      {
        cause: error,
      },
    )
  }
}

function parsedHeader(bytes: Buffer): Header {
  const header = JSON.parse(bytes.toString('utf8')) as Header | null
  if (!Array.isArray(header?.arrays)) throw new Error('it names no arrays')
  return header
}
