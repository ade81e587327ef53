/**
 * A writing thread that belongs to the program's main thread, for a run that is recorded in a worker thread of the program. A
 * thread that the worker started itself would end with the worker, at once and in the middle of its work, when the main thread
 * calls `worker.terminate()` or `process.exit()`. One of the main thread outlives the worker: it takes what the worker has shared
 * with it, writes the end of the run, and the main thread waits for that before the process ends.
 *
 * A worker has no other way to have the main thread start something than to ask it as a debugger would, through Node's inspector:
 * no port is opened for it, and the main thread need not know this package, nor come back to its event loop. Where there is no
 * inspector, the worker starts a thread of its own.
 */
import { randomUUID } from 'node:crypto'
import { createRequire } from 'node:module'
import { BroadcastChannel, receiveMessageOnPort, type Worker } from 'node:worker_threads'
import { type FromThread, SIGNALS, type ThreadData, type ToThread } from './hand-over.js'
import { countListeners } from './signal-listeners.js'
import type { ThreadLink } from './thread-link.js'

/** Places in the block that the main thread, its writing thread and the worker share. */
export const HOSTED = {
  /** Counts how often the main thread has asked for what a worker that is gone has left. */
  asked: 0,
  /** As many of these were answered. */
  answered: 1,
  /** 1 when the process may end. */
  mayEnd: 2,
  /** 1 when the writing thread has ended. */
  over: 3,
  length: 4,
} as const

/** What such a thread is started with; the rest comes over the channel. */
export interface HostedData {
  readonly channel: string
  readonly hosted: Int32Array
  /** How many listeners the program has for each signal, on its main thread. */
  readonly listeners: Int32Array
}

/** What is said over the channel until the thread is up. */
export type Greeting =
  | { readonly greeting: 'asked' }
  | { readonly greeting: 'refused'; readonly why: string }
  | { readonly greeting: 'hello'; readonly hosted: Int32Array; readonly listeners: Int32Array }
  | { readonly greeting: 'data'; readonly data: Omit<ThreadData, 'port' | 'life'> }

/** What the main thread says to its writing threads. */
export type FromMain = 'settle' | 'end'

/** The writing threads of the main thread, where this module finds them again when it is loaded there, too. */
const KEY = 'gradtape.writingThreads'

interface HostedThread {
  readonly identity: string
  readonly settle: () => void
}

/**
 * Has the writing threads of this thread look after runs in the file whose worker is gone: when this returns, what these left is
 * in the file, and their ends.
 */
export function settleWritingThreads(identity: string): void {
  const threads = (globalThis as { [key: symbol]: Set<HostedThread> | undefined })[Symbol.for(KEY)]
  for (const thread of threads ?? []) if (thread.identity === identity) thread.settle()
}

/** Asks the main thread for a writing thread; null where it cannot be asked: no inspector, or not under a permission model. */
export function threadOfMain(
  main: URL,
  data: Omit<ThreadData, 'port' | 'life'>,
  heard: (message: FromThread) => void,
): ThreadLink | null {
  const session = sessionOfMain()
  return session === null ? null : new HostedLink(session, main, data, heard)
}

function sessionOfMain(): Session | null {
  try {
    const { Session } = createRequire(import.meta.url)('node:inspector') as Inspector
    const session = new Session()
    session.connectToMainThread()
    return session
  } catch {
    return null
  }
}

/** The part of `node:inspector` that is used here. */
interface Session {
  connectToMainThread(): void
  post(method: string, parameters: object, done: (error: unknown) => void): void
  disconnect(): void
}
interface Inspector {
  readonly Session: new () => Session
}

class HostedLink implements ThreadLink {
  readonly isHosted = true
  hearsSignals = true
  private readonly channel: BroadcastChannel
  private readonly data: Omit<ThreadData, 'port' | 'life'>
  private readonly heard: (message: FromThread) => void
  private session: Session | null
  private hosted: Int32Array | null = null
  private refused = false
  /** What is said before the thread listens. */
  private early: ToThread[] | null = []

  constructor(
    session: Session,
    main: URL,
    data: Omit<ThreadData, 'port' | 'life'>,
    heard: (message: FromThread) => void,
  ) {
    this.data = data
    this.heard = heard
    const name = `gradtape ${randomUUID()}`
    const channel = new BroadcastChannel(name)
    channel.unref()
    channel.onmessage = (event) => this.take((event as MessageEvent).data as Greeting | FromThread)
    this.channel = channel
    this.session = session
    const places = JSON.stringify({ hosted: HOSTED, signals: SIGNALS })
    const words = [main.href, name, data.file, KEY, places].map((word) => JSON.stringify(word))
    session.post(
      'Runtime.evaluate',
      {
        expression: `(${String(startHere)})(require, ${String(countListeners)}, ${words.join()})`,
        includeCommandLineAPI: true,
        silent: true,
      },
      (error) => {
        if (error !== null && this.session !== null) this.refused = true
        this.disconnect()
      },
    )
  }

  post(message: ToThread): void {
    if (this.early !== null) this.early.push(message)
    else this.channel.postMessage(message)
  }

  greet(): void {
    // What it says once it is up must not be heard here: a signal would end the runs in the middle of something.
    this.hearWhile(() => this.early !== null)
  }

  listen(): void {
    this.hearWhile(() => true)
  }

  private hearWhile(goesOn: () => boolean): void {
    while (goesOn()) {
      const received = receiveMessageOnPort(this.channel as never) as
        | { message: Greeting | FromThread }
        | undefined
      if (received === undefined) return
      this.take(received.message)
    }
  }

  get isOver(): boolean {
    this.greet()
    return this.refused || (this.hosted !== null && Atomics.load(this.hosted, HOSTED.over) === 1)
  }

  close(): void {
    this.disconnect()
    this.channel.close()
  }

  private take(message: Greeting | FromThread): void {
    if (!('greeting' in message)) {
      this.heard(message)
      return
    }
    this.disconnect()
    if (message.greeting === 'refused') this.refused = true
    else if (message.greeting === 'hello' && this.early !== null) {
      this.hosted = message.hosted
      this.channel.postMessage({ greeting: 'data', data: this.data } satisfies Greeting)
      const { early } = this
      this.early = null
      for (const each of early) this.channel.postMessage(each)
    }
  }

  /** A process that ends while somebody debugs it says that it waits for the debugger. */
  private disconnect(): void {
    const { session } = this
    this.session = null
    session?.disconnect()
  }
}

/**
 * Runs on the main thread, from its source: it knows nothing of this module. Starts the thread, and has the process wait for it
 * when it ends.
 */
function startHere(
  require: (name: string) => unknown,
  listenersOf: typeof countListeners,
  file: string,
  channel: string,
  identity: string,
  key: string,
  places: string,
): void {
  const { process } = globalThis
  const { Worker, BroadcastChannel } = require('node:worker_threads') as typeof import('node:worker_threads')
  const answer = new BroadcastChannel(channel)
  try {
    const { hosted: numbers, signals } = JSON.parse(places) as { hosted: typeof HOSTED; signals: string[] }
    const { asked, answered, mayEnd, over, length } = numbers
    type Hosted = HostedThread & { worker: Worker; hosted: Int32Array }
    type Threads = Set<Hosted> & { listeners?: Int32Array }
    const shared = globalThis as unknown as { [key: symbol]: Threads | undefined }
    const waitMax = 20000
    let threads = shared[Symbol.for(key)]
    if (threads === undefined) {
      const begun: Threads = new Set<Hosted>()
      threads = shared[Symbol.for(key)] = begun
      begun.listeners = listenersOf(signals)
      process.on('exit', () => {
        for (const { worker } of begun) worker.postMessage('end')
        for (const { hosted } of begun) Atomics.wait(hosted, mayEnd, 0, waitMax)
      })
    }
    const { listeners } = threads
    const hosted = new Int32Array(new SharedArrayBuffer(length * 4))
    const worker = new Worker(new URL(file), {
      name: 'gradtape writer',
      workerData: { channel, hosted, listeners },
      execArgv: [],
      env: process.env,
    })
    worker.unref()
    const settle = () => {
      const number = Atomics.add(hosted, asked, 1) + 1
      worker.postMessage('settle')
      const until = performance.now() + waitMax
      for (let done = Atomics.load(hosted, answered); done < number; done = Atomics.load(hosted, answered)) {
        if (Atomics.load(hosted, over) === 1 || performance.now() > until) return
        Atomics.wait(hosted, answered, done, 100)
      }
    }
    const thread: Hosted = { identity, settle, worker, hosted }
    threads.add(thread)
    const all = threads
    worker.on('error', () => {}) // the worker thread of the program finds it gone, and says so
    worker.on('exit', () => {
      all.delete(thread)
      Atomics.store(hosted, over, 1)
      Atomics.store(hosted, mayEnd, 1)
      Atomics.notify(hosted, mayEnd)
    })
    answer.postMessage({ greeting: 'asked' })
  } catch (error) {
    answer.postMessage({ greeting: 'refused', why: String(error) })
  } finally {
    answer.close()
  }
}
