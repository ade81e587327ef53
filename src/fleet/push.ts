/** Brings the batches of a tape to a store. */
import path from 'node:path'
import { TapeError } from '../errors.js'
import { checkCallback, checkOptions, checkPath } from '../options.js'
import { openDatabase } from '../store/format/database.js'
import { checkTapeName } from './batch-store.js'
import { openStore } from './open-store.js'
import { PushSession } from './push-session.js'
import { chosenTape, storeAddress } from './store-address.js'

/** What a pushed tape is called, and what is told how far it is. */
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
 * url   a folder, postgres://host/DATABASE[/TAPE] or pglite:FOLDER[#TAPE]
 *
 * Throws  STORE_CONFLICT when the store has another tape of that name, or somebody else pushes to it; STORE_FAILED when it cannot be
 *         reached; TAPE_CORRUPT when a batch of the tape does not have its hash
 */
export async function pushTape(file: string, url: string, options: PushOptions = {}): Promise<PushReport> {
  checkPath(file, 'pushTape')
  checkOptions(options, ['name', 'onProgress'], 'pushTape')
  checkCallback(options.onProgress, 'the onProgress of pushTape')
  const address = storeAddress(url)
  const name = chosenTape(address, options.name) ?? path.basename(file).replace(/\.[^.]*$/, '')
  checkTapeName(name)
  const db = openDatabase(file, { readonly: true }) // no store is made for a file that is no tape
  try {
    const store = await openStore(address)
    try {
      db.exec('BEGIN') // as of one moment
      const session = new PushSession(db, store, name)
      await session.begin()
      const total = session.local
      if (total === 0 && session.stored.batches === 0)
        throw new TapeError(
          'BAD_ARGUMENT',
          `expected a tape with at least one batch to push, got an empty one`,
        )
      for (session.read(); session.isWaiting; session.read()) {
        await session.send()
        options.onProgress?.(session.stored.batches, total)
      }
      return { name, batches: session.sent, contents: session.contents, stored: { ...session.stored } }
    } finally {
      await store.close()
    }
  } finally {
    db.close()
  }
}
