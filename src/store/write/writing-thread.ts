/**
 * The second thread of a tape, seen from the training thread: started when a run first needs it, serving all runs of the
 * tape, looked after while waiting, closed with the tape. What it does stands in writing-thread-main.ts.
 */
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads'
import type { Packer } from '../../events/pack.js'
import type { SameFile } from '../format/file-identity.js'
import { type FailureMessage, THREAD, type ThreadData, type ToThread } from './hand-over.js'
import { type FarEnd, Lane, SEGMENTS } from './lane.js'
import { SharedBatch } from './shared-batch.js'
import { LOOK_AFTER_MS, ThreadLife, threadFile } from './thread.js'
import type { Progress } from './writer.js'

const MAIN = threadFile(() => new URL('./writing-thread-main.js', import.meta.url))

interface Started {
  readonly worker: Worker
  readonly port: MessagePort
  readonly life: ThreadLife
  readonly control: Int32Array
}

export class WritingThread implements FarEnd {
  private readonly file: SameFile
  private started: Started | null = null
  private readonly lanes = new Map<number, Lane>()
  /** Segments of runs that have ended. */
  private readonly spare: SharedBatch[] = []
  private death: { readonly cause: string | null } | null = null

  private constructor(file: SameFile) {
    this.file = file
  }

  /** A thread for the tape in `file`, not started yet; null when only the training thread can write it. */
  static for(file: SameFile): WritingThread | null {
    // A program bundled into one file has no second one to start; it records all the same.
    return MAIN === null ? null : new WritingThread(file)
  }

  /** Takes over a run from the training thread. */
  takeOver(packer: Packer, name: string, progress: Progress): Lane {
    if (this.started === null) this.start()
    const lane = new Lane(this, packer, name, progress)
    this.lanes.set(lane.runId, lane)
    return lane
  }

  /** Whether the thread has died; it is known only after `look`, or when this thread came back to its event loop. */
  get gone(): boolean {
    return this.death !== null
  }

  post(message: ToThread): void {
    this.started?.port.postMessage(message)
  }

  /** A new thread in place of one that died: what that one had not written is handed over again. */
  startAgain(): void {
    this.death = null
    this.start()
    for (const lane of this.lanes.values()) lane.beginAgain()
  }

  segment(): SharedBatch {
    return this.spare.pop() ?? new SharedBatch()
  }

  end(lane: Lane, segments: readonly SharedBatch[]): void {
    this.post({ kind: 'end', runId: lane.runId })
    this.lanes.delete(lane.runId)
    for (const segment of segments) if (this.spare.length < SEGMENTS) this.spare.push(segment)
  }

  /** Passes on what the thread has said. */
  listen(): void {
    const { started } = this
    if (started === null) return
    for (;;) {
      const received = receiveMessageOnPort(started.port) as { message: FailureMessage } | undefined
      if (received === undefined) return
      this.lanes.get(received.message.runId)?.fail(received.message)
    }
  }

  /** Looks whether the thread still lives; if not, its runs fail, until they are told to try again. */
  look(): void {
    const { started } = this
    if (started === null || this.death !== null) return
    if (started.life.isOver) this.died(started, null)
  }

  /** Ends the thread: when this returns, its connection is closed. */
  close(): void {
    this.spare.length = 0
    const { started } = this
    if (started === null) return
    this.post({ kind: 'close' })
    while (this.death === null && Atomics.load(started.control, THREAD.closed) === 0) {
      if (Atomics.wait(started.control, THREAD.closed, 0, LOOK_AFTER_MS) === 'timed-out') this.look()
    }
    this.started = null
    started.port.close()
    started.life.close()
  }

  private start(): void {
    const talk = new MessageChannel()
    const life = new ThreadLife()
    const control = new Int32Array(new SharedArrayBuffer(THREAD.length * 4))
    const data: ThreadData = {
      path: this.file.path,
      file: this.file.identity,
      port: talk.port2,
      life: life.held,
      control,
    }
    const worker = new Worker(MAIN!, {
      name: 'gradtape writer',
      workerData: data,
      transferList: [talk.port2, life.held],
      execArgv: [],
    })
    const started: Started = { worker, port: talk.port1, life, control }
    // A thread that waits for work is no reason for a program to go on.
    worker.unref()
    talk.port1.unref()
    worker.on('error', (error) => this.died(started, error.message))
    worker.on('exit', () => this.died(started, null))
    this.started = started
  }

  private died(thread: Started, cause: string | null): void {
    if (thread !== this.started || this.death !== null) return
    this.listen() // it may have said why
    this.death = { cause }
    for (const lane of this.lanes.values()) {
      lane.fail({
        code: 'WRITE_FAILED',
        explanation:
          'the thread that writes the tape ended on its own; what it has not written is kept: call flush() to go on with another',
        cause,
      })
    }
  }
}
