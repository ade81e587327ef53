/**
 * Writes one run: on the training thread while it is short, so that it costs no second thread and its number is known at
 * once; on the writing thread from the first whole batch on that is there when this thread is up. In between the second thread is
 * there and sleeps: it hears signals, and stands by for a training thread that stands still. Knows the run's stream, and nothing of what is
 * in it.
 *
 * RxJS hides what a subscriber throws; so a failure is kept, with the batch, and thrown to whoever calls next.
 */
import type { TapeError } from '../../errors.js'
import { PATIENCE, WORDS_MAX } from '../../events/batch-limits.js'
import type { Plain } from '../../events/event.js'
import type { PackedBatch } from '../../events/pack.js'
import type { ArrayKeeper, EventStream, Outlet } from '../../events/stream.js'
import type { Connection } from '../format/connection.js'
import type { SameFile } from '../format/file-identity.js'
import { checkContent } from '../format/own-content.js'
import type { BatchChannel } from './batch-channel.js'
import { unwrittenOf } from './batch-part.js'
import { Following, type MakeFollower } from './follow.js'
import type { Settled } from './hand-over.js'
import { Writer } from './writer.js'
import type { WritingThread } from './writing-thread.js'

/** A batch that ends by its age is whole when it has this many events. */
const WHOLE_EVENTS = 1024
/** A run that is older than this is not short, whatever its batches: the second thread hears signals for it, too. */
const SHORT_MAX_MS = 50
/**
 * A run that is older, or of which so many whole batches were written here, is long: the thread is woken. That costs more than it takes
 * to write a run which is just not long.
 */
const LONG_MIN_MS = 2_000
const WRITTEN_MAX = 3

const NOTHING: readonly Said[] = []

/** What one who follows the run said. */
export interface Said {
  readonly follow: number
  readonly what: Plain
}

interface Follow {
  readonly id: number
  readonly module: string | null
  readonly data: Plain
  readonly make: MakeFollower
  here: Following | null
  isThere: boolean
  /** How much it has said, wherever it looked. */
  count: number
}

export class RunWriter implements Outlet {
  private readonly name: string
  private readonly db: Connection
  private readonly file: SameFile | null
  private readonly stream: EventStream
  private readonly thread: WritingThread | null
  private writer: Writer | null
  /** What wrote here until the run was handed over, and goes on when it comes back before anybody else wrote. */
  private former: Writer | null = null
  /** In batches as large as they may be. */
  private written = 0
  private channel: BatchChannel | null = null
  /** The run's number in the tape; 0 before its first batch is written. */
  private runId = 0
  private failed: TapeError | null = null
  private waiting: PackedBatch[] = []
  private abandoned = false
  /** A second thread wrote the events before this position. */
  private writtenUpTo = 0
  private readonly startedAt = performance.now()
  private readonly follows: Follow[] = []
  private heard: Said[] = []

  /** Takes what `stream` hands over from now on; without a `thread` all of it is written here. */
  constructor(
    db: Connection,
    file: SameFile | null,
    name: string,
    stream: EventStream,
    thread: WritingThread | null,
  ) {
    this.db = db
    this.file = file
    this.name = name
    this.stream = stream
    this.thread = thread
    this.writer = new Writer(db, file, name)
    stream.outlet = this
    stream.batches$.subscribe((batch) => this.take(batch))
  }

  get id(): number {
    return this.runId
  }

  /**
   * From now on somebody looks at what is written, from the first event on: on the writing thread where there is one, and otherwise
   * here, after each batch.
   *
   * module  the built file that has it; null where another thread cannot load it
   * make    the same, for this thread
   */
  follow(module: string | null, data: Plain, make: MakeFollower): number {
    const id = this.follows.length
    this.follows.push({ id, module, data, make, here: null, isThere: false, count: 0 })
    if (this.channel !== null) this.followThere(this.channel)
    return id
  }

  /** What those who follow said since the last time, in their order. */
  said(): readonly Said[] {
    const { channel } = this
    if (channel !== null) {
      for (const { follow, said } of channel.said()) this.hear(this.follows[follow]!, said)
      for (const follow of this.follows) if (follow.module === null) this.lookHere(follow, 'nothing')
    }
    if (this.heard.length === 0) return NOTHING
    const { heard } = this
    this.heard = []
    return heard
  }

  /** Has them look at all that is written, and waits for it. */
  lookNow(settled: Settled): void {
    this.channel?.lookNow(settled)
    for (const follow of this.follows)
      if (this.channel === null || follow.module === null) this.lookHere(follow, settled)
  }

  private hear(follow: Follow, said: readonly Plain[]): void {
    follow.count += said.length
    for (const what of said) this.heard.push({ follow: follow.id, what })
  }

  private lookHere(follow: Follow, settled: Settled): void {
    const { id, module, data, make, count } = follow
    follow.here ??= new Following({ id, module: module ?? '', data }, count, () =>
      make(this.db, this.runId, data),
    )
    this.hear(follow, follow.here.look(settled))
  }

  /** The thread writes from now on, so it looks, too. */
  private followThere(channel: BatchChannel): void {
    for (const follow of this.follows) {
      const { id, module, data, count } = follow
      if (module === null || follow.isThere) continue
      this.thread?.wake()
      follow.here = null
      follow.isThere = true
      channel.follow({ id, module, data }, count)
    }
  }

  /** The failure that stopped writing; null while all is well. */
  get failure(): TapeError | null {
    return this.channel === null ? this.failed : this.channel.failure
  }

  get keeper(): ArrayKeeper | null {
    return this.channel
  }

  /** Asked now and then while the program records. */
  attend(): void {
    const { thread } = this
    if (thread === null) return
    if (this.writer !== null && this.age > SHORT_MAX_MS) this.show(thread)
    if (this.isLong && !thread.isAwake) thread.wake()
    thread.attend()
  }

  private get age(): number {
    return performance.now() - this.startedAt
  }

  private get isLong(): boolean {
    return this.written >= WRITTEN_MAX || this.age > LONG_MIN_MS
  }

  /**
   * From then on the thread hears signals, and what is recorded stands where it can take it by itself, when this one computes for
   * long. While it sleeps or starts, this one goes on to write.
   */
  private show(thread: WritingThread): void {
    thread.prepare()
    if (thread.isUnavailable || this.failed !== null) return
    this.stream.flush() // handed over when the thread is up, written here when not
    if (this.failure !== null || this.stream.packer.waiting > 0) return
    this.handOver()?.open()
  }

  /** Hands the run over to the second thread; null when it was, or when there is no thread. */
  private handOver(): BatchChannel | null {
    const { writer, thread } = this
    if (writer === null || thread === null) return null
    const channel = thread.takeOver(this.stream, this.name, writer.state)
    if (channel === null) return null
    this.channel = channel
    this.former = writer
    this.writer = null
    this.followThere(channel)
    return channel
  }

  /** Whether the thread is up, and this batch worth it. */
  private isForThread(batch: PackedBatch): boolean {
    if (this.thread === null || !this.isWhole(batch)) return false
    if (this.isLong) this.thread.wake()
    else this.thread.prepare()
    return this.thread.isUp
  }

  /** Whether everything taken is in the file. */
  get isDone(): boolean {
    return this.waiting.length === 0 && (this.channel?.isDone ?? true)
  }

  /** Tries again what failed. */
  retry(): void {
    if (this.failure === null) return
    if (this.channel !== null) {
      this.channel.retry()
      this.goOnHere()
      return
    }
    this.failed = null
    while (this.waiting.length > 0) {
      this.failed = this.writeHere(this.waiting[0]!)
      if (this.failed !== null) return
      this.waiting.shift()
    }
  }

  /**
   * Waits until everything taken is in the file, or writing has failed.
   *
   * Throws  TAPE_NOT_FOUND when the file is not there any more, and what was written with it
   */
  drain(): void {
    this.channel?.drain()
    this.goOnHere()
    if (this.failure !== null) return
    this.file?.check()
    checkContent(this.db)
  }

  /**
   * A program that waits for the file waits for a thread that was woken, too: what it records from then on is written there. Where
   * the main thread may end this one at any moment, it stands in shared memory from the first event on.
   */
  waitForThread(): void {
    const { thread } = this
    if (thread === null || this.abandoned) return
    if (thread.outlivesThis && this.channel === null) thread.prepare()
    if (thread.isAwake) thread.waitUntilUp()
    if (thread.outlivesThis && this.channel === null && thread.isUp) this.show(thread)
  }

  /** The run has ended and is in the file: the writing thread forgets it. */
  close(): void {
    this.channel?.close()
  }

  /** The run is given up: what waits is dropped, and so is what comes. */
  abandon(): void {
    this.abandoned = true
    this.waiting = []
    this.failed = null
    this.writer = null
    this.channel?.abandon()
    this.channel = null
  }

  private take(batch: PackedBatch): void {
    if (this.abandoned) return
    if (this.channel !== null && this.thread !== null && this.channel.isEmpty && this.thread.hold()) {
      // It starts, and nobody knows for how long: what waits for it would be lost if the process was killed meanwhile.
      try {
        this.takeHere(this.channel, batch)
      } finally {
        this.thread.release()
      }
      if (this.failed === null) this.handOver()?.open()
    } else if (this.channel !== null) {
      this.former = null
      this.channel.send(batch)
      this.goOnHere()
    } else if (this.failed !== null) {
      this.waiting.push({ ...batch, words: batch.words.slice() })
    } else if (this.isForThread(batch) && this.handOver() !== null) {
      this.take(batch)
    } else {
      this.failed = this.writeHere(batch)
      if (this.failed !== null) this.waiting.push({ ...batch, words: batch.words.slice() })
    }
  }

  /** Writes a batch that was packed for a thread that is not up yet. */
  private takeHere(channel: BatchChannel, last: PackedBatch): void {
    const { state, batch } = channel.giveBack(last)
    this.comeBack()
    this.writer = this.former ?? new Writer(this.db, this.file, this.name, state)
    this.failed = this.writeHere(batch)
    if (this.failed === null) channel.close()
    else {
      this.waiting.push({ ...batch, words: batch.words.slice() })
      channel.abandon() // its memory holds the arrays of what waits
    }
  }

  /** Where the second thread could not be started, or not again, what it did not write is written here, and so is the rest. */
  private goOnHere(): void {
    const { channel } = this
    if (channel === null || !channel.isUnavailable) return
    const { state, batches } = channel.takeBack()
    this.comeBack()
    this.writer = new Writer(this.db, this.file, this.name, state)
    const written = this.db
      .prepare<[number], { next: number | null }>(
        'SELECT max(first_position + event_count) AS next FROM _commit WHERE run_id = ?',
      )
      .get(state.runId)
    this.writtenUpTo = written?.next ?? 0
    for (const batch of batches) this.take(batch)
  }

  /** This thread writes again, so it looks, too. */
  private comeBack(): void {
    this.channel = null
    for (const follow of this.follows) follow.isThere = false
  }

  private writeHere(batch: PackedBatch): TapeError | null {
    const { writer } = this
    if (writer === null) return null // the run was handed over, and comes here no more
    const rest = unwrittenOf(batch, this.writtenUpTo, writer)
    const failure = rest === null ? null : writer.write([rest])
    this.written += this.sizeOf(batch)
    this.runId = writer.id
    if (failure === null) for (const follow of this.follows) this.lookHere(follow, 'nothing')
    return failure
  }

  private isWhole(batch: PackedBatch): boolean {
    if (this.runId === 0) return false
    if (this.age > SHORT_MAX_MS) return true
    const { eventsMax } = this.stream.limits
    return batch.count >= Math.min(WHOLE_EVENTS, eventsMax / PATIENCE) || this.sizeOf(batch) >= 1 / PATIENCE
  }

  /** How large a batch is, as a part of what it may be. */
  private sizeOf({ count, words, values }: PackedBatch): number {
    const { eventsMax, bytesMax } = this.stream.limits
    let bytes = 0
    for (const value of values) bytes += value.size * 8
    return Math.max(count / eventsMax, bytes / bytesMax, words.length / WORDS_MAX)
  }
}
