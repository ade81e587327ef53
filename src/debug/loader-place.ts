/** Where a loader stood at the beginning of a step: its epoch, and how many of its batches the steps before had used. */
import type { EpochStarted, Ref } from '../events/event.js'
import { CALL_ENTRY } from '../events/record-layout.js'
import type { Recording } from '../replay/replay-run.js'
import { decodeRef } from '../store/format/template.js'
import { RunRows } from '../store/read/run-rows.js'

interface LoaderPlace {
  /** What the run said of the epoch under way. */
  readonly told: EpochStarted
  /** Of its batches; as many as it has, where the next one is the first of the next epoch. */
  readonly used: number
}

/** The batch that an epoch's event tells of was taken at most this many events before. */
const BEFORE = 256

/**
 * A step may use several batches, where gradients are added up, and a loop takes its next batch before the step begins that uses it: so
 * batches are counted, and not steps. Where that does not come out, each step counts for one batch. Null where the run said nothing of
 * an epoch.
 */
export function loaderPlace(recording: Recording, step: number): LoaderPlace | null {
  const { lookup, reader, id, lastPosition } = recording
  const position = lookup.epochBy(step)
  if (position === null) return null
  const told = reader.event(id, position) as EpochStarted
  const bySteps = { told, used: told.batch + (step - (told.step + 1)) }
  if (told.data === null) return bySteps
  const first = step > lookup.stepCount() ? lastPosition + 1 : lookup.stepRange(step, lastPosition).from
  const since = batchesTaken(recording, told.data, told.batchSize, position + 1, first - 1)
  const last =
    since.at(-1) ??
    batchesTaken(recording, told.data, told.batchSize, Math.max(1, position - BEFORE), position).at(-1)
  if (last === undefined) return bySteps
  const isLeft = lookup.firstReader(last, last, first - 1) === null
  const used = told.batch + 1 + since.length - (isLeft ? 1 : 0)
  // The rows of another loop over the same data set would be counted, too.
  return used > told.batches ? bySteps : { told, used }
}

/** The positions of calls that take rows of a data set, no more than a batch has. */
function batchesTaken(
  { reader, id }: Recording,
  data: Ref,
  size: number,
  from: number,
  to: number,
): number[] {
  if (to < from) return []
  const rows = new RunRows(reader.db, id)
  const found: number[] = []
  for (const { first, base, template } of rows.blocks(from, to))
    for (const call of template.calls) {
      const position = first + call[CALL_ENTRY.offset]!
      if (position < from || position > to) continue
      const { function: name, outputs } = rows.texts.signature(call[CALL_ENTRY.signature]!)
      if (name !== 'take' || (outputs[0]?.shape[0] ?? 0) > size) continue
      if (decodeRef(call[CALL_ENTRY.inputs]!, position, base) === data) found.push(position)
    }
  return found
}
