/**
 * When a run takes a checkpoint: often enough that going back to a step computes little again, and seldom enough that it
 * costs little. It counts work, not time, so that two runs of one program take theirs at the same steps.
 */

/** Going back computes at most about this share of the steps before again … */
const STEPS_SHARE = 0.02
/** … or this much work, if that is more. */
const INTERVAL_MIN_NS = 10e6
/** What a checkpoint costs is at most this share of the work. */
const COST_SHARE_MAX = 0.05
/** A low estimate of what a run takes, so that the true share is lower: of an event, and of an element that a call computes. */
const EVENT_NS = 500
const ELEMENT_NS = 1
/** A high estimate of what a checkpoint takes, hashing and writing included. */
const CHECKPOINT_NS = 200_000
const CHECKPOINT_BYTE_NS = 7

export class CheckpointSchedule {
  private lastStep = 0
  private lastWork = 0
  private costNs = CHECKPOINT_NS
  private readonly everySteps: number | null

  /** With `everySteps` one is due after that number of steps, whatever the work. */
  constructor(everySteps: number | null = null) {
    this.everySteps = everySteps
  }

  /** Asked when `step` begins: this many events were recorded, and elements computed, since the run began. */
  isDue(step: number, events: number, elements: number): boolean {
    if (this.everySteps !== null) return step > 1 && (step - 1) % this.everySteps === 0
    const work = workOf(events, elements) - this.lastWork
    return (
      work >= INTERVAL_MIN_NS &&
      step - this.lastStep >= STEPS_SHARE * step &&
      work * COST_SHARE_MAX >= this.costNs
    )
  }

  /** One was taken at the beginning of `step`, of this many bytes. */
  taken(step: number, events: number, elements: number, bytes: number): void {
    this.lastStep = step
    this.lastWork = workOf(events, elements)
    this.costNs = CHECKPOINT_NS + bytes * CHECKPOINT_BYTE_NS
  }
}

function workOf(events: number, elements: number): number {
  return events * EVENT_NS + elements * ELEMENT_NS
}
