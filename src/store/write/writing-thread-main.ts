/**
 * The thread that writes a tape's runs: takes batches in order, with a connection of its own, and tells by the runs'
 * control blocks how far it is. A batch that could not be written stays where it is, in the memory of the training
 * thread, until that one says to try again; those behind it wait.
 */
import process from 'node:process'
import { receiveMessageOnPort, workerData } from 'node:worker_threads'
import { TapeError } from '../../errors.js'
import type { PackedBatch } from '../../events/pack.js'
import type { Connection } from '../format/connection.js'
import { openDatabase } from '../format/database.js'
import { SameFile } from '../format/file-identity.js'
import { BATCHES_IN_FLIGHT } from './batch-channel.js'
import { between, mayEnd, partUpTo, unwrittenOf } from './batch-part.js'
import {
  type BatchMessage,
  CONTROL,
  type FailureMessage,
  type SignalMessage,
  THREAD,
  THREAD_STATE,
  type ThreadData,
  type ToThread,
  tellChange,
} from './hand-over.js'
import { arraysOf, firstArraysOf, firstTextsOf, type SharedMemory } from './shared-batch.js'
import { SignalWatch } from './signal-watch.js'
import { Writer } from './writer.js'

const { path, file, port, control: threadControl, listeners } = workerData as ThreadData
const same = new SameFile(path, file)

// The training thread may have stopped waiting for this one, and writes by itself: then there is nothing to do.
for (;;) {
  const { starting, running, held } = THREAD_STATE
  const state = Atomics.compareExchange(threadControl, THREAD.state, starting, running)
  if (state === starting) break
  if (state !== held) process.exit()
  Atomics.wait(threadControl, THREAD.state, held)
}
Atomics.notify(threadControl, THREAD.state)

/** What is not handed over is looked at this often; it is taken when it stands still from one look to the next. */
const LOOK_EVERY_MS = 100

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

  constructor(begin: Begin) {
    this.begin = begin
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
  ): unknown {
    try {
      this.writer ??= this.start()
      const [firstPosition = 0, firstStep = 0, firstText = 0] = begun
      const filling = { firstPosition, firstStep, firstText, words: all }
      const from = partUpTo(filling, { events: Math.max(0, this.writtenUpTo - firstPosition) })
      if (from.words >= words) return null
      const to = partUpTo(filling, { words })
      if (!mayEnd(filling, to)) return null
      const texts = firstTextsOf(shared, to.texts)
      const values = firstArraysOf({ count: to.values, chunks, used })
      const failure = this.writer.write([between(filling, from, to, texts, values)])
      if (failure === null) this.writtenUpTo = firstPosition + to.events
      return failure
    } catch (error) {
      return error
    }
  }

  retry(): void {
    this.failed = false
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
      Atomics.add(control, CONTROL.written, count)
    } else {
      this.fail(failure)
    }
    tellChange(control)
  }

  private fail(failure: unknown): void {
    const { control, state } = this.begin
    this.failed = true
    port.postMessage(failureMessage(state.runId, failure))
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
    port.postMessage({ signal } satisfies SignalMessage)
  },
  () => inbox.length === 0 && ![...runs.values()].some(({ canWrite }) => canWrite),
)

const inbox: ToThread[] = []

setInterval(() => {
  work() // what came is first
  if (inbox.length === 0) for (const run of runs.values()) run.look()
}, LOOK_EVERY_MS).unref()

port.on('message', (message: ToThread) => {
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
    for (let more = receiveMessageOnPort(port); more !== undefined; more = receiveMessageOnPort(port))
      inbox.push(more.message as ToThread)
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
    if (message === undefined) return
    follow(message)
  }
}

function follow(message: ToThread): void {
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
      runs.delete(message.runId)
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
  }
}

// However the thread ends, whoever waits should look at once whether it is still there.
process.on('exit', () => {
  for (const run of runs.values()) tellChange(run.control)
})
