/**
 * The thread that sends a spool tape to its store: looks whether something was written, sends it, and says what was
 * acknowledged. Whatever fails is tried again, but for what no patience mends.
 */
import fs from 'node:fs'
import process from 'node:process'
import { parentPort, workerData } from 'node:worker_threads'
import { TapeError } from '../errors.js'
import { TIMER_MAX_MS } from '../options.js'
import type { Connection } from '../store/format/connection.js'
import { openDatabase } from '../store/format/database.js'
import type { BatchStore } from './batch-store.js'
import { openStore } from './open-store.js'
import { PushSession } from './push-session.js'
import { NO_RECEIPT, type Receipt } from './receipt.js'
import type { FromSpoolThread, SpoolThreadData, ToSpoolThread } from './spool-push.js'
import { storeAddress } from './store-address.js'

const { spool, url, name } = workerData as SpoolThreadData
const RECEIPT = `${spool}.receipt`
/** The spool is looked at this often; the store sees what was written so much later. */
const LOOK_EVERY_MS = 100
/** Small enough that a slow network acknowledges something now and then. */
const SENT_BYTES = 2 ** 20
const RETRY_MIN_MS = 250
const RETRY_MAX_MS = 5_000
/** What was asked of a store when the patience was over may still be answered within so long. */
const LAST_ANSWER_MS = 1_000
/** A store that has not answered for so long is said to be silent. It is waited for all the same. */
const SILENT_MS = 10_000

const say = (message: FromSpoolThread) => parentPort!.postMessage(message)

/** Ids of those who wait until all that is written by now is acknowledged. */
let settling: number[] = []
/** By the clock of `performance`, which nobody sets. */
let endAt: number | null = null
let wake = () => {}

parentPort!.on('message', (message: ToSpoolThread) => {
  if (message.kind === 'settle') settling.push(message.id)
  else {
    endAt = performance.now() + message.patienceMs
    // A server that says nothing is waited for much longer than that. What it takes without our hearing of it is found there later.
    setTimeout(() => process.exit(), Math.min(message.patienceMs + LAST_ANSWER_MS, TIMER_MAX_MS))
  }
  wake()
})

async function main(): Promise<void> {
  const db = openDatabase(spool, { readonly: true })
  let store: BatchStore | null = null
  let retryMs = RETRY_MIN_MS
  try {
    for (;;) {
      let last: TapeError
      try {
        store = await openStore(storeAddress(url))
        // When it comes back, all is sent and the tape is closed.
        return await push(db, store, () => (retryMs = RETRY_MIN_MS))
      } catch (error) {
        if (!(error instanceof TapeError) && typeof (error as { code?: unknown }).code !== 'string')
          throw error
        last =
          error instanceof TapeError
            ? error
            : new TapeError('STORE_FAILED', `pushing ${spool}: ${String(error)}`, { cause: error })
      }
      await store?.close().catch(() => {}) // a connection that failed may fail again
      store = null
      const isFinal = isHopeless(last)
      say({
        kind: 'problem',
        code: last.code,
        explanation: last.message.replace(/^\w+: /, ''),
        isFinal,
      })
      if (isFinal || (endAt !== null && performance.now() + retryMs >= endAt)) return
      // Not all at once, when many recorders wait for one server.
      await sleep(retryMs * (0.5 + Math.random()))
      retryMs = Math.min(2 * retryMs, RETRY_MAX_MS)
    }
  } finally {
    await store?.close().catch(() => {})
    db.close()
  }
}

/** Conflicts in a row, without a batch in between. */
let conflicts = 0
const CONFLICTS_MAX = 5

/**
 * Whether trying again is of no use: the store has another tape of that name, or the spool is damaged. Not so when another
 * process pushes the same spool for the moment, or the store was set back; then the two agree again when they are compared.
 */
function isHopeless(error: TapeError): boolean {
  if (error.code === 'STORE_FAILED') return false
  if (error.code !== 'STORE_CONFLICT' || error instanceof Forked) return true
  const { code } = (error.cause ?? {}) as { code?: unknown }
  if (code === 'GT001' || code === 'GT007') return false
  return ++conflicts >= CONFLICTS_MAX
}

async function push(db: Connection, store: BatchStore, onSuccess: () => void): Promise<void> {
  const session = new PushSession(db, store, name, SENT_BYTES)
  await session.begin().catch((error: unknown) => {
    throw error instanceof TapeError && error.code === 'STORE_CONFLICT' ? new Forked(error) : error
  })
  compare(session.stored)
  note(session.stored)
  for (;;) {
    const asked = settling
    settling = []
    const isEnding = endAt !== null
    const version = db.pragma('data_version', { simple: true })
    try {
      do {
        db.exec('BEGIN')
        try {
          session.read()
        } finally {
          db.exec('COMMIT')
        }
        if (session.isWaiting) {
          await send(session)
          note(session.stored)
          conflicts = 0
          onSuccess()
        }
        if (endAt !== null && performance.now() >= endAt) return
      } while (session.isWaiting || session.stored.batches < session.local)
    } catch (error) {
      settling = [...asked, ...settling]
      throw error
    }
    for (const id of asked) say({ kind: 'settled', id, receipt: session.stored })
    if (isEnding) return
    while (settling.length === 0 && endAt === null && version === db.pragma('data_version', { simple: true }))
      await sleep(LOOK_EVERY_MS)
  }
}

/** A cut network may say nothing at all for as long as it is cut. */
async function send(session: PushSession): Promise<void> {
  const silent = setTimeout(() => {
    const explanation = `the store has said nothing for ${SILENT_MS / 1000} s since it was sent something; it is waited for`
    say({ kind: 'problem', code: 'STORE_FAILED', explanation, isFinal: false })
  }, SILENT_MS)
  try {
    await session.send()
  } finally {
    clearTimeout(silent)
  }
}

/** The two were compared, and the one is not the beginning of the other. */
class Forked extends TapeError {
  constructor(cause: TapeError) {
    super(cause.code, cause.message.replace(/^\w+: /, ''), { cause })
  }
}

let noted = ''

/** Keeps what the store acknowledged beside the spool, so that a store that was set back is noticed by the next process, too. */
function note(receipt: Receipt): void {
  say({ kind: 'acknowledged', receipt })
  const text = `${JSON.stringify({ name, ...receipt })}\n`
  if (text === noted) return
  fs.writeFileSync(`${RECEIPT}.new`, text)
  fs.renameSync(`${RECEIPT}.new`, RECEIPT)
  noted = text
}

function compare(now: Receipt): void {
  const before = receiptBefore()
  if (before.batches > now.batches) say({ kind: 'lost', before, now })
}

function receiptBefore(): Receipt {
  try {
    const { batches, head } = JSON.parse(fs.readFileSync(RECEIPT, 'utf8')) as Partial<Receipt>
    if (typeof batches === 'number' && typeof head === 'string') return { batches, head }
  } catch (error) {
    // None yet, or one that a full disk cut off: then nothing is known.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' && !(error instanceof SyntaxError)) throw error
  }
  return NO_RECEIPT
}

/** Until the time is over or somebody has something to say. */
function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    wake = () => {
      clearTimeout(timer)
      resolve()
    }
  })
}

await main()
process.exit()
