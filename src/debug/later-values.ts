/** Values that were computed again after the run and written down: as if they had been captured with their events. */
import { positionOf, type RecordedArray, refOf, type TapeEvent } from '../events/event.js'
import type { Recording } from '../replay/replay-run.js'
import { eventId, positionOfId } from '../store/format/ids.js'

export class LaterValues {
  private readonly recording: Recording
  /** Position and part of each, as refs. */
  private readonly parts: ReadonlySet<number>
  private readonly positions: ReadonlySet<number>

  constructor(recording: Recording) {
    this.recording = recording
    const { reader, id } = recording
    const rows = reader.db
      .prepare('SELECT id, part FROM _materialized WHERE id BETWEEN ? AND ?')
      .raw()
      .all(eventId(id, 1), eventId(id + 1, 0)) as [id: number, part: number][]
    this.parts = new Set(rows.map(([event, part]) => refOf(positionOfId(event), part)))
    this.positions = new Set([...this.parts].map(positionOf))
  }

  has(position: number, part: number): boolean {
    return this.parts.size > 0 && this.parts.has(refOf(position, part))
  }

  /** The event with what was written of it later. */
  joined(event: TapeEvent): TapeEvent {
    if (!this.positions.has(event.position)) return event
    const value = (part: number, own: RecordedArray | null) =>
      this.has(event.position, part) ? this.recording.lookup.materialized(event.position, part) : own
    if (event.type === 'FunctionCalled')
      return {
        ...event,
        outputs: event.outputs.map((output, slot) => ({ ...output, value: value(slot, output.value) })),
      }
    if (event.type === 'GradientComputed')
      return {
        ...event,
        contribution: value(0, event.contribution),
        accumulated: value(1, event.accumulated),
      }
    return event
  }
}
