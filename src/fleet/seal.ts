/** Brings a tape from one store to another, batch by batch: what lies there in the end has the same chain. */
import { TapeError } from '../errors.js'
import { chained, GENESIS } from '../store/format/chain.js'
import type { LoggedBatch } from '../store/manage/logged-batch.js'
import type { BatchStore, StoredTape } from './batch-store.js'
import { bringContents } from './bring-contents.js'

/** A file of a folder has batches of about this many bytes, before it is deflated. */
const SEGMENT_BYTES = 64 * 2 ** 20
const CONTENT_BYTES = 8 * 2 ** 20

/**
 * Copies what `to` does not have of a tape, and reads all of it again there: each batch is held to its hash.
 *
 * Returns  what is there now
 * Throws   STORE_CONFLICT when `to` has another tape of that name; TAPE_CORRUPT; STORE_FAILED
 */
export async function copyToStore(
  from: BatchStore,
  to: BatchStore,
  name: string,
  onProgress: (batches: number) => void = () => {},
): Promise<StoredTape> {
  const known = await to.tape(name)
  let head = known === null ? Buffer.alloc(0) : Buffer.from(known.head, 'hex')
  let waiting: LoggedBatch[] = []
  let bytes = 0
  const send = async () => {
    const last = waiting.at(-1)
    if (last === undefined) return
    await bringContents(to, waiting, CONTENT_BYTES, (contents) => from.contents(contents))
    await to.append(name, waiting, head)
    onProgress(last.n)
    head = Buffer.from(last.hash)
    ;[waiting, bytes] = [[], 0]
  }
  for await (const batch of from.batches(name, known?.batches ?? 0)) {
    waiting.push(batch)
    bytes += batch.payload.length
    if (bytes >= SEGMENT_BYTES) await send()
  }
  await send()
  return readAgain(to, name)
}

async function readAgain(store: BatchStore, name: string): Promise<StoredTape> {
  let [batches, head]: [number, Buffer] = [0, GENESIS]
  for await (const { n, hash, payload } of store.batches(name, 0)) {
    if (n !== batches + 1 || !chained(head, payload).equals(hash))
      throw new TapeError(
        'TAPE_CORRUPT',
        `batch ${n} of "${name}" in ${store.url} does not continue the chain`,
      )
    ;[batches, head] = [n, hash]
  }
  return { name, batches, head: head.toString('hex') }
}
