/**
 * The thread that writes a tape's runs, once it is woken (sleeping-thread.ts): hears what the training thread says, hands batches to their runs (run-on-thread.ts), which
 * write them with the thread's one connection, and ends the runs of a worker that is gone.
 */
import process from 'node:process'
import { workerData } from 'node:worker_threads'
import type { Connection } from '../format/connection.js'
import { openDatabase } from '../format/database.js'
import { SameFile } from '../format/file-identity.js'
import { checkMarked } from '../format/own-content.js'
import { type LockWatch, RunLock } from '../format/run-lock.js'
import { Following, type MakeFollower } from './follow.js'
import {
  ENDING,
  type SignalMessage,
  THREAD,
  THREAD_STATE,
  type ThreadData,
  type ToThread,
  tellChange,
} from './hand-over.js'
import { type FromMain, HOSTED, type HostedData } from './main-thread.js'
import { RunOnThread, type WritingHost } from './run-on-thread.js'
import type { SharedMemory } from './shared-batch.js'
import { SignalWatch } from './signal-watch.js'
import { sleeper } from './sleeping-thread.js'
import { answer, fromMainThread, fromWorker } from './thread-port.js'

const hosted = 'channel' in workerData ? (workerData as HostedData) : null
const {
  data: { path, file, content, control: threadControl, listeners },
  port,
} = hosted === null ? fromWorker(workerData as ThreadData) : await fromMainThread(hosted)
const same = new SameFile(path, file, content)
const HELD_MAX_MS = 60_000
/** As this thread was until now; null where it did not sleep. */
const before = sleeper()

// The training thread may have stopped waiting for this one, and writes by itself: then there is nothing to do.
for (;;) {
  const { starting, running, held } = THREAD_STATE
  const state = Atomics.compareExchange(threadControl, THREAD.state, starting, running)
  if (state === starting) break
  // A worker that holds this one, and is ended at that very moment, never lets go.
  if (state !== held || Atomics.wait(threadControl, THREAD.state, held, HELD_MAX_MS) === 'timed-out') {
    before?.signals.leave()
    process.exit()
  }
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

let db: Connection | null = null
const runs = new Map<number, RunOnThread>()
const memories = new Map<number, SharedMemory>()

/** What the runs here share. */
const host: WritingHost = {
  file: same,
  connection() {
    if (db === null) {
      same.check()
      if (same.content !== null) checkMarked(same.path, same.content)
      db = openDatabase(same.path, { readonly: false })
    }
    return db
  },
  memory: (id) => memories.get(id),
  takeBatches,
  post: (message) => port.post(message),
}

const isIdle = () => inbox.length === 0 && ![...runs.values()].some(({ canWrite }) => canWrite)

function heard(signal: number): void {
  for (const run of runs.values()) tellChange(run.control)
  port.post({ signal } satisfies SignalMessage)
}

const signals = before?.signals ?? new SignalWatch(threadControl, listeners, heard, isIdle)

const inbox: ToThread[] = before?.said ?? []
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
before?.isFollowedBy({ heard, isIdle })

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
      runs.set(message.state.runId, new RunOnThread(host, message, lockOf(message.state.runId)))
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
    case 'wake':
      break // it is
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

/** Held by the worker that records, as long as it is there; null where nobody need look. */
function lockOf(runId: number): LockWatch | null {
  return hosted === null ? null : RunLock.watch(same.path, runId)
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

if (before !== null) {
  work() // what was said while it slept
  // It has waited long enough: to look whether it still stands still would take as long again.
  if (before.stoodStill) for (const run of [...runs.values(), ...runs.values()]) run.look()
}
