/**
 * The second thread of a tape, seen from the training thread: started when a run first needs it, serving all runs of the
 * tape, looked after while waiting, closed with the tape. What it does stands in writing-thread-main.ts.
 */
import { isMainThread } from 'node:worker_threads'
import { valueText } from '../../errors.js'
import type { EventStream } from '../../events/stream.js'
import type { SameFile } from '../format/file-identity.js'
import { BATCHES_IN_FLIGHT, BatchChannel, type FarEnd } from './batch-channel.js'
import { type FromThread, SIGNALS, THREAD, THREAD_STATE, type ToThread } from './hand-over.js'
import { threadOfMain } from './main-thread.js'
import { SharedBatch } from './shared-batch.js'
import { countListeners } from './signal-listeners.js'
import { LOOK_AFTER_MS, threadFile } from './thread.js'
import { ownThread, type ThreadLink } from './thread-link.js'
import type { WriterState } from './writer.js'

const MAIN = threadFile(() => new URL('./writing-thread-main.js', import.meta.url))

interface Started {
  readonly link: ThreadLink
  readonly control: Int32Array
  /** When it was woken, by `performance.now`; null while it sleeps. */
  wokenAt: number | null
}

/** A thread that is not up so long after it was woken is not waited for any longer; it takes a twentieth of a second as a rule. */
const START_MAX_MS = 5_000

/** Who waits for a thread of the main thread looks so often whether that one has begun. */
const GREET_AFTER_MS = 5

/** How long a process that is asked to end waits for its end. */
const END_MAX_MS = 20_000

/** How many listeners the program has for each signal; counted from the first thread on. */
let listeners: Int32Array | null = null

export class WritingThread implements FarEnd {
  private readonly file: SameFile
  private started: Started | null = null
  private readonly channels = new Map<number, BatchChannel>()
  /** Shared batches of runs that have ended. */
  private readonly spare: SharedBatch[] = []
  private unavailable = false
  /** The chunks of each memory that the thread was told of. */
  private readonly introduced = new Map<number, number>()
  private death: { readonly cause: string | null } | null = null

  private readonly onSignal: () => void
  private watches = false
  private attending = false
  /** Whether the program's main thread is asked for a thread: where this one may be ended by that one. */
  private asksMain = !isMainThread
  private closing = false

  private constructor(file: SameFile, onSignal: () => void) {
    this.file = file
    this.onSignal = onSignal
  }

  /**
   * A thread for the tape in `file`, not started yet; null when only the training thread can write it. `onSignal` is called on
   * this thread when a signal asks the process to end: it ends the runs.
   */
  static for(file: SameFile, onSignal: () => void): WritingThread | null {
    // A program bundled into one file has no second one to start; it records all the same.
    return MAIN === null ? null : new WritingThread(file, onSignal)
  }

  /** Starts the thread, if it is not started yet: it hears signals then, and sleeps. */
  prepare(): void {
    if (this.hasLeft) this.forget()
    if (this.started === null && !this.unavailable) this.start()
  }

  /** Has it write as soon as it can, from then on. */
  wake(): void {
    this.prepare()
    const { started } = this
    if (started === null || started.wokenAt !== null) return
    started.wokenAt = performance.now()
    started.link.post({ kind: 'wake' })
  }

  /** Whether it writes, or is about to. */
  get isAwake(): boolean {
    return this.started !== null && this.started.wokenAt !== null
  }

  /** Whether it goes on when this thread is ended by the program's main thread. */
  get outlivesThis(): boolean {
    return this.asksMain
  }

  /** Whether it runs. */
  get isUp(): boolean {
    this.started?.link.greet()
    return !this.unavailable && this.isIn(THREAD_STATE.running)
  }

  /** Whether it had nothing to do, and has ended. */
  private get hasLeft(): boolean {
    return this.isIn(THREAD_STATE.left)
  }

  private isIn(state: number): boolean {
    return this.started !== null && Atomics.load(this.started.control, THREAD.state) === state
  }

  /** Waits for a thread that was started until it is up, or it is known that it does not come. */
  waitUntilUp(): void {
    const { starting } = THREAD_STATE
    while (!this.unavailable && this.isIn(starting)) {
      const { link, control } = this.started!
      link.greet()
      const pause = link.isHosted ? GREET_AFTER_MS : LOOK_AFTER_MS
      if (Atomics.wait(control, THREAD.state, starting, pause) === 'timed-out') this.look()
    }
  }

  /** Keeps a thread that starts from writing until `release`; no when it is up. */
  hold(): boolean {
    const { started } = this
    if (started === null) return false
    started.link.greet()
    const { starting, held } = THREAD_STATE
    return Atomics.compareExchange(started.control, THREAD.state, starting, held) === starting
  }

  release(): void {
    const { control } = this.started!
    Atomics.store(control, THREAD.state, THREAD_STATE.starting)
    Atomics.notify(control, THREAD.state)
  }

  /** Takes over a run from the training thread; null when there can be no second thread here. */
  takeOver(stream: EventStream, name: string, state: WriterState): BatchChannel | null {
    this.prepare()
    if (this.unavailable) return null
    const channel = new BatchChannel(this, stream, name, state)
    this.channels.set(channel.runId, channel)
    if (this.hasLeft) this.startAgain() // just now
    return channel
  }

  /** Whether no thread can be started: the training thread writes by itself, from then on. */
  get isUnavailable(): boolean {
    return this.unavailable
  }

  /** Whether the thread has died; it is known only after `look`, or when this thread came back to its event loop. */
  get gone(): boolean {
    return this.death !== null
  }

  post(message: ToThread): void {
    this.started?.link.post(message)
  }

  /** A new thread in place of one that died: what that one had not written is handed over again. */
  startAgain(): void {
    this.forget()
    this.wake()
    if (this.unavailable) return
    for (const channel of this.channels.values()) channel.beginAgain()
  }

  introduce(shared: SharedBatch): void {
    if (this.introduced.get(shared.id) === shared.chunkCount) return
    this.introduced.set(shared.id, shared.chunkCount)
    this.post({ kind: 'memory', memory: shared.memory() })
  }

  sharedBatch(): SharedBatch {
    return this.spare.pop() ?? new SharedBatch()
  }

  end(channel: BatchChannel, batches: readonly SharedBatch[]): void {
    this.post({ kind: 'end', runId: channel.runId })
    this.channels.delete(channel.runId)
    for (const shared of batches) if (this.spare.length < BATCHES_IN_FLIGHT) this.spare.push(shared)
  }

  /** Passes on what the thread has said. */
  listen(): void {
    this.started?.link.listen()
  }

  private hear(message: FromThread): void {
    if ('signal' in message) this.attend()
    else if ('said' in message) this.channels.get(message.runId)?.hear(message)
    else this.channels.get(message.runId)?.fail(message)
  }

  /** Ends the runs, and waits for the end, when a signal asks the process to end: asked now and then, and where this one waits. */
  attend(): void {
    const { started } = this
    if (started === null || this.attending) return
    if (started.link.isHosted && this.isIn(THREAD_STATE.starting)) this.look()
    if (Atomics.load(started.control, THREAD.signal) === 0) return
    this.attending = true
    this.onSignal()
    Atomics.store(started.control, THREAD.drained, 1)
    // Nothing that happens from here on would be on the tape. The process ends while this one waits; or the signal is not its end.
    Atomics.wait(started.control, THREAD.drained, 1, END_MAX_MS)
    Atomics.store(started.control, THREAD.signal, 0)
    this.attending = false
  }

  /** Runs are open, or none is any more: only while there are some, signals wait. */
  watch(isOn: boolean): void {
    if (isOn === this.watches) return
    this.watches = isOn
    this.tellWatch()
  }

  private tellWatch(): void {
    // A thread that a worker of the program started does not know who listens to signals.
    if (this.started?.link.hearsSignals) this.post({ kind: 'watch', isOn: this.watches })
  }

  /** Looks whether the thread still lives; if not, its runs fail, until they are told to try again. */
  look(): void {
    const { started } = this
    if (started === null || this.death !== null || this.unavailable) return
    if (started.link.isOver) this.died(started, null)
    else if (started.wokenAt !== null && performance.now() - started.wokenAt > START_MAX_MS)
      this.giveUp(started)
  }

  /**
   * Stops waiting for a thread that does not come up, as where the operating system gives no more threads or files; no when it
   * is up. It has written nothing then, and never will.
   */
  private giveUp(started: Started): boolean {
    const { starting, givenUp } = THREAD_STATE
    const state = Atomics.compareExchange(started.control, THREAD.state, starting, givenUp)
    if (state !== starting && state !== givenUp) return false
    if (started.link.isHosted && started === this.started && !this.closing) {
      this.asksMain = false // one of our own, then
      this.startAgain()
    } else this.unavailable = true
    return true
  }

  /** Ends the thread: when this returns, its connection is closed. */
  close(): void {
    this.spare.length = 0
    this.closing = true
    const { started } = this
    if (started === null || this.hasLeft) {
      this.forget()
      return
    }
    this.watches = false
    this.post({ kind: 'close' })
    this.giveUp(started) // one that is not up yet has nothing to close
    while (this.death === null && !this.unavailable && Atomics.load(started.control, THREAD.closed) === 0) {
      if (Atomics.wait(started.control, THREAD.closed, 0, LOOK_AFTER_MS) === 'timed-out') this.look()
    }
    this.forget()
  }

  private forget(): void {
    this.death = null
    this.started?.link.close()
    this.started = null
  }

  private start(): void {
    this.introduced.clear()
    const control = new Int32Array(new SharedArrayBuffer(THREAD.length * 4))
    const { path, identity, content } = this.file
    listeners ??= countListeners(SIGNALS)
    const data = { path, file: identity, content, control, listeners }
    let link: ThreadLink | null = null
    const heard = (message: FromThread) => this.hear(message)
    if (this.asksMain) link = threadOfMain(MAIN!, data, heard)
    try {
      link ??= ownThread(MAIN!, data, isMainThread, heard, (cause) => this.died(started, cause))
    } catch {
      // Node's permission model, a limit on threads or on files: what is lost is speed.
      this.unavailable = true
      return
    }
    // One of the main thread never sleeps.
    const started: Started = { link, control, wokenAt: link.isHosted ? performance.now() : null }
    this.started = started
    if (this.watches) this.tellWatch()
  }

  private died(thread: Started, cause: string | null): void {
    if (thread !== this.started || this.death !== null) return
    if (this.giveUp(thread) || this.hasLeft) return
    this.listen() // it may have said why
    this.death = { cause }
    for (const channel of this.channels.values()) {
      channel.fail({
        code: 'WRITE_FAILED',
        explanation: `the thread that writes the tape ended on its own; what it has not written of run ${valueText(channel.name)} is kept: call flush() of this run to go on with another`,
        cause,
      })
    }
  }
}
