/**
 * What a replay is told, and what it answers.
 */
import type { TapeEvent } from '../events/event.js'
import type { Variable } from '../graph/variable.js'

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
  /** Told now and then how far it is, for a progress bar. */
  onProgress?: (position: number) => void
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
