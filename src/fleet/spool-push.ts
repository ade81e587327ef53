/**
 * A spool tape on its way to a store: what a run records is written to a tape of this machine, as ever, and a thread of its own
 * sends it on. Recording waits for the disk of this machine only, and never for the network. What is not sent yet when a
 * process ends is sent by the next one that opens the same address.
 */
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { Worker } from 'node:worker_threads'
import { type ErrorCode, TapeError, valueText } from '../errors.js'
import { TIMER_MAX_MS } from '../options.js'
import { threadFile } from '../store/write/thread.js'
import { NO_RECEIPT, type Receipt } from './receipt.js'
import { storeAddress, withoutPassword } from './store-address.js'

const MAIN = threadFile(() => new URL('./spool-push-main.js', import.meta.url))

/** What the thread is started with. */
export interface SpoolThreadData {
  readonly spool: string
  readonly url: string
  readonly name: string
}

export type ToSpoolThread =
  | { readonly kind: 'settle'; readonly id: number }
  /** Sends what is left for so long, then ends. */
  | { readonly kind: 'end'; readonly patienceMs: number }

export type FromSpoolThread =
  | { readonly kind: 'acknowledged'; readonly receipt: Receipt }
  | { readonly kind: 'settled'; readonly id: number; readonly receipt: Receipt }
  /** `isFinal`: nothing more is sent. Otherwise it goes on trying. */
  | {
      readonly kind: 'problem'
      readonly code: ErrorCode
      readonly explanation: string
      readonly isFinal: boolean
    }
  /** The store lost what it had acknowledged; it is sent again. */
  | { readonly kind: 'lost'; readonly before: Receipt; readonly now: Receipt }

interface Waiting {
  readonly resolve: (receipt: Receipt) => void
  readonly reject: (error: TapeError) => void
}

/** The way of a tape's batches to its store: what `tape.store` is, for a tape that was opened by the address of a store. */
export class SpoolPush {
  /** The store, without a password. */
  readonly url: string
  /** What the tape is called there. */
  readonly name: string
  /** The tape of this machine. */
  readonly spool: string
  /** Resolves when nothing more is sent by this process: some time after the tape was closed. */
  readonly ended: Promise<void>
  private receipt: Receipt = NO_RECEIPT
  private trouble: TapeError | null = null
  private isOver = false
  private hasGivenUp = false
  private readonly worker: Worker | null
  private readonly waiting = new Map<number, Waiting>()
  private settles = 0

  private constructor(url: string, name: string, spool: string) {
    this.url = withoutPassword(url)
    this.name = name
    this.spool = spool
    const data: SpoolThreadData = { spool, url, name }
    this.worker = this.start(data)
    const { worker } = this
    this.ended = new Promise((resolve) => {
      if (worker === null) resolve()
      else worker.once('exit', () => resolve())
    })
  }

  /** @internal The spool exists already. */
  static start(url: string, name: string, spool: string): SpoolPush {
    return new SpoolPush(url, name, spool)
  }

  /** What the store has acknowledged, as far as this process knows: committed there. */
  get acknowledged(): Receipt {
    return this.receipt
  }

  /**
   * Why nothing is sent at the moment; null when all is well. STORE_FAILED: the store cannot be reached, it is tried
   * again. STORE_CONFLICT, TAPE_CORRUPT: nothing more is sent, and all of it stays on the spool tape.
   */
  get problem(): TapeError | null {
    return this.trouble
  }

  /**
   * Resolves when the store has acknowledged all that is on the spool tape by now (`run.flush()` brings what is recorded there).
   *
   * Throws  what `problem` says when nothing more is sent; STORE_FAILED when it takes longer than `timeoutMs`; BAD_ARGUMENT
   */
  settled(timeoutMs = Number.POSITIVE_INFINITY): Promise<Receipt> {
    if (!(typeof timeoutMs === 'number' && timeoutMs >= 0))
      return Promise.reject(
        new TapeError('BAD_ARGUMENT', `settled() expected milliseconds, got ${valueText(timeoutMs)}`),
      )
    if (this.worker === null || this.isOver || this.hasGivenUp)
      return Promise.reject(
        this.trouble ??
          new TapeError(
            'STORE_FAILED',
            `the tape of ${this.url} was closed; gradtape push sends what is left`,
          ),
      )
    const { worker } = this
    const id = ++this.settles
    worker.ref() // who waits keeps the process alive
    return new Promise<Receipt>((resolve, reject) => {
      let timer: NodeJS.Timeout | null = null
      const done = () => {
        if (timer !== null) clearTimeout(timer)
        this.waiting.delete(id)
        if (this.waiting.size === 0 && !this.isOver) worker.unref() // what is left of a closed tape is being sent
      }
      if (Number.isFinite(timeoutMs))
        timer = setTimeout(
          () => {
            done()
            const why = this.trouble === null ? '' : ` (${this.trouble.message})`
            reject(
              new TapeError(
                'STORE_FAILED',
                `${this.url} has not acknowledged all of "${this.name}" within ${timeoutMs} ms${why}; it is on ${this.spool} and goes on being sent`,
              ),
            )
          },
          Math.min(timeoutMs, TIMER_MAX_MS),
        )
      this.waiting.set(id, {
        resolve: (receipt) => {
          done()
          resolve(receipt)
        },
        reject: (error) => {
          done()
          reject(error)
        },
      })
      this.tell({ kind: 'settle', id })
    })
  }

  /** @internal Sends what is left, for so long; keeps the process alive meanwhile. */
  end(patienceMs: number): void {
    if (this.worker === null || this.isOver) return
    this.isOver = true
    this.worker.ref()
    this.tell({ kind: 'end', patienceMs })
  }

  private tell(message: ToSpoolThread): void {
    this.worker?.postMessage(message)
  }

  private start(data: SpoolThreadData): Worker | null {
    let worker: Worker
    try {
      if (MAIN === null) throw new Error('there is no file of it: the program is bundled into one')
      worker = new Worker(MAIN, { name: 'gradtape push', workerData: data, execArgv: [] })
    } catch (error) {
      this.fail(
        new TapeError(
          'STORE_FAILED',
          `no thread can be started that pushes (${(error as Error).message}); what is recorded is on ${this.spool}: gradtape push sends it`,
          { cause: error },
        ),
      )
      return null
    }
    worker.unref()
    worker.on('message', (message: FromSpoolThread) => this.hear(message))
    const died = (cause: string) =>
      this.fail(
        new TapeError(
          'STORE_FAILED',
          `the thread that pushes ended on its own (${cause}); what is recorded is on ${this.spool}: gradtape push sends it`,
        ),
      )
    worker.on('error', (error) => died(error.message))
    worker.on('exit', () => {
      if (this.hasGivenUp) return
      if (!this.isOver) died('it exited')
      else if (this.waiting.size > 0)
        this.fail(
          this.trouble ??
            new TapeError(
              'STORE_FAILED',
              `not all of "${this.name}" was acknowledged; the rest is on ${this.spool}`,
            ),
        )
    })
    return worker
  }

  private hear(message: FromSpoolThread): void {
    switch (message.kind) {
      case 'acknowledged':
        this.receipt = message.receipt
        this.trouble = null
        break
      case 'settled':
        this.receipt = message.receipt
        this.waiting.get(message.id)?.resolve(message.receipt)
        break
      case 'problem': {
        const trouble = new TapeError(message.code, message.explanation)
        if (message.isFinal) {
          this.hasGivenUp = true
          this.fail(trouble)
          process.emitWarning(`${message.explanation}. What is recorded is kept on ${this.spool}`, {
            type: 'gradtape',
            code: message.code,
          })
        } else this.trouble = trouble
        break
      }
      case 'lost': {
        const { before, now } = message
        process.emitWarning(
          `${this.url} had acknowledged ${before.batches} batches of "${this.name}" (head ${before.head}) and has ${now.batches} now: it was set back, as by a backup that was restored. They are sent again`,
          { type: 'gradtape', code: 'STORE_FAILED' },
        )
        break
      }
    }
  }

  private fail(error: TapeError): void {
    this.trouble = error
    for (const { reject } of [...this.waiting.values()]) reject(error)
  }
}

/**
 * Where the spool tape of an address is: in `folder`, in the folder that GRADTAPE_SPOOL names, or in .gradtape/spool of
 * the home. Of two addresses no two share one.
 */
export function spoolPath(url: string, folder?: string): { spool: string; name: string } {
  const { kind, place, tape } = storeAddress(url)
  if (kind === 'bucket')
    throw new TapeError(
      'BAD_ARGUMENT',
      `openTape expected a file, or postgres://host/DATABASE/TAPE, got the bucket ${valueText(url)}; record to a file and send it there: gradtape push FILE ${url}`,
    )
  if (kind === 'folder' || tape === null)
    throw new TapeError(
      'BAD_ARGUMENT',
      `openTape expected postgres://host/DATABASE/TAPE or pglite:FOLDER#TAPE, got ${valueText(withoutPassword(url))}; who records says which tape it is`,
    )
  const base = folder ?? process.env.GRADTAPE_SPOOL ?? path.join(os.homedir(), '.gradtape', 'spool')
  const where = kind === 'pglite' ? `pglite ${path.resolve(place)}` : whereOf(place)
  const word = where
    .replace(/^[a-z]+:\/\//i, '')
    .replace(/\?.*$/, '')
    .replace(/[^A-Za-z0-9.-]+/g, '_')
    .slice(-100)
  // Two addresses may have one word.
  const mark = createHash('sha256').update(where).digest('hex').slice(0, 8)
  const spool = path.join(base, `${word}_${mark}`, `${tape}.tape`)
  fs.mkdirSync(path.dirname(spool), { recursive: true })
  return { spool, name: tape }
}

/** A server's address by what says where it is: not the password, nor how one connects. */
function whereOf(place: string): string {
  const [start = '', query = ''] = withoutPassword(place).split('?')
  const said = [...new URLSearchParams(query)].filter(([name]) => WHERE.has(name))
  const where = start.replace(/^[a-z]+:/i, 'postgres:')
  return said.length === 0 ? where : `${where}?${said.sort().join('&')}`
}

const WHERE = new Set(['host', 'hostaddr', 'port', 'user', 'database', 'dbname'])

/** Whether it is the address of a store, and not a file. */
export function isStoreUrl(url: string): boolean {
  return /^(postgres(ql)?:\/\/|pglite:|s3:)/i.test(url)
}
