/** The writing thread's end of the way to the training thread, whoever started this one. */
import process from 'node:process'
import { BroadcastChannel, type MessagePort, parentPort, receiveMessageOnPort } from 'node:worker_threads'
import type { FromThread, ThreadData, ToThread } from './hand-over.js'
import { type FromMain, type Greeting, HOSTED, type HostedData } from './main-thread.js'

export interface ThreadPort {
  /** What came, also while the thread does not return to its event loop; undefined for nothing. */
  receive(): ToThread | undefined
  onMessage(take: (message: ToThread) => void): void
  /** What the main thread says, where it started this one. */
  onMain(take: (message: FromMain) => void): void
  post(message: FromThread): void
  close(): void
}

type Data = Omit<ThreadData, 'port' | 'life'>

/** How long the worker that asked for this thread may take to say what it wants. */
const GREETED_MAX_MS = 5_000

/** Started by the thread that records. */
export function fromWorker({ port, ...data }: ThreadData): { data: Data; port: ThreadPort } {
  return {
    data,
    port: {
      receive: () => receivedOn(port) as ToThread | undefined,
      onMessage: (take) => port.on('message', take),
      onMain: () => {},
      post: (message) => port.postMessage(message),
      close: () => port.close(),
    },
  }
}

/** Started by the main thread, for a worker that waits at the channel. */
export async function fromMainThread({ channel: name, hosted, listeners }: HostedData): Promise<{
  data: Data
  port: ThreadPort
}> {
  // However this thread ends, nobody waits for it any longer.
  process.on('exit', () => {
    Atomics.store(hosted, HOSTED.over, 1)
    answer(hosted, HOSTED.answered, Atomics.load(hosted, HOSTED.asked))
    answer(hosted, HOSTED.mayEnd, 1)
  })
  const fromMain: FromMain[] = []
  let takeFromMain = (message: FromMain): void => {
    if (message === 'end')
      fromMain.push(message) // the worker is still there, and has something for this thread, perhaps
    else answer(hosted, HOSTED.answered, Atomics.load(hosted, HOSTED.asked))
  }
  parentPort!.on('message', (message: FromMain) => takeFromMain(message))
  const channel = new BroadcastChannel(name)
  const heard = new Promise<Data>((resolve) => {
    channel.onmessage = (event) => {
      const message = (event as MessageEvent).data as Greeting
      if (message.greeting === 'data') resolve(message.data)
    }
  })
  channel.postMessage({ greeting: 'hello', hosted, listeners } satisfies Greeting)
  const gone = setTimeout(() => process.exit(), GREETED_MAX_MS) // it has stopped waiting, or is gone
  const data = await heard
  clearTimeout(gone)
  return {
    // Who listens to a signal is known on the main thread.
    data: { ...data, listeners },
    port: {
      receive: () => receivedOn(channel as never) as ToThread | undefined,
      onMessage: (take) => {
        channel.onmessage = (event) => take((event as MessageEvent).data as ToThread)
      },
      onMain: (take) => {
        takeFromMain = take
        for (const message of fromMain) take(message)
      },
      post: (message) => channel.postMessage(message),
      close: () => channel.close(),
    },
  }
}

export function answer(block: Int32Array, place: number, value: number): void {
  Atomics.store(block, place, value)
  Atomics.notify(block, place)
}

function receivedOn(port: MessagePort): unknown {
  return receiveMessageOnPort(port)?.message
}
