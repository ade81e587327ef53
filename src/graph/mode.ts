/**
 * What a call consults before it does its work: who records, whether outputs are linked to their creators, and the
 * clock that orders calls. One mutable record for the process: JavaScript runs one call at a time.
 */
import type { Recorder } from './recorder.js'

export const mode: {
  /** The run that takes calls down; null when nothing is recorded. */
  recorder: Recorder | null
  /** Whether outputs get a `creator`. False inside `noGrad` and inside a backward pass without `createGraph`. */
  linking: boolean
  /** Counts calls over all runs, recorded or not; orders the walk of backward among live calls. */
  clock: number
} = { recorder: null, linking: true, clock: 0 }

/**
 * Runs `fn` without building a graph: outputs have no `creator` and need no gradient. Its calls are recorded all the same.
 *
 * Returns what `fn` returns. An asynchronous `fn` is refused, because the mode would leak into whatever runs meanwhile.
 */
export function noGrad<T>(fn: () => T): T {
  return withLinking(false, fn)
}

/** Runs `fn` with linking as said and puts the mode back, also when `fn` throws. */
export function withLinking<T>(linking: boolean, fn: () => T): T {
  const before = mode.linking
  mode.linking = linking
  try {
    return fn()
  } finally {
    mode.linking = before
  }
}

/** Runs `fn` unrecorded and unlinked: the arithmetic inside backward, which the tape can recompute. */
export function unrecorded<T>(fn: () => T): T {
  const { recorder, linking } = mode
  mode.recorder = null
  mode.linking = false
  try {
    return fn()
  } finally {
    mode.recorder = recorder
    mode.linking = linking
  }
}
