/** The training thread's end of the way to a writing thread, whoever started that one. */
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads'
import type { FromThread, ThreadData, ToThread } from './hand-over.js'
import { ThreadLife } from './thread.js'

export interface ThreadLink {
  /** Whether the program's main thread started it. */
  readonly isHosted: boolean
  /** Whether it can know who in the program listens to a signal. */
  readonly hearsSignals: boolean
  post(message: ToThread): void
  /** Sees to it that a thread which comes up is told what to do; passes nothing on. */
  greet(): void
  /** Passes on what the thread has said. */
  listen(): void
  /** Whether the thread is gone. */
  readonly isOver: boolean
  close(): void
}

/** A thread of our own. Throws where none can be started. */
export function ownThread(
  main: URL,
  data: Omit<ThreadData, 'port' | 'life'>,
  hearsSignals: boolean,
  heard: (message: FromThread) => void,
  died: (cause: string | null) => void,
): ThreadLink {
  const { port1: port, port2 } = new MessageChannel()
  const life = new ThreadLife()
  let worker: Worker
  try {
    worker = new Worker(main, {
      name: 'gradtape writer',
      workerData: { ...data, port: port2, life: life.held } satisfies ThreadData,
      transferList: [port2, life.held],
      execArgv: [],
    })
  } catch (error) {
    port.close()
    life.close()
    throw error
  }
  // A thread that waits for work is no reason for a program to go on.
  worker.unref()
  worker.on('error', (error) => died(error.message))
  worker.on('exit', () => died(null))
  port.on('message', heard)
  port.unref()
  return {
    isHosted: false,
    hearsSignals,
    post: (message) => port.postMessage(message),
    greet() {},
    listen() {
      for (;;) {
        const received = receiveMessageOnPort(port) as { message: FromThread } | undefined
        if (received === undefined) return
        heard(received.message)
      }
    },
    get isOver() {
      return life.isOver
    },
    close() {
      port.close()
      life.close()
    },
  }
}
