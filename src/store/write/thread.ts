/** What every second thread of this package has: the built file that it runs, and a way to see whether it still lives. */
import fs from 'node:fs'
import { fileURLToPath } from 'node:url'
import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads'

/** Whoever waits for a thread looks this often whether it is still there. */
export const LOOK_AFTER_MS = 100

/** The built file of a thread that stands at `source`; null where it is not: a program bundled into one file has no second. */
export function threadFile(source: () => URL): URL | null {
  try {
    // Tests import src/*.ts, and Node can start no thread from TypeScript: then the built file in dist/ is started. This is the
    // one place that knows; `npm test` builds first.
    const file = import.meta.url.endsWith('.ts')
      ? new URL(source().href.replace(/\/src\/((?:store\/[^/]*|debug|fleet|jobs)\/[^/]*)$/, '/dist/$1'))
      : source()
    return fs.existsSync(fileURLToPath(file)) ? file : null
  } catch (error) {
    // A bundle in CommonJS has no import.meta.url, and no file can be named by its place.
    if (error instanceof TypeError) return null
    throw error
  }
}

/**
 * Whether a thread is still there, for a thread that waits and does not return to its event loop, where exit events would be
 * told.
 */
export class ThreadLife {
  /** For the thread to hold, and never to speak into: it closes when the thread is gone. */
  readonly held: MessagePort
  private port: MessagePort

  constructor() {
    const { port1, port2 } = new MessageChannel()
    this.port = port1
    this.held = port2
    port1.unref()
  }

  get isOver(): boolean {
    // A port whose other end is gone cannot be transferred.
    receiveMessageOnPort(this.port)
    try {
      this.port = structuredClone(this.port, { transfer: [this.port] })
      this.port.unref()
      return false
    } catch {
      return true
    }
  }

  close(): void {
    this.port.close()
  }
}
