/** The threads that answer questions: one for what is quick, one for what reads whole runs, one for values, one for what takes long. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { Parameters } from './asked.js'
import type { Question, Reply } from './reader-thread.js'

/** Which thread answers; whoever is not named here goes to the quick one. */
const LANES: Readonly<Record<string, string>> = {
  metrics: 'courses',
  curves: 'courses',
  gradients: 'courses',
  tensor: 'values',
  why: 'long',
  diff: 'long',
  verify: 'long',
  recompute: 'long',
}
/** A thread may use this much memory for its own objects. */
const HEAP_MB = 2_048
const WAITING_MAX = 1_000
/** So long may a thread take to end. */
const KEEPING_MAX_MS = 2_000

/** What went wrong when a question was answered; `INTERNAL` is a bug. */
export class AnswerFailed extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** Who waits for an answer. */
interface Asker {
  resolve: (json: string) => void
  reject: (error: Error) => void
  onTold: (told: { text: string; done: number; total: number | null }) => void
}

/** A question and all who wait for its answer: pages that show the same ask the same when a tape has grown. */
interface Waiting {
  question: Question
  /** What makes it the same as another. */
  key: string
  askers: Asker[]
}

/** One thread, started when it is first asked, and its questions in order. */
class Lane {
  private readonly files: readonly string[]
  private worker: Worker | null = null
  private readonly waiting: Waiting[] = []
  private current: Waiting | null = null
  private lastId = 0
  /**
   * The thread looks here for how far questions are cancelled. It is not stopped from outside: one that is stopped while SQLite makes an
   * error takes the process with it.
   */
  private readonly cancelled = new Int32Array(new SharedArrayBuffer(4))
  /** Whether the thread is still at a question that was cancelled. */
  private isLeaving = false

  constructor(files: readonly string[]) {
    this.files = files
  }

  /** Starts the thread before anybody asks: it takes longer to start than to answer. */
  warm(): void {
    this.worker ??= this.start()
  }

  /** One that was begun is asked again: its answer may be of before the tape grew. */
  ask(name: string, parameters: Parameters, asker: Asker): void {
    const key = JSON.stringify([name, parameters])
    const same = this.waiting.find((waiting) => waiting.key === key)
    if (same !== undefined) {
      same.askers.push(asker)
      return
    }
    if (this.waiting.length >= WAITING_MAX) {
      asker.reject(new AnswerFailed('BAD_ARGUMENT', 'too many questions wait for an answer; ask again later'))
      return
    }
    this.waiting.push({ question: { id: ++this.lastId, name, parameters }, key, askers: [asker] })
    this.next()
  }

  /**
   * This one does not want the answer any more. When nobody else does, it is not begun, or it ends at the next place where it says how
   * far it is.
   */
  cancel(asker: Asker): void {
    for (const waiting of this.waiting) leave(waiting, asker)
    remove(this.waiting, ({ askers }) => askers.length === 0)
    if (this.current === null || !leave(this.current, asker) || this.current.askers.length > 0) return
    this.dropCurrent(this.current.question.id)
  }

  private dropCurrent(id: number): void {
    this.current = null
    this.isLeaving = true
    Atomics.store(this.cancelled, 0, id)
  }

  async end(): Promise<void> {
    const error = new AnswerFailed('TAPE_CLOSED', 'the inspector was closed')
    for (const waiting of this.waiting.splice(0)) refuse(waiting, error)
    if (this.current !== null) {
      refuse(this.current, error)
      this.dropCurrent(this.current.question.id)
    }
    await this.endByItself()
    await this.stop()
  }

  /** Lets the thread end its question, and write beside the tape what it has read, for a while. */
  private async endByItself(): Promise<void> {
    const { worker } = this
    if (worker === null) return
    const ended = new Promise((resolve) => worker.once('exit', resolve))
    worker.postMessage('end')
    const time = new AbortController()
    await Promise.race([ended, sleep(KEEPING_MAX_MS, undefined, { signal: time.signal }).catch(() => {})])
    time.abort()
  }

  private stop(): Promise<number> | undefined {
    const { worker } = this
    this.worker = null
    worker?.removeAllListeners()
    return worker?.terminate()
  }

  private next(): void {
    // What waits can be taken back, what the thread has cannot.
    if (this.current !== null || this.isLeaving) return
    const waiting = this.waiting.shift()
    if (waiting === undefined) return
    this.current = waiting
    try {
      this.worker ??= this.start()
      this.worker.postMessage(waiting.question)
    } catch (error) {
      this.fail(error instanceof Error ? error : new Error(String(error)))
    }
  }

  private start(): Worker {
    const worker = new Worker(new URL('./reader-thread.js', import.meta.url), {
      name: 'gradtape reader',
      workerData: { files: this.files, cancelled: this.cancelled },
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    })
    worker.on('message', (reply: Reply) => this.take(reply))
    worker.on('error', (error) => this.fail(error))
    worker.unref()
    return worker
  }

  private take(reply: Reply): void {
    const { current } = this
    if ('told' in reply) {
      if (current?.question.id === reply.id) current.askers[0]?.onTold(reply.told)
      return
    }
    this.isLeaving = false
    this.current = null
    if (current === null) {
      this.next()
      return
    }
    if ('json' in reply) for (const { resolve } of current.askers) resolve(reply.json)
    else refuse(current, new AnswerFailed(reply.failed.code, reply.failed.message))
    this.next()
  }

  /** The thread died: the question that it had fails, the others get a new one. */
  private fail(error: Error): void {
    const { current } = this
    this.current = null
    this.isLeaving = false
    this.stop()
    const outOfMemory = (error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY'
    const failure = outOfMemory
      ? new AnswerFailed(
          'BAD_ARGUMENT',
          'the answer needs more memory than the inspector may use; ask for less',
        )
      : new AnswerFailed('INTERNAL', error.stack ?? error.message)
    if (current !== null) refuse(current, failure)
    this.next()
  }
}

function refuse({ askers }: Waiting, error: Error): void {
  for (const { reject } of askers) reject(error)
}

/** Whether it was among those who wait. */
function leave({ askers }: Waiting, asker: Asker): boolean {
  return remove(askers, (each) => each === asker)
}

function remove<T>(list: T[], isGone: (each: T) => boolean): boolean {
  const left = list.filter((each) => !isGone(each))
  return list.splice(0, list.length, ...left).length > left.length
}

export class Readers {
  private readonly files: readonly string[]
  private readonly lanes = new Map<string, Lane>()

  constructor(files: readonly string[]) {
    this.files = files
  }

  /**
   * The answer as JSON.
   *
   * onTold   told of how far it is
   * Returns  the promise, and what stops the work when nobody wants it any more
   */
  ask(
    name: string,
    parameters: Parameters,
    onTold: Asker['onTold'] = () => {},
  ): { answer: Promise<string>; cancel: () => void } {
    const lane = this.lane(LANES[name] ?? 'quick')
    let cancel = () => {}
    const answer = new Promise<string>((resolve, reject) => {
      const asker = { resolve, reject, onTold }
      lane.ask(name, parameters, asker)
      cancel = () => lane.cancel(asker)
    })
    return { answer, cancel }
  }

  /** Starts the thread that answers what a page asks first, and with `courses` the one that it asks next. */
  warm(name: 'quick' | 'courses'): void {
    this.lane(name).warm()
  }

  private lane(key: string): Lane {
    let lane = this.lanes.get(key)
    if (lane === undefined) {
      lane = new Lane(this.files)
      this.lanes.set(key, lane)
    }
    return lane
  }

  async end(): Promise<void> {
    await Promise.all([...this.lanes.values()].map((lane) => lane.end()))
    this.lanes.clear()
  }
}
