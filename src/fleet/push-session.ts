/** One tape on its way to one store: compares the two, sends what is missing, and goes on where an answer was lost. */
import type { TapeError } from '../errors.js'
import type { Connection } from '../store/format/connection.js'
import { TapeLog } from '../store/manage/batch-log.js'
import type { LoggedBatch } from '../store/manage/logged-batch.js'
import { type BatchStore, conflict } from './batch-store.js'
import { bringContents } from './bring-contents.js'
import { NO_RECEIPT, type Receipt } from './receipt.js'

/** Batches, and contents, are sent together up to this many bytes. */
const SENT_BYTES = 8 * 2 ** 20

export class PushSession {
  /** What the store has, as far as this side knows. */
  stored: Receipt = NO_RECEIPT
  /** Batches and contents that were sent by this session. */
  sent = 0
  contents = 0
  private readonly db: Connection
  private readonly store: BatchStore
  private readonly name: string
  private log: TapeLog
  private readonly sentBytes: number
  /** Read and not acknowledged. */
  private waiting: LoggedBatch[] = []

  /** `db` is the open tape; its owner holds it still while `begin` and `read` are called. */
  constructor(db: Connection, store: BatchStore, name: string, sentBytes = SENT_BYTES) {
    this.db = db
    this.store = store
    this.name = name
    this.sentBytes = sentBytes
    this.log = new TapeLog(db)
  }

  /** How many batches the tape has. */
  get local(): number {
    return this.log.state().batches
  }

  /** Whether something was read and is not acknowledged. */
  get isWaiting(): boolean {
    return this.waiting.length > 0
  }

  /**
   * Asks the store what it has, and compares: at first, and after whatever failed.
   *
   * Throws  STORE_CONFLICT when the one is not the beginning of the other
   */
  async begin(): Promise<void> {
    const known = await this.store.tape(this.name)
    const { batches, at, head } = this.log.state(known?.batches)
    this.stored = known === null ? NO_RECEIPT : { batches: known.batches, head: known.head }
    if (known !== null) {
      if (known.batches > batches) {
        const theirs = batches === 0 ? null : await this.store.hashAt(this.name, batches)
        if (theirs?.equals(head) !== true) throw this.forked(known.batches, batches)
      } else if (at?.toString('hex') !== known.head) throw this.forked(known.batches, batches)
    }
    // What came while its answer was lost is not sent again; what a store has no more is.
    if (this.waiting[0] !== undefined && this.waiting[0].n <= this.stored.batches + 1)
      this.waiting = this.waiting.filter(({ n }) => n > this.stored.batches)
    else if (this.stored.batches !== this.log.readUpTo.n) {
      this.waiting = []
      if (this.stored.batches < this.log.readUpTo.n) this.log = new TapeLog(this.db)
    }
  }

  /** Reads batches until enough are waiting to be sent. */
  read(): void {
    if (this.waiting.length > 0) return
    // A reader of its own each time: the tape may have grown since.
    this.log = new TapeLog(this.db, this.log.readUpTo)
    let bytes = 0
    for (const batch of this.log.batches(this.stored.batches)) {
      this.waiting.push(batch)
      bytes += batch.payload.length
      if (bytes >= this.sentBytes) return
    }
  }

  /** Sends what is waiting. When this returns, the store has it. */
  async send(): Promise<void> {
    const last = this.waiting.at(-1)
    if (last === undefined) return
    this.contents += await bringContents(this.store, this.waiting, this.sentBytes, (contents) =>
      contents.map((content) => this.log.content(content)),
    )
    await this.store.append(this.name, this.waiting, Buffer.from(this.stored.head, 'hex'))
    this.stored = { batches: last.n, head: last.hash.toString('hex') }
    this.sent += this.waiting.length
    this.waiting = []
  }

  private forked(theirs: number, ours: number): TapeError {
    return conflict(
      this.store.url,
      this.name,
      `its ${theirs} batches are not the beginning of this tape's ${ours}, nor the other way round: it is another tape of that name; give this one another name (--name)`,
    )
  }
}
