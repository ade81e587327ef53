/** Digests of a second file, made by a second thread while this one makes those of the first. */
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { type ErrorCode, TapeError } from '../../errors.js'
import { LOOK_AFTER_MS, ThreadLife, threadFile } from '../write/thread.js'
import type { ViewDigest } from './view-digests.js'

const MAIN = threadFile(() => new URL('./digest-thread-main.js', import.meta.url))

/** Places in the memory that both share. */
export const DIGESTING = { done: 0, thousandsOfRows: 1, stop: 2, length: 3 } as const

/** What the thread is started with. */
export interface DigestData {
  readonly path: string
  readonly port: MessagePort
  readonly life: MessagePort
  readonly control: Int32Array
}

/** What it says at its end. */
export type DigestAnswer =
  | { readonly digests: ViewDigest[] }
  | { readonly code: ErrorCode; readonly explanation: string }

export class DigestThread {
  private readonly path: string
  private readonly control = new Int32Array(new SharedArrayBuffer(DIGESTING.length * 4))
  private readonly port: MessagePort
  private readonly life = new ThreadLife()

  private constructor(main: URL, path: string) {
    const { port1, port2 } = new MessageChannel()
    const data: DigestData = { path, port: port2, life: this.life.held, control: this.control }
    this.path = path
    this.port = port1
    const worker = new Worker(main, {
      name: 'gradtape digests',
      workerData: data,
      transferList: [port2, this.life.held],
      execArgv: [],
    })
    // Whoever waits looks itself whether the thread lives, and says so.
    worker.on('error', () => {})
    worker.unref()
  }

  /** Of the tape at `path`, from now on; null where no second thread can be started. */
  static of(path: string): DigestThread | null {
    return MAIN === null ? null : new DigestThread(MAIN, path)
  }

  /** How many rows it has read, about. */
  get rows(): number {
    return Atomics.load(this.control, DIGESTING.thousandsOfRows) * 1000
  }

  /**
   * Waits for the digests.
   *
   * Throws  what reading the other file threw; WRITE_FAILED when the thread ended without a word
   */
  wait(onProgress: (rows: number) => void): ViewDigest[] {
    this.waitForEnd(() => onProgress(this.rows))
    const answer = receiveMessageOnPort(this.port)?.message as DigestAnswer | undefined
    if (answer === undefined)
      throw new TapeError(
        'WRITE_FAILED',
        `reading ${this.path}: the thread that compared it ended on its own; try again`,
      )
    if ('digests' in answer) return answer.digests
    throw new TapeError(answer.code, answer.explanation)
  }

  /** Ends the thread, if it has not ended. When this returns, its connection to the file is closed. */
  end(): void {
    Atomics.store(this.control, DIGESTING.stop, 1)
    this.waitForEnd(() => {})
    this.port.close()
    this.life.close()
  }

  private waitForEnd(meanwhile: () => void): void {
    const { control } = this
    while (Atomics.load(control, DIGESTING.done) === 0) {
      if (Atomics.wait(control, DIGESTING.done, 0, LOOK_AFTER_MS) !== 'timed-out') continue
      meanwhile()
      if (this.life.isOver) return
    }
  }
}
