/** Brings the batches of a tape to a store. */
import path from 'node:path'
import { TapeError } from '../errors.js'
import { openDatabase } from '../store/format/database.js'
import { contentsOf, type LoggedBatch, TapeLog } from '../store/manage/batch-log.js'
import { type BatchStore, checkTapeName, conflict } from './batch-store.js'
import { openStore } from './open-store.js'

/** Batches are sent together up to this many bytes. */
const SENT_BYTES = 8 * 2 ** 20

/** What a pushed tape is called, and who hears how far it is. */
export interface PushOptions {
  /** What the tape is called in the store; the file's name without its ending when not said. */
  name?: string
  /** Told now and then how many batches the store has, and how many it will have. */
  onProgress?: (batches: number, total: number) => void
}

/** What a push sent, and what the store holds now. */
export interface PushReport {
  name: string
  /** Batches that were sent now, and their contents. */
  batches: number
  contents: number
  /** What the store has now, acknowledged. The head is the receipt: keep it, and whoever has it can prove what was pushed. */
  stored: { batches: number; head: string }
}

/**
 * Sends to a store what it does not have of a tape, as of this moment; the tape may be recorded into meanwhile. What was sent
 * and acknowledged is never sent again, so an interrupted push goes on where it stopped.
 *
 * url   a folder
 *
 * Throws  STORE_CONFLICT when the store has another tape of that name, or somebody else pushes to it; STORE_FAILED when it cannot be
 *         reached; TAPE_CORRUPT when a batch of the tape does not have its hash
 */
export async function pushTape(file: string, url: string, options: PushOptions = {}): Promise<PushReport> {
  const name = options.name ?? path.basename(file).replace(/\.[^.]*$/, '')
  checkTapeName(name)
  const store = await openStore(url)
  try {
    const db = openDatabase(file, { readonly: true })
    try {
      db.exec('BEGIN') // as of one moment
      return await push(new TapeLog(db), store, name, options)
    } finally {
      db.close()
    }
  } finally {
    await store.close()
  }
}

async function push(
  log: TapeLog,
  store: BatchStore,
  name: string,
  options: PushOptions,
): Promise<PushReport> {
  const known = await store.tape(name)
  const local = log.state(known?.batches)
  let stored = { batches: known?.batches ?? 0, head: known?.head ?? '' }
  const report = (batches: number, contents: number): PushReport => ({ name, batches, contents, stored })
  if (known !== null && known.batches > local.batches) {
    const theirs = local.batches === 0 ? local.head : await store.hashAt(name, local.batches)
    if (local.batches > 0 && theirs?.equals(local.head)) return report(0, 0) // the store is ahead
    throw forked(store, name, known.batches, local.batches)
  }
  if (known !== null && local.at?.toString('hex') !== known.head)
    throw forked(store, name, known.batches, local.batches)
  let [sent, contents] = [0, 0]
  let waiting: LoggedBatch[] = []
  let bytes = 0
  const send = async () => {
    if (waiting.length === 0) return
    const named = new Map(
      waiting.flatMap(contentsOf).map((content) => [content.hash.toString('hex'), content]),
    )
    for (const content of await store.missing([...named.values()])) {
      await store.putContent(content, log.content(content))
      contents++
    }
    await store.append(name, waiting, Buffer.from(stored.head, 'hex'))
    const last = waiting.at(-1)!
    stored = { batches: last.n, head: last.hash.toString('hex') }
    sent += waiting.length
    ;[waiting, bytes] = [[], 0]
    options.onProgress?.(stored.batches, local.batches)
  }
  for (const batch of log.batches(stored.batches)) {
    waiting.push(batch)
    bytes += batch.payload.length
    if (bytes >= SENT_BYTES) await send()
  }
  await send()
  if (stored.batches === 0)
    throw new TapeError('BAD_ARGUMENT', `expected a tape with at least one batch to push, got an empty one`)
  return report(sent, contents)
}

function forked(store: BatchStore, name: string, theirs: number, ours: number): TapeError {
  return conflict(
    store.url,
    name,
    `its ${theirs} batches are not the beginning of this tape's ${ours}, nor the other way round: it is another tape of that name; give this one another name (--name)`,
  )
}
