/** The contents that batches name, on their way to a store: each once, and only those that it does not have. */
import { dtypeCode, ELEMENT_BYTES } from '../events/dtypes.js'
import { contentsOf, type LoggedBatch, type NamedContent } from '../store/manage/logged-batch.js'
import type { BatchStore } from './batch-store.js'

/**
 * Brings them there, about `bytesMax` bytes at a time.
 *
 * read     gives the bytes of contents, in their order
 * Returns  how many it brought
 */
export async function bringContents(
  store: BatchStore,
  batches: readonly LoggedBatch[],
  bytesMax: number,
  read: (contents: readonly NamedContent[]) => readonly Buffer[] | Promise<readonly Buffer[]>,
): Promise<number> {
  const named = new Map(batches.flatMap(contentsOf).map((content) => [content.hash.toString('hex'), content]))
  const missing = await store.missing([...named.values()])
  let [some, bytes]: [NamedContent[], number] = [[], 0]
  const send = async () => {
    const found = await read(some)
    await store.putContents(some.map((content, i) => ({ content, bytes: found[i]! })))
    ;[some, bytes] = [[], 0]
  }
  for (const content of missing) {
    some.push(content)
    bytes += content.size * ELEMENT_BYTES[dtypeCode(content.dtype)]!
    if (bytes >= bytesMax) await send()
  }
  if (some.length > 0) await send()
  return missing.length
}
