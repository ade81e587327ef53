/** Computes the values of some steps again and writes those that were not captured into the tape, so that SQL can read them. */
import type { RecordedArray, TapeEvent } from '../events/event.js'
import type { Recording } from '../replay/replay-run.js'
import { type MaterializedValue, Materializer } from '../store/write/materializer.js'
import { recompute } from './hindsight.js'

/** What was written. */
export interface MaterializeReport {
  /** How many values; 0 when all were there. */
  values: number
  /** Of their contents; equal contents are stored once. */
  bytes: number
}

/** This much waits in memory, at most, for a transaction. */
const BATCH_BYTES_MAX = 32 * 2 ** 20

/**
 * @internal Steps `from` to `to`, both included. Everything on the way is compared with the tape.
 *
 * Throws  REPLAY_DIVERGED; what was written before, agreed
 */
export function materialize(
  recording: Recording,
  from: number,
  to: number,
  onProgress?: (position: number) => void,
): MaterializeReport {
  const { reader, id } = recording
  const materializer = new Materializer(reader.db)
  const report = { values: 0, bytes: 0 }
  let waiting: MaterializedValue[] = []
  let waitingBytes = 0
  const write = () => {
    const { values, bytes } = materializer.write(id, waiting)
    report.values += values
    report.bytes += bytes
    waiting = []
    waitingBytes = 0
  }
  const add = (
    position: number,
    part: number,
    recorded: RecordedArray | null,
    value: RecordedArray | null,
  ) => {
    if (recorded !== null || value === null) return
    waiting.push({ position, part, value })
    waitingBytes += value.data.byteLength
  }
  recompute(recording, from, to, (got, expected) => {
    if (got.step < from || got.step > to) return
    eachPart(expected, got, add)
    if (waitingBytes > BATCH_BYTES_MAX) write()
    if (got.position % 1024 === 0) onProgress?.(got.position)
  })
  write()
  return report
}

/** The values that an event made, as the tape has them and as they were computed again. */
function eachPart(
  expected: TapeEvent,
  got: TapeEvent,
  each: (position: number, part: number, recorded: RecordedArray | null, value: RecordedArray | null) => void,
): void {
  if (expected.type === 'FunctionCalled' && got.type === 'FunctionCalled') {
    got.outputs.forEach(({ value }, slot) => {
      each(got.position, slot, expected.outputs[slot]!.value, value)
    })
  } else if (expected.type === 'GradientComputed' && got.type === 'GradientComputed') {
    each(got.position, 0, expected.contribution, got.contribution)
    if (got.held === 'accumulated') each(got.position, 1, expected.accumulated, got.accumulated)
  }
}
