/**
 * A worker of a store: takes jobs, does each on a thread of its own, and says all the while that it lives. A job of a worker that
 * was killed is taken again within seconds; what it wrote does not count until it is whole.
 */
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { Worker } from 'node:worker_threads'
import { type ErrorCode, TapeError } from '../errors.js'
import { bucketAddress, isBucketUrl } from '../fleet/bucket-address.js'
import { BucketPlace } from '../fleet/bucket-place.js'
import { openObjects, placeOf } from '../fleet/open-objects.js'
import { failed, PostgresStore } from '../fleet/postgres-store.js'
import { pullTape } from '../fleet/pull.js'
import { copyToStore } from '../fleet/seal.js'
import { loadUserModule } from '../inspection/user-modules.js'
import { checkCallback, checkOptions } from '../options.js'
import { threadFile } from '../store/write/thread.js'
import { JobSink } from './job-sink.js'
import type { FromJobThread, JobThreadData } from './job-thread.js'
import { JOB_KINDS, type JobKind, type JobRequest, type JobResult, jobRequest } from './kinds.js'
import { JobQueue } from './queue.js'

const MAIN = threadFile(() => new URL('./job-thread-main.js', import.meta.url))
/** What may be different when a job is begun again. */
const PASSING: ReadonlySet<ErrorCode> = new Set([
  'STORE_FAILED',
  'TAPE_BUSY',
  'WRITE_FAILED',
  'TOO_MANY_FILES',
])
const ALIVE_EVERY_MS = 1_000
const LOOK_EVERY_MS = 500
const RECLAIM_EVERY_MS = 1_000
const TIDY_EVERY_MS = 60_000
/** Columns are brought up to date when a tape has grown and was left alone for so long, or has waited long enough. */
const QUIET_SECONDS = 3
const WAITED_SECONDS = 60

/** What a worker does, and for how long. */
export interface WorkerOptions {
  /** Only these kinds of jobs. All when not said. */
  kinds?: readonly JobKind[]
  /** How many jobs at a time; 1 when not said. */
  jobs?: number
  /** Where tapes lie while they are worked on; a temporary folder when not said. */
  folder?: string
  /**
   * Modules that register functions of your own, which the runs call: paths, URLs or names of packages. They are loaded here, and on
   * the threads that replay, explain and compare.
   */
  modules?: readonly string[]
  /** Ends when no job waits. */
  once?: boolean
  /** Brings columns up to date without being asked. True when not said. */
  follow?: boolean
  /** Ends the worker; its job is given back. */
  signal?: AbortSignal
  /** Told of each job that ended. */
  onJob?: (job: EndedJob) => void
}

/** A job that a worker has ended. */
export interface EndedJob {
  readonly id: string
  readonly request: JobRequest
  readonly elapsedMs: number
  readonly result: JobResult | null
  readonly error: TapeError | null
}

/** What a worker did until it ended. */
export interface WorkerReport {
  readonly done: number
  readonly failed: number
}

/**
 * Works for a store until it is told to end.
 *
 * url     postgres://host/DATABASE or pglite:FOLDER
 * Throws  STORE_FAILED when the store cannot be reached at first; later it is tried again. MODULE_FAILED, BAD_ARGUMENT
 */
export async function runWorker(url: string, options: WorkerOptions = {}): Promise<WorkerReport> {
  checkOptions(
    options,
    ['kinds', 'jobs', 'folder', 'modules', 'once', 'follow', 'signal', 'onJob'],
    'runWorker',
  )
  checkCallback(options.onJob, 'the onJob of runWorker')
  const { jobs = 1, kinds = JOB_KINDS } = options
  if (!Number.isInteger(jobs) || jobs < 1)
    throw new TapeError('BAD_ARGUMENT', `runWorker expected jobs to be 1 or more, got ${jobs}`)
  for (const kind of kinds)
    if (!JOB_KINDS.includes(kind))
      throw new TapeError('BAD_ARGUMENT', `expected kinds of ${JOB_KINDS.join(', ')}, got ${String(kind)}`)
  if (MAIN === null)
    throw new TapeError(
      'STORE_FAILED',
      'a worker needs the files of the package; this program is bundled into one',
    )
  const modules: string[] = []
  for (const name of options.modules ?? [])
    modules.push(await loadUserModule(name, `runWorker's module ${name}`))
  const queue = await JobQueue.open(url)
  const folder = options.folder ?? fs.mkdtempSync(path.join(os.tmpdir(), 'gradtape-worker-'))
  fs.mkdirSync(folder, { recursive: true })
  const worker = new FleetWorker(url, queue, folder, kinds, modules, options)
  try {
    return await worker.run(jobs)
  } finally {
    await queue.close()
    if (options.folder === undefined) fs.rmSync(folder, { recursive: true, force: true })
  }
}

class FleetWorker {
  private readonly name = `${os.hostname()} ${process.pid} ${randomBytes(3).toString('hex')}`
  private readonly url: string
  private readonly queue: JobQueue
  private readonly folder: string
  private readonly kinds: readonly JobKind[]
  private readonly modules: readonly string[]
  private readonly options: WorkerOptions
  private readonly report = { done: 0, failed: 0 }
  /** Threads that have done a job and wait for another. */
  private readonly threads: Worker[] = []
  private lastReclaim = Number.NEGATIVE_INFINITY
  private lastTidy = performance.now()
  /** The last pull of each tape: two at a time would write one file. A job that reads the file keeps what it has opened. */
  private readonly pulls = new Map<string, Promise<unknown>>()

  constructor(
    url: string,
    queue: JobQueue,
    folder: string,
    kinds: readonly JobKind[],
    modules: readonly string[],
    options: WorkerOptions,
  ) {
    this.url = url
    this.queue = queue
    this.folder = folder
    this.kinds = kinds
    this.modules = modules
    this.options = options
  }

  async run(jobs: number): Promise<WorkerReport> {
    try {
      await Promise.all(Array.from({ length: jobs }, () => this.loop()))
      return this.report
    } finally {
      await Promise.all(this.threads.map((thread) => thread.terminate()))
    }
  }

  private get isStopped(): boolean {
    return this.options.signal?.aborted === true
  }

  private async loop(): Promise<void> {
    while (!this.isStopped) {
      let job: { id: string; request: JobRequest } | null = null
      try {
        await this.look()
        job = await this.queue.take(this.kinds)
      } catch (error) {
        if (this.options.once === true || !(error instanceof TapeError) || error.code !== 'STORE_FAILED')
          throw error
        // The store is away for a while: so are its jobs.
        await this.pause(4 * LOOK_EVERY_MS)
        continue
      }
      if (job !== null) await this.work(job)
      else if (this.options.once === true) return
      else await this.pause(LOOK_EVERY_MS * (0.75 + Math.random() / 2))
    }
  }

  /** What every worker does for all: takes jobs from the dead, and sees which columns are behind. */
  private async look(): Promise<void> {
    const now = performance.now()
    if (now - this.lastReclaim < RECLAIM_EVERY_MS) return
    this.lastReclaim = now
    await this.queue.reclaim()
    if (this.options.follow !== false && this.kinds.includes('columns')) await this.follow()
    if (now - this.lastTidy < TIDY_EVERY_MS) return
    this.lastTidy = now
    await this.queue.tidy()
  }

  /** What is of a later moment than now is of a clock that was set back: it is long ago, for all that one knows. */
  private async follow(): Promise<void> {
    const rows = await this.queue.query<{ name: string }>(
      `SELECT name FROM gradtape.tape WHERE batches > columns_batches
       AND (appended_at NOT BETWEEN clock_timestamp() - make_interval(secs => $1::float8) AND clock_timestamp()
         OR coalesce(columns_at, created_at) NOT BETWEEN clock_timestamp() - make_interval(secs => $2::float8) AND clock_timestamp())
       AND NOT EXISTS (SELECT FROM gradtape_jobs.job j WHERE j.name = 'columns' AND j.state <= 'active' AND j.data->>'tape' = tape.name)
       AND NOT EXISTS (SELECT FROM gradtape_jobs.job j WHERE j.name = 'columns' AND j.state = 'failed' AND j.data->>'tape' = tape.name
         AND j.completed_on BETWEEN clock_timestamp() - interval '10 minutes' AND clock_timestamp())
       LIMIT 100`,
      [this.options.once === true ? 0 : QUIET_SECONDS, WAITED_SECONDS],
    )
    for (const { name } of rows) await this.queue.ask(jobRequest('columns', [name]))
  }

  private async work({ id, request }: { id: string; request: JobRequest }): Promise<void> {
    const started = performance.now()
    const progress = { done: 0, total: 0 }
    const sayAlive = () =>
      Promise.all([
        this.queue.alive(request.kind, id),
        this.queue.query('SELECT gradtape.note_progress($1, $2, $3, $4, $5, $6)', [
          ...[id, request.kind, request.tape, progress.done, progress.total, this.name],
        ]),
      ]).catch(() => {}) // who cannot say so is taken for dead, and that is right
    await sayAlive()
    const beat = setInterval(sayAlive, ALIVE_EVERY_MS)
    let result: JobResult | null = null
    let error: TapeError | null = null
    try {
      result = await this.perform(id, request, progress)
      await this.queue.complete(request.kind, id, result)
      this.report.done++
    } catch (thrown) {
      error = failed(this.queue.place, thrown)
      if (!this.isStopped) this.report.failed++ // what was given back did not fail
      await this.queue.fail(request.kind, id, error, !PASSING.has(error.code)).catch(() => {}) // then it is taken again when this one is silent
    } finally {
      clearInterval(beat)
      await sayAlive()
    }
    this.options.onJob?.({ id, request, elapsedMs: performance.now() - started, result, error })
  }

  private async perform(
    id: string,
    request: JobRequest,
    progress: { done: number; total: number },
  ): Promise<JobResult> {
    const tape = await this.pulled(request.tape)
    const other = request.other === null ? null : await this.pulled(request.other.tape)
    const batches = tape.batches
    if (request.kind === 'seal') await this.seal(request, progress)
    const output = new JobSink(this.queue, id, request, progress)
    const result =
      request.kind === 'seal' && isBucketUrl(request.folder!)
        ? await this.parquetToBucket(request, tape.path, output)
        : await this.onThread(request, tape.path, other?.path ?? null, output)
    if (request.kind === 'columns') {
      await this.queue.query('SELECT gradtape.finish_columns($1, $2)', [request.tape, batches])
      return result
    }
    await output.end(result, batches, this.name)
    return result
  }

  /** The tape as a file here; what came before is not fetched again. */
  private async pulled(tape: string): Promise<{ path: string; batches: number }> {
    const before = this.pulls.get(tape) ?? Promise.resolve()
    const file = path.join(this.folder, `${tape}.tape`)
    const pull = before.catch(() => {}).then(() => pullTape(this.url, file, { name: tape }))
    this.pulls.set(tape, pull)
    const { batches } = await pull
    return { path: file, batches }
  }

  private async seal({ tape, folder }: JobRequest, progress: { done: number; total: number }): Promise<void> {
    const place = placeOf(folder!)
    const [before] = await this.queue.query<{ to: string }>(
      'SELECT sealed_to AS to FROM gradtape.tape WHERE name = $1 AND sealed > 0',
      [tape],
    )
    if (before !== undefined && before.to !== place)
      throw new TapeError(
        'BAD_ARGUMENT',
        `batches of "${tape}" are sealed in ${before.to} already, got ${place}; seal the others there, too`,
      )
    const store = await PostgresStore.open(this.queue.address)
    try {
      progress.total = (await store.tape(tape))?.batches ?? 0
      const there = await copyToStore(store, openObjects(place), tape, (done) => {
        progress.done = done
      })
      await this.queue.query('SELECT gradtape.seal($1, $2, $3, $4)', [
        ...[tape, there.batches, Buffer.from(there.head, 'hex'), place],
      ])
      await this.queue.query("SELECT gradtape.sweep(interval '1 day')")
    } finally {
      await store.close()
    }
  }

  /** The views as Parquet beside the batches, as a folder has them; written to a file here first. */
  private async parquetToBucket(request: JobRequest, tape: string, output: JobSink): Promise<JobResult> {
    const here = fs.mkdtempSync(path.join(this.folder, 'parquet-'))
    try {
      const { details, ...result } = await this.onThread({ ...request, folder: here }, tape, null, output)
      const bucket = new BucketPlace(bucketAddress(request.folder!))
      const parquet: string[] = []
      for (const file of details.parquet as string[]) {
        const key = path.relative(here, file).split(path.sep).join('/')
        await bucket.replace(key, await fs.promises.readFile(file))
        parquet.push(bucket.named(key))
      }
      return { ...result, details: { ...details, parquet } }
    } finally {
      fs.rmSync(here, { recursive: true, force: true })
    }
  }

  /** Does a job on a thread, which is kept for the next one when all went well. */
  private onThread(
    request: JobRequest,
    tape: string,
    other: string | null,
    sink: JobSink,
  ): Promise<JobResult> {
    const pieces = new Int32Array(new SharedArrayBuffer(8))
    const data: JobThreadData = { request, tape, other, modules: this.modules, pieces }
    const { signal } = this.options
    const thread = this.threads.pop() ?? new Worker(MAIN!, { name: 'gradtape job', execArgv: [] })
    return new Promise<JobResult>((resolve, reject) => {
      let writing: Promise<void> = Promise.resolve()
      const leave = () => {
        thread.off('message', hear).off('error', end).off('exit', gone)
        signal?.removeEventListener('abort', stop)
      }
      const end = (error: Error) => {
        leave()
        thread.on('error', () => {})
        void thread.terminate()
        reject(error)
      }
      const stop = () =>
        end(new TapeError('STORE_FAILED', 'the worker was told to end; another one takes the job'))
      signal?.addEventListener('abort', stop)
      const gone = () =>
        end(new TapeError('STORE_FAILED', `the thread of ${request.kind} ended without a word`))
      const hear = (message: FromJobThread) => {
        if (message.kind === 'failed')
          end(new TapeError(message.code ?? 'STORE_FAILED', message.message.replace(/^[A-Z_]+: /, '')))
        else if (message.kind === 'result')
          writing = writing.then(() => {
            leave()
            this.threads.push(thread)
            resolve(message.result)
          })
        else
          writing = writing
            .then(() => sink.take(message))
            .then(() => {
              if (message.kind !== 'columns') return
              Atomics.add(pieces, 1, 1)
              Atomics.notify(pieces, 1)
            })
        writing.catch(end)
      }
      thread.on('message', hear).on('error', end).on('exit', gone)
      if (signal?.aborted === true) stop()
      else thread.postMessage(data)
    })
  }

  /** Until the time is over, or the worker is told to end. */
  private pause(ms: number): Promise<void> {
    const { signal } = this.options
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      signal?.addEventListener('abort', done)
    })
  }
}
