/** How a row of the file names an event: one number for the run and the position in it. Nobody else takes such a number apart. */

/** `id` of an event is run × this + position. A position is below it. */
const RUN_UNIT = 2 ** 32

/** The largest position that a run can have. */
export const POSITION_MAX = RUN_UNIT - 1

/** The id of the event at a position of a run. Ids of one run stand together, in order. */
export function eventId(runId: number, position: number): number {
  return runId * RUN_UNIT + position
}

export function runOfId(id: number): number {
  return Math.floor(id / RUN_UNIT)
}

export function positionOfId(id: number): number {
  // Cut out of the bits, a position is a small integer to V8; a remainder of large numbers would be a double for ever.
  return id >>> 0
}

/** An event in the words of an error. */
export function eventText(id: number): string {
  return `event ${positionOfId(id)} of run ${runOfId(id)}`
}
