/** Makes a local tape of the batches of a store: the same chain, the same head. */
import fs from 'node:fs'
import path from 'node:path'
import { TapeError } from '../errors.js'
import { checkCallback, checkOptions, checkPath } from '../options.js'
import { chained } from '../store/format/chain.js'
import { openDatabase } from '../store/format/database.js'
import { TapeLog } from '../store/manage/batch-log.js'
import { contentsOf, type LoggedBatch } from '../store/manage/logged-batch.js'
import { newTapeLater, SIDECARS } from '../store/manage/new-tape.js'
import { TapeFromLog } from '../store/manage/tape-from-log.js'
import { type BatchStore, conflict, isTapeName, type StoredTape } from './batch-store.js'
import { openStore } from './open-store.js'
import { chosenTape, storeAddress } from './store-address.js'

/** Which tape is pulled, and what is told how far it is. */
export interface PullOptions {
  /** Which tape of the store; may be left out when it holds one. */
  name?: string
  /** Told now and then how many batches are there, and how many there will be. */
  onProgress?: (batches: number, total: number) => void
}

/** What a pull brought, and what the file holds now. */
export interface PullReport {
  name: string
  path: string
  /** Batches that the tape has now; all of them were verified. */
  batches: number
  events: number
  head: string
  /** Of these the batches that came from the store now. */
  pulled: number
}

/**
 * Brings a tape from a store into a file. `name` is that of a tape, or of a run that only one of its tapes has, where the store
 * knows runs. When there is a file that holds the beginning of the tape, only what is missing comes from the store; so it does after
 * a pull that was interrupted. The file gets its name when all of it is there and verified.
 *
 * Throws  STORE_CONFLICT when the file is another tape; STORE_FAILED when the store cannot be reached; TAPE_CORRUPT when what came
 *         does not have its hashes; TAPE_NOT_FOUND for a name that the store does not have
 */
export async function pullTape(url: string, output: string, options: PullOptions = {}): Promise<PullReport> {
  checkPath(output, 'pullTape')
  checkOptions(options, ['name', 'onProgress'], 'pullTape')
  checkCallback(options.onProgress, 'the onProgress of pullTape')
  const address = storeAddress(url)
  const name = chosenTape(address, options.name)
  const store = await openStore(address)
  try {
    const wanted = await wantedTape(store, name)
    const partial = `${path.resolve(output)}.partial`
    const unfinished = `${path.resolve(output)}.unfinished`
    // Of a pull that was interrupted.
    if (fs.existsSync(unfinished))
      for (const each of SIDECARS)
        if (fs.existsSync(unfinished + each)) fs.renameSync(unfinished + each, partial + each)
    const begun = fs.existsSync(output) ? output : fs.existsSync(partial) ? partial : null
    const report = await build(store, wanted, output, begun, options)
    for (const each of SIDECARS) fs.rmSync(partial + each, { force: true })
    return report
  } finally {
    await store.close()
  }
}

/**
 * Brings the tape that an address names into a folder, or all tapes of the store.
 *
 * Returns  the files
 * Throws   as `pullTape`
 */
export async function pullTapes(url: string, folder: string): Promise<string[]> {
  checkPath(folder, 'pullTapes')
  const address = storeAddress(url)
  const store = await openStore(address)
  try {
    const names = address.tape === null ? (await store.tapes()).map(({ name }) => name) : [address.tape]
    if (names.length === 0)
      throw new TapeError('TAPE_NOT_FOUND', `expected tapes in ${store.url}, found none`)
    fs.mkdirSync(folder, { recursive: true })
    const files: string[] = []
    for (const name of names) {
      const file = path.join(folder, `${name}.tape`)
      await pullTape(url, file, { name })
      files.push(file)
    }
    return files
  } finally {
    await store.close()
  }
}

async function wantedTape(store: BatchStore, name: string | undefined): Promise<StoredTape> {
  if (name !== undefined) {
    const tape = isTapeName(name) ? await store.tape(name) : null
    if (tape !== null) return tape
    const [one, ...more] = await store.tapesWithRun(name)
    if (more.length > 0)
      throw new TapeError(
        'BAD_ARGUMENT',
        `${[one, ...more].join(', ')} in ${store.url} have a run "${name}" each; name one of these tapes`,
      )
    const its = one === undefined ? null : await store.tape(one)
    if (its !== null) return its
  }
  const tapes = await store.tapes()
  if (name === undefined && tapes.length === 1) return tapes[0]!
  const has = tapes.length === 0 ? 'no tapes' : tapes.map((tape) => tape.name).join(', ')
  throw new TapeError(
    name === undefined && tapes.length > 0 ? 'BAD_ARGUMENT' : 'TAPE_NOT_FOUND',
    `expected ${name === undefined ? 'the name of a tape' : `a tape "${name}"`} in ${store.url}, which has ${has}`,
  )
}

async function build(
  store: BatchStore,
  wanted: StoredTape,
  output: string,
  begun: string | null,
  { onProgress }: PullOptions,
): Promise<PullReport> {
  const { name } = wanted
  let pulled = 0
  let batches = 0
  const whole = begun === output && (await holds(output, store, wanted))
  if (whole !== false) return { name, path: output, ...whole, pulled: 0 }
  const { events, head } = await newTapeLater(
    output,
    async (file) => {
      const target = openDatabase(file, { readonly: false })
      try {
        target.pragma('synchronous = OFF') // it is synced as a whole before it gets its name
        const tape = new TapeFromLog(target)
        const add = (batch: LoggedBatch, contents: ReadonlyMap<string, Buffer>) => {
          tape.add(batch, contents)
          batches = batch.n
          onProgress?.(batches, wanted.batches)
        }
        if (begun !== null) await addLocal(begun, store, name, add)
        for await (const batch of store.batches(name, batches)) {
          if (!chained(tape.head, batch.payload).equals(batch.hash))
            throw new TapeError(
              'TAPE_CORRUPT',
              `batch ${batch.n} of "${name}" in ${store.url} does not have the hash it was pushed with: it was changed there`,
            )
          const contents = new Map<string, Buffer>()
          const named = contentsOf(batch)
          const bytes = await store.contents(named)
          for (const [i, { hash }] of named.entries()) contents.set(hash.toString('hex'), bytes[i]!)
          add(batch, contents)
          pulled++
        }
      } finally {
        target.close()
      }
    },
    { replaces: begun === output, keepsUnfinished: true },
  )
  return { name, path: output, batches, events, head, pulled }
}

/** What is said of a file that has all batches already; false for one that has not. Throws STORE_CONFLICT for another tape. */
async function holds(
  file: string,
  store: BatchStore,
  wanted: StoredTape,
): Promise<{ batches: number; events: number; head: string } | false> {
  const db = openDatabase(file, { readonly: true })
  try {
    const { batches, head } = new TapeLog(db).state()
    const known = batches === 0 ? head : await store.hashAt(wanted.name, batches)
    if (known === null || !known.equals(head))
      throw conflict(
        store.url,
        wanted.name,
        `${file} holds batches that are not in the store: push it, or pull to another file`,
      )
    if (batches < wanted.batches) return false
    const events = db.prepare('SELECT coalesce(sum(event_count), 0) FROM _commit').pluck().get() as number
    return { batches, events, head: head.toString('hex') }
  } finally {
    db.close()
  }
}

/** Takes from a file what it has of the tape already: a part that is damaged, or another tape's, is left. */
async function addLocal(
  file: string,
  store: BatchStore,
  name: string,
  add: (batch: LoggedBatch, contents: ReadonlyMap<string, Buffer>) => void,
): Promise<void> {
  const db = openDatabase(file, { readonly: true })
  try {
    const log = new TapeLog(db)
    const { batches, head } = log.state()
    if (batches === 0 || !(await store.hashAt(name, batches))?.equals(head)) return
    for (const batch of log.batches())
      add(
        batch,
        new Map(contentsOf(batch).map((content) => [content.hash.toString('hex'), log.content(content)])),
      )
  } finally {
    db.close()
  }
}
