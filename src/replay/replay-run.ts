/** Replays a recorded run from its start, or from the nearest checkpoint that suffices. */
import type { CheckpointTaken, RecordedArray, Ref, RunStarted } from '../events/event.js'
import type { Lookup } from '../store/read/lookup.js'
import type { Reader } from '../store/read/reader.js'
import { CheckpointState, NeedsEarlier } from './checkpoint-state.js'
import { replay } from './replay.js'
import type { ReplayOptions, ReplayReport } from './replay-report.js'

/** A run on a tape, and what reads it. */
export interface Recording {
  readonly reader: Reader
  readonly lookup: Lookup
  readonly id: number
  readonly name: string
  /** The last position when the run was opened. */
  readonly lastPosition: number
  /** Told of each event that is computed again because somebody asked for what was not stored. */
  onRecompute?: ((position: number, step: number) => void) | null
}

/** Throws STEP_NOT_FOUND for `from` and `to`; otherwise as `replay`. */
export function replayRun(recording: Recording, options: ReplayOptions = {}): ReplayReport {
  const { reader, lookup, id, lastPosition } = recording
  const { from, to } = options
  const end = to === undefined ? lastPosition : lookup.stepRange(to, lastPosition).to
  const started = reader.event(id, 1) as RunStarted
  if (from !== undefined) {
    for (const position of lookup.checkpointsBefore(lookup.stepRange(from, lastPosition).from + 2)) {
      if (position > end) continue
      const checkpoint = reader.event(id, position) as CheckpointTaken
      const first = position + 1
      try {
        return replay(
          {
            started,
            events: reader.events(id, first, end, false),
            first,
            step: checkpoint.step,
            lastUses: lookup.lastUses(first, end),
            before: new CheckpointState(reader, lookup, id, checkpoint),
          },
          options,
        )
      } catch (error) {
        if (!(error instanceof NeedsEarlier)) throw error
      }
    }
  }
  const lastUses = lookup.lastUses(1, end)
  return replay(
    { started, events: reader.events(id, 1, end, false), first: 1, step: 0, lastUses, before: null },
    options,
  )
}

/**
 * Computes one step again, of which the state at its beginning is known: that of another run, say, which was the same until then. Null
 * when the state does not suffice; then the step has to be computed from a checkpoint.
 *
 * held    the values of variables that were assigned to before the step, by ref
 * Throws  as `replayRun`
 */
export function replayStep(
  recording: Recording,
  step: number,
  held: ReadonlyMap<Ref, RecordedArray>,
  options: Pick<ReplayOptions, 'onEvent'>,
): ReplayReport | null {
  const { reader, lookup, id, lastPosition } = recording
  const { from, to } = lookup.stepRange(step, lastPosition)
  const started = reader.event(id, 1) as RunStarted
  const began = reader.event(id, from)
  if (began.type !== 'StepStarted') return null
  const checkpoint: CheckpointTaken = {
    ...began,
    type: 'CheckpointTaken',
    variables: [...held.keys()],
    values: [...held.values()],
  }
  const first = from + 1
  try {
    return replay(
      {
        started,
        events: reader.events(id, first, to, false),
        first,
        step,
        lastUses: lookup.lastUses(first, to),
        before: new CheckpointState(reader, lookup, id, checkpoint),
      },
      { ...options, to: step },
    )
  } catch (error) {
    if (error instanceof NeedsEarlier) return null
    throw error
  }
}
