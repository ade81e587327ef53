/**
 * A run on the thread that writes it. Its batches wait here and are written in order, several in one transaction; what is being filled
 * is taken where the training thread stands still. The run's control block says how far writing is. A batch that could not be written
 * stays where it is, in the memory of the training thread, until that one says to try again; those behind it wait.
 */
import fs from 'node:fs'
import { TapeError } from '../../errors.js'
import type { PackedBatch } from '../../events/pack.js'
import type { Connection } from '../format/connection.js'
import type { SameFile } from '../format/file-identity.js'
import type { LockWatch } from '../format/run-lock.js'
import { BATCHES_IN_FLIGHT } from './batch-channel.js'
import { between, mayEnd, partUpTo, unwrittenOf } from './batch-part.js'
import type { Following } from './follow.js'
import {
  type BatchMessage,
  CONTROL,
  type FailureMessage,
  type FromThread,
  type SaidMessage,
  type Settled,
  type ToThread,
  tellChange,
} from './hand-over.js'
import { interruptedEnd } from './interrupted-end.js'
import { arraysOf, firstArraysOf, firstTextsOf, type SharedMemory } from './shared-batch.js'
import { Writer } from './writer.js'

/** Batches in one transaction: while they are written the training thread fills as many others. */
const TOGETHER_MAX = BATCHES_IN_FLIGHT / 2

type Begin = Extract<ToThread, { kind: 'begin' }>

/** What a run asks of the thread that it is on. */
export interface WritingHost {
  readonly file: SameFile
  /** The thread's own, opened when it is first asked for. */
  connection(): Connection
  memory(id: number): SharedMemory | undefined
  /** Hands batches that have come to their runs; whether any had come. */
  takeBatches(): boolean
  post(message: FromThread): void
}

/** A run whose batches this thread writes. */
export class RunOnThread {
  private readonly host: WritingHost
  private readonly begin: Begin
  private readonly waiting: BatchMessage[] = []
  private writer: Writer | null = null
  private failed = false
  /** How far the batch that is being filled was at the last look, and which it was. */
  private wordsSeen = 0
  private firstSeen = 0
  /** Events before this position came in batches. */
  private handedUpTo = 0
  /** Events before this position are in the file. */
  private writtenUpTo = 0
  /** Held by the worker that records, as long as it is there; null where nobody need look. */
  private readonly lock: LockWatch | null
  private readonly followings: Following[] = []

  constructor(host: WritingHost, begin: Begin, lock: LockWatch | null) {
    this.host = host
    this.begin = begin
    this.lock = lock
  }

  /** Whether the thread that records it is gone. */
  get isLeft(): boolean {
    return this.lock !== null && !this.lock.isHeld
  }

  /** The memory that the training thread fills, where this one can see it. */
  private get filling(): SharedMemory | undefined {
    return this.host.memory(Atomics.load(this.begin.control, CONTROL.filling))
  }

  /** Changes when something is recorded. */
  get recorded(): string {
    const memory = this.filling
    return memory === undefined
      ? `${this.handedUpTo}`
      : `${memory.begun[0]} ${Atomics.load(memory.published, 0)}`
  }

  /** Writes what was shared and not handed over, and the end: nobody else does any more. */
  end(): void {
    this.failed = false
    let failure: unknown = null
    for (;;) {
      // Who still records may hand a batch over just now, and fill the next one.
      this.host.takeBatches()
      while (this.canWrite) this.write()
      const memory = this.filling
      const words = memory === undefined ? 0 : Atomics.load(memory.published, 0)
      if (memory === undefined || words === 0 || memory.begun[0]! < this.handedUpTo) break
      if (this.waiting.length > 0 || this.host.takeBatches()) {
        if (this.failed) break
        continue
      }
      failure = this.attemptPart(memory, words, true)
      break
    }
    if (failure === null && !this.failed) failure = this.attemptEnd()
    if (failure !== null) fs.writeSync(2, `gradtape: ${String(failure)}\n`)
  }

  private attemptEnd(): unknown {
    try {
      this.writer ??= this.start()
      const end = interruptedEnd(
        this.host.connection(),
        this.begin.state.runId,
        this.writer.state.texts.length,
      )
      return end === null ? null : this.writer.write([end])
    } catch (error) {
      return error
    }
  }

  close(): void {
    this.lock?.close()
  }

  get control(): Int32Array {
    return this.begin.control
  }

  take(batch: BatchMessage): void {
    this.waiting.push(batch)
    this.handedUpTo = batch.firstPosition + batch.count
  }

  /**
   * Takes what is whole of the batch that is being filled, when the training thread has added nothing since the last look: it
   * computes, and nobody knows for how long. The rest comes with the batch.
   */
  look(): void {
    if (this.failed || this.waiting.length > 0) return
    const memory = this.filling
    if (memory === undefined) return
    const words = Atomics.load(memory.published, 0)
    const firstPosition = memory.begun[0]!
    if (firstPosition < this.handedUpTo) return // nothing new is in it yet
    const isStill = words === this.wordsSeen && firstPosition === this.firstSeen
    this.wordsSeen = words
    this.firstSeen = firstPosition
    if (!isStill || words === 0) return
    const failure = this.attemptPart(memory, words)
    if (failure !== null) this.fail(failure)
  }

  private attemptPart(
    { begun, words: all, texts: shared, chunks, used }: SharedMemory,
    words: number,
    isLast = false,
  ): unknown {
    try {
      this.writer ??= this.start()
      const [firstPosition = 0, firstStep = 0, firstText = 0] = begun
      const filling = { firstPosition, firstStep, firstText, words: all }
      const from = partUpTo(filling, { events: Math.max(0, this.writtenUpTo - firstPosition) })
      if (from.words >= words) return null
      const to = partUpTo(filling, { words })
      if (!isLast && !mayEnd(filling, to)) return null
      const texts = firstTextsOf(shared, to.texts)
      const values = firstArraysOf({ count: to.values, chunks, used })
      const failure = this.writer.write([between(filling, from, to, texts, values)])
      if (failure === null) {
        this.writtenUpTo = firstPosition + to.events
        this.tellFollowers('nothing')
      }
      return failure
    } catch (error) {
      return error
    }
  }

  retry(): void {
    this.failed = false
  }

  follow(following: Following): void {
    this.followings.push(following)
    this.tellFollowers('nothing')
  }

  /** Shows those who follow what was written. */
  tellFollowers(settled: Settled): void {
    const { control, state } = this.begin
    for (const following of this.followings) {
      const said = following.look(settled)
      if (said.length === 0) continue
      this.host.post({ runId: state.runId, follow: following.order.id, said } satisfies SaidMessage)
      Atomics.add(control, CONTROL.said, 1)
    }
    if (settled === 'nothing') return
    Atomics.add(control, CONTROL.looked, 1)
    tellChange(control)
  }

  /** The connection, for who reads. */
  get connection(): Connection {
    this.writer ??= this.start()
    return this.host.connection()
  }

  get canWrite(): boolean {
    return this.waiting.length > 0 && !this.failed
  }

  /** Writes what waits, or much of it, in one transaction: each costs a wait for the disk. */
  write(): void {
    const { control } = this.begin
    let count = Math.min(this.waiting.length, TOGETHER_MAX)
    let failure = this.attempt(count)
    // One that cannot be written should not keep back those before it.
    if (failure !== null && count > 1) {
      count = 1
      failure = this.attempt(count)
    }
    if (failure === null) {
      this.waiting.splice(0, count)
      // Who waits until all is written finds what there is to find in it.
      this.tellFollowers('nothing')
      Atomics.add(control, CONTROL.written, count)
    } else {
      this.fail(failure)
    }
    tellChange(control)
  }

  private fail(failure: unknown): void {
    const { control, state } = this.begin
    this.failed = true
    this.host.post(failureMessage(state.runId, failure))
    Atomics.store(control, CONTROL.failed, 1)
  }

  private attempt(count: number): unknown {
    try {
      this.writer ??= this.start()
      const batches: PackedBatch[] = []
      for (const batch of this.waiting.slice(0, count)) {
        const whole = { ...batch, values: arraysOf(batch.arrays) }
        const rest = unwrittenOf(whole, this.writtenUpTo, this.writer)
        if (rest !== null) batches.push(rest)
      }
      return batches.length === 0 ? null : this.writer.write(batches)
    } catch (error) {
      return error
    }
  }

  private start(): Writer {
    const { state, name, writtenBefore } = this.begin
    const db = this.host.connection()
    if (writtenBefore === 'perhaps') {
      const next = db
        .prepare('SELECT max(first_position + event_count) FROM _commit WHERE run_id = ?')
        .pluck()
        .get(state.runId)
      this.writtenUpTo = Number(next ?? 0)
    }
    return new Writer(db, this.host.file, name, state)
  }
}

function failureMessage(runId: number, error: unknown): FailureMessage {
  if (error instanceof TapeError) {
    const { cause, code, message } = error
    return {
      runId,
      code,
      explanation: message.slice(code.length + 2),
      cause: cause instanceof Error ? cause.message : null,
    }
  }
  const words = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { runId, code: 'WRITE_FAILED', explanation: words, cause: null }
}
