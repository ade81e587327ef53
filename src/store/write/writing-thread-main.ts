/**
 * The thread that writes a tape's runs: takes batches in order, with a connection of its own, and tells by the runs'
 * control blocks how far it is. A batch that could not be written stays where it is, in the memory of the training
 * thread, until that one says to try again; those behind it wait.
 */
import fs from 'node:fs'
import process from 'node:process'
import { workerData } from 'node:worker_threads'
import { TapeError } from '../../errors.js'
import type { PackedBatch } from '../../events/pack.js'
import type { Connection } from '../format/connection.js'
import { openDatabase } from '../format/database.js'
import { SameFile } from '../format/file-identity.js'
import { type LockWatch, RunLock } from '../format/run-lock.js'
import { BATCHES_IN_FLIGHT } from './batch-channel.js'
import { between, mayEnd, partUpTo, unwrittenOf } from './batch-part.js'
import { Following, type MakeFollower } from './follow.js'
import {
  type BatchMessage,
  CONTROL,
  ENDING,
  type FailureMessage,
  type SaidMessage,
  type Settled,
  type SignalMessage,
  THREAD,
  THREAD_STATE,
  type ThreadData,
  type ToThread,
  tellChange,
} from './hand-over.js'
import { interruptedEnd } from './interrupted-end.js'
import { type FromMain, HOSTED, type HostedData } from './main-thread.js'
import { arraysOf, firstArraysOf, firstTextsOf, type SharedMemory } from './shared-batch.js'
import { SignalWatch } from './signal-watch.js'
import { answer, fromMainThread, fromWorker } from './thread-port.js'
import { Writer } from './writer.js'

const hosted = 'channel' in workerData ? (workerData as HostedData) : null
const {
  data: { path, file, control: threadControl, listeners },
  port,
} = hosted === null ? fromWorker(workerData as ThreadData) : await fromMainThread(hosted)
const same = new SameFile(path, file)
const HELD_MAX_MS = 60_000

// The training thread may have stopped waiting for this one, and writes by itself: then there is nothing to do.
for (;;) {
  const { starting, running, held } = THREAD_STATE
  const state = Atomics.compareExchange(threadControl, THREAD.state, starting, running)
  if (state === starting) break
  // A worker that holds this one, and is ended at that very moment, never lets go.
  if (state !== held || Atomics.wait(threadControl, THREAD.state, held, HELD_MAX_MS) === 'timed-out')
    process.exit()
}
Atomics.notify(threadControl, THREAD.state)

/** What is not handed over is looked at this often; it is taken when it stands still from one look to the next. */
const LOOK_EVERY_MS = 100

/** A thread of the main thread that no run needs ends after this long: nobody tells it that the worker it served is gone. */
const IDLE_MAX_MS = 10_000

/** When the main thread ends the process, a worker that computes is heard to have stopped, or not to hear, after this long. */
const STILL_MS = 150
const HAND_OVER_MAX_MS = 2_000
const END_LOOK_EVERY_MS = 5

/** Batches in one transaction: while they are written the training thread fills as many others. */
const TOGETHER_MAX = BATCHES_IN_FLIGHT / 2

type Begin = Extract<ToThread, { kind: 'begin' }>

let db: Connection | null = null
const runs = new Map<number, RunHere>()
const memories = new Map<number, SharedMemory>()

class RunHere {
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

  constructor(begin: Begin) {
    this.begin = begin
    this.lock = hosted === null ? null : RunLock.watch(same.path, begin.state.runId)
  }

  /** Whether the thread that records it is gone. */
  get isLeft(): boolean {
    return this.lock !== null && !this.lock.isHeld
  }

  /** Changes when something is recorded. */
  get recorded(): string {
    const memory = memories.get(Atomics.load(this.begin.control, CONTROL.filling))
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
      takeBatches()
      while (this.canWrite) this.write()
      const memory = memories.get(Atomics.load(this.begin.control, CONTROL.filling))
      const words = memory === undefined ? 0 : Atomics.load(memory.published, 0)
      if (memory === undefined || words === 0 || memory.begun[0]! < this.handedUpTo) break
      if (this.waiting.length > 0 || takeBatches()) {
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
      const end = interruptedEnd(db!, this.begin.state.runId, this.writer.state.texts.length)
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
    const memory = memories.get(Atomics.load(this.begin.control, CONTROL.filling))
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
      port.post({ runId: state.runId, follow: following.order.id, said } satisfies SaidMessage)
      Atomics.add(control, CONTROL.said, 1)
    }
    if (settled === 'nothing') return
    Atomics.add(control, CONTROL.looked, 1)
    tellChange(control)
  }

  /** The connection, for who reads. */
  get connection(): Connection {
    this.writer ??= this.start()
    return db!
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
    port.post(failureMessage(state.runId, failure))
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
    if (db === null) {
      same.check()
      db = openDatabase(same.path, { readonly: false })
    }
    if (writtenBefore === 'perhaps') {
      const next = db
        .prepare('SELECT max(first_position + event_count) FROM _commit WHERE run_id = ?')
        .pluck()
        .get(state.runId)
      this.writtenUpTo = Number(next ?? 0)
    }
    return new Writer(db, same, name, state)
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

const signals = new SignalWatch(
  threadControl,
  listeners,
  (signal) => {
    for (const run of runs.values()) tellChange(run.control)
    port.post({ signal } satisfies SignalMessage)
  },
  () => inbox.length === 0 && ![...runs.values()].some(({ canWrite }) => canWrite),
)

const inbox: ToThread[] = []
/** When a run was last open here. */
let busyAt = performance.now()

setInterval(() => {
  work() // what came is first
  if (hosted !== null) lookAfterWorker()
  if (inbox.length === 0) for (const run of runs.values()) run.look()
}, LOOK_EVERY_MS).unref()

port.onMessage((message: ToThread) => {
  inbox.push(message)
  work()
})

let goesOn = false

/**
 * Does what the messages say, in their order; batches that came in the meantime go into the next transaction. After each
 * transaction this thread comes back to its event loop, where it hears signals.
 */
function work(): void {
  if (goesOn) return
  for (;;) {
    pull()
    for (let first = inbox[0]; first?.kind === 'batch'; first = inbox[0]) {
      runs.get(first.runId)?.take(first.batch)
      inbox.shift()
    }
    const run = [...runs.values()].find(({ canWrite }) => canWrite)
    if (run !== undefined) {
      run.write()
      goesOn = true
      setImmediate(() => {
        goesOn = false
        work()
      })
      return
    }
    const message = inbox.shift()
    if (message === undefined || !follow(message)) return
  }
}

function pull(): void {
  for (let more = port.receive(); more !== undefined; more = port.receive()) inbox.push(more)
}

/** Does what a message says; no when that must wait. */
function follow(message: ToThread): boolean {
  switch (message.kind) {
    case 'begin':
      runs.set(message.state.runId, new RunHere(message))
      break
    case 'memory':
      memories.set(message.memory.id, message.memory)
      break
    case 'retry':
      runs.get(message.runId)?.retry()
      break
    case 'end':
      runs.get(message.runId)?.close()
      runs.delete(message.runId)
      break
    case 'follow':
      load(message)
      break
    case 'look':
      if (loading > 0) {
        inbox.unshift(message) // what is loaded looks, too
        return false
      }
      runs.get(message.runId)?.tellFollowers(message.settled)
      break
    case 'watch':
      signals.set(message.isOn)
      break
    case 'close':
      signals.set(false)
      db?.close()
      db = null
      Atomics.store(threadControl, THREAD.closed, 1)
      Atomics.notify(threadControl, THREAD.closed)
      port.close()
      if (hosted !== null) process.exit()
  }
  return true
}

/** Files of followers that are being loaded. */
let loading = 0

function load({ runId, follow: order, skip }: Extract<ToThread, { kind: 'follow' }>): void {
  loading++
  const run = runs.get(runId)
  import(order.module)
    .then(
      ({ follower }: { follower: MakeFollower }) => follower,
      (error: unknown): MakeFollower =>
        () => {
          throw error
        },
    )
    .then((make) => {
      // The training thread may have taken the run back, and handed it over anew, while this was loaded.
      if (run !== undefined && runs.get(runId) === run)
        run.follow(new Following(order, skip, () => make(run.connection, runId, order.data)))
      loading--
      work()
    })
}

/** The worker that records may be gone: then what it shared is written, and this thread ends with it. */
function lookAfterWorker(): void {
  if ([...runs.values()].some(({ isLeft }) => isLeft)) {
    // A run that was ended in the meantime says so before its lock is free.
    followAll()
    if (runs.size > 0) {
      endRuns()
      RunLock.tidy(same.path)
      leave()
    }
  }
  if (runs.size > 0 || inbox.length > 0) busyAt = performance.now()
  else if (performance.now() - busyAt > IDLE_MAX_MS) leave()
}

/** Ends this thread; who still has something for it starts another. */
function leave(): void {
  Atomics.store(threadControl, THREAD.state, THREAD_STATE.left)
  db?.close()
  process.exit()
}

/** Whether batches have come, which are handed to their runs; what is said of memory is noted, and anything else waits. */
function takeBatches(): boolean {
  pull()
  let hasCome = false
  for (const message of inbox.splice(0)) {
    if (message.kind === 'memory') follow(message)
    else if (message.kind !== 'batch') inbox.push(message)
    else {
      runs.get(message.runId)?.take(message.batch)
      hasCome = true
    }
  }
  return hasCome
}

/** Does all that was asked by now, without coming back to the event loop. */
function followAll(): void {
  for (pull(); inbox.length > 0; pull()) {
    const message = inbox.shift()!
    if (message.kind === 'batch') runs.get(message.runId)?.take(message.batch)
    else {
      for (const run of runs.values()) while (run.canWrite) run.write()
      follow(message)
    }
  }
}

function endRuns(): void {
  for (const run of [...runs.values()].reverse()) {
    run.end()
    run.close()
  }
  runs.clear()
}

/** The main thread wants to know what a worker that is gone has left, or ends the process. */
function hearMain(message: FromMain, { hosted: block }: HostedData): void {
  if (message === 'settle') {
    const number = Atomics.load(block, HOSTED.asked)
    lookAfterWorker()
    answer(block, HOSTED.answered, number)
    return
  }
  signals.set(false)
  Atomics.store(threadControl, THREAD.signal, ENDING)
  for (const run of runs.values()) tellChange(run.control)
  port.post({ signal: ENDING })
  const since = performance.now()
  let [seen, stillSince] = ['', since]
  const timer = setInterval(() => {
    const now = performance.now()
    const recorded = [...runs.values()].map((run) => run.recorded).join()
    if (recorded !== seen) [seen, stillSince] = [recorded, now]
    const hears = now - stillSince < STILL_MS && now - since < HAND_OVER_MAX_MS
    if (runs.size > 0 && hears) return
    clearInterval(timer)
    followAll()
    endRuns()
    db?.close()
    db = null
    answer(block, HOSTED.mayEnd, 1)
  }, END_LOOK_EVERY_MS)
}

if (hosted !== null) port.onMain((message) => hearMain(message, hosted))

// However the thread ends, whoever waits should look at once whether it is still there.
process.on('exit', () => {
  for (const run of runs.values()) tellChange(run.control)
})
