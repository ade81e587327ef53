/**
 * A run's way to the writing thread: a few batches, filled here, written there, in order. When all are on their way the
 * training thread waits, so what is in flight is bounded and nothing is dropped. The one that came free last is filled
 * next: where writing keeps up there are two or three in use, and they stay in the processor's cache.
 *
 * In flight are at most BATCHES_IN_FLIGHT batches, the one being filled among them: of the stream's limits each, which is 8,192
 * events, 1 MiB of words and 2 MiB of arrays, or what a single event brings if that is more.
 *
 * A batch stays in shared memory until the thread says that it is in the file. So when writing fails, or the thread dies, nothing
 * is lost while this process lives: `retry` has the same batches written, by a new thread if need be.
 */
import { TapeError } from '../../errors.js'
import type { RecordedArray } from '../../events/event.js'
import type { PackedBatch, Packer } from '../../events/pack.js'
import type { ArrayKeeper, EventStream } from '../../events/stream.js'
import {
  type BatchMessage,
  CONTROL,
  type FailureMessage,
  type FollowOrder,
  type SaidMessage,
  type Settled,
  type ToThread,
} from './hand-over.js'
import { arraysOf, type SharedBatch } from './shared-batch.js'
import { LOOK_AFTER_MS } from './thread.js'
import type { WriterState } from './writer.js'

export const BATCHES_IN_FLIGHT = 8
const NOTHING: readonly SaidMessage[] = []
/** Stands for an array that was copied. */
const KEPT: RecordedArray = { dtype: 'uint8', shape: [0], size: 0, data: new Uint8Array(0) }

/** What a channel asks of the thread that it leads to. */
export interface FarEnd {
  /** Whether the thread has died, as far as is known. */
  readonly gone: boolean
  /** Whether there is no thread, and there will be none. */
  readonly isUnavailable: boolean
  post(message: ToThread): void
  /** Passes on what the thread has said. */
  listen(): void
  /** Looks whether the thread still lives. */
  look(): void
  /** Ends the runs when a signal asks the process to end. */
  attend(): void
  startAgain(): void
  sharedBatch(): SharedBatch
  /** Tells the thread of memory that it does not know yet, or not all chunks of. */
  introduce(shared: SharedBatch): void
  end(channel: BatchChannel, batches: readonly SharedBatch[]): void
}

export class BatchChannel implements ArrayKeeper {
  readonly runId: number
  /** How many of the arrays that wait are in the shared batch. */
  private kept = 0
  private keptTexts = 0
  /** How many chunks of arrays the thread knows of the batch that is being filled. */
  private toldChunks = 0
  private readonly thread: FarEnd
  private readonly stream: EventStream
  private readonly packer: Packer
  /** The run's. */
  readonly name: string
  private readonly state: WriterState
  /** The texts by number, after the last batch that is known to be written. */
  private texts: string[]
  private control = newControl()
  /** Those that nothing waits in, the one that came free last at the end. */
  private readonly free: SharedBatch[] = []
  /** Where the packer packs; null when none was free, because writing has stopped. */
  private filling: SharedBatch | null = null
  /** Sent and not known to be written, oldest first. */
  private readonly unwritten: { readonly batch: BatchMessage; readonly shared: SharedBatch }[] = []
  /** Packed while no shared batch was free. */
  private backlog: PackedBatch[] = []
  private sent = 0
  /** Batches that were written before the present control block began to count. */
  private writtenBefore = 0
  /** What follows the run there, and how much each has said. */
  private readonly follows = new Map<number, { readonly order: FollowOrder; said: number }>()
  private heard: SaidMessage[] = []
  private saidSeen = 0
  private known: TapeError | null = null

  constructor(thread: FarEnd, stream: EventStream, name: string, state: WriterState) {
    this.thread = thread
    this.stream = stream
    this.packer = stream.packer
    this.name = name
    this.state = state
    this.runId = state.runId
    this.texts = [...state.texts]
    this.begin('nothing')
  }

  /** Why writing stopped; one read of shared memory when it did not. */
  get failure(): TapeError | null {
    if (this.known === null && this.control[CONTROL.failed] !== 0) this.thread.listen()
    return this.known
  }

  keep(values: RecordedArray[], texts: readonly string[]): boolean {
    const { filling } = this
    if (filling === null) return true
    if (this.packer.packedWords !== filling.words) this.hide()
    for (; this.kept < values.length; this.kept++) {
      filling.add(values[this.kept]!)
      values[this.kept] = KEPT
    }
    for (; this.keptTexts < texts.length; this.keptTexts++)
      if (!filling.addText(texts[this.keptTexts]!)) return false
    if (filling.chunkCount !== this.toldChunks) this.tellFilling()
    return true
  }

  /** Tells the thread where the next events will stand, so that it can look at them there. */
  private tellFilling(): void {
    const { filling, packer } = this
    if (filling === null || packer.packedWords !== filling.words) {
      this.hide()
      return
    }
    const { firstPosition, firstStep, firstText } = packer.begun
    filling.begun[0] = firstPosition
    filling.begun[1] = firstStep
    filling.begun[2] = firstText
    this.toldChunks = filling.chunkCount
    this.thread.introduce(filling)
    this.stream.published = filling.published
    Atomics.store(this.control, CONTROL.filling, filling.id)
  }

  /** The words go where the thread cannot see them; it has them when the batch is handed over. */
  private hide(): void {
    this.stream.published = new Int32Array(1)
    Atomics.store(this.control, CONTROL.filling, 0)
  }

  /** Sends a batch on its way and has the packer go on in the next shared batch that is free; waits until there is one. */
  send(batch: PackedBatch): void {
    if (this.backlog.length === 0) this.filling ??= this.nextFree()
    const shared = this.filling
    if (shared === null) {
      this.backlog.push({ ...batch, words: batch.words.slice() })
      return
    }
    for (; this.kept < batch.values.length; this.kept++) shared.add(batch.values[this.kept]!)
    this.post(batch, shared)
    this.filling = this.nextFree()
    // After a retry events may wait in the packer's own memory; they are copied when their batch is sent.
    if (this.packer.waiting === 0) this.packer.packInto(this.filling?.words ?? new Float64Array(4096))
    this.tellFilling()
  }

  /** Has the packer pack where the thread can see it, before a batch is sent. Nothing may wait in the packer. */
  open(): void {
    this.filling = this.nextFree()
    if (this.filling === null) return
    this.packer.packInto(this.filling.words)
    this.tellFilling()
  }

  /**
   * Gives the run back to the training thread, while a thread that starts is held and nothing was sent to it: the batch that was
   * packed last, with its arrays, which stay where they are until `close`.
   */
  giveBack(batch: PackedBatch): { state: WriterState; batch: PackedBatch } {
    const kept = this.filling === null ? [] : arraysOf(this.filling.arrays())
    const values = [...kept.slice(0, this.kept), ...batch.values.slice(this.kept)]
    this.hide()
    this.packer.packInto(new Float64Array(4096))
    if (this.filling !== null) this.free.push(this.filling)
    this.filling = null
    return { state: { ...this.state, texts: this.texts }, batch: { ...batch, values } }
  }

  /** Whether nothing was sent yet, or set aside to be sent. */
  get isEmpty(): boolean {
    return this.sent === 0 && this.backlog.length === 0
  }

  /** Whether everything sent is in the file. */
  get isDone(): boolean {
    return this.settle() >= this.sent && this.backlog.length === 0
  }

  /** Waits until everything sent is in the file; false when writing stopped before. */
  drain(): boolean {
    return this.waitFor(this.sent) && this.backlog.length === 0
  }

  /** Tries again what failed, and waits for it. */
  retry(): void {
    this.known = null
    if (this.thread.gone) this.thread.startAgain()
    else {
      Atomics.store(this.control, CONTROL.failed, 0)
      this.thread.post({ kind: 'retry', runId: this.runId })
    }
    if (!this.waitFor(this.sent)) return
    const { backlog } = this
    this.backlog = []
    for (const batch of backlog) this.send(batch)
  }

  /** From now on somebody looks at what is written, and has said `skip` things already. */
  follow(order: FollowOrder, skip: number): void {
    this.follows.set(order.id, { order, said: skip })
    this.thread.post({ kind: 'follow', runId: this.runId, follow: order, skip })
  }

  /** What was said since the last time; one read of shared memory when nothing was. */
  said(): readonly SaidMessage[] {
    const said = this.control[CONTROL.said]!
    if (said !== this.saidSeen) {
      this.saidSeen = said
      this.thread.listen()
    }
    if (this.heard.length === 0) return NOTHING
    const { heard } = this
    this.heard = []
    return heard
  }

  /** Has them look at all that is written, and waits for it. */
  lookNow(settled: Settled): void {
    if (this.follows.size === 0) return
    const { control } = this
    const before = Atomics.load(control, CONTROL.looked)
    this.thread.post({ kind: 'look', runId: this.runId, settled })
    for (;;) {
      const changes = Atomics.load(control, CONTROL.changes)
      if (Atomics.load(control, CONTROL.looked) !== before) return
      if (this.failure !== null || this.isUnavailable || this.thread.gone || control !== this.control) return
      if (Atomics.wait(control, CONTROL.changes, changes, LOOK_AFTER_MS) === 'timed-out') this.thread.look()
    }
  }

  /** @internal */
  hear(message: SaidMessage): void {
    const follow = this.follows.get(message.follow)
    if (follow === undefined) return
    follow.said += message.said.length
    this.heard.push(message)
  }

  /** There is no thread, and there will be none: `takeBack` and write what it did not. */
  get isUnavailable(): boolean {
    return this.thread.isUnavailable
  }

  /**
   * What the thread did not write, for the thread that writes instead of it; this channel is used no more. Arrays of the batch that is being
   * packed go back into their places.
   */
  takeBack(): { state: WriterState; batches: PackedBatch[] } {
    this.settle()
    this.hide()
    const waiting = this.packer.waitingValues
    const arrays = this.filling === null ? [] : arraysOf(this.filling.arrays())
    for (let i = 0; i < this.kept; i++) waiting[i] = arrays[i]!
    const batches = this.unwritten.map(({ batch }) => ({ ...batch, values: arraysOf(batch.arrays) }))
    return { state: { ...this.state, texts: this.texts }, batches: [...batches, ...this.backlog] }
  }

  /** The run has ended, and everything is in the file. */
  close(): void {
    this.thread.end(this, this.free)
  }

  /** The run is given up. The thread may still be reading what it was handed, so none of that memory is used again. */
  abandon(): void {
    this.thread.end(this, [])
    this.unwritten.length = 0
    this.backlog = []
  }

  /** @internal A failure that the thread told of. */
  fail(message: Omit<FailureMessage, 'runId'>): void {
    const cause = message.cause === null ? {} : { cause: new Error(message.cause) }
    this.known ??= new TapeError(message.code, message.explanation, cause)
    Atomics.store(this.control, CONTROL.failed, 1)
  }

  /** @internal Tells a new thread all that the one before did not live to write. */
  beginAgain(): void {
    this.settle()
    this.writtenBefore = this.sent - this.unwritten.length
    this.control = newControl()
    this.known = null
    this.begin('perhaps')
    this.saidSeen = 0
    for (const { order, said } of this.follows.values())
      this.thread.post({ kind: 'follow', runId: this.runId, follow: order, skip: said })
    for (const { batch } of this.unwritten) this.thread.post({ kind: 'batch', runId: this.runId, batch })
    this.tellFilling()
  }

  private begin(writtenBefore: 'nothing' | 'perhaps'): void {
    const { name, control } = this
    this.thread.post({
      kind: 'begin',
      name,
      state: { ...this.state, texts: this.texts },
      control,
      writtenBefore,
    })
  }

  private post({ values: _values, ...batch }: PackedBatch, shared: SharedBatch): void {
    let { words } = batch
    if (words.buffer !== shared.words.buffer) {
      words =
        words.length <= shared.words.length
          ? shared.words.subarray(0, words.length)
          : new Float64Array(new SharedArrayBuffer(words.byteLength))
      words.set(batch.words)
    }
    Atomics.store(this.control, CONTROL.filling, 0)
    const message: BatchMessage = { ...batch, words, arrays: shared.arrays() }
    shared.forgetArrays()
    this.unwritten.push({ batch: message, shared })
    this.sent++
    this.kept = 0
    this.keptTexts = 0
    this.thread.post({ kind: 'batch', runId: this.runId, batch: message })
  }

  /** A free one, emptied; null when writing stopped before there was one. */
  private nextFree(): SharedBatch | null {
    // A run that was ended here, between two batches, would pack its end into the one that is on its way.
    if (!this.waitFor(this.sent - BATCHES_IN_FLIGHT + 1, false)) return null
    const shared = this.free.pop() ?? this.thread.sharedBatch()
    shared.clear()
    return shared
  }

  private waitFor(count: number, mayEndRuns = true): boolean {
    for (;;) {
      const { control } = this
      const changes = Atomics.load(control, CONTROL.changes)
      if (mayEndRuns) this.thread.attend()
      if (this.settle() >= count) return true
      if (this.failure !== null || this.isUnavailable) return false
      if (Atomics.wait(control, CONTROL.changes, changes, LOOK_AFTER_MS) === 'timed-out') this.thread.look()
    }
  }

  /** How many of the batches sent are in the file. */
  private settle(): number {
    const written = this.writtenBefore + Atomics.load(this.control, CONTROL.written)
    while (this.sent - this.unwritten.length < written) {
      const { batch, shared } = this.unwritten.shift()!
      this.free.push(shared)
      const { firstText, texts } = batch
      if (firstText === 0) this.texts = []
      for (const text of texts) this.texts.push(text)
    }
    return written
  }
}

function newControl(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(CONTROL.length * 4))
}
