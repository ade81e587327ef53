/**
 * What a replay is told, and what it answers.
 */
import type { Kernel } from '../array/kernel.js'
import type { TapeEvent } from '../events/event.js'
import type { Variable } from '../graph/variable.js'
import type { Difference } from './compare.js'

/** Settings of `past.replay`. */
export interface ReplayOptions {
  /** Begin at the last checkpoint before this step begins; at the start of the run when not given, or when there is none. */
  from?: number
  /** Stop after this step (all of it); the whole run when not given. */
  to?: number
  /** Sees each call as it was recomputed: its position, and the variables it made. */
  probe?: (call: { position: number; step: number; function: string; outputs: readonly Variable[] }) => void
  /** @internal Sees each event as it was recomputed, with all arrays, and as it stands on the tape. */
  onEvent?: (got: TapeEvent, expected: TapeEvent) => void
  /** Told now and then how many events were computed again, for a progress bar. */
  onProgress?: (events: number) => void
  /** @internal What counts as a difference, bits when not given; the event is as it was recomputed, with all arrays. */
  compare?: (expected: TapeEvent, got: TapeEvent) => Difference | null
  /** @internal Computes in the place of the kernel that the run names. */
  kernel?: Kernel
}

/** The first event in which a replay differs from the tape. */
export interface Divergence {
  position: number
  step: number
  /** What happened there: for a call the function's name, otherwise the type of the event. */
  what: string
  /** The function that was called there; null when it was no call. */
  function: string | null
  expected: string
  got: string
  /** In which of the event's arrays, counted from 0 (the outputs of a call); null when the difference is in none. */
  part: number | null
  /** The first element of that array that differs, one number an axis; null where the tape has only a summary. */
  element: readonly number[] | null
}

/** The verdict of a replay. */
export interface ReplayReport {
  verdict: 'bit-exact' | 'diverged'
  /** The step at whose beginning the replay began: that of a checkpoint, or 0 for the start of the run. */
  from: number
  /** How many events were recomputed and compared. */
  events: number
  kernel: string
  divergence: Divergence | null
}
