// The parts of the built library that are behind its one public door and are measured on their own. The few names used are
// typed here by hand: scripts are compiled against what the package exports.
import { ndarray, openTape, type Run, type Variable } from 'gradtape'
import { randomArray } from '../workload.js'

const DIST = import.meta.resolve('gradtape')

async function load<T>(path: string): Promise<T> {
  return (await import(new URL(path, DIST).href)) as T
}

/** Who records now. Taking it away lets a program go on beside a run that stays open. */
export async function recorderSwitch(): Promise<{ recorder: unknown }> {
  return (await load<{ mode: { recorder: unknown } }>('./graph/mode.js')).mode
}

/** What is summed up of an array of `size` elements, by native code; nothing where there is none. */
export async function sums(
  dtype: 'float32' | 'float64',
  size: number,
): Promise<Record<string, () => unknown>> {
  const { native } = await load<{ native: () => object | null }>('./array/native/library.js')
  const { sumsNatively, measuresNatively } = await load<{
    sumsNatively: (code: object, x: unknown, at: number, count: number) => unknown
    measuresNatively: (code: object, x: unknown, xo: number, y: unknown, yo: number, count: number) => unknown
  }>('./array/native/calls.js')
  const code = native()
  if (code === null) return {}
  const [x, y] = [1, 2].map((seed) => ndarray(randomArray(size, seed), { dtype }).data)
  return {
    'summary of a gradient': () => sumsNatively(code, x, 0, size),
    'summary of an assigned value, and how far it moved': () => measuresNatively(code, x, 0, y, 0, size),
  }
}

/** A batch of packed events; opaque but for its words, which the packer uses again. */
export interface Batch {
  readonly words: Float64Array
  readonly count: number
}

interface Stream {
  readonly batches$: { subscribe(take: (batch: Batch) => void): unknown }
  append(payload: { type: 'StepStarted'; elapsedMs: number } | { type: 'RunStarted' }): number
  flush(): void
}

/** The events of `work`, packed at the default capture and in batches of the usual size, written nowhere. */
export async function packed(
  work: (run: Pick<Run, 'step'>) => void,
): Promise<{ batches: Batch[]; events: number }> {
  const { EventStream } = await load<{ EventStream: new (limits: object) => Stream }>('./events/stream.js')
  const { BATCH_LIMITS } = await load<{ BATCH_LIMITS: object }>('./events/batch-limits.js')
  const { StreamRecorder } = await load<{
    StreamRecorder: new (stream: Stream, policy: unknown) => { knownRef(variable: Variable): number }
  }>('./recorder/stream-recorder.js')
  const { CapturePolicy } = await load<{ CapturePolicy: new (capture: string) => unknown }>(
    './events/capture.js',
  )
  const mode = await recorderSwitch()
  const stream = new EventStream({ ...BATCH_LIMITS, ageMaxMs: 1e9 })
  const batches: Batch[] = []
  stream.batches$.subscribe((batch) => batches.push({ ...batch, words: batch.words.slice() }))
  stream.append(await firstEvent())
  let steps = 0
  mode.recorder = new StreamRecorder(stream, new CapturePolicy('replayable'))
  try {
    work({ step: () => stream.append({ type: 'StepStarted', elapsedMs: ++steps }) })
    stream.flush()
  } finally {
    mode.recorder = null
  }
  return { batches, events: batches.reduce((sum, { count }) => sum + count, 0) }
}

/** What a run begins with; it says how calls are packed. */
async function firstEvent(): Promise<{ type: 'RunStarted' }> {
  const tape = openTape(':memory:')
  await tape.startRun('measured').finish()
  const { version: _version, position: _position, step: _step, ...first } = tape.run('measured').started
  tape.close()
  return first
}

/** Writes batches into a new tape as a run does, on this thread, those of one call in one transaction; `close` leaves the file whole. */
export async function openWriter(
  path: string,
): Promise<{ write(batches: readonly Batch[]): void; close(): void; synchronous: number }> {
  const { openDatabase } = await load<{
    openDatabase: (
      path: string,
      options: { readonly: boolean },
    ) => { close(): void; pragma(what: string, how: object): unknown }
  }>('./store/format/database.js')
  const { Writer } = await load<{
    Writer: new (db: unknown, file: null, name: string) => { write(batches: readonly Batch[]): Error | null }
  }>('./store/write/writer.js')
  const db = openDatabase(path, { readonly: false })
  const writer = new Writer(db, null, 'bench')
  return {
    write(batches) {
      const failure = writer.write(batches)
      if (failure !== null) throw failure
    },
    close: () => db.close(),
    synchronous: db.pragma('synchronous', { simple: true }) as number,
  }
}
