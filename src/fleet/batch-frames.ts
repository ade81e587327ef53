/** Batches one after the other as bytes, deflated: how a folder keeps them. */
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { TapeError } from '../errors.js'
import type { LoggedBatch } from '../store/manage/batch-log.js'

/** A batch without its bytes. */
interface Header {
  n: number
  hash: string
  kind: 'events' | 'values'
  committedAt: string
  runName: string | null
  wordsBytes: number
  textsBytes: number
  arrays: number[]
  payloadBytes: number
}

const LENGTH_BYTES = 4

export function toFrames(batches: readonly LoggedBatch[]): Buffer {
  const parts = batches.flatMap(({ hash, payload, ...rest }) => {
    const header = Buffer.from(
      JSON.stringify({ ...rest, hash: hash.toString('hex'), payloadBytes: payload.length }),
    )
    const length = Buffer.alloc(LENGTH_BYTES)
    length.writeUInt32LE(header.length)
    return [length, header, payload]
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
      const { hash, payloadBytes, ...rest } = JSON.parse(all.toString('utf8', headerAt, payloadAt)) as Header
      at = payloadAt + payloadBytes
      if (!(at > payloadAt - 1 && at <= all.length) || !Array.isArray(rest.arrays))
        throw new Error('it ends early')
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
